//! The types of columns, and how each rides on Arrow, DuckLake and Parquet.
//!
//! A type has three faces:
//! - *logical* (`arrow_type`): what sessions compute with;
//! - *stored* (`stored_type`): what our Parquet files hold, the same except for
//!   `interval`, which Parquet writers here can only hold as a struct;
//! - *lake* (`lake_name`, `children`): what the DuckLake catalog says. Where it says
//!   less than was declared (`varchar(5)`, `jsonb`, `interval`), the declared text
//!   (`declared_name`) is kept beside it.
//!
//! Not guaranteed: that every type can be written. `Unsupported`, `HugeInt` and `Map`
//! come from lakes that DuckDB made, and are only read.

mod convert;
mod declared;
mod inline;
mod lake;
mod refined;
#[cfg(test)]
mod tests;
mod widen;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};

pub use refined::Refinement;

/// Key of the field metadata that names the PostgreSQL type, `<name>/<modifier>`,
/// where the Arrow type alone does not tell it.
pub const PG_TYPE_KEY: &str = "pg.type";

/// Name of a list's element, in Arrow, DuckLake and Parquet alike.
pub const ELEMENT_NAME: &str = "element";

/// Digits of `numeric` without precision: 28 before and 10 after the point.
pub(crate) const NUMERIC_UNBOUNDED: (u8, i8) = (38, 10);

/// The type of a column, as declared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// `boolean`
    Boolean,
    /// `smallint`
    Int16,
    /// `integer`
    Int32,
    /// `bigint`
    Int64,
    /// `real`
    Float32,
    /// `double precision`
    Float64,
    /// `numeric(precision, scale)`, with 1 to 38 digits.
    Numeric {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: i8,
    },
    /// `numeric` without precision; see `NUMERIC_UNBOUNDED`.
    NumericUnbounded,
    /// `text`
    Text,
    /// `varchar` or `varchar(n)`, counted in characters.
    Varchar(Option<u32>),
    /// `char(n)`, counted in characters.
    Char(u32),
    /// `bytea`
    Bytea,
    /// `date`
    Date,
    /// `time`
    Time,
    /// `timestamp`
    Timestamp,
    /// `timestamptz`
    TimestampTz,
    /// `interval`
    Interval,
    /// `uuid`
    Uuid,
    /// `json`
    Json,
    /// `jsonb`
    Jsonb,
    /// A type that says more than the one that holds its values.
    Refined(Refinement),
    /// An array.
    List(Box<ColumnType>),
    /// DuckDB's `TINYINT`, read as `smallint`.
    Int8,
    /// DuckDB's `UTINYINT`, read as `smallint`.
    UInt8,
    /// DuckDB's `USMALLINT`, read as `integer`.
    UInt16,
    /// DuckDB's `UINTEGER`, read as `bigint`.
    UInt32,
    /// DuckDB's `UBIGINT`, read as `numeric(20,0)`.
    UInt64,
    /// DuckDB's `HUGEINT`, which its files hold as double precision.
    HugeInt,
    /// DuckDB's `STRUCT`.
    Struct(Vec<(String, ColumnType)>),
    /// DuckDB's `MAP`: type of the keys, type of the values.
    Map(Box<ColumnType>, Box<ColumnType>),
    /// A type of the lake that we cannot read, by its DuckLake name.
    Unsupported(String),
}

impl ColumnType {
    /// The type that holds the values: another one only for a refined type.
    pub fn plain(&self) -> &ColumnType {
        match self {
            Self::Refined(refinement) => refinement.base(),
            other => other,
        }
    }

    /// The Arrow type that sessions see.
    pub fn arrow_type(&self) -> DataType {
        match self {
            Self::Refined(refinement) => refinement.base().arrow_type(),
            Self::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            Self::Int8 | Self::UInt8 => DataType::Int16,
            Self::UInt16 => DataType::Int32,
            Self::UInt32 => DataType::Int64,
            Self::UInt64 => DataType::Decimal128(20, 0),
            Self::HugeInt => DataType::Decimal128(38, 0),
            Self::List(element) => DataType::List(Arc::new(element.field(ELEMENT_NAME, true))),
            Self::Struct(fields) => DataType::Struct(
                fields
                    .iter()
                    .map(|(name, inner)| inner.field(name, true))
                    .collect(),
            ),
            Self::Map(key, value) => map_type(key.field("key", false), value.field("value", true)),
            other => other.stored_type(),
        }
    }

    /// The Arrow type of the arrays that go to and come from Parquet.
    pub fn stored_type(&self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Int8 => DataType::Int8,
            Self::Int16 => DataType::Int16,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::UInt8 => DataType::UInt8,
            Self::UInt16 => DataType::UInt16,
            Self::UInt32 => DataType::UInt32,
            Self::UInt64 => DataType::UInt64,
            Self::Float32 => DataType::Float32,
            Self::Float64 | Self::HugeInt => DataType::Float64,
            Self::Numeric { precision, scale } => DataType::Decimal128(*precision, *scale),
            Self::NumericUnbounded => {
                DataType::Decimal128(NUMERIC_UNBOUNDED.0, NUMERIC_UNBOUNDED.1)
            }
            Self::Text | Self::Varchar(_) | Self::Char(_) | Self::Json | Self::Jsonb => {
                DataType::Utf8View
            }
            Self::Bytea => DataType::BinaryView,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Uuid => DataType::FixedSizeBinary(16),
            Self::Unsupported(_) => DataType::Null,
            Self::Refined(refinement) => refinement.base().stored_type(),
            Self::List(element) => DataType::List(Arc::new(Field::new(
                ELEMENT_NAME,
                element.stored_type(),
                true,
            ))),
            Self::Map(key, value) => map_type(
                Field::new("key", key.stored_type(), false),
                Field::new("value", value.stored_type(), true),
            ),
            Self::Interval | Self::Struct(_) => DataType::Struct(
                self.children()
                    .iter()
                    .map(|(name, inner)| Field::new(name, inner.stored_type(), true))
                    .collect(),
            ),
        }
    }

    /// The nested fields that the lake gives ids of their own, in order.
    ///
    /// A list has `element`, a map `key` and `value`, an interval `months`, `days`
    /// and `micros`; other types have none.
    pub fn children(&self) -> Vec<(String, ColumnType)> {
        let named = |name: &str, inner: ColumnType| (name.to_owned(), inner);
        match self {
            Self::List(element) => vec![named(ELEMENT_NAME, (**element).clone())],
            Self::Map(key, value) => {
                vec![
                    named("key", (**key).clone()),
                    named("value", (**value).clone()),
                ]
            }
            Self::Struct(fields) => fields.clone(),
            Self::Refined(refinement) => refinement.base().children(),
            Self::Interval => vec![
                named("months", Self::Int32),
                named("days", Self::Int32),
                named("micros", Self::Int64),
            ],
            _ => Vec::new(),
        }
    }

    /// The Arrow field of a column of this type, with the metadata that names its
    /// PostgreSQL type.
    pub fn field(&self, name: &str, nullable: bool) -> Field {
        let field = Field::new(name, self.arrow_type(), nullable);
        match self.pg_type() {
            Some(pg_type) => {
                field.with_metadata(HashMap::from([(PG_TYPE_KEY.to_owned(), pg_type)]))
            }
            None => field,
        }
    }

    /// The value of the `PG_TYPE_KEY` metadata, if the Arrow type needs one.
    pub fn pg_type(&self) -> Option<String> {
        // PostgreSQL's modifier counts a header of four bytes with the length.
        let sized = |name: &str, length: u32| format!("{name}/{}", u64::from(length) + 4);
        match self {
            Self::NumericUnbounded => Some("numeric/-1".to_owned()),
            Self::Varchar(None) => Some("varchar/-1".to_owned()),
            Self::Varchar(Some(length)) => Some(sized("varchar", *length)),
            Self::Char(length) => Some(sized("bpchar", *length)),
            Self::Refined(refinement) => Some(refinement.pg_type()),
            Self::Uuid => Some("uuid/-1".to_owned()),
            Self::Json => Some("json/-1".to_owned()),
            Self::Jsonb => Some("jsonb/-1".to_owned()),
            _ => None,
        }
    }

    /// Whether values of this type have bounds that say something about a file.
    ///
    /// JSON has none: its text order is not the order in which jsonb compares.
    pub fn has_bounds(&self) -> bool {
        !matches!(
            self.plain(),
            Self::Json
                | Self::Jsonb
                | Self::Interval
                | Self::HugeInt
                | Self::List(_)
                | Self::Struct(_)
                | Self::Map(..)
                | Self::Unsupported(_)
        )
    }
}

/// Arrow's map type; its inner names are Arrow's own.
fn map_type(key: Field, value: Field) -> DataType {
    let entries = Fields::from(vec![key, value]);
    DataType::Map(
        Arc::new(Field::new("key_value", DataType::Struct(entries), false)),
        false,
    )
}
