//! `any_compare` and `all_compare`, which `x = ANY (array)` becomes, and the
//! operators between arrays.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, StringViewArray};

use super::{comparator, is_same, list, range};
use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::Call;
use crate::functions::kinds::Text;
use crate::functions::pattern::{Options, run_error};

pub(super) fn register(registry: &mut Registry) {
    registry.add("any_compare(text, anyelement, anyarray) -> bool", |call| {
        quantified(call, true)
    });
    registry.add("all_compare(text, anyelement, anyarray) -> bool", |call| {
        quantified(call, false)
    });
    registry.add("arraycontains(anyarray, anyarray) -> bool", |call| {
        contains(call, 0, 1)
    });
    registry.add("arraycontained(anyarray, anyarray) -> bool", |call| {
        contains(call, 1, 0)
    });
    registry.add("arrayoverlap(anyarray, anyarray) -> bool", |call| {
        sets(call, 0, 1, |mut has| has.any(|found| found))
    });
    registry.add("$array_order(anyarray, anyarray) -> int4", order);
    registry.alias("array_contains", "arraycontains");
    registry.alias("array_contained", "arraycontained");
    registry.alias("array_overlap", "arrayoverlap");
}

/// The order of two arrays: element by element, a NULL above all others, then by length.
fn order(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let (left, right) = (call.column(0)?, call.column(1)?);
    let (left_lists, right_lists) = (list(left, call)?, list(right, call)?);
    let (left_values, right_values) = (left_lists.values(), right_lists.values());
    let compare = comparator(left_values, right_values)?;
    call.rows(|row| {
        let (Some(a), Some(b)) = (range(left_lists, left, row), range(right_lists, right, row))
        else {
            return Ok(None);
        };
        let lengths = a.len().cmp(&b.len());
        let mut pairs =
            a.zip(b).map(
                |(a, b)| match (left_values.is_null(a), right_values.is_null(b)) {
                    (false, false) => compare(a, b),
                    (left, right) => left.cmp(&right),
                },
            );
        let first = pairs.find(|order| order.is_ne());
        Ok::<Option<i32>, SqlError>(Some(first.unwrap_or(lengths) as i32))
    })
}

/// Whether left `operator` right holds; `None` if either is NULL.
type Test<'a> = Box<dyn Fn(usize, usize) -> Result<bool, SqlError> + 'a>;

/// Three-valued OR (ANY) or AND (ALL) over the elements.
fn quantified(call: &Call<'_>, is_any: bool) -> Result<ArrayRef, SqlError> {
    let operators = call.reader::<Text>(0)?;
    let (value, column) = (call.column(1)?, call.column(2)?);
    let lists = list(column, call)?;
    let elements = lists.values();
    let operator = operators.value(0).unwrap_or("=").to_owned();
    let test = test(call, &operator, &value.array, elements)?;
    call.rows(|row| {
        let Some(range) = range(lists, column, row) else {
            return Ok(None);
        };
        let left = value.index(row);
        let mut has_null = false;
        for index in range {
            if value.array.is_null(left) || elements.is_null(index) {
                has_null = true;
            } else if test(left, index)? == is_any {
                return Ok(Some(is_any));
            }
        }
        Ok(if has_null { None } else { Some(!is_any) })
    })
}

fn test<'a>(
    call: &'a Call<'_>,
    operator: &str,
    left: &'a ArrayRef,
    right: &'a ArrayRef,
) -> Result<Test<'a>, SqlError> {
    let accepts: fn(Ordering) -> bool = match operator {
        "=" => Ordering::is_eq,
        "<>" | "!=" => Ordering::is_ne,
        "<" => Ordering::is_lt,
        "<=" => Ordering::is_le,
        ">" => Ordering::is_gt,
        ">=" => Ordering::is_ge,
        _ => return text_test(call, operator, left, right),
    };
    let compare = comparator(left, right)?;
    Ok(Box::new(move |left, right| {
        Ok(accepts(compare(left, right)))
    }))
}

/// LIKE and the regular-expression operators.
fn text_test<'a>(
    call: &'a Call<'_>,
    operator: &str,
    left: &'a ArrayRef,
    right: &'a ArrayRef,
) -> Result<Test<'a>, SqlError> {
    let unknown = || {
        let (left, right) = (call.types[1].display(), call.types[2].display());
        SqlError::undefined_operator(&left, operator, &right)
    };
    let as_texts = |array: &'a ArrayRef| array.as_any().downcast_ref::<StringViewArray>();
    let (Some(texts), Some(patterns)) = (as_texts(left), as_texts(right)) else {
        return Err(unknown());
    };
    let (body, is_negated) = match operator.strip_prefix('!') {
        Some(body) => (body, true),
        None => (operator, false),
    };
    let (is_like, ignores_case) = match body {
        "~~" => (true, false),
        "~~*" => (true, true),
        "~" => (false, false),
        "~*" => (false, true),
        _ => return Err(unknown()),
    };
    let options = if ignores_case {
        Options::NONE.ignoring_case()
    } else {
        Options::NONE
    };
    Ok(Box::new(move |left, right| {
        let (text, pattern) = (texts.value(left), patterns.value(right));
        let is_match = if is_like {
            crate::functions::text::is_like(text, pattern, ignores_case)?
        } else {
            call.patterns
                .regex(pattern, options)?
                .is_match(text)
                .map_err(run_error)?
        };
        Ok(is_match != is_negated)
    }))
}

/// Whether each element asked about was found.
type Found<'a> = Box<dyn Iterator<Item = bool> + 'a>;

fn contains(call: &Call<'_>, whole: usize, part: usize) -> Result<ArrayRef, SqlError> {
    sets(call, part, whole, |mut has| has.all(|found| found))
}

/// Asks of each element of one array whether the other has it; NULL elements
/// are never found.
fn sets(
    call: &Call<'_>,
    asked: usize,
    other: usize,
    fold: fn(Found<'_>) -> bool,
) -> Result<ArrayRef, SqlError> {
    let (asked, other) = (call.column(asked)?, call.column(other)?);
    let (asked_lists, other_lists) = (list(asked, call)?, list(other, call)?);
    let (asked_values, other_values) = (asked_lists.values(), other_lists.values());
    let compare = comparator(asked_values, other_values)?;
    call.rows(|row| {
        let (Some(left), Some(right)) = (
            range(asked_lists, asked, row),
            range(other_lists, other, row),
        ) else {
            return Ok(None);
        };
        let has = left.map(|index| {
            asked_values.is_valid(index)
                && right
                    .clone()
                    .any(|candidate| is_same(&compare, index, candidate))
        });
        Ok(Some(fold(Box::new(has))))
    })
}
