//! Time zones: names, abbreviations, fixed offsets, and what they mean at a moment.
//!
//! Offsets are seconds east of UTC. The zone tables end with the year 2099;
//! later years use the rules of a year before with the same calendar, as
//! PostgreSQL, which repeats the last rule forever.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeZone};
use chrono_tz::{OffsetName, TZ_VARIANTS, Tz};

use super::words;
use super::{
    MICROS_PER_DAY, MICROS_PER_SECOND, civil_from_days, days_from_civil, is_leap_year, weekday,
};

/// First year that the zone tables do not hold.
const TABLE_YEAR_END: i64 = 2100;

/// Largest offset that text may name: PostgreSQL takes hours up to 15.
const OFFSET_HOURS_MAX: i32 = 15;

static NAMES: LazyLock<HashMap<String, Tz>> = LazyLock::new(|| {
    TZ_VARIANTS
        .iter()
        .map(|tz| (tz.name().to_ascii_lowercase(), *tz))
        .collect()
});

/// A time zone: rules by name, or one offset for all of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Zone {
    /// A zone of the IANA database.
    Named(Tz),
    /// Seconds east of UTC.
    Fixed(i32),
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self::Named(Tz::UTC);

    /// Reads the value of the setting `TimeZone`: a name, or hours east of UTC.
    #[must_use]
    pub fn parse_setting(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(hours) = text.parse::<f64>() {
            let is_in_range = hours.abs() <= 168.0;
            return is_in_range.then_some(Self::Fixed((hours * 3600.0) as i32));
        }
        Self::by_name(&text.to_ascii_lowercase())
    }

    /// Reads what stands after AT TIME ZONE: an abbreviation or a name. Offsets
    /// such as `+09` have POSIX's sense there: west is positive.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let lowered = text.trim().to_ascii_lowercase();
        Self::by_abbreviation(&lowered).or_else(|| Self::by_name(&lowered))
    }

    /// An abbreviation such as `est`; `word` in lower case.
    pub(super) fn by_abbreviation(word: &str) -> Option<Self> {
        words::zone_minutes(word).map(|minutes| Self::Fixed(i32::from(minutes) * 60))
    }

    /// A full name or a POSIX form such as `utc+3`; `name` in lower case.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        NAMES
            .get(name)
            .map(|tz| Self::Named(*tz))
            .or_else(|| posix(name))
    }

    /// Reads an offset as it ends a timestamp: `+09`, `-0530`, `+05:30:15`.
    ///
    /// Errors: `Err(true)` if it is out of range, `Err(false)` if it is no offset.
    pub(super) fn parse_offset(text: &str) -> Result<Self, bool> {
        let (sign, digits) = match text.as_bytes().first() {
            Some(b'+') => (1, &text[1..]),
            Some(b'-') => (-1, &text[1..]),
            _ => return Err(false),
        };
        let mut parts = digits.split(':');
        let first = number(parts.next().unwrap_or_default())?;
        let second = parts.next().map(number).transpose()?;
        let third = parts.next().map(number).transpose()?;
        if parts.next().is_some() {
            return Err(false);
        }
        let is_run_together = second.is_none() && digits.len() > 2;
        let (hours, minutes) = match second {
            Some(minutes) => (first, minutes),
            None if is_run_together => (first / 100, first % 100),
            None => (first, 0),
        };
        let seconds = third.unwrap_or(0);
        if hours > OFFSET_HOURS_MAX || minutes > 59 || seconds > 59 {
            return Err(true);
        }
        Ok(Self::Fixed(sign * (hours * 3600 + minutes * 60 + seconds)))
    }

    /// Seconds east of UTC at a moment.
    #[must_use]
    pub fn offset_at(self, utc_micros: i64) -> i32 {
        match self {
            Self::Fixed(seconds) => seconds,
            Self::Named(Tz::UTC) => 0,
            Self::Named(tz) => tz
                .offset_from_utc_datetime(&table_time(utc_micros).0)
                .fix()
                .local_minus_utc(),
        }
    }

    /// The local time of a moment; `None` past the range of timestamps.
    #[must_use]
    pub fn to_local(self, utc_micros: i64) -> Option<i64> {
        let offset = i64::from(self.offset_at(utc_micros));
        utc_micros.checked_add(offset * MICROS_PER_SECOND)
    }

    /// The moment of a local time; `None` past the range of timestamps.
    ///
    /// A time that a change of the clocks skips is read with the offset before
    /// it, one that happens twice as the second, as PostgreSQL does.
    #[must_use]
    pub fn to_utc(self, local_micros: i64) -> Option<i64> {
        let offset = i64::from(self.offset_at_local(local_micros));
        local_micros.checked_sub(offset * MICROS_PER_SECOND)
    }

    /// As [`Zone::to_local`], kept within the range of timestamps.
    #[must_use]
    pub fn utc_to_local(&self, utc_micros: i64) -> i64 {
        self.to_local(utc_micros).unwrap_or(utc_micros)
    }

    /// As [`Zone::to_utc`], kept within the range of timestamps.
    #[must_use]
    pub fn local_to_utc(&self, local_micros: i64) -> i64 {
        self.to_utc(local_micros).unwrap_or(local_micros)
    }

    /// Seconds east of UTC that hold at a local time; see [`Zone::to_utc`].
    #[must_use]
    pub fn offset_at_local(self, local_micros: i64) -> i32 {
        let tz = match self {
            Self::Fixed(seconds) => return seconds,
            Self::Named(Tz::UTC) => return 0,
            Self::Named(tz) => tz,
        };
        match tz.offset_from_local_datetime(&table_time(local_micros).0) {
            LocalResult::Single(offset) => offset.fix().local_minus_utc(),
            LocalResult::Ambiguous(first, second) => {
                // The second time around is the one farther west.
                first
                    .fix()
                    .local_minus_utc()
                    .min(second.fix().local_minus_utc())
            }
            LocalResult::None => self.offset_at(local_micros.saturating_sub(MICROS_PER_DAY)),
        }
    }

    /// The zone as `SHOW TimeZone` names it.
    #[must_use]
    pub fn name(&self) -> String {
        self.to_string()
    }

    /// What the zone calls itself at a moment: `EST`, `KST`, `+04`.
    #[must_use]
    pub fn abbreviation_at(self, utc_micros: i64) -> String {
        match self {
            Self::Fixed(seconds) => posix_offset(seconds),
            Self::Named(tz) => tz
                .offset_from_utc_datetime(&table_time(utc_micros).0)
                .abbreviation()
                .map_or_else(|| posix_offset(self.offset_at(utc_micros)), str::to_owned),
        }
    }
}

impl fmt::Display for Zone {
    /// As `SHOW TimeZone`: a fixed offset is shown in POSIX's form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(tz) => f.write_str(tz.name()),
            Self::Fixed(seconds) => {
                write!(f, "<{}>{}", posix_offset(*seconds), posix_offset(-seconds))
            }
        }
    }
}

fn number(text: &str) -> Result<i32, bool> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_plain {
        return Err(false);
    }
    text.parse().map_err(|_| true)
}

/// `+09`, `-05:30`: the shortest form of an offset.
fn posix_offset(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let size = seconds.unsigned_abs();
    let (hours, minutes, rest) = (size / 3600, size / 60 % 60, size % 60);
    match (minutes, rest) {
        (0, 0) => format!("{sign}{hours:02}"),
        (_, 0) => format!("{sign}{hours:02}:{minutes:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}:{rest:02}"),
    }
}

/// `utc+3`, `<kst>-9`, `+09`: a POSIX name without rules, west positive.
fn posix(text: &str) -> Option<Zone> {
    let rest = match text.strip_prefix('<') {
        Some(quoted) => quoted.split_once('>')?.1,
        None => text.trim_start_matches(|c: char| c.is_ascii_alphabetic()),
    };
    let (sign, digits) = match rest.as_bytes().first()? {
        b'-' => (1, &rest[1..]),
        b'+' => (-1, &rest[1..]),
        _ => (-1, rest),
    };
    let mut seconds = 0;
    for (part, unit) in digits.split(':').zip([3600, 60, 1]) {
        let value = number(part).ok().filter(|value| *value < 168)?;
        seconds += value * unit;
    }
    let has_more = digits.split(':').count() > 3;
    (!has_more).then_some(Zone::Fixed(sign * seconds))
}

/// The time to look up in the zone tables, and by how many days it was moved.
fn table_time(micros: i64) -> (NaiveDateTime, i64) {
    let days = micros.div_euclid(MICROS_PER_DAY);
    let shift = if days >= days_from_civil(TABLE_YEAR_END, 1, 1) {
        fold_days(days)
    } else {
        0
    };
    let seconds = micros.div_euclid(MICROS_PER_SECOND) + shift * 86_400;
    let time = DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::UNIX_EPOCH);
    (time.naive_utc(), shift)
}

/// Days to add to a late date for a year of the tables with the same calendar.
fn fold_days(days: i64) -> i64 {
    let (year, _, _) = civil_from_days(days);
    let start = days_from_civil(year, 1, 1);
    (TABLE_YEAR_END - 28..TABLE_YEAR_END)
        .map(|candidate| (candidate, days_from_civil(candidate, 1, 1)))
        .find(|(candidate, first)| {
            is_leap_year(*candidate) == is_leap_year(year) && weekday(*first) == weekday(start)
        })
        .map_or(0, |(_, first)| first - start)
}
