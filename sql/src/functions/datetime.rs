//! Functions of dates, times, timestamps and intervals.

use arrow::array::ArrayRef;

use super::Registry;
use super::call::{Call, map1, map2};
use super::kinds::{Date, Float8, Int4, Text, Timestamp};
use crate::error::SqlError;
use crate::types::datetime::{
    DATE_INFINITY, DATE_MINUS_INFINITY, Interval, MICROS_PER_DAY, MICROS_PER_HOUR,
    MICROS_PER_MINUTE, MICROS_PER_SECOND, TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY, Zone,
    civil_from_days, weekday,
};

mod age;
mod bin;
mod extract;
mod field;
mod interval;
mod make;
mod truncate;

pub(super) use field::{
    Field, MONTHS, WEEKDAYS, day_of_year, iso_week, iso_weekday, iso_year_start, sunday_weekday,
};
pub(super) use interval::add_months;
pub(crate) use interval::{add_to_instant, add_to_local, length_key};

/// Adds the functions of this folder.
pub(super) fn register(registry: &mut Registry) {
    now(registry);
    zones(registry);
    conversions(registry);
    extract::register(registry);
    truncate::register(registry);
    bin::register(registry);
    age::register(registry);
    interval::register(registry);
    make::register(registry);
}

fn now(registry: &mut Registry) {
    for name in ["now", "transaction_timestamp", "current_timestamp"] {
        let signature = format!("{name}() -> timestamptz");
        registry
            .add(&signature, |call| {
                call.constant(call.context.transaction_start)
            })
            .stable();
    }
    registry
        .add("current_timestamp(int4) -> timestamptz", |call| {
            rounded(call, call.context.transaction_start)
        })
        .stable();
    registry
        .add("statement_timestamp() -> timestamptz", |call| {
            call.constant(call.context.statement_start)
        })
        .stable();
    registry
        .add("clock_timestamp() -> timestamptz", |call| {
            call.constant(clock(call))
        })
        .volatile();
    registry
        .add("timeofday() -> text", |call| {
            call.constant(time_of_day(call))
        })
        .volatile();
    registry
        .add("current_date() -> date", |call| {
            call.constant(date_of(local_start(call)?))
        })
        .stable();
    registry
        .add("localtimestamp() -> timestamp", |call| {
            call.constant(local_start(call)?)
        })
        .stable();
    registry
        .add("localtimestamp(int4) -> timestamp", |call| {
            rounded(call, local_start(call)?)
        })
        .stable();
    registry
        .add("localtime() -> time", |call| {
            call.constant(local_start(call)?.rem_euclid(MICROS_PER_DAY))
        })
        .stable();
    registry
        .add("localtime(int4) -> time", |call| {
            rounded(call, local_start(call)?.rem_euclid(MICROS_PER_DAY))
        })
        .stable();
    registry
        .add("current_time() -> timetz", |call| {
            call.constant(current_time(call)?)
        })
        .stable();
}

/// The transaction's start in the session's zone.
fn local_start(call: &Call<'_>) -> Result<i64, SqlError> {
    let start = call.context.transaction_start;
    zone(call)
        .to_local(start)
        .ok_or_else(|| SqlError::moment_out_of_range("timestamp"))
}

/// The session's zone.
pub(super) fn zone(call: &Call<'_>) -> Zone {
    call.context.style.time_zone
}

/// Reads a zone as AT TIME ZONE does.
pub(super) fn parse_zone(text: &str) -> Result<Zone, SqlError> {
    Zone::parse(text).ok_or_else(|| SqlError::time_zone_not_recognized(text))
}

/// Rounds to the number of decimals that the first argument asks for.
fn rounded(call: &Call<'_>, micros: i64) -> Result<ArrayRef, SqlError> {
    map1::<Int4, _>(call, |decimals| {
        let unit = 10_i64.pow(6 - decimals.clamp(0, 6).unsigned_abs());
        Ok((micros + unit / 2).div_euclid(unit) * unit)
    })
}

fn clock(call: &Call<'_>) -> i64 {
    call.context.clock.now().timestamp_micros()
}

/// `10:00:00.5+09`: timetz is only ever text here, since nothing stores it.
fn current_time(call: &Call<'_>) -> Result<String, SqlError> {
    let time = local_start(call)?.rem_euclid(MICROS_PER_DAY);
    let offset = zone(call).offset_at(call.context.transaction_start);
    let mut text = Vec::new();
    crate::types::datetime::write_time(&mut text, time);
    let sign = if offset < 0 { '-' } else { '+' };
    let minutes = offset.abs() / 60;
    let mut shown = String::from_utf8_lossy(&text).into_owned();
    shown.push_str(&format!("{sign}{:02}", minutes / 60));
    if minutes % 60 != 0 {
        shown.push_str(&format!(":{:02}", minutes % 60));
    }
    Ok(shown)
}

/// `Fri Jan 05 10:00:00.123456 2024 UTC`
fn time_of_day(call: &Call<'_>) -> String {
    let utc = clock(call);
    let local = zone(call).to_local(utc).unwrap_or(utc);
    let days = local.div_euclid(MICROS_PER_DAY);
    let micros = local.rem_euclid(MICROS_PER_DAY);
    let (year, month, day) = civil_from_days(days);
    let weekday = field::WEEKDAYS[weekday(days)].get(..3).unwrap_or_default();
    let month = field::MONTHS[month as usize - 1]
        .get(..3)
        .unwrap_or_default();
    format!(
        "{weekday} {month} {day:02} {:02}:{:02}:{:02}.{:06} {year:04} {}",
        micros / MICROS_PER_HOUR,
        micros / MICROS_PER_MINUTE % 60,
        micros / MICROS_PER_SECOND % 60,
        micros % MICROS_PER_SECOND,
        zone(call).abbreviation_at(utc)
    )
}

fn zones(registry: &mut Registry) {
    use super::kinds::Interval as IntervalKind;
    registry.add("timezone(text, timestamp) -> timestamptz", |call| {
        map2::<Text, Timestamp, _>(call, |name, local| to_utc(parse_zone(name)?, local))
    });
    registry.add("timezone(text, timestamptz) -> timestamp", |call| {
        map2::<Text, Timestamp, _>(call, |name, utc| to_local(parse_zone(name)?, utc))
    });
    registry.add("timezone(interval, timestamp) -> timestamptz", |call| {
        map2::<IntervalKind, Timestamp, _>(call, |offset, local| {
            to_utc(interval_zone(Interval::from_arrow(offset))?, local)
        })
    });
    registry.add("timezone(interval, timestamptz) -> timestamp", |call| {
        map2::<IntervalKind, Timestamp, _>(call, |offset, utc| {
            to_local(interval_zone(Interval::from_arrow(offset))?, utc)
        })
    });
}

fn interval_zone(offset: Interval) -> Result<Zone, SqlError> {
    let seconds = offset.micros / MICROS_PER_SECOND;
    match i32::try_from(seconds) {
        Ok(seconds) if offset.months == 0 && offset.days == 0 => Ok(Zone::Fixed(seconds)),
        _ => Err(SqlError::invalid_parameter(
            "interval time zone must not include months or days",
        )),
    }
}

/// Whether a timestamp is a moment, neither `infinity` nor `-infinity`.
pub(super) fn is_moment(micros: i64) -> bool {
    !matches!(micros, TIMESTAMP_INFINITY | TIMESTAMP_MINUS_INFINITY)
}

/// The moment of a local time.
pub(super) fn to_utc(zone: Zone, local: i64) -> Result<i64, SqlError> {
    if !is_moment(local) {
        return Ok(local);
    }
    zone.to_utc(local)
        .ok_or_else(|| SqlError::moment_out_of_range("timestamp"))
}

/// The local time of a moment.
pub(super) fn to_local(zone: Zone, utc: i64) -> Result<i64, SqlError> {
    if !is_moment(utc) {
        return Ok(utc);
    }
    zone.to_local(utc)
        .ok_or_else(|| SqlError::moment_out_of_range("timestamp"))
}

/// The date of a local time.
pub(super) fn date_of(local: i64) -> i32 {
    match local {
        TIMESTAMP_INFINITY => DATE_INFINITY,
        TIMESTAMP_MINUS_INFINITY => DATE_MINUS_INFINITY,
        // 292 thousand years are fewer days than an i32 counts.
        moment => i32::try_from(moment.div_euclid(MICROS_PER_DAY)).unwrap_or(DATE_INFINITY),
    }
}

/// Midnight of a date.
pub(super) fn midnight(days: i32) -> Result<i64, SqlError> {
    match days {
        DATE_INFINITY => Ok(TIMESTAMP_INFINITY),
        DATE_MINUS_INFINITY => Ok(TIMESTAMP_MINUS_INFINITY),
        day => i64::from(day)
            .checked_mul(MICROS_PER_DAY)
            .ok_or_else(|| SqlError::invalid_moment("date out of range for timestamp")),
    }
}

fn conversions(registry: &mut Registry) {
    registry.add("to_timestamp(float8) -> timestamptz", |call| {
        map1::<Float8, _>(call, moment_of_seconds)
    });
    registry.add("isfinite(date) -> bool", |call| {
        map1::<Date, _>(call, |days| {
            Ok(!matches!(days, DATE_INFINITY | DATE_MINUS_INFINITY))
        })
    });
    for kind in ["timestamp", "timestamptz"] {
        let signature = format!("isfinite({kind}) -> bool");
        registry.add(&signature, |call| {
            map1::<Timestamp, _>(call, |micros| Ok(is_moment(micros)))
        });
    }
    registry.add("isfinite(interval) -> bool", |call| {
        map1::<super::kinds::Interval, _>(call, |_| Ok(true))
    });
}

/// Seconds since 1970, rounded to a microsecond.
fn moment_of_seconds(seconds: f64) -> Result<i64, SqlError> {
    if seconds.is_nan() {
        return Err(SqlError::invalid_moment("timestamp cannot be NaN"));
    }
    if seconds.is_infinite() {
        let is_late = seconds > 0.0;
        return Ok(if is_late {
            TIMESTAMP_INFINITY
        } else {
            TIMESTAMP_MINUS_INFINITY
        });
    }
    // PostgreSQL rounds relative to the year 2000, which decides the last bits.
    const EPOCH_SECONDS: f64 = 946_684_800.0;
    let micros = ((seconds - EPOCH_SECONDS) * 1e6).round_ties_even();
    if micros.abs() >= 9.2e18 {
        return Err(SqlError::invalid_moment(&format!(
            "timestamp out of range: \"{seconds}\""
        )));
    }
    (micros as i64)
        .checked_add(EPOCH_SECONDS as i64 * MICROS_PER_SECOND)
        .ok_or_else(|| SqlError::moment_out_of_range("timestamp"))
}
