//! The difference between two pictures as catalog rows and change tokens.
//!
//! Rows of an object are ended and begun at the new snapshot; what did not change
//! keeps its row. Only objects that differ are looked at.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use crate::catalog::{Condition, Write};
use crate::snapshot::{Schema, Snapshot};
use crate::spec::TableId;
use crate::spec::change::{Change, CommitCounts, ObjectChange};
use crate::spec::rows::{SchemaRow, SnapshotRow};
use crate::spec::side::{CommentRow, OptionRow, OwnerRow};
use crate::transaction::difference::Difference;
use crate::transaction::rows::signed;
use crate::transaction::{render_sequence, render_table, render_view};

/// What a commit writes, as far as it is known yet.
#[derive(Debug)]
pub(super) struct Batch {
    /// The new snapshot.
    pub(super) snapshot_id: i64,
    /// Its time.
    pub(super) time: DateTime<Utc>,
    /// Its schema version; the old one plus 1 if any definition changed.
    pub(super) schema_version: i64,
    pub(super) writes: Vec<Write>,
    pub(super) changes: Vec<Change>,
    /// Ids of the schemas, tables, views and sequences that look different now.
    pub(super) objects: Vec<i64>,
    /// Tables that got the new schema version as their own.
    pub(super) reshaped: BTreeSet<TableId>,
    /// Schema and name of each table among `objects`.
    pub(super) tables: Vec<[String; 2]>,
    pub(super) counts: CommitCounts,
    /// The next free id of an object.
    pub(super) next_catalog_id: i64,
    /// Whether roles changed.
    pub(super) raises_epoch: bool,
}

impl Batch {
    /// The snapshot after a head, made now.
    pub(super) fn after(head: &SnapshotRow, difference: &Difference, now: DateTime<Utc>) -> Self {
        Self {
            time: later_than(head.snapshot_time, now),
            next_catalog_id: head.next_catalog_id,
            snapshot_id: head.snapshot_id + 1,
            schema_version: head.schema_version + i64::from(difference.has_objects()),
            writes: Vec::new(),
            changes: Vec::new(),
            objects: Vec::new(),
            reshaped: BTreeSet::new(),
            tables: Vec::new(),
            counts: CommitCounts::default(),
            raises_epoch: false,
        }
    }

    /// Sorts what was touched, and notes the names of tables: new ones, or the last.
    pub(super) fn name_objects(&mut self, old: &Snapshot, new: &Snapshot) {
        self.objects.sort_unstable();
        self.objects.dedup();
        let named = |picture: &Snapshot, id: &i64| {
            let table = picture.table(TableId(*id))?;
            let schema = picture.schema(table.schema_id)?;
            Some([schema.name.clone(), table.name.clone()])
        };
        let names = self.objects.iter();
        self.tables = names
            .filter_map(|id| named(new, id).or_else(|| named(old, id)))
            .collect();
    }

    pub(super) fn object(&mut self, change: ObjectChange, id: i64) {
        self.changes.push(Change::Object(change, id));
    }

    /// Ends one row and begins another where an optional value changed.
    pub(super) fn replace<R: crate::spec::table::Row>(
        &mut self,
        key: Vec<Condition>,
        was_there: bool,
        row: Option<R>,
    ) {
        if was_there {
            self.writes.push(Write::end::<R>(key, self.snapshot_id));
        }
        if let Some(row) = row {
            self.writes.push(Write::insert(&[row]));
        }
    }

    pub(super) fn owner(&mut self, object_id: i64, old: Option<i64>, new: Option<i64>) {
        if old == new {
            return;
        }
        let row = new.map(|role_id| OwnerRow {
            object_id,
            begin_snapshot: self.snapshot_id,
            end_snapshot: None,
            role_id,
        });
        self.replace(
            vec![Condition::Equals("object_id", object_id)],
            old.is_some(),
            row,
        );
    }

    /// Options of a schema or table.
    pub(super) fn options(
        &mut self,
        object_id: i64,
        old: &BTreeMap<String, String>,
        new: &BTreeMap<String, String>,
    ) {
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            if old.get(name) == new.get(name) {
                continue;
            }
            let key = vec![
                Condition::Equals("object_id", object_id),
                Condition::Is("option_name", name.clone()),
            ];
            let row = new.get(name).map(|value| OptionRow {
                object_id,
                begin_snapshot: self.snapshot_id,
                end_snapshot: None,
                option_name: name.clone(),
                value: value.clone(),
            });
            self.replace(key, old.contains_key(name), row);
        }
    }

    /// A comment that only we know of.
    pub(super) fn side_comment(
        &mut self,
        object_id: i64,
        old: Option<&String>,
        new: Option<&String>,
    ) {
        if old == new {
            return;
        }
        let row = new.map(|comment| CommentRow {
            object_id,
            begin_snapshot: self.snapshot_id,
            end_snapshot: None,
            comment: comment.clone(),
        });
        self.replace(
            vec![Condition::Equals("object_id", object_id)],
            old.is_some(),
            row,
        );
    }
}

/// The clock's time in microseconds, or just after the head's if that is not later.
fn later_than(previous: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    let micros = now
        .duration_trunc(TimeDelta::microseconds(1))
        .unwrap_or(now);
    micros.max(previous + TimeDelta::microseconds(1))
}

/// Adds everything that turns `old` into `new`.
pub(super) fn render(old: &Snapshot, new: &Snapshot, difference: &Difference, batch: &mut Batch) {
    // Made first and dropped last, so that whoever reads the tokens in order never
    // meets a name whose schema is unknown.
    for id in &difference.schemas {
        if let Some(schema) = new.schema(*id) {
            put_schema(old.schema(*id).map(|schema| &**schema), schema, batch);
        }
    }
    for id in &difference.tables {
        let schema_name = |picture: &Snapshot| schema_name_of_table(picture, *id);
        let old_table = old.table(*id).map(|table| &**table);
        let new_table = new.table(*id).map(|table| &**table);
        render_table::render(old_table, new_table, &schema_name(new), batch);
        if let (Some(dropped), None) = (old_table, new_table) {
            batch.counts.add(CommitCounts {
                rows_removed: signed(dropped.row_count),
                bytes_removed: signed(dropped.bytes),
                ..CommitCounts::default()
            });
        }
        batch.objects.push(id.0);
    }
    for id in &difference.views {
        let schema_id = new.view(*id).map(|view| view.schema_id);
        let schema = schema_id.and_then(|id| new.schema(id));
        let name = schema.map_or(String::new(), |schema| schema.name.clone());
        let old_view = old.view(*id).map(|view| &**view);
        let new_view = new.view(*id).map(|view| &**view);
        render_view::render(old_view, new_view, &name, batch);
        batch.objects.push(id.0);
    }
    for id in &difference.sequences {
        let old_sequence = old.sequence(*id).map(|sequence| &**sequence);
        let new_sequence = new.sequence(*id).map(|sequence| &**sequence);
        render_sequence::render(old_sequence, new_sequence, batch);
        batch.objects.push(id.0);
    }
    for id in &difference.schemas {
        batch.objects.push(id.0);
        if let (Some(schema), None) = (old.schema(*id), new.schema(*id)) {
            drop_schema(schema, batch);
        }
    }
}

fn schema_name_of_table(picture: &Snapshot, id: TableId) -> String {
    let schema_id = picture.table(id).map(|table| table.schema_id);
    let schema = schema_id.and_then(|id| picture.schema(id));
    schema.map_or(String::new(), |schema| schema.name.clone())
}

fn put_schema(old: Option<&Schema>, new: &Schema, batch: &mut Batch) {
    if old.is_none() {
        batch.writes.push(Write::insert(&[SchemaRow {
            schema_id: new.id.0,
            schema_uuid: Some(new.uuid.clone()),
            begin_snapshot: batch.snapshot_id,
            end_snapshot: None,
            schema_name: new.name.clone(),
            path: new.path.clone(),
            path_is_relative: new.path_is_relative,
        }]));
        batch.changes.push(Change::CreatedSchema(new.name.clone()));
    }
    batch.owner(new.id.0, old.map(|old| old.owner_id), Some(new.owner_id));
    batch.access(new.id.0, old.map(|old| &*old.access), Some(&*new.access));
    let old_comment = old.and_then(|old| old.comment.as_ref());
    batch.side_comment(new.id.0, old_comment, new.comment.as_ref());
    let none = BTreeMap::new();
    batch.options(
        new.id.0,
        old.map_or(&none, |old| &old.options),
        &new.options,
    );
}

fn drop_schema(old: &Schema, batch: &mut Batch) {
    let key = vec![Condition::Equals("schema_id", old.id.0)];
    batch
        .writes
        .push(Write::end::<SchemaRow>(key, batch.snapshot_id));
    batch.object(ObjectChange::DroppedSchema, old.id.0);
    batch.owner(old.id.0, Some(old.owner_id), None);
    batch.access(old.id.0, Some(&*old.access), None);
    batch.side_comment(old.id.0, old.comment.as_ref(), None);
    batch.options(old.id.0, &old.options, &BTreeMap::new());
}
