//! New rows on their way to storage: few stay rows of the catalog, more become files.
//!
//! Which of the two is known only at the end, so the first rows are held back. Where more
//! come, all of them go to the file writer, at the cost of nothing but a few pointers.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::DataType;
use gotgan_storage::{StagedFiles, TableId, TableWriter, Transaction};

use crate::error::SqlError;

/// Most bytes of few rows: the catalog is no place for large values.
const FEW_BYTES_MAX: usize = 1 << 20;

/// Takes the new rows of one statement.
pub(crate) struct RowWriter {
    files: TableWriter,
    held: Vec<RecordBatch>,
    held_count: usize,
    /// Most rows that are few; 0 once any went to a file.
    few_count_max: usize,
}

/// The new rows of one statement; nobody sees them before [`NewRows::add_to`].
#[derive(Debug)]
pub(crate) enum NewRows {
    /// For the catalog.
    Few(RecordBatch),
    /// Durable in the store.
    Files(StagedFiles),
}

impl RowWriter {
    /// A writer for a table as a transaction sees it.
    pub(crate) async fn open(storage: &Transaction, table: TableId) -> Result<Self, SqlError> {
        Ok(Self {
            files: storage.writer(table).await?,
            held: Vec::new(),
            held_count: 0,
            few_count_max: storage.lake().inline_rows_max(),
        })
    }

    /// A writer that makes files of few rows, too.
    pub(crate) async fn of_files(storage: &Transaction, table: TableId) -> Result<Self, SqlError> {
        Ok(Self {
            few_count_max: 0,
            ..Self::open(storage, table).await?
        })
    }

    /// `batch`: as `TableWriter::write` takes it.
    pub(super) async fn write(&mut self, batch: RecordBatch) -> Result<(), SqlError> {
        self.held_count += batch.num_rows();
        if self.held_count <= self.few_count_max {
            self.held.push(batch);
            return Ok(());
        }
        self.few_count_max = 0;
        self.release().await?;
        Ok(self.files.write(batch).await?)
    }

    async fn release(&mut self) -> Result<(), SqlError> {
        for batch in std::mem::take(&mut self.held) {
            self.files.write(batch).await?;
        }
        Ok(())
    }

    pub(super) async fn finish(mut self) -> Result<NewRows, SqlError> {
        if let Some(first) = self.held.first() {
            let rows = compact(&concat_batches(&first.schema(), &self.held)?)?;
            if rows.get_array_memory_size() <= FEW_BYTES_MAX {
                return Ok(NewRows::Few(rows));
            }
            self.release().await?;
        }
        Ok(NewRows::Files(self.files.finish().await?))
    }

    pub(super) async fn abort(self) -> Result<(), SqlError> {
        Ok(self.files.abort().await?)
    }
}

impl NewRows {
    /// Makes the rows part of a transaction.
    pub(crate) async fn add_to(
        self,
        storage: &mut Transaction,
        table: TableId,
    ) -> Result<(), SqlError> {
        match self {
            Self::Few(rows) => storage.append_rows(table, rows).await?,
            Self::Files(files) => storage.append(table, files)?,
        }
        Ok(())
    }
}

/// Copies values out of larger buffers that they may be a small part of, since the
/// transaction keeps the rows until its end.
fn compact(rows: &RecordBatch) -> Result<RecordBatch, SqlError> {
    let arrays = rows.columns().iter().map(|array| -> ArrayRef {
        match array.data_type() {
            DataType::Utf8View => Arc::new(array.as_string_view().gc()),
            DataType::BinaryView => Arc::new(array.as_binary_view().gc()),
            _ => Arc::clone(array),
        }
    });
    Ok(RecordBatch::try_new(rows.schema(), arrays.collect())?)
}
