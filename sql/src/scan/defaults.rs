//! The value of a column in files that were written before the column.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, FixedSizeBinaryArray, StringArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::util::display::FormatOptions;
use datafusion::common::ScalarValue;
use gotgan_storage::{Column, ColumnType};

use crate::SqlError;
use crate::sqlstate;

/// The column's initial default as a value of its logical type; NULL without one.
///
/// Errors: XX001 when the catalog's text is no value of the type; 0A000 for types
/// whose text has no single reading.
pub(crate) fn initial_value(column: &Column) -> Result<ScalarValue, SqlError> {
    let Some(text) = &column.initial_default else {
        return null_value(&column.column_type);
    };
    let array: ArrayRef = match column.column_type.plain() {
        ColumnType::List(_)
        | ColumnType::Struct(_)
        | ColumnType::Map(_, _)
        | ColumnType::Interval
        | ColumnType::Unsupported(_) => {
            let declared = column.column_type.declared_name();
            return Err(SqlError::not_supported(format!(
                "reading a column of type {declared} that was added with a default"
            )));
        }
        ColumnType::Bytea => {
            let bytes = parse_blob(text).ok_or_else(|| unreadable(column))?;
            return Ok(ScalarValue::BinaryView(Some(bytes)));
        }
        ColumnType::Uuid => {
            let uuid = uuid::Uuid::try_parse(text).map_err(|e| unreadable(column).caused_by(e))?;
            let bytes = std::iter::once(uuid.as_bytes().as_slice());
            let array = FixedSizeBinaryArray::try_from_iter(bytes);
            Arc::new(array.map_err(|e| unreadable(column).caused_by(e))?)
        }
        other => {
            let texts: ArrayRef = Arc::new(StringArray::from(vec![text.clone()]));
            let options = CastOptions {
                safe: false,
                format_options: FormatOptions::default(),
            };
            cast_with_options(&texts, &other.arrow_type(), &options)
                .map_err(|error| unreadable(column).caused_by(error))?
        }
    };
    ScalarValue::try_from_array(&array, 0).map_err(SqlError::from)
}

fn null_value(column_type: &ColumnType) -> Result<ScalarValue, SqlError> {
    let nulls = new_null_array(&column_type.arrow_type(), 1);
    debug_assert!(nulls.is_null(0) || column_type.arrow_type().is_null());
    ScalarValue::try_from_array(&nulls, 0).map_err(SqlError::from)
}

/// DuckDB's text of a blob: printable characters as they are, others as `\xFF`.
fn parse_blob(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if let Some(escape) = rest.strip_prefix(br"\x") {
            let digits = std::str::from_utf8(escape.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = escape.get(2..)?;
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    Some(bytes)
}

fn unreadable(column: &Column) -> SqlError {
    SqlError::with_code(
        sqlstate::DATA_CORRUPTED,
        format!(
            "the initial value of column \"{}\" cannot be read",
            column.name
        ),
    )
}
