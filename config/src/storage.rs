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
    /// Compression of data files.
    pub compression: Compression,
}

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
