//! Section `[maintenance]`: what the primary does by itself.

use std::time::Duration;

use serde::Deserialize;

use crate::{ConfigError, value};

/// Reasons and units stand in `default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceConfig {
    /// How often to look for work; zero is never.
    #[serde(deserialize_with = "value::duration")]
    pub interval: Duration,
    /// Rows of a table in the catalog database beyond which they move to a file.
    pub inlined_rows_max: u64,
    /// How long rows stay in the catalog database.
    #[serde(deserialize_with = "value::duration")]
    pub inlined_age_max: Duration,
    /// How often snapshots expire and files are swept; zero is never.
    #[serde(deserialize_with = "value::duration")]
    pub expire_interval: Duration,
    /// How often objects are looked for that nothing names; zero is never.
    #[serde(deserialize_with = "value::duration")]
    pub orphan_interval: Duration,
}

impl MaintenanceConfig {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if self.inlined_rows_max == 0 {
            return Err(ConfigError::bad_value(
                "maintenance.inlined_rows_max",
                "must be at least 1",
            ));
        }
        Ok(())
    }
}
