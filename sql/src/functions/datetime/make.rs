//! `make_date`, `make_time`, `make_timestamp`, `make_timestamptz`, `make_interval`.

use arrow::array::ArrayRef;

use super::{parse_zone, to_utc, zone};
use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::{Call, map3};
use crate::functions::kinds::{Float8, Int4, Text};
use crate::types::datetime::{
    DAYS_MIN, Interval, MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND,
    days_from_civil, month_days,
};

/// Last year that PostgreSQL's dates reach.
const DATE_YEAR_MAX: i32 = 5_874_897;

pub(super) fn register(registry: &mut Registry) {
    registry.add("make_date(int4, int4, int4) -> date", |call| {
        map3::<Int4, Int4, Int4, _>(call, |year, month, day| {
            i32::try_from(date(year, month, day)?)
                .map_err(|_| SqlError::moment_out_of_range("date"))
        })
    });
    registry.add("make_time(int4, int4, float8) -> time", |call| {
        map3::<Int4, Int4, Float8, _>(call, time)
    });
    registry.add(
        "make_timestamp(int4, int4, int4, int4, int4, float8) -> timestamp",
        |call| timestamps(call, Ok),
    );
    registry
        .add(
            "make_timestamptz(int4, int4, int4, int4, int4, float8) -> timestamptz",
            |call| {
                let zone = zone(call);
                timestamps(call, |local| to_utc(zone, local))
            },
        )
        .stable();
    registry.add(
        "make_timestamptz(int4, int4, int4, int4, int4, float8, text) -> timestamptz",
        |call| {
            let zones = call.reader::<Text>(6)?;
            let fields = Fields::open(call)?;
            call.rows(|row| match (fields.local(row)?, zones.value(row)) {
                (Some(local), Some(zone)) => Ok(Some(to_utc(parse_zone(zone)?, local)?)),
                _ => Ok(None),
            })
        },
    );
    let kinds = ["int4", "int4", "int4", "int4", "int4", "int4", "float8"];
    for count in 0..=kinds.len() {
        let signature = format!("make_interval({}) -> interval", kinds[..count].join(", "));
        registry.add(&signature, intervals);
    }
}

/// Days since 1970; a negative year counts before Christ.
fn date(year: i32, month: i32, day: i32) -> Result<i64, SqlError> {
    let shown = || format!("{year}-{month:02}-{day:02}");
    let invalid = || SqlError::field_out_of_range("date", &shown());
    let astronomical = if year < 0 {
        i64::from(year) + 1
    } else {
        i64::from(year)
    };
    let month_number = u32::try_from(month).map_err(|_| invalid())?;
    let day_number = u32::try_from(day).map_err(|_| invalid())?;
    let is_valid = year != 0
        && (1..=12).contains(&month_number)
        && (1..=month_days(astronomical, month_number)).contains(&day_number);
    if !is_valid {
        return Err(invalid());
    }
    let days = days_from_civil(astronomical, month_number, day_number);
    if days < DAYS_MIN || year > DATE_YEAR_MAX {
        return Err(SqlError::invalid_moment(&format!(
            "date out of range: {}",
            shown()
        )));
    }
    Ok(days)
}

fn time(hour: i32, minute: i32, second: f64) -> Result<i64, SqlError> {
    let whole = i64::from(hour) * MICROS_PER_HOUR + i64::from(minute) * MICROS_PER_MINUTE;
    let is_valid = (0..=24).contains(&hour)
        && (0..60).contains(&minute)
        && (0.0..=60.0).contains(&second)
        && whole + (second * 1e6).round_ties_even() as i64 <= MICROS_PER_DAY;
    if !is_valid {
        let value = format!("{hour}:{minute:02}:{second:02}");
        return Err(SqlError::field_out_of_range("time", &value));
    }
    Ok(whole + (second * 1e6).round_ties_even() as i64)
}

/// Readers of year, month, day, hour, minute and second.
struct Fields<'a> {
    whole: [crate::functions::call::Reader<'a, Int4>; 5],
    seconds: crate::functions::call::Reader<'a, Float8>,
}

impl<'a> Fields<'a> {
    fn open(call: &'a Call<'_>) -> Result<Self, SqlError> {
        Ok(Self {
            whole: [
                call.reader(0)?,
                call.reader(1)?,
                call.reader(2)?,
                call.reader(3)?,
                call.reader(4)?,
            ],
            seconds: call.reader(5)?,
        })
    }

    fn local(&self, row: usize) -> Result<Option<i64>, SqlError> {
        let [year, month, day, hour, minute] =
            [0, 1, 2, 3, 4].map(|index: usize| self.whole[index].value(row));
        let (Some(year), Some(month), Some(day)) = (year, month, day) else {
            return Ok(None);
        };
        let (Some(hour), Some(minute), Some(second)) = (hour, minute, self.seconds.value(row))
        else {
            return Ok(None);
        };
        let time = time(hour, minute, second)?;
        date(year, month, day)?
            .checked_mul(MICROS_PER_DAY)
            .and_then(|midnight| midnight.checked_add(time))
            .map(Some)
            .ok_or_else(|| SqlError::moment_out_of_range("timestamp"))
    }
}

fn timestamps(
    call: &Call<'_>,
    finish: impl Fn(i64) -> Result<i64, SqlError>,
) -> Result<ArrayRef, SqlError> {
    let fields = Fields::open(call)?;
    call.rows(|row| fields.local(row)?.map(&finish).transpose())
}

fn intervals(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let mut whole = Vec::new();
    for index in 0..call.columns.len().min(6) {
        whole.push(call.reader::<Int4>(index)?);
    }
    let seconds = call.optional::<Float8>(6)?;
    call.rows(|row| {
        let mut fields = [0_i64; 6];
        for (field, reader) in fields.iter_mut().zip(&whole) {
            match reader.value(row) {
                Some(value) => *field = i64::from(value),
                None => return Ok(None),
            }
        }
        let second = match &seconds {
            Some(reader) => match reader.value(row) {
                Some(second) => second,
                None => return Ok(None),
            },
            None => 0.0,
        };
        interval(fields, second)
            .and_then(Interval::to_arrow)
            .map(Some)
            .ok_or_else(|| SqlError::moment_out_of_range("interval"))
    })
}

fn interval(
    [years, months, weeks, days, hours, minutes]: [i64; 6],
    second: f64,
) -> Option<Interval> {
    let micros = (second * MICROS_PER_SECOND as f64).round_ties_even();
    if !micros.is_finite() || micros.abs() > 9.2e18 {
        return None;
    }
    Some(Interval {
        months: i32::try_from(years * 12 + months).ok()?,
        days: i32::try_from(weeks * 7 + days).ok()?,
        micros: (hours * MICROS_PER_HOUR + minutes * MICROS_PER_MINUTE)
            .checked_add(micros as i64)?,
    })
}
