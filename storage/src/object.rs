//! The object store below the lake, its wrappers, and what its errors mean.
//!
//!   caller ──▶ meter ──▶ (fault, in tests) ──▶ local folder, or a cloud's own store
//!
//! Invariant: no wrapper makes a part of an object visible.

mod fault;
mod local;
mod meter;
mod scratch;
#[cfg(test)]
mod tests;

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use futures::{StreamExt, stream};
use object_store::ObjectStore;
use object_store::path::Path;

pub use fault::{Fault, FaultRates, FaultStore, Operation};
pub use local::{Disk, LocalStore, OsDisk};
pub use meter::{Meter, MeterCounts, MeteredStore};
pub(crate) use scratch::{ScratchDisk, ScratchStore};

use crate::error::{Error, ErrorKind};

const FILE_SCHEME: &str = "file://";

/// Opens the store that `data_url` names. Its paths are relative to that place.
///
/// Blocks for a few system calls.
/// Errors: `Unsupported` for a scheme that this build does not have; for a folder those
/// of the disk.
pub fn open_store(data_url: &str) -> Result<Arc<dyn ObjectStore>, Error> {
    let Some(folder) = data_url.strip_prefix(FILE_SCHEME) else {
        let scheme = data_url.split_once("://").map_or("", |(scheme, _)| scheme);
        let message = format!("data cannot be kept in a store of the kind \"{scheme}\"");
        return Err(Error::new(ErrorKind::Unsupported, message));
    };
    Ok(Arc::new(LocalStore::open(
        std::path::Path::new(folder),
        Arc::new(OsDisk),
    )?))
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
