//! VALUES of several rows: a column has one type, which its typed cells decide.
//!
//! Runs after the cells were rewritten, so it sees casts as `$cast` calls. Cells whose
//! type only a plan can tell keep what they have.
//!
//! Source: PostgreSQL 15 manual, section 10.5.

use sqlparser::ast::{BinaryOperator, Expr, Query, SetExpr, Value};

use super::agree::SAME_COLUMN;
use super::build::{cast, cast_operand, string_text, take};
use crate::plan::operators::common_type;
use crate::types::{NUMERIC_PRECISION, NUMERIC_SCALE, PgType, oid};

/// Gives the cells of every column one type, as far as casts and literals tell it.
pub(super) fn unify(query: &mut Query) {
    let SetExpr::Values(values) = query.body.as_mut() else {
        return;
    };
    if values.rows.len() < 2 {
        return;
    }
    let width = values.rows.iter().map(|row| row.content.len()).max();
    for index in 0..width.unwrap_or(0) {
        let mut cells: Vec<&mut Expr> = values
            .rows
            .iter_mut()
            .filter_map(|row| row.content.get_mut(index))
            .map(own_part)
            .collect();
        let types = cells.iter().filter_map(|cell| cast_type(cell));
        if let Some(target) = types.reduce(common_type) {
            for cell in &mut cells {
                convert(cell, PgType::new(target.oid));
            }
        }
    }
}

/// The cell itself where `agree.rs` has put it beside the one that tells the type.
fn own_part(cell: &mut Expr) -> &mut Expr {
    if !is_marked(cell) {
        return cell;
    }
    match cell {
        Expr::BinaryOp { right, .. } => right,
        other => other,
    }
}

fn is_marked(cell: &Expr) -> bool {
    match cell {
        Expr::BinaryOp {
            op: BinaryOperator::PGCustomBinaryOperator(parts),
            ..
        } => parts.first().is_some_and(|part| part == SAME_COLUMN),
        _ => false,
    }
}

fn cast_type(cell: &Expr) -> Option<PgType> {
    match cell {
        Expr::Nested(inner) => cast_type(inner),
        other => cast_operand(other).map(|(target, _)| target),
    }
}

fn is_parameter(cell: &Expr) -> bool {
    matches!(cell, Expr::Value(literal) if matches!(literal.value, Value::Placeholder(_)))
}

/// Strings and parameters become the column's type, and numbers do where the engine
/// would choose another one. Numerics keep their digits.
fn convert(cell: &mut Expr, target: PgType) {
    if is_parameter(cell) {
        // A numeric with bounds carries no mark that other cells lack.
        let target = match target.oid {
            oid::NUMERIC => PgType::numeric(NUMERIC_PRECISION, NUMERIC_SCALE),
            _ => target,
        };
        *cell = cast(take(cell), target);
        return;
    }
    let is_string = string_text(cell).is_some();
    let is_other_number = cast_type(cell).is_some_and(|own| own.oid != target.oid)
        && matches!(
            target.oid,
            oid::FLOAT4 | oid::FLOAT8 | oid::INT8 | oid::INT4
        );
    if is_string || is_other_number {
        *cell = cast(super::expression::exact_literal(take(cell), target), target);
    }
}
