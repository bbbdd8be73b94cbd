//! Text to interval: PostgreSQL's own forms, `1-2 3 04:05:06` of the SQL standard,
//! and ISO 8601's `P1Y2M3DT4H5M6S`.
//!
//! Fields are read from right to left, so that a unit is known before its number.
//! A fraction spills into the next smaller field, a month counting 30 days.

use arrow::datatypes::IntervalMonthDayNano;

use super::decode::{Fault, clock, fraction_micros};
use super::lex::{Field, Kind, Lowered, split};
use super::parse::explain;
use super::words::{self, Unit};
use super::{Interval, MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND};
use crate::error::SqlError;

/// Days of a month, where a fraction of one is turned into days.
const MONTH_DAYS: f64 = 30.0;

/// Reads an interval.
pub fn parse_interval(text: &str) -> Result<IntervalMonthDayNano, SqlError> {
    let fields = match decode(text) {
        Err(Fault::Format) if text.trim_start().starts_with('P') => decode_iso(text.trim()),
        other => other,
    };
    let fields = fields.map_err(|fault| explain(fault, "interval", text))?;
    fields
        .interval()
        .and_then(Interval::to_arrow)
        .ok_or_else(SqlError::interval_out_of_range)
}

/// Sums of the fields, checked against overflow only at the end.
#[derive(Default)]
struct Sums {
    months: i64,
    days: i64,
    micros: i64,
}

impl Sums {
    fn interval(&self) -> Option<Interval> {
        Some(Interval {
            months: i32::try_from(self.months).ok()?,
            days: i32::try_from(self.days).ok()?,
            micros: self.micros,
        })
    }

    fn negate(&mut self) {
        self.months = -self.months;
        self.days = -self.days;
        self.micros = -self.micros;
    }

    fn add_micros(&mut self, count: i64, unit: i64, fraction: f64) -> Result<(), Fault> {
        let exact = fraction * unit as f64;
        let mut part = exact.trunc();
        let rest = exact - part;
        if rest > 0.5 {
            part += 1.0;
        } else if rest < -0.5 {
            part -= 1.0;
        }
        let whole = count.checked_mul(unit).ok_or(Fault::Field)?;
        self.micros = self
            .micros
            .checked_add(whole)
            .and_then(|sum| sum.checked_add(part as i64))
            .ok_or(Fault::Field)?;
        Ok(())
    }

    fn add_days(&mut self, count: i64, unit: i64, fraction: f64) -> Result<(), Fault> {
        let exact = fraction * unit as f64;
        let part = exact.trunc();
        self.days = checked_sum(self.days, count, unit, part)?;
        self.add_micros(0, MICROS_PER_DAY, exact - part)
    }

    fn add_months(&mut self, count: i64, unit: i64, fraction: f64) -> Result<(), Fault> {
        if unit == 1 {
            self.months = checked_sum(self.months, count, unit, 0.0)?;
            let exact = fraction * MONTH_DAYS;
            let part = exact.trunc();
            self.days = checked_sum(self.days, 0, 1, part)?;
            return self.add_micros(0, MICROS_PER_DAY, exact - part);
        }
        let part = (fraction * unit as f64).round_ties_even();
        i32::try_from(count).map_err(|_| Fault::Field)?;
        self.months += count * unit + part as i64;
        Ok(())
    }

    fn add(&mut self, unit: Unit, count: i64, fraction: f64) -> Result<(), Fault> {
        match unit {
            Unit::Microsecond => {
                let rounded = fraction.round_ties_even();
                self.add_micros(count, 1, 0.0)?;
                self.add_micros(rounded as i64, 1, 0.0)
            }
            Unit::Millisecond => self.add_micros(count, 1000, fraction),
            Unit::Second => self.add_micros(count, MICROS_PER_SECOND, fraction),
            Unit::Minute => self.add_micros(count, MICROS_PER_MINUTE, fraction),
            Unit::Hour => self.add_micros(count, MICROS_PER_HOUR, fraction),
            Unit::Day => self.add_days(count, 1, fraction),
            Unit::Week => self.add_days(count, 7, fraction),
            Unit::Month => self.add_months(count, 1, fraction),
            Unit::Year => self.add_months(count, 12, fraction),
            Unit::Decade => self.add_months(count, 120, fraction),
            Unit::Century => self.add_months(count, 1200, fraction),
            Unit::Millennium => self.add_months(count, 12_000, fraction),
        }
    }
}

/// `sum + count * unit + part`, kept within what a field of an interval holds.
fn checked_sum(sum: i64, count: i64, unit: i64, part: f64) -> Result<i64, Fault> {
    let total = count
        .checked_mul(unit)
        .and_then(|whole| sum.checked_add(whole))
        .and_then(|whole| whole.checked_add(part as i64))
        .ok_or(Fault::Field)?;
    i32::try_from(total)
        .map(i64::from)
        .map_err(|_| Fault::Field)
}

fn decode(text: &str) -> Result<Sums, Fault> {
    let lowered = Lowered::new(text).ok_or(Fault::Format)?;
    let fields = split(lowered.as_str()).ok_or(Fault::Format)?;
    let mut reader = Reader {
        sums: Sums::default(),
        unit: None,
        seen: 0,
        is_ago: false,
        needs_unit: false,
    };
    for field in fields.as_slice().iter().rev() {
        reader.field(*field)?;
    }
    if reader.seen == 0 {
        return Err(Fault::Format);
    }
    if reader.is_ago {
        reader.sums.negate();
    }
    Ok(reader.sums)
}

struct Reader {
    sums: Sums,
    /// The unit that the next number to the left has.
    unit: Option<Unit>,
    /// Bit set of the units that had a number, and of the time.
    seen: u32,
    is_ago: bool,
    /// Whether a number without unit may not come next: `1 ago`.
    needs_unit: bool,
}

/// Seconds and their parts.
const SECOND_BITS: u32 =
    (1 << Unit::Second as u32) | (1 << Unit::Millisecond as u32) | (1 << Unit::Microsecond as u32);

/// What `10:00` sets.
const TIME_BITS: u32 = (1 << Unit::Hour as u32) | (1 << Unit::Minute as u32) | SECOND_BITS;

impl Reader {
    fn field(&mut self, field: Field<'_>) -> Result<(), Fault> {
        match field.kind {
            Kind::Time => self.time(field.text, 1),
            Kind::Zone if field.text[1..].contains(':') => {
                let sign = if field.text.starts_with('-') { -1 } else { 1 };
                self.time(&field.text[1..], sign)
            }
            Kind::Zone | Kind::Date | Kind::Number => self.number(field.text),
            Kind::Word if field.text == "ago" => {
                self.is_ago = true;
                self.needs_unit = true;
                Ok(())
            }
            Kind::Word => {
                self.needs_unit = false;
                self.unit = Some(words::unit(field.text).ok_or(Fault::Format)?);
                Ok(())
            }
            Kind::Special => Err(Fault::Format),
        }
    }

    fn mark(&mut self, bits: u32) -> Result<(), Fault> {
        if self.seen & bits != 0 {
            return Err(Fault::Format);
        }
        self.seen |= bits;
        Ok(())
    }

    fn time(&mut self, text: &str, sign: i64) -> Result<(), Fault> {
        let (hours, minutes, seconds, micros) = clock(text)?;
        self.mark(TIME_BITS)?;
        let rest = i64::from(minutes) * MICROS_PER_MINUTE
            + i64::from(seconds) * MICROS_PER_SECOND
            + micros;
        self.sums.add_micros(sign * hours, MICROS_PER_HOUR, 0.0)?;
        self.sums.add_micros(sign * rest, 1, 0.0)?;
        // `1 02:03:04` is a day and a time.
        self.needs_unit = false;
        self.unit = Some(Unit::Day);
        Ok(())
    }

    fn number(&mut self, text: &str) -> Result<(), Fault> {
        if self.needs_unit {
            return Err(Fault::Format);
        }
        let unit = self.unit.unwrap_or(Unit::Second);
        let is_negative = text.starts_with('-');
        let digits = text.trim_start_matches(['+', '-']);
        if let Some((years, months)) = digits.split_once('-') {
            let years: i64 = years.parse().map_err(|_| Fault::Format)?;
            let months: i64 = months.parse().map_err(|_| Fault::Format)?;
            if months > 11 {
                return Err(Fault::Field);
            }
            self.mark(1 << Unit::Month as u32)?;
            let total = years
                .checked_mul(12)
                .and_then(|sum| sum.checked_add(months));
            let total = total.ok_or(Fault::Field)?;
            self.unit = Some(Unit::Month);
            return self
                .sums
                .add(Unit::Month, if is_negative { -total } else { total }, 0.0);
        }
        let (count, fraction) = split_number(digits)?;
        self.mark(if unit == Unit::Second && fraction != 0.0 {
            SECOND_BITS
        } else {
            1 << unit as u32
        })?;
        self.unit = Some(if unit == Unit::Hour { Unit::Day } else { unit });
        if is_negative {
            self.sums.add(unit, -count, -fraction)
        } else {
            self.sums.add(unit, count, fraction)
        }
    }
}

/// The whole part and the fraction of an unsigned number.
fn split_number(digits: &str) -> Result<(i64, f64), Fault> {
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (digits, ""),
    };
    let is_plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_plain(whole) || !is_plain(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return Err(Fault::Format);
    }
    let count = if whole.is_empty() {
        0
    } else {
        whole.parse().map_err(|_| Fault::Field)?
    };
    if fraction.is_empty() {
        return Ok((count, 0.0));
    }
    let fraction = &digits[digits.len() - fraction.len() - 1..];
    Ok((count, fraction.parse().map_err(|_| Fault::Format)?))
}

/// Reads `P1Y2M3W4DT5H6M7.8S` and `P0001-02-03T04:05:06`.
fn decode_iso(text: &str) -> Result<Sums, Fault> {
    let mut sums = Sums::default();
    let (date, time) = match text[1..].split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (&text[1..], None),
    };
    if date.is_empty() && time.is_none() {
        return Err(Fault::Format);
    }
    if date.bytes().skip(1).any(|byte| byte == b'-') && date.ends_with(|c: char| c.is_ascii_digit())
    {
        let mut parts = date.splitn(3, '-');
        for unit in [Unit::Year, Unit::Month, Unit::Day] {
            let Some(part) = parts.next() else { break };
            let (count, fraction) = split_number(part)?;
            sums.add(unit, count, fraction)?;
        }
    } else {
        designated(date, &mut sums, |letter| match letter {
            'Y' => Some(Unit::Year),
            'M' => Some(Unit::Month),
            'W' => Some(Unit::Week),
            'D' => Some(Unit::Day),
            _ => None,
        })?;
    }
    let Some(time) = time else { return Ok(sums) };
    if time.contains(':') {
        let (hours, minutes, seconds, micros) = clock(time)?;
        sums.add(Unit::Hour, hours, 0.0)?;
        sums.add(Unit::Minute, i64::from(minutes), 0.0)?;
        sums.add_micros(i64::from(seconds) * MICROS_PER_SECOND + micros, 1, 0.0)?;
        return Ok(sums);
    }
    designated(time, &mut sums, |letter| match letter {
        'H' => Some(Unit::Hour),
        'M' => Some(Unit::Minute),
        'S' => Some(Unit::Second),
        _ => None,
    })?;
    Ok(sums)
}

/// Numbers that are each followed by the letter of their unit.
fn designated(
    text: &str,
    sums: &mut Sums,
    unit: impl Fn(char) -> Option<Unit>,
) -> Result<(), Fault> {
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| c.is_ascii_alphabetic())
            .ok_or(Fault::Format)?;
        let letter = rest[end..].chars().next().ok_or(Fault::Format)?;
        let unit = unit(letter).ok_or(Fault::Format)?;
        let number = &rest[..end];
        let is_negative = number.starts_with('-');
        let digits = number.trim_start_matches(['+', '-']);
        let (count, fraction) = split_number(digits)?;
        if unit == Unit::Second && !is_negative && fraction != 0.0 {
            let point = digits.find('.').ok_or(Fault::Format)?;
            sums.add(unit, count, 0.0)?;
            sums.add_micros(fraction_micros(&digits[point..])?, 1, 0.0)?;
        } else if is_negative {
            sums.add(unit, -count, -fraction)?;
        } else {
            sums.add(unit, count, fraction)?;
        }
        rest = &rest[end + 1..];
    }
    Ok(())
}
