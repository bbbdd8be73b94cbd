//! Words of a date: months, zones, `pm`, `BC`, and the days by the clock.

use super::{
    Awaits, DATE, DAY, Decoder, ERA, Fault, MERIDIEM, MONTH, SPECIAL, Special, TIME, WEEKDAY,
    Wanted, ZONE,
};
use crate::types::datetime::lex::Field;
use crate::types::datetime::words::{self, Word};
use crate::types::datetime::zone::Zone;
use crate::types::datetime::{MICROS_PER_DAY, civil_from_days};

impl Decoder<'_> {
    pub(super) fn word(
        &mut self,
        index: usize,
        all: &[Field<'_>],
        text: &str,
    ) -> Result<u16, Fault> {
        if let Some(zone) = Zone::by_abbreviation(text) {
            self.decoded.zone = Some(zone);
            return Ok(ZONE);
        }
        let Some(word) = words::word(text) else {
            self.decoded.zone = Some(Zone::by_name(text).ok_or(Fault::Format)?);
            return Ok(ZONE);
        };
        let is_date_word = matches!(
            word,
            Word::Today | Word::Yesterday | Word::Tomorrow | Word::Month(_) | Word::Weekday
        );
        if is_date_word && self.wanted == Wanted::Time {
            return Err(Fault::Format);
        }
        match word {
            Word::Filler => Ok(0),
            Word::Now | Word::Today | Word::Yesterday | Word::Tomorrow => self.relative(word),
            Word::Midnight => {
                self.decoded.zone = Some(Zone::Fixed(0));
                self.decoded.micros = 0;
                Ok(TIME | ZONE)
            }
            Word::Epoch => self.special(Special::Epoch),
            Word::Infinity => self.special(Special::Infinity),
            Word::MinusInfinity => self.special(Special::MinusInfinity),
            Word::Month(month) => Ok(self.month(month)),
            Word::Weekday => Ok(WEEKDAY),
            Word::Before | Word::After => {
                self.is_before = word == Word::Before;
                Ok(ERA)
            }
            Word::Morning | Word::Evening => {
                self.is_evening = Some(word == Word::Evening);
                Ok(MERIDIEM)
            }
            Word::Daylight => Err(Fault::Format),
            Word::Julian => {
                self.awaits = Awaits::JulianDay;
                Ok(0)
            }
            Word::TimeNext => {
                let next = all.get(index + 1).ok_or(Fault::Format)?;
                let is_sensible = self.found & DATE == DATE || self.wanted == Wanted::Time;
                if !is_sensible || !words::may_follow_t(next.kind) {
                    return Err(Fault::Format);
                }
                self.awaits = Awaits::Time;
                Ok(0)
            }
        }
    }

    fn month(&mut self, month: u32) -> u16 {
        let is_day_before = self.found & MONTH != 0
            && !self.has_text_month
            && self.found & DAY == 0
            && (1..=31).contains(&self.decoded.month);
        let mut added = MONTH;
        if is_day_before {
            self.decoded.day = self.decoded.month;
            added = DAY;
        }
        self.has_text_month = true;
        self.decoded.month = month;
        added
    }

    fn special(&mut self, special: Special) -> Result<u16, Fault> {
        if self.wanted == Wanted::Time {
            return Err(Fault::Format);
        }
        self.decoded.special = Some(special);
        Ok(SPECIAL)
    }

    /// Sets the date, and the time for `now`, by the clock of the statement.
    fn relative(&mut self, word: Word) -> Result<u16, Fault> {
        let now = self.style.now_micros;
        let local = self.style.zone.to_local(now).ok_or(Fault::Field)?;
        let today = local.div_euclid(MICROS_PER_DAY);
        let day = match word {
            Word::Yesterday => today - 1,
            Word::Tomorrow => today + 1,
            _ => today,
        };
        (self.decoded.year, self.decoded.month, self.decoded.day) = civil_from_days(day);
        self.is_julian = true;
        if word != Word::Now {
            return Ok(DATE);
        }
        self.decoded.micros = local.rem_euclid(MICROS_PER_DAY);
        self.decoded.zone = Some(Zone::Fixed(self.style.zone.offset_at(now)));
        let date = if self.wanted == Wanted::Time { 0 } else { DATE };
        Ok(date | TIME | ZONE)
    }
}
