//! Encodes batches into Parquet, column beside column, on the blocking threads.
//!
//!   rows ──▶ encode: a task per thread takes column after column ──▶ columns
//!        └─ at the end of a row group each column closes into a chunk ──▶ append
//!
//! The columns travel into the tasks and come back with the result, so that no thread is
//! held while no rows arrive, and dropping the writer frees everything.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, SchemaRef};
use bytes::Bytes;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::SerializedFileWriter;
use tokio::task::JoinHandle;

use crate::error::{Error, ErrorKind};
use crate::file::parquet_error;
use crate::file::schema::{self, Leaf};
use crate::file::stats::RunningBounds;
use crate::file::write::StagedColumn;
use crate::snapshot::Column;
use crate::types::ColumnType;

/// Fewer rows than this are encoded by one task: splitting them costs more than it saves.
const SPLIT_ROWS_MIN: usize = 4_096;

const ACTION: &str = "encode a data file";

/// A leaf's encoder in the current row group, and what is known of the leaf so far.
struct LeafEncoder {
    leaf: Leaf,
    bounds: RunningBounds,
    /// `None` between the end of a row group and the start of the next.
    writer: Option<ArrowColumnWriter>,
    bytes: u64,
    value_count: u64,
    null_count: u64,
}

/// One column of the table with its leaves.
pub(crate) struct ColumnEncoder {
    index: usize,
    column_type: ColumnType,
    leaves: Vec<LeafEncoder>,
    /// Filled when a row group ended.
    chunks: Vec<ArrowColumnChunk>,
    /// Size of the current row group once encoded, as estimated.
    pending_bytes: usize,
}

/// The file around the columns.
pub(crate) struct FileEncoder {
    writer: SerializedFileWriter<Vec<u8>>,
    factory: ArrowRowGroupWriterFactory,
    row_group_count: usize,
}

/// Columns being encoded; resolves when all are back.
pub(crate) struct EncodeJob {
    tasks: Vec<JoinHandle<Result<(), Error>>>,
    done: Arc<Mutex<Vec<ColumnEncoder>>>,
}

impl FileEncoder {
    /// A file for `columns`, and its columns ready for rows.
    pub(crate) fn open(
        columns: &[Column],
        arrow_schema: &SchemaRef,
        properties: &WriterPropertiesPtr,
    ) -> Result<(FileEncoder, Vec<ColumnEncoder>), Error> {
        let root = schema::parquet_schema(columns)?;
        let writer = SerializedFileWriter::new(Vec::new(), root, Arc::clone(properties))
            .map_err(|error| parquet_error(ACTION, error))?;
        let factory = ArrowRowGroupWriterFactory::new(&writer, Arc::clone(arrow_schema));
        let writers = factory.create_column_writers(0);
        let mut writers = writers
            .map_err(|error| parquet_error(ACTION, error))?
            .into_iter();
        let mut encoders = Vec::with_capacity(columns.len());
        for (index, column) in columns.iter().enumerate() {
            let leaves: Vec<LeafEncoder> = schema::leaves(column)
                .into_iter()
                .zip(&mut writers)
                .map(|(leaf, writer)| LeafEncoder {
                    bounds: RunningBounds::new(leaf.column_type.clone(), leaf.is_nested),
                    leaf,
                    writer: Some(writer),
                    bytes: 0,
                    value_count: 0,
                    null_count: 0,
                })
                .collect();
            let column_type = column.column_type.clone();
            let chunks = Vec::new();
            encoders.push(ColumnEncoder {
                index,
                column_type,
                leaves,
                chunks,
                pending_bytes: 0,
            });
        }
        Ok((
            FileEncoder {
                writer,
                factory,
                row_group_count: 0,
            },
            encoders,
        ))
    }

    /// Puts the closed chunks of all columns into the file and gives each column a new
    /// row group. Blocks for as long as copying the row group takes.
    pub(crate) fn append_row_group(
        &mut self,
        columns: &mut [ColumnEncoder],
    ) -> Result<Bytes, Error> {
        self.append(columns)
            .map_err(|error| parquet_error(ACTION, error))
    }

    fn append(&mut self, columns: &mut [ColumnEncoder]) -> parquet::errors::Result<Bytes> {
        self.row_group_count += 1;
        let mut fresh = self
            .factory
            .create_column_writers(self.row_group_count)?
            .into_iter();
        let mut row_group = self.writer.next_row_group()?;
        for column in columns.iter_mut() {
            for (leaf, chunk) in column.leaves.iter_mut().zip(column.chunks.drain(..)) {
                let metadata = &chunk.close().metadata;
                let entry_count = metadata.num_values().unsigned_abs();
                let null_count = metadata
                    .statistics()
                    .and_then(|stats| stats.null_count_opt());
                let null_count = null_count.unwrap_or(0);
                leaf.bytes += metadata.compressed_size().unsigned_abs();
                leaf.value_count += entry_count.saturating_sub(null_count);
                leaf.null_count += null_count;
                chunk.append_to_row_group(&mut row_group)?;
                leaf.writer = fresh.next();
            }
            column.pending_bytes = 0;
        }
        row_group.close()?;
        self.take_bytes()
    }

    /// Writes the footer: the last bytes of the file, and the length of the footer
    /// without the eight bytes that follow it.
    pub(crate) fn finish(mut self) -> Result<(Bytes, u64), Error> {
        let tail = self.writer.finish().and_then(|_| self.take_bytes());
        let tail = tail.map_err(|error| parquet_error(ACTION, error))?;
        let length = tail
            .len()
            .checked_sub(8)
            .and_then(|start| tail.get(start..start + 4));
        let Some(Ok(length)) = length.map(<[u8; 4]>::try_from) else {
            return Err(Error::new(
                ErrorKind::Internal,
                "the encoder wrote no footer",
            ));
        };
        Ok((tail, u64::from(u32::from_le_bytes(length))))
    }

    fn take_bytes(&mut self) -> parquet::errors::Result<Bytes> {
        self.writer.flush()?;
        Ok(Bytes::from(std::mem::take(self.writer.inner_mut())))
    }
}

impl ColumnEncoder {
    /// Statistics of all leaves, for the catalog.
    pub(crate) fn staged(self) -> impl Iterator<Item = StagedColumn> {
        self.leaves.into_iter().map(|leaf| {
            let texts = leaf.bounds.finish();
            StagedColumn {
                column_id: leaf.leaf.id,
                bytes: leaf.bytes,
                value_count: leaf.value_count,
                null_count: leaf.null_count,
                min: texts.min,
                max: texts.max,
                contains_nan: texts.contains_nan,
            }
        })
    }

    pub(crate) fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }

    fn encode(&mut self, batches: &[RecordBatch]) -> Result<(), Error> {
        for batch in batches {
            let array = self.column_type.to_stored(batch.column(self.index))?;
            let mut values = Vec::with_capacity(self.leaves.len());
            leaf_arrays(&array, &mut values);
            let field = Field::new("", array.data_type().clone(), true);
            let levels = compute_leaves(&field, &array);
            let levels = levels.map_err(|error| parquet_error(ACTION, error))?;
            for ((leaf, values), levels) in self.leaves.iter_mut().zip(&values).zip(&levels) {
                leaf.bounds.update(values.as_ref())?;
                let writer = leaf.writer.as_mut().ok_or_else(closed)?;
                writer
                    .write(levels)
                    .map_err(|error| parquet_error(ACTION, error))?;
            }
        }
        let writers = self.leaves.iter().filter_map(|leaf| leaf.writer.as_ref());
        self.pending_bytes = writers
            .map(ArrowColumnWriter::get_estimated_total_bytes)
            .sum();
        Ok(())
    }

    /// Ends the row group; `append_row_group` starts the next.
    fn close(&mut self) -> Result<(), Error> {
        for leaf in &mut self.leaves {
            let writer = leaf.writer.take().ok_or_else(closed)?;
            self.chunks.push(
                writer
                    .close()
                    .map_err(|error| parquet_error(ACTION, error))?,
            );
        }
        Ok(())
    }
}

impl EncodeJob {
    /// Starts to encode `batches`, and to close the row group after them if asked.
    ///
    /// `task_count_max`: how many blocking threads may work on it at once.
    pub(crate) fn start(
        columns: Vec<ColumnEncoder>,
        batches: Vec<RecordBatch>,
        ends_row_group: bool,
        task_count_max: usize,
    ) -> Self {
        let row_count: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let is_small = row_count < SPLIT_ROWS_MIN && !ends_row_group;
        let task_count = if is_small {
            1
        } else {
            task_count_max.min(columns.len()).max(1)
        };
        let done = Arc::new(Mutex::new(Vec::with_capacity(columns.len())));
        let todo = Arc::new(Mutex::new(columns));
        let batches: Arc<[RecordBatch]> = batches.into();
        let tasks = (0..task_count)
            .map(|_| {
                let (todo, done) = (Arc::clone(&todo), Arc::clone(&done));
                let batches = Arc::clone(&batches);
                tokio::task::spawn_blocking(move || {
                    encode_columns(&todo, &done, &batches, ends_row_group)
                })
            })
            .collect();
        Self { tasks, done }
    }

    /// The columns, in their order. After an error the row group is lost.
    pub(crate) async fn wait(self) -> Result<Vec<ColumnEncoder>, Error> {
        let mut result = Ok(());
        for task in self.tasks {
            let outcome = task.await.unwrap_or_else(|error| {
                let message = "a task that encodes a data file failed";
                Err(Error::new(ErrorKind::Internal, message).with_source(error))
            });
            result = result.and(outcome);
        }
        result?;
        let mut columns = std::mem::take(&mut *lock(&self.done));
        columns.sort_by_key(|column| column.index);
        Ok(columns)
    }
}

fn encode_columns(
    todo: &Mutex<Vec<ColumnEncoder>>,
    done: &Mutex<Vec<ColumnEncoder>>,
    batches: &[RecordBatch],
    ends_row_group: bool,
) -> Result<(), Error> {
    loop {
        // The lock must not live through the encoding, hence the statement of its own.
        let next = lock(todo).pop();
        let Some(mut column) = next else {
            return Ok(());
        };
        column.encode(batches)?;
        if ends_row_group {
            column.close()?;
        }
        lock(done).push(column);
    }
}

fn lock(columns: &Mutex<Vec<ColumnEncoder>>) -> std::sync::MutexGuard<'_, Vec<ColumnEncoder>> {
    // A task that panicked has lost its column, which `wait` reports; the rest is whole.
    columns.lock().unwrap_or_else(PoisonError::into_inner)
}

fn closed() -> Error {
    Error::new(ErrorKind::Internal, "the row group has already ended")
}

/// The values of each leaf below `array`, in the order of the Parquet file.
fn leaf_arrays(array: &ArrayRef, leaves: &mut Vec<ArrayRef>) {
    match array.data_type() {
        DataType::List(_) => leaf_arrays(array.as_list::<i32>().values(), leaves),
        DataType::Struct(_) => {
            array
                .as_struct()
                .columns()
                .iter()
                .for_each(|column| leaf_arrays(column, leaves));
        }
        _ => leaves.push(Arc::clone(array)),
    }
}
