//! Casts of jsonb to numbers and booleans: of the one value that it is.
//!
//! Source: PostgreSQL 15, `jsonb.c` (`jsonb_numeric`, `jsonb_bool` and the like).

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, StringViewArray};
use arrow::datatypes::DataType;

use crate::context::StatementContext;
use crate::error::SqlError;
use crate::types::json::{self, Value};
use crate::types::{NUMERIC_PRECISION, NUMERIC_SCALE, PgType, input, oid};

use super::number;

/// The values of `array`, which is jsonb; none if there is no such cast.
///
/// Errors: `22023` for a value of another kind, `22003` for one that does not fit.
pub(super) fn cast(
    array: &ArrayRef,
    to: PgType,
    target: &DataType,
    ctx: &StatementContext,
) -> Result<Option<ArrayRef>, SqlError> {
    let is_number = matches!(
        to.oid,
        oid::INT2 | oid::INT4 | oid::INT8 | oid::NUMERIC | oid::FLOAT4 | oid::FLOAT8
    );
    if !is_number && to.oid != oid::BOOL {
        return Ok(None);
    }
    let plain = arrow::compute::cast(array, &DataType::Utf8View)?;
    let documents = plain.as_string_view();
    if to.oid == oid::BOOL {
        let truths: Result<BooleanArray, SqlError> = documents
            .iter()
            .map(|text| text.map(|text| truth(text, to)).transpose())
            .collect();
        return Ok(Some(Arc::new(truths?)));
    }
    let digits: Result<StringViewArray, SqlError> = documents
        .iter()
        .map(|text| text.map(|text| digits(text, to)).transpose())
        .collect();
    let digits: ArrayRef = Arc::new(digits?);
    if matches!(to.oid, oid::FLOAT4 | oid::FLOAT8) {
        return input::cast_text(&digits, to, &ctx.input, true).map(Some);
    }
    // Integers round, which their text would not.
    let exact = match target {
        DataType::Decimal128(precision, scale) => PgType::numeric(*precision, *scale),
        _ => PgType::numeric(NUMERIC_PRECISION, NUMERIC_SCALE),
    };
    let exact_values = input::cast_text(&digits, exact, &ctx.input, true)?;
    if to.oid == oid::NUMERIC {
        return Ok(Some(exact_values));
    }
    number::cast(&exact_values, exact, to, target)
}

fn truth(document: &str, to: PgType) -> Result<bool, SqlError> {
    match json::parse(document)? {
        Value::Bool(truth) => Ok(truth),
        other => Err(refuse(&other, to)),
    }
}

fn digits(document: &str, to: PgType) -> Result<String, SqlError> {
    match json::parse(document)? {
        Value::Number(text) => Ok(text.to_string()),
        other => Err(refuse(&other, to)),
    }
}

fn refuse(value: &Value<'_>, to: PgType) -> SqlError {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "numeric",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let to = PgType::new(to.oid).display();
    SqlError::invalid_parameter(format!("cannot cast jsonb {kind} to type {to}"))
}
