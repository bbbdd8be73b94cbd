//! What must be a boolean or a number of rows is marked, so that the planner, which
//! knows types, can check it in PostgreSQL's words.

use sqlparser::ast::{
    BinaryOperator, Expr, JoinConstraint, JoinOperator, LimitClause, Query, Select, TableFactor,
    TableWithJoins, UnaryOperator, Value,
};

use super::build::{condition, raw_number, string_text};
use crate::error::SqlError;

/// Marks WHERE, HAVING and the conditions of joins.
pub(super) fn mark_select(select: &mut Select) {
    if let Some(selection) = &mut select.selection {
        condition(selection, "WHERE");
    }
    if let Some(having) = &mut select.having {
        condition(having, "HAVING");
    }
    for table in &mut select.from {
        mark_joins(table);
    }
}

fn mark_joins(table: &mut TableWithJoins) {
    if let TableFactor::NestedJoin {
        table_with_joins, ..
    } = &mut table.relation
    {
        mark_joins(table_with_joins);
    }
    for join in &mut table.joins {
        if let TableFactor::NestedJoin {
            table_with_joins, ..
        } = &mut join.relation
        {
            mark_joins(table_with_joins);
        }
        if let JoinOperator::Join(JoinConstraint::On(on))
        | JoinOperator::Inner(JoinConstraint::On(on))
        | JoinOperator::Left(JoinConstraint::On(on))
        | JoinOperator::LeftOuter(JoinConstraint::On(on))
        | JoinOperator::Right(JoinConstraint::On(on))
        | JoinOperator::RightOuter(JoinConstraint::On(on))
        | JoinOperator::FullOuter(JoinConstraint::On(on)) = &mut join.join_operator
        {
            condition(on, "JOIN/ON");
        }
    }
}

/// Marks the conditions of CASE and FILTER, and the operand of NOT.
pub(super) fn mark_expression(expression: &mut Expr) {
    match expression {
        Expr::Case {
            operand: None,
            conditions,
            ..
        } => {
            for when in conditions {
                condition(&mut when.condition, "CASE/WHEN");
            }
        }
        Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr,
        } => condition(expr, "NOT"),
        Expr::BinaryOp {
            left,
            op: op @ (BinaryOperator::And | BinaryOperator::Or),
            right,
        } => {
            let construct = op.to_string();
            condition(left, &construct);
            condition(right, &construct);
        }
        Expr::Function(function) => {
            if let Some(filter) = &mut function.filter {
                condition(filter, "FILTER");
            }
        }
        _ => {}
    }
}

/// Makes constants of LIMIT and OFFSET whole numbers.
///
/// Errors: `2201W` or `2201X` for a negative one, `22P02` for text that is none,
/// `0A000` for a subquery.
pub(super) fn count_rows(query: &mut Query) -> Result<(), SqlError> {
    if let Some(LimitClause::LimitOffset { limit, offset, .. }) = &mut query.limit_clause {
        if let Some(limit) = limit {
            row_count(limit, "LIMIT")?;
        }
        if let Some(offset) = offset {
            row_count(&mut offset.value, "OFFSET")?;
        }
    }
    Ok(())
}

fn row_count(count: &mut Expr, clause: &str) -> Result<(), SqlError> {
    let rows = match &*count {
        Expr::Subquery(_) => {
            return Err(SqlError::not_supported(format!("a subquery in {clause}")));
        }
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => number(expr).map(|rows| -rows),
        other => match string_text(other) {
            Some(text) => {
                let parsed = text.trim().parse::<i64>();
                Some(parsed.map_err(|_| SqlError::invalid_text("bigint", text))?)
            }
            None => number(other),
        },
    };
    match rows {
        Some(rows) if rows < 0 => Err(SqlError::negative_row_count(clause)),
        Some(rows) => {
            *count = raw_number(rows.to_string());
            Ok(())
        }
        None => Ok(()),
    }
}

/// A number literal as PostgreSQL rounds it to bigint; none if it is not one.
fn number(expression: &Expr) -> Option<i64> {
    let Expr::Value(literal) = expression else {
        return None;
    };
    let Value::Number(text, _) = &literal.value else {
        return None;
    };
    if let Ok(whole) = text.parse() {
        return Some(whole);
    }
    let (whole, decimals) = text.split_once('.')?;
    let whole: i64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let rounds_up = decimals.starts_with(|digit: char| ('5'..='9').contains(&digit));
    whole.checked_add(i64::from(rounds_up))
}
