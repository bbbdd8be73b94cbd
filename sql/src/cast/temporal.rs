//! Casts among dates, times, timestamps and intervals.
//!
//! Local time and instants are turned into each other in the session's time zone.
//! Infinity is the largest and the smallest value of each Arrow type.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::compute;
use arrow::datatypes::{
    DataType, Date32Type, IntervalMonthDayNano, IntervalMonthDayNanoType, Time64MicrosecondType,
    TimeUnit, TimestampMicrosecondType,
};
use arrow::error::ArrowError;

use crate::context::StatementContext;
use crate::error::SqlError;
use crate::types::{PgType, UTC, datetime, oid};

const DAY_MICROS: i64 = 86_400_000_000;

/// The result if both types are temporal, else none.
pub(super) fn cast(
    array: &ArrayRef,
    from: PgType,
    to: PgType,
    ctx: &StatementContext,
) -> Result<Option<ArrayRef>, SqlError> {
    let plain = plain_unit(array)?;
    let zone = &ctx.input.zone;
    let result: ArrayRef = match (from.oid, to.oid) {
        (oid::DATE, oid::TIMESTAMP) => Arc::new(date_to_timestamp(&plain)?),
        (oid::DATE, oid::TIMESTAMPTZ) => instants(&date_to_timestamp(&plain)?, |local| {
            zone.local_to_utc(local)
        }),
        (oid::TIMESTAMP, oid::DATE) => timestamp_to_date(plain.as_primitive()),
        (oid::TIMESTAMPTZ, oid::DATE) => {
            timestamp_to_date(&locals(plain.as_primitive(), |utc| zone.utc_to_local(utc)))
        }
        (oid::TIMESTAMP, oid::TIME) => round(timestamp_to_time(plain.as_primitive()), to),
        (oid::TIMESTAMPTZ, oid::TIME) => {
            let local = locals(plain.as_primitive(), |utc| zone.utc_to_local(utc));
            round(timestamp_to_time(&local), to)
        }
        (oid::TIMESTAMP, oid::TIMESTAMPTZ) => round(
            instants(plain.as_primitive(), |local| zone.local_to_utc(local)),
            to,
        ),
        (oid::TIMESTAMPTZ, oid::TIMESTAMP) => {
            let local = locals(plain.as_primitive(), |utc| zone.utc_to_local(utc));
            round(Arc::new(local), to)
        }
        (oid::TIMESTAMP, oid::TIMESTAMP)
        | (oid::TIMESTAMPTZ, oid::TIMESTAMPTZ)
        | (oid::TIME, oid::TIME) => round(plain, to),
        (oid::TIME, oid::INTERVAL) => {
            let times = plain.as_primitive::<Time64MicrosecondType>();
            let intervals: PrimitiveArray<IntervalMonthDayNanoType> =
                times.unary(|micros| IntervalMonthDayNano::new(0, 0, micros * 1000));
            round(Arc::new(intervals), to)
        }
        (oid::INTERVAL, oid::TIME) => {
            let intervals = plain.as_primitive::<IntervalMonthDayNanoType>();
            let times: PrimitiveArray<Time64MicrosecondType> =
                intervals.unary(|interval| (interval.nanoseconds / 1000).rem_euclid(DAY_MICROS));
            round(Arc::new(times), to)
        }
        (oid::INTERVAL, oid::INTERVAL) => round(plain, to),
        (oid::DATE, oid::DATE) => plain,
        _ => return Ok(None),
    };
    Ok(Some(result))
}

/// Other units of time as PostgreSQL's microseconds.
fn plain_unit(array: &ArrayRef) -> Result<ArrayRef, SqlError> {
    let target = match array.data_type() {
        DataType::Timestamp(unit, None) if *unit != TimeUnit::Microsecond => {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        }
        DataType::Timestamp(_, Some(_)) => {
            DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()))
        }
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Date64 => DataType::Date32,
        DataType::Interval(_) => DataType::Interval(arrow::datatypes::IntervalUnit::MonthDayNano),
        _ => return Ok(Arc::clone(array)),
    };
    Ok(compute::cast(array, &target)?)
}

fn date_to_timestamp(
    array: &ArrayRef,
) -> Result<PrimitiveArray<TimestampMicrosecondType>, SqlError> {
    let result: Result<_, ArrowError> =
        array
            .as_primitive::<Date32Type>()
            .try_unary(|day| match day {
                i32::MAX => Ok(i64::MAX),
                i32::MIN => Ok(i64::MIN),
                _ => i64::from(day).checked_mul(DAY_MICROS).ok_or_else(|| {
                    ArrowError::from(SqlError::with_code(
                        crate::sqlstate::DATETIME_FIELD_OVERFLOW,
                        "date out of range for timestamp",
                    ))
                }),
            });
    Ok(result?)
}

fn is_infinite(micros: i64) -> bool {
    micros == i64::MAX || micros == i64::MIN
}

fn timestamp_to_date(timestamps: &PrimitiveArray<TimestampMicrosecondType>) -> ArrayRef {
    let dates: PrimitiveArray<Date32Type> = timestamps.unary(|micros| match micros {
        i64::MAX => i32::MAX,
        i64::MIN => i32::MIN,
        _ => micros.div_euclid(DAY_MICROS) as i32,
    });
    Arc::new(dates)
}

fn timestamp_to_time(timestamps: &PrimitiveArray<TimestampMicrosecondType>) -> ArrayRef {
    let times: PrimitiveArray<Time64MicrosecondType> = timestamps
        .unary_opt(|micros| (!is_infinite(micros)).then(|| micros.rem_euclid(DAY_MICROS)));
    Arc::new(times)
}

fn locals(
    instants: &PrimitiveArray<TimestampMicrosecondType>,
    to_local: impl Fn(i64) -> i64,
) -> PrimitiveArray<TimestampMicrosecondType> {
    let local: PrimitiveArray<TimestampMicrosecondType> = instants.unary(|micros| {
        if is_infinite(micros) {
            micros
        } else {
            to_local(micros)
        }
    });
    local.with_timezone_opt(None::<Arc<str>>)
}

fn instants(
    locals: &PrimitiveArray<TimestampMicrosecondType>,
    to_utc: impl Fn(i64) -> i64,
) -> ArrayRef {
    let utc: PrimitiveArray<TimestampMicrosecondType> = locals.unary(|micros| {
        if is_infinite(micros) {
            micros
        } else {
            to_utc(micros)
        }
    });
    Arc::new(utc.with_timezone(UTC))
}

/// Rounds to the fraction digits of `timestamp(p)`, `time(p)` and `interval(p)`.
fn round(array: ArrayRef, to: PgType) -> ArrayRef {
    let typmod = to.typmod;
    if typmod < 0 {
        return array;
    }
    match array.data_type() {
        DataType::Time64(_) => {
            let times = array.as_primitive::<Time64MicrosecondType>();
            let rounded = |micros| datetime::round_time(micros, typmod);
            Arc::new(times.unary::<_, Time64MicrosecondType>(rounded))
        }
        DataType::Interval(_) => {
            let intervals = array.as_primitive::<IntervalMonthDayNanoType>();
            let adjusted = |value| datetime::adjust_interval(value, typmod);
            Arc::new(intervals.unary::<_, IntervalMonthDayNanoType>(adjusted))
        }
        _ => {
            let stamps = array.as_primitive::<TimestampMicrosecondType>();
            let rounded = |micros| datetime::round_micros(micros, typmod);
            let result: PrimitiveArray<TimestampMicrosecondType> = stamps.unary(rounded);
            Arc::new(result.with_timezone_opt(stamps.timezone().map(Arc::<str>::from)))
        }
    }
}
