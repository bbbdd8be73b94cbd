//! Cells of VALUES that may not have the type of their column are compared with one
//! that tells it, so that the planner can refuse or convert them.

use sqlparser::ast::{BinaryOperator, Expr, Query, SetExpr, Spanned, Value};

use super::build::{ASSIGN, place_text, string_text, take};

/// First part of the operator between the cell that tells a column's type and
/// another; its place follows.
pub(crate) const SAME_COLUMN: &str = "$same_column";

/// Marks the cells of VALUES whose form differs from that of the cell which tells
/// their column's type: the first one that is neither NULL nor a bare string.
pub(super) fn mark_values(query: &mut Query) {
    let SetExpr::Values(values) = query.body.as_mut() else {
        return;
    };
    let width = values.rows.first().map_or(0, |row| row.content.len());
    for column in 0..width {
        let mut cells: Vec<&mut Expr> = values
            .rows
            .iter_mut()
            .filter_map(|row| row.content.get_mut(column))
            .collect();
        let Some(telling) = cells
            .iter()
            .find(|cell| tells(cell))
            .map(|cell| (**cell).clone())
        else {
            continue;
        };
        if is_assignment(&telling) {
            continue;
        }
        for cell in &mut cells {
            if !agrees(cell, &telling) {
                let place = cell.span().start;
                let plain = take(cell);
                **cell = Expr::BinaryOp {
                    left: Box::new(telling.clone()),
                    op: BinaryOperator::PGCustomBinaryOperator(vec![
                        SAME_COLUMN.to_owned(),
                        place_text(place),
                    ]),
                    right: Box::new(plain),
                };
            }
        }
    }
}

/// Whether a cell is neither NULL nor without a type.
fn tells(cell: &Expr) -> bool {
    match cell {
        Expr::Value(literal) => match &literal.value {
            Value::Null | Value::Placeholder(_) => false,
            _ => string_text(cell).is_none(),
        },
        _ => true,
    }
}

/// The types of an INSERT's cells are their columns' already.
fn is_assignment(cell: &Expr) -> bool {
    match cell {
        Expr::Function(function) => function
            .name
            .0
            .first()
            .and_then(|part| part.as_ident())
            .is_some_and(|name| name.value.starts_with(ASSIGN)),
        _ => false,
    }
}

/// Whether a cell surely goes with the one that tells the type. NULL and parameters
/// do, and so do numbers with numbers.
fn agrees(cell: &Expr, telling: &Expr) -> bool {
    let (Expr::Value(cell), Expr::Value(telling)) = (cell, telling) else {
        return cell == telling;
    };
    match (&cell.value, &telling.value) {
        (Value::Null | Value::Placeholder(_), _) => true,
        (left, right) => std::mem::discriminant(left) == std::mem::discriminant(right),
    }
}
