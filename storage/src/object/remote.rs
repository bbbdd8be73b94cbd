//! Buckets: stores over the network.
//!
//! ```text
//!   caller ──▶ RemoteStore ──▶ prefix ──▶ limit of requests ──▶ a cloud's own client
//!              cuts and joins ranges,                           signs, retries with growing
//!              gives up unfinished uploads                      pauses, ends slow requests
//! ```
//!
//! Guarantees:
//! - A put or `complete` that returned is durable: the store said so, and all of these
//!   stores say so only then.
//! - An upload whose handle goes away before it ended is given up.
//! - A `complete` whose reply was lost counts as done if the object is there, whole.
//!
//! No put of a data file is conditional: not every store can do that, and one whose reply
//! was lost would find its own object when it is tried again. Names are random and used once
//! instead, so nothing that was published is overwritten. The lake's marker is no data file;
//! `ownership/marker.rs` copes with both.
//!
//! Not guaranteed: that a process which dies gives up its uploads. `abandoned.rs` finds
//! them in stores with S3's protocol; the others have rules of their own for that.

mod abandoned;
mod build;
mod ranges;
#[cfg(test)]
mod tests;
mod upload;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use gotgan_config::ObjectStoreConfig;
use object_store::limit::LimitStore;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::error::{Error, ErrorKind};
use crate::object::Abandoned;
use crate::object::place::Bucket;
use crate::object::remote::ranges::Requests;
use crate::object::remote::upload::RemoteUpload;

/// Ranges of one read that are fetched at a time.
const FETCHES_MAX: usize = 8;

/// A name that no object of a lake has.
const NO_OBJECT: &str = "gotgan-probe";

/// See the file's header. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct RemoteStore {
    inner: Arc<dyn ObjectStore>,
}

/// A bucket that was opened.
#[derive(Debug)]
pub(crate) struct OpenBucket {
    pub(crate) objects: RemoteStore,
    /// Finds uploads of dead processes, where the store can list them.
    pub(crate) abandoned: Option<Arc<dyn Abandoned>>,
}

/// Prepares to use a bucket. Asks the store nothing yet.
///
/// Errors: `Unsupported` for settings that do not fit together.
pub(crate) fn open_bucket(
    bucket: &Bucket,
    config: &ObjectStoreConfig,
) -> std::result::Result<OpenBucket, Error> {
    let (client, abandoned) = build::client(bucket, config)?;
    Ok(OpenBucket {
        objects: RemoteStore::new(client, &bucket.prefix, config.requests_max),
        abandoned,
    })
}

impl RemoteStore {
    fn new(client: Arc<dyn ObjectStore>, prefix: &Path, requests_max: usize) -> Self {
        let limited = LimitStore::new(client, requests_max);
        Self {
            inner: Arc::new(PrefixStore::new(limited, prefix.clone())),
        }
    }

    /// Asks the store whether there is anything; shows that it can be reached and read.
    ///
    /// Errors: `NotFound` if there is no such bucket, `Unavailable` if the store denies
    /// access or does not answer.
    pub(crate) async fn is_empty(&self) -> std::result::Result<bool, Error> {
        match self.inner.list(None).next().await {
            None => Ok(true),
            Some(Ok(_)) => Ok(false),
            Some(Err(error)) => Err(self.why_not_listed(error).await),
        }
    }

    /// A list that fails does not tell why, other than as text; asking for an object does.
    async fn why_not_listed(&self, error: object_store::Error) -> Error {
        use object_store::Error as StoreError;
        let (kind, text) = match self.inner.head(&Path::from(NO_OBJECT)).await {
            Err(StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. }) => (
                ErrorKind::Unavailable,
                "the store of storage.data_url denies access: check the keys in object_store",
            ),
            Ok(_) | Err(StoreError::NotFound { .. }) => (
                ErrorKind::NotFound,
                "the bucket of storage.data_url does not exist, or cannot be listed",
            ),
            Err(_) => (
                ErrorKind::Unavailable,
                "the store of storage.data_url cannot be reached",
            ),
        };
        // As text, which holds that of its own causes already.
        Error::new(kind, text).with_source(error.to_string())
    }
}

impl std::fmt::Display for RemoteStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "RemoteStore({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for RemoteStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.inner.put_multipart_opts(location, options).await?;
        let store = Arc::clone(&self.inner);
        Ok(Box::new(RemoteUpload::new(upload, store, location.clone())))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let requests = Requests::plan(ranges);
        let fetched = stream::iter(requests.ranges().to_vec())
            .map(|range| self.inner.get_range(location, range))
            .buffered(FETCHES_MAX);
        let fetched: Vec<Bytes> = fetched.try_collect().await?;
        ranges
            .iter()
            .map(|range| requests.cut(range, &fetched))
            .collect()
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
