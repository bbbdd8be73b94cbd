//! The lock that keeps a second primary off a lake in a local folder.
//!
//! The operating system holds it for the process and lets go when the process ends,
//! however it ends; the file stays and means nothing by itself.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::error::{Error, ErrorKind};

/// Held as long as this exists.
#[derive(Debug)]
pub(crate) struct PrimaryLock {
    _file: File,
}

impl PrimaryLock {
    /// Takes the lock that belongs to a catalog file.
    ///
    /// Errors: `Exists` if another process has it; `Unavailable` if the file cannot be made.
    pub(crate) fn take(catalog: &Path) -> Result<Self, Error> {
        let mut path = catalog.as_os_str().to_owned();
        path.push(".lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|source| unavailable(source.into()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                let text = "another primary is running on this data folder";
                let source = format!("{} is locked", Path::new(&path).display());
                Err(Error::new(ErrorKind::Exists, text).with_source(source))
            }
            Err(TryLockError::Error(source)) => Err(unavailable(source.into())),
        }
    }
}

fn unavailable(source: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::new(ErrorKind::Unavailable, "the data folder cannot be locked").with_source(source)
}
