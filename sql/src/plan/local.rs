//! Relations of a statement's own making, under names that no user can type.

use std::sync::Arc;

use datafusion::catalog::view::ViewTable;
use datafusion::common::TableReference;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlan, TableSource};
use gotgan_storage::Table;

use super::{Planner, decorrelate};
use crate::error::SqlError;
use crate::scan::LakeTable;

/// The table that a statement changes, with the places of its rows.
pub(crate) const TARGET_RELATION: &str = "\0target";

/// The rows that INSERT ... ON CONFLICT would insert.
pub(crate) const EXCLUDED_RELATION: &str = "\0excluded";

/// What such a name stands for.
#[derive(Clone, Debug)]
pub(crate) enum LocalRelation {
    /// A table with the places of its rows.
    Target(Arc<Table>),
    /// The rows of a plan.
    Plan(Box<LogicalPlan>),
}

impl Planner {
    /// The same planner with one more relation.
    pub(crate) fn with_relation(&self, name: &'static str, relation: LocalRelation) -> Self {
        let mut planner = self.clone();
        planner.local.push((name, relation));
        planner
    }

    /// The relation of this name, if it is one of the statement's own.
    pub(super) fn local_source(&self, reference: &TableReference) -> Option<Arc<dyn TableSource>> {
        let TableReference::Bare { table } = reference else {
            return None;
        };
        let (_, relation) = self
            .local
            .iter()
            .find(|(name, _)| *name == table.as_ref())?;
        Some(match relation {
            LocalRelation::Target(table) => {
                let scan = LakeTable::new(self.lake.clone(), Arc::clone(table)).with_positions();
                provider_as_source(Arc::new(scan))
            }
            LocalRelation::Plan(plan) => {
                provider_as_source(Arc::new(ViewTable::new(plan.as_ref().clone(), None)))
            }
        })
    }

    /// Turns subqueries that were added to a plan after it was made into joins.
    pub(crate) fn unnest(&self, plan: LogicalPlan) -> Result<LogicalPlan, SqlError> {
        decorrelate::decorrelate(plan, &self.ctx)
    }
}
