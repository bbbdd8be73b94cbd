//! Section `[sql]`: queries and their limits.

use std::time::Duration;

use serde::Deserialize;

use crate::{ConfigError, value};

/// Below this no query with a join or a sort gets anywhere.
const MEMORY_BYTES_LEAST: u64 = 16 << 20;

/// Reasons and units stand in `default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlConfig {
    /// Memory of all running queries, in bytes.
    #[serde(deserialize_with = "value::memory_bytes")]
    pub memory_bytes_max: u64,
    /// Memory of one query, in bytes.
    #[serde(deserialize_with = "value::memory_bytes")]
    pub query_memory_bytes_max: u64,
    /// Disk space of all spilling queries, in bytes.
    #[serde(deserialize_with = "value::bytes")]
    pub spill_bytes_max: u64,
    /// Parallel streams of one query; 0 is one for each core.
    pub target_partitions: usize,
    /// Rows of a batch.
    pub batch_rows: usize,
    /// Default of the session's setting; zero is none.
    #[serde(deserialize_with = "value::duration")]
    pub statement_timeout: Duration,
}

impl SqlConfig {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if self.memory_bytes_max < MEMORY_BYTES_LEAST {
            return Err(ConfigError::bad_value(
                "sql.memory_bytes_max",
                "must be at least 16MiB",
            ));
        }
        if self.query_memory_bytes_max < MEMORY_BYTES_LEAST {
            let reason = "must be at least 16MiB";
            return Err(ConfigError::bad_value("sql.query_memory_bytes_max", reason));
        }
        if self.target_partitions > 1024 {
            return Err(ConfigError::bad_value(
                "sql.target_partitions",
                "must be at most 1024",
            ));
        }
        if !(64..=1 << 20).contains(&self.batch_rows) {
            return Err(ConfigError::bad_value(
                "sql.batch_rows",
                "must be from 64 to 1048576",
            ));
        }
        Ok(())
    }
}
