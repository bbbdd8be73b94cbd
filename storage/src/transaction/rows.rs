//! What a commit does to the rows of tables: files added, rows ended, counters kept.
//!
//! Runs under the commit lock, because row ids and counters come from the head.
//!
//! DuckDB takes a table's bounds for exact while `record_count` is the number of rows, and
//! prunes older snapshots by the same bounds. So the count is never reduced and bounds are
//! only widened; what truncations ended is counted in a table of ours.

use std::collections::BTreeMap;

use crate::catalog::{CommitTransaction, Condition, Selection, Write, decode};
use crate::error::Error;
use crate::file::stats::{Bound, outer_bound};
use crate::file::write::{StagedColumn, StagedFile};
use crate::snapshot::{Column, Table};
use crate::spec::ColumnId;
use crate::spec::change::ObjectChange;
use crate::spec::rows::{
    DataFileRow, DeleteFileRow, FileColumnStatsRow, InlinedTableRow, TableColumnStatsRow,
    TableStatsRow,
};
use crate::spec::side::EndedRow;
use crate::spec::table::{Row, Value};
use crate::transaction::overlay::FileChanges;
use crate::transaction::rebase::conflict;
use crate::transaction::render::Batch;

/// The state of a table's rows before and after.
struct Counters {
    stats: TableStatsRow,
    has_stats: bool,
    ended: EndedRow,
    has_ended: bool,
}

/// What a table counts after the commit.
pub(super) struct Counted {
    pub(super) row_count: i64,
    pub(super) bytes: i64,
}

/// One table whose rows change. `table`: as it is after the commit, with its real id.
pub(super) struct Target<'a> {
    pub(super) table: &'a Table,
    pub(super) changes: &'a FileChanges,
    pub(super) is_new: bool,
    /// The snapshot that the transaction was pinned to.
    pub(super) base: i64,
}

/// Refuses a truncation whose rows someone else ended meanwhile.
///
/// Cost: 2 statements, and 2 more for each table of inlined rows.
pub(super) async fn check_truncation(
    catalog: &mut dyn CommitTransaction,
    target: &Target<'_>,
) -> Result<(), Error> {
    if target.is_new || !target.changes.is_truncated {
        return Ok(());
    }
    let id = target.table.id.0;
    let of_table = Condition::Equals("table_id", id);
    let ended = Selection::of::<DataFileRow>(vec![
        of_table.clone(),
        Condition::AtMost("begin_snapshot", target.base),
        Condition::MoreThan("end_snapshot", target.base),
    ]);
    let deleted = Selection::of::<DeleteFileRow>(vec![
        of_table,
        Condition::MoreThan("begin_snapshot", target.base),
    ]);
    let mut is_disturbed = !catalog.select(&ended).await?.is_empty()
        || !catalog.select(&deleted).await?.is_empty()
        || catalog.inlined_deleted_after(id, target.base).await?;
    for name in inlined_tables(catalog, id).await? {
        is_disturbed |= catalog.inlined_ended_after(&name, target.base).await?;
    }
    match is_disturbed {
        false => Ok(()),
        true => Err(conflict(&target.table.name)),
    }
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
    let id = target.table.id.0;
    let mut counters = load_counters(catalog, id).await?;
    let mut is_truncated = false;
    if target.changes.is_truncated && !target.is_new {
        is_truncated = truncate(catalog, target, &mut counters, batch).await?;
    }
    let is_appended = !target.changes.appended.is_empty();
    if is_truncated {
        store_ended(&counters, batch);
    }
    if is_appended {
        append(target, &mut counters, next_file_id, batch);
        widen_bounds(catalog, target, &counters, batch).await?;
        store_stats(&counters, batch);
    }
    let counted = Counted {
        row_count: counters.stats.record_count - counters.ended.ended_row_count,
        bytes: counters.stats.file_size_bytes - counters.ended.ended_bytes,
    };
    Ok((is_truncated || is_appended).then_some(counted))
}

async fn load_counters(catalog: &mut dyn CommitTransaction, id: i64) -> Result<Counters, Error> {
    let of_table = || vec![Condition::Equals("table_id", id)];
    let rows = catalog
        .select(&Selection::of::<TableStatsRow>(of_table()))
        .await?;
    let stats: Option<TableStatsRow> = decode(rows)?.pop();
    let rows = catalog
        .select(&Selection::of::<EndedRow>(of_table()))
        .await?;
    let ended: Option<EndedRow> = decode(rows)?.pop();
    let no_stats = TableStatsRow {
        table_id: id,
        record_count: 0,
        next_row_id: 0,
        file_size_bytes: 0,
    };
    let no_ended = EndedRow {
        table_id: id,
        ended_row_count: 0,
        ended_bytes: 0,
    };
    Ok(Counters {
        has_stats: stats.is_some(),
        stats: stats.unwrap_or(no_stats),
        has_ended: ended.is_some(),
        ended: ended.unwrap_or(no_ended),
    })
}

fn store_stats(counters: &Counters, batch: &mut Batch) {
    let stats = &counters.stats;
    if !counters.has_stats {
        batch
            .writes
            .push(Write::insert(std::slice::from_ref(stats)));
        return;
    }
    batch.writes.push(Write::Update {
        table: TableStatsRow::TABLE,
        set: vec![
            ("record_count", Value::Integer(stats.record_count)),
            ("next_row_id", Value::Integer(stats.next_row_id)),
            ("file_size_bytes", Value::Integer(stats.file_size_bytes)),
        ],
        conditions: vec![Condition::Equals("table_id", stats.table_id)],
    });
}

fn store_ended(counters: &Counters, batch: &mut Batch) {
    let ended = &counters.ended;
    if !counters.has_ended {
        batch
            .writes
            .push(Write::insert(std::slice::from_ref(ended)));
        return;
    }
    batch.writes.push(Write::Update {
        table: EndedRow::TABLE,
        set: vec![
            ("ended_row_count", Value::Integer(ended.ended_row_count)),
            ("ended_bytes", Value::Integer(ended.ended_bytes)),
        ],
        conditions: vec![Condition::Equals("table_id", ended.table_id)],
    });
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
    let seen = || {
        vec![
            Condition::Equals("table_id", id),
            Condition::AtMost("begin_snapshot", target.base),
        ]
    };
    let mut conditions = seen();
    conditions.push(Condition::Live);
    let selection = Selection::of::<DataFileRow>(conditions);
    let files: Vec<DataFileRow> = decode(catalog.select(&selection).await?)?;
    let mut ended_rows: i64 = files.iter().map(|file| file.record_count).sum();
    let ended_bytes: i64 = files.iter().map(|file| file.file_size_bytes).sum();
    let mut is_changed = !files.is_empty();
    if is_changed {
        batch
            .writes
            .push(Write::end::<DataFileRow>(seen(), batch.snapshot_id));
        batch
            .writes
            .push(Write::end::<DeleteFileRow>(seen(), batch.snapshot_id));
        batch.object(ObjectChange::DeletedFromTable, id);
    }
    let mut inlined_rows = 0;
    for data_table in inlined_tables(catalog, id).await? {
        inlined_rows += catalog.inlined_live_count(&data_table, target.base).await?;
        let at = batch.snapshot_id;
        batch.writes.push(Write::EndInlined {
            data_table,
            base: target.base,
            at,
        });
    }
    if inlined_rows > 0 {
        batch.object(ObjectChange::InlinedDelete, id);
        is_changed = true;
        ended_rows += inlined_rows;
    }
    counters.ended.ended_row_count += ended_rows;
    counters.ended.ended_bytes += ended_bytes;
    Ok(is_changed)
}

fn append(target: &Target<'_>, counters: &mut Counters, next_file_id: &mut i64, batch: &mut Batch) {
    let id = target.table.id.0;
    let mut files = Vec::with_capacity(target.changes.appended.len());
    let mut column_stats = Vec::new();
    for file in &target.changes.appended {
        let staged = &file.staged;
        let file_id = *next_file_id;
        *next_file_id += 1;
        files.push(DataFileRow {
            data_file_id: file_id,
            table_id: id,
            begin_snapshot: batch.snapshot_id,
            end_snapshot: None,
            file_order: None,
            path: staged.file_name.clone(),
            path_is_relative: true,
            file_format: Some("parquet".to_owned()),
            record_count: signed(staged.row_count),
            file_size_bytes: signed(staged.bytes),
            footer_size: Some(signed(staged.footer_bytes)),
            row_id_start: Some(counters.stats.next_row_id),
            partition_id: None,
            encryption_key: None,
            mapping_id: None,
            partial_max: None,
        });
        column_stats.extend(
            staged
                .columns
                .iter()
                .map(|column| stats_row(id, file_id, column)),
        );
        counters.stats.record_count += signed(staged.row_count);
        counters.stats.next_row_id += signed(staged.row_count);
        counters.stats.file_size_bytes += signed(staged.bytes);
    }
    batch.writes.push(Write::insert(&files));
    batch.writes.push(Write::insert(&column_stats));
    batch.object(ObjectChange::InsertedIntoTable, id);
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

/// Widens the table's bounds by those of the new files.
async fn widen_bounds(
    catalog: &mut dyn CommitTransaction,
    target: &Target<'_>,
    counters: &Counters,
    batch: &mut Batch,
) -> Result<(), Error> {
    let id = target.table.id.0;
    let of_table = Condition::Equals("table_id", id);
    let selection = Selection::of::<TableColumnStatsRow>(vec![of_table]);
    let rows: Vec<TableColumnStatsRow> = decode(catalog.select(&selection).await?)?;
    let known: BTreeMap<i64, TableColumnStatsRow> =
        rows.into_iter().map(|row| (row.column_id, row)).collect();
    let files: Vec<&StagedFile> = target
        .changes
        .appended
        .iter()
        .map(|file| &*file.staged)
        .collect();
    let mut new_rows = Vec::new();
    for column_id in files
        .iter()
        .flat_map(|file| &file.columns)
        .map(|column| column.column_id)
    {
        if new_rows
            .iter()
            .any(|row: &TableColumnStatsRow| row.column_id == column_id.0)
        {
            continue;
        }
        let Some(column) = find(&target.table.columns, column_id) else {
            continue;
        };
        let old = known.get(&column_id.0);
        // Without a row although there are rows: the bounds were never known.
        let is_unknown = old.is_none() && counters.has_stats;
        let added = files.iter().filter_map(|file| {
            file.columns
                .iter()
                .find(|staged| staged.column_id == column_id)
        });
        new_rows.push(widened(id, column, old, is_unknown, added));
    }
    new_rows.retain(|row| known.get(&row.column_id) != Some(row));
    for row in &new_rows {
        if known.contains_key(&row.column_id) {
            batch.writes.push(Write::Delete {
                table: TableColumnStatsRow::TABLE,
                conditions: vec![
                    Condition::Equals("table_id", id),
                    Condition::Equals("column_id", row.column_id),
                ],
            });
        }
    }
    if !new_rows.is_empty() {
        batch.writes.push(Write::insert(&new_rows));
    }
    Ok(())
}

fn find(columns: &[Column], id: ColumnId) -> Option<&Column> {
    columns.iter().find_map(|column| column.find(id))
}

fn widened<'a>(
    table_id: i64,
    column: &Column,
    old: Option<&TableColumnStatsRow>,
    is_unknown: bool,
    added: impl Iterator<Item = &'a StagedColumn>,
) -> TableColumnStatsRow {
    let mut row = old.cloned().unwrap_or(TableColumnStatsRow {
        table_id,
        column_id: column.id.0,
        contains_null: Some(false),
        contains_nan: None,
        min_value: None,
        max_value: None,
        extra_stats: None,
    });
    // Bounds that are not known stay so; a first file brings its own.
    let mut is_first = old.is_none() && !is_unknown;
    for staged in added {
        row.contains_null = row.contains_null.map(|null| null || staged.null_count > 0);
        row.contains_nan = match (row.contains_nan, staged.contains_nan, is_first) {
            (Some(one), Some(two), _) => Some(one || two),
            (None, Some(true), _) => Some(true),
            (None, nan, true) => nan,
            _ => None,
        };
        if staged.value_count == 0 {
            continue;
        }
        if is_first {
            row.min_value.clone_from(&staged.min);
            row.max_value.clone_from(&staged.max);
            is_first = false;
        } else {
            let outer = |bound, one: &Option<String>, two: &Option<String>| {
                outer_bound(&column.column_type, bound, one.as_deref(), two.as_deref())
            };
            row.min_value = outer(Bound::Min, &row.min_value, &staged.min);
            row.max_value = outer(Bound::Max, &row.max_value, &staged.max);
        }
    }
    row
}

/// A count as the catalog holds it.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
