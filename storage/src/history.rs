//! What was: older snapshots as pictures, and what each commit did.
//!
//! A snapshot that is kept shows the same for ever, so its picture is loaded once. Each
//! use looks up whether it is still kept, since another node may have expired it.
//!
//! A moment means the snapshot that was the newest then. Where snapshots in between are
//! gone, as before a held one, nobody knows which that was: then it is an error rather
//! than the state of another time.

use std::sync::{Arc, PoisonError};

use chrono::{DateTime, Utc};

use crate::catalog::{CommitTransaction, Condition, Selection, decode};
use crate::error::{Error, ErrorKind};
use crate::lake::Lake;
use crate::snapshot::{Snapshot, load_old_picture};
use crate::spec::rows::{SnapshotRow, TableRow};
use crate::spec::side::{ArchiveRow, KeptTableRow};
use crate::spec::table::Values;
use crate::spec::{SnapshotId, TableId};

mod cache;
mod dropped;
mod entry;
mod files;
mod foreign;
mod holds;
mod preview;
mod restores;
mod settings;
mod totals;

pub(crate) use cache::PictureCache;
pub use dropped::{DroppedSchema, DroppedTable};
pub use entry::SnapshotEntry;
pub use files::FileHistory;
pub use holds::{Hold, NewHold};
pub use preview::{ColumnDifference, RestorePreview};
pub use restores::RestoreEntry;
pub use settings::{RETENTION, RETENTION_MAX, Retention, RetentionOrigin};
pub use settings::{parse_retention, retention_text};
pub use totals::TableHistory;

/// A snapshot and when it was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotMoment {
    /// Its number.
    pub id: SnapshotId,
    /// Later than that of every snapshot before.
    pub time: DateTime<Utc>,
}

/// The snapshots that are kept. Some in between may be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotRange {
    /// The first that is kept.
    pub oldest: SnapshotMoment,
    /// The head.
    pub newest: SnapshotMoment,
}

impl Lake {
    /// The picture of a snapshot. Roles and epoch are today's.
    ///
    /// Cost: nothing for the newest; else 1 read of the catalog, and the load of the
    /// picture if it is not known.
    /// Errors: `NotFound` if it is not kept or not there yet; the text says which are.
    pub async fn snapshot(&self, id: SnapshotId) -> Result<Arc<Snapshot>, Error> {
        let head = self.head().await?;
        if head.id() == id {
            return Ok(head);
        }
        let known = self.pictures().find(id, head.epoch());
        if let Some(known) = known {
            return match self.moment_of(id).await? {
                Some(_) => Ok(known),
                None => Err(self.unknown_snapshot(id).await?),
            };
        }
        let Some(picture) = load_old_picture(self.catalog(), id).await? else {
            return Err(self.unknown_snapshot(id).await?);
        };
        let picture = Arc::new(picture);
        self.pictures().put(Arc::clone(&picture));
        Ok(picture)
    }

    /// The picture of the snapshot that was the newest at a moment.
    ///
    /// Cost: as `snapshot`, and a read of the catalog for each halving of their number.
    /// Errors: `NotFound` for a moment in the future, before the oldest snapshot, or of
    /// which the snapshot is gone; the text says which there are.
    pub async fn snapshot_at(&self, moment: DateTime<Utc>) -> Result<Arc<Snapshot>, Error> {
        let head = self.catalog().head().await?;
        if moment > self.clock().commit_time(head.now) {
            let text = format!("the moment {} is in the future", show(moment));
            return Err(self.with_range(&text).await?);
        }
        if moment >= head.snapshot.snapshot_time {
            return self.snapshot(SnapshotId(head.snapshot.snapshot_id)).await;
        }
        let found = self.newest_at(moment, head.snapshot.snapshot_id).await?;
        match found {
            Some(found) => self.snapshot(found.id).await,
            None => {
                let text = format!("the snapshot of {} is not kept", show(moment));
                Err(self.with_range(&text).await?)
            }
        }
    }

    /// The oldest and the newest snapshot that are kept. Cost: 2 reads of the catalog.
    pub async fn snapshot_range(&self) -> Result<SnapshotRange, Error> {
        let head = self.head().await?;
        let newest = SnapshotMoment {
            id: head.id(),
            time: head.time(),
        };
        let first = Selection::of::<SnapshotRow>(Vec::new()).first("snapshot_id", 1);
        let rows = self.catalog().select(&[first]).await?.pop();
        let oldest = decode(rows.unwrap_or_default())?.pop();
        Ok(SnapshotRange {
            oldest: oldest.map_or(newest, |row: SnapshotRow| row.moment()),
            newest,
        })
    }

    /// Refuses a list of files that was read after its snapshot, or the table's part of
    /// it, had expired: then some of its rows were gone.
    ///
    /// Cost: nothing for the newest on the only primary; else 1 read of the catalog, since
    /// a node that slept takes one for the newest that is gone.
    pub(crate) async fn check_kept(
        &self,
        snapshot: &Snapshot,
        table: TableId,
    ) -> Result<(), Error> {
        if self.is_alone() && self.known_head().id() == snapshot.id() {
            return Ok(());
        }
        let selections = kept_selections(snapshot.id(), table);
        match all_kept(&self.catalog().select(&selections).await?) {
            true => Ok(()),
            false => Err(self.unknown_snapshot(snapshot.id()).await?),
        }
    }

    /// Forgets older pictures, after what they show changed in the catalog.
    pub(crate) fn forget_pictures(&self) {
        self.pictures().clear();
    }

    fn pictures(&self) -> std::sync::MutexGuard<'_, PictureCache> {
        let pictures = self.picture_cache().lock();
        pictures.unwrap_or_else(PoisonError::into_inner)
    }

    /// When a snapshot was committed, if it is kept, at least for some tables.
    async fn moment_of(&self, id: SnapshotId) -> Result<Option<SnapshotMoment>, Error> {
        let conditions = vec![Condition::Equals("snapshot_id", id.0)];
        let found = self.first_moment(conditions).await?;
        Ok(found.map(|found| found.moment))
    }

    /// The first of the snapshots that meet conditions.
    async fn first_moment(&self, conditions: Vec<Condition>) -> Result<Option<Found>, Error> {
        let selections = [
            Selection::of::<SnapshotRow>(conditions.clone()).first("snapshot_id", 1),
            Selection::of::<ArchiveRow>(conditions).first("snapshot_id", 1),
        ];
        let mut results = self.catalog().select(&selections).await?.into_iter();
        let mut next = move || results.next().unwrap_or_default();
        let kept: Option<SnapshotRow> = decode(next())?.pop();
        let archived: Option<ArchiveRow> = decode(next())?.pop();
        let found = [
            kept.map(|row| Found {
                moment: row.moment(),
                is_archived: false,
            }),
            archived.map(|row| Found {
                moment: SnapshotMoment {
                    id: SnapshotId(row.snapshot_id),
                    time: row.snapshot_time,
                },
                is_archived: true,
            }),
        ];
        Ok(found
            .into_iter()
            .flatten()
            .min_by_key(|found| found.moment.id))
    }

    /// The first snapshot from a number on that is kept, at least for some tables.
    async fn first_since(&self, id: SnapshotId) -> Result<Option<SnapshotMoment>, Error> {
        let since = vec![Condition::MoreThan("snapshot_id", id.0 - 1)];
        let found = self.first_moment(since).await?;
        Ok(found.map(|found| found.moment))
    }

    /// The snapshot before `head_id` that was the newest at a moment, if it is known.
    async fn newest_at(
        &self,
        moment: DateTime<Utc>,
        head_id: i64,
    ) -> Result<Option<SnapshotMoment>, Error> {
        let Some(found) = self.last_at(moment, head_id).await? else {
            return Ok(None);
        };
        // Every snapshot that touched a table is archived, if the table is kept there.
        if found.moment.time == moment || found.is_archived {
            return Ok(Some(found.moment));
        }
        // The next one's time says that this one was still the newest.
        let next = self.moment_of(SnapshotId(found.moment.id.0 + 1)).await?;
        Ok(next.map(|_| found.moment))
    }

    /// The last snapshot before another that is known of a moment; those after it may be gone.
    ///
    /// Halves the ids instead of comparing times in the database: SQLite has them as text
    /// that another program may have written in its own time zone.
    pub(crate) async fn last_at(
        &self,
        moment: DateTime<Utc>,
        before: i64,
    ) -> Result<Option<Found>, Error> {
        let oldest = self.first_moment(Vec::new()).await?;
        let Some(mut found) = oldest.filter(|oldest| oldest.moment.time <= moment) else {
            return Ok(None);
        };
        // No snapshot from here on was there yet.
        let mut later = before;
        while later - found.moment.id.0 > 1 {
            let middle = found.moment.id.0 + (later - found.moment.id.0) / 2;
            let conditions = vec![
                Condition::MoreThan("snapshot_id", middle - 1),
                Condition::AtMost("snapshot_id", later - 1),
            ];
            match self.first_moment(conditions).await? {
                Some(next) if next.moment.time <= moment => found = next,
                _ => later = middle,
            }
        }
        Ok(Some(found))
    }

    async fn unknown_snapshot(&self, id: SnapshotId) -> Result<Error, Error> {
        let newest = self.head().await?.id();
        let text = match id > newest || id.0 < 0 {
            true => format!("snapshot {id} does not exist"),
            false => format!("snapshot {id} is not kept any more"),
        };
        self.with_range(&text).await
    }

    /// An error that also says which snapshots there are.
    async fn with_range(&self, text: &str) -> Result<Error, Error> {
        let SnapshotRange { oldest, newest } = self.snapshot_range().await?;
        let text = format!(
            "{text}: the oldest snapshot is {} of {}, the newest is {} of {}",
            oldest.id,
            show(oldest.time),
            newest.id,
            show(newest.time)
        );
        Ok(Error::new(ErrorKind::NotFound, text))
    }
}

/// A snapshot of a search.
pub(crate) struct Found {
    pub(crate) moment: SnapshotMoment,
    /// Whether it is kept for some tables only.
    is_archived: bool,
}

/// Whether a snapshot is kept with its part of a table; asked under the commit lock.
pub(crate) async fn is_kept(
    catalog: &mut dyn CommitTransaction,
    id: SnapshotId,
    table: TableId,
) -> Result<bool, Error> {
    let mut found = Vec::new();
    for selection in kept_selections(id, table) {
        found.push(catalog.select(&selection).await?);
    }
    Ok(all_kept(&found))
}

/// What tells whether a snapshot still shows a table whole, for `all_kept`.
fn kept_selections(id: SnapshotId, table: TableId) -> [Selection; 4] {
    let of_snapshot = || vec![Condition::Equals("snapshot_id", id.0)];
    let of_table = || Condition::Equals("table_id", table.0);
    [
        Selection::of::<TableRow>(vec![of_table(), Condition::VisibleAt(id.0)]),
        Selection::of::<SnapshotRow>(of_snapshot()),
        Selection::of::<ArchiveRow>(of_snapshot()),
        Selection::of::<KeptTableRow>(vec![of_table(), Condition::AtMost("from_snapshot", id.0)]),
    ]
}

/// The table is there, and the snapshot is, or is archived for tables of which it is one.
fn all_kept(found: &[Vec<Values>]) -> bool {
    let is_found: Vec<bool> = found.iter().map(|rows| !rows.is_empty()).collect();
    matches!(is_found[..], [true, true, ..] | [true, false, true, true])
}

impl SnapshotRow {
    pub(crate) fn moment(&self) -> SnapshotMoment {
        SnapshotMoment {
            id: SnapshotId(self.snapshot_id),
            time: self.snapshot_time,
        }
    }
}

/// A time as PostgreSQL writes it, in UTC.
fn show(time: DateTime<Utc>) -> String {
    crate::spec::time::encode(time)
}

#[cfg(test)]
mod tests;
