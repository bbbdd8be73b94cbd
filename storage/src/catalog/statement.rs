//! Selections and writes as SQL text with placeholders, for both dialects.
//!
//! Names come from our own constants, except those of inlined data, which are quoted;
//! values are always bound. How a value is bound and read back is the dialect's.

use crate::catalog::{Condition, Page, Selection, Write};
use crate::spec::rows::FORMAT_TABLES;
use crate::spec::side::SIDE_TABLES;
use crate::spec::table::{Kind, Promise, TableSpec, Value};

/// Head of the lake in one statement.
pub(super) const HEAD_SQL: &str = "SELECT \"snapshot_id\", \"snapshot_time\", \
     \"schema_version\", \"next_catalog_id\", \"next_file_id\", \
     (SELECT \"epoch\" FROM \"gotgan_state\") \
     FROM \"ducklake_snapshot\" ORDER BY \"snapshot_id\" DESC LIMIT 1";

/// Whose SQL is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// What a placeholder stands for.
#[derive(Clone, Debug)]
pub(super) enum Parameter {
    Value(Value),
    /// A list as one array; PostgreSQL's dialect only.
    Integers(Vec<i64>),
    /// The same of texts.
    Texts(Vec<String>),
}

/// A statement with the values of its placeholders.
#[derive(Debug)]
pub(super) struct Statement {
    dialect: Dialect,
    pub(super) sql: String,
    pub(super) parameters: Vec<Parameter>,
}

impl Statement {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            sql: String::new(),
            parameters: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// Adds a statement to be run after this one; PostgreSQL takes only one with parameters.
    pub(super) fn follow_with(&mut self, other: Self) {
        if !self.sql.is_empty() {
            self.sql.push_str("; ");
        }
        self.sql.push_str(&other.sql);
        self.parameters.extend(other.parameters);
    }

    pub(super) fn name(&mut self, name: &str) -> &mut Self {
        let quoted = quote(name);
        self.push(&quoted)
    }

    pub(super) fn bind(&mut self, value: Value) -> &mut Self {
        self.parameter(Parameter::Value(value))
    }

    pub(super) fn integer(&mut self, value: i64) -> &mut Self {
        self.bind(Value::Integer(value))
    }

    fn parameter(&mut self, parameter: Parameter) -> &mut Self {
        self.parameters.push(parameter);
        match self.dialect {
            Dialect::Sqlite => self.push("?"),
            Dialect::Postgres => {
                let placeholder = format!("${}", self.parameters.len());
                self.push(&placeholder)
            }
        }
    }

    /// A value for a column of this kind.
    fn bind_as(&mut self, kind: Option<Kind>, value: Value) -> &mut Self {
        match self.dialect {
            Dialect::Sqlite => self.bind(value),
            // A parameter has a type there; NULL would have none.
            Dialect::Postgres if value == Value::Null => self.push("NULL"),
            Dialect::Postgres => self.bind(value).push(match kind {
                Some(Kind::Uuid) => "::uuid",
                Some(Kind::Time) => "::timestamptz",
                _ => "",
            }),
        }
    }

    /// The rows of a selection, all columns in their order.
    pub(super) fn select(dialect: Dialect, selection: &Selection) -> Self {
        let mut statement = Self::new(dialect);
        let columns = selection.table.columns;
        let names: Vec<String> = columns.iter().map(|column| quote(column.name)).collect();
        statement
            .push("SELECT ")
            .push(&names.join(", "))
            .push(" FROM ");
        statement.name(selection.table.name);
        statement.conditions(&selection.conditions);
        if let Some(page) = &selection.page {
            statement.page(page);
            return statement;
        }
        // Rows of one id are versions: the order makes decoding repeatable.
        let key = columns
            .first()
            .filter(|first| first.promise == Promise::Key);
        match (dialect, key) {
            // By the key's own index: SQLite would pass all rows to have them by rowid.
            (Dialect::Sqlite, Some(key)) => statement.push(" ORDER BY ").name(key.name),
            (Dialect::Sqlite, None) => statement.push(" ORDER BY rowid"),
            (Dialect::Postgres, _) => statement.push(" ORDER BY 1").push(
                match columns.iter().any(|column| column.name == "begin_snapshot") {
                    true => ", \"begin_snapshot\"",
                    false => "",
                },
            ),
        };
        statement
    }

    fn page(&mut self, page: &Page) {
        self.push(" ORDER BY ").name(page.column);
        self.push(if page.is_descending { " DESC" } else { "" });
        let count = i64::try_from(page.count_max).unwrap_or(i64::MAX);
        self.push(" LIMIT ").integer(count);
    }

    /// How many rows of a table meet the conditions.
    pub(super) fn count(dialect: Dialect, table: &str, conditions: &[Condition]) -> Self {
        let mut statement = Self::new(dialect);
        statement.push("SELECT count(*) FROM ").name(table);
        statement.conditions(conditions);
        statement
    }

    /// One row if any row of a table has more than this in a column, else none.
    pub(super) fn any_after(dialect: Dialect, table: &str, column: &str, base: i64) -> Self {
        let mut statement = Self::new(dialect);
        statement.push("SELECT 1 FROM ").name(table);
        statement.push(" WHERE ").name(column).push(" > ");
        statement.integer(base).push(" LIMIT 1");
        statement
    }

    /// Pairs (file, position) of a table of inlined deletes.
    pub(super) fn inlined_deletes(dialect: Dialect, table: &str, at: i64) -> Self {
        let mut statement = Self::new(dialect);
        statement
            .push("SELECT \"file_id\", \"row_id\" FROM ")
            .name(table);
        statement.push(" WHERE \"begin_snapshot\" <= ").integer(at);
        statement
    }

    /// The one statement that carries a write out; nothing for those that need more.
    pub(super) fn write(dialect: Dialect, write: &Write) -> Option<Self> {
        let mut statement = Self::new(dialect);
        match write {
            Write::Insert { .. } | Write::CreateInlined { .. } | Write::InsertInlined { .. } => {
                return None;
            }
            Write::Run(sql) => return Some(sql.statement(dialect)),
            Write::Update {
                table,
                set,
                conditions,
            } => {
                statement.push("UPDATE ").name(table.name);
                for (index, (column, value)) in set.iter().enumerate() {
                    statement.push(if index == 0 { " SET " } else { ", " });
                    statement.name(column).push(" = ");
                    statement.bind_as(kind_of(table, column), value.clone());
                }
                statement.conditions(conditions);
            }
            Write::Delete { table, conditions } => {
                statement.push("DELETE FROM ").name(table.name);
                statement.conditions(conditions);
            }
            Write::EndInlined {
                data_table,
                base,
                at,
            } => statement.end_inlined(data_table, *at, Condition::AtMost("begin_snapshot", *base)),
            Write::EndInlinedRows {
                data_table,
                row_ids,
                at,
            } => statement.end_inlined(data_table, *at, Condition::In("row_id", row_ids.clone())),
        }
        Some(statement)
    }

    fn end_inlined(&mut self, data_table: &str, at: i64, condition: Condition) {
        self.push("UPDATE ").name(data_table);
        self.push(" SET \"end_snapshot\" = ").integer(at);
        self.conditions(&[Condition::Live, condition]);
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
            Condition::In(column, values) => self.is_in(column, values),
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

    /// Numbers as rows, in parentheses.
    pub(super) fn integer_list(&mut self, values: &[i64]) {
        match self.dialect {
            Dialect::Sqlite => self.json_list(values),
            Dialect::Postgres => {
                self.push("(SELECT unnest(");
                self.parameter(Parameter::Integers(values.to_vec()))
                    .push("::bigint[]))");
            }
        }
    }

    /// Texts as rows, in parentheses.
    pub(super) fn text_list(&mut self, values: &[String]) {
        match self.dialect {
            Dialect::Sqlite => self.json_list(values),
            Dialect::Postgres => {
                self.push("(SELECT unnest(");
                self.parameter(Parameter::Texts(values.to_vec()))
                    .push("::text[]))");
            }
        }
    }

    fn json_list<T: serde::Serialize>(&mut self, values: &[T]) {
        let list = serde_json::to_string(values).expect("numbers and texts have a JSON form");
        self.push("(SELECT value FROM json_each(");
        self.bind(Value::Text(list)).push("))");
    }

    /// A list is one parameter, so that its length does not make another statement.
    fn is_in(&mut self, column: &str, values: &[i64]) {
        self.name(column);
        match self.dialect {
            Dialect::Sqlite => {
                self.push(" IN ");
                self.json_list(values);
            }
            Dialect::Postgres => {
                self.push(" = ANY(");
                self.parameter(Parameter::Integers(values.to_vec()))
                    .push(")");
            }
        }
    }
}

/// CREATE INDEX for rows that were ended, by when: expiry finds them there and passes no
/// live one.
pub(super) fn index_ended() -> impl Iterator<Item = String> {
    let tables = FORMAT_TABLES.iter().chain(&SIDE_TABLES);
    let versioned = tables.filter(|table| table.is_versioned());
    versioned.map(|table| {
        let name = table.name;
        let index = match name.strip_prefix("ducklake_") {
            Some(rest) => format!("gotgan_ended_{rest}"),
            None => format!("{name}_ended"),
        };
        format!(
            "CREATE INDEX IF NOT EXISTS \"{index}\" ON \"{name}\" (\"end_snapshot\") \
             WHERE \"end_snapshot\" IS NOT NULL"
        )
    })
}

fn kind_of(table: &TableSpec, column: &str) -> Option<Kind> {
    let mut columns = table.columns.iter();
    columns
        .find(|other| other.name == column)
        .map(|column| column.kind)
}

/// A name in double quotes.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The table of inlined deletes; its name is the format's.
pub(crate) fn inlined_delete_table(table_id: i64) -> String {
    format!("ducklake_inlined_delete_{table_id}")
}

/// CREATE INDEX for inlined rows. Flushed rows stay for older snapshots; without the index
/// every read of the few live ones would pass all of them.
pub(super) fn index_inlined(data_table: &str) -> String {
    format!(
        "CREATE INDEX IF NOT EXISTS {} ON {} (\"end_snapshot\")",
        quote(&format!("gotgan_{data_table}_end")),
        quote(data_table)
    )
}

#[cfg(test)]
mod tests;
