//! Intervals where they are ordered or compared: by how long they are, a month for 30 days and a
//! day for 24 hours. The engine would compare months first, then days. And frames of windows
//! over types that the engine has no distances for.
//!
//! Not here: GROUP BY, DISTINCT and set operations tell `1 day` from `24 hours`.
//!
//! Source: PostgreSQL 15, `timestamp.c` (`interval_cmp_value`).

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::logical_expr::expr::{AggregateFunction, InSubquery, Sort, WindowFunction};
use datafusion::logical_expr::{
    Distinct, Expr, ExprSchemable, LogicalPlan, WindowFrame, WindowFrameBound, WindowFrameUnits,
};

use super::{builtin, infer};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::types::PgType;

fn type_of(expr: &Expr, schema: &DFSchema) -> Option<DataType> {
    expr.get_type(schema).ok()
}

fn is_interval(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(type_of(expr, schema), Some(DataType::Interval(_)))
}

fn key(expr: Expr, ctx: &Arc<StatementContext>) -> Result<Expr, SqlError> {
    builtin::call("$interval_key", vec![expr], ctx)
}

/// Puts keys in the place of intervals; whether there were any.
fn replace<'a>(
    exprs: impl IntoIterator<Item = &'a mut Expr>,
    schema: &DFSchema,
    ctx: &Arc<StatementContext>,
) -> Result<bool, SqlError> {
    let mut changed = false;
    for expr in exprs {
        if is_interval(expr, schema) {
            *expr = key(std::mem::take(expr), ctx)?;
            changed = true;
        }
    }
    Ok(changed)
}

/// ORDER BY and DISTINCT ON of a node.
pub(super) fn of_node(
    node: LogicalPlan,
    ctx: &Arc<StatementContext>,
) -> Result<Transformed<LogicalPlan>> {
    let (node, changed) = match node {
        LogicalPlan::Sort(mut sort) => {
            let keys = sort.expr.iter_mut().map(|sort| &mut sort.expr);
            let changed = replace(keys, sort.input.schema(), ctx)?;
            (LogicalPlan::Sort(sort), changed)
        }
        LogicalPlan::Distinct(Distinct::On(mut on)) => {
            let sorts = on.sort_expr.iter_mut().flatten();
            let keys = sorts.map(|sort| &mut sort.expr).chain(&mut on.on_expr);
            let changed = replace(keys, on.input.schema(), ctx)?;
            (LogicalPlan::Distinct(Distinct::On(on)), changed)
        }
        other => (other, false),
    };
    Ok(if changed {
        Transformed::yes(node)
    } else {
        Transformed::no(node)
    })
}

/// Members of a list or bounds of a range, if they are intervals.
pub(super) fn members<'a>(
    members: impl IntoIterator<Item = &'a mut Expr>,
    schema: &DFSchema,
    ctx: &Arc<StatementContext>,
) -> Result<(), SqlError> {
    replace(members, schema, ctx).map(|_| ())
}

/// `interval IN (SELECT interval ...)`.
pub(super) fn of_membership(
    mut membership: InSubquery,
    ctx: &Arc<StatementContext>,
) -> Result<InSubquery> {
    let plain = std::mem::take(membership.expr.as_mut());
    *membership.expr = key(plain, ctx)?;
    let subquery = &mut membership.subquery.subquery;
    *subquery = Arc::new(infer::with_changed(subquery, 0, |column| key(column, ctx))?);
    Ok(membership)
}

/// `min`, `max` and the number of distinct intervals.
pub(super) fn of_aggregate(
    mut call: AggregateFunction,
    schema: &DFSchema,
    ctx: &Arc<StatementContext>,
) -> Result<Transformed<Expr>> {
    let is_over_interval = call
        .params
        .args
        .first()
        .is_some_and(|first| is_interval(first, schema));
    let name = call.func.name();
    let is_least = name == "min";
    if !is_over_interval || !(is_least || name == "max" || name == "count") {
        return Ok(Transformed::no(Expr::AggregateFunction(call)));
    }
    if name == "count" {
        let changed = call.params.distinct && replace(&mut call.params.args, schema, ctx)?;
        let call = Expr::AggregateFunction(call);
        return Ok(if changed {
            Transformed::yes(call)
        } else {
            Transformed::no(call)
        });
    }
    let by = key(call.params.args[0].clone(), ctx)?;
    call.func = first_value_udaf();
    call.params.distinct = false;
    call.params.order_by = vec![Sort::new(by, is_least, false)];
    Ok(Transformed::yes(Expr::AggregateFunction(call)))
}

/// The order, the partitions, the frame and the default of a window function.
///
/// Errors: `0A000` for a frame with distances over a type that has none here.
pub(super) fn of_window(
    window: &mut WindowFunction,
    schema: &DFSchema,
    ctx: &Arc<StatementContext>,
) -> Result<(), SqlError> {
    let name = window.fun.name().to_owned();
    let params = &mut window.params;
    if let ("lag" | "lead", [value, _, otherwise]) = (name.as_str(), params.args.as_mut_slice()) {
        infer::one_type(vec![value, otherwise], schema, ctx);
    }
    let frame = &params.window_frame;
    let is_range = frame.units == WindowFrameUnits::Range && !params.order_by.is_empty();
    let has_distance = has_distance(&frame.start_bound) || has_distance(&frame.end_bound);
    let ordered = params
        .order_by
        .first()
        .and_then(|o| type_of(&o.expr, schema));
    if let Some(ordered) = ordered.filter(|t| is_range && !has_ranges(t)) {
        if has_distance {
            let shown = PgType::of_arrow(&ordered).display();
            return Err(SqlError::not_supported(format!(
                "RANGE with an offset over the type {shown}"
            )));
        }
        // Without distances both kinds of frames end at the same peers.
        params.window_frame = WindowFrame::new_bounds(
            WindowFrameUnits::Groups,
            as_count(&frame.start_bound),
            as_count(&frame.end_bound),
        );
    }
    replace(&mut params.partition_by, schema, ctx)?;
    let keys = params.order_by.iter_mut().map(|order| &mut order.expr);
    replace(keys, schema, ctx)?;
    Ok(())
}

fn has_distance(bound: &WindowFrameBound) -> bool {
    match bound {
        WindowFrameBound::Preceding(by) | WindowFrameBound::Following(by) => !by.is_null(),
        WindowFrameBound::CurrentRow => false,
    }
}

/// A bound without a distance, as GROUPS has it.
fn as_count(bound: &WindowFrameBound) -> WindowFrameBound {
    let none = ScalarValue::UInt64(None);
    match bound {
        WindowFrameBound::Preceding(_) => WindowFrameBound::Preceding(none),
        WindowFrameBound::Following(_) => WindowFrameBound::Following(none),
        WindowFrameBound::CurrentRow => WindowFrameBound::CurrentRow,
    }
}

/// Whether the engine takes a frame with RANGE over a type.
fn has_ranges(data_type: &DataType) -> bool {
    data_type.is_numeric()
        || data_type.is_string()
        || data_type.is_null()
        || matches!(
            data_type,
            DataType::List(_)
                | DataType::Boolean
                | DataType::Date32
                | DataType::Date64
                | DataType::Timestamp(_, _)
        )
}
