//! Casts between PostgreSQL types, over whole columns.
//!
//! Differences from Arrow's casts: numbers round instead of being cut, overflow is
//! 22003, text goes through PostgreSQL's input and output functions, and what
//! concerns local time uses the session's zone.
//!
//! Errors: `22003`, `22001`, `22P02`, `22007`, `22008`; `42846` if there is no cast.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringViewArray, new_null_array};
use arrow::datatypes::DataType;

use crate::context::StatementContext;
use crate::error::SqlError;
use crate::types::{PgType, input, oid, output};

mod character;
mod json;
mod number;
mod temporal;
pub(crate) mod udf;

/// Who asks for a cast: it decides whether text that is too long is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CastKind {
    /// `CAST(x AS t)`, `x::t`.
    Explicit,
    /// A value stored into a column.
    Assignment,
}

/// `array` of type `from` as type `to`; `array.len()` values, nulls stay null.
///
/// The result's Arrow type is `target`, which is `to.arrow_type()` but for a
/// numeric without bounds, whose scale follows its source.
pub(crate) fn cast_array(
    array: &ArrayRef,
    from: PgType,
    to: PgType,
    target: &DataType,
    kind: CastKind,
    ctx: &StatementContext,
) -> Result<ArrayRef, SqlError> {
    if matches!(array.data_type(), DataType::Null) {
        return Ok(new_null_array(target, array.len()));
    }
    if from == to && array.data_type() == target {
        return Ok(Arc::clone(array));
    }
    if let Some(result) = number::cast(array, from, to, target)? {
        return Ok(result);
    }
    if let Some(result) = temporal::cast(array, from, to, ctx)? {
        return Ok(result);
    }
    if let Some(result) = character::cast(array, from, to)? {
        return Ok(result);
    }
    if is_text(from) {
        return from_text(array, from, to, target, kind, ctx);
    }
    if is_text(to) {
        return to_text(array, from, to, kind, ctx);
    }
    if from.element().is_some() && to.element().is_some() {
        return array_elements(array, from, to, target, kind, ctx);
    }
    if from.oid == oid::JSONB
        && let Some(result) = json::cast(array, to, target, ctx)?
    {
        return Ok(result);
    }
    match (from.oid, to.oid) {
        (oid::JSON | oid::JSONB, oid::JSON | oid::JSONB) => {
            input::cast_text(array, to, &ctx.input, true)
        }
        _ => Err(SqlError::cannot_cast(&from.display(), &to.display())),
    }
}

/// Whether values are held as text and are read as such.
pub(crate) fn is_text(pg_type: PgType) -> bool {
    matches!(
        pg_type.oid,
        oid::TEXT | oid::VARCHAR | oid::BPCHAR | oid::NAME | oid::CHAR | oid::UNKNOWN
    )
}

fn from_text(
    array: &ArrayRef,
    from: PgType,
    to: PgType,
    target: &DataType,
    kind: CastKind,
    ctx: &StatementContext,
) -> Result<ArrayRef, SqlError> {
    let trimmed = if from.oid == oid::BPCHAR {
        trim_padding(array)?
    } else {
        Arc::clone(array)
    };
    if let Some(name) = registered_name(to) {
        return crate::functions::lookup_names(&trimmed, name, ctx);
    }
    if to.oid == oid::NUMERIC
        && let DataType::Decimal128(precision, scale) = target
    {
        let bounded = PgType::numeric(*precision, *scale);
        return input::cast_text(&trimmed, bounded, &ctx.input, true);
    }
    input::cast_text(&trimmed, to, &ctx.input, kind == CastKind::Explicit)
}

/// The kind of object whose name a `reg*` type holds.
fn registered_name(to: PgType) -> Option<&'static str> {
    match to.oid {
        oid::REGCLASS => Some("regclass_in"),
        oid::REGTYPE => Some("regtype_in"),
        oid::REGPROC => Some("regproc_in"),
        oid::REGNAMESPACE => Some("regnamespace_in"),
        oid::REGROLE => Some("regrole_in"),
        _ => None,
    }
}

fn to_text(
    array: &ArrayRef,
    from: PgType,
    to: PgType,
    kind: CastKind,
    ctx: &StatementContext,
) -> Result<ArrayRef, SqlError> {
    let text: ArrayRef = match from.oid {
        // The cast of a boolean differs from its output, which is t or f.
        oid::BOOL => boolean_words(array.as_boolean()),
        oid::REGCLASS | oid::REGTYPE | oid::REGPROC | oid::REGNAMESPACE | oid::REGROLE => {
            crate::functions::lookup_names(array, &format!("{}_out", from.entry().name), ctx)?
        }
        _ => Arc::new(output::to_text_array(array.as_ref(), from, &ctx.style)?),
    };
    if to.oid == oid::TEXT {
        return Ok(text);
    }
    input::cast_text(&text, to, &ctx.input, kind == CastKind::Explicit)
}

fn boolean_words(values: &BooleanArray) -> ArrayRef {
    let words = values
        .iter()
        .map(|value| value.map(|truth| if truth { "true" } else { "false" }));
    Arc::new(words.collect::<StringViewArray>())
}

/// `char(n)` loses its padding when it becomes another kind of text.
pub(crate) fn trim_padding(array: &ArrayRef) -> Result<ArrayRef, SqlError> {
    let text = arrow::compute::cast(array, &DataType::Utf8View)?;
    let trimmed: StringViewArray = text
        .as_string_view()
        .iter()
        .map(|value| value.map(|t| t.trim_end_matches(' ')))
        .collect();
    Ok(Arc::new(trimmed))
}

fn is_list(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(_, _)
    )
}

fn array_elements(
    array: &ArrayRef,
    from: PgType,
    to: PgType,
    target: &DataType,
    kind: CastKind,
    ctx: &StatementContext,
) -> Result<ArrayRef, SqlError> {
    let whole = (from, to);
    let (Some(from), Some(to)) = (from.element(), to.element()) else {
        return Err(SqlError::cannot_cast(&from.display(), &to.display()));
    };
    let DataType::List(field) = target else {
        return Err(SqlError::internal("an array type that is no list"));
    };
    let plain = match array.data_type() {
        DataType::List(_) => Arc::clone(array),
        DataType::LargeList(element) | DataType::FixedSizeList(element, _) => {
            arrow::compute::cast(array, &DataType::List(Arc::clone(element)))?
        }
        _ => return Err(SqlError::cannot_cast(&from.display(), &to.display())),
    };
    let lists = plain.as_list::<i32>();
    let inner = lists.values();
    // The lists of an array of several dimensions have the type of the whole.
    let values = if is_list(inner.data_type()) {
        array_elements(inner, whole.0, whole.1, field.data_type(), kind, ctx)?
    } else {
        cast_array(inner, from, to, field.data_type(), kind, ctx)?
    };
    let result = arrow::array::ListArray::try_new(
        Arc::clone(field),
        lists.offsets().clone(),
        values,
        lists.nulls().cloned(),
    )?;
    Ok(Arc::new(result))
}
