//! Own inlined rows, written into the catalog's table of inlined rows.
//!
//! Each shape of a table has such a table of its own, named by the schema version at
//! which the shape began, made when its first row comes.

use arrow::array::ArrayRef;

use super::{Counters, Target, signed};
use crate::catalog::{InlinedRow, Write};
use crate::error::Error;
use crate::file::stats::RunningBounds;
use crate::file::write::StagedColumn;
use crate::snapshot::inlined_values;
use crate::spec::change::ObjectChange;
use crate::spec::rows::InlinedTableRow;
use crate::transaction::render::Batch;
use crate::types::ColumnType;

/// Own inlined rows as the catalog will hold them.
pub(super) struct InlinedPart {
    stored: Vec<ArrayRef>,
    row_count: usize,
    /// Statistics, as a file would have them.
    pub(super) columns: Vec<StagedColumn>,
}

/// The own inlined rows of a table, if there are any.
pub(super) fn inlined_part(target: &Target<'_>) -> Result<Option<InlinedPart>, Error> {
    let Some(rows) = target.changes.own_inlined(&target.table.columns)? else {
        return Ok(None);
    };
    let mut part = InlinedPart {
        stored: Vec::new(),
        row_count: rows.row_ids.len(),
        columns: Vec::new(),
    };
    for (column, array) in target.table.columns.iter().zip(rows.batch.columns()) {
        let stored = column.column_type.to_stored(array)?;
        let mut bounds = RunningBounds::new(column.column_type.clone(), false);
        bounds.update(&stored)?;
        let texts = bounds.finish();
        let null_count = stored.null_count() as u64;
        part.columns.push(StagedColumn {
            column_id: column.id,
            bytes: 0,
            value_count: part.row_count as u64 - null_count,
            null_count,
            min: texts.min,
            max: texts.max,
            contains_nan: texts.contains_nan,
        });
        part.stored.push(stored);
    }
    Ok(Some(part))
}

/// Inserts the rows, and makes their table if it is not there.
pub(super) fn append_inlined(
    target: &Target<'_>,
    part: &InlinedPart,
    counters: &mut Counters,
    batch: &mut Batch,
) -> Result<(), Error> {
    let table = target.table;
    let id = table.id.0;
    let (data_table, schema_version) = counters.inlined_table()?;
    let columns = table.columns.iter();
    let columns: Vec<(String, ColumnType)> = columns
        .map(|column| (column.name.clone(), column.column_type.clone()))
        .collect();
    if !std::mem::replace(&mut counters.has_inlined, true) {
        batch.writes.push(Write::CreateInlined {
            data_table: data_table.clone(),
            columns: columns.clone(),
        });
        batch.writes.push(Write::insert(&[InlinedTableRow {
            table_id: id,
            table_name: data_table.clone(),
            schema_version,
        }]));
    }
    let values = inlined_values(&table.columns, &part.stored, part.row_count)?;
    let rows = values.into_iter().zip(counters.stats.next_row_id..);
    let rows = rows.map(|(values, row_id)| InlinedRow { row_id, values });
    batch.writes.push(Write::InsertInlined {
        data_table,
        columns,
        begin: batch.snapshot_id,
        rows: rows.collect(),
    });
    counters.stats.record_count += signed(part.row_count as u64);
    counters.stats.next_row_id += signed(part.row_count as u64);
    batch.object(ObjectChange::InlinedInsert, id);
    Ok(())
}
