//! The fields of dates and times that functions name: `year`, `dow`, `epoch`.

use crate::types::datetime::{civil_from_days, days_from_civil, weekday};

/// Names of the months, in order.
pub(in crate::functions) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Names of the weekdays, Sunday first.
pub(in crate::functions) const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// A field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::functions) enum Field {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
    IsoYear,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    Epoch,
    Julian,
    Timezone,
    TimezoneHour,
    TimezoneMinute,
}

impl Field {
    /// Reads a name of PostgreSQL or Redshift, in any case.
    pub(in crate::functions) fn parse(text: &str) -> Option<Self> {
        let lowered = text.to_ascii_lowercase();
        let found = match lowered.as_str() {
            "microseconds" | "microsecond" | "us" | "usec" | "usecs" | "usecond" | "useconds"
            | "microsec" | "microsecs" | "microsecon" => Self::Microsecond,
            "milliseconds" | "millisecond" | "ms" | "msec" | "msecs" | "msecond" | "mseconds"
            | "millisec" | "millisecs" | "millisecon" => Self::Millisecond,
            "second" | "seconds" | "s" | "sec" | "secs" => Self::Second,
            "minute" | "minutes" | "m" | "min" | "mins" => Self::Minute,
            "hour" | "hours" | "h" | "hr" | "hrs" => Self::Hour,
            "day" | "days" | "d" => Self::Day,
            "week" | "weeks" | "w" => Self::Week,
            "month" | "months" | "mon" | "mons" => Self::Month,
            "quarter" | "quarters" | "qtr" | "qtrs" => Self::Quarter,
            "year" | "years" | "y" | "yr" | "yrs" => Self::Year,
            "decade" | "decades" | "dec" | "decs" => Self::Decade,
            "century" | "centuries" | "c" | "cent" | "cents" => Self::Century,
            "millennium" | "millennia" | "mil" | "mils" => Self::Millennium,
            "isoyear" => Self::IsoYear,
            "dow" | "dayofweek" | "dw" | "weekday" => Self::DayOfWeek,
            "isodow" => Self::IsoDayOfWeek,
            "doy" | "dayofyear" | "dy" | "yearday" => Self::DayOfYear,
            "epoch" => Self::Epoch,
            "julian" | "jd" | "j" => Self::Julian,
            "timezone" | "tz" => Self::Timezone,
            "timezone_hour" | "timezone_h" => Self::TimezoneHour,
            "timezone_minute" | "timezone_m" => Self::TimezoneMinute,
            _ => return None,
        };
        Some(found)
    }
}

/// Day of the week, Monday = 1 to Sunday = 7.
pub(in crate::functions) fn iso_weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}

/// ISO year (1 BC is 0) and week of a date.
pub(in crate::functions) fn iso_week(days: i64) -> (i64, i64) {
    let thursday = days - iso_weekday(days) + 4;
    let (year, _, _) = civil_from_days(thursday);
    (year, (thursday - days_from_civil(year, 1, 1)) / 7 + 1)
}

/// The Monday that an ISO year starts with.
pub(in crate::functions) fn iso_year_start(year: i64) -> i64 {
    let fourth = days_from_civil(year, 1, 4);
    fourth - iso_weekday(fourth) + 1
}

/// Day of the year, from 1.
pub(in crate::functions) fn day_of_year(days: i64) -> i64 {
    let (year, _, _) = civil_from_days(days);
    days - days_from_civil(year, 1, 1) + 1
}

/// Day of the week, Sunday = 0.
pub(in crate::functions) fn sunday_weekday(days: i64) -> i64 {
    // A day of the week is less than seven.
    weekday(days) as i64
}

/// The year as people count: there is no year 0.
pub(in crate::functions) fn shown_year(year: i64) -> i64 {
    if year > 0 { year } else { year - 1 }
}

/// Decade, century and millennium of a year (1 BC is 0), as PostgreSQL counts.
pub(in crate::functions) fn decade(year: i64) -> i64 {
    if year >= 0 {
        year / 10
    } else {
        -((8 - (year - 1)) / 10)
    }
}

/// See [`decade`].
pub(in crate::functions) fn century(year: i64) -> i64 {
    if year > 0 {
        (year + 99) / 100
    } else {
        -((99 - (year - 1)) / 100)
    }
}

/// See [`decade`].
pub(in crate::functions) fn millennium(year: i64) -> i64 {
    if year > 0 {
        (year + 999) / 1000
    } else {
        -((999 - (year - 1)) / 1000)
    }
}
