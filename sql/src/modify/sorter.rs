//! Sorts the rows that one statement or one rewrite puts into a table's files.
//!
//! Rows are pushed in; the engine's sort takes them in a task of its own and spills to
//! disk within the memory of its query. Files of sorted rows have narrow bounds, which is
//! what lets scans pass over them.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{RecordBatch, UInt64Array};
use arrow::compute::{SortOptions, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::StreamExt;
use gotgan_storage::{Table, TableWriter};
use tokio::sync::mpsc;

use super::new_rows::compact;
use crate::error::SqlError;

/// Batches between who pushes and the sort.
const QUEUE_LENGTH: usize = 2;

/// Sorts rows while they come.
pub(crate) struct Sorter {
    queue: mpsc::Sender<RecordBatch>,
    /// Most rows of a batch for the sort, which needs memory for whole ones to merge them.
    batch_rows: usize,
    /// Ends when this is dropped.
    sort: SpawnedTask<Sorted>,
}

/// The sorted rows; the first batch is there once all rows are in.
struct Sorted {
    first: Option<Result<RecordBatch, DataFusionError>>,
    rest: SendableRecordBatchStream,
}

impl Sorter {
    /// `schema`: the table's columns first.
    ///
    /// Returns nothing for a table without a sort key that can be compared here.
    /// Errors: those of the engine.
    pub(crate) fn new(
        table: &Table,
        schema: &SchemaRef,
        tasks: &Arc<TaskContext>,
    ) -> Result<Option<Self>, SqlError> {
        let Some(ordering) = ordering(table, schema) else {
            return Ok(None);
        };
        let (queue, rows) = mpsc::channel(QUEUE_LENGTH);
        let pushed = Pushed {
            schema: Arc::clone(schema),
            rows: Mutex::new(Some(rows)),
        };
        let source = StreamingTableExec::try_new(
            Arc::clone(schema),
            vec![Arc::new(pushed)],
            None,
            Vec::new(),
            false,
            None,
        )?;
        let plan = SortExec::new(ordering, Arc::new(source));
        let mut rest = plan.execute(0, Arc::clone(tasks))?;
        let sort = SpawnedTask::spawn(async move {
            let first = rest.next().await;
            Sorted { first, rest }
        });
        let batch_rows = tasks.session_config().batch_size();
        Ok(Some(Self {
            queue,
            batch_rows,
            sort,
        }))
    }

    /// Adds rows.
    ///
    /// Errors: `53200` and others of the sort.
    pub(crate) async fn push(&mut self, batch: RecordBatch) -> Result<(), SqlError> {
        if batch.num_rows() <= self.batch_rows {
            return self.send(batch).await;
        }
        for start in (0..batch.num_rows()).step_by(self.batch_rows) {
            let end = batch.num_rows().min(start + self.batch_rows);
            let rows: UInt64Array = (start as u64..end as u64).collect();
            // A copy: a slice would hold, and count, the memory of the whole.
            let part = compact(&take_record_batch(&batch, &rows)?)?;
            self.send(part).await?;
        }
        Ok(())
    }

    async fn send(&mut self, batch: RecordBatch) -> Result<(), SqlError> {
        if self.queue.send(batch).await.is_ok() {
            return Ok(());
        }
        // The sort takes rows until it fails.
        match (&mut self.sort).await {
            Ok(Sorted {
                first: Some(Err(error)),
                ..
            }) => Err(error.into()),
            _ => Err(SqlError::internal("the sort of new rows ended early")),
        }
    }

    /// Writes the sorted rows.
    ///
    /// Errors: those of the sort and of the writer.
    pub(crate) async fn write(self, files: &mut TableWriter) -> Result<(), SqlError> {
        drop(self.queue);
        let sorted = self.sort.join().await;
        let Sorted { first, mut rest } =
            sorted.map_err(|_| SqlError::internal("the sort of new rows was stopped"))?;
        let Some(first) = first else {
            return Ok(());
        };
        files.write(first?).await?;
        while let Some(batch) = rest.next().await {
            files.write(batch?).await?;
        }
        Ok(())
    }
}

/// The sort key over the columns of a schema; nothing if there is none.
fn ordering(table: &Table, schema: &SchemaRef) -> Option<LexOrdering> {
    let key = table.sort_key.as_ref()?;
    let parts = key.columns().map_while(|(id, part)| {
        let index = table.columns.iter().position(|column| column.id == id)?;
        let field = schema.fields().get(index)?;
        let sort_field = SortField::new(field.data_type().clone());
        RowConverter::supports_fields(&[sort_field]).then(|| PhysicalSortExpr {
            expr: Arc::new(Column::new(field.name(), index)),
            options: SortOptions {
                descending: part.descending,
                nulls_first: part.nulls_first,
            },
        })
    });
    LexOrdering::new(parts)
}

/// What was pushed, as a source of a plan that runs once.
struct Pushed {
    schema: SchemaRef,
    rows: Mutex<Option<mpsc::Receiver<RecordBatch>>>,
}

impl std::fmt::Debug for Pushed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pushed").finish_non_exhaustive()
    }
}

impl PartitionStream for Pushed {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _ctx: Arc<TaskContext>) -> SendableRecordBatchStream {
        let taken = self
            .rows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let rows = futures::stream::unfold(taken, async |rows| {
            let mut rows = rows?;
            let batch = rows.recv().await?;
            Some((Ok(batch), Some(rows)))
        });
        Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            rows,
        ))
    }
}
