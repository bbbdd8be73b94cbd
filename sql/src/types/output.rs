//! Arrow columns as PostgreSQL's text, a column at a time.
//!
//! A column becomes one buffer and the end of each row in it, so that no value
//! is allocated. Lists, maps and structs encode their children first, as columns
//! too, and then quote them into place.
//!
//! Flow: [`encode`] looks at the Arrow type; the PostgreSQL type only decides
//! what Arrow does not tell (padding, UUID, vectors).
//!
//! Not guaranteed: names for regclass and its kin; they are shown as numbers.
//!
//! Source: PostgreSQL 15's output functions.

use arrow::array::{Array, AsArray, StringViewArray, StringViewBuilder};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};

use super::datetime::{MICROS_PER_DAY, Zone, write_date};
use super::{PgType, numeric, oid};
use crate::error::SqlError;

mod bytes;
mod float;
mod nested;
mod time;

pub use super::datetime::{DateStyle, IntervalStyle};

#[cfg(test)]
mod tests;

/// The settings of a session that decide how values look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputStyle {
    /// `TimeZone`: where a timestamptz is shown.
    pub time_zone: Zone,
    /// `DateStyle`.
    pub date_style: DateStyle,
    /// `IntervalStyle`.
    pub interval_style: IntervalStyle,
    /// `bytea_output`: hex or escape.
    pub bytea_hex: bool,
    /// `extra_float_digits`: above 0 the shortest exact text, else fewer digits.
    pub extra_float_digits: i32,
}

impl Default for OutputStyle {
    fn default() -> Self {
        Self {
            time_zone: Zone::UTC,
            date_style: DateStyle::default(),
            interval_style: IntervalStyle::default(),
            bytea_hex: true,
            extra_float_digits: 1,
        }
    }
}

/// The encoded values of a column, one after the other.
#[derive(Clone, Debug)]
pub struct TextColumn {
    /// All values.
    pub bytes: Vec<u8>,
    /// Where each row ends in `bytes`; a row starts where the one before ends.
    pub ends: Vec<usize>,
    /// Which rows are NULL; they take no bytes.
    pub nulls: Option<NullBuffer>,
}

impl TextColumn {
    /// The value of a row; `None` is NULL.
    #[inline]
    #[must_use]
    pub fn value(&self, row: usize) -> Option<&[u8]> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        Some(&self.bytes[start..self.ends[row]])
    }

    /// Writes rows one after the other. `row_bytes`: a guess at their length.
    pub(crate) fn build(
        length: usize,
        nulls: Option<NullBuffer>,
        row_bytes: usize,
        mut write: impl FnMut(&mut Vec<u8>, usize),
    ) -> Self {
        let mut bytes = Vec::with_capacity(length * row_bytes);
        let mut ends = Vec::with_capacity(length);
        match nulls.filter(|nulls| nulls.null_count() > 0) {
            None => {
                for row in 0..length {
                    write(&mut bytes, row);
                    ends.push(bytes.len());
                }
                Self {
                    bytes,
                    ends,
                    nulls: None,
                }
            }
            Some(nulls) => {
                for row in 0..length {
                    if nulls.is_valid(row) {
                        write(&mut bytes, row);
                    }
                    ends.push(bytes.len());
                }
                Self {
                    bytes,
                    ends,
                    nulls: Some(nulls),
                }
            }
        }
    }
}

/// Writes a column as text.
///
/// `array`: any Arrow type that `types.rs` maps; `field_type`: what its field is.
/// Errors: `0A000` for unions.
pub fn encode(
    array: &dyn Array,
    field_type: PgType,
    style: &OutputStyle,
) -> Result<TextColumn, SqlError> {
    let length = array.len();
    let nulls = array.logical_nulls();
    let column = match array.data_type() {
        DataType::Null => TextColumn::build(length, nulls, 0, |_, _| {}),
        DataType::Boolean => {
            let values = array.as_boolean();
            TextColumn::build(length, nulls, 1, |out, row| {
                out.push(if values.value(row) { b't' } else { b'f' });
            })
        }
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => signed(array),
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => unsigned(array),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => floats(array, style),
        DataType::Decimal32(_, _)
        | DataType::Decimal64(_, _)
        | DataType::Decimal128(_, _)
        | DataType::Decimal256(_, _) => decimals(array, field_type),
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => bytes::encode(array, field_type, style),
        DataType::Date32 => {
            let values = array.as_primitive::<Date32Type>().values();
            TextColumn::build(length, nulls, 10, |out, row| {
                write_date(out, values[row], style.date_style);
            })
        }
        DataType::Date64 => {
            let values = array.as_primitive::<Date64Type>().values();
            TextColumn::build(length, nulls, 10, |out, row| {
                let days = values[row].div_euclid(MICROS_PER_DAY / 1000);
                write_date(
                    out,
                    i32::try_from(days).unwrap_or(i32::MAX),
                    style.date_style,
                );
            })
        }
        DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Timestamp(_, _)
        | DataType::Interval(_)
        | DataType::Duration(_) => time::encode(array, style)?,
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::FixedSizeList(_, _)
        | DataType::Map(_, _)
        | DataType::Struct(_)
        | DataType::Dictionary(_, _)
        | DataType::RunEndEncoded(_, _) => nested::encode(array, field_type, style)?,
        DataType::Union(_, _) => return Err(SqlError::not_supported("showing a union")),
    };
    Ok(column)
}

/// Casts a column to `text`. Unlike [`encode`], `char(n)` is not padded: the
/// cast drops its trailing spaces.
pub fn to_text_array(
    array: &dyn Array,
    field_type: PgType,
    style: &OutputStyle,
) -> Result<StringViewArray, SqlError> {
    if let Some(text) = array.as_string_view_opt() {
        return Ok(text.clone());
    }
    let shown_type = if field_type.oid == oid::BPCHAR {
        PgType::new(oid::TEXT)
    } else {
        field_type
    };
    let column = encode(array, shown_type, style)?;
    let mut builder = StringViewBuilder::with_capacity(array.len());
    for row in 0..array.len() {
        match column.value(row) {
            None => builder.append_null(),
            Some(bytes) => builder.append_value(
                std::str::from_utf8(bytes).map_err(|_| SqlError::invalid_encoding(bytes))?,
            ),
        }
    }
    Ok(builder.finish())
}

macro_rules! integers {
    ($array:expr, $($pattern:pat => $arrow_type:ty),+ $(,)?) => {{
        let array = $array;
        let (length, nulls) = (array.len(), array.logical_nulls());
        match array.data_type() {
            $($pattern => {
                let values = array.as_primitive::<$arrow_type>().values();
                TextColumn::build(length, nulls, 8, |out, row| {
                    out.extend_from_slice(itoa::Buffer::new().format(values[row]).as_bytes());
                })
            })+
        }
    }};
}

fn signed(array: &dyn Array) -> TextColumn {
    integers!(array,
        DataType::Int8 => Int8Type,
        DataType::Int16 => Int16Type,
        DataType::Int32 => Int32Type,
        _ => Int64Type,
    )
}

fn unsigned(array: &dyn Array) -> TextColumn {
    integers!(array,
        DataType::UInt8 => UInt8Type,
        DataType::UInt16 => UInt16Type,
        DataType::UInt32 => UInt32Type,
        _ => UInt64Type,
    )
}

fn floats(array: &dyn Array, style: &OutputStyle) -> TextColumn {
    let (length, nulls) = (array.len(), array.logical_nulls());
    let extra = style.extra_float_digits;
    match array.data_type() {
        DataType::Float16 => {
            let values = array.as_primitive::<Float16Type>().values();
            TextColumn::build(length, nulls, 8, |out, row| {
                float::write_single(out, values[row].to_f32(), extra);
            })
        }
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>().values();
            TextColumn::build(length, nulls, 8, |out, row| {
                float::write_single(out, values[row], extra);
            })
        }
        _ => {
            let values = array.as_primitive::<Float64Type>().values();
            TextColumn::build(length, nulls, 12, |out, row| {
                float::write_double(out, values[row], extra);
            })
        }
    }
}

/// Writes decimals with all digits of their scale; a `numeric` without one shows
/// no zeros at the end, since how many were written is not known.
fn decimals(array: &dyn Array, field_type: PgType) -> TextColumn {
    let (length, nulls) = (array.len(), array.logical_nulls());
    if field_type == PgType::new(oid::NUMERIC)
        && let DataType::Decimal128(_, scale) = array.data_type()
    {
        let values = array.as_primitive::<Decimal128Type>().values();
        return TextColumn::build(length, nulls, 8, |out, row| {
            let (value, scale) = numeric::without_zeros(values[row], *scale);
            numeric::write(out, value, scale);
        });
    }
    match array.data_type() {
        DataType::Decimal32(_, scale) => {
            let values = array.as_primitive::<Decimal32Type>().values();
            TextColumn::build(length, nulls, 8, |out, row| {
                numeric::write(out, i128::from(values[row]), *scale);
            })
        }
        DataType::Decimal64(_, scale) => {
            let values = array.as_primitive::<Decimal64Type>().values();
            TextColumn::build(length, nulls, 10, |out, row| {
                numeric::write(out, i128::from(values[row]), *scale);
            })
        }
        DataType::Decimal256(_, scale) => {
            let values = array.as_primitive::<Decimal256Type>().values();
            TextColumn::build(length, nulls, 20, |out, row| {
                numeric::write_wide(out, values[row], *scale);
            })
        }
        other => {
            let scale = if let DataType::Decimal128(_, scale) = other {
                *scale
            } else {
                0
            };
            let values = array.as_primitive::<Decimal128Type>().values();
            TextColumn::build(length, nulls, 10, |out, row| {
                numeric::write(out, values[row], scale);
            })
        }
    }
}
