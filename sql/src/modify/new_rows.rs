//! New rows on their way to storage: few stay rows of the catalog, more become files.
//!
//! Which of the two is known only at the end, so the first rows are held back. Where more
//! come, all of them go to the file writer, at the cost of nothing but a few pointers;
//! where the table has a sort key, sorted by it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::DataType;
use datafusion::execution::TaskContext;
use gotgan_storage::{StagedFiles, Table, TableId, TableWriter, Transaction};

use super::Sorter;
use crate::error::SqlError;

/// Most bytes of few rows: the catalog is no place for large values.
const FEW_BYTES_MAX: usize = 1 << 20;

/// Takes the new rows of one statement.
pub(crate) struct RowWriter {
    table: Option<Arc<Table>>,
    files: TableWriter,
    /// What the sort runs in.
    tasks: Arc<TaskContext>,
    /// Whether it is known if rows are sorted, once they are many.
    is_begun: bool,
    sorter: Option<Sorter>,
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
    ///
    /// `tasks`: of the statement; a sort shares its memory.
    pub(crate) async fn open(
        storage: &Transaction,
        table: TableId,
        tasks: &Arc<TaskContext>,
    ) -> Result<Self, SqlError> {
        Ok(Self {
            table: storage.snapshot().table(table).map(Arc::clone),
            files: storage.writer(table).await?,
            tasks: Arc::clone(tasks),
            is_begun: false,
            sorter: None,
            held: Vec::new(),
            held_count: 0,
            few_count_max: storage.lake().inline_rows_max(),
        })
    }

    /// A writer that makes files of few rows, too.
    pub(crate) async fn of_files(
        storage: &Transaction,
        table: TableId,
        tasks: &Arc<TaskContext>,
    ) -> Result<Self, SqlError> {
        Ok(Self {
            few_count_max: 0,
            ..Self::open(storage, table, tasks).await?
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
        self.put(batch).await
    }

    async fn release(&mut self) -> Result<(), SqlError> {
        for batch in std::mem::take(&mut self.held) {
            self.put(batch).await?;
        }
        Ok(())
    }

    /// Rows on their way to a file.
    async fn put(&mut self, batch: RecordBatch) -> Result<(), SqlError> {
        if !self.is_begun {
            self.is_begun = true;
            if let Some(table) = &self.table {
                self.sorter = Sorter::new(table, &batch.schema(), &self.tasks)?;
            }
        }
        match &mut self.sorter {
            Some(sorter) => sorter.push(batch).await,
            None => Ok(self.files.write(batch).await?),
        }
    }

    pub(super) async fn finish(mut self) -> Result<NewRows, SqlError> {
        if let Some(first) = self.held.first() {
            let rows = compact(&concat_batches(&first.schema(), &self.held)?)?;
            if rows.get_array_memory_size() <= FEW_BYTES_MAX {
                return Ok(NewRows::Few(rows));
            }
            self.release().await?;
        }
        if let Some(sorter) = self.sorter.take()
            && let Err(error) = sorter.write(&mut self.files).await
        {
            if let Err(error) = self.abort().await {
                tracing::warn!(%error, "files of a failed sort were not deleted");
            }
            return Err(error);
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
pub(super) fn compact(rows: &RecordBatch) -> Result<RecordBatch, SqlError> {
    let arrays = rows.columns().iter().map(|array| -> ArrayRef {
        match array.data_type() {
            DataType::Utf8View => Arc::new(array.as_string_view().gc()),
            DataType::BinaryView => Arc::new(array.as_binary_view().gc()),
            _ => Arc::clone(array),
        }
    });
    Ok(RecordBatch::try_new(rows.schema(), arrays.collect())?)
}
