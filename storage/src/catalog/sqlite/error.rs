//! What SQLite's errors mean for the caller.

use crate::error::{Error, ErrorKind};

/// Translates an error of the driver. Texts name no path; the source does.
pub(in crate::catalog) fn from_sqlx(error: sqlx::Error) -> Error {
    let (kind, message) = classify(&error);
    Error::new(kind, message).with_source(error)
}

fn classify(error: &sqlx::Error) -> (ErrorKind, &'static str) {
    match error {
        sqlx::Error::PoolTimedOut => (
            ErrorKind::Unavailable,
            "the catalog did not give a connection in time",
        ),
        sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            (ErrorKind::Unavailable, "the catalog is closed")
        }
        sqlx::Error::Io(_) => (
            ErrorKind::Unavailable,
            "the catalog could not be read or written",
        ),
        sqlx::Error::Database(database) => {
            let code = database.code().and_then(|code| code.parse::<i64>().ok());
            // The low byte is SQLite's primary result code.
            classify_code(code.unwrap_or(1) & 0xff)
        }
        _ => (ErrorKind::Internal, "the catalog driver failed"),
    }
}

fn classify_code(code: i64) -> (ErrorKind, &'static str) {
    match code {
        5 | 6 => (
            ErrorKind::Unavailable,
            "the catalog is locked by another program",
        ),
        8 => (ErrorKind::Unavailable, "the catalog cannot be written"),
        10 => (
            ErrorKind::Unavailable,
            "the catalog could not be read or written",
        ),
        11 => (ErrorKind::Corrupt, "the catalog database is damaged"),
        13 => (ErrorKind::Exhausted, "the disk of the catalog is full"),
        14 => (
            ErrorKind::Unavailable,
            "the catalog database cannot be opened",
        ),
        19 => (
            ErrorKind::Conflict,
            "the catalog was changed by another program",
        ),
        26 => (ErrorKind::Corrupt, "the catalog file is not a database"),
        _ => (ErrorKind::Internal, "the catalog refused a statement"),
    }
}
