//! `date_bin`, and `overlaps` of two periods.

use arrow::array::ArrayRef;

use super::{add_to_local, is_moment};
use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::{Call, map3};
use crate::functions::kinds::{self, Timestamp};
use crate::types::datetime::{Interval, MICROS_PER_DAY};

pub(super) fn register(registry: &mut Registry) {
    for kind in ["timestamp", "timestamptz"] {
        registry.add(
            &format!("date_bin(interval, {kind}, {kind}) -> {kind}"),
            |call| {
                map3::<kinds::Interval, Timestamp, Timestamp, _>(call, |stride, source, origin| {
                    bin(Interval::from_arrow(stride), source, origin)
                })
            },
        );
        registry.add(
            &format!("overlaps({kind}, {kind}, {kind}, {kind}) -> bool"),
            overlaps,
        );
    }
    registry.add(
        "overlaps(timestamp, interval, timestamp, interval) -> bool",
        |call| {
            let (start, other) = (call.reader::<Timestamp>(0)?, call.reader::<Timestamp>(2)?);
            let (length, other_length) = (
                call.reader::<kinds::Interval>(1)?,
                call.reader::<kinds::Interval>(3)?,
            );
            call.rows(|row| {
                let end = match (start.value(row), length.value(row)) {
                    (Some(start), Some(length)) => {
                        Some(add_to_local(start, Interval::from_arrow(length))?)
                    }
                    _ => None,
                };
                let other_end = match (other.value(row), other_length.value(row)) {
                    (Some(start), Some(length)) => {
                        Some(add_to_local(start, Interval::from_arrow(length))?)
                    }
                    _ => None,
                };
                Ok(is_overlap(
                    [start.value(row), end],
                    [other.value(row), other_end],
                ))
            })
        },
    );
}

fn bin(stride: Interval, source: i64, origin: i64) -> Result<i64, SqlError> {
    if !is_moment(source) {
        return Ok(source);
    }
    if !is_moment(origin) {
        return Err(SqlError::invalid_moment("origin out of range"));
    }
    if stride.months != 0 {
        return Err(SqlError::with_code(
            crate::sqlstate::FEATURE_NOT_SUPPORTED,
            "timestamps cannot be binned into intervals containing months or years",
        ));
    }
    let micros = i64::from(stride.days)
        .checked_mul(MICROS_PER_DAY)
        .and_then(|days| days.checked_add(stride.micros))
        .ok_or_else(|| SqlError::moment_out_of_range("interval"))?;
    if micros <= 0 {
        return Err(SqlError::invalid_moment("stride must be greater than zero"));
    }
    let distance = i128::from(source) - i128::from(origin);
    let start = i128::from(origin) + distance.div_euclid(micros.into()) * i128::from(micros);
    i64::try_from(start).map_err(|_| SqlError::moment_out_of_range("timestamp"))
}

fn overlaps(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let ends = [
        call.reader::<Timestamp>(0)?,
        call.reader::<Timestamp>(1)?,
        call.reader::<Timestamp>(2)?,
        call.reader::<Timestamp>(3)?,
    ];
    call.rows(|row| {
        let [a, b, c, d] = [0, 1, 2, 3].map(|index: usize| ends[index].value(row));
        Ok(is_overlap([a, b], [c, d]))
    })
}

/// SQL's OVERLAPS: periods are half open, a point counts as itself, and an
/// unknown end matters only where it could change the answer.
fn is_overlap(first: [Option<i64>; 2], second: [Option<i64>; 2]) -> Option<bool> {
    let (start, end) = ordered(first)?;
    let (other_start, other_end) = ordered(second)?;
    if start == other_start {
        return (end.is_some() && other_end.is_some()).then_some(true);
    }
    let ((earlier_end, later_end), later_start) = if start < other_start {
        ((end, other_end), other_start)
    } else {
        ((other_end, end), start)
    };
    match earlier_end {
        None => None,
        Some(earlier_end) if later_start < earlier_end => later_end.map(|_| true),
        Some(_) => later_end.map(|_| false).or(Some(false)),
    }
}

/// Start and end in order; a period with one known end begins there.
fn ordered(ends: [Option<i64>; 2]) -> Option<(i64, Option<i64>)> {
    match ends {
        [Some(a), Some(b)] => Some((a.min(b), Some(a.max(b)))),
        [Some(a), None] | [None, Some(a)] => Some((a, None)),
        [None, None] => None,
    }
}
