//! What needs the types of a whole expression: untyped literals in lists, ranges,
//! CASE and COALESCE take the type of what they stand beside.
//!
//! Source: PostgreSQL 15 manual, section 10.5 (UNION, CASE, and related constructs).

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{Case, InList};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Between, Expr, ExprSchemable, LogicalPlan, Union};

use super::operators::{cannot_match, literal_as};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::types::{PgType, oid};

/// Functions whose arguments share one type with their result.
const SAME_TYPE: &[&str] = &["coalesce", "nullif", "greatest", "least", "nvl"];

/// Whether a plan has expressions or nodes whose branches get a common type.
pub(super) fn has_branches(plan: &LogicalPlan) -> Result<bool, SqlError> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::Union(_) | LogicalPlan::RecursiveQuery(_));
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                found |= match e {
                    Expr::Case(_) => true,
                    Expr::ScalarFunction(call) => SAME_TYPE.contains(&call.func.name()),
                    _ => false,
                };
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}

/// Gives every untyped literal of a plan its type.
pub(super) fn analyze(
    plan: LogicalPlan,
    ctx: &Arc<StatementContext>,
) -> Result<LogicalPlan, SqlError> {
    let analyzed = plan.transform_up_with_subqueries(|node| {
        if let LogicalPlan::Union(union) = &node {
            require_common_types(union)?;
        }
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
        Expr::Case(case) => typed_case(case, schema, ctx),
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

fn typed_case(
    mut case: Case,
    schema: &DFSchema,
    ctx: &Arc<StatementContext>,
) -> Result<Transformed<Expr>> {
    let results = case.when_then_expr.iter().map(|(_, then)| then.as_ref());
    let results: Vec<&Expr> = results.chain(case.else_expr.as_deref()).collect();
    let types: Vec<PgType> = results
        .iter()
        .filter(|result| !is_untyped(result))
        .filter_map(|result| any_type_of(result, schema))
        .collect();
    require_match("CASE", &types)?;
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

fn is_untyped(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(ScalarValue::Utf8(Some(_)) | ScalarValue::Utf8View(Some(_)), metadata)
        if metadata.as_ref().is_none_or(|m| m.inner().is_empty()))
}

fn any_type_of(expr: &Expr, schema: &DFSchema) -> Option<PgType> {
    let (_, field) = expr.to_field(schema).ok()?;
    (!field.data_type().is_null()).then(|| PgType::of_field(&field))
}

/// Errors: `42804` if two of the types have nothing in common.
fn require_match(what: &str, types: &[PgType]) -> Result<(), SqlError> {
    let Some((first, rest)) = types.split_first() else {
        return Ok(());
    };
    match rest.iter().find(|other| cannot_match(*first, **other)) {
        Some(other) => Err(SqlError::datatype_mismatch(format!(
            "{what} types {} and {} cannot be matched",
            PgType::new(first.oid).display(),
            PgType::new(other.oid).display()
        ))),
        None => Ok(()),
    }
}

/// Untyped literals have become text by now, so text goes with every type here.
fn require_common_types(union: &Union) -> Result<(), SqlError> {
    for index in 0..union.schema.fields().len() {
        let types: Vec<PgType> = union
            .inputs
            .iter()
            .filter_map(|input| input.schema().fields().get(index))
            .filter(|field| !field.data_type().is_null())
            .map(|field| PgType::of_field(field))
            .filter(|found| found.oid != oid::TEXT)
            .collect();
        require_match("UNION", &types)?;
    }
    Ok(())
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
