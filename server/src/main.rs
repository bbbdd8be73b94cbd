//! The `gotgan` program: flags, configuration, runtimes, signals.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use mimalloc::MiMalloc;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Measured faster than the system's for batches of rows.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Version and build id; who builds a release sets `GOTGAN_BUILD_ID`.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let build = option_env!("GOTGAN_BUILD_ID").unwrap_or("local");
    format!("{} (build {build})", env!("CARGO_PKG_VERSION"))
});

/// How long blocking calls may hold up the end of the process.
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// A data warehouse server that any PostgreSQL client can use.
#[derive(Parser)]
#[command(name = "gotgan", version = VERSION.as_str())]
struct Flags {
    /// What to do
    #[arg(value_enum, default_value = "serve", hide_default_value = true)]
    command: Command,
    /// Configuration file (TOML); every key is in default.toml
    #[arg(long)]
    config: Option<PathBuf>,
    /// Folder of everything that this server keeps
    #[arg(long)]
    data_dir: Option<String>,
    /// Address and port for clients
    #[arg(long)]
    listen: Option<String>,
    /// primary or replica
    #[arg(long)]
    role: Option<String>,
    /// Catalog database: sqlite://... or postgres://...
    #[arg(long)]
    catalog_url: Option<String>,
    /// Where data files go: file://..., s3://bucket/prefix, gs://..., az://...
    #[arg(long)]
    data_url: Option<String>,
    /// What is logged, for example info or gotgan=debug,warn
    #[arg(long)]
    log: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Command {
    /// Start the server
    Serve,
    /// Ask a running server whether it answers
    Healthcheck,
}

impl Flags {
    /// The flags that were given, under the keys of the configuration.
    fn overrides(&self) -> Vec<(String, String)> {
        let flags = [
            ("storage.data_dir", &self.data_dir),
            ("server.listen", &self.listen),
            ("role", &self.role),
            ("storage.catalog_url", &self.catalog_url),
            ("storage.data_url", &self.data_url),
            ("log.filter", &self.log),
        ];
        flags
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value.clone()?)))
            .collect()
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gotgan: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let config = gotgan_config::load(flags.config.as_deref(), &flags.overrides())?;
    if matches!(flags.command, Command::Healthcheck) {
        return gotgan::health::check(config.server.listen).context("the server does not answer");
    }
    gotgan::observe::start(&config.log).context("bad value for setting \"log.filter\"")?;
    tracing::info!(version = VERSION.as_str(), "starting");
    let queries = gotgan::runtime::queries()?;
    let sockets = gotgan::runtime::sockets()?;
    let stop = sockets.block_on(async { Stop::new() })?;
    let ran = sockets.block_on(gotgan::run(config, queries.handle().clone(), stop.wait()));
    sockets.shutdown_timeout(EXIT_TIMEOUT);
    queries.shutdown_timeout(EXIT_TIMEOUT);
    Ok(ran?)
}

/// The signals that end the server.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn new() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self {
            terminate,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn wait(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
