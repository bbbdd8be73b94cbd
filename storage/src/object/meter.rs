//! Counts requests and bytes of a store.
//!
//! Bytes read are counted when a range is asked for and granted, not as it streams: a
//! reader that stops early is counted in full.

mod reads;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

pub use reads::{ReadCounts, ReadMeter};

/// The counters. Shared by all clones of a store; read them at any time.
#[derive(Debug, Default)]
pub struct Meter {
    reads: AtomicU64,
    writes: AtomicU64,
    deletes: AtomicU64,
    lists: AtomicU64,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
}

/// The counters at one moment, each on its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeterCounts {
    /// Calls that read an object or its metadata.
    pub reads: u64,
    /// Puts, parts, and ends of uploads.
    pub writes: u64,
    /// Objects asked to be deleted.
    pub deletes: u64,
    /// Calls that list.
    pub lists: u64,
    /// Bytes of the ranges that were granted.
    pub bytes_read: u64,
    /// Bytes handed over, also in calls that failed.
    pub bytes_written: u64,
}

impl Meter {
    /// The counters now.
    pub fn counts(&self) -> MeterCounts {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        MeterCounts {
            reads: load(&self.reads),
            writes: load(&self.writes),
            deletes: load(&self.deletes),
            lists: load(&self.lists),
            bytes_read: load(&self.bytes_read),
            bytes_written: load(&self.bytes_written),
        }
    }
}

fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

/// A store whose traffic is counted.
#[derive(Debug)]
pub struct MeteredStore {
    inner: Arc<dyn ObjectStore>,
    meter: Arc<Meter>,
}

impl MeteredStore {
    /// Counts the traffic of `inner` in `meter`.
    pub fn new(inner: Arc<dyn ObjectStore>, meter: Arc<Meter>) -> Self {
        Self { inner, meter }
    }
}

impl std::fmt::Display for MeteredStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "MeteredStore({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for MeteredStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        add(&self.meter.writes, 1);
        add(&self.meter.bytes_written, payload.content_length() as u64);
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        add(&self.meter.writes, 1);
        let inner = self.inner.put_multipart_opts(location, options).await?;
        Ok(Box::new(MeteredUpload {
            inner,
            meter: Arc::clone(&self.meter),
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        add(&self.meter.reads, 1);
        let is_head = options.head;
        let result = self.inner.get_opts(location, options).await?;
        if !is_head {
            add(
                &self.meter.bytes_read,
                result.range.end - result.range.start,
            );
        }
        Ok(result)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        add(&self.meter.reads, 1);
        let parts = self.inner.get_ranges(location, ranges).await?;
        add(
            &self.meter.bytes_read,
            parts.iter().map(|part| part.len() as u64).sum(),
        );
        Ok(parts)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let meter = Arc::clone(&self.meter);
        let counted = locations.inspect(move |_| add(&meter.deletes, 1));
        self.inner.delete_stream(counted.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        add(&self.meter.lists, 1);
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        add(&self.meter.lists, 1);
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        add(&self.meter.lists, 1);
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        add(&self.meter.writes, 1);
        self.inner.copy_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct MeteredUpload {
    inner: Box<dyn MultipartUpload>,
    meter: Arc<Meter>,
}

#[async_trait]
impl MultipartUpload for MeteredUpload {
    fn put_part(&mut self, payload: PutPayload) -> UploadPart {
        add(&self.meter.writes, 1);
        add(&self.meter.bytes_written, payload.content_length() as u64);
        self.inner.put_part(payload)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        add(&self.meter.writes, 1);
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
