//! Names of types inside of lists.
//!
//! The type of a list's elements stands in the list's own Arrow type. Files, kernels and
//! the engine's functions know the form of the elements only, and batches whose columns do
//! not have exactly the types of their schema are refused.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, ListArray, RecordBatch, RecordBatchOptions,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

/// A list of the same form as `data_type`, with that very type; any other array as it is.
///
/// Cost: none of its values is touched.
pub(crate) fn labelled(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    let (DataType::List(_), DataType::List(element)) = (array.data_type(), data_type) else {
        return Ok(Arc::clone(array));
    };
    if array.data_type() == data_type {
        return Ok(Arc::clone(array));
    }
    let list = array.as_list::<i32>();
    let values = labelled(list.values(), element.data_type())?;
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(element),
        list.offsets().clone(),
        values,
        list.nulls().cloned(),
    )?))
}

/// Whether any column is a list whose elements have a name that their form does not tell.
pub(crate) fn has_labels(schema: &Schema) -> bool {
    fn is_labelled(field: &Field) -> bool {
        match field.data_type() {
            DataType::List(element) => !element.metadata().is_empty() || is_labelled(element),
            _ => false,
        }
    }
    schema.fields().iter().any(|field| is_labelled(field))
}

/// The batch with its lists as the schema names them.
pub(crate) fn labelled_batch(
    batch: &RecordBatch,
    schema: &SchemaRef,
) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns: Result<Vec<ArrayRef>, ArrowError> = columns
        .map(|(column, field)| labelled(column, field.data_type()))
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns?, &options)
}
