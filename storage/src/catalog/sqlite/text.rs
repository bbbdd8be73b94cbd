//! SQLite's tables, and values to and from its storage classes.

use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow, SqliteValueRef};
use sqlx::{AssertSqlSafe, Decode, Row as _, Sqlite, TypeInfo, ValueRef};

use crate::catalog::statement::{Parameter, Statement, quote};
use crate::error::{Error, ErrorKind};
use crate::snapshot::INLINED_SYSTEM_COLUMNS;
use crate::spec::table::{ColumnSpec, Kind, Promise, TableSpec, Value, Values};
use crate::spec::time;
use crate::types::ColumnType;

/// A statement as a query. It is kept prepared: our texts are few.
pub(super) fn query(statement: Statement) -> Query<'static, Sqlite, SqliteArguments> {
    let mut query = sqlx::query(AssertSqlSafe(statement.sql));
    for parameter in statement.parameters {
        query = match parameter {
            Parameter::Value(Value::Null) => query.bind(None::<i64>),
            Parameter::Value(Value::Integer(number)) => query.bind(number),
            Parameter::Value(Value::Real(number)) => query.bind(number),
            Parameter::Value(Value::Flag(flag)) => query.bind(i64::from(flag)),
            Parameter::Value(Value::Text(text)) => query.bind(text),
            Parameter::Value(Value::Bytes(bytes)) => query.bind(bytes),
            Parameter::Value(Value::Time(time)) => query.bind(time::encode(time)),
            Parameter::Integers(_) | Parameter::Texts(_) => {
                unreachable!("SQLite's dialect makes no arrays")
            }
        };
    }
    query
}

/// CREATE TABLE as DuckDB makes it: integers and flags are BIGINT, all else VARCHAR.
pub(in crate::catalog) fn create_table(table: &TableSpec) -> String {
    let columns: Vec<String> = table.columns.iter().map(column_definition).collect();
    format!(
        "CREATE TABLE {} ({})",
        quote(table.name),
        columns.join(", ")
    )
}

/// CREATE TABLE for inlined rows, as DuckDB makes it.
pub(super) fn create_inlined(data_table: &str, columns: &[(String, ColumnType)]) -> String {
    let system = INLINED_SYSTEM_COLUMNS.iter();
    let mut definitions: Vec<String> = system
        .map(|name| format!("{} BIGINT", quote(name)))
        .collect();
    for (name, column_type) in columns {
        let physical = match column_type.plain() {
            ColumnType::Boolean
            | ColumnType::Int8
            | ColumnType::Int16
            | ColumnType::Int32
            | ColumnType::Int64
            | ColumnType::UInt8
            | ColumnType::UInt16
            | ColumnType::UInt32 => "BIGINT",
            ColumnType::Bytea => "BLOB",
            _ => "VARCHAR",
        };
        definitions.push(format!("{} {physical}", quote(name)));
    }
    format!(
        "CREATE TABLE IF NOT EXISTS {} ({})",
        quote(data_table),
        definitions.join(", ")
    )
}

fn column_definition(column: &ColumnSpec) -> String {
    let physical = match column.kind {
        Kind::Integer | Kind::Flag => "BIGINT",
        Kind::Text | Kind::Uuid | Kind::Time => "VARCHAR",
    };
    let promise = match column.promise {
        Promise::Nothing => "",
        Promise::NotNull => " NOT NULL",
        Promise::Key => " PRIMARY KEY",
    };
    format!("{} {physical}{promise}", quote(column.name))
}

/// The values of a row of a known table.
pub(super) fn row_values(table: &TableSpec, row: &SqliteRow) -> Result<Values, Error> {
    let mut values = Vec::with_capacity(table.columns.len());
    for (index, column) in table.columns.iter().enumerate() {
        let value = value_at(row, index)?;
        values.push(value.into_kind(column.kind));
    }
    Ok(values)
}

/// Any value, by its storage class.
pub(super) fn value_at(row: &SqliteRow, index: usize) -> Result<Value, Error> {
    let raw = row.try_get_raw(index).map_err(super::error::from_sqlx)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let class = raw.type_info().name().to_owned();
    let decoded = match class.as_str() {
        "INTEGER" => decode_as::<i64>(raw).map(Value::Integer),
        "REAL" => decode_as::<f64>(raw).map(Value::Real),
        "BLOB" => decode_as::<Vec<u8>>(raw).map(Value::Bytes),
        _ => decode_as::<String>(raw).map(Value::Text),
    };
    decoded.map_err(|source| {
        Error::new(
            ErrorKind::Corrupt,
            "the catalog holds a value that cannot be read",
        )
        .with_source(source)
    })
}

fn decode_as<'r, T: Decode<'r, Sqlite>>(
    raw: SqliteValueRef<'r>,
) -> Result<T, sqlx::error::BoxDynError> {
    T::decode(raw)
}
