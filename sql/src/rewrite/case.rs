//! `CASE x WHEN y` as `CASE WHEN x = y`, so that operators choose the types, and CASE as a
//! function that tells its type.

use sqlparser::ast::{BinaryOperator, CaseWhen, Expr};

use super::build::{call, take};

/// The function that stands for CASE while a query is planned (`plan/branches.rs`).
pub(crate) const CASE: &str = "$case";

/// Compares the operand with every value.
pub(super) fn with_conditions(operand: &mut Option<Box<Expr>>, conditions: &mut [CaseWhen]) {
    let Some(operand) = operand.take() else {
        return;
    };
    for when in conditions {
        let condition = take(&mut when.condition);
        when.condition = Expr::BinaryOp {
            left: Box::new(Expr::Nested(operand.clone())),
            op: BinaryOperator::Eq,
            right: Box::new(Expr::Nested(Box::new(condition))),
        };
    }
}

/// A CASE without an operand as a call of [`CASE`].
pub(super) fn as_call(conditions: &mut [CaseWhen], otherwise: Option<Box<Expr>>) -> Expr {
    let mut args = Vec::with_capacity(2 * conditions.len() + 1);
    for when in conditions {
        args.push(take(&mut when.condition));
        args.push(take(&mut when.result));
    }
    args.extend(otherwise.map(|result| *result));
    call(CASE, args)
}
