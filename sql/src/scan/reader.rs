//! Bytes of data files: fetched, counted, and the footers cached and aligned.
//!
//! Bytes are counted for the statement by the store (`meter`); what EXPLAIN ANALYZE shows
//! of the scan alone is counted here.
//!
//! Footers are cached as they are in the file, by location, in the cache that the
//! `RuntimeEnv` holds; each scan aligns its own copy (see `columns`).
//!
//! Errors: a `SqlError` inside `ParquetError::External`, so that the node above can
//! find it: XX001 for a file that is gone, else what storage makes of the store's error.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::CachedParquetMetaData;
use datafusion::execution::cache::cache_manager::{CachedFileMetadataEntry, FileMetadataCache};
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};

use super::columns::{TableColumns, align_metadata};
use super::file::ScanFile;
use crate::SqlError;
use crate::query_log::TableMeter;
use crate::sqlstate;

/// What one scan has read so far; shared by all copies of its node.
#[derive(Clone, Debug)]
pub struct ScanMetrics {
    /// Files of which at least the footer was needed.
    pub files_read: Count,
    /// Files that planning left out by their bounds.
    pub files_pruned: Count,
    /// Bytes asked of the object store.
    pub bytes_read: Count,
}

impl ScanMetrics {
    /// Counters that `EXPLAIN ANALYZE` shows with the other metrics of `set`.
    pub(crate) fn new(set: &ExecutionPlanMetricsSet) -> Self {
        Self {
            files_read: MetricBuilder::new(set).global_counter("files_read"),
            files_pruned: MetricBuilder::new(set).global_counter("files_pruned"),
            bytes_read: MetricBuilder::new(set).global_counter("bytes_read"),
        }
    }
}

/// Opens the files of one scan.
pub(crate) struct LakeReaderFactory {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) footers: Arc<FileMetadataCache>,
    pub(crate) columns: Arc<TableColumns>,
    pub(crate) metrics: ScanMetrics,
    pub(crate) meter: Arc<TableMeter>,
    /// Files whose footers the scan has had; each counts once, however many ranges.
    pub(crate) footers_seen: FootersSeen,
    /// The table's name, for errors.
    pub(crate) table: Arc<str>,
}

/// Ids of files.
type FootersSeen = Arc<Mutex<HashSet<i64>>>;

impl fmt::Debug for LakeReaderFactory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LakeReaderFactory")
            .field("table", &self.table)
            .finish()
    }
}

impl ParquetFileReaderFactory for LakeReaderFactory {
    fn create_reader(
        &self,
        _partition_index: usize,
        listed: PartitionedFile,
        _metadata_size_hint: Option<usize>,
        _metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let Some(file) = listed.extension::<Arc<ScanFile>>() else {
            return Err(SqlError::internal("a listed file lost its description").into());
        };
        // A file is cut into ranges; the first of them counts for all.
        let is_first_range = listed.range.as_ref().is_none_or(|range| range.start == 0);
        Ok(Box::new(LakeFileReader {
            store: Arc::clone(&self.store),
            footers: Arc::clone(&self.footers),
            columns: Arc::clone(&self.columns),
            metrics: self.metrics.clone(),
            meter: Arc::clone(&self.meter),
            footers_seen: Arc::clone(&self.footers_seen),
            table: Arc::clone(&self.table),
            file: Arc::clone(file),
            meta: listed.object_meta,
            is_counted: AtomicBool::new(!is_first_range),
        }))
    }
}

/// Reads one file.
struct LakeFileReader {
    store: Arc<dyn ObjectStore>,
    footers: Arc<FileMetadataCache>,
    columns: Arc<TableColumns>,
    metrics: ScanMetrics,
    meter: Arc<TableMeter>,
    footers_seen: FootersSeen,
    table: Arc<str>,
    file: Arc<ScanFile>,
    meta: ObjectMeta,
    is_counted: AtomicBool,
}

impl LakeFileReader {
    fn count(&self, ranges: &[Range<u64>]) {
        let bytes: u64 = ranges
            .iter()
            .map(|range| range.end.saturating_sub(range.start))
            .sum();
        self.metrics
            .bytes_read
            .add(usize::try_from(bytes).unwrap_or(usize::MAX));
    }

    fn failed(&self, error: object_store::Error) -> ParquetError {
        let error = match error {
            object_store::Error::NotFound { .. } => missing_file(&self.table).caused_by(error),
            other => {
                let action = format!("read a data file of table \"{}\"", self.table);
                SqlError::from(gotgan_storage::object_error(&action, other))
            }
        };
        ParquetError::External(Box::new(error))
    }

    fn cached_footer(&self) -> Option<Arc<ParquetMetaData>> {
        let cached = self.footers.get(&self.meta.location)?;
        if !cached.is_valid_for(&self.meta) {
            return None;
        }
        let footer = cached
            .file_metadata
            .as_any()
            .downcast_ref::<CachedParquetMetaData>()?;
        Some(Arc::clone(footer.parquet_metadata()))
    }

    /// Whether this is the first time that the scan has the file's footer.
    fn is_first_footer(&self) -> bool {
        let mut seen = self
            .footers_seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        seen.insert(self.file.id)
    }

    async fn footer(&mut self) -> Result<Arc<ParquetMetaData>, ParquetError> {
        if let Some(footer) = self.cached_footer() {
            if self.is_first_footer() {
                self.meter
                    .reads
                    .count_cached(self.file.footer_hint() as u64);
            }
            return Ok(footer);
        }
        self.is_first_footer();
        let reader = ParquetMetaDataReader::new()
            .with_prefetch_hint(Some(self.file.footer_hint()))
            .with_page_index_policy(PageIndexPolicy::Skip);
        let bytes = self.file.bytes;
        let footer = Arc::new(reader.load_and_finish(&mut *self, bytes).await?);
        let cached = CachedParquetMetaData::new(Arc::clone(&footer));
        let entry = CachedFileMetadataEntry::new(self.meta.clone(), Arc::new(cached));
        self.footers.put(&self.meta.location, entry);
        Ok(footer)
    }
}

impl AsyncFileReader for LakeFileReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        self.count(std::slice::from_ref(&range));
        async move {
            let bytes = self.store.get_range(&self.meta.location, range).await;
            bytes.map_err(|error| self.failed(error))
        }
        .boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        self.count(&ranges);
        async move {
            let bytes = self.store.get_ranges(&self.meta.location, &ranges).await;
            bytes.map_err(|error| self.failed(error))
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        if !self.is_counted.swap(true, Ordering::Relaxed) {
            self.metrics.files_read.add(1);
            self.meter.reads.count_file();
        }
        async move {
            let footer = self.footer().await?;
            align_metadata(footer, &self.columns, &self.file)
        }
        .boxed()
    }
}

/// XX001: the catalog names a file that the store does not have.
fn missing_file(table: &str) -> SqlError {
    SqlError::with_code(
        sqlstate::DATA_CORRUPTED,
        format!("data file of table \"{table}\" is missing"),
    )
}
