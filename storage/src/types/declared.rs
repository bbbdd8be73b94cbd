//! The declared type as text, for our side table beside the lake's poorer name.
//!
//! The text is PostgreSQL's own (`character varying` is written `varchar`), with `[]`
//! once for each dimension. It is stored on disk: a spelling, once written, is read
//! for ever.

use crate::types::{ColumnType, Refinement};

impl ColumnType {
    /// The declared type, so that `parse_declared` gives the same type back.
    ///
    /// Types that only DuckDB can declare have no text of ours: they give their lake
    /// name, which `parse_declared` does not know.
    pub fn declared_name(&self) -> String {
        let name = match self {
            Self::Boolean => "boolean",
            Self::Int16 => "smallint",
            Self::Int32 => "integer",
            Self::Int64 => "bigint",
            Self::Float32 => "real",
            Self::Float64 => "double precision",
            Self::Numeric { precision, scale } => return format!("numeric({precision},{scale})"),
            Self::NumericUnbounded => "numeric",
            Self::Text => "text",
            Self::Varchar(None) => "varchar",
            Self::Varchar(Some(length)) => return format!("varchar({length})"),
            Self::Char(length) => return format!("char({length})"),
            Self::Bytea => "bytea",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::TimestampTz => "timestamptz",
            Self::Interval => "interval",
            Self::Uuid => "uuid",
            Self::Json => "json",
            Self::Jsonb => "jsonb",
            Self::Refined(refinement) => return refinement.declared_name(),
            Self::List(element) => return format!("{}[]", element.declared_name()),
            other => return other.lake_name(),
        };
        name.to_owned()
    }

    /// The type whose `declared_name` the text is; `None` for any other text.
    pub fn parse_declared(text: &str) -> Option<ColumnType> {
        if let Some(element) = text.strip_suffix("[]") {
            return Some(Self::List(Box::new(Self::parse_declared(element)?)));
        }
        if let Some((name, rest)) = text.split_once('(') {
            return parse_sized(name, rest.strip_suffix(')')?);
        }
        let simple = match text {
            "boolean" => Self::Boolean,
            "smallint" => Self::Int16,
            "integer" => Self::Int32,
            "bigint" => Self::Int64,
            "real" => Self::Float32,
            "double precision" => Self::Float64,
            "numeric" => Self::NumericUnbounded,
            "text" => Self::Text,
            "varchar" => Self::Varchar(None),
            "bytea" => Self::Bytea,
            "date" => Self::Date,
            "time" => Self::Time,
            "timestamp" => Self::Timestamp,
            "timestamptz" => Self::TimestampTz,
            "interval" => Self::Interval,
            "uuid" => Self::Uuid,
            "json" => Self::Json,
            "jsonb" => Self::Jsonb,
            other => Self::Refined(Refinement::parse(other, None)?),
        };
        Some(simple)
    }
}

fn parse_sized(name: &str, size: &str) -> Option<ColumnType> {
    match name {
        "varchar" => Some(ColumnType::Varchar(Some(size.parse().ok()?))),
        "char" => Some(ColumnType::Char(size.parse().ok()?)),
        "numeric" => {
            let (precision, scale) = size.split_once(',')?;
            Some(ColumnType::Numeric {
                precision: precision.parse().ok()?,
                scale: scale.parse().ok()?,
            })
        }
        _ => {
            let digits = size.parse().ok().filter(|digits| *digits <= 6)?;
            Some(ColumnType::Refined(Refinement::parse(name, Some(digits))?))
        }
    }
}
