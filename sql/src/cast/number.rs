//! Casts among numbers, booleans and OIDs.
//!
//! Rounding: numeric to integer and to a smaller scale goes half away from zero,
//! floating point to integer half to even, as PostgreSQL does.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
};
use arrow::error::ArrowError;

use crate::error::SqlError;
use crate::types::{PgType, oid};

/// Significant digits that PostgreSQL takes of a real and of a double.
const SINGLE_DIGITS: usize = 6;
const DOUBLE_DIGITS: usize = 15;

/// The result if both types are numbers of some kind, else none.
pub(super) fn cast(
    array: &ArrayRef,
    from: PgType,
    to: PgType,
    target: &DataType,
) -> Result<Option<ArrayRef>, SqlError> {
    if !is_number(from) && from.oid != oid::BOOL {
        return Ok(None);
    }
    match (from.oid, to.oid) {
        (oid::BOOL, oid::INT4) => {
            return Ok(Some(arrow::compute::cast(array, &DataType::Int32)?));
        }
        (oid::INT4 | oid::INT8 | oid::INT2, oid::BOOL) => {
            return Ok(Some(arrow::compute::cast(array, &DataType::Boolean)?));
        }
        (oid::BOOL, _) => return Ok(None),
        _ if !is_number(to) => return Ok(None),
        _ => {}
    }
    let plain = plain_number(array)?;
    let result = match plain.data_type() {
        DataType::Float32 => from_float(&widen(&plain)?, SINGLE_DIGITS, to, target)?,
        DataType::Float64 => from_float(
            plain.as_primitive::<Float64Type>(),
            DOUBLE_DIGITS,
            to,
            target,
        )?,
        DataType::Decimal128(_, scale) => {
            from_decimal(plain.as_primitive::<Decimal128Type>(), *scale, to, target)?
        }
        _ => {
            let wide = arrow::compute::cast(&plain, &DataType::Int64)?;
            from_integer(wide.as_primitive::<Int64Type>(), to, target)?
        }
    };
    Ok(Some(result))
}

fn is_number(pg_type: PgType) -> bool {
    pg_type.is_oid_like()
        || matches!(
            pg_type.oid,
            oid::INT2 | oid::INT4 | oid::INT8 | oid::FLOAT4 | oid::FLOAT8 | oid::NUMERIC
        )
}

/// Arrow types that PostgreSQL lacks, as the nearest that it has.
fn plain_number(array: &ArrayRef) -> Result<ArrayRef, SqlError> {
    let wider = match array.data_type() {
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Decimal256(_, scale) => DataType::Decimal128(38, *scale),
        _ => return Ok(Arc::clone(array)),
    };
    Ok(arrow::compute::cast(array, &wider)?)
}

fn widen(array: &ArrayRef) -> Result<PrimitiveArray<Float64Type>, SqlError> {
    Ok(array.as_primitive::<Float32Type>().unary(f64::from))
}

fn checked<F, T>(
    values: &PrimitiveArray<F>,
    to: PgType,
    convert: impl Fn(F::Native) -> Option<T::Native>,
) -> Result<ArrayRef, SqlError>
where
    F: ArrowPrimitiveType,
    T: ArrowPrimitiveType,
{
    let result: Result<PrimitiveArray<T>, ArrowError> = values.try_unary(|value| {
        convert(value).ok_or_else(|| SqlError::out_of_range(to.entry().display).into())
    });
    Ok(Arc::new(result?))
}

fn from_integer(
    values: &PrimitiveArray<Int64Type>,
    to: PgType,
    target: &DataType,
) -> Result<ArrayRef, SqlError> {
    match target {
        DataType::Int16 => checked::<_, Int16Type>(values, to, |v| i16::try_from(v).ok()),
        DataType::Int32 => checked::<_, Int32Type>(values, to, |v| i32::try_from(v).ok()),
        DataType::Int64 if to.is_oid_like() => checked::<_, Int64Type>(values, to, oid_value),
        DataType::Int64 => Ok(Arc::new(values.clone())),
        DataType::Float32 => Ok(Arc::new(values.unary::<_, Float32Type>(|v| v as f32))),
        DataType::Float64 => Ok(Arc::new(values.unary::<_, Float64Type>(|v| v as f64))),
        DataType::Decimal128(precision, scale) => to_decimal(values, *precision, *scale, |v| {
            scale_up(i128::from(v), *scale)
        }),
        other => Err(SqlError::internal(format!(
            "a cast of an integer to {other}"
        ))),
    }
}

/// A negative int4 is the OID of the same bits.
fn oid_value(value: i64) -> Option<i64> {
    match value {
        0..=0xffff_ffff => Some(value),
        -0x8000_0000..=-1 => Some(value + 0x1_0000_0000),
        _ => None,
    }
}

fn from_float(
    values: &PrimitiveArray<Float64Type>,
    digits: usize,
    to: PgType,
    target: &DataType,
) -> Result<ArrayRef, SqlError> {
    let integer = |v: f64| {
        let rounded = v.round_ties_even();
        (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0)
            .contains(&rounded)
            .then_some(rounded as i64)
    };
    match target {
        DataType::Int16 => checked::<_, Int16Type>(values, to, |v| i16::try_from(integer(v)?).ok()),
        DataType::Int32 => checked::<_, Int32Type>(values, to, |v| i32::try_from(integer(v)?).ok()),
        DataType::Int64 => checked::<_, Int64Type>(values, to, integer),
        DataType::Float32 => {
            let narrowed: Result<PrimitiveArray<Float32Type>, ArrowError> =
                values.try_unary(|value| Ok(narrow_float(value)?));
            Ok(Arc::new(narrowed?))
        }
        DataType::Float64 => Ok(Arc::new(values.clone())),
        DataType::Decimal128(precision, scale) => to_decimal(values, *precision, *scale, |v| {
            float_to_decimal(v, digits, *scale)
        }),
        other => Err(SqlError::internal(format!("a cast of a float to {other}"))),
    }
}

/// Errors: `22003` where a finite value becomes infinite, or one that is not, zero.
fn narrow_float(value: f64) -> Result<f32, SqlError> {
    let narrow = value as f32;
    if narrow.is_infinite() && value.is_finite() {
        return Err(SqlError::number_out_of_range(
            "value out of range: overflow",
        ));
    }
    if narrow == 0.0 && value != 0.0 {
        return Err(SqlError::number_out_of_range(
            "value out of range: underflow",
        ));
    }
    Ok(narrow)
}

/// Takes as many significant digits as the float has.
fn float_to_decimal(value: f64, digits: usize, scale: i8) -> Option<i128> {
    if !value.is_finite() {
        return None;
    }
    let decimals = digits - 1;
    let text = format!("{value:.decimals$e}");
    let (mantissa, exponent) = text.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    let mantissa: i128 = mantissa.replace('.', "").parse().ok()?;
    let decimals = i32::try_from(decimals).ok()?;
    rescale(mantissa, decimals - exponent, i32::from(scale))
}

fn from_decimal(
    values: &PrimitiveArray<Decimal128Type>,
    from_scale: i8,
    to: PgType,
    target: &DataType,
) -> Result<ArrayRef, SqlError> {
    let integer = |v: i128| rescale(v, i32::from(from_scale), 0);
    let divisor = 10f64.powi(i32::from(from_scale));
    match target {
        DataType::Int16 => checked::<_, Int16Type>(values, to, |v| i16::try_from(integer(v)?).ok()),
        DataType::Int32 => checked::<_, Int32Type>(values, to, |v| i32::try_from(integer(v)?).ok()),
        DataType::Int64 => checked::<_, Int64Type>(values, to, |v| i64::try_from(integer(v)?).ok()),
        DataType::Float32 => {
            Ok(Arc::new(values.unary::<_, Float32Type>(|v| {
                decimal_to_float(v, divisor) as f32
            })))
        }
        DataType::Float64 => Ok(Arc::new(
            values.unary::<_, Float64Type>(|v| decimal_to_float(v, divisor)),
        )),
        DataType::Decimal128(precision, scale) => to_decimal(values, *precision, *scale, |v| {
            rescale(v, i32::from(from_scale), i32::from(*scale))
        }),
        other => Err(SqlError::internal(format!(
            "a cast of a numeric to {other}"
        ))),
    }
}

/// Correctly rounded while the digits fit a double's 53 bits, which division keeps.
fn decimal_to_float(value: i128, divisor: f64) -> f64 {
    value as f64 / divisor
}

fn to_decimal<F: ArrowPrimitiveType>(
    values: &PrimitiveArray<F>,
    precision: u8,
    scale: i8,
    convert: impl Fn(F::Native) -> Option<i128>,
) -> Result<ArrayRef, SqlError> {
    let limit = 10i128
        .checked_pow(u32::from(precision))
        .unwrap_or(i128::MAX);
    let result: Result<PrimitiveArray<Decimal128Type>, ArrowError> = values.try_unary(|value| {
        convert(value)
            .filter(|v| v.unsigned_abs() < limit.unsigned_abs())
            .ok_or_else(|| SqlError::numeric_field_overflow(precision, scale).into())
    });
    Ok(Arc::new(
        result?.with_precision_and_scale(precision, scale)?,
    ))
}

fn scale_up(value: i128, scale: i8) -> Option<i128> {
    value.checked_mul(10i128.checked_pow(u32::try_from(scale).ok()?)?)
}

/// Moves the decimal point, rounding half away from zero; none on overflow.
pub(crate) fn rescale(value: i128, from_scale: i32, to_scale: i32) -> Option<i128> {
    if to_scale >= from_scale {
        let factor = 10i128.checked_pow(u32::try_from(to_scale - from_scale).ok()?);
        return match factor {
            Some(factor) => value.checked_mul(factor),
            None => (value == 0).then_some(0),
        };
    }
    let Some(divisor) = 10i128.checked_pow(u32::try_from(from_scale - to_scale).ok()?) else {
        return Some(0);
    };
    let (quotient, remainder) = (value / divisor, value % divisor);
    let rounds_up = remainder.unsigned_abs() >= divisor.unsigned_abs().div_ceil(2);
    Some(if rounds_up {
        quotient + value.signum()
    } else {
        quotient
    })
}
