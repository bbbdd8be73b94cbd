//! `percentile_disc` and `percentile_cont`, for one fraction or an array of them.
//!
//! Source: PostgreSQL 15, `orderedsetaggs.c`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, ListArray, new_null_array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType};
use datafusion::common::ScalarValue;

use super::finish::present;
use crate::error::SqlError;
use crate::functions::kinds;

/// The first value whose position reaches the fraction.
///
/// `inputs`: the values in order, then the fraction or the array of fractions.
pub(super) fn discrete(inputs: &[ArrayRef], data_type: &DataType) -> Result<ScalarValue, SqlError> {
    let values = &inputs[0];
    let rows = present(values);
    at_fractions(&inputs[1], data_type, |fraction| {
        let position = (fraction * rows.len() as f64).ceil() as usize;
        match rows.get(position.max(1) - 1) {
            Some(row) => Ok(values.slice(*row, 1)),
            None => Ok(new_null_array(values.data_type(), 1)),
        }
    })
}

/// The value at the fraction of the way from the first to the last, interpolated.
pub(super) fn continuous(
    inputs: &[ArrayRef],
    data_type: &DataType,
) -> Result<ScalarValue, SqlError> {
    let values = &inputs[0];
    let rows = present(values);
    at_fractions(&inputs[1], data_type, |fraction| {
        let Some(last) = rows.len().checked_sub(1) else {
            return Ok(new_null_array(values.data_type(), 1));
        };
        let place = fraction * last as f64;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        let part = place - place.floor();
        between(values, rows[low], rows[high.min(last)], part)
    })
}

/// One row: `part` of the way from one row to another.
fn between(values: &ArrayRef, low: usize, high: usize, part: f64) -> Result<ArrayRef, SqlError> {
    if low == high || part == 0.0 {
        return Ok(values.slice(low, 1));
    }
    if let Some(intervals) = values.as_primitive_opt::<IntervalMonthDayNanoType>() {
        let value = interval_between(intervals.value(low), intervals.value(high), part);
        return Ok(ScalarValue::IntervalMonthDayNano(Some(value)).to_array()?);
    }
    let floats: &Float64Array = kinds::primitive::<Float64Type>(values)?;
    let (low, high) = (floats.value(low), floats.value(high));
    let value = low + part * (high - low);
    Ok(Arc::new(Float64Array::from(vec![value])))
}

/// Fractions of a month become days of thirty, and those of a day become time.
fn interval_between(
    low: IntervalMonthDayNano,
    high: IntervalMonthDayNano,
    part: f64,
) -> IntervalMonthDayNano {
    const MONTH_DAYS: f64 = 30.0;
    const DAY_MICROS: f64 = 86_400_000_000.0;
    let months = f64::from(high.months - low.months) * part;
    let days = f64::from(high.days - low.days) * part;
    let month_days = months.fract() * MONTH_DAYS;
    let micros = (high.nanoseconds - low.nanoseconds) as f64 / 1000.0 * part;
    let day_micros = (days.fract() + month_days.fract()) * DAY_MICROS;
    let micros = (micros + day_micros).round_ties_even();
    IntervalMonthDayNano::new(
        low.months + months.trunc() as i32,
        low.days + days.trunc() as i32 + month_days.trunc() as i32,
        low.nanoseconds + micros as i64 * 1000,
    )
}

/// The answer for one fraction, or an array of answers for an array.
///
/// Errors: `22003` for a fraction outside 0 to 1.
fn at_fractions(
    fractions: &ArrayRef,
    data_type: &DataType,
    mut answer: impl FnMut(f64) -> Result<ArrayRef, SqlError>,
) -> Result<ScalarValue, SqlError> {
    let Some(lists) = fractions.as_list_opt::<i32>() else {
        let fraction = first(kinds::primitive::<Float64Type>(fractions)?);
        let Some(fraction) = checked(fraction)? else {
            return Ok(ScalarValue::try_from(data_type)?);
        };
        return Ok(ScalarValue::try_from_array(&answer(fraction)?, 0)?);
    };
    let DataType::List(element) = data_type else {
        return Err(SqlError::internal("percentiles of an array are an array"));
    };
    if lists.is_empty() || lists.is_null(0) {
        return Ok(ScalarValue::try_from(data_type)?);
    }
    let wanted = lists.value(0);
    let wanted: &Float64Array = kinds::primitive::<Float64Type>(&wanted)?;
    let mut answers = Vec::with_capacity(wanted.len());
    for fraction in wanted {
        answers.push(match checked(fraction)? {
            Some(fraction) => arrow::compute::cast(&answer(fraction)?, element.data_type())?,
            None => new_null_array(element.data_type(), 1),
        });
    }
    let parts: Vec<&dyn Array> = answers.iter().map(AsRef::as_ref).collect();
    let items = if parts.is_empty() {
        new_null_array(element.data_type(), 0)
    } else {
        arrow::compute::concat(&parts)?
    };
    let offsets = OffsetBuffer::from_lengths([items.len()]);
    let list = ListArray::try_new(Arc::clone(element), offsets, items, None)?;
    Ok(ScalarValue::List(Arc::new(list)))
}

fn first(fractions: &Float64Array) -> Option<f64> {
    fractions.iter().next().flatten()
}

fn checked(fraction: Option<f64>) -> Result<Option<f64>, SqlError> {
    match fraction {
        Some(fraction) if !(0.0..=1.0).contains(&fraction) => Err(SqlError::number_out_of_range(
            &format!("percentile value {fraction} is not between 0 and 1"),
        )),
        other => Ok(other),
    }
}
