//! A folder as an object store that survives a loss of power.
//!
//!   write `name#n` ──▶ fsync it ──▶ rename to `name` ──▶ fsync the folder
//!
//! Invariants:
//! - An object is there with all its bytes or not at all: its name appears after the
//!   bytes are on the disk, by one rename or link.
//! - Once a call returned, the object survives: the folder, and each folder made for
//!   it, has been flushed. A folder that existed before this process is flushed once.
//! - No path leaves the root.
//!
//! Names that end in `#<digits>` are uploads under way; lists do not show them. Those of
//! a process that died stay until `remove_abandoned`.
//!
//! Not guaranteed: that a delete survives. One that is undone leaves an object that no
//! catalog row names.
//!
//! Reads and lists are object_store's own.

mod disk;
mod replace;
#[cfg(test)]
mod tests;
mod upload;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Component, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

pub use disk::{Disk, OsDisk};
use replace::lock_version;
use upload::LocalUpload;

use crate::error::{Error, ErrorKind};
use crate::object::{Abandoned, store_error};

const STORE: &str = "local folder";

/// Folders remembered as flushed. At the bound all are forgotten, which costs a flush.
const FOLDER_COUNT_MAX: usize = 65_536;

/// See the file's header. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LocalStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Absolute and without links.
    root: PathBuf,
    reads: LocalFileSystem,
    disk: Arc<dyn Disk>,
    /// Folders whose entry in their parent is known to be on the disk.
    flushed_folders: Mutex<HashSet<PathBuf>>,
    next_upload: AtomicU64,
}

/// A file that is being written, under a name that is not the object's.
#[derive(Debug)]
struct Staged {
    file: File,
    temporary: PathBuf,
    target: PathBuf,
}

impl LocalStore {
    /// Opens `root`, and makes it if it is not there. Blocks.
    ///
    /// Errors: `Unavailable` or `Exhausted`, as the disk says.
    pub fn open(root: &std::path::Path, disk: Arc<dyn Disk>) -> Result<LocalStore, Error> {
        let failed = |error: io::Error| {
            let kind = match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Exhausted,
                _ => ErrorKind::Unavailable,
            };
            Error::new(kind, "could not open the data folder").with_source(error)
        };
        let absolute = std::path::absolute(root).map_err(failed)?;
        let mut flushed_folders = HashSet::new();
        ensure_folder(&*disk, &absolute, &mut flushed_folders).map_err(failed)?;
        let root = absolute.canonicalize().map_err(failed)?;
        let reads = LocalFileSystem::new_with_prefix(&root).map_err(|error| {
            Error::new(ErrorKind::Unavailable, "could not open the data folder").with_source(error)
        })?;
        let inner = Inner {
            flushed_folders: Mutex::new(HashSet::from([root.clone()])),
            root,
            reads,
            disk,
            next_upload: AtomicU64::new(0),
        };
        Ok(LocalStore {
            inner: Arc::new(inner),
        })
    }

    /// Deletes uploads that were begun before `before` and never ended. Blocks.
    ///
    /// Returns how many. `before` must be earlier than any upload that may still run, of
    /// any process.
    pub fn remove_abandoned(&self, before: SystemTime) -> io::Result<u64> {
        let mut folders = vec![self.inner.root.clone()];
        let mut count = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder)? {
                let entry = entry?;
                // An upload that ends meanwhile is under another name now.
                let metadata = match entry.metadata() {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    metadata => metadata?,
                };
                if metadata.is_dir() {
                    folders.push(entry.path());
                } else if is_temporary(&entry.path()) && metadata.modified()? < before {
                    match self.inner.disk.remove(&entry.path()) {
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        removed => {
                            removed?;
                            count += 1;
                        }
                    }
                }
            }
        }
        Ok(count)
    }
}

impl Inner {
    /// The file of an object. Fails rather than leaving the root.
    fn path(&self, location: &Path) -> Result<PathBuf> {
        let path = self.reads.path_to_filesystem(location)?;
        let below = path.strip_prefix(&self.root);
        let part_count = location.parts().count();
        let is_inside = below.is_ok_and(|below| {
            let mut parts = below.components();
            parts.all(|part| matches!(part, Component::Normal(_)))
                && below.components().count() == part_count
        });
        if is_inside && part_count > 0 {
            return Ok(path);
        }
        let source = object_store::path::Error::InvalidPath { path };
        Err(object_store::Error::InvalidPath { source })
    }

    /// Makes a new file beside the object's, and its folder if need be.
    fn stage(&self, target: PathBuf) -> io::Result<Staged> {
        if let Some(folder) = target.parent() {
            let mut flushed = self
                .flushed_folders
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            ensure_folder(&*self.disk, folder, &mut flushed)?;
        }
        loop {
            let number = self.next_upload.fetch_add(1, Ordering::Relaxed);
            let mut name = target.as_os_str().to_owned();
            // Another process may write the same name, so the process id is part of it.
            name.push(format!("#{}{number:06}", std::process::id()));
            let temporary = PathBuf::from(name);
            match self.disk.create_file(&temporary) {
                Ok(file) => {
                    return Ok(Staged {
                        file,
                        temporary,
                        target,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes a fully written file the object. After an error the temporary is gone.
    fn publish(&self, staged: &Staged, is_new: bool) -> io::Result<()> {
        let published = self
            .disk
            .sync_file(&staged.file, &staged.temporary)
            .and_then(|()| {
                if is_new {
                    // A link fails if the name is taken; a rename would replace it.
                    self.disk.link(&staged.temporary, &staged.target)?;
                    self.disk.remove(&staged.temporary)
                } else {
                    self.disk.rename(&staged.temporary, &staged.target)
                }
            });
        if published.is_err() {
            let _ = self.disk.remove(&staged.temporary);
        }
        published?;
        match staged.target.parent() {
            Some(folder) => self.disk.sync_folder(folder),
            None => Ok(()),
        }
    }

    fn put(&self, target: PathBuf, payload: &PutPayload, is_new: bool) -> io::Result<()> {
        let staged = self.stage(target)?;
        let mut offset = 0;
        for bytes in payload.iter() {
            if let Err(error) = self.disk.write_at(&staged.file, bytes, offset) {
                let _ = self.disk.remove(&staged.temporary);
                return Err(error);
            }
            offset += bytes.len() as u64;
        }
        self.publish(&staged, is_new)
    }
}

/// Makes `folder` and those above it, and flushes the entry of each in its parent.
///
/// Also flushes folders that exist, unless `flushed` has them: another process may have
/// made one a moment ago and not have flushed it yet.
fn ensure_folder(
    disk: &dyn Disk,
    folder: &std::path::Path,
    flushed: &mut HashSet<PathBuf>,
) -> io::Result<()> {
    if flushed.contains(folder) {
        return Ok(());
    }
    let Some(parent) = folder.parent() else {
        return Ok(());
    };
    match disk.create_folder(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // What is above a folder of somebody else's is somebody else's care.
            return remember(disk, folder, parent, flushed);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            ensure_folder(disk, parent, flushed)?;
            match disk.create_folder(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        Err(error) => return Err(error),
    }
    remember(disk, folder, parent, flushed)
}

fn remember(
    disk: &dyn Disk,
    folder: &std::path::Path,
    parent: &std::path::Path,
    flushed: &mut HashSet<PathBuf>,
) -> io::Result<()> {
    // A parent that we may not even open is above the data folder, and not ours.
    match disk.sync_folder(parent) {
        Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
        _ => {}
    }
    if flushed.len() >= FOLDER_COUNT_MAX {
        flushed.clear();
    }
    flushed.insert(folder.to_owned());
    Ok(())
}

/// Whether the name is that of an upload under way.
fn is_temporary(path: &std::path::Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    name.rsplit_once('#').is_some_and(|(_, digits)| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn store_failure(location: &Path, error: io::Error) -> object_store::Error {
    let path = location.to_string();
    match error.kind() {
        io::ErrorKind::NotFound => object_store::Error::NotFound {
            path,
            source: error.into(),
        },
        io::ErrorKind::AlreadyExists => object_store::Error::AlreadyExists {
            path,
            source: error.into(),
        },
        io::ErrorKind::PermissionDenied => object_store::Error::PermissionDenied {
            path,
            source: error.into(),
        },
        _ => object_store::Error::Generic {
            store: STORE,
            source: error.into(),
        },
    }
}

fn unsupported(operation: &str) -> object_store::Error {
    object_store::Error::NotImplemented {
        operation: operation.to_owned(),
        implementer: STORE.to_owned(),
    }
}

/// Runs blocking calls of the disk away from the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await?
}

#[async_trait]
impl Abandoned for LocalStore {
    async fn remove(&self, before: DateTime<Utc>) -> std::result::Result<u64, Error> {
        let store = self.clone();
        let removed = blocking(move || {
            let removed = store.remove_abandoned(before.into());
            removed.map_err(|error| store_failure(&Path::default(), error))
        });
        removed
            .await
            .map_err(|error| store_error("remove abandoned uploads", error))
    }
}

impl std::fmt::Display for LocalStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("LocalStore")
    }
}

#[async_trait]
impl ObjectStore for LocalStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let is_new = options.mode == PutMode::Create;
        // Held until the object is replaced.
        let lock = match &options.mode {
            PutMode::Update(version) => Some(lock_version(&self.inner, location, version).await?),
            PutMode::Create | PutMode::Overwrite => None,
        };
        let inner = Arc::clone(&self.inner);
        let location = location.clone();
        blocking(move || {
            let _lock = lock;
            let target = inner.path(&location)?;
            let put = inner.put(target, &payload, is_new);
            put.map_err(|error| store_failure(&location, error))?;
            Ok(PutResult {
                e_tag: None,
                version: None,
            })
        })
        .await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let inner = Arc::clone(&self.inner);
        let location = location.clone();
        blocking(move || {
            let target = inner.path(&location)?;
            let staged = inner
                .stage(target)
                .map_err(|error| store_failure(&location, error))?;
            let upload: Box<dyn MultipartUpload> =
                Box::new(LocalUpload::new(inner, location, staged));
            Ok(upload)
        })
        .await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.path(location)?;
        self.inner.reads.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.path(location)?;
        self.inner.reads.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let inner = Arc::clone(&self.inner);
        let deleted = locations.map(move |location| {
            let inner = Arc::clone(&inner);
            blocking(move || {
                let location = location?;
                let removed = inner.disk.remove(&inner.path(&location)?);
                removed.map_err(|error| store_failure(&location, error))?;
                Ok(location)
            })
        });
        deleted.buffered(4).boxed()
    }

    /// Without what is behind a link: it is not of this folder, and whoever lists deletes.
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let inner = Arc::clone(&self.inner);
        let mut known: HashMap<PathBuf, bool> = HashMap::new();
        let is_own = move |listed: &Result<ObjectMeta>| {
            let Ok(object) = listed else { return true };
            let Ok(path) = inner.path(&object.location) else {
                return false;
            };
            let Some(folder) = path.parent() else {
                return false;
            };
            if let Some(is_own) = known.get(folder) {
                return *is_own;
            }
            // Of every folder once; one that is gone by now has nothing to list.
            let is_own = folder.canonicalize().is_ok_and(|real| real == folder);
            if known.len() >= FOLDER_COUNT_MAX {
                known.clear();
            }
            known.insert(folder.to_owned(), is_own);
            is_own
        };
        let listed = self.inner.reads.list(prefix);
        let mut is_own = is_own;
        listed
            .filter(move |listed| std::future::ready(is_own(listed)))
            .boxed()
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.reads.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.reads.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        // Objects of a lake are written once and never copied or renamed.
        Err(unsupported("a copy"))
    }
}
