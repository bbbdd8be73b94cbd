//! `width_bucket`.

use arrow::array::ArrayRef;

use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::Call;
use crate::functions::kinds::{Float8, Int4};

pub(super) fn register(registry: &mut Registry) {
    registry.add(
        "width_bucket(float8, float8, float8, int4) -> int4",
        buckets,
    );
}

fn buckets(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let (values, lows) = (call.reader::<Float8>(0)?, call.reader::<Float8>(1)?);
    let (highs, counts) = (call.reader::<Float8>(2)?, call.reader::<Int4>(3)?);
    call.rows(|row| {
        let (Some(value), Some(low), Some(high), Some(count)) = (
            values.value(row),
            lows.value(row),
            highs.value(row),
            counts.value(row),
        ) else {
            return Ok(None);
        };
        bucket(value, low, high, count).map(Some)
    })
}

fn bucket(value: f64, low: f64, high: f64, count: i32) -> Result<i32, SqlError> {
    if count <= 0 {
        return Err(SqlError::invalid_width_bucket(
            "count must be greater than zero",
        ));
    }
    if value.is_nan() || low.is_nan() || high.is_nan() {
        return Err(SqlError::invalid_width_bucket(
            "operand, lower bound, and upper bound cannot be NaN",
        ));
    }
    if !low.is_finite() || !high.is_finite() {
        return Err(SqlError::invalid_width_bucket(
            "lower and upper bounds must be finite",
        ));
    }
    if low == high {
        return Err(SqlError::invalid_width_bucket(
            "lower bound cannot equal upper bound",
        ));
    }
    let is_rising = low < high;
    let is_below = if is_rising { value < low } else { value > low };
    let is_beyond = if is_rising {
        value >= high
    } else {
        value <= high
    };
    if is_below {
        return Ok(0);
    }
    if is_beyond {
        return count
            .checked_add(1)
            .ok_or_else(|| SqlError::out_of_range("integer"));
    }
    let position = (value - low) / (high - low) * f64::from(count);
    // Between 0 and count, so it fits.
    Ok((position as i32).min(count - 1) + 1)
}
