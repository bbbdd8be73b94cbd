//! Section `[server]`: sockets, TLS, limits of connections.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::{ConfigError, value};

/// Smallest `message_bytes_max`: a startup packet and an ordinary statement fit.
const MESSAGE_BYTES_LEAST: u64 = 64 << 10;

/// Largest `message_bytes_max`: a length on the wire is a positive 32-bit number.
const MESSAGE_BYTES_MOST: u64 = (1 << 30) - 1;

/// Reasons and units stand in `default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Where clients connect; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where clients of other nodes are told to connect; none is `listen`.
    #[serde(deserialize_with = "value::optional")]
    pub advertise_address: Option<String>,
    /// Most clients at a time.
    pub connections_max: usize,
    /// From connecting to being logged in.
    #[serde(deserialize_with = "value::duration")]
    pub startup_timeout: Duration,
    /// What running statements get after SIGTERM.
    #[serde(deserialize_with = "value::duration")]
    pub shutdown_timeout: Duration,
    /// Largest message of a client, in bytes.
    #[serde(deserialize_with = "value::bytes")]
    pub message_bytes_max: u64,
    /// Whether other machines may come without TLS.
    pub allow_plaintext: bool,
    /// PEM file of the certificate chain.
    #[serde(deserialize_with = "value::optional")]
    pub tls_certificate: Option<PathBuf>,
    /// PEM file of the private key.
    #[serde(deserialize_with = "value::optional")]
    pub tls_key: Option<PathBuf>,
    /// PEM file of the authorities that sign certificates of clients.
    #[serde(deserialize_with = "value::optional")]
    pub tls_client_ca: Option<PathBuf>,
    /// Folder of the Unix socket.
    #[serde(deserialize_with = "value::optional")]
    pub unix_socket_folder: Option<PathBuf>,
}

impl ServerConfig {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if self.connections_max == 0 {
            return Err(ConfigError::bad_value(
                "server.connections_max",
                "must be at least 1",
            ));
        }
        if self.startup_timeout.is_zero() {
            return Err(ConfigError::bad_value(
                "server.startup_timeout",
                "must be more than 0",
            ));
        }
        if !(MESSAGE_BYTES_LEAST..=MESSAGE_BYTES_MOST).contains(&self.message_bytes_max) {
            let reason = "must be at least 64KiB and less than 1GiB";
            return Err(ConfigError::bad_value("server.message_bytes_max", reason));
        }
        match (&self.tls_certificate, &self.tls_key) {
            (Some(_), None) => {
                let reason = "must be set, because server.tls_certificate is";
                Err(ConfigError::bad_value("server.tls_key", reason))
            }
            (None, Some(_)) => {
                let reason = "must be set, because server.tls_key is";
                Err(ConfigError::bad_value("server.tls_certificate", reason))
            }
            (Some(_), Some(_)) | (None, None) => Ok(()),
        }
    }
}
