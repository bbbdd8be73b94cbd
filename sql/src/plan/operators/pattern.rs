//! LIKE and the operators of regular expressions.

use datafusion::logical_expr::{Expr, Operator};

use super::{OperatorPlanner, Side, binary, types_of};
use crate::cast::is_text;
use crate::error::SqlError;
use crate::plan::builtin;
use crate::types::{PgType, oid};

impl OperatorPlanner {
    pub(super) fn match_regex(
        &self,
        left: Side,
        name: &str,
        right: Side,
    ) -> Result<Expr, SqlError> {
        let text = PgType::new(oid::TEXT);
        let left = self.typed(left, text)?;
        let right = self.typed(right, text)?;
        builtin::call(name, vec![left.expr, right.expr], &self.ctx)
    }

    pub(super) fn match_text(
        &self,
        left: Side,
        op: Operator,
        right: Side,
    ) -> Result<Expr, SqlError> {
        let text = PgType::new(oid::TEXT);
        let left = self.typed(left, text)?;
        let right = self.typed(right, text)?;
        let (left_type, right_type) = types_of(&left, &right);
        if !is_text(left_type) || !is_text(right_type) {
            return Err(SqlError::undefined_operator(
                &left_type.display(),
                &op.to_string(),
                &right_type.display(),
            ));
        }
        Ok(binary(left.expr, op, right.expr))
    }
}
