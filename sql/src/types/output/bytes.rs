//! Text, bytea and UUID as text.

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;

use super::{OutputStyle, TextColumn};
use crate::types::{PgType, oid};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Writes a column of text or bytes.
pub(super) fn encode(array: &dyn Array, field_type: PgType, style: &OutputStyle) -> TextColumn {
    match array.data_type() {
        DataType::Utf8 => {
            let values = array.as_string::<i32>();
            let size = values.value_data().len();
            text(array, field_type, size, |row| values.value(row))
        }
        DataType::LargeUtf8 => {
            let values = array.as_string::<i64>();
            let size = values.value_data().len();
            text(array, field_type, size, |row| values.value(row))
        }
        DataType::Utf8View => {
            let values = array.as_string_view();
            text(array, field_type, values.total_bytes_len(), |row| {
                values.value(row)
            })
        }
        DataType::Binary => {
            let values = array.as_binary::<i32>();
            bytea(array, style, |row| values.value(row))
        }
        DataType::LargeBinary => {
            let values = array.as_binary::<i64>();
            bytea(array, style, |row| values.value(row))
        }
        DataType::BinaryView => {
            let values = array.as_binary_view();
            bytea(array, style, |row| values.value(row))
        }
        _ => {
            let values = array.as_fixed_size_binary();
            if field_type.oid == oid::UUID && values.value_length() == 16 {
                return TextColumn::build(array.len(), array.logical_nulls(), 36, |out, row| {
                    write_uuid(out, values.value(row));
                });
            }
            bytea(array, style, |row| values.value(row))
        }
    }
}

fn text<'a>(
    array: &dyn Array,
    field_type: PgType,
    size: usize,
    value: impl Fn(usize) -> &'a str,
) -> TextColumn {
    let length = array.len();
    let width = if field_type.oid == oid::BPCHAR {
        field_type.character_length()
    } else {
        None
    };
    let row_bytes = match width {
        Some(width) => width,
        None if length == 0 => 0,
        None => size.div_ceil(length),
    };
    let nulls = array.logical_nulls();
    match width {
        None => TextColumn::build(length, nulls, row_bytes, |out, row| {
            out.extend_from_slice(value(row).as_bytes());
        }),
        // char(n) is stored without its padding.
        Some(width) => TextColumn::build(length, nulls, row_bytes, |out, row| {
            let text = value(row);
            out.extend_from_slice(text.as_bytes());
            let missing = width.saturating_sub(text.chars().count());
            out.extend(std::iter::repeat_n(b' ', missing));
        }),
    }
}

fn bytea<'a>(
    array: &dyn Array,
    style: &OutputStyle,
    value: impl Fn(usize) -> &'a [u8],
) -> TextColumn {
    TextColumn::build(array.len(), array.logical_nulls(), 16, |out, row| {
        if style.bytea_hex {
            out.extend_from_slice(b"\\x");
            write_hex(out, value(row));
        } else {
            write_escaped(out, value(row));
        }
    })
}

fn write_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        let pair = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
        out.extend_from_slice(&pair);
    }
}

fn write_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x20..=0x7e => out.push(byte),
            _ => {
                let octal = [
                    b'\\',
                    b'0' + (byte >> 6),
                    b'0' + (byte >> 3 & 7),
                    b'0' + (byte & 7),
                ];
                out.extend_from_slice(&octal);
            }
        }
    }
}

fn write_uuid(out: &mut Vec<u8>, bytes: &[u8]) {
    for (index, part) in bytes.chunks(2).enumerate() {
        if (2..=5).contains(&index) {
            out.push(b'-');
        }
        write_hex(out, part);
    }
}
