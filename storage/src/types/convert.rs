//! Arrays from the logical to the stored type, and back.
//!
//! Writing: `to_stored` makes the exact stored type, also inside lists, because the
//! Parquet encoder derives its levels from it. Reading: `to_logical` takes whatever a
//! file holds for a column, also files written before the column was widened or by
//! DuckDB, and makes the logical type.
//!
//! Errors: `Unsupported` for a type that is only read, or a value that the target
//! cannot hold; `Corrupt` when a file holds something that no cast can read.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, Int64Array, IntervalMonthDayNanoArray, ListArray,
    MapArray, StructArray, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Int32Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
};
use arrow::util::display::FormatOptions;

use crate::error::{Error, ErrorKind};
use crate::types::ColumnType;

const NANOS_PER_MICRO: i64 = 1_000;

impl ColumnType {
    /// Converts values of the logical type to the stored type.
    ///
    /// Any string or binary layout is taken for text and bytea. Nanoseconds below a
    /// microsecond are dropped from intervals.
    pub fn to_stored(&self, array: &ArrayRef) -> Result<ArrayRef, Error> {
        match self.plain() {
            Self::HugeInt | Self::Map(..) | Self::Unsupported(_) => Err(Error::new(
                ErrorKind::Unsupported,
                format!("columns of type {} cannot be written", self.declared_name()),
            )),
            Self::Interval => interval_to_struct(array),
            Self::List(element) => map_list(array, &self.stored_type(), |values| {
                element.to_stored(values)
            }),
            Self::Struct(fields) => {
                map_struct(array, &self.stored_type(), fields, ColumnType::to_stored)
            }
            _ => cast(array, &self.stored_type(), ErrorKind::Unsupported),
        }
    }

    /// Converts values as a file holds them to the logical type.
    pub fn to_logical(&self, array: &ArrayRef) -> Result<ArrayRef, Error> {
        let target = self.arrow_type();
        match self.plain() {
            Self::Unsupported(name) => Err(Error::new(
                ErrorKind::Unsupported,
                format!("columns of type {name} cannot be read"),
            )),
            Self::Interval => struct_to_interval(array),
            Self::List(element) => map_list(array, &target, |values| element.to_logical(values)),
            Self::Struct(fields) => map_struct(array, &target, fields, ColumnType::to_logical),
            Self::Map(key, value) => map_entries(array, &target, key, value),
            _ => cast(array, &target, ErrorKind::Corrupt),
        }
    }
}

fn cast(array: &ArrayRef, target: &DataType, kind: ErrorKind) -> Result<ArrayRef, Error> {
    if array.data_type() == target {
        return Ok(Arc::clone(array));
    }
    let options = CastOptions {
        safe: false,
        format_options: FormatOptions::default(),
    };
    cast_with_options(array, target, &options).map_err(|error| {
        let message = format!(
            "a value of type {} cannot become {target}",
            array.data_type()
        );
        Error::new(kind, message).with_source(error)
    })
}

fn mismatch(array: &ArrayRef, wanted: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("{} found where {wanted} belongs", array.data_type()),
    )
}

/// Rebuilds a list with the element type of `target` and converted values.
fn map_list(
    array: &ArrayRef,
    target: &DataType,
    convert: impl Fn(&ArrayRef) -> Result<ArrayRef, Error>,
) -> Result<ArrayRef, Error> {
    let DataType::List(field) = target else {
        return Err(mismatch(array, "a list"));
    };
    // Layouts other than the plain list (large, view, fixed) become it first.
    let plain: ArrayRef = match array.data_type() {
        DataType::List(_) => Arc::clone(array),
        DataType::Null => return Ok(new_null_array(target, array.len())),
        DataType::LargeList(inner)
        | DataType::ListView(inner)
        | DataType::LargeListView(inner)
        | DataType::FixedSizeList(inner, _) => cast(
            array,
            &DataType::List(Arc::clone(inner)),
            ErrorKind::Corrupt,
        )?,
        _ => return Err(mismatch(array, "a list")),
    };
    let list = plain.as_list::<i32>();
    let values = convert(list.values())?;
    let nulls = list.nulls().cloned();
    let rebuilt = ListArray::try_new(Arc::clone(field), list.offsets().clone(), values, nulls);
    Ok(Arc::new(rebuilt.map_err(broken)?))
}

fn map_struct(
    array: &ArrayRef,
    target: &DataType,
    fields: &[(String, ColumnType)],
    convert: fn(&ColumnType, &ArrayRef) -> Result<ArrayRef, Error>,
) -> Result<ArrayRef, Error> {
    let (Some(source), DataType::Struct(target_fields)) = (array.as_struct_opt(), target) else {
        return Err(mismatch(array, "a struct"));
    };
    let mut columns = Vec::with_capacity(fields.len());
    for ((name, inner), field) in fields.iter().zip(target_fields) {
        columns.push(match source.column_by_name(name) {
            Some(column) => convert(inner, column)?,
            None => new_null_array(field.data_type(), source.len()),
        });
    }
    let nulls = source.nulls().cloned();
    let rebuilt = StructArray::try_new(target_fields.clone(), columns, nulls);
    Ok(Arc::new(rebuilt.map_err(broken)?))
}

fn map_entries(
    array: &ArrayRef,
    target: &DataType,
    key: &ColumnType,
    value: &ColumnType,
) -> Result<ArrayRef, Error> {
    let (Some(source), DataType::Map(entry, ordered)) = (array.as_map_opt(), target) else {
        return Err(mismatch(array, "a map"));
    };
    let DataType::Struct(fields) = entry.data_type() else {
        return Err(mismatch(array, "a map"));
    };
    let columns = vec![
        key.to_logical(source.keys())?,
        value.to_logical(source.values())?,
    ];
    let entries = StructArray::try_new(fields.clone(), columns, None).map_err(broken)?;
    let offsets = source.offsets().clone();
    let nulls = source.nulls().cloned();
    let rebuilt = MapArray::try_new(Arc::clone(entry), offsets, entries, nulls, *ordered);
    Ok(Arc::new(rebuilt.map_err(broken)?))
}

fn broken(error: arrow::error::ArrowError) -> Error {
    Error::new(ErrorKind::Corrupt, "nested values do not fit their type").with_source(error)
}

fn interval_to_struct(array: &ArrayRef) -> Result<ArrayRef, Error> {
    let DataType::Struct(fields) = ColumnType::Interval.stored_type() else {
        return Err(mismatch(array, "an interval"));
    };
    let Some(intervals) = array.as_primitive_opt::<IntervalMonthDayNanoType>() else {
        return Err(mismatch(array, "an interval"));
    };
    let nulls = intervals.nulls().cloned();
    let count = intervals.len();
    let (mut months, mut days) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let mut micros = Vec::with_capacity(count);
    for interval in intervals.values() {
        months.push(interval.months);
        days.push(interval.days);
        micros.push(interval.nanoseconds / NANOS_PER_MICRO);
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::new(months.into(), nulls.clone())),
        Arc::new(Int32Array::new(days.into(), nulls.clone())),
        Arc::new(Int64Array::new(micros.into(), nulls.clone())),
    ];
    Ok(Arc::new(
        StructArray::try_new(fields, columns, nulls).map_err(broken)?,
    ))
}

fn struct_to_interval(array: &ArrayRef) -> Result<ArrayRef, Error> {
    let source = array
        .as_struct_opt()
        .ok_or_else(|| mismatch(array, "an interval"))?;
    let part = |name: &str, target: DataType| {
        let column = source
            .column_by_name(name)
            .ok_or_else(|| mismatch(array, "an interval"))?;
        cast(column, &target, ErrorKind::Corrupt)
    };
    let months = part("months", DataType::Int32)?;
    let days = part("days", DataType::Int32)?;
    let micros = part("micros", DataType::Int64)?;
    let months = months.as_primitive::<Int32Type>();
    let days = days.as_primitive::<Int32Type>();
    let micros = micros.as_primitive::<Int64Type>();
    let mut values = Vec::with_capacity(source.len());
    for index in 0..source.len() {
        if source.is_null(index) {
            values.push(None);
            continue;
        }
        let nanoseconds = micros
            .value(index)
            .checked_mul(NANOS_PER_MICRO)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Unsupported,
                    "interval out of range: over 292 years of seconds",
                )
            })?;
        values.push(Some(IntervalMonthDayNano {
            months: months.value(index),
            days: days.value(index),
            nanoseconds,
        }));
    }
    Ok(Arc::new(IntervalMonthDayNanoArray::from(values)))
}
