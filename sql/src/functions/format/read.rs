//! The fields that a template read, and the moment they mean.

use super::moment::JULIAN_EPOCH;
use crate::error::SqlError;
use crate::functions::datetime::iso_year_start;
use crate::types::datetime::{
    DAYS_MAX, DAYS_MIN, MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND,
    civil_from_days, days_from_civil, month_days,
};

/// The fields that were read; 0 where none was.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) source: String,
    pub(super) year: Option<i32>,
    /// Digits of the pattern that gave the year.
    pub(super) year_digits: usize,
    pub(super) century: Option<i32>,
    pub(super) is_before_christ: bool,
    pub(super) month: i32,
    pub(super) day: i32,
    pub(super) day_of_year: i32,
    /// Sunday = 1.
    pub(super) day_of_week: i32,
    pub(super) week: i32,
    pub(super) week_of_month: i32,
    pub(super) julian: Option<i32>,
    pub(super) is_iso: bool,
    pub(super) is_half_day_clock: bool,
    pub(super) is_late: bool,
    pub(super) hour: i32,
    pub(super) minute: i32,
    pub(super) second: i32,
    pub(super) seconds_of_day: Option<i32>,
    pub(super) micros: i32,
    pub(super) zone_sign: i32,
    pub(super) zone_hour: i32,
    pub(super) zone_minute: i32,
}

impl Read {
    fn out_of_range(&self) -> SqlError {
        SqlError::datetime_out_of_range(&self.source)
    }

    /// Astronomical year: 1 BC is 0. `None` if the text told none.
    fn astronomical_year(&self) -> Option<i64> {
        match (self.year, self.century) {
            (Some(year), Some(century)) if self.year_digits <= 2 => {
                let century = i64::from(if self.is_before_christ {
                    -century
                } else {
                    century
                });
                let low = i64::from(year % 100);
                Some(match (low, century >= 0) {
                    (0, true) => century * 100,
                    (0, false) => century * 100 + 1,
                    (_, true) => (century - 1) * 100 + low,
                    (_, false) => (century + 1) * 100 - low + 1,
                })
            }
            (Some(year), _) => {
                let signed = i64::from(if self.is_before_christ { -year } else { year });
                Some(if signed < 0 { signed + 1 } else { signed })
            }
            (None, Some(century)) => {
                let century = i64::from(if self.is_before_christ {
                    -century
                } else {
                    century
                });
                Some(if century >= 0 {
                    (century - 1) * 100 + 1
                } else {
                    century * 100 + 1
                })
            }
            (None, None) => None,
        }
    }

    /// Days since 1970.
    fn days(&self) -> Result<i64, SqlError> {
        let days = self.unchecked_days()?;
        if !(DAYS_MIN..=DAYS_MAX).contains(&days) {
            return Err(SqlError::invalid_moment(&format!(
                "date out of range: \"{}\"",
                self.source
            )));
        }
        Ok(days)
    }

    fn unchecked_days(&self) -> Result<i64, SqlError> {
        if let Some(julian) = self.julian {
            return Ok(i64::from(julian) - JULIAN_EPOCH);
        }
        let known_year = self.astronomical_year();
        let year = known_year.unwrap_or(0);
        let mut day_of_year = i64::from(self.day_of_year);
        if self.week != 0 {
            if self.is_iso {
                let weekday = match self.day_of_week {
                    0 => 0,
                    1 => 6,
                    other => i64::from(other) - 2,
                };
                return Ok(iso_year_start(year) + (i64::from(self.week) - 1) * 7 + weekday);
            }
            day_of_year = (i64::from(self.week) - 1) * 7 + 1;
        }
        let mut day = self.day;
        if self.week_of_month != 0 {
            day = (self.week_of_month - 1) * 7 + 1;
        }
        if day_of_year != 0 && self.month <= 1 && day <= 1 {
            if known_year.is_none() {
                return Err(SqlError::template_mismatch(
                    "cannot calculate day of year without year information",
                ));
            }
            if self.is_iso {
                return Ok(iso_year_start(year) + day_of_year - 1);
            }
            let days = days_from_civil(year, 1, 1) + day_of_year - 1;
            if day_of_year < 1 || civil_from_days(days).0 != year {
                return Err(self.out_of_range());
            }
            return Ok(days);
        }
        let month = if self.month == 0 { 1 } else { self.month };
        let month = u32::try_from(month).map_err(|_| self.out_of_range())?;
        let day = u32::try_from(if day == 0 { 1 } else { day }).map_err(|_| self.out_of_range())?;
        if !(1..=12).contains(&month) || day > month_days(year, month) {
            return Err(self.out_of_range());
        }
        Ok(days_from_civil(year, month, day))
    }

    /// Microseconds of the day.
    fn time(&self) -> Result<i64, SqlError> {
        let (mut hour, mut minute, mut second) = (self.hour, self.minute, self.second);
        if let Some(seconds) = self.seconds_of_day {
            (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        }
        if self.is_half_day_clock {
            if !(1..=12).contains(&hour) {
                return Err(SqlError::template_mismatch(format!(
                    "hour \"{hour}\" is invalid for the 12-hour clock"
                ))
                .with_hint("Use the 24-hour clock, or give an hour between 1 and 12."));
            }
            hour = hour % 12 + if self.is_late { 12 } else { 0 };
        }
        let is_valid =
            (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
        if !is_valid {
            return Err(self.out_of_range());
        }
        Ok(i64::from(hour) * MICROS_PER_HOUR
            + i64::from(minute) * MICROS_PER_MINUTE
            + i64::from(second) * MICROS_PER_SECOND
            + i64::from(self.micros))
    }

    /// The date, in days since 1970.
    pub(super) fn date(&self) -> Result<i32, SqlError> {
        self.time()?;
        i32::try_from(self.days()?).map_err(|_| SqlError::moment_out_of_range("date"))
    }

    /// The local time in microseconds, and seconds east of UTC if the text told them.
    pub(super) fn local(&self) -> Result<(i64, Option<i32>), SqlError> {
        let time = self.time()?;
        let local = self
            .days()?
            .checked_mul(MICROS_PER_DAY)
            .and_then(|midnight| midnight.checked_add(time))
            .ok_or_else(|| SqlError::moment_out_of_range("timestamp"))?;
        let offset = self.zone_sign * (self.zone_hour * 3600 + self.zone_minute * 60);
        Ok((local, (self.zone_sign != 0).then_some(offset)))
    }
}
