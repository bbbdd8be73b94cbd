//! Which statement runs for a client, and what it was sent: for the log of statements.
//!
//! A row is left for each statement that ran or failed: one of a simple message, an Execute,
//! or a message of the extended protocol that failed before it. Parse, Bind and Describe
//! leave none by themselves. One whose message cannot be read has no text.

use std::sync::Arc;

use gotgan_sql::sqlstate::SqlState;
use gotgan_sql::{SqlError, StatementEnd};

use crate::connection::Connection;

/// Types of the messages that bring a statement.
const QUERY: u8 = b'Q';
const PARSE: u8 = b'P';

/// The statement that runs.
#[derive(Debug)]
pub(crate) struct Running {
    query_id: String,
    text: Arc<str>,
    /// Bytes that the connection had sent when it began.
    sent_before: u64,
    rows: u64,
}

impl Connection {
    /// From now on this statement runs, and what ends is it.
    pub(crate) fn record_begin(&mut self, text: Arc<str>) {
        if !self.session.is_recording() {
            return;
        }
        // The first statement of a message has the id that the log of the process shows, and
        // that of the extended protocol the id of its first message.
        let query_id = match self.query_id.take() {
            Some(query_id) => query_id,
            None => self.shared.lake.ids().uuid().to_string(),
        };
        self.running = Some(Running {
            query_id,
            text,
            sent_before: self.socket.fed(),
            rows: 0,
        });
    }

    /// As [`Self::record_begin`], of a message that may go on with a statement that an
    /// earlier message began; `text`: none if it is not known.
    pub(crate) fn record_message(&mut self, text: Option<Arc<str>>) {
        let Some(running) = &mut self.running else {
            return self.record_begin(text.unwrap_or_else(|| Arc::from("")));
        };
        if let Some(text) = text {
            running.text = text;
        }
    }

    /// A message could not be read; if it had a statement, that has failed.
    ///
    /// `kind`: its type.
    pub(crate) fn record_unread(&mut self, kind: u8) {
        if !matches!(kind, QUERY | PARSE) {
            return;
        }
        if !self.is_in_statement {
            self.begin_statement();
        }
        self.record_message(None);
    }

    /// Rows of the statement were put on their way.
    pub(crate) fn record_rows(&mut self, rows: u64) {
        if let Some(running) = &mut self.running {
            running.rows += rows;
        }
    }

    /// No statement runs any more, and what was begun leaves no row.
    pub(crate) fn record_nothing(&mut self) {
        self.running = None;
    }

    /// The statement has succeeded.
    pub(crate) fn record_success(&mut self) {
        self.record_end(None);
    }

    /// The statement has failed, if one runs.
    pub(crate) fn record_failure(&mut self, error: &SqlError) {
        self.record_end(Some(error.code));
    }

    /// The statement has ended, if one runs; `error`: why it failed.
    pub(crate) fn record_end(&mut self, error: Option<SqlState>) {
        let Some(running) = self.running.take() else {
            return;
        };
        self.session.record(StatementEnd {
            query_id: running.query_id,
            text: running.text,
            rows_returned: running.rows,
            bytes_sent: self.socket.fed().saturating_sub(running.sent_before),
            error,
        });
    }
}
