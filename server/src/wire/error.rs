//! What a client is told when something fails, and how the connection goes on.
//!
//! Invariants:
//! - FATAL before the first ReadyForQuery and on protocol faults, else ERROR.
//! - A `SqlError`'s source never reaches a client; it is logged here, once.
//!
//! Source: PostgreSQL 18 manual, section 54.8.

use std::error::Error;
use std::fmt::Write;
use std::io;

use gotgan_sql::sqlstate::{self, SqlState};
use gotgan_sql::{Notice, SqlError};
use pgwire::error::ErrorInfo;
use pgwire::messages::response::{ErrorResponse, NoticeResponse};

use crate::wire::message::DecodeError;

/// Classes of SQLSTATE after which a human must act.
const ALARMING_CLASSES: [&str; 3] = ["58", "F0", "XX"];

/// Why the work on a message stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The statement failed; the connection goes on.
    Statement(Box<SqlError>),
    /// The connection ends after the client was told.
    Fatal(Box<SqlError>),
    /// The client is not there any more.
    Gone,
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        // A transaction that is too old ends with its connection, as in PostgreSQL 17.
        match error.code == sqlstate::TRANSACTION_TIMEOUT {
            true => Self::fatal(error),
            false => Self::Statement(Box::new(error)),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        tracing::debug!(%error, "the connection broke");
        Self::Gone
    }
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Malformed(text) => Self::fatal(SqlError::protocol_violation(text)),
            DecodeError::NotUtf8(bytes) => Self::from(not_utf8(&bytes)),
        }
    }
}

impl Failure {
    /// The connection ends with `error`.
    pub(crate) fn fatal(error: SqlError) -> Self {
        Self::Fatal(Box::new(error))
    }
}

/// Text in a message is not UTF-8.
fn not_utf8(bytes: &[u8]) -> SqlError {
    let mut text = "invalid byte sequence for encoding \"UTF8\":".to_owned();
    for byte in bytes {
        write!(text, " 0x{byte:02x}").expect("writing to a String cannot fail");
    }
    SqlError::with_code(sqlstate::CHARACTER_NOT_IN_REPERTOIRE, text)
}

/// A message is longer than `server.message_bytes_max`.
pub(crate) fn message_too_large(bytes: usize, bytes_max: usize) -> SqlError {
    SqlError::with_code(
        sqlstate::PROGRAM_LIMIT_EXCEEDED,
        format!("a message of {bytes} bytes is too large"),
    )
    .with_detail(format!(
        "The server takes messages of up to {bytes_max} bytes."
    ))
    .with_hint("Send less at once, or raise server.message_bytes_max.")
}

/// The configured number of clients is connected.
pub(crate) fn too_many_connections() -> SqlError {
    SqlError::with_code(
        sqlstate::TOO_MANY_CONNECTIONS,
        "sorry, too many clients already",
    )
}

/// The transaction was idle for longer than the session's setting allows.
pub(crate) fn idle_in_transaction() -> SqlError {
    SqlError::with_code(
        sqlstate::IDLE_IN_TRANSACTION_TIMEOUT,
        "terminating connection due to idle-in-transaction timeout",
    )
}

/// The work on a statement panicked.
pub(crate) fn panicked() -> SqlError {
    SqlError::with_code(
        sqlstate::INTERNAL_ERROR,
        "the statement ended by a fault of the server",
    )
    .with_hint("The server's log has more; please report it.")
}

/// Builds the message for a client.
pub(crate) fn response(error: &SqlError, is_fatal: bool) -> ErrorResponse {
    let mut info = info(
        if is_fatal { "FATAL" } else { "ERROR" },
        error.code,
        &error.message,
    );
    info.detail = error.detail.as_deref().map(clean);
    info.hint = error.hint.as_deref().map(clean);
    info.where_context = error.context.as_deref().map(clean);
    info.position = error.position.map(|position| position.to_string());
    ErrorResponse::from(info)
}

/// Builds the message for a notice.
pub(crate) fn notice_response(notice: &Notice) -> NoticeResponse {
    let mut info = info(notice.severity, notice.code, &notice.message);
    info.detail = notice.detail.as_deref().map(clean);
    info.hint = notice.hint.as_deref().map(clean);
    NoticeResponse::from(info)
}

/// Logs what a client is told; the fields of the span say who and which query.
///
/// `is_fatal`: the connection ends by it, which an operator may want to see.
pub(crate) fn log(error: &SqlError, is_fatal: bool) {
    let code = error.code.0;
    let message = error.message.as_str();
    let detail = error.detail.as_deref();
    let cause = causes(error);
    let is_alarming = ALARMING_CLASSES.iter().any(|class| code.starts_with(class))
        || error.code == sqlstate::DISK_FULL;
    if is_alarming {
        tracing::error!(code, detail, cause, "{message}");
    } else if is_fatal {
        tracing::info!(code, detail, cause, "{message}");
    } else {
        tracing::debug!(code, detail, cause, "{message}");
    }
}

/// The chain of sources below `error`.
fn causes(error: &SqlError) -> Option<String> {
    let mut text = String::new();
    let mut source = error.source();
    while let Some(cause) = source {
        if !text.is_empty() {
            text.push_str(": ");
        }
        write!(text, "{cause}").expect("writing to a String cannot fail");
        source = cause.source();
    }
    (!text.is_empty()).then_some(text)
}

fn info(severity: &str, code: SqlState, message: &str) -> ErrorInfo {
    let mut info = ErrorInfo::new(severity.to_owned(), code.0.to_owned(), clean(message));
    info.severity_nonlocalized = Some(severity.to_owned());
    info
}

/// A field ends at the first zero byte, so none may be in it.
fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
