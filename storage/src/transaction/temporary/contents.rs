//! The temporary objects of a connection as a value: into a picture and out of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use object_store::path::Path;

use super::OnCommit;
use crate::snapshot::{Constraint, InlinedRows, Relation, Schema, Sequence, Snapshot, Table, View};
use crate::spec::{SchemaId, TableId, ViewId};
use crate::transaction::define::references;
use crate::transaction::overlay::{FileChanges, Overlay};

/// What there is between two transactions.
#[derive(Clone, Debug, Default)]
pub(super) struct Contents {
    pub(super) schema: Option<Arc<Schema>>,
    tables: Vec<Arc<Table>>,
    views: Vec<Arc<View>>,
    pub(super) sequences: Vec<Arc<Sequence>>,
    files: BTreeMap<TableId, Arc<FileChanges>>,
    on_commit: BTreeMap<TableId, OnCommit>,
}

impl Contents {
    pub(super) fn join(&self, base: &Arc<Snapshot>) -> Arc<Snapshot> {
        let Some(schema) = &self.schema else {
            return Arc::clone(base);
        };
        let mut picture = (**base).clone();
        picture.temporary_schema = Some(schema.id);
        picture.put_schema((**schema).clone());
        for table in &self.tables {
            picture.put_table(Arc::clone(table));
        }
        for view in &self.views {
            picture.put_view(Arc::clone(view));
        }
        for sequence in &self.sequences {
            picture.put_sequence(Arc::clone(sequence));
        }
        Arc::new(picture)
    }

    pub(super) fn overlay(&self, picture: Arc<Snapshot>) -> Overlay {
        Overlay {
            files: Arc::new(self.files.clone()),
            on_commit: Arc::new(self.on_commit.clone()),
            ..Overlay::new(picture)
        }
    }

    /// What is temporary in an overlay.
    pub(super) fn of(overlay: &Overlay) -> Self {
        let picture = &overlay.picture;
        let Some(schema) = picture.temporary_schema() else {
            return Self::default();
        };
        let mut contents = Self {
            schema: Some(Arc::clone(schema)),
            ..Self::default()
        };
        for relation in picture.relations_in(schema.id) {
            match relation {
                Relation::View(view) => contents.views.push(view),
                Relation::Table(table) => {
                    let changes = overlay.files.get(&table.id);
                    if let Some(changes) = changes.and_then(compact) {
                        contents.files.insert(table.id, changes);
                    }
                    if let Some(action) = overlay.on_commit.get(&table.id) {
                        contents.on_commit.insert(table.id, *action);
                    }
                    contents.tables.push(counted(table, &contents.files));
                }
            }
        }
        let sequences = picture.sequences();
        let own = sequences.filter(|sequence| sequence.schema_id == schema.id);
        contents.sequences = own.map(Arc::clone).collect();
        contents
    }

    pub(super) fn locations(&self) -> impl Iterator<Item = &Path> {
        let files = self.files.values().flat_map(|changes| &changes.appended);
        files.map(|file| &file.data_file.location)
    }
}

/// The rows that are left, without what is only there for rows that are not; nothing if
/// no row is left.
fn compact(changes: &Arc<FileChanges>) -> Option<Arc<FileChanges>> {
    let is_gone = |part: &InlinedRows| {
        let mut ids = part.row_ids.iter();
        ids.all(|id| changes.inlined_deleted.contains(id))
    };
    let has_gone_files = changes.kept().count() < changes.appended.len();
    let has_gone_rows = changes.inlined.iter().any(|part| is_gone(&part.rows));
    let mut left = FileChanges::clone(changes);
    if !has_gone_files && !has_gone_rows {
        let is_empty = left.appended.is_empty() && left.inlined.is_empty();
        return (!is_empty).then(|| Arc::clone(changes));
    }
    left.appended = changes.kept().cloned().collect();
    left.inlined.retain(|part| !is_gone(&part.rows));
    let files: BTreeSet<i64> = left.appended.iter().map(|file| file.data_file.id).collect();
    left.deleted.retain(|file, _| files.contains(file));
    let rows = left
        .inlined
        .iter()
        .flat_map(|part| part.rows.row_ids.iter());
    let rows: BTreeSet<i64> = rows.copied().collect();
    left.inlined_deleted.retain(|row| rows.contains(row));
    let is_empty = left.appended.is_empty() && left.inlined.is_empty();
    (!is_empty).then(|| Arc::new(left))
}

/// The table with the counts of its rows.
fn counted(table: Arc<Table>, files: &BTreeMap<TableId, Arc<FileChanges>>) -> Arc<Table> {
    let (mut row_count, mut bytes) = (0_u64, 0);
    if let Some(changes) = files.get(&table.id) {
        for file in &changes.appended {
            row_count += file.data_file.row_count;
            bytes += file.data_file.bytes;
        }
        let inlined = changes.inlined.iter().map(|part| part.rows.row_ids.len());
        row_count += inlined.sum::<usize>() as u64;
        let deleted = changes.deleted.values().map(|deletes| deletes.own_count);
        let deleted = deleted.sum::<u64>() + changes.inlined_deleted.len() as u64;
        row_count = row_count.saturating_sub(deleted);
    }
    if (table.row_count, table.bytes) == (row_count, bytes) {
        return table;
    }
    Arc::new(Table {
        row_count,
        bytes,
        ..(*table).clone()
    })
}

/// A picture without what is temporary in it.
pub(super) fn without_temporary(picture: &Snapshot) -> Snapshot {
    let mut rest = picture.clone();
    let Some(schema) = picture.temporary_schema else {
        return rest;
    };
    empty_schema(&mut rest, schema);
    rest.remove_schema(schema);
    rest.temporary_schema = None;
    rest
}

pub(super) fn empty_schema(picture: &mut Snapshot, schema: SchemaId) {
    let relations: Vec<Relation> = picture.relations_in(schema).collect();
    for relation in relations {
        match relation {
            Relation::Table(table) => picture.remove_table(table.id),
            Relation::View(view) => picture.remove_view(view.id),
        }
    }
    let sequences = picture.sequences();
    let own = sequences.filter(|sequence| sequence.schema_id == schema);
    let own: Vec<_> = own.map(|sequence| sequence.id).collect();
    for sequence in own {
        picture.remove_sequence(sequence);
    }
}

/// Drops a table with all that depends on it.
pub(super) fn drop_with_dependents(picture: &mut Snapshot, id: TableId) {
    let mut views: Vec<ViewId> = picture.dependents(id.0);
    while let Some(view) = views.pop() {
        views.extend(picture.dependents(view.0));
        picture.remove_view(view);
    }
    let pointing = picture.tables().filter(|table| references(table, id));
    let pointing: Vec<Arc<Table>> = pointing.map(Arc::clone).collect();
    for table in pointing {
        let mut table = (*table).clone();
        table.constraints.retain(|entry| {
            !matches!(entry.constraint, Constraint::ForeignKey { referenced_table, .. }
                if referenced_table == id)
        });
        picture.put_table(Arc::new(table));
    }
    let sequences: Vec<_> = picture.sequences_of(id).map(|own| own.id).collect();
    for sequence in sequences {
        picture.remove_sequence(sequence);
    }
    picture.remove_table(id);
}
