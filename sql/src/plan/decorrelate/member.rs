//! IN and NOT IN where their null counts.
//!
//! For outer values o and a member x, with a subquery that gives y:
//!
//!   hits = the distinct (o, y) where y is not null
//!   sums = for each o, how many rows there are, and how many with a y
//!   x IN = false without a row; true with a hit; null if x or any y is null; false

use datafusion::common::{Column, JoinType, ScalarValue};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Subquery, lit, when,
};

use super::Counter;
use crate::error::SqlError;
use crate::plan::domain::{Domain, same};

/// Joins `input` with a subquery that refers to columns of `base`; the expression that tells
/// whether `member` is in it.
/// The subquery is computed twice, and hashed by its values.
pub(super) fn join_member(
    base: &LogicalPlan,
    input: &LogicalPlan,
    subquery: &Subquery,
    member: Expr,
    counter: &mut Counter,
) -> datafusion::common::Result<(LogicalPlan, Expr)> {
    let number = counter.next();
    let sums = Domain::of(base, &subquery.subquery, number)?;
    let applied = sums.apply(&subquery.subquery)?;
    let element = first_column(&applied)?;
    let [rows, values] = ["rows", "values"].map(|name| format!("\u{1}{name}{number}"));
    let counted = LogicalPlanBuilder::from(applied)
        .aggregate(
            sums.columns(),
            vec![
                count(lit(1)).alias(rows.as_str()),
                count(element).alias(values.as_str()),
            ],
        )?
        .build()?;
    let joined = sums.join(input, counted, JoinType::Left, None)?;

    let hits = Domain::of(base, &subquery.subquery, counter.next())?;
    let applied = hits.apply(&subquery.subquery)?;
    let element = first_column(&applied)?;
    let member_type = member.get_type(input.schema())?;
    let element_type = element.get_type(applied.schema())?;
    let common = comparison_coercion(&member_type, &element_type).ok_or_else(|| {
        SqlError::internal(format!("no equality of {member_type} and {element_type}"))
    })?;
    let value = format!("\u{1}value{number}");
    let mut columns = hits.columns();
    let element = element.cast_to(&common, applied.schema())?;
    columns.push(element.clone().alias(value.as_str()));
    let found = LogicalPlanBuilder::from(applied)
        .filter(element.is_not_null())?
        .project(columns)?
        .distinct()?
        .build()?;
    let value = column(value);
    let is_hit = same(
        member.clone().cast_to(&common, input.schema())?,
        value.clone(),
    );
    let joined = hits.join(&joined, found, JoinType::Left, Some(is_hit))?;

    let is_empty = column(rows.clone())
        .is_null()
        .or(column(rows.clone()).eq(lit(0_i64)));
    let is_unknown = member.is_null().or(column(values).lt(column(rows)));
    let is_member = when(is_empty, lit(false))
        .when(value.is_not_null(), lit(true))
        .when(is_unknown, lit(ScalarValue::Boolean(None)))
        .otherwise(lit(false))?;
    Ok((joined, is_member))
}

fn first_column(plan: &LogicalPlan) -> datafusion::common::Result<Expr> {
    let first = plan.schema().columns().into_iter().next();
    let first = first.ok_or_else(|| SqlError::internal("a subquery without a column"))?;
    Ok(Expr::Column(first))
}

fn column(name: String) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}
