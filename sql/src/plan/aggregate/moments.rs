//! Count, sum and squares of the values of a group, and the figures made of them.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Decimal256Array, Float64Array, Int64Array,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal256Type, Float64Type, Int64Type, i256,
};

use super::deviation::Kind;
use crate::error::SqlError;

/// What both ways of summing have in common.
pub(super) trait Moments: Clone + Debug + Default + Send + Sync + 'static {
    /// A value as it is summed.
    type Value: Copy + Debug + Send + Sync + 'static;
    /// The Arrow type that arguments are cast to.
    type Input: ArrowPrimitiveType + Debug;

    fn input_type(scale: i8) -> DataType;
    fn value(native: <Self::Input as ArrowPrimitiveType>::Native) -> Self::Value;
    /// The same for equal values.
    fn key(value: Self::Value) -> i128;
    fn state_types() -> [DataType; 3];
    fn add(&mut self, value: Self::Value) -> Result<(), SqlError>;
    /// Takes back what was added.
    fn remove(&mut self, value: Self::Value) -> Result<(), SqlError>;
    fn merge(&mut self, other: &Self) -> Result<(), SqlError>;
    /// Partial states of groups as three columns, and back.
    fn states(all: &[Self]) -> Result<Vec<ArrayRef>, SqlError>;
    fn of_states(columns: &[ArrayRef]) -> Result<Vec<Self>, SqlError>;
    /// One figure for each group; `scale` is that of the argument.
    fn answers(all: &[Self], kind: Kind, scale: i8) -> Result<ArrayRef, SqlError>;
}

/// Exact sums of scaled integers.
#[derive(Clone, Debug, Default)]
pub(super) struct Exact {
    count: i64,
    sum: i256,
    squares: i256,
}

impl Exact {
    pub(super) fn change(&mut self, value: i128, is_added: bool) -> Result<(), SqlError> {
        let wide = i256::from_i128(value);
        let square = wide.checked_mul(wide).ok_or_else(out_of_range)?;
        let (sum, squares) = if is_added {
            self.count += 1;
            (self.sum.checked_add(wide), self.squares.checked_add(square))
        } else {
            self.count -= 1;
            (self.sum.checked_sub(wide), self.squares.checked_sub(square))
        };
        self.sum = sum.ok_or_else(out_of_range)?;
        self.squares = squares.ok_or_else(out_of_range)?;
        Ok(())
    }

    pub(super) fn join(&mut self, other: &Self) -> Result<(), SqlError> {
        self.count += other.count;
        let sum = self.sum.checked_add(other.sum);
        let squares = self.squares.checked_add(other.squares);
        self.sum = sum.ok_or_else(out_of_range)?;
        self.squares = squares.ok_or_else(out_of_range)?;
        Ok(())
    }

    pub(super) fn columns(all: &[Self]) -> Result<Vec<ArrayRef>, SqlError> {
        let wide = |part: fn(&Self) -> i256| -> Result<ArrayRef, SqlError> {
            let values: Decimal256Array = all.iter().map(|one| Some(part(one))).collect();
            Ok(Arc::new(values.with_precision_and_scale(76, 0)?))
        };
        let counts: Int64Array = all.iter().map(|one| Some(one.count)).collect();
        Ok(vec![
            Arc::new(counts),
            wide(|one| one.sum)?,
            wide(|one| one.squares)?,
        ])
    }

    pub(super) fn of_columns(columns: &[ArrayRef]) -> Result<Vec<Self>, SqlError> {
        let [counts, sums, squares] = columns else {
            return Err(SqlError::internal("a state of another width"));
        };
        let counts = counts.as_primitive::<Int64Type>();
        let sums = sums.as_primitive::<Decimal256Type>();
        let squares = squares.as_primitive::<Decimal256Type>();
        Ok((0..counts.len())
            .filter(|row| counts.is_valid(*row))
            .map(|row| Self {
                count: counts.value(row),
                sum: sums.value(row),
                squares: squares.value(row),
            })
            .collect())
    }

    /// `from`: scale of the values; `to`: scale of the figures.
    pub(super) fn figures(
        all: &[Self],
        kind: Kind,
        from: i8,
        to: i8,
    ) -> Result<ArrayRef, SqlError> {
        let mut figures = Vec::with_capacity(all.len());
        for one in all {
            figures.push(one.figure(kind, from, to)?);
        }
        let array = Decimal128Array::from(figures).with_precision_and_scale(38, to)?;
        Ok(Arc::new(array))
    }

    fn figure(&self, kind: Kind, from: i8, to: i8) -> Result<Option<i128>, SqlError> {
        let least = i64::from(kind.is_sample);
        if self.count <= least {
            return Ok(None);
        }
        let count = i256::from_i128(i128::from(self.count));
        let divisor = i256::from_i128(i128::from(self.count - least));
        let variance = (|| {
            let above = count.checked_mul(self.squares)?;
            let numerator = above.checked_sub(self.sum.checked_mul(self.sum)?)?;
            // Rounding leaves nothing below zero: the sums are exact.
            quotient(
                numerator,
                count.checked_mul(divisor)?,
                i32::from(to) - 2 * i32::from(from),
            )
        })()
        .ok_or_else(out_of_range)?;
        if !kind.is_root {
            return Ok(Some(variance));
        }
        let scaled = power_of_ten(i32::from(to))
            .and_then(|factor| i256::from_i128(variance).checked_mul(factor))
            .ok_or_else(out_of_range)?;
        Ok(Some(rounded_root(scaled).ok_or_else(out_of_range)?))
    }
}

/// Running count, sum, and sum of squared differences from the mean.
#[derive(Clone, Debug, Default)]
pub(super) struct Floating {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Floating {
    pub(super) fn include(&mut self, value: f64) -> Result<(), SqlError> {
        let before = self.clone();
        self.count += 1.0;
        self.sum += value;
        if before.count == 0.0 {
            if !value.is_finite() {
                self.squares = f64::NAN;
            }
            return Ok(());
        }
        let difference = value * self.count - self.sum;
        self.squares += difference * difference / (self.count * before.count);
        if self.sum.is_infinite() || self.squares.is_infinite() {
            if before.sum.is_finite() && value.is_finite() {
                return Err(float_overflow());
            }
            self.squares = f64::NAN;
        }
        Ok(())
    }

    pub(super) fn exclude(&mut self, value: f64) {
        let remaining = self.count - 1.0;
        if remaining <= 0.0 {
            *self = Self::default();
            return;
        }
        let difference = value * self.count - self.sum;
        let squares = self.squares - difference * difference / (self.count * remaining);
        self.squares = if remaining <= 1.0 {
            0.0
        } else {
            squares.max(0.0)
        };
        self.sum -= value;
        self.count = remaining;
    }

    pub(super) fn join(&mut self, other: &Self) -> Result<(), SqlError> {
        if other.count == 0.0 {
            return Ok(());
        }
        if self.count == 0.0 {
            *self = other.clone();
            return Ok(());
        }
        let count = self.count + other.count;
        let difference = self.sum / self.count - other.sum / other.count;
        let between = self.count * other.count * difference * difference / count;
        let squares = self.squares + other.squares + between;
        let sum = self.sum + other.sum;
        if sum.is_infinite() && self.sum.is_finite() && other.sum.is_finite() {
            return Err(float_overflow());
        }
        *self = Self {
            count,
            sum,
            squares,
        };
        Ok(())
    }

    pub(super) fn columns(all: &[Self]) -> Vec<ArrayRef> {
        let column = |part: fn(&Self) -> f64| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values(all.iter().map(part)))
        };
        vec![
            column(|one| one.count),
            column(|one| one.sum),
            column(|one| one.squares),
        ]
    }

    pub(super) fn of_columns(columns: &[ArrayRef]) -> Result<Vec<Self>, SqlError> {
        let [counts, sums, squares] = columns else {
            return Err(SqlError::internal("a state of another width"));
        };
        let counts = counts.as_primitive::<Float64Type>();
        let sums = sums.as_primitive::<Float64Type>();
        let squares = squares.as_primitive::<Float64Type>();
        Ok((0..counts.len())
            .filter(|row| counts.is_valid(*row))
            .map(|row| Self {
                count: counts.value(row),
                sum: sums.value(row),
                squares: squares.value(row),
            })
            .collect())
    }

    pub(super) fn figures(all: &[Self], kind: Kind) -> ArrayRef {
        let least = f64::from(u8::from(kind.is_sample));
        let figures: Float64Array = all
            .iter()
            .map(|one| {
                let variance = (one.count > least).then(|| one.squares / (one.count - least))?;
                Some(if kind.is_root {
                    variance.sqrt()
                } else {
                    variance
                })
            })
            .collect();
        Arc::new(figures)
    }
}

/// `numerator / divisor`, neither negative, with `digits` after the point, rounded
/// half up; negative `digits` drop some before it. `None` beyond 38 digits.
fn quotient(numerator: i256, divisor: i256, digits: i32) -> Option<i128> {
    let divisor = match digits {
        0.. => divisor,
        _ => divisor.checked_mul(power_of_ten(-digits)?)?,
    };
    let ten = i256::from_i128(10);
    let mut quotient = numerator.checked_div(divisor)?;
    let mut rest = numerator.checked_rem(divisor)?;
    for _ in 0..digits.max(0) {
        rest = rest.checked_mul(ten)?;
        quotient = quotient
            .checked_mul(ten)?
            .checked_add(rest.checked_div(divisor)?)?;
        rest = rest.checked_rem(divisor)?;
    }
    if rest.checked_add(rest)? >= divisor {
        quotient = quotient.checked_add(i256::ONE)?;
    }
    let result = quotient.to_i128()?;
    (result.unsigned_abs() < 10u128.pow(38)).then_some(result)
}

fn power_of_ten(digits: i32) -> Option<i256> {
    let mut result = i256::ONE;
    for _ in 0..digits {
        result = result.checked_mul(i256::from_i128(10))?;
    }
    Some(result)
}

/// The square root to the nearest integer, by Newton's method from above.
fn rounded_root(value: i256) -> Option<i128> {
    if value == i256::ZERO {
        return Some(0);
    }
    let bits = 256 - value.leading_zeros();
    let mut root = i256::ONE << u8::try_from(bits.div_ceil(2)).ok()?;
    loop {
        let next = root
            .checked_add(value.checked_div(root)?)?
            .checked_div(i256::from_i128(2))?;
        if next >= root {
            break;
        }
        root = next;
    }
    let rest = value.checked_sub(root.checked_mul(root)?)?;
    if rest > root {
        root = root.checked_add(i256::ONE)?;
    }
    root.to_i128()
}

fn out_of_range() -> SqlError {
    SqlError::out_of_range("numeric")
}

fn float_overflow() -> SqlError {
    SqlError::number_out_of_range("value out of range: overflow")
}
