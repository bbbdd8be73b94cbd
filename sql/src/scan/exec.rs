//! The plan node that reads a table: a leaf around DataFusion's Parquet source.
//!
//! It is a node of its own, not a bare `DataSourceExec`, because what makes the rows
//! right (deletes, columns by field id, inlined rows) is in no serialised
//! `DataSourceExec`; see `codec`. Everything else is handed on to the source.
//!
//! Partitions: those of the source, then one with the inlined rows, if there are any. If
//! the source has one only, they follow its rows there: a small table is read by one task,
//! and its rows come in the order in which they were added.
//!
//! Invariants:
//! - `source` is a `DataSourceExec` over a `FileScanConfig` over a `ParquetSource`.
//! - The node claims no order, and no equality from its predicate: it may emit rows
//!   that do not pass.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics, internal_err};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::projection::{ProjectionExpr, ProjectionExprs};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_expr_common::sort_expr::PhysicalSortExpr;
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, ReplaceChildrenOptions, SchedulingType,
};
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation, PushedDown,
};
use datafusion::physical_plan::limit::LimitStream;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sort_pushdown::SortOrderPushdownResult;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;
use gotgan_storage::{SnapshotId, TableId};

use super::columns::TableColumns;
use super::reader::ScanMetrics;
use crate::SqlError;
use crate::query_log::TableMeter;
use crate::types::{has_labels, labelled_batch};

/// What all copies of one scan's node share.
#[derive(Debug)]
pub(crate) struct ScanSpec {
    /// The lake's identity; a plan of one lake does not run on another.
    pub(crate) lake: String,
    pub(crate) table_id: TableId,
    /// The newest snapshot that changed the table, as the plan sees it.
    pub(crate) snapshot: SnapshotId,
    /// The table's name, for errors.
    pub(crate) table: Arc<str>,
    /// The table's name with its schema, for EXPLAIN.
    pub(crate) label: String,
    pub(crate) columns: Arc<TableColumns>,
    /// Files of the table, pruned ones too.
    pub(crate) file_count: usize,
    /// Files that the plan reads.
    pub(crate) kept_count: usize,
    /// Whether the Parquet reader filters rows itself (late materialisation).
    pub(crate) row_filters: bool,
    /// Where the statement counts what it reads of the table.
    pub(crate) meter: Arc<TableMeter>,
    /// Sizes of the files that the plan does not read.
    pub(crate) pruned_bytes: u64,
    /// Whether the plan runs.
    pub(crate) is_begun: AtomicBool,
    pub(crate) metrics: ScanMetrics,
    pub(crate) metrics_set: ExecutionPlanMetricsSet,
}

impl ScanSpec {
    /// The plan begins to run. What it leaves out counts now, and not where it was only
    /// explained.
    fn begin(&self) {
        if !self.is_begun.swap(true, Ordering::Relaxed) {
            let files = self.file_count.saturating_sub(self.kept_count) as u64;
            self.meter.reads.count_pruned(files, self.pruned_bytes);
        }
    }
}

/// Reads the rows of a table, as they are in one snapshot.
#[derive(Clone, Debug)]
pub struct LakeScanExec {
    spec: Arc<ScanSpec>,
    source: Arc<dyn ExecutionPlan>,
    /// All the table's columns.
    inlined: Option<RecordBatch>,
    properties: Arc<PlanProperties>,
}

impl LakeScanExec {
    pub(crate) fn new(
        spec: Arc<ScanSpec>,
        source: Arc<dyn ExecutionPlan>,
        inlined: Option<RecordBatch>,
    ) -> Self {
        let files = source.properties().output_partitioning().partition_count();
        let partitions = match (files, &inlined) {
            (1, _) | (_, None) => files,
            (_, Some(_)) => files + 1,
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(source.schema()),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        Self {
            spec,
            source,
            inlined,
            properties: Arc::new(properties),
        }
    }

    /// What the scan has read so far.
    #[must_use]
    pub fn scan_metrics(&self) -> &ScanMetrics {
        &self.spec.metrics
    }

    pub(crate) fn spec(&self) -> &ScanSpec {
        &self.spec
    }

    pub(crate) fn inlined(&self) -> Option<&RecordBatch> {
        self.inlined.as_ref()
    }

    /// The file list, with projection, predicate and limit.
    pub(crate) fn config(&self) -> &FileScanConfig {
        self.source
            .downcast_ref::<DataSourceExec>()
            .and_then(|source| source.data_source().downcast_ref::<FileScanConfig>())
            .expect("the source of a lake scan is always a list of files")
    }

    /// Over the table's columns.
    pub(crate) fn projection(&self) -> ProjectionExprs {
        let all = || {
            let schema = self.spec.columns.schema();
            ProjectionExprs::from_indices(&(0..schema.fields().len()).collect::<Vec<_>>(), schema)
        };
        self.config()
            .file_source()
            .projection()
            .cloned()
            .unwrap_or_else(all)
    }

    /// Over the table's columns.
    pub(crate) fn predicate(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.config().file_source().filter()
    }

    fn around(&self, source: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        Arc::new(Self::new(
            Arc::clone(&self.spec),
            source,
            self.inlined.clone(),
        ))
    }

    fn file_partitions(&self) -> usize {
        self.source
            .properties()
            .output_partitioning()
            .partition_count()
    }

    /// The inlined rows that follow those of the only partition of the files.
    fn chained(&self) -> Option<&RecordBatch> {
        self.inlined
            .as_ref()
            .filter(|_| self.file_partitions() == 1)
    }

    /// The inlined rows as the scan gives them out.
    fn inlined_rows(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let projector = self
            .projection()
            .make_projector(self.spec.columns.schema())?;
        let projected = projector.project_batch(rows)?;
        let count = projected.num_rows().min(self.fetch().unwrap_or(usize::MAX));
        let options = RecordBatchOptions::new().with_row_count(Some(projected.num_rows()));
        let columns = projected.columns().to_vec();
        let batch = RecordBatch::try_new_with_options(self.schema(), columns, &options)?;
        Ok(batch.slice(0, count))
    }
}

impl DisplayAs for LakeScanExec {
    fn fmt_as(&self, format: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spec = &self.spec;
        let tree = matches!(format, DisplayFormatType::TreeRender);
        let (start, separator) = if tree {
            ("", "\n")
        } else {
            ("LakeScanExec: ", ", ")
        };
        write!(out, "{start}table={}", spec.label)?;
        write!(
            out,
            "{separator}files={}/{}",
            spec.kept_count, spec.file_count
        )?;
        if let Some(rows) = &self.inlined {
            write!(out, "{separator}inlined_rows={}", rows.num_rows())?;
        }
        let columns: Vec<String> = self
            .projection()
            .iter()
            .map(|column| {
                let expression = column.expr.to_string();
                match expression.rsplit_once('@') {
                    Some((name, _)) if name == column.alias => column.alias.clone(),
                    _ => format!("{expression} as {}", column.alias),
                }
            })
            .collect();
        write!(out, "{separator}projection=[{}]", columns.join(", "))?;
        if let Some(predicate) = self.predicate() {
            write!(out, "{separator}predicate={predicate}")?;
        }
        if let Some(limit) = self.fetch() {
            write!(out, "{separator}limit={limit}")?;
        }
        if tree { writeln!(out) } else { Ok(()) }
    }
}

impl ExecutionPlan for LakeScanExec {
    fn name(&self) -> &'static str {
        "LakeScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn replace_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.source.apply_expressions(visit)
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        let source = Arc::clone(&self.source).reset_state()?;
        Ok(self.around(source))
    }

    fn repartitioned(
        &self,
        target_partitions: usize,
        config: &ConfigOptions,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let source = self.source.repartitioned(target_partitions, config)?;
        Ok(source.map(|source| self.around(source)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.spec.begin();
        let files = self.file_partitions();
        if partition < files {
            let rows = self.source.execute(partition, context)?;
            let schema = rows.schema();
            let labels = has_labels(&schema).then(|| Arc::clone(&schema));
            let rows = rows.map(move |batch| match &labels {
                Some(schema) => Ok(labelled_batch(&batch.map_err(surface)?, schema)?),
                None => batch.map_err(surface),
            });
            let Some(inlined) = self.chained() else {
                return Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)));
            };
            let inlined = futures::stream::iter([self.inlined_rows(inlined)]);
            let rows = RecordBatchStreamAdapter::new(schema, rows.chain(inlined));
            let metrics = BaselineMetrics::new(&ExecutionPlanMetricsSet::new(), partition);
            let rows = LimitStream::new(Box::pin(rows), 0, self.fetch(), metrics);
            return Ok(Box::pin(rows));
        }
        let Some(rows) = self.inlined.as_ref().filter(|_| partition == files) else {
            return internal_err!("a lake scan has no partition {partition}");
        };
        let batch = self.inlined_rows(rows);
        let rows = futures::stream::once(futures::future::ready(batch));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        let mut metrics = self.source.metrics().unwrap_or_default();
        for metric in self.spec.metrics_set.clone_inner().iter() {
            metrics.push(Arc::clone(metric));
        }
        Some(metrics)
    }

    fn statistics_from_inputs(
        &self,
        _input_stats: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let files = self.file_partitions();
        let is_inlined = args.partition().is_some_and(|partition| partition >= files);
        let known = match &self.inlined {
            Some(rows) if is_inlined => {
                let mut known = Statistics::new_unknown(&self.schema());
                known.num_rows = Precision::Exact(rows.num_rows());
                known
            }
            _ if self.chained().is_some() => {
                let all = StatisticsArgs::new();
                Arc::unwrap_or_clone(self.source.statistics_from_inputs(&[], &all)?)
            }
            _ => Arc::unwrap_or_clone(self.source.statistics_from_inputs(&[], args)?),
        };
        let partitions = match args.partition() {
            Some(_) => 1,
            None => self.properties.output_partitioning().partition_count(),
        };
        Ok(Arc::new(known.with_fetch(self.fetch(), 0, partitions)?))
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        Some(self.around(self.source.with_fetch(limit)?))
    }

    fn fetch(&self) -> Option<usize> {
        self.source.fetch()
    }

    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExec,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        // Inside of the file source, fields have lost the names of their types.
        let is_plain = |expr: &ProjectionExpr| {
            let expr: &dyn Any = expr.expr.as_ref();
            expr.is::<Column>()
        };
        if !projection.expr().iter().all(is_plain) {
            return Ok(None);
        }
        let source = self.source.try_swapping_with_projection(projection)?;
        Ok(source.map(|source| self.around(source)))
    }

    fn handle_child_pushdown_result(
        &self,
        phase: FilterPushdownPhase,
        child_pushdown_result: ChildPushdownResult,
        config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        let pushed =
            self.source
                .handle_child_pushdown_result(phase, child_pushdown_result, config)?;
        let filters = match self.inlined {
            // Nobody filters the inlined rows but the node above.
            Some(_) => vec![PushedDown::No; pushed.filters.len()],
            None => pushed.filters,
        };
        let updated_node = pushed.updated_node.map(|source| self.around(source));
        Ok(FilterPushdownPropagation {
            filters,
            updated_node,
        })
    }

    fn with_new_state(&self, state: Arc<dyn Any + Send + Sync>) -> Option<Arc<dyn ExecutionPlan>> {
        Some(self.around(self.source.with_new_state(state)?))
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
    ) -> Result<SortOrderPushdownResult<Arc<dyn ExecutionPlan>>> {
        let pushed = self.source.try_pushdown_sort(order)?;
        Ok(pushed.map(|source| self.around(source)).into_inexact())
    }

    fn with_preserve_order(&self, preserve_order: bool) -> Option<Arc<dyn ExecutionPlan>> {
        Some(self.around(self.source.with_preserve_order(preserve_order)?))
    }
}

/// Our own error out of the wrappings that the Parquet reader put around it.
fn surface(error: DataFusionError) -> DataFusionError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(own) = inner.downcast_ref::<SqlError>() {
            return own.clone().into();
        }
        cause = inner.source();
    }
    error
}
