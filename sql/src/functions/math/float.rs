//! Functions of double precision. What has no answer is an error, not NaN.

use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::{map1, map2};
use crate::functions::kinds::Float8;

type Unary = fn(f64) -> Result<f64, SqlError>;

pub(super) fn register(registry: &mut Registry) {
    let functions: &[(&str, Unary)] = &[
        ("ceil", |x| Ok(x.ceil())),
        ("ceiling", |x| Ok(x.ceil())),
        ("floor", |x| Ok(x.floor())),
        ("round", |x| Ok(x.round_ties_even())),
        ("trunc", |x| Ok(x.trunc())),
        ("sqrt", sqrt),
        ("cbrt", |x| Ok(x.cbrt())),
        ("exp", exp),
        ("dexp", exp),
        ("ln", |x| logarithm(x, f64::ln)),
        ("dlog1", |x| logarithm(x, f64::ln)),
        ("log", |x| logarithm(x, f64::log10)),
        ("log10", |x| logarithm(x, f64::log10)),
        ("dlog10", |x| logarithm(x, f64::log10)),
        ("sin", |x| finite(x).map(f64::sin)),
        ("cos", |x| finite(x).map(f64::cos)),
        ("tan", |x| finite(x).map(f64::tan)),
        ("cot", |x| finite(x).map(|x| 1.0 / x.tan())),
        ("asin", |x| within_one(x).map(f64::asin)),
        ("acos", |x| within_one(x).map(f64::acos)),
        ("atan", |x| Ok(x.atan())),
        ("sinh", |x| Ok(x.sinh())),
        ("cosh", |x| Ok(x.cosh())),
        ("tanh", |x| Ok(x.tanh())),
        ("asinh", |x| Ok(x.asinh())),
        ("acosh", |x| {
            if x < 1.0 {
                Err(input_out_of_range())
            } else {
                Ok(x.acosh())
            }
        }),
        ("atanh", |x| within_one(x).map(f64::atanh)),
        ("degrees", |x| checked(x.to_degrees(), x)),
        ("radians", |x| Ok(x.to_radians())),
        ("sind", |x| finite(x).map(sine_of_degrees)),
        ("cosd", |x| finite(x).map(|x| sine_of_degrees(x + 90.0))),
        ("tand", |x| {
            finite(x).map(|x| sine_of_degrees(x) / sine_of_degrees(x + 90.0))
        }),
    ];
    for (name, function) in functions {
        let function = *function;
        registry.add(&format!("{name}(float8) -> float8"), move |call| {
            map1::<Float8, _>(call, function)
        });
    }
    for name in ["power", "pow", "dpow"] {
        registry.add(&format!("{name}(float8, float8) -> float8"), |call| {
            map2::<Float8, Float8, _>(call, power)
        });
    }
    registry.add("atan2(float8, float8) -> float8", |call| {
        map2::<Float8, Float8, _>(call, |y, x| Ok(y.atan2(x)))
    });
}

fn input_out_of_range() -> SqlError {
    SqlError::number_out_of_range("input is out of range")
}

fn overflow() -> SqlError {
    SqlError::number_out_of_range("value out of range: overflow")
}

fn underflow() -> SqlError {
    SqlError::number_out_of_range("value out of range: underflow")
}

fn finite(x: f64) -> Result<f64, SqlError> {
    if x.is_infinite() {
        Err(input_out_of_range())
    } else {
        Ok(x)
    }
}

fn within_one(x: f64) -> Result<f64, SqlError> {
    if x.abs() > 1.0 {
        Err(input_out_of_range())
    } else {
        Ok(x)
    }
}

/// An infinite result of a finite input is an overflow.
fn checked(result: f64, input: f64) -> Result<f64, SqlError> {
    if result.is_infinite() && input.is_finite() {
        Err(overflow())
    } else {
        Ok(result)
    }
}

fn sqrt(x: f64) -> Result<f64, SqlError> {
    if x < 0.0 {
        return Err(SqlError::invalid_power(
            "cannot take square root of a negative number",
        ));
    }
    Ok(x.sqrt())
}

fn exp(x: f64) -> Result<f64, SqlError> {
    let result = checked(x.exp(), x)?;
    if result == 0.0 && x.is_finite() {
        Err(underflow())
    } else {
        Ok(result)
    }
}

fn logarithm(x: f64, function: fn(f64) -> f64) -> Result<f64, SqlError> {
    if x == 0.0 {
        return Err(SqlError::invalid_logarithm("cannot take logarithm of zero"));
    }
    if x < 0.0 {
        return Err(SqlError::invalid_logarithm(
            "cannot take logarithm of a negative number",
        ));
    }
    Ok(function(x))
}

/// `base ^ exponent`
pub(super) fn power(base: f64, exponent: f64) -> Result<f64, SqlError> {
    if base == 0.0 && exponent < 0.0 {
        return Err(SqlError::invalid_power(
            "zero raised to a negative power is undefined",
        ));
    }
    if base < 0.0 && base.is_finite() && exponent.is_finite() && exponent.fract() != 0.0 {
        return Err(SqlError::invalid_power(
            "a negative number raised to a non-integer power yields a complex result",
        ));
    }
    let result = base.powf(exponent);
    let are_finite = base.is_finite() && exponent.is_finite();
    if result.is_infinite() && are_finite {
        return Err(overflow());
    }
    if result == 0.0 && base != 0.0 && are_finite {
        return Err(underflow());
    }
    Ok(result)
}

/// Exact where the sine is: 0, 1/2 and 1 at multiples of 30 degrees.
fn sine_of_degrees(degrees: f64) -> f64 {
    let reduced = degrees % 360.0;
    let positive = if reduced < 0.0 {
        reduced + 360.0
    } else {
        reduced
    };
    let (folded, sign) = if positive > 180.0 {
        (positive - 180.0, -1.0)
    } else {
        (positive, 1.0)
    };
    let acute = if folded > 90.0 {
        180.0 - folded
    } else {
        folded
    };
    let sine = if acute == 0.0 {
        0.0
    } else if acute == 30.0 {
        0.5
    } else if acute == 90.0 {
        1.0
    } else {
        acute.to_radians().sin()
    };
    sign * sine
}
