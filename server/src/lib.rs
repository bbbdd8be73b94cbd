//! Sockets, TLS, authentication, shutdown: the server around the engine.
//!
//!   start: TLS, lake, password, engine, listener, maintenance ──▶ serve ──▶ drain ──▶ close
//!
//! The order matters: nobody can connect before everything is in place, and the
//! lake closes after the last session, so its commits are finished.

use std::error::Error;
use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use gotgan_config::{Compression, Config, Role};
use gotgan_sql::{Engine, Passwords};
use gotgan_storage::{
    Announcement, FileCompression, FollowOptions, Lake, LakeOptions, LakeRole, RetentionOptions,
    WriteOptions,
};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::auth::rules::Rules;
use crate::auth::throttle::Throttle;
use crate::listener::{Listeners, Shared, Shutdown, UnixDoor};
use crate::tls::Tls;
use crate::wire::cancel::Registry;

mod auth;
mod connection;
mod encode;
pub mod health;
mod listener;
pub mod observe;
pub mod runtime;
mod socket;
mod startup;
mod tls;
mod wire;

/// Folder in the data folder for what queries cannot hold in memory.
const SPILL_FOLDER: &str = "spill";

/// Why the server does not start. The text says what was attempted.
#[derive(Debug)]
pub struct StartError {
    message: String,
    source: Box<dyn Error + Send + Sync>,
}

impl StartError {
    pub(crate) fn new(
        message: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            message: message.into(),
            source: source.into(),
        }
    }

    pub(crate) fn lake(source: gotgan_storage::Error) -> Self {
        Self::new("cannot open the lake", source)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}

/// A server that is ready for clients.
pub struct Server {
    address: SocketAddr,
    listeners: Listeners,
    shared: Arc<Shared>,
    /// Ends when draining begins.
    maintenance: JoinHandle<()>,
    /// Writes the log of statements, until it is told that there are no more.
    log: (JoinHandle<()>, CancellationToken),
}

impl Server {
    /// Opens the lake, making it if there is none, and begins to listen.
    ///
    /// `queries`: the runtime where sessions run.
    pub async fn start(config: Config, queries: Handle) -> Result<Self, StartError> {
        let folder = &config.storage.data_dir;
        fs::create_dir_all(folder).map_err(|error| {
            StartError::new(
                format!("cannot make the data folder {}", folder.display()),
                error,
            )
        })?;
        let tls = Tls::load(&config)?;
        let rules = Rules::load(config.auth.rules.as_deref(), config.server.allow_plaintext)?;
        if rules.use_certificates() && config.server.tls_client_ca.is_none() {
            let source = "server.tls_client_ca must be set, because a rule asks for certificates";
            return Err(StartError::new("cannot use the rules", source));
        }
        let lake = queries
            .spawn(Lake::open(lake_options(&config)))
            .await
            .map_err(|error| StartError::new("cannot open the lake", error))?
            .map_err(StartError::lake)?;
        if config.role == Role::Primary {
            auth::password::prepare(&config, &lake).await?;
        }
        let engine = Engine::new(
            lake.clone(),
            &config.sql,
            &config.history,
            config.storage.data_dir.join(SPILL_FOLDER),
            PASSWORDS,
        )
        .map_err(|error| StartError::new("cannot start the query engine", error))?;
        let listen = config.server.listen;
        let bound = listener::bind(listen)
            .and_then(|listener| listener.local_addr().map(|address| (listener, address)));
        let (listener, address) =
            bound.map_err(|error| StartError::new(format!("cannot listen on {listen}"), error))?;
        let unix = unix_door(&config, address.port())?;
        let throttle = Throttle::new(config.auth.failures_max, config.auth.lockout);
        tracing::info!(%address, tls = tls.is_some(), role = ?config.role, "listening");
        let permits = Arc::new(Semaphore::new(config.server.connections_max));
        let shared = Arc::new(Shared {
            config,
            engine,
            lake,
            tls,
            rules,
            throttle,
            registry: Arc::new(Registry::default()),
            places: Arc::default(),
            permits,
            shutdown: Shutdown::default(),
            queries,
        });
        shared.lake.announce(announcement(&shared, address)).await;
        let stop = shared.shutdown.draining.clone();
        let maintain = Arc::clone(&shared.engine).maintain(shared.config.maintenance.clone(), stop);
        let end_of_log = CancellationToken::new();
        let write_log = Arc::clone(&shared.engine).write_log(end_of_log.clone());
        Ok(Self {
            address,
            listeners: Listeners {
                tcp: listener,
                unix,
            },
            maintenance: shared.queries.spawn(maintain),
            log: (shared.queries.spawn(write_log), end_of_log),
            shared,
        })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` ends, then drains and closes the lake.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let Self {
            listeners,
            shared,
            maintenance,
            log: (log, end_of_log),
            ..
        } = self;
        let serving = listener::serve(listeners, Arc::clone(&shared));
        let stopping = async {
            stop.await;
            shared.shutdown.draining.cancel();
        };
        tokio::join!(serving, stopping);
        if let Err(error) = maintenance.await {
            tracing::error!(%error, "maintenance of tables did not end");
        }
        end_of_log.cancel();
        if let Err(error) = log.await {
            tracing::error!(%error, "the log of statements did not end");
        }
        shared.lake.close().await;
        tracing::info!("stopped");
    }
}

/// Starts and serves until `stop` ends.
pub async fn run(
    config: Config,
    queries: Handle,
    stop: impl Future<Output = ()>,
) -> Result<(), StartError> {
    Server::start(config, queries).await?.serve(stop).await;
    Ok(())
}

/// How statements make verifiers of passwords.
const PASSWORDS: Passwords = Passwords {
    verifier: auth::scram::verifier,
    is_verifier: auth::scram::is_verifier,
};

fn unix_door(config: &Config, port: u16) -> Result<Option<UnixDoor>, StartError> {
    let Some(folder) = config.server.unix_socket_folder.as_deref() else {
        return Ok(None);
    };
    let opened = UnixDoor::open(folder, port).map_err(|error| {
        let text = format!("cannot listen on a Unix socket in {}", folder.display());
        StartError::new(text, error)
    });
    opened.map(Some)
}

/// What other nodes are told of this one.
fn announcement(shared: &Arc<Shared>, address: SocketAddr) -> Announcement {
    let server = &shared.config.server;
    let advertised = server.advertise_address.clone();
    let connections_max = server.connections_max;
    let permits = Arc::clone(&shared.permits);
    Announcement {
        address: advertised.unwrap_or_else(|| address.to_string()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        sessions: Box::new(move || (connections_max - permits.available_permits()) as u64),
    }
}

fn lake_options(config: &Config) -> LakeOptions {
    let storage = &config.storage;
    let role = match config.role {
        Role::Primary => LakeRole::Primary,
        Role::Replica => LakeRole::Replica,
    };
    let compression = storage.compression.map(|compression| match compression {
        Compression::None => FileCompression::None,
        Compression::Lz4 => FileCompression::Lz4,
        Compression::Zstd => FileCompression::Zstd,
    });
    let mut options = LakeOptions::new(&storage.data_dir, role);
    options.catalog_url.clone_from(&storage.catalog_url);
    options.data_url.clone_from(&storage.data_url);
    options.object_store = Some(config.object_store.clone());
    options.upload_age_max = storage.upload_age_max;
    options.scratch_bytes_max = config.sql.spill_bytes_max;
    options.busy_timeout = storage.busy_timeout;
    options.inline_rows_max = storage.inline_rows;
    options.write = WriteOptions {
        file_bytes_max: storage.file_bytes_max,
        row_group_rows_max: storage.row_group_rows,
        ..WriteOptions::default()
    };
    options.compression = compression;
    options.transaction_age_max = storage.transaction_age_max;
    options.follow = Some(FollowOptions {
        poll_interval: config.replica.poll_interval,
        stale_max: config.replica.stale_max,
    });
    options.retention = RetentionOptions {
        default: storage.retention,
        expire_age_min: storage.expire_age_min,
        grace: storage.grace,
        orphan_age: storage.orphan_age,
        ..RetentionOptions::default()
    };
    options
}
