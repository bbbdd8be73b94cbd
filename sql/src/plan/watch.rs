//! What planning notes for the check of privileges, and whose rights it plans with.
//!
//! A planner works for a role. What it plans of a view's text it plans for the view's
//! owner, unless the view asks for the rights of who reads it. A planner of the server's
//! own work is for nobody: nothing is checked or held back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::logical_expr::{Expr, LogicalPlan};
use gotgan_storage::{Table, TableId, View};
use sqlparser::ast::Query;

use super::leaf::Leaf;
use super::protected::with_distinct_in_joins;
use super::{LocalRelation, Planner};
use crate::access::check::{Needs, Relation, Uses, Writer};
use crate::access::reads::{self, Read};
use crate::access::roles;
use crate::error::SqlError;
use crate::pg_catalog::oids;

/// Shared by the planners of one statement, but for whose rights they plan with.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    /// None: nobody's.
    pub(super) role: Option<i64>,
    needs: Needs,
    /// Views that were planned, by OID.
    views: Arc<Mutex<BTreeMap<u32, Arc<View>>>>,
    /// Tables whose policies are being planned.
    pub(super) guarded: Vec<TableId>,
    /// Whether columns of the table are read that the statement changes.
    reads_target: Arc<AtomicBool>,
    /// See [`reads::of_plan`].
    passengers_from: Option<usize>,
    passengers: Arc<Mutex<Vec<Vec<Read>>>>,
}

impl Watch {
    pub(super) fn new(role: i64) -> Self {
        Self {
            role: Some(role),
            needs: Needs::default(),
            views: Arc::default(),
            guarded: Vec::new(),
            reads_target: Arc::default(),
            passengers_from: None,
            passengers: Arc::default(),
        }
    }

    /// For what is planned of a stored text.
    pub(super) fn nested(&self, role: Option<i64>) -> Self {
        Self {
            role,
            passengers_from: None,
            ..self.clone()
        }
    }
}

impl Planner {
    /// The same planner for what the server does by itself, such as rewriting a table for
    /// its owner: no privileges, policies or masks.
    pub(crate) fn unrestricted(mut self) -> Self {
        self.watch.role = None;
        self
    }

    /// The same planner, which leaves out what the items of the outermost select list read
    /// from an index on; see [`Self::need_passenger`].
    pub(crate) fn with_passengers(&self, from: usize) -> Self {
        let mut planner = self.clone();
        planner.watch.passengers_from = Some(from);
        planner.watch.passengers = Arc::default();
        planner
    }

    /// The role whose rights apply; none where nothing is checked.
    pub(crate) fn role(&self) -> Option<i64> {
        self.watch.role
    }

    /// With whose rights a view reads.
    pub(super) fn role_behind(&self, view: &View) -> Option<i64> {
        let held = self.ctx.rights.view(view.id);
        let (owner, access) = match &held {
            Some(held) => (held.owner, &held.access),
            None => (view.owner_id, &view.access),
        };
        // Nobody's text reads by the rights of who owns the view only since then.
        let is_former = self.ctx.is_past && owner != view.owner_id;
        match access.security_invoker || is_former {
            true => self.watch.role.and(Some(self.ctx.role_id)),
            false => Some(owner),
        }
    }

    /// Whether nothing of a statement may go below a view.
    pub(super) fn is_barrier(&self, view: &View) -> bool {
        let held = self.ctx.rights.view(view.id);
        held.map_or(view.access.security_barrier, |held| {
            held.access.security_barrier
        })
    }

    /// Notes what the statement itself does with a table's rows.
    pub(crate) fn need(&self, table: &Arc<Table>, uses: Uses) {
        let columns = [&uses.read, &uses.inserted, &uses.updated];
        let columns = columns.into_iter().flatten().flatten();
        let meter = self.ctx.meter.table(&self.ctx.snapshot, table);
        meter.touch_ids(table, columns.copied());
        if let Some(role) = self.watch.role {
            let relation = Relation::Table(Arc::clone(table));
            self.watch.needs.add(relation, role, self.view_depth, uses);
        }
    }

    /// Who writes rows of a table; nobody for the server's own work.
    pub(crate) fn writer(&self, table: &Table) -> Option<Writer> {
        let role = self.watch.role?;
        Some(Writer {
            ctx: Arc::clone(&self.ctx),
            role,
            given: self.watch.needs.given(table),
        })
    }

    /// Whether columns of the statement's target are read, as far as it is planned.
    pub(crate) fn reads_target(&self) -> bool {
        self.watch.reads_target.load(Ordering::Relaxed)
    }

    /// Errors: `42501` if what was planned so far may not be done.
    pub(crate) fn require_access(&self) -> Result<(), SqlError> {
        self.watch.needs.check(&self.ctx.rights)
    }

    /// Notes that a view was planned, whose OID stands in the plan.
    pub(super) fn note_view(&self, view: &Arc<View>) {
        let mut views = self.watch.views.lock();
        let views = views.as_mut().unwrap_or_else(|error| error.get_mut());
        views.insert(oids::view(view.id), Arc::clone(view));
    }

    /// Notes what a plan reads, and takes the marks of kept values out of it.
    pub(super) fn watched(
        &self,
        plan: LogicalPlan,
        query: &Query,
    ) -> Result<LogicalPlan, SqlError> {
        if self.is_checked() {
            let renamings = reads::renamings(query);
            let (read, passengers) = reads::of_plan(&plan, &renamings, self.watch.passengers_from)?;
            // Who asks for rows to be locked needs what a change of them needs.
            self.note(&read, !query.locks.is_empty())?;
            if self.watch.passengers_from.is_some() {
                let mut own = self.watch.passengers.lock();
                **own.as_mut().unwrap_or_else(|error| error.get_mut()) = passengers;
            }
        }
        let has_marks = self
            .local
            .iter()
            .any(|(_, relation)| matches!(relation, LocalRelation::Target { .. }));
        match has_marks {
            true => reads::without_marks(plan),
            false => Ok(plan),
        }
    }

    /// See [`with_distinct_in_joins`]; only roles with bounds see protected rows.
    pub(super) fn unnestable(&self, plan: LogicalPlan) -> Result<LogicalPlan, SqlError> {
        match self.is_checked() {
            true => Ok(with_distinct_in_joins(plan)?),
            false => Ok(plan),
        }
    }

    /// Notes what the subqueries of an expression read.
    pub(crate) fn watch_expression(&self, expr: &Expr) -> Result<(), SqlError> {
        if self.is_checked() {
            self.note(&reads::of_subqueries(expr)?, false)?;
        }
        Ok(())
    }

    /// Notes that an item is read that was left out.
    pub(crate) fn need_passenger(&self, index: usize) -> Result<(), SqlError> {
        let passengers = self.watch.passengers.lock();
        let passengers = passengers.unwrap_or_else(PoisonError::into_inner);
        let first = self.watch.passengers_from.unwrap_or(usize::MAX);
        let read = index.checked_sub(first).and_then(|own| passengers.get(own));
        match read {
            Some(read) => self.note(read, false),
            None => Ok(()),
        }
    }

    /// Notes that columns of the statement's target are read.
    pub(crate) fn need_target_columns(&self, table: &Arc<Table>, indexes: &BTreeSet<usize>) {
        if indexes.is_empty() {
            return;
        }
        self.watch.reads_target.store(true, Ordering::Relaxed);
        let read = indexes.iter().filter_map(|index| table.columns.get(*index));
        self.need(
            table,
            Uses {
                read: Some(read.map(|column| column.id.0).collect()),
                ..Uses::default()
            },
        );
    }

    /// Whether the role is one whose rights have bounds.
    fn is_checked(&self) -> bool {
        let role = self.watch.role;
        role.is_some_and(|role| !roles::is_superuser(&self.ctx.rights, role))
    }

    fn note(&self, all: &[Read], is_locked: bool) -> Result<(), SqlError> {
        let Some(role) = self.watch.role else {
            return Ok(());
        };
        for read in all {
            let (relation, keys) = match &read.leaf {
                Leaf::Table { table, is_target } => {
                    let columns = read.columns.iter();
                    // Behind the columns stand the places of rows, which are nobody's.
                    let own = columns
                        .copied()
                        .filter(|index| *index < table.columns.len());
                    let own: BTreeSet<usize> = own.collect();
                    if *is_target {
                        self.need_target_columns(table, &own);
                        continue;
                    }
                    let keys = own.iter().map(|index| table.columns[*index].id.0).collect();
                    (Relation::Table(Arc::clone(table)), keys)
                }
                Leaf::Excluded => {
                    let Some(table) = self.target() else {
                        return Err(SqlError::internal("proposed rows without a target"));
                    };
                    self.need_target_columns(&table, &read.columns);
                    continue;
                }
                Leaf::View(oid) => {
                    let views = self.watch.views.lock();
                    let views = views.unwrap_or_else(PoisonError::into_inner);
                    let Some(view) = views.get(oid) else {
                        return Err(SqlError::internal("a view was lost"));
                    };
                    (Relation::View(Arc::clone(view)), positions(&read.columns))
                }
                Leaf::Sequence(sequence) => (
                    Relation::Sequence(Arc::clone(sequence)),
                    positions(&read.columns),
                ),
                Leaf::System(system) => (Relation::System(system), positions(&read.columns)),
            };
            let is_stored = matches!(relation, Relation::Table(_) | Relation::View(_));
            let uses = Uses {
                read: Some(keys),
                updated: (is_locked && is_stored).then(BTreeSet::new),
                ..Uses::default()
            };
            self.watch.needs.add(relation, role, self.view_depth, uses);
        }
        Ok(())
    }

    /// The table that the statement changes.
    fn target(&self) -> Option<Arc<Table>> {
        self.local.iter().find_map(|(_, relation)| match relation {
            LocalRelation::Target { table, .. } => Some(Arc::clone(table)),
            LocalRelation::Plan(_) | LocalRelation::Rows(_) => None,
        })
    }
}

/// Columns of what has no ids for them: by position from 1.
fn positions(columns: &BTreeSet<usize>) -> BTreeSet<i64> {
    let positions = columns
        .iter()
        .filter_map(|index| i64::try_from(index + 1).ok());
    positions.collect()
}
