//! What needs the types of a whole expression: untyped literals in lists, ranges,
//! CASE and COALESCE take the type of what they stand beside.
//!
//! Source: PostgreSQL 15 manual, section 10.5 (UNION, CASE, and related constructs).

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Between, Expr, ExprSchemable, LogicalPlan};

use super::operators::literal_as;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::types::{PgType, oid};

/// Functions whose arguments share one type with their result.
const SAME_TYPE: &[&str] = &["coalesce", "nullif", "greatest", "least", "nvl"];

/// Gives every untyped literal of a plan its type.
pub(super) fn analyze(
    plan: LogicalPlan,
    ctx: &Arc<StatementContext>,
) -> Result<LogicalPlan, SqlError> {
    let analyzed = plan.transform_up_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        let names = NamePreserver::new(&node);
        let result = node.map_expressions(|expr| {
            let saved = names.save(&expr);
            let typed = expr.transform_up(|e| typed_literals(e, &schema, ctx))?;
            Ok(if typed.transformed {
                Transformed::yes(saved.restore(typed.data))
            } else {
                typed
            })
        })?;
        if result.transformed {
            return Ok(Transformed::yes(result.data.recompute_schema()?));
        }
        Ok(result)
    })?;
    Ok(analyzed.data)
}

/// The same for one expression over `schema`.
pub(super) fn analyze_expression(
    expr: Expr,
    schema: &DFSchema,
    ctx: &Arc<StatementContext>,
) -> Result<Expr, SqlError> {
    Ok(expr.transform_up(|e| typed_literals(e, schema, ctx))?.data)
}

fn typed_literals(
    expr: Expr,
    schema: &DFSchema,
    ctx: &Arc<StatementContext>,
) -> Result<Transformed<Expr>> {
    match expr {
        Expr::InList(InList {
            expr,
            list,
            negated,
        }) if list.iter().any(is_untyped) => {
            let Some(target) = type_of(&expr, schema) else {
                return Ok(Transformed::no(Expr::InList(InList {
                    expr,
                    list,
                    negated,
                })));
            };
            let list = retyped(list, target, ctx)?;
            Ok(Transformed::yes(Expr::InList(InList {
                expr,
                list,
                negated,
            })))
        }
        Expr::Between(Between {
            expr,
            negated,
            low,
            high,
        }) if is_untyped(&low) || is_untyped(&high) => {
            let Some(target) = type_of(&expr, schema) else {
                return Ok(Transformed::no(Expr::Between(Between {
                    expr,
                    negated,
                    low,
                    high,
                })));
            };
            let mut bounds = retyped(vec![*low, *high], target, ctx)?.into_iter();
            let (Some(low), Some(high)) = (bounds.next(), bounds.next()) else {
                return Err(SqlError::internal("a range without bounds").into());
            };
            let range = Between::new(expr, negated, Box::new(low), Box::new(high));
            Ok(Transformed::yes(Expr::Between(range)))
        }
        Expr::Case(mut case) => {
            let results = case.when_then_expr.iter().map(|(_, then)| then.as_ref());
            let results: Vec<&Expr> = results.chain(case.else_expr.as_deref()).collect();
            let Some(target) = common_type(&results, schema) else {
                return Ok(Transformed::no(Expr::Case(case)));
            };
            for (_, then) in &mut case.when_then_expr {
                let plain = std::mem::take(then.as_mut());
                **then = retype(plain, target, ctx)?;
            }
            if let Some(otherwise) = &mut case.else_expr {
                let plain = std::mem::take(otherwise.as_mut());
                **otherwise = retype(plain, target, ctx)?;
            }
            Ok(Transformed::yes(Expr::Case(case)))
        }
        Expr::ScalarFunction(mut call) if SAME_TYPE.contains(&call.func.name()) => {
            let args: Vec<&Expr> = call.args.iter().collect();
            let Some(target) = common_type(&args, schema) else {
                return Ok(Transformed::no(Expr::ScalarFunction(call)));
            };
            call.args = retyped(call.args, target, ctx)?;
            Ok(Transformed::yes(Expr::ScalarFunction(call)))
        }
        other => Ok(Transformed::no(other)),
    }
}

fn is_untyped(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(ScalarValue::Utf8(Some(_)) | ScalarValue::Utf8View(Some(_)), metadata)
        if metadata.as_ref().is_none_or(|m| m.inner().is_empty()))
}

fn type_of(expr: &Expr, schema: &DFSchema) -> Option<PgType> {
    let (_, field) = expr.to_field(schema).ok()?;
    let found = PgType::of_field(&field);
    (found.oid != oid::TEXT && !field.data_type().is_null()).then_some(PgType {
        oid: found.oid,
        typmod: -1,
    })
}

/// The type of the first typed member, if some other member is an untyped literal.
fn common_type(members: &[&Expr], schema: &DFSchema) -> Option<PgType> {
    if !members.iter().any(|member| is_untyped(member)) {
        return None;
    }
    let typed = members.iter().filter(|member| !is_untyped(member));
    let mut types = typed.filter_map(|member| type_of(member, schema));
    types.next()
}

fn retyped(
    members: Vec<Expr>,
    target: PgType,
    ctx: &Arc<StatementContext>,
) -> Result<Vec<Expr>, SqlError> {
    members
        .into_iter()
        .map(|member| retype(member, target, ctx))
        .collect()
}

fn retype(member: Expr, target: PgType, ctx: &Arc<StatementContext>) -> Result<Expr, SqlError> {
    if !is_untyped(&member) {
        return Ok(member);
    }
    literal_as(member, target, ctx)
}
