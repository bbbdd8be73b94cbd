//! `CASE x WHEN y` as `CASE WHEN x = y`, so that operators choose the types.

use sqlparser::ast::{BinaryOperator, CaseWhen, Expr};

use super::build::take;

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
