//! The fields of a text, put together to a date and a time.
//!
//! Goes through the fields from left to right; what a number means depends on
//! what was found before it, on its length, and on the date order. The rules are
//! those of PostgreSQL 15 manual, appendix B.1, down to what they refuse.

use super::lex::{Field, Kind, Lowered, split};
use super::zone::Zone;
use super::{MICROS_PER_DAY, MICROS_PER_SECOND, civil_from_days, month_days};
use crate::types::input::InputStyle;

mod clock;
mod number;
mod word;

pub(super) use clock::{clock, fraction_micros};

const YEAR: u16 = 1;
const MONTH: u16 = 2;
const DAY: u16 = 4;
const TIME: u16 = 8;
const ZONE: u16 = 16;
const MERIDIEM: u16 = 32;
const ERA: u16 = 64;
const WEEKDAY: u16 = 128;
const SPECIAL: u16 = 256;
const DATE: u16 = YEAR | MONTH | DAY;

/// Why a text is no date or time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Not in any known form.
    Format,
    /// A field is outside its range.
    Field,
    /// Day or month is outside its range: perhaps the date order is wrong.
    MonthDay,
    /// The offset from UTC is too large.
    Displacement,
    /// There is no such time zone.
    Zone,
}

/// A moment without a place in the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    Epoch,
    Infinity,
    MinusInfinity,
}

/// What may be missing from the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The date must be there.
    Date,
    /// The time must be there.
    Time,
}

/// What a text says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Decoded {
    /// Set if the text is one of the special words.
    pub(super) special: Option<Special>,
    /// Year, 1 BC being 0.
    pub(super) year: i64,
    /// Month from 1.
    pub(super) month: u32,
    /// Day from 1.
    pub(super) day: u32,
    /// Whether a whole date was given.
    pub(super) has_date: bool,
    /// Microseconds of the day; a whole day for `24:00`.
    pub(super) micros: i64,
    /// The zone that was named.
    pub(super) zone: Option<Zone>,
}

/// Reads a date, time or both.
pub(super) fn decode(text: &str, style: &InputStyle, wanted: Wanted) -> Result<Decoded, Fault> {
    let lowered = Lowered::new(text).ok_or(Fault::Format)?;
    let fields = split(lowered.as_str()).ok_or(Fault::Format)?;
    let mut decoder = Decoder {
        style,
        wanted,
        found: 0,
        decoded: Decoded::default(),
        has_text_month: false,
        has_short_year: false,
        is_before: false,
        is_julian: false,
        is_evening: None,
        day_of_year: None,
        awaits: Awaits::Nothing,
    };
    for (index, field) in fields.as_slice().iter().enumerate() {
        let added = decoder.field(index, fields.as_slice(), *field)?;
        if added & decoder.found != 0 {
            return Err(Fault::Format);
        }
        decoder.found |= added;
    }
    decoder.finish()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaits {
    Nothing,
    Time,
    JulianDay,
}

struct Decoder<'a> {
    style: &'a InputStyle,
    wanted: Wanted,
    /// Bits of the fields that are known.
    found: u16,
    decoded: Decoded,
    has_text_month: bool,
    has_short_year: bool,
    is_before: bool,
    is_julian: bool,
    is_evening: Option<bool>,
    day_of_year: Option<u32>,
    awaits: Awaits,
}

impl Decoder<'_> {
    /// Reads one field; returns the bits that it adds.
    fn field(&mut self, index: usize, all: &[Field<'_>], field: Field<'_>) -> Result<u16, Fault> {
        match field.kind {
            Kind::Date => self.date_field(index, all, field.text),
            Kind::Time => {
                if self.awaits == Awaits::JulianDay {
                    return Err(Fault::Format);
                }
                self.awaits = Awaits::Nothing;
                self.time(field.text)
            }
            Kind::Zone => self.offset(field.text),
            Kind::Number if self.awaits == Awaits::JulianDay => self.julian_day(field.text),
            Kind::Number => self.number_field(field.text),
            Kind::Word | Kind::Special => self.word(index, all, field.text),
        }
    }

    fn date_field(&mut self, index: usize, all: &[Field<'_>], text: &str) -> Result<u16, Fault> {
        let awaits_time = self.awaits == Awaits::Time;
        let has_date = self.found & (MONTH | DAY) == MONTH | DAY;
        let is_only_time = self.wanted == Wanted::Time;
        let takes_date = if is_only_time {
            let last_is_date = all.last().is_some_and(|field| field.kind == Kind::Date);
            let time_follows = all.get(1).is_some_and(|field| field.kind == Kind::Time);
            index == 0 && all.len() >= 2 && (last_is_date || time_follows)
        } else {
            !awaits_time && !has_date
        };
        if takes_date {
            return self.date(text);
        }
        if !text.starts_with(|c: char| c.is_ascii_digit()) && !awaits_time {
            let zone = Zone::by_name(text).ok_or(Fault::Zone)?;
            self.decoded.zone = Some(zone);
            return Ok(ZONE);
        }
        // A time without colons, joined to its offset: `040506-08`.
        self.awaits = Awaits::Nothing;
        if self.found & TIME != 0 {
            return Err(Fault::Format);
        }
        let (time, _) = text.split_once('-').ok_or(Fault::Format)?;
        let offset = &text[time.len()..];
        let added = self.run_together(time, self.found | DATE)?;
        Ok(added | self.offset(offset)?)
    }

    fn time(&mut self, text: &str) -> Result<u16, Fault> {
        let (hour, minute, second, micros) = clock(text)?;
        let hour = u32::try_from(hour).map_err(|_| Fault::Field)?;
        self.set_time(hour, minute, second, micros)
    }

    fn set_time(&mut self, hour: u32, minute: u32, second: u32, micros: i64) -> Result<u16, Fault> {
        let total = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
        let total = total * MICROS_PER_SECOND + micros;
        if hour > 24 || minute > 59 || second > 60 || total > MICROS_PER_DAY {
            return Err(Fault::Field);
        }
        self.decoded.micros = total;
        Ok(TIME)
    }

    fn offset(&mut self, text: &str) -> Result<u16, Fault> {
        let zone = Zone::parse_offset(text).map_err(|is_out_of_range| {
            if is_out_of_range {
                Fault::Displacement
            } else {
                Fault::Format
            }
        })?;
        self.decoded.zone = Some(zone);
        Ok(ZONE)
    }

    fn julian_day(&mut self, text: &str) -> Result<u16, Fault> {
        self.awaits = Awaits::Nothing;
        let days: i64 = text.parse().map_err(|_| Fault::Format)?;
        if days > i64::from(i32::MAX) {
            return Err(Fault::Field);
        }
        (self.decoded.year, self.decoded.month, self.decoded.day) =
            civil_from_days(days - 2_440_588);
        self.is_julian = true;
        Ok(DATE)
    }

    fn finish(mut self) -> Result<Decoded, Fault> {
        if self.awaits != Awaits::Nothing {
            return Err(Fault::Format);
        }
        if self.decoded.special.is_some() {
            let is_alone = self.found & !(SPECIAL | ZONE) == 0;
            return if is_alone {
                Ok(self.decoded)
            } else {
                Err(Fault::Format)
            };
        }
        if self.found & YEAR != 0 {
            self.settle_year()?;
        }
        if let Some(day_of_year) = self.day_of_year {
            let start = super::days_from_civil(self.decoded.year, 1, 1);
            (self.decoded.year, self.decoded.month, self.decoded.day) =
                civil_from_days(start + i64::from(day_of_year) - 1);
        }
        let is_month_wrong = self.found & MONTH != 0 && !(1..=12).contains(&self.decoded.month);
        let is_day_wrong = self.found & DAY != 0 && !(1..=31).contains(&self.decoded.day);
        if is_month_wrong || is_day_wrong {
            return Err(Fault::MonthDay);
        }
        self.decoded.has_date = self.found & DATE == DATE;
        if self.decoded.has_date
            && self.decoded.day > month_days(self.decoded.year, self.decoded.month)
        {
            return Err(Fault::Field);
        }
        self.settle_time()?;
        let is_complete = match self.wanted {
            Wanted::Date => self.decoded.has_date,
            Wanted::Time => self.found & TIME != 0,
        };
        if is_complete {
            Ok(self.decoded)
        } else {
            Err(Fault::Format)
        }
    }

    fn settle_year(&mut self) -> Result<(), Fault> {
        if self.is_julian {
            return if self.is_before {
                Err(Fault::Format)
            } else {
                Ok(())
            };
        }
        let year = self.decoded.year;
        let is_short = self.has_short_year && !self.is_before;
        if year <= 0 && !is_short {
            return Err(Fault::Field);
        }
        self.decoded.year = match year {
            _ if self.is_before => 1 - year,
            0..70 if is_short => year + 2000,
            70..100 if is_short => year + 1900,
            _ => year,
        };
        Ok(())
    }

    fn settle_time(&mut self) -> Result<(), Fault> {
        let Some(is_evening) = self.is_evening else {
            return Ok(());
        };
        const NOON: i64 = MICROS_PER_DAY / 2;
        const THIRTEEN: i64 = 13 * super::MICROS_PER_HOUR;
        let micros = self.decoded.micros;
        if micros >= THIRTEEN {
            return Err(Fault::Field);
        }
        if is_evening && micros < NOON {
            self.decoded.micros += NOON;
        } else if !is_evening && micros >= NOON {
            self.decoded.micros -= NOON;
        }
        Ok(())
    }
}
