//! A lake with tables, a plain DataFusion session over it, and what tests ask of them.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::Schema;
use arrow::util::display::FormatOptions;
use arrow::util::pretty::pretty_format_batches_with_options;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::physical_plan::{ExecutionPlan, collect, displayable};
use datafusion::prelude::{SessionConfig, SessionContext};
use gotgan_storage::{
    Author, ColumnType, FileList, Lake, LakeOptions, LakeRole, NewColumn, NewTable, Table,
    WriteOptions,
};
use tempfile::TempDir;

use crate::scan::{LakeScanExec, LakeTable, load_files, register_store};
use crate::types::column_field;

/// A lake of its own for one test.
pub(super) struct Fixture {
    pub(super) folder: TempDir,
    pub(super) lake: Lake,
}

impl Fixture {
    pub(super) async fn new() -> Self {
        Self::with_row_groups(1000).await
    }

    pub(super) async fn with_row_groups(row_group_rows_max: usize) -> Self {
        let folder = TempDir::new().unwrap();
        let mut options = LakeOptions::new(folder.path(), LakeRole::Primary);
        options.write = WriteOptions {
            row_group_rows_max,
            ..WriteOptions::default()
        };
        let lake = Lake::open(options).await.unwrap();
        Self { folder, lake }
    }

    /// Makes a table with one file for each of `files`.
    pub(super) async fn table(
        &self,
        name: &str,
        columns: &[(&str, ColumnType)],
        files: Vec<Vec<ArrayRef>>,
    ) -> Arc<Table> {
        let author = || Author {
            role: "gotgan".into(),
            application_name: String::new(),
        };
        let mut transaction = self.lake.begin(author()).await.unwrap();
        let snapshot = transaction.snapshot();
        let new = NewTable {
            schema_id: snapshot.schema_by_name("public").unwrap().id,
            name: name.to_owned(),
            owner: "gotgan".to_owned(),
            columns: columns
                .iter()
                .map(|(name, column_type)| new_column(name, column_type))
                .collect(),
            constraints: Vec::new(),
            comment: None,
        };
        let id = transaction.create_table(new).unwrap();
        let fields: Vec<_> = columns
            .iter()
            .map(|(name, kind)| column_field(name, kind, true))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        for arrays in files {
            let mut writer = transaction.writer(id).await.unwrap();
            writer
                .write(RecordBatch::try_new(Arc::clone(&schema), arrays).unwrap())
                .await
                .unwrap();
            let staged = writer.finish().await.unwrap();
            transaction.append(id, staged).unwrap();
        }
        transaction.commit().await.unwrap();
        let head = self.lake.head().await.unwrap();
        let table = head.tables().find(|table| table.name == name).unwrap();
        Arc::clone(table)
    }

    pub(super) async fn files(&self, table: &Table) -> Arc<FileList> {
        let head = self.lake.head().await.unwrap();
        self.lake.files(&head, table.id).await.unwrap()
    }

    /// Runs a query over `tables`.
    pub(super) async fn query(&self, tables: &[&Arc<Table>], sql: &str) -> Answer {
        self.query_as(tables, sql, |table| table).await
    }

    pub(super) async fn query_as(
        &self,
        tables: &[&Arc<Table>],
        sql: &str,
        change: impl Fn(LakeTable) -> LakeTable,
    ) -> Answer {
        let session = session();
        for table in tables {
            let provider = LakeTable::new(self.lake.clone(), Arc::clone(table));
            session
                .register_table(table.name.as_str(), Arc::new(change(provider)))
                .unwrap();
        }
        let plan = session.state().create_logical_plan(sql).await.unwrap();
        let head = self.lake.head().await.unwrap();
        load_files(&plan, async |id| Ok(self.lake.files(&head, id).await?))
            .await
            .unwrap();
        let plan = session.state().create_physical_plan(&plan).await.unwrap();
        run(plan, &session).await
    }
}

/// A session that splits even small tables, as a busy server would big ones.
pub(super) fn session() -> SessionContext {
    let mut config = SessionConfig::new().with_target_partitions(4);
    config.options_mut().optimizer.repartition_file_min_size = 1;
    config
        .options_mut()
        .execution
        .parquet
        .schema_force_view_types = true;
    SessionContext::new_with_config(config)
}

/// Runs a plan in a session that knows nothing but the lake's store.
pub(super) async fn run_alone(plan: Arc<dyn ExecutionPlan>, lake: &Lake) -> Answer {
    let session = session();
    register_store(lake, &session.runtime_env()).unwrap();
    run(plan, &session).await
}

pub(super) async fn run(plan: Arc<dyn ExecutionPlan>, session: &SessionContext) -> Answer {
    let result = collect(Arc::clone(&plan), session.task_ctx()).await;
    Answer {
        plan,
        result: result.map_err(crate::SqlError::from),
    }
}

/// A plan that ran.
pub(super) struct Answer {
    pub(super) plan: Arc<dyn ExecutionPlan>,
    pub(super) result: Result<Vec<RecordBatch>, crate::SqlError>,
}

impl Answer {
    /// The rows as text, one a line.
    pub(super) fn text(&self) -> String {
        let batches = self.result.as_ref().unwrap();
        let options = FormatOptions::default().with_null("NULL");
        let table = pretty_format_batches_with_options(batches, &options)
            .unwrap()
            .to_string();
        let lines = table.lines().filter(|line| line.starts_with('|'));
        let cells = |line: &str| {
            let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
            cells.join(" | ")
        };
        lines.skip(1).map(cells).collect::<Vec<_>>().join("\n")
    }

    pub(super) fn row_count(&self) -> usize {
        self.result
            .as_ref()
            .unwrap()
            .iter()
            .map(RecordBatch::num_rows)
            .sum()
    }

    pub(super) fn explain(&self) -> String {
        displayable(self.plan.as_ref()).indent(true).to_string()
    }

    /// The first lake scan in the plan.
    pub(super) fn scan(&self) -> LakeScanExec {
        self.scans().into_iter().next().unwrap()
    }

    pub(super) fn scans(&self) -> Vec<LakeScanExec> {
        let mut found = Vec::new();
        self.plan
            .apply(|node| {
                found.extend(node.downcast_ref::<LakeScanExec>().cloned());
                Ok(TreeNodeRecursion::Continue)
            })
            .unwrap();
        found
    }

    /// A counter of the first scan, as EXPLAIN ANALYZE shows it.
    pub(super) fn metric(&self, name: &str) -> usize {
        let metrics = self.scan().metrics().unwrap();
        metrics
            .sum_by_name(name)
            .map_or(0, |value| value.as_usize())
    }
}

fn new_column(name: &str, column_type: &ColumnType) -> NewColumn {
    NewColumn {
        name: name.to_owned(),
        column_type: column_type.clone(),
        nullable: true,
        default: None,
        comment: None,
    }
}

pub(super) fn ints(values: impl IntoIterator<Item = i32>) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(values))
}

pub(super) fn longs(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

pub(super) fn floats(values: impl IntoIterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

pub(super) fn texts(values: impl IntoIterator<Item = &'static str>) -> ArrayRef {
    Arc::new(StringViewArray::from_iter_values(values))
}
