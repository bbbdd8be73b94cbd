//! Selections and writes as SQLite's SQL, and values to and from its storage classes.
//!
//! Names come from our own constants, except those of inlined data, which are quoted;
//! values are always bound.

use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow, SqliteValueRef};
use sqlx::{AssertSqlSafe, Decode, Row as _, Sqlite, TypeInfo, ValueRef};

use crate::catalog::{Condition, Selection};
use crate::error::{Error, ErrorKind};
use crate::snapshot::INLINED_SYSTEM_COLUMNS;
use crate::spec::table::{ColumnSpec, Kind, Promise, TableSpec, Value, Values};
use crate::spec::time;
use crate::types::ColumnType;

/// A statement with the values of its placeholders.
#[derive(Debug, Default)]
pub(super) struct Statement {
    pub(super) sql: String,
    values: Vec<Value>,
}

impl Statement {
    pub(super) fn push(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    pub(super) fn name(&mut self, name: &str) -> &mut Self {
        let quoted = quote(name);
        self.push(&quoted)
    }

    pub(super) fn bind(&mut self, value: Value) -> &mut Self {
        self.values.push(value);
        self.push("?")
    }

    fn integer(&mut self, value: i64) -> &mut Self {
        self.bind(Value::Integer(value))
    }

    pub(super) fn select(selection: &Selection) -> Self {
        let mut statement = Self::default();
        let names: Vec<String> = selection
            .table
            .columns
            .iter()
            .map(|column| quote(column.name))
            .collect();
        statement
            .push("SELECT ")
            .push(&names.join(", "))
            .push(" FROM ");
        statement.name(selection.table.name);
        statement.conditions(&selection.conditions);
        // Rows of one id are versions: the order makes decoding repeatable.
        statement.push(" ORDER BY rowid");
        statement
    }

    pub(super) fn conditions(&mut self, conditions: &[Condition]) {
        for (index, condition) in conditions.iter().enumerate() {
            self.push(if index == 0 { " WHERE " } else { " AND " });
            self.condition(condition);
        }
    }

    fn condition(&mut self, condition: &Condition) {
        match condition {
            Condition::VisibleAt(at) => {
                self.push("\"begin_snapshot\" <= ").integer(*at);
                self.push(" AND (\"end_snapshot\" IS NULL OR \"end_snapshot\" > ");
                self.integer(*at).push(")");
            }
            Condition::Live => {
                self.push("\"end_snapshot\" IS NULL");
            }
            Condition::Equals(column, value) => {
                self.name(column).push(" = ").integer(*value);
            }
            Condition::Is(column, value) => {
                self.name(column)
                    .push(" = ")
                    .bind(Value::Text(value.clone()));
            }
            Condition::In(column, values) => {
                let list = serde_json::to_string(values).expect("numbers have a JSON form");
                self.name(column).push(" IN (SELECT value FROM json_each(");
                self.bind(Value::Text(list)).push("))");
            }
            Condition::AtMost(column, value) => {
                self.name(column).push(" <= ").integer(*value);
            }
            Condition::MoreThan(column, value) => {
                self.name(column).push(" > ").integer(*value);
            }
            Condition::ChangedAfter(at) => {
                self.push("(\"begin_snapshot\" > ").integer(*at);
                self.push(" OR \"end_snapshot\" > ").integer(*at).push(")");
            }
            Condition::Within(column, selection) => {
                self.name(column)
                    .push(" IN (SELECT ")
                    .name(column)
                    .push(" FROM ");
                self.name(selection.table.name);
                self.conditions(&selection.conditions);
                self.push(")");
            }
        }
    }

    /// The statement as a query. It is kept prepared: our texts are few.
    pub(super) fn query(self) -> Query<'static, Sqlite, SqliteArguments> {
        let mut query = sqlx::query(AssertSqlSafe(self.sql));
        for value in self.values {
            query = match value {
                Value::Null => query.bind(None::<i64>),
                Value::Integer(number) => query.bind(number),
                Value::Real(number) => query.bind(number),
                Value::Flag(flag) => query.bind(i64::from(flag)),
                Value::Text(text) => query.bind(text),
                Value::Bytes(bytes) => query.bind(bytes),
                Value::Time(time) => query.bind(time::encode(time)),
            };
        }
        query
    }
}

/// A name in double quotes.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// CREATE TABLE as DuckDB makes it: integers and flags are BIGINT, all else VARCHAR.
pub(super) fn create_table(table: &TableSpec) -> String {
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
        values.push(as_kind(value, column.kind));
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

/// What SQLite's storage class stands for in a column of this kind.
fn as_kind(value: Value, kind: Kind) -> Value {
    match (kind, value) {
        (Kind::Flag, Value::Integer(number)) => Value::Flag(number != 0),
        (Kind::Time, Value::Text(text)) => match time::decode(&text) {
            Some(time) => Value::Time(time),
            None => Value::Text(text),
        },
        // A blob in a text column: DuckDB stores text that way in some versions.
        (Kind::Text | Kind::Uuid, Value::Bytes(bytes)) => match String::from_utf8(bytes) {
            Ok(text) => Value::Text(text),
            Err(error) => Value::Bytes(error.into_bytes()),
        },
        (_, value) => value,
    }
}
