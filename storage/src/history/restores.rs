//! The restores that were committed: the rows of `gotgan.table_restores`.

use chrono::{DateTime, Utc};

use crate::catalog::{Selection, decode};
use crate::error::Error;
use crate::lake::Lake;
use crate::spec::side::RestoreRow;
use crate::spec::{SnapshotId, TableId};

/// A table that was brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreEntry {
    /// Unique.
    pub id: String,
    /// When it was committed.
    pub time: DateTime<Utc>,
    /// The snapshot that its commit made.
    pub committed: SnapshotId,
    /// The snapshot that it was restored from.
    pub from: SnapshotId,
    /// The table there.
    pub source: TableId,
    /// Its schema and name there.
    pub source_name: [String; 2],
    /// The new table.
    pub target: TableId,
    /// Its schema and name when it was made.
    pub target_name: [String; 2],
    /// Name of the role that owned it then.
    pub role: String,
    /// `SUCCEEDED`.
    pub status: String,
    /// Its rows when it was made.
    pub row_count: u64,
    /// Bytes of its data files when it was made, none of which was written for it.
    pub bytes: u64,
}

impl Lake {
    /// The newest restores, the last one first. Cost: 1 read of the catalog.
    pub async fn restores(&self, count_max: usize) -> Result<Vec<RestoreEntry>, Error> {
        let selection = Selection::of::<RestoreRow>(Vec::new());
        let selection = selection.last("committed_snapshot", count_max);
        let rows = self.catalog().select(&[selection]).await?.pop();
        let rows: Vec<RestoreRow> = decode(rows.unwrap_or_default())?;
        Ok(rows.into_iter().map(entry).collect())
    }
}

fn entry(row: RestoreRow) -> RestoreEntry {
    let unsigned = |count: i64| u64::try_from(count).unwrap_or(0);
    RestoreEntry {
        id: row.restore_id,
        time: row.restored_at,
        committed: SnapshotId(row.committed_snapshot),
        from: SnapshotId(row.source_snapshot),
        source: TableId(row.source_table),
        source_name: [row.source_schema_name, row.source_table_name],
        target: TableId(row.target_table),
        target_name: [row.target_schema_name, row.target_table_name],
        role: row.role_name,
        status: row.status,
        row_count: unsigned(row.row_count),
        bytes: unsigned(row.bytes),
    }
}
