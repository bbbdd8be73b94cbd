//! Text to boolean, integers, OIDs and floating-point numbers.

use crate::error::SqlError;
use crate::types::{PgType, oid};

/// Reads a boolean: any clear start of a known word.
pub(super) fn parse_bool(text: &str) -> Result<bool, SqlError> {
    match text.as_bytes() {
        b"t" | b"1" => return Ok(true),
        b"f" | b"0" => return Ok(false),
        _ => {}
    }
    let word = text.trim_matches(is_space);
    let starts = |full: &str| {
        !word.is_empty()
            && full.len() >= word.len()
            && full.as_bytes()[..word.len()].eq_ignore_ascii_case(word.as_bytes())
    };
    // A lone `o` may be on or off.
    let is_on = starts("on") && word.len() > 1;
    let is_off = starts("off") && word.len() > 1;
    if starts("true") || starts("yes") || is_on || word == "1" {
        Ok(true)
    } else if starts("false") || starts("no") || is_off || word == "0" {
        Ok(false)
    } else {
        Err(SqlError::invalid_text("boolean", text))
    }
}

/// Reads an integer; `type_name` as messages show it.
pub(super) fn parse_int<T: TryFrom<i64>>(text: &str, type_name: &str) -> Result<T, SqlError> {
    let value = match short_int(text.as_bytes()) {
        Some(value) => value,
        None => long_int(text).map_err(|fault| match fault {
            Fault::Syntax => SqlError::invalid_text(type_name, text),
            Fault::Range => SqlError::value_out_of_range(text, type_name),
        })?,
    };
    T::try_from(value).map_err(|_| SqlError::value_out_of_range(text, type_name))
}

enum Fault {
    Syntax,
    Range,
}

/// Up to 18 digits, with a minus or without: nearly everything that is loaded.
fn short_int(bytes: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut value = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(if is_negative { -value } else { value })
}

fn long_int(text: &str) -> Result<i64, Fault> {
    let trimmed = text.trim_matches(is_space);
    let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(Fault::Syntax);
    }
    trimmed.parse().map_err(|_| Fault::Range)
}

/// Reads an OID, or a number for regclass and its kin, whose names are resolved
/// elsewhere.
pub(super) fn parse_oid(text: &str, target: PgType) -> Result<i64, SqlError> {
    let name = target.entry().name;
    let is_name_like = !matches!(target.oid, oid::OID | oid::XID);
    if is_name_like && text == "-" {
        return Ok(0);
    }
    let value = long_int(text).map_err(|fault| match fault {
        Fault::Syntax => SqlError::invalid_text(name, text),
        Fault::Range => SqlError::value_out_of_range(text, name),
    })?;
    let is_wrapped = (i64::from(i32::MIN)..0).contains(&value);
    if is_wrapped {
        return Ok(value + (1 << 32));
    }
    if (0..1 << 32).contains(&value) {
        Ok(value)
    } else {
        Err(SqlError::value_out_of_range(text, name))
    }
}

/// Reads a double precision number.
pub(super) fn parse_double(text: &str) -> Result<f64, SqlError> {
    const TYPE: &str = "double precision";
    let trimmed = text.trim_matches(is_space);
    let value: f64 = trimmed
        .parse()
        .map_err(|_| SqlError::invalid_text(TYPE, text))?;
    let is_lost = (value == 0.0 || value.is_infinite()) && is_inexact(trimmed, value == 0.0);
    if is_lost {
        Err(SqlError::float_out_of_range(trimmed, TYPE))
    } else {
        Ok(value)
    }
}

/// Reads a real.
pub(super) fn parse_single(text: &str) -> Result<f32, SqlError> {
    let trimmed = text.trim_matches(is_space);
    let value: f32 = trimmed
        .parse()
        .map_err(|_| SqlError::invalid_text("real", text))?;
    let is_lost = (value == 0.0 || value.is_infinite()) && is_inexact(trimmed, value == 0.0);
    if is_lost {
        Err(SqlError::float_out_of_range(trimmed, "real"))
    } else {
        Ok(value)
    }
}

/// Whether text that was read as zero or infinity says something else.
fn is_inexact(text: &str, is_zero: bool) -> bool {
    if !is_zero {
        return text.bytes().any(|byte| byte.is_ascii_digit());
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    mantissa.bytes().any(|byte| (b'1'..=b'9').contains(&byte))
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}
