//! The lake's store together with one for objects that end with their process.
//!
//! Temporary tables are written and read by the same code as others, which knows one
//! store. Their locations begin with a name that was drawn at random when the process
//! began, so that no path of a catalog means them; all others are the lake's.
//!
//! Invariant: nothing below the scratch name reaches the lake's store.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::local::{Disk, OsDisk};

#[cfg(test)]
mod tests;

/// See the file's header.
#[derive(Clone, Debug)]
pub(crate) struct ScratchStore {
    lake: Arc<dyn ObjectStore>,
    scratch: Arc<dyn ObjectStore>,
    /// First part of every location in `scratch`.
    name: Arc<str>,
}

impl ScratchStore {
    pub(crate) fn new(
        lake: Arc<dyn ObjectStore>,
        scratch: Arc<dyn ObjectStore>,
        name: &str,
    ) -> Self {
        Self {
            lake,
            scratch,
            name: Arc::from(name),
        }
    }

    fn of(&self, location: &Path) -> &Arc<dyn ObjectStore> {
        let first = location.parts().next();
        match first.is_some_and(|part| part.as_ref() == &*self.name) {
            true => &self.scratch,
            false => &self.lake,
        }
    }

    fn of_prefix(&self, prefix: Option<&Path>) -> &Arc<dyn ObjectStore> {
        prefix.map_or(&self.lake, |prefix| self.of(prefix))
    }
}

impl std::fmt::Display for ScratchStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ScratchStore({})", self.lake)
    }
}

#[async_trait]
impl ObjectStore for ScratchStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.of(location).put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.of(location)
            .put_multipart_opts(location, options)
            .await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.of(location).get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.of(location).get_ranges(location, ranges).await
    }

    /// One store at a time: in turn, since any location may be of either.
    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let stores = self.clone();
        let deleted = locations.flat_map(move |location| {
            let store = match &location {
                Ok(location) => stores.of(location),
                Err(_) => &stores.lake,
            };
            store.delete_stream(stream::iter([location]).boxed())
        });
        deleted.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.of_prefix(prefix).list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.of_prefix(prefix).list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.of_prefix(prefix).list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.of(from).copy_opts(from, to, options).await
    }
}

/// Bytes on the disk that scratch files take, and may take.
#[derive(Debug)]
pub(crate) struct ScratchUsage {
    bytes: AtomicU64,
    bytes_max: u64,
}

impl ScratchUsage {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self {
            bytes: AtomicU64::new(0),
            bytes_max,
        }
    }

    /// Errors: `StorageFull` beyond the limit.
    fn take(&self, bytes: u64) -> io::Result<()> {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) <= self.bytes_max {
            return Ok(());
        }
        self.give_back(bytes);
        let text = "temporary tables have all the disk space that they may take";
        Err(io::Error::new(io::ErrorKind::StorageFull, text))
    }

    fn give_back(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Removes a folder with its files. What cannot be removed still counts.
    pub(crate) fn remove_folder(&self, folder: &FilePath) -> io::Result<()> {
        let mut bytes = 0;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                self.remove_folder(&entry.path())?;
            } else {
                bytes += entry.metadata()?.len();
            }
        }
        fs::remove_dir_all(folder)?;
        self.give_back(bytes);
        Ok(())
    }
}

/// The operating system's disk without the flushes, for nothing here outlasts the process,
/// and with a limit.
#[derive(Clone, Debug)]
pub(crate) struct ScratchDisk {
    usage: Arc<ScratchUsage>,
}

impl ScratchDisk {
    pub(crate) fn new(usage: Arc<ScratchUsage>) -> Self {
        Self { usage }
    }
}

impl Disk for ScratchDisk {
    fn create_folder(&self, path: &FilePath) -> io::Result<()> {
        OsDisk.create_folder(path)
    }

    fn create_file(&self, path: &FilePath) -> io::Result<File> {
        OsDisk.create_file(path)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let count = bytes.len() as u64;
        self.usage.take(count)?;
        let written = OsDisk.write_at(file, bytes, offset);
        if written.is_err() {
            self.usage.give_back(count);
        }
        written
    }

    fn sync_file(&self, _file: &File, _path: &FilePath) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &FilePath, to: &FilePath) -> io::Result<()> {
        OsDisk.rename(from, to)
    }

    /// Counts the file for each of its names, so that removing either takes its part.
    fn link(&self, from: &FilePath, to: &FilePath) -> io::Result<()> {
        let bytes = fs::metadata(from)?.len();
        OsDisk.link(from, to)?;
        self.usage.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    fn sync_folder(&self, _path: &FilePath) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, path: &FilePath) -> io::Result<()> {
        let bytes = fs::metadata(path)?.len();
        OsDisk.remove(path)?;
        self.usage.give_back(bytes);
        Ok(())
    }
}
