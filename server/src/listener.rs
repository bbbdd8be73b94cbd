//! Accepts connections, bounds them, and drains them at the end.
//!
//!   accept ──▶ startup slot ──▶ connection permit (else 53300) ──▶ session
//!
//! Invariants:
//! - At most [`STARTUPS_MAX`] clients that we do not know yet; beyond them, new
//!   ones wait in the system's queue. Cancel requests need no permit.
//! - Draining: no new connections; idle ones end at once, statements get
//!   `server.shutdown_timeout`, then everybody gets 57P01.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gotgan_config::Config;
use gotgan_sql::Engine;
use gotgan_storage::Lake;
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, field, info_span};

use crate::auth::places::Places;
use crate::auth::rules::Rules;
use crate::auth::throttle::Throttle;
use crate::connection;
use crate::socket::Stream;
use crate::tls::Tls;
use crate::wire::cancel::Registry;

/// Most clients between accept and their startup packet.
const STARTUPS_MAX: usize = 512;

/// Connections that the system may hold for us before we accept them.
const BACKLOG: u32 = 1024;

/// How long to wait after accept failed, usually for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What connections get beyond `server.shutdown_timeout` to say good-bye.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(10);

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) engine: Arc<Engine>,
    pub(crate) lake: Lake,
    pub(crate) tls: Option<Tls>,
    pub(crate) rules: Rules,
    pub(crate) throttle: Throttle,
    pub(crate) registry: Arc<Registry>,
    /// Sessions of each role.
    pub(crate) places: Arc<Places>,
    /// One for each client that is served.
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) shutdown: Shutdown,
    /// Where sessions run.
    pub(crate) queries: Handle,
}

/// The two moments of the end.
#[derive(Debug, Default)]
pub(crate) struct Shutdown {
    /// Nobody may begin anything new.
    pub(crate) draining: CancellationToken,
    /// What still runs is cancelled.
    pub(crate) deadline: CancellationToken,
}

/// Begins to listen. Port 0 takes a free one.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_reuseaddr(true)?;
    // Accepted sockets inherit it; a client whose machine vanished is noticed.
    socket.set_keepalive(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Where clients come in.
pub(crate) struct Listeners {
    pub(crate) tcp: TcpListener,
    pub(crate) unix: Option<UnixDoor>,
}

/// A Unix socket; its file goes with it.
pub(crate) struct UnixDoor {
    listener: UnixListener,
    path: PathBuf,
}

impl UnixDoor {
    /// Begins to listen in a folder, under the name that PostgreSQL's clients look for.
    ///
    /// Errors: a server listens there already.
    pub(crate) fn open(folder: &Path, port: u16) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join(format!(".s.PGSQL.{port}"));
        // One that nobody answers at was left by a server that was killed.
        if std::os::unix::net::UnixStream::connect(&path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        Ok(Self { listener, path })
    }
}

impl Drop for UnixDoor {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, "could not remove the Unix socket");
        }
    }
}

impl Listeners {
    /// The next client, and where it is; none on a Unix socket.
    async fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        let unix = async {
            match &self.unix {
                Some(door) => door.listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = self.tcp.accept() => {
                accepted.map(|(stream, address)| (Stream::Plain(stream), Some(address)))
            }
            accepted = unix => accepted.map(|(stream, _)| (Stream::Unix(stream), None)),
        }
    }
}

/// Accepts until draining begins, then waits for the connections to end.
pub(crate) async fn serve(listeners: Listeners, shared: Arc<Shared>) {
    let slots = Arc::new(Semaphore::new(STARTUPS_MAX));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = shared.shutdown.draining.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = accept(&listeners, &slots) => {
                let (stream, peer, slot) = accepted;
                let client = peer.map_or_else(|| "local".to_owned(), |peer| peer.to_string());
                let span = info_span!(
                    "connection",
                    connection_id = field::Empty,
                    user = field::Empty,
                    client,
                );
                let serving = connection::serve(stream, peer, Arc::clone(&shared), slot);
                connections.spawn(serving.instrument(span));
            }
        }
    }
    drop(listeners);
    drain(connections, &shared).await;
}

async fn accept(
    listeners: &Listeners,
    slots: &Arc<Semaphore>,
) -> (Stream, Option<SocketAddr>, OwnedSemaphorePermit) {
    loop {
        let slot = Arc::clone(slots)
            .acquire_owned()
            .await
            .expect("this semaphore is never closed");
        match listeners.accept().await {
            Ok((stream, peer)) => return (stream, peer, slot),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn drain(mut connections: JoinSet<()>, shared: &Shared) {
    let limit = shared.config.server.shutdown_timeout;
    tracing::info!(connections = connections.len(), "draining");
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(limit, ended).await.is_ok() {
        return;
    }
    tracing::info!(connections = connections.len(), "ending what still runs");
    shared.shutdown.deadline.cancel();
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(FAREWELL_TIMEOUT, ended).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "connections did not end in time"
        );
    }
}
