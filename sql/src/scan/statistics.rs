//! What the catalog knows of a scan's rows, in DataFusion's terms.
//!
//! Two kinds, which must not be confused:
//! - of the *scan*, for the optimizer: `Exact` only where an answer may be given from
//!   it alone (`count(*)`, `min`, `max`). Bounds may be wider than the values, because
//!   text is cut and deleted rows still count, and then they are `Inexact`.
//! - of a *file*, read by DataFusion's file pruner alone, which takes only `Exact`:
//!   there outer bounds are marked so. Nothing may answer from them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Result, ScalarValue, Statistics};
use gotgan_storage::{ColumnId, Constraint, FileBounds, FileList, Table};

use super::columns::TableColumns;
use super::file::ScanFile;
use super::prune::max_values;

/// Bytes that a value of variable length is taken for when nothing is known.
const VARIABLE_BYTES_GUESS: usize = 32;

/// The files of one scan with what is known of the columns it reads.
pub(crate) struct Known<'a> {
    pub(crate) table: &'a Table,
    pub(crate) columns: &'a TableColumns,
    pub(crate) list: &'a FileList,
    /// Indexes in `list` and descriptions of the files that will be read.
    pub(crate) files: &'a [(usize, Arc<ScanFile>)],
    /// Indexes of the columns that will be read.
    pub(crate) projection: &'a [usize],
}

impl Known<'_> {
    /// Statistics of each file, in the order of `files`.
    pub(crate) fn of_files(&self) -> Result<Vec<Arc<Statistics>>> {
        let columns = self.bounds();
        let statistics = self.files.iter().map(|(index, file)| {
            let mut known = Statistics::new_unknown(self.columns.schema());
            known.num_rows = Precision::Exact(count(file.row_count));
            for (column, bounds) in &columns {
                if let Some(slot) = known.column_statistics.get_mut(*column) {
                    slot.min_value = exact(bounds.min_at(*index)?);
                    slot.max_value = exact(bounds.max_at(*index)?);
                    slot.null_count = match bounds.max.data_type().is_floating() {
                        // Else a column of zeros counts as constant, whatever their sign.
                        true => Precision::Absent,
                        false => exact(bounds.null_count_at(*index)),
                    };
                }
            }
            Ok(Arc::new(known))
        });
        statistics.collect()
    }

    /// Statistics of all rows that the scan emits, before any filter.
    pub(crate) fn of_scan(&self) -> Result<Statistics> {
        let in_files: u64 = self
            .files
            .iter()
            .map(|(_, file)| file.live_row_count())
            .sum();
        let inlined = self
            .list
            .inlined
            .as_ref()
            .map_or(0, |rows| rows.batch.num_rows());
        let row_count = count(in_files) + inlined;
        let mut known = Statistics::new_unknown(self.columns.schema());
        known.num_rows = Precision::Exact(row_count);
        let mut bytes = 0;
        for &index in self.projection {
            let Some(slot) = known.column_statistics.get_mut(index) else {
                continue;
            };
            *slot = self.of_column(index, row_count)?;
            let column_bytes = self.column_bytes(index, row_count);
            slot.byte_size = Precision::Inexact(column_bytes);
            bytes += column_bytes;
        }
        known.total_byte_size = Precision::Inexact(bytes);
        Ok(known)
    }

    fn of_column(&self, index: usize, row_count: usize) -> Result<ColumnStatistics> {
        let mut known = ColumnStatistics::new_unknown();
        let Some(column) = self.columns.all().get(index) else {
            return Ok(known);
        };
        if self.is_key(column.id) {
            known.distinct_count = Precision::Inexact(row_count);
        }
        let Some(bounds) = self.column_bounds(index) else {
            return Ok(known);
        };
        let mut summary = Summary::default();
        for (file_index, file) in self.files {
            let nulls = bounds.null_count_at(*file_index);
            let is_all_null = nulls == Some(count(file.row_count));
            summary.add_nulls(nulls);
            if !is_all_null {
                summary.add_bounds(bounds.min_at(*file_index)?, bounds.max_at(*file_index)?);
            }
        }
        if let Some(rows) = &self.list.inlined {
            let values = rows.batch.column(index);
            summary.add_nulls(Some(values.null_count()));
            summary.add_values(values)?;
        }
        let has_deletes = self.files.iter().any(|(_, file)| file.deleted.is_some());
        let data_type = self.columns.schema().field(index).data_type();
        let is_tight = !has_deletes && has_tight_bounds(data_type);
        known.null_count = summary.null_count(!has_deletes);
        (known.min_value, known.max_value) = summary.bounds(is_tight);
        Ok(known)
    }

    /// Whether the column alone is a declared key: informational, so an estimate.
    fn is_key(&self, id: ColumnId) -> bool {
        self.table
            .constraints
            .iter()
            .any(|entry| match &entry.constraint {
                Constraint::PrimaryKey { columns } | Constraint::Unique { columns } => {
                    columns.as_slice() == [id]
                }
                Constraint::ForeignKey { .. } | Constraint::Check { .. } => false,
            })
    }

    fn column_bytes(&self, index: usize, row_count: usize) -> usize {
        let data_type = self.columns.schema().field(index).data_type();
        row_count.saturating_mul(data_type.primitive_width().unwrap_or(match data_type {
            DataType::Boolean => 1,
            DataType::FixedSizeBinary(width) => usize::try_from(*width).unwrap_or(0),
            _ => VARIABLE_BYTES_GUESS,
        }))
    }

    fn bounds(&self) -> Vec<(usize, ColumnBounds)> {
        let known = |index: &usize| Some((*index, self.column_bounds(*index)?));
        self.projection.iter().filter_map(known).collect()
    }

    fn column_bounds(&self, index: usize) -> Option<ColumnBounds> {
        let column = self.columns.all().get(index)?;
        let bounds = self.list.bounds(column.id)?;
        let max = max_values(&bounds);
        let has_type = bounds.min.data_type() == self.columns.schema().field(index).data_type();
        Some(ColumnBounds {
            has_bounds: has_type && column.column_type.has_bounds(),
            bounds,
            max,
        })
    }
}

/// Field ids of the float columns in which the file at `index` may hold a NaN.
pub(crate) fn nan_columns(columns: &TableColumns, list: &FileList, index: usize) -> Vec<i64> {
    let may_hold_nan = |id: ColumnId| {
        let known = list
            .bounds(id)
            .map(|bounds| !bounds.contains_nan.is_null(index) && !bounds.contains_nan.value(index));
        known != Some(true)
    };
    let fields = columns.schema().fields().iter().zip(columns.all());
    fields
        .filter(|(field, column)| field.data_type().is_floating() && may_hold_nan(column.id))
        .map(|(_, column)| column.id.0)
        .collect()
}

/// Whether the catalog's bounds of this type are values that occur: text is cut, and
/// floats have two zeros.
fn has_tight_bounds(data_type: &DataType) -> bool {
    data_type.is_integer() || data_type.is_temporal() || data_type.is_decimal()
}

/// One column's bounds in all files of the list.
struct ColumnBounds {
    bounds: Arc<FileBounds>,
    max: ArrayRef,
    has_bounds: bool,
}

impl ColumnBounds {
    fn min_at(&self, index: usize) -> Result<Option<ScalarValue>> {
        self.value_at(&self.bounds.min, index)
    }

    fn max_at(&self, index: usize) -> Result<Option<ScalarValue>> {
        self.value_at(&self.max, index)
    }

    fn value_at(&self, values: &ArrayRef, index: usize) -> Result<Option<ScalarValue>> {
        if !self.has_bounds || values.is_null(index) {
            return Ok(None);
        }
        ScalarValue::try_from_array(values, index).map(Some)
    }

    fn null_count_at(&self, index: usize) -> Option<usize> {
        let counts = &self.bounds.null_count;
        (!counts.is_null(index)).then(|| count(counts.value(index)))
    }
}

/// What the parts of a column say together; unknown as soon as one part is.
struct Summary {
    nulls: Option<usize>,
    min: Option<ScalarValue>,
    max: Option<ScalarValue>,
    is_known: bool,
}

impl Default for Summary {
    fn default() -> Self {
        Self {
            nulls: Some(0),
            min: None,
            max: None,
            is_known: true,
        }
    }
}

impl Summary {
    fn add_nulls(&mut self, nulls: Option<usize>) {
        self.nulls = self.nulls.zip(nulls).map(|(sum, more)| sum + more);
    }

    fn add_bounds(&mut self, min: Option<ScalarValue>, max: Option<ScalarValue>) {
        let (Some(min), Some(max)) = (min, max) else {
            self.is_known = false;
            return;
        };
        if self.min.as_ref().is_none_or(|least| min < *least) {
            self.min = Some(min);
        }
        if self.max.as_ref().is_none_or(|greatest| max > *greatest) {
            self.max = Some(max);
        }
    }

    fn add_values(&mut self, values: &ArrayRef) -> Result<()> {
        for index in (0..values.len()).filter(|index| values.is_valid(*index)) {
            let value = ScalarValue::try_from_array(values, index)?;
            self.add_bounds(Some(value.clone()), Some(value));
        }
        Ok(())
    }

    fn null_count(&self, is_tight: bool) -> Precision<usize> {
        self.nulls
            .map_or(Precision::Absent, |nulls| precise(nulls, is_tight))
    }

    /// No value at all leaves both absent, not NULL: then the rows are asked.
    fn bounds(self, is_tight: bool) -> (Precision<ScalarValue>, Precision<ScalarValue>) {
        match (self.min, self.max) {
            (Some(min), Some(max)) if self.is_known => {
                (precise(min, is_tight), precise(max, is_tight))
            }
            _ => (Precision::Absent, Precision::Absent),
        }
    }
}

fn precise<T: std::fmt::Debug + Clone + PartialEq + Eq + PartialOrd>(
    value: T,
    is_tight: bool,
) -> Precision<T> {
    if is_tight {
        Precision::Exact(value)
    } else {
        Precision::Inexact(value)
    }
}

fn exact<T: std::fmt::Debug + Clone + PartialEq + Eq + PartialOrd>(
    value: Option<T>,
) -> Precision<T> {
    value.map_or(Precision::Absent, Precision::Exact)
}

fn count(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}
