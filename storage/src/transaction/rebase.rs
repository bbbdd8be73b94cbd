//! Whether a transaction still fits on a newer head, and what the two make together.
//!
//! | mine \ theirs, since my pin | rows added | rows ended | altered, renamed | dropped |
//! |---|---|---|---|---|
//! | insert | fits | fits | conflict | conflict |
//! | delete | fits | conflict if of the same file | conflict | conflict |
//! | truncate | fits | conflict | conflict | conflict |
//! | alter, rename, drop, comment | fits | fits | conflict | conflict |
//! | new object | same name, schema gone or dependency gone: conflict | | | |
//!
//! Pictures are compared, not change tokens: what counts is the state, and a name that
//! came and went is no clash. Rows that were ended are found by the commit in the
//! catalog. A change of comments, owner or indexes does not disturb inserts. A view does
//! not stand that someone else changes the columns of what it reads, nor the other way.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::snapshot::{Constraint, Sequence, Snapshot, Table, View};
use crate::spec::{SequenceId, SnapshotId, TableId, ViewId};
use crate::transaction::define::references;
use crate::transaction::difference::Difference;
use crate::transaction::roles::{add_roles, check_role_names, check_roles};

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
    /// Tables whose rows others changed since the pin.
    pub(super) touched: &'a BTreeSet<TableId>,
    /// Sequences that begin again.
    pub(super) restarts: &'a BTreeSet<SequenceId>,
}

/// Puts my changes on the head. Counters of tables are the head's.
///
/// Errors: `Conflict`, naming the object that someone else changed.
pub(super) fn rebase(mine: &Mine<'_>, head: &Snapshot) -> Result<Snapshot, Error> {
    check_unchanged(mine, head)?;
    let mut merged = head.clone();
    remove_mine(mine, &mut merged);
    add_mine(mine, head, &mut merged)?;
    add_roles(mine, &mut merged)?;
    check_whole(mine, &merged)?;
    check_role_names(mine, &merged)?;
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
    check_roles(mine, head)?;
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
    for id in mine.difference.sequences.iter().chain(mine.restarts) {
        if let Some(seen) = mine.base.sequence(*id)
            && head.sequence(*id) != Some(seen)
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
        // A flush or a compaction moves rows, but what was read is still true.
        let is_same = |seen: &Table| {
            let now = head.table(*id);
            now.is_some_and(|now| now.is_same_definition(seen)) && !mine.touched.contains(id)
        };
        if let Some(seen) = mine.base.table(*id)
            && !is_same(seen)
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
    for id in &mine.difference.sequences {
        merged.remove_sequence(*id);
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
    for id in &mine.difference.sequences {
        let Some(sequence) = mine.picture.sequence(*id) else {
            continue;
        };
        if merged.named(sequence.schema_id, &sequence.name).is_some() {
            return Err(conflict(&sequence.name));
        }
        merged.put_sequence(Arc::clone(sequence));
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
        if merged.is_used_schema(*id) {
            return Err(conflict(name));
        }
    }
    for id in &mine.difference.sequences {
        if let Some(sequence) = merged.sequence(*id) {
            check_sequence(sequence, merged)?;
        }
    }
    for id in &mine.difference.tables {
        for sequence in merged.sequences_of(*id) {
            check_sequence(sequence, merged)?;
        }
        match merged.table(*id) {
            Some(table) => {
                check_table(table, merged)?;
                check_pointed_at(mine, table, merged)?;
            }
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
            Some(view) => check_view(mine, view, merged)?,
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
        .all(|entry| has_target(&entry.constraint, merged));
    match merged.schema(table.schema_id) {
        Some(_) if has_targets => Ok(()),
        _ => Err(conflict(&table.name)),
    }
}

/// A sequence needs its schema, and the column that it belongs to.
fn check_sequence(sequence: &Sequence, merged: &Snapshot) -> Result<(), Error> {
    let has_owner = sequence.owned_by.is_none_or(|owner| {
        let table = merged.table(owner.table);
        table.is_some_and(|table| table.column(owner.column).is_some())
    });
    match merged.schema(sequence.schema_id) {
        Some(_) if has_owner => Ok(()),
        _ => Err(conflict(&sequence.name)),
    }
}

/// Whether a foreign key's table and columns are there.
fn has_target(constraint: &Constraint, merged: &Snapshot) -> bool {
    match constraint {
        Constraint::ForeignKey {
            referenced_table,
            referenced_columns,
            ..
        } => merged.table(*referenced_table).is_some_and(|table| {
            let mut columns = referenced_columns.iter();
            columns.all(|id| table.column(*id).is_some())
        }),
        _ => true,
    }
}

/// What others made to point at a table of mine meanwhile must still find its columns.
fn check_pointed_at(mine: &Mine<'_>, table: &Table, merged: &Snapshot) -> Result<(), Error> {
    let Some(seen) = mine.base.table(table.id) else {
        return Ok(());
    };
    if table.keeps_columns_of(seen) {
        return Ok(());
    }
    let is_lost = merged
        .tables()
        .filter(|other| references(other, table.id))
        .flat_map(|other| &other.constraints)
        .any(|entry| !has_target(&entry.constraint, merged));
    let has_new_view = merged
        .dependents(table.id.0)
        .into_iter()
        .any(|id| merged.view(id) != mine.picture.view(id));
    match is_lost || has_new_view {
        false => Ok(()),
        true => Err(conflict(&table.name)),
    }
}

/// A view needs its schema and everything that it reads, with the columns as I saw them.
fn check_view(mine: &Mine<'_>, view: &View, merged: &Snapshot) -> Result<(), Error> {
    let is_there = |id: &i64| {
        let (Some(now), Some(seen)) =
            (merged.table(TableId(*id)), mine.picture.table(TableId(*id)))
        else {
            return merged.table(TableId(*id)).is_some()
                || merged.view(ViewId(*id)).is_some()
                || merged.sequence(SequenceId(*id)).is_some();
        };
        now.keeps_columns_of(seen)
    };
    match merged.schema(view.schema_id) {
        Some(_) if view.dependencies.iter().all(is_there) => Ok(()),
        _ => Err(conflict(&view.name)),
    }
}
