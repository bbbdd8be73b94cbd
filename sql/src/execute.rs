//! A logical plan to a stream of batches, with cancel and deadline.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{
    ExecutionPlan, ExecutionPlanProperties, SendableRecordBatchStream, execute_stream,
};
use futures::future::BoxFuture;
use futures::{StreamExt, poll};
use tokio::task::JoinError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::SqlError;
use crate::plan::ColumnDescription;
use crate::plan::origin::origins;
use crate::query_log::QueryMeter;

/// When a statement must stop: the client's wish, or its time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) cancel: CancellationToken,
    pub(crate) deadline: Option<Deadline>,
}

/// When time is up, and for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    /// For the transaction, not only the statement.
    pub(crate) ends_transaction: bool,
}

impl Deadline {
    fn error(self) -> SqlError {
        match self.ends_transaction {
            true => SqlError::transaction_timeout(),
            false => SqlError::statement_timeout(),
        }
    }
}

impl Limits {
    /// Errors: `57014` or `25P04` if the statement has to end; for code that runs long without
    /// waiting.
    pub(crate) fn check(&self) -> Result<(), SqlError> {
        if self.cancel.is_cancelled() {
            return Err(SqlError::cancelled());
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline.at => Err(deadline.error()),
            _ => Ok(()),
        }
    }

    /// Runs `work` until it ends, the client cancels or time is up.
    ///
    /// Errors: `57014`, or `25P04` for the transaction's time; those of `work`.
    pub(crate) async fn run<T>(
        &self,
        work: impl Future<Output = Result<T, SqlError>>,
    ) -> Result<T, SqlError> {
        self.check()?;
        let mut work = pin!(work);
        // Work that is done at once needs no timer.
        if let Poll::Ready(result) = poll!(work.as_mut()) {
            return result;
        }
        let timeout = async {
            match self.deadline {
                Some(deadline) => {
                    tokio::time::sleep_until(deadline.at).await;
                    deadline.error()
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(SqlError::cancelled()),
            error = timeout => Err(error),
            result = &mut work => result,
        }
    }
}

/// Runs work that computes long on a thread of its own, so that the statement can
/// be cancelled meanwhile. Dropping the future lets the work end unheard.
///
/// Errors: those of `work`; its panics go on here.
pub(crate) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SqlError> + Send + 'static,
) -> Result<T, SqlError> {
    let span = tracing::Span::current();
    let running = tokio::task::spawn_blocking(move || span.in_scope(work));
    match running.await.map_err(JoinError::try_into_panic) {
        Ok(result) => result,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_)) => Err(SqlError::cancelled()),
    }
}

/// What the command tag of a row-returning statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    /// `SELECT n`
    Select,
    /// The word alone, such as `SHOW`.
    Word(&'static str),
    /// The words with the number of rows, such as `UPDATE 3`.
    Counted(&'static str),
}

/// The rows of a statement, made as they are asked for.
///
/// Holds no lock and no transaction: the files that it reads never change.
pub struct RowStream {
    columns: Arc<[ColumnDescription]>,
    stream: Option<SendableRecordBatchStream>,
    limits: Limits,
    tag: Tag,
    again: Option<Again>,
    is_complete: bool,
    /// Memory that lies in the rows.
    kept: Vec<MemoryReservation>,
    /// Counts what making the rows uses.
    meter: Option<Arc<QueryMeter>>,
}

/// Starts a query that ran out of memory in another way.
pub(crate) type Again =
    Box<dyn FnOnce() -> BoxFuture<'static, Result<SendableRecordBatchStream, SqlError>> + Send>;

impl std::fmt::Debug for RowStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowStream")
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

impl RowStream {
    pub(crate) fn new(
        stream: SendableRecordBatchStream,
        columns: Arc<[ColumnDescription]>,
        limits: Limits,
        tag: Tag,
    ) -> Self {
        Self {
            columns,
            stream: Some(stream),
            limits,
            tag,
            again: None,
            is_complete: false,
            kept: Vec::new(),
            meter: None,
        }
    }

    /// Says what counts that which making the rows uses.
    pub(crate) fn metered(mut self, meter: Arc<QueryMeter>) -> Self {
        self.meter = Some(meter);
        self
    }

    /// What counts it; none for rows that were there from the start.
    pub(crate) fn meter(&self) -> Option<&Arc<QueryMeter>> {
        self.meter.as_ref()
    }

    /// Goes on with `again` if the memory is not enough for the first rows.
    pub(crate) fn or_again(mut self, again: Again) -> Self {
        self.again = Some(again);
        self
    }

    /// Holds memory until the rows are gone.
    pub(crate) fn keeping(mut self, memory: Vec<MemoryReservation>) -> Self {
        self.kept.extend(memory);
        self
    }

    /// Rows that are there already, such as a setting's value.
    pub(crate) fn of_batch(
        batch: RecordBatch,
        columns: Arc<[ColumnDescription]>,
        limits: Limits,
        tag: Tag,
    ) -> Self {
        Self::of_batches(vec![batch], columns, limits, tag)
    }

    /// Rows that are there already; `batches` have the same columns.
    pub(crate) fn of_batches(
        batches: Vec<RecordBatch>,
        columns: Arc<[ColumnDescription]>,
        limits: Limits,
        tag: Tag,
    ) -> Self {
        let schema = batches
            .first()
            .map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
        let stream = futures::stream::iter(batches.into_iter().map(Ok));
        let stream =
            datafusion::physical_plan::stream::RecordBatchStreamAdapter::new(schema, stream);
        let mut rows = Self::new(Box::pin(stream), columns, limits, tag);
        rows.is_complete = true;
        rows
    }

    /// Whether the rows are there already.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// What the columns are.
    #[must_use]
    pub fn columns(&self) -> Arc<[ColumnDescription]> {
        Arc::clone(&self.columns)
    }

    /// The next rows; none at the end, and ever after.
    ///
    /// Errors: those of the query; `57014` when cancelled or out of time.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, SqlError> {
        loop {
            let Some(stream) = &mut self.stream else {
                return Ok(None);
            };
            let next = self.limits.run(async { Ok(stream.next().await) }).await;
            let again = self.again.take();
            let error = match next {
                Ok(Some(Ok(batch))) => return Ok(Some(batch)),
                Ok(Some(Err(error))) => SqlError::from(error),
                Ok(None) => {
                    self.stream = None;
                    return Ok(None);
                }
                Err(error) => error,
            };
            self.stream = None;
            match again {
                Some(again) if error.is_out_of_memory() => {
                    self.stream = Some(self.limits.run(again()).await?);
                }
                _ => return Err(error),
            }
        }
    }

    /// Puts the stream under the limits of the statement that asks for more rows.
    pub(crate) fn under(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Puts the stream under the limits of another statement: a portal that goes on.
    pub fn resume(&mut self, cancel: CancellationToken) {
        self.limits.cancel = cancel;
    }

    /// The command tag after `rows` rows.
    #[must_use]
    pub fn tag(&self, rows: u64) -> String {
        match self.tag {
            Tag::Select => format!("SELECT {rows}"),
            Tag::Word(word) => word.to_owned(),
            Tag::Counted(words) => format!("{words} {rows}"),
        }
    }
}

/// Descriptions of a plan's output.
pub(crate) fn describe(plan: &LogicalPlan) -> Arc<[ColumnDescription]> {
    plan.schema()
        .fields()
        .iter()
        .zip(origins(plan))
        .map(|(field, origin)| {
            let mut column = ColumnDescription::of_field(field);
            if let Some((table_oid, column_number)) = origin {
                column.table_oid = table_oid;
                column.column_number = column_number;
            }
            column
        })
        .collect()
}

/// Starts a physical plan; its partitions become one stream, in order if it has one.
pub(crate) fn start(
    plan: &Arc<dyn ExecutionPlan>,
    tasks: &Arc<TaskContext>,
) -> Result<SendableRecordBatchStream, SqlError> {
    debug_assert!(plan.output_partitioning().partition_count() > 0);
    Ok(execute_stream(Arc::clone(plan), Arc::clone(tasks))?)
}
