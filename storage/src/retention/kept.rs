//! Tables that are kept longer than the system's snapshots, and since when.
//!
//! Archived snapshots from `from_snapshot` on show such a table whole. That moves on as its
//! own retention passes; archived snapshots before all of these go. Whether a table is kept
//! follows from what is archived and not from what expires now, which may be older.

use std::collections::BTreeMap;

use crate::catalog::{Condition, Selection, Sql, Write, decode};
use crate::error::Error;
use crate::lake::Lake;
use crate::retention::need::Needs;
use crate::retention::rows::delete_all;
use crate::retention::step::{Pace, Points, Step};
use crate::spec::side::{ArchiveRow, KeptTableRow};
use crate::spec::table::{Row, Value};

const POINTS: Points = ["expire/before-kept-commit", "expire/after-kept-commit"];

/// Moves on since when tables are kept, and forgets those that are not kept longer any
/// more. Returns the rest: each table and the first snapshot that shows it.
pub(super) async fn move_on(lake: &Lake) -> Result<BTreeMap<i64, i64>, Error> {
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
    let newest = Sql::new("SELECT max(\"snapshot_id\") FROM ").name(ArchiveRow::TABLE.name);
    let newest = step.catalog.query(&newest).await?;
    let newest_archived = match newest.first().and_then(|row| row.first()) {
        Some(Value::Integer(id)) => *id,
        _ => -1,
    };
    let mut rest = BTreeMap::new();
    let mut writes = Vec::new();
    for row in kept {
        let of_table = || vec![Condition::Equals("table_id", row.table_id)];
        let own = needs.moment_of(lake, row.table_id);
        let from = match own {
            Some(own) => {
                let newest = needs.newest_at(lake, own).await?;
                Some(newest.min(needs.oldest_read).max(row.from_snapshot))
            }
            None => None,
        };
        let Some(from) = from.filter(|from| *from <= newest_archived) else {
            writes.push(Write::Delete {
                table: KeptTableRow::TABLE,
                conditions: of_table(),
            });
            continue;
        };
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

/// Forgets archived snapshots that no table is kept from, whoever archived them.
pub(super) async fn expire_archive(lake: &Lake) -> Result<(), Error> {
    let before = Sql::new(
        "NOT EXISTS (SELECT 1 FROM \"gotgan_kept_table\" k \
         WHERE k.\"from_snapshot\" <= \"gotgan_snapshot_archive\".\"snapshot_id\")",
    );
    let mut pace = Pace::new(lake.retention_options().step_time);
    delete_all(lake, ArchiveRow::TABLE.name, &before, &mut pace).await
}
