//! Which types meet in an operator, and what both become.

use arrow::datatypes::DataType;

use crate::cast::is_text;
use crate::types::{PgType, oid};

/// What comparisons and arithmetic tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Category {
    Boolean,
    Number,
    Text,
    Instant,
    Interval,
    Array,
    Other,
}

pub(super) fn category(pg_type: PgType) -> Category {
    if pg_type.element().is_some() {
        return Category::Array;
    }
    match pg_type.oid {
        oid::BOOL => Category::Boolean,
        oid::DATE | oid::TIMESTAMP | oid::TIMESTAMPTZ => Category::Instant,
        oid::INTERVAL => Category::Interval,
        oid::INT2 | oid::INT4 | oid::INT8 | oid::FLOAT4 | oid::FLOAT8 | oid::NUMERIC => {
            Category::Number
        }
        _ if pg_type.is_oid_like() => Category::Number,
        _ if is_text(pg_type) => Category::Text,
        _ => Category::Other,
    }
}

/// The type that an untyped literal takes beside `known`: without its modifier.
pub(crate) fn literal_target(known: PgType) -> PgType {
    match known.oid {
        oid::NUMERIC | oid::VARCHAR => PgType::new(known.oid),
        oid::BPCHAR => PgType::new(oid::BPCHAR),
        _ => PgType {
            oid: known.oid,
            typmod: -1,
        },
    }
}

/// Beside a date or time, an untyped literal of `-` is of the same type and of `+`
/// an interval, as PostgreSQL resolves its operators.
pub(super) fn arithmetic_literal(known: PgType, op: &str) -> PgType {
    match (known.oid, op) {
        (oid::DATE | oid::TIMESTAMP | oid::TIMESTAMPTZ | oid::TIME, "+") => {
            PgType::new(oid::INTERVAL)
        }
        (oid::INTERVAL, "*" | "/") => PgType::new(oid::FLOAT8),
        _ => literal_target(known),
    }
}

/// The common type of two numbers; none if they already agree.
pub(super) fn number_target(left: PgType, right: PgType) -> Option<PgType> {
    let rank = |t: PgType| match t.oid {
        oid::INT2 => 0,
        oid::INT4 => 1,
        oid::NUMERIC => 3,
        oid::FLOAT4 => 4,
        oid::FLOAT8 => 5,
        _ => 2,
    };
    let (low, high) = (rank(left).min(rank(right)), rank(left).max(rank(right)));
    if low == high {
        return None;
    }
    Some(PgType::new(match high {
        1 => oid::INT4,
        2 => oid::INT8,
        3 => oid::NUMERIC,
        _ => oid::FLOAT8,
    }))
}

pub(super) fn later_instant(left: PgType, right: PgType) -> u32 {
    let has = |wanted: u32| left.oid == wanted || right.oid == wanted;
    if has(oid::TIMESTAMPTZ) {
        oid::TIMESTAMPTZ
    } else {
        oid::TIMESTAMP
    }
}

pub(super) fn integer_digits(data_type: &DataType) -> PgType {
    match data_type {
        DataType::Int16 => PgType::numeric(5, 0),
        DataType::Int32 => PgType::numeric(10, 0),
        _ => PgType::numeric(19, 0),
    }
}

/// The type of CASE, UNION and the like over two types; the first where nothing is
/// common.
pub(crate) fn common_type(left: PgType, right: PgType) -> PgType {
    match (category(left), category(right)) {
        (Category::Number, Category::Number) => number_of_branches(left, right),
        (Category::Instant, Category::Instant) if left.oid != right.oid => {
            PgType::new(later_instant(left, right))
        }
        _ => left,
    }
}

/// As [`number_target`], but a real stays one where there is no double: it is the only
/// type that the others become without being asked.
fn number_of_branches(left: PgType, right: PgType) -> PgType {
    let has = |wanted: u32| left.oid == wanted || right.oid == wanted;
    if has(oid::FLOAT4) && !has(oid::FLOAT8) {
        return PgType::new(oid::FLOAT4);
    }
    number_target(left, right).unwrap_or(left)
}

/// Whether a type is a number in floating point.
pub(crate) fn is_float(pg_type: PgType) -> bool {
    matches!(pg_type.oid, oid::FLOAT4 | oid::FLOAT8)
}

/// Whether no common type exists for CASE, UNION and the like.
pub(crate) fn cannot_match(left: PgType, right: PgType) -> bool {
    category(left) != category(right)
}
