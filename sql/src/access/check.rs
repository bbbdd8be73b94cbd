//! The one check of what a statement does with rows of relations.
//!
//! While a statement is planned, every relation that it reads or writes leaves a [`Need`]
//! here, with the columns and with whose rights apply: those of who runs the statement,
//! or of the owner of the view through which the relation is reached. They are checked
//! together before anything runs, and again each time that the statement runs.
//!
//! A planner collects unless it is told not to, so what forgets to ask is refused rather
//! than let through.
//!
//! Errors: `42501`.
//! Source: PostgreSQL 15, `execMain.c`: ExecCheckRTPerms.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use gotgan_storage::{Column, Privileges, Rights, Sequence, Table, View};

use super::actor::{Actor, Object};
use super::mask;
use super::policy::Warden;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::pg_catalog::SystemRelation;

/// System relations that only superusers read.
const RESTRICTED: [&str; 10] = [
    "pg_authid",
    "pg_shadow",
    "pg_statistic",
    "pg_statistic_ext_data",
    "pg_largeobject",
    "pg_user_mapping",
    "pg_subscription",
    "pg_hba_file_rules",
    "pg_file_settings",
    "pg_config",
];

/// A relation that rows are read from or written to.
#[derive(Clone, Debug)]
pub(crate) enum Relation {
    Table(Arc<Table>),
    View(Arc<View>),
    Sequence(Arc<Sequence>),
    System(&'static SystemRelation),
}

impl Relation {
    fn object(&self) -> Object<'_> {
        match self {
            Self::Table(table) => Object::Table(table),
            Self::View(view) => Object::View(view),
            Self::Sequence(sequence) => Object::Sequence(sequence),
            Self::System(relation) => Object::SystemRelation(relation.name),
        }
    }

    /// What tells relations apart, of whatever snapshot.
    fn key(&self) -> (u8, i64) {
        match self {
            Self::Table(table) => (0, table.id.0),
            Self::View(view) => (1, view.id.0),
            Self::Sequence(sequence) => (2, sequence.id.0),
            Self::System(relation) => (3, i64::from(relation.oid)),
        }
    }
}

/// What is done with a relation's rows. Columns are keyed as grants on them are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uses {
    /// Columns that are read; empty: the relation is, but none of them by name.
    pub(crate) read: Option<BTreeSet<i64>>,
    /// Columns that new rows give values for; empty: none by name.
    pub(crate) inserted: Option<BTreeSet<i64>>,
    /// Columns that are assigned to.
    pub(crate) updated: Option<BTreeSet<i64>>,
    /// Whether rows are deleted.
    pub(crate) deletes: bool,
}

impl Uses {
    fn writes(&self) -> bool {
        self.deletes || self.inserted.is_some() || self.updated.is_some()
    }

    fn merge(&mut self, other: Self) {
        let join = |own: &mut Option<BTreeSet<i64>>, other: Option<BTreeSet<i64>>| {
            if let Some(other) = other {
                own.get_or_insert_default().extend(other);
            }
        };
        join(&mut self.read, other.read);
        join(&mut self.inserted, other.inserted);
        join(&mut self.updated, other.updated);
        self.deletes |= other.deletes;
    }
}

/// What one role needs of one relation.
#[derive(Clone, Debug)]
struct Need {
    relation: Relation,
    /// Whose rights apply.
    role: i64,
    /// How many views stand above it.
    depth: usize,
    uses: Uses,
}

/// Everything that one statement needs; shared by the planners of its parts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Needs(Arc<Mutex<Vec<Need>>>);

impl Needs {
    /// Notes what is done with a relation by rights of `role`.
    ///
    /// `depth`: how many views stand above it; what the statement names itself is
    /// checked first, and of that what it writes, as in PostgreSQL.
    pub(crate) fn add(&self, relation: Relation, role: i64, depth: usize, uses: Uses) {
        let mut needs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (relation.key(), role, depth);
        let is_same = |need: &&mut Need| (need.relation.key(), need.role, need.depth) == key;
        match needs.iter_mut().find(is_same) {
            Some(need) => need.uses.merge(uses),
            None => needs.push(Need {
                relation,
                role,
                depth,
                uses,
            }),
        }
    }

    /// The columns of a table that rows get values in.
    pub(crate) fn given(&self, table: &Table) -> BTreeSet<i64> {
        let needs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = needs
            .iter()
            .filter(|need| matches!(&need.relation, Relation::Table(own) if own.id == table.id));
        let given = own.flat_map(|need| need.uses.inserted.iter().chain(&need.uses.updated));
        given.flatten().copied().collect()
    }

    /// Errors: `42501` for the first relation that may not be used so.
    pub(crate) fn check(&self, rights: &Rights) -> Result<(), SqlError> {
        let needs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sorted: Vec<&Need> = needs.iter().collect();
        sorted.sort_by_key(|need| (need.depth, !need.uses.writes()));
        let mut actors: BTreeMap<i64, Actor> = BTreeMap::new();
        for need in sorted {
            let actor = actors
                .entry(need.role)
                .or_insert_with(|| Actor::new(rights, need.role));
            require(actor, &need.relation, &need.uses)?;
        }
        Ok(())
    }
}

/// Errors: `42501`.
pub(crate) fn require(actor: &Actor, relation: &Relation, uses: &Uses) -> Result<(), SqlError> {
    if actor.is_superuser {
        return Ok(());
    }
    let object = relation.object();
    if let Relation::System(system) = relation
        && RESTRICTED.contains(&system.name)
    {
        return Err(Actor::denied(object));
    }
    let whole = actor.privileges(object);
    if uses.deletes && !whole.contains(Privileges::DELETE) {
        return Err(Actor::denied(object));
    }
    let by_columns = [
        (&uses.read, Privileges::SELECT),
        (&uses.inserted, Privileges::INSERT),
        (&uses.updated, Privileges::UPDATE),
    ];
    for (columns, wanted) in by_columns {
        let Some(columns) = columns.as_ref().filter(|_| !whole.contains(wanted)) else {
            continue;
        };
        let is_allowed = match columns.is_empty() {
            true => actor.any_column_privileges(object).contains(wanted),
            false => columns
                .iter()
                .all(|column| actor.column_privileges(object, *column).contains(wanted)),
        };
        if !is_allowed {
            return Err(Actor::denied(object));
        }
    }
    Ok(())
}

/// Whoever writes rows, as far as an error may tell of them.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    pub(crate) ctx: Arc<StatementContext>,
    pub(crate) role: i64,
    /// The columns that the statement gives values for, keyed as grants on them are.
    pub(crate) given: BTreeSet<i64>,
}

/// What of a row an error may tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    All,
    /// Only these, keyed as grants on them are.
    Columns(BTreeSet<i64>),
    Nothing,
}

impl Writer {
    /// What of a row that fails a test may be told: nothing under row security, else what
    /// the statement gave and what may be read.
    ///
    /// Source: PostgreSQL 15, `execMain.c`: ExecBuildSlotValueDescription.
    pub(crate) fn shown(&self, table: &Table) -> Shown {
        let actor = Actor::new(&self.ctx.rights, self.role);
        if actor.is_superuser {
            return Shown::All;
        }
        if Warden::new(&actor, table).is_some() {
            return Shown::Nothing;
        }
        let held = actor.rights.table(table.id);
        let masks = held.map(|held| mask::masks(&Actor::of(&self.ctx), &held.access));
        let masks = masks.unwrap_or_default();
        let object = Object::Table(table);
        let whole = actor.privileges(object);
        if whole.contains(Privileges::SELECT) && masks.is_empty() {
            return Shown::All;
        }
        let is_read = |column: &Column| {
            let own = actor.column_privileges(object, column.id.0);
            whole.union(own).contains(Privileges::SELECT) && !masks.contains_key(&column.id)
        };
        let columns = table.columns.iter();
        let shown = columns.filter(|column| self.given.contains(&column.id.0) || is_read(column));
        Shown::Columns(shown.map(|column| column.id.0).collect())
    }
}
