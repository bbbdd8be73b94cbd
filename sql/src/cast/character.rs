//! Casts between integer and `"char"`, which is one byte.
//!
//! Not guaranteed: bytes beyond ASCII, which a column of text cannot hold.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int32Array, StringViewArray};
use arrow::datatypes::{DataType, Int32Type};

use crate::error::SqlError;
use crate::types::{PgType, oid};

/// The result if one type is `"char"` and the other integer, else none.
///
/// Errors: `22003` outside a byte, `0A000` for a byte beyond ASCII.
pub(super) fn cast(
    array: &ArrayRef,
    from: PgType,
    to: PgType,
) -> Result<Option<ArrayRef>, SqlError> {
    match (from.oid, to.oid) {
        (oid::INT4, oid::CHAR) => {
            let codes = array.as_primitive::<Int32Type>();
            let mut characters = Vec::with_capacity(codes.len());
            for code in codes {
                characters.push(code.map(character).transpose()?);
            }
            Ok(Some(Arc::new(StringViewArray::from_iter(characters))))
        }
        (oid::CHAR, oid::INT4) => {
            let text = arrow::compute::cast(array, &DataType::Utf8View)?;
            let codes: Int32Array = text
                .as_string_view()
                .iter()
                .map(|text| text.map(|text| text.bytes().next().map_or(0, i32::from)))
                .collect();
            Ok(Some(Arc::new(codes)))
        }
        _ => Ok(None),
    }
}

/// Zero is the empty text, as PostgreSQL shows it.
fn character(code: i32) -> Result<String, SqlError> {
    match code {
        0 => Ok(String::new()),
        1..=127 => Ok(char::from(code as u8).to_string()),
        -128..=-1 => Err(SqlError::not_supported("a \"char\" beyond ASCII")),
        _ => Err(SqlError::out_of_range("\"char\"")),
    }
}
