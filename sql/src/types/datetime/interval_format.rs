//! Intervals as text, in the four values of `IntervalStyle`.
//!
//! Source: PostgreSQL 15 manual, section 8.5.5.

use super::format::{write_number, write_seconds};
use super::{Interval, IntervalStyle, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND};

/// The fields of an interval, each with its own sign.
struct Parts {
    years: i64,
    months: i64,
    days: i64,
    hours: i64,
    minutes: i64,
    /// Seconds and their fraction, in microseconds.
    micros: i64,
}

impl Parts {
    fn new(value: Interval) -> Self {
        let months = i64::from(value.months);
        Self {
            years: months / 12,
            months: months % 12,
            days: i64::from(value.days),
            hours: value.micros / MICROS_PER_HOUR,
            minutes: value.micros % MICROS_PER_HOUR / MICROS_PER_MINUTE,
            micros: value.micros % MICROS_PER_MINUTE,
        }
    }

    fn time_is_negative(&self) -> bool {
        self.hours < 0 || self.minutes < 0 || self.micros < 0
    }

    fn time_is_zero(&self) -> bool {
        self.hours == 0 && self.minutes == 0 && self.micros == 0
    }
}

/// Writes an interval.
pub fn write_interval(out: &mut Vec<u8>, value: Interval, style: IntervalStyle) {
    let parts = Parts::new(value);
    match style {
        IntervalStyle::Postgres => write_postgres(out, &parts),
        IntervalStyle::PostgresVerbose => write_verbose(out, &parts),
        IntervalStyle::SqlStandard => write_standard(out, &parts),
        IntervalStyle::Iso8601 => write_iso(out, &parts),
    }
}

fn write_postgres(out: &mut Vec<u8>, parts: &Parts) {
    let mut is_first = true;
    let mut was_negative = false;
    for (value, unit) in [
        (parts.years, "year"),
        (parts.months, "mon"),
        (parts.days, "day"),
    ] {
        if value == 0 {
            continue;
        }
        if !is_first {
            out.push(b' ');
        }
        if was_negative && value > 0 {
            out.push(b'+');
        }
        write_number(out, value);
        out.push(b' ');
        out.extend_from_slice(unit.as_bytes());
        if value != 1 {
            out.push(b's');
        }
        is_first = false;
        was_negative = value < 0;
    }
    if !is_first && parts.time_is_zero() {
        return;
    }
    if !is_first {
        out.push(b' ');
    }
    if parts.time_is_negative() {
        out.push(b'-');
    } else if was_negative {
        out.push(b'+');
    }
    write_clock(out, parts, 2);
}

/// Hours (at least `width` digits), minutes and seconds, without a sign.
fn write_clock(out: &mut Vec<u8>, parts: &Parts, width: usize) {
    let hours = parts.hours.unsigned_abs();
    if width == 2 && hours < 10 {
        out.push(b'0');
    }
    write_number(out, parts.hours.abs());
    out.push(b':');
    let minutes = parts.minutes.abs();
    if minutes < 10 {
        out.push(b'0');
    }
    write_number(out, minutes);
    out.push(b':');
    write_seconds(out, parts.micros.unsigned_abs(), true);
}

fn write_verbose(out: &mut Vec<u8>, parts: &Parts) {
    out.push(b'@');
    let mut is_zero = true;
    let mut is_before = false;
    let fields = [
        (parts.years, "year"),
        (parts.months, "mon"),
        (parts.days, "day"),
        (parts.hours, "hour"),
        (parts.minutes, "min"),
    ];
    for (value, unit) in fields {
        if value == 0 {
            continue;
        }
        if is_zero {
            is_before = value < 0;
        }
        let shown = if is_before { -value } else { value };
        is_zero = false;
        out.push(b' ');
        write_number(out, shown);
        out.push(b' ');
        out.extend_from_slice(unit.as_bytes());
        if shown != 1 {
            out.push(b's');
        }
    }
    if parts.micros != 0 {
        out.push(b' ');
        if is_zero {
            is_before = parts.micros < 0;
        } else if (parts.micros < 0) != is_before {
            out.push(b'-');
        }
        is_zero = false;
        write_seconds(out, parts.micros.unsigned_abs(), false);
        out.extend_from_slice(b" sec");
        if parts.micros.abs() != MICROS_PER_SECOND {
            out.push(b's');
        }
    }
    if is_zero {
        out.extend_from_slice(b" 0");
    }
    if is_before {
        out.extend_from_slice(b" ago");
    }
}

fn write_standard(out: &mut Vec<u8>, parts: &Parts) {
    let all = [
        parts.years,
        parts.months,
        parts.days,
        parts.hours,
        parts.minutes,
        parts.micros,
    ];
    let has_negative = all.iter().any(|value| *value < 0);
    let has_positive = all.iter().any(|value| *value > 0);
    let has_months = parts.years != 0 || parts.months != 0;
    let has_time = parts.days != 0 || !parts.time_is_zero();
    if !has_negative && !has_positive {
        out.push(b'0');
        return;
    }
    let sign = |is_negative: bool| if is_negative { b'-' } else { b'+' };
    let is_mixed = (has_negative && has_positive) || (has_months && has_time);
    if is_mixed {
        out.push(sign(parts.years < 0 || parts.months < 0));
        write_months(out, parts);
        out.push(b' ');
        out.push(sign(parts.days < 0));
        write_number(out, parts.days.abs());
        out.push(b' ');
        out.push(sign(parts.time_is_negative()));
        write_clock(out, parts, 1);
        return;
    }
    if has_negative {
        out.push(b'-');
    }
    if has_months {
        write_months(out, parts);
        return;
    }
    if parts.days != 0 {
        write_number(out, parts.days.abs());
        out.push(b' ');
    }
    write_clock(out, parts, 1);
}

fn write_months(out: &mut Vec<u8>, parts: &Parts) {
    write_number(out, parts.years.abs());
    out.push(b'-');
    write_number(out, parts.months.abs());
}

fn write_iso(out: &mut Vec<u8>, parts: &Parts) {
    let is_zero = parts.years == 0 && parts.months == 0 && parts.days == 0 && parts.time_is_zero();
    if is_zero {
        out.extend_from_slice(b"PT0S");
        return;
    }
    let field = |value: i64, letter: u8, out: &mut Vec<u8>| {
        if value != 0 {
            write_number(out, value);
            out.push(letter);
        }
    };
    out.push(b'P');
    field(parts.years, b'Y', out);
    field(parts.months, b'M', out);
    field(parts.days, b'D', out);
    if parts.time_is_zero() {
        return;
    }
    out.push(b'T');
    field(parts.hours, b'H', out);
    field(parts.minutes, b'M', out);
    if parts.micros != 0 {
        if parts.micros < 0 {
            out.push(b'-');
        }
        write_seconds(out, parts.micros.unsigned_abs(), false);
        out.push(b'S');
    }
}
