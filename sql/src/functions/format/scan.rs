//! Reads text by a template, as `to_date` and `to_timestamp` do.
//!
//! Unless `FX` was met, separators match any punctuation or nothing, and spaces
//! before and after fields do not count.

use std::str::FromStr;

use super::moment::ROMAN_MONTHS;
use super::read::Read;
use super::template::{Field, Item, Pattern, Template};
use crate::error::SqlError;
use crate::functions::datetime::{MONTHS, WEEKDAYS};

/// Reads a text; what it means is worked out by [`Read::date`] and [`Read::local`].
///
/// Errors: `22007` for text that does not fit, `22008` for a field out of range.
pub(super) fn read(template: &Template, text: &str) -> Result<Read, SqlError> {
    let mut scan = Scan {
        text,
        at: 0,
        is_exact: false,
        skipped: 0,
        read: Read {
            source: text.to_owned(),
            ..Read::default()
        },
    };
    for (index, item) in template.items.iter().enumerate() {
        if scan.rest().is_empty() {
            break;
        }
        if !scan.is_exact && (matches!(item, Item::Field(_)) || index == 0) {
            scan.skip_spaces();
        }
        match item {
            Item::Field(field) => {
                let is_open = field.is_unpadded
                    || field.ordinal.is_some()
                    || ends_number(template.items.get(index + 1));
                scan.field(field, is_open)?;
                if field.ordinal.is_some() {
                    scan.skip_characters(2);
                }
                if !scan.is_exact {
                    scan.skipped = 0;
                    scan.skip_spaces();
                }
            }
            Item::Separator(_) | Item::Space(_) => scan.separator(),
            Item::Text(_) => scan.literal(),
        }
    }
    Ok(scan.read)
}

/// Whether digits may run on until something else: the next item is no digit.
fn ends_number(next: Option<&Item>) -> bool {
    match next {
        None => true,
        Some(Item::Field(field)) => !field.pattern.is_digits(),
        Some(Item::Text(c) | Item::Separator(c) | Item::Space(c)) => !c.is_ascii_digit(),
    }
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    is_exact: bool,
    /// Characters skipped beyond what the template asked for.
    skipped: i32,
    read: Read,
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_spaces(&mut self) {
        while self.rest().starts_with(|c: char| c.is_ascii_whitespace()) {
            self.at += 1;
            self.skipped += 1;
        }
    }

    fn skip_characters(&mut self, count: usize) {
        for _ in 0..count {
            self.at += self.rest().chars().next().map_or(0, char::len_utf8);
        }
    }

    fn separator(&mut self) {
        if self.is_exact {
            self.skip_characters(1);
            return;
        }
        self.skipped -= 1;
        let is_separator = |c: char| c.is_ascii_whitespace() || c.is_ascii_punctuation();
        if self.rest().starts_with(is_separator) {
            self.at += 1;
            self.skipped += 1;
        }
    }

    fn literal(&mut self) {
        if !self.is_exact && self.skipped > 0 {
            self.skipped -= 1;
        } else {
            self.skip_characters(1);
        }
    }

    /// Reads a whole number; returns it and how many characters it took.
    fn integer(
        &mut self,
        field: &Field,
        width: usize,
        is_open: bool,
    ) -> Result<(i32, usize), SqlError> {
        while self.rest().starts_with(|c: char| c.is_ascii_whitespace()) {
            self.at += 1;
        }
        let rest = self.rest();
        let window = if is_open {
            rest
        } else {
            let remaining = rest.chars().count();
            if remaining < width {
                return Err(SqlError::template_mismatch(format!(
                    "source string too short for \"{}\" formatting field",
                    field.name
                ))
                .with_detail(format!(
                    "Field requires {width} characters, but only {remaining} remain."
                ))
                .with_hint(FILL_HINT));
            }
            let end = rest
                .char_indices()
                .nth(width)
                .map_or(rest.len(), |(byte, _)| byte);
            &rest[..end]
        };
        let sign = usize::from(window.starts_with(['+', '-']));
        let digits = window[sign..]
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count();
        let used = if digits == 0 { 0 } else { sign + digits };
        let shown: String = rest.chars().take(width).collect();
        if used == 0 {
            return Err(SqlError::template_mismatch(format!(
                "invalid value \"{shown}\" for \"{}\"",
                field.name
            ))
            .with_detail("Value must be an integer."));
        }
        if !is_open && used < width {
            return Err(SqlError::template_mismatch(format!(
                "invalid value \"{shown}\" for \"{}\"",
                field.name
            ))
            .with_detail(format!(
                "Field requires {width} characters, but only {used} could be parsed."
            ))
            .with_hint(FILL_HINT));
        }
        let value = i32::from_str(&window[..used]).map_err(|_| {
            SqlError::invalid_moment(&format!(
                "value for \"{}\" in source string is out of range",
                field.name
            ))
        })?;
        self.at += used;
        Ok((value, used))
    }

    /// Reads one of some names; returns its index.
    fn name(&mut self, field: &Field, names: &[&str]) -> Result<i32, SqlError> {
        let rest = self.rest();
        let starts = |name: &str| {
            rest.get(..name.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(name))
        };
        // The longest name wins: VIII before VII.
        let found = names
            .iter()
            .enumerate()
            .filter(|(_, name)| starts(name))
            .max_by_key(|(_, name)| name.len());
        let Some((index, name)) = found else {
            let word: String = rest.chars().take_while(|c| !c.is_whitespace()).collect();
            return Err(SqlError::template_mismatch(format!(
                "invalid value \"{word}\" for \"{}\"",
                field.name
            ))
            .with_detail(
                "The given value did not match any of the allowed values for this field.",
            ));
        };
        self.at += name.len();
        Ok(i32::try_from(index).unwrap_or(0))
    }

    fn field(&mut self, field: &Field, is_open: bool) -> Result<(), SqlError> {
        match field.pattern {
            Pattern::Exact => self.is_exact = true,
            Pattern::HalfDay { .. } => {
                let index = self.name(field, &["a.m.", "p.m.", "am", "pm"])?;
                self.read.is_late = index % 2 == 1;
                self.read.is_half_day_clock = true;
            }
            Pattern::Era { .. } => {
                let index = self.name(field, &["a.d.", "b.c.", "ad", "bc"])?;
                self.read.is_before_christ = index % 2 == 1;
            }
            Pattern::Hour12 => {
                let value = self.integer(field, 2, is_open)?.0;
                self.read.is_half_day_clock = true;
                set(&mut self.read.hour, value, field)?;
            }
            Pattern::Hour24 => {
                let value = self.integer(field, 2, is_open)?.0;
                set(&mut self.read.hour, value, field)?;
            }
            Pattern::Minute => {
                let value = self.integer(field, 2, is_open)?.0;
                set(&mut self.read.minute, value, field)?;
            }
            Pattern::Second => {
                let value = self.integer(field, 2, is_open)?.0;
                set(&mut self.read.second, value, field)?;
            }
            Pattern::Millisecond => self.fraction(field, 3, is_open)?,
            Pattern::Fraction(digits) => self.fraction(field, digits, is_open)?,
            Pattern::SecondOfDay => {
                self.read.seconds_of_day = Some(self.integer(field, 4, is_open)?.0);
            }
            Pattern::ZoneName | Pattern::ZoneOffset => {
                return Err(SqlError::not_supported_in_reading(field.name));
            }
            Pattern::ZoneHour => self.zone_hour(field, is_open)?,
            Pattern::ZoneMinute => {
                self.read.zone_minute = self.integer(field, 2, is_open)?.0;
                if self.read.zone_sign == 0 {
                    self.read.zone_sign = 1;
                }
            }
            _ => self.date_field(field, is_open)?,
        }
        Ok(())
    }

    /// `25` is a quarter of a second as `MS`, and so is `250`.
    fn fraction(&mut self, field: &Field, digits: u32, is_open: bool) -> Result<(), SqlError> {
        let (value, used) = self.integer(field, digits as usize, is_open)?;
        let missing = 6_u32.saturating_sub(u32::try_from(used).unwrap_or(6));
        self.read.micros += value.saturating_mul(10_i32.pow(missing));
        Ok(())
    }

    fn zone_hour(&mut self, field: &Field, is_open: bool) -> Result<(), SqlError> {
        let rest = self.rest();
        if rest.starts_with(['+', '-', ' ']) {
            self.read.zone_sign = if rest.starts_with('-') { -1 } else { 1 };
            self.at += 1;
        } else {
            // The sign may have been taken for a separator.
            let is_negative = self.skipped > 0 && self.text[..self.at].ends_with('-');
            self.read.zone_sign = if is_negative { -1 } else { 1 };
        }
        self.read.zone_hour = self.integer(field, 2, is_open)?.0;
        Ok(())
    }

    fn date_field(&mut self, field: &Field, is_open: bool) -> Result<(), SqlError> {
        match field.pattern {
            Pattern::MonthName => {
                let index = self.name(field, &MONTHS)?;
                set(&mut self.read.month, index + 1, field)?;
            }
            Pattern::MonthShort => {
                let short: Vec<&str> = MONTHS.iter().map(|name| &name[..3]).collect();
                let index = self.name(field, &short)?;
                set(&mut self.read.month, index + 1, field)?;
            }
            Pattern::MonthRoman => {
                let index = self.name(field, &ROMAN_MONTHS)?;
                set(&mut self.read.month, index + 1, field)?;
            }
            Pattern::Month => {
                let value = self.integer(field, 2, is_open)?.0;
                set(&mut self.read.month, value, field)?;
            }
            Pattern::DayName => self.read.day_of_week = self.name(field, &WEEKDAYS)? + 1,
            Pattern::DayShort => {
                let short: Vec<&str> = WEEKDAYS.iter().map(|name| &name[..3]).collect();
                self.read.day_of_week = self.name(field, &short)? + 1;
            }
            Pattern::Day => {
                let value = self.integer(field, 2, is_open)?.0;
                set(&mut self.read.day, value, field)?;
            }
            Pattern::DayOfYear => self.read.day_of_year = self.integer(field, 3, is_open)?.0,
            Pattern::IsoDayOfYear => {
                self.read.is_iso = true;
                self.read.day_of_year = self.integer(field, 3, is_open)?.0;
            }
            Pattern::DayOfWeek => self.read.day_of_week = self.integer(field, 1, is_open)?.0,
            Pattern::IsoDayOfWeek => {
                self.read.is_iso = true;
                let monday_first = self.integer(field, 1, is_open)?.0;
                self.read.day_of_week = if monday_first >= 7 {
                    1
                } else {
                    monday_first + 1
                };
            }
            Pattern::Week => self.read.week = self.integer(field, 2, is_open)?.0,
            Pattern::IsoWeek => {
                self.read.is_iso = true;
                self.read.week = self.integer(field, 2, is_open)?.0;
            }
            Pattern::WeekOfMonth => self.read.week_of_month = self.integer(field, 1, is_open)?.0,
            // A quarter does not tell a date, so it is read and forgotten.
            Pattern::Quarter => drop(self.integer(field, 1, is_open)?),
            Pattern::Julian => self.read.julian = Some(self.integer(field, 1, is_open)?.0),
            Pattern::Century => self.read.century = Some(self.integer(field, 2, is_open)?.0),
            Pattern::YearComma => self.year_with_comma(field)?,
            Pattern::Year { digits, is_iso } => self.year(field, digits, is_iso, is_open)?,
            _ => {}
        }
        Ok(())
    }

    fn year_with_comma(&mut self, field: &Field) -> Result<(), SqlError> {
        let invalid = || SqlError::template_mismatch("invalid input string for \"Y,YYY\"");
        let thousands = self.integer(field, 1, true)?.0;
        self.at += self
            .rest()
            .strip_prefix(',')
            .map(|_| 1)
            .ok_or_else(invalid)?;
        let digits = self
            .rest()
            .bytes()
            .take(3)
            .take_while(u8::is_ascii_digit)
            .count();
        let rest: i32 = self.rest()[..digits].parse().map_err(|_| invalid())?;
        self.at += digits;
        self.read.year = Some(thousands.saturating_mul(1000).saturating_add(rest));
        self.read.year_digits = 4;
        Ok(())
    }

    fn year(
        &mut self,
        field: &Field,
        digits: usize,
        is_iso: bool,
        is_open: bool,
    ) -> Result<(), SqlError> {
        let (value, used) = self.integer(field, digits, is_open)?;
        let year = if digits < 4 && used < 4 {
            near_2020(value)
        } else {
            value
        };
        if self.read.year.is_some_and(|known| known != year) {
            return Err(conflict(field));
        }
        self.read.year = Some(year);
        self.read.year_digits = digits;
        self.read.is_iso |= is_iso;
        Ok(())
    }
}

const FILL_HINT: &str = "If your source string is not fixed-width, try using the \"FM\" modifier.";

fn conflict(field: &Field) -> SqlError {
    SqlError::template_mismatch(format!(
        "conflicting values for \"{}\" field in formatting string",
        field.name
    ))
    .with_detail("This value contradicts a previous setting for the same field type.")
}

fn set(slot: &mut i32, value: i32, field: &Field) -> Result<(), SqlError> {
    if *slot != 0 && *slot != value {
        return Err(conflict(field));
    }
    *slot = value;
    Ok(())
}

/// A year of three digits or less means the one nearest to 2020.
fn near_2020(year: i32) -> i32 {
    match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        100..520 => year + 2000,
        520..1000 => year + 1000,
        other => other,
    }
}
