//! Subqueries in the condition of a join.
//!
//! An inner join's are moved into a filter above it. An outer join's side that a
//! subquery refers to is joined with the subquery first; where it refers to both, the
//! side that may stay without a partner is joined with the other's distinct values:
//!
//!   L LEFT JOIN R ON c(S(L, R)) = L LEFT JOIN (R x distinct L, joined with S) ON c

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, JoinType};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Join, LogicalPlan, LogicalPlanBuilder, Subquery};

use super::{Counter, Rewritten, join_subquery, place, rewrite_node};
use crate::error::SqlError;
use crate::plan::domain::{self, Domain};

/// A join whose condition has a subquery that the engine would refuse.
pub(super) fn rewrite_condition(join: Join, counter: &mut Counter) -> Rewritten {
    let is_foreign =
        |expr: &Expr| place::has_foreign_subquery(expr, place::Place::Elsewhere, &join.schema);
    if !join.filter.iter().any(is_foreign) {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    }
    let conjuncts = join.filter.clone().map(split_conjunction_owned);
    let (foreign, plain): (Vec<Expr>, Vec<Expr>) = conjuncts
        .unwrap_or_default()
        .into_iter()
        .partition(is_foreign);
    let Some(foreign) = conjunction(foreign) else {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    };
    match join.join_type {
        JoinType::Inner => {
            let join = Join {
                filter: conjunction(plain),
                ..join
            };
            let filtered = LogicalPlanBuilder::from(LogicalPlan::Join(join))
                .filter(foreign)?
                .build()?;
            Ok(Transformed::yes(rewrite_node(filtered, counter)?.data))
        }
        JoinType::Left | JoinType::Right | JoinType::Full => of_outer(join, counter),
        other => Err(SqlError::not_supported(format!(
            "a subquery in the condition of a {other} join"
        ))
        .into()),
    }
}

fn of_outer(join: Join, counter: &mut Counter) -> Rewritten {
    let shown: Vec<Expr> = join
        .schema
        .columns()
        .into_iter()
        .map(Expr::Column)
        .collect();
    let mut sides = Sides {
        left: Arc::unwrap_or_clone(join.left),
        right: Arc::unwrap_or_clone(join.right),
        join_type: join.join_type,
        on: join.on,
        equal: Vec::new(),
        counter,
    };
    let filter = match join.filter {
        Some(filter) => Some(sides.replace(filter)?),
        None => None,
    };
    let filter = conjunction(filter.into_iter().chain(sides.equal));
    let joined = Join::try_new(
        Arc::new(sides.left),
        Arc::new(sides.right),
        sides.on,
        filter,
        join.join_type,
        join.join_constraint,
        join.null_equality,
        join.null_aware,
    )?;
    Ok(Transformed::yes(
        LogicalPlanBuilder::from(LogicalPlan::Join(joined))
            .project(shown)?
            .build()?,
    ))
}

/// The two sides of an outer join, with columns for the subqueries of its condition.
struct Sides<'a> {
    left: LogicalPlan,
    right: LogicalPlan,
    join_type: JoinType,
    on: Vec<(Expr, Expr)>,
    /// What the condition has to ask beside: that the values of the other side are its.
    equal: Vec<Expr>,
    counter: &'a mut Counter,
}

impl Sides<'_> {
    fn replace(&mut self, expr: Expr) -> datafusion::common::Result<Expr> {
        let expr = expr
            .map_children(|child| Ok(Transformed::yes(self.replace(child)?)))?
            .data;
        let schema = self.left.schema().join(self.right.schema())?;
        if !place::is_foreign(&expr, place::Place::Elsewhere, &schema) {
            return Ok(expr);
        }
        let used = columns_of(&expr)?;
        let uses = |side: &LogicalPlan| used.iter().any(|own| side.schema().has_column(own));
        match (uses(&self.left), uses(&self.right), self.join_type) {
            (false, _, _) => join_side(&mut self.right, expr, self.counter),
            (true, false, _) => join_side(&mut self.left, expr, self.counter),
            (true, true, JoinType::Left) => {
                let on = self.on.clone();
                let expr = self.widen(Side::Right, &used, &on, expr)?;
                join_side(&mut self.right, expr, self.counter)
            }
            (true, true, JoinType::Right) => {
                let on: Vec<_> = self.on.iter().cloned().map(|(l, r)| (r, l)).collect();
                let expr = self.widen(Side::Left, &used, &on, expr)?;
                join_side(&mut self.left, expr, self.counter)
            }
            (true, true, _) => Err(SqlError::not_supported(
                "a subquery over both sides in the condition of a FULL JOIN",
            )
            .into()),
        }
    }

    /// Joins one side with the values of the other's columns that a subquery uses, and
    /// lets the subquery use these. `on` has the other side's expressions first.
    fn widen(
        &mut self,
        side: Side,
        used: &[Column],
        on: &[(Expr, Expr)],
        subquery: Expr,
    ) -> datafusion::common::Result<Expr> {
        let (own, other) = match side {
            Side::Left => (&mut self.left, &self.right),
            Side::Right => (&mut self.right, &self.left),
        };
        let mut columns = used.to_vec();
        for (theirs, _) in on {
            columns.extend(theirs.column_refs().into_iter().cloned());
        }
        columns.retain(|column| other.schema().has_column(column));
        let domain = Domain::over(other, columns, self.counter.next())?;
        let mut condition = Vec::new();
        for (theirs, ours) in on {
            condition.push(domain.inner(theirs.clone())?.eq(ours.clone()));
        }
        *own = LogicalPlanBuilder::from(own.clone())
            .join_on(domain.plan().clone(), JoinType::Inner, condition)?
            .build()?;
        self.equal.extend(domain.equations());
        domain.inner(map_plan(subquery, &domain)?)
    }
}

#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

fn join_side(
    side: &mut LogicalPlan,
    subquery: Expr,
    counter: &mut Counter,
) -> datafusion::common::Result<Expr> {
    let (joined, value) = join_subquery(side, side, subquery, counter)?;
    *side = joined;
    Ok(value)
}

/// The columns outside that a subquery and what is compared with it refer to.
fn columns_of(subquery: &Expr) -> datafusion::common::Result<Vec<Column>> {
    let mut columns: Vec<Column> = subquery.column_refs().into_iter().cloned().collect();
    subquery.apply(|part| {
        if let Some(subquery) = plan_of(part) {
            columns.extend(domain::outer_columns(&subquery.subquery));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(columns)
}

fn plan_of(expr: &Expr) -> Option<&Subquery> {
    match expr {
        Expr::ScalarSubquery(subquery) => Some(subquery),
        Expr::Exists(exists) => Some(&exists.subquery),
        Expr::InSubquery(membership) => Some(&membership.subquery),
        _ => None,
    }
}

/// A subquery that refers to the domain's columns instead of those that they copy.
fn map_plan(mut expr: Expr, domain: &Domain) -> datafusion::common::Result<Expr> {
    let subquery = match &mut expr {
        Expr::ScalarSubquery(subquery) => subquery,
        Expr::Exists(exists) => &mut exists.subquery,
        Expr::InSubquery(membership) => &mut membership.subquery,
        _ => return Ok(expr),
    };
    let plan = Arc::clone(&subquery.subquery);
    let plan = Arc::unwrap_or_clone(plan).transform_up_with_subqueries(|node| {
        node.map_expressions(|part| part.transform_up(|inner| domain.outer(inner)))
    })?;
    subquery.outer_ref_columns = plan.data.all_out_ref_exprs();
    subquery.subquery = Arc::new(plan.data);
    Ok(expr)
}
