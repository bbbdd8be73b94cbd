//! A moment or interval taken apart, as templates show it.

use crate::types::datetime::{
    Interval, MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND,
    civil_from_days,
};

/// What a template may ask for.
#[derive(Debug)]
pub(super) struct Moment {
    pub(super) is_interval: bool,
    /// 1 BC is 0.
    pub(super) year: i64,
    /// From 1; 0 in intervals without months.
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    /// Fraction of the second.
    pub(super) micros: i64,
    /// Days since 1970; of no use in intervals.
    pub(super) days: i64,
    /// Seconds east of UTC.
    pub(super) offset: Option<i32>,
    pub(super) zone_name: String,
}

impl Moment {
    /// Takes a local time apart.
    pub(super) fn of_local(local: i64) -> Self {
        let days = local.div_euclid(MICROS_PER_DAY);
        let micros = local.rem_euclid(MICROS_PER_DAY);
        let (year, month, day) = civil_from_days(days);
        Self {
            is_interval: false,
            year,
            month: month.into(),
            day: day.into(),
            days,
            ..Self::of_clock(micros)
        }
    }

    /// Takes an interval apart; hours may exceed a day, and fields be negative.
    pub(super) fn of_interval(interval: Interval) -> Self {
        Self {
            is_interval: true,
            year: (interval.months / 12).into(),
            month: (interval.months % 12).into(),
            day: interval.days.into(),
            ..Self::of_clock(interval.micros)
        }
    }

    fn of_clock(micros: i64) -> Self {
        Self {
            is_interval: false,
            year: 0,
            month: 0,
            day: 0,
            hour: micros / MICROS_PER_HOUR,
            minute: micros / MICROS_PER_MINUTE % 60,
            second: micros / MICROS_PER_SECOND % 60,
            micros: micros % MICROS_PER_SECOND,
            days: 0,
            offset: None,
            zone_name: String::new(),
        }
    }

    /// The year as people count it, in intervals as it is.
    pub(super) fn shown_year(&self, year: i64) -> i64 {
        if self.is_interval || year > 0 {
            year
        } else {
            1 - year
        }
    }
}
