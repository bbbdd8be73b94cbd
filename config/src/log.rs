//! Section `[log]`: what is logged, and how it looks.

use serde::Deserialize;

use crate::ConfigError;

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Reasons stand in `default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// Levels by module, in the syntax of `RUST_LOG`.
    pub filter: String,
    /// How a line looks.
    pub format: LogFormat,
}

impl LogConfig {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if self.filter.trim().is_empty() {
            return Err(ConfigError::bad_value("log.filter", "must not be empty"));
        }
        Ok(())
    }
}
