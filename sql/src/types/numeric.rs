//! Exact numbers: text to a 128-bit coefficient and back, and rounding.
//!
//! A value is `coefficient / 10^scale`; the scale may be negative. Rounding is
//! half away from zero, as PostgreSQL's `numeric`.
//!
//! Not guaranteed: the number of decimals that was written. A column has one
//! scale, so `1.50` in `numeric(10,1)` is shown as `1.5`, in `numeric` as
//! `1.5000000000`.

use arrow::datatypes::i256;

use crate::error::SqlError;

#[cfg(test)]
mod tests;

/// Most digits of a 128-bit coefficient.
pub const DIGITS_MAX: u8 = 38;

/// Largest exponent that text may have; PostgreSQL refuses more as syntax.
const EXPONENT_MAX: i64 = i32::MAX as i64 / 2;

/// 10 to the power of `exponent`; `None` above 38.
#[must_use]
pub fn power_of_ten(exponent: u32) -> Option<i128> {
    if exponent > u32::from(DIGITS_MAX) {
        None
    } else {
        10_i128.checked_pow(exponent)
    }
}

/// Whether a coefficient has at most `precision` digits.
#[must_use]
pub fn fits(value: i128, precision: u8) -> bool {
    power_of_ten(u32::from(precision)).is_some_and(|limit| value > -limit && value < limit)
}

/// `value / divisor`, rounded half away from zero; `divisor` is positive.
#[must_use]
pub fn divide_rounded(value: i128, divisor: i128) -> i128 {
    let quotient = value / divisor;
    let rest = (value % divisor).unsigned_abs();
    let rounds_away = rest >= divisor.unsigned_abs() - rest;
    quotient + i128::from(rounds_away) * value.signum()
}

/// Moves a coefficient from one scale to another; `None` if it does not fit 128 bits.
#[must_use]
pub fn rescale(value: i128, from: i8, to: i8) -> Option<i128> {
    let shift = i32::from(to) - i32::from(from);
    if shift >= 0 {
        if value == 0 {
            return Some(0);
        }
        return value.checked_mul(power_of_ten(shift.unsigned_abs())?);
    }
    match power_of_ten(shift.unsigned_abs()) {
        Some(divisor) => Some(divide_rounded(value, divisor)),
        None => Some(0),
    }
}

/// The same number with as few decimals as it needs, but not less than none.
#[must_use]
pub fn without_zeros(mut value: i128, mut scale: i8) -> (i128, i8) {
    if value == 0 {
        return (0, scale.min(0));
    }
    while scale > 0 && value % 10 == 0 {
        value /= 10;
        scale -= 1;
    }
    (value, scale)
}

/// Precision and scale that hold a literal as it was written: `1.50` has (3, 2),
/// `1e3` has (4, 0). `None` if it is no number or has more than 38 digits.
#[must_use]
pub fn digits_of_text(text: &str) -> Option<(u8, i8)> {
    let number = Literal::parse(text)?;
    let written = i64::try_from(number.fraction.len()).ok()?;
    let scale = written.saturating_sub(number.exponent).max(0);
    let is_zero = |digit: &&u8| **digit == b'0';
    let leading = number
        .whole
        .iter()
        .chain(number.fraction)
        .take_while(is_zero)
        .count();
    let count = number.whole.len() + number.fraction.len() - leading;
    let count = i64::try_from(count).ok()?;
    // An exponent past the decimals adds zeros.
    let padding = if count == 0 {
        0
    } else {
        (number.exponent - written).max(0)
    };
    let precision = (count + padding).max(scale).max(1);
    let precision = u8::try_from(precision)
        .ok()
        .filter(|digits| *digits <= DIGITS_MAX)?;
    Some((precision, i8::try_from(scale).ok()?))
}

/// Reads a number as the coefficient of numeric(precision, scale).
///
/// Errors: `22P02` for text that is no number, `22003` if it has too many digits,
/// `0A000` for NaN and the infinities, which a 128-bit coefficient cannot hold.
pub fn parse(text: &str, precision: u8, scale: i8) -> Result<i128, SqlError> {
    if let Some(value) = parse_short(text.as_bytes(), scale) {
        return if fits(value, precision) {
            Ok(value)
        } else {
            Err(SqlError::numeric_field_overflow(precision, scale))
        };
    }
    let number = Literal::parse(text).ok_or_else(|| refuse(text))?;
    number
        .coefficient(scale)
        .filter(|value| fits(*value, precision))
        .ok_or_else(|| SqlError::numeric_field_overflow(precision, scale))
}

fn refuse(text: &str) -> SqlError {
    let word = text.trim().trim_start_matches(['+', '-']);
    let is_special = ["nan", "inf", "infinity"]
        .iter()
        .any(|name| word.eq_ignore_ascii_case(name));
    if is_special {
        SqlError::not_supported(format!("the numeric value \"{}\"", text.trim()))
    } else {
        SqlError::invalid_text("numeric", text)
    }
}

/// Plain digits with at most one point, at most 18 of them, and no more decimals
/// than the scale: nearly everything that is loaded.
fn parse_short(bytes: &[u8], scale: i8) -> Option<i128> {
    let (is_negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut value: i64 = 0;
    let mut count = 0;
    let mut decimals: Option<i8> = None;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            value = value * 10 + i64::from(digit);
            count += 1;
            if let Some(found) = &mut decimals {
                *found += 1;
            }
        } else if *byte == b'.' && decimals.is_none() {
            decimals = Some(0);
        } else {
            return None;
        }
    }
    if count == 0 || count > 18 {
        return None;
    }
    let shift = u32::try_from(i32::from(scale) - i32::from(decimals.unwrap_or(0))).ok()?;
    let value = i128::from(if is_negative { -value } else { value });
    if shift <= 18 {
        // At most 36 digits.
        return Some(value * i128::from(10_i64.pow(shift)));
    }
    value.checked_mul(power_of_ten(shift)?)
}

/// A number as it was written: digits around a point, and an exponent.
pub(super) struct Literal<'a> {
    pub(super) is_negative: bool,
    pub(super) whole: &'a [u8],
    pub(super) fraction: &'a [u8],
    pub(super) exponent: i64,
}

impl<'a> Literal<'a> {
    /// Reads a number with spaces around it; `None` if it is none.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}');
        let (is_negative, rest) = match trimmed.as_bytes() {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (whole, rest) = split_digits(rest);
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => split_digits(rest),
            rest => (&[][..], rest),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', digits @ ..] => {
                let text = std::str::from_utf8(digits).ok()?;
                text.parse::<i64>()
                    .ok()
                    .filter(|value| value.abs() < EXPONENT_MAX)?
            }
            _ => return None,
        };
        Some(Self {
            is_negative,
            whole,
            fraction,
            exponent,
        })
    }

    /// The coefficient at a scale, rounded; `None` if it does not fit 128 bits.
    pub(super) fn coefficient(&self, scale: i8) -> Option<i128> {
        // How many of the digits, or zeros after them, belong to the coefficient.
        let kept = i64::try_from(self.whole.len()).ok()? + self.exponent + i64::from(scale);
        let mut value: i128 = 0;
        let mut digits = self.whole.iter().chain(self.fraction);
        for _ in 0..kept.max(0) {
            let Some(digit) = digits.next() else {
                if value == 0 {
                    return Some(0);
                }
                value = value.checked_mul(10)?;
                continue;
            };
            value = value
                .checked_mul(10)?
                .checked_add(i128::from(digit - b'0'))?;
        }
        let rounds_away = kept >= 0 && digits.next().is_some_and(|digit| *digit >= b'5');
        value = value.checked_add(i128::from(rounds_away))?;
        Some(if self.is_negative { -value } else { value })
    }
}

fn split_digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let count = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    bytes.split_at(count)
}

/// Writes a number; `value` is its coefficient.
pub fn write(out: &mut Vec<u8>, value: i128, scale: i8) {
    if value < 0 {
        out.push(b'-');
    }
    let mut buffer = itoa::Buffer::new();
    let size = value.unsigned_abs();
    let digits = match u64::try_from(size) {
        Ok(short) => buffer.format(short),
        Err(_) => buffer.format(size),
    };
    write_digits(out, digits.as_bytes(), scale);
}

/// Writes a number with a 256-bit coefficient.
pub fn write_wide(out: &mut Vec<u8>, value: i256, scale: i8) {
    let text = value.to_string();
    let digits = match text.strip_prefix('-') {
        Some(digits) => {
            out.push(b'-');
            digits
        }
        None => &text,
    };
    write_digits(out, digits.as_bytes(), scale);
}

/// Puts the point into the digits of a coefficient.
fn write_digits(out: &mut Vec<u8>, digits: &[u8], scale: i8) {
    let decimals = usize::try_from(scale).unwrap_or(0);
    if decimals == 0 {
        out.extend_from_slice(digits);
        if digits != b"0" {
            out.extend(std::iter::repeat_n(b'0', usize::from(scale.unsigned_abs())));
        }
        return;
    }
    match digits
        .len()
        .checked_sub(decimals)
        .filter(|length| *length > 0)
    {
        Some(whole) => {
            out.extend_from_slice(&digits[..whole]);
            out.push(b'.');
            out.extend_from_slice(&digits[whole..]);
        }
        None => {
            out.extend_from_slice(b"0.");
            out.extend(std::iter::repeat_n(b'0', decimals - digits.len()));
            out.extend_from_slice(digits);
        }
    }
}
