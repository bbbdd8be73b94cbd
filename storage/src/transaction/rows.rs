//! What a commit does to the rows of tables: files added, rows ended, counters kept.
//!
//! Runs under the commit lock, because row ids and counters come from the head.
//!
//! DuckDB takes a table's bounds for exact while `record_count` is the number of rows, and
//! prunes older snapshots by the same bounds. So the count is never reduced and bounds are
//! only widened; what truncations and deletes ended is counted in a table of ours.

use crate::catalog::{CommitTransaction, Condition, Selection, Write, decode};
use crate::error::Error;
use crate::file::write::{StagedColumn, StagedFile};
use crate::snapshot::Table;
use crate::spec::change::{CommitCounts, ObjectChange};
use crate::spec::rows::{DataFileRow, DeleteFileRow, FileColumnStatsRow, InlinedTableRow};
use crate::transaction::overlay::FileChanges;
use crate::transaction::render::Batch;
use crate::transaction::stage::StagedDeleteFiles;

mod bounds;
mod check;
mod counters;
mod delete;
mod inlined;
mod restored;

pub(super) use check::{check_column_ids, check_ended};
pub(crate) use counters::{Counters, CountersCache};

use bounds::widen_bounds;
use delete::{delete_from_files, delete_inlined, delete_row, end_replaced};
use inlined::{append_inlined, inlined_part};
use restored::copy_files;

/// What a table counts after the commit.
pub(super) struct Counted {
    pub(super) row_count: i64,
    pub(super) bytes: i64,
    pub(super) counters: Counters,
}

/// One table whose rows change. `table`: as it is after the commit, with its real id.
pub(super) struct Target<'a> {
    pub(super) table: &'a Table,
    pub(super) changes: &'a FileChanges,
    pub(super) deletes: &'a StagedDeleteFiles,
    pub(super) is_new: bool,
    /// What is counted before the commit, if that is known.
    pub(super) known: Option<Counters>,
    /// The snapshot that the transaction was pinned to.
    pub(super) base: i64,
}

/// Renders the change of one table's rows; nothing if nothing changes after all.
///
/// `next_file_id`: the next free one, moved on.
pub(super) async fn render(
    catalog: &mut dyn CommitTransaction,
    target: &Target<'_>,
    next_file_id: &mut i64,
    batch: &mut Batch,
) -> Result<Option<Counted>, Error> {
    let mut counters = match (&target.known, target.is_new) {
        (Some(known), _) => known.clone(),
        (None, true) => Counters::of_new(target.table.id),
        (None, false) => Counters::load(catalog, target.table.id).await?,
    };
    counters.reshape(batch);
    let (stats_before, ended_before) = (counters.stats.clone(), counters.ended.clone());
    let mut is_ended = false;
    if target.changes.is_truncated && !target.is_new {
        is_ended = truncate(catalog, target, &mut counters, batch).await?;
    }
    is_ended |= delete_from_files(target, &mut counters, next_file_id, batch);
    is_ended |= delete_inlined(catalog, target, &mut counters, batch).await?;
    is_ended |= end_replaced(target, &mut counters, batch);
    let restored = copy_files(catalog, target, &mut counters, next_file_id, batch).await?;
    let has_files = target.changes.kept().next().is_some();
    if has_files {
        append(target, &mut counters, next_file_id, batch);
    }
    let inlined = inlined_part(target)?;
    if let Some(part) = &inlined {
        append_inlined(target, part, &mut counters, batch)?;
        // DuckDB keeps statistics of a table until this number moves.
        *next_file_id += 1;
    }
    let is_appended = has_files || inlined.is_some() || restored.is_some();
    if is_appended {
        let mut added: Vec<&[StagedColumn]> = Vec::new();
        added.extend(target.changes.kept().map(|file| &*file.staged.columns));
        added.extend(inlined.as_ref().map(|part| &*part.columns));
        let of_files = restored.iter().flat_map(|part| &part.columns);
        added.extend(of_files.map(|columns| &**columns));
        widen_bounds(target, &mut counters, &added, batch);
        counters.store_stats(batch);
    }
    if counters.ended != ended_before {
        counters.store_ended(batch);
    }
    let never_shown = restored.map_or(0, |part| part.deleted_count);
    let ended_count = counters.ended.ended_row_count - ended_before.ended_row_count;
    batch.counts.add(CommitCounts {
        rows_added: counters.stats.record_count - stats_before.record_count - never_shown,
        rows_removed: ended_count - never_shown,
        bytes_added: counters.stats.file_size_bytes - stats_before.file_size_bytes,
        bytes_removed: counters.ended.ended_bytes - ended_before.ended_bytes,
    });
    let counted = Counted {
        row_count: counters.stats.record_count - counters.ended.ended_row_count,
        bytes: counters.stats.file_size_bytes - counters.ended.ended_bytes,
        counters,
    };
    Ok((is_ended || is_appended).then_some(counted))
}

async fn inlined_tables(
    catalog: &mut dyn CommitTransaction,
    id: i64,
) -> Result<Vec<String>, Error> {
    let selection = Selection::of::<InlinedTableRow>(vec![Condition::Equals("table_id", id)]);
    let rows: Vec<InlinedTableRow> = decode(catalog.select(&selection).await?)?;
    Ok(rows.into_iter().map(|row| row.table_name).collect())
}

/// Ends every row that the pin shows; later ones of others stay. Whether there was any.
async fn truncate(
    catalog: &mut dyn CommitTransaction,
    target: &Target<'_>,
    counters: &mut Counters,
    batch: &mut Batch,
) -> Result<bool, Error> {
    let id = target.table.id.0;
    let of_table = || Condition::Equals("table_id", id);
    let seen = || vec![of_table(), Condition::AtMost("begin_snapshot", target.base)];
    let live = Selection::of::<DataFileRow>(vec![of_table(), Condition::Live]);
    let files: Vec<DataFileRow> = decode(catalog.select(&live).await?)?;
    let (ended, later): (Vec<&DataFileRow>, Vec<&DataFileRow>) = files
        .iter()
        .partition(|file| file.begin_snapshot <= target.base);
    if !ended.is_empty() {
        batch
            .writes
            .push(Write::end::<DataFileRow>(seen(), batch.snapshot_id));
        batch
            .writes
            .push(Write::end::<DeleteFileRow>(seen(), batch.snapshot_id));
        batch.object(ObjectChange::DeletedFromTable, id);
    }
    let mut ended_inlined = 0;
    let mut later_inlined = 0;
    for data_table in inlined_tables(catalog, id).await? {
        let count = catalog.inlined_live_count(&data_table, target.base).await?;
        ended_inlined += count;
        later_inlined += catalog.inlined_live_count(&data_table, i64::MAX).await? - count;
        let at = batch.snapshot_id;
        batch.writes.push(Write::EndInlined {
            data_table,
            base: target.base,
            at,
        });
    }
    if ended_inlined > 0 {
        batch.object(ObjectChange::InlinedDelete, id);
    }
    // Counted from what is left, so that deletes of others, which nobody counted, are
    // made good here.
    let later_ids: Vec<i64> = later.iter().map(|file| file.data_file_id).collect();
    let deletes = Selection::of::<DeleteFileRow>(vec![
        Condition::In("data_file_id", later_ids),
        Condition::Live,
    ]);
    let deletes: Vec<DeleteFileRow> = decode(catalog.select(&deletes).await?)?;
    let deleted: i64 = deletes.iter().map(|row| row.delete_count).sum();
    let later_rows: i64 = later.iter().map(|file| file.record_count).sum();
    let later_rows = later_rows - deleted;
    let later_bytes: i64 = later.iter().map(|file| file.file_size_bytes).sum();
    let is_changed = !ended.is_empty() || ended_inlined > 0;
    if is_changed {
        counters.ended.ended_row_count = counters.stats.record_count - later_rows - later_inlined;
        counters.ended.ended_bytes = counters.stats.file_size_bytes - later_bytes;
    }
    Ok(is_changed)
}

fn append(target: &Target<'_>, counters: &mut Counters, next_file_id: &mut i64, batch: &mut Batch) {
    let id = target.table.id.0;
    let mut files = Vec::with_capacity(target.changes.appended.len());
    let mut column_stats = Vec::new();
    let mut deletes = Vec::new();
    for file in target.changes.kept() {
        let staged = &file.staged;
        let file_id = *next_file_id;
        *next_file_id += 1;
        // A file of rows that moved holds their ids itself.
        let row_id_start = (!target.changes.is_move).then_some(counters.stats.next_row_id);
        files.push(DataFileRow {
            row_id_start,
            ..data_file_row(id, file_id, staged, batch)
        });
        let columns = staged.columns.iter();
        column_stats.extend(
            columns
                .filter(|column| target.table.find_column(column.column_id).is_some())
                .map(|column| stats_row(id, file_id, column)),
        );
        if !target.changes.is_move {
            counters.stats.record_count += signed(staged.row_count);
            counters.stats.next_row_id += signed(staged.row_count);
        }
        counters.stats.file_size_bytes += signed(staged.bytes);
        let own = file.data_file.id;
        if let (Some(rows), Some(written)) =
            (target.changes.deleted.get(&own), target.deletes.get(&own))
        {
            counters.ended.ended_row_count += signed(rows.own_count);
            deletes.push(delete_row(id, file_id, written, next_file_id, batch));
        }
    }
    batch.writes.push(Write::insert(&files));
    batch.writes.push(Write::insert(&column_stats));
    if !deletes.is_empty() {
        batch.writes.push(Write::insert(&deletes));
    }
    if target.changes.replaced.is_empty() {
        let is_flush = target.changes.is_move;
        batch.object(
            match is_flush {
                true => ObjectChange::InlineFlush,
                false => ObjectChange::InsertedIntoTable,
            },
            id,
        );
    }
}

fn data_file_row(
    table_id: i64,
    data_file_id: i64,
    staged: &StagedFile,
    batch: &Batch,
) -> DataFileRow {
    DataFileRow {
        data_file_id,
        table_id,
        begin_snapshot: batch.snapshot_id,
        end_snapshot: None,
        file_order: None,
        path: staged.file_name.clone(),
        path_is_relative: true,
        file_format: Some("parquet".to_owned()),
        record_count: signed(staged.row_count),
        file_size_bytes: signed(staged.bytes),
        footer_size: Some(signed(staged.footer_bytes)),
        row_id_start: None,
        partition_id: None,
        encryption_key: None,
        mapping_id: None,
        partial_max: None,
    }
}

fn stats_row(table_id: i64, data_file_id: i64, column: &StagedColumn) -> FileColumnStatsRow {
    FileColumnStatsRow {
        data_file_id,
        table_id,
        column_id: column.column_id.0,
        column_size_bytes: Some(signed(column.bytes)),
        value_count: Some(signed(column.value_count)),
        null_count: Some(signed(column.null_count)),
        min_value: column.min.clone(),
        max_value: column.max.clone(),
        contains_nan: column.contains_nan,
        extra_stats: None,
    }
}

/// A count as the catalog holds it.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
