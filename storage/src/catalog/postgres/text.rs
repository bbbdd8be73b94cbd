//! PostgreSQL's tables, and values to and from its types.
//!
//! Rows are inserted as one array for each column, so a statement's text does not depend
//! on how many there are.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Column as _, Postgres, Row as _, TypeInfo, ValueRef};

use super::error::from_sqlx;
use crate::catalog::statement::{Parameter, Statement, quote};
use crate::error::{Error, ErrorKind};
use crate::snapshot::INLINED_SYSTEM_COLUMNS;
use crate::spec::table::{ColumnSpec, Kind, Promise, TableSpec, Value, Values};
use crate::spec::time;
use crate::types::{ColumnType, NUMERIC_UNBOUNDED};

/// A statement as a query. It is kept prepared: our texts are few.
pub(super) fn query(statement: Statement) -> Query<'static, Postgres, PgArguments> {
    let mut query = sqlx::query(AssertSqlSafe(statement.sql));
    for parameter in statement.parameters {
        query = match parameter {
            Parameter::Value(Value::Null) => query.bind(None::<i64>),
            Parameter::Value(Value::Integer(number)) => query.bind(number),
            Parameter::Value(Value::Real(number)) => query.bind(number),
            Parameter::Value(Value::Flag(flag)) => query.bind(flag),
            Parameter::Value(Value::Text(text)) => query.bind(text),
            Parameter::Value(Value::Bytes(bytes)) => query.bind(bytes),
            Parameter::Value(Value::Time(time)) => query.bind(time::encode(time)),
            Parameter::Integers(numbers) => query.bind(numbers),
            Parameter::Texts(texts) => query.bind(texts),
        };
    }
    query
}

/// CREATE TABLE as DuckDB makes it.
pub(super) fn create_table(table: &TableSpec) -> String {
    let columns: Vec<String> = table.columns.iter().map(column_definition).collect();
    format!(
        "CREATE TABLE IF NOT EXISTS {} ({})",
        quote(table.name),
        columns.join(", ")
    )
}

fn column_definition(column: &ColumnSpec) -> String {
    let promise = match column.promise {
        Promise::Nothing => "",
        Promise::NotNull => " NOT NULL",
        Promise::Key => " PRIMARY KEY",
    };
    let physical = Physical::of_kind(column.kind).name;
    format!("{} {physical}{promise}", quote(column.name))
}

/// CREATE TABLE for inlined rows, as DuckDB makes it.
pub(super) fn create_inlined(data_table: &str, columns: &[(String, ColumnType)]) -> String {
    let columns = inlined_columns(columns);
    let definitions: Vec<String> = columns
        .iter()
        .map(|(name, physical)| format!("{} {}", quote(name), physical.name))
        .collect();
    format!(
        "CREATE TABLE IF NOT EXISTS {} ({})",
        quote(data_table),
        definitions.join(", ")
    )
}

/// All columns of a table of inlined rows.
pub(super) fn inlined_columns(columns: &[(String, ColumnType)]) -> Vec<(String, Physical)> {
    let system = INLINED_SYSTEM_COLUMNS
        .iter()
        .map(|name| ((*name).to_owned(), Physical::of_kind(Kind::Integer)));
    let own = columns
        .iter()
        .map(|(name, column_type)| (name.clone(), Physical::of_type(column_type)));
    system.chain(own).collect()
}

/// All columns of a known table.
pub(super) fn spec_columns(table: &TableSpec) -> Vec<(String, Physical)> {
    let columns = table.columns.iter();
    columns
        .map(|column| (column.name.to_owned(), Physical::of_kind(column.kind)))
        .collect()
}

/// The type of a column there, and what carries its values to the server.
#[derive(Clone, Debug)]
pub(super) struct Physical {
    name: String,
    carrier: Carrier,
}

#[derive(Clone, Copy, Debug)]
enum Carrier {
    Integer,
    Flag,
    Text,
    Bytes,
}

impl Physical {
    fn new(name: impl Into<String>, carrier: Carrier) -> Self {
        Self {
            name: name.into(),
            carrier,
        }
    }

    fn of_kind(kind: Kind) -> Self {
        match kind {
            Kind::Integer => Self::new("BIGINT", Carrier::Integer),
            Kind::Flag => Self::new("BOOLEAN", Carrier::Flag),
            Kind::Text => Self::new("VARCHAR", Carrier::Text),
            Kind::Uuid => Self::new("UUID", Carrier::Text),
            Kind::Time => Self::new("TIMESTAMPTZ", Carrier::Text),
        }
    }

    /// As DuckDB chooses: text is BYTEA, since VARCHAR takes no NUL there.
    fn of_type(column_type: &ColumnType) -> Self {
        match column_type.plain() {
            ColumnType::Boolean => Self::new("BOOLEAN", Carrier::Flag),
            ColumnType::Int8 | ColumnType::Int16 => Self::new("SMALLINT", Carrier::Integer),
            ColumnType::UInt8 | ColumnType::UInt16 | ColumnType::Int32 => {
                Self::new("INTEGER", Carrier::Integer)
            }
            ColumnType::UInt32 | ColumnType::Int64 => Self::new("BIGINT", Carrier::Integer),
            ColumnType::Float32 => Self::new("REAL", Carrier::Text),
            ColumnType::Float64 => Self::new("DOUBLE PRECISION", Carrier::Text),
            ColumnType::Numeric { precision, scale } => {
                Self::new(format!("NUMERIC({precision}, {scale})"), Carrier::Text)
            }
            ColumnType::NumericUnbounded => {
                let (precision, scale) = NUMERIC_UNBOUNDED;
                Self::new(format!("NUMERIC({precision}, {scale})"), Carrier::Text)
            }
            ColumnType::Time => Self::new("TIME", Carrier::Text),
            ColumnType::Uuid => Self::new("UUID", Carrier::Text),
            ColumnType::Text
            | ColumnType::Varchar(_)
            | ColumnType::Char(_)
            | ColumnType::Bytea
            | ColumnType::Json
            | ColumnType::Jsonb => Self::new("BYTEA", Carrier::Bytes),
            ColumnType::Date
            | ColumnType::Timestamp
            | ColumnType::TimestampTz
            | ColumnType::Interval
            | ColumnType::Refined(_)
            | ColumnType::List(_)
            | ColumnType::UInt64
            | ColumnType::HugeInt
            | ColumnType::Struct(_)
            | ColumnType::Map(..)
            | ColumnType::Unsupported(_) => Self::new("VARCHAR", Carrier::Text),
        }
    }
}

/// INSERT of whole rows in one statement.
///
/// `rows`: each as long as `columns`. Errors: `Internal` for a value that fits no column.
pub(super) fn insert(
    table: &str,
    columns: &[(String, Physical)],
    rows: &[&Values],
) -> Result<Query<'static, Postgres, PgArguments>, Error> {
    let mut arrays = Vec::with_capacity(columns.len());
    let mut values = Vec::with_capacity(columns.len());
    let mut names = Vec::with_capacity(columns.len());
    for (index, (_, physical)) in columns.iter().enumerate() {
        let number = index + 1;
        let array = match physical.carrier {
            Carrier::Integer => "bigint[]",
            Carrier::Flag => "boolean[]",
            Carrier::Text => "text[]",
            Carrier::Bytes => "bytea[]",
        };
        arrays.push(format!("${number}::{array}"));
        names.push(format!("c{number}"));
        values.push(format!("c{number}::{}", physical.name));
    }
    let targets: Vec<String> = columns.iter().map(|(name, _)| quote(name)).collect();
    let sql = format!(
        "INSERT INTO {} ({}) SELECT {} FROM UNNEST({}) AS r({})",
        quote(table),
        targets.join(", "),
        values.join(", "),
        arrays.join(", "),
        names.join(", ")
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for (index, (_, physical)) in columns.iter().enumerate() {
        let column = rows.iter().map(|row| row.get(index));
        query = match physical.carrier {
            Carrier::Integer => query.bind(collect(column, integer)?),
            Carrier::Flag => query.bind(collect(column, flag)?),
            Carrier::Text => query.bind(collect(column, text)?),
            Carrier::Bytes => query.bind(collect(column, bytes)?),
        };
    }
    Ok(query)
}

fn collect<'a, T>(
    values: impl Iterator<Item = Option<&'a Value>>,
    convert: impl Fn(&Value) -> Option<T>,
) -> Result<Vec<Option<T>>, Error> {
    values
        .map(|value| match value {
            Some(Value::Null) => Ok(None),
            Some(value) => convert(value).map(Some).ok_or_else(misfit),
            None => Err(misfit()),
        })
        .collect()
}

fn misfit() -> Error {
    let text = "a value does not fit the catalog's column";
    Error::new(ErrorKind::Internal, text)
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(number) => Some(*number),
        _ => None,
    }
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Flag(flag) => Some(*flag),
        _ => None,
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Time(time) => Some(time::encode(*time)),
        _ => None,
    }
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Text(text) => Some(text.clone().into_bytes()),
        Value::Bytes(bytes) => Some(bytes.clone()),
        _ => None,
    }
}

/// The values of a row of a known table, from the binary form of a prepared statement.
pub(super) fn row_values(row: &PgRow) -> Result<Values, Error> {
    (0..row.columns().len())
        .map(|index| value_at(row, index))
        .collect()
}

/// A value in its binary form.
pub(super) fn value_at(row: &PgRow, index: usize) -> Result<Value, Error> {
    let value = match row.column(index).type_info().name() {
        "INT8" => row.try_get::<Option<i64>, _>(index).map(of_integer),
        "INT4" => row.try_get::<Option<i32>, _>(index).map(of_integer),
        "INT2" => row.try_get::<Option<i16>, _>(index).map(of_integer),
        "BOOL" => row
            .try_get::<Option<bool>, _>(index)
            .map(|flag| flag.map_or(Value::Null, Value::Flag)),
        "UUID" => row
            .try_get::<Option<uuid::Uuid>, _>(index)
            .map(|id| id.map_or(Value::Null, |id| Value::Text(id.to_string()))),
        "TIMESTAMPTZ" => row
            .try_get::<Option<chrono::DateTime<chrono::Utc>>, _>(index)
            .map(|time| time.map_or(Value::Null, Value::Time)),
        _ => row
            .try_get::<Option<String>, _>(index)
            .map(|text| text.map_or(Value::Null, Value::Text)),
    };
    value.map_err(unreadable)
}

fn of_integer(number: Option<impl Into<i64>>) -> Value {
    number.map_or(Value::Null, |number| Value::Integer(number.into()))
}

/// A value in its text form, which the simple protocol gives and every type has.
pub(super) fn text_at(row: &PgRow, index: usize) -> Result<Value, Error> {
    let raw = row.try_get_raw(index).map_err(from_sqlx)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let text = raw
        .as_str()
        .map_err(|source| Error::new(ErrorKind::Corrupt, UNREADABLE).with_source(source))?;
    let value = match row.column(index).type_info().name() {
        "INT8" | "INT4" | "INT2" => text.parse().ok().map(Value::Integer),
        "BOOL" => Some(Value::Flag(text == "t")),
        "BYTEA" => text.strip_prefix("\\x").and_then(unhex).map(Value::Bytes),
        _ => Some(Value::Text(text.to_owned())),
    };
    value.ok_or_else(|| Error::new(ErrorKind::Corrupt, UNREADABLE))
}

/// Bytes of hexadecimal digits.
fn unhex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks_exact(2);
    let is_even = pairs.remainder().is_empty();
    let bytes = pairs.map(|pair| {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        u8::try_from(high * 16 + low).ok()
    });
    is_even.then(|| bytes.collect())?
}

const UNREADABLE: &str = "the catalog holds a value that cannot be read";

fn unreadable(source: sqlx::Error) -> Error {
    match source {
        sqlx::Error::ColumnDecode { .. } => {
            Error::new(ErrorKind::Corrupt, UNREADABLE).with_source(source)
        }
        other => from_sqlx(other),
    }
}
