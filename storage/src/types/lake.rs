//! Type names of the DuckLake catalog.
//!
//! Source: DuckLake 1.0, "data types"; nested types observed in DuckDB 1.5.5: the row
//! of a list, struct or map holds that bare word, and its fields are rows of their own
//! that name it as parent.

use crate::types::{ColumnType, NUMERIC_UNBOUNDED};

impl ColumnType {
    /// The type name for `ducklake_column.column_type`.
    pub fn lake_name(&self) -> String {
        let name = match self {
            Self::Boolean => "boolean",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::UInt8 => "uint8",
            Self::UInt16 => "uint16",
            Self::UInt32 => "uint32",
            Self::UInt64 => "uint64",
            Self::HugeInt => "int128",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Numeric { precision, scale } => return format!("decimal({precision},{scale})"),
            Self::NumericUnbounded => {
                return format!("decimal({},{})", NUMERIC_UNBOUNDED.0, NUMERIC_UNBOUNDED.1);
            }
            Self::Text | Self::Varchar(_) | Self::Char(_) => "varchar",
            Self::Json | Self::Jsonb => "json",
            Self::Bytea => "blob",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::TimestampTz => "timestamptz",
            Self::Uuid => "uuid",
            Self::List(_) => "list",
            Self::Struct(_) | Self::Interval => "struct",
            Self::Map(..) => "map",
            Self::Unsupported(name) => name,
            Self::Refined(refinement) => return refinement.base().lake_name(),
        };
        name.to_owned()
    }

    /// The type that a catalog row names, with the types of its nested fields in order.
    ///
    /// Never fails: what we do not know becomes `Unsupported`, so that a lake with one
    /// exotic column still opens. `varchar` becomes `Text`: use the declared text, where
    /// there is one, before this.
    pub fn parse_lake(text: &str, children: Vec<(String, ColumnType)>) -> ColumnType {
        let name = text.trim().to_ascii_lowercase();
        match name.as_str() {
            "boolean" => Self::Boolean,
            "int8" => Self::Int8,
            "int16" => Self::Int16,
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            "uint8" => Self::UInt8,
            "uint16" => Self::UInt16,
            "uint32" => Self::UInt32,
            "uint64" => Self::UInt64,
            "int128" => Self::HugeInt,
            "float32" => Self::Float32,
            "float64" => Self::Float64,
            "varchar" => Self::Text,
            "json" => Self::Json,
            "blob" => Self::Bytea,
            "date" => Self::Date,
            "time" | "time_ns" => Self::Time,
            "timestamp" | "timestamp_us" | "timestamp_s" | "timestamp_ms" | "timestamp_ns" => {
                Self::Timestamp
            }
            "timestamptz" => Self::TimestampTz,
            "uuid" => Self::Uuid,
            "list" | "struct" | "map" => nested(&name, children),
            // DuckDB's own interval is FIXED(12), of which readers here lose the months.
            _ => match parse_decimal(&name) {
                Some((precision, scale)) => Self::Numeric { precision, scale },
                None => Self::Unsupported(text.to_owned()),
            },
        }
    }

    /// Whether the lake's name loses part of the declared type, so that the declared
    /// text must be kept beside it.
    pub fn needs_declared_name(&self) -> bool {
        match self {
            Self::NumericUnbounded
            | Self::Refined(_)
            | Self::Varchar(_)
            | Self::Char(_)
            | Self::Interval
            | Self::Jsonb => true,
            Self::List(element) => element.needs_declared_name(),
            _ => false,
        }
    }
}

fn nested(name: &str, children: Vec<(String, ColumnType)>) -> ColumnType {
    let count = children.len();
    let mut types = children.iter().map(|(_, inner)| Box::new(inner.clone()));
    match (name, types.next(), types.next()) {
        ("list", Some(element), None) => ColumnType::List(element),
        ("map", Some(key), Some(value)) if count == 2 => ColumnType::Map(key, value),
        ("struct", Some(_), _) => ColumnType::Struct(children),
        _ => ColumnType::Unsupported(name.to_owned()),
    }
}

/// `decimal(p,s)` with 1 to 38 digits.
fn parse_decimal(name: &str) -> Option<(u8, i8)> {
    let inner = name.strip_prefix("decimal(")?.strip_suffix(')')?;
    let (precision, scale) = inner.split_once(',')?;
    let precision: u8 = precision.trim().parse().ok()?;
    let scale: i8 = scale.trim().parse().ok()?;
    let is_valid = (1..=38).contains(&precision) && (0..=38).contains(&scale);
    is_valid.then_some((precision, scale))
}
