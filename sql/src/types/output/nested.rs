//! Arrays, rows, maps and encoded columns as text.

use arrow::array::{Array, ArrayRef, AsArray, StructArray};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef};

use super::{OutputStyle, TextColumn, encode as encode_column};
use crate::error::SqlError;
use crate::types::{PgType, array as literal};

/// Writes a column of lists, structs, maps, dictionaries or runs.
pub(super) fn encode(
    array: &dyn Array,
    field_type: PgType,
    style: &OutputStyle,
) -> Result<TextColumn, SqlError> {
    match array.data_type() {
        DataType::List(field) => {
            let list = array.as_list::<i32>();
            let offsets = list.value_offsets();
            let rows = Rows {
                field,
                values: list.values(),
                nulls: list.nulls().cloned(),
            };
            rows.encode(field_type, style, list.len(), |row| {
                (offsets[row] as usize, offsets[row + 1] as usize)
            })
        }
        DataType::LargeList(field) => {
            let list = array.as_list::<i64>();
            let offsets = list.value_offsets();
            let rows = Rows {
                field,
                values: list.values(),
                nulls: list.nulls().cloned(),
            };
            rows.encode(field_type, style, list.len(), |row| {
                (offsets[row] as usize, offsets[row + 1] as usize)
            })
        }
        DataType::FixedSizeList(field, size) => {
            let list = array.as_fixed_size_list();
            let size = usize::try_from(*size).unwrap_or(0);
            let rows = Rows {
                field,
                values: list.values(),
                nulls: list.nulls().cloned(),
            };
            rows.encode(field_type, style, list.len(), |row| {
                (row * size, (row + 1) * size)
            })
        }
        DataType::ListView(field) | DataType::LargeListView(field) => {
            let plain = cast(array, &DataType::LargeList(FieldRef::clone(field)))?;
            encode_column(&plain, field_type, style)
        }
        DataType::Map(field, _) => {
            let map = array.as_map();
            let offsets = map.value_offsets();
            let entries: ArrayRef = std::sync::Arc::new(map.entries().clone());
            let rows = Rows {
                field,
                values: &entries,
                nulls: map.nulls().cloned(),
            };
            rows.encode(field_type, style, map.len(), |row| {
                (offsets[row] as usize, offsets[row + 1] as usize)
            })
        }
        DataType::Struct(_) => rows(array.as_struct(), style),
        DataType::Dictionary(_, _) => dictionary(array, field_type, style),
        DataType::RunEndEncoded(_, values) => {
            let plain = cast(array, values.data_type())?;
            encode_column(&plain, field_type, style)
        }
        other => Err(SqlError::internal(format!("{other} is not nested"))),
    }
}

/// A column of lists, whatever its Arrow type.
struct Rows<'a> {
    field: &'a FieldRef,
    values: &'a ArrayRef,
    nulls: Option<NullBuffer>,
}

impl Rows<'_> {
    /// `bounds`: where the elements of a row start and end in `values`.
    fn encode(
        self,
        field_type: PgType,
        style: &OutputStyle,
        length: usize,
        bounds: impl Fn(usize) -> (usize, usize),
    ) -> Result<TextColumn, SqlError> {
        if length == 0 {
            return Ok(TextColumn::build(0, None, 0, |_, _| {}));
        }
        let (first, last) = (bounds(0).0, bounds(length - 1).1);
        let values = self.values.slice(first, last - first);
        let element_type = match field_type.element() {
            Some(element) => element,
            None => PgType::of_field(self.field),
        };
        let elements = encode_column(&values, element_type, style)?;
        let is_nested = matches!(
            self.field.data_type(),
            DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(_, _)
        );
        let is_vector = field_type.is_vector();
        let row_bytes = elements.bytes.len() / length + 8;
        Ok(TextColumn::build(
            length,
            self.nulls,
            row_bytes,
            |out, row| {
                let (start, end) = bounds(row);
                let separator = if is_vector { b' ' } else { b',' };
                if !is_vector {
                    out.push(b'{');
                }
                for index in start..end {
                    if index > start {
                        out.push(separator);
                    }
                    match elements.value(index - first) {
                        None => out.extend_from_slice(b"NULL"),
                        Some(text) if is_nested || is_vector => out.extend_from_slice(text),
                        Some(text) => literal::write_element(out, text),
                    }
                }
                if !is_vector {
                    out.push(b'}');
                }
            },
        ))
    }
}

fn rows(array: &StructArray, style: &OutputStyle) -> Result<TextColumn, SqlError> {
    let mut columns = Vec::with_capacity(array.num_columns());
    for (field, column) in array.fields().iter().zip(array.columns()) {
        columns.push(encode_column(column, PgType::of_field(field), style)?);
    }
    Ok(TextColumn::build(
        array.len(),
        array.nulls().cloned(),
        16,
        |out, row| {
            out.push(b'(');
            for (index, column) in columns.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                if let Some(text) = column.value(row) {
                    write_member(out, text);
                }
            }
            out.push(b')');
        },
    ))
}

/// Writes a member of a row, with quotes where a reader would take it for another.
fn write_member(out: &mut Vec<u8>, text: &[u8]) {
    let needs_quotes = text.is_empty()
        || text.iter().any(|byte| {
            matches!(
                byte,
                b'"' | b'\\' | b'(' | b')' | b',' | b' ' | b'\t'..=b'\r'
            )
        });
    if !needs_quotes {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(*byte);
        }
        out.push(*byte);
    }
    out.push(b'"');
}

/// Each value of the dictionary is written once, then copied.
fn dictionary(
    array: &dyn Array,
    field_type: PgType,
    style: &OutputStyle,
) -> Result<TextColumn, SqlError> {
    let dictionary = array.as_any_dictionary();
    if dictionary.values().is_empty() {
        return Ok(TextColumn::build(
            array.len(),
            array.logical_nulls(),
            0,
            |_, _| {},
        ));
    }
    let values = encode_column(dictionary.values(), field_type, style)?;
    let keys = dictionary.normalized_keys();
    let row_bytes = values.bytes.len() / values.ends.len().max(1) + 1;
    Ok(TextColumn::build(
        array.len(),
        array.logical_nulls(),
        row_bytes,
        |out, row| {
            out.extend_from_slice(values.value(keys[row]).unwrap_or_default());
        },
    ))
}
