//! Mathematical functions.

use datafusion::common::ScalarValue;

use super::call::{map1, map2};
use super::kinds::{Float4, Float8, Int2, Int4, Int8};
use super::{Registry, Typing};
use crate::error::SqlError;
use crate::types::{self, PgType};

mod bucket;
mod float;
mod integer;
mod numeric;
pub(crate) mod random;

/// Adds the functions of this folder.
pub(super) fn register(registry: &mut Registry) {
    signs(registry);
    float::register(registry);
    integer::register(registry);
    numeric::register(registry);
    bucket::register(registry);
    random::register(registry);
}

fn signs(registry: &mut Registry) {
    registry.add("abs(int2) -> int2", |call| {
        map1::<Int2, _>(call, |value| {
            value
                .checked_abs()
                .ok_or_else(|| SqlError::out_of_range("smallint"))
        })
    });
    registry.add("abs(int4) -> int4", |call| {
        map1::<Int4, _>(call, |value| {
            value
                .checked_abs()
                .ok_or_else(|| SqlError::out_of_range("integer"))
        })
    });
    registry.add("abs(int8) -> int8", |call| {
        map1::<Int8, _>(call, |value| {
            value
                .checked_abs()
                .ok_or_else(|| SqlError::out_of_range("bigint"))
        })
    });
    registry.add("abs(float4) -> float4", |call| {
        map1::<Float4, _>(call, |value| Ok(value.abs()))
    });
    registry.add("abs(float8) -> float8", |call| {
        map1::<Float8, _>(call, |value| Ok(value.abs()))
    });
    registry.add("sign(float8) -> float8", |call| {
        map1::<Float8, _>(call, |value| {
            Ok(if value == 0.0 || value.is_nan() {
                value + 0.0
            } else {
                value.signum()
            })
        })
    });
    registry.add("pi() -> float8", |call| call.constant(std::f64::consts::PI));
    registry.add("mod(float8, float8) -> float8", |call| {
        map2::<Float8, Float8, _>(call, |left, right| {
            if right == 0.0 {
                Err(SqlError::division_by_zero())
            } else {
                Ok(left % right)
            }
        })
    });
}

/// Scale and whole digits of a numeric parameter.
fn digits(kind: PgType) -> (i8, i8) {
    let unbounded = (types::NUMERIC_PRECISION, types::NUMERIC_SCALE);
    let (precision, scale) = kind.precision_scale().unwrap_or(unbounded);
    // A precision is at most 38.
    (scale, precision as i8 - scale)
}

/// The same numeric type as the first argument.
fn same_type(typing: &Typing<'_>) -> Result<PgType, SqlError> {
    Ok(typing.parameters[0])
}

/// A numeric type without decimals that holds the first argument, rounded.
fn whole_type(typing: &Typing<'_>) -> Result<PgType, SqlError> {
    let (_, whole) = digits(typing.parameters[0]);
    Ok(PgType::numeric(
        (whole.max(0) + 1).min(38).unsigned_abs(),
        0,
    ))
}

/// An integer literal among the arguments.
fn constant_integer(typing: &Typing<'_>, index: usize) -> Option<i64> {
    match typing.constants.get(index).copied().flatten()? {
        ScalarValue::Int16(value) => value.map(i64::from),
        ScalarValue::Int32(value) => value.map(i64::from),
        ScalarValue::Int64(value) => *value,
        _ => None,
    }
}
