//! Functions of whole numbers.

use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::{map1, map2};
use crate::functions::kinds::{Int2, Int4, Int8};
use crate::types::PgType;

pub(super) fn register(registry: &mut Registry) {
    registry.add("mod(int2, int2) -> int2", |call| {
        map2::<Int2, Int2, _>(call, |left, right| match right {
            0 => Err(SqlError::division_by_zero()),
            _ => Ok(left.wrapping_rem(right)),
        })
    });
    registry.add("mod(int4, int4) -> int4", |call| {
        map2::<Int4, Int4, _>(call, |left, right| match right {
            0 => Err(SqlError::division_by_zero()),
            _ => Ok(left.wrapping_rem(right)),
        })
    });
    registry.add("mod(int8, int8) -> int8", |call| {
        map2::<Int8, Int8, _>(call, |left, right| match right {
            0 => Err(SqlError::division_by_zero()),
            _ => Ok(left.wrapping_rem(right)),
        })
    });
    common_divisors(registry);
    registry
        .add("factorial(int8) -> numeric", |call| {
            map1::<Int8, _>(call, factorial)
        })
        .returns(|_| Ok(PgType::numeric(38, 0)));
    registry.add("to_hex(int4) -> text", |call| {
        map1::<Int4, _>(call, |value| Ok(format!("{value:x}")))
    });
    registry.add("to_hex(int8) -> text", |call| {
        map1::<Int8, _>(call, |value| Ok(format!("{value:x}")))
    });
}

fn common_divisors(registry: &mut Registry) {
    let narrow = |value: i128| i32::try_from(value).map_err(|_| SqlError::out_of_range("integer"));
    let wide = |value: i128| i64::try_from(value).map_err(|_| SqlError::out_of_range("bigint"));
    registry.add("gcd(int4, int4) -> int4", move |call| {
        map2::<Int4, Int4, _>(call, |a, b| narrow(gcd(a.into(), b.into())))
    });
    registry.add("gcd(int8, int8) -> int8", move |call| {
        map2::<Int8, Int8, _>(call, |a, b| wide(gcd(a.into(), b.into())))
    });
    registry.add("lcm(int4, int4) -> int4", move |call| {
        map2::<Int4, Int4, _>(call, |a, b| narrow(lcm(a.into(), b.into())))
    });
    registry.add("lcm(int8, int8) -> int8", move |call| {
        map2::<Int8, Int8, _>(call, |a, b| wide(lcm(a.into(), b.into())))
    });
}

fn gcd(mut a: i128, mut b: i128) -> i128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.abs()
}

/// The arguments are 64 bits wide, so the product fits.
fn lcm(a: i128, b: i128) -> i128 {
    if a == 0 || b == 0 {
        0
    } else {
        (a / gcd(a, b) * b).abs()
    }
}

fn factorial(n: i64) -> Result<i128, SqlError> {
    if n < 0 {
        return Err(SqlError::number_out_of_range(
            "factorial of a negative number is undefined",
        ));
    }
    (1..=i128::from(n))
        .try_fold(1_i128, i128::checked_mul)
        .ok_or_else(|| SqlError::number_out_of_range("value overflows numeric format"))
}
