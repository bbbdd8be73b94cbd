//! Branches that must have one type: of set operations, of joins by USING, of
//! COALESCE and the like.
//!
//! A literal without a type in a branch of a set operation takes the type of the
//! other branch. Types of different categories are refused, where the engine would
//! make text of both.
//!
//! Source: PostgreSQL 15 manual, section 10.5.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{NullEquality, Result, ScalarValue};
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{
    ColumnarValue, Distinct, Expr, Join, JoinConstraint, JoinType, LogicalPlan, Projection,
    ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Union, Volatility,
};

use super::analyze::is_untyped;
use super::operators::{cannot_match, literal_as, literal_target};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::functions::bounds::unbounded;
use crate::types::{PgType, oid};

/// Functions whose arguments share one type with their result.
pub(super) const SAME_TYPE: &[&str] = &["coalesce", "nullif", "greatest", "least", "nvl"];

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
    for (left, right) in join.on.clone() {
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
        let Some(target) = common(&cells, what)? else {
            continue;
        };
        let [on_left, on_right] = cells;
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

/// One of the engine's functions of [`SAME_TYPE`], which checks its arguments' types
/// before the engine makes text of them. It stands in a plan until [`unwrapped`].
#[derive(Debug, PartialEq, Eq, Hash)]
struct Branches {
    inner: Arc<ScalarUDF>,
    signature: Signature,
}

/// The function with a check of its arguments, if it is one of [`SAME_TYPE`].
pub(super) fn wrapped(function: Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    let is_ours = function.name() == "nvl";
    if is_ours || !SAME_TYPE.contains(&function.name()) {
        return function;
    }
    Arc::new(ScalarUDF::new_from_impl(Branches {
        inner: function,
        signature: Signature::variadic_any(Volatility::Immutable),
    }))
}

/// The engine's function that [`wrapped`] wrapped.
pub(super) fn unwrapped(function: &Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    let own: &dyn std::any::Any = function.inner().as_ref();
    match own.downcast_ref::<Branches>() {
        Some(branches) => Arc::clone(&branches.inner),
        None => Arc::clone(function),
    }
}

impl ScalarUDFImpl for Branches {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let untyped: Vec<bool> = args
            .arg_fields
            .iter()
            .zip(args.scalar_arguments)
            .map(|(field, literal)| {
                let is_text = matches!(field.data_type(), DataType::Utf8 | DataType::Utf8View);
                literal.is_some() && is_text && field.metadata().is_empty()
            })
            .collect();
        let typed: Vec<&FieldRef> = args
            .arg_fields
            .iter()
            .zip(&untyped)
            .filter(|(field, untyped)| !**untyped && !field.data_type().is_null())
            .map(|(field, _)| field)
            .collect();
        let types: Vec<PgType> = typed.iter().map(|field| PgType::of_field(field)).collect();
        if let ("nullif", [left, right]) = (self.name(), types.as_slice()) {
            if cannot_match(*left, *right) {
                let (left, right) = (left.display(), right.display());
                return Err(SqlError::undefined_operator(&left, "=", &right).into());
            }
        } else {
            require_match(&self.name().to_uppercase(), &types)?;
        }
        // A literal will take the type of what stands beside it.
        let fields: Vec<FieldRef> = args
            .arg_fields
            .iter()
            .zip(&untyped)
            .map(|(field, untyped)| match typed.first() {
                Some(typed) if *untyped => Arc::clone(typed),
                _ => Arc::clone(field),
            })
            .collect();
        let coerced = fields_with_udf(&fields, self.inner.as_ref())?;
        self.inner.return_field_from_args(ReturnFieldArgs {
            arg_fields: &coerced,
            scalar_arguments: args.scalar_arguments,
        })
    }

    fn evaluate_bounds(&self, inputs: &[&Interval]) -> Result<Interval> {
        unbounded(self, inputs)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.inner.invoke_with_args(args)
    }
}
