//! How a lake is opened.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gotgan_config::{ObjectStoreConfig, Secret};

use crate::clock::{Clock, Ids, RandomIds, SystemClock};
use crate::faults::Faults;
#[cfg(test)]
use crate::faults::Wrap;
use crate::file::write::{FileCompression, WriteOptions};
use crate::lake::FollowOptions;
use crate::retention::RetentionOptions;

/// What a process may do with the lake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LakeRole {
    /// Reads and writes; one at a time over SQLite, several over PostgreSQL.
    Primary,
    /// Reads.
    Replica,
}

/// How a lake is opened.
#[derive(Clone, Debug)]
pub struct LakeOptions {
    /// `sqlite:` and a path, or `postgres://`, a database and maybe a password; none is
    /// `catalog.sqlite` in the data folder.
    pub catalog_url: Option<Secret<String>>,
    /// `file://` and a folder, or `s3://`, `gs://` or `az://`, a bucket and a prefix; none
    /// is what the lake says, or `data` for a new one.
    pub data_url: Option<String>,
    /// How buckets are reached; without it, data can only be in folders.
    pub object_store: Option<ObjectStoreConfig>,
    /// Age at which an upload that never ended is taken for abandoned.
    pub upload_age_max: Duration,
    /// Folder of everything kept on this machine.
    pub data_dir: PathBuf,
    /// Folder on this machine for the files of temporary tables.
    pub scratch_dir: PathBuf,
    /// Bytes that these files may take.
    pub scratch_bytes_max: u64,
    /// Primary or replica.
    pub role: LakeRole,
    /// Name of the first superuser, made with the lake.
    pub superuser: String,
    /// How long to wait for the catalog.
    pub busy_timeout: Duration,
    /// How data files are laid out.
    pub write: WriteOptions,
    /// Instead of `write.compression`; none is that in a folder, and Zstandard in a bucket.
    pub compression: Option<FileCompression>,
    /// Most rows of a statement that are few: they are kept in the catalog.
    pub inline_rows_max: usize,
    /// How long what was stays, where the lake does not say otherwise.
    pub retention: RetentionOptions,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where unique ids come from.
    pub ids: Arc<dyn Ids>,
    /// How old a transaction may become. The caller ends it; until then it keeps snapshots.
    pub transaction_age_max: Duration,
    /// How a replica follows; none asks for the head whenever it is needed.
    pub follow: Option<FollowOptions>,
    /// For tests.
    pub faults: Option<Arc<dyn Faults>>,
    /// For tests of this crate.
    #[cfg(test)]
    pub(crate) wrap: Option<Arc<dyn Wrap>>,
}

impl LakeOptions {
    /// Everything as usual, in this folder.
    pub fn new(data_dir: impl Into<PathBuf>, role: LakeRole) -> Self {
        let data_dir = data_dir.into();
        Self {
            catalog_url: None,
            data_url: None,
            object_store: None,
            upload_age_max: Duration::from_secs(24 * 3600),
            scratch_dir: data_dir.join("spill").join("temporary"),
            scratch_bytes_max: u64::MAX,
            data_dir,
            role,
            superuser: "gotgan".to_owned(),
            busy_timeout: Duration::from_secs(10),
            write: WriteOptions::default(),
            compression: None,
            inline_rows_max: 100,
            retention: RetentionOptions::default(),
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            transaction_age_max: Duration::from_secs(24 * 3600),
            follow: None,
            faults: None,
            #[cfg(test)]
            wrap: None,
        }
    }
}
