//! Passwords become verifiers; nothing else of them is kept.
//!
//! How a verifier is made is the server's business: see [`crate::Passwords`].

use crate::error::SqlError;
use crate::execute::apart;
use crate::session::{Notice, Session};

/// The verifier of a password, or the one that was given in its place.
///
/// Errors: `0A000` for forms that no login here could check.
pub(super) async fn verifier(
    session: &mut Session,
    password: Option<&str>,
) -> Result<Option<String>, SqlError> {
    let Some(password) = password else {
        return Ok(None);
    };
    if password.is_empty() {
        let text = "empty string is not a valid password, clearing password";
        session.notify(Notice::info(text));
        return Ok(None);
    }
    let passwords = session.engine.passwords;
    if (passwords.is_verifier)(password) {
        return Ok(Some(password.to_owned()));
    }
    if is_foreign_hash(password) {
        return Err(
            SqlError::not_supported("a password hashed with MD5 or SHA-256")
                .with_hint("Give the password itself or a SCRAM-SHA-256 verifier."),
        );
    }
    let password = password.to_owned();
    // Thousands of rounds of hashing take milliseconds.
    let made = apart(move || Ok((passwords.verifier)(&password))).await?;
    Ok(Some(made))
}

/// PostgreSQL's `md5` with 32 digits, Redshift's `sha256|digits|salt`.
fn is_foreign_hash(password: &str) -> bool {
    let is_md5 = password.strip_prefix("md5").is_some_and(|digits| {
        digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    is_md5 || password.starts_with("sha256|")
}
