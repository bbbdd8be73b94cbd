//! What must be a boolean, and cells of VALUES, which must have one type.

use datafusion::logical_expr::Expr;

use super::{OperatorPlanner, Side, common_type, display, literal_target};
use crate::error::SqlError;
use crate::plan::unify::require_match;
use crate::rewrite::build::place_of;
use crate::types::{PgType, oid};

impl OperatorPlanner {
    /// The condition of a construct such as `WHERE`, as a boolean.
    ///
    /// Errors: `42804` for another type, `22P02` for a literal that is no boolean.
    pub(super) fn condition(
        &self,
        construct: &str,
        place: &str,
        value: Side,
    ) -> Result<Expr, SqlError> {
        let boolean = PgType::new(oid::BOOL);
        let condition = if value.pg_type.is_some_and(|t| t != boolean) {
            Err(SqlError::not_boolean(construct, &display(&value)))
        } else {
            self.typed(value, boolean).map(|side| side.expr)
        };
        condition.map_err(|error| placed(error, place))
    }

    /// A cell of VALUES in a column whose type `telling` has.
    ///
    /// Errors: `42804` if the two have nothing in common, and those of the type's
    /// input for a literal.
    pub(super) fn cell(&self, place: &str, telling: &Side, cell: Side) -> Result<Expr, SqlError> {
        let Some(target) = telling.pg_type else {
            return Ok(cell.expr);
        };
        let types: Vec<PgType> = [Some(target), cell.pg_type].into_iter().flatten().collect();
        require_match("VALUES", &types)
            .and_then(|()| self.typed(cell, literal_target(target)))
            .map(|side| {
                // The engine would make numeric of numeric beside double precision.
                let common = side.pg_type.map(|own| common_type(target, own));
                match common.filter(|t| matches!(t.oid, oid::FLOAT4 | oid::FLOAT8)) {
                    Some(common) => self.cast_side(side, common),
                    None => side.expr,
                }
            })
            .map_err(|error| placed(error, place))
    }
}

fn placed(error: SqlError, place: &str) -> SqlError {
    match place_of(place) {
        Some(place) => error.at_location(place),
        None => error,
    }
}
