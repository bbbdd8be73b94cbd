//! One value as the catalog spells it: initial defaults, and rows kept in the catalog.
//!
//! The same spellings as bounds have, but exact: texts are not cut, NaN has a text.
//!
//! Source: DuckLake 1.0; spellings observed in DuckDB 1.5.5.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};

use crate::error::{Error, ErrorKind};
use crate::file::stats::running::{format_float, format_integer};
use crate::types::ColumnType;

/// The text of a value; nothing for NULL.
///
/// `stored`: values of the column's stored type. `row`: which one.
/// Errors: `Unsupported` for nested types, and for values without a text.
pub(crate) fn value_text(
    column_type: &ColumnType,
    stored: &ArrayRef,
    row: usize,
) -> Result<Option<String>, Error> {
    if stored.is_null(row) {
        return Ok(None);
    }
    let text = match stored.data_type() {
        DataType::Boolean => Some(stored.as_boolean().value(row).to_string()),
        DataType::Float32 => Some(float_text(
            f64::from(stored.as_primitive::<Float32Type>().value(row)),
            true,
        )),
        DataType::Float64 => {
            let value = stored.as_primitive::<Float64Type>().value(row);
            Some(float_text(value, false))
        }
        DataType::Utf8View => Some(stored.as_string_view().value(row).to_owned()),
        DataType::BinaryView => Some(blob_text(stored.as_binary_view().value(row))),
        DataType::FixedSizeBinary(16) => {
            let bytes = stored.as_fixed_size_binary().value(row);
            uuid::Uuid::from_slice(bytes).ok().map(|id| id.to_string())
        }
        _ => integer(stored, row).and_then(|value| format_integer(column_type, value)),
    };
    text.map(Some).ok_or_else(|| {
        let text = format!(
            "a value of type {} has no text in the catalog",
            column_type.declared_name()
        );
        Error::new(ErrorKind::Unsupported, text)
    })
}

fn integer(stored: &ArrayRef, row: usize) -> Option<i128> {
    fn value<T: ArrowPrimitiveType>(array: &ArrayRef, row: usize) -> Option<i128>
    where
        T::Native: Into<i128>,
    {
        Some(array.as_primitive::<T>().value(row).into())
    }
    match stored.data_type() {
        DataType::Int8 => value::<Int8Type>(stored, row),
        DataType::Int16 => value::<Int16Type>(stored, row),
        DataType::Int32 => value::<Int32Type>(stored, row),
        DataType::Int64 => value::<Int64Type>(stored, row),
        DataType::UInt8 => value::<UInt8Type>(stored, row),
        DataType::UInt16 => value::<UInt16Type>(stored, row),
        DataType::UInt32 => value::<UInt32Type>(stored, row),
        DataType::UInt64 => value::<UInt64Type>(stored, row),
        DataType::Decimal128(..) => value::<Decimal128Type>(stored, row),
        DataType::Date32 => value::<Date32Type>(stored, row),
        DataType::Time64(_) => value::<Time64MicrosecondType>(stored, row),
        DataType::Timestamp(..) => value::<TimestampMicrosecondType>(stored, row),
        _ => None,
    }
}

fn float_text(value: f64, is_real: bool) -> String {
    match value.is_nan() {
        true => "nan".to_owned(),
        false => format_float(value, is_real),
    }
}

/// Printable characters as they are, other bytes as `\xFF`.
fn blob_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'\\' | b'\'' | b'"' => text.push_str(&format!("\\x{byte:02X}")),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\x{byte:02X}")),
        }
    }
    text
}

/// The bytes that a blob's text stands for; nothing if it is no such text.
pub(crate) fn blob_bytes(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        match rest.strip_prefix(br"\x") {
            Some(escape) => {
                let digits = std::str::from_utf8(escape.get(..2)?).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = escape.get(2..)?;
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    Some(bytes)
}
