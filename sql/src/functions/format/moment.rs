//! Writes a moment by a template.

use super::fields::Moment;
use super::template::{Case, Field, Item, Pattern, Template};
use crate::error::SqlError;
use crate::functions::datetime::{
    MONTHS, WEEKDAYS, day_of_year, iso_week, iso_weekday, iso_year_start, sunday_weekday,
};

/// Months as Roman numerals, January first.
pub(super) const ROMAN_MONTHS: [&str; 12] = [
    "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII",
];

/// Julian day of 1970-01-01.
pub(super) const JULIAN_EPOCH: i64 = 2_440_588;

/// Width that full names of days and months are padded to.
const NAME_WIDTH: usize = 9;

/// Errors: `22007` for fields that an interval lacks.
pub(super) fn write(template: &Template, moment: &Moment) -> Result<String, SqlError> {
    let mut out = String::new();
    for item in &template.items {
        match item {
            Item::Text(c) | Item::Separator(c) | Item::Space(c) => out.push(*c),
            Item::Field(field) => write_field(&mut out, field, moment)?,
        }
    }
    Ok(out)
}

/// A number with leading zeros; a negative one is a character wider.
fn number(out: &mut String, field: &Field, value: i64, width: usize) {
    let width = match (field.is_unpadded, value < 0) {
        (true, _) => 0,
        (false, true) => width + 1,
        (false, false) => width,
    };
    out.push_str(&format!("{value:0width$}"));
    if let Some(case) = field.ordinal {
        out.push_str(ordinal(value, case));
    }
}

/// `st`, `nd`, `rd` or `th`.
pub(super) fn ordinal(value: i64, case: Case) -> &'static str {
    let size = value.unsigned_abs();
    let index = match (size / 10 % 10, size % 10) {
        (1, _) => 3,
        (_, 1) => 0,
        (_, 2) => 1,
        (_, 3) => 2,
        _ => 3,
    };
    if case == Case::Upper {
        ["ST", "ND", "RD", "TH"][index]
    } else {
        ["st", "nd", "rd", "th"][index]
    }
}

fn name(out: &mut String, field: &Field, name: &str, width: usize) {
    let shown = match field.case {
        Case::Upper => name.to_uppercase(),
        Case::Lower => name.to_lowercase(),
        Case::Title => name.to_owned(),
    };
    let width = if field.is_unpadded { 0 } else { width };
    out.push_str(&format!("{shown:<width$}"));
}

fn refuse_interval(moment: &Moment) -> Result<(), SqlError> {
    if moment.is_interval {
        return Err(SqlError::template_mismatch(
            "invalid format specification for an interval value",
        )
        .with_hint("Intervals are not tied to specific calendar dates."));
    }
    Ok(())
}

fn write_field(out: &mut String, field: &Field, moment: &Moment) -> Result<(), SqlError> {
    match field.pattern {
        Pattern::HalfDay { dotted } => {
            let is_late = moment.hour.rem_euclid(24) >= 12;
            marker(
                out,
                field,
                dotted,
                if is_late {
                    ["PM", "P.M."]
                } else {
                    ["AM", "A.M."]
                },
            );
        }
        Pattern::Hour12 => {
            let hour = moment.hour % 12;
            let shown = if hour == 0 { 12 } else { hour };
            number(
                out,
                field,
                shown,
                2 + usize::from(moment.hour < 0 && shown > 0),
            );
        }
        Pattern::Hour24 => number(out, field, moment.hour, 2),
        Pattern::Minute => number(out, field, moment.minute, 2),
        Pattern::Second => number(out, field, moment.second, 2),
        Pattern::Millisecond => fraction(out, field, moment, 3),
        Pattern::Fraction(digits) => fraction(out, field, moment, digits),
        Pattern::SecondOfDay => {
            let seconds = moment.hour * 3600 + moment.minute * 60 + moment.second;
            number(out, field, seconds, 0);
        }
        Pattern::ZoneName | Pattern::ZoneOffset | Pattern::ZoneHour | Pattern::ZoneMinute => {
            refuse_interval(moment)?;
            zone(out, field, moment);
        }
        _ => write_date_field(out, field, moment)?,
    }
    Ok(())
}

fn marker(out: &mut String, field: &Field, dotted: bool, forms: [&str; 2]) {
    let form = forms[usize::from(dotted)];
    if field.case == Case::Lower {
        out.push_str(&form.to_lowercase());
    } else {
        out.push_str(form);
    }
}

fn fraction(out: &mut String, field: &Field, moment: &Moment, digits: u32) {
    let value = moment.micros / 10_i64.pow(6 - digits);
    out.push_str(&format!("{value:0width$}", width = digits as usize));
    if let Some(case) = field.ordinal {
        out.push_str(ordinal(value, case));
    }
}

fn zone(out: &mut String, field: &Field, moment: &Moment) {
    let offset = moment.offset.unwrap_or(0);
    let sign = if offset < 0 { '-' } else { '+' };
    let (hours, minutes) = (offset.abs() / 3600, offset.abs() % 3600 / 60);
    match field.pattern {
        Pattern::ZoneName if field.case == Case::Lower => {
            out.push_str(&moment.zone_name.to_lowercase());
        }
        Pattern::ZoneName => out.push_str(&moment.zone_name),
        Pattern::ZoneMinute => out.push_str(&format!("{minutes:02}")),
        Pattern::ZoneHour => out.push_str(&format!("{sign}{hours:02}")),
        _ => {
            let width = if field.is_unpadded { 0 } else { 2 };
            out.push_str(&format!("{sign}{hours:0width$}"));
            if minutes != 0 {
                out.push_str(&format!(":{minutes:02}"));
            }
        }
    }
}

fn write_date_field(out: &mut String, field: &Field, moment: &Moment) -> Result<(), SqlError> {
    match field.pattern {
        Pattern::Era { dotted } => {
            refuse_interval(moment)?;
            let is_before = moment.year <= 0;
            marker(
                out,
                field,
                dotted,
                if is_before {
                    ["BC", "B.C."]
                } else {
                    ["AD", "A.D."]
                },
            );
        }
        Pattern::MonthName | Pattern::MonthShort => {
            refuse_interval(moment)?;
            let full = MONTHS[usize::try_from(moment.month - 1).unwrap_or(0)];
            let is_full = field.pattern == Pattern::MonthName;
            name(
                out,
                field,
                if is_full { full } else { &full[..3] },
                if is_full { NAME_WIDTH } else { 0 },
            );
        }
        Pattern::DayName | Pattern::DayShort => {
            refuse_interval(moment)?;
            let full = WEEKDAYS[usize::try_from(sunday_weekday(moment.days)).unwrap_or(0)];
            let is_full = field.pattern == Pattern::DayName;
            name(
                out,
                field,
                if is_full { full } else { &full[..3] },
                if is_full { NAME_WIDTH } else { 0 },
            );
        }
        Pattern::MonthRoman => roman_month(out, field, moment),
        Pattern::Month => number(out, field, moment.month, 2),
        // Unlike other fields a negative day is no character wider.
        Pattern::Day => number(out, field, moment.day, 2 - usize::from(moment.day < 0)),
        Pattern::DayOfYear => number(out, field, day_number(moment), 3),
        Pattern::IsoDayOfYear => {
            let start = iso_year_start(iso_week(moment.days).0);
            number(out, field, moment.days - start + 1, 3);
        }
        Pattern::DayOfWeek => {
            refuse_interval(moment)?;
            number(out, field, sunday_weekday(moment.days) + 1, 0);
        }
        Pattern::IsoDayOfWeek => {
            refuse_interval(moment)?;
            number(out, field, iso_weekday(moment.days), 0);
        }
        Pattern::Week => number(out, field, (day_number(moment) - 1) / 7 + 1, 2),
        Pattern::IsoWeek => number(out, field, iso_week(moment.days).1, 2),
        Pattern::WeekOfMonth => number(out, field, (moment.day - 1) / 7 + 1, 0),
        Pattern::Quarter if moment.month != 0 => {
            number(out, field, (moment.month - 1) / 3 + 1, 0);
        }
        Pattern::Julian => number(out, field, moment.days + JULIAN_EPOCH, 0),
        Pattern::Century => century(out, field, moment),
        Pattern::YearComma | Pattern::Year { .. } => year(out, field, moment),
        _ => {}
    }
    Ok(())
}

/// Day of the year; of an interval its length in days.
fn day_number(moment: &Moment) -> i64 {
    if moment.is_interval {
        return (moment.year * 12 + moment.month) * 30 + moment.day;
    }
    day_of_year(moment.days)
}

fn roman_month(out: &mut String, field: &Field, moment: &Moment) {
    if moment.month == 0 && moment.year == 0 {
        return;
    }
    // An interval's month counts from 0, and backwards when it is negative.
    let index = (moment.month - 1).rem_euclid(12);
    name(
        out,
        field,
        ROMAN_MONTHS[usize::try_from(index).unwrap_or(0)],
        4,
    );
}

fn century(out: &mut String, field: &Field, moment: &Moment) {
    let value = if moment.is_interval {
        moment.year / 100
    } else if moment.year > 0 {
        (moment.year - 1) / 100 + 1
    } else {
        moment.year / 100 - 1
    };
    let width = if value.abs() <= 99 { 2 } else { 0 };
    number(out, field, value, width);
}

fn year(out: &mut String, field: &Field, moment: &Moment) {
    let (digits, is_iso) = match field.pattern {
        Pattern::Year { digits, is_iso } => (digits, is_iso),
        _ => {
            let shown = moment.shown_year(moment.year);
            let (thousands, rest) = (shown / 1000, shown % 1000);
            out.push_str(&format!("{thousands},{rest:03}"));
            if let Some(case) = field.ordinal {
                out.push_str(ordinal(shown, case));
            }
            return;
        }
    };
    let year = if is_iso && !moment.is_interval {
        iso_week(moment.days).0
    } else {
        moment.year
    };
    let shown = moment.shown_year(year);
    let value = match digits {
        3 => shown % 1000,
        2 => shown % 100,
        1 => shown % 10,
        _ => shown,
    };
    number(out, field, value, digits);
}
