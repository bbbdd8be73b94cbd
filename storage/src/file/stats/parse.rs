//! A bound's text as a value.

use std::cmp::Ordering;

use crate::file::stats::{Bound, calendar};
use crate::types::{ColumnType, NUMERIC_UNBOUNDED};

/// A number with more digits than this cannot have been written from a `real`.
const REAL_DIGITS_MAX: usize = 9;

/// The value of a bound.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Integers, booleans (0 and 1), decimals without their point, days, microseconds.
    Integer(i128),
    /// Never NaN.
    Float(f64),
    /// Ordered by bytes.
    Text(String),
    /// Ordered by bytes.
    Bytes(Vec<u8>),
}

impl Value {
    /// The order of two values of one type; `None` for different types.
    pub(super) fn compare(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Integer(left), Value::Integer(right)) => Some(left.cmp(right)),
            (Value::Float(left), Value::Float(right)) => left.partial_cmp(right),
            (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
            (Value::Bytes(left), Value::Bytes(right)) => Some(left.cmp(right)),
            _ => None,
        }
    }
}

/// Reads a bound; `None` if it cannot be read as a bound of this type.
///
/// The texts may also be those that DuckDB writes for inlined rows (`true`), or those of
/// a narrower type that the column had before.
pub(super) fn parse(column_type: &ColumnType, bound: Bound, text: &str) -> Option<Value> {
    match column_type.plain() {
        ColumnType::Boolean => match text {
            "0" | "false" => Some(Value::Integer(0)),
            "1" | "true" => Some(Value::Integer(1)),
            _ => None,
        },
        ColumnType::Int8
        | ColumnType::Int16
        | ColumnType::Int32
        | ColumnType::Int64
        | ColumnType::UInt8
        | ColumnType::UInt16
        | ColumnType::UInt32
        | ColumnType::UInt64 => text.parse().ok().map(Value::Integer),
        ColumnType::Numeric { scale, .. } => parse_decimal(text, *scale, bound),
        ColumnType::NumericUnbounded => parse_decimal(text, NUMERIC_UNBOUNDED.1, bound),
        ColumnType::Float32 => text
            .parse::<f32>()
            .ok()
            .and_then(|v| float(f64::from(v), bound)),
        ColumnType::Float64 => parse_double(text, bound),
        ColumnType::Text | ColumnType::Varchar(_) | ColumnType::Char(_) => {
            Some(Value::Text(text.to_owned()))
        }
        ColumnType::Bytea => parse_hexadecimal(text).map(Value::Bytes),
        ColumnType::Uuid => uuid::Uuid::try_parse(text)
            .ok()
            .map(|id| Value::Bytes(id.into_bytes().to_vec())),
        ColumnType::Date => calendar::parse_date(text).map(|days| Value::Integer(days.into())),
        ColumnType::Time => calendar::parse_time(text).map(|time| Value::Integer(time.into())),
        ColumnType::Timestamp | ColumnType::TimestampTz => {
            calendar::parse_timestamp(text).map(|micros| Value::Integer(micros.into()))
        }
        ColumnType::Interval
        | ColumnType::Json
        | ColumnType::Jsonb
        | ColumnType::Refined(_)
        | ColumnType::List(_)
        | ColumnType::HugeInt
        | ColumnType::Struct(_)
        | ColumnType::Map(..)
        | ColumnType::Unsupported(_) => None,
    }
}

/// A zero bound includes both zeros, because Arrow's order puts -0 below 0.
fn float(value: f64, bound: Bound) -> Option<Value> {
    if value.is_nan() {
        return None;
    }
    let signed_zero = match bound {
        Bound::Min => -0.0,
        Bound::Max => 0.0,
    };
    Some(Value::Float(if value == 0.0 { signed_zero } else { value }))
}

/// A short text may be a bound of `real` values in a column that was widened since:
/// "0.1" then stands for 0.100000001490116. So the bound includes both readings.
fn parse_double(text: &str, bound: Bound) -> Option<Value> {
    let value: f64 = text.parse().ok()?;
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    let digit_count = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let as_real = text
        .parse::<f32>()
        .ok()
        .map(f64::from)
        .filter(|real| real.is_finite());
    let outer = match (as_real, bound) {
        (Some(real), Bound::Min) if digit_count <= REAL_DIGITS_MAX => value.min(real),
        (Some(real), Bound::Max) if digit_count <= REAL_DIGITS_MAX => value.max(real),
        _ => value,
    };
    // f64::min prefers the number, so a NaN must be looked for in the first reading.
    if value.is_nan() {
        None
    } else {
        float(outer, bound)
    }
}

/// `[-]digits[.digits]` at `scale`; digits beyond it round outwards.
fn parse_decimal(text: &str, scale: i8, bound: Bound) -> Option<Value> {
    let scale = usize::try_from(scale).ok()?;
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = !(whole.is_empty() && fraction.is_empty())
        && whole
            .bytes()
            .chain(fraction.bytes())
            .all(|byte| byte.is_ascii_digit());
    if !is_number {
        return None;
    }
    let mut value: i128 = 0;
    let kept = fraction.bytes().chain(std::iter::repeat(b'0')).take(scale);
    for digit in whole.bytes().chain(kept) {
        value = value
            .checked_mul(10)?
            .checked_add(i128::from(digit - b'0'))?;
    }
    let is_inexact = fraction.bytes().skip(scale).any(|byte| byte != b'0');
    let away_from_zero = is_inexact && is_negative == (bound == Bound::Min);
    let magnitude = value.checked_add(i128::from(away_from_zero))?;
    Some(Value::Integer(if is_negative {
        -magnitude
    } else {
        magnitude
    }))
}

/// Pairs of hexadecimal digits. The escapes that inlined rows use are not read, since
/// they cannot be told from it.
fn parse_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let is_hexadecimal =
        text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hexadecimal {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|start| u8::from_str_radix(&text[start..start + 2], 16).ok())
        .collect()
}
