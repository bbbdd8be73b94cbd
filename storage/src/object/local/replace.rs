//! Replacing an object only if it is still the one that was read.
//!
//!   open ──▶ lock the file ──▶ does the name still lead to it, unchanged? ──▶ replace it
//!
//! The lock is on the file and not on the name: who waited for it finds another file under
//! the name, whose version differs. The operating system lets go of it if the process dies.
//!
//! Not guaranteed: anything against who replaces the object without asking for a version,
//! or on a network's disk that knows no locks; there the call fails as unsupported.

use std::fs::{File, TryLockError};
use std::sync::Arc;
use std::time::{Duration, Instant};

use object_store::path::Path;
use object_store::{ObjectStoreExt, Result, UpdateVersion};

use super::{Inner, blocking, store_failure, unsupported};

/// How long to wait for another process, which replaces a small file.
const WAIT_MAX: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);

/// Locks the file of an object, if that still has this version.
///
/// Errors: `Precondition` if it has another, or is gone.
pub(super) async fn lock_version(
    inner: &Arc<Inner>,
    location: &Path,
    version: &UpdateVersion,
) -> Result<File> {
    let path = inner.path(location)?;
    let place = location.clone();
    let file = blocking(move || {
        let file = File::open(path).map_err(|error| store_failure(&place, error))?;
        lock(&file, &place)?;
        Ok(file)
    });
    let file = file.await.map_err(as_changed)?;
    let now = inner.reads.head(location).await.map_err(as_changed)?;
    if now.e_tag.is_some() && now.e_tag == version.e_tag {
        return Ok(file);
    }
    Err(object_store::Error::Precondition {
        path: location.to_string(),
        source: "it was replaced".into(),
    })
}

fn lock(file: &File, location: &Path) -> Result<()> {
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if started.elapsed() < WAIT_MAX => {
                std::thread::sleep(PAUSE);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(object_store::Error::Precondition {
                    path: location.to_string(),
                    source: "another process replaces it".into(),
                });
            }
            Err(TryLockError::Error(_)) => return Err(unsupported("a lock")),
        }
    }
}

/// One that is gone was changed, too.
fn as_changed(error: object_store::Error) -> object_store::Error {
    match error {
        object_store::Error::NotFound { path, source } => {
            object_store::Error::Precondition { path, source }
        }
        other => other,
    }
}
