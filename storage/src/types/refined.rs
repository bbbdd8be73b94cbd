//! Types that are held as another one and say more than it: `timestamp(3)`, `name`.
//!
//! Storage treats their values as those of the type that holds them; the refinement
//! only travels with the column. The texts are stored on disk: a spelling, once
//! written, is read for ever.

use crate::types::ColumnType;

/// What a declared type says beyond the type that holds its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refinement {
    /// `time(p)`, with 0 to 6 digits after the seconds.
    Time(u8),
    /// `timestamp(p)`
    Timestamp(u8),
    /// `timestamptz(p)`
    TimestampTz(u8),
    /// `interval(p)`
    Interval(u8),
    /// `name`: at most 63 bytes of text.
    Name,
    /// `"char"`: one byte, held as text.
    Character,
    /// `oid`, held as bigint.
    Oid,
}

/// Base of the modifier of `interval(p)`: all fields, in PostgreSQL's encoding.
const INTERVAL_ALL_FIELDS: i32 = 0x7fff << 16;

impl Refinement {
    /// The type that holds the values.
    pub fn base(self) -> &'static ColumnType {
        match self {
            Self::Time(_) => &ColumnType::Time,
            Self::Timestamp(_) => &ColumnType::Timestamp,
            Self::TimestampTz(_) => &ColumnType::TimestampTz,
            Self::Interval(_) => &ColumnType::Interval,
            Self::Name | Self::Character => &ColumnType::Text,
            Self::Oid => &ColumnType::Int64,
        }
    }

    /// The declared type as text; `parse` reads it back.
    pub(super) fn declared_name(self) -> String {
        match self {
            Self::Time(digits) => format!("time({digits})"),
            Self::Timestamp(digits) => format!("timestamp({digits})"),
            Self::TimestampTz(digits) => format!("timestamptz({digits})"),
            Self::Interval(digits) => format!("interval({digits})"),
            Self::Name => "name".to_owned(),
            Self::Character => "\"char\"".to_owned(),
            Self::Oid => "oid".to_owned(),
        }
    }

    /// The refinement whose text this is. `digits`: what stood in parentheses.
    pub(super) fn parse(name: &str, digits: Option<u8>) -> Option<Self> {
        match (name, digits) {
            ("time", Some(digits)) => Some(Self::Time(digits)),
            ("timestamp", Some(digits)) => Some(Self::Timestamp(digits)),
            ("timestamptz", Some(digits)) => Some(Self::TimestampTz(digits)),
            ("interval", Some(digits)) => Some(Self::Interval(digits)),
            ("name", None) => Some(Self::Name),
            ("\"char\"", None) => Some(Self::Character),
            ("oid", None) => Some(Self::Oid),
            _ => None,
        }
    }

    /// PostgreSQL's name and modifier, `<name>/<modifier>`.
    pub(super) fn pg_type(self) -> String {
        match self {
            Self::Time(digits) => format!("time/{digits}"),
            Self::Timestamp(digits) => format!("timestamp/{digits}"),
            Self::TimestampTz(digits) => format!("timestamptz/{digits}"),
            Self::Interval(digits) => {
                format!("interval/{}", INTERVAL_ALL_FIELDS | i32::from(digits))
            }
            Self::Name => "name/-1".to_owned(),
            Self::Character => "char/-1".to_owned(),
            Self::Oid => "oid/-1".to_owned(),
        }
    }
}
