//! The difference between two pictures as catalog rows and change tokens.
//!
//! Rows of an object are ended and begun at the new snapshot; what did not change
//! keeps its row. Only objects that differ are looked at.

use std::collections::BTreeSet;

use crate::catalog::{Condition, Write};
use crate::snapshot::{Schema, Snapshot};
use crate::spec::TableId;
use crate::spec::change::{Change, ObjectChange};
use crate::spec::rows::SchemaRow;
use crate::spec::side::{CommentRow, OwnerRow};
use crate::transaction::difference::Difference;
use crate::transaction::{render_sequence, render_table, render_view};

/// What a commit writes, as far as it is known yet.
#[derive(Debug)]
pub(super) struct Batch {
    /// The new snapshot.
    pub(super) snapshot_id: i64,
    /// Its schema version; the old one plus 1 if any definition changed.
    pub(super) schema_version: i64,
    pub(super) writes: Vec<Write>,
    pub(super) changes: Vec<Change>,
    /// Ids of the schemas, tables, views and sequences that look different now.
    pub(super) objects: Vec<i64>,
    /// Tables that got the new schema version as their own.
    pub(super) reshaped: BTreeSet<TableId>,
}

impl Batch {
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
    let old_comment = old.and_then(|old| old.comment.as_ref());
    batch.side_comment(new.id.0, old_comment, new.comment.as_ref());
}

fn drop_schema(old: &Schema, batch: &mut Batch) {
    let key = vec![Condition::Equals("schema_id", old.id.0)];
    batch
        .writes
        .push(Write::end::<SchemaRow>(key, batch.snapshot_id));
    batch.object(ObjectChange::DroppedSchema, old.id.0);
    batch.owner(old.id.0, Some(old.owner_id), None);
    batch.side_comment(old.id.0, old.comment.as_ref(), None);
}
