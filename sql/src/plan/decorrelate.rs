//! Subqueries that the engine cannot plan, turned into joins.
//!
//! The engine joins correlated subqueries itself where they are conditions of WHERE,
//! and scalar ones whose only correlation is an equation below an aggregate. The rest
//! (`place.rs`), among them EXISTS and IN in a select list, correlated NOT IN, scalar
//! subqueries without aggregate, with LIMIT or with other comparisons, conditions of
//! outer joins, and LATERAL, is done here, in one way:
//!
//!   domain   = the distinct outer values that the subquery refers to
//!   subquery = itself, joined with the domain (see `domain.rs`)
//!   result   = outer rows LEFT JOIN subquery ON outer values = domain, nulls equal
//!
//! A scalar subquery is grouped by the domain under `single_value`, which raises
//! 21000 for a second row.
//!
//! Source: T. Neumann, A. Kemper: Unnesting Arbitrary Queries (BTW 2015).

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DataFusionError, JoinType};
use datafusion::logical_expr::expr::{Exists, InSubquery, Sort};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Distinct, DistinctOn, Expr, Filter, LogicalPlan, LogicalPlanBuilder, Subquery, lit,
};

mod condition;
mod lateral;
mod member;
mod place;

use super::domain::{self, Domain};
use crate::context::StatementContext;
use crate::error::SqlError;
use place::Place;

/// Numbers the domains of one statement, so that their columns differ.
struct Counter {
    last: usize,
    ctx: Arc<StatementContext>,
}

impl Counter {
    fn next(&mut self) -> usize {
        self.last += 1;
        self.last
    }
}

/// Rewrites what the engine would refuse; everything else stays.
pub(super) fn decorrelate(
    plan: LogicalPlan,
    ctx: &Arc<StatementContext>,
) -> Result<LogicalPlan, SqlError> {
    let mut counter = Counter {
        last: 0,
        ctx: Arc::clone(ctx),
    };
    Ok(rewrite(plan, &mut counter)?.data)
}

type Rewritten = datafusion::common::Result<Transformed<LogicalPlan>>;

fn rewrite(plan: LogicalPlan, counter: &mut Counter) -> Rewritten {
    plan.transform_up(|node| {
        // Subqueries of this node first, so that inner ones are plain when it is done.
        let names = NamePreserver::new(&node);
        let node = node.map_expressions(|expr| {
            let saved = names.save(&expr);
            let inner = expr.transform_up(|e| inner_subquery(e, counter))?;
            Ok(if inner.transformed {
                Transformed::yes(saved.restore(inner.data))
            } else {
                inner
            })
        })?;
        node.transform_data(|node| rewrite_node(node, counter))
    })
}

fn inner_subquery(
    expr: Expr,
    counter: &mut Counter,
) -> datafusion::common::Result<Transformed<Expr>> {
    let mut rewritten = |subquery: Subquery| -> datafusion::common::Result<Transformed<Subquery>> {
        let inner = rewrite(Arc::unwrap_or_clone(subquery.subquery), counter)?;
        let changed = inner.transformed;
        let subquery = Subquery {
            subquery: Arc::new(inner.data),
            outer_ref_columns: subquery.outer_ref_columns,
            spans: subquery.spans,
        };
        Ok(Transformed::new(
            subquery,
            changed,
            TreeNodeRecursion::Continue,
        ))
    };
    match expr {
        Expr::ScalarSubquery(subquery) => {
            let inner = rewritten(subquery)?;
            let changed = inner.transformed;
            let subquery = inner.data;
            if domain::refers_outside(&subquery.subquery) || has_one_row(&subquery.subquery) {
                let whole = Expr::ScalarSubquery(subquery);
                return Ok(Transformed::new(
                    whole,
                    changed,
                    TreeNodeRecursion::Continue,
                ));
            }
            Ok(Transformed::yes(Expr::ScalarSubquery(single_row(
                subquery, counter,
            )?)))
        }
        Expr::Exists(Exists { subquery, negated }) => {
            Ok(rewritten(subquery)?
                .update_data(|subquery| Expr::Exists(Exists { subquery, negated })))
        }
        Expr::InSubquery(InSubquery {
            expr,
            subquery,
            negated,
        }) => Ok(rewritten(subquery)?.update_data(|subquery| {
            Expr::InSubquery(InSubquery {
                expr,
                subquery,
                negated,
            })
        })),
        other => Ok(Transformed::no(other)),
    }
}

/// Whether a plan gives one row by its form.
fn has_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::Projection(projection) => has_one_row(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => has_one_row(&alias.input),
        _ => false,
    }
}

/// A subquery whose second row is 21000, and whose value is null without a row.
fn single_row(subquery: Subquery, counter: &Counter) -> datafusion::common::Result<Subquery> {
    let column = subquery.subquery.schema().columns().into_iter().next();
    let column = column.ok_or_else(|| SqlError::internal("a subquery without a column"))?;
    let name = column.name.clone();
    let value = single_value(counter)?
        .call(vec![Expr::Column(column)])
        .alias(name);
    let plan = LogicalPlanBuilder::from(Arc::unwrap_or_clone(subquery.subquery))
        .aggregate(Vec::<Expr>::new(), vec![value])?
        .build()?;
    Ok(Subquery {
        subquery: Arc::new(plan),
        ..subquery
    })
}

fn single_value(
    counter: &Counter,
) -> datafusion::common::Result<Arc<datafusion::logical_expr::AggregateUDF>> {
    let found = crate::functions::aggregate("single_value", &counter.ctx);
    Ok(found.ok_or_else(|| SqlError::internal("the aggregate single_value is missing"))?)
}

fn rewrite_node(node: LogicalPlan, counter: &mut Counter) -> Rewritten {
    match node {
        LogicalPlan::Join(join) => {
            let node = lateral::rewrite_lateral(join, counter)?;
            node.transform_data(|node| match node {
                LogicalPlan::Join(join) => condition::rewrite_condition(join, counter),
                other => Ok(Transformed::no(other)),
            })
        }
        LogicalPlan::Filter(filter) => {
            rewrite_expressions(LogicalPlan::Filter(with_negations(filter)?), counter)
        }
        LogicalPlan::Distinct(Distinct::On(distinct)) => rewrite_distinct(distinct, counter),
        LogicalPlan::Projection(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Window(_) => rewrite_expressions(node, counter),
        other => Ok(Transformed::no(other)),
    }
}

/// `NOT (x IN (...))` as `x NOT IN (...)`, which the engine joins by itself.
fn with_negations(filter: Filter) -> datafusion::common::Result<Filter> {
    let predicate = filter.predicate.transform_up(|expr| match expr {
        Expr::Not(inner) => Ok(match *inner {
            Expr::InSubquery(membership) => Transformed::yes(Expr::InSubquery(InSubquery {
                negated: !membership.negated,
                ..membership
            })),
            Expr::Exists(exists) => Transformed::yes(Expr::Exists(Exists {
                negated: !exists.negated,
                ..exists
            })),
            other => Transformed::no(Expr::Not(Box::new(other))),
        }),
        other => Ok(Transformed::no(other)),
    })?;
    Filter::try_new(predicate.data, filter.input)
}

/// Replaces the node's subqueries by columns of its input, joined with them.
fn rewrite_expressions(node: LogicalPlan, counter: &mut Counter) -> Rewritten {
    let place = Place::of(&node);
    let schema = node.inputs()[0].schema();
    let is_foreign = |expr: &Expr| place::has_foreign_subquery(expr, place, schema);
    if !node.expressions().iter().any(is_foreign) {
        return Ok(Transformed::no(node));
    }
    let shown: Vec<Column> = node.schema().columns();
    let names = NamePreserver::new(&node);
    let mut joined = Joined::new(node.inputs()[0].clone(), counter);
    let mut expressions = Vec::new();
    for expr in node.expressions() {
        let saved = names.save(&expr);
        expressions.push(saved.restore(joined.replace(expr, place)?));
    }
    let rebuilt = node.with_new_exprs(expressions, vec![joined.input])?;
    // Filters and sorts show their input's columns: those of the joins go again.
    if rebuilt.schema().fields().len() == shown.len() {
        return Ok(Transformed::yes(rebuilt));
    }
    let columns: Vec<Expr> = shown.into_iter().map(Expr::Column).collect();
    Ok(Transformed::yes(
        LogicalPlanBuilder::from(rebuilt)
            .project(columns)?
            .build()?,
    ))
}

/// As [`rewrite_expressions`]: the engine cannot give this node other expressions.
fn rewrite_distinct(distinct: DistinctOn, counter: &mut Counter) -> Rewritten {
    let schema = distinct.input.schema();
    let keys = distinct.sort_expr.iter().flatten().map(|key| &key.expr);
    let all = distinct.on_expr.iter().chain(&distinct.select_expr);
    let is_foreign = |expr| place::has_foreign_subquery(expr, Place::Elsewhere, schema);
    if !all.chain(keys).any(is_foreign) {
        let node = LogicalPlan::Distinct(Distinct::On(distinct));
        return Ok(Transformed::no(node));
    }
    let mut joined = Joined::new(Arc::unwrap_or_clone(distinct.input), counter);
    let mut replaced = |expr: Expr| {
        let name = expr.qualified_name();
        let expr = joined.replace(expr, Place::Elsewhere)?;
        let is_same = expr.qualified_name() == name;
        Ok::<_, DataFusionError>((expr, (!is_same).then_some(name)))
    };
    let mut on_expr = Vec::new();
    for expr in distinct.on_expr {
        on_expr.push(replaced(expr)?.0);
    }
    let mut select_expr = Vec::new();
    for expr in distinct.select_expr {
        select_expr.push(match replaced(expr)? {
            (expr, Some((relation, name))) => expr.alias_qualified(relation, name),
            (expr, None) => expr,
        });
    }
    let sort_expr = match distinct.sort_expr {
        Some(keys) => {
            let mut sorted = Vec::new();
            for key in keys {
                let expr = replaced(key.expr)?.0;
                sorted.push(Sort { expr, ..key });
            }
            Some(sorted)
        }
        None => None,
    };
    let input = Arc::new(joined.input);
    let distinct = DistinctOn::try_new(on_expr, select_expr, sort_expr, input)?;
    let node = LogicalPlan::Distinct(Distinct::On(distinct));
    Ok(Transformed::yes(node))
}

/// A node's input, joined with the subqueries of its expressions one after the other.
struct Joined<'a> {
    /// The input alone. Domains are made of it, else each subquery would double the plan.
    base: LogicalPlan,
    input: LogicalPlan,
    /// What stands for a subquery. DISTINCT ON and ORDER BY must repeat expressions.
    done: Vec<(Expr, Expr)>,
    counter: &'a mut Counter,
}

impl<'a> Joined<'a> {
    fn new(input: LogicalPlan, counter: &'a mut Counter) -> Self {
        Self {
            base: input.clone(),
            input,
            done: Vec::new(),
            counter,
        }
    }

    fn replace(&mut self, expr: Expr, place: Place) -> datafusion::common::Result<Expr> {
        let below = place.below(&expr);
        let expr = expr
            .map_children(|child| Ok(Transformed::yes(self.replace(child, below)?)))?
            .data;
        if !place::is_foreign(&expr, place, self.base.schema()) {
            return Ok(expr);
        }
        if let Some((_, value)) = self.done.iter().find(|(known, _)| *known == expr) {
            return Ok(value.clone());
        }
        let (joined, value) = join_subquery(&self.base, &self.input, expr.clone(), self.counter)?;
        self.input = joined;
        if !has_volatile(&expr)? {
            self.done.push((expr, value.clone()));
        }
        Ok(value)
    }
}

/// Whether a subquery may give something else each time.
fn has_volatile(subquery: &Expr) -> datafusion::common::Result<bool> {
    let plan = match subquery {
        Expr::ScalarSubquery(subquery) => subquery,
        Expr::Exists(exists) => &exists.subquery,
        Expr::InSubquery(membership) => &membership.subquery,
        _ => return Ok(subquery.is_volatile()),
    };
    let mut found = false;
    plan.subquery.apply_with_subqueries(|node| {
        found |= node.expressions().iter().any(Expr::is_volatile);
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

/// Joins `input` with a subquery that refers to columns of `base`, which `input` has
/// beside others; the expression that stands for its value.
fn join_subquery(
    base: &LogicalPlan,
    input: &LogicalPlan,
    expr: Expr,
    counter: &mut Counter,
) -> datafusion::common::Result<(LogicalPlan, Expr)> {
    match expr {
        Expr::ScalarSubquery(subquery) => join_scalar(base, input, &subquery, counter),
        Expr::Exists(Exists { subquery, negated }) => {
            let (plan, found) = join_marked(base, input, &subquery, counter)?;
            let exists = found.is_not_null();
            Ok((
                plan,
                if negated {
                    datafusion::logical_expr::not(exists)
                } else {
                    exists
                },
            ))
        }
        Expr::InSubquery(InSubquery {
            expr,
            subquery,
            negated,
        }) => {
            let (plan, member) = member::join_member(base, input, &subquery, *expr, counter)?;
            let negate = datafusion::logical_expr::not;
            Ok((plan, if negated { negate(member) } else { member }))
        }
        other => Ok((input.clone(), other)),
    }
}

fn join_scalar(
    base: &LogicalPlan,
    input: &LogicalPlan,
    subquery: &Subquery,
    counter: &mut Counter,
) -> datafusion::common::Result<(LogicalPlan, Expr)> {
    let number = counter.next();
    let domain = Domain::of(base, &subquery.subquery, number)?;
    let applied = domain.apply(&subquery.subquery)?;
    let output = applied.schema().columns();
    let value_column = Expr::Column(output[0].clone());
    let name = format!("\u{1}value{number}");
    let aggregate = single_value(counter)?
        .call(vec![value_column])
        .alias(name.as_str());
    let grouped = LogicalPlanBuilder::from(applied)
        .aggregate(domain.columns(), vec![aggregate])?
        .build()?;
    let joined = domain.join(input, grouped, JoinType::Left, None)?;
    Ok((joined, Expr::Column(Column::new_unqualified(name))))
}

/// A column that is null where the subquery has no row.
fn join_marked(
    base: &LogicalPlan,
    input: &LogicalPlan,
    subquery: &Subquery,
    counter: &mut Counter,
) -> datafusion::common::Result<(LogicalPlan, Expr)> {
    let number = counter.next();
    let domain = Domain::of(base, &subquery.subquery, number)?;
    let applied = domain.apply(&subquery.subquery)?;
    let name = format!("\u{1}mark{number}");
    let count = datafusion::functions_aggregate::expr_fn::count(lit(1));
    let mut grouped = LogicalPlanBuilder::from(applied)
        .aggregate(domain.columns(), vec![count.alias(name.as_str())])?;
    let mark = Expr::Column(Column::new_unqualified(name));
    if domain.is_empty() {
        // Without groups there is always a row.
        grouped = grouped.filter(mark.clone().gt(lit(0_i64)))?;
    }
    let joined = domain.join(input, grouped.build()?, JoinType::Left, None)?;
    Ok((joined, mark))
}
