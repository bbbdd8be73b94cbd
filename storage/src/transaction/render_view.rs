//! The rows of a view that was made, changed or dropped.
//!
//! Our own row holds the PostgreSQL text; DuckLake's row exists only where DuckDB can
//! parse the query.

use crate::catalog::Condition;
use crate::snapshot::{View, ViewDialect, view_columns_text};
use crate::spec::change::{Change, ObjectChange};
use crate::spec::rows::ViewRow;
use crate::spec::side::SideViewRow;
use crate::transaction::render::Batch;
use crate::transaction::render_table::tag;

/// `schema_name`: of the new view.
pub(super) fn render(old: Option<&View>, new: Option<&View>, schema_name: &str, batch: &mut Batch) {
    let Some(id) = new.or(old).map(|view| view.id.0) else {
        return;
    };
    let at = batch.snapshot_id;
    let key = || vec![Condition::Equals("view_id", id)];
    let old_row = old.and_then(|view| side_row(view, at));
    let new_row = new.and_then(|view| side_row(view, at));
    if old_row != new_row {
        batch.replace(key(), old_row.is_some(), new_row);
    }
    let old_row = old.and_then(|view| duckdb_row(view, at));
    let new_row = new.and_then(|view| duckdb_row(view, at));
    if old_row != new_row {
        batch.replace(key(), old_row.is_some(), new_row);
    }
    batch.owner(
        id,
        old.map(|view| view.owner_id),
        new.map(|view| view.owner_id),
    );
    batch.access(
        id,
        old.map(|view| &*view.access),
        new.map(|view| &*view.access),
    );
    let old_comment = old.and_then(|view| view.comment.as_ref());
    tag(
        id,
        old_comment,
        new.and_then(|view| view.comment.as_ref()),
        batch,
    );
    batch.changes.push(match (old, new) {
        (None, Some(new)) => Change::CreatedView(schema_name.to_owned(), new.name.clone()),
        (Some(_), Some(_)) => Change::Object(ObjectChange::AlteredView, id),
        (_, None) => Change::Object(ObjectChange::DroppedView, id),
    });
}

fn side_row(view: &View, at: i64) -> Option<SideViewRow> {
    if view.dialect != ViewDialect::Postgres {
        return None;
    }
    let dependencies = serde_json::to_string(&view.dependencies);
    Some(SideViewRow {
        view_id: view.id.0,
        view_uuid: view.uuid.clone(),
        begin_snapshot: at,
        end_snapshot: None,
        schema_id: view.schema_id.0,
        view_name: view.name.clone(),
        text: view.text.clone(),
        columns: view_columns_text(&view.columns),
        dependencies: dependencies.expect("numbers have a JSON form"),
    })
}

fn duckdb_row(view: &View, at: i64) -> Option<ViewRow> {
    Some(ViewRow {
        view_id: view.id.0,
        view_uuid: Some(view.uuid.clone()),
        begin_snapshot: at,
        end_snapshot: None,
        schema_id: view.schema_id.0,
        view_name: view.name.clone(),
        dialect: "duckdb".to_owned(),
        sql: view.duckdb_text.clone()?,
        column_aliases: Some(view.column_aliases.clone().unwrap_or_default()),
    })
}
