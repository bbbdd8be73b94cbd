//! What an operator may set, and the one place that reads it.
//!
//!   default.toml < file < GOTGAN__SECTION__KEY < command line
//!
//! Invariants:
//! - Every setting stands in `default.toml`; a key that does not is an error
//!   that names it, wherever it was set.
//! - This crate knows nothing of the others and builds nothing.

use std::collections::HashMap;
use std::path::Path;

use config::{Environment, File, FileFormat, Source, Value, ValueKind};
use serde::Deserialize;

pub use crate::auth::AuthConfig;
pub use crate::history::HistoryConfig;
pub use crate::log::{LogConfig, LogFormat};
pub use crate::maintenance::MaintenanceConfig;
pub use crate::object_store::{AzureConfig, GcsConfig, ObjectStoreConfig, S3Config};
pub use crate::replica::ReplicaConfig;
pub use crate::secret::Secret;
pub use crate::server::ServerConfig;
pub use crate::sql::SqlConfig;
pub use crate::storage::{Compression, StorageConfig};

mod auth;
mod history;
mod log;
mod maintenance;
mod memory;
mod object_store;
mod replica;
mod secret;
mod server;
mod sql;
mod storage;
#[cfg(test)]
mod tests;
mod value;

const DEFAULTS: &str = include_str!("../default.toml");
const ENVIRONMENT_PREFIX: &str = "GOTGAN";
const ENVIRONMENT_SEPARATOR: &str = "__";

/// Whether this process takes writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes writes.
    Primary,
    /// Only reads.
    Replica,
}

/// Everything that an operator may set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whether this process takes writes.
    pub role: Role,
    /// Sockets, TLS, limits of connections.
    pub server: ServerConfig,
    /// Who may log in.
    pub auth: AuthConfig,
    /// Queries and their limits.
    pub sql: SqlConfig,
    /// Where and how tables are kept.
    pub storage: StorageConfig,
    /// How stores over the network are reached.
    pub object_store: ObjectStoreConfig,
    /// How a replica follows its primary.
    pub replica: ReplicaConfig,
    /// What the primary does by itself.
    pub maintenance: MaintenanceConfig,
    /// The log of statements.
    pub history: HistoryConfig,
    /// What is logged.
    pub log: LogConfig,
}

/// A setting that stops the start. The text names the key.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key that is not in `default.toml`.
    #[error("unknown setting \"{key}\" in {origin}")]
    UnknownKey {
        /// The key with its section.
        key: String,
        /// A file's path, the environment, or the command line.
        origin: String,
    },
    /// A value that a key cannot have.
    #[error("bad value for setting \"{key}\": {reason}")]
    BadValue {
        /// The key with its section.
        key: String,
        /// What is wrong with it, without the value if that is secret.
        reason: String,
    },
    /// A file that cannot be read, or a value of the wrong kind.
    #[error("cannot read the configuration: {0}")]
    Unreadable(config::ConfigError),
}

impl From<config::ConfigError> for ConfigError {
    fn from(error: config::ConfigError) -> Self {
        Self::Unreadable(error)
    }
}

impl ConfigError {
    pub(crate) fn bad_value(key: &str, reason: impl Into<String>) -> Self {
        Self::BadValue {
            key: key.to_owned(),
            reason: reason.into(),
        }
    }
}

/// Loads the configuration of this process.
///
/// `file`: the file named on the command line. `overrides`: flags as (key with
/// section, value), for example `("server.listen", "127.0.0.1:0")`.
/// Errors: an unknown key, a bad value or an unreadable file, by name.
pub fn load(file: Option<&Path>, overrides: &[(String, String)]) -> Result<Config, ConfigError> {
    load_from(file, None, overrides)
}

impl Config {
    /// The defaults and `overrides`, without file or environment; for tests.
    ///
    /// Errors: as [`load`].
    pub fn with(overrides: &[(&str, &str)]) -> Result<Self, ConfigError> {
        let overrides: Vec<_> = overrides
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect();
        load_from(None, Some(HashMap::new()), &overrides)
    }

    fn validate(&self) -> Result<(), ConfigError> {
        self.server.validate()?;
        self.sql.validate()?;
        self.storage.validate()?;
        self.object_store.validate()?;
        self.maintenance.validate()?;
        if self.role == Role::Replica {
            self.replica.validate(&self.storage)?;
        }
        self.history.validate()?;
        self.log.validate()
    }
}

/// `environment`: `None` reads the process's own.
fn load_from(
    file: Option<&Path>,
    environment: Option<HashMap<String, String>>,
    overrides: &[(String, String)],
) -> Result<Config, ConfigError> {
    let defaults = File::from_str(DEFAULTS, FileFormat::Toml);
    let known = keys(&defaults)?;
    let mut builder = config::Config::builder().add_source(defaults);
    if let Some(path) = file {
        let source = File::from(path).format(FileFormat::Toml);
        refuse_unknown(&known, keys(&source)?, &path.display().to_string())?;
        builder = builder.add_source(source);
    }
    let variables = Environment::with_prefix(ENVIRONMENT_PREFIX)
        .prefix_separator(ENVIRONMENT_SEPARATOR)
        .separator(ENVIRONMENT_SEPARATOR)
        .source(environment);
    refuse_unknown(&known, keys(&variables)?, "the environment")?;
    builder = builder.add_source(variables);
    refuse_unknown(
        &known,
        overrides.iter().map(|(key, _)| key.clone()).collect(),
        "a flag",
    )?;
    for (key, value) in overrides {
        builder = builder.set_override(key, value.as_str())?;
    }
    let loaded: Config = builder.build()?.try_deserialize()?;
    loaded.validate()?;
    Ok(loaded)
}

fn refuse_unknown(known: &[String], keys: Vec<String>, origin: &str) -> Result<(), ConfigError> {
    for key in keys {
        if !known.contains(&key) {
            return Err(ConfigError::UnknownKey {
                key,
                origin: origin.to_owned(),
            });
        }
    }
    Ok(())
}

/// Every key of a source with its section: `server.listen`.
fn keys(source: &dyn Source) -> Result<Vec<String>, ConfigError> {
    let mut found = Vec::new();
    for (key, value) in source.collect()? {
        collect_keys(&key, &value, &mut found);
    }
    found.sort();
    Ok(found)
}

fn collect_keys(key: &str, value: &Value, found: &mut Vec<String>) {
    match &value.kind {
        ValueKind::Table(table) => {
            for (name, inner) in table {
                collect_keys(&format!("{key}.{name}"), inner, found);
            }
        }
        _ => found.push(key.to_owned()),
    }
}
