//! Dates, times and timestamps as text, appended to a buffer.
//!
//! These run once for each value of a result, so that digits are written two at
//! a time and nothing is allocated for ISO text.
//!
//! Source: PostgreSQL 15 manual, section 8.5.2.

use super::words::{MONTHS_SHORT, WEEKDAYS};
use super::zone::Zone;
use super::{
    DATE_INFINITY, DATE_MINUS_INFINITY, DateFormat, DateOrder, DateStyle, MICROS_PER_DAY,
    MICROS_PER_SECOND, TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY, civil_from_days, weekday,
};

/// Writes a date; `days` since 1970-01-01.
pub fn write_date(out: &mut Vec<u8>, days: i32, style: DateStyle) {
    match days {
        DATE_INFINITY => out.extend_from_slice(b"infinity"),
        DATE_MINUS_INFINITY => out.extend_from_slice(b"-infinity"),
        _ => {
            let is_before = write_day(out, i64::from(days), style);
            write_era(out, is_before);
        }
    }
}

/// Writes a time; `micros` of the day.
pub fn write_time(out: &mut Vec<u8>, micros: i64) {
    let seconds = (micros / MICROS_PER_SECOND).unsigned_abs() as u32;
    let fraction = (micros % MICROS_PER_SECOND).unsigned_abs() as u32;
    let mut text = *b"00:00:00";
    put_pair(&mut text[0..2], seconds / 3600 % 100);
    put_pair(&mut text[3..5], seconds / 60 % 60);
    put_pair(&mut text[6..8], seconds % 60);
    out.extend_from_slice(&text);
    write_fraction(out, fraction);
}

/// Writes a timestamp without zone; `micros` since 1970-01-01 00:00.
pub fn write_timestamp(out: &mut Vec<u8>, micros: i64, style: DateStyle) {
    if !write_infinity(out, micros) {
        let is_before = write_moment(out, micros, style);
        write_era(out, is_before);
    }
}

/// Writes a timestamptz in `zone`; `micros` since 1970-01-01 00:00 UTC.
pub fn write_timestamptz(out: &mut Vec<u8>, micros: i64, zone: Zone, style: DateStyle) {
    if write_infinity(out, micros) {
        return;
    }
    let offset = zone.offset_at(micros);
    let local = micros.saturating_add(i64::from(offset) * MICROS_PER_SECOND);
    let is_before = write_moment(out, local, style);
    if style.format == DateFormat::Iso {
        write_offset(out, offset);
    } else {
        out.push(b' ');
        out.extend_from_slice(zone.abbreviation_at(micros).as_bytes());
    }
    write_era(out, is_before);
}

/// Writes seconds with their fraction; `micros` below a minute. `is_padded`: two
/// digits before the point.
pub(super) fn write_seconds(out: &mut Vec<u8>, micros: u64, is_padded: bool) {
    let unit = MICROS_PER_SECOND.unsigned_abs();
    let seconds = micros / unit;
    if is_padded && seconds < 10 {
        out.push(b'0');
    }
    out.extend_from_slice(itoa::Buffer::new().format(seconds).as_bytes());
    write_fraction(out, (micros % unit) as u32);
}

/// Writes a whole number.
pub(super) fn write_number(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Writes a whole number with at least `width` digits.
fn write_padded(out: &mut Vec<u8>, value: u64, width: usize) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value).as_bytes();
    out.extend(std::iter::repeat_n(
        b'0',
        width.saturating_sub(digits.len()),
    ));
    out.extend_from_slice(digits);
}

fn write_infinity(out: &mut Vec<u8>, micros: i64) -> bool {
    match micros {
        TIMESTAMP_INFINITY => out.extend_from_slice(b"infinity"),
        TIMESTAMP_MINUS_INFINITY => out.extend_from_slice(b"-infinity"),
        _ => return false,
    }
    true
}

fn write_era(out: &mut Vec<u8>, is_before: bool) {
    if is_before {
        out.extend_from_slice(b" BC");
    }
}

/// Writes date and time; returns whether the year is before Christ.
fn write_moment(out: &mut Vec<u8>, micros: i64, style: DateStyle) -> bool {
    let days = micros.div_euclid(MICROS_PER_DAY);
    let time = micros.rem_euclid(MICROS_PER_DAY);
    if style.format != DateFormat::Postgres {
        let is_before = write_day(out, days, style);
        out.push(b' ');
        write_time(out, time);
        return is_before;
    }
    let (year, month, day) = civil_from_days(days);
    let name = MONTHS_SHORT[month as usize - 1].as_bytes();
    out.extend_from_slice(WEEKDAYS[weekday(days)].as_bytes());
    out.push(b' ');
    if style.order == DateOrder::Dmy {
        write_padded(out, u64::from(day), 2);
        out.push(b' ');
        out.extend_from_slice(name);
    } else {
        out.extend_from_slice(name);
        out.push(b' ');
        write_padded(out, u64::from(day), 2);
    }
    out.push(b' ');
    write_time(out, time);
    out.push(b' ');
    let (shown, is_before) = year_of_era(year);
    write_padded(out, shown, 4);
    is_before
}

/// Writes a date; returns whether the year is before Christ.
fn write_day(out: &mut Vec<u8>, days: i64, style: DateStyle) -> bool {
    let (year, month, day) = civil_from_days(days);
    let (shown, is_before) = year_of_era(year);
    if style.format == DateFormat::Iso {
        if shown <= 9999 {
            let mut text = *b"0000-00-00";
            put_pair(&mut text[0..2], (shown / 100) as u32);
            put_pair(&mut text[2..4], (shown % 100) as u32);
            put_pair(&mut text[5..7], month);
            put_pair(&mut text[8..10], day);
            out.extend_from_slice(&text);
            return is_before;
        }
        write_padded(out, shown, 4);
        let mut text = *b"-00-00";
        put_pair(&mut text[1..3], month);
        put_pair(&mut text[4..6], day);
        out.extend_from_slice(&text);
        return is_before;
    }
    let (separator, is_day_first) = match style.format {
        DateFormat::German => (b'.', true),
        DateFormat::Sql => (b'/', style.order == DateOrder::Dmy),
        DateFormat::Postgres | DateFormat::Iso => (b'-', style.order == DateOrder::Dmy),
    };
    let (first, second) = if is_day_first {
        (day, month)
    } else {
        (month, day)
    };
    write_padded(out, u64::from(first), 2);
    out.push(separator);
    write_padded(out, u64::from(second), 2);
    out.push(separator);
    write_padded(out, shown, 4);
    is_before
}

fn year_of_era(year: i64) -> (u64, bool) {
    if year > 0 {
        (year.unsigned_abs(), false)
    } else {
        ((1 - year).unsigned_abs(), true)
    }
}

/// Writes `.5` and the like; nothing for a whole second.
fn write_fraction(out: &mut Vec<u8>, micros: u32) {
    if micros == 0 {
        return;
    }
    let mut text = *b".000000";
    put_pair(&mut text[1..3], micros / 10_000);
    put_pair(&mut text[3..5], micros / 100 % 100);
    put_pair(&mut text[5..7], micros % 100);
    let zeros = text.iter().rev().take_while(|byte| **byte == b'0').count();
    out.extend_from_slice(&text[..text.len() - zeros]);
}

fn write_offset(out: &mut Vec<u8>, seconds: i32) {
    let size = seconds.unsigned_abs();
    let mut text = *b"+00:00:00";
    if seconds < 0 {
        text[0] = b'-';
    }
    put_pair(&mut text[1..3], size / 3600);
    put_pair(&mut text[4..6], size / 60 % 60);
    put_pair(&mut text[7..9], size % 60);
    let length = match (size / 60 % 60, size % 60) {
        (0, 0) => 3,
        (_, 0) => 6,
        _ => 9,
    };
    out.extend_from_slice(&text[..length]);
}

/// Writes two digits; `value` below 100.
fn put_pair(place: &mut [u8], value: u32) {
    place[0] = b'0' + (value / 10) as u8;
    place[1] = b'0' + (value % 10) as u8;
}
