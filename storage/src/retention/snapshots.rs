//! Expires snapshots: their rows go, or move to the archive for tables that are kept longer.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::catalog::{Condition, Selection, Sql, Write, decode};
use crate::error::Error;
use crate::lake::Lake;
use crate::retention::need::Needs;
use crate::retention::rows::number;
use crate::retention::step::{Pace, Points, Step};
use crate::spec::change::CommitDetail;
use crate::spec::rows::{ChangesRow, SnapshotRow, TableRow};
use crate::spec::side::{ArchiveRow, KeptTableRow};
use crate::spec::table::{Row, Value};

const POINTS: Points = [
    "expire/before-snapshots-commit",
    "expire/after-snapshots-commit",
];

/// Which snapshots expire, if nobody needs them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Horizon {
    /// What was superseded by then.
    pub(super) moment: DateTime<Utc>,
    /// All before this one were.
    pub(super) snapshot: i64,
}

/// Expires snapshots in turns, the oldest first. Returns how many.
pub(super) async fn expire_snapshots(lake: &Lake, horizon: Horizon) -> Result<u64, Error> {
    let mut pace = Pace::new(lake.retention_options().step_time);
    let mut total = 0;
    let mut after = -1;
    loop {
        let mut step = Step::begin(lake).await?;
        let needs = Needs::load(lake, &mut *step.catalog).await?;
        let before = lake.raise_floor(horizon.snapshot.min(needs.oldest_read));
        let ids = expirable(&mut step, &needs, (after, before), pace.rows()).await?;
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else {
            step.give_up().await?;
            return Ok(total);
        };
        archive(lake, &mut step, &needs, horizon.moment, &ids).await?;
        for table in [SnapshotRow::TABLE, ChangesRow::TABLE] {
            let delete = Sql::new("DELETE FROM ").name(table.name);
            let delete = delete
                .text(" WHERE \"snapshot_id\" >= ")
                .integer(*first)
                .text(" AND \"snapshot_id\" <= ")
                .integer(*last)
                .text(" AND \"snapshot_id\" NOT IN ")
                .integers(&needs.holds());
            step.catalog.execute(&delete).await?;
        }
        after = *last;
        let count = ids.len();
        step.commit(POINTS, &mut pace).await?;
        lake.forget_pictures();
        total += count as u64;
    }
}

/// The oldest snapshots in a range that nobody holds.
async fn expirable(
    step: &mut Step<'_>,
    needs: &Needs,
    (after, before): (i64, i64),
    count_max: usize,
) -> Result<Vec<i64>, Error> {
    let select = Sql::new("SELECT \"snapshot_id\" FROM ").name(SnapshotRow::TABLE.name);
    let select = select
        .text(" WHERE \"snapshot_id\" > ")
        .integer(after)
        .text(" AND \"snapshot_id\" < ")
        .integer(before)
        .text(" AND \"snapshot_id\" NOT IN ")
        .integers(&needs.holds())
        .text(" ORDER BY \"snapshot_id\" LIMIT ")
        .integer(i64::try_from(count_max).unwrap_or(i64::MAX));
    let rows = step.catalog.query(&select).await?;
    Ok(rows.iter().map(|row| number(row.first())).collect())
}

/// Tables that are kept longer than snapshots that were superseded at a moment.
pub(super) fn long_tables(lake: &Lake, needs: &Needs, moment: DateTime<Utc>) -> BTreeSet<i64> {
    let tables = needs.policy.tables.keys().copied();
    tables
        .filter(|table| {
            needs
                .moment_of(lake, *table)
                .is_some_and(|own| own < moment)
        })
        .collect()
}

/// Moves expiring snapshots to the archive that tables need which are kept longer: those
/// that touched one, and those of which the one before is not among them: nobody knows
/// any more what that showed of these tables, or it is held and shows others, too.
async fn archive(
    lake: &Lake,
    step: &mut Step<'_>,
    needs: &Needs,
    moment: DateTime<Utc>,
    ids: &[i64],
) -> Result<(), Error> {
    let (Some(first), Some(last)) = (ids.first(), ids.last()) else {
        return Ok(());
    };
    let long = long_tables(lake, needs, moment);
    let kept = Selection::of::<KeptTableRow>(Vec::new());
    let kept: Vec<KeptTableRow> = decode(step.catalog.select(&kept).await?)?;
    let kept: BTreeSet<i64> = kept.into_iter().map(|row| row.table_id).collect();
    // At once, since what expires now is not archived for these. What was archived later
    // than that stays theirs, as long as their own retention says so.
    let others: Vec<i64> = kept.difference(&long).copied().collect();
    if !others.is_empty() {
        let update = Write::Update {
            table: KeptTableRow::TABLE,
            set: vec![("from_snapshot", Value::Integer(*last + 1))],
            conditions: vec![
                Condition::In("table_id", others),
                Condition::AtMost("from_snapshot", *last),
            ],
        };
        step.catalog.apply(&[update]).await?;
    }
    if long.is_empty() {
        return Ok(());
    }
    let new = long.difference(&kept).map(|table| KeptTableRow {
        table_id: *table,
        from_snapshot: *first,
    });
    let new: Vec<KeptTableRow> = new.collect();
    let touching = touching(step, &long, (*first, *last)).await?;
    let in_range = in_range(*first, *last);
    let rows = step
        .catalog
        .select(&Selection::of::<SnapshotRow>(in_range))
        .await?;
    let snapshots = decode::<SnapshotRow>(rows)?.into_iter();
    let archived: Vec<ArchiveRow> = snapshots
        .filter(|row| ids.binary_search(&row.snapshot_id).is_ok())
        .filter(|row| {
            let id = row.snapshot_id;
            touching.contains(&id) || ids.binary_search(&(id - 1)).is_err()
        })
        .map(|row| ArchiveRow {
            snapshot_id: row.snapshot_id,
            snapshot_time: row.snapshot_time,
            schema_version: row.schema_version,
        })
        .collect();
    step.catalog
        .apply(&[Write::insert(&new), Write::insert(&archived)])
        .await
}

fn in_range(first: i64, last: i64) -> Vec<Condition> {
    vec![
        Condition::MoreThan("snapshot_id", first - 1),
        Condition::AtMost("snapshot_id", last),
    ]
}

/// Snapshots of a range that are unlike the one before in any of the tables; maybe others.
async fn touching(
    step: &mut Step<'_>,
    tables: &BTreeSet<i64>,
    (first, last): (i64, i64),
) -> Result<BTreeSet<i64>, Error> {
    let in_range = in_range(first, last);
    let rows = step
        .catalog
        .select(&Selection::of::<ChangesRow>(in_range))
        .await?;
    let mut touching: BTreeSet<i64> = BTreeSet::new();
    for row in decode::<ChangesRow>(rows)? {
        let detail = row
            .commit_extra_info
            .as_deref()
            .and_then(CommitDetail::parse);
        // Nobody knows what another program's commit touched.
        let touches = |detail: CommitDetail| detail.objects.iter().any(|id| tables.contains(id));
        if detail.is_none_or(touches) {
            touching.insert(row.snapshot_id);
        }
    }
    // Where such a table was cut, when it was kept shorter than now.
    let of_tables = vec![Condition::In("table_id", tables.iter().copied().collect())];
    let rows = step
        .catalog
        .select(&Selection::of::<TableRow>(of_tables))
        .await?;
    for row in decode::<TableRow>(rows)? {
        touching.insert(row.begin_snapshot);
        touching.extend(row.end_snapshot);
    }
    Ok(touching)
}
