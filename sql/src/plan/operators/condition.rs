//! What must be a boolean, and cells of VALUES, which must have one type.

use datafusion::logical_expr::Expr;

use super::{OperatorPlanner, Side, common_type, display, literal_target};
use crate::error::SqlError;
use crate::plan::branches::{common_instant, relabelled};
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
        let instant = common_instant(&types);
        if instant.is_some_and(|common| common.oid != target.oid) {
            let what = "VALUES with a kind of dates and times before a later kind";
            return Err(placed(SqlError::not_supported(what), place));
        }
        require_match("VALUES", &types)
            .and_then(|()| self.typed(cell, literal_target(target)))
            .map(|side| {
                // The engine would make numeric of numeric beside double precision.
                let common = side.pg_type.map(|own| common_type(target, own));
                let is_float = |t: &PgType| matches!(t.oid, oid::FLOAT4 | oid::FLOAT8);
                match common.filter(is_float).or(instant) {
                    Some(common) => self.cast_side(side, common),
                    None => named_alike(telling, side),
                }
            })
            .map_err(|error| placed(error, place))
    }
}

/// A cell under the same type's name as the one that tells its column's: the engine wants
/// equal names of all cells. Forms of numbers and of text differ in theirs alone.
fn named_alike(telling: &Side, cell: Side) -> Expr {
    let name = |side: &Side| side.field.as_ref().map(|field| field.metadata().clone());
    match (cell.pg_type, name(telling), name(&cell)) {
        (Some(_), Some(wanted), Some(own)) if own != wanted => {
            let to = (!wanted.is_empty()).then_some(telling.pg_type).flatten();
            relabelled(cell.expr, to)
        }
        _ => cell.expr,
    }
}

fn placed(error: SqlError, place: &str) -> SqlError {
    match place_of(place) {
        Some(place) => error.at_location(place),
        None => error,
    }
}
