//! What the history of each table costs, and how far back it goes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::catalog::{Condition, Selection, Sql, decode};
use crate::error::Error;
use crate::history::SnapshotMoment;
use crate::lake::Lake;
use crate::spec::rows::{SnapshotRow, TableRow};
use crate::spec::table::Value;
use crate::spec::{SnapshotId, TableId};

/// A table's history in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableHistory {
    /// The table, as it is today.
    pub table: TableId,
    /// The oldest snapshot that it can be restored from.
    pub oldest: Option<SnapshotMoment>,
    /// Bytes of files that no table shows now, only older snapshots.
    pub history_bytes: u64,
}

impl Lake {
    /// The history of each table that is there, by its id.
    ///
    /// Cost: 4 reads of the catalog; sums are made there.
    pub async fn table_histories(&self) -> Result<Vec<TableHistory>, Error> {
        let head = self.head().await?;
        let rows = Selection::of::<TableRow>(Vec::new());
        let rows = self.catalog().select(&[rows]).await?.pop();
        let mut begins: BTreeMap<i64, i64> = BTreeMap::new();
        for row in decode::<TableRow>(rows.unwrap_or_default())? {
            if head.table(TableId(row.table_id)).is_some() {
                let begin = begins.entry(row.table_id).or_insert(row.begin_snapshot);
                *begin = row.begin_snapshot.min(*begin);
            }
        }
        let oldest = self.snapshot_range().await?.oldest;
        let later: BTreeSet<i64> = begins.values().copied().collect();
        let later: Vec<i64> = later.into_iter().filter(|id| *id > oldest.id.0).collect();
        let of_begins = vec![Condition::In("snapshot_id", later)];
        let moments = Selection::of::<SnapshotRow>(of_begins);
        let moments = self.catalog().select(&[moments]).await?.pop();
        let moments: Vec<SnapshotRow> = decode(moments.unwrap_or_default())?;
        let moments: HashMap<i64, SnapshotMoment> = moments
            .iter()
            .map(|row| (row.snapshot_id, row.moment()))
            .collect();
        let bytes = self.history_bytes().await?;
        let mut histories = Vec::with_capacity(begins.len());
        for (id, begin) in begins {
            let known = match begin <= oldest.id.0 {
                true => Some(oldest),
                false => moments.get(&begin).copied(),
            };
            let first = match known {
                Some(known) => Some(known),
                None => self.first_since(SnapshotId(begin)).await?,
            };
            histories.push(TableHistory {
                table: TableId(id),
                oldest: first,
                history_bytes: bytes.get(&id).copied().unwrap_or(0),
            });
        }
        Ok(histories)
    }

    /// Bytes of ended files by table, without those that any table shows now.
    async fn history_bytes(&self) -> Result<HashMap<i64, u64>, Error> {
        let mut bytes: HashMap<i64, u64> = HashMap::new();
        for table in ["ducklake_data_file", "ducklake_delete_file"] {
            // One object may have several rows of a table: it counts once.
            let sql = Sql::new(
                "SELECT ended.\"table_id\", CAST(sum(ended.bytes) AS bigint) FROM (SELECT \
                 \"table_id\", \"path\", max(\"file_size_bytes\") AS bytes FROM ",
            )
            .name(table)
            .text(
                " WHERE \"end_snapshot\" IS NOT NULL GROUP BY \"table_id\", \"path\") AS ended \
                 WHERE NOT EXISTS (SELECT 1 FROM ",
            )
            .name(table)
            .text(
                " AS live WHERE live.\"path\" = ended.\"path\" \
                 AND live.\"end_snapshot\" IS NULL) GROUP BY ended.\"table_id\"",
            );
            for row in self.catalog().query(&sql).await? {
                if let [Value::Integer(id), Value::Integer(sum)] = row[..] {
                    *bytes.entry(id).or_default() += u64::try_from(sum).unwrap_or(0);
                }
            }
        }
        Ok(bytes)
    }
}
