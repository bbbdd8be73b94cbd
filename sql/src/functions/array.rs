//! Functions of arrays. Arrays have one dimension and count from 1.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Decimal128Array, DynComparator, Float64Array, IntervalMonthDayNanoArray,
    ListArray, make_comparator,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{SortOptions, cast, interleave};
use arrow::datatypes::{DataType, IntervalUnit};

use super::Registry;
use super::call::{Call, Column, map1, map2};
use super::kinds::{Int4, Items, List};
use crate::error::SqlError;

mod compare;
mod edit;
mod series;
mod text;

/// Adds the functions of this folder.
pub(super) fn register(registry: &mut Registry) {
    shapes(registry);
    edit::register(registry);
    compare::register(registry);
    series::register(registry);
    text::register(registry);
}

fn length(items: &ArrayRef) -> Result<i32, SqlError> {
    i32::try_from(items.len()).map_err(|_| SqlError::out_of_range("integer"))
}

fn shapes(registry: &mut Registry) {
    for name in ["array_length", "array_upper"] {
        registry.add(&format!("{name}(anyarray, int4) -> int4"), |call| {
            map2::<List, Int4, _>(call, |items, dimension| {
                let exists = dimension == 1 && !items.is_empty();
                exists.then(|| length(&items)).transpose()
            })
        });
    }
    registry.add("array_lower(anyarray, int4) -> int4", |call| {
        map2::<List, Int4, _>(call, |items, dimension| {
            Ok((dimension == 1 && !items.is_empty()).then_some(1_i32))
        })
    });
    registry.add("array_ndims(anyarray) -> int4", |call| {
        map1::<List, _>(call, |items| Ok((!items.is_empty()).then_some(1_i32)))
    });
    registry.add("array_dims(anyarray) -> text", |call| {
        map1::<List, _>(call, |items| {
            Ok((!items.is_empty()).then(|| format!("[1:{}]", items.len())))
        })
    });
    registry.add("cardinality(anyarray) -> int4", |call| {
        map1::<List, _>(call, |items| length(&items))
    });
    registry.add(
        "generate_subscripts_array(anyarray, int4) -> _int4",
        |call| {
            map2::<List, Int4, _>(call, |items, dimension| {
                let last = if dimension == 1 { length(&items)? } else { 0 };
                Ok(Items((1..=last).collect::<Vec<i32>>()))
            })
        },
    );
}

/// The list array of an argument.
fn list<'a>(column: &'a Column, call: &Call<'_>) -> Result<&'a ListArray, SqlError> {
    column.array.as_any().downcast_ref().ok_or_else(|| {
        SqlError::internal(format!(
            "an array argument of {} is {}",
            call.name,
            column.array.data_type()
        ))
    })
}

/// Range of a row's elements within the values of its list; `None` for NULL.
fn range(list: &ListArray, column: &Column, row: usize) -> Option<std::ops::Range<usize>> {
    let index = column.index(row);
    if list.is_null(index) {
        return None;
    }
    let offsets = list.value_offsets();
    // Offsets are never negative.
    Some(offsets[index] as usize..offsets[index + 1] as usize)
}

/// Collects lists out of elements of existing arrays, without looking at them.
struct Gather {
    /// (source array, index) of each element.
    picked: Vec<(usize, usize)>,
    lengths: Vec<usize>,
    valid: Vec<bool>,
}

impl Gather {
    fn new(rows: usize) -> Self {
        Self {
            picked: Vec::with_capacity(rows),
            lengths: Vec::with_capacity(rows),
            valid: Vec::with_capacity(rows),
        }
    }

    /// Ends a row; `None` makes it NULL.
    fn push(&mut self, elements: Option<impl IntoIterator<Item = (usize, usize)>>) {
        let before = self.picked.len();
        self.valid.push(elements.is_some());
        if let Some(elements) = elements {
            self.picked.extend(elements);
        }
        self.lengths.push(self.picked.len() - before);
    }

    fn finish(self, sources: &[&ArrayRef], data_type: &DataType) -> Result<ArrayRef, SqlError> {
        let DataType::List(element) = data_type else {
            return Err(SqlError::internal("an array result has another type"));
        };
        let mut cast_sources = Vec::with_capacity(sources.len());
        for source in sources {
            cast_sources.push(cast(source, element.data_type())?);
        }
        let sources: Vec<&dyn Array> = cast_sources.iter().map(AsRef::as_ref).collect();
        let values = if self.picked.is_empty() {
            arrow::array::new_empty_array(element.data_type())
        } else {
            interleave(&sources, &self.picked)?
        };
        let offsets = OffsetBuffer::from_lengths(self.lengths);
        let nulls = NullBuffer::from(self.valid);
        Ok(Arc::new(ListArray::try_new(
            Arc::clone(element),
            offsets,
            values,
            Some(nulls),
        )?))
    }
}

/// Brings values to a form whose order in Arrow is that of PostgreSQL: zeros
/// have no sign, and intervals are lengths of time.
pub(super) fn comparable(array: &ArrayRef) -> Result<ArrayRef, SqlError> {
    match array.data_type() {
        DataType::Float32 => comparable(&cast(array, &DataType::Float64)?),
        DataType::Float64 => {
            let values: &Float64Array = super::kinds::primitive(array)?;
            let normal = |value: f64| {
                if value.is_nan() {
                    f64::NAN
                } else {
                    value + 0.0
                }
            };
            Ok(Arc::new(
                values.unary::<_, arrow::datatypes::Float64Type>(normal),
            ))
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let values: &IntervalMonthDayNanoArray = super::kinds::primitive(array)?;
            let lengths: Decimal128Array = values.unary(interval_length);
            Ok(Arc::new(lengths))
        }
        _ => Ok(Arc::clone(array)),
    }
}

/// Microseconds of an interval when a month has 30 days, as comparisons count.
pub(super) fn interval_length(value: arrow::datatypes::IntervalMonthDayNano) -> i128 {
    let days = i128::from(value.months) * 30 + i128::from(value.days);
    days * 86_400_000_000 + i128::from(value.nanoseconds / 1000)
}

/// Compares an element of one array with one of another; NULLs are equal.
fn comparator(left: &ArrayRef, right: &ArrayRef) -> Result<DynComparator, SqlError> {
    let (left, right) = (comparable(left)?, comparable(right)?);
    if let (DataType::Decimal128(_, left_scale), DataType::Decimal128(_, right_scale)) =
        (left.data_type(), right.data_type())
        && left.data_type() != right.data_type()
    {
        let common = DataType::Decimal128(38, *left_scale.max(right_scale));
        let (left, right) = (cast(&left, &common)?, cast(&right, &common)?);
        return Ok(make_comparator(&left, &right, SortOptions::default())?);
    }
    Ok(make_comparator(&left, &right, SortOptions::default())?)
}

/// Whether two elements are the same, NULLs included.
fn is_same(compare: &DynComparator, left: usize, right: usize) -> bool {
    compare(left, right) == Ordering::Equal
}
