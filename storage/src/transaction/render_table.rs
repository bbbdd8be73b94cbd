//! The rows of a table that was made, changed or dropped.

use std::collections::BTreeMap;

use crate::catalog::{Condition, Write};
use crate::snapshot::{Column, Constraint, ConstraintEntry, Index, Table, default_rows};
use crate::spec::change::{Change, ObjectChange};
use crate::spec::rows::{
    ColumnRow, ColumnTagRow, DataFileRow, DeleteFileRow, PartitionInfoRow, SchemaVersionRow,
    SortExpressionRow, SortInfoRow, TableRow, TagRow,
};
use crate::spec::side::{ConstraintRow, IndexRow, SideColumnRow};
use crate::spec::{COMMENT_KEY, ColumnId};
use crate::transaction::render::Batch;
use crate::types::ColumnType;

/// `schema_name`: of the new table.
pub(super) fn render(
    old: Option<&Table>,
    new: Option<&Table>,
    schema_name: &str,
    batch: &mut Batch,
) {
    match (old, new) {
        (None, Some(new)) => create(new, schema_name, batch),
        (Some(old), Some(new)) => alter(old, new, schema_name, batch),
        (Some(old), None) => drop_table(old, batch),
        (None, None) => {}
    }
}

fn create(new: &Table, schema_name: &str, batch: &mut Batch) {
    batch
        .writes
        .push(Write::insert(&[table_row(new, batch.snapshot_id)]));
    batch.changes.push(Change::CreatedTable(
        schema_name.to_owned(),
        new.name.clone(),
    ));
    schema_version(new, batch);
    parts(None, new, batch);
}

fn alter(old: &Table, new: &Table, schema_name: &str, batch: &mut Batch) {
    let id = new.id.0;
    let is_moved = old.name != new.name || old.schema_id != new.schema_id;
    if is_moved {
        let row = table_row(new, batch.snapshot_id);
        batch.replace(vec![Condition::Equals("table_id", id)], true, Some(row));
        // DuckDB reports a rename so, and by nothing else.
        batch.changes.push(Change::CreatedTable(
            schema_name.to_owned(),
            new.name.clone(),
        ));
    }
    let has_new_columns = old.columns.len() != new.columns.len()
        || old
            .columns
            .iter()
            .zip(&new.columns)
            .any(|(one, two)| !one.is_same_shape(two));
    if is_moved || has_new_columns {
        schema_version(new, batch);
    }
    let is_altered = old.columns != new.columns
        || old.comment != new.comment
        || sort_rows(Some(old)) != sort_rows(Some(new));
    if is_altered {
        batch.object(ObjectChange::AlteredTable, id);
    }
    parts(Some(old), new, batch);
}

/// Ends every row that names the table, so that nothing of it is live.
fn drop_table(old: &Table, batch: &mut Batch) {
    let id = old.id.0;
    let at = batch.snapshot_id;
    let of_table = || vec![Condition::Equals("table_id", id)];
    batch.writes.extend([
        Write::end::<TableRow>(of_table(), at),
        Write::end::<ColumnRow>(of_table(), at),
        Write::end::<ColumnTagRow>(of_table(), at),
        Write::end::<TagRow>(vec![Condition::Equals("object_id", id)], at),
        Write::end::<DataFileRow>(of_table(), at),
        Write::end::<DeleteFileRow>(of_table(), at),
        Write::end::<PartitionInfoRow>(of_table(), at),
        Write::end::<SortInfoRow>(of_table(), at),
        Write::end::<SideColumnRow>(of_table(), at),
        Write::end::<ConstraintRow>(of_table(), at),
        Write::end::<IndexRow>(of_table(), at),
    ]);
    batch.owner(id, Some(old.owner_id), None);
    batch.access(id, Some(&*old.access), None);
    batch.options(id, &old.options, &BTreeMap::new());
    for entry in &old.constraints {
        batch.side_comment(entry.id, entry.comment.as_ref(), None);
    }
    for index in &old.indexes {
        batch.side_comment(index.id, index.comment.as_ref(), None);
    }
    batch.object(ObjectChange::DroppedTable, id);
}

fn table_row(table: &Table, at: i64) -> TableRow {
    TableRow {
        table_id: table.id.0,
        table_uuid: Some(table.uuid.clone()),
        begin_snapshot: at,
        end_snapshot: None,
        schema_id: table.schema_id.0,
        table_name: table.name.clone(),
        path: table.path.clone(),
        path_is_relative: table.path_is_relative,
    }
}

fn schema_version(table: &Table, batch: &mut Batch) {
    batch.reshaped.insert(table.id);
    batch.writes.push(Write::insert(&[SchemaVersionRow {
        begin_snapshot: batch.snapshot_id,
        schema_version: batch.schema_version,
        table_id: table.id.0,
    }]));
}

fn parts(old: Option<&Table>, new: &Table, batch: &mut Batch) {
    batch.owner(new.id.0, old.map(|old| old.owner_id), Some(new.owner_id));
    batch.access(new.id.0, old.map(|old| &*old.access), Some(&*new.access));
    tag(
        new.id.0,
        old.and_then(|old| old.comment.as_ref()),
        new.comment.as_ref(),
        batch,
    );
    let none = BTreeMap::new();
    let old_options = old.map_or(&none, |old| &old.options);
    batch.options(new.id.0, old_options, &new.options);
    let old_columns = old.map_or(&[][..], |old| &old.columns);
    columns(new.id.0, None, old_columns, &new.columns, batch);
    pin_used_ids(old_columns, new, batch);
    constraints(
        new.id.0,
        old.map_or(&[], |old| &old.constraints),
        &new.constraints,
        batch,
    );
    indexes(
        new.id.0,
        old.map_or(&[], |old| &old.indexes),
        &new.indexes,
        batch,
    );
    sort_key(old, new, batch);
}

fn sort_rows(table: Option<&Table>) -> Vec<SortExpressionRow> {
    let rows = table.and_then(|table| {
        let key = table.sort_key.as_ref()?;
        Some(key.rows(table.id.0, &table.columns))
    });
    rows.unwrap_or_default()
}

fn sort_key(old: Option<&Table>, new: &Table, batch: &mut Batch) {
    let (before, rows) = (sort_rows(old), sort_rows(Some(new)));
    if before == rows {
        return;
    }
    let row = rows.first().map(|row| SortInfoRow {
        sort_id: row.sort_id,
        table_id: row.table_id,
        begin_snapshot: batch.snapshot_id,
        end_snapshot: None,
    });
    let of_table = vec![Condition::Equals("table_id", new.id.0)];
    batch.replace(of_table, !before.is_empty(), row);
    if !rows.is_empty() {
        batch.writes.push(Write::insert(&rows));
    }
}

/// A comment on a table or view, where DuckDB sees it too.
pub(super) fn tag(id: i64, old: Option<&String>, new: Option<&String>, batch: &mut Batch) {
    if old == new {
        return;
    }
    let key = vec![
        Condition::Equals("object_id", id),
        Condition::Is("key", COMMENT_KEY.to_owned()),
    ];
    let row = new.map(|comment| TagRow {
        object_id: id,
        begin_snapshot: batch.snapshot_id,
        end_snapshot: None,
        key: COMMENT_KEY.to_owned(),
        value: Some(comment.clone()),
    });
    batch.replace(key, old.is_some(), row);
}

fn columns(
    table_id: i64,
    parent: Option<ColumnId>,
    old: &[Column],
    new: &[Column],
    batch: &mut Batch,
) {
    for column in old {
        if !new.iter().any(|other| other.id == column.id) {
            drop_column(table_id, column, batch);
        }
    }
    let mut rows = Vec::new();
    let mut side_rows = Vec::new();
    let old_orders = orders(old);
    for (column, order) in new.iter().zip(orders(new)) {
        let before = old.iter().position(|other| other.id == column.id);
        let old_order = before.map_or(0, |index| old_orders[index]);
        let before = before.map(|index| &old[index]);
        let key = || column_key(table_id, column.id);
        let at = batch.snapshot_id;
        let row = column_row(table_id, (parent, order), column, at);
        let old_row = before.map(|old| column_row(table_id, (parent, old_order), old, at));
        if old_row.as_ref() != Some(&row) {
            if old_row.is_some() {
                batch
                    .writes
                    .push(Write::end::<ColumnRow>(key(), batch.snapshot_id));
            }
            rows.push(row);
        }
        let side = side_row(table_id, column, batch.snapshot_id);
        let old_side = before.and_then(|old| side_row(table_id, old, batch.snapshot_id));
        if side != old_side {
            if old_side.is_some() {
                batch
                    .writes
                    .push(Write::end::<SideColumnRow>(key(), batch.snapshot_id));
            }
            side_rows.extend(side);
        }
        column_tag(table_id, before, column, batch);
        let old_children = before.map_or(&[][..], |old| &old.children);
        // The parent's row comes first, as DuckDB writes them.
        flush(&mut rows, batch);
        columns(
            table_id,
            Some(column.id),
            old_children,
            &column.children,
            batch,
        );
    }
    flush(&mut side_rows, batch);
}

fn flush<R: crate::spec::table::Row>(rows: &mut Vec<R>, batch: &mut Batch) {
    if !rows.is_empty() {
        batch.writes.push(Write::insert(rows));
        rows.clear();
    }
}

fn column_key(table_id: i64, column: ColumnId) -> Vec<Condition> {
    vec![
        Condition::Equals("table_id", table_id),
        Condition::Equals("column_id", column.0),
    ]
}

fn drop_column(table_id: i64, column: &Column, batch: &mut Batch) {
    let key = || column_key(table_id, column.id);
    batch.writes.extend([
        Write::end::<ColumnRow>(key(), batch.snapshot_id),
        Write::end::<SideColumnRow>(key(), batch.snapshot_id),
        Write::end::<ColumnTagRow>(key(), batch.snapshot_id),
    ]);
    for child in &column.children {
        drop_column(table_id, child, batch);
    }
}

/// Rising numbers for columns in their order: their ids, unless a column with a newer id
/// stands before.
fn orders(columns: &[Column]) -> Vec<i64> {
    let mut last = 0;
    let mut next = |column: &Column| {
        last = column.id.0.max(last + 1);
        last
    };
    columns.iter().map(&mut next).collect()
}

/// Keeps ids that were used in files, but that no column has in the end, from being
/// handed out again: with a row that no snapshot shows.
fn pin_used_ids(old: &[Column], new: &Table, batch: &mut Batch) {
    let last = ColumnId(new.next_column - 1);
    let is_known = |columns: &[Column]| columns.iter().any(|column| column.find(last).is_some());
    if last.0 < 1 || is_known(&new.columns) || is_known(old) {
        return;
    }
    let at = batch.snapshot_id;
    let unseen = Column {
        id: last,
        name: format!("dropped {last}"),
        column_type: ColumnType::Int32,
        nullable: true,
        default: None,
        initial_default: None,
        comment: None,
        children: Vec::new(),
    };
    batch.writes.push(Write::insert(&[ColumnRow {
        end_snapshot: Some(at),
        ..column_row(new.id.0, (None, last.0), &unseen, at)
    }]));
}

/// `place`: the enclosing column and the order in it.
fn column_row(
    table_id: i64,
    (parent, column_order): (Option<ColumnId>, i64),
    column: &Column,
    at: i64,
) -> ColumnRow {
    let (default_value, default_value_type) = default_rows(column);
    ColumnRow {
        column_id: column.id.0,
        begin_snapshot: at,
        end_snapshot: None,
        table_id,
        column_order,
        column_name: column.name.clone(),
        column_type: column.column_type.lake_name(),
        initial_default: column.initial_default.clone(),
        default_value: Some(default_value),
        nulls_allowed: Some(column.nullable),
        parent_column: parent.map(|parent| parent.0),
        default_value_type: Some(default_value_type),
        default_value_dialect: Some("duckdb".to_owned()),
    }
}

fn side_row(table_id: i64, column: &Column, at: i64) -> Option<SideColumnRow> {
    let column_type = &column.column_type;
    let declared_type = column_type
        .needs_declared_name()
        .then(|| column_type.declared_name());
    if declared_type.is_none() && column.default.is_none() {
        return None;
    }
    Some(SideColumnRow {
        table_id,
        column_id: column.id.0,
        begin_snapshot: at,
        end_snapshot: None,
        declared_type,
        default_expression: column.default.clone(),
    })
}

fn column_tag(table_id: i64, old: Option<&Column>, new: &Column, batch: &mut Batch) {
    let old_comment = old.and_then(|old| old.comment.as_ref());
    if old_comment == new.comment.as_ref() {
        return;
    }
    let mut key = column_key(table_id, new.id);
    key.push(Condition::Is("key", COMMENT_KEY.to_owned()));
    let row = new.comment.as_ref().map(|comment| ColumnTagRow {
        table_id,
        column_id: new.id.0,
        begin_snapshot: batch.snapshot_id,
        end_snapshot: None,
        key: COMMENT_KEY.to_owned(),
        value: Some(comment.clone()),
    });
    batch.replace(key, old_comment.is_some(), row);
}

fn constraints(table_id: i64, old: &[ConstraintEntry], new: &[ConstraintEntry], batch: &mut Batch) {
    let plain = |entry: &ConstraintEntry| ConstraintEntry {
        comment: None,
        ..entry.clone()
    };
    for entry in old {
        let after = new.iter().find(|other| other.id == entry.id);
        if after.map(plain) != Some(plain(entry)) {
            let key = vec![Condition::Equals("constraint_id", entry.id)];
            batch
                .writes
                .push(Write::end::<ConstraintRow>(key, batch.snapshot_id));
        }
        if after.is_none() {
            batch.side_comment(entry.id, entry.comment.as_ref(), None);
        }
    }
    for entry in new {
        let before = old.iter().find(|other| other.id == entry.id);
        if before.map(plain) != Some(plain(entry)) {
            let row = constraint_row(table_id, entry, batch.snapshot_id);
            batch.writes.push(Write::insert(&[row]));
        }
        let old_comment = before.and_then(|before| before.comment.as_ref());
        batch.side_comment(entry.id, old_comment, entry.comment.as_ref());
    }
}

fn constraint_row(table_id: i64, entry: &ConstraintEntry, at: i64) -> ConstraintRow {
    let mut row = ConstraintRow {
        constraint_id: entry.id,
        table_id,
        begin_snapshot: at,
        end_snapshot: None,
        constraint_name: entry.name.clone(),
        kind: String::new(),
        columns: "[]".to_owned(),
        referenced_table: None,
        referenced_columns: None,
        on_delete: None,
        on_update: None,
        expression: None,
    };
    let kind = match &entry.constraint {
        Constraint::PrimaryKey { columns } => {
            row.columns = ids_text(columns);
            "p"
        }
        Constraint::Unique { columns } => {
            row.columns = ids_text(columns);
            "u"
        }
        Constraint::ForeignKey {
            columns,
            referenced_table,
            referenced_columns,
            on_delete,
            on_update,
        } => {
            row.columns = ids_text(columns);
            row.referenced_table = Some(referenced_table.0);
            row.referenced_columns = Some(ids_text(referenced_columns));
            row.on_delete = Some(on_delete.to_string());
            row.on_update = Some(on_update.to_string());
            "f"
        }
        Constraint::Check { expression } => {
            row.expression = Some(expression.clone());
            "c"
        }
    };
    row.kind = match entry.is_valid {
        true => kind.to_owned(),
        false => kind.to_uppercase(),
    };
    row
}

fn indexes(table_id: i64, old: &[Index], new: &[Index], batch: &mut Batch) {
    let plain = |index: &Index| Index {
        comment: None,
        ..index.clone()
    };
    for index in old {
        let after = new.iter().find(|other| other.id == index.id);
        if after.map(plain) != Some(plain(index)) {
            let key = vec![Condition::Equals("index_id", index.id)];
            batch
                .writes
                .push(Write::end::<IndexRow>(key, batch.snapshot_id));
        }
        if after.is_none() {
            batch.side_comment(index.id, index.comment.as_ref(), None);
        }
    }
    for index in new {
        let before = old.iter().find(|other| other.id == index.id);
        if before.map(plain) != Some(plain(index)) {
            let row = IndexRow {
                index_id: index.id,
                table_id,
                begin_snapshot: batch.snapshot_id,
                end_snapshot: None,
                index_name: index.name.clone(),
                columns: ids_text(&index.columns),
                is_unique: index.unique,
                definition: index.definition.clone(),
            };
            batch.writes.push(Write::insert(&[row]));
        }
        let old_comment = before.and_then(|before| before.comment.as_ref());
        batch.side_comment(index.id, old_comment, index.comment.as_ref());
    }
}

fn ids_text(ids: &[ColumnId]) -> String {
    let numbers: Vec<i64> = ids.iter().map(|id| id.0).collect();
    serde_json::to_string(&numbers).expect("numbers have a JSON form")
}
