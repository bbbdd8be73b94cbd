//! Floating-point numbers as text: the shortest digits that read back to the same value.
//!
//! PostgreSQL takes the shortest digits strictly inside the interval that rounds
//! to the value. serde_json's writer also takes the interval's ends where they
//! round to even, so such results are found and replaced; 1e23 is one.
//!
//! Source: PostgreSQL 15 manual, section 8.1.3; `float8out`.

use std::io::Write;

use serde_json::ser::{CompactFormatter, Formatter};

/// Significant digits that always tell values apart, and exponents from which on
/// a number is written with one.
#[derive(Clone, Copy)]
struct Kind {
    digits_max: usize,
    /// Significant digits under `extra_float_digits = 0`; also the smallest
    /// exponent that is written.
    digits_plain: i32,
}

const SINGLE: Kind = Kind {
    digits_max: 9,
    digits_plain: 6,
};
const DOUBLE: Kind = Kind {
    digits_max: 17,
    digits_plain: 15,
};

/// Bytes that the text of any number fits.
const TEXT_BYTES_MAX: usize = 64;

/// Writes a real.
pub(super) fn write_single(out: &mut Vec<u8>, value: f32, extra: i32) {
    if write_special(out, f64::from(value)) {
        return;
    }
    if extra <= 0 {
        return write_rounded(out, f64::from(value), SINGLE, extra);
    }
    let mut scratch = [0; TEXT_BYTES_MAX];
    let text = spend(&mut scratch, |rest| CompactFormatter.write_f32(rest, value));
    let shortest = Digits::parse(text);
    let (mantissa, is_lowest) = {
        let bits = value.to_bits();
        let fraction = u64::from(bits & 0x7f_ffff);
        let is_normal = bits & 0x7f80_0000 != 0;
        (
            if is_normal {
                fraction | 0x80_0000
            } else {
                fraction
            },
            is_normal && fraction == 0,
        )
    };
    if shortest.is_boundary(mantissa, is_lowest) {
        let is_same = |text: &str| text.parse::<f32>() == Ok(value);
        return write_inside(out, f64::from(value), SINGLE, mantissa, is_lowest, is_same);
    }
    shortest.write(out, SINGLE);
}

/// Writes a double precision number.
pub(super) fn write_double(out: &mut Vec<u8>, value: f64, extra: i32) {
    if write_special(out, value) {
        return;
    }
    if extra <= 0 {
        return write_rounded(out, value, DOUBLE, extra);
    }
    let mut scratch = [0; TEXT_BYTES_MAX];
    let text = spend(&mut scratch, |rest| CompactFormatter.write_f64(rest, value));
    let shortest = Digits::parse(text);
    let (mantissa, is_lowest) = {
        let bits = value.to_bits();
        let fraction = bits & 0xf_ffff_ffff_ffff;
        let is_normal = bits & 0x7ff0_0000_0000_0000 != 0;
        (
            if is_normal {
                fraction | (1 << 52)
            } else {
                fraction
            },
            is_normal && fraction == 0,
        )
    };
    if shortest.is_boundary(mantissa, is_lowest) {
        let is_same = |text: &str| text.parse::<f64>() == Ok(value);
        return write_inside(out, value, DOUBLE, mantissa, is_lowest, is_same);
    }
    shortest.write(out, DOUBLE);
}

fn write_special(out: &mut Vec<u8>, value: f64) -> bool {
    let text: &[u8] = if value.is_nan() {
        b"NaN"
    } else if value == f64::INFINITY {
        b"Infinity"
    } else if value == f64::NEG_INFINITY {
        b"-Infinity"
    } else if value == 0.0 {
        if value.is_sign_negative() {
            b"-0"
        } else {
            b"0"
        }
    } else {
        return false;
    };
    out.extend_from_slice(text);
    true
}

/// Runs a writer over a buffer on the stack; what it wrote.
fn spend(
    scratch: &mut [u8; TEXT_BYTES_MAX],
    write: impl FnOnce(&mut &mut [u8]) -> std::io::Result<()>,
) -> &[u8] {
    let mut rest: &mut [u8] = scratch;
    write(&mut rest).expect("a number fits the buffer");
    let length = TEXT_BYTES_MAX - rest.len();
    &scratch[..length]
}

/// Writes a number rounded to fewer digits, as C's `%.*g`.
fn write_rounded(out: &mut Vec<u8>, value: f64, kind: Kind, extra: i32) {
    let digits = usize::try_from((kind.digits_plain + extra).max(1)).unwrap_or(1);
    let mut scratch = [0; TEXT_BYTES_MAX];
    let text = spend(&mut scratch, |rest| write!(rest, "{value:.*e}", digits - 1));
    let limit = i32::try_from(digits).unwrap_or(i32::MAX);
    Digits::parse(text).write(
        out,
        Kind {
            digits_plain: limit,
            ..kind
        },
    );
}

/// Writes the shortest digits that are inside the interval and not at its end.
fn write_inside(
    out: &mut Vec<u8>,
    value: f64,
    kind: Kind,
    mantissa: u64,
    is_lowest: bool,
    is_same: impl Fn(&str) -> bool,
) {
    for count in 1..=kind.digits_max {
        let mut scratch = [0; TEXT_BYTES_MAX];
        let text = spend(&mut scratch, |rest| write!(rest, "{value:.*e}", count - 1));
        let digits = Digits::parse(text);
        let is_exact = std::str::from_utf8(text).is_ok_and(&is_same);
        if count == kind.digits_max || (is_exact && !digits.is_boundary(mantissa, is_lowest)) {
            return digits.write(out, kind);
        }
    }
}

/// A number as digits and a power of ten.
struct Digits {
    is_negative: bool,
    /// The digits as a number, without zeros at the end.
    value: u64,
    /// The number is `value * 10^exponent`.
    exponent: i32,
}

impl Digits {
    /// Reads `1.5`, `1e20`, `1.5e-7`.
    fn parse(text: &[u8]) -> Self {
        let mut digits = Self {
            is_negative: false,
            value: 0,
            exponent: 0,
        };
        let mut is_fraction = false;
        for (index, byte) in text.iter().enumerate() {
            match byte {
                b'-' => digits.is_negative = true,
                b'.' => is_fraction = true,
                b'e' => {
                    let exponent = std::str::from_utf8(&text[index + 1..]).unwrap_or_default();
                    digits.exponent += exponent.parse::<i32>().unwrap_or(0);
                    break;
                }
                _ => {
                    digits.value = digits.value * 10 + u64::from(byte - b'0');
                    digits.exponent -= i32::from(is_fraction);
                }
            }
        }
        while digits.value != 0 && digits.value.is_multiple_of(10) {
            digits.value /= 10;
            digits.exponent += 1;
        }
        digits
    }

    /// Whether the digits are exactly half way to a neighbour of the number with
    /// this mantissa. `is_lowest`: the neighbour below is half as far.
    fn is_boundary(&self, mantissa: u64, is_lowest: bool) -> bool {
        // Half way is an odd number times a power of two; with few digits, that
        // leaves only small powers of five.
        if mantissa % 2 == 1 || !(-4..=27).contains(&self.exponent) {
            return false;
        }
        let five = 5_u128.pow(self.exponent.unsigned_abs());
        let (shown, scale) = if self.exponent >= 0 {
            (u128::from(self.value) * five, 1)
        } else {
            (u128::from(self.value), five)
        };
        let shown = shown >> shown.trailing_zeros();
        let middle = u128::from(mantissa) * 2;
        shown == (middle + 1) * scale
            || shown == (middle - 1) * scale
            || (is_lowest && shown == (middle * 2 - 1) * scale)
    }

    /// Writes the number with an exponent where PostgreSQL does.
    fn write(&self, out: &mut Vec<u8>, kind: Kind) {
        if self.is_negative {
            out.push(b'-');
        }
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(self.value).as_bytes();
        let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
        let exponent = self.exponent + count - 1;
        if exponent < -4 || exponent >= kind.digits_plain {
            return write_scientific(out, digits, exponent);
        }
        if exponent < 0 {
            out.extend_from_slice(b"0.");
            out.extend(std::iter::repeat_n(
                b'0',
                exponent.unsigned_abs() as usize - 1,
            ));
            out.extend_from_slice(digits);
        } else if self.exponent >= 0 {
            out.extend_from_slice(digits);
            out.extend(std::iter::repeat_n(
                b'0',
                self.exponent.unsigned_abs() as usize,
            ));
        } else {
            let whole = exponent.unsigned_abs() as usize + 1;
            out.extend_from_slice(&digits[..whole]);
            out.push(b'.');
            out.extend_from_slice(&digits[whole..]);
        }
    }
}

fn write_scientific(out: &mut Vec<u8>, digits: &[u8], exponent: i32) {
    out.push(digits[0]);
    if digits.len() > 1 {
        out.push(b'.');
        out.extend_from_slice(&digits[1..]);
    }
    out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
    if exponent.abs() < 10 {
        out.push(b'0');
    }
    out.extend_from_slice(
        itoa::Buffer::new()
            .format(exponent.unsigned_abs())
            .as_bytes(),
    );
}
