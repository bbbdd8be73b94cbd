//! The calls that make a file durable, apart so that a test can watch and break them.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A disk. Every call blocks.
pub trait Disk: Debug + Send + Sync {
    /// Makes one folder; `AlreadyExists` if it is there.
    fn create_folder(&self, path: &Path) -> io::Result<()>;

    /// Makes a new file; `AlreadyExists` if the name is taken.
    fn create_file(&self, path: &Path) -> io::Result<File>;

    /// Writes all of `bytes` at `offset`. Calls for different offsets may overlap.
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Flushes a file's bytes to the disk. `path` is its name at this moment.
    fn sync_file(&self, file: &File, path: &Path) -> io::Result<()>;

    /// Gives the file the name `to`, instead of what had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives the file the name `to` too; `AlreadyExists` if that is taken.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Flushes the names in a folder to the disk.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// Removes a name.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// The operating system's.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsDisk;

impl Disk for OsDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir(path)
    }

    fn create_file(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync_file(&self, file: &File, _path: &Path) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::hard_link(from, to)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }
}
