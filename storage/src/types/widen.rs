//! Which changes of a type leave the stored rows as they are.
//!
//! In place means: every file keeps reading right, here and in DuckDB, and every value
//! is what a cast of PostgreSQL's would make of it. All else is a rewrite of the rows.
//! `date` to `timestamp` is not in place, although the format allows it: the two
//! infinities would not be carried over. Nor is `timestamp` to `timestamptz`, where
//! PostgreSQL asks the session's time zone.
//!
//! Source: DuckLake 1.0, "type promotions"; checked against DuckDB 1.5.5.

use crate::types::{ColumnType, Refinement};

impl ColumnType {
    /// Whether a column of this type can become one of type `to` without a rewrite.
    pub fn widens_to(&self, to: &ColumnType) -> bool {
        use ColumnType::{
            Char, Float32, Float64, Int8, Int16, Int32, Int64, List, Numeric, NumericUnbounded,
            Refined, Text, UInt8, UInt16, UInt32, UInt64, Varchar,
        };
        if self == to {
            return true;
        }
        match (self, to) {
            (Int8, Int16 | Int32 | Int64)
            | (Int16, Int32 | Int64)
            | (Int32, Int64)
            | (UInt8, UInt16 | UInt32 | UInt64)
            | (UInt16, UInt32 | UInt64)
            | (UInt32, UInt64)
            | (Float32 | Int8 | Int16 | Int32, Float64) => true,
            (
                Numeric { precision, scale },
                Numeric {
                    precision: wider,
                    scale: same,
                },
            ) => precision <= wider && scale == same,
            (Numeric { scale, .. }, NumericUnbounded) => *scale == super::NUMERIC_UNBOUNDED.1,
            (Varchar(_) | Char(_), Text | Varchar(None)) | (Text, Varchar(None)) => true,
            // A char(n) is stored without its padding.
            (Varchar(Some(length)) | Char(length), Varchar(Some(longer)))
            | (Char(length), Char(longer)) => length <= longer,
            (Refined(refinement), Refined(other)) => is_finer(*refinement, *other),
            (Refined(refinement), plain) => refinement.base().widens_to(plain),
            (List(element), List(other)) => element.widens_to(other),
            _ => false,
        }
    }

    /// Whether a column of this type can be added with a value for the rows that are
    /// there, without a rewrite.
    pub fn has_initial_value(&self) -> bool {
        self.children().is_empty() && !matches!(self.plain(), Self::Unsupported(_) | Self::HugeInt)
    }
}

/// Whether each value of one refined type is one of the other.
fn is_finer(one: Refinement, other: Refinement) -> bool {
    use Refinement::{Interval, Time, Timestamp, TimestampTz};
    match (one, other) {
        (Time(digits), Time(more))
        | (Timestamp(digits), Timestamp(more))
        | (TimestampTz(digits), TimestampTz(more))
        | (Interval(digits), Interval(more)) => digits <= more,
        _ => false,
    }
}
