//! The lake's store together with one for objects that end with their process.
//!
//! Temporary tables are written and read by the same code as others, which knows one
//! store. Their locations begin with a name that was drawn at random when the process
//! began, so that no path of a catalog means them; all others are the lake's.
//!
//! Invariant: nothing below the scratch name reaches the lake's store.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;

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

/// The operating system's disk without the flushes: nothing here outlasts the process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ScratchDisk;

impl Disk for ScratchDisk {
    fn create_folder(&self, path: &FilePath) -> io::Result<()> {
        OsDisk.create_folder(path)
    }

    fn create_file(&self, path: &FilePath) -> io::Result<File> {
        OsDisk.create_file(path)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        OsDisk.write_at(file, bytes, offset)
    }

    fn sync_file(&self, _file: &File, _path: &FilePath) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &FilePath, to: &FilePath) -> io::Result<()> {
        OsDisk.rename(from, to)
    }

    fn link(&self, from: &FilePath, to: &FilePath) -> io::Result<()> {
        OsDisk.link(from, to)
    }

    fn sync_folder(&self, _path: &FilePath) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, path: &FilePath) -> io::Result<()> {
        OsDisk.remove(path)
    }
}
