//! A sequence in FROM: one row that tells how far it is.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::{DefaultTableSource, TableType};
use datafusion::logical_expr::{Expr, TableSource};
use datafusion::physical_plan::ExecutionPlan;
use gotgan_storage::Sequence;

use crate::context::StatementContext;
use crate::types::{PgType, oid};

/// Names and types of the columns, as PostgreSQL has them.
pub(crate) const COLUMNS: [(&str, u32); 3] = [
    ("last_value", oid::INT8),
    ("log_cnt", oid::INT8),
    ("is_called", oid::BOOL),
];

/// Its row is read when the scan is planned.
#[derive(Debug)]
pub(super) struct SequenceTable {
    sequence: Arc<Sequence>,
    ctx: Arc<StatementContext>,
    schema: SchemaRef,
}

impl SequenceTable {
    pub(super) fn new(sequence: Arc<Sequence>, ctx: &Arc<StatementContext>) -> Self {
        let fields: Vec<_> = COLUMNS
            .iter()
            .map(|(name, oid)| PgType::new(*oid).field(name, true))
            .collect();
        Self {
            sequence,
            ctx: Arc::clone(ctx),
            schema: Arc::new(Schema::new(fields)),
        }
    }

    /// The sequence behind a logical scan, if it is one.
    pub(super) fn downcast(source: &Arc<dyn TableSource>) -> Option<Arc<Sequence>> {
        let source = source.downcast_ref::<DefaultTableSource>()?;
        let table = source.table_provider.downcast_ref::<Self>()?;
        Some(Arc::clone(&table.sequence))
    }
}

#[async_trait]
impl TableProvider for SequenceTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let state = self.ctx.sequences.state(self.sequence.id).await?;
        // How many values PostgreSQL logged ahead; no value here depends on it.
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![state.last_value])),
            Arc::new(Int64Array::from(vec![0])),
            Arc::new(BooleanArray::from(vec![state.is_called])),
        ];
        let row = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        let plan = MemorySourceConfig::try_new_exec(
            &[vec![row]],
            Arc::clone(&self.schema),
            projection.cloned(),
        )?;
        Ok(plan)
    }
}
