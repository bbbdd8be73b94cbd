//! Dates and moments moved by days and months; what is infinite stays.

use arrow::datatypes::IntervalMonthDayNano;
use arrow::error::ArrowError;
use chrono::{Datelike, Months, NaiveDate};

use super::{DAY_MICROS, overflow};
use crate::error::SqlError;
use crate::types::datetime::{
    DATE_INFINITY, DATE_MINUS_INFINITY, DAYS_MAX, DAYS_MIN, TIMESTAMP_INFINITY,
    TIMESTAMP_MINUS_INFINITY,
};

pub(super) fn infinite(what: &str) -> ArrowError {
    SqlError::invalid_moment(&format!("cannot subtract infinite {what}")).into()
}

pub(super) fn is_infinite(micros: i64) -> bool {
    matches!(micros, TIMESTAMP_INFINITY | TIMESTAMP_MINUS_INFINITY)
}

pub(super) fn is_infinite_date(day: i32) -> bool {
    matches!(day, DATE_INFINITY | DATE_MINUS_INFINITY)
}

/// A date some days later; an infinite one stays.
///
/// Errors: `22008` past the range of dates.
pub(super) fn move_date(day: i32, days: i64) -> Result<i32, ArrowError> {
    if is_infinite_date(day) {
        return Ok(day);
    }
    let moved = i64::from(day) + days;
    i32::try_from(moved)
        .ok()
        .filter(|_| (DAYS_MIN..=DAYS_MAX).contains(&moved))
        .ok_or_else(|| overflow("date"))
}

pub(super) fn shift(at: i64, by: IntervalMonthDayNano, back: bool) -> Result<i64, ArrowError> {
    if is_infinite(at) {
        return Ok(at);
    }
    let sign = if back { -1 } else { 1 };
    let months = by
        .months
        .checked_mul(sign)
        .ok_or_else(|| overflow("timestamp"))?;
    let mut moved = at;
    if months != 0 {
        moved = add_months(at, months).ok_or_else(|| overflow("timestamp"))?;
    }
    let days = i64::from(by.days) * i64::from(sign);
    let micros = by.nanoseconds / 1000 * i64::from(sign);
    days.checked_mul(DAY_MICROS)
        .and_then(|delta| moved.checked_add(delta))
        .and_then(|sum| sum.checked_add(micros))
        .ok_or_else(|| overflow("timestamp"))
}

fn add_months(at: i64, months: i32) -> Option<i64> {
    let day = i32::try_from(at.div_euclid(DAY_MICROS)).ok()?;
    let date = NaiveDate::from_epoch_days(day)?;
    let count = Months::new(months.unsigned_abs());
    let moved = if months < 0 {
        date.checked_sub_months(count)?
    } else {
        date.checked_add_months(count)?
    };
    let days = i64::from(moved.num_days_from_ce()) - 719_163;
    days.checked_mul(DAY_MICROS)?
        .checked_add(at.rem_euclid(DAY_MICROS))
}
