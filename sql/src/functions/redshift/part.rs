//! `dateadd` and `datediff`: moving by parts of dates, and counting their boundaries.

use crate::error::SqlError;
use crate::functions::datetime::{Field, add_months, is_moment, iso_weekday};
use crate::types::datetime::{
    MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, civil_from_days,
    days_from_civil,
};

/// Most months or days that a date is moved by: all of PostgreSQL's calendar.
const COUNT_MAX: i64 = 100_000_000;

/// Refuses counts that leave every calendar.
pub(super) fn bounded(count: i64) -> Result<i64, SqlError> {
    if count.abs() > COUNT_MAX {
        return Err(SqlError::moment_out_of_range("timestamp"));
    }
    Ok(count)
}

/// A day and the microseconds of it.
pub(super) fn joined(days: i64, micros: i64) -> Result<i64, SqlError> {
    days.checked_mul(MICROS_PER_DAY)
        .and_then(|midnight| midnight.checked_add(micros))
        .ok_or_else(|| SqlError::moment_out_of_range("timestamp"))
}

fn unsupported(unit: &str) -> SqlError {
    SqlError::unit_not_supported(&unit.to_lowercase(), "timestamp without time zone")
}

/// Length of a part with one; `None` for months and longer.
fn micros_of(field: Field) -> Option<i64> {
    Some(match field {
        Field::Microsecond => 1,
        Field::Millisecond => 1000,
        Field::Second | Field::Epoch => MICROS_PER_SECOND,
        Field::Minute => MICROS_PER_MINUTE,
        Field::Hour => MICROS_PER_HOUR,
        Field::Day | Field::DayOfWeek | Field::DayOfYear => MICROS_PER_DAY,
        Field::Week => 7 * MICROS_PER_DAY,
        _ => return None,
    })
}

/// Adds `count` parts to a local time.
///
/// A month ends where the new one does; a leap day plus a year is the first of
/// March, as in Redshift.
pub(super) fn add(field: Field, unit: &str, count: i64, local: i64) -> Result<i64, SqlError> {
    if !is_moment(local) {
        return Ok(local);
    }
    let out_of_range = || SqlError::moment_out_of_range("timestamp");
    if let Some(step) = micros_of(field) {
        let moved = count
            .checked_mul(step)
            .and_then(|micros| local.checked_add(micros));
        return moved
            .filter(|micros| is_moment(*micros))
            .ok_or_else(out_of_range);
    }
    let (days, micros) = (
        local.div_euclid(MICROS_PER_DAY),
        local.rem_euclid(MICROS_PER_DAY),
    );
    let count = bounded(count)?;
    let years = match field {
        Field::Month => return joined(add_months(days, count), micros),
        Field::Quarter => return joined(add_months(days, count * 3), micros),
        Field::Year => count,
        Field::Decade => count * 10,
        Field::Century => count * 100,
        Field::Millennium => count * 1000,
        _ => return Err(unsupported(unit)),
    };
    let (year, month, day) = civil_from_days(days);
    // The 29th of February of a common year is counted on into March.
    joined(
        days_from_civil(year + years, month, 1) + i64::from(day) - 1,
        micros,
    )
}

/// Counts the boundaries of a part that lie between two local times.
pub(super) fn difference(field: Field, unit: &str, from: i64, to: i64) -> Result<i64, SqlError> {
    if !is_moment(from) || !is_moment(to) {
        return Err(SqlError::moment_out_of_range("timestamp"));
    }
    let number = |local: i64| -> Result<i64, SqlError> {
        let days = local.div_euclid(MICROS_PER_DAY);
        if field == Field::Week {
            // Weeks begin on Monday, as for `date_trunc`.
            return Ok((days - iso_weekday(days)).div_euclid(7));
        }
        if let Some(step) = micros_of(field) {
            return Ok(local.div_euclid(step));
        }
        let (year, month, _) = civil_from_days(days);
        Ok(match field {
            Field::Month => year * 12 + i64::from(month),
            Field::Quarter => year * 4 + (i64::from(month) - 1) / 3,
            Field::Year => year,
            Field::Decade => year.div_euclid(10),
            Field::Century => (year - 1).div_euclid(100),
            Field::Millennium => (year - 1).div_euclid(1000),
            _ => return Err(unsupported(unit)),
        })
    };
    number(to)?
        .checked_sub(number(from)?)
        .ok_or_else(|| SqlError::out_of_range("bigint"))
}
