//! The message loop: what each message of a logged-in client does.
//!
//!   frame ──▶ message ──▶ simple.rs | extended.rs ──▶ rows.rs | copy.rs
//!                │ failure
//!                └──▶ ErrorResponse, abort, then ReadyForQuery or skip to Sync
//!
//! Invariants:
//! - Output is flushed before waiting for input, and beyond a bound, so what a
//!   client can know it gets, and a slow one slows the query.
//! - COPY messages outside of COPY are dropped: a client may have sent them
//!   before it saw the error.
//!
//! Source: PostgreSQL 18 manual, sections 54.2.2 to 54.2.7.

use std::future::pending;
use std::time::Duration;

use futures::FutureExt;
use gotgan_sql::{SqlError, TransactionStatus, sqlstate};
use pgwire::messages::response::{ReadyForQuery, TransactionStatus as WireStatus};
use pgwire::messages::startup::ParameterStatus;
use tokio::time::sleep;
use tracing::Instrument;

use crate::connection::Connection;
use crate::socket::FLUSH_BYTES;
use crate::wire::error::Failure;
use crate::wire::message::{Frame, Message};
use crate::wire::supervise::supervise;

pub(crate) mod cancel;
mod copy;
pub(crate) mod error;
pub(crate) mod extended;
pub(crate) mod message;
pub(crate) mod record;
pub(crate) mod rows;
mod simple;
pub(crate) mod supervise;

/// Type bytes of the extended protocol's messages; an error in one of them
/// makes us skip to the next Sync.
const EXTENDED: &[u8] = b"PBDECH";

/// Type bytes of COPY's messages.
const COPY: &[u8] = b"dcf";

pub(crate) const SYNC: u8 = b'S';
const TERMINATE: u8 = b'X';

impl Connection {
    /// Waits for one message and does what it says.
    ///
    /// Errors: only those that end the connection.
    pub(crate) async fn serve_message(&mut self) -> Result<(), Failure> {
        let frame = self.read_frame().await?;
        let (Frame::Whole { kind, .. } | Frame::Oversized { kind, .. }) = frame;
        let is_skipped = self.is_skipping && kind != SYNC && kind != TERMINATE;
        if is_skipped || COPY.contains(&kind) {
            return Ok(());
        }
        self.is_ready = false;
        if !self.is_in_statement {
            let query_id = self.shared.lake.ids().uuid().to_string();
            self.span = tracing::info_span!("statement", query_id);
            self.query_id = Some(query_id);
        }
        let span = self.span.clone();
        self.session.resume_recording();
        let serving = async {
            match self.serve_frame(frame).await {
                Err(Failure::Statement(error)) => self.fail(&error, kind).await,
                other => other,
            }
        };
        let served = Box::pin(serving).instrument(span).await;
        if let Err(failure) = &served {
            self.record_lost(failure);
        }
        served?;
        if self.is_in_statement {
            self.session.pause_recording();
        }
        self.relieve().await
    }

    async fn serve_frame(&mut self, frame: Frame) -> Result<(), Failure> {
        let (Frame::Whole { kind, .. } | Frame::Oversized { kind, .. }) = frame;
        match decode(frame, self.framer.bytes_max()) {
            Ok(message) => self.serve(message).boxed().await,
            Err(failure) => {
                self.record_unread(kind);
                Err(failure)
            }
        }
    }

    async fn serve(&mut self, message: Message) -> Result<(), Failure> {
        match message {
            Message::Query(text) => self.query(text).await,
            Message::Parse {
                name,
                query,
                parameter_oids,
            } => self.parse(name, query, parameter_oids).await,
            Message::Bind(bind) => self.bind(bind).await,
            Message::Describe { target, name } => self.describe(target, &name).await,
            Message::Execute { portal, rows_max } => self.execute(portal, rows_max).await,
            Message::Close { target, name } => self.close_named(target, &name),
            Message::Flush => Ok(self.socket.flush().await?),
            Message::Sync => self.sync().await,
            Message::FunctionCall => {
                Err(SqlError::not_supported("a function call by message").into())
            }
            Message::Terminate => Err(Failure::Gone),
            // Dropped before; see `serve_message`.
            Message::CopyData(_) | Message::CopyDone | Message::CopyFail(_) => Ok(()),
        }
    }

    /// The next frame; waits for it, for the server's end, or for a timeout.
    pub(crate) async fn read_frame(&mut self) -> Result<Frame, Failure> {
        loop {
            let is_draining = self.is_ready && self.shared.shutdown.draining.is_cancelled();
            if is_draining {
                return Err(Failure::fatal(SqlError::shutting_down()));
            }
            if let Some(frame) = self.framer.take(self.socket.input())? {
                return Ok(frame);
            }
            tokio::select! {
                biased;
                flushed = self.socket.flush() => flushed?,
                () = self.registration.signals.end().cancelled() => {
                    return Err(Failure::fatal(SqlError::shutting_down()));
                }
            }
            if self.is_ready {
                self.socket.shrink();
            }
            self.wait_for_input().await?;
        }
    }

    async fn wait_for_input(&mut self) -> Result<(), Failure> {
        let shutdown = &self.shared.shutdown;
        let end = self.registration.signals.end();
        let is_idle_in_transaction =
            self.is_ready && self.session.status() != TransactionStatus::Idle;
        let idle_limit = self
            .session
            .idle_in_transaction_timeout()
            .filter(|_| is_idle_in_transaction);
        tokio::select! {
            biased;
            read = self.socket.fill() => match read? {
                0 => Err(Failure::Gone),
                _ => Ok(()),
            },
            () = shutdown.draining.cancelled(), if self.is_ready => {
                Err(Failure::fatal(SqlError::shutting_down()))
            }
            () = end.cancelled() => Err(Failure::fatal(SqlError::shutting_down())),
            () = elapsed(idle_limit) => Err(Failure::fatal(error::idle_in_transaction())),
            () = elapsed(self.session.transaction_time_left()) => {
                Err(Failure::fatal(SqlError::transaction_timeout()))
            }
        }
    }

    /// The connection ends within a statement.
    fn record_lost(&mut self, failure: &Failure) {
        match failure {
            Failure::Statement(error) | Failure::Fatal(error) => self.record_failure(error),
            Failure::Gone => self.record_end(Some(sqlstate::CONNECTION_FAILURE)),
        }
    }

    /// Writes what has gathered, if that is much.
    async fn relieve(&mut self) -> Result<(), Failure> {
        if self.socket.output().len() >= FLUSH_BYTES {
            self.socket.flush().await?;
        }
        Ok(())
    }

    /// Tells the client what failed and brings the session back in order.
    ///
    /// `kind`: type of the message that failed.
    async fn fail(&mut self, error: &SqlError, kind: u8) -> Result<(), Failure> {
        error::log(error, false);
        self.record_failure(error);
        self.is_in_statement = false;
        self.portals.clear();
        self.registration.signals.finish();
        let session = &mut self.session;
        let aborting = async move {
            session.abort().await;
            Ok(())
        };
        supervise(
            &mut self.socket,
            self.registration.signals.end(),
            &self.token,
            aborting,
        )
        .await?;
        self.feed_notices()?;
        self.socket.feed(&error::response(error, false))?;
        if EXTENDED.contains(&kind) {
            self.is_skipping = true;
            return Ok(());
        }
        self.feed_ready()
    }

    /// A fresh token for the statement that begins now.
    pub(crate) fn begin_statement(&mut self) {
        self.token = self.session.begin_statement();
        self.registration.signals.begin(&self.token);
    }

    pub(crate) fn feed_notices(&mut self) -> Result<(), Failure> {
        for notice in self.session.take_notices() {
            self.socket.feed(&error::notice_response(&notice))?;
        }
        Ok(())
    }

    pub(crate) fn feed_parameter_changes(&mut self) -> Result<(), Failure> {
        for (name, value) in self.session.take_parameter_changes() {
            self.socket.feed(&ParameterStatus::new(name, value))?;
        }
        Ok(())
    }

    /// Ends a cycle: notices, changed parameters, ReadyForQuery.
    pub(crate) fn feed_ready(&mut self) -> Result<(), Failure> {
        self.registration.signals.finish();
        self.is_in_statement = false;
        self.feed_notices()?;
        self.feed_parameter_changes()?;
        let status = match self.session.status() {
            TransactionStatus::Idle => WireStatus::Idle,
            TransactionStatus::InTransaction => WireStatus::Transaction,
            TransactionStatus::Failed => WireStatus::Error,
        };
        self.socket.feed(&ReadyForQuery::new(status))?;
        self.session.wait();
        self.is_ready = true;
        Ok(())
    }
}

/// Errors: also for a message that was too large to be kept.
fn decode(frame: Frame, bytes_max: usize) -> Result<Message, Failure> {
    match frame {
        Frame::Whole { kind, body } => Ok(Message::decode(kind, body)?),
        Frame::Oversized { bytes, .. } => Err(error::message_too_large(bytes, bytes_max).into()),
    }
}

/// Ends after `limit`; without one, never.
async fn elapsed(limit: Option<Duration>) {
    match limit {
        Some(limit) => sleep(limit).await,
        None => pending().await,
    }
}
