//! A recursive query for all values of the domain at once: its work table carries the
//! domain's columns, so every step knows for which values its rows hold.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, RecursiveQuery, TableScan};

use super::Domain;

impl Domain {
    pub(super) fn recursive(&self, query: &RecursiveQuery) -> Result<LogicalPlan> {
        let first = self.branch(&query.static_term)?;
        let inside = Self {
            number: self.number,
            outer: self.outer.clone(),
            plan: self.plan.clone(),
            work_table: Some(query.name.clone()),
        };
        let step = inside.branch(&query.recursive_term)?;
        LogicalPlanBuilder::from(first)
            .to_recursive_query(query.name.clone(), step, query.is_distinct)?
            .build()
    }

    /// Whether a plan reads the work table that carries the domain.
    pub(super) fn reads_work_table(&self, plan: &LogicalPlan) -> bool {
        if self.work_table.is_none() {
            return false;
        }
        let mut found = false;
        let visited = plan.apply(|node| {
            found |= matches!(node, LogicalPlan::TableScan(scan) if self.is_work_table(scan));
            Ok(if found {
                TreeNodeRecursion::Stop
            } else {
                TreeNodeRecursion::Continue
            })
        });
        found && visited.is_ok()
    }

    pub(super) fn is_work_table(&self, scan: &TableScan) -> bool {
        let provider = source_as_provider(&scan.source).ok();
        let name = provider
            .as_ref()
            .and_then(|provider| provider.downcast_ref::<CteWorkTable>())
            .map(CteWorkTable::name);
        name.is_some() && name == self.work_table.as_deref()
    }

    /// The work table with the domain's columns after its own.
    pub(super) fn work_table(&self, scan: &TableScan) -> Result<LogicalPlan> {
        let name = self.work_table.as_deref().unwrap_or_default();
        let mut fields: Vec<Arc<Field>> = scan.source.schema().fields().to_vec();
        for (index, field) in self.plan.schema().fields().iter().enumerate() {
            let own = field.as_ref().clone().with_name(self.name(index));
            fields.push(Arc::new(own.with_nullable(true)));
        }
        let table = CteWorkTable::new(name, Arc::new(Schema::new(fields)));
        let source = provider_as_source(Arc::new(table));
        let whole = LogicalPlanBuilder::scan(scan.table_name.clone(), source, None)?.build()?;
        let columns = whole.schema().columns();
        let own_count = columns.len() - self.outer.len();
        let shown = columns.into_iter().enumerate().map(|(index, column)| {
            let column = Expr::Column(column);
            match index.checked_sub(own_count) {
                Some(number) => column.alias(self.name(number)),
                None => column,
            }
        });
        LogicalPlanBuilder::from(whole)
            .project(shown.collect::<Vec<_>>())?
            .build()
    }
}
