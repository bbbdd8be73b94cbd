//! `numeric` in binary: groups of four decimal digits.
//!
//! Header: count of groups, weight of the first (in powers of 10000), sign, and
//! the number of decimals that are shown; 16 bits each.

use arrow::datatypes::i256;

use crate::error::SqlError;
use crate::types::numeric::{fits, power_of_ten};

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;
const INFINITY: u16 = 0xd000;
const MINUS_INFINITY: u16 = 0xf000;

/// Decimal digits of one group.
const GROUP_DIGITS: u32 = 4;
const GROUP: i128 = 10_000;

/// Most groups of a number that is sent: 77 digits, cut at the point.
const GROUP_COUNT_MAX: usize = 24;

/// Writes a number; `value` is its coefficient.
pub(super) fn send(out: &mut Vec<u8>, value: i128, scale: i8) {
    let Ok(decimals) = u8::try_from(scale) else {
        return send_text(out, &value.to_string(), scale);
    };
    let size = value.unsigned_abs();
    let unit = power_of_ten(u32::from(decimals))
        .unwrap_or(i128::MAX)
        .unsigned_abs();
    let (mut whole, mut fraction) = (size / unit, size % unit);
    let mut groups = [0_u16; GROUP_COUNT_MAX];
    // Filled from the end: the fraction first, its last group padded with zeros.
    let mut first = GROUP_COUNT_MAX;
    let group = GROUP.unsigned_abs();
    let odd_digits = u32::from(decimals) % GROUP_DIGITS;
    let fraction_groups = usize::from(decimals).div_ceil(4);
    for index in 0..fraction_groups {
        first -= 1;
        if index == 0 && odd_digits > 0 {
            let part = 10_u128.pow(odd_digits);
            let padding = 10_u128.pow(GROUP_DIGITS - odd_digits);
            groups[first] = (fraction % part * padding) as u16;
            fraction /= part;
        } else {
            groups[first] = (fraction % group) as u16;
            fraction /= group;
        }
    }
    while whole > 0 {
        first -= 1;
        groups[first] = (whole % group) as u16;
        whole /= group;
    }
    let before_point = GROUP_COUNT_MAX - fraction_groups - first;
    write(
        out,
        &groups[first..],
        before_point,
        value < 0,
        u16::from(decimals),
    );
}

/// Writes a number with a 256-bit coefficient.
pub(super) fn send_wide(out: &mut Vec<u8>, value: i256, scale: i8) {
    match value.to_i128() {
        Some(narrow) => send(out, narrow, scale),
        None => send_text(out, &value.to_string(), scale),
    }
}

/// Writes a number whose coefficient is given as digits.
fn send_text(out: &mut Vec<u8>, coefficient: &str, scale: i8) {
    let mut shown = Vec::new();
    let (is_negative, digits) = match coefficient.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, coefficient),
    };
    let decimals = usize::try_from(scale).unwrap_or(0);
    let zeros = usize::from(scale.min(0).unsigned_abs());
    let whole_digits = (digits.len() + zeros).saturating_sub(decimals);
    // Zeros before align the point, and make up for missing digits after it.
    let lead = (4 - whole_digits % 4) % 4 + decimals.saturating_sub(digits.len());
    shown.resize(lead, b'0');
    shown.extend_from_slice(digits.as_bytes());
    shown.resize(shown.len() + zeros, b'0');
    let before_point = whole_digits.div_ceil(4);
    let length = before_point * 4 + decimals.div_ceil(4) * 4;
    shown.resize(length, b'0');
    let groups: Vec<u16> = shown
        .chunks(4)
        .map(|chunk| {
            chunk
                .iter()
                .fold(0, |sum, byte| sum * 10 + u16::from(byte - b'0'))
        })
        .collect();
    write(
        out,
        &groups,
        before_point,
        is_negative,
        u16::try_from(decimals).unwrap_or(0),
    );
}

/// Writes header and groups, without zeros at either end.
fn write(out: &mut Vec<u8>, groups: &[u16], before_point: usize, is_negative: bool, decimals: u16) {
    let leading = groups.iter().take_while(|group| **group == 0).count();
    let trailing = groups[leading..]
        .iter()
        .rev()
        .take_while(|group| **group == 0)
        .count();
    let kept = &groups[leading..groups.len() - trailing];
    let weight = if kept.is_empty() {
        0
    } else {
        before_point as i16 - leading as i16 - 1
    };
    let sign = if is_negative && !kept.is_empty() {
        NEGATIVE
    } else {
        POSITIVE
    };
    out.extend_from_slice(&(kept.len() as u16).to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&decimals.to_be_bytes());
    for group in kept {
        out.extend_from_slice(&group.to_be_bytes());
    }
}

/// Reads a number as the coefficient of numeric(precision, scale), rounded.
///
/// Errors: `22P03`; `22003` if it does not fit; `0A000` for NaN and infinities.
pub(super) fn receive(bytes: &[u8], precision: u8, scale: i8) -> Result<i128, SqlError> {
    let invalid = || SqlError::invalid_binary("invalid length in external \"numeric\" value");
    let word = |index: usize| {
        let pair = bytes.get(index * 2..index * 2 + 2)?;
        Some(u16::from_be_bytes([pair[0], pair[1]]))
    };
    let header = (word(0), word(1), word(2), word(3));
    let (Some(count), Some(weight), Some(sign), Some(_)) = header else {
        return Err(invalid());
    };
    if bytes.len() != 8 + usize::from(count) * 2 {
        return Err(invalid());
    }
    match sign {
        POSITIVE | NEGATIVE => {}
        NAN | INFINITY | MINUS_INFINITY => {
            return Err(SqlError::not_supported("the numeric value NaN or infinity"));
        }
        _ => {
            return Err(SqlError::invalid_binary(
                "invalid sign in external \"numeric\" value",
            ));
        }
    }
    let groups = (0..usize::from(count)).map(|index| word(index + 4).unwrap_or(0));
    let mut value: i128 = 0;
    // Digits of the coefficient that are still to come.
    let mut missing = (i64::from(weight as i16) + 1) * 4 + i64::from(scale);
    let mut rounds_away = false;
    let overflow = || SqlError::numeric_field_overflow(precision, scale);
    for group in groups {
        if i128::from(group) >= GROUP {
            return Err(SqlError::invalid_binary(
                "invalid digit in external \"numeric\" value",
            ));
        }
        for unit in [1000, 100, 10, 1] {
            let digit = i128::from(group / unit % 10);
            if missing > 0 {
                value = value
                    .checked_mul(10)
                    .and_then(|v| v.checked_add(digit))
                    .ok_or_else(overflow)?;
            } else if missing == 0 {
                rounds_away = digit >= 5;
            }
            missing -= 1;
        }
    }
    if missing > 0 && value != 0 {
        let power = u32::try_from(missing)
            .ok()
            .and_then(power_of_ten)
            .ok_or_else(overflow)?;
        value = value.checked_mul(power).ok_or_else(overflow)?;
    }
    value += i128::from(rounds_away);
    if !fits(value, precision) {
        return Err(overflow());
    }
    Ok(if sign == NEGATIVE { -value } else { value })
}
