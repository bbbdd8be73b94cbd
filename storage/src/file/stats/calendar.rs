//! Dates and times as DuckLake text, both ways.
//!
//! Years before 1 are written `0044-03-15 (BC)`, with the mark before the time of day.
//! The two infinities are the values that PostgreSQL clients and DuckDB both use: the
//! largest integer and its negation.

use chrono::{Datelike, NaiveDate};

/// Days from the first day of year 1 (day 1) to 1970-01-01.
const EPOCH_DAYS: i32 = 719_163;
const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
/// Longest year that we read. Six digits are all that a timestamp can hold.
const YEAR_DIGITS_MAX: usize = 7;

/// `2024-01-02`; `None` outside of the years that the calendar covers (262,000).
pub(super) fn format_date(days: i32) -> Option<String> {
    match days {
        i32::MAX => return Some("infinity".to_owned()),
        days if days == -i32::MAX => return Some("-infinity".to_owned()),
        _ => {}
    }
    let date = NaiveDate::from_num_days_from_ce_opt(days.checked_add(EPOCH_DAYS)?)?;
    let (month, day) = (date.month(), date.day());
    Some(match date.year() {
        year if year > 0 => format!("{year:04}-{month:02}-{day:02}"),
        // There is no year 0: the year before 1 is 1 BC.
        year => format!("{:04}-{month:02}-{day:02} (BC)", 1 - year),
    })
}

/// `12:34:56.789`, up to and with `24:00:00`.
pub(super) fn format_time(micros: i64) -> Option<String> {
    if !(0..=MICROS_PER_DAY).contains(&micros) {
        return None;
    }
    let seconds = micros / MICROS_PER_SECOND;
    let fraction = micros % MICROS_PER_SECOND;
    let mut text = format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    if fraction != 0 {
        let digits = format!("{fraction:06}");
        text.push('.');
        text.push_str(digits.trim_end_matches('0'));
    }
    Some(text)
}

/// `2024-01-02 03:04:05.123`, without a zone.
pub(super) fn format_timestamp(micros: i64) -> Option<String> {
    match micros {
        i64::MAX => return Some("infinity".to_owned()),
        micros if micros == -i64::MAX => return Some("-infinity".to_owned()),
        _ => {}
    }
    let days = i32::try_from(micros.div_euclid(MICROS_PER_DAY)).ok()?;
    let time = format_time(micros.rem_euclid(MICROS_PER_DAY))?;
    Some(format!("{} {time}", format_date(days)?))
}

/// The same with the zone `+00`.
pub(super) fn format_timestamp_tz(micros: i64) -> Option<String> {
    let text = format_timestamp(micros)?;
    let is_infinite = text.ends_with("infinity");
    Some(if is_infinite { text } else { text + "+00" })
}

/// Days since 1970-01-01.
pub(super) fn parse_date(text: &str) -> Option<i32> {
    match text {
        "infinity" => return Some(i32::MAX),
        "-infinity" => return Some(-i32::MAX),
        _ => {}
    }
    let (text, is_bc) = match text.strip_suffix(" (BC)") {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let mut parts = text.splitn(3, '-');
    let year = parts.next()?;
    if year.len() > YEAR_DIGITS_MAX {
        return None;
    }
    let year = i32::try_from(digits(year)?).ok()?;
    let year = if is_bc { 1 - year } else { year };
    let month = u32::try_from(digits(parts.next()?)?).ok()?;
    let day = u32::try_from(digits(parts.next()?)?).ok()?;
    Some(NaiveDate::from_ymd_opt(year, month, day)?.num_days_from_ce() - EPOCH_DAYS)
}

/// Microseconds of the day. More than microseconds cannot be kept, so such a bound is
/// unknown.
pub(super) fn parse_time(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.splitn(3, ':');
    let hours = digits(parts.next()?)?;
    let minutes = digits(parts.next()?)?;
    let seconds = digits(parts.next()?)?;
    let has_nanos = fraction.bytes().skip(6).any(|byte| byte != b'0');
    if hours > 24 || minutes > 59 || seconds > 59 || has_nanos {
        return None;
    }
    let kept = &fraction[..fraction.len().min(6)];
    let micros = if kept.is_empty() {
        0
    } else {
        digits(&format!("{kept:0<6}"))?
    };
    Some((hours * 3600 + minutes * 60 + seconds) * MICROS_PER_SECOND + micros)
}

/// Microseconds since 1970-01-01 UTC. Also reads a bare date, of a column that was
/// widened since, and a zone.
pub(super) fn parse_timestamp(text: &str) -> Option<i64> {
    match text {
        "infinity" => return Some(i64::MAX),
        "-infinity" => return Some(-i64::MAX),
        _ => {}
    }
    // The time is what follows the last blank, unless that is the mark of the era.
    let (date, time) = match text.rsplit_once([' ', 'T']) {
        Some((date, time)) if time.contains(':') => (date, time),
        _ => (text, "00:00:00"),
    };
    let (clock, offset) = split_zone(time)?;
    let days = i64::from(parse_date(date)?);
    days.checked_mul(MICROS_PER_DAY)?
        .checked_add(parse_time(clock)?)?
        .checked_sub(offset.checked_mul(MICROS_PER_SECOND)?)
}

/// Splits `03:04:05+09:30` into the clock and the zone's seconds east of UTC.
fn split_zone(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let Some(start) = time.find(['+', '-']) else {
        return Some((time, 0));
    };
    let (clock, zone) = time.split_at(start);
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let mut seconds = 0;
    for (part, unit) in zone[1..].splitn(3, ':').zip([3600, 60, 1]) {
        seconds += digits(part)? * unit;
    }
    Some((clock, sign * seconds))
}

/// One to nine digits and nothing else.
fn digits(text: &str) -> Option<i64> {
    let is_number = (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}
