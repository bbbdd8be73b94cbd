//! Branches that must have one type: of set operations and of joins by USING. Those of
//! COALESCE and the like are in `branches.rs`.
//!
//! A literal without a type in a branch of a set operation takes the type of the
//! other branch. Types of different categories are refused, where the engine would
//! make text of both.
//!
//! Source: PostgreSQL 15 manual, section 10.5.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{NullEquality, Result, ScalarValue};
use datafusion::logical_expr::{
    Distinct, Expr, Join, JoinConstraint, JoinType, LogicalPlan, Projection, Union,
};

use super::analyze::is_untyped;
use super::infer::{mixed_target, with_cast};
use super::operators::{cannot_match, cast_expr, common_type, literal_as, literal_target};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::types::{PgType, oid};

/// Gives the branches of every set operation of a plan matching types.
///
/// Errors: `42804` if two branches have nothing in common, and those of a literal
/// that is none of its new type.
pub(super) fn unify(
    plan: LogicalPlan,
    ctx: &Arc<StatementContext>,
) -> Result<LogicalPlan, SqlError> {
    let mut has_changed = false;
    let unified = plan.transform_up_with_subqueries(|node| {
        let result = match node {
            LogicalPlan::Union(union) => of_union(union, ctx)?,
            LogicalPlan::Join(join) => of_join(join, ctx)?,
            LogicalPlan::Limit(limit) => {
                let node = LogicalPlan::Limit(limit);
                require_row_counts(&node)?;
                Transformed::no(node)
            }
            LogicalPlan::Aggregate(aggregate) => {
                refuse_outer_aggregates(&aggregate.aggr_expr)?;
                Transformed::no(LogicalPlan::Aggregate(aggregate))
            }
            other => Transformed::no(other),
        };
        has_changed |= result.transformed;
        if has_changed {
            return Ok(Transformed::yes(result.data.recompute_schema()?));
        }
        Ok(result)
    })?;
    Ok(unified.data)
}

/// An aggregate whose columns are all of an outer query belongs to that query; the
/// engine would compute it here.
///
/// Errors: `0A000` for such an aggregate.
fn refuse_outer_aggregates(aggregates: &[Expr]) -> Result<()> {
    for aggregate in aggregates {
        let (mut is_outer, mut is_own) = (false, false);
        aggregate.apply(|part| {
            is_outer |= matches!(part, Expr::OuterReferenceColumn(_, _));
            is_own |= matches!(part, Expr::Column(_));
            Ok(TreeNodeRecursion::Continue)
        })?;
        if is_outer && !is_own {
            let what = "an aggregate of an outer query's columns in a subquery";
            return Err(SqlError::not_supported(what).into());
        }
    }
    Ok(())
}

/// Errors: `2201W` or `2201X` for a negative constant.
pub(super) fn require_row_counts(node: &LogicalPlan) -> Result<(), SqlError> {
    let LogicalPlan::Limit(limit) = node else {
        return Ok(());
    };
    for (count, clause) in [(&limit.fetch, "LIMIT"), (&limit.skip, "OFFSET")] {
        if let Some(Expr::Literal(ScalarValue::Int64(Some(rows)), _)) = count.as_deref()
            && *rows < 0
        {
            return Err(SqlError::negative_row_count(clause));
        }
    }
    Ok(())
}

/// One column of one branch.
enum Cell {
    /// A literal without a type.
    Untyped(Expr),
    /// NULL, which goes with everything.
    Null,
    Typed(PgType),
}

fn of_union(union: Union, ctx: &Arc<StatementContext>) -> Result<Transformed<LogicalPlan>> {
    let mut inputs = union.inputs.clone();
    let mut has_changed = false;
    for index in 0..union.schema.fields().len() {
        let cells: Vec<Cell> = inputs.iter().map(|input| cell(input, index)).collect();
        let Some(target) = common(&cells, "UNION")? else {
            continue;
        };
        for (input, cell) in inputs.iter_mut().zip(cells) {
            if let Cell::Untyped(literal) = cell {
                let typed = literal_as(literal, target, ctx)?;
                *input = Arc::new(with_column(input, index, &typed)?);
                has_changed = true;
            }
        }
    }
    if !has_changed {
        return Ok(Transformed::no(LogicalPlan::Union(union)));
    }
    let union = Union::try_new_with_loose_types(inputs)?;
    Ok(Transformed::yes(LogicalPlan::Union(union)))
}

/// INTERSECT and EXCEPT are joins in which nulls are equal; only they are so here.
fn of_join(mut join: Join, ctx: &Arc<StatementContext>) -> Result<Transformed<LogicalPlan>> {
    let is_set = join.null_equality == NullEquality::NullEqualsNull;
    let what = match (is_set, join.join_type, join.join_constraint) {
        (true, JoinType::LeftSemi, _) => "INTERSECT",
        (true, JoinType::LeftAnti, _) => "EXCEPT",
        (_, _, JoinConstraint::Using) => "JOIN/USING",
        _ => return Ok(Transformed::no(LogicalPlan::Join(join))),
    };
    let mut has_changed = false;
    for (index, (left, right)) in join.on.clone().into_iter().enumerate() {
        let (Expr::Column(left), Expr::Column(right)) = (&left, &right) else {
            continue;
        };
        let (Some(left), Some(right)) = (
            join.left.schema().maybe_index_of_column(left),
            join.right.schema().maybe_index_of_column(right),
        ) else {
            continue;
        };
        let cells = [cell(&join.left, left), cell(&join.right, right)];
        let target = common(&cells, what)?;
        let [on_left, on_right] = cells;
        if let (Cell::Typed(own_left), Cell::Typed(own_right)) = (&on_left, &on_right) {
            let types = [*own_left, *own_right];
            has_changed |= agree_key(&mut join, index, types, is_set, ctx)?;
            continue;
        }
        let Some(target) = target else {
            continue;
        };
        if let Cell::Untyped(literal) = on_left {
            let typed = literal_as(literal, target, ctx)?;
            join.left = Arc::new(with_column(&join.left, left, &typed)?);
            has_changed = true;
        }
        if let Cell::Untyped(literal) = on_right {
            let typed = literal_as(literal, target, ctx)?;
            join.right = Arc::new(with_column(&join.right, right, &typed)?);
            has_changed = true;
        }
    }
    if !has_changed {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    }
    Ok(Transformed::yes(LogicalPlan::Join(join)))
}

/// Gives both sides of one of a join's equalities one type: of a set operation the columns
/// themselves, since one of them is its result, and of USING what is compared.
fn agree_key(
    join: &mut Join,
    key: usize,
    types: [PgType; 2],
    is_set: bool,
    ctx: &Arc<StatementContext>,
) -> Result<bool> {
    let target = match mixed_target(&types.map(Some)) {
        Some(target) => target,
        None if is_set && types[0].oid != types[1].oid => common_type(types[0], types[1]),
        None => return Ok(false),
    };
    let target = PgType::new(target.oid);
    let (on_left, on_right) = &mut join.on[key];
    let sides = [(on_left, &mut join.left), (on_right, &mut join.right)];
    for ((on, side), own) in sides.into_iter().zip(types) {
        if own.oid == target.oid {
            continue;
        }
        if !is_set {
            *on = cast_expr(std::mem::take(on), target, ctx);
        } else if let Expr::Column(column) = &*on {
            let index = side.schema().index_of_column(column)?;
            *side = Arc::new(with_cast(side, index, target, ctx)?);
        }
    }
    Ok(true)
}

/// The type that untyped cells take; none if no cell has a type.
///
/// Errors: `42804` if two of the types have nothing in common.
fn common(cells: &[Cell], what: &str) -> Result<Option<PgType>, SqlError> {
    let typed: Vec<PgType> = cells
        .iter()
        .filter_map(|cell| match cell {
            Cell::Typed(pg_type) => Some(*pg_type),
            Cell::Untyped(_) | Cell::Null => None,
        })
        .collect();
    require_match(what, &typed)?;
    let target = typed.first().copied().map(literal_target);
    Ok(target.filter(|target| target.oid != oid::TEXT))
}

/// Errors: `42804` if two of the types have nothing in common.
pub(super) fn require_match(what: &str, types: &[PgType]) -> Result<(), SqlError> {
    let Some((first, rest)) = types.split_first() else {
        return Ok(());
    };
    match rest.iter().find(|other| cannot_match(*first, **other)) {
        Some(other) => Err(SqlError::types_do_not_match(
            what,
            &PgType::new(first.oid).display(),
            &PgType::new(other.oid).display(),
        )),
        None => Ok(()),
    }
}

fn cell(branch: &LogicalPlan, index: usize) -> Cell {
    if let Some(literal) = literal_column(branch, index) {
        return Cell::Untyped(literal);
    }
    let field = branch.schema().field(index);
    if field.data_type().is_null() {
        return Cell::Null;
    }
    Cell::Typed(PgType::of_field(field))
}

/// The literal without a type that a branch has for a column.
fn literal_column(branch: &LogicalPlan, index: usize) -> Option<Expr> {
    match branch {
        LogicalPlan::Projection(projection) => {
            let mut expr = projection.expr.get(index)?;
            while let Expr::Alias(alias) = expr {
                expr = &alias.expr;
            }
            is_untyped(expr).then(|| expr.clone())
        }
        LogicalPlan::Distinct(Distinct::All(input)) => literal_column(input, index),
        LogicalPlan::Sort(sort) => literal_column(&sort.input, index),
        LogicalPlan::Limit(limit) => literal_column(&limit.input, index),
        _ => None,
    }
}

/// The branch with another literal for a column that [`literal_column`] found.
fn with_column(branch: &LogicalPlan, index: usize, value: &Expr) -> Result<LogicalPlan> {
    if let LogicalPlan::Projection(projection) = branch {
        let mut exprs = projection.expr.clone();
        let (relation, name) = exprs[index].qualified_name();
        exprs[index] = value.clone().alias_qualified(relation, name);
        let input = Arc::clone(&projection.input);
        return Ok(LogicalPlan::Projection(Projection::try_new(exprs, input)?));
    }
    let inputs: Result<Vec<LogicalPlan>> = branch
        .inputs()
        .into_iter()
        .map(|input| with_column(input, index, value))
        .collect();
    branch
        .with_new_exprs(branch.expressions(), inputs?)?
        .recompute_schema()
}
