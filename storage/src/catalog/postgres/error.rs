//! What PostgreSQL's errors mean for the caller, by SQLSTATE.

use crate::error::{Error, ErrorKind};

/// Translates an error of the driver. Texts name no host and no table; the source does.
pub(super) fn from_sqlx(error: sqlx::Error) -> Error {
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
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => {
            (ErrorKind::Unavailable, "the catalog cannot be reached")
        }
        sqlx::Error::Configuration(_) => {
            (ErrorKind::Unsupported, "the catalog's address is not valid")
        }
        sqlx::Error::Database(database) => {
            let code = database.code();
            classify_state(code.as_deref().unwrap_or_default())
        }
        _ => (ErrorKind::Internal, "the catalog driver failed"),
    }
}

/// Source: PostgreSQL 15, appendix A.
fn classify_state(state: &str) -> (ErrorKind, &'static str) {
    match state {
        "55P03" => (
            ErrorKind::Unavailable,
            "the catalog is locked by another program",
        ),
        "57014" => (ErrorKind::Unavailable, "the catalog did not answer in time"),
        "25006" => (ErrorKind::Unavailable, "the catalog cannot be written"),
        // Serialization failure, deadlock, a key that somebody else took.
        "40001" | "40P01" | "23505" => (
            ErrorKind::Conflict,
            "the catalog was changed by another program",
        ),
        "53300" => (
            ErrorKind::Unavailable,
            "the catalog database has no free connection",
        ),
        "53100" => (ErrorKind::Exhausted, "the disk of the catalog is full"),
        "42P01" | "42703" => (
            ErrorKind::Corrupt,
            "the catalog database has lost a table or a column",
        ),
        "42501" => (
            ErrorKind::Unavailable,
            "the catalog database does not permit this",
        ),
        _ => classify_class(state.get(..2).unwrap_or_default()),
    }
}

fn classify_class(class: &str) -> (ErrorKind, &'static str) {
    match class {
        "08" | "57" | "58" => (ErrorKind::Unavailable, "the catalog cannot be reached"),
        "28" | "3D" => (
            ErrorKind::Unavailable,
            "the catalog database refused the login",
        ),
        "25" => (
            ErrorKind::Unavailable,
            "the catalog ended the transaction, which took too long",
        ),
        "53" | "54" => (
            ErrorKind::Exhausted,
            "the catalog database reached one of its bounds",
        ),
        "XX" => (ErrorKind::Corrupt, "the catalog database is damaged"),
        _ => (ErrorKind::Internal, "the catalog refused a statement"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_say_what_to_do() {
        for (state, kind) in [
            ("40001", ErrorKind::Conflict),
            ("23505", ErrorKind::Conflict),
            ("55P03", ErrorKind::Unavailable),
            ("57P01", ErrorKind::Unavailable),
            ("08006", ErrorKind::Unavailable),
            ("28P01", ErrorKind::Unavailable),
            ("25P03", ErrorKind::Unavailable),
            ("53100", ErrorKind::Exhausted),
            ("53200", ErrorKind::Exhausted),
            ("XX001", ErrorKind::Corrupt),
            ("42P01", ErrorKind::Corrupt),
            ("42601", ErrorKind::Internal),
            ("", ErrorKind::Internal),
        ] {
            assert_eq!(classify_state(state).0, kind, "{state}");
        }
    }
}
