//! What depends on an object that is dropped: refused as PostgreSQL lists it, or dropped too.
//!
//! Objects are found in depth, the newest first, each under what led to it first, and
//! dropped in that order; they are listed the other way round. What belongs to a table that
//! goes is not listed, as it goes with it.
//!
//! Names stand with their schema where the search path does not lead to the object.
//!
//! Source: PostgreSQL 15, `dependency.c`: findDependentObjects, reportDependentObjects.

use std::collections::BTreeSet;
use std::sync::Arc;

use gotgan_storage::{
    AccessTarget, ColumnId, Constraint, ConstraintEntry, ObjectAccess, Schema, SchemaId, Sequence,
    SequenceId, Table, TableId, Transaction, View, ViewId,
};

use super::alter_table::policies_over;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::pg_catalog::objects::schema_name;
use crate::pg_catalog::{lookup, oids};
use crate::sequence::sequences_in;
use crate::session::{Notice, Session};

/// What is dropped.
#[derive(Clone, Copy)]
pub(super) enum Root<'a> {
    Schema(&'a Schema),
    Table(&'a Table),
    View(&'a View),
    Sequence(&'a Sequence),
}

/// What goes with it.
enum What {
    Table(TableId),
    View(ViewId),
    Sequence(SequenceId),
    Policy(TableId, i64),
    /// A foreign key.
    Key(TableId, i64),
    Default(TableId, ColumnId),
}

struct Dependent {
    what: What,
    shown: String,
    /// What led to it.
    on: String,
}

/// Drops what depends on an object, which then has nothing that does.
///
/// Errors: `2BP01` without CASCADE.
pub(super) async fn drop_all(
    session: &mut Session,
    ctx: &StatementContext,
    root: Root<'_>,
    cascade: bool,
) -> Result<(), SqlError> {
    let mut search = Search {
        ctx,
        leaving: BTreeSet::new(),
        seen: BTreeSet::new(),
        found: Vec::new(),
    };
    let shown = search.root(root)?;
    let found = search.found;
    let listed = found.iter().rev();
    if !cascade && !found.is_empty() {
        let listed = listed.map(|one| (one.shown.clone(), one.on.clone()));
        return Err(SqlError::dependents_exist(
            &shown,
            &listed.collect::<Vec<_>>(),
        ));
    }
    let names: Vec<String> = listed.map(|one| one.shown.clone()).collect();
    notify_cascade(session, &names);
    let storage = session.transaction().await?.storage()?;
    found
        .iter()
        .try_for_each(|one| drop_one(storage, &one.what))
}

/// Tells what went with an object.
pub(super) fn notify_cascade(session: &mut Session, names: &[String]) {
    match names {
        [] => {}
        [one] => session.notify(Notice::info(format!("drop cascades to {one}"))),
        many => {
            let mut notice = Notice::info(format!("drop cascades to {} other objects", many.len()));
            let lines: Vec<String> = many
                .iter()
                .map(|name| format!("drop cascades to {name}"))
                .collect();
            notice.detail = Some(lines.join("\n"));
            session.notify(notice);
        }
    }
}

/// `table t`, as messages about what depends call it.
pub(super) fn shown_table(ctx: &StatementContext, table: &Table) -> String {
    shown(ctx, "table", oids::table(table.id))
}

/// `view v`.
pub(super) fn shown_view(ctx: &StatementContext, view: &View) -> String {
    shown(ctx, "view", oids::view(view.id))
}

/// `sequence s`.
pub(super) fn shown_sequence(ctx: &StatementContext, sequence: &Sequence) -> String {
    shown(ctx, "sequence", oids::sequence(sequence.id))
}

fn shown(ctx: &StatementContext, kind: &str, oid: u32) -> String {
    format!("{kind} {}", lookup::regclass_out(ctx, i64::from(oid)))
}

fn drop_one(storage: &mut Transaction, what: &What) -> Result<(), SqlError> {
    match what {
        What::Table(id) => {
            drop_keys(storage, *id)?;
            storage.drop_table(*id)?;
        }
        What::View(id) => storage.drop_view(*id)?,
        What::Sequence(id) => storage.drop_sequence(*id)?,
        What::Key(table, id) => storage.drop_constraint(*table, *id)?,
        What::Default(table, column) => storage.set_default(*table, *column, None)?,
        What::Policy(table, id) => {
            let snapshot = storage.snapshot();
            if let Some(own) = snapshot.table(*table) {
                let mut access = ObjectAccess::clone(&own.access);
                access.policies.retain(|policy| policy.id != *id);
                storage.set_access(AccessTarget::Table(*table), access)?;
            }
        }
    }
    Ok(())
}

/// Drops the foreign keys that point at a table, of tables that go a moment later.
fn drop_keys(storage: &mut Transaction, id: TableId) -> Result<(), SqlError> {
    let snapshot = storage.snapshot();
    for other in snapshot.tables().filter(|other| other.id != id) {
        for entry in other
            .constraints
            .iter()
            .filter(|entry| points_at(entry, id))
        {
            storage.drop_constraint(other.id, entry.id)?;
        }
    }
    Ok(())
}

/// Whether a constraint is a foreign key to a table.
fn points_at(entry: &ConstraintEntry, table: TableId) -> bool {
    matches!(&entry.constraint, Constraint::ForeignKey { referenced_table, .. }
        if *referenced_table == table)
}

/// What may depend on an object, by the id that tells its age.
enum Candidate<'a> {
    Table(&'a Arc<Table>),
    View(&'a Arc<View>),
    Sequence(&'a Arc<Sequence>),
    /// A sequence that goes with its table.
    OwnSequence(&'a Arc<Sequence>),
    /// A part of a table.
    Part(What, String),
}

struct Search<'a> {
    ctx: &'a StatementContext,
    /// Tables that go, with their parts.
    leaving: BTreeSet<TableId>,
    /// Tables, views and sequences, which have ids of one kind.
    seen: BTreeSet<i64>,
    found: Vec<Dependent>,
}

impl<'a> Search<'a> {
    /// Finds what depends on what is dropped; returns what that is called.
    fn root(&mut self, root: Root<'a>) -> Result<String, SqlError> {
        let ctx = self.ctx;
        match root {
            Root::Table(table) => {
                let shown = shown_table(ctx, table);
                self.leaving.insert(table.id);
                self.seen.insert(table.id.0);
                self.of_table(table, &shown)?;
                Ok(shown)
            }
            Root::View(view) => {
                let shown = shown_view(ctx, view);
                self.seen.insert(view.id.0);
                self.of_view(view, &shown)?;
                Ok(shown)
            }
            Root::Sequence(sequence) => {
                let shown = shown_sequence(ctx, sequence);
                self.seen.insert(sequence.id.0);
                self.of_sequence(sequence, &shown)?;
                Ok(shown)
            }
            Root::Schema(schema) => {
                let shown = format!("schema {}", schema.name);
                self.of_schema(schema, &shown)?;
                Ok(shown)
            }
        }
    }

    fn of_schema(&mut self, schema: &Schema, shown: &str) -> Result<(), SqlError> {
        let snapshot = &self.ctx.snapshot;
        let mut found = Vec::new();
        for table in snapshot.tables().filter(|own| own.schema_id == schema.id) {
            self.leaving.insert(table.id);
            found.push((table.id.0, Candidate::Table(table)));
        }
        let views = snapshot.views().filter(|own| own.schema_id == schema.id);
        found.extend(views.map(|view| (view.id.0, Candidate::View(view))));
        let sequences = snapshot.sequences();
        let free = sequences.filter(|own| own.schema_id == schema.id && own.owned_by.is_none());
        found.extend(free.map(|own| (own.id.0, Candidate::Sequence(own))));
        self.add_all(found, shown)
    }

    fn of_table(&mut self, table: &Table, shown: &str) -> Result<(), SqlError> {
        let snapshot = &self.ctx.snapshot;
        let mut found = self.readers(table.id.0, table.schema_id, &table.name)?;
        for other in snapshot
            .tables()
            .filter(|own| !self.leaving.contains(&own.id))
        {
            let keys = other.constraints.iter();
            for entry in keys.filter(|entry| points_at(entry, table.id)) {
                let on = shown_table(self.ctx, other);
                let name = format!("constraint {} on {on}", entry.name);
                let what = What::Key(other.id, entry.id);
                found.push((entry.id, Candidate::Part(what, name)));
            }
        }
        let own = snapshot.sequences_of(table.id);
        found.extend(own.map(|own| (own.id.0, Candidate::OwnSequence(own))));
        self.add_all(found, shown)
    }

    fn of_view(&mut self, view: &View, shown: &str) -> Result<(), SqlError> {
        let found = self.readers(view.id.0, view.schema_id, &view.name)?;
        self.add_all(found, shown)
    }

    fn of_sequence(&mut self, sequence: &Sequence, shown: &str) -> Result<(), SqlError> {
        let snapshot = &self.ctx.snapshot;
        let mut found = self.readers(sequence.id.0, sequence.schema_id, &sequence.name)?;
        for table in snapshot
            .tables()
            .filter(|own| !self.leaving.contains(&own.id))
        {
            for column in &table.columns {
                let default = column.default.as_deref();
                if default.is_some_and(|text| sequences_in(snapshot, text).contains(&sequence.id)) {
                    let on = shown_table(self.ctx, table);
                    let name = format!("default value for column {} of {on}", column.name);
                    let what = What::Default(table.id, column.id);
                    found.push((table.id.0, Candidate::Part(what, name)));
                }
            }
        }
        self.add_all(found, shown)
    }

    /// The views and the policies of other tables that read a relation.
    fn readers(
        &self,
        id: i64,
        schema: SchemaId,
        name: &str,
    ) -> Result<Vec<(i64, Candidate<'a>)>, SqlError> {
        let snapshot = &self.ctx.snapshot;
        let dependents = snapshot.dependents(id).into_iter();
        let views = dependents.filter_map(|view| snapshot.view(view));
        let mut found: Vec<_> = views
            .map(|view| (view.id.0, Candidate::View(view)))
            .collect();
        let relation = [schema_name(snapshot, schema).to_owned(), name.to_owned()];
        for (table, policy) in policies_over(snapshot, &relation)? {
            if !self.leaving.contains(&table.id) {
                let on = shown_table(self.ctx, table);
                let name = format!("policy {} on {on}", policy.name);
                let what = What::Policy(table.id, policy.id);
                found.push((policy.id, Candidate::Part(what, name)));
            }
        }
        Ok(found)
    }

    /// Adds candidates, the newest first, and before each what depends on it.
    fn add_all(&mut self, mut found: Vec<(i64, Candidate<'a>)>, on: &str) -> Result<(), SqlError> {
        // What this transaction made has ids below zero, the newest the lowest.
        found.sort_by_key(|(id, _)| (*id >= 0, if *id < 0 { *id } else { -*id }));
        for (id, candidate) in found {
            let is_part = matches!(candidate, Candidate::Part(..));
            if !is_part && !self.seen.insert(id) {
                continue;
            }
            let (what, shown) = match candidate {
                Candidate::Table(table) => {
                    let shown = shown_table(self.ctx, table);
                    self.of_table(table, &shown)?;
                    (What::Table(table.id), shown)
                }
                Candidate::View(view) => {
                    let shown = shown_view(self.ctx, view);
                    self.of_view(view, &shown)?;
                    (What::View(view.id), shown)
                }
                Candidate::Sequence(sequence) => {
                    let shown = shown_sequence(self.ctx, sequence);
                    self.of_sequence(sequence, &shown)?;
                    (What::Sequence(sequence.id), shown)
                }
                Candidate::OwnSequence(sequence) => {
                    let shown = shown_sequence(self.ctx, sequence);
                    self.of_sequence(sequence, &shown)?;
                    continue;
                }
                Candidate::Part(what, _) if self.has(&what) => continue,
                Candidate::Part(what, shown) => (what, shown),
            };
            self.found.push(Dependent {
                what,
                shown,
                on: on.to_owned(),
            });
        }
        Ok(())
    }

    /// Whether a part was found already, through something else.
    fn has(&self, part: &What) -> bool {
        self.found.iter().any(|one| match (&one.what, part) {
            (What::Policy(_, one), What::Policy(_, other))
            | (What::Key(_, one), What::Key(_, other)) => one == other,
            (What::Default(table, one), What::Default(other, two)) => table == other && one == two,
            _ => false,
        })
    }
}
