//! `extract` (numeric) and `date_part` (double precision).

use arrow::array::ArrayRef;
use datafusion::common::ScalarValue;

use super::field::{
    Field, century, day_of_year, decade, iso_week, iso_weekday, millennium, shown_year,
    sunday_weekday,
};
use super::{is_moment, zone};
use crate::error::SqlError;
use crate::functions::call::{Call, Kind, map2};
use crate::functions::kinds::{self, Date, Text, Time, Timestamp};
use crate::functions::{Registry, Typing};
use crate::types::datetime::{
    DATE_INFINITY, DATE_MINUS_INFINITY, Interval, MICROS_PER_DAY, MICROS_PER_HOUR,
    MICROS_PER_MINUTE, Zone, civil_from_days,
};
use crate::types::{PgType, oid};

/// Julian day of 1970-01-01.
const JULIAN_EPOCH: i64 = 2_440_588;

/// Scale of `extract(julian ...)`, whose quotient never ends.
const JULIAN_SCALE: i8 = 10;

pub(super) fn register(registry: &mut Registry) {
    for kind in ["timestamp", "timestamptz", "date", "time", "interval"] {
        let numeric = format!("extract(text, {kind}) -> numeric");
        let float = format!("date_part(text, {kind}) -> float8");
        match kind {
            "timestamp" => {
                registry
                    .add(&numeric, |call| numeric_of::<Timestamp>(call, timestamp))
                    .returns(numeric_type);
                registry.add(&float, |call| float_of::<Timestamp>(call, timestamp));
            }
            "timestamptz" => {
                registry
                    .add(&numeric, |call| {
                        let zone = zone(call);
                        numeric_of::<Timestamp>(call, |field, unit, utc| {
                            instant(field, unit, utc, zone)
                        })
                    })
                    .returns(numeric_type)
                    .stable();
                registry
                    .add(&float, |call| {
                        let zone = zone(call);
                        float_of::<Timestamp>(call, |field, unit, utc| {
                            instant(field, unit, utc, zone)
                        })
                    })
                    .stable();
            }
            "date" => {
                registry
                    .add(&numeric, |call| numeric_of::<Date>(call, date))
                    .returns(numeric_type);
                registry.add(&float, |call| {
                    float_of::<Date>(call, |field, unit, days| {
                        timestamp(field, unit, super::midnight(days)?)
                    })
                });
            }
            "time" => {
                registry
                    .add(&numeric, |call| numeric_of::<Time>(call, time))
                    .returns(numeric_type);
                registry.add(&float, |call| float_of::<Time>(call, time));
            }
            _ => {
                registry
                    .add(&numeric, |call| {
                        numeric_of::<kinds::Interval>(call, |f, u, v| {
                            interval(f, u, Interval::from_arrow(v))
                        })
                    })
                    .returns(numeric_type);
                registry.add(&float, |call| {
                    float_of::<kinds::Interval>(call, |f, u, v| {
                        interval(f, u, Interval::from_arrow(v))
                    })
                });
            }
        }
    }
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
enum FieldValue {
    Whole(i64),
    /// Units of a microsecond, with the number of decimals that are shown.
    Micros(i128, i8),
    /// A day and the microseconds of that day.
    Julian(i64, i64),
    /// The field of an infinite moment; `None` where it has no direction.
    Infinite(Option<bool>),
}

impl FieldValue {
    fn as_float(self) -> Option<f64> {
        match self {
            Self::Whole(value) => Some(value as f64),
            Self::Micros(value, _) => Some(value as f64 / 1e6),
            Self::Julian(day, micros) => Some(day as f64 + micros as f64 / MICROS_PER_DAY as f64),
            Self::Infinite(Some(is_late)) => Some(if is_late {
                f64::INFINITY
            } else {
                f64::NEG_INFINITY
            }),
            Self::Infinite(None) => None,
        }
    }

    /// Unscaled, at a scale of a numeric type.
    fn as_numeric(self, scale: i8) -> Result<Option<i128>, SqlError> {
        let (value, own) = match self {
            Self::Whole(value) => (i128::from(value), 0),
            Self::Micros(value, _) => (value, 6),
            Self::Julian(day, micros) => {
                let unit = 10_i128.pow(JULIAN_SCALE.unsigned_abs().into());
                let part = i128::from(micros) * unit;
                let day_micros = i128::from(MICROS_PER_DAY);
                (
                    i128::from(day) * unit + (part + day_micros / 2) / day_micros,
                    JULIAN_SCALE,
                )
            }
            Self::Infinite(None) => return Ok(None),
            Self::Infinite(Some(_)) => {
                return Err(SqlError::not_supported("an infinite numeric value"));
            }
        };
        let shift = u32::from((own - scale).unsigned_abs());
        let factor = 10_i128.pow(shift);
        Ok(Some(if own > scale {
            value / factor
        } else {
            value * factor
        }))
    }
}

/// The scale depends on the field, which is nearly always a constant.
fn numeric_type(typing: &Typing<'_>) -> Result<PgType, SqlError> {
    let constant = typing.constants.first().copied().flatten();
    let name = match constant {
        Some(
            ScalarValue::Utf8(Some(name))
            | ScalarValue::Utf8View(Some(name))
            | ScalarValue::LargeUtf8(Some(name)),
        ) => name,
        _ => return Ok(PgType::new(oid::NUMERIC)),
    };
    let is_date = typing
        .parameters
        .get(1)
        .is_some_and(|kind| kind.oid == oid::DATE);
    Ok(match Field::parse(name) {
        Some(Field::Epoch) if is_date => PgType::numeric(20, 0),
        Some(Field::Julian) if is_date => PgType::numeric(20, 0),
        Some(Field::Second | Field::Epoch) => PgType::numeric(20, 6),
        Some(Field::Millisecond) => PgType::numeric(20, 3),
        Some(Field::Julian) => PgType::numeric(24, JULIAN_SCALE),
        _ => PgType::numeric(20, 0),
    })
}

fn numeric_of<'a, K: Kind>(
    call: &'a Call<'_>,
    value: impl Fn(Field, &str, K::Item<'a>) -> Result<FieldValue, SqlError>,
) -> Result<ArrayRef, SqlError> {
    let scale = match call.data_type {
        arrow::datatypes::DataType::Decimal128(_, scale) => scale,
        _ => return Err(SqlError::internal("extract returns numeric")),
    };
    let type_name = call.types[1].display();
    map2::<Text, K, _>(call, |unit, item| {
        value(parse(unit, &type_name)?, unit, item)?.as_numeric(scale)
    })
}

fn float_of<'a, K: Kind>(
    call: &'a Call<'_>,
    value: impl Fn(Field, &str, K::Item<'a>) -> Result<FieldValue, SqlError>,
) -> Result<ArrayRef, SqlError> {
    let type_name = call.types[1].display();
    map2::<Text, K, _>(call, |unit, item| {
        Ok(value(parse(unit, &type_name)?, unit, item)?.as_float())
    })
}

fn parse(unit: &str, type_name: &str) -> Result<Field, SqlError> {
    Field::parse(unit)
        .ok_or_else(|| SqlError::unit_not_recognized(&unit.to_ascii_lowercase(), type_name))
}

fn unsupported(unit: &str, type_oid: u32) -> SqlError {
    SqlError::unit_not_supported(&unit.to_ascii_lowercase(), &PgType::new(type_oid).display())
}

/// A field that grows without end shows which infinity it is.
fn infinite(field: Field, is_late: bool) -> FieldValue {
    let is_growing = matches!(
        field,
        Field::Year
            | Field::Decade
            | Field::Century
            | Field::Millennium
            | Field::Julian
            | Field::IsoYear
            | Field::Epoch
    );
    FieldValue::Infinite(is_growing.then_some(is_late))
}

fn timestamp(field: Field, unit: &str, local: i64) -> Result<FieldValue, SqlError> {
    if matches!(
        field,
        Field::Timezone | Field::TimezoneHour | Field::TimezoneMinute
    ) {
        return Err(unsupported(unit, oid::TIMESTAMP));
    }
    if !is_moment(local) {
        return Ok(infinite(field, local > 0));
    }
    Ok(local_field(field, local))
}

fn instant(field: Field, unit: &str, utc: i64, zone: Zone) -> Result<FieldValue, SqlError> {
    let _ = unit;
    if !is_moment(utc) {
        return Ok(infinite(field, utc > 0));
    }
    let offset = i64::from(zone.offset_at(utc));
    Ok(match field {
        Field::Epoch => FieldValue::Micros(i128::from(utc), 6),
        Field::Timezone => FieldValue::Whole(offset),
        Field::TimezoneHour => FieldValue::Whole(offset / 3600),
        Field::TimezoneMinute => FieldValue::Whole(offset / 60 % 60),
        _ => local_field(field, super::to_local(zone, utc)?),
    })
}

fn local_field(field: Field, local: i64) -> FieldValue {
    let days = local.div_euclid(MICROS_PER_DAY);
    let micros = local.rem_euclid(MICROS_PER_DAY);
    match field {
        Field::Epoch => FieldValue::Micros(i128::from(local), 6),
        Field::Julian => FieldValue::Julian(days + JULIAN_EPOCH, micros),
        _ => {
            clock_field(field, micros).unwrap_or_else(|| FieldValue::Whole(date_field(field, days)))
        }
    }
}

/// A field of the time of day; `None` if it is one of the date.
fn clock_field(field: Field, micros: i64) -> Option<FieldValue> {
    let within_minute = micros % MICROS_PER_MINUTE;
    Some(match field {
        Field::Microsecond => FieldValue::Whole(within_minute),
        Field::Millisecond => FieldValue::Micros(i128::from(within_minute) * 1000, 3),
        Field::Second => FieldValue::Micros(i128::from(within_minute), 6),
        Field::Minute => FieldValue::Whole(micros / MICROS_PER_MINUTE % 60),
        Field::Hour => FieldValue::Whole(micros / MICROS_PER_HOUR),
        _ => return None,
    })
}

fn date_field(field: Field, days: i64) -> i64 {
    let (year, month, day) = civil_from_days(days);
    match field {
        Field::Day => i64::from(day),
        Field::Month => i64::from(month),
        Field::Quarter => (i64::from(month) - 1) / 3 + 1,
        Field::Year => shown_year(year),
        Field::Decade => decade(year),
        Field::Century => century(year),
        Field::Millennium => millennium(year),
        Field::Week => iso_week(days).1,
        Field::IsoYear => shown_year(iso_week(days).0),
        Field::DayOfWeek => sunday_weekday(days),
        Field::IsoDayOfWeek => iso_weekday(days),
        Field::DayOfYear => day_of_year(days),
        Field::Julian => days + JULIAN_EPOCH,
        Field::Epoch => days * 86_400,
        // Fields of the time of day and the zone do not get here.
        _ => 0,
    }
}

fn date(field: Field, unit: &str, days: i32) -> Result<FieldValue, SqlError> {
    if is_clock(field) {
        return Err(unsupported(unit, oid::DATE));
    }
    if matches!(days, DATE_INFINITY | DATE_MINUS_INFINITY) {
        return Ok(infinite(field, days > 0));
    }
    Ok(FieldValue::Whole(date_field(field, i64::from(days))))
}

fn is_clock(field: Field) -> bool {
    matches!(
        field,
        Field::Microsecond
            | Field::Millisecond
            | Field::Second
            | Field::Minute
            | Field::Hour
            | Field::Timezone
            | Field::TimezoneHour
            | Field::TimezoneMinute
    )
}

fn time(field: Field, unit: &str, micros: i64) -> Result<FieldValue, SqlError> {
    if field == Field::Epoch {
        return Ok(FieldValue::Micros(i128::from(micros), 6));
    }
    clock_field(field, micros).ok_or_else(|| unsupported(unit, oid::TIME))
}

fn interval(field: Field, unit: &str, value: Interval) -> Result<FieldValue, SqlError> {
    let years = i64::from(value.months / 12);
    let months = i64::from(value.months % 12);
    let micros = value.micros;
    Ok(match field {
        Field::Epoch => {
            // A year counts 365.25 days here, a month 30.
            let quarter_days = i128::from(years) * 1461 + i128::from(months) * 120;
            let days = i128::from(value.days) * 4 + quarter_days;
            FieldValue::Micros(
                days * i128::from(MICROS_PER_DAY / 4) + i128::from(micros),
                6,
            )
        }
        Field::Hour => FieldValue::Whole(micros / MICROS_PER_HOUR),
        Field::Microsecond => FieldValue::Whole(micros % MICROS_PER_MINUTE),
        Field::Millisecond => FieldValue::Micros(i128::from(micros % MICROS_PER_MINUTE) * 1000, 3),
        Field::Second => FieldValue::Micros(i128::from(micros % MICROS_PER_MINUTE), 6),
        Field::Minute => FieldValue::Whole(micros % MICROS_PER_HOUR / MICROS_PER_MINUTE),
        Field::Day => FieldValue::Whole(i64::from(value.days)),
        Field::Month => FieldValue::Whole(months),
        Field::Quarter => FieldValue::Whole(months / 3 + 1),
        Field::Year => FieldValue::Whole(years),
        Field::Decade => FieldValue::Whole(years / 10),
        Field::Century => FieldValue::Whole(years / 100),
        Field::Millennium => FieldValue::Whole(years / 1000),
        _ => return Err(unsupported(unit, oid::INTERVAL)),
    })
}
