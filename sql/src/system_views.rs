//! The relations of schema `gotgan`: what the lake knows of its own history.
//!
//! They are views as those of `pg_catalog` are, with one difference: their rows are read
//! from the lake when a scan runs, page by page, since a lake may have a million snapshots.
//! They always tell of the lake as it is now, also where a session reads the past.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use gotgan_storage::{Lake, LogRange};

use crate::context::StatementContext;
use crate::error::SqlError;
use crate::pg_catalog::Definition;
use crate::pg_catalog::rows::Rows;

mod dropped_tables;
mod holds;
mod maintenance;
mod query_history;
mod read_usage;
mod replicas;
mod retention;
mod roles;
mod settings;
mod snapshots;
mod table_restores;

pub(crate) use query_history::time_range;
pub(crate) use retention::micros;

/// Name of the schema.
pub(crate) const SCHEMA: &str = "gotgan";

/// Every relation of the schema.
const ALL: &[Definition] = &[
    dropped_tables::DROPPED_TABLES,
    holds::HOLDS,
    maintenance::MAINTENANCE,
    query_history::QUERY_HISTORY,
    read_usage::READ_USAGE,
    replicas::REPLICAS,
    retention::RETENTION,
    roles::ROLES,
    settings::SETTINGS,
    snapshots::SNAPSHOTS,
    table_restores::TABLE_RESTORES,
];

/// A relation whose rows come from the lake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LakeView {
    DroppedTables,
    Holds,
    Maintenance,
    QueryHistory,
    ReadUsage,
    Replicas,
    Retention,
    Settings,
    Snapshots,
    TableRestores,
}

/// Every relation of the schema.
pub(crate) fn definitions() -> impl Iterator<Item = Definition> {
    ALL.iter().copied()
}

/// Where the rows of a relation come from.
#[derive(Clone)]
pub(crate) struct LakeRows {
    pub(crate) view: LakeView,
    pub(crate) lake: Lake,
    pub(crate) ctx: Arc<StatementContext>,
    pub(crate) fields: SchemaRef,
    /// Which times the statement asks for, where a relation can be read by them.
    pub(crate) range: LogRange,
}

impl fmt::Debug for LakeRows {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LakeRows")
            .field("view", &self.view)
            .finish_non_exhaustive()
    }
}

impl LakeRows {
    /// The rows, a page at a time.
    fn pages(self) -> BoxStream<'static, Result<RecordBatch, SqlError>> {
        match self.view {
            LakeView::DroppedTables => dropped_tables::pages(self),
            LakeView::Holds => holds::pages(self),
            LakeView::Maintenance => maintenance::pages(self),
            LakeView::QueryHistory => query_history::pages(self),
            LakeView::ReadUsage => read_usage::pages(self),
            LakeView::Replicas => replicas::pages(self),
            LakeView::Retention => retention::pages(self),
            LakeView::Settings => settings::pages(self),
            LakeView::Snapshots => snapshots::pages(self),
            LakeView::TableRestores => table_restores::pages(self),
        }
    }

    /// Waits a while until what this node has done is in the log of statements.
    async fn catch_up(&self) {
        if let Some(log) = &self.ctx.query_log {
            log.catch_up().await;
        }
    }

    /// A page without rows yet.
    fn page(&self) -> Rows {
        Rows::new(Arc::clone(&self.fields))
    }
}

impl PartitionStream for LakeRows {
    fn schema(&self) -> &SchemaRef {
        &self.fields
    }

    fn execute(&self, _ctx: Arc<TaskContext>) -> SendableRecordBatchStream {
        let pages = self.clone().pages();
        let pages = pages.map(|page| page.map_err(DataFusionError::from));
        Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.fields),
            pages,
        ))
    }
}

/// All rows of a short relation as its only page.
fn one_page<F>(rows: F) -> BoxStream<'static, Result<RecordBatch, SqlError>>
where
    F: Future<Output = Result<Rows, SqlError>> + Send + 'static,
{
    rows.map(|rows| rows?.finish()).into_stream().boxed()
}

/// A count as a bigint.
pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
