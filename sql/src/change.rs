//! Changing rows in place: what UPDATE, DELETE, MERGE and ON CONFLICT share.
//!
//! ```text
//! syntax tree ──▶ base query over the target with the places of its rows
//!   base.rs            place, action, new values, what RETURNING may name
//! plan        ──▶ new values, one boolean for each CHECK, RETURNING's values
//!   returning.rs
//! batches     ──▶ sink.rs: writes new rows, notes the places of old ones
//!   run.rs
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

use crate::access::check::Uses;
use crate::access::policy::{Warden, command};
use crate::error::SqlError;
use crate::modify;
use crate::plan::{ColumnDescription, Planned, Planner};
use crate::types::PgType;

mod base;
mod returning;
mod rules;
mod run;
mod sink;

pub(crate) use base::{Base, Target, aliased, constant_action, is_default, kept, quoted, relation};
pub(crate) use run::{Pending, Places};
pub(crate) use sink::Repeats;

use rules::Refusal;
use sink::Layout;

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
    /// What a row is told that a policy refuses, for each of the last columns.
    refusals: Vec<Refusal>,
}

/// What a statement wants of its base query.
pub(crate) struct Request<'a> {
    pub(crate) target: &'a Target,
    pub(crate) base: Base,
    pub(crate) returning: Option<&'a [ast::SelectItem]>,
    pub(crate) word: &'static str,
    pub(crate) repeats: Repeats,
    pub(crate) depends_on_rows: bool,
    /// What is done with the target's rows; what is read of them is found out.
    pub(crate) uses: Uses,
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
        planner.need(&request.target.table, request.uses.clone());
        let warden = planner.warden(&request.target.table);
        let change = Self::plan_for(planner, &request, known, warden.as_ref()).await?;
        // Who reads columns of the target needs to see its rows, too.
        match warden {
            Some(warden) if planner.reads_target() => {
                // What INSERT is in conflict with is found whether or not it is seen.
                let planner = match request.uses.inserted.is_some() && request.word != "MERGE" {
                    true => planner.clone(),
                    false => planner.with_target_shown_to(command::SELECT),
                };
                Self::plan_for(&planner, &request, known, Some(&warden)).await
            }
            _ => Ok(change),
        }
    }

    async fn plan_for(
        planner: &Planner,
        request: &Request<'_>,
        known: &[Option<PgType>],
        warden: Option<&Warden>,
    ) -> Result<Self, SqlError> {
        let Request { target, base, .. } = request;
        let has_values = base.has_values();
        let has_proposed = base.proposed.is_some();
        let known = base.parameter_types(known, &target.table);
        let rules = match warden {
            Some(warden) => rules::of(warden, request, planner.reads_target())?,
            None => Vec::new(),
        };
        let has_old = rules.iter().any(rules::Rule::needs_old);
        let query = base.query(target, request.returning.is_some(), has_old)?;
        let places = rules::Places::new(base, target, has_old);
        let planner = &planner.with_passengers(places.end);
        let Planned { plan, parameters } = planner.plan_cancellable(&query, &known).await?;
        let plan = match has_values || request.returning.is_some() {
            true => named(plan, target)?,
            false => plan,
        };
        let (plan, refusals) = rules::with_rules(planner, plan, rules, target, &places)?;
        let ruled = plan.schema().fields().len() - refusals.len();
        let width = target.table.columns.len();
        let layout = Layout {
            count: if has_values { width } else { 0 },
            checks: 0,
            has_proposed,
        };
        let sources = plan.schema().columns();
        let mut columns: Vec<Expr> = sources[..PLACE_COLUMNS + layout.count]
            .iter()
            .cloned()
            .map(Expr::Column)
            .collect();
        let layout = with_checks(planner, target, layout, &sources, &mut columns)?;
        let mut names = None;
        if let Some(items) = request.returning {
            let wanted = returning::expressions(planner, items, &plan, target, &parameters)?;
            returning::note_reads(planner, &wanted, &plan, target, has_values)?;
            let wanted = returning::masked(planner, wanted, &plan, target, has_values)?;
            let mut shown = Vec::new();
            for (index, (name, expr)) in wanted.into_iter().enumerate() {
                columns.push(expr.alias(format!("\0returned{index}")));
                shown.push(name);
            }
            names = Some(shown);
        }
        columns.extend(sources[ruled..].iter().cloned().map(Expr::Column));
        let plan = LogicalPlanBuilder::from(plan).project(columns)?.build()?;
        let plan = planner.unnest(plan)?;
        planner.require_castable(&plan)?;
        Ok(Self {
            table: Arc::clone(&target.table),
            plan,
            layout,
            returning: names,
            parameters,
            word: request.word,
            repeats: request.repeats.clone(),
            depends_on_rows: request.depends_on_rows,
            refusals,
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

/// Adds a boolean for each CHECK over the new values, then the proposed values with
/// booleans of their own. Returns the layout with the number of CHECKs.
///
/// `sources`: the columns of the plan below.
fn with_checks(
    planner: &Planner,
    target: &Target,
    layout: Layout,
    sources: &[Column],
    columns: &mut Vec<Expr>,
) -> Result<Layout, SqlError> {
    if layout.count == 0 {
        return Ok(layout);
    }
    let checks = modify::check_expressions(planner, &target.table)?;
    let values = PLACE_COLUMNS..PLACE_COLUMNS + layout.count;
    let proposed = values.end..values.end + layout.count;
    for (name, check) in &checks {
        let check = over(check.clone(), target, &sources[values.clone()])?;
        columns.push(check.alias(format!("\0check{name}")));
    }
    if layout.has_proposed {
        let proposed = &sources[proposed];
        columns.extend(proposed.iter().cloned().map(Expr::Column));
        for (name, check) in &checks {
            let check = over(check.clone(), target, proposed)?;
            columns.push(check.alias(format!("\0proposed check{name}")));
        }
    }
    Ok(Layout {
        checks: checks.len(),
        ..layout
    })
}

/// An expression over the target's columns with others in their place, in order.
fn over(expr: Expr, target: &Target, columns: &[Column]) -> Result<Expr, SqlError> {
    let own = &target.table.columns;
    let moved = expr.transform(|node| match node {
        Expr::Column(column) => {
            let index = own.iter().position(|other| other.name == column.name);
            match index.and_then(|index| columns.get(index)) {
                Some(other) => Ok(Transformed::yes(Expr::Column(other.clone()))),
                None => Ok(Transformed::no(Expr::Column(column))),
            }
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(moved.data)
}
