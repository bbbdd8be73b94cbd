//! A client proves who it is, in the way that the rules ask of it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gotgan_sql::{SqlError, sqlstate};
use gotgan_storage::Login;

use super::rules::{Asking, ClientCertificate, Method};
use super::scram;
use crate::listener::Shared;
use crate::socket::Socket;
use crate::startup::Startup;
use crate::tls;
use crate::wire::error::Failure;
use crate::wire::message::Framer;

/// What a client is told that must wait; the same for roles that do not exist.
fn locked(pause: Duration) -> SqlError {
    SqlError::with_code(
        sqlstate::INVALID_AUTHORIZATION_SPECIFICATION,
        "too many failed logins",
    )
    .with_hint(format!("Try again in {} seconds.", pause.as_secs() + 1))
}

/// Lets a client prove who it is, as the rules ask for it.
///
/// `peer`: none on a Unix socket.
/// Errors: fatal `28000` where no rule or no certificate lets it in, or after too many
/// failures; `28P01` for a wrong password; `08P01` for a broken exchange.
pub(crate) async fn log_in(
    socket: &mut Socket,
    framer: &mut Framer,
    startup: &Startup,
    peer: Option<SocketAddr>,
    shared: &Shared,
) -> Result<Login, Failure> {
    let user = startup.user.as_str();
    let address = peer.map(|address| address.ip());
    // What follows the `@` is a moment, not another database.
    let (database, _) = startup
        .database
        .split_once('@')
        .unwrap_or((&startup.database, ""));
    // What primaries beside this one did to roles counts, too.
    let head = shared.lake.head().await;
    head.map_err(|error| Failure::fatal(error.into()))?;
    let asking = Asking {
        transport: socket.transport(),
        address,
        database,
        user,
        is_member: &|group| shared.engine.is_member(user, group),
    };
    let method = shared.rules.method(&asking).map_err(Failure::fatal)?;
    if method == Method::Trust {
        return known_role(user, shared).await;
    }
    if let Some(pause) = shared.throttle.pause(address, user, Instant::now()) {
        return Err(Failure::fatal(locked(pause)));
    }
    let proved = prove(socket, framer, user, method, shared).await;
    match &proved {
        Ok(_) => shared.throttle.succeeded(address, user),
        Err(Failure::Fatal(error)) if is_no_proof(error) => {
            tracing::info!(user, %error, "a login failed");
            shared.throttle.failed(address, user, Instant::now());
        }
        Err(_) => {}
    }
    proved
}

/// Whether the client failed, and not we or the catalog.
fn is_no_proof(error: &SqlError) -> bool {
    error.code == sqlstate::INVALID_PASSWORD
        || error.code == sqlstate::INVALID_AUTHORIZATION_SPECIFICATION
}

async fn prove(
    socket: &mut Socket,
    framer: &mut Framer,
    user: &str,
    method: Method,
    shared: &Shared,
) -> Result<Login, Failure> {
    let wanted = match method {
        Method::Scram(wanted) => wanted,
        Method::Certificate | Method::Trust | Method::Reject => ClientCertificate::Named,
    };
    check_certificate(socket, user, wanted).map_err(Failure::fatal)?;
    if method == Method::Certificate {
        return known_role(user, shared).await;
    }
    let certificate = shared.tls.as_ref().filter(|_| socket.is_encrypted());
    let certificate = certificate.map(|tls| tls.certificate_pem.as_slice());
    scram::authenticate(socket, framer, user, shared, certificate).await
}

/// Errors: `28000` if the client's certificate is not there or is another's. Only signed
/// ones come so far: the handshake refuses all others.
fn check_certificate(
    socket: &Socket,
    user: &str,
    wanted: ClientCertificate,
) -> Result<(), SqlError> {
    let refusal = |text: &str| {
        SqlError::with_code(
            sqlstate::INVALID_AUTHORIZATION_SPECIFICATION,
            text.to_owned(),
        )
    };
    if wanted == ClientCertificate::Ignored {
        return Ok(());
    }
    let Some(certificate) = socket.client_certificate() else {
        return Err(refusal("connection requires a valid client certificate"));
    };
    let is_named = tls::common_name(certificate).is_some_and(|name| name == user);
    match is_named || wanted == ClientCertificate::Signed {
        true => Ok(()),
        false => Err(refusal(&format!(
            "certificate authentication failed for user \"{user}\""
        ))),
    }
}

/// The role, where the client need not or did already prove that it is its own.
async fn known_role(user: &str, shared: &Shared) -> Result<Login, Failure> {
    let role = shared.lake.login(user).await;
    let role = role.map_err(|error| Failure::fatal(error.into()))?;
    role.ok_or_else(|| {
        Failure::fatal(SqlError::with_code(
            sqlstate::INVALID_AUTHORIZATION_SPECIFICATION,
            format!("role \"{user}\" does not exist"),
        ))
    })
}
