//! Where calls may stand that end what other sessions do.
//!
//! The engine may compute an expression for rows that a condition, a LIMIT or a branch of
//! CASE leaves out, which nobody notices of most functions. These would end sessions that
//! the statement does not mean. So a call is a plain item of the select list of the
//! outermost query, with nothing above that leaves rows out; and below that list stands a
//! barrier, which keeps conditions where they are. All else is refused.
//!
//! Not guaranteed: that a cursor which is not read to its end has called for no more rows
//! than were fetched, as it computes a batch at a time; and that a call is made at all whose
//! result an outer query drops.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection};

use super::Protected;
use super::provider::Provider;
use crate::cast::udf::PgCast;
use crate::error::SqlError;
use crate::functions;

/// What the barrier is called in EXPLAIN.
const BARRIER: &str = "sessions";

/// Puts the barrier below a select list that calls one of these functions.
///
/// `view_depth`: 0 for the statement itself, which alone may call them.
/// Errors: `0A000` if one is called anywhere else.
pub(super) fn settle(
    plan: LogicalPlan,
    view_depth: usize,
    provider: &Provider<'_>,
) -> Result<LogicalPlan, SqlError> {
    match (provider.has_signals(), view_depth) {
        (false, _) => Ok(plan),
        (true, 0) => guard_below(plan, false),
        (true, _) => refuse_anywhere(&plan).map(|()| plan),
    }
}

/// `is_limited`: whether a LIMIT stands above.
fn guard_below(plan: LogicalPlan, is_limited: bool) -> Result<LogicalPlan, SqlError> {
    match plan {
        LogicalPlan::Projection(list) => guard_list(list, is_limited),
        LogicalPlan::SubqueryAlias(alias) => {
            let input = guard_below(alias.input.as_ref().clone(), is_limited)?;
            rebuilt(&LogicalPlan::SubqueryAlias(alias), input)
        }
        LogicalPlan::Limit(limit) => {
            let input = guard_below(limit.input.as_ref().clone(), true)?;
            rebuilt(&LogicalPlan::Limit(limit), input)
        }
        // Sorted rows are cut only after all were computed.
        LogicalPlan::Sort(sort) if !is_limited && sort.fetch.is_none() => {
            for item in &sort.expr {
                refuse_in(&item.expr)?;
            }
            let input = guard_below(sort.input.as_ref().clone(), false)?;
            rebuilt(&LogicalPlan::Sort(sort), input)
        }
        other => {
            refuse_anywhere(&other)?;
            Ok(other)
        }
    }
}

fn guard_list(list: Projection, is_limited: bool) -> Result<LogicalPlan, SqlError> {
    let mut calls = false;
    for item in &list.expr {
        match plain_call(item) {
            Some(arguments) => {
                calls = true;
                arguments.iter().try_for_each(refuse_in)?;
            }
            None => refuse_in(item)?,
        }
    }
    if !calls {
        let input = guard_below(list.input.as_ref().clone(), is_limited)?;
        return rebuilt(&LogicalPlan::Projection(list), input);
    }
    let input = list.input.as_ref();
    refuse_anywhere(input)?;
    if matches!(input, LogicalPlan::EmptyRelation(_)) {
        return Ok(LogicalPlan::Projection(list));
    }
    let barrier = Protected::around_view(input.clone(), BARRIER);
    rebuilt(&LogicalPlan::Projection(list), barrier)
}

/// The arguments of the call that an item is, with casts or without.
fn plain_call(item: &Expr) -> Option<&[Expr]> {
    match item {
        Expr::Alias(alias) => plain_call(&alias.expr),
        Expr::ScalarFunction(call) if functions::is_signal(&call.func) => Some(&call.args),
        Expr::ScalarFunction(call) if call.func.inner().is::<PgCast>() => {
            call.args.first().and_then(plain_call)
        }
        _ => None,
    }
}

fn rebuilt(plan: &LogicalPlan, input: LogicalPlan) -> Result<LogicalPlan, SqlError> {
    Ok(plan.with_new_exprs(plan.expressions(), vec![input])?)
}

/// Errors: `0A000` for a call anywhere in a plan.
fn refuse_anywhere(plan: &LogicalPlan) -> Result<(), SqlError> {
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            refuse_in(expr)?;
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(())
}

/// Errors: `0A000` for a call in an expression, or in a subquery of it.
pub(super) fn refuse_in(expression: &Expr) -> Result<(), SqlError> {
    expression.apply(|part| {
        if let Expr::ScalarFunction(call) = part
            && functions::is_signal(&call.func)
        {
            let what = format!("{} outside of a plain select list", call.func.name());
            return Err(SqlError::not_supported(what).into());
        }
        let inner = match part {
            Expr::ScalarSubquery(inner) => Some(inner),
            Expr::InSubquery(inside) => Some(&inside.subquery),
            Expr::Exists(exists) => Some(&exists.subquery),
            Expr::SetComparison(comparison) => Some(&comparison.subquery),
            _ => None,
        };
        if let Some(inner) = inner {
            refuse_anywhere(&inner.subquery)?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}
