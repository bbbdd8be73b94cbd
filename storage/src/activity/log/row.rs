//! Rows of the log's tables, which both databases name alike, to what they mean.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sqlx::{ColumnIndex, Decode, Row, Type};

use super::{LoggedClient, LoggedRole, LoggedStatement, ReadUsage, counted, parse_tables};
use crate::error::Error;

/// A row of a database whose columns can be had by name. Times and days differ between the
/// two, so the database's own module reads them.
pub(in crate::activity) trait LogRow {
    /// A number, also a duration in microseconds.
    fn number(&self, column: &'static str) -> Result<i64, sqlx::Error>;
    /// A number that may be missing.
    fn maybe_number(&self, column: &'static str) -> Result<Option<i64>, sqlx::Error>;
    /// A text.
    fn text(&self, column: &'static str) -> Result<String, sqlx::Error>;
    /// A text that may be missing.
    fn maybe_text(&self, column: &'static str) -> Result<Option<String>, sqlx::Error>;
}

impl<R> LogRow for R
where
    R: Row,
    &'static str: ColumnIndex<R>,
    i64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    String: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
    fn number(&self, column: &'static str) -> Result<i64, sqlx::Error> {
        self.try_get(column)
    }

    fn maybe_number(&self, column: &'static str) -> Result<Option<i64>, sqlx::Error> {
        self.try_get(column)
    }

    fn text(&self, column: &'static str) -> Result<String, sqlx::Error> {
        self.try_get(column)
    }

    fn maybe_text(&self, column: &'static str) -> Result<Option<String>, sqlx::Error> {
        self.try_get(column)
    }
}

/// A row of the statements.
///
/// `failed`: the error of a row that cannot be read.
pub(in crate::activity) fn statement(
    row: &impl LogRow,
    started_at: DateTime<Utc>,
    failed: fn(sqlx::Error) -> Error,
) -> Result<LoggedStatement, Error> {
    let tables = row.maybe_text("tables").map_err(failed)?;
    let tables = parse_tables(tables.as_deref())?;
    let count = |column| row.number(column).map(counted);
    let duration = |column| row.number(column).map(TimeDelta::microseconds);
    let read = || {
        Ok(LoggedStatement {
            query_id: row.text("query_id")?,
            started_at,
            client: Arc::new(LoggedClient {
                node: row.text("node")?,
                node_role: row.text("node_role")?,
                role: role(row, "role_id", "role")?,
                session_role: role(row, "session_role_id", "session_role")?,
                database: row.text("database")?,
                client_address: row.maybe_text("client_address")?,
                application_name: row.text("application_name")?,
                process_id: row.number("process_id")?,
            }),
            statement: row.text("statement")?.into(),
            queue_time: duration("queue_time")?,
            plan_time: duration("plan_time")?,
            run_time: duration("run_time")?,
            rows_returned: count("rows_returned")?,
            bytes_sent: count("bytes_sent")?,
            memory_peak: count("memory_peak")?,
            bytes_spilled: count("bytes_spilled")?,
            sqlstate: row.text("sqlstate")?.into(),
            tables,
            snapshot_id: row.maybe_number("snapshot_id")?,
        })
    };
    read().map_err(failed)
}

/// A row of the sums.
pub(in crate::activity) fn usage(
    row: &impl LogRow,
    day: NaiveDate,
) -> Result<ReadUsage, sqlx::Error> {
    let count = |column| row.number(column).map(counted);
    Ok(ReadUsage {
        day,
        role: role(row, "role_id", "role")?,
        session_role: role(row, "session_role_id", "session_role")?,
        application_name: row.text("application_name")?,
        table_name: row.text("table_name")?,
        statements: count("statements")?,
        rows_returned: count("rows_returned")?,
        bytes_read: count("bytes_read")?,
        bytes_cached: count("bytes_cached")?,
        bytes_sent: count("bytes_sent")?,
        run_time: row.number("run_time").map(TimeDelta::microseconds)?,
    })
}

fn role(
    row: &impl LogRow,
    id: &'static str,
    name: &'static str,
) -> Result<LoggedRole, sqlx::Error> {
    Ok(LoggedRole {
        id: row.number(id)?,
        name: row.text(name)?,
    })
}
