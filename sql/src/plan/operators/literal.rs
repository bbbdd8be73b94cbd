//! Literals that take a type, and casts as functions.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::FieldMetadata;

use super::{Side, display};
use crate::cast::{self, CastKind};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::types::{PgType, oid};

/// A cast as the rewrite would have written it.
pub(crate) fn cast_expr(expr: Expr, target: PgType, ctx: &Arc<StatementContext>) -> Expr {
    let function = cast::udf::function(target, CastKind::Explicit, ctx);
    function.call(vec![expr])
}

/// char(n) compares without its padding.
pub(super) fn padding_ignored(expr: Expr) -> Expr {
    match expr {
        Expr::Literal(scalar, metadata) => match scalar.try_as_str() {
            Some(Some(text)) => Expr::Literal(
                ScalarValue::Utf8View(Some(text.trim_end_matches(' ').to_owned())),
                None,
            ),
            _ => Expr::Literal(scalar, metadata),
        },
        other => datafusion::functions::string::rtrim().call(vec![other]),
    }
}

/// The value of an untyped literal as `target`.
///
/// Errors: those of the type's input, such as `22P02`.
pub(crate) fn literal_as(
    literal: Expr,
    target: PgType,
    ctx: &Arc<StatementContext>,
) -> Result<Expr, SqlError> {
    let Expr::Literal(scalar, _) = &literal else {
        return Ok(cast_expr(literal, target, ctx));
    };
    let array = scalar.to_array()?;
    let from = PgType::new(oid::UNKNOWN);
    let arrow_type = match scalar.try_as_str().flatten() {
        Some(text) if target == PgType::new(oid::NUMERIC) => {
            match crate::types::numeric::digits_of_text(text) {
                Some((precision, scale)) => DataType::Decimal128(precision, scale),
                None => target.arrow_type(),
            }
        }
        _ => target.arrow_type(),
    };
    let value = cast::cast_array(&array, from, target, &arrow_type, CastKind::Explicit, ctx)?;
    let value = ScalarValue::try_from_array(&value, 0)?;
    let metadata = target.metadata();
    let is_derived = target.oid == oid::NUMERIC && arrow_type != target.arrow_type();
    let metadata = (!metadata.is_empty() && !is_derived).then(|| FieldMetadata::from(metadata));
    Ok(Expr::Literal(value, metadata))
}

/// A date and a literal without a type can be added in several ways. A parameter is
/// taken for an interval, because clients seldom give its type.
///
/// Errors: `42725`.
pub(super) fn require_unique(op: &str, left: &Side, right: &Side) -> Result<(), SqlError> {
    let is_date = |side: &Side| side.pg_type.is_some_and(|t| t.oid == oid::DATE);
    let is_literal =
        |side: &Side| matches!(side.expr, Expr::Literal(_, _)) && side.pg_type.is_none();
    let is_open = (is_date(left) && is_literal(right)) || (is_literal(left) && is_date(right));
    if op == "+" && is_open {
        return Err(SqlError::ambiguous_operator(
            &display(left),
            op,
            &display(right),
        ));
    }
    Ok(())
}
