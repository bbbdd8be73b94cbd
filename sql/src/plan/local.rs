//! Relations of a statement's own making, under names that no user can type.

use std::sync::Arc;

use datafusion::catalog::view::ViewTable;
use datafusion::common::TableReference;
use datafusion::datasource::{MemTable, TableProvider, provider_as_source};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, TableSource};
use gotgan_storage::Table;

use super::leaf::EXCLUDED_ALIAS;
use super::{Planner, decorrelate};
use crate::error::SqlError;
use crate::scan::{FILE_COLUMN, LakeTable, POSITION_COLUMN};

/// The table that a statement changes, with the places of its rows.
pub(crate) const TARGET_RELATION: &str = "\0target";

/// The rows that INSERT ... ON CONFLICT would insert.
pub(crate) const EXCLUDED_RELATION: &str = "\0excluded";

/// What such a name stands for.
#[derive(Clone, Debug)]
pub(crate) enum LocalRelation {
    /// A table with the places of its rows, those that policies show to all of `commands`.
    Target {
        table: Arc<Table>,
        commands: Vec<char>,
    },
    /// The rows of a plan.
    Plan(Box<LogicalPlan>),
    /// Rows in memory.
    Rows(Arc<MemTable>),
}

impl Planner {
    /// The same planner with one more relation.
    pub(crate) fn with_relation(&self, name: &str, relation: LocalRelation) -> Self {
        self.with_relations([(name.to_owned(), relation)])
    }

    /// The same planner with more relations.
    pub(crate) fn with_relations(
        &self,
        relations: impl IntoIterator<Item = (String, LocalRelation)>,
    ) -> Self {
        let mut planner = self.clone();
        planner.local.extend(relations);
        planner
    }

    /// The relation of this name, if it is one of the statement's own.
    ///
    /// Errors: those of the policies of a target.
    pub(super) fn local_source(
        &self,
        reference: &TableReference,
    ) -> Result<Option<Arc<dyn TableSource>>, SqlError> {
        let TableReference::Bare { table } = reference else {
            return Ok(None);
        };
        let mut local = self.local.iter();
        let Some((name, relation)) = local.find(|(name, _)| name == table.as_ref()) else {
            return Ok(None);
        };
        Ok(Some(match relation {
            LocalRelation::Target { table, commands } => {
                let meter = self.ctx.meter.table(&self.ctx.snapshot, table);
                let scan = LakeTable::new(self.lake.clone(), Arc::clone(table));
                let scan = scan.with_positions().metered(meter);
                self.guarded_source(scan, commands)?
            }
            LocalRelation::Plan(plan) => {
                let mut plan = plan.as_ref().clone();
                if name == EXCLUDED_RELATION {
                    plan = LogicalPlanBuilder::from(plan)
                        .alias(EXCLUDED_ALIAS)?
                        .build()?;
                }
                provider_as_source(Arc::new(ViewTable::new(plan, None)))
            }
            LocalRelation::Rows(rows) => {
                let rows: Arc<dyn TableProvider> = Arc::<MemTable>::clone(rows);
                provider_as_source(rows)
            }
        }))
    }

    /// The same planner, whose target shows only rows that policies show to one more
    /// command.
    pub(crate) fn with_target_shown_to(&self, command: char) -> Self {
        let mut planner = self.clone();
        for (_, relation) in &mut planner.local {
            if let LocalRelation::Target { commands, .. } = relation
                && !commands.contains(&command)
            {
                commands.push(command);
            }
        }
        planner
    }

    /// The name and columns of one of the statement's own relations, as an analysis of
    /// the statement shows them.
    pub(super) fn local_names(&self, name: &str) -> Option<(Option<String>, Vec<String>)> {
        let (_, relation) = self.local.iter().find(|(own, _)| own == name)?;
        Some(match relation {
            LocalRelation::Target { table, .. } => {
                let columns = table.columns.iter().map(|column| column.name.clone());
                let places = [FILE_COLUMN, POSITION_COLUMN].map(str::to_owned);
                (Some(table.name.clone()), columns.chain(places).collect())
            }
            LocalRelation::Plan(plan) => {
                let fields = plan.schema().fields().iter();
                (None, fields.map(|field| field.name().clone()).collect())
            }
            LocalRelation::Rows(rows) => {
                let schema = rows.schema();
                let fields = schema.fields().iter();
                (None, fields.map(|field| field.name().clone()).collect())
            }
        })
    }

    /// Turns subqueries that were added to a plan after it was made into joins.
    pub(crate) fn unnest(&self, plan: LogicalPlan) -> Result<LogicalPlan, SqlError> {
        decorrelate::decorrelate(plan, &self.ctx)
    }
}
