//! A logical plan to a stream of batches, with cancel and deadline.

use std::future::Future;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{
    ExecutionPlan, ExecutionPlanProperties, SendableRecordBatchStream, execute_stream,
};
use futures::StreamExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::SqlError;
use crate::plan::ColumnDescription;

/// When a statement must stop: the client's wish, or its time.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) cancel: CancellationToken,
    pub(crate) deadline: Option<Instant>,
}

impl Limits {
    /// Runs `work` until it ends, the client cancels or time is up.
    ///
    /// Errors: `57014` for the last two; those of `work`.
    pub(crate) async fn run<T>(
        &self,
        work: impl Future<Output = Result<T, SqlError>>,
    ) -> Result<T, SqlError> {
        let timeout = async {
            match self.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(SqlError::cancelled()),
            () = timeout => Err(SqlError::statement_timeout()),
            result = work => result,
        }
    }
}

/// What the command tag of a row-returning statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    /// `SELECT n`
    Select,
    /// The word alone, such as `SHOW`.
    Word(&'static str),
}

/// The rows of a statement, made as they are asked for.
///
/// Holds no lock and no transaction: the files that it reads never change.
pub struct RowStream {
    columns: Arc<[ColumnDescription]>,
    stream: Option<SendableRecordBatchStream>,
    limits: Limits,
    tag: Tag,
    plan: Option<Arc<dyn ExecutionPlan>>,
}

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
            plan: None,
        }
    }

    /// Rows that are there already, such as a setting's value.
    pub(crate) fn of_batch(
        batch: RecordBatch,
        columns: Arc<[ColumnDescription]>,
        limits: Limits,
        tag: Tag,
    ) -> Self {
        let schema = batch.schema();
        let stream = futures::stream::iter([Ok(batch)]);
        let stream =
            datafusion::physical_plan::stream::RecordBatchStreamAdapter::new(schema, stream);
        Self::new(Box::pin(stream), columns, limits, tag)
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
        let Some(stream) = &mut self.stream else {
            return Ok(None);
        };
        let next = self.limits.run(async { Ok(stream.next().await) }).await;
        match next {
            Ok(Some(Ok(batch))) => Ok(Some(batch)),
            Ok(Some(Err(error))) => {
                self.stream = None;
                Err(SqlError::from(error))
            }
            Ok(None) => {
                self.stream = None;
                Ok(None)
            }
            Err(error) => {
                self.stream = None;
                Err(error)
            }
        }
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
        }
    }

    /// The plan that runs, for its metrics.
    #[must_use]
    pub fn plan(&self) -> Option<&Arc<dyn ExecutionPlan>> {
        self.plan.as_ref()
    }
}

/// Descriptions of a plan's output.
pub(crate) fn describe(plan: &LogicalPlan) -> Arc<[ColumnDescription]> {
    plan.schema()
        .fields()
        .iter()
        .map(|field| ColumnDescription::of_field(field))
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
