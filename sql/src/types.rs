//! The one table between Arrow types and PostgreSQL types, in both directions.
//!
//! An Arrow type that alone does not tell the PostgreSQL type carries the field
//! metadata `pg.type` = `<typname>/<typmod>`; see [`TYPE_KEY`]. The metadata
//! stands on the element field for arrays.
//!
//! Source: PostgreSQL 15, `pg_type.dat` (OIDs, lengths, categories).

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, TimeUnit};
use gotgan_storage::{ColumnType, Refinement};

pub mod array;
pub mod binary;
mod column;
pub mod datetime;
pub mod input;
pub mod json;
mod label;
pub mod numeric;
pub mod output;
mod table;

pub(crate) use label::{has_labels, labelled, labelled_batch};
pub use table::{TypeEntry, by_name, by_oid, entries};

/// Key of the field metadata that names the PostgreSQL type.
pub const TYPE_KEY: &str = "pg.type";

/// Name of the element field of every array type.
pub const ELEMENT: &str = "element";

/// The time zone that every timestamptz column carries in Arrow; the session's
/// zone is applied when a value is read or shown.
pub const UTC: &str = "UTC";

/// Precision and scale of a `numeric` column without bounds (design: decimal(38,10)).
pub const NUMERIC_PRECISION: u8 = 38;
/// See [`NUMERIC_PRECISION`].
pub const NUMERIC_SCALE: i8 = 10;

/// OIDs of the built-in types that code refers to by name.
pub mod oid {
    #![allow(missing_docs, reason = "each constant is the type of its name")]
    pub const BOOL: u32 = 16;
    pub const BYTEA: u32 = 17;
    pub const CHAR: u32 = 18;
    pub const NAME: u32 = 19;
    pub const INT8: u32 = 20;
    pub const INT2: u32 = 21;
    pub const INT2VECTOR: u32 = 22;
    pub const INT4: u32 = 23;
    pub const OIDVECTOR: u32 = 30;
    pub const REGPROC: u32 = 24;
    pub const TEXT: u32 = 25;
    pub const OID: u32 = 26;
    pub const XID: u32 = 28;
    pub const JSON: u32 = 114;
    pub const FLOAT4: u32 = 700;
    pub const FLOAT8: u32 = 701;
    pub const UNKNOWN: u32 = 705;
    pub const BPCHAR: u32 = 1042;
    pub const VARCHAR: u32 = 1043;
    pub const DATE: u32 = 1082;
    pub const TIME: u32 = 1083;
    pub const TIMESTAMP: u32 = 1114;
    pub const TIMESTAMPTZ: u32 = 1184;
    pub const INTERVAL: u32 = 1186;
    pub const NUMERIC: u32 = 1700;
    pub const REGCLASS: u32 = 2205;
    pub const REGTYPE: u32 = 2206;
    pub const RECORD: u32 = 2249;
    pub const UUID: u32 = 2950;
    pub const JSONB: u32 = 3802;
    pub const REGNAMESPACE: u32 = 4089;
    pub const REGROLE: u32 = 4096;
    pub const VOID: u32 = 2278;
}

/// A PostgreSQL type with its modifier, as RowDescription shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PgType {
    /// `pg_type.oid`; one of [`entries`].
    pub oid: u32,
    /// `atttypmod`; -1 means none.
    pub typmod: i32,
}

impl PgType {
    /// A type without modifier.
    #[must_use]
    pub const fn new(oid: u32) -> Self {
        Self { oid, typmod: -1 }
    }

    /// `numeric(precision, scale)`.
    #[must_use]
    pub fn numeric(precision: u8, scale: i8) -> Self {
        let modifier = (i32::from(precision) << 16) | (i32::from(scale) & 0x7ff);
        Self {
            oid: oid::NUMERIC,
            typmod: modifier + 4,
        }
    }

    /// `varchar(n)` or `char(n)`; `length` in characters.
    #[must_use]
    pub fn character(oid: u32, length: u32) -> Self {
        Self {
            oid,
            typmod: i32::try_from(length).unwrap_or(i32::MAX - 4) + 4,
        }
    }

    /// The row of the type table; `unknown` for an OID that is not there.
    #[must_use]
    pub fn entry(self) -> &'static TypeEntry {
        by_oid(self.oid)
            .or_else(|| by_oid(oid::UNKNOWN))
            .expect("the type table holds `unknown`")
    }

    /// The element type if this is an array.
    #[must_use]
    pub fn element(self) -> Option<Self> {
        let entry = self.entry();
        (entry.element != 0).then_some(Self {
            oid: entry.element,
            typmod: self.typmod,
        })
    }

    /// The array type over this one, if there is one.
    #[must_use]
    pub fn array(self) -> Option<Self> {
        let entry = self.entry();
        (entry.array != 0).then_some(Self {
            oid: entry.array,
            typmod: self.typmod,
        })
    }

    /// Precision and scale of `numeric(p,s)`.
    #[must_use]
    pub fn precision_scale(self) -> Option<(u8, i8)> {
        if self.oid != oid::NUMERIC || self.typmod < 4 {
            return None;
        }
        let modifier = self.typmod - 4;
        let scale = ((modifier & 0x7ff) ^ 1024) - 1024;
        Some((
            u8::try_from(modifier >> 16).ok()?,
            i8::try_from(scale).ok()?,
        ))
    }

    /// Length in characters of `varchar(n)` and `char(n)`.
    #[must_use]
    pub fn character_length(self) -> Option<usize> {
        let bounded = matches!(self.oid, oid::VARCHAR | oid::BPCHAR) && self.typmod >= 4;
        bounded.then(|| usize::try_from(self.typmod - 4).unwrap_or(0))
    }

    /// The type as `format_type` shows it: `character varying(3)`, `integer[]`.
    #[must_use]
    pub fn display(self) -> String {
        if let Some(element) = self.element().filter(|_| !self.is_vector()) {
            return format!("{}[]", element.display());
        }
        let name = self.entry().display;
        match self.oid {
            oid::VARCHAR | oid::BPCHAR if self.typmod >= 4 => {
                format!("{name}({})", self.typmod - 4)
            }
            oid::BPCHAR => "bpchar".to_owned(),
            oid::NUMERIC => match self.precision_scale() {
                Some((precision, scale)) => format!("{name}({precision},{scale})"),
                None => name.to_owned(),
            },
            oid::TIMESTAMP if self.typmod >= 0 => {
                format!("timestamp({}) without time zone", self.typmod)
            }
            oid::TIMESTAMPTZ if self.typmod >= 0 => {
                format!("timestamp({}) with time zone", self.typmod)
            }
            oid::TIME if self.typmod >= 0 => format!("time({}) without time zone", self.typmod),
            oid::INTERVAL => format!("{name}{}", datetime::interval_suffix(self.typmod)),
            _ => name.to_owned(),
        }
    }

    /// Whether this is one of the catalog's vectors, shown as `1 2 3`.
    #[must_use]
    pub fn is_vector(self) -> bool {
        matches!(self.oid, oid::INT2VECTOR | oid::OIDVECTOR)
    }

    /// Whether values are held as a number that the catalog calls an OID.
    #[must_use]
    pub fn is_oid_like(self) -> bool {
        matches!(
            self.oid,
            oid::OID
                | oid::XID
                | oid::REGCLASS
                | oid::REGTYPE
                | oid::REGPROC
                | oid::REGNAMESPACE
                | oid::REGROLE
        )
    }

    /// The Arrow type that holds values of this type.
    #[must_use]
    pub fn arrow_type(self) -> DataType {
        if let Some(element) = self.element() {
            return DataType::List(Arc::new(element.field(ELEMENT, true)));
        }
        match self.oid {
            oid::BOOL => DataType::Boolean,
            oid::INT2 => DataType::Int16,
            oid::INT4 => DataType::Int32,
            oid::INT8 => DataType::Int64,
            oid::FLOAT4 => DataType::Float32,
            oid::FLOAT8 => DataType::Float64,
            oid::NUMERIC => {
                let (precision, scale) = self
                    .precision_scale()
                    .unwrap_or((NUMERIC_PRECISION, NUMERIC_SCALE));
                DataType::Decimal128(precision, scale)
            }
            oid::BYTEA => DataType::BinaryView,
            oid::DATE => DataType::Date32,
            oid::TIME => DataType::Time64(TimeUnit::Microsecond),
            oid::TIMESTAMP => DataType::Timestamp(TimeUnit::Microsecond, None),
            oid::TIMESTAMPTZ => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
            oid::INTERVAL => DataType::Interval(IntervalUnit::MonthDayNano),
            oid::UUID => DataType::FixedSizeBinary(16),
            _ if self.is_oid_like() => DataType::Int64,
            _ => DataType::Utf8View,
        }
    }

    /// The `pg.type` metadata, where the Arrow type alone does not tell.
    #[must_use]
    pub fn metadata(self) -> HashMap<String, String> {
        if self.element().is_some() && !self.is_vector() {
            return HashMap::new();
        }
        let told_by_arrow = match self.oid {
            oid::NUMERIC => self.typmod >= 0,
            oid::TIMESTAMP | oid::TIMESTAMPTZ | oid::TIME | oid::INTERVAL => self.typmod < 0,
            oid::BOOL
            | oid::INT2
            | oid::INT4
            | oid::INT8
            | oid::FLOAT4
            | oid::FLOAT8
            | oid::BYTEA
            | oid::DATE
            | oid::TEXT => true,
            _ => false,
        };
        if told_by_arrow {
            return HashMap::new();
        }
        let value = format!("{}/{}", self.entry().name, self.typmod);
        HashMap::from([(TYPE_KEY.to_owned(), value)])
    }

    /// A field that holds this type.
    #[must_use]
    pub fn field(self, name: &str, nullable: bool) -> Field {
        Field::new(name, self.arrow_type(), nullable).with_metadata(self.metadata())
    }

    /// The type of a field, by its metadata, else by its Arrow type.
    #[must_use]
    pub fn of_field(field: &Field) -> Self {
        if let Some(named) = field
            .metadata()
            .get(TYPE_KEY)
            .and_then(|text| parse_metadata(text))
        {
            return named;
        }
        Self::of_arrow(field.data_type())
    }

    /// The type that an Arrow type stands for when nothing else is known.
    #[must_use]
    pub fn of_arrow(data_type: &DataType) -> Self {
        match data_type {
            DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                Self::new(oid::TEXT)
            }
            DataType::Boolean => Self::new(oid::BOOL),
            DataType::Int8 | DataType::Int16 | DataType::UInt8 => Self::new(oid::INT2),
            DataType::Int32 | DataType::UInt16 => Self::new(oid::INT4),
            DataType::Int64 | DataType::UInt32 => Self::new(oid::INT8),
            DataType::UInt64 => Self::numeric(20, 0),
            DataType::Float16 | DataType::Float32 => Self::new(oid::FLOAT4),
            DataType::Float64 => Self::new(oid::FLOAT8),
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale)
            | DataType::Decimal256(precision, scale) => Self::numeric(*precision, *scale),
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Self::new(oid::BYTEA),
            DataType::Date32 | DataType::Date64 => Self::new(oid::DATE),
            DataType::Time32(_) | DataType::Time64(_) => Self::new(oid::TIME),
            DataType::Timestamp(_, None) => Self::new(oid::TIMESTAMP),
            DataType::Timestamp(_, Some(_)) => Self::new(oid::TIMESTAMPTZ),
            DataType::Interval(_) | DataType::Duration(_) => Self::new(oid::INTERVAL),
            DataType::List(element)
            | DataType::LargeList(element)
            | DataType::ListView(element)
            | DataType::LargeListView(element)
            | DataType::FixedSizeList(element, _) => Self::of_elements(element),
            DataType::Dictionary(_, value) => Self::of_arrow(value),
            DataType::RunEndEncoded(_, value) => Self::of_field(value),
            DataType::Struct(_) | DataType::Map(_, _) | DataType::Union(_, _) => {
                Self::new(oid::RECORD)
            }
        }
    }

    /// The array type over an element; arrays of several dimensions have the type of
    /// those of one.
    fn of_elements(element: &Field) -> Self {
        let inner = Self::of_field(element);
        if inner.element().is_some() && !inner.is_vector() {
            return inner;
        }
        inner.array().unwrap_or(Self::new(oid::TEXT))
    }

    /// The type of a stored column.
    #[must_use]
    pub fn of_column(column_type: &ColumnType) -> Self {
        match column_type {
            ColumnType::Varchar(Some(length)) => Self::character(oid::VARCHAR, *length),
            ColumnType::Varchar(None) => Self::new(oid::VARCHAR),
            ColumnType::Char(length) => Self::character(oid::BPCHAR, *length),
            ColumnType::Uuid => Self::new(oid::UUID),
            ColumnType::Json => Self::new(oid::JSON),
            ColumnType::Jsonb => Self::new(oid::JSONB),
            ColumnType::NumericUnbounded => Self::new(oid::NUMERIC),
            ColumnType::Refined(_) => Self::of_field(&column_type.field("", true)),
            ColumnType::List(element) => Self::of_column(element)
                .array()
                .unwrap_or(Self::new(oid::TEXT)),
            other => Self::of_arrow(&other.arrow_type()),
        }
    }
}

/// The stored column type that holds values of a type.
///
/// Errors: `0A000` for a type that no column can have.
pub fn column_type(pg_type: PgType) -> Result<ColumnType, crate::SqlError> {
    if let Some(element) = pg_type.element() {
        return Ok(ColumnType::List(Box::new(column_type(element)?)));
    }
    let length = pg_type
        .character_length()
        .and_then(|length| u32::try_from(length).ok());
    Ok(match pg_type.oid {
        oid::BOOL => ColumnType::Boolean,
        oid::INT2 => ColumnType::Int16,
        oid::INT4 => ColumnType::Int32,
        oid::INT8 => ColumnType::Int64,
        oid::FLOAT4 => ColumnType::Float32,
        oid::FLOAT8 => ColumnType::Float64,
        oid::NUMERIC => match pg_type.precision_scale() {
            Some((precision, scale)) => ColumnType::Numeric { precision, scale },
            None => ColumnType::NumericUnbounded,
        },
        oid::TEXT | oid::UNKNOWN => ColumnType::Text,
        oid::NAME => ColumnType::Refined(Refinement::Name),
        oid::CHAR => ColumnType::Refined(Refinement::Character),
        oid::OID => ColumnType::Refined(Refinement::Oid),
        oid::VARCHAR => ColumnType::Varchar(length),
        oid::BPCHAR => match length {
            Some(length) => ColumnType::Char(length),
            None => ColumnType::Text,
        },
        oid::BYTEA => ColumnType::Bytea,
        oid::DATE => ColumnType::Date,
        oid::TIME => timed(pg_type, ColumnType::Time, Refinement::Time),
        oid::TIMESTAMP => timed(pg_type, ColumnType::Timestamp, Refinement::Timestamp),
        oid::TIMESTAMPTZ => timed(pg_type, ColumnType::TimestampTz, Refinement::TimestampTz),
        oid::INTERVAL => match datetime::interval_precision(pg_type.typmod) {
            Some(digits) => ColumnType::Refined(Refinement::Interval(digits)),
            None if pg_type.typmod < 0 => ColumnType::Interval,
            None => return Err(unsupported_column(pg_type)),
        },
        oid::UUID => ColumnType::Uuid,
        oid::JSON => ColumnType::Json,
        oid::JSONB => ColumnType::Jsonb,
        _ if pg_type.is_oid_like() => ColumnType::Int64,
        _ => return Err(unsupported_column(pg_type)),
    })
}

/// A type whose modifier is the digits after the seconds.
fn timed(pg_type: PgType, plain: ColumnType, refine: fn(u8) -> Refinement) -> ColumnType {
    match u8::try_from(pg_type.typmod) {
        Ok(digits) => ColumnType::Refined(refine(digits)),
        Err(_) => plain,
    }
}

fn unsupported_column(pg_type: PgType) -> crate::SqlError {
    crate::SqlError::not_supported(format!("a column of type {}", pg_type.display()))
}

/// A field for a stored column.
#[must_use]
pub fn column_field(name: &str, column_type: &ColumnType, nullable: bool) -> FieldRef {
    let field = match column_type {
        ColumnType::Int8
        | ColumnType::UInt8
        | ColumnType::UInt16
        | ColumnType::UInt32
        | ColumnType::UInt64
        | ColumnType::HugeInt
        | ColumnType::Struct(_)
        | ColumnType::Map(_, _) => Field::new(name, column_type.arrow_type(), nullable),
        other => PgType::of_column(other).field(name, nullable),
    };
    Arc::new(field)
}

fn parse_metadata(text: &str) -> Option<PgType> {
    let (name, typmod) = text.rsplit_once('/')?;
    Some(PgType {
        oid: by_name(name)?.oid,
        typmod: typmod.parse().ok()?,
    })
}
