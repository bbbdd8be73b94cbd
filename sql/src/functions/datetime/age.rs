//! `age`: the difference of two moments in years, months and days.

use super::{date_of, is_moment, midnight, to_local, zone};
use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::{Call, map1, map2};
use crate::functions::kinds::Timestamp;
use crate::types::datetime::{Interval, MICROS_PER_DAY, civil_from_days, month_days};

pub(super) fn register(registry: &mut Registry) {
    registry.add("age(timestamp, timestamp) -> interval", |call| {
        map2::<Timestamp, Timestamp, _>(call, age)
    });
    registry
        .add("age(timestamptz, timestamptz) -> interval", |call| {
            let zone = zone(call);
            map2::<Timestamp, Timestamp, _>(call, |later, earlier| {
                age(to_local(zone, later)?, to_local(zone, earlier)?)
            })
        })
        .stable();
    registry
        .add("age(timestamp) -> interval", |call| {
            let today = today(call)?;
            map1::<Timestamp, _>(call, |earlier| age(today, earlier))
        })
        .stable();
    registry
        .add("age(timestamptz) -> interval", |call| {
            let (today, zone) = (today(call)?, zone(call));
            map1::<Timestamp, _>(call, |earlier| age(today, to_local(zone, earlier)?))
        })
        .stable();
}

/// Midnight of the day that the transaction began on.
fn today(call: &Call<'_>) -> Result<i64, SqlError> {
    midnight(date_of(super::local_start(call)?))
}

fn age(later: i64, earlier: i64) -> Result<arrow::datatypes::IntervalMonthDayNano, SqlError> {
    if !is_moment(later) || !is_moment(earlier) {
        return Err(SqlError::moment_out_of_range("interval"));
    }
    let value = difference(later, earlier);
    value
        .to_arrow()
        .ok_or_else(|| SqlError::moment_out_of_range("interval"))
}

/// Field by field; a day that must be borrowed has the length of the earlier
/// moment's month, as in PostgreSQL.
fn difference(first: i64, second: i64) -> Interval {
    if first < second {
        let Interval {
            months,
            days,
            micros,
        } = difference(second, first);
        return Interval {
            months: -months,
            days: -days,
            micros: -micros,
        };
    }
    let (later_year, later_month, later_day) = civil_from_days(first.div_euclid(MICROS_PER_DAY));
    let (year, month, day) = civil_from_days(second.div_euclid(MICROS_PER_DAY));
    let mut micros = first.rem_euclid(MICROS_PER_DAY) - second.rem_euclid(MICROS_PER_DAY);
    let mut days = i64::from(later_day) - i64::from(day);
    let mut months = (later_year - year) * 12 + i64::from(later_month) - i64::from(month);
    if micros < 0 {
        micros += MICROS_PER_DAY;
        days -= 1;
    }
    if days < 0 {
        days += i64::from(month_days(year, month));
        months -= 1;
    }
    // Timestamps span 300 thousand years, far fewer months than an i32 counts.
    Interval {
        months: i32::try_from(months).unwrap_or(i32::MAX),
        days: i32::try_from(days).unwrap_or(i32::MAX),
        micros,
    }
}
