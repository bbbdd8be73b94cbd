//! Reads single columns of Parquet files through the object store.
//!
//! Only storage's own small reads go this way (delete files, system columns); scans are
//! the work of `sql`.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

/// A file in the store, of known size.
#[derive(Debug)]
pub(crate) struct StoreReader {
    store: Arc<dyn ObjectStore>,
    location: Path,
    bytes: u64,
}

impl StoreReader {
    /// `bytes`: the size of the object, as the catalog has it.
    pub(crate) fn new(store: Arc<dyn ObjectStore>, location: Path, bytes: u64) -> Self {
        Self {
            store,
            location,
            bytes,
        }
    }
}

fn external(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

/// Fails if a read was cut, as by a connection that broke: the file is not to blame.
fn whole(bytes: Bytes, range: &Range<u64>) -> Result<Bytes> {
    if bytes.len() as u64 == range.end.saturating_sub(range.start) {
        return Ok(bytes);
    }
    let cause = io::Error::new(io::ErrorKind::UnexpectedEof, "the read was cut");
    Err(external(object_store::Error::Generic {
        store: "object store",
        source: cause.into(),
    }))
}

impl AsyncFileReader for StoreReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        async move {
            let bytes = self.store.get_range(&self.location, range.clone()).await;
            whole(bytes.map_err(external)?, &range)
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        async move {
            let parts = self.store.get_ranges(&self.location, &ranges).await;
            let parts = parts.map_err(external)?.into_iter().zip(&ranges);
            parts.map(|(bytes, range)| whole(bytes, range)).collect()
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        async move {
            let bytes = self.bytes;
            let metadata = ParquetMetaDataReader::new()
                .load_and_finish(self, bytes)
                .await?;
            Ok(Arc::new(metadata))
        }
        .boxed()
    }
}
