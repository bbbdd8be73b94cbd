//! Rows deleted from files and from the tables of inlined rows.

use super::{Counters, Target, inlined_tables, signed};
use crate::catalog::{CommitTransaction, Condition, Write};
use crate::error::Error;
use crate::spec::change::ObjectChange;
use crate::spec::rows::{DataFileRow, DeleteFileRow};
use crate::transaction::render::Batch;
use crate::transaction::stage::StagedDeletes;

/// Deletes rows of files that were there before. Whether there was any.
///
/// The row of the last delete file ends, and a cumulative one begins; a file of which no
/// row is left ends itself.
pub(super) fn delete_from_files(
    target: &Target<'_>,
    counters: &mut Counters,
    next_file_id: &mut i64,
    batch: &mut Batch,
) -> bool {
    let id = target.table.id.0;
    let mut rows = Vec::new();
    let mut is_changed = false;
    let old = target
        .changes
        .deleted
        .iter()
        .filter(|(file, _)| **file >= 0);
    for (file, deletes) in old {
        let of_file = || vec![Condition::Equals("data_file_id", *file)];
        let at = batch.snapshot_id;
        batch
            .writes
            .push(Write::end::<DeleteFileRow>(of_file(), at));
        match target.deletes.get(file) {
            Some(staged) => rows.push(delete_row(id, *file, staged, next_file_id, batch)),
            None => {
                batch.writes.push(Write::end::<DataFileRow>(of_file(), at));
                counters.ended.ended_bytes += signed(deletes.data_file.bytes);
            }
        }
        counters.ended.ended_row_count += signed(deletes.own_count);
        is_changed = true;
    }
    if !rows.is_empty() {
        batch.writes.push(Write::insert(&rows));
    }
    // A truncation has reported it already, and left no deletes.
    if is_changed {
        batch.object(ObjectChange::DeletedFromTable, id);
    }
    is_changed
}

/// Ends files whose rows moved to the appended ones. Whether there was any.
pub(super) fn end_replaced(
    target: &Target<'_>,
    counters: &mut Counters,
    batch: &mut Batch,
) -> bool {
    let replaced = &target.changes.replaced;
    if replaced.is_empty() {
        return false;
    }
    let ids: Vec<i64> = replaced.keys().copied().collect();
    let of_files = || vec![Condition::In("data_file_id", ids.clone())];
    let at = batch.snapshot_id;
    batch
        .writes
        .push(Write::end::<DeleteFileRow>(of_files(), at));
    batch.writes.push(Write::end::<DataFileRow>(of_files(), at));
    let bytes = replaced.values().map(|file| signed(file.bytes));
    counters.ended.ended_bytes += bytes.sum::<i64>();
    let has_deletes = replaced.values().any(|file| file.has_deletes);
    let change = match has_deletes {
        true => ObjectChange::RewriteDelete,
        false => ObjectChange::MergeAdjacent,
    };
    batch.object(change, target.table.id.0);
    true
}

/// The row of a delete file; its id comes from the files' own sequence.
pub(super) fn delete_row(
    table_id: i64,
    data_file_id: i64,
    staged: &StagedDeletes,
    next_file_id: &mut i64,
    batch: &Batch,
) -> DeleteFileRow {
    let delete_file_id = *next_file_id;
    *next_file_id += 1;
    DeleteFileRow {
        delete_file_id,
        table_id,
        begin_snapshot: batch.snapshot_id,
        end_snapshot: None,
        data_file_id,
        path: staged.file_name.clone(),
        path_is_relative: true,
        format: Some("parquet".to_owned()),
        delete_count: signed(staged.written.row_count),
        file_size_bytes: signed(staged.written.bytes),
        footer_size: Some(signed(staged.written.footer_bytes)),
        encryption_key: None,
        partial_max: None,
    }
}

/// Ends inlined rows by their ids. Whether there was any.
pub(super) async fn delete_inlined(
    catalog: &mut dyn CommitTransaction,
    target: &Target<'_>,
    counters: &mut Counters,
    batch: &mut Batch,
) -> Result<bool, Error> {
    let row_ids = target.changes.inlined_rows_of_catalog();
    if row_ids.is_empty() {
        return Ok(false);
    }
    let id = target.table.id.0;
    for data_table in inlined_tables(catalog, id).await? {
        batch.writes.push(Write::EndInlinedRows {
            data_table,
            row_ids: row_ids.clone(),
            at: batch.snapshot_id,
        });
    }
    // What is flushed goes on in a file.
    if !target.changes.is_move {
        counters.ended.ended_row_count += signed(row_ids.len() as u64);
        batch.object(ObjectChange::InlinedDelete, id);
    }
    Ok(true)
}
