//! `gotgan.snapshots`: one row for each snapshot that is kept.

use arrow::array::RecordBatch;
use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use gotgan_storage::{Hold, SnapshotEntry, SnapshotId};

use super::{LakeRows, LakeView, signed};
use crate::error::SqlError;
use crate::pg_catalog::Definition;
use crate::pg_catalog::identifier::quote_qualified;
use crate::pg_catalog::rows::cells;

/// Snapshots that are in memory at a time.
const PAGE_ROWS: usize = 1000;

pub(super) const SNAPSHOTS: Definition = Definition {
    name: "snapshots",
    oid: 15_001,
    columns: "snapshot_id:int8 snapshot_time:timestamptz author:text application_name:text \
              changes:text tables:text[] rows_added:int8 rows_removed:int8 bytes_added:int8 \
              bytes_removed:int8 expires_at:timestamptz held_by:text[] message:text",
    lake: Some(LakeView::Snapshots),
    ..Definition::VIEW
};

/// The rows in the order of their numbers.
pub(super) fn pages(source: LakeRows) -> BoxStream<'static, Result<RecordBatch, SqlError>> {
    let first = Some(SnapshotId(0));
    stream::try_unfold((source, first), |(source, from)| async move {
        let Some(from) = from else {
            return Ok(None);
        };
        // One more than is shown: when a snapshot was superseded, the next one tells.
        let mut entries = source.lake.snapshots(from, PAGE_ROWS + 1).await?;
        let next = match entries.len() > PAGE_ROWS {
            true => entries.pop(),
            false => None,
        };
        let keeping = Keeping::load(&source).await?;
        let page = page(&source, &keeping, &entries, next.as_ref())?;
        Ok(Some((page, (source, next.map(|next| next.id)))))
    })
    .boxed()
}

/// What keeps snapshots.
struct Keeping {
    retention: TimeDelta,
    holds: Vec<Hold>,
}

impl Keeping {
    async fn load(source: &LakeRows) -> Result<Self, SqlError> {
        let head = source.lake.head().await?;
        let retention = source.lake.retention(&head).duration;
        let mut holds = source.lake.holds().await?;
        let now = source.lake.clock().now();
        holds.retain(|hold| hold.until.is_none_or(|until| until > now));
        Ok(Self {
            retention: TimeDelta::from_std(retention).unwrap_or(TimeDelta::MAX),
            holds,
        })
    }

    fn of(&self, id: SnapshotId) -> impl Iterator<Item = &Hold> {
        self.holds.iter().filter(move |hold| hold.snapshot == id)
    }

    /// When a snapshot goes; nothing for the newest, and for one that is held for ever.
    fn expires_at(&self, id: SnapshotId, superseded: Option<DateTime<Utc>>) -> Option<i64> {
        let mut end = superseded?.checked_add_signed(self.retention)?;
        for hold in self.of(id) {
            end = end.max(hold.until?);
        }
        Some(end.timestamp_micros())
    }
}

fn page(
    source: &LakeRows,
    keeping: &Keeping,
    entries: &[SnapshotEntry],
    next: Option<&SnapshotEntry>,
) -> Result<RecordBatch, SqlError> {
    let mut rows = source.page();
    for (index, entry) in entries.iter().enumerate() {
        let superseded = entries.get(index + 1).or(next).map(|later| later.time);
        let held_by: Vec<String> = keeping.of(entry.id).map(|hold| hold.name.clone()).collect();
        let tables = entry.tables.iter();
        let tables: Vec<String> = tables
            .map(|[schema, name]| quote_qualified(schema, name))
            .collect();
        rows.push(cells![
            entry.id.0,
            entry.time.timestamp_micros(),
            entry.author.as_deref(),
            entry.application_name.as_deref(),
            entry.changes.as_str(),
            tables,
            signed(entry.rows_added),
            signed(entry.rows_removed),
            signed(entry.bytes_added),
            signed(entry.bytes_removed),
            keeping.expires_at(entry.id, superseded),
            held_by,
            entry.message.as_deref(),
        ]);
    }
    rows.finish()
}
