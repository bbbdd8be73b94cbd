//! Dates, times, zones and intervals: PostgreSQL's text forms, parsed and written.
//!
//! A date is days since 1970-01-01, a time is microseconds of the day, a
//! timestamp is microseconds since 1970-01-01 (UTC for timestamptz). The
//! calendar is the Gregorian one for all of time, as in PostgreSQL.
//!
//! Invariants:
//! - The extreme values of a type are `infinity` and `-infinity`, no moments.
//!
//! Source: PostgreSQL 15 manual, section 8.5 and appendix B.

use arrow::datatypes::IntervalMonthDayNano;

mod decode;
mod format;
mod interval;
mod interval_format;
mod lex;
mod modifier;
mod parse;
mod words;
mod zone;

#[cfg(test)]
mod tests;

pub use format::{write_date, write_time, write_timestamp, write_timestamptz};
pub use interval::parse_interval;
pub use interval_format::write_interval;
pub use modifier::{adjust_interval, interval_precision, interval_suffix, interval_typmod};
pub use parse::{
    parse_date, parse_time, parse_timestamp, parse_timestamptz, round_micros, round_time,
};
pub use zone::Zone;

/// Microseconds of one second.
pub const MICROS_PER_SECOND: i64 = 1_000_000;
/// Microseconds of one minute.
pub const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
/// Microseconds of one hour.
pub const MICROS_PER_HOUR: i64 = 60 * MICROS_PER_MINUTE;
/// Microseconds of one day.
pub const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;

/// Days from 1970-01-01 to 2000-01-01, where PostgreSQL's binary formats start.
pub const POSTGRES_EPOCH_DAYS: i32 = 10_957;
/// Microseconds from 1970-01-01 to 2000-01-01.
pub const POSTGRES_EPOCH_MICROS: i64 = POSTGRES_EPOCH_DAYS as i64 * MICROS_PER_DAY;

/// `infinity` as a date; its counterpart is `i32::MIN`.
pub const DATE_INFINITY: i32 = i32::MAX;
/// `-infinity` as a date.
pub const DATE_MINUS_INFINITY: i32 = i32::MIN;
/// `infinity` as a timestamp, with or without zone.
pub const TIMESTAMP_INFINITY: i64 = i64::MAX;
/// `-infinity` as a timestamp, with or without zone.
pub const TIMESTAMP_MINUS_INFINITY: i64 = i64::MIN;

/// First day that PostgreSQL takes: 4714-11-24 BC.
pub const DAYS_MIN: i64 = -2_440_588;
/// Last day of a date: 5874897-12-31.
pub const DAYS_MAX: i64 = 2_145_042_905;

/// The order of day, month and year where the text leaves it open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DateOrder {
    /// Month, day, year.
    #[default]
    Mdy,
    /// Day, month, year.
    Dmy,
    /// Year, month, day.
    Ymd,
}

/// The first word of `DateStyle`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DateFormat {
    /// `2024-01-05 10:00:00+00`
    #[default]
    Iso,
    /// `01/05/2024 10:00:00 UTC`
    Sql,
    /// `Fri Jan 05 10:00:00 2024 UTC`
    Postgres,
    /// `05.01.2024 10:00:00 UTC`
    German,
}

/// The setting `DateStyle`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DateStyle {
    /// How dates are written.
    pub format: DateFormat,
    /// How dates are read, and written outside ISO.
    pub order: DateOrder,
}

impl DateStyle {
    /// Reads the value of the setting, such as `SQL, DMY`; words that are neither
    /// a format nor an order are left out.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut style = Self::default();
        for word in text.split(',') {
            match word.trim().to_ascii_lowercase().as_str() {
                "iso" => style.format = DateFormat::Iso,
                "sql" => style.format = DateFormat::Sql,
                "postgres" => style.format = DateFormat::Postgres,
                "german" => style.format = DateFormat::German,
                "mdy" | "us" | "noneuro" | "noneuropean" => style.order = DateOrder::Mdy,
                "dmy" | "euro" | "european" => style.order = DateOrder::Dmy,
                "ymd" => style.order = DateOrder::Ymd,
                _ => {}
            }
        }
        style
    }
}

/// The setting `IntervalStyle`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IntervalStyle {
    /// `1 year 2 mons 3 days 04:05:06`
    #[default]
    Postgres,
    /// `@ 1 year 2 mons 3 days 4 hours 5 mins 6 secs`
    PostgresVerbose,
    /// `+1-2 +3 +4:05:06`
    SqlStandard,
    /// `P1Y2M3DT4H5M6S`
    Iso8601,
}

impl IntervalStyle {
    /// Reads the value of the setting; `postgres` if it is none of the others.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.trim().to_ascii_lowercase().as_str() {
            "postgres_verbose" => Self::PostgresVerbose,
            "sql_standard" => Self::SqlStandard,
            "iso_8601" => Self::Iso8601,
            _ => Self::Postgres,
        }
    }
}

/// An interval as PostgreSQL holds it; Arrow's has nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interval {
    /// Months, years included.
    pub months: i32,
    /// Days, weeks included.
    pub days: i32,
    /// The rest, in microseconds.
    pub micros: i64,
}

impl Interval {
    /// Reads Arrow's form; fractions of a microsecond are cut.
    #[must_use]
    pub fn from_arrow(value: IntervalMonthDayNano) -> Self {
        Self {
            months: value.months,
            days: value.days,
            micros: value.nanoseconds / 1000,
        }
    }

    /// Arrow's form; `None` if the time part exceeds about 292 years.
    #[must_use]
    pub fn to_arrow(self) -> Option<IntervalMonthDayNano> {
        let nanoseconds = self.micros.checked_mul(1000)?;
        Some(IntervalMonthDayNano::new(
            self.months,
            self.days,
            nanoseconds,
        ))
    }

    /// A length of time as a difference of timestamps shows it: whole days apart.
    #[must_use]
    pub fn from_micros(micros: i64) -> Self {
        let days = micros / MICROS_PER_DAY;
        Self {
            months: 0,
            days: i32::try_from(days).unwrap_or_default(),
            micros: micros - days * MICROS_PER_DAY,
        }
    }
}

/// Days since 1970-01-01 of a date; `year` counts 1 BC as 0, `month` from 1.
#[must_use]
pub fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    // Years start in March here, so that the leap day ends one.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let month_index = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_index + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year (1 BC is 0), month and day of days since 1970-01-01.
#[must_use]
pub fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    // Less than 146097, so the rest can be done in the narrow type.
    let day_of_era = shifted.rem_euclid(146_097) as u32;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 {
        month_index + 3
    } else {
        month_index - 9
    };
    let year = i64::from(year_of_era) + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Whether February has 29 days; `year` counts 1 BC as 0.
#[must_use]
pub fn is_leap_year(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days of a month; `month` from 1 to 12.
#[must_use]
pub fn month_days(year: i64, month: u32) -> u32 {
    match month {
        2 if is_leap_year(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Day of the week, Sunday = 0.
#[must_use]
pub fn weekday(days: i64) -> usize {
    (days + 4).rem_euclid(7) as usize
}
