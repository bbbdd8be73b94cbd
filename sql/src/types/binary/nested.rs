//! Arrays of several dimensions in binary: lists of lists, which must be even.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, LargeListArray};
use arrow::datatypes::DataType;

use super::array;
use super::send::{BinaryColumn, encode_binary, with_type};
use crate::error::SqlError;
use crate::types::PgType;

/// Whether the elements of a list are lists.
pub(super) fn is_nested(list: &DataType) -> bool {
    element(list).is_some_and(|inner| element(inner).is_some())
}

fn element(list: &DataType) -> Option<&DataType> {
    match list {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => Some(field.data_type()),
        _ => None,
    }
}

/// Writes lists of lists. `element_type`: that of the innermost elements.
///
/// Errors: `0A000` for rows whose lists differ in length, which PostgreSQL has not.
pub(super) fn lists(array: &dyn Array, element_type: PgType) -> Result<BinaryColumn, SqlError> {
    let mut levels: Vec<LargeListArray> = Vec::new();
    let mut current: ArrayRef = array.slice(0, array.len());
    while let Some(inner) = field(current.data_type()) {
        let lists = with_type(current.as_ref(), &DataType::LargeList(inner))?;
        let lists = lists.as_list::<i64>().clone();
        current = Arc::clone(lists.values());
        levels.push(lists);
    }
    let values = encode_binary(current.as_ref(), element_type)?;
    let mut shapes = Vec::with_capacity(array.len());
    for row in 0..array.len() {
        shapes.push(if array.is_valid(row) {
            shape(&levels, row)?
        } else {
            Shape::default()
        });
    }
    Ok(BinaryColumn::build(
        array.len(),
        array.logical_nulls(),
        64,
        |out, row| {
            let shape = &shapes[row];
            let range = shape.start..shape.end;
            let has_nulls = range.clone().any(|index| values.value(index).is_none());
            array::write_dimensions(out, element_type.oid, &shape.dimensions, has_nulls);
            for index in range {
                array::write_element(out, values.value(index));
            }
        },
    ))
}

/// The dimensions of one array, and where its elements stand.
#[derive(Default)]
struct Shape {
    dimensions: Vec<usize>,
    start: usize,
    end: usize,
}

fn shape(levels: &[LargeListArray], row: usize) -> Result<Shape, SqlError> {
    let mut shape = Shape {
        dimensions: Vec::new(),
        start: row,
        end: row + 1,
    };
    for lists in levels {
        let offsets = lists.value_offsets();
        let length = |index: usize| (offsets[index + 1] - offsets[index]) as usize;
        let mut lengths = (shape.start..shape.end).map(length);
        let first = lengths.next().unwrap_or(0);
        let is_even = lengths.all(|other| other == first)
            && (shape.start..shape.end).all(|index| lists.is_valid(index));
        if !is_even {
            return Err(SqlError::not_supported(
                "an array whose elements differ in length",
            ));
        }
        shape.dimensions.push(first);
        (shape.start, shape.end) = (offsets[shape.start] as usize, offsets[shape.end] as usize);
        if first == 0 {
            return Ok(Shape::default());
        }
    }
    Ok(shape)
}

fn field(list: &DataType) -> Option<arrow::datatypes::FieldRef> {
    match list {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => Some(Arc::clone(field)),
        _ => None,
    }
}
