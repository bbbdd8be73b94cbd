//! Rows in memory brought into the columns that their table has now.
//!
//! The same rules as for files: columns are found by id, one that is missing has its
//! initial value, one of another type is read as that.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatchOptions, UInt32Array};
use arrow::compute::{concat_batches, filter_record_batch, take};
use arrow::datatypes::{Field, Schema as ArrowSchema};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use crate::error::{Error, ErrorKind};
use crate::snapshot::{Column, InlinedRows};

impl InlinedRows {
    /// Rows as they are written: any layout of text and bytea becomes the usual one.
    ///
    /// `batch`: the columns by position. `row_ids`: one for each row.
    pub(crate) fn new(
        columns: &[Column],
        batch: &RecordBatch,
        row_ids: Arc<[i64]>,
    ) -> Result<Self, Error> {
        if batch.num_columns() != columns.len() || batch.num_rows() != row_ids.len() {
            let text = "rows that do not fit the table are appended";
            return Err(Error::new(ErrorKind::Internal, text));
        }
        let arrays = columns.iter().zip(batch.columns()).map(|(column, array)| {
            let column_type = &column.column_type;
            column_type.to_logical(&column_type.to_stored(array)?)
        });
        let arrays = arrays.collect::<Result<Vec<_>, Error>>()?;
        Self::of_arrays(columns, arrays, row_ids)
    }

    /// The rows that have the columns `from` in the columns `to`.
    pub(crate) fn conform(&self, from: &[Column], to: &[Column]) -> Result<Self, Error> {
        let is_same = |(one, two): (&Column, &Column)| {
            one.id == two.id && one.name == two.name && one.column_type == two.column_type
        };
        if from.len() == to.len() && from.iter().zip(to).all(is_same) {
            return Ok(self.clone());
        }
        let mut arrays = Vec::with_capacity(to.len());
        for column in to {
            let index = from.iter().position(|other| other.id == column.id);
            arrays.push(match index {
                None => self.repeated(&column.initial_value()?)?,
                Some(index) => {
                    let array = self.batch.column(index);
                    let stored = from[index].column_type.to_stored(array)?;
                    column.column_type.to_logical(&stored)?
                }
            });
        }
        Self::of_arrays(to, arrays, Arc::clone(&self.row_ids))
    }

    /// All rows one after the other; nothing if there are none.
    pub(crate) fn concat(parts: Vec<Self>) -> Result<Option<Self>, Error> {
        if parts.len() <= 1 {
            return Ok(parts.into_iter().next());
        }
        let schema = parts[0].batch.schema();
        let batch =
            concat_batches(&schema, parts.iter().map(|part| &part.batch)).map_err(broken)?;
        let row_ids = parts.iter().flat_map(|part| part.row_ids.iter().copied());
        let row_ids: Arc<[i64]> = row_ids.collect();
        Ok(Some(Self { batch, row_ids }))
    }

    /// The rows whose ids are not among `deleted`; nothing if none are left.
    pub(crate) fn without(&self, deleted: &BTreeSet<i64>) -> Result<Option<Self>, Error> {
        if deleted.is_empty() {
            return Ok(Some(self.clone()));
        }
        let is_kept = |id: &i64| !deleted.contains(id);
        let kept: BooleanArray = self.row_ids.iter().map(is_kept).map(Some).collect();
        let batch = filter_record_batch(&self.batch, &kept).map_err(broken)?;
        let row_ids: Arc<[i64]> = self.row_ids.iter().copied().filter(is_kept).collect();
        Ok((!row_ids.is_empty()).then_some(Self { batch, row_ids }))
    }

    /// One value for every row.
    fn repeated(&self, value: &ArrayRef) -> Result<ArrayRef, Error> {
        let indices = UInt32Array::from(vec![0; self.row_ids.len()]);
        take(value, &indices, None).map_err(broken)
    }

    pub(crate) fn of_arrays(
        columns: &[Column],
        arrays: Vec<ArrayRef>,
        row_ids: Arc<[i64]>,
    ) -> Result<Self, Error> {
        let fields = columns.iter().zip(&arrays);
        let fields =
            fields.map(|(column, array)| Field::new(&column.name, array.data_type().clone(), true));
        let schema = Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()));
        let options = RecordBatchOptions::new().with_row_count(Some(row_ids.len()));
        let batch = RecordBatch::try_new_with_options(schema, arrays, &options).map_err(broken)?;
        Ok(Self { batch, row_ids })
    }
}

fn broken(source: ArrowError) -> Error {
    Error::new(ErrorKind::Internal, "inlined rows do not make a batch").with_source(source)
}
