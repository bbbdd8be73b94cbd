//! Whether a transaction still fits on a newer head, and what the two make together.
//!
//! | mine \ theirs, since my pin | rows added | rows ended | altered, renamed | dropped |
//! |---|---|---|---|---|
//! | insert | fits | fits | conflict | conflict |
//! | truncate | fits | conflict | conflict | conflict |
//! | alter, rename, drop, comment | fits | fits | conflict | conflict |
//! | new object | same name, schema gone or dependency gone: conflict | | | |
//!
//! Pictures are compared, not change tokens: what counts is the state, and a name that
//! came and went is no clash. Rows that were ended are found by the commit in the
//! catalog. A change of comments, owner or indexes does not disturb inserts.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::snapshot::{Constraint, Snapshot, Table, View};
use crate::spec::{SchemaId, SnapshotId, TableId, ViewId};
use crate::transaction::define::references;

/// Objects that differ between two pictures, by id.
#[derive(Debug, Default)]
pub(super) struct Difference {
    pub(super) schemas: BTreeSet<SchemaId>,
    pub(super) tables: BTreeSet<TableId>,
    pub(super) views: BTreeSet<ViewId>,
}

impl Difference {
    pub(super) fn between(old: &Snapshot, new: &Snapshot) -> Self {
        let mut difference = Self::default();
        for (id, schema) in &*old.schemas {
            if new.schemas.get(id) != Some(schema) {
                difference.schemas.insert(*id);
            }
        }
        difference.schemas.extend(
            new.schemas
                .keys()
                .filter(|id| !old.schemas.contains_key(id)),
        );
        for (id, table) in &*old.tables {
            let is_same = new
                .tables
                .get(id)
                .is_some_and(|other| Arc::ptr_eq(other, table) || other.is_same_definition(table));
            if !is_same {
                difference.tables.insert(*id);
            }
        }
        difference
            .tables
            .extend(new.tables.keys().filter(|id| !old.tables.contains_key(id)));
        for (id, view) in &*old.views {
            let is_same = new
                .views
                .get(id)
                .is_some_and(|other| Arc::ptr_eq(other, view) || other == view);
            if !is_same {
                difference.views.insert(*id);
            }
        }
        difference
            .views
            .extend(new.views.keys().filter(|id| !old.views.contains_key(id)));
        difference
    }

    pub(super) fn is_empty(&self) -> bool {
        self.schemas.is_empty() && self.tables.is_empty() && self.views.is_empty()
    }
}

/// A transaction's change of definitions.
pub(super) struct Mine<'a> {
    pub(super) base: &'a Snapshot,
    /// With real ids.
    pub(super) picture: &'a Snapshot,
    pub(super) difference: &'a Difference,
    /// Tables whose rows are added to or ended, without those made here.
    pub(super) written: &'a BTreeSet<TableId>,
    /// Tables whose rows the outcome depends on.
    pub(super) reads: &'a BTreeSet<TableId>,
}

/// Puts my changes on the head. Counters of tables are the head's.
///
/// Errors: `Conflict`, naming the object that someone else changed.
pub(super) fn rebase(mine: &Mine<'_>, head: &Snapshot) -> Result<Snapshot, Error> {
    check_unchanged(mine, head)?;
    let mut merged = head.clone();
    remove_mine(mine, &mut merged);
    add_mine(mine, head, &mut merged)?;
    check_whole(mine, &merged)?;
    Ok(merged)
}

/// An object was changed by someone else.
pub(super) fn conflict(name: &str) -> Error {
    let text =
        format!("could not serialize access to \"{name}\" because another transaction changed it");
    Error::new(ErrorKind::Conflict, text)
}

/// What I changed or rely on must still be as I saw it.
fn check_unchanged(mine: &Mine<'_>, head: &Snapshot) -> Result<(), Error> {
    for id in &mine.difference.schemas {
        if let Some(seen) = mine.base.schema(*id)
            && head.schema(*id) != Some(seen)
        {
            return Err(conflict(&seen.name));
        }
    }
    for id in &mine.difference.tables {
        if let Some(seen) = mine.base.table(*id)
            && !head
                .table(*id)
                .is_some_and(|table| table.is_same_definition(seen))
        {
            return Err(conflict(&seen.name));
        }
    }
    for id in &mine.difference.views {
        if let Some(seen) = mine.base.view(*id)
            && head.view(*id) != Some(seen)
        {
            return Err(conflict(&seen.name));
        }
    }
    for id in mine.written {
        if let Some(seen) = mine.base.table(*id)
            && !head
                .table(*id)
                .is_some_and(|table| table.accepts_same_rows(seen))
        {
            return Err(conflict(&seen.name));
        }
    }
    for id in mine.reads {
        let change = |picture: &Snapshot| picture.table(*id).map(|table| table.last_change);
        if let Some(seen) = mine.base.table(*id)
            && change(head) != Some(seen.last_change)
        {
            return Err(conflict(&seen.name));
        }
    }
    Ok(())
}

/// Takes away what I dropped, and the old state of what I altered.
fn remove_mine(mine: &Mine<'_>, merged: &mut Snapshot) {
    for id in &mine.difference.tables {
        merged.remove_table(*id);
    }
    for id in &mine.difference.views {
        merged.remove_view(*id);
    }
    for id in &mine.difference.schemas {
        merged.remove_schema(*id);
    }
}

fn add_mine(mine: &Mine<'_>, head: &Snapshot, merged: &mut Snapshot) -> Result<(), Error> {
    for id in &mine.difference.schemas {
        let Some(schema) = mine.picture.schema(*id) else {
            continue;
        };
        if merged.schema_by_name(&schema.name).is_some() {
            return Err(conflict(&schema.name));
        }
        merged.put_schema((**schema).clone());
    }
    for id in &mine.difference.tables {
        let Some(table) = mine.picture.table(*id) else {
            continue;
        };
        let names = table
            .indexes
            .iter()
            .map(|index| &index.name)
            .chain([&table.name]);
        for name in names {
            if merged.named(table.schema_id, name).is_some() {
                return Err(conflict(name));
            }
        }
        let mut table: Table = (**table).clone();
        let counters = head.table(*id);
        table.row_count = counters.map_or(0, |counters| counters.row_count);
        table.bytes = counters.map_or(0, |counters| counters.bytes);
        table.last_change = counters.map_or(SnapshotId(0), |counters| counters.last_change);
        merged.put_table(Arc::new(table));
    }
    for id in &mine.difference.views {
        let Some(view) = mine.picture.view(*id) else {
            continue;
        };
        if merged.named(view.schema_id, &view.name).is_some() {
            return Err(conflict(&view.name));
        }
        merged.put_view(Arc::clone(view));
    }
    Ok(())
}

/// Nothing may point at what is gone, in either direction.
fn check_whole(mine: &Mine<'_>, merged: &Snapshot) -> Result<(), Error> {
    let gone_schemas = mine
        .difference
        .schemas
        .iter()
        .filter(|id| merged.schema(**id).is_none());
    for id in gone_schemas {
        let name = mine
            .base
            .schema(*id)
            .map_or("", |schema| schema.name.as_str());
        let is_used = merged.tables().any(|table| table.schema_id == *id)
            || merged.views().any(|view| view.schema_id == *id);
        if is_used {
            return Err(conflict(name));
        }
    }
    for id in &mine.difference.tables {
        match merged.table(*id) {
            Some(table) => check_table(table, merged)?,
            None => {
                let is_used = !merged.dependents(id.0).is_empty()
                    || merged.tables().any(|other| references(other, *id));
                if is_used {
                    return Err(conflict(
                        mine.base.table(*id).map_or("", |table| &table.name),
                    ));
                }
            }
        }
    }
    for id in &mine.difference.views {
        match merged.view(*id) {
            Some(view) => check_view(view, merged)?,
            None if merged.dependents(id.0).is_empty() => {}
            None => return Err(conflict(mine.base.view(*id).map_or("", |view| &view.name))),
        }
    }
    Ok(())
}

fn check_table(table: &Table, merged: &Snapshot) -> Result<(), Error> {
    let has_targets = table
        .constraints
        .iter()
        .all(|entry| match &entry.constraint {
            Constraint::ForeignKey {
                referenced_table, ..
            } => merged.table(*referenced_table).is_some(),
            _ => true,
        });
    match merged.schema(table.schema_id) {
        Some(_) if has_targets => Ok(()),
        _ => Err(conflict(&table.name)),
    }
}

fn check_view(view: &View, merged: &Snapshot) -> Result<(), Error> {
    let has_all = view
        .dependencies
        .iter()
        .all(|id| merged.table(TableId(*id)).is_some() || merged.view(ViewId(*id)).is_some());
    match merged.schema(view.schema_id) {
        Some(_) if has_all => Ok(()),
        _ => Err(conflict(&view.name)),
    }
}
