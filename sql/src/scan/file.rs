//! One data file as a scan reads it: what goes with it into DataFusion's file list.

use std::sync::Arc;

use datafusion::common::{ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetRowSelection;
use gotgan_storage::{DataFile, DeletedPositions, NameMapping};
use object_store::path::Path;
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};

use crate::SqlError;

/// Trailing bytes of a Parquet file: length of the footer and the magic number.
const TRAILER_BYTES: u64 = 8;

/// Read from the end of a file whose footer's size is unknown.
const FOOTER_GUESS_BYTES: u64 = 64 * 1024;

/// A data file with everything that reading it needs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScanFile {
    /// As in the catalog.
    pub(crate) id: i64,
    /// In the lake's object store.
    pub(crate) location: Path,
    /// Size of the object.
    pub(crate) bytes: u64,
    /// Size of the footer without its trailer; 0 if unknown.
    pub(crate) footer_bytes: u64,
    /// Deleted rows count too.
    pub(crate) row_count: u64,
    /// Ascending positions from 0.
    pub(crate) deleted: Option<Arc<DeletedPositions>>,
    /// Columns are found by name instead of field id.
    pub(crate) name_mapping: Option<Arc<NameMapping>>,
    /// Field ids of the columns that hold a NaN, or may: the file's own statistics
    /// leave NaN out, so they must not prune.
    pub(crate) nan_columns: Vec<i64>,
}

impl ScanFile {
    /// Describes `file`; `deleted` is what storage loaded for it, rows of later
    /// snapshots included.
    ///
    /// Errors: 0A000 for a file some of whose values are in its path.
    pub(crate) fn new(
        file: &DataFile,
        deleted: Option<Arc<DeletedPositions>>,
        nan_columns: Vec<i64>,
    ) -> Result<Self, SqlError> {
        let mapping = file.name_mapping.as_deref();
        if mapping.is_some_and(|mapping| mapping.entries.iter().any(|entry| entry.is_partition)) {
            return Err(SqlError::not_supported(
                "reading a file with column values in its path",
            ));
        }
        Ok(Self {
            id: file.id,
            location: file.location.clone(),
            bytes: file.bytes,
            footer_bytes: file.footer_bytes,
            row_count: file.row_count,
            deleted: deleted.filter(|deleted| !deleted.positions.is_empty()),
            name_mapping: file.name_mapping.clone(),
            nan_columns,
        })
    }

    /// Rows that are not deleted.
    pub(crate) fn live_row_count(&self) -> u64 {
        let deleted = self
            .deleted
            .as_ref()
            .map_or(0, |deleted| deleted.positions.len() as u64);
        self.row_count.saturating_sub(deleted)
    }

    /// How many bytes from the end hold the footer.
    pub(crate) fn footer_hint(&self) -> usize {
        let hint = match self.footer_bytes {
            0 => FOOTER_GUESS_BYTES,
            known => known + TRAILER_BYTES,
        };
        usize::try_from(hint.min(self.bytes)).unwrap_or(usize::MAX)
    }

    /// The file as DataFusion lists it. Byte ranges may be cut from it: the selection
    /// is of the whole file and is split by row groups when it is opened.
    ///
    /// `has_positions`: whether the scan gives out the places of rows.
    pub(crate) fn listed(
        self: &Arc<Self>,
        statistics: Option<Arc<Statistics>>,
        has_positions: bool,
    ) -> PartitionedFile {
        let mut listed = PartitionedFile::new(String::new(), self.bytes)
            .with_metadata_size_hint(self.footer_hint())
            .with_extension(Arc::clone(self));
        listed.object_meta.location = self.location.clone();
        listed.statistics = statistics;
        if has_positions {
            listed.partition_values = vec![ScalarValue::from(self.id)];
        }
        match &self.deleted {
            Some(deleted) => {
                let selection = live_rows(&deleted.positions, self.row_count);
                listed.with_extension(ParquetRowSelection::new(selection))
            }
            None => listed,
        }
    }
}

/// The selection of all rows but the deleted ones.
fn live_rows(deleted: &[u64], row_count: u64) -> RowSelection {
    let count = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
    let mut runs: Vec<RowSelector> = Vec::new();
    let mut next = 0;
    for &position in deleted.iter().take_while(|position| **position < row_count) {
        match runs.last_mut() {
            Some(run) if run.skip && position == next => run.row_count += 1,
            _ => {
                if position > next {
                    runs.push(RowSelector::select(count(position - next)));
                }
                runs.push(RowSelector::skip(1));
            }
        }
        next = position + 1;
    }
    if row_count > next {
        runs.push(RowSelector::select(count(row_count - next)));
    }
    RowSelection::from(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(deleted: &[u64], row_count: u64, expected: &str) {
        let selection = live_rows(deleted, row_count);
        let shown: Vec<String> = selection
            .iter()
            .map(|run| format!("{}{}", if run.skip { '-' } else { '+' }, run.row_count))
            .collect();
        assert_eq!(shown.join(" "), expected);
    }

    #[test]
    fn deleted_positions_become_runs() {
        check(&[0], 3, "-1 +2");
        check(&[2], 3, "+2 -1");
        check(&[0, 1, 2], 3, "-3");
        check(&[1, 2, 4], 6, "+1 -2 +1 -1 +1");
        check(&[0, 2], 4, "-1 +1 -1 +1");
        check(&[], 4, "+4");
    }
}
