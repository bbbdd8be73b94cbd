//! What `interval(p)` and `interval day to second` do to a value.
//!
//! A modifier holds a mask of fields in its upper half and the digits after the
//! seconds in its lower half; all ones in a half means that nothing was said.
//!
//! Source: PostgreSQL 15, `timestamp.c` (`AdjustIntervalForTypmod`,
//! `intervaltypmodout`).

use arrow::datatypes::IntervalMonthDayNano;

use super::parse::round_time;
use super::{MICROS_PER_HOUR, MICROS_PER_MINUTE};

/// Bits of the fields in a mask.
const MONTH: i32 = 1 << 1;
const YEAR: i32 = 1 << 2;
const DAY: i32 = 1 << 3;
const HOUR: i32 = 1 << 10;
const MINUTE: i32 = 1 << 11;
const SECOND: i32 = 1 << 12;

const ALL_FIELDS: i32 = 0x7fff;
const ANY_PRECISION: i32 = 0xffff;
const NANOS_PER_MICRO: i64 = 1_000;

/// Names of the fields from large to small, with their bits.
const FIELDS: [(&str, i32); 6] = [
    ("year", YEAR),
    ("month", MONTH),
    ("day", DAY),
    ("hour", HOUR),
    ("minute", MINUTE),
    ("second", SECOND),
];

/// The modifier of an interval type.
///
/// `first`, `last`: names of fields in lower case, `last` alone none; `digits`: after
/// the seconds, 6 at most. `None`: a field that there is not, or no range.
#[must_use]
pub fn interval_typmod(
    first: Option<&str>,
    last: Option<&str>,
    digits: Option<u64>,
) -> Option<i32> {
    let position = |name: &str| FIELDS.iter().position(|(field, _)| *field == name);
    let mask = match first {
        None => ALL_FIELDS,
        Some(first) => {
            let start = position(first)?;
            let end = last.map_or(Some(start), position)?;
            let fields = FIELDS.get(start..=end)?;
            fields.iter().fold(0, |mask, (_, bit)| mask | bit)
        }
    };
    if mask == ALL_FIELDS && digits.is_none() {
        return Some(-1);
    }
    let precision = digits.map_or(ANY_PRECISION, |digits| {
        i32::try_from(digits.min(6)).unwrap_or(6)
    });
    Some(mask << 16 | precision)
}

/// The digits of `interval(p)`; `None` if fields are named, too, or nothing is.
#[must_use]
pub fn interval_precision(typmod: i32) -> Option<u8> {
    let (mask, precision) = parts(typmod)?;
    (mask == ALL_FIELDS && precision != ANY_PRECISION)
        .then_some(precision)
        .and_then(|precision| u8::try_from(precision).ok())
}

/// What follows the word `interval` in the name of a type.
#[must_use]
pub fn interval_suffix(typmod: i32) -> String {
    let Some((mask, precision)) = parts(typmod) else {
        return String::new();
    };
    let mut text = String::new();
    if mask != ALL_FIELDS {
        let named = |(_, bit): &&(&str, i32)| mask & bit != 0;
        let first = FIELDS.iter().find(named).map(|(name, _)| *name);
        let last = FIELDS.iter().rfind(named).map(|(name, _)| *name);
        if let (Some(first), Some(last)) = (first, last) {
            text.push(' ');
            text.push_str(first);
            if first != last {
                text.push_str(" to ");
                text.push_str(last);
            }
        }
    }
    if precision != ANY_PRECISION {
        text.push_str(&format!("({precision})"));
    }
    text
}

/// Cuts fields below the smallest one that the type names, and rounds seconds.
#[must_use]
pub fn adjust_interval(value: IntervalMonthDayNano, typmod: i32) -> IntervalMonthDayNano {
    let Some((mask, precision)) = parts(typmod) else {
        return value;
    };
    let micros = value.nanoseconds / NANOS_PER_MICRO;
    let cut = |unit: i64| micros / unit * unit;
    let (months, days, micros) = match mask {
        ALL_FIELDS => (value.months, value.days, micros),
        YEAR => (value.months / 12 * 12, 0, 0),
        _ if mask & (DAY | HOUR | MINUTE | SECOND) == 0 => (value.months, 0, 0),
        DAY => (value.months, value.days, 0),
        _ if mask & SECOND != 0 => (value.months, value.days, micros),
        _ if mask & MINUTE != 0 => (value.months, value.days, cut(MICROS_PER_MINUTE)),
        _ => (value.months, value.days, cut(MICROS_PER_HOUR)),
    };
    let micros = if precision == ANY_PRECISION {
        micros
    } else {
        round_time(micros, precision)
    };
    IntervalMonthDayNano::new(months, days, micros.saturating_mul(NANOS_PER_MICRO))
}

/// Mask of fields and precision; `None` without modifier.
fn parts(typmod: i32) -> Option<(i32, i32)> {
    (typmod >= 0).then_some((typmod >> 16 & ALL_FIELDS, typmod & ANY_PRECISION))
}
