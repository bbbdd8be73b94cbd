//! Types of parameters that stand beside typed values: in lists, ranges, CASE,
//! COALESCE, VALUES, arrays and calls of functions. And numbers beside floating point,
//! which become such, where the engine would make numerics of both, and dates beside times.
//!
//! What operators tell is noted while they are planned (`operators.rs`); this looks at
//! a finished plan and gives the parameters in it their types.
//!
//! Source: PostgreSQL 15 manual, sections 10.3 and 10.5.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Projection, Union, Values,
};

use super::branches;
use super::operators::{cast_expr, common_type, is_float};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::types::{NUMERIC_PRECISION, PgType, oid};

/// Gives the parameters of a plan the types that their places tell.
pub(super) fn parameters(
    plan: LogicalPlan,
    ctx: &Arc<StatementContext>,
) -> Result<LogicalPlan, SqlError> {
    // What stands above a changed branch must learn its new types.
    let mut has_changed = false;
    let typed = plan.transform_up_with_subqueries(|node| {
        let node = match node {
            LogicalPlan::Values(values) => {
                let values = typed_values(values, ctx)?;
                has_changed |= values.transformed;
                return Ok(values);
            }
            LogicalPlan::Union(union) => {
                let union = mixed_branches(union, ctx)?;
                has_changed |= union.transformed;
                return Ok(union);
            }
            other => other,
        };
        let schema = merge_schema(&node.inputs());
        let names = NamePreserver::new(&node);
        let result = node.map_expressions(|expr| {
            let saved = names.save(&expr);
            let typed = expr.transform_up(|e| Ok(typed_parts(e, &schema, ctx)))?;
            Ok(if typed.transformed {
                Transformed::yes(saved.restore(typed.data))
            } else {
                typed
            })
        })?;
        if result.transformed || has_changed {
            return Ok(Transformed::yes(result.data.recompute_schema()?));
        }
        Ok(result)
    })?;
    Ok(typed.data)
}

/// Whether this is a parameter without a type, which the engine may have cast already.
fn is_open(expr: &Expr) -> bool {
    match expr {
        Expr::Placeholder(placeholder) => placeholder.field.is_none(),
        Expr::Cast(cast) => is_open(&cast.expr),
        _ => false,
    }
}

/// Makes an open parameter one of type `target`; anything else stays.
fn close(expr: &mut Expr, target: PgType) {
    match expr {
        Expr::Placeholder(placeholder) if placeholder.field.is_none() => {
            placeholder.field = Some(Arc::new(target.field(&placeholder.id, true)));
        }
        Expr::Cast(cast) if is_open(&cast.expr) => close(&mut cast.expr, target),
        _ => {}
    }
}

fn typed_parts(
    mut expr: Expr,
    schema: &DFSchema,
    ctx: &Arc<StatementContext>,
) -> Transformed<Expr> {
    let changed = match &mut expr {
        Expr::InList(list) => {
            let members = std::iter::once(list.expr.as_mut()).chain(&mut list.list);
            agree(members.collect(), schema)
        }
        Expr::Between(range) => agree(
            vec![&mut range.expr, &mut range.low, &mut range.high],
            schema,
        ),
        Expr::ScalarFunction(call) if call.func.name() == "make_array" => {
            let closed = agree(call.args.iter_mut().collect(), schema);
            alike(call.args.iter_mut().collect(), schema, ctx) || closed
        }
        Expr::ScalarFunction(call) if branches::has_branches(&call.func) => {
            typed_branches(call, schema, ctx)
        }
        Expr::ScalarFunction(call) => typed_arguments(call, schema),
        _ => false,
    };
    if changed {
        Transformed::yes(expr)
    } else {
        Transformed::no(expr)
    }
}

fn typed_branches(
    call: &mut ScalarFunction,
    schema: &DFSchema,
    ctx: &Arc<StatementContext>,
) -> bool {
    let mut changed = false;
    for when in branches::conditions(call) {
        if is_open(when) {
            close(when, PgType::new(oid::BOOL));
            changed = true;
        }
    }
    changed |= agree(branches::results(call), schema);
    // The result of nullif has the type of its first argument alone.
    let is_mixed = call.func.name() != "nullif" && alike(branches::results(call), schema, ctx);
    changed || is_mixed
}

/// Arguments of our own functions take the types of the signature that fits.
fn typed_arguments(call: &mut ScalarFunction, schema: &DFSchema) -> bool {
    if !call.args.iter().any(is_open) {
        return false;
    }
    let fields: Option<Vec<_>> = call
        .args
        .iter()
        .map(|arg| arg.to_field(schema).ok().map(|(_, field)| field))
        .collect();
    let literals: Vec<bool> = call
        .args
        .iter()
        .map(|arg| arg.as_literal().is_some())
        .collect();
    let Some(types) =
        fields.and_then(|fields| crate::functions::parameter_types(&call.func, &fields, &literals))
    else {
        return false;
    };
    for (arg, target) in call.args.iter_mut().zip(types) {
        close(
            arg,
            PgType {
                typmod: -1,
                ..target
            },
        );
    }
    true
}

fn typed_values(
    mut values: Values,
    ctx: &Arc<StatementContext>,
) -> Result<Transformed<LogicalPlan>> {
    let schema = DFSchema::empty();
    let width = values.schema.fields().len();
    let (mut closed, mut cast) = (false, false);
    for index in 0..width {
        closed |= agree(column(&mut values, index), &schema);
        cast |= alike(column(&mut values, index), &schema, ctx);
    }
    if cast {
        // The columns have other types now.
        let plan = LogicalPlanBuilder::values(values.values)?.build()?;
        return Ok(Transformed::yes(plan));
    }
    let plan = LogicalPlan::Values(values);
    Ok(if closed {
        Transformed::yes(plan)
    } else {
        Transformed::no(plan)
    })
}

fn column(values: &mut Values, index: usize) -> Vec<&mut Expr> {
    let rows = values.values.iter_mut();
    rows.filter_map(|row| row.get_mut(index)).collect()
}

/// Gives open parameters the common type of the members that have one.
fn agree(members: Vec<&mut Expr>, schema: &DFSchema) -> bool {
    if !members.iter().any(|member| is_open(member)) {
        return false;
    }
    let types = members.iter().filter_map(|member| type_of(member, schema));
    let Some(target) = types.reduce(common_type) else {
        return false;
    };
    for member in members {
        close(member, target);
    }
    true
}

/// Casts columns of a UNION's branches that stand beside floating point to it, and dates
/// and times to the later kind of them.
fn mixed_branches(union: Union, ctx: &Arc<StatementContext>) -> Result<Transformed<LogicalPlan>> {
    let mut inputs = union.inputs.clone();
    let mut changed = false;
    for index in 0..union.schema.fields().len() {
        let types: Vec<Option<PgType>> = inputs
            .iter()
            .map(|input| {
                let field = input.schema().fields().get(index)?;
                (!field.data_type().is_null()).then(|| PgType::new(PgType::of_field(field).oid))
            })
            .collect();
        let Some(target) = mixed_target(&types) else {
            continue;
        };
        for (input, own) in inputs.iter_mut().zip(types) {
            if own.is_some_and(|own| own.oid != target.oid) {
                *input = Arc::new(with_cast(input, index, target, ctx)?);
                changed = true;
            }
        }
    }
    if !changed {
        return Ok(Transformed::no(LogicalPlan::Union(union)));
    }
    let union = Union::try_new_with_loose_types(inputs)?;
    Ok(Transformed::yes(LogicalPlan::Union(union)))
}

/// A branch with one column cast.
pub(super) fn with_cast(
    branch: &Arc<LogicalPlan>,
    index: usize,
    target: PgType,
    ctx: &Arc<StatementContext>,
) -> Result<LogicalPlan> {
    with_changed(branch, index, |column| Ok(cast_expr(column, target, ctx)))
}

/// A branch with one column changed, which keeps its name.
pub(super) fn with_changed(
    branch: &Arc<LogicalPlan>,
    index: usize,
    change: impl FnOnce(Expr) -> Result<Expr, SqlError>,
) -> Result<LogicalPlan> {
    let mut columns: Vec<Expr> = branch
        .schema()
        .columns()
        .into_iter()
        .map(Expr::Column)
        .collect();
    let (relation, name) = columns[index].qualified_name();
    let changed = change(std::mem::take(&mut columns[index]))?;
    columns[index] = changed.alias_qualified(relation, name);
    let projection = Projection::try_new(columns, Arc::clone(branch))?;
    Ok(LogicalPlan::Projection(projection))
}

/// The common type of numbers if some are floating point and some are not, or of several kinds
/// of dates and times: the engine would choose others, or know no time zone.
pub(super) fn mixed_target(types: &[Option<PgType>]) -> Option<PgType> {
    let known: Vec<PgType> = types.iter().copied().flatten().collect();
    let is_mixed = known.iter().any(|t| is_float(*t)) && !known.iter().all(|t| is_float(*t));
    if is_mixed && known.iter().all(|t| t.entry().category == 'N') {
        return known.into_iter().reduce(common_type);
    }
    branches::common_instant(&known)
}

/// Casts what [`mixed_target`] finds a type for to it.
pub(super) fn alike(
    members: Vec<&mut Expr>,
    schema: &DFSchema,
    ctx: &Arc<StatementContext>,
) -> bool {
    let types: Vec<Option<PgType>> = members.iter().map(|m| type_of(m, schema)).collect();
    match mixed_target(&types) {
        Some(target) => cast_to(target, members, types, ctx),
        None => false,
    }
}

/// As [`alike`], also of numbers of several kinds, for what the engine gives the type of
/// the first.
pub(super) fn one_type(
    mut members: Vec<&mut Expr>,
    schema: &DFSchema,
    ctx: &Arc<StatementContext>,
) {
    if alike(members.iter_mut().map(|m| &mut **m).collect(), schema, ctx) {
        return;
    }
    let types: Vec<Option<PgType>> = members.iter().map(|m| type_of(m, schema)).collect();
    let known: Vec<PgType> = types.iter().copied().flatten().collect();
    let are_numbers = known.iter().all(|t| t.entry().category == 'N');
    let Some(target) = known
        .into_iter()
        .reduce(common_type)
        .filter(|_| are_numbers)
    else {
        return;
    };
    if target.oid != oid::NUMERIC {
        cast_to(target, members, types, ctx);
        return;
    }
    // Numerics of several scales are cut to the first one's, too.
    let scales = members
        .iter()
        .filter_map(|m| match m.get_type(schema).ok()? {
            DataType::Decimal128(_, scale) => Some(scale),
            _ => None,
        });
    let target = PgType::numeric(NUMERIC_PRECISION, scales.max().unwrap_or(0));
    for member in members {
        *member = cast_expr(std::mem::take(member), target, ctx);
    }
}

fn cast_to(
    target: PgType,
    members: Vec<&mut Expr>,
    types: Vec<Option<PgType>>,
    ctx: &Arc<StatementContext>,
) -> bool {
    for (member, own) in members.into_iter().zip(types) {
        if own.is_some_and(|own| own.oid != target.oid) {
            *member = cast_expr(std::mem::take(member), target, ctx);
        }
    }
    true
}

/// The type without its modifier; none for what has none of its own yet.
fn type_of(expr: &Expr, schema: &DFSchema) -> Option<PgType> {
    let untyped = match expr {
        Expr::Literal(ScalarValue::Utf8(_) | ScalarValue::Utf8View(_), metadata) => {
            metadata.as_ref().is_none_or(|m| m.inner().is_empty())
        }
        other => is_open(other),
    };
    if untyped {
        return None;
    }
    let (_, field) = expr.to_field(schema).ok()?;
    (!field.data_type().is_null()).then(|| PgType::new(PgType::of_field(&field).oid))
}
