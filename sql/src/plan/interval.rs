//! Arithmetic on dates, times, timestamps and intervals.
//!
//! Source: PostgreSQL 15, `timestamp.c`: months first (clamped to the month's last
//! day), then days, both on the local clock, then the time; a difference of
//! timestamps is days and time, never months; fractions of a product cascade from
//! months to days (30 a month) and from days to time.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::compute::try_binary;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Float64Type, Int32Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow::error::ArrowError;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use crate::cast::{CastKind, cast_array};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::functions::bounds::unbounded;
use crate::types::datetime::{
    DATE_INFINITY, DATE_MINUS_INFINITY, TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY,
};
use crate::types::{PgType, UTC, oid};
use calendar::{infinite, is_infinite, is_infinite_date, move_date, shift};

mod calendar;

const DAY_MICROS: i64 = 86_400_000_000;

/// What is computed once both sides have the types named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Operation {
    /// date, int4 -> date
    DatePlusDays,
    /// date, int4 -> date
    DateMinusDays,
    /// date, date -> int4
    DateDifference,
    /// timestamp, timestamp -> interval; also of two instants
    Difference,
    /// timestamp, interval -> timestamp
    Shift { back: bool, zoned: bool },
    /// date, time -> timestamp
    DateAndTime,
    /// time, interval -> time
    TimeShift { back: bool },
    /// time, time -> interval
    TimeDifference,
    /// interval, interval -> interval
    Sum { back: bool },
    /// interval, float8 -> interval
    Product,
    /// interval, float8 -> interval
    Quotient,
}

/// One entry: operation, the types of its arguments, whether they are swapped.
struct Plan {
    operation: Operation,
    arguments: [u32; 2],
    swapped: bool,
}

/// The function for `left op right`; none if there is no such operator.
pub(super) fn function(
    op: &str,
    left: PgType,
    right: PgType,
    ctx: &Arc<StatementContext>,
) -> Option<ScalarUDF> {
    let plan = resolve(op, left.oid, right.oid)?;
    Some(ScalarUDF::new_from_impl(Temporal {
        operation: plan.operation,
        arguments: plan.arguments.map(PgType::new),
        swapped: plan.swapped,
        symbol: op.to_owned(),
        signature: Signature::any(2, Volatility::Immutable),
        ctx: Arc::clone(ctx),
    }))
}

fn resolve(op: &str, left: u32, right: u32) -> Option<Plan> {
    let plan = |operation, arguments| {
        Some(Plan {
            operation,
            arguments,
            swapped: false,
        })
    };
    let integer = |t: u32| matches!(t, oid::INT2 | oid::INT4 | oid::INT8);
    let number = |t: u32| integer(t) || matches!(t, oid::NUMERIC | oid::FLOAT4 | oid::FLOAT8);
    let commuted = |op: &str| {
        resolve(op, right, left).map(|found| Plan {
            swapped: true,
            ..found
        })
    };
    let back = op == "-";
    match (op, left, right) {
        ("+", oid::DATE, r) if integer(r) => plan(Operation::DatePlusDays, [oid::DATE, oid::INT4]),
        ("-", oid::DATE, r) if integer(r) => plan(Operation::DateMinusDays, [oid::DATE, oid::INT4]),
        ("-", oid::DATE, oid::DATE) => plan(Operation::DateDifference, [oid::DATE, oid::DATE]),
        ("-", oid::TIME, oid::TIME) => plan(Operation::TimeDifference, [oid::TIME, oid::TIME]),
        ("+", oid::DATE, oid::TIME) => plan(Operation::DateAndTime, [oid::DATE, oid::TIME]),
        ("+" | "-", oid::DATE | oid::TIMESTAMP, oid::INTERVAL) => plan(
            Operation::Shift { back, zoned: false },
            [oid::TIMESTAMP, oid::INTERVAL],
        ),
        ("+" | "-", oid::TIMESTAMPTZ, oid::INTERVAL) => plan(
            Operation::Shift { back, zoned: true },
            [oid::TIMESTAMPTZ, oid::INTERVAL],
        ),
        ("+" | "-", oid::TIME, oid::INTERVAL) => {
            plan(Operation::TimeShift { back }, [oid::TIME, oid::INTERVAL])
        }
        ("+" | "-", oid::INTERVAL, oid::INTERVAL) => {
            plan(Operation::Sum { back }, [oid::INTERVAL, oid::INTERVAL])
        }
        ("*", oid::INTERVAL, r) if number(r) => {
            plan(Operation::Product, [oid::INTERVAL, oid::FLOAT8])
        }
        ("/", oid::INTERVAL, r) if number(r) => {
            plan(Operation::Quotient, [oid::INTERVAL, oid::FLOAT8])
        }
        (
            "-",
            oid::DATE | oid::TIMESTAMP | oid::TIMESTAMPTZ,
            oid::DATE | oid::TIMESTAMP | oid::TIMESTAMPTZ,
        ) => {
            let zoned = left == oid::TIMESTAMPTZ || right == oid::TIMESTAMPTZ;
            let common = if zoned {
                oid::TIMESTAMPTZ
            } else {
                oid::TIMESTAMP
            };
            plan(Operation::Difference, [common, common])
        }
        ("+", l, oid::DATE) if integer(l) => commuted("+"),
        ("+", oid::TIME, oid::DATE) => commuted("+"),
        ("+", oid::INTERVAL, oid::DATE | oid::TIMESTAMP | oid::TIMESTAMPTZ | oid::TIME) => {
            commuted("+")
        }
        ("*", l, oid::INTERVAL) if number(l) => commuted("*"),
        _ => None,
    }
}

#[derive(Debug)]
struct Temporal {
    operation: Operation,
    arguments: [PgType; 2],
    swapped: bool,
    symbol: String,
    signature: Signature,
    ctx: Arc<StatementContext>,
}

impl PartialEq for Temporal {
    fn eq(&self, other: &Self) -> bool {
        self.operation == other.operation && self.swapped == other.swapped
    }
}

impl Eq for Temporal {}

impl std::hash::Hash for Temporal {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.operation.hash(state);
        self.swapped.hash(state);
    }
}

impl ScalarUDFImpl for Temporal {
    fn name(&self) -> &str {
        &self.symbol
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        let result = match self.operation {
            Operation::DatePlusDays | Operation::DateMinusDays => oid::DATE,
            Operation::DateDifference => oid::INT4,
            Operation::Shift { zoned: true, .. } => oid::TIMESTAMPTZ,
            Operation::Shift { zoned: false, .. } | Operation::DateAndTime => oid::TIMESTAMP,
            Operation::TimeShift { .. } => oid::TIME,
            Operation::Difference
            | Operation::TimeDifference
            | Operation::Sum { .. }
            | Operation::Product
            | Operation::Quotient => oid::INTERVAL,
        };
        Ok(PgType::new(result).arrow_type())
    }

    fn return_field_from_args(
        &self,
        args: ReturnFieldArgs<'_>,
    ) -> Result<arrow::datatypes::FieldRef> {
        let data_type = self.return_type(&[])?;
        let pg_type = PgType::of_arrow(&data_type);
        let nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(pg_type.field(&self.symbol, nullable)))
    }

    fn evaluate_bounds(&self, inputs: &[&Interval]) -> Result<Interval> {
        unbounded(self, inputs)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_scalar = args
            .args
            .iter()
            .all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if is_scalar { 1 } else { args.number_rows };
        let mut sides = Vec::with_capacity(2);
        let order = if self.swapped { [1, 0] } else { [0, 1] };
        for (index, target) in order.into_iter().zip(self.arguments) {
            let array = args.args[index].to_array(rows)?;
            let from = PgType::of_field(&args.arg_fields[index]);
            let arrow_type = target.arrow_type();
            sides.push(cast_array(
                &array,
                from,
                target,
                &arrow_type,
                CastKind::Explicit,
                &self.ctx,
            )?);
        }
        let result = self.evaluate(&sides[0], &sides[1])?;
        if is_scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(
                &result, 0,
            )?));
        }
        Ok(ColumnarValue::Array(result))
    }
}

type Intervals = IntervalMonthDayNanoType;

impl Temporal {
    fn evaluate(&self, left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef> {
        let zone = &self.ctx.input.zone;
        match self.operation {
            Operation::DatePlusDays => {
                rows::<Date32Type, Int32Type, Date32Type>(left, right, |day, days| {
                    move_date(day, days.into())
                })
            }
            Operation::DateMinusDays => {
                rows::<Date32Type, Int32Type, Date32Type>(left, right, |day, days| {
                    move_date(day, -i64::from(days))
                })
            }
            Operation::DateDifference => {
                rows::<Date32Type, Date32Type, Int32Type>(left, right, |a, b| {
                    if is_infinite_date(a) || is_infinite_date(b) {
                        return Err(infinite("dates"));
                    }
                    a.checked_sub(b).ok_or_else(|| overflow("date"))
                })
            }
            Operation::Difference => rows::<
                TimestampMicrosecondType,
                TimestampMicrosecondType,
                Intervals,
            >(left, right, |a, b| {
                if is_infinite(a) || is_infinite(b) {
                    return Err(infinite("timestamps"));
                }
                let micros = a.checked_sub(b).ok_or_else(|| overflow("interval"))?;
                let days = i32::try_from(micros / DAY_MICROS).map_err(|_| overflow("interval"))?;
                interval(0, days, micros % DAY_MICROS)
            }),
            Operation::Shift { back, zoned: false } => {
                rows::<TimestampMicrosecondType, Intervals, TimestampMicrosecondType>(
                    left,
                    right,
                    |at, by| shift(at, by, back),
                )
            }
            Operation::Shift { back, zoned: true } => {
                let shifted = rows::<TimestampMicrosecondType, Intervals, TimestampMicrosecondType>(
                    left,
                    right,
                    |at, by| {
                        if is_infinite(at) {
                            return Ok(at);
                        }
                        let calendar = IntervalMonthDayNano::new(by.months, by.days, 0);
                        let clock = IntervalMonthDayNano::new(0, 0, by.nanoseconds);
                        let local = shift(zone.utc_to_local(at), calendar, back)?;
                        let is_calendar = by.months != 0 || by.days != 0;
                        let moved = if is_calendar {
                            zone.local_to_utc(local)
                        } else {
                            at
                        };
                        shift(moved, clock, back)
                    },
                )?;
                let stamps = shifted.as_primitive::<TimestampMicrosecondType>();
                Ok(Arc::new(stamps.clone().with_timezone(UTC)))
            }
            _ => self.evaluate_short(left, right),
        }
    }

    fn evaluate_short(&self, left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef> {
        match self.operation {
            Operation::DateAndTime => rows::<
                Date32Type,
                Time64MicrosecondType,
                TimestampMicrosecondType,
            >(left, right, |day, time| match day {
                DATE_INFINITY => Ok(TIMESTAMP_INFINITY),
                DATE_MINUS_INFINITY => Ok(TIMESTAMP_MINUS_INFINITY),
                _ => i64::from(day)
                    .checked_mul(DAY_MICROS)
                    .and_then(|midnight| midnight.checked_add(time))
                    .ok_or_else(|| overflow("timestamp")),
            }),
            Operation::TimeShift { back } => rows::<
                Time64MicrosecondType,
                Intervals,
                Time64MicrosecondType,
            >(left, right, |time, by| {
                let micros = by.nanoseconds / 1000;
                let moved = if back { time - micros } else { time + micros };
                Ok(moved.rem_euclid(DAY_MICROS))
            }),
            Operation::TimeDifference => rows::<
                Time64MicrosecondType,
                Time64MicrosecondType,
                Intervals,
            >(left, right, |a, b| interval(0, 0, a - b)),
            Operation::Sum { back } => {
                rows::<Intervals, Intervals, Intervals>(left, right, |a, b| sum(a, b, back))
            }
            Operation::Product => {
                rows::<Intervals, Float64Type, Intervals>(left, right, |value, factor| {
                    scale(value, |part| part * factor)
                })
            }
            Operation::Quotient => rows::<Intervals, Float64Type, Intervals>(left, right, divide),
            _ => Err(SqlError::internal("an operation on times of another kind").into()),
        }
    }
}

fn rows<A: ArrowPrimitiveType, B: ArrowPrimitiveType, R: ArrowPrimitiveType>(
    left: &ArrayRef,
    right: &ArrayRef,
    compute: impl Fn(A::Native, B::Native) -> Result<R::Native, ArrowError>,
) -> Result<ArrayRef> {
    let result: PrimitiveArray<R> =
        try_binary(left.as_primitive::<A>(), right.as_primitive::<B>(), compute)?;
    debug_assert_eq!(result.len(), left.len());
    Ok(Arc::new(result))
}

fn overflow(what: &str) -> ArrowError {
    SqlError::with_code(
        crate::sqlstate::DATETIME_FIELD_OVERFLOW,
        format!("{what} out of range"),
    )
    .into()
}

fn interval(months: i32, days: i32, micros: i64) -> Result<IntervalMonthDayNano, ArrowError> {
    let nanos = micros
        .checked_mul(1000)
        .ok_or_else(|| overflow("interval"))?;
    Ok(IntervalMonthDayNano::new(months, days, nanos))
}

fn sum(
    a: IntervalMonthDayNano,
    b: IntervalMonthDayNano,
    back: bool,
) -> Result<IntervalMonthDayNano, ArrowError> {
    let result = if back {
        (|| {
            Some(IntervalMonthDayNano::new(
                a.months.checked_sub(b.months)?,
                a.days.checked_sub(b.days)?,
                a.nanoseconds.checked_sub(b.nanoseconds)?,
            ))
        })()
    } else {
        (|| {
            Some(IntervalMonthDayNano::new(
                a.months.checked_add(b.months)?,
                a.days.checked_add(b.days)?,
                a.nanoseconds.checked_add(b.nanoseconds)?,
            ))
        })()
    };
    result.ok_or_else(|| overflow("interval"))
}

/// An interval by a number.
///
/// Errors: `22012`, `22008`.
pub(super) fn divide(
    value: IntervalMonthDayNano,
    divisor: f64,
) -> Result<IntervalMonthDayNano, ArrowError> {
    if divisor == 0.0 {
        return Err(SqlError::division_by_zero().into());
    }
    scale(value, |part| part / divisor)
}

/// Fractions of months become days, and fractions of days become time.
fn scale(
    value: IntervalMonthDayNano,
    apply: impl Fn(f64) -> f64,
) -> Result<IntervalMonthDayNano, ArrowError> {
    let months = apply(f64::from(value.months));
    let whole_months = months.trunc();
    let days = apply(f64::from(value.days));
    let whole_days = days.trunc();
    let month_days = round_micro((months - whole_months) * 30.0);
    let mut day_part = whole_days + month_days.trunc();
    let mut seconds = (days - whole_days + month_days - month_days.trunc()) * 86_400.0;
    seconds = round_micro(seconds);
    if seconds.abs() >= 86_400.0 {
        day_part += (seconds / 86_400.0).trunc();
        seconds %= 86_400.0;
    }
    let micros = (apply(value.nanoseconds as f64 / 1000.0) + seconds * 1e6).round_ties_even();
    let fits = |v: f64| v.abs() < f64::from(i32::MAX);
    if !fits(whole_months) || !fits(day_part) || micros.abs() >= 9.2e15 {
        return Err(overflow("interval"));
    }
    interval(whole_months as i32, day_part as i32, micros as i64)
}

fn round_micro(value: f64) -> f64 {
    (value * 1e6).round_ties_even() / 1e6
}
