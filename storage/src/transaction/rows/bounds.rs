//! The outer bounds of a table's columns, widened by the files that join it.

use super::{Counters, Target};
use crate::catalog::{Condition, Write};
use crate::file::stats::{Bound, outer_bound};
use crate::file::write::StagedColumn;
use crate::snapshot::Column;
use crate::spec::rows::TableColumnStatsRow;
use crate::spec::table::Row;
use crate::transaction::render::Batch;

/// Widens the table's bounds by those of what is added.
///
/// `added`: statistics of each new file, and of rows that are inlined.
pub(super) fn widen_bounds(
    target: &Target<'_>,
    counters: &mut Counters,
    added: &[&[StagedColumn]],
    batch: &mut Batch,
) {
    let id = target.table.id.0;
    let known = &counters.bounds;
    let mut new_rows = Vec::new();
    let column_ids = added.iter().flat_map(|columns| columns.iter());
    for column_id in column_ids.map(|column| column.column_id) {
        if new_rows
            .iter()
            .any(|row: &TableColumnStatsRow| row.column_id == column_id.0)
        {
            continue;
        }
        let Some(column) = target.table.find_column(column_id) else {
            continue;
        };
        let old = known.get(&column_id.0);
        let of_column = |columns: &&[StagedColumn]| {
            let found = columns.iter().find(|staged| staged.column_id == column_id);
            found.cloned()
        };
        let staged: Vec<StagedColumn> = added.iter().filter_map(of_column).collect();
        // Rows that are older than the column: the bounds were never known.
        let is_unknown = (old.is_none() && counters.has_stats) || staged.len() < added.len();
        new_rows.push(widened(id, column, old, is_unknown, staged.iter()));
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
    let new_rows = new_rows.into_iter().map(|row| (row.column_id, row));
    counters.bounds.extend(new_rows);
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
    if is_unknown {
        row.contains_null = Some(true);
        row.min_value = None;
        row.max_value = None;
    }
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
