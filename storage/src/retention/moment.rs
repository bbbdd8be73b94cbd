//! Which snapshot was the newest at a moment, among those that are known.

use chrono::{DateTime, Utc};

use crate::catalog::{CatalogStore, Condition, Selection, decode};
use crate::error::Error;
use crate::spec::rows::SnapshotRow;
use crate::spec::side::ArchiveRow;

/// The newest snapshot or archived snapshot of a moment; 0 if all are later.
///
/// Every snapshot before it was superseded by then. Cost: 2 small reads of the catalog for
/// each halving of their number.
///
/// Relies on: later snapshots have later times.
pub(super) async fn newest_at(
    catalog: &dyn CatalogStore,
    moment: DateTime<Utc>,
    head: i64,
) -> Result<i64, Error> {
    let Some((first, time)) = next_from(catalog, 0).await? else {
        return Ok(0);
    };
    if time > moment {
        return Ok(0);
    }
    let mut found = first;
    // Everything from here on is later than the moment, or not there.
    let mut later = head + 1;
    while later - found > 1 {
        let middle = found + (later - found) / 2;
        match next_from(catalog, middle).await? {
            Some((id, time)) if id < later && time <= moment => found = id,
            _ => later = middle,
        }
    }
    Ok(found)
}

/// The first snapshot from an id on, and its time.
async fn next_from(
    catalog: &dyn CatalogStore,
    id: i64,
) -> Result<Option<(i64, DateTime<Utc>)>, Error> {
    let from = || vec![Condition::MoreThan("snapshot_id", id - 1)];
    let selections = [
        Selection::of::<SnapshotRow>(from()).first("snapshot_id", 1),
        Selection::of::<ArchiveRow>(from()).first("snapshot_id", 1),
    ];
    let mut results = catalog.select(&selections).await?.into_iter();
    let mut next = move || results.next().unwrap_or_default();
    let snapshots: Vec<SnapshotRow> = decode(next())?;
    let archived: Vec<ArchiveRow> = decode(next())?;
    let snapshots = snapshots.into_iter();
    let snapshots = snapshots.map(|row| (row.snapshot_id, row.snapshot_time));
    let archived = archived.into_iter();
    let archived = archived.map(|row| (row.snapshot_id, row.snapshot_time));
    Ok(snapshots.chain(archived).min_by_key(|(id, _)| *id))
}
