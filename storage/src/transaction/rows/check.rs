//! Whether someone else ended rows that a commit ends, or moves.
//!
//! A truncation conflicts with any of them. Deletes conflict file by file: two
//! transactions may delete from different files of one table.

use std::collections::BTreeMap;

use super::{Target, inlined_tables};
use crate::catalog::{CommitTransaction, Condition, Selection};
use crate::error::Error;
use crate::snapshot::Table;
use crate::spec::rows::{ColumnRow, DataFileRow, DeleteFileRow};
use crate::transaction::rebase::conflict;

/// Refuses to end rows that someone else ended since the pin.
///
/// Cost: 2 statements, and 2 more for each table of inlined rows.
pub(in crate::transaction) async fn check_ended(
    catalog: &mut dyn CommitTransaction,
    target: &Target<'_>,
) -> Result<(), Error> {
    if target.is_new {
        return Ok(());
    }
    let is_disturbed = match target.changes.is_truncated {
        true => {
            is_any_ended(catalog, target).await? || are_files_disturbed(catalog, target).await?
        }
        false => {
            are_files_disturbed(catalog, target).await?
                || are_inlined_ended(catalog, target).await?
        }
    };
    match is_disturbed {
        false => Ok(()),
        true => Err(conflict(&target.table.name)),
    }
}

/// Refuses new columns if someone else used column ids of the table since the pin, also
/// such that no column has any more: the ids may be the same.
///
/// Cost: 1 statement.
pub(in crate::transaction) async fn check_column_ids(
    catalog: &mut dyn CommitTransaction,
    table: &Table,
    base: i64,
) -> Result<(), Error> {
    if table.next_column == 0 {
        return Ok(());
    }
    let selection = Selection::of::<ColumnRow>(vec![
        Condition::Equals("table_id", table.id.0),
        Condition::MoreThan("begin_snapshot", base),
    ]);
    match catalog.select(&selection).await?.is_empty() {
        true => Ok(()),
        false => Err(conflict(&table.name)),
    }
}

async fn is_any_ended(
    catalog: &mut dyn CommitTransaction,
    target: &Target<'_>,
) -> Result<bool, Error> {
    let id = target.table.id.0;
    let of_table = Condition::Equals("table_id", id);
    let since = target.changes.verified_at.map_or(target.base, |at| at.0);
    let ended = Selection::of::<DataFileRow>(vec![
        of_table.clone(),
        Condition::AtMost("begin_snapshot", target.base),
        Condition::MoreThan("end_snapshot", since),
    ]);
    let deleted = Selection::of::<DeleteFileRow>(vec![
        of_table,
        Condition::MoreThan("begin_snapshot", since),
    ]);
    let mut is_disturbed = !catalog.select(&ended).await?.is_empty()
        || !catalog.select(&deleted).await?.is_empty()
        || catalog.inlined_deleted_after(id, since).await?;
    for name in inlined_tables(catalog, id).await? {
        is_disturbed |= catalog.inlined_ended_after(&name, since).await?;
    }
    Ok(is_disturbed)
}

/// Whether a file that rows are deleted from was ended or lost other rows.
async fn are_files_disturbed(
    catalog: &mut dyn CommitTransaction,
    target: &Target<'_>,
) -> Result<bool, Error> {
    // Rows that moved were looked for at a later snapshot than the pin.
    let mut by_snapshot: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    let old = target.changes.deleted.iter().filter(|(id, _)| **id >= 0);
    for (id, deletes) in old {
        let ids = by_snapshot.entry(deletes.seen_at.0).or_default();
        ids.push(*id);
    }
    let replaced: Vec<i64> = target.changes.replaced.keys().copied().collect();
    if !replaced.is_empty() {
        by_snapshot.entry(target.base).or_default().extend(replaced);
    }
    for (seen_at, ids) in by_snapshot {
        let count = ids.len();
        let of_files = Condition::In("data_file_id", ids);
        let live = Selection::of::<DataFileRow>(vec![of_files.clone(), Condition::Live]);
        let newer = Selection::of::<DeleteFileRow>(vec![
            of_files,
            Condition::MoreThan("begin_snapshot", seen_at),
        ]);
        let is_disturbed = catalog.select(&live).await?.len() != count
            || !catalog.select(&newer).await?.is_empty()
            || catalog
                .inlined_deleted_after(target.table.id.0, seen_at)
                .await?;
        if is_disturbed {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an inlined row that is deleted is not there any more.
async fn are_inlined_ended(
    catalog: &mut dyn CommitTransaction,
    target: &Target<'_>,
) -> Result<bool, Error> {
    let wanted: Vec<i64> = target.changes.inlined_rows_of_catalog();
    if wanted.is_empty() {
        return Ok(false);
    }
    let mut found = 0;
    for name in inlined_tables(catalog, target.table.id.0).await? {
        found += catalog
            .inlined_found_count(&name, &wanted, target.base)
            .await?;
    }
    Ok(usize::try_from(found).ok() != Some(wanted.len()))
}
