//! Functions of numeric.
//!
//! The scale of a result is a property of its type here, not of each value: it
//! comes from the argument's type and from constants.
//!
//! Not guaranteed: more than about 15 digits of `ln`, `exp`, `log` and of powers
//! that are not whole, which go through double precision.

use arrow::array::ArrayRef;
use arrow::datatypes::{ArrowNativeTypeOp, DataType, i256};

use super::{constant_integer, digits, same_type, whole_type};
use crate::error::SqlError;
use crate::functions::call::{Call, Kind, map1, map2};
use crate::functions::kinds::{Decimal, Int4, Int8, Numeric};
use crate::functions::{Registry, Typing};
use crate::types::PgType;
use crate::types::numeric::{divide_rounded, power_of_ten, rescale};

/// Decimals of results that never end, and of square roots.
const IRRATIONAL_SCALE: i8 = 16;
const ROOT_SCALE: i8 = 15;

/// Divides by a power of ten.
type Cut = fn(i128, i128) -> i128;

type Unary = fn(f64) -> f64;

pub(super) fn register(registry: &mut Registry) {
    registry
        .add("abs(numeric) -> numeric", |call| {
            map1::<Numeric, _>(call, |x| Ok(x.unscaled.abs()))
        })
        .returns(same_type);
    registry
        .add("sign(numeric) -> numeric", |call| {
            map1::<Numeric, _>(call, |x| Ok(x.unscaled.signum()))
        })
        .returns(|_| Ok(PgType::numeric(1, 0)));
    for name in ["ceil", "ceiling"] {
        registry
            .add(&format!("{name}(numeric) -> numeric"), |call| {
                whole(call, |x, unit| {
                    x.div_euclid(unit) + i128::from(x.rem_euclid(unit) != 0)
                })
            })
            .returns(whole_type);
    }
    registry
        .add("floor(numeric) -> numeric", |call| {
            whole(call, |x, unit| x.div_euclid(unit))
        })
        .returns(whole_type);
    registry
        .add("round(numeric) -> numeric", |call| {
            whole(call, divide_rounded)
        })
        .returns(whole_type);
    registry
        .add("trunc(numeric) -> numeric", |call| {
            whole(call, |x, unit| x / unit)
        })
        .returns(whole_type);
    let cuts: [(&str, Cut); 2] = [("round", divide_rounded), ("trunc", |x, unit| x / unit)];
    for (name, cut) in cuts {
        registry
            .add(&format!("{name}(numeric, int4) -> numeric"), move |call| {
                to_places::<Int4>(call, cut)
            })
            .returns(placed_type);
        // Literals come as bigint, so that their value is known while planning.
        registry
            .add(&format!("{name}(numeric, int8) -> numeric"), move |call| {
                to_places::<Int8>(call, cut)
            })
            .returns(placed_type);
    }
    divisions(registry);
    scales(registry);
    irrational(registry);
}

fn overflow() -> SqlError {
    SqlError::number_out_of_range("value overflows numeric format")
}

/// 10 to the scale of a value.
fn unit(value: Decimal) -> i128 {
    power_of_ten(value.scale.max(0).unsigned_abs().into()).unwrap_or(i128::MAX)
}

fn whole(call: &Call<'_>, cut: Cut) -> Result<ArrayRef, SqlError> {
    map1::<Numeric, _>(call, |x| Ok(cut(x.unscaled, unit(x))))
}

/// `numeric(p, n)` for `round(x, n)` with a constant `n`.
fn placed_type(typing: &Typing<'_>) -> Result<PgType, SqlError> {
    let (_, whole) = digits(typing.parameters[0]);
    let whole = whole.clamp(0, 37) + 1;
    let places = match constant_integer(typing, 1) {
        Some(places) => i8::try_from(places.clamp(0, i64::from(38 - whole))).unwrap_or(0),
        None => return Ok(PgType::new(crate::types::oid::NUMERIC)),
    };
    Ok(PgType::numeric((whole + places).unsigned_abs(), places))
}

fn result_scale(call: &Call<'_>) -> Result<i8, SqlError> {
    match call.data_type {
        DataType::Decimal128(_, scale) => Ok(scale),
        _ => Err(SqlError::internal("a numeric result has another type")),
    }
}

fn to_places<'a, K: Kind>(call: &'a Call<'_>, cut: Cut) -> Result<ArrayRef, SqlError>
where
    K::Item<'a>: Into<i64>,
{
    let scale = result_scale(call)?;
    map2::<Numeric, K, _>(call, |x, places| {
        let dropped = i64::from(x.scale).saturating_sub(places.into());
        let kept = match u32::try_from(dropped) {
            Ok(0) | Err(_) => x.unscaled,
            Ok(dropped) => match power_of_ten(dropped) {
                Some(unit) => cut(x.unscaled, unit) * unit,
                None => 0,
            },
        };
        rescale(kept, x.scale, scale).ok_or_else(overflow)
    })
}

/// Both values at the larger of their scales.
fn aligned(left: Decimal, right: Decimal) -> Result<(i128, i128, i8), SqlError> {
    let scale = left.scale.max(right.scale);
    let left = rescale(left.unscaled, left.scale, scale).ok_or_else(overflow)?;
    let right = rescale(right.unscaled, right.scale, scale).ok_or_else(overflow)?;
    Ok((left, right, scale))
}

fn divisions(registry: &mut Registry) {
    registry
        .add("mod(numeric, numeric) -> numeric", |call| {
            let scale = result_scale(call)?;
            map2::<Numeric, Numeric, _>(call, |left, right| {
                let (left, right, common) = aligned(left, right)?;
                if right == 0 {
                    return Err(SqlError::division_by_zero());
                }
                rescale(left % right, common, scale).ok_or_else(overflow)
            })
        })
        .returns(|typing| {
            let (left, right) = (digits(typing.parameters[0]), digits(typing.parameters[1]));
            let scale = left.0.max(right.0);
            let whole = left.1.max(right.1).max(1);
            Ok(PgType::numeric(
                (whole + scale).clamp(1, 38).unsigned_abs(),
                scale,
            ))
        });
    registry
        .add("div(numeric, numeric) -> numeric", |call| {
            map2::<Numeric, Numeric, _>(call, |left, right| {
                let (left, right, _) = aligned(left, right)?;
                if right == 0 {
                    return Err(SqlError::division_by_zero());
                }
                Ok(left / right)
            })
        })
        .returns(|_| Ok(PgType::numeric(38, 0)));
}

fn scales(registry: &mut Registry) {
    registry.add("scale(numeric) -> int4", |call| {
        map1::<Numeric, _>(call, |x| Ok(i32::from(x.scale)))
    });
    registry.add("min_scale(numeric) -> int4", |call| {
        map1::<Numeric, _>(call, |x| {
            let mut scale = i32::from(x.scale);
            let mut value = x.unscaled;
            while scale > 0 && value % 10 == 0 {
                value /= 10;
                scale -= 1;
            }
            Ok(scale)
        })
    });
    registry.add("trim_scale(numeric) -> numeric", |call| {
        let scale = result_scale(call)?;
        map1::<Numeric, _>(call, |x| {
            rescale(x.unscaled, x.scale, scale).ok_or_else(overflow)
        })
    });
}

fn to_float(value: Decimal) -> f64 {
    // Exact up to 2^53 over 10^22, and then correctly rounded.
    value.unscaled as f64 / 10_f64.powi(value.scale.into())
}

fn from_float(value: f64, scale: i8) -> Result<i128, SqlError> {
    let scaled = (value * 10_f64.powi(scale.into())).round();
    if !scaled.is_finite() || scaled.abs() >= 1e38 {
        return Err(overflow());
    }
    Ok(scaled as i128)
}

fn irrational_type(_: &Typing<'_>) -> Result<PgType, SqlError> {
    Ok(PgType::numeric(38, IRRATIONAL_SCALE))
}

fn irrational(registry: &mut Registry) {
    registry
        .add("sqrt(numeric) -> numeric", |call| {
            map1::<Numeric, _>(call, square_root)
        })
        .returns(|_| Ok(PgType::numeric(38, ROOT_SCALE)));
    let functions: [(&str, Unary); 4] = [
        ("exp", f64::exp),
        ("ln", f64::ln),
        ("log", f64::log10),
        ("log10", f64::log10),
    ];
    for (name, function) in functions {
        registry
            .add(&format!("{name}(numeric) -> numeric"), move |call| {
                map1::<Numeric, _>(call, |x| {
                    if name != "exp" {
                        check_logarithm(x)?;
                    }
                    from_float(function(to_float(x)), IRRATIONAL_SCALE)
                })
            })
            .returns(irrational_type);
    }
    registry
        .add("log(numeric, numeric) -> numeric", |call| {
            map2::<Numeric, Numeric, _>(call, |base, x| {
                check_logarithm(base)?;
                check_logarithm(x)?;
                let divisor = to_float(base).ln();
                if divisor == 0.0 {
                    return Err(SqlError::division_by_zero());
                }
                from_float(to_float(x).ln() / divisor, IRRATIONAL_SCALE)
            })
        })
        .returns(irrational_type);
    for name in ["power", "pow"] {
        registry
            .add(&format!("{name}(numeric, numeric) -> numeric"), |call| {
                map2::<Numeric, Numeric, _>(call, power)
            })
            .returns(irrational_type);
    }
}

fn check_logarithm(x: Decimal) -> Result<(), SqlError> {
    match x.unscaled.signum() {
        0 => Err(SqlError::invalid_logarithm("cannot take logarithm of zero")),
        -1 => Err(SqlError::invalid_logarithm(
            "cannot take logarithm of a negative number",
        )),
        _ => Ok(()),
    }
}

/// Exact, rounded half up at [`ROOT_SCALE`].
fn square_root(x: Decimal) -> Result<i128, SqlError> {
    if x.unscaled < 0 {
        return Err(SqlError::invalid_power(
            "cannot take square root of a negative number",
        ));
    }
    if x.unscaled == 0 {
        return Ok(0);
    }
    // sqrt(u / 10^s) * 10^r = sqrt(u * 10^(2r - s)); one more digit decides rounding.
    let exponent = u32::from((2 * (ROOT_SCALE + 1) - x.scale).unsigned_abs());
    let scaled =
        i256::from_i128(x.unscaled).wrapping_mul(i256::from_i128(10).pow_wrapping(exponent));
    // An estimate from above; Newton's steps then fall to the floor of the root.
    let mut root = i256::from_f64(to_float(x).sqrt() * 10_f64.powi(i32::from(ROOT_SCALE) + 1))
        .unwrap_or(i256::ONE)
        .wrapping_add(i256::from_i128(1 << 80).min(scaled))
        .max(i256::ONE);
    loop {
        let next = root
            .wrapping_add(scaled.wrapping_div(root))
            .wrapping_div(i256::from_i128(2));
        if next >= root {
            break;
        }
        root = next.max(i256::ONE);
    }
    let root = root.to_i128().ok_or_else(overflow)?;
    Ok(divide_rounded(root, 10))
}

fn power(base: Decimal, exponent: Decimal) -> Result<i128, SqlError> {
    if base.unscaled == 0 && exponent.unscaled < 0 {
        return Err(SqlError::invalid_power(
            "zero raised to a negative power is undefined",
        ));
    }
    let unit = unit(exponent);
    let is_whole = exponent.unscaled % unit == 0;
    if !is_whole && base.unscaled < 0 {
        return Err(SqlError::invalid_power(
            "a negative number raised to a non-integer power yields a complex result",
        ));
    }
    let times = exponent.unscaled / unit;
    if is_whole
        && times >= 0
        && let Some(exact) = exact_power(base, times)
    {
        return Ok(exact);
    }
    from_float(to_float(base).powf(to_float(exponent)), IRRATIONAL_SCALE)
}

/// The power at [`IRRATIONAL_SCALE`]; `None` if 128 bits do not hold it exactly.
fn exact_power(base: Decimal, times: i128) -> Option<i128> {
    let times = u32::try_from(times).ok()?;
    let scale = i8::try_from(i64::from(base.scale) * i64::from(times)).ok()?;
    let value = base.unscaled.checked_pow(times)?;
    rescale(value, scale, IRRATIONAL_SCALE)
}
