//! Writes a number by a template.

use super::moment::ordinal;
use super::number::{Anchor, Item, Template};
use super::template::Case;
use crate::error::SqlError;
use crate::types::numeric::{power_of_ten, rescale};

/// Width of a Roman numeral that is padded.
const ROMAN_WIDTH: usize = 15;

/// A number to write.
pub(super) enum Amount {
    /// Unscaled, and its scale.
    Exact(i128, i8),
    /// Digits beyond `digits_max` are not shown.
    Float { value: f64, digits_max: usize },
}

/// Sign, digits before and digits after the point.
struct Digits {
    is_negative: bool,
    whole: String,
    decimals: String,
}

/// Errors: `22003` for a number with more digits than numeric holds.
pub(super) fn write(template: &Template, amount: &Amount) -> Result<String, SqlError> {
    if template.roman.is_some() {
        return Ok(Writer::new(template, digits(amount, 0, 0)?).run());
    }
    if template.is_scientific {
        return Ok(scientific(template, amount));
    }
    let mut digits = digits(amount, template.decimals, template.shift)?;
    let room = template.whole + template.shift;
    if digits.whole.len() > room && digits.whole.bytes().all(|byte| byte.is_ascii_digit()) {
        digits.whole = "#".repeat(room);
        digits.decimals = "#".repeat(template.decimals);
    }
    Ok(Writer::new(template, digits).run())
}

fn digits(amount: &Amount, decimals: usize, shift: usize) -> Result<Digits, SqlError> {
    let overflow = || SqlError::number_out_of_range("value overflows numeric format");
    match amount {
        Amount::Exact(unscaled, scale) => {
            let factor = u32::try_from(shift)
                .ok()
                .and_then(power_of_ten)
                .ok_or_else(overflow)?;
            let shifted = unscaled.checked_mul(factor).ok_or_else(overflow)?;
            // A value has at most 38 digits; zeros beyond its scale are added as text.
            let kept = i8::try_from(decimals).unwrap_or(i8::MAX).min(*scale);
            let rounded = rescale(shifted, *scale, kept).ok_or_else(overflow)?;
            let text = rounded.unsigned_abs().to_string();
            let kept = usize::try_from(kept).unwrap_or(0);
            let text = format!("{text:0>width$}", width = kept + 1);
            let (whole, fraction) = text.split_at(text.len() - kept);
            Ok(Digits {
                is_negative: rounded < 0,
                whole: whole.to_owned(),
                decimals: format!("{fraction:0<decimals$}"),
            })
        }
        Amount::Float { value, digits_max } => {
            let shifted = value * 10_f64.powi(i32::try_from(shift).unwrap_or(i32::MAX));
            if !shifted.is_finite() {
                let whole = if shifted.is_nan() { "NaN" } else { "Infinity" };
                return Ok(Digits {
                    is_negative: shifted < 0.0,
                    whole: whole.to_owned(),
                    decimals: String::new(),
                });
            }
            let whole_count = format!("{:.0}", shifted.abs()).len();
            let kept = decimals.min(digits_max.saturating_sub(whole_count));
            let text = format!("{:.kept$}", shifted.abs());
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            let is_zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
            Ok(Digits {
                is_negative: shifted.is_sign_negative() && !(is_zero && shifted == 0.0),
                whole: whole.to_owned(),
                decimals: fraction.to_owned(),
            })
        }
    }
}

/// `1.23e+04`, with a blank where the minus would be.
fn scientific(template: &Template, amount: &Amount) -> String {
    let value = match amount {
        Amount::Exact(unscaled, scale) => {
            return scientific_exact(*unscaled, *scale, template.decimals);
        }
        Amount::Float { value, .. } => *value,
    };
    if !value.is_finite() {
        let hashes = format!(" {}", "#".repeat(template.whole + template.decimals + 5));
        return hashes;
    }
    let text = format!("{:.*e}", template.decimals, value.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if value < 0.0 { '-' } else { ' ' };
    let direction = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{mantissa}e{direction}{:02}", exponent.abs())
}

/// The same from exact digits, rounded half away from zero.
fn scientific_exact(unscaled: i128, scale: i8, decimals: usize) -> String {
    let all = unscaled.unsigned_abs().to_string();
    let sign = if unscaled < 0 { '-' } else { ' ' };
    let count = i32::try_from(all.len()).unwrap_or(i32::MAX);
    let mut exponent = if unscaled == 0 {
        0
    } else {
        count - 1 - i32::from(scale)
    };
    let mut kept: Vec<u8> = all.bytes().take(decimals + 1).collect();
    let rounds_up = all
        .as_bytes()
        .get(decimals + 1)
        .is_some_and(|digit| *digit >= b'5');
    if rounds_up {
        let mut at = kept.len();
        while at > 0 && kept[at - 1] == b'9' {
            kept[at - 1] = b'0';
            at -= 1;
        }
        if at > 0 {
            kept[at - 1] += 1;
        } else {
            kept.insert(0, b'1');
            kept.pop();
            exponent += 1;
        }
    }
    kept.resize(decimals + 1, b'0');
    let text = String::from_utf8_lossy(&kept);
    let (first, rest) = text.split_at(1);
    let point = if decimals > 0 { "." } else { "" };
    let direction = if exponent < 0 { '-' } else { '+' };
    format!(
        "{sign}{first}{point}{rest}e{direction}{:02}",
        exponent.abs()
    )
}

/// One run over a template.
struct Writer<'a> {
    template: &'a Template,
    digits: Digits,
    out: String,
    /// Places for digits before the point, and how many were passed.
    room: usize,
    place: usize,
    /// The next decimal, once the point was passed.
    decimal: Option<usize>,
    /// Decimals that are shown.
    decimals_shown: usize,
    is_sign_written: bool,
    /// Whether a digit has been written, so that groups are separated.
    is_inside: bool,
    digit_places_left: usize,
}

impl<'a> Writer<'a> {
    fn new(template: &'a Template, digits: Digits) -> Self {
        let mut decimals_shown = digits.decimals.len();
        if template.is_unpadded {
            let significant = digits.decimals.trim_end_matches('0').len();
            decimals_shown = significant.max(template.zero_decimals.min(decimals_shown));
        }
        let digit_places = |item: &&Item| matches!(item, Item::Digit { .. } | Item::Point);
        let has_own_sign = template.has_minus || template.has_plus;
        let needs_sign = if has_own_sign {
            template.has_plus && !template.has_minus
        } else {
            let is_silent =
                template.is_unpadded && !digits.is_negative && template.anchor.is_none();
            !is_silent
        };
        Self {
            template,
            room: template.whole + template.shift,
            place: 0,
            decimal: None,
            decimals_shown,
            is_sign_written: !needs_sign,
            is_inside: false,
            digit_places_left: template.items.iter().filter(digit_places).count(),
            digits,
            out: String::new(),
        }
    }

    fn run(mut self) -> String {
        for item in &self.template.items {
            match item {
                Item::Digit { .. } | Item::Point => self.place(*item),
                Item::Group => self.group(),
                Item::Currency => self.out.push(' '),
                Item::Minus => {
                    let is_negative = self.digits.is_negative;
                    self.flag(is_negative, '-');
                }
                Item::Plus => {
                    let is_negative = self.digits.is_negative;
                    self.flag(!is_negative, '+');
                }
                Item::Sign => self.out.push(self.sign()),
                Item::Ordinal(case) => self.ordinal(*case),
                Item::Roman(case) => self.roman(*case),
                Item::Text(c) => self.out.push(*c),
            }
        }
        self.out
    }

    fn sign(&self) -> char {
        if self.digits.is_negative { '-' } else { '+' }
    }

    /// A sign where it applies, else a blank of its width.
    fn flag(&mut self, applies: bool, sign: char) {
        if applies {
            self.out.push(sign);
        } else if !self.template.is_unpadded {
            self.out.push(' ');
        }
    }

    fn blank(&mut self) {
        if !self.template.is_unpadded {
            self.out.push(' ');
        }
    }

    fn group(&mut self) {
        if self.is_inside {
            self.out.push(',');
        } else {
            self.blank();
        }
    }

    /// Places before the point that stay blank.
    fn leading(&self) -> usize {
        self.room.saturating_sub(self.digits.whole.len())
    }

    /// A lone zero before decimals is not shown, unless a `0` asks for it or
    /// nothing else would be left.
    fn hides_zero(&self) -> bool {
        self.template.zero_from.is_none()
            && self.template.decimals > 0
            && self.digits.whole == "0"
            && !(self.template.is_unpadded && self.decimals_shown == 0)
    }

    fn write_sign(&mut self) {
        if self.is_sign_written {
            return;
        }
        let is_negative = self.digits.is_negative;
        if self.template.anchor == Some(Anchor::After) {
            return;
        }
        self.is_sign_written = true;
        if self.template.anchor.is_some() {
            self.out.push(self.sign());
        } else if self.template.is_bracketed {
            if is_negative {
                self.out.push('<');
            } else {
                self.blank();
            }
        } else if is_negative {
            self.out.push('-');
        } else {
            self.blank();
        }
    }

    fn place(&mut self, item: Item) {
        self.digit_places_left -= 1;
        self.is_inside = false;
        match (item, self.decimal) {
            (Item::Point, _) => {
                self.write_sign();
                if self.template.decimals > 0 {
                    self.out.push('.');
                }
                self.decimal = Some(0);
            }
            (_, Some(index)) => {
                self.write_sign();
                if index < self.decimals_shown
                    && let Some(digit) = self.digits.decimals.as_bytes().get(index)
                {
                    self.out.push(char::from(*digit));
                    self.is_inside = true;
                }
                self.decimal = Some(index + 1);
            }
            (_, None) => self.whole_place(),
        }
        if self.digit_places_left == 0 {
            self.end();
        }
    }

    fn whole_place(&mut self) {
        let place = self.place;
        self.place += 1;
        let leading = self.leading();
        if place < leading {
            let shows_zero = self.template.zero_from.is_some_and(|from| from <= place);
            if shows_zero {
                self.write_sign();
                self.out.push('0');
                self.is_inside = true;
            } else {
                self.blank();
            }
            return;
        }
        if self.hides_zero() {
            self.blank();
            return;
        }
        self.write_sign();
        if let Some(digit) = self.digits.whole.as_bytes().get(place - leading) {
            self.out.push(char::from(*digit));
            self.is_inside = true;
        }
    }

    /// What follows the last digit: a closing bracket, or `S`.
    fn end(&mut self) {
        if self.template.is_bracketed {
            if self.digits.is_negative {
                self.out.push('>');
            } else {
                self.blank();
            }
        } else if self.template.anchor == Some(Anchor::After) {
            self.out.push(self.sign());
        }
    }

    fn ordinal(&mut self, case: Case) {
        let is_plain = !self.digits.is_negative
            && !self.template.has_point
            && !self.digits.whole.starts_with('#');
        if is_plain && let Ok(value) = self.digits.whole.parse::<i128>() {
            // The last two digits decide.
            self.out.push_str(ordinal((value % 100) as i64, case));
        }
    }

    fn roman(&mut self, case: Case) {
        let value = self.digits.whole.parse::<u16>().unwrap_or(0);
        let is_in_range = (1..4000).contains(&value) && !self.digits.is_negative;
        let numeral = if is_in_range {
            roman(value)
        } else {
            "#".repeat(ROMAN_WIDTH)
        };
        let numeral = if case == Case::Lower {
            numeral.to_lowercase()
        } else {
            numeral
        };
        if self.template.is_unpadded {
            self.out.push_str(&numeral);
        } else {
            self.out.push_str(&format!("{numeral:>ROMAN_WIDTH$}"));
        }
    }
}

fn roman(mut value: u16) -> String {
    const STEPS: [(u16, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let mut out = String::new();
    for (step, numeral) in STEPS {
        while value >= step {
            out.push_str(numeral);
            value -= step;
        }
    }
    out
}
