//! Writes rows into new data files of a table, with the statistics for the catalog.
//!
//!   write ──▶ pending rows ──▶ encode (blocking threads) ──▶ row group ──▶ upload
//!                                  while the next rows are gathered
//!
//! Invariants:
//! - A file's name is new, so nothing is ever overwritten; it is visible to nobody
//!   before a commit names it.
//! - `finish` returns only files that the store has acknowledged as durable.
//! - Statistics are taken from the values, never read back from the file.
//! - A file ends with the row group that reached `file_bytes_max`.
//!
//! Memory: the pending rows (`PENDING_*`), as many again being encoded, one encoded row
//! group (`row_group_bytes_max`) and its copy on the way to the store.
//!
//! Not guaranteed: that a writer which was dropped leaves nothing behind. It tries to
//! delete; what remains is an object that no catalog row names.

mod encode;
mod layout;
mod staged;
#[cfg(test)]
mod tests;
pub(in crate::file) mod upload;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use object_store::ObjectStore;
use object_store::path::Path;
use parquet::file::properties::WriterPropertiesPtr;

pub use layout::{FileCompression, WriteOptions};
pub use staged::{StagedColumn, StagedFile, StagedFiles};

use crate::clock::Ids;
use crate::error::{Error, ErrorKind};
use crate::file::schema;
use crate::file::write::encode::{ColumnEncoder, EncodeJob, FileEncoder};
use crate::file::write::upload::Upload;
use crate::object::delete_objects;
use crate::snapshot::Column;

/// Rows that are gathered before they are encoded together: enough that handing them to
/// other threads costs nothing beside the work.
const PENDING_ROWS_MAX: usize = 65_536;

/// The same bound for wide rows, in bytes of memory.
const PENDING_BYTES_MAX: usize = 64 << 20;

/// Writes the rows of one statement into files of one table.
///
/// After an error only `abort` is of use.
pub struct TableWriter {
    store: Arc<dyn ObjectStore>,
    table_location: Path,
    columns: Arc<[Column]>,
    schema: SchemaRef,
    ids: Arc<dyn Ids>,
    properties: WriterPropertiesPtr,
    options: WriteOptions,
    pending: Vec<RecordBatch>,
    pending_rows: usize,
    pending_bytes: usize,
    file: Option<OpenFile>,
    job: Option<Job>,
    staged: StagedFiles,
    /// Objects that may exist in the store, and that no one else knows.
    locations: Vec<Path>,
    is_failed: bool,
}

/// A file that still takes rows. Its columns are here or in the job.
struct OpenFile {
    name: String,
    encoder: FileEncoder,
    columns: Vec<ColumnEncoder>,
    upload: Upload,
    row_count: u64,
    row_group_rows: usize,
}

struct Job {
    encode: EncodeJob,
    ends_row_group: bool,
}

impl std::fmt::Debug for TableWriter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("TableWriter")
            .field("table_location", &self.table_location)
            .field("staged", &self.staged.files.len())
            .finish_non_exhaustive()
    }
}

impl TableWriter {
    /// A writer of new files below `table_location`. Touches nothing before rows come.
    ///
    /// `columns`: all columns of the table, in order, with the ids of nested fields.
    /// Errors: `Unsupported` if a column has a type that is only read.
    pub fn open(
        store: Arc<dyn ObjectStore>,
        table_location: Path,
        columns: Arc<[Column]>,
        ids: Arc<dyn Ids>,
        options: WriteOptions,
    ) -> Result<TableWriter, Error> {
        schema::parquet_schema(&columns)?;
        Ok(TableWriter {
            store,
            table_location,
            schema: schema::stored_schema(&columns)?,
            properties: Arc::new(layout::properties(&columns, &options)),
            columns,
            ids,
            options,
            pending: Vec::new(),
            pending_rows: 0,
            pending_bytes: 0,
            file: None,
            job: None,
            staged: StagedFiles::default(),
            locations: Vec::new(),
            is_failed: false,
        })
    }

    /// Appends rows.
    ///
    /// `batch`: the columns of the table by position, in their `arrow_type`s (any layout
    /// of text and bytea), with values that fit the declared types. Waits while earlier
    /// rows are encoded and sent.
    /// Errors: those of the store; `Internal` for a batch that does not fit the table.
    pub async fn write(&mut self, batch: RecordBatch) -> Result<(), Error> {
        self.check()?;
        let result = self.gather(batch).await;
        self.is_failed |= result.is_err();
        result
    }

    /// Ends the last file and returns all of them, durable in the store.
    pub async fn finish(mut self) -> Result<StagedFiles, Error> {
        self.check()?;
        match self.finish_files().await {
            Ok(()) => {
                self.locations.clear();
                Ok(std::mem::take(&mut self.staged))
            }
            Err(error) => {
                // The first error is the one to report; abort logs nothing of its own.
                let _ = self.discard().await;
                Err(error)
            }
        }
    }

    /// Deletes what was uploaded.
    ///
    /// Errors: those of the store, after every object was tried.
    pub async fn abort(mut self) -> Result<(), Error> {
        self.discard().await
    }

    fn check(&self) -> Result<(), Error> {
        if self.is_failed {
            return Err(Error::new(
                ErrorKind::Internal,
                "the writer has already failed",
            ));
        }
        Ok(())
    }

    async fn gather(&mut self, batch: RecordBatch) -> Result<(), Error> {
        if batch.num_columns() != self.columns.len() {
            let message = format!(
                "a batch of {} columns for a table of {}",
                batch.num_columns(),
                self.columns.len()
            );
            return Err(Error::new(ErrorKind::Internal, message));
        }
        let mut offset = 0;
        while offset < batch.num_rows() {
            let room = self.room().saturating_sub(self.pending_rows).max(1);
            let count = room.min(batch.num_rows() - offset);
            let part = batch.slice(offset, count);
            offset += count;
            self.pending_bytes += batch.get_array_memory_size() * count / batch.num_rows();
            self.pending_rows += count;
            self.pending.push(part);
            let is_full = self.pending_rows >= self.room();
            if is_full || self.pending_bytes >= PENDING_BYTES_MAX {
                self.encode_pending().await?;
            }
        }
        Ok(())
    }

    /// Rows that may be pending: up to the end of the row group, if that comes first.
    fn room(&self) -> usize {
        let in_group = self.file.as_ref().map_or(0, |file| file.row_group_rows);
        let left = self.options.row_group_rows_max.saturating_sub(in_group);
        // A row group that is full, but still in its job, leaves room for a whole one.
        let left = if left == 0 {
            self.options.row_group_rows_max
        } else {
            left
        };
        left.clamp(1, PENDING_ROWS_MAX)
    }

    /// Hands the pending rows to the encoding tasks, after the ones before are done.
    async fn encode_pending(&mut self) -> Result<(), Error> {
        self.settle().await?;
        let batches = std::mem::take(&mut self.pending);
        let row_count = std::mem::take(&mut self.pending_rows);
        self.pending_bytes = 0;
        let file = match &mut self.file {
            Some(file) => file,
            empty => {
                let name = format!("{}.parquet", self.ids.uuid());
                let location = self.table_location.clone().join(name.as_str());
                let upload = Upload::new(Arc::clone(&self.store), location);
                let (encoder, columns) =
                    FileEncoder::open(&self.columns, &self.schema, &self.properties)?;
                let file = OpenFile {
                    name,
                    encoder,
                    columns,
                    upload,
                    row_count: 0,
                    row_group_rows: 0,
                };
                empty.insert(file)
            }
        };
        file.row_count += row_count as u64;
        file.row_group_rows += row_count;
        let ends_row_group = file.row_group_rows >= self.options.row_group_rows_max;
        self.start(batches, ends_row_group);
        Ok(())
    }

    fn start(&mut self, batches: Vec<RecordBatch>, ends_row_group: bool) {
        if let Some(file) = &mut self.file {
            let columns = std::mem::take(&mut file.columns);
            let task_count_max = self.options.encode_task_count_max;
            let encode = EncodeJob::start(columns, batches, ends_row_group, task_count_max);
            self.job = Some(Job {
                encode,
                ends_row_group,
            });
        }
    }

    /// Waits for the job, and brings a row group that it ended on its way.
    async fn settle(&mut self) -> Result<(), Error> {
        let Some(Job {
            encode,
            ends_row_group,
        }) = self.job.take()
        else {
            return Ok(());
        };
        let columns = encode.wait().await?;
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let encoded_bytes: usize = columns.iter().map(ColumnEncoder::pending_bytes).sum();
        file.columns = columns;
        if ends_row_group {
            return self.end_row_group().await;
        }
        if encoded_bytes >= self.options.row_group_bytes_max {
            self.close_row_group().await?;
        }
        Ok(())
    }

    /// Ends the row group though no rows are left to encode.
    async fn close_row_group(&mut self) -> Result<(), Error> {
        self.start(Vec::new(), true);
        let Some(job) = self.job.take() else {
            return Ok(());
        };
        let columns = job.encode.wait().await?;
        if let Some(file) = &mut self.file {
            file.columns = columns;
        }
        self.end_row_group().await
    }

    async fn end_row_group(&mut self) -> Result<(), Error> {
        let Some(OpenFile {
            name,
            mut encoder,
            mut columns,
            mut upload,
            row_count,
            ..
        }) = self.file.take()
        else {
            return Ok(());
        };
        // From here on the store may know the object, also if this future is dropped.
        if !self.locations.contains(upload.location()) {
            self.locations.push(upload.location().clone());
        }
        let (bytes, encoder, columns) = blocking(move || {
            let bytes = encoder.append_row_group(&mut columns)?;
            Ok((bytes, encoder, columns))
        })
        .await?;
        let written = upload.write(bytes).await;
        let is_full = upload.bytes() >= self.options.file_bytes_max;
        let file = OpenFile {
            name,
            encoder,
            columns,
            upload,
            row_count,
            row_group_rows: 0,
        };
        self.file = Some(file);
        written?;
        if is_full {
            self.end_file().await
        } else {
            Ok(())
        }
    }

    async fn end_file(&mut self) -> Result<(), Error> {
        let Some(OpenFile {
            name,
            encoder,
            columns,
            mut upload,
            row_count,
            ..
        }) = self.file.take()
        else {
            return Ok(());
        };
        let (tail, footer_bytes) = blocking(move || encoder.finish()).await?;
        let sent = async {
            upload.write(tail).await?;
            upload.finish().await
        };
        if let Err(error) = sent.await {
            // The parts are given up; the object itself is deleted by `discard`.
            let _ = upload.abort().await;
            return Err(error);
        }
        self.staged.files.push(StagedFile {
            file_name: name,
            row_count,
            bytes: upload.bytes(),
            footer_bytes,
            columns: columns
                .into_iter()
                .flat_map(ColumnEncoder::staged)
                .collect(),
        });
        Ok(())
    }

    async fn finish_files(&mut self) -> Result<(), Error> {
        if self.pending_rows > 0 {
            self.encode_pending().await?;
        }
        self.settle().await?;
        if self
            .file
            .as_ref()
            .is_some_and(|file| file.row_group_rows > 0)
        {
            self.close_row_group().await?;
        }
        self.end_file().await
    }

    async fn discard(&mut self) -> Result<(), Error> {
        self.job = None;
        let aborted = match self.file.take() {
            Some(mut file) => file.upload.abort().await,
            None => Ok(()),
        };
        let locations = std::mem::take(&mut self.locations);
        delete_objects(&self.store, locations).await.and(aborted)
    }
}

impl Drop for TableWriter {
    fn drop(&mut self) {
        // A statement that was cancelled drops its writer in the middle. These files
        // were never handed out, so no commit can name them.
        let locations = std::mem::take(&mut self.locations);
        let upload = self.file.take().map(|file| file.upload);
        if locations.is_empty() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let store = Arc::clone(&self.store);
            runtime.spawn(async move {
                if let Some(mut upload) = upload {
                    let _ = upload.abort().await;
                }
                if let Err(error) = delete_objects(&store, locations).await {
                    tracing::warn!(%error, "files of a cancelled write stay in the store");
                }
            });
        }
    }
}

/// Runs work that takes more than a millisecond away from the socket threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            let message = "a task that lays out a data file failed";
            Err(Error::new(ErrorKind::Internal, message).with_source(error))
        })
}
