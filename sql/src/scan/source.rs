//! Wraps the files of a scan into DataFusion's Parquet source.

use std::sync::Arc;

use datafusion::common::config::{ConfigOptions, TableParquetOptions};
use datafusion::common::{Result, Statistics};
use datafusion::datasource::physical_plan::{
    FileGroup, FileGroupPartitioner, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;
use object_store::ObjectStore;

use super::adapter::LakeAdapterFactory;
use super::exec::ScanSpec;
use super::reader::LakeReaderFactory;

/// What one Parquet source is made of.
pub(crate) struct SourceParts {
    pub(crate) url: ObjectStoreUrl,
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) groups: Vec<FileGroup>,
    /// Over the table's columns.
    pub(crate) projection: ProjectionExprs,
    /// Over the table's columns; prunes, and filters if `row_filters`.
    pub(crate) predicate: Option<Arc<dyn PhysicalExpr>>,
    pub(crate) limit: Option<usize>,
    /// Of the table's columns.
    pub(crate) statistics: Option<Statistics>,
}

impl SourceParts {
    /// The source as a plan node.
    pub(crate) fn build(
        self,
        spec: &ScanSpec,
        options: &ConfigOptions,
        env: &RuntimeEnv,
    ) -> Result<Arc<DataSourceExec>> {
        let readers = LakeReaderFactory {
            store: spec.meter.reads.metered(self.store),
            footers: env.cache_manager.get_file_metadata_cache(),
            columns: Arc::clone(&spec.columns),
            metrics: spec.metrics.clone(),
            meter: Arc::clone(&spec.meter),
            footers_seen: Arc::default(),
            table: Arc::clone(&spec.table),
        };
        let parquet = TableParquetOptions {
            global: options.execution.parquet.clone(),
            ..Default::default()
        };
        let mut source = ParquetSource::new(spec.columns.table_schema().clone())
            .with_table_parquet_options(parquet)
            .with_pushdown_filters(spec.row_filters)
            .with_parquet_file_reader_factory(Arc::new(readers));
        if let Some(predicate) = self.predicate {
            source = source.with_predicate(predicate);
        }
        let Some(source) = source.try_pushdown_projection(&self.projection)? else {
            return datafusion::common::internal_err!("the Parquet source refused a projection");
        };
        let adapters = LakeAdapterFactory {
            columns: Arc::clone(&spec.columns),
        };
        let mut builder = FileScanConfigBuilder::new(self.url, source)
            .with_file_groups(self.groups)
            .with_limit(self.limit)
            .with_expr_adapter(Some(Arc::new(adapters)));
        if let Some(statistics) = self.statistics {
            builder = builder.with_statistics(statistics);
        }
        Ok(DataSourceExec::from_data_source(builder.build()))
    }
}

/// Cuts files into byte ranges so that every partition reads about as much.
///
/// Small tables stay in one partition, as DataFusion's `repartition_file_min_size` says.
pub(crate) fn split_files(files: FileGroup, options: &ConfigOptions) -> Vec<FileGroup> {
    if files.is_empty() {
        return Vec::new();
    }
    let groups = vec![files];
    let partitioner = FileGroupPartitioner::new()
        .with_target_partitions(options.execution.target_partitions.max(1))
        .with_repartition_file_min_size(options.optimizer.repartition_file_min_size);
    partitioner
        .repartition_file_groups(&groups)
        .unwrap_or(groups)
}
