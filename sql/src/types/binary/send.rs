//! Arrow columns into PostgreSQL's binary format, a column at a time.
//!
//! The type decides the format, since the client was told it in RowDescription;
//! an array of another Arrow type is cast to the type's own first.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, DurationMicrosecondType, Float32Type,
    Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType, Time64MicrosecondType,
    TimeUnit, TimestampMicrosecondType,
};

use super::receive::JSONB_VERSION;
use super::{array, nested, numeric};
use crate::error::SqlError;
use crate::types::datetime::{
    DATE_INFINITY, DATE_MINUS_INFINITY, Interval, POSTGRES_EPOCH_DAYS, POSTGRES_EPOCH_MICROS,
    TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY,
};
use crate::types::output::{OutputStyle, TextColumn, encode as encode_text};
use crate::types::{PgType, oid};

/// The binary values of a column; the shape is that of text.
pub type BinaryColumn = TextColumn;

/// Writes a column in binary.
///
/// Errors: `0A000` for types without a binary form here; `22003` for a value that
/// the type cannot hold.
pub fn encode_binary(array: &dyn Array, field_type: PgType) -> Result<BinaryColumn, SqlError> {
    let unpacked: ArrayRef;
    let array = match array.data_type() {
        DataType::Dictionary(_, values) => {
            unpacked = with_type(array, values)?;
            unpacked.as_ref()
        }
        DataType::RunEndEncoded(_, values) => {
            unpacked = with_type(array, values.data_type())?;
            unpacked.as_ref()
        }
        _ => array,
    };
    if *array.data_type() == DataType::Null {
        return Ok(TextColumn::build(
            array.len(),
            array.logical_nulls(),
            0,
            |_, _| {},
        ));
    }
    match array.data_type() {
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::FixedSizeList(_, _) => lists(array, field_type),
        DataType::Struct(_) => rows(array),
        DataType::Decimal32(_, _)
        | DataType::Decimal64(_, _)
        | DataType::Decimal128(_, _)
        | DataType::Decimal256(_, _)
            if field_type.oid == oid::NUMERIC =>
        {
            decimals(array)
        }
        DataType::Duration(_) => durations(array),
        _ => scalars(array, field_type),
    }
}

/// Casts to `target` unless the array has it; a value that does not fit is an
/// error, never NULL.
pub(super) fn with_type(array: &dyn Array, target: &DataType) -> Result<ArrayRef, SqlError> {
    if array.data_type() == target {
        return Ok(array.slice(0, array.len()));
    }
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(array, target, &options).map_err(|error| {
        SqlError::out_of_range(PgType::of_arrow(target).entry().display).caused_by(error)
    })
}

macro_rules! primitives {
    ($array:expr, $arrow_type:ty, $bytes:literal, $convert:expr) => {{
        let values = $array.as_primitive::<$arrow_type>().values();
        TextColumn::build($array.len(), $array.logical_nulls(), $bytes, |out, row| {
            out.extend_from_slice(&$convert(values[row]).to_be_bytes());
        })
    }};
}

fn scalars(array: &dyn Array, field_type: PgType) -> Result<BinaryColumn, SqlError> {
    if matches!(array.data_type(), DataType::FixedSizeBinary(_)) {
        let values = array.as_fixed_size_binary();
        return Ok(copy(array, &[], |row| values.value(row)));
    }
    // The zone is only a label here, so it must not make a cast.
    let target = match (array.data_type(), field_type.arrow_type()) {
        (DataType::Timestamp(_, zone), DataType::Timestamp(unit, _)) => {
            DataType::Timestamp(unit, zone.clone())
        }
        (_, target) => target,
    };
    let array = with_type(array, &target)?;
    let column = match field_type.oid {
        oid::BOOL => {
            let values = array.as_boolean();
            TextColumn::build(array.len(), array.logical_nulls(), 1, |out, row| {
                out.push(u8::from(values.value(row)));
            })
        }
        oid::INT2 => primitives!(array, Int16Type, 2, |value: i16| value),
        oid::INT4 => primitives!(array, Int32Type, 4, |value: i32| value),
        oid::INT8 => primitives!(array, Int64Type, 8, |value: i64| value),
        // OIDs have 32 bits without a sign.
        _ if field_type.is_oid_like() => {
            primitives!(array, Int64Type, 4, |value: i64| value as u32)
        }
        oid::FLOAT4 => primitives!(array, Float32Type, 4, |value: f32| value),
        oid::FLOAT8 => primitives!(array, Float64Type, 8, |value: f64| value),
        oid::NUMERIC => decimals(&array)?,
        oid::DATE => primitives!(array, Date32Type, 4, days_since_2000),
        oid::TIME => primitives!(array, Time64MicrosecondType, 8, |value: i64| value),
        oid::TIMESTAMP | oid::TIMESTAMPTZ => {
            primitives!(array, TimestampMicrosecondType, 8, micros_since_2000)
        }
        oid::INTERVAL => {
            let values = array.as_primitive::<IntervalMonthDayNanoType>().values();
            intervals(&array, |row| Interval::from_arrow(values[row]))
        }
        oid::BYTEA => {
            let values = array.as_binary_view();
            copy(&array, &[], |row| values.value(row))
        }
        oid::JSONB => {
            let values = array.as_string_view();
            copy(&array, &[JSONB_VERSION], |row| values.value(row).as_bytes())
        }
        // The rest is sent as its text; padding is the only thing style could change.
        _ => encode_text(&array, field_type, &OutputStyle::default())?,
    };
    Ok(column)
}

fn copy<'a>(array: &dyn Array, prefix: &[u8], value: impl Fn(usize) -> &'a [u8]) -> BinaryColumn {
    TextColumn::build(array.len(), array.logical_nulls(), 16, |out, row| {
        out.extend_from_slice(prefix);
        out.extend_from_slice(value(row));
    })
}

fn days_since_2000(days: i32) -> i32 {
    match days {
        DATE_INFINITY | DATE_MINUS_INFINITY => days,
        _ => days.saturating_sub(POSTGRES_EPOCH_DAYS),
    }
}

fn micros_since_2000(micros: i64) -> i64 {
    match micros {
        TIMESTAMP_INFINITY | TIMESTAMP_MINUS_INFINITY => micros,
        _ => micros.saturating_sub(POSTGRES_EPOCH_MICROS),
    }
}

fn durations(array: &dyn Array) -> Result<BinaryColumn, SqlError> {
    let array = with_type(array, &DataType::Duration(TimeUnit::Microsecond))?;
    let values = array.as_primitive::<DurationMicrosecondType>().values();
    Ok(intervals(&array, |row| Interval::from_micros(values[row])))
}

fn intervals(array: &dyn Array, value: impl Fn(usize) -> Interval) -> BinaryColumn {
    TextColumn::build(array.len(), array.logical_nulls(), 16, |out, row| {
        let interval = value(row);
        out.extend_from_slice(&interval.micros.to_be_bytes());
        out.extend_from_slice(&interval.days.to_be_bytes());
        out.extend_from_slice(&interval.months.to_be_bytes());
    })
}

fn decimals(array: &dyn Array) -> Result<BinaryColumn, SqlError> {
    let (length, nulls) = (array.len(), array.logical_nulls());
    let column = match array.data_type() {
        DataType::Decimal128(_, scale) => {
            let values = array.as_primitive::<Decimal128Type>().values();
            TextColumn::build(length, nulls, 14, |out, row| {
                numeric::send(out, values[row], *scale);
            })
        }
        DataType::Decimal256(_, scale) => {
            let values = array.as_primitive::<Decimal256Type>().values();
            TextColumn::build(length, nulls, 20, |out, row| {
                numeric::send_wide(out, values[row], *scale);
            })
        }
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            return decimals(&with_type(
                array,
                &DataType::Decimal128(*precision, *scale),
            )?);
        }
        other => return Err(SqlError::internal(format!("{other} is not a decimal"))),
    };
    Ok(column)
}

fn lists(array: &dyn Array, field_type: PgType) -> Result<BinaryColumn, SqlError> {
    let Some(element_type) = field_type.element() else {
        // A list without an array type was described as text.
        return encode_text(array, field_type, &OutputStyle::default());
    };
    if nested::is_nested(array.data_type()) {
        return nested::lists(array, element_type);
    }
    let element = match array.data_type() {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => std::sync::Arc::clone(field),
        other => return Err(SqlError::internal(format!("{other} is no list"))),
    };
    let array = with_type(array, &DataType::LargeList(element))?;
    let list = array.as_list::<i64>();
    let offsets = list.value_offsets();
    let first = offsets.first().map_or(0, |offset| *offset as usize);
    let last = offsets.last().map_or(0, |offset| *offset as usize);
    let values = encode_binary(&list.values().slice(first, last - first), element_type)?;
    let lower_bound = if field_type.is_vector() { 0 } else { 1 };
    Ok(TextColumn::build(
        list.len(),
        list.nulls().cloned(),
        32,
        |out, row| {
            let range = offsets[row] as usize - first..offsets[row + 1] as usize - first;
            let has_nulls = range.clone().any(|index| values.value(index).is_none());
            array::write_header(out, element_type.oid, range.len(), has_nulls, lower_bound);
            for index in range {
                array::write_element(out, values.value(index));
            }
        },
    ))
}

fn rows(array: &dyn Array) -> Result<BinaryColumn, SqlError> {
    let array = array.as_struct();
    let mut columns = Vec::with_capacity(array.num_columns());
    for (field, column) in array.fields().iter().zip(array.columns()) {
        let member_type = PgType::of_field(field);
        columns.push((member_type.oid, encode_binary(column, member_type)?));
    }
    let count = i32::try_from(columns.len()).unwrap_or(i32::MAX);
    Ok(TextColumn::build(
        array.len(),
        array.nulls().cloned(),
        32,
        |out, row| {
            out.extend_from_slice(&count.to_be_bytes());
            for (member_oid, column) in &columns {
                out.extend_from_slice(&member_oid.to_be_bytes());
                array::write_element(out, column.value(row));
            }
        },
    ))
}
