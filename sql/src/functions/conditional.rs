//! Choosing among values, and asking about them: `nvl`, `decode`, `pg_typeof`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, DynComparator, make_comparator, new_null_array};
use arrow::compute::{SortOptions, cast, interleave};
use arrow::datatypes::{DataType, Field};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::ScalarFunctionArgs;

use super::Registry;
use super::array::comparable;
use super::call::{Call, Column};
use super::coerce::convert;
use super::kinds::Text;
use super::signature::common_type;
use crate::error::SqlError;
use crate::types::{PgType, input, oid};

/// Adds the functions of this file.
pub(super) fn register(registry: &mut Registry) {
    registry.add("nvl(variadic anyelement) -> anyelement", |call| {
        pick(call, 0, |row| {
            (0..call.columns.len()).find(|index| !call.columns[*index].is_null(row))
        })
    });
    registry.add("nvl2(any, anyelement, anyelement) -> anyelement", |call| {
        pick(call, 1, |row| {
            Some(if call.columns[0].is_null(row) { 2 } else { 1 })
        })
    });
    // With two arguments `decode` is PostgreSQL's, of text to bytes.
    for parameters in ["any, any, any", "any, any, any, variadic any"] {
        registry
            .add(&format!("decode({parameters}) -> text"), decode)
            .returns(|typing| Ok(results_type(typing.parameters)))
            .stable();
    }
    registry.add("num_nulls(variadic any) -> int4", |call| {
        call.rows(|row| count(call.columns.iter().filter(|column| column.is_null(row))))
    });
    registry.add("num_nonnulls(variadic any) -> int4", |call| {
        call.rows(|row| count(call.columns.iter().filter(|column| !column.is_null(row))))
    });
    registry.add("pg_typeof(untyped) -> regtype", |call| {
        call.constant(i64::from(call.types[0].oid))
    });
    registry
        .add("gen_random_uuid() -> uuid", random_uuids)
        .volatile();
}

fn count<'a>(columns: impl Iterator<Item = &'a Column>) -> Result<i32, SqlError> {
    i32::try_from(columns.count()).map_err(|_| SqlError::out_of_range("integer"))
}

/// Takes each row from the argument that `choose` names; `None` gives NULL. The
/// arguments from `first` on have the type of the result.
fn pick(
    call: &Call<'_>,
    first: usize,
    choose: impl Fn(usize) -> Option<usize>,
) -> Result<ArrayRef, SqlError> {
    let mut sources = Vec::with_capacity(call.columns.len());
    for column in &call.columns[first..] {
        sources.push(cast(&column.array, &call.data_type)?);
    }
    pick_from(call, &sources, |row| {
        choose(row).map(|index| (index - first, call.columns[index].index(row)))
    })
}

fn pick_from(
    call: &Call<'_>,
    sources: &[ArrayRef],
    place: impl Fn(usize) -> Option<(usize, usize)>,
) -> Result<ArrayRef, SqlError> {
    let nothing = new_null_array(&call.data_type, 1);
    let mut arrays: Vec<&dyn Array> = sources.iter().map(AsRef::as_ref).collect();
    arrays.push(&nothing);
    let picked: Vec<(usize, usize)> = (0..call.rows)
        .map(|row| place(row).unwrap_or((sources.len(), 0)))
        .collect();
    if picked.is_empty() {
        return Ok(arrow::array::new_empty_array(&call.data_type));
    }
    Ok(interleave(&arrays, &picked)?)
}

/// The type of two values side by side; a literal takes the type of the other.
fn side_by_side(left: PgType, right: PgType) -> PgType {
    match common_type(left, right) {
        Some(common) => common,
        None if left.oid == oid::TEXT => right,
        None => left,
    }
}

/// Indexes of the results of `decode`: after each value searched for, and the last.
fn result_indexes(count: usize) -> impl Iterator<Item = usize> {
    (1..count).filter(move |index| {
        index.is_multiple_of(2) || (index + 1 == count && count.is_multiple_of(2))
    })
}

fn results_type(parameters: &[PgType]) -> PgType {
    result_indexes(parameters.len())
        .map(|index| parameters[index])
        .reduce(side_by_side)
        .unwrap_or(PgType::new(oid::TEXT))
}

/// Casts an argument; text may be a literal that had no type yet.
fn as_type(call: &Call<'_>, index: usize, target: PgType) -> Result<ArrayRef, SqlError> {
    let (column, from) = (&call.columns[index], call.types[index]);
    if column.array.data_type().is_null() {
        return Ok(new_null_array(&target.arrow_type(), column.array.len()));
    }
    if from.oid == oid::TEXT && target.oid != oid::TEXT {
        let texts = super::coerce::canonical(Arc::clone(&column.array))?;
        return input::cast_text(&texts, target, &call.context.input, false);
    }
    let array = super::coerce::canonical(Arc::clone(&column.array))?;
    convert(array, from, target, call.context)
}

/// Redshift's `decode(e, s1, r1, s2, r2, ..., default)`; NULL matches NULL.
fn decode(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let count = call.columns.len();
    let mut tests: Vec<(usize, DynComparator)> = Vec::new();
    for index in (1..count - 1).step_by(2) {
        let common = side_by_side(call.types[0], call.types[index]);
        let left = comparable(&as_type(call, 0, common)?)?;
        let right = comparable(&as_type(call, index, common)?)?;
        tests.push((
            index,
            make_comparator(&left, &right, SortOptions::default())?,
        ));
    }
    let mut results = Vec::new();
    let mut sources = Vec::new();
    for index in result_indexes(count) {
        let values = as_type(call, index, call.result)?;
        results.push(index);
        sources.push(cast(&values, &call.data_type)?);
    }
    let has_default = count.is_multiple_of(2);
    pick_from(call, &sources, |row| {
        let matched = tests.iter().position(|(index, compare)| {
            compare(call.columns[0].index(row), call.columns[*index].index(row)).is_eq()
        });
        let source = matched.or(has_default.then(|| sources.len() - 1))?;
        Some((source, call.columns[results[source]].index(row)))
    })
}

/// Random uuids of version 4, made by the engine's own function.
fn random_uuids(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let field = Arc::new(Field::new("uuid", DataType::Utf8, false));
    let made = datafusion::functions::string::uuid().invoke_with_args(ScalarFunctionArgs {
        args: Vec::new(),
        arg_fields: Vec::new(),
        number_rows: call.rows,
        return_field: field,
        config_options: Arc::new(ConfigOptions::default()),
    })?;
    let texts = super::coerce::canonical(made.into_array(call.rows)?)?;
    let texts = texts
        .as_any()
        .downcast_ref::<<Text as super::call::Kind>::Array>()
        .ok_or_else(|| SqlError::internal("uuid() gives text"))?;
    call.rows(|row| {
        let parsed = uuid::Uuid::parse_str(texts.value(row))
            .map_err(|source| SqlError::internal("uuid() gives uuids").caused_by(source))?;
        Ok(parsed.into_bytes())
    })
}
