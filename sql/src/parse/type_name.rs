//! The name of a type in SQL text to the type.
//!
//! Errors: `42704` for a name that is no type, `0A000` for one that Gotgan lacks,
//! `22023` for a modifier outside its range.

use sqlparser::ast::{
    ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, IntervalFields, TimezoneInfo,
};

use crate::error::SqlError;
use crate::types::{self, PgType, oid};

/// The type that `data_type` names.
pub(crate) fn resolve(data_type: &DataType) -> Result<PgType, SqlError> {
    let simple = |oid| Ok(PgType::new(oid));
    match data_type {
        DataType::Bool | DataType::Boolean => simple(oid::BOOL),
        DataType::SmallInt(None) | DataType::Int2(None) => simple(oid::INT2),
        DataType::Int(None) | DataType::Integer(None) | DataType::Int4(None) => simple(oid::INT4),
        DataType::BigInt(None) | DataType::Int8(None) => simple(oid::INT8),
        DataType::Real | DataType::Float4 => simple(oid::FLOAT4),
        DataType::DoublePrecision | DataType::Float8 | DataType::Double(_) => simple(oid::FLOAT8),
        DataType::Float(precision) => float(precision),
        DataType::Numeric(bounds) | DataType::Decimal(bounds) | DataType::Dec(bounds) => {
            numeric(bounds)
        }
        DataType::Text => simple(oid::TEXT),
        DataType::Varchar(length)
        | DataType::CharVarying(length)
        | DataType::CharacterVarying(length)
        | DataType::Nvarchar(length) => varchar(length.as_ref()),
        DataType::Char(length) | DataType::Character(length) => character(length.as_ref()),
        DataType::Bytea => simple(oid::BYTEA),
        DataType::Date => simple(oid::DATE),
        DataType::Time(precision, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            timed(oid::TIME, *precision)
        }
        DataType::Timestamp(precision, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            timed(oid::TIMESTAMP, *precision)
        }
        DataType::Timestamp(precision, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => {
            timed(oid::TIMESTAMPTZ, *precision)
        }
        DataType::Interval { fields, precision } => interval(fields.as_ref(), *precision),
        DataType::Uuid => simple(oid::UUID),
        DataType::JSON => simple(oid::JSON),
        DataType::JSONB => simple(oid::JSONB),
        DataType::Regclass => simple(oid::REGCLASS),
        DataType::Array(definition) => array(definition),
        DataType::Custom(name, modifiers) => custom(&super::name_parts(name), modifiers),
        other => Err(SqlError::undefined_object(
            "type",
            &other.to_string().to_lowercase(),
        )),
    }
}

fn array(definition: &ArrayElemTypeDef) -> Result<PgType, SqlError> {
    let element = match definition {
        ArrayElemTypeDef::SquareBracket(element, _)
        | ArrayElemTypeDef::AngleBracket(element)
        | ArrayElemTypeDef::Parenthesis(element) => resolve(element)?,
        ArrayElemTypeDef::None => return Err(SqlError::syntax("an array needs an element type")),
    };
    // PostgreSQL knows no arrays of arrays: int[][] is int[].
    if element.element().is_some() && !element.is_vector() {
        return Ok(element);
    }
    element
        .array()
        .ok_or_else(|| SqlError::undefined_object("type", &format!("{}[]", element.display())))
}

fn float(bounds: &ExactNumberInfo) -> Result<PgType, SqlError> {
    match bounds {
        ExactNumberInfo::None => Ok(PgType::new(oid::FLOAT8)),
        ExactNumberInfo::Precision(1..=24) => Ok(PgType::new(oid::FLOAT4)),
        ExactNumberInfo::Precision(25..=53) => Ok(PgType::new(oid::FLOAT8)),
        ExactNumberInfo::Precision(0) => Err(SqlError::invalid_parameter(
            "precision for type float must be at least 1 bit",
        )),
        _ => Err(SqlError::invalid_parameter(
            "precision for type float must be less than 54 bits",
        )),
    }
}

/// `numeric(p,s)`; more than 38 digits do not fit a column and are refused.
fn numeric(bounds: &ExactNumberInfo) -> Result<PgType, SqlError> {
    let (precision, scale) = match *bounds {
        ExactNumberInfo::None => return Ok(PgType::new(oid::NUMERIC)),
        ExactNumberInfo::Precision(precision) => (precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
    };
    numeric_of(precision, scale)
}

fn numeric_of(precision: u64, scale: i64) -> Result<PgType, SqlError> {
    if !(1..=1000).contains(&precision) {
        return Err(SqlError::invalid_parameter(format!(
            "NUMERIC precision {precision} must be between 1 and 1000"
        )));
    }
    let fits = u8::try_from(precision)
        .ok()
        .filter(|p| *p <= types::NUMERIC_PRECISION);
    match (fits, i8::try_from(scale)) {
        (Some(precision), Ok(scale)) if (0..=precision as i8).contains(&scale) => {
            Ok(PgType::numeric(precision, scale))
        }
        _ => Err(
            SqlError::not_supported(format!("numeric({precision},{scale})")).with_hint(
                "A numeric holds up to 38 digits, and its scale is between 0 and its precision.",
            ),
        ),
    }
}

fn varchar(length: Option<&CharacterLength>) -> Result<PgType, SqlError> {
    match length {
        None => Ok(PgType::new(oid::VARCHAR)),
        // Redshift's varchar(max).
        Some(CharacterLength::Max) => Ok(PgType::character(oid::VARCHAR, 65_535)),
        Some(CharacterLength::IntegerLength { length, .. }) => {
            bounded(oid::VARCHAR, "varchar", *length)
        }
    }
}

fn character(length: Option<&CharacterLength>) -> Result<PgType, SqlError> {
    match length {
        None => Ok(PgType::character(oid::BPCHAR, 1)),
        Some(CharacterLength::Max) => Err(SqlError::syntax("char(max) is no type")),
        Some(CharacterLength::IntegerLength { length, .. }) => {
            bounded(oid::BPCHAR, "char", *length)
        }
    }
}

fn bounded(oid: u32, name: &str, length: u64) -> Result<PgType, SqlError> {
    match u32::try_from(length) {
        Ok(0) => Err(SqlError::invalid_parameter(format!(
            "length for type {name} must be at least 1"
        ))),
        Ok(length) if length <= 10_485_760 => Ok(PgType::character(oid, length)),
        _ => Err(SqlError::invalid_parameter(format!(
            "length for type {name} cannot exceed 10485760"
        ))),
    }
}

/// `interval day to second(3)`; the fields are read from their SQL words.
fn interval(fields: Option<&IntervalFields>, precision: Option<u64>) -> Result<PgType, SqlError> {
    let words = fields.map(|fields| fields.to_string().to_lowercase());
    let (first, last) = match words.as_deref() {
        None => (None, None),
        Some(words) => match words.split_once(" to ") {
            Some((first, last)) => (Some(first), Some(last)),
            None => (Some(words), None),
        },
    };
    let typmod = types::datetime::interval_typmod(first, last, precision)
        .ok_or_else(|| SqlError::internal("fields of an interval without an order"))?;
    Ok(PgType {
        oid: oid::INTERVAL,
        typmod,
    })
}

fn timed(oid: u32, precision: Option<u64>) -> Result<PgType, SqlError> {
    match precision {
        None => Ok(PgType::new(oid)),
        Some(precision) => {
            let typmod = i32::try_from(precision.min(6)).unwrap_or(6);
            Ok(PgType { oid, typmod })
        }
    }
}

/// Names that the parser has no word for, such as `oid` or `pg_catalog.int4`.
fn custom(parts: &[String], modifiers: &[String]) -> Result<PgType, SqlError> {
    let display = parts.join(".");
    let name = match parts {
        [name] => name,
        [schema, name] if schema == "pg_catalog" => name,
        _ => return Err(SqlError::undefined_object("type", &display)),
    };
    let numbers: Vec<u64> = modifiers
        .iter()
        .filter_map(|text| text.parse().ok())
        .collect();
    match (name.as_str(), numbers.as_slice()) {
        ("numeric", [precision]) => return numeric_of(*precision, 0),
        ("numeric", [precision, scale]) => {
            return numeric_of(*precision, i64::try_from(*scale).unwrap_or(i64::MAX));
        }
        ("varchar", [length]) => return bounded(oid::VARCHAR, "varchar", *length),
        ("bpchar", [length]) => return bounded(oid::BPCHAR, "char", *length),
        ("timestamp", [precision]) => return timed(oid::TIMESTAMP, Some(*precision)),
        ("timestamptz", [precision]) => return timed(oid::TIMESTAMPTZ, Some(*precision)),
        _ => {}
    }
    if let Some(element) = name.strip_suffix("[]") {
        let parts = [element.to_owned()];
        let element = custom(&parts, &[])?;
        return element
            .array()
            .ok_or_else(|| SqlError::undefined_object("type", &display));
    }
    // Redshift's varbyte is bytes.
    let name = if name == "varbyte" {
        "bytea"
    } else {
        name.as_str()
    };
    match types::by_name(name).or_else(|| types::entries().iter().find(|e| e.display == name)) {
        Some(entry) => Ok(PgType::new(entry.oid)),
        None => Err(SqlError::undefined_object("type", &display)),
    }
}
