//! Intervals: moving a moment by one, and bringing one to a usual form.

use arrow::array::ArrayRef;
use arrow::datatypes::IntervalMonthDayNano;

use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::{Call, map1};
use crate::functions::kinds;
use crate::types::datetime::{
    Interval, MICROS_PER_DAY, Zone, civil_from_days, days_from_civil, month_days,
};

use super::{is_moment, to_local, to_utc};

const DAYS_PER_MONTH: i32 = 30;

/// `None` if a field does not fit.
type Justify = fn(Interval) -> Option<Interval>;

pub(super) fn register(registry: &mut Registry) {
    let kinds: [(&str, Justify); 3] = [
        ("justify_days(interval) -> interval", justify_days),
        ("justify_hours(interval) -> interval", justify_hours),
        ("justify_interval(interval) -> interval", justify_interval),
    ];
    for (signature, justify) in kinds {
        registry.add(signature, move |call| {
            map1::<kinds::Interval, _>(call, |value| {
                justify(Interval::from_arrow(value))
                    .and_then(Interval::to_arrow)
                    .ok_or_else(|| SqlError::moment_out_of_range("interval"))
            })
        });
    }
    // The engine's own would compare months first, then days.
    registry.add("$greatest(variadic interval) -> interval", |call| {
        extreme(call, |key, best| key > best)
    });
    registry.add("$least(variadic interval) -> interval", |call| {
        extreme(call, |key, best| key < best)
    });
}

/// The first interval of each row that no other one beats; NULLs do not count.
fn extreme(call: &Call<'_>, beats: fn(i128, i128) -> bool) -> Result<ArrayRef, SqlError> {
    let readers: Vec<_> = (0..call.columns.len())
        .map(|index| call.reader::<kinds::Interval>(index))
        .collect::<Result<_, _>>()?;
    call.rows(|row| {
        let mut best = None;
        for value in readers.iter().filter_map(|reader| reader.value(row)) {
            let key = length_key(value);
            if best.is_none_or(|(best, _)| beats(key, best)) {
                best = Some((key, value));
            }
        }
        Ok(best.map(|(_, value)| value))
    })
}

/// How long an interval is, in nanoseconds: a month counts 30 days and a day 24 hours.
pub(crate) fn length_key(value: IntervalMonthDayNano) -> i128 {
    const DAY_NANOS: i128 = MICROS_PER_DAY as i128 * 1000;
    (i128::from(value.months) * 30 + i128::from(value.days)) * DAY_NANOS
        + i128::from(value.nanoseconds)
}

fn justify_days(mut value: Interval) -> Option<Interval> {
    let months = value.days / DAYS_PER_MONTH;
    value.days -= months * DAYS_PER_MONTH;
    value.months = value.months.checked_add(months)?;
    if value.months > 0 && value.days < 0 {
        value.days += DAYS_PER_MONTH;
        value.months -= 1;
    } else if value.months < 0 && value.days > 0 {
        value.days -= DAYS_PER_MONTH;
        value.months += 1;
    }
    Some(value)
}

fn justify_hours(mut value: Interval) -> Option<Interval> {
    let days = value.micros / MICROS_PER_DAY;
    value.micros -= days * MICROS_PER_DAY;
    value.days = value.days.checked_add(i32::try_from(days).ok()?)?;
    Some(with_time_signed_as_days(value))
}

fn with_time_signed_as_days(mut value: Interval) -> Interval {
    if value.days > 0 && value.micros < 0 {
        value.micros += MICROS_PER_DAY;
        value.days -= 1;
    } else if value.days < 0 && value.micros > 0 {
        value.micros -= MICROS_PER_DAY;
        value.days += 1;
    }
    value
}

fn justify_interval(mut value: Interval) -> Option<Interval> {
    let days = value.micros / MICROS_PER_DAY;
    value.micros -= days * MICROS_PER_DAY;
    value.days = value.days.checked_add(i32::try_from(days).ok()?)?;
    let months = value.days / DAYS_PER_MONTH;
    value.days -= months * DAYS_PER_MONTH;
    value.months = value.months.checked_add(months)?;
    let is_rest_negative = value.days < 0 || (value.days == 0 && value.micros < 0);
    let is_rest_positive = value.days > 0 || (value.days == 0 && value.micros > 0);
    if value.months > 0 && is_rest_negative {
        value.days += DAYS_PER_MONTH;
        value.months -= 1;
    } else if value.months < 0 && is_rest_positive {
        value.days -= DAYS_PER_MONTH;
        value.months += 1;
    }
    Some(with_time_signed_as_days(value))
}

/// Adds months to a date; a day that the month lacks becomes its last.
pub(in crate::functions) fn add_months(days: i64, months: i64) -> i64 {
    let (year, month, day) = civil_from_days(days);
    let index = year * 12 + i64::from(month) - 1 + months;
    let new_year = index.div_euclid(12);
    let new_month = index.rem_euclid(12) as u32 + 1;
    days_from_civil(
        new_year,
        new_month,
        day.min(month_days(new_year, new_month)),
    )
}

/// `timestamp + interval`.
///
/// Errors: `22008` past the range of timestamps.
pub(crate) fn add_to_local(local: i64, interval: Interval) -> Result<i64, SqlError> {
    if !is_moment(local) {
        return Ok(local);
    }
    let days = local.div_euclid(MICROS_PER_DAY);
    let moved = add_months(days, interval.months.into()) + i64::from(interval.days);
    moved
        .checked_mul(MICROS_PER_DAY)
        .and_then(|midnight| midnight.checked_add(local.rem_euclid(MICROS_PER_DAY)))
        .and_then(|start| start.checked_add(interval.micros))
        .filter(|micros| is_moment(*micros))
        .ok_or_else(|| SqlError::moment_out_of_range("timestamp"))
}

/// `timestamptz + interval`: months and days count in the zone's calendar.
///
/// Errors: `22008` past the range of timestamps.
pub(crate) fn add_to_instant(utc: i64, interval: Interval, zone: Zone) -> Result<i64, SqlError> {
    if !is_moment(utc) {
        return Ok(utc);
    }
    let mut moved = utc;
    if interval.months != 0 || interval.days != 0 {
        let by_calendar = Interval {
            micros: 0,
            ..interval
        };
        moved = to_utc(zone, add_to_local(to_local(zone, utc)?, by_calendar)?)?;
    }
    moved
        .checked_add(interval.micros)
        .filter(|micros| is_moment(*micros))
        .ok_or_else(|| SqlError::moment_out_of_range("timestamp"))
}
