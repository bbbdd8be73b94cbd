//! A relation of a system schema as a table of the plan.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::{DefaultTableSource, TableType};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableSource};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::streaming::StreamingTableExec;
use gotgan_storage::Lake;

use super::Planner;
use crate::context::StatementContext;
use crate::pg_catalog::SystemRelation;
use crate::system_views::{LakeRows, LakeView, time_range};

/// Its rows are made when the scan is planned, from the statement's snapshot.
#[derive(Debug)]
pub(super) struct SystemTable {
    relation: &'static SystemRelation,
    ctx: Arc<StatementContext>,
    lake: Lake,
}

impl SystemTable {
    pub(super) fn new(relation: &'static SystemRelation, planner: &Planner) -> Self {
        Self {
            relation,
            ctx: Arc::clone(&planner.ctx),
            lake: planner.lake.clone(),
        }
    }

    /// The OID of the system relation behind a logical scan, if it is one.
    pub(super) fn downcast(source: &Arc<dyn TableSource>) -> Option<u32> {
        Self::relation_of(source).map(|relation| relation.oid)
    }

    /// The system relation behind a logical scan, if it is one.
    pub(super) fn relation_of(source: &Arc<dyn TableSource>) -> Option<&'static SystemRelation> {
        let source = source.downcast_ref::<DefaultTableSource>()?;
        let table = source.table_provider.downcast_ref::<Self>()?;
        Some(table.relation)
    }
}

#[async_trait]
impl TableProvider for SystemTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.relation.fields)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = match self.relation.lake {
            Some(LakeView::QueryHistory) => TableProviderFilterPushDown::Inexact,
            _ => TableProviderFilterPushDown::Unsupported,
        };
        Ok(vec![support; filters.len()])
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let fields = Arc::clone(&self.relation.fields);
        if let Some(view) = self.relation.lake {
            let rows = LakeRows {
                view,
                lake: self.lake.clone(),
                ctx: Arc::clone(&self.ctx),
                fields: Arc::clone(&fields),
                range: time_range(filters),
            };
            let plan = StreamingTableExec::try_new(
                fields,
                vec![Arc::new(rows)],
                projection,
                [],
                false,
                limit,
            )?;
            return Ok(Arc::new(plan));
        }
        if self.relation.name == "pg_sequences" {
            let sequences = self.ctx.snapshot.sequences();
            let ids = sequences.map(|sequence| sequence.id);
            self.ctx.sequences.read_states(ids).await?;
        }
        let rows: RecordBatch = self.relation.rows(&self.ctx)?;
        let plan = MemorySourceConfig::try_new_exec(&[vec![rows]], fields, projection.cloned())?;
        Ok(plan)
    }
}
