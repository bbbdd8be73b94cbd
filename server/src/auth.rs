//! Who a client is.
//!
//!   rules (address, database, role, TLS) ──▶ method ──▶ pause? ──▶ proof ──▶ role ──▶ may it log in?

use gotgan_sql::{SqlError, sqlstate};

pub(crate) mod login;
pub(crate) mod password;
pub(crate) mod places;
pub(crate) mod rules;
pub(crate) mod scram;
pub(crate) mod throttle;

/// Name of the superuser that every lake begins with.
pub(crate) const SUPERUSER: &str = "gotgan";

/// What everybody gets who is not let in; it must not tell whether the role
/// exists.
pub(crate) fn failed(user: &str) -> SqlError {
    SqlError::with_code(
        sqlstate::INVALID_PASSWORD,
        format!("password authentication failed for user \"{user}\""),
    )
}

/// A client from another machine came without TLS.
pub(crate) fn plaintext_refused() -> SqlError {
    SqlError::with_code(
        sqlstate::INVALID_AUTHORIZATION_SPECIFICATION,
        "connections from other machines must be encrypted",
    )
    .with_hint("Set sslmode=require in the client.")
}
