//! One client: from the accepted socket to the last message.
//!
//!   TLS, startup, authentication (socket runtime) ──▶ session (query runtime)
//!
//! Invariants:
//! - Whatever ends a connection, its transaction is rolled back and its place
//!   in the registry is given up.
//! - A client is told why its connection ends, unless it went away first.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use gotgan_config::Role;
use gotgan_sql::{Session, SessionOptions, SqlError};
use pgwire::messages::startup::{
    Authentication, BackendKeyData, NegotiateProtocolVersion, SecretKey,
};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use crate::auth;
use crate::auth::places::Place;
use crate::listener::Shared;
use crate::socket::{Socket, Stream};
use crate::startup::{self, Opening, PROTOCOL_MINOR_NEWEST, Startup};
use crate::wire::cancel::Registration;
use crate::wire::error::{self, Failure};
use crate::wire::extended::Portal;
use crate::wire::message::Framer;
use crate::wire::record::Running;
use crate::wire::supervise::supervise;

/// Longest message before the client is known.
const LOGIN_MESSAGE_BYTES_MAX: usize = 64 << 10;

/// How long a client may take to receive its last message.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The major protocol version, as it stands in the upper half of the number.
const PROTOCOL_MAJOR: i32 = 3 << 16;

/// A client that is logged in.
pub(crate) struct Connection {
    pub(crate) socket: Socket,
    pub(crate) framer: Framer,
    pub(crate) session: Session,
    pub(crate) shared: Arc<Shared>,
    pub(crate) registration: Registration,
    /// One of the role's sessions.
    place: Place,
    /// Ends the statement that runs; a fresh one for each.
    pub(crate) token: CancellationToken,
    /// Portals that have been bound; see `extended.rs`.
    pub(crate) portals: HashMap<String, Portal>,
    /// The statement that the log of statements is told of.
    pub(crate) running: Option<Running>,
    /// What the log of the process says of the statement that the messages are of.
    pub(crate) span: Span,
    /// The statement's id there, until it has taken it.
    pub(crate) query_id: Option<String>,
    /// A statement of the extended protocol has begun and not ended.
    pub(crate) is_in_statement: bool,
    /// An error came: messages are dropped until Sync.
    pub(crate) is_skipping: bool,
    /// The last thing sent was ReadyForQuery.
    pub(crate) is_ready: bool,
}

/// Serves one client until it leaves or the server stops.
///
/// `peer`: none on a Unix socket. `slot`: the right to be in startup, given up once the client is known.
pub(crate) async fn serve(
    stream: Stream,
    peer: Option<SocketAddr>,
    shared: Arc<Shared>,
    slot: OwnedSemaphorePermit,
) {
    let limit = shared.config.server.startup_timeout;
    let opened = timeout(limit, Box::pin(open(stream, peer, &shared))).await;
    drop(slot);
    let (mut connection, permit) = match opened {
        Ok(Some(opened)) => opened,
        Ok(None) => return,
        Err(_) => {
            tracing::info!("the client took too long to log in");
            return;
        }
    };
    let queries = shared.queries.clone();
    let serving = async move {
        connection.socket = match connection.socket.adopted() {
            Ok(socket) => socket,
            Err(error) => {
                tracing::info!(%error, "cannot serve the connection");
                return;
            }
        };
        let failure = connection.serve_all().boxed().await;
        connection.end(failure, permit).boxed().await;
    };
    if let Err(error) = queries.spawn(serving.instrument(Span::current())).await {
        tracing::error!(%error, "a connection ended abnormally");
    }
}

/// Brings a client to its first ReadyForQuery; `None` if it is not to be served.
async fn open(
    stream: Stream,
    peer: Option<SocketAddr>,
    shared: &Arc<Shared>,
) -> Option<(Connection, OwnedSemaphorePermit)> {
    let opening = match startup::open(stream, shared.tls.as_ref()).await {
        Ok(opening) => opening,
        Err(error) => {
            tracing::debug!(%error, "the connection broke during startup");
            return None;
        }
    };
    let (mut socket, startup) = match opening {
        Opening::Startup(socket, startup) => (socket, startup),
        Opening::Cancel {
            socket,
            connection_id,
            key,
        } => {
            shared.registry.cancel(connection_id, &key);
            drop(socket);
            return None;
        }
        Opening::Refused(socket, error) => {
            end(socket, &error).await;
            return None;
        }
        Opening::Closed => return None,
    };
    // Only a client that began a session is refused; cancel requests never are.
    let Ok(permit) = Arc::clone(&shared.permits).try_acquire_owned() else {
        end(socket, &error::too_many_connections()).await;
        return None;
    };
    match Box::pin(log_in(&mut socket, &startup, peer, shared)).await {
        Ok((session, registration, place)) => {
            let bytes_max = usize::try_from(shared.config.server.message_bytes_max);
            let connection = Connection {
                socket,
                framer: Framer::new(bytes_max.unwrap_or(usize::MAX)),
                session,
                shared: Arc::clone(shared),
                registration,
                place,
                token: CancellationToken::new(),
                portals: HashMap::new(),
                running: None,
                span: Span::none(),
                query_id: None,
                is_in_statement: false,
                is_skipping: false,
                is_ready: false,
            };
            Some((connection, permit))
        }
        Err(Failure::Statement(error) | Failure::Fatal(error)) => {
            drop(permit);
            end(socket, &error).await;
            None
        }
        Err(Failure::Gone) => None,
    }
}

/// Proves who the client is and opens its session.
async fn log_in(
    socket: &mut Socket,
    startup: &Startup,
    peer: Option<SocketAddr>,
    shared: &Arc<Shared>,
) -> Result<(Session, Registration, Place), Failure> {
    let user = startup.user.as_str();
    let is_local = peer.is_none_or(|address| address.ip().to_canonical().is_loopback());
    if !socket.is_encrypted() && !is_local && !shared.config.server.allow_plaintext {
        return Err(Failure::fatal(auth::plaintext_refused()));
    }
    negotiate(socket, startup)?;
    let mut framer = Framer::new(LOGIN_MESSAGE_BYTES_MAX);
    let role = auth::login::log_in(socket, &mut framer, startup, peer, shared).await?;
    gotgan_sql::database_moment(&startup.database).map_err(Failure::fatal)?;
    let admission = shared.engine.admit(role.id, user).await;
    let admission = admission.map_err(Failure::fatal)?;
    let places = &shared.places;
    let place = places.take(role.id, user, admission.connections_max);
    let place = place.map_err(Failure::fatal)?;
    let registration = shared.registry.register(
        startup.minor >= PROTOCOL_MINOR_NEWEST,
        &shared.shutdown.deadline,
    );
    Span::current()
        .record("connection_id", registration.connection_id)
        .record("user", user);
    let options = SessionOptions {
        connection_id: registration.connection_id,
        user: startup.user.clone(),
        database: startup.database.clone(),
        application_name: startup.application_name.clone(),
        client_address: peer,
        parameters: startup.parameters.clone(),
        role_id: role.id,
        signals: Arc::clone(&registration.signals),
        default_read_only: shared.config.role == Role::Replica,
    };
    let engine = Arc::clone(&shared.engine);
    let opening = async move { engine.open_session(options).await };
    let token = CancellationToken::new();
    let session = Box::pin(supervise(
        socket,
        registration.signals.end(),
        &token,
        opening,
    ))
    .await?;
    socket.feed(&Authentication::Ok)?;
    tracing::debug!(database = startup.database, "logged in");
    Ok((session, registration, place))
}

/// Tells a client that wants more than we know what we know.
fn negotiate(socket: &mut Socket, startup: &Startup) -> Result<(), Failure> {
    if startup.minor <= PROTOCOL_MINOR_NEWEST && startup.unknown_options.is_empty() {
        return Ok(());
    }
    let version = PROTOCOL_MAJOR | i32::from(startup.minor.min(PROTOCOL_MINOR_NEWEST));
    socket.feed(&NegotiateProtocolVersion::new(
        version,
        startup.unknown_options.clone(),
    ))?;
    Ok(())
}

/// Tells a client that is not logged in why its connection ends.
async fn end(mut socket: Socket, error: &SqlError) {
    error::log(error, true);
    close(&mut socket, error, true).await;
}

/// Sends the last message and closes.
///
/// `lingers`: whether the client may be sending; then its bytes are taken until
/// it stops, because closing over unread bytes would take the message back.
async fn close(socket: &mut Socket, error: &SqlError, lingers: bool) {
    let closing = async {
        socket.feed(&error::response(error, true))?;
        socket.close().await?;
        while lingers && socket.fill().await? > 0 {
            socket.input().clear();
        }
        Ok::<(), std::io::Error>(())
    };
    if !matches!(timeout(CLOSE_TIMEOUT, closing).await, Ok(Ok(()))) {
        tracing::debug!("the client did not take its last message");
    }
}

impl Connection {
    /// Serves messages; returns why it stopped.
    async fn serve_all(&mut self) -> Failure {
        if let Err(failure) = self.greet() {
            return failure;
        }
        loop {
            if let Err(failure) = self.serve_message().await {
                return failure;
            }
        }
    }

    /// What a client gets between logging in and its first message.
    fn greet(&mut self) -> Result<(), Failure> {
        self.feed_parameter_changes()?;
        let key = SecretKey::Bytes(self.registration.key.clone());
        self.socket
            .feed(&BackendKeyData::new(self.registration.connection_id, key))?;
        self.feed_ready()
    }

    /// Rolls back, tells the client, closes.
    ///
    /// The permit goes with the session: the next client need not wait until
    /// this one has taken its last message.
    async fn end(mut self, failure: Failure, permit: OwnedSemaphorePermit) {
        self.portals.clear();
        self.session.abort().await;
        drop(self.session);
        drop(self.registration);
        drop(self.place);
        drop(permit);
        match failure {
            Failure::Statement(error) | Failure::Fatal(error) => {
                error::log(&error, true);
                let lingers = !self.shared.shutdown.draining.is_cancelled();
                close(&mut self.socket, &error, lingers).await;
            }
            Failure::Gone => tracing::debug!("disconnected"),
        }
    }
}
