//! Tables that are kept longer than the system's snapshots, and since when.
//!
//! Archived snapshots from `from_snapshot` on show such a table whole. That moves on as its
//! own retention passes; archived snapshots before all of these go.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::catalog::{Condition, Selection, Sql, Write, decode};
use crate::error::Error;
use crate::lake::Lake;
use crate::retention::need::Needs;
use crate::retention::rows::delete_all;
use crate::retention::snapshots::long_tables;
use crate::retention::step::{Pace, Points, Step};
use crate::spec::side::{ArchiveRow, KeptTableRow};
use crate::spec::table::{Row, Value};

const POINTS: Points = ["expire/before-kept-commit", "expire/after-kept-commit"];

/// Moves on since when tables are kept, and forgets those that are not kept longer any
/// more. Returns the rest: each table and the first snapshot that shows it.
pub(super) async fn move_on(
    lake: &Lake,
    moment: DateTime<Utc>,
) -> Result<BTreeMap<i64, i64>, Error> {
    let mut step = Step::begin(lake).await?;
    let rows = step
        .catalog
        .select(&Selection::of::<KeptTableRow>(Vec::new()))
        .await?;
    let kept: Vec<KeptTableRow> = decode(rows)?;
    if kept.is_empty() {
        step.give_up().await?;
        return Ok(BTreeMap::new());
    }
    let needs = Needs::load(lake, &mut *step.catalog).await?;
    let long = long_tables(lake, &needs, moment);
    let mut rest = BTreeMap::new();
    let mut writes = Vec::new();
    for row in kept {
        let of_table = || vec![Condition::Equals("table_id", row.table_id)];
        let own = needs.moment_of(lake, row.table_id);
        let (true, Some(own)) = (long.contains(&row.table_id), own) else {
            writes.push(Write::Delete {
                table: KeptTableRow::TABLE,
                conditions: of_table(),
            });
            continue;
        };
        let newest = needs.newest_at(lake, own).await?;
        let from = newest.min(needs.oldest_read).max(row.from_snapshot);
        if from > row.from_snapshot {
            writes.push(Write::Update {
                table: KeptTableRow::TABLE,
                set: vec![("from_snapshot", Value::Integer(from))],
                conditions: of_table(),
            });
        }
        rest.insert(row.table_id, from);
    }
    match writes.is_empty() {
        true => step.give_up().await?,
        false => {
            step.catalog.apply(&writes).await?;
            let mut pace = Pace::new(lake.retention_options().step_time);
            step.commit(POINTS, &mut pace).await?;
            lake.forget_pictures();
        }
    }
    Ok(rest)
}

/// Forgets archived snapshots that no table is kept from.
pub(super) async fn expire_archive(lake: &Lake, kept: &BTreeMap<i64, i64>) -> Result<(), Error> {
    let first = kept.values().min().copied().unwrap_or(i64::MAX);
    let before = Sql::new("\"snapshot_id\" < ").integer(first);
    let mut pace = Pace::new(lake.retention_options().step_time);
    delete_all(lake, ArchiveRow::TABLE.name, &before, &mut pace).await
}
