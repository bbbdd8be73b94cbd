//! What was dropped and can be brought back: tables and schemas of kept snapshots.
//!
//! A dropped table's rows in the catalog end with the commit that dropped it; the snapshot
//! before that one shows it last. As long as that is kept, the table is not lost. An
//! object that lives on under another name is not dropped.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::access::BOOTSTRAP_ROLE_ID;
use crate::catalog::{Condition, Selection, decode};
use crate::error::Error;
use crate::history::{Hold, RETENTION, parse_retention};
use crate::lake::Lake;
use crate::snapshot::Snapshot;
use crate::spec::rows::{ChangesRow, SchemaRow, SnapshotRow, TableRow, TableStatsRow};
use crate::spec::side::{ArchiveRow, EndedRow, KeptTableRow, OptionRow, OwnerRow};
use crate::spec::{SchemaId, SnapshotId, TableId};

/// A table that was dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedTable {
    /// Its id, by which an older one of the same name is undropped.
    pub id: TableId,
    /// Name of its schema, which may be gone too.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its last owner.
    pub owner_id: i64,
    /// Name of its last owner.
    pub owner: String,
    /// The commit that dropped it.
    pub dropped_in: SnapshotId,
    /// When that was.
    pub dropped_at: Option<DateTime<Utc>>,
    /// Who that was.
    pub dropped_by: Option<String>,
    /// The snapshot that shows it last.
    pub last: SnapshotId,
    /// Its rows at its end: an estimate.
    pub row_count: u64,
    /// Bytes of its data files at its end.
    pub bytes: u64,
    /// Until when it can be undropped, at least; nothing if a hold keeps it for ever.
    pub until: Option<DateTime<Utc>>,
}

/// A schema that was dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedSchema {
    /// Its id.
    pub id: SchemaId,
    /// Its name.
    pub name: String,
    /// Its last owner.
    pub owner_id: i64,
    /// Name of its last owner.
    pub owner: String,
    /// The commit that dropped it.
    pub dropped_in: SnapshotId,
    /// When that was.
    pub dropped_at: Option<DateTime<Utc>>,
    /// Who that was.
    pub dropped_by: Option<String>,
    /// The snapshot that shows it last.
    pub last: SnapshotId,
}

impl Lake {
    /// The tables that can be undropped, the last dropped first.
    ///
    /// Cost: 5 reads of the catalog.
    pub async fn dropped_tables(&self) -> Result<Vec<DroppedTable>, Error> {
        let head = self.head().await?;
        let ended = vec![Condition::MoreThan("end_snapshot", 0)];
        let selections = [
            Selection::of::<TableRow>(ended.clone()),
            Selection::of::<SchemaRow>(Vec::new()),
            Selection::of::<KeptTableRow>(Vec::new()),
        ];
        let mut results = self.catalog().select(&selections).await?.into_iter();
        let mut next = move || results.next().unwrap_or_default();
        let mut last: BTreeMap<i64, TableRow> = BTreeMap::new();
        for row in decode::<TableRow>(next())? {
            let is_gone = head.table(TableId(row.table_id)).is_none();
            let known = last.get(&row.table_id);
            if is_gone && known.is_none_or(|known| known.end_snapshot < row.end_snapshot) {
                last.insert(row.table_id, row);
            }
        }
        let schemas: Vec<SchemaRow> = decode(next())?;
        let schemas: HashMap<i64, String> = schemas
            .into_iter()
            .map(|row| (row.schema_id, row.schema_name))
            .collect();
        let kept: Vec<KeptTableRow> = decode(next())?;
        let kept: HashMap<i64, i64> = kept
            .into_iter()
            .map(|row| (row.table_id, row.from_snapshot))
            .collect();
        let ids: Vec<i64> = last.keys().copied().collect();
        let ends: BTreeSet<i64> = last.values().filter_map(|row| row.end_snapshot).collect();
        let ends = Ends::load(self, &ends, &ids).await?;
        let counts = Counts::load(self, ids).await?;
        let terms = Terms::load(self, last.values(), &head).await?;
        let mut dropped = Vec::new();
        for (id, row) in last {
            let Some(end) = row.end_snapshot else {
                continue;
            };
            let is_archived =
                ends.archived.contains(&(end - 1)) && kept.get(&id).is_some_and(|from| *from < end);
            if !ends.is_kept(end - 1) && !is_archived {
                continue;
            }
            let (row_count, bytes) = counts.of(id);
            let dropped_at = ends.times.get(&end).copied();
            let until = terms.until(&row, dropped_at);
            dropped.push(DroppedTable {
                id: TableId(id),
                schema: schemas.get(&row.schema_id).cloned().unwrap_or_default(),
                owner_id: ends.owner(id, end),
                owner: head.role_name(ends.owner(id, end)),
                name: row.table_name,
                dropped_in: SnapshotId(end),
                dropped_at,
                dropped_by: ends.authors.get(&end).cloned(),
                last: SnapshotId(end - 1),
                row_count,
                bytes,
                until,
            });
        }
        dropped.sort_by_key(|table| std::cmp::Reverse((table.dropped_in, table.id)));
        Ok(dropped)
    }

    /// The schemas that can be undropped, the last dropped first.
    ///
    /// Cost: 2 reads of the catalog.
    pub async fn dropped_schemas(&self) -> Result<Vec<DroppedSchema>, Error> {
        let head = self.head().await?;
        let ended = vec![Condition::MoreThan("end_snapshot", 0)];
        let selections = [
            Selection::of::<SchemaRow>(ended.clone()),
            Selection::of::<TableRow>(ended),
        ];
        let mut results = self.catalog().select(&selections).await?.into_iter();
        let mut next = move || results.next().unwrap_or_default();
        let rows: Vec<SchemaRow> = decode(next())?;
        let tables: Vec<TableRow> = decode(next())?;
        // A renamed schema ends too, but its tables live on.
        let renamed: HashSet<(i64, Option<i64>)> = tables
            .into_iter()
            .filter(|row| head.table(TableId(row.table_id)).is_some())
            .map(|row| (row.schema_id, row.end_snapshot))
            .collect();
        let rows: Vec<SchemaRow> = rows
            .into_iter()
            .filter(|row| !renamed.contains(&(row.schema_id, row.end_snapshot)))
            .collect();
        let ids: Vec<i64> = rows.iter().map(|row| row.schema_id).collect();
        let ends: BTreeSet<i64> = rows.iter().filter_map(|row| row.end_snapshot).collect();
        let ends = Ends::load(self, &ends, &ids).await?;
        let mut dropped = Vec::new();
        for row in rows {
            let Some(end) = row.end_snapshot.filter(|end| ends.is_kept(end - 1)) else {
                continue;
            };
            dropped.push(DroppedSchema {
                id: SchemaId(row.schema_id),
                owner_id: ends.owner(row.schema_id, end),
                owner: head.role_name(ends.owner(row.schema_id, end)),
                name: row.schema_name,
                dropped_in: SnapshotId(end),
                dropped_at: ends.times.get(&end).copied(),
                dropped_by: ends.authors.get(&end).cloned(),
                last: SnapshotId(end - 1),
            });
        }
        dropped.sort_by_key(|schema| std::cmp::Reverse((schema.dropped_in, schema.id)));
        Ok(dropped)
    }
}

/// The commits that dropped something, and the snapshots before them.
struct Ends {
    kept: HashSet<i64>,
    archived: HashSet<i64>,
    times: HashMap<i64, DateTime<Utc>>,
    authors: HashMap<i64, String>,
    /// By object and end.
    owners: HashMap<(i64, i64), i64>,
}

impl Ends {
    async fn load(lake: &Lake, ends: &BTreeSet<i64>, objects: &[i64]) -> Result<Self, Error> {
        let around: BTreeSet<i64> = ends.iter().flat_map(|end| [end - 1, *end]).collect();
        let around = || Condition::In("snapshot_id", around.iter().copied().collect());
        let selections = [
            Selection::of::<SnapshotRow>(vec![around()]),
            Selection::of::<ArchiveRow>(vec![around()]),
            Selection::of::<ChangesRow>(vec![around()]),
            Selection::of::<OwnerRow>(vec![Condition::In("object_id", objects.to_vec())]),
        ];
        let mut results = lake.catalog().select(&selections).await?.into_iter();
        let mut next = move || results.next().unwrap_or_default();
        let kept: Vec<SnapshotRow> = decode(next())?;
        let archived: Vec<ArchiveRow> = decode(next())?;
        let changes: Vec<ChangesRow> = decode(next())?;
        let owners: Vec<OwnerRow> = decode(next())?;
        let mut times: HashMap<i64, DateTime<Utc>> = archived
            .iter()
            .map(|row| (row.snapshot_id, row.snapshot_time))
            .collect();
        times.extend(kept.iter().map(|row| (row.snapshot_id, row.snapshot_time)));
        Ok(Self {
            kept: kept.iter().map(|row| row.snapshot_id).collect(),
            archived: archived.iter().map(|row| row.snapshot_id).collect(),
            times,
            authors: changes
                .into_iter()
                .filter_map(|row| Some((row.snapshot_id, row.author?)))
                .collect(),
            owners: owners
                .into_iter()
                .filter_map(|row| Some(((row.object_id, row.end_snapshot?), row.role_id)))
                .collect(),
        })
    }

    fn is_kept(&self, id: i64) -> bool {
        self.kept.contains(&id)
    }

    fn owner(&self, object: i64, end: i64) -> i64 {
        let owner = self.owners.get(&(object, end));
        owner.copied().unwrap_or(BOOTSTRAP_ROLE_ID)
    }
}

/// How long what was dropped is kept.
struct Terms {
    /// Of schemas and tables, with their ends.
    options: Vec<OptionRow>,
    lake: Duration,
    age_min: Duration,
    holds: Vec<Hold>,
}

impl Terms {
    async fn load<'a>(
        lake: &Lake,
        tables: impl Iterator<Item = &'a TableRow>,
        head: &Snapshot,
    ) -> Result<Self, Error> {
        let objects: BTreeSet<i64> = tables
            .flat_map(|row| [row.table_id, row.schema_id])
            .collect();
        let options = Selection::of::<OptionRow>(vec![
            Condition::In("object_id", objects.into_iter().collect()),
            Condition::Is("option_name", RETENTION.to_owned()),
        ]);
        let options = lake.catalog().select(&[options]).await?.pop();
        Ok(Self {
            options: decode(options.unwrap_or_default())?,
            lake: lake.retention(head).duration,
            age_min: lake.retention_options().expire_age_min,
            holds: lake.holds().await?,
        })
    }

    /// `row`: the table's last row.
    fn until(&self, row: &TableRow, dropped_at: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        let last = row.end_snapshot? - 1;
        let of = |object: i64| {
            let shown = self.options.iter().find(|option| {
                option.object_id == object
                    && option.begin_snapshot <= last
                    && option.end_snapshot.is_none_or(|end| end > last)
            });
            shown.and_then(|option| parse_retention(&option.value))
        };
        let own = of(row.table_id).or_else(|| of(row.schema_id));
        let term = own.unwrap_or(self.lake).max(self.age_min);
        let end = dropped_at.and_then(|at| at.checked_add_signed(TimeDelta::from_std(term).ok()?));
        let holds = self.holds.iter().filter(|hold| hold.snapshot.0 == last);
        let mut ends = vec![end];
        ends.extend(holds.map(|hold| hold.until));
        // Whatever has no end has the last one.
        match ends.iter().any(Option::is_none) {
            true => None,
            false => ends.into_iter().flatten().max(),
        }
    }
}

/// What tables counted at their end.
struct Counts {
    stats: HashMap<i64, TableStatsRow>,
    ended: HashMap<i64, EndedRow>,
}

impl Counts {
    async fn load(lake: &Lake, ids: Vec<i64>) -> Result<Self, Error> {
        let of_tables = vec![Condition::In("table_id", ids)];
        let selections = [
            Selection::of::<TableStatsRow>(of_tables.clone()),
            Selection::of::<EndedRow>(of_tables),
        ];
        let mut results = lake.catalog().select(&selections).await?.into_iter();
        let mut next = move || results.next().unwrap_or_default();
        let stats: Vec<TableStatsRow> = decode(next())?;
        let ended: Vec<EndedRow> = decode(next())?;
        Ok(Self {
            stats: stats.into_iter().map(|row| (row.table_id, row)).collect(),
            ended: ended.into_iter().map(|row| (row.table_id, row)).collect(),
        })
    }

    /// Rows and bytes.
    fn of(&self, id: i64) -> (u64, u64) {
        let all = self.stats.get(&id);
        let all = all.map_or((0, 0), |row| (row.record_count, row.file_size_bytes));
        let ended = self.ended.get(&id);
        let ended = ended.map_or((0, 0), |row| (row.ended_row_count, row.ended_bytes));
        let left = |all: i64, ended: i64| u64::try_from(all - ended).unwrap_or(0);
        (left(all.0, ended.0), left(all.1, ended.1))
    }
}
