//! `date_trunc`.

use arrow::array::ArrayRef;

use super::field::{Field, iso_weekday};
use super::{is_moment, parse_zone, to_local, to_utc, zone};
use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::{Call, map2, map3};
use crate::functions::kinds::{self, Text, Timestamp};
use crate::types::datetime::{
    Interval, MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, Zone,
    civil_from_days, days_from_civil,
};
use crate::types::{PgType, oid};

pub(super) fn register(registry: &mut Registry) {
    registry.add("date_trunc(text, timestamp) -> timestamp", |call| {
        map2::<Text, Timestamp, _>(call, |unit, local| {
            let field = parse(unit, oid::TIMESTAMP)?;
            truncate_local(field, unit, local, oid::TIMESTAMP)
        })
    });
    registry
        .add(
            "date_trunc(text, timestamptz) -> timestamptz",
            with_session_zone,
        )
        .stable();
    registry.add(
        "date_trunc(text, timestamptz, text) -> timestamptz",
        |call| {
            map3::<Text, Timestamp, Text, _>(call, |unit, utc, zone| {
                truncate_instant(unit, utc, parse_zone(zone)?)
            })
        },
    );
    registry.add("date_trunc(text, interval) -> interval", |call| {
        map2::<Text, kinds::Interval, _>(call, |unit, value| {
            let truncated = truncate_interval(unit, Interval::from_arrow(value))?;
            truncated
                .to_arrow()
                .ok_or_else(|| SqlError::moment_out_of_range("interval"))
        })
    });
}

fn with_session_zone(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let zone = zone(call);
    map2::<Text, Timestamp, _>(call, |unit, utc| truncate_instant(unit, utc, zone))
}

/// Reads a field that has a start; those that only number are not known here.
fn parse(unit: &str, type_oid: u32) -> Result<Field, SqlError> {
    let only_numbers = |field: &Field| {
        matches!(
            field,
            Field::DayOfWeek
                | Field::IsoDayOfWeek
                | Field::DayOfYear
                | Field::Epoch
                | Field::Julian
                | Field::IsoYear
        )
    };
    Field::parse(unit)
        .filter(|field| !only_numbers(field))
        .ok_or_else(|| {
            let type_name = PgType::new(type_oid).display();
            SqlError::unit_not_recognized(&unit.to_ascii_lowercase(), &type_name)
        })
}

fn unsupported(unit: &str, type_oid: u32) -> SqlError {
    SqlError::unit_not_supported(&unit.to_ascii_lowercase(), &PgType::new(type_oid).display())
}

fn truncate_instant(unit: &str, utc: i64, zone: Zone) -> Result<i64, SqlError> {
    let field = parse(unit, oid::TIMESTAMPTZ)?;
    if !is_moment(utc) {
        return Ok(utc);
    }
    let local = to_local(zone, utc)?;
    let truncated = truncate_local(field, unit, local, oid::TIMESTAMPTZ)?;
    let is_within_day = matches!(
        field,
        Field::Microsecond | Field::Millisecond | Field::Second | Field::Minute | Field::Hour
    );
    if is_within_day {
        // Keeps the offset, so that the hour that happens twice stays apart.
        return Ok(utc - (local - truncated));
    }
    to_utc(zone, truncated)
}

/// The start of the field that a local time lies in.
fn truncate_local(field: Field, unit: &str, local: i64, type_oid: u32) -> Result<i64, SqlError> {
    let step = match field {
        Field::Microsecond => return Ok(local),
        Field::Millisecond => 1000,
        Field::Second => MICROS_PER_SECOND,
        Field::Minute => MICROS_PER_MINUTE,
        Field::Hour => MICROS_PER_HOUR,
        Field::Day => MICROS_PER_DAY,
        _ => 0,
    };
    if !is_moment(local) {
        return Ok(local);
    }
    if step != 0 {
        return Ok(local - local.rem_euclid(step));
    }
    let days = local.div_euclid(MICROS_PER_DAY);
    let start = truncate_days(field, days).ok_or_else(|| unsupported(unit, type_oid))?;
    start
        .checked_mul(MICROS_PER_DAY)
        .ok_or_else(|| SqlError::moment_out_of_range("timestamp"))
}

/// The first day of the field that a date lies in; `None` for other fields.
fn truncate_days(field: Field, days: i64) -> Option<i64> {
    let (year, month, _) = civil_from_days(days);
    let first_of_year = |year| days_from_civil(year, 1, 1);
    Some(match field {
        Field::Week => days - iso_weekday(days) + 1,
        Field::Month => days_from_civil(year, month, 1),
        Field::Quarter => days_from_civil(year, (month - 1) / 3 * 3 + 1, 1),
        Field::Year => first_of_year(year),
        Field::Decade => first_of_year(year.div_euclid(10) * 10),
        Field::Century => first_of_year((year - 1).div_euclid(100) * 100 + 1),
        Field::Millennium => first_of_year((year - 1).div_euclid(1000) * 1000 + 1),
        _ => return None,
    })
}

fn truncate_interval(unit: &str, value: Interval) -> Result<Interval, SqlError> {
    let field = parse(unit, oid::INTERVAL)?;
    let months_kept = match field {
        Field::Millennium => 12_000,
        Field::Century => 1200,
        Field::Decade => 120,
        Field::Year => 12,
        Field::Quarter => 3,
        Field::Month => 1,
        _ => 0,
    };
    if months_kept != 0 {
        let months = value.months / months_kept * months_kept;
        return Ok(Interval {
            months,
            days: 0,
            micros: 0,
        });
    }
    let step = match field {
        Field::Day => return Ok(Interval { micros: 0, ..value }),
        Field::Hour => MICROS_PER_HOUR,
        Field::Minute => MICROS_PER_MINUTE,
        Field::Second => MICROS_PER_SECOND,
        Field::Millisecond => 1000,
        Field::Microsecond => 1,
        _ => return Err(unsupported(unit, oid::INTERVAL)),
    };
    Ok(Interval {
        micros: value.micros / step * step,
        ..value
    })
}
