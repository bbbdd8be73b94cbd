//! Changing rows in place: what UPDATE, DELETE, MERGE and ON CONFLICT share.
//!
//! ```text
//! syntax tree ──▶ base query over the target with the places of its rows
//!   base.rs            place, action, new values, what RETURNING may name
//! plan        ──▶ new values, one boolean for each CHECK, RETURNING's values
//!   returning.rs
//! batches     ──▶ sink.rs: writes new rows, notes the places of old ones
//! ```
//!
//! The target is read through a relation that no user can name and that gives out the
//! places of rows, so a statement may join the table with itself.
//!
//! Source: PostgreSQL 15 manual, UPDATE, DELETE, MERGE and INSERT.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, TableReference};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use gotgan_storage::Table;
use sqlparser::ast;

use crate::command::query;
use crate::error::SqlError;
use crate::execute::{self, RowStream, Tag};
use crate::modify;
use crate::physical::Joins;
use crate::plan::{ColumnDescription, Planned, Planner};
use crate::session::{Outcome, Parameter, Session};
use crate::types::PgType;

mod base;
mod returning;
mod sink;

pub(crate) use base::{Base, Target, cell, constant_action, quoted, relation};
pub(crate) use sink::Repeats;

use sink::{ChangeSink, Layout};

/// What is done with a row; the values of the base query's action column.
pub(crate) mod action {
    /// Nothing.
    pub(crate) const NOTHING: i32 = 0;
    /// The row at the place is deleted.
    pub(crate) const DELETE: i32 = 1;
    /// The row at the place is replaced by the new values.
    pub(crate) const UPDATE: i32 = 2;
    /// The new values are inserted.
    pub(crate) const INSERT: i32 = 3;
}

/// Columns before the new values: file, position, action.
const PLACE_COLUMNS: usize = 3;

/// A statement that changes rows, planned.
pub(crate) struct Change {
    table: Arc<Table>,
    plan: LogicalPlan,
    layout: Layout,
    /// Names of what RETURNING gives.
    returning: Option<Vec<String>>,
    parameters: Vec<PgType>,
    /// First word of the command tag.
    word: &'static str,
    repeats: Repeats,
    /// Whether another transaction's rows could change what is done.
    depends_on_rows: bool,
}

/// What a statement wants of its base query.
pub(crate) struct Request<'a> {
    pub(crate) target: &'a Target,
    pub(crate) base: Base,
    pub(crate) returning: Option<&'a [ast::SelectItem]>,
    pub(crate) word: &'static str,
    pub(crate) repeats: Repeats,
    pub(crate) depends_on_rows: bool,
}

impl Change {
    /// Plans the base query, the new values and what is returned.
    ///
    /// `known`: types that the client gave for parameters.
    /// Errors: those of parse analysis.
    pub(crate) async fn plan(
        planner: &Planner,
        request: Request<'_>,
        known: &[Option<PgType>],
    ) -> Result<Self, SqlError> {
        let Request { target, base, .. } = &request;
        let has_values = base.has_values();
        let known = base.parameter_types(known, &target.table);
        let query = base.query(target, request.returning.is_some())?;
        let Planned { plan, parameters } = planner.plan_cancellable(&query, &known).await?;
        let plan = match has_values || request.returning.is_some() {
            true => named(plan, target)?,
            false => plan,
        };
        let count = if has_values {
            target.table.columns.len()
        } else {
            0
        };
        let mut columns: Vec<Expr> = plan
            .schema()
            .columns()
            .into_iter()
            .take(PLACE_COLUMNS + count)
            .map(Expr::Column)
            .collect();
        let mut checks = 0;
        if has_values {
            let relation = TableReference::bare(target.alias.as_str());
            for (name, check) in modify::check_expressions(planner, &target.table)? {
                let check = qualified(check, &relation)?;
                columns.push(check.alias(format!("\0check{name}")));
                checks += 1;
            }
        }
        let mut names = None;
        if let Some(items) = request.returning {
            let wanted = returning::expressions(planner, items, &plan, target, &parameters)?;
            let mut shown = Vec::new();
            for (index, (name, expr)) in wanted.into_iter().enumerate() {
                columns.push(expr.alias(format!("\0returned{index}")));
                shown.push(name);
            }
            names = Some(shown);
        }
        let plan = LogicalPlanBuilder::from(plan).project(columns)?.build()?;
        let plan = planner.unnest(plan)?;
        Ok(Self {
            table: Arc::clone(&target.table),
            plan,
            layout: Layout { count, checks },
            returning: names,
            parameters,
            word: request.word,
            repeats: request.repeats,
            depends_on_rows: request.depends_on_rows,
        })
    }

    /// Types of the parameters, and the columns of RETURNING.
    pub(crate) fn describe(self) -> (Vec<PgType>, Option<Arc<[ColumnDescription]>>) {
        let columns = self.columns();
        (self.parameters, columns)
    }

    fn columns(&self) -> Option<Arc<[ColumnDescription]>> {
        let names = self.returning.as_ref()?;
        let fields = self.plan.schema().fields();
        let described = fields.iter().skip(self.layout.returned()).zip(names);
        let described = described.map(|(field, name)| {
            let mut column = ColumnDescription::of_field(field);
            column.name.clone_from(name);
            column
        });
        Some(described.collect())
    }

    /// Runs the statement.
    ///
    /// Errors: `21000` for a row that is touched twice, `23502`, `23514`, and those of
    /// the query and of storage.
    pub(crate) async fn run(
        mut self,
        session: &mut Session,
        planner: &Planner,
        parameters: &[Parameter],
    ) -> Result<Outcome, SqlError> {
        let columns = self.columns();
        let values = parameters
            .iter()
            .map(|parameter| (parameter.pg_type, parameter.value.clone()))
            .collect();
        self.plan = Planner::bind(self.plan, values)?;
        if self.depends_on_rows {
            let storage = session.transaction().await?.storage()?;
            storage.record_read(self.table.id);
        }
        let physical = query::physical(session, planner, &self.plan, Joins::Hash).await?;
        let sink = match self.fill(session, planner, &physical).await {
            Err(error) if error.is_out_of_memory() && query::has_hash_join(&physical)? => {
                let merging = query::physical(session, planner, &self.plan, Joins::Merge).await?;
                self.fill(session, planner, &merging).await?
            }
            other => other?,
        };
        let storage = session.transaction().await?.storage()?;
        let (count, returned) = sink.finish(storage).await?;
        let Some(columns) = columns else {
            return Ok(Outcome::Command(format!("{} {count}", self.word)));
        };
        let limits = session.limits().clone();
        Ok(Outcome::Rows(RowStream::of_batches(
            returned,
            columns,
            limits,
            Tag::Counted(self.word),
        )))
    }

    /// Takes all rows of the plan; nothing of it is kept after an error.
    async fn fill(
        &self,
        session: &mut Session,
        planner: &Planner,
        physical: &Arc<dyn datafusion::physical_plan::ExecutionPlan>,
    ) -> Result<ChangeSink, SqlError> {
        use futures::StreamExt;
        let writer = match self.layout.count {
            0 => None,
            _ => {
                let storage = session.transaction().await?.storage()?;
                Some(storage.writer(self.table.id).await?)
            }
        };
        let tasks = planner.physical.tasks();
        let mut sink = ChangeSink::new(
            Arc::clone(&self.table),
            writer,
            self.layout,
            self.repeats.clone(),
            self.returning.is_some(),
            tasks.memory_pool(),
        );
        let mut stream = execute::start(physical, &tasks)?;
        while let Some(batch) = stream.next().await {
            let taken = match batch {
                Ok(batch) => sink.take(&batch).await,
                Err(error) => Err(SqlError::from(error)),
            };
            if let Err(error) = taken {
                sink.abort().await;
                return Err(error);
            }
        }
        Ok(sink)
    }
}

/// Gives the values behind a row's place the names of the target's columns: the new
/// ones, or the old ones of a row that is deleted.
fn named(plan: LogicalPlan, target: &Target) -> Result<LogicalPlan, SqlError> {
    let relation = TableReference::bare(target.alias.as_str());
    let columns = plan.schema().columns();
    let values = PLACE_COLUMNS..PLACE_COLUMNS + target.table.columns.len();
    let projected = columns.into_iter().enumerate().map(|(index, column)| {
        let expr = Expr::Column(column);
        if !values.contains(&index) {
            return expr;
        }
        let name = target.table.columns[index - PLACE_COLUMNS].name.as_str();
        expr.alias_qualified(Some(relation.clone()), name)
    });
    let projected: Vec<Expr> = projected.collect();
    Ok(LogicalPlanBuilder::from(plan).project(projected)?.build()?)
}

/// The expression over the columns of `relation` instead of bare ones.
fn qualified(expr: Expr, relation: &TableReference) -> Result<Expr, SqlError> {
    let moved = expr.transform(|node| match node {
        Expr::Column(column) if column.relation.is_none() => {
            let column = Column::new(Some(relation.clone()), column.name);
            Ok(Transformed::yes(Expr::Column(column)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(moved.data)
}
