//! `||`: text, arrays, json and bytes.

use datafusion::logical_expr::{Expr, Operator};

use super::{OperatorPlanner, Side, binary, cast_expr, types_of};
use crate::cast::is_text;
use crate::error::SqlError;
use crate::plan::builtin;
use crate::types::{PgType, oid};

impl OperatorPlanner {
    pub(super) fn concat(&self, left: Side, right: Side) -> Result<Expr, SqlError> {
        let is_array = |side: &Side| side.pg_type.is_some_and(|t| t.element().is_some());
        if is_array(&left) || is_array(&right) {
            return self.concat_arrays(left, right);
        }
        let text = PgType::new(oid::TEXT);
        let jsonb = |side: &Side| side.pg_type.is_some_and(|t| t.oid == oid::JSONB);
        if jsonb(&left) && (jsonb(&right) || right.pg_type.is_none()) {
            let right = self.typed(right, PgType::new(oid::JSONB))?;
            return builtin::call("jsonb_concat", vec![left.expr, right.expr], &self.ctx);
        }
        let bytes = |side: &Side| side.pg_type.is_some_and(|t| t.oid == oid::BYTEA);
        if bytes(&left) && bytes(&right) {
            return builtin::call("$bytea_concat", vec![left.expr, right.expr], &self.ctx);
        }
        let left = self.typed(left, text)?;
        let right = self.typed(right, text)?;
        let (left_type, right_type) = types_of(&left, &right);
        if !is_text(left_type) && !is_text(right_type) {
            return Err(SqlError::undefined_operator(
                &left_type.display(),
                "||",
                &right_type.display(),
            ));
        }
        let left = self.as_plain_text(left);
        let right = self.as_plain_text(right);
        Ok(binary(left, Operator::StringConcat, right))
    }

    fn as_plain_text(&self, side: Side) -> Expr {
        match side.pg_type {
            Some(t) if is_text(t) && t.oid != oid::BPCHAR => side.expr,
            _ => cast_expr(side.expr, PgType::new(oid::TEXT), &self.ctx),
        }
    }

    fn concat_arrays(&self, left: Side, right: Side) -> Result<Expr, SqlError> {
        let array_type = [&left, &right]
            .iter()
            .filter_map(|side| side.pg_type)
            .find(|t| t.element().is_some())
            .expect("one side is an array");
        let left = self.typed(left, array_type)?;
        let right = self.typed(right, array_type)?;
        let (left_type, right_type) = types_of(&left, &right);
        let name = match (
            left_type.element().is_some(),
            right_type.element().is_some(),
        ) {
            (true, true) => "array_cat",
            (true, false) => "array_append",
            _ => "array_prepend",
        };
        builtin::call(name, vec![left.expr, right.expr], &self.ctx)
    }
}
