//! Numbers of a date: which of year, month and day, or of a time, one is.

use super::{Awaits, DATE, DAY, Decoder, Fault, MONTH, TIME, Wanted, YEAR, ZONE, fraction_micros};
use crate::types::datetime::DateOrder;
use crate::types::datetime::words::{self, Word};

impl Decoder<'_> {
    /// Reads a date whose parts are joined by `-`, `/` or `.`.
    pub(super) fn date(&mut self, text: &str) -> Result<u16, Fault> {
        let mut parts = [""; 10];
        let mut count = 0;
        let mut rest = text;
        loop {
            rest = rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
            if rest.is_empty() {
                break;
            }
            let is_digit = rest.as_bytes()[0].is_ascii_digit();
            let length = rest
                .bytes()
                .take_while(|b| {
                    if is_digit {
                        b.is_ascii_digit()
                    } else {
                        b.is_ascii_alphabetic()
                    }
                })
                .count();
            *parts.get_mut(count).ok_or(Fault::Format)? = &rest[..length];
            count += 1;
            rest = &rest[length..];
        }
        let mut added = 0;
        // A month's name says what the numbers are, so it is looked for first.
        for part in &mut parts[..count] {
            if part.as_bytes()[0].is_ascii_digit() {
                continue;
            }
            match words::word(part) {
                Some(Word::Filler) => {}
                Some(Word::Month(month)) if (self.found | added) & MONTH == 0 => {
                    self.decoded.month = month;
                    self.has_text_month = true;
                    added |= MONTH;
                }
                _ => return Err(Fault::Format),
            }
            *part = "";
        }
        for part in parts[..count].iter().filter(|part| !part.is_empty()) {
            let more = self.number(part, self.found | added)?;
            if more & (self.found | added) != 0 {
                return Err(Fault::Format);
            }
            added |= more;
        }
        // Nothing but a zone may stand before a joined date.
        if (self.found | added) & !ZONE == DATE {
            Ok(added)
        } else {
            Err(Fault::Format)
        }
    }

    pub(super) fn number_field(&mut self, text: &str) -> Result<u16, Fault> {
        self.awaits = Awaits::Nothing;
        let point = text.find('.');
        if self.wanted == Wanted::Time {
            let is_date = point.is_some() && text.matches('.').count() > 1;
            return if is_date {
                self.date(text)
            } else {
                self.run_together(text, self.found | DATE)
            };
        }
        match point {
            Some(_) if self.found & DATE == 0 => self.date(text),
            Some(digits) if digits > 2 => self.run_together(text, self.found),
            _ if text.len() >= 6 && (self.found & DATE == 0 || self.found & TIME == 0) => {
                self.run_together(text, self.found)
            }
            _ => self.number(text, self.found),
        }
    }

    /// Reads `20240105`, `040506.789` or `0405`; `found` tells which it may be.
    pub(super) fn run_together(&mut self, text: &str, found: u16) -> Result<u16, Fault> {
        let (digits, fraction) = match text.find('.') {
            Some(point) => (&text[..point], Some(&text[point..])),
            None => (text, None),
        };
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Fault::Format);
        }
        let pair = |from: usize| two_digits(&digits.as_bytes()[from..from + 2]);
        if fraction.is_none() && found & DATE != DATE && digits.len() >= 6 {
            let year_length = digits.len() - 4;
            self.decoded.day = pair(digits.len() - 2);
            self.decoded.month = pair(year_length);
            self.decoded.year = digits[..year_length].parse().map_err(|_| Fault::Field)?;
            self.has_short_year = year_length == 2;
            return Ok(DATE);
        }
        if found & TIME != 0 {
            return Err(Fault::Format);
        }
        let (hour, minute, second) = match digits.len() {
            6 => (pair(0), pair(2), pair(4)),
            4 => (pair(0), pair(2), 0),
            _ => return Err(Fault::Format),
        };
        let micros = fraction.map_or(Ok(0), fraction_micros)?;
        self.set_time(hour, minute, second, micros)
    }

    /// Reads one number of a date; `found` is what is known so far.
    fn number(&mut self, text: &str, found: u16) -> Result<u16, Fault> {
        let digits = match text.find('.') {
            Some(point) if point > 2 => return self.run_together(text, found | DATE),
            Some(point) => &text[..point],
            None => text,
        };
        if digits.is_empty() {
            return Err(Fault::Format);
        }
        let value: i64 = digits.parse().map_err(|_| Fault::Field)?;
        let value = i32::try_from(value)
            .map_err(|_| Fault::Field)?
            .unsigned_abs();
        let length = text.len();
        if length == 3 && found & DATE == YEAR && (1..=366).contains(&value) {
            self.day_of_year = Some(value);
            return Ok(MONTH | DAY);
        }
        let is_year_first = length >= 3 || self.style.date_order == DateOrder::Ymd;
        let target = match found & DATE {
            0 if is_year_first => YEAR,
            0 if self.style.date_order == DateOrder::Dmy => DAY,
            0 | YEAR | DAY => MONTH,
            MONTH if self.has_text_month && is_year_first => YEAR,
            MONTH => DAY,
            found if found == YEAR | MONTH => {
                if self.has_text_month && length >= 3 && self.has_short_year {
                    // What looked like the year was the day.
                    self.decoded.day = u32::try_from(self.decoded.year).unwrap_or(0);
                    self.decoded.year = i64::from(value);
                    self.has_short_year = false;
                    return Ok(DAY);
                }
                DAY
            }
            found if found == MONTH | DAY => YEAR,
            found if found == DATE => return self.run_together(text, found),
            _ => return Err(Fault::Format),
        };
        match target {
            YEAR => {
                self.decoded.year = i64::from(value);
                self.has_short_year = length <= 2;
            }
            MONTH => self.decoded.month = value,
            _ => self.decoded.day = value,
        }
        Ok(target)
    }
}

fn two_digits(pair: &[u8]) -> u32 {
    u32::from(pair[0] - b'0') * 10 + u32::from(pair[1] - b'0')
}
