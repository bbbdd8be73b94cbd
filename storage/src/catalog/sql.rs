//! Statements of the catalog's upkeep: sets of rows chosen by SQL, in both dialects.
//!
//! A statement is text with values in between. What the dialects spell differently is a
//! part of its own: lists of values, a row's own address, the file name in a path.

use crate::catalog::statement::{Dialect, Statement, quote};
use crate::spec::table::Value;

/// A statement for either database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sql {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Value(Value),
    Integers(Vec<i64>),
    Texts(Vec<String>),
    FileName(String),
    RowAddress,
    RowsOf(Sql),
}

impl Sql {
    /// Begins with this text.
    pub(crate) fn new(text: &str) -> Self {
        Self::default().text(text)
    }

    /// Goes on with text, which is not a user's.
    pub(crate) fn text(mut self, text: &str) -> Self {
        self.parts.push(Part::Text(text.to_owned()));
        self
    }

    /// The name of a table or column.
    pub(crate) fn name(self, name: &str) -> Self {
        let quoted = quote(name);
        self.text(&quoted)
    }

    /// A number.
    pub(crate) fn integer(mut self, number: i64) -> Self {
        self.parts.push(Part::Value(Value::Integer(number)));
        self
    }

    /// A text.
    pub(crate) fn literal(mut self, text: &str) -> Self {
        self.parts.push(Part::Value(Value::Text(text.to_owned())));
        self
    }

    /// What may follow IN: a list of numbers, which may be empty.
    pub(crate) fn integers(mut self, numbers: &[i64]) -> Self {
        self.parts.push(Part::Integers(numbers.to_vec()));
        self
    }

    /// What may follow IN: a list of texts, which may be empty.
    pub(crate) fn texts(mut self, texts: Vec<String>) -> Self {
        self.parts.push(Part::Texts(texts));
        self
    }

    /// The last part of the path in a column, which an index knows. `column`: quoted.
    pub(crate) fn file_name(mut self, column: &str) -> Self {
        self.parts.push(Part::FileName(column.to_owned()));
        self
    }

    /// Another statement, or a part of one.
    pub(crate) fn sql(mut self, other: &Self) -> Self {
        self.parts.extend(other.parts.iter().cloned());
        self
    }

    /// Deletes at most so many rows of a table.
    pub(crate) fn delete_some(table: &str, condition: &Self, count_max: usize) -> Self {
        let mut chosen = Self::new("SELECT ");
        chosen.parts.push(Part::RowAddress);
        let limit = i64::try_from(count_max).unwrap_or(i64::MAX);
        let chosen = chosen.text(" FROM ").name(table).text(" WHERE ");
        let chosen = chosen.sql(condition).text(" LIMIT ").integer(limit);
        let mut delete = Self::new("DELETE FROM ").name(table).text(" WHERE ");
        delete.parts.push(Part::RowsOf(chosen));
        delete
    }

    /// The statement of a dialect.
    pub(super) fn statement(&self, dialect: Dialect) -> Statement {
        let mut statement = Statement::new(dialect);
        self.add_to(dialect, &mut statement);
        statement
    }

    fn add_to(&self, dialect: Dialect, statement: &mut Statement) {
        for part in &self.parts {
            match part {
                Part::Text(text) => {
                    statement.push(text);
                }
                Part::Value(value) => {
                    statement.bind(value.clone());
                }
                Part::Integers(numbers) => statement.integer_list(numbers),
                Part::Texts(texts) => statement.text_list(texts),
                Part::FileName(column) => {
                    statement.push(&match dialect {
                        Dialect::Sqlite => super::sqlite::file_name(column),
                        Dialect::Postgres => super::postgres::file_name(column),
                    });
                }
                Part::RowAddress => {
                    statement.push(match dialect {
                        Dialect::Sqlite => "rowid",
                        Dialect::Postgres => "ctid",
                    });
                }
                Part::RowsOf(chosen) => {
                    statement.push(match dialect {
                        Dialect::Sqlite => "rowid IN (",
                        Dialect::Postgres => "ctid = ANY(ARRAY(",
                    });
                    chosen.add_to(dialect, statement);
                    statement.push(match dialect {
                        Dialect::Sqlite => ")",
                        Dialect::Postgres => "))",
                    });
                }
            }
        }
    }
}
