//! DECLARE, FETCH, MOVE, CLOSE: the rows of a query, some at a time.
//!
//! A cursor reads files that never change, so one WITH HOLD needs no copy of its rows
//! when its transaction ends. Cursors go forward only.
//!
//! Source: PostgreSQL 15 manual, DECLARE and FETCH.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::DataFusionError;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use sqlparser::ast;
use tokio::sync::Mutex;

use super::query;
use crate::error::SqlError;
use crate::execute::{RowStream, Tag};
use crate::parse::fetch::{Direction, FetchStatement};
use crate::parse::fold;
use crate::plan::ColumnDescription;
use crate::session::{Outcome, Parameter, Session};
use crate::sqlstate;

/// An open cursor.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    columns: Arc<[ColumnDescription]>,
    rows: Arc<Mutex<Rows>>,
    is_held: bool,
    /// Whether it was declared in the transaction that is open.
    is_new: bool,
}

/// What a cursor has not given out yet.
#[derive(Debug)]
struct Rows {
    stream: RowStream,
    rest: Option<RecordBatch>,
}

impl Rows {
    /// The next rows, at most `rows_max`; none at the end.
    async fn next(&mut self, rows_max: usize) -> Result<Option<RecordBatch>, SqlError> {
        loop {
            let Some(batch) = self.rest.take() else {
                match self.stream.next().await? {
                    Some(batch) => self.rest = Some(batch),
                    None => return Ok(None),
                }
                continue;
            };
            if batch.num_rows() > rows_max {
                self.rest = Some(batch.slice(rows_max, batch.num_rows() - rows_max));
                return Ok(Some(batch.slice(0, rows_max)));
            }
            if batch.num_rows() > 0 {
                return Ok(Some(batch));
            }
        }
    }
}

impl Cursor {
    /// Whether it outlives the transaction; `is_committed`: how that ended.
    pub(crate) fn survives(&mut self, is_committed: bool) -> bool {
        let survives = self.is_held && (is_committed || !self.is_new);
        self.is_new = false;
        survives
    }

    pub(crate) fn columns(&self) -> Arc<[ColumnDescription]> {
        Arc::clone(&self.columns)
    }
}

/// DECLARE.
///
/// Errors: `42P03` if the name is taken; `25P01` outside of a transaction block,
/// unless WITH HOLD; those of the query.
pub(crate) async fn declare(
    session: &mut Session,
    declare: &ast::Declare,
    parameters: &[Parameter],
) -> Result<Outcome, SqlError> {
    let ([name], Some(query)) = (declare.names.as_slice(), &declare.for_query) else {
        return Err(SqlError::not_supported("DECLARE of anything but a cursor"));
    };
    let name = fold(name);
    let is_held = declare.hold == Some(true);
    if !is_held && !session.is_in_block() {
        return Err(SqlError::with_code(
            sqlstate::NO_ACTIVE_SQL_TRANSACTION,
            "DECLARE CURSOR can only be used in transaction blocks",
        ));
    }
    if session.cursors.contains_key(&name) {
        return Err(SqlError::with_code(
            sqlstate::DUPLICATE_CURSOR,
            format!("cursor \"{name}\" already exists"),
        ));
    }
    let Outcome::Rows(stream) = query::run(session, query, parameters).await? else {
        return Err(SqlError::syntax("a cursor takes a query that gives rows"));
    };
    let cursor = Cursor {
        columns: stream.columns(),
        rows: Arc::new(Mutex::new(Rows { stream, rest: None })),
        is_held,
        is_new: true,
    };
    session.cursors.insert(name, cursor);
    Ok(Outcome::Command("DECLARE CURSOR".to_owned()))
}

/// FETCH and MOVE.
///
/// Errors: `34000` for an unknown cursor; `55000` for a step back.
pub(crate) async fn fetch(
    session: &mut Session,
    fetch: &FetchStatement,
) -> Result<Outcome, SqlError> {
    let cursor = find(session, &fold(&fetch.cursor))?.clone();
    let left = match fetch.direction {
        Direction::Forward(0) | Direction::Backward => {
            return Err(SqlError::with_code(
                sqlstate::OBJECT_NOT_IN_PREREQUISITE_STATE,
                "cursor can only scan forward",
            )
            .with_hint("Declare it with SCROLL option to enable backward scan."));
        }
        Direction::Forward(rows) => usize::try_from(rows).unwrap_or(usize::MAX),
        Direction::ForwardAll => usize::MAX,
    };
    let limits = session.limits().clone();
    {
        let mut rows = cursor.rows.lock().await;
        rows.stream.under(limits.clone());
        if let Some(meter) = rows.stream.meter() {
            session.recording.meter().go_on_with(meter);
        }
    }
    if fetch.is_move {
        let moved = skip(&cursor, left).await?;
        return Ok(Outcome::Command(format!("MOVE {moved}")));
    }
    let columns = cursor.columns();
    let schema: SchemaRef = Arc::new(Schema::empty());
    let state = (Arc::clone(&cursor.rows), left);
    let stream = futures::stream::try_unfold(state, async |(rows, left)| {
        if left == 0 {
            return Ok(None);
        }
        let next = rows.lock().await.next(left).await;
        let next = next.map_err(DataFusionError::from)?;
        Ok(next.map(|batch| {
            let left = left.saturating_sub(batch.num_rows());
            (batch, (rows, left))
        }))
    });
    let stream = Box::pin(RecordBatchStreamAdapter::new(schema, stream));
    Ok(Outcome::Rows(RowStream::new(
        stream,
        columns,
        limits,
        Tag::Counted("FETCH"),
    )))
}

async fn skip(cursor: &Cursor, rows_max: usize) -> Result<usize, SqlError> {
    let mut moved = 0;
    while moved < rows_max {
        let next = cursor.rows.lock().await.next(rows_max - moved).await?;
        match next {
            Some(batch) => moved += batch.num_rows(),
            None => break,
        }
    }
    Ok(moved)
}

/// CLOSE.
///
/// Errors: `34000`.
pub(crate) fn close(session: &mut Session, cursor: &ast::CloseCursor) -> Result<Outcome, SqlError> {
    match cursor {
        ast::CloseCursor::All => session.cursors.clear(),
        ast::CloseCursor::Specific { name } => {
            let name = fold(name);
            find(session, &name)?;
            session.cursors.remove(&name);
        }
    }
    let tag = match cursor {
        ast::CloseCursor::All => "CLOSE CURSOR ALL",
        ast::CloseCursor::Specific { .. } => "CLOSE CURSOR",
    };
    Ok(Outcome::Command(tag.to_owned()))
}

/// The cursor of this name.
///
/// Errors: `34000`.
pub(crate) fn find<'a>(session: &'a Session, name: &str) -> Result<&'a Cursor, SqlError> {
    session.cursors.get(name).ok_or_else(|| {
        SqlError::with_code(
            sqlstate::INVALID_CURSOR_NAME,
            format!("cursor \"{name}\" does not exist"),
        )
    })
}
