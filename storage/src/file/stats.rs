//! Bounds of a column in a file: the smallest and largest value, as DuckLake text.
//!
//!   values ──▶ RunningBounds ──▶ text in the catalog ──▶ bounds_array ──▶ pruning
//!
//! Invariants:
//! - A bound is never inside the values: a minimum is at most the smallest value and a
//!   maximum at least the largest, after truncation, widening of the column's type and
//!   rounding. What cannot be read that way is NULL, which means unknown.
//! - NaN is outside the bounds. A reader that orders NaN above all numbers must also
//!   look at `contains_nan`.
//!
//! Not guaranteed: that a bound occurs among the values. Texts are cut after
//! `BOUND_BYTES_MAX` bytes.
//!
//! Source: DuckLake 1.0, `ducklake_file_column_stats`; spellings observed in DuckDB 1.5.5.

mod calendar;
mod parse;
mod running;
#[cfg(test)]
mod tests;
mod value;

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BinaryViewArray, BooleanArray, Decimal128Array,
    FixedSizeBinaryBuilder, PrimitiveArray, StringViewArray, new_null_array,
};
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimestampMicrosecondType,
};

pub(crate) use running::RunningBounds;
pub(crate) use value::{blob_bytes, value_text};

use crate::types::ColumnType;
use parse::{Value, parse};

/// Longest bound of text or bytea, in bytes before hexadecimal. As DuckDB cuts them.
pub(crate) const BOUND_BYTES_MAX: usize = 256;

/// Which end of the values a bound is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// At most the smallest value.
    Min,
    /// At least the largest value.
    Max,
}

/// The bounds of one column, a row for each text, in the column's `arrow_type`.
///
/// `bound`: which end the texts are, so that rounding goes outwards. NULL where the
/// text is absent or cannot be read, and everywhere for types without bounds.
pub(crate) fn bounds_array<'a>(
    column_type: &ColumnType,
    bound: Bound,
    texts: impl IntoIterator<Item = Option<&'a str>>,
) -> ArrayRef {
    let target = column_type.arrow_type();
    let values: Vec<Option<Value>> = texts
        .into_iter()
        .map(|text| text.and_then(|text| parse(column_type, bound, text)))
        .collect();
    if !column_type.has_bounds() {
        return new_null_array(&target, values.len());
    }
    match &target {
        DataType::Boolean => Arc::new(
            values
                .iter()
                .map(integer::<i64>)
                .map(is_one)
                .collect::<BooleanArray>(),
        ),
        DataType::Int16 => integers::<Int16Type>(&values, &target),
        DataType::Int32 => integers::<Int32Type>(&values, &target),
        DataType::Int64 => integers::<Int64Type>(&values, &target),
        DataType::Date32 => integers::<Date32Type>(&values, &target),
        DataType::Time64(_) => integers::<Time64MicrosecondType>(&values, &target),
        DataType::Timestamp(..) => integers::<TimestampMicrosecondType>(&values, &target),
        DataType::Decimal128(..) => {
            let decimals: Decimal128Array = values.iter().map(integer::<i128>).collect();
            Arc::new(decimals.with_data_type(target))
        }
        DataType::Float32 => Arc::new(
            floats(&values)
                .map(|value| value.map(|v| v as f32))
                .collect::<PrimitiveArray<Float32Type>>(),
        ),
        DataType::Float64 => Arc::new(floats(&values).collect::<PrimitiveArray<Float64Type>>()),
        DataType::Utf8View => Arc::new(values.iter().map(text).collect::<StringViewArray>()),
        DataType::BinaryView => Arc::new(values.iter().map(bytes).collect::<BinaryViewArray>()),
        DataType::FixedSizeBinary(width) => uuids(&values, *width),
        other => new_null_array(other, values.len()),
    }
}

/// The outer one of two bounds, for a table's bounds when a file joins it.
///
/// `None` if either is unknown: then nothing is known of both together.
pub(crate) fn outer_bound(
    column_type: &ColumnType,
    bound: Bound,
    current: Option<&str>,
    added: Option<&str>,
) -> Option<String> {
    let (current, added) = (current?, added?);
    let current_value = parse(column_type, bound, current)?;
    let added_value = parse(column_type, bound, added)?;
    let keeps_current = match (bound, current_value.compare(&added_value)?) {
        (_, Ordering::Equal) => true,
        (Bound::Min, order) => order == Ordering::Less,
        (Bound::Max, order) => order == Ordering::Greater,
    };
    Some(if keeps_current { current } else { added }.to_owned())
}

fn is_one(value: Option<i64>) -> Option<bool> {
    value.map(|value| value == 1)
}

fn integer<T: TryFrom<i128>>(value: &Option<Value>) -> Option<T> {
    match value {
        Some(Value::Integer(value)) => T::try_from(*value).ok(),
        _ => None,
    }
}

fn integers<T>(values: &[Option<Value>], target: &DataType) -> ArrayRef
where
    T: ArrowPrimitiveType,
    T::Native: TryFrom<i128>,
{
    let array: PrimitiveArray<T> = values.iter().map(integer::<T::Native>).collect();
    Arc::new(array.with_data_type(target.clone()))
}

fn floats(values: &[Option<Value>]) -> impl Iterator<Item = Option<f64>> {
    values.iter().map(|value| match value {
        Some(Value::Float(value)) => Some(*value),
        _ => None,
    })
}

fn text(value: &Option<Value>) -> Option<&str> {
    match value {
        Some(Value::Text(value)) => Some(value),
        _ => None,
    }
}

fn bytes(value: &Option<Value>) -> Option<&[u8]> {
    match value {
        Some(Value::Bytes(value)) => Some(value),
        _ => None,
    }
}

fn uuids(values: &[Option<Value>], width: i32) -> ArrayRef {
    let mut builder = FixedSizeBinaryBuilder::with_capacity(values.len(), width);
    for value in values {
        match bytes(value) {
            // Cannot fail: `parse` gives 16 bytes for a uuid; if it ever did not, the
            // bound is unknown.
            Some(value) if builder.append_value(value).is_ok() => {}
            _ => builder.append_null(),
        }
    }
    Arc::new(builder.finish())
}
