//! Arrays made of arrays: appending, removing, replacing, and finding elements.

use arrow::array::{Array, ArrayRef};

use super::{Gather, comparator, is_same, list, range};
use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::Call;
use crate::functions::kinds::{Int4, Items, List};

pub(super) fn register(registry: &mut Registry) {
    registry.add("array_append(anyarray, anyelement) -> anyarray", |call| {
        joined(call, 0, 1)
    });
    registry.add("array_prepend(anyelement, anyarray) -> anyarray", |call| {
        joined(call, 0, 1)
    });
    registry.add("array_cat(anyarray, anyarray) -> anyarray", |call| {
        joined(call, 0, 1)
    });
    registry.add("array_remove(anyarray, anyelement) -> anyarray", remove);
    registry.add(
        "array_replace(anyarray, anyelement, anyelement) -> anyarray",
        replace,
    );
    registry.add("array_position(anyarray, anyelement) -> int4", |call| {
        let found = Positions::open(call)?;
        call.rows(|row| Ok(found.all(row).and_then(|all| all.first().copied())))
    });
    registry.add(
        "array_position(anyarray, anyelement, int4) -> int4",
        |call| {
            let found = Positions::open(call)?;
            let starts = call.reader::<Int4>(2)?;
            call.rows(|row| {
                let Some(start) = starts.value(row) else {
                    return Err(SqlError::null_not_allowed(
                        "initial position must not be null",
                    ));
                };
                let all = found.all(row).unwrap_or_default();
                Ok(all.into_iter().find(|position| *position >= start))
            })
        },
    );
    registry.add("array_positions(anyarray, anyelement) -> _int4", |call| {
        let found = Positions::open(call)?;
        call.rows(|row| Ok(found.all(row).map(Items)))
    });
    registry.add("trim_array(anyarray, int4) -> anyarray", trim);
    registry.add("array_fill(anyelement, _int4) -> anyarray", fill);
    registry.add("array_slice(anyarray, int4, int4) -> anyarray", slice);
    registry.add("array_subscript(anyarray, int4) -> anyelement", subscript);
}

/// The two arguments after each other; a NULL array counts as empty, unless all
/// arguments are arrays and NULL.
fn joined(call: &Call<'_>, left: usize, right: usize) -> Result<ArrayRef, SqlError> {
    let (left_values, left_part) = part(call, left)?;
    let (right_values, right_part) = part(call, right)?;
    let are_both_arrays =
        call.types[left].element().is_some() && call.types[left] == call.types[right];
    let mut gather = Gather::new(call.rows);
    for row in 0..call.rows {
        let (head, tail) = (left_part(row), right_part(row));
        if are_both_arrays && head.is_none() && tail.is_none() {
            gather.push(None::<Vec<_>>);
            continue;
        }
        let head = head.into_iter().flatten().map(|index| (0, index));
        let tail = tail.into_iter().flatten().map(|index| (1, index));
        gather.push(Some(head.chain(tail)));
    }
    gather.finish(&[&left_values, &right_values], &call.data_type)
}

type Part<'a> = Box<dyn Fn(usize) -> Option<std::ops::Range<usize>> + 'a>;

/// The elements that an argument adds in a row, as a range of the returned values.
fn part<'a>(call: &'a Call<'_>, index: usize) -> Result<(ArrayRef, Part<'a>), SqlError> {
    let column = call.column(index)?;
    let is_list = call.types[index].oid == call.result.oid;
    if !is_list {
        let elements = move |row: usize| {
            let at = column.index(row);
            Some(at..at + 1)
        };
        return Ok((std::sync::Arc::clone(&column.array), Box::new(elements)));
    }
    let lists = list(column, call)?;
    let elements = move |row: usize| range(lists, column, row);
    Ok((std::sync::Arc::clone(lists.values()), Box::new(elements)))
}

fn remove(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let (column, needle) = (call.column(0)?, call.column(1)?);
    let lists = list(column, call)?;
    let compare = comparator(lists.values(), &needle.array)?;
    let mut gather = Gather::new(call.rows);
    for row in 0..call.rows {
        let elements = range(lists, column, row).map(|range| {
            range
                .filter(|index| !is_same(&compare, *index, needle.index(row)))
                .map(|index| (0, index))
                .collect::<Vec<_>>()
        });
        gather.push(elements);
    }
    gather.finish(&[lists.values()], &call.data_type)
}

fn replace(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let (column, from, to) = (call.column(0)?, call.column(1)?, call.column(2)?);
    let lists = list(column, call)?;
    let compare = comparator(lists.values(), &from.array)?;
    let mut gather = Gather::new(call.rows);
    for row in 0..call.rows {
        let elements = range(lists, column, row).map(|range| {
            range
                .map(|index| {
                    let is_match = is_same(&compare, index, from.index(row));
                    if is_match {
                        (1, to.index(row))
                    } else {
                        (0, index)
                    }
                })
                .collect::<Vec<_>>()
        });
        gather.push(elements);
    }
    gather.finish(&[lists.values(), &to.array], &call.data_type)
}

/// Positions of an element in the array of each row.
struct Positions<'a> {
    call: &'a Call<'a>,
    lists: &'a arrow::array::ListArray,
    compare: arrow::array::DynComparator,
}

impl<'a> Positions<'a> {
    fn open(call: &'a Call<'a>) -> Result<Self, SqlError> {
        let lists = list(call.column(0)?, call)?;
        let compare = comparator(lists.values(), &call.column(1)?.array)?;
        Ok(Self {
            call,
            lists,
            compare,
        })
    }

    /// From 1; `None` if the array is NULL.
    fn all(&self, row: usize) -> Option<Vec<i32>> {
        let needle = self.call.columns[1].index(row);
        let range = range(self.lists, &self.call.columns[0], row)?;
        let found = range
            .enumerate()
            .filter(|(_, index)| is_same(&self.compare, *index, needle))
            .filter_map(|(position, _)| i32::try_from(position + 1).ok());
        Some(found.collect())
    }
}

fn trim(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let column = call.column(0)?;
    let (lists, counts) = (list(column, call)?, call.reader::<Int4>(1)?);
    let mut gather = Gather::new(call.rows);
    for row in 0..call.rows {
        let (Some(range), Some(count)) = (range(lists, column, row), counts.value(row)) else {
            gather.push(None::<Vec<_>>);
            continue;
        };
        let cut = usize::try_from(count)
            .ok()
            .filter(|cut| *cut <= range.len())
            .ok_or_else(|| {
                let bound = range.len();
                SqlError::array_subscript(&format!(
                    "number of elements to trim must be between 0 and {bound}"
                ))
            })?;
        gather.push(Some((range.start..range.end - cut).map(|index| (0, index))));
    }
    gather.finish(&[lists.values()], &call.data_type)
}

/// Most elements that `array_fill` makes.
const FILL_COUNT_MAX: i32 = 10_000_000;

fn fill(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let value = call.column(0)?;
    let dimensions = call.reader::<List>(1)?;
    let mut gather = Gather::new(call.rows);
    for row in 0..call.rows {
        let Some(sizes) = dimensions.value(row) else {
            return Err(SqlError::null_not_allowed(
                "dimension array or low bound array cannot be null",
            ));
        };
        let sizes = crate::functions::kinds::primitive::<arrow::datatypes::Int32Type>(&sizes)?;
        if sizes.null_count() > 0 {
            return Err(SqlError::null_not_allowed(
                "dimension values cannot be null",
            ));
        }
        let count = match sizes.values().as_ref() {
            [] => 0,
            [count] => *count,
            _ => return Err(SqlError::not_supported("an array of several dimensions")),
        };
        if count > FILL_COUNT_MAX {
            return Err(SqlError::limit_exceeded(
                "array size exceeds the maximum allowed",
            ));
        }
        let at = value.index(row);
        gather.push(Some((0..count.max(0)).map(|_| (0, at))));
    }
    gather.finish(&[&value.array], &call.data_type)
}

/// `a[from:to]`; bounds outside the array are cut.
fn slice(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let column = call.column(0)?;
    let lists = list(column, call)?;
    let (lower, upper) = (call.reader::<Int4>(1)?, call.reader::<Int4>(2)?);
    // A bound that was left out arrives as a NULL literal.
    let mut gather = Gather::new(call.rows);
    for row in 0..call.rows {
        let Some(range) = range(lists, column, row) else {
            gather.push(None::<Vec<_>>);
            continue;
        };
        let from = lower.value(row).unwrap_or(1).max(1);
        let to = upper.value(row).unwrap_or(i32::MAX);
        let skip = usize::try_from(i64::from(from) - 1).unwrap_or(0);
        let end = usize::try_from(to).unwrap_or(0).min(range.len());
        gather.push(Some(
            (range.start + skip.min(end)..range.start + end).map(|index| (0, index)),
        ));
    }
    gather.finish(&[lists.values()], &call.data_type)
}

/// `a[i]`; NULL outside the array.
fn subscript(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let column = call.column(0)?;
    let lists = list(column, call)?;
    let positions = call.reader::<Int4>(1)?;
    let picked: arrow::array::UInt64Array = (0..call.rows)
        .map(|row| {
            let range = range(lists, column, row)?;
            let offset = usize::try_from(positions.value(row)?)
                .ok()?
                .checked_sub(1)?;
            (offset < range.len()).then_some((range.start + offset) as u64)
        })
        .collect();
    Ok(arrow::compute::take(lists.values(), &picked, None)?)
}
