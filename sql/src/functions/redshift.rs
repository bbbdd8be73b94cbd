//! Functions that Redshift has and PostgreSQL lacks.
//!
//! Source: Redshift's developer guide, date, string and math functions.

use super::Registry;
use super::call::{Call, map1, map2, map3};
use super::datetime::{
    Field, WEEKDAYS, add_months, date_of, is_moment, midnight, parse_zone, sunday_weekday,
    to_local, to_utc, zone,
};
use super::kinds::{Date, Int4, Int8, Text, Time, Timestamp};
use crate::error::SqlError;
use crate::types::datetime::{
    MICROS_PER_DAY, MICROS_PER_SECOND, Zone, civil_from_days, month_days,
};

mod part;

/// Adds the functions of this folder.
pub(super) fn register(registry: &mut Registry) {
    now(registry);
    parts(registry);
    differences(registry);
    months(registry);
    zones(registry);
    strings(registry);
}

/// The start of the transaction in the session's zone.
fn transaction_start(call: &Call<'_>) -> Result<i64, SqlError> {
    to_local(zone(call), call.context.transaction_start)
}

fn now(registry: &mut Registry) {
    registry
        .add("getdate() -> timestamp", |call| {
            let local = to_local(zone(call), call.context.statement_start)?;
            call.constant(local - local.rem_euclid(MICROS_PER_SECOND))
        })
        .stable();
    registry
        .add("sysdate() -> timestamp", |call| {
            call.constant(transaction_start(call)?)
        })
        .stable();
}

fn parts(registry: &mut Registry) {
    for name in ["dateadd", "date_add"] {
        registry.add(
            &format!("{name}(text, int8, timestamp) -> timestamp"),
            |call| {
                map3::<Text, Int8, Timestamp, _>(call, |unit, count, local| {
                    part::add(field(unit)?, unit, count, local)
                })
            },
        );
        registry.add(&format!("{name}(text, int8, date) -> timestamp"), |call| {
            map3::<Text, Int8, Date, _>(call, |unit, count, days| {
                part::add(field(unit)?, unit, count, midnight(days)?)
            })
        });
        registry
            .add(
                &format!("{name}(text, int8, timestamptz) -> timestamptz"),
                |call| {
                    let zone = zone(call);
                    map3::<Text, Int8, Timestamp, _>(call, |unit, count, utc| {
                        let local = to_local(zone, utc)?;
                        to_utc(zone, part::add(field(unit)?, unit, count, local)?)
                    })
                },
            )
            .stable();
        registry.add(&format!("{name}(text, int8, time) -> time"), |call| {
            map3::<Text, Int8, Time, _>(call, |unit, count, time| {
                Ok(part::add(field(unit)?, unit, count, time)?.rem_euclid(MICROS_PER_DAY))
            })
        });
    }
    registry.add("date_part_year(date) -> int4", |call| {
        map1::<Date, _>(call, |days| {
            let (year, _, _) = civil_from_days(days.into());
            i32::try_from(year).map_err(|_| SqlError::out_of_range("integer"))
        })
    });
    registry.add("trunc(timestamp) -> date", |call| {
        map1::<Timestamp, _>(call, |local| Ok(date_of(local)))
    });
}

fn differences(registry: &mut Registry) {
    for name in ["datediff", "date_diff"] {
        registry.add(
            &format!("{name}(text, timestamp, timestamp) -> int8"),
            |call| {
                map3::<Text, Timestamp, Timestamp, _>(call, |unit, from, to| {
                    part::difference(field(unit)?, unit, from, to)
                })
            },
        );
        registry.add(&format!("{name}(text, date, date) -> int8"), |call| {
            map3::<Text, Date, Date, _>(call, |unit, from, to| {
                part::difference(field(unit)?, unit, midnight(from)?, midnight(to)?)
            })
        });
        registry
            .add(
                &format!("{name}(text, timestamptz, timestamptz) -> int8"),
                |call| {
                    let zone = zone(call);
                    map3::<Text, Timestamp, Timestamp, _>(call, |unit, from, to| {
                        part::difference(
                            field(unit)?,
                            unit,
                            to_local(zone, from)?,
                            to_local(zone, to)?,
                        )
                    })
                },
            )
            .stable();
        registry.add(&format!("{name}(text, time, time) -> int8"), |call| {
            map3::<Text, Time, Time, _>(call, |unit, from, to| {
                part::difference(field(unit)?, unit, from, to)
            })
        });
    }
}

fn field(unit: &str) -> Result<Field, SqlError> {
    Field::parse(unit).ok_or_else(|| {
        SqlError::unit_not_recognized(&unit.to_lowercase(), "timestamp without time zone")
    })
}

fn months(registry: &mut Registry) {
    registry.add("add_months(timestamp, int8) -> timestamp", |call| {
        map2::<Timestamp, Int8, _>(call, |local, count| {
            if !is_moment(local) {
                return Ok(local);
            }
            let days = local.div_euclid(MICROS_PER_DAY);
            let mut moved = add_months(days, part::bounded(count)?);
            if is_month_end(days) {
                moved = month_end(moved);
            }
            part::joined(moved, local.rem_euclid(MICROS_PER_DAY))
        })
    });
    registry.add("months_between(timestamp, timestamp) -> float8", |call| {
        map2::<Timestamp, Timestamp, _>(call, |later, earlier| Ok(months_between(later, earlier)))
    });
    registry.add("last_day(timestamp) -> date", |call| {
        map1::<Timestamp, _>(call, |local| {
            if !is_moment(local) {
                return Ok(date_of(local));
            }
            let last = month_end(local.div_euclid(MICROS_PER_DAY));
            i32::try_from(last).map_err(|_| SqlError::moment_out_of_range("date"))
        })
    });
    registry.add("next_day(timestamp, text) -> date", |call| {
        map2::<Timestamp, Text, _>(call, |local, name| {
            let wanted = weekday(name)?;
            let days = local.div_euclid(MICROS_PER_DAY);
            let ahead = (wanted - sunday_weekday(days) - 1).rem_euclid(7) + 1;
            i32::try_from(days + ahead).map_err(|_| SqlError::moment_out_of_range("date"))
        })
    });
}

fn is_month_end(days: i64) -> bool {
    let (year, month, day) = civil_from_days(days);
    day == month_days(year, month)
}

fn month_end(days: i64) -> i64 {
    let (year, month, day) = civil_from_days(days);
    days + i64::from(month_days(year, month)) - i64::from(day)
}

/// Whole months where both are the same day or the last of their months; else
/// the rest counts in days of a 31st of a month.
fn months_between(later: i64, earlier: i64) -> f64 {
    let (later_days, earlier_days) = (
        later.div_euclid(MICROS_PER_DAY),
        earlier.div_euclid(MICROS_PER_DAY),
    );
    let (later_year, later_month, later_day) = civil_from_days(later_days);
    let (year, month, day) = civil_from_days(earlier_days);
    let months = (later_year - year) * 12 + i64::from(later_month) - i64::from(month);
    let are_both_ends = is_month_end(later_days) && is_month_end(earlier_days);
    if later_day == day || are_both_ends {
        return months as f64;
    }
    let of_day = |micros: i64| micros.rem_euclid(MICROS_PER_DAY) as f64 / MICROS_PER_DAY as f64;
    let days = f64::from(later_day) - f64::from(day) + of_day(later) - of_day(earlier);
    months as f64 + days / 31.0
}

/// Sunday = 0; a name or its first letters.
fn weekday(name: &str) -> Result<i64, SqlError> {
    let lowered = name.trim().to_lowercase();
    let found = WEEKDAYS
        .iter()
        .position(|known| lowered.len() >= 2 && known.to_lowercase().starts_with(&lowered));
    found
        .and_then(|index| i64::try_from(index).ok())
        .ok_or_else(|| SqlError::invalid_parameter(format!("invalid day of the week: \"{name}\"")))
}

fn zones(registry: &mut Registry) {
    registry.add("convert_timezone(text, timestamp) -> timestamp", |call| {
        map2::<Text, Timestamp, _>(call, |target, local| {
            to_local(parse_zone(target)?, to_utc(Zone::UTC, local)?)
        })
    });
    registry.add(
        "convert_timezone(text, text, timestamp) -> timestamp",
        |call| {
            map3::<Text, Text, Timestamp, _>(call, |source, target, local| {
                to_local(parse_zone(target)?, to_utc(parse_zone(source)?, local)?)
            })
        },
    );
    registry.add("date_cmp(date, date) -> int4", |call| {
        map2::<Date, Date, _>(call, |left, right| Ok(left.cmp(&right) as i32))
    });
    registry.add("timestamp_cmp(timestamp, timestamp) -> int4", |call| {
        map2::<Timestamp, Timestamp, _>(call, |left, right| Ok(left.cmp(&right) as i32))
    });
    registry.add(
        "timestamptz_cmp(timestamptz, timestamptz) -> int4",
        |call| map2::<Timestamp, Timestamp, _>(call, |left, right| Ok(left.cmp(&right) as i32)),
    );
    registry.add("date_cmp_timestamp(date, timestamp) -> int4", |call| {
        map2::<Date, Timestamp, _>(call, |left, right| Ok(midnight(left)?.cmp(&right) as i32))
    });
}

fn strings(registry: &mut Registry) {
    registry.add("strtol(text, int4) -> int8", |call| {
        map2::<Text, Int4, _>(call, strtol)
    });
    registry.add("octetindex(text, text) -> int4", |call| {
        map2::<Text, Text, _>(call, |part, text| {
            let position = text.find(part).map_or(0, |byte| byte + 1);
            i32::try_from(position).map_err(|_| SqlError::out_of_range("integer"))
        })
    });
}

fn strtol(text: &str, base: i32) -> Result<i64, SqlError> {
    let radix = u32::try_from(base)
        .ok()
        .filter(|radix| (2..=36).contains(radix))
        .ok_or_else(|| {
            SqlError::invalid_parameter(format!("invalid base: {base}"))
                .with_detail("The base must be between 2 and 36.")
        })?;
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ok(0);
    }
    let (sign, digits) = match trimmed.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", trimmed),
    };
    let prefix = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"));
    let digits = prefix.filter(|_| radix == 16).unwrap_or(digits);
    let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    if !is_number {
        return Err(SqlError::invalid_parameter(format!(
            "the input \"{text}\" is not a number of base {base}"
        )));
    }
    i64::from_str_radix(&format!("{sign}{digits}"), radix)
        .map_err(|_| SqlError::out_of_range("bigint"))
}
