//! The object store below the lake, its wrappers, and what its errors mean.
//!
//!   caller ──▶ meter ──▶ (read-only, on replicas) ──▶ (fault, in tests) ──▶ local folder, or a bucket
//!
//! Invariant: no wrapper makes a part of an object visible.

mod fault;
mod local;
mod meter;
mod place;
mod read_only;
mod remote;
mod scratch;
#[cfg(test)]
mod tests;

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use gotgan_config::ObjectStoreConfig;
use object_store::ObjectStore;
use object_store::path::Path;

pub use fault::{Fault, FaultRates, FaultStore, Operation};
pub use local::{Disk, LocalStore, OsDisk};
pub use meter::{Meter, MeterCounts, MeteredStore, ReadCounts, ReadMeter};
pub(crate) use place::{Bucket, DataPlace};
pub(crate) use read_only::ReadOnlyStore;
use remote::open_bucket;
pub(crate) use scratch::{ScratchDisk, ScratchStore, ScratchUsage};

use crate::error::{Error, ErrorKind};

/// Removes uploads that nobody will end, since their processes died.
#[async_trait]
pub(crate) trait Abandoned: std::fmt::Debug + Send + Sync {
    /// Removes those that were begun before a moment; returns how many. The moment must be
    /// earlier than any upload that may still run, of any process.
    async fn remove(&self, before: DateTime<Utc>) -> Result<u64, Error>;
}

/// The store of a lake's data files.
#[derive(Debug)]
pub(crate) struct OpenStore {
    /// Its paths are relative to the place.
    pub(crate) objects: Arc<dyn ObjectStore>,
    /// Nothing where the store has no list of uploads.
    pub(crate) abandoned: Option<Arc<dyn Abandoned>>,
}

/// Opens the store of a place. Blocks for a few system calls; asks no other machine.
///
/// Errors: for a folder those of the disk; for a bucket `Unsupported` if the settings do
/// not do.
pub(crate) fn open_store(
    place: &DataPlace,
    config: Option<&ObjectStoreConfig>,
) -> Result<OpenStore, Error> {
    match place {
        DataPlace::Folder(folder) => {
            let store = LocalStore::open(folder, Arc::new(OsDisk))?;
            Ok(OpenStore {
                objects: Arc::new(store.clone()),
                abandoned: Some(Arc::new(store)),
            })
        }
        DataPlace::Bucket(bucket) => {
            let open = open_bucket(bucket, settings(config)?)?;
            Ok(OpenStore {
                objects: Arc::new(open.objects),
                abandoned: open.abandoned,
            })
        }
    }
}

/// Opens a whole bucket, whatever the lake's prefix in it. Asks no other machine.
pub(crate) fn open_whole_bucket(
    bucket: &Bucket,
    config: Option<&ObjectStoreConfig>,
) -> Result<Arc<dyn ObjectStore>, Error> {
    let whole = Bucket {
        prefix: Path::default(),
        ..bucket.clone()
    };
    Ok(Arc::new(open_bucket(&whole, settings(config)?)?.objects))
}

/// Whether a place holds nothing; of a bucket this also shows that it can be reached.
///
/// Errors: those of [`open_store`]; `NotFound` without such a bucket, `Unavailable` if
/// the store denies access or does not answer.
pub(crate) async fn is_empty(
    bucket: &Bucket,
    config: Option<&ObjectStoreConfig>,
) -> Result<bool, Error> {
    let open = open_bucket(bucket, settings(config)?)?;
    open.objects.is_empty().await
}

fn settings(config: Option<&ObjectStoreConfig>) -> Result<&ObjectStoreConfig, Error> {
    config.ok_or_else(|| {
        let text = "data in a bucket needs the settings of object_store";
        Error::new(ErrorKind::Unsupported, text)
    })
}

/// Deletes objects; one that is not there is as good as deleted.
///
/// Errors: the first one, after every object was tried.
pub(crate) async fn delete_objects(
    store: &Arc<dyn ObjectStore>,
    locations: Vec<Path>,
) -> Result<(), Error> {
    let mut deleted = store.delete_stream(stream::iter(locations).map(Ok).boxed());
    let mut result = Ok(());
    while let Some(outcome) = deleted.next().await {
        match outcome {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => result = result.and(Err(store_error("delete a data file", error))),
        }
    }
    result
}

/// The error for a failed call of the store. `action`: what was tried, as in "read a
/// file".
///
/// An object is only ever asked for because the catalog names it, so that one which is
/// missing means lost data. The store's own text, with its paths, becomes the source.
pub fn store_error(action: &str, error: object_store::Error) -> Error {
    use object_store::Error as StoreError;
    let (kind, message) = match &error {
        StoreError::NotFound { .. } => (
            ErrorKind::Corrupt,
            format!(
                "could not {action}: data file {} is missing",
                file_name(&error)
            ),
        ),
        StoreError::AlreadyExists { .. } => (
            ErrorKind::Exists,
            format!("could not {action}: it exists already"),
        ),
        StoreError::Precondition { .. } | StoreError::NotModified { .. } => (
            ErrorKind::Conflict,
            format!("could not {action}: it was changed meanwhile"),
        ),
        StoreError::NotSupported { .. } | StoreError::NotImplemented { .. } => (
            ErrorKind::Unsupported,
            format!("could not {action}: the store cannot do that"),
        ),
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => (
            ErrorKind::Unavailable,
            format!("could not {action}: the store denies access"),
        ),
        StoreError::InvalidPath { .. } => (
            ErrorKind::Corrupt,
            format!("could not {action}: its path is invalid"),
        ),
        StoreError::JoinError { .. } | StoreError::UnknownConfigurationKey { .. } => {
            (ErrorKind::Internal, format!("could not {action}"))
        }
        _ if is_full(&error) => (
            ErrorKind::Exhausted,
            format!("could not {action}: no space left in the store"),
        ),
        _ => (
            ErrorKind::Unavailable,
            format!("could not {action}: the store does not answer"),
        ),
    };
    Error::new(kind, message).with_source(error)
}

/// The last part of the path in a "not found", which is a name of ours and says nothing
/// about the host.
fn file_name(error: &object_store::Error) -> String {
    match error {
        object_store::Error::NotFound { path, .. } => {
            path.rsplit('/').next().unwrap_or_default().to_owned()
        }
        _ => String::new(),
    }
}

/// Whether the cause is a disk, quota or file size at its limit.
fn is_full(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(io) = current.downcast_ref::<io::Error>() {
            use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
            if matches!(io.kind(), StorageFull | QuotaExceeded | FileTooLarge) {
                return true;
            }
            // An io::Error passes over the error inside it when asked for its source.
            if let Some(inner) = io.get_ref()
                && is_full(inner)
            {
                return true;
            }
        }
        next = current.source();
    }
    false
}
