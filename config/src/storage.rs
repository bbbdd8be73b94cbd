//! Section `[storage]`: where and how tables are kept.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::{ConfigError, Secret, value};

/// How data files are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// LZ4, raw blocks.
    Lz4,
    /// Zstandard at its default level.
    Zstd,
}

/// Reasons and units stand in `default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageConfig {
    /// Folder of everything kept on this machine.
    pub data_dir: PathBuf,
    /// Catalog database, maybe with a password; none is `catalog.sqlite` in `data_dir`.
    #[serde(deserialize_with = "value::optional")]
    pub catalog_url: Option<Secret<String>>,
    /// Where data files go; none is what the lake says.
    #[serde(deserialize_with = "value::optional")]
    pub data_url: Option<String>,
    /// How long to wait for the catalog: its lock, or a connection.
    #[serde(deserialize_with = "value::duration")]
    pub busy_timeout: Duration,
    /// Size at which a writer begins a new data file, in bytes.
    #[serde(deserialize_with = "value::bytes")]
    pub file_bytes_max: u64,
    /// Rows of a row group.
    pub row_group_rows: usize,
    /// Most rows of a statement that go into the catalog database.
    pub inline_rows: usize,
    /// Compression of data files; none is what suits the place.
    #[serde(deserialize_with = "value::optional_word")]
    pub compression: Option<Compression>,
    /// Age at which an upload that never ended is taken for abandoned.
    #[serde(deserialize_with = "value::duration")]
    pub upload_age_max: Duration,
    /// How long a snapshot stays after it was superseded; a lake may say otherwise.
    #[serde(deserialize_with = "value::duration")]
    pub retention: Duration,
    /// Nothing expires sooner after it was superseded.
    #[serde(deserialize_with = "value::duration")]
    pub expire_age_min: Duration,
    /// How long an object stays that no snapshot names any more.
    #[serde(deserialize_with = "value::duration")]
    pub grace: Duration,
    /// How old a transaction may become.
    #[serde(deserialize_with = "value::duration")]
    pub transaction_age_max: Duration,
    /// Age at which an object that nothing ever named is taken for abandoned.
    #[serde(deserialize_with = "value::duration")]
    pub orphan_age: Duration,
}

/// The longest retention: ten years and a day.
const RETENTION_MAX: Duration = Duration::from_secs(3653 * 86_400);

/// The kinds of places that `data_url` may name.
const DATA_SCHEMES: [&str; 4] = ["file://", "s3://", "gs://", "az://"];

/// An upload that is younger may well be a long load.
const UPLOAD_AGE_LEAST: Duration = Duration::from_secs(3600);

/// A shorter life would end ordinary statements.
const TRANSACTION_AGE_LEAST: Duration = Duration::from_secs(1);

impl StorageConfig {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if self.data_dir.as_os_str().is_empty() {
            return Err(ConfigError::bad_value(
                "storage.data_dir",
                "must not be empty",
            ));
        }
        if let Some(url) = &self.catalog_url
            && !["sqlite:", "postgres://", "postgresql://"]
                .iter()
                .any(|scheme| url.expose().starts_with(scheme))
        {
            let reason = "must begin with sqlite:// or postgres://";
            return Err(ConfigError::bad_value("storage.catalog_url", reason));
        }
        if let Some(url) = &self.data_url
            && !DATA_SCHEMES.iter().any(|scheme| {
                url.strip_prefix(scheme)
                    .is_some_and(|rest| !rest.is_empty())
            })
        {
            let reason = "must be file://, s3://, gs:// or az:// and a place there";
            return Err(ConfigError::bad_value("storage.data_url", reason));
        }
        if self.upload_age_max < UPLOAD_AGE_LEAST {
            return Err(ConfigError::bad_value(
                "storage.upload_age_max",
                "must be at least 1h",
            ));
        }
        if self.retention > RETENTION_MAX {
            return Err(ConfigError::bad_value(
                "storage.retention",
                "must be from 0d to 3653d",
            ));
        }
        if self.grace < self.expire_age_min {
            let reason = "must be at least storage.expire_age_min";
            return Err(ConfigError::bad_value("storage.grace", reason));
        }
        if self.transaction_age_max < TRANSACTION_AGE_LEAST {
            return Err(ConfigError::bad_value(
                "storage.transaction_age_max",
                "must be at least 1s",
            ));
        }
        if self.orphan_age < self.grace {
            let reason = "must be at least storage.grace";
            return Err(ConfigError::bad_value("storage.orphan_age", reason));
        }
        if self.file_bytes_max < 1 << 20 {
            return Err(ConfigError::bad_value(
                "storage.file_bytes_max",
                "must be at least 1MiB",
            ));
        }
        if !(1024..=1 << 24).contains(&self.row_group_rows) {
            let reason = "must be from 1024 to 16777216";
            return Err(ConfigError::bad_value("storage.row_group_rows", reason));
        }
        if self.inline_rows > 1000 {
            let reason = "must be at most 1000";
            return Err(ConfigError::bad_value("storage.inline_rows", reason));
        }
        Ok(())
    }
}
