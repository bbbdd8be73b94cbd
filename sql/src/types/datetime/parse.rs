//! Text to date, time, timestamp and timestamptz, with PostgreSQL's errors.
//!
//! ISO text, which is nearly all that is loaded, is read without cutting it into
//! fields; anything else, and whatever is out of range, goes the long way.

use super::decode::{Decoded, Fault, Special, Wanted, decode};
use super::zone::Zone;
use super::{
    DATE_INFINITY, DATE_MINUS_INFINITY, DAYS_MAX, DAYS_MIN, MICROS_PER_DAY, MICROS_PER_SECOND,
    POSTGRES_EPOCH_MICROS, TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY, days_from_civil,
    month_days,
};
use crate::error::SqlError;
use crate::types::input::InputStyle;

/// Powers of ten that a precision of 6 - index digits rounds to.
const ROUND_UNITS: [i64; 7] = [1_000_000, 100_000, 10_000, 1000, 100, 10, 1];

/// Days since 1970-01-01.
pub fn parse_date(text: &str, style: &InputStyle) -> Result<i32, SqlError> {
    if let Some(days) = iso_date(text.as_bytes()).filter(|_| text.len() == 10) {
        return i32::try_from(days).map_err(|_| SqlError::date_out_of_range(text));
    }
    let decoded =
        decode(text, style, Wanted::Date).map_err(|fault| explain(fault, "date", text))?;
    match decoded.special {
        Some(Special::Epoch) => return Ok(0),
        Some(Special::Infinity) => return Ok(DATE_INFINITY),
        Some(Special::MinusInfinity) => return Ok(DATE_MINUS_INFINITY),
        None => {}
    }
    let days = days_from_civil(decoded.year, decoded.month, decoded.day);
    if !(DAYS_MIN..=DAYS_MAX).contains(&days) {
        return Err(SqlError::date_out_of_range(text));
    }
    i32::try_from(days).map_err(|_| SqlError::date_out_of_range(text))
}

/// Microseconds of the day, rounded to `typmod` digits.
pub fn parse_time(text: &str, typmod: i32, style: &InputStyle) -> Result<i64, SqlError> {
    if let Some((micros, b"")) = iso_time(text.as_bytes()) {
        return Ok(round_time(micros, typmod));
    }
    let decoded =
        decode(text, style, Wanted::Time).map_err(|fault| explain(fault, "time", text))?;
    let needs_date = matches!(decoded.zone, Some(Zone::Named(_)));
    if needs_date && !decoded.has_date {
        return Err(SqlError::invalid_datetime("time", text));
    }
    Ok(round_time(decoded.micros, typmod))
}

/// Microseconds since 1970-01-01 00:00, rounded to `typmod` digits; a zone in the
/// text is ignored, as PostgreSQL does.
pub fn parse_timestamp(text: &str, typmod: i32, style: &InputStyle) -> Result<i64, SqlError> {
    if let Some((micros, _)) = iso_timestamp(text.as_bytes()) {
        return Ok(round_micros(micros, typmod));
    }
    let decoded =
        decode(text, style, Wanted::Date).map_err(|fault| explain(fault, "timestamp", text))?;
    if let Some(special) = decoded.special {
        return Ok(special_micros(special));
    }
    let micros = local_micros(&decoded).ok_or_else(|| SqlError::timestamp_out_of_range(text))?;
    Ok(round_micros(micros, typmod))
}

/// Microseconds since 1970-01-01 00:00 UTC, rounded to `typmod` digits; text
/// without a zone is in the session's.
pub fn parse_timestamptz(text: &str, typmod: i32, style: &InputStyle) -> Result<i64, SqlError> {
    const TYPE: &str = "timestamp with time zone";
    let (local, zone) = if let Some((micros, offset)) = iso_timestamp(text.as_bytes()) {
        (micros, offset.map(Zone::Fixed))
    } else {
        let decoded =
            decode(text, style, Wanted::Date).map_err(|fault| explain(fault, TYPE, text))?;
        if let Some(special) = decoded.special {
            return Ok(special_micros(special));
        }
        let local = local_micros(&decoded);
        (
            local.ok_or_else(|| SqlError::timestamp_out_of_range(text))?,
            decoded.zone,
        )
    };
    let micros = zone
        .unwrap_or(style.zone)
        .to_utc(local)
        .filter(|micros| *micros >= DAYS_MIN * MICROS_PER_DAY)
        .ok_or_else(|| SqlError::timestamp_out_of_range(text))?;
    Ok(round_micros(micros, typmod))
}

/// Rounds a moment to `typmod` digits of a second; ties go away from 2000-01-01.
#[must_use]
pub fn round_micros(micros: i64, typmod: i32) -> i64 {
    let is_infinite = micros == TIMESTAMP_INFINITY || micros == TIMESTAMP_MINUS_INFINITY;
    match unit(typmod) {
        Some(unit) if !is_infinite => {
            round(micros.saturating_sub(POSTGRES_EPOCH_MICROS), unit) + POSTGRES_EPOCH_MICROS
        }
        _ => micros,
    }
}

/// Rounds a span to `typmod` digits of a second; ties go away from zero.
#[must_use]
pub fn round_time(micros: i64, typmod: i32) -> i64 {
    unit(typmod).map_or(micros, |unit| round(micros, unit))
}

fn unit(typmod: i32) -> Option<i64> {
    usize::try_from(typmod)
        .ok()
        .and_then(|digits| ROUND_UNITS.get(digits))
        .copied()
}

fn round(micros: i64, unit: i64) -> i64 {
    let half = unit / 2;
    let moved = if micros >= 0 {
        micros + half
    } else {
        micros - half
    };
    moved / unit * unit
}

fn special_micros(special: Special) -> i64 {
    match special {
        Special::Epoch => 0,
        Special::Infinity => TIMESTAMP_INFINITY,
        Special::MinusInfinity => TIMESTAMP_MINUS_INFINITY,
    }
}

fn local_micros(decoded: &Decoded) -> Option<i64> {
    let days = days_from_civil(decoded.year, decoded.month, decoded.day);
    if days < DAYS_MIN {
        return None;
    }
    days.checked_mul(MICROS_PER_DAY)?
        .checked_add(decoded.micros)
        .filter(|micros| *micros != TIMESTAMP_INFINITY)
}

/// The error for a text that is no date or time.
pub(super) fn explain(fault: Fault, type_name: &str, text: &str) -> SqlError {
    match fault {
        Fault::Format => SqlError::invalid_datetime(type_name, text),
        Fault::Field if type_name == "interval" => SqlError::interval_field_overflow(text),
        Fault::Field => SqlError::datetime_out_of_range(text),
        Fault::MonthDay => SqlError::datetime_out_of_range(text)
            .with_hint("Perhaps you need a different \"datestyle\" setting."),
        Fault::Displacement => SqlError::zone_displacement_out_of_range(text),
        Fault::Zone => {
            let is_name = |part: &&str| {
                part.contains('/') && part.starts_with(|c: char| c.is_ascii_alphabetic())
            };
            let name = text.split_whitespace().find(is_name).unwrap_or(text);
            SqlError::unknown_time_zone(&name.to_ascii_lowercase())
        }
    }
}

fn pair(bytes: &[u8]) -> Option<u32> {
    let high = bytes[0].wrapping_sub(b'0');
    let low = bytes[1].wrapping_sub(b'0');
    (high < 10 && low < 10).then(|| u32::from(high) * 10 + u32::from(low))
}

/// `2024-01-05` at the start of `bytes`.
fn iso_date(bytes: &[u8]) -> Option<i64> {
    let has_form = bytes.len() >= 10 && bytes[4] == b'-' && bytes[7] == b'-';
    if !has_form {
        return None;
    }
    let year = i64::from(pair(&bytes[0..2])? * 100 + pair(&bytes[2..4])?);
    let (month, day) = (pair(&bytes[5..7])?, pair(&bytes[8..10])?);
    let is_valid =
        year > 0 && (1..=12).contains(&month) && day >= 1 && day <= month_days(year, month);
    is_valid.then(|| days_from_civil(year, month, day))
}

/// `10:00`, `10:00:00` or `10:00:00.123456` at the start of `bytes`; microseconds
/// of the day, and what follows.
fn iso_time(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let has_form = bytes.len() >= 5 && bytes[2] == b':';
    if !has_form {
        return None;
    }
    let (hour, minute) = (pair(&bytes[0..2])?, pair(&bytes[3..5])?);
    let mut rest = &bytes[5..];
    let mut second = 0;
    let mut micros = 0;
    if rest.first() == Some(&b':') {
        second = pair(rest.get(1..3)?)?;
        rest = &rest[3..];
        if rest.first() == Some(&b'.') {
            let length = rest[1..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            if length > 6 {
                return None;
            }
            let mut scale = MICROS_PER_SECOND;
            for byte in &rest[1..=length] {
                scale /= 10;
                micros += i64::from(byte - b'0') * scale;
            }
            rest = &rest[length + 1..];
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = i64::from(hour * 3600 + minute * 60 + second);
    Some((seconds * MICROS_PER_SECOND + micros, rest))
}

/// `2024-01-05`, or that and a time after a space or `T`, and perhaps an offset
/// such as `Z`, `+09` or `-05:30`: local microseconds, and the offset in seconds.
fn iso_timestamp(bytes: &[u8]) -> Option<(i64, Option<i32>)> {
    let days = iso_date(bytes)?;
    let start = days * MICROS_PER_DAY;
    let rest = &bytes[10..];
    match rest.first() {
        None => return Some((start, None)),
        Some(b' ' | b'T') => {}
        Some(_) => return None,
    }
    let (micros, rest) = iso_time(&rest[1..])?;
    let local = start + micros;
    let offset = match rest {
        [] => return Some((local, None)),
        [b'Z' | b'z'] => 0,
        [b'+' | b'-', digits @ ..] => {
            let (hours, minutes) = match digits.len() {
                2 => (pair(digits)?, 0),
                5 if digits[2] == b':' => (pair(digits)?, pair(&digits[3..])?),
                _ => return None,
            };
            if hours > 15 || minutes > 59 {
                return None;
            }
            let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
            if rest[0] == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    Some((local, Some(offset)))
}
