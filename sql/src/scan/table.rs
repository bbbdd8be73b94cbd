//! A table of the lake as DataFusion's planner sees it.
//!
//! Planning is synchronous and knows no files: names and types are the table's own.
//! The planner then loads the file lists of all tables of its plan (`set_files`),
//! and only then makes the physical plan, which calls `scan`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::DefaultTableSource;
use datafusion::datasource::physical_plan::FileGroup;
use datafusion::logical_expr::{
    Expr, LogicalPlan, TableProviderFilterPushDown, TableSource, TableType,
};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::{StreamExt, TryStreamExt};
use gotgan_storage::{FileList, Lake, Snapshot, Table, TableId};

use super::columns::{INLINED_FILE, TableColumns};
use super::exec::{LakeScanExec, ScanSpec};
use super::file::ScanFile;
use super::prune::prune_files;
use super::reader::ScanMetrics;
use super::source::{SourceParts, split_files};
use super::statistics::{Known, nan_columns};
use super::{object_store_url, register_store};
use crate::SqlError;
use crate::query_log::TableMeter;

/// Delete files that are loaded at a time while a scan is planned.
const DELETE_LOADS_MAX: usize = 8;

/// One table of one snapshot; made anew for each plan.
pub struct LakeTable {
    lake: Lake,
    table: Arc<Table>,
    columns: Arc<TableColumns>,
    label: String,
    row_filters: bool,
    /// The committed snapshot that the table is read as of; none for the transaction's own.
    past: Option<Arc<Snapshot>>,
    files: OnceLock<Arc<FileList>>,
    meter: Arc<TableMeter>,
}

impl LakeTable {
    /// A table without its files yet; see [`LakeTable::set_files`].
    #[must_use]
    pub fn new(lake: Lake, table: Arc<Table>) -> Self {
        let columns = Arc::new(TableColumns::new(table.columns.clone()));
        let label = table.name.clone();
        Self {
            lake,
            table,
            columns,
            label,
            row_filters: false,
            past: None,
            files: OnceLock::new(),
            meter: Arc::default(),
        }
    }

    /// Says where a statement counts what it reads of the table.
    #[must_use]
    pub(crate) fn metered(mut self, meter: Arc<TableMeter>) -> Self {
        self.meter = meter;
        self
    }

    /// Reads the table as of an earlier snapshot, which has it.
    #[must_use]
    pub(crate) fn at_snapshot(mut self, snapshot: Arc<Snapshot>) -> Self {
        self.label = format!("{} as of snapshot {}", self.label, snapshot.id());
        self.past = Some(snapshot);
        self
    }

    /// Sets what EXPLAIN calls the table, such as `schema.name`.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Lets the Parquet reader filter rows before it decodes the other columns.
    #[must_use]
    pub fn with_row_filters(mut self) -> Self {
        self.row_filters = true;
        self
    }

    /// Gives out the place of each row, too: file and position; see `columns`.
    #[must_use]
    pub(crate) fn with_positions(mut self) -> Self {
        let columns = TableColumns::new(self.table.columns.clone());
        self.columns = Arc::new(columns.with_positions());
        self
    }

    /// Whether it gives out the place of each row.
    pub(crate) fn has_positions(&self) -> bool {
        self.columns.has_positions()
    }

    /// The table as the snapshot has it.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// The table's files; what was set first stays, for one plan reads one state.
    pub fn set_files(&self, files: Arc<FileList>) {
        debug_assert_eq!(files.table, self.table.id);
        let _ = self.files.set(files);
    }

    /// The lake table behind a logical scan, if it is one.
    pub fn downcast(source: &Arc<dyn TableSource>) -> Option<&Self> {
        let source = source.downcast_ref::<DefaultTableSource>()?;
        source.table_provider.downcast_ref::<Self>()
    }

    /// Describes the files at `kept`, with their deletes.
    async fn describe(
        &self,
        list: &Arc<FileList>,
        kept: Vec<usize>,
    ) -> Result<Vec<(usize, Arc<ScanFile>)>, SqlError> {
        let loads = kept.into_iter().map(|index| {
            let (lake, list) = (self.lake.clone(), Arc::clone(list));
            let (columns, meter) = (Arc::clone(&self.columns), Arc::clone(&self.meter));
            async move {
                let file = Arc::clone(&list.files[index]);
                let deleted = match file.has_deletes {
                    true => lake.deleted_positions_metered(&file, &meter.reads).await?,
                    false => None,
                };
                let nan = nan_columns(&columns, &list, index);
                let described = ScanFile::new(&file, deleted, nan)?;
                Ok::<_, SqlError>((index, Arc::new(described)))
            }
        });
        let all: Vec<_> = futures::stream::iter(loads)
            .buffered(DELETE_LOADS_MAX)
            .try_collect()
            .await?;
        Ok(all
            .into_iter()
            .filter(|(_, file)| file.live_row_count() > 0)
            .collect())
    }

    fn spec(&self, list: &FileList, kept: &[(usize, Arc<ScanFile>)]) -> ScanSpec {
        let metrics_set = ExecutionPlanMetricsSet::new();
        let metrics = ScanMetrics::new(&metrics_set);
        let kept_count = kept.len();
        metrics.files_pruned.add(list.files.len() - kept_count);
        let all_bytes: u64 = list.files.iter().map(|file| file.bytes).sum();
        let kept_bytes: u64 = kept.iter().map(|(_, file)| file.bytes).sum();
        ScanSpec {
            lake: self.lake.uuid().to_owned(),
            table_id: self.table.id,
            snapshot: self.table.last_change,
            table: Arc::from(self.table.name.as_str()),
            label: self.label.clone(),
            columns: Arc::clone(&self.columns),
            file_count: list.files.len(),
            kept_count,
            row_filters: self.row_filters,
            meter: Arc::clone(&self.meter),
            pruned_bytes: all_bytes.saturating_sub(kept_bytes),
            is_begun: AtomicBool::new(false),
            metrics,
            metrics_set,
        }
    }

    fn inlined(&self, list: &FileList) -> Result<Option<RecordBatch>> {
        let Some(rows) = list
            .inlined
            .as_ref()
            .filter(|rows| rows.batch.num_rows() > 0)
        else {
            return Ok(None);
        };
        let schema = Arc::clone(self.columns.schema());
        let mut columns = rows.batch.columns().to_vec();
        if self.columns.has_positions() {
            let files = vec![INLINED_FILE; rows.row_ids.len()];
            columns.push(Arc::new(Int64Array::from(files)));
            columns.push(Arc::new(Int64Array::from(rows.row_ids.to_vec())));
        }
        Ok(Some(RecordBatch::try_new(schema, columns)?))
    }
}

impl fmt::Debug for LakeTable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LakeTable")
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.columns.schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    /// Plans the read. The predicate itself comes later, from the physical optimizer.
    ///
    /// Cost: one read for each delete file that is not cached.
    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(list) = self.files.get() else {
            return Err(SqlError::internal("a table was planned before its files").into());
        };
        let options = session.config_options();
        register_store(&self.lake, session.runtime_env())?;
        let inlined = self.inlined(list)?;
        let limit = limit.filter(|_| filters.is_empty());
        let kept = prune_files(session, &self.columns, list, filters)?;
        let mut files = self.describe(list, kept).await?;
        if let Some(limit) = limit {
            let inlined_rows = inlined.as_ref().map_or(0, RecordBatch::num_rows);
            keep_enough(&mut files, limit.saturating_sub(inlined_rows));
        }
        let all: Vec<usize> = (0..self.columns.schema().fields().len()).collect();
        let projection = projection.unwrap_or(&all);
        let (table, columns) = (self.table.as_ref(), self.columns.as_ref());
        let names = table.columns.iter().map(|column| column.name.as_str());
        let is_read = |(index, _): &(usize, &str)| projection.contains(index);
        let read = names.enumerate().filter(is_read);
        self.meter.touch(read.map(|(_, name)| name));
        let known = Known {
            table,
            columns,
            list,
            files: &files,
            projection,
        };
        let listed = files.iter().zip(known.of_files()?);
        let group = FileGroup::new(
            listed
                .map(|((_, file), known)| file.listed(Some(known), self.columns.has_positions()))
                .collect(),
        );
        // Few rows are asked for: one partition finds them without waking the others.
        let mut groups = match limit {
            Some(_) if !group.is_empty() => vec![group],
            _ => split_files(group, options),
        };
        if groups.is_empty() && inlined.is_none() {
            groups.push(FileGroup::default());
        }
        let spec = self.spec(list, &files);
        let parts = SourceParts {
            url: object_store_url(&self.lake)?,
            store: self.lake.object_store(),
            groups,
            projection: ProjectionExprs::from_indices(projection, self.columns.schema()),
            predicate: None,
            limit,
            statistics: Some(known.of_scan()?),
        };
        let source = parts.build(&spec, options, session.runtime_env())?;
        Ok(Arc::new(LakeScanExec::new(Arc::new(spec), source, inlined)))
    }
}

/// Drops the files behind the one that completes `limit` rows.
fn keep_enough(files: &mut Vec<(usize, Arc<ScanFile>)>, limit: usize) {
    let mut missing = limit as u64;
    files.retain(|(_, file)| {
        let is_needed = missing > 0;
        missing = missing.saturating_sub(file.live_row_count());
        is_needed
    });
}

/// The lake tables in `plan`, subqueries included, each once; without those that are
/// read as of an earlier snapshot.
pub fn tables_of(plan: &LogicalPlan) -> Result<BTreeSet<TableId>, SqlError> {
    let mut tables = BTreeSet::new();
    visit_tables(plan, |table| {
        if table.past.is_none() {
            tables.insert(table.table.id);
        }
    })?;
    Ok(tables)
}

/// Gives every lake table in `plan` its files.
///
/// Call it between the logical and the physical plan, with the files of all
/// [`tables_of`] the plan.
pub fn set_files(
    plan: &LogicalPlan,
    loaded: &BTreeMap<TableId, Arc<FileList>>,
) -> Result<(), SqlError> {
    visit_tables(plan, |table| {
        if let Some(files) = loaded.get(&table.table.id)
            && table.past.is_none()
        {
            table.set_files(Arc::clone(files));
        }
    })
}

/// Gives the tables in `plan` their files that are read as of earlier snapshots.
async fn load_past_files(plan: &LogicalPlan) -> Result<(), SqlError> {
    let mut wanted = BTreeMap::new();
    visit_tables(plan, |table| {
        if let Some(past) = &table.past {
            let key = (past.id(), table.table.id);
            wanted.insert(key, (table.lake.clone(), Arc::clone(past)));
        }
    })?;
    let mut loaded = BTreeMap::new();
    for ((snapshot, table), (lake, past)) in wanted {
        let files = lake.files(&past, table).await?;
        loaded.insert((snapshot, table), files);
    }
    visit_tables(plan, |table| {
        let key = table.past.as_ref().map(|past| (past.id(), table.table.id));
        if let Some(files) = key.and_then(|key| loaded.get(&key)) {
            table.set_files(Arc::clone(files));
        }
    })
}

/// [`tables_of`], `load` for each, [`set_files`]. Tables of earlier snapshots have their
/// files from the lake.
pub async fn load_files<L>(
    plan: &LogicalPlan,
    // Not `AsyncFn`: of its futures the compiler cannot tell that they are `Send`.
    load: impl Fn(TableId) -> L,
) -> Result<(), SqlError>
where
    L: Future<Output = Result<Arc<FileList>, SqlError>>,
{
    let mut loaded = BTreeMap::new();
    for table in tables_of(plan)? {
        loaded.insert(table, load(table).await?);
    }
    set_files(plan, &loaded)?;
    load_past_files(plan).await
}

fn visit_tables(plan: &LogicalPlan, mut visit: impl FnMut(&LakeTable)) -> Result<(), SqlError> {
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Some(table) = LakeTable::downcast(&scan.source)
        {
            visit(table);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}
