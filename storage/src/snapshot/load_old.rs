//! The picture of a snapshot that is not the newest.
//!
//! The same reads as for the newest, with the snapshot's own row among them: that it is
//! kept and what it shows come from one state of the catalog. Roles are today's.
//!
//! Of an archived snapshot only some tables are whole: it shows these, and no views, which
//! might read others.

use std::collections::BTreeMap;

use crate::catalog::{CatalogStore, Condition, Selection, decode};
use crate::error::Error;
use crate::snapshot::Snapshot;
use crate::snapshot::load::{PictureRows, selections};
use crate::spec::rows::SnapshotRow;
use crate::spec::side::{ArchiveRow, KeptTableRow, StateRow};
use crate::spec::{SnapshotId, TableId, ViewId};

/// Loads the picture at a snapshot; nothing if the snapshot is not kept.
///
/// Cost: 1 read transaction, whatever was committed since.
pub(crate) async fn load_old_picture(
    store: &dyn CatalogStore,
    id: SnapshotId,
) -> Result<Option<Snapshot>, Error> {
    let mut selections = selections(id, None);
    let picture_count = selections.len();
    let of_snapshot = || vec![Condition::Equals("snapshot_id", id.0)];
    selections.push(Selection::of::<SnapshotRow>(of_snapshot()));
    selections.push(Selection::of::<ArchiveRow>(of_snapshot()));
    selections.push(Selection::of::<KeptTableRow>(Vec::new()));
    selections.push(Selection::of::<StateRow>(Vec::new()));
    let mut results = store.select(&selections).await?;
    let mut own = results.split_off(picture_count).into_iter();
    let mut next = move || own.next().unwrap_or_default();
    let row: Option<SnapshotRow> = decode(next())?.pop();
    let archived: Option<ArchiveRow> = decode(next())?.pop();
    let kept: Vec<KeptTableRow> = decode(next())?;
    let state: Option<StateRow> = decode(next())?.pop();
    let found = match (&row, &archived) {
        (Some(row), _) => Some((row.snapshot_time, row.schema_version)),
        (None, Some(row)) => Some((row.snapshot_time, row.schema_version)),
        (None, None) => None,
    };
    let (Some((time, schema_version)), Some(state)) = (found, state) else {
        return Ok(None);
    };
    let mut picture = Snapshot::empty(id, time);
    picture.schema_version = schema_version;
    picture.epoch = state.epoch;
    PictureRows::decode(results)?.add_to(&mut picture)?;
    if row.is_none() {
        remove_parts(&mut picture, kept);
    }
    Ok(Some(picture))
}

/// Takes out of an archived snapshot what it does not show whole.
fn remove_parts(picture: &mut Snapshot, kept: Vec<KeptTableRow>) {
    let since: BTreeMap<i64, i64> = kept
        .into_iter()
        .map(|row| (row.table_id, row.from_snapshot))
        .collect();
    let is_whole = |id: TableId, at: SnapshotId| since.get(&id.0).is_some_and(|from| *from <= at.0);
    let at = picture.id();
    let parts: Vec<TableId> = picture
        .tables()
        .map(|table| table.id)
        .filter(|id| !is_whole(*id, at))
        .collect();
    for id in parts {
        picture.remove_table(id);
    }
    let views: Vec<ViewId> = picture.views().map(|view| view.id).collect();
    for id in views {
        picture.remove_view(id);
    }
}
