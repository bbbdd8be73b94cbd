//! What needs the types of a whole expression: untyped literals in lists, ranges,
//! CASE and COALESCE take the type of what they stand beside.
//!
//! Source: PostgreSQL 15 manual, section 10.5 (UNION, CASE, and related constructs).

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{AggregateFunction, InList, InSubquery, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Between, Expr, ExprSchemable, LogicalPlan, Operator, binary_expr, lit,
};

use super::operators::{self, cannot_match, literal_as, literal_target};
use super::unify;
use super::{branches, infer, missing, sort_keys};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::types::{PgType, oid};

/// Whether a plan has expressions or nodes whose branches get a common type.
pub(super) fn has_branches(plan: &LogicalPlan) -> Result<bool, SqlError> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::Union(_) | LogicalPlan::RecursiveQuery(_));
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                found |= match e {
                    Expr::Case(_) => true,
                    Expr::ScalarFunction(call) => branches::has_branches(&call.func),
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
    let plan = unify::unify(plan, ctx)?;
    // What stands above a column of another type must learn it.
    let mut has_changed = false;
    let analyzed = plan.transform_up_with_subqueries(|node| {
        let before = Arc::clone(node.schema());
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
        let keyed = sort_keys::of_node(result.data, ctx)?;
        if result.transformed || keyed.transformed || has_changed {
            let node = keyed.data.recompute_schema()?;
            has_changed |= *node.schema() != before;
            return Ok(Transformed::yes(node));
        }
        Ok(keyed)
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

fn is_boolean(expr: &Expr, schema: &DFSchema) -> bool {
    expr.get_type(schema)
        .is_ok_and(|found| found == DataType::Boolean)
}

/// IS TRUE, IS NOT TRUE and their like as the comparison that the engine makes of them in the end: it
/// says of the one that it is never NULL and of the other that it may be, and then refuses
/// its own plan.
fn truth_test(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    use Operator::{IsDistinctFrom, IsNotDistinctFrom};
    let compared = |operand: Box<Expr>, operator, value: bool| {
        Transformed::yes(binary_expr(*operand, operator, lit(value)))
    };
    match expr {
        Expr::IsTrue(of) if is_boolean(&of, schema) => compared(of, IsNotDistinctFrom, true),
        Expr::IsNotTrue(of) if is_boolean(&of, schema) => compared(of, IsDistinctFrom, true),
        Expr::IsFalse(of) if is_boolean(&of, schema) => compared(of, IsNotDistinctFrom, false),
        Expr::IsNotFalse(of) if is_boolean(&of, schema) => compared(of, IsDistinctFrom, false),
        Expr::IsUnknown(of) if is_boolean(&of, schema) => Transformed::yes(Expr::IsNull(of)),
        Expr::IsNotUnknown(of) if is_boolean(&of, schema) => Transformed::yes(Expr::IsNotNull(of)),
        other => Transformed::no(other),
    }
}

fn typed_literals(
    expr: Expr,
    schema: &DFSchema,
    ctx: &Arc<StatementContext>,
) -> Result<Transformed<Expr>> {
    require_types(&expr, schema)?;
    let expr = match truth_test(expr, schema) {
        Transformed {
            data,
            transformed: false,
            ..
        } => data,
        comparison => return Ok(comparison),
    };
    match expr {
        Expr::InList(mut list) => {
            let mut members: Vec<&mut Expr> = list.list.iter_mut().collect();
            if members.iter().any(|member| is_untyped(member))
                && let Some(target) = type_of(&list.expr, schema)
            {
                for member in &mut members {
                    retype(member, target, ctx)?;
                }
            }
            members.push(&mut list.expr);
            infer::alike(members, schema, ctx);
            let members = std::iter::once(&mut *list.expr).chain(&mut list.list);
            sort_keys::members(members, schema, ctx)?;
            Ok(Transformed::yes(Expr::InList(list)))
        }
        Expr::Between(mut range) => {
            if (is_untyped(&range.low) || is_untyped(&range.high))
                && let Some(target) = type_of(&range.expr, schema)
            {
                retype(&mut range.low, target, ctx)?;
                retype(&mut range.high, target, ctx)?;
            }
            let parts = vec![&mut *range.expr, &mut *range.low, &mut *range.high];
            infer::alike(parts, schema, ctx);
            let parts = [&mut *range.expr, &mut *range.low, &mut *range.high];
            sort_keys::members(parts, schema, ctx)?;
            Ok(Transformed::yes(Expr::Between(range)))
        }
        Expr::ScalarFunction(call) if branches::has_branches(&call.func) => {
            typed_branches(call, schema, ctx)
        }
        Expr::AggregateFunction(call) => sort_keys::of_aggregate(call, schema, ctx),
        Expr::WindowFunction(mut window) => {
            sort_keys::of_window(&mut window, schema, ctx)?;
            Ok(Transformed::yes(Expr::WindowFunction(window)))
        }
        Expr::InSubquery(membership) => typed_membership(membership, schema, ctx),
        other => Ok(Transformed::no(other)),
    }
}

/// Errors: `42883` for a function that there is not, and for members of lists and
/// bounds of ranges that cannot be compared.
fn require_types(expr: &Expr, schema: &DFSchema) -> Result<()> {
    match expr {
        Expr::ScalarFunction(call) if missing::is_missing(&call.func) => {
            expr.to_field(schema)?;
        }
        Expr::AggregateFunction(call) => require_orderable(call, schema)?,
        Expr::InList(InList { expr, list, .. }) => {
            for member in list {
                require_comparable(expr, "=", member, schema)?;
            }
        }
        Expr::Between(Between {
            expr, low, high, ..
        }) => {
            require_comparable(expr, ">=", low, schema)?;
            require_comparable(expr, "<=", high, schema)?;
        }
        Expr::IsTrue(operand) => require_truth("IS TRUE", operand, schema)?,
        Expr::IsNotTrue(operand) => require_truth("IS NOT TRUE", operand, schema)?,
        Expr::IsFalse(operand) => require_truth("IS FALSE", operand, schema)?,
        Expr::IsNotFalse(operand) => require_truth("IS NOT FALSE", operand, schema)?,
        Expr::IsUnknown(operand) => require_truth("IS UNKNOWN", operand, schema)?,
        Expr::IsNotUnknown(operand) => require_truth("IS NOT UNKNOWN", operand, schema)?,
        _ => {}
    }
    Ok(())
}

/// Errors: `42804` for an operand that has a type, and not boolean.
fn require_truth(test: &str, operand: &Expr, schema: &DFSchema) -> Result<()> {
    let found = (!is_untyped(operand))
        .then(|| operand.to_field(schema).ok())
        .flatten();
    match found {
        Some((_, field)) if !matches!(field.data_type(), DataType::Boolean | DataType::Null) => {
            let found = PgType::of_field(&field).display();
            Err(SqlError::not_boolean(test, &found).into())
        }
        _ => Ok(()),
    }
}

fn typed_membership(
    mut membership: InSubquery,
    schema: &DFSchema,
    ctx: &Arc<StatementContext>,
) -> Result<Transformed<Expr>> {
    let Some(column) = membership.subquery.subquery.schema().fields().first() else {
        return Ok(Transformed::no(Expr::InSubquery(membership)));
    };
    let listed = PgType::of_field(column);
    if column.data_type().is_null() || column.data_type().is_nested() {
        return Ok(Transformed::no(Expr::InSubquery(membership)));
    }
    if is_untyped(&membership.expr) {
        let plain = std::mem::take(membership.expr.as_mut());
        *membership.expr = literal_as(plain, literal_target(listed), ctx)?;
        return Ok(Transformed::yes(Expr::InSubquery(membership)));
    }
    let Some(own) = any_type_of(&membership.expr, schema) else {
        return Ok(Transformed::no(Expr::InSubquery(membership)));
    };
    require_operator(own, "=", listed)?;
    if own.oid == oid::INTERVAL {
        let keys = sort_keys::of_membership(membership, ctx)?;
        return Ok(Transformed::yes(Expr::InSubquery(keys)));
    }
    let Some(target) = branches::common_instant(&[own, listed]) else {
        return Ok(Transformed::no(Expr::InSubquery(membership)));
    };
    if own.oid != target.oid {
        let plain = std::mem::take(membership.expr.as_mut());
        *membership.expr = operators::cast_expr(plain, target, ctx);
    }
    if listed.oid != target.oid {
        let subquery = &mut membership.subquery.subquery;
        *subquery = Arc::new(infer::with_cast(subquery, 0, target, ctx)?);
    }
    Ok(Transformed::yes(Expr::InSubquery(membership)))
}

/// Errors: `42883` for `min` or `max` of a type that PostgreSQL has none for.
fn require_orderable(call: &AggregateFunction, schema: &DFSchema) -> Result<(), SqlError> {
    let name = call.func.name();
    let (true, Some(argument)) = (matches!(name, "min" | "max"), call.params.args.first()) else {
        return Ok(());
    };
    match any_type_of(argument, schema) {
        Some(t)
            if matches!(
                t.oid,
                oid::BOOL | oid::BYTEA | oid::UUID | oid::JSON | oid::JSONB
            ) =>
        {
            let call = format!("{name}({})", PgType::new(t.oid).display());
            Err(SqlError::undefined_function(&call))
        }
        _ => Ok(()),
    }
}

/// Errors: `42883` if two expressions with types cannot be compared.
fn require_comparable(
    left: &Expr,
    operator: &str,
    right: &Expr,
    schema: &DFSchema,
) -> Result<(), SqlError> {
    if is_untyped(left) || is_untyped(right) {
        return Ok(());
    }
    match (any_type_of(left, schema), any_type_of(right, schema)) {
        (Some(left), Some(right)) => require_operator(left, operator, right),
        _ => Ok(()),
    }
}

fn require_operator(left: PgType, operator: &str, right: PgType) -> Result<(), SqlError> {
    if !cannot_match(left, right) {
        return Ok(());
    }
    Err(SqlError::undefined_operator(
        &PgType::new(left.oid).display(),
        operator,
        &PgType::new(right.oid).display(),
    ))
}

fn typed_branches(
    mut call: ScalarFunction,
    schema: &DFSchema,
    ctx: &Arc<StatementContext>,
) -> Result<Transformed<Expr>> {
    let mut results = branches::results(&mut call);
    if let Some(target) = common_type(&results, schema) {
        for result in &mut results {
            retype(result, target, ctx)?;
        }
    }
    // The result of nullif has the type of its first argument alone.
    if call.func.name() != "nullif" {
        infer::alike(branches::results(&mut call), schema, ctx);
    }
    Ok(Transformed::yes(branches::settled(call, schema, ctx)?))
}

/// Whether an expression is a string literal that nothing gave a type.
pub(super) fn is_untyped(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(ScalarValue::Utf8(Some(_)) | ScalarValue::Utf8View(Some(_)), metadata)
        if metadata.as_ref().is_none_or(|m| m.inner().is_empty()))
}

fn any_type_of(expr: &Expr, schema: &DFSchema) -> Option<PgType> {
    let (_, field) = expr.to_field(schema).ok()?;
    (!field.data_type().is_null()).then(|| PgType::of_field(&field))
}

fn type_of(expr: &Expr, schema: &DFSchema) -> Option<PgType> {
    let (_, field) = expr.to_field(schema).ok()?;
    let found = PgType::of_field(&field);
    (found.oid != oid::TEXT && !field.data_type().is_null()).then_some(PgType {
        oid: found.oid,
        typmod: -1,
    })
}

/// The common type of the typed members, if some other member is an untyped literal.
fn common_type(members: &[&mut Expr], schema: &DFSchema) -> Option<PgType> {
    if !members.iter().any(|member| is_untyped(member)) {
        return None;
    }
    let typed = members.iter().filter(|member| !is_untyped(member));
    let types = typed.filter_map(|member| type_of(member, schema));
    types.reduce(operators::common_type)
}

/// Gives a literal that has no type one.
fn retype(member: &mut Expr, target: PgType, ctx: &Arc<StatementContext>) -> Result<(), SqlError> {
    if is_untyped(member) {
        *member = literal_as(std::mem::take(member), target, ctx)?;
    }
    Ok(())
}
