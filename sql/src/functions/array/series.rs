//! `generate_series` as an array per row, for use in a select list.

use arrow::array::ArrayRef;

use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::{Call, Kind, Output};
use crate::functions::datetime::{add_to_instant, add_to_local};
use crate::functions::kinds::{self, Int4, Int8, Items, Numeric, Timestamp};
use crate::types::PgType;
use crate::types::datetime::Interval;
use crate::types::numeric::rescale;

/// Most values of one series; it is held in memory.
const SERIES_COUNT_MAX: usize = 50_000_000;

pub(super) fn register(registry: &mut Registry) {
    for kind in ["int4", "int8"] {
        for parameters in [format!("{kind}, {kind}"), format!("{kind}, {kind}, {kind}")] {
            let signature = format!("generate_series_array({parameters}) -> _{kind}");
            if kind == "int4" {
                registry.add(&signature, |call| {
                    series::<Int4, i32>(call, i64::from, |value| value as i32)
                });
            } else {
                registry.add(&signature, |call| series::<Int8, i64>(call, |v| v, |v| v));
            }
        }
    }
    for parameters in ["numeric, numeric", "numeric, numeric, numeric"] {
        let signature = format!("generate_series_array({parameters}) -> _numeric");
        registry.add(&signature, numerics).returns(|typing| {
            let scale = typing
                .parameters
                .iter()
                .map(|kind| {
                    kind.precision_scale()
                        .map_or(crate::types::NUMERIC_SCALE, |(_, s)| s)
                })
                .max()
                .unwrap_or(0);
            let element = PgType::numeric(38, scale);
            Ok(element.array().unwrap_or(element))
        });
    }
    registry.add(
        "generate_series_array(timestamp, timestamp, interval) -> _timestamp",
        |call| moments(call, add_to_local),
    );
    registry
        .add(
            "generate_series_array(timestamptz, timestamptz, interval) -> _timestamptz",
            |call| {
                let zone = call.context.style.time_zone;
                moments(call, |utc, step| add_to_instant(utc, step, zone))
            },
        )
        .stable();
}

fn too_long() -> SqlError {
    SqlError::limit_exceeded("a series in a select list is too long")
}

fn zero_step() -> SqlError {
    SqlError::invalid_parameter("step size cannot equal zero")
}

fn series<'a, K: Kind, O: Output>(
    call: &'a Call<'_>,
    widen: fn(K::Item<'a>) -> i64,
    narrow: fn(i64) -> O,
) -> Result<ArrayRef, SqlError> {
    let (starts, stops) = (call.reader::<K>(0)?, call.reader::<K>(1)?);
    let steps = call.optional::<K>(2)?;
    call.rows(|row| {
        let step = match &steps {
            Some(reader) => reader.value(row).map(widen),
            None => Some(1),
        };
        let (Some(start), Some(stop), Some(step)) = (
            starts.value(row).map(widen),
            stops.value(row).map(widen),
            step,
        ) else {
            return Ok(None);
        };
        if step == 0 {
            return Err(zero_step());
        }
        let mut values = Vec::new();
        let mut current = Some(start);
        while let Some(value) = current
            && if step > 0 {
                value <= stop
            } else {
                value >= stop
            }
        {
            if values.len() >= SERIES_COUNT_MAX {
                return Err(too_long());
            }
            values.push(narrow(value));
            current = value.checked_add(step);
        }
        Ok(Some(Items(values)))
    })
}

fn numerics(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let arrow::datatypes::DataType::List(element) = &call.data_type else {
        return Err(SqlError::internal("a series is an array"));
    };
    let arrow::datatypes::DataType::Decimal128(_, scale) = *element.data_type() else {
        return Err(SqlError::internal("a numeric series holds numerics"));
    };
    let (starts, stops) = (call.reader::<Numeric>(0)?, call.reader::<Numeric>(1)?);
    let steps = call.optional::<Numeric>(2)?;
    let at_scale = |value: kinds::Decimal| {
        rescale(value.unscaled, value.scale, scale).ok_or_else(|| SqlError::out_of_range("numeric"))
    };
    call.rows(|row| {
        let step = match &steps {
            Some(reader) => reader.value(row),
            None => Some(kinds::Decimal {
                unscaled: 1,
                scale: 0,
            }),
        };
        let (Some(start), Some(stop), Some(step)) = (starts.value(row), stops.value(row), step)
        else {
            return Ok(None);
        };
        let (start, stop, step) = (at_scale(start)?, at_scale(stop)?, at_scale(step)?);
        if step == 0 {
            return Err(zero_step());
        }
        let mut values = Vec::new();
        let mut current = start;
        while if step > 0 {
            current <= stop
        } else {
            current >= stop
        } {
            if values.len() >= SERIES_COUNT_MAX {
                return Err(too_long());
            }
            values.push(current);
            current += step;
        }
        Ok(Some(Items(values)))
    })
}

fn moments(
    call: &Call<'_>,
    add: impl Fn(i64, Interval) -> Result<i64, SqlError>,
) -> Result<ArrayRef, SqlError> {
    let (starts, stops) = (call.reader::<Timestamp>(0)?, call.reader::<Timestamp>(1)?);
    let steps = call.reader::<kinds::Interval>(2)?;
    call.rows(|row| {
        let (Some(start), Some(stop), Some(step)) =
            (starts.value(row), stops.value(row), steps.value(row))
        else {
            return Ok(None);
        };
        let direction = super::interval_length(step).signum();
        let step = Interval::from_arrow(step);
        if direction == 0 {
            return Err(zero_step());
        }
        let mut values = Vec::new();
        let mut current = start;
        while if direction > 0 {
            current <= stop
        } else {
            current >= stop
        } {
            if values.len() >= SERIES_COUNT_MAX {
                return Err(too_long());
            }
            values.push(current);
            current = add(current, step)?;
        }
        Ok(Some(Items(values)))
    })
}
