//! Operators that are another name of a function: of json and of arrays.

use datafusion::logical_expr::Expr;

use super::{OperatorPlanner, Side, display};
use crate::error::SqlError;
use crate::plan::builtin;
use crate::types::{PgType, oid};

impl OperatorPlanner {
    /// Operators that are another name of a function.
    pub(super) fn by_function(&self, op: &str, left: Side, right: Side) -> Result<Expr, SqlError> {
        let is_array = |side: &Side| side.pg_type.is_some_and(|t| t.element().is_some());
        // Of jsonb, the right side may be an array of keys.
        let is_json = left
            .pg_type
            .is_some_and(|t| matches!(t.oid, oid::JSON | oid::JSONB));
        if !is_json && (is_array(&left) || is_array(&right)) {
            let (left, right) = self.both_typed(left, right)?;
            let (name, args) = match op {
                "@>" => ("arraycontains", vec![left.expr, right.expr]),
                "<@" => ("arraycontains", vec![right.expr, left.expr]),
                "&&" => ("arrayoverlap", vec![left.expr, right.expr]),
                _ => {
                    let (l, r) = (display(&left), display(&right));
                    return Err(SqlError::undefined_operator(&l, op, &r));
                }
            };
            return builtin::call(name, args, &self.ctx);
        }
        let name = match op {
            "->" => "json_get",
            "->>" => "json_get_text",
            "#>" => "json_path",
            "#>>" => "json_path_text",
            "@>" => "jsonb_contains",
            "<@" => "jsonb_contained",
            "?" => "jsonb_exists",
            "?|" => "jsonb_exists_any",
            "?&" => "jsonb_exists_all",
            "-" => "jsonb_delete",
            "#-" => "jsonb_delete_path",
            "^@" => "starts_with",
            _ => {
                let (l, r) = (display(&left), display(&right));
                return Err(SqlError::undefined_operator(&l, op, &r));
            }
        };
        let right_type = match op {
            "@>" | "<@" => PgType::new(oid::JSONB),
            "#>" | "#>>" | "?|" | "?&" | "#-" => PgType::new(1009),
            _ => PgType::new(oid::TEXT),
        };
        let left = self.typed(left, PgType::new(oid::JSONB))?;
        let right = self.typed(right, right_type)?;
        builtin::call(name, vec![left.expr, right.expr], &self.ctx)
    }
}
