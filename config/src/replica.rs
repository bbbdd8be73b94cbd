//! Section `[replica]`: how a replica follows its primary.

use std::time::Duration;

use serde::Deserialize;

use crate::{ConfigError, StorageConfig, value};

/// Reasons and units stand in `default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicaConfig {
    /// How often to look for a newer snapshot.
    #[serde(deserialize_with = "value::duration")]
    pub poll_interval: Duration,
    /// How long to answer from the last snapshot while the catalog does not answer.
    #[serde(deserialize_with = "value::duration")]
    pub stale_max: Duration,
}

/// The shortest interval: more often would only load the catalog.
const POLL_INTERVAL_LEAST: Duration = Duration::from_millis(10);

impl ReplicaConfig {
    /// Also checks against what `storage` says.
    pub(crate) fn validate(&self, storage: &StorageConfig) -> Result<(), ConfigError> {
        if self.poll_interval < POLL_INTERVAL_LEAST {
            return Err(ConfigError::bad_value(
                "replica.poll_interval",
                "must be at least 10ms",
            ));
        }
        if self.stale_max <= self.poll_interval {
            let reason = "must be more than replica.poll_interval";
            return Err(ConfigError::bad_value("replica.stale_max", reason));
        }
        if self.stale_max >= storage.grace {
            let reason = "must be less than storage.grace";
            return Err(ConfigError::bad_value("replica.stale_max", reason));
        }
        // What a replica that is cut off began last must end before its files may go.
        let kept = storage.expire_age_min + storage.grace;
        if storage.transaction_age_max + self.stale_max > kept {
            let reason = "must be at most storage.expire_age_min and storage.grace together, \
                          less replica.stale_max";
            return Err(ConfigError::bad_value(
                "storage.transaction_age_max",
                reason,
            ));
        }
        Ok(())
    }
}
