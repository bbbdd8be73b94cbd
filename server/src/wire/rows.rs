//! Sends a stream of rows, a batch at a time, no faster than the client reads.

use std::sync::Arc;

use gotgan_sql::types::PgType;
use gotgan_sql::{ColumnDescription, Format, RowStream, SqlError};
use pgwire::messages::data::{FieldDescription, RowDescription};
use tokio_util::sync::CancellationToken;

use crate::connection::Connection;
use crate::encode::{EncodedBatch, Layout};
use crate::socket::FLUSH_BYTES;
use crate::wire::error::Failure;
use crate::wire::supervise::supervise;

/// The rows that answer a statement, and how far they were sent.
pub(crate) struct Answer {
    stream: RowStream,
    columns: Arc<[ColumnDescription]>,
    layout: Layout,
    /// The batch that is being sent.
    batch: Option<EncodedBatch>,
}

/// What one call of [`Connection::send_rows`] did.
pub(crate) struct Sent {
    /// Rows that were sent.
    pub(crate) rows: u64,
    /// Whether the stream is known to have no more.
    pub(crate) is_end: bool,
}

impl Answer {
    /// `formats`: one a column.
    pub(crate) fn new(stream: RowStream, formats: &[Format]) -> Self {
        let columns = stream.columns();
        let types = columns.iter().map(column_type);
        let layout = Layout::new(types.zip(formats.iter().copied()).collect());
        Self {
            stream,
            columns,
            layout,
            batch: None,
        }
    }

    /// What the client is told about the columns.
    pub(crate) fn description(&self) -> RowDescription {
        description(&self.columns, self.layout.formats())
    }

    /// The tag after `rows` rows.
    pub(crate) fn tag(&self, rows: u64) -> String {
        self.stream.tag(rows)
    }

    /// What makes the rows.
    pub(crate) fn stream(&self) -> &RowStream {
        &self.stream
    }

    /// Goes on under the limits of the Execute that asks for more.
    pub(crate) fn resume(&mut self, token: &CancellationToken) {
        self.stream.resume(token.clone());
    }
}

/// The RowDescription of columns in the given formats.
pub(crate) fn description(columns: &[ColumnDescription], formats: &[Format]) -> RowDescription {
    let fields = columns.iter().zip(formats).map(|(column, format)| {
        FieldDescription::new(
            column.name.replace('\0', "\u{fffd}"),
            column.table_oid.cast_signed(),
            column.column_number,
            column.type_oid,
            column.type_bytes,
            column.type_modifier,
            i16::from(*format == Format::Binary),
        )
    });
    RowDescription::new(fields.collect())
}

/// The type that a column's values are sent as.
pub(crate) fn column_type(column: &ColumnDescription) -> PgType {
    PgType {
        oid: column.type_oid,
        typmod: column.type_modifier,
    }
}

impl Connection {
    /// Sends up to `rows_max` rows.
    pub(crate) async fn send_rows(
        &mut self,
        answer: &mut Answer,
        rows_max: usize,
    ) -> Result<Sent, Failure> {
        let style = self.session.output_style();
        let mut rows = 0;
        loop {
            if let Some(batch) = &mut answer.batch {
                let output = self.socket.output();
                let appended = batch.append_rows(output, rows_max - rows, FLUSH_BYTES)?;
                let is_end = batch.is_end();
                rows += appended;
                self.record_rows(appended as u64);
                if !is_end {
                    if rows == rows_max {
                        return Ok(Sent {
                            rows: rows as u64,
                            is_end: false,
                        });
                    }
                    self.relieve_or_cancel().await?;
                    continue;
                }
                answer.batch = None;
            }
            if rows == rows_max {
                // As in PostgreSQL, a limit that is met exactly suspends, too.
                return Ok(Sent {
                    rows: rows as u64,
                    is_end: false,
                });
            }
            self.relieve_or_cancel().await?;
            let next = answer.stream.next();
            let end = self.registration.signals.end();
            let Some(batch) = supervise(&mut self.socket, end, &self.token, next).await? else {
                return Ok(Sent {
                    rows: rows as u64,
                    is_end: true,
                });
            };
            answer.batch = Some(answer.layout.encode(&batch, &style)?);
        }
    }

    /// Waits for a slow client until there is room for more output.
    ///
    /// Errors: `57014` if the statement is cancelled meanwhile; what was begun
    /// is still sent, before the error.
    pub(crate) async fn relieve_or_cancel(&mut self) -> Result<(), Failure> {
        if self.socket.output().len() < FLUSH_BYTES {
            return Ok(());
        }
        tokio::select! {
            biased;
            flushed = self.socket.flush() => Ok(flushed?),
            () = self.token.cancelled() => Err(SqlError::cancelled().into()),
            () = self.registration.signals.end().cancelled() => {
                Err(Failure::fatal(SqlError::shutting_down()))
            }
        }
    }
}
