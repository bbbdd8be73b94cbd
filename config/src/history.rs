//! Section `[history]`: the log of statements.

use std::time::Duration;

use serde::Deserialize;

use crate::{ConfigError, value};

/// Least bytes of a statement's text that are kept.
const TEXT_BYTES_LEAST: u64 = 64;

/// Reasons and units stand in `default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryConfig {
    /// Whether statements leave a row.
    pub enabled: bool,
    /// How long a row stays.
    #[serde(deserialize_with = "value::duration")]
    pub retention: Duration,
    /// Most statements that wait to be written.
    pub queue_length: usize,
    /// How long they wait.
    #[serde(deserialize_with = "value::duration")]
    pub flush_interval: Duration,
    /// Longest text of a statement, in bytes.
    #[serde(deserialize_with = "value::bytes")]
    pub text_bytes_max: u64,
}

impl HistoryConfig {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if !(1..=1 << 20).contains(&self.queue_length) {
            let reason = "must be from 1 to 1048576";
            return Err(ConfigError::bad_value("history.queue_length", reason));
        }
        if self.flush_interval.is_zero() {
            let reason = "must be more than 0";
            return Err(ConfigError::bad_value("history.flush_interval", reason));
        }
        if self.text_bytes_max < TEXT_BYTES_LEAST {
            let reason = "must be at least 64B";
            return Err(ConfigError::bad_value("history.text_bytes_max", reason));
        }
        Ok(())
    }
}
