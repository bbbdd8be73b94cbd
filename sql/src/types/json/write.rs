//! Values written in the one form that `jsonb` has.

use std::borrow::Cow;

use super::Value;
use crate::error::SqlError;
use crate::types::numeric::Literal;

/// Most digits before the point that PostgreSQL's numeric has.
const WHOLE_DIGITS_MAX: i64 = 131_072;

/// Most digits after the point that PostgreSQL's numeric has.
const DECIMALS_MAX: i64 = 16_383;

/// Writes a value.
pub(super) fn write(out: &mut String, value: Value<'_>) -> Result<(), SqlError> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(text) => write_number(out, text)?,
        Value::String(text) => write_string(out, &text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.into_iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write(out, item)?;
            }
            out.push(']');
        }
        Value::Object(members) => write_object(out, members)?,
    }
    Ok(())
}

fn write_object(
    out: &mut String,
    mut members: Vec<(Cow<'_, str>, Value<'_>)>,
) -> Result<(), SqlError> {
    // The sort is stable, so that the last of equal keys stays the last.
    members.sort_by(|(left, _), (right, _)| {
        left.len()
            .cmp(&right.len())
            .then_with(|| left.as_bytes().cmp(right.as_bytes()))
    });
    out.push('{');
    let mut is_first = true;
    let mut rest = members.into_iter().peekable();
    while let Some((name, value)) = rest.next() {
        if rest.peek().is_some_and(|(next, _)| *next == name) {
            continue;
        }
        if !is_first {
            out.push_str(", ");
        }
        is_first = false;
        write_string(out, &name);
        out.push_str(": ");
        write(out, value)?;
    }
    out.push('}');
    Ok(())
}

/// Writes a number without its exponent.
fn write_number(out: &mut String, text: &str) -> Result<(), SqlError> {
    if !text.bytes().any(|byte| matches!(byte, b'e' | b'E' | b'-')) {
        out.push_str(text);
        return Ok(());
    }
    let number = Literal::parse(text).ok_or_else(|| SqlError::invalid_text("numeric", text))?;
    let digits: Vec<u8> = number
        .whole
        .iter()
        .chain(number.fraction)
        .copied()
        .collect();
    let is_zero = digits.iter().all(|digit| *digit == b'0');
    let written = i64::try_from(number.fraction.len()).unwrap_or(i64::MAX);
    let decimals = written.saturating_sub(number.exponent).max(0);
    let point = i64::try_from(number.whole.len()).unwrap_or(i64::MAX) + number.exponent;
    if (point > WHOLE_DIGITS_MAX && !is_zero) || decimals > DECIMALS_MAX {
        return Err(SqlError::numeric_format_overflow());
    }
    if number.is_negative && !is_zero {
        out.push('-');
    }
    // Digit `index` stands `point - index` places before the point.
    let digit = |index: i64| {
        let found = usize::try_from(index)
            .ok()
            .and_then(|index| digits.get(index));
        char::from(*found.unwrap_or(&b'0'))
    };
    let first = (0..point)
        .find(|index| digit(*index) != '0')
        .unwrap_or(point);
    if first >= point || is_zero {
        out.push('0');
    } else {
        out.extend((first..point).map(digit));
    }
    if decimals > 0 {
        out.push('.');
        out.extend((point..point + decimals).map(digit));
    }
    Ok(())
}

/// Writes a string with quotes and escapes.
pub(super) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut copied = 0;
    for (index, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            0x08 => "\\b",
            0x0c => "\\f",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(&text[copied..index]);
        copied = index + 1;
        if escape.is_empty() {
            out.push_str(&format!("\\u{byte:04x}"));
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(&text[copied..]);
    out.push('"');
}
