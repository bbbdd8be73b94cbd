//! Times, timestamps and intervals of any unit as text.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, DurationMicrosecondType, IntervalMonthDayNanoType, IntervalUnit,
    Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};

use super::{OutputStyle, TextColumn};
use crate::error::SqlError;
use crate::types::datetime::{
    Interval, write_interval, write_time, write_timestamp, write_timestamptz,
};

/// Writes a column of times, timestamps, intervals or durations.
pub(super) fn encode(array: &dyn Array, style: &OutputStyle) -> Result<TextColumn, SqlError> {
    let target = in_micros(array.data_type());
    let cast_array: ArrayRef;
    let array = if *array.data_type() == target {
        array
    } else {
        let options = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        cast_array = cast_with_options(array, &target, &options)?;
        cast_array.as_ref()
    };
    let (length, nulls) = (array.len(), array.logical_nulls());
    let column = match array.data_type() {
        DataType::Time64(_) => {
            let values = array.as_primitive::<Time64MicrosecondType>().values();
            TextColumn::build(length, nulls, 8, |out, row| write_time(out, values[row]))
        }
        DataType::Timestamp(_, None) => {
            let values = array.as_primitive::<TimestampMicrosecondType>().values();
            TextColumn::build(length, nulls, 20, |out, row| {
                write_timestamp(out, values[row], style.date_style);
            })
        }
        DataType::Timestamp(_, Some(_)) => {
            let values = array.as_primitive::<TimestampMicrosecondType>().values();
            TextColumn::build(length, nulls, 23, |out, row| {
                write_timestamptz(out, values[row], style.time_zone, style.date_style);
            })
        }
        DataType::Duration(_) => {
            let values = array.as_primitive::<DurationMicrosecondType>().values();
            TextColumn::build(length, nulls, 16, |out, row| {
                write_interval(
                    out,
                    Interval::from_micros(values[row]),
                    style.interval_style,
                );
            })
        }
        _ => {
            let values = array.as_primitive::<IntervalMonthDayNanoType>().values();
            TextColumn::build(length, nulls, 16, |out, row| {
                write_interval(out, Interval::from_arrow(values[row]), style.interval_style);
            })
        }
    };
    Ok(column)
}

/// The type with the unit that PostgreSQL has.
fn in_micros(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        DataType::Duration(_) => DataType::Duration(TimeUnit::Microsecond),
        _ => DataType::Interval(IntervalUnit::MonthDayNano),
    }
}
