//! The real server binary on a free port, with a temporary data folder.
//!
//! The port is read from the server's own log (`listening ... address=`), so no
//! two tests share one. `kill` is SIGKILL, `terminate` is SIGTERM; both leave the
//! data folder, and `start` again opens the same one.
//!
//! When a `Server` goes, its log must hold no ERROR and no WARN but those that
//! the test named with `expect_log`.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::client::{Client, Login};
use crate::{poll, variable};

/// Password of the superuser `gotgan` in every test.
pub const PASSWORD: &str = "granary";

/// A server process, running or stopped, and its data folder.
#[derive(Debug)]
pub struct Server {
    process: Option<Child>,
    address: Option<SocketAddr>,
    folder: TempDir,
    data_dir: PathBuf,
    settings: Vec<(String, String)>,
    arguments: Vec<String>,
    start_count: usize,
    expected_log: Vec<String>,
}

impl Server {
    /// Starts a server with default settings.
    pub fn start() -> Result<Server> {
        Server::with_settings(&[])
    }

    /// Starts a server with settings such as `("server.connection_count_max", "3")`.
    pub fn with_settings(settings: &[(&str, &str)]) -> Result<Server> {
        let mut server = Server::stopped(settings)?;
        server.restart()?;
        Ok(server)
    }

    /// Prepares a server without starting it.
    pub fn stopped(settings: &[(&str, &str)]) -> Result<Server> {
        let folder = tempfile::Builder::new().prefix("gotgan-test-").tempdir()?;
        let data_dir = folder.path().join("data");
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Ok(Server {
            process: None,
            address: None,
            folder,
            data_dir,
            settings: settings.iter().map(owned).collect(),
            arguments: Vec::new(),
            start_count: 0,
            expected_log: Vec::new(),
        })
    }

    /// Uses another data folder; call it before the first `restart`.
    pub fn set_data_dir(&mut self, data_dir: &Path) {
        self.data_dir = data_dir.to_owned();
    }

    /// Adds a command-line argument for the next `restart`.
    pub fn add_argument(&mut self, argument: &str) {
        self.arguments.push(argument.to_owned());
    }

    /// Starts the process on the data folder and waits until it listens.
    ///
    /// Errors: the server's log, if it ended instead.
    pub fn restart(&mut self) -> Result<()> {
        match self.launch()? {
            None => Ok(()),
            Some(status) => bail!("the server ended with {status}:\n{}", self.last_log()),
        }
    }

    /// Starts the process where it must refuse to run; returns its exit status and log.
    pub fn refused(&mut self) -> Result<(ExitStatus, String)> {
        match self.launch()? {
            None => bail!("the server runs although it must not"),
            Some(status) => Ok((status, self.last_log())),
        }
    }

    /// Opens a connection as the superuser.
    pub fn client(&self) -> Result<Client> {
        Client::connect(self.address(), &self.login())
    }

    /// Opens a socket and sends nothing.
    pub fn raw_client(&self) -> Result<Client> {
        Client::raw(self.address())
    }

    /// Returns the superuser's login.
    pub fn login(&self) -> Login {
        Login {
            user: "gotgan".to_owned(),
            password: PASSWORD.to_owned(),
            database: "gotgan".to_owned(),
            parameters: Vec::new(),
        }
    }

    /// Returns the address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address.expect("the server was started")
    }

    /// Returns the data folder.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Returns the process id.
    pub fn process_id(&self) -> u32 {
        self.process.as_ref().expect("the server runs").id()
    }

    /// Ends the process with SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
            process.wait()?;
        }
        Ok(())
    }

    /// Ends the process with SIGTERM and waits for it.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        self.signal_terminate()?;
        self.wait()
    }

    /// Sends SIGTERM and does not wait.
    pub fn signal_terminate(&self) -> Result<()> {
        let status = Command::new("kill")
            .args(["-TERM", &self.process_id().to_string()])
            .status()?;
        ensure!(status.success(), "cannot send SIGTERM");
        Ok(())
    }

    /// Waits until the process has ended.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let status = poll(|| self.exit_status());
        self.process = None;
        status.with_context(|| format!("the server does not end:\n{}", self.last_log()))
    }

    /// Returns the resident memory of the process, in bytes.
    pub fn memory_bytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process_id()))?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .context("no VmRSS")?;
        let kib: u64 = line
            .split_whitespace()
            .nth(1)
            .context("no number")?
            .parse()?;
        Ok(kib * 1024)
    }

    /// Names text of an ERROR or WARN line that this test causes on purpose.
    pub fn expect_log(&mut self, text: &str) {
        self.expected_log.push(text.to_owned());
    }

    /// Returns the log of all starts.
    pub fn log(&self) -> String {
        let read = |number| std::fs::read_to_string(self.log_path(number)).unwrap_or_default();
        (1..=self.start_count).map(read).collect()
    }

    /// Returns the log of the last start.
    fn last_log(&self) -> String {
        std::fs::read_to_string(self.log_path(self.start_count)).unwrap_or_default()
    }

    fn log_path(&self, start_number: usize) -> PathBuf {
        self.folder.path().join(format!("log-{start_number}"))
    }

    /// Starts the process; returns its exit status if it ended, `None` once it listens.
    fn launch(&mut self) -> Result<Option<ExitStatus>> {
        ensure!(self.process.is_none(), "the server already runs");
        self.start_count += 1;
        self.process = Some(self.spawn()?);
        let outcome = poll(|| match self.listening_address() {
            Some(address) => Some(Ok(address)),
            None => self.exit_status().map(Err),
        });
        match outcome {
            Some(Ok(address)) => {
                self.address = Some(address);
                Ok(None)
            }
            Some(Err(status)) => {
                self.process = None;
                Ok(Some(status))
            }
            None => bail!("the server does not listen:\n{}", self.last_log()),
        }
    }

    fn spawn(&self) -> Result<Child> {
        let log = File::create(self.log_path(self.start_count))?;
        let mut command = Command::new(binary()?);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&self.data_dir);
        command
            .args(&self.arguments)
            .current_dir(self.folder.path());
        command.env("GOTGAN__AUTH__ADMIN_PASSWORD", PASSWORD);
        for (key, value) in &self.settings {
            command.env(
                format!("GOTGAN__{}", key.to_uppercase().replace('.', "__")),
                value,
            );
        }
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        command.spawn().context("cannot start the server")
    }

    fn listening_address(&self) -> Option<SocketAddr> {
        let log = self.last_log();
        let line = log.lines().find(|line| line.contains("listening"))?;
        let rest = line.split("address=").nth(1)?;
        rest.split_whitespace()
            .next()?
            .trim_matches('"')
            .parse()
            .ok()
    }

    fn exit_status(&mut self) -> Option<ExitStatus> {
        self.process.as_mut()?.try_wait().ok().flatten()
    }

    /// Returns the ERROR and WARN lines that the test did not name.
    fn unexpected_log(&self) -> Vec<String> {
        let is_bad = |line: &&str| line.contains(" ERROR ") || line.contains(" WARN ");
        let is_named = |line: &&str| self.expected_log.iter().any(|text| line.contains(text));
        let log = self.log();
        log.lines()
            .filter(is_bad)
            .filter(|line| !is_named(line))
            .map(str::to_owned)
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let killed = self.kill();
        if std::thread::panicking() {
            eprintln!(
                "--- end of the server's log ---\n{}",
                tail(&self.last_log(), 30)
            );
            return;
        }
        assert!(killed.is_ok(), "cannot end the server: {killed:?}");
        let unexpected = self.unexpected_log();
        assert!(
            unexpected.is_empty(),
            "the server's log holds:\n{}",
            unexpected.join("\n")
        );
    }
}

/// Returns the server's binary, built by cargo if need be.
pub fn binary() -> Result<PathBuf> {
    static BUILT: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    built.clone().map_err(anyhow::Error::msg)
}

/// Builds the server in the profile of this test, so that a test never meets an old binary.
fn build() -> Result<PathBuf> {
    if let Some(path) = variable("GOTGAN_TEST_BINARY") {
        return Ok(PathBuf::from(path));
    }
    let cargo = variable("CARGO").unwrap_or_else(|| "cargo".to_owned());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("tests/ has a parent")?;
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "--workspace", "--bin", "gotgan"])
        .current_dir(root);
    // What cargo told this test of itself; build scripts that look at it would run again.
    let own = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_CRATE_",
        "CARGO_BIN_",
    ];
    for (name, _) in std::env::vars_os() {
        if own
            .iter()
            .any(|prefix| name.to_string_lossy().starts_with(prefix))
        {
            command.env_remove(name);
        }
    }
    let status = command.status()?;
    ensure!(status.success(), "cargo build failed");
    // The test runs as <target>/debug/deps/main-<hash>.
    let test = std::env::current_exe()?;
    let profile = test
        .parent()
        .and_then(Path::parent)
        .context("no target folder")?;
    Ok(profile.join("gotgan"))
}

/// Returns the last lines of a text.
fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
