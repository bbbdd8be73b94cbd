//! The one error of storage: what the caller should do, a text, and the cause.

use std::error::Error as StdError;
use std::fmt;

/// What the caller should do, not what went wrong inside. A new kind needs review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The named thing is absent: tell the user.
    NotFound,
    /// It is already there: tell the user.
    Exists,
    /// Another writer won: retry the transaction.
    Conflict,
    /// The store did not answer: retry the call, then give up.
    Unavailable,
    /// A configured bound was reached: ask for less, or raise it.
    Exhausted,
    /// Stored bytes are wrong: stop, a human must look.
    Corrupt,
    /// The lake holds something that this version does not know: tell the user.
    Unsupported,
    /// Only a primary may do this: send it there.
    ReadOnly,
    /// A replica was cut off from the catalog for too long: ask another node.
    Stale,
    /// Another catalog may name the same files: a human must say whose they are.
    NotOwner,
    /// A bug of ours: report it.
    Internal,
}

/// An error of the storage layer.
///
/// `message` may be shown to clients: it names no path, host or key. Those are in
/// the source, for the log.
#[derive(Debug)]
pub struct Error {
    /// What the caller should do.
    pub kind: ErrorKind,
    /// Lower-case text without a full stop, as PostgreSQL words its messages.
    pub message: String,
    /// The cause, for the log.
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error without a cause below it.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// The same error with its cause.
    pub fn with_source(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
            ..self
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_ref()
            .map(|source| &**source as &(dyn StdError + 'static))
    }
}
