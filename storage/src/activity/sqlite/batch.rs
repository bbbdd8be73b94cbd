//! Statements of the log as the SQLite file holds them: many in one row.
//!
//! A row for each would cost more than a short statement itself: two dozen values to bind,
//! to copy and to sort into a tree. So a row holds what was written at a time, as a JSON
//! text: the clients, and the statements as arrays that name their client by its index.
//!
//! Invariants:
//! - Statements of one row began within `SPAN`, so who looks for a time finds the rows
//!   that may have it by the index on their first times.
//! - The same statements make the same rows, so that a batch may be written again.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use serde::{Deserialize, Serialize};

use crate::activity::log::{
    LogPlace, LoggedClient, LoggedStatement, LoggedTable, micros, unreadable,
};
use crate::error::{Error, ErrorKind};

/// What rows are written as; those of another number are not read.
pub(super) const FORMAT: i64 = 1;

/// The longest time between the starts of two statements of one row, in microseconds.
pub(super) const SPAN: i64 = 60_000_000;

/// Bytes of texts from which on a row takes no more, about: a page of the log is read by
/// whole rows.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// A row.
#[derive(Debug)]
pub(super) struct Batch {
    /// Of the statement that began first.
    pub(super) first: LogPlace,
    /// When the last one began, in microseconds.
    pub(super) last_at: i64,
    pub(super) count: i64,
    pub(super) body: Vec<u8>,
}

#[derive(Deserialize, Serialize)]
struct Body<'a> {
    clients: Vec<Cow<'a, LoggedClient>>,
    statements: Vec<Packed<'a>>,
}

/// When it began, its id, the index of its client, the text; the times of queueing,
/// planning and running; rows and bytes sent, memory, bytes spilled; SQLSTATE, tables,
/// snapshot. Times are microseconds.
type Packed<'a> = (
    i64,
    Cow<'a, str>,
    usize,
    Cow<'a, str>,
    [i64; 3],
    [u64; 4],
    Cow<'a, str>,
    Cow<'a, [LoggedTable]>,
    Option<i64>,
);

/// The rows that hold these statements.
pub(super) fn pack(statements: &[LoggedStatement]) -> Vec<Batch> {
    let mut ordered: Vec<&LoggedStatement> = statements.iter().collect();
    ordered.sort_by(|one, other| place(one).cmp(&place(other)));
    let mut batches = Vec::new();
    let mut rest = ordered.as_slice();
    while let Some(first) = rest.first() {
        let first_at = place(first).0;
        let mut text_bytes = 0;
        let is_other = |one: &&LoggedStatement| {
            let is_full = text_bytes >= TEXT_BYTES_MAX;
            text_bytes += text_bytes_of(one);
            is_full || place(one).0 - first_at > SPAN
        };
        let count = rest.iter().position(is_other).unwrap_or(rest.len());
        let (these, others) = rest.split_at(count);
        batches.push(batch(these));
        rest = others;
    }
    batches
}

/// The statements of a row, in their order.
///
/// Errors: `Corrupt`.
pub(super) fn unpack(format: i64, body: &[u8]) -> Result<Vec<LoggedStatement>, Error> {
    if format != FORMAT {
        let text = format!("the log of statements has a row of format {format}");
        return Err(Error::new(ErrorKind::Corrupt, text));
    }
    let body: Body<'_> = serde_json::from_slice(body).map_err(unreadable)?;
    let clients = body.clients.into_iter();
    let clients: Vec<_> = clients
        .map(|client| Arc::new(client.into_owned()))
        .collect();
    let statement = |packed: Packed<'_>| {
        let (started_at, query_id, client, statement, times, counts, sqlstate, tables, snapshot_id) =
            packed;
        let [queue_time, plan_time, run_time] = times.map(TimeDelta::microseconds);
        let [rows_returned, bytes_sent, memory_peak, bytes_spilled] = counts;
        let client = clients.get(client).ok_or_else(|| {
            let text = "the log of statements names a client that it does not hold";
            Error::new(ErrorKind::Corrupt, text)
        })?;
        Ok(LoggedStatement {
            query_id: query_id.into_owned(),
            started_at: DateTime::from_timestamp_micros(started_at).unwrap_or_default(),
            client: Arc::clone(client),
            statement: Arc::from(statement),
            queue_time,
            plan_time,
            run_time,
            rows_returned,
            bytes_sent,
            memory_peak,
            bytes_spilled,
            sqlstate: Cow::Owned(sqlstate.into_owned()),
            tables: tables.into_owned(),
            snapshot_id,
        })
    };
    body.statements.into_iter().map(statement).collect()
}

/// Where a statement stands in the order of the log.
fn place(statement: &LoggedStatement) -> (i64, &str) {
    let started_at = statement.started_at.timestamp_micros();
    (started_at, statement.query_id.as_str())
}

fn text_bytes_of(statement: &LoggedStatement) -> usize {
    let tables = statement.tables.iter().map(|table| {
        let columns: usize = table.columns.iter().map(String::len).sum();
        table.name.len() + columns
    });
    statement.statement.len() + tables.sum::<usize>()
}

/// One row. `statements`: at least one, in order.
fn batch(statements: &[&LoggedStatement]) -> Batch {
    let mut clients = Vec::new();
    let mut indexes = HashMap::new();
    let mut packed = Vec::with_capacity(statements.len());
    for one in statements {
        packed.push(pack_one(one, &mut clients, &mut indexes));
    }
    let body = Body {
        clients,
        statements: packed,
    };
    let (first, last) = (statements[0], statements[statements.len() - 1]);
    Batch {
        first: (first.started_at, first.query_id.clone()),
        last_at: place(last).0,
        count: i64::try_from(statements.len()).unwrap_or(i64::MAX),
        body: serde_json::to_vec(&body).expect("names and numbers are always JSON"),
    }
}

/// `indexes`: where each client is among those of the row, by its address.
fn pack_one<'a>(
    one: &'a LoggedStatement,
    clients: &mut Vec<Cow<'a, LoggedClient>>,
    indexes: &mut HashMap<*const LoggedClient, usize>,
) -> Packed<'a> {
    let client = *indexes.entry(Arc::as_ptr(&one.client)).or_insert_with(|| {
        clients.push(Cow::Borrowed(one.client.as_ref()));
        clients.len() - 1
    });
    (
        place(one).0,
        Cow::Borrowed(one.query_id.as_str()),
        client,
        Cow::Borrowed(one.statement.as_ref()),
        [one.queue_time, one.plan_time, one.run_time].map(micros),
        [
            one.rows_returned,
            one.bytes_sent,
            one.memory_peak,
            one.bytes_spilled,
        ],
        Cow::Borrowed(one.sqlstate.as_ref()),
        Cow::Borrowed(one.tables.as_slice()),
        one.snapshot_id,
    )
}
