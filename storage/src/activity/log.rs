//! The log of statements: one row for each that a node ran, and their sums by day.
//!
//! Rows come in batches, each one transaction, in which the sums grow, too. A batch whose
//! reply was lost may be handed over again: it is there as a whole or not at all, so one
//! that is there already adds nothing.
//!
//! Sums are kept, and not made when they are read, because a day may have millions of
//! statements. They are by table: a statement that reads two tables counts for both, with
//! the files and bytes of each, and with all of its rows, bytes sent and time. One that
//! touches none counts for no table. Days are UTC.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};
use crate::object::ReadCounts;

pub(super) mod row;

/// A role as it was called when a statement ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedRole {
    /// Never given to another role.
    pub id: i64,
    /// Its name then.
    pub name: String,
}

/// A table that a statement touched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedTable {
    /// With its schema, quoted where that is needed.
    pub name: String,
    /// Columns that were read or written, in the order of their names.
    pub columns: Vec<String>,
    /// What was read of it.
    pub reads: ReadCounts,
}

/// Whose a statement was: most statements of a session share it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedClient {
    /// The process that ran it.
    pub node: String,
    /// `primary` or `replica`.
    pub node_role: String,
    /// Whose rights applied.
    pub role: LoggedRole,
    /// Who the session is.
    pub session_role: LoggedRole,
    /// As the client named it.
    pub database: String,
    /// Address and port; none on a Unix socket.
    pub client_address: Option<String>,
    /// What the client calls itself.
    pub application_name: String,
    /// What the client knows as the backend's process id.
    pub process_id: i64,
}

/// One statement that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedStatement {
    /// Unique; those of one process sort by time.
    pub query_id: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// Whose it was.
    pub client: Arc<LoggedClient>,
    /// The text, without secrets.
    pub statement: Arc<str>,
    /// How long it waited before it was begun.
    pub queue_time: TimeDelta,
    /// From its first message until it ran.
    pub plan_time: TimeDelta,
    /// From then to its end.
    pub run_time: TimeDelta,
    /// Rows that the client was sent.
    pub rows_returned: u64,
    /// Bytes that the client was sent, with all of the protocol.
    pub bytes_sent: u64,
    /// Most bytes of memory that its operators held at a time.
    pub memory_peak: u64,
    /// Bytes that its operators wrote to the disk for want of memory.
    pub bytes_spilled: u64,
    /// `00000` if it succeeded.
    pub sqlstate: Cow<'static, str>,
    /// Tables that it touched.
    pub tables: Vec<LoggedTable>,
    /// The snapshot that it read; none if it came to none.
    pub snapshot_id: Option<i64>,
}

/// Which statements of a log are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogRange {
    /// None begins with the first.
    pub from: Option<DateTime<Utc>>,
    /// With those at this moment.
    pub until: Option<DateTime<Utc>>,
    /// Only statements of this role, as the session's or as the one whose rights applied.
    pub role: Option<i64>,
}

/// The sums of one day, role, application and table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadUsage {
    /// UTC.
    pub day: NaiveDate,
    /// Whose rights applied.
    pub role: LoggedRole,
    /// Who the session was.
    pub session_role: LoggedRole,
    /// What the client called itself.
    pub application_name: String,
    /// With its schema; empty for statements that touched none.
    pub table_name: String,
    /// How many statements there were.
    pub statements: u64,
    /// Rows that clients were sent.
    pub rows_returned: u64,
    /// Bytes of the table that came from storage.
    pub bytes_read: u64,
    /// Bytes of the table that caches had.
    pub bytes_cached: u64,
    /// Bytes that clients were sent.
    pub bytes_sent: u64,
    /// How long the statements ran.
    pub run_time: TimeDelta,
}

/// Where a statement stands in the order of the log.
pub type LogPlace = (DateTime<Utc>, String);

/// Keeps the log.
#[async_trait]
pub(crate) trait StatementLog: Send + Sync {
    /// Adds statements and their sums; at once, or not at all. Those that are there already
    /// stay as they are.
    async fn append(&self, lake: &str, statements: &[LoggedStatement]) -> Result<(), Error>;

    /// The next statements behind a place, at most `limit`, by time.
    async fn statements(
        &self,
        lake: &str,
        range: &LogRange,
        after: Option<&LogPlace>,
        limit: u32,
    ) -> Result<Vec<LoggedStatement>, Error>;

    /// All sums of a role, or of everybody, by day, role, application and table.
    async fn usage(&self, lake: &str, role: Option<i64>) -> Result<Vec<ReadUsage>, Error>;

    /// Removes statements that began before a moment, about `limit` of them, and the sums of
    /// days that were over then. Returns how many statements went; fewer than `limit` only
    /// if no more are left. Some may stay for a minute longer than that.
    async fn forget_statements(
        &self,
        lake: &str,
        before: DateTime<Utc>,
        limit: u32,
    ) -> Result<u64, Error>;
}

/// What a batch adds to the sums, in an order that all writers keep to: so no two of them
/// wait for each other's rows.
pub(super) fn usage_of(statements: &[LoggedStatement]) -> Vec<ReadUsage> {
    let mut sums: BTreeMap<(NaiveDate, i64, i64, &str, &str), ReadUsage> = BTreeMap::new();
    let no_table = LoggedTable::default();
    for statement in statements {
        let client = &statement.client;
        let day = statement.started_at.date_naive();
        let touched = match statement.tables.as_slice() {
            [] => std::slice::from_ref(&no_table),
            tables => tables,
        };
        for table in touched {
            let key = (
                day,
                client.role.id,
                client.session_role.id,
                client.application_name.as_str(),
                table.name.as_str(),
            );
            let sum = sums.entry(key).or_insert_with(|| ReadUsage {
                day,
                role: client.role.clone(),
                session_role: client.session_role.clone(),
                application_name: client.application_name.clone(),
                table_name: table.name.clone(),
                statements: 0,
                rows_returned: 0,
                bytes_read: 0,
                bytes_cached: 0,
                bytes_sent: 0,
                run_time: TimeDelta::zero(),
            });
            sum.statements += 1;
            sum.rows_returned += statement.rows_returned;
            sum.bytes_read += table.reads.bytes_read;
            sum.bytes_cached += table.reads.bytes_cached;
            sum.bytes_sent += statement.bytes_sent;
            sum.run_time += statement.run_time;
        }
    }
    sums.into_values().collect()
}

/// Tables as the log holds them; nothing for none.
pub(super) fn tables_text(tables: &[LoggedTable]) -> Option<String> {
    if tables.is_empty() {
        return None;
    }
    Some(serde_json::to_string(tables).expect("names and numbers are always JSON"))
}

/// Errors: `Corrupt` for what no node of ours wrote.
pub(super) fn parse_tables(text: Option<&str>) -> Result<Vec<LoggedTable>, Error> {
    let Some(text) = text else {
        return Ok(Vec::new());
    };
    serde_json::from_str(text).map_err(unreadable)
}

/// What a row holds cannot be read.
pub(super) fn unreadable(source: serde_json::Error) -> Error {
    let text = "the log of statements holds what cannot be read";
    Error::new(ErrorKind::Corrupt, text).with_source(source)
}

/// A count as both databases hold it.
pub(super) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count that was stored.
pub(super) fn counted(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

/// A duration as both databases hold it: in microseconds.
pub(super) fn micros(duration: TimeDelta) -> i64 {
    duration.num_microseconds().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
