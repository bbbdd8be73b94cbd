//! SCRAM-SHA-256, with channel binding over TLS.
//!
//! Passwords are kept as PostgreSQL's verifier,
//! `SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>`.
//!
//! Invariant: a role that does not exist, or whose password is none or has ended, goes through the
//! same exchange, with the same salt each time, and gets the same error.
//!
//! Source: RFC 5802, RFC 7677; PostgreSQL 18 manual, sections 54.3, 52.51.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use gotgan_sql::SqlError;
use gotgan_storage::Login;
use pgwire::api::auth::sasl::scram::{
    SCRAM_ITERATIONS, ScramSecret, ScramServerAuth, gen_salted_password,
};
use pgwire::error::PgWireError;
use pgwire::messages::startup::Authentication;

use crate::auth;
use crate::listener::Shared;
use crate::socket::Socket;
use crate::wire::error::Failure;
use crate::wire::message::{Frame, Framer};

const MECHANISM: &str = "SCRAM-SHA-256";
const MECHANISM_BOUND: &str = "SCRAM-SHA-256-PLUS";

/// Bytes of a salt, as PostgreSQL makes them.
const SALT_BYTES: usize = 16;

/// Bytes of a SHA-256.
const KEY_BYTES: usize = 32;

/// Lets the client prove that it knows the password of `user`.
///
/// `certificate_pem`: the server's, if the connection is encrypted.
/// Returns the role.
/// Errors: fatal `28P01` for a wrong password, `08P01` for a broken exchange.
pub(crate) async fn authenticate(
    socket: &mut Socket,
    framer: &mut Framer,
    user: &str,
    shared: &Shared,
    certificate_pem: Option<&[u8]>,
) -> Result<Login, Failure> {
    let mut scram = ScramServerAuth::new();
    if let Some(pem) = certificate_pem
        && let Err(error) = scram.configure_certificate(pem)
    {
        tracing::debug!(%error, "this certificate has no channel binding");
    }
    let lake = &shared.lake;
    let role = lake
        .login(user)
        .await
        .map_err(|error| Failure::fatal(error.into()))?;
    let valid = role
        .as_ref()
        .filter(|role| !shared.engine.password_has_ended(role.id));
    let stored = valid.and_then(|role| role.verifier.as_deref());
    let secret = match stored.map(parse_verifier) {
        Some(Some(secret)) => secret,
        Some(None) => {
            tracing::error!(user, "the stored password verifier cannot be read");
            mock(user, lake.uuid())
        }
        None => mock(user, lake.uuid()),
    };
    let mut mechanisms = vec![MECHANISM.to_owned()];
    if scram.supports_channel_binding() {
        mechanisms.insert(0, MECHANISM_BOUND.to_owned());
    }
    socket.feed(&Authentication::SASL(mechanisms))?;
    let initial = read_response(socket, framer).await?;
    let first = decode_initial(&initial, scram.supports_channel_binding())?;
    let (answer, waiting) = scram
        .on_client_first_message_with_secret(&first, secret)
        .map_err(|error| refuse(user, &error))?;
    socket.feed(&Authentication::SASLContinue(answer.into()))?;
    let last = read_response(socket, framer).await?;
    let answer = waiting
        .on_client_final_message(&last)
        .map_err(|error| refuse(user, &error))?;
    socket.feed(&Authentication::SASLFinal(answer.into()))?;
    // Nobody knows a password of the mock, so there is a role here.
    role.ok_or_else(|| Failure::fatal(auth::failed(user)))
}

/// Sends what was fed and waits for the client's answer.
async fn read_response(socket: &mut Socket, framer: &mut Framer) -> Result<Bytes, Failure> {
    socket.flush().await?;
    loop {
        match framer.take(socket.input())? {
            Some(Frame::Whole { kind: b'p', body }) => return Ok(body),
            Some(Frame::Whole { kind: b'X', .. }) => return Err(Failure::Gone),
            Some(Frame::Whole { kind, .. } | Frame::Oversized { kind, .. }) => {
                let text = format!("expected SASL response, got message type {kind}");
                return Err(Failure::fatal(SqlError::protocol_violation(text)));
            }
            None if socket.fill().await? == 0 => return Err(Failure::Gone),
            None => {}
        }
    }
}

/// Takes the client's first message out of a SASLInitialResponse.
fn decode_initial(body: &Bytes, has_binding: bool) -> Result<Bytes, Failure> {
    let end = body
        .iter()
        .position(|byte| *byte == 0)
        .ok_or_else(malformed)?;
    let mechanism = &body[..end];
    let is_bound = mechanism == MECHANISM_BOUND.as_bytes();
    if mechanism != MECHANISM.as_bytes() && !(is_bound && has_binding) {
        let text = "client selected an invalid SASL authentication mechanism";
        return Err(Failure::fatal(SqlError::protocol_violation(text)));
    }
    let rest = body.slice(end + 1..);
    let Some((length, _)) = rest.split_first_chunk::<4>() else {
        return Err(malformed());
    };
    let data = rest.slice(4..);
    if usize::try_from(i32::from_be_bytes(*length)) != Ok(data.len()) {
        return Err(malformed());
    }
    // The mechanism and the header inside must say the same, or somebody
    // between us changed one of them.
    if is_bound != data.starts_with(b"p=") {
        return Err(malformed());
    }
    Ok(data)
}

fn malformed() -> Failure {
    Failure::fatal(SqlError::protocol_violation("malformed SCRAM message"))
}

fn refuse(user: &str, error: &PgWireError) -> Failure {
    tracing::debug!(user, %error, "authentication failed");
    match error {
        PgWireError::InvalidPassword(_) => Failure::fatal(auth::failed(user)),
        _ => malformed(),
    }
}

/// Makes the verifier of a password.
pub(crate) fn verifier(password: &str) -> String {
    let salt: [u8; SALT_BYTES] = rand::random();
    verifier_with(password, &salt, SCRAM_ITERATIONS)
}

/// Whether a text is a verifier, and no password.
pub(crate) fn is_verifier(text: &str) -> bool {
    parse_verifier(text).is_some()
}

/// Whether `verifier` was made of `password`.
pub(crate) fn is_verifier_of(verifier: &str, password: &str) -> bool {
    match parse_verifier(verifier) {
        Some(ScramSecret::Verifier {
            salt, iterations, ..
        }) => verifier_with(password, &salt, iterations) == verifier,
        Some(ScramSecret::SaltedPassword { .. }) | None => false,
    }
}

fn verifier_with(password: &str, salt: &[u8], iterations: usize) -> String {
    let salted = gen_salted_password(password, salt, iterations);
    let secret = ScramSecret::verifier_from_salted_password(salt.to_vec(), salted, iterations);
    let ScramSecret::Verifier {
        stored_key,
        server_key,
        ..
    } = secret
    else {
        unreachable!("pgwire makes a verifier here");
    };
    let [salt, stored, server] = [salt, &stored_key, &server_key].map(|bytes| BASE64.encode(bytes));
    format!("{MECHANISM}${iterations}:{salt}${stored}:{server}")
}

fn parse_verifier(text: &str) -> Option<ScramSecret> {
    let rest = text.strip_prefix(MECHANISM)?.strip_prefix('$')?;
    let (head, keys) = rest.split_once('$')?;
    let (iterations, salt) = head.split_once(':')?;
    let (stored, server) = keys.split_once(':')?;
    let iterations = iterations.parse::<u32>().ok().filter(|count| *count > 0)?;
    let [salt, stored_key, server_key] = [salt, stored, server].map(|text| BASE64.decode(text));
    let is_key = |key: &Vec<u8>| key.len() == KEY_BYTES;
    Some(ScramSecret::Verifier {
        salt: salt.ok()?,
        iterations: usize::try_from(iterations).ok()?,
        stored_key: stored_key.ok().filter(is_key)?,
        server_key: server_key.ok().filter(is_key)?,
    })
}

/// A secret that no password fits; its salt is always the same for one name.
fn mock(user: &str, lake_uuid: &str) -> ScramSecret {
    // One round of PBKDF2 is HMAC-SHA-256, which hides where the salt is from.
    let mut salt = gen_salted_password(user, lake_uuid.as_bytes(), 1);
    salt.truncate(SALT_BYTES);
    let [stored_key, server_key] = [rand::random::<[u8; KEY_BYTES]>(), rand::random()];
    ScramSecret::Verifier {
        salt,
        iterations: SCRAM_ITERATIONS,
        stored_key: stored_key.to_vec(),
        server_key: server_key.to_vec(),
    }
}

#[cfg(test)]
mod tests;
