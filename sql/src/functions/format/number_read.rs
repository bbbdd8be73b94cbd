//! Reads a number by a template, as `to_number` does.

use super::number::{Item, Template};
use crate::error::SqlError;
use crate::types::{NUMERIC_PRECISION, NUMERIC_SCALE, numeric};

/// Unscaled, at the scale of numeric without bounds.
///
/// Errors: `22P02` if there are no digits, `0A000` for Roman numerals.
pub(super) fn read(template: &Template, text: &str) -> Result<i128, SqlError> {
    if template.roman.is_some() {
        return Err(SqlError::not_supported("\"RN\" for input"));
    }
    if template.is_scientific {
        return Err(SqlError::not_supported("\"EEEE\" for input"));
    }
    let mut scan = Scan {
        input: text.chars().collect(),
        at: 0,
        is_negative: false,
        has_sign: false,
        digits: String::new(),
        whole_count: 0,
        has_point: false,
    };
    for item in &template.items {
        if scan.at >= scan.input.len() {
            break;
        }
        scan.item(*item, template);
    }
    scan.finish(template)
}

struct Scan {
    input: Vec<char>,
    at: usize,
    is_negative: bool,
    has_sign: bool,
    digits: String,
    whole_count: usize,
    has_point: bool,
}

impl Scan {
    fn peek(&self) -> Option<char> {
        self.input.get(self.at).copied()
    }

    fn item(&mut self, item: Item, template: &Template) {
        match item {
            Item::Digit { .. } | Item::Point => self.digit(template),
            Item::Group => {
                if self.peek() == Some(',') {
                    self.at += 1;
                }
            }
            Item::Minus | Item::Plus | Item::Sign => {
                if let Some(sign @ ('-' | '+')) = self.peek() {
                    self.is_negative = sign == '-';
                    self.at += 1;
                } else {
                    self.skip_other(1);
                }
            }
            Item::Ordinal(_) => self.skip_other(2),
            Item::Currency => self.skip_other(1),
            Item::Roman(_) | Item::Text(_) => self.at += 1,
        }
    }

    /// Passes characters that cannot belong to a number.
    fn skip_other(&mut self, count: usize) {
        for _ in 0..count {
            let is_other = self
                .peek()
                .is_some_and(|c| !c.is_ascii_digit() && !matches!(c, '.' | ',' | '+' | '-'));
            if !is_other {
                break;
            }
            self.at += 1;
        }
    }

    /// Takes what stands at a place for a digit: one character, whatever it is.
    fn digit(&mut self, template: &Template) {
        if self.peek() == Some(' ') {
            self.at += 1;
        }
        if !self.has_sign && self.digits.is_empty() {
            self.leading_sign(template);
        }
        match self.peek() {
            Some(digit) if digit.is_ascii_digit() => {
                self.digits.push(digit);
                self.whole_count += usize::from(!self.has_point);
                self.at += 1;
                self.trailing_sign(template);
            }
            Some('.') if template.has_point && !self.has_point => {
                self.digits.push('.');
                self.has_point = true;
                self.at += 1;
                self.trailing_sign(template);
            }
            Some('+' | '-') => self.trailing_sign(template),
            Some(_) => self.at += 1,
            None => {}
        }
    }

    fn leading_sign(&mut self, template: &Template) {
        let sign = match self.peek() {
            Some(sign @ ('-' | '+')) => sign,
            Some('<') if template.is_bracketed => '-',
            _ => return,
        };
        self.is_negative = sign == '-';
        self.has_sign = true;
        self.at += 1;
    }

    fn trailing_sign(&mut self, template: &Template) {
        if self.has_sign || template.has_minus || template.has_plus || template.is_bracketed {
            return;
        }
        if let Some(sign @ ('-' | '+')) = self.peek() {
            self.is_negative = sign == '-';
            self.has_sign = true;
            self.at += 1;
        }
    }

    fn finish(self, template: &Template) -> Result<i128, SqlError> {
        let digits = self.digits.trim_end_matches('.');
        let sign = if self.is_negative { "-" } else { "" };
        let exponent = if template.shift > 0 {
            format!("e-{}", template.shift)
        } else {
            String::new()
        };
        if digits.is_empty() {
            return Err(SqlError::invalid_text("numeric", " "));
        }
        numeric::parse(
            &format!("{sign}{digits}{exponent}"),
            NUMERIC_PRECISION,
            NUMERIC_SCALE,
        )
    }
}
