//! The folder for files that end with this process, those of temporary tables.
//!
//! Several processes may share one data folder, so each has a folder of its own, and a
//! lock beside it that the operating system drops when the process ends, however it
//! ends. Whoever starts removes the folders whose lock is free.
//!
//! ```text
//!   <scratch>/lock           held while folders are swept or made
//!   <scratch>/<name>.lock    held as long as the process lives
//!   <scratch>/<name>/        its files
//! ```
//!
//! Not guaranteed: that everything is removed at the end of the process. What stays is
//! removed at the next start.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock::Ids;
use crate::error::{Error, ErrorKind};
use crate::object::ScratchUsage;

/// This process's part of the folder; removed with it.
#[derive(Debug)]
pub(super) struct Scratch {
    root: PathBuf,
    name: String,
    usage: Arc<ScratchUsage>,
    _lock: File,
}

impl Scratch {
    /// Removes what dead processes left in `root`, and makes a part for this one. Blocks.
    ///
    /// `bytes_max`: what its files may take.
    pub(super) fn open(root: &Path, ids: &dyn Ids, bytes_max: u64) -> Result<Self, Error> {
        make(root, ids, bytes_max).map_err(|source| {
            let kind = match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Exhausted,
                _ => ErrorKind::Unavailable,
            };
            Error::new(kind, "the folder for temporary tables cannot be made").with_source(source)
        })
    }

    /// The first part of locations in this folder.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What the files take.
    pub(super) fn usage(&self) -> &Arc<ScratchUsage> {
        &self.usage
    }

    /// Where a folder below `name` is on the disk.
    pub(super) fn folder(&self, below: &str) -> PathBuf {
        self.root.join(&self.name).join(below)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next start.
        let _ = fs::remove_dir_all(self.root.join(&self.name));
        let _ = fs::remove_file(lock_path(&self.root, &self.name));
    }
}

fn make(root: &Path, ids: &dyn Ids, bytes_max: u64) -> io::Result<Scratch> {
    fs::create_dir_all(root)?;
    let turn = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(root.join("lock"))?;
    turn.lock()?;
    sweep(root)?;
    loop {
        let name = ids.uuid().to_string();
        let mut options = OpenOptions::new();
        match options
            .create_new(true)
            .write(true)
            .open(lock_path(root, &name))
        {
            Ok(lock) => {
                lock.lock()?;
                fs::create_dir_all(root.join(&name))?;
                return Ok(Scratch {
                    root: root.to_owned(),
                    name,
                    usage: Arc::new(ScratchUsage::new(bytes_max)),
                    _lock: lock,
                });
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// Removes the folders of processes that are gone.
fn sweep(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        let Some(name) = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_suffix(".lock"))
        else {
            continue;
        };
        let lock = match File::open(&path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if lock.try_lock().is_err() {
            continue;
        }
        match fs::remove_dir_all(root.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::remove_file(&path)?,
        }
    }
    Ok(())
}

fn lock_path(root: &Path, name: &str) -> PathBuf {
    root.join(format!("{name}.lock"))
}
