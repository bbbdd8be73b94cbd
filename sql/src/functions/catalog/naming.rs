//! Types, classes, roles and functions by name and back.

use super::super::Registry;
use super::super::call::{Call, map1};
use super::super::kinds::{Bool, Int4, Int8, Items, List, Text};
use super::oid;
use crate::error::SqlError;
use crate::pg_catalog::{identifier, lookup, roles};
use crate::types::{self, PgType};

pub(super) fn register(registry: &mut Registry) {
    registry
        .add("format_type(oid, int4) -> text", format_type)
        .stable();
    registry
        .add("pg_get_userbyid(oid) -> name", |call| {
            map1::<Int8, String>(call, |role| {
                let name = roles::name(&call.context.snapshot, role);
                Ok(name.map_or_else(|| format!("unknown (OID={role})"), str::to_owned))
            })
        })
        .stable();
    registry
        .add("to_regclass(text) -> regclass", |call| {
            map1::<Text, _>(call, |text| {
                Ok(lookup::find_class(call.context, text)?.map(i64::from))
            })
        })
        .stable();
    registry
        .add("to_regtype(text) -> regtype", |call| {
            map1::<Text, _>(call, |text| {
                Ok(lookup::find_type(call.context, text)?.map(i64::from))
            })
        })
        .stable();
    registry
        .add("to_regnamespace(text) -> regnamespace", |call| {
            map1::<Text, _>(call, |text| {
                let parts = identifier::parse_qualified(text)?;
                let [name] = parts.as_slice() else {
                    return Err(SqlError::invalid_name_syntax(text));
                };
                Ok(lookup::find_schema(&call.context.snapshot, name).map(i64::from))
            })
        })
        .stable();
    registry
        .add("to_regrole(text) -> regrole", |call| {
            map1::<Text, _>(call, |text| {
                let parts = identifier::parse_qualified(text)?;
                let [name] = parts.as_slice() else {
                    return Err(SqlError::invalid_name_syntax(text));
                };
                Ok(roles::by_name(&call.context.snapshot, name))
            })
        })
        .stable();
    registry
        .add("to_regproc(text) -> regproc", |call| {
            map1::<Text, _>(call, |text| {
                let functions = lookup::find_functions(call.context, text)?;
                Ok(match functions.as_slice() {
                    [function] => Some(i64::from(function.oid)),
                    _ => None,
                })
            })
        })
        .stable();
    registry
        .add("oidvectortypes(oidvector) -> text", oid_vector_types)
        .stable();
    registry.add("parse_ident(text) -> _text", parse_identifier);
    registry.add("parse_ident(text, bool) -> _text", parse_identifier);
}

/// The type's name in SQL; NULL as modifier shows it without one.
fn format_type(call: &Call<'_>) -> Result<arrow::array::ArrayRef, SqlError> {
    let (oids, modifiers) = (call.reader::<Int8>(0)?, call.reader::<Int4>(1)?);
    call.rows(|row| {
        let Some(value) = oids.value(row) else {
            return Ok(None);
        };
        if value == 0 {
            return Ok(Some("-".to_owned()));
        }
        let type_oid = oid(value);
        let name = match modifiers.value(row) {
            None => plain_name(type_oid).or_else(|| lookup::type_name(call.context, type_oid, -1)),
            Some(modifier) => lookup::type_name(call.context, type_oid, modifier),
        };
        Ok(Some(name.unwrap_or_else(|| "???".to_owned())))
    })
}

/// SQL's name of a built-in type without a modifier: `character`, not `bpchar`.
fn plain_name(type_oid: u32) -> Option<String> {
    types::by_oid(type_oid)?;
    let pg_type = PgType::new(type_oid);
    Some(match pg_type.element().filter(|_| !pg_type.is_vector()) {
        Some(element) => format!("{}[]", element.entry().display),
        None => pg_type.entry().display.to_owned(),
    })
}

fn oid_vector_types(call: &Call<'_>) -> Result<arrow::array::ArrayRef, SqlError> {
    map1::<List, String>(call, |items| {
        let oids: &arrow::array::Int64Array = super::super::kinds::primitive(&items)?;
        let names: Vec<String> = oids
            .iter()
            .map(|value| {
                let type_oid = oid(value.unwrap_or(0));
                plain_name(type_oid)
                    .or_else(|| lookup::type_name(call.context, type_oid, -1))
                    .unwrap_or_else(|| "???".to_owned())
            })
            .collect();
        Ok(names.join(", "))
    })
}

/// Takes a qualified name apart. What follows the name is an error unless not strict.
fn parse_identifier(call: &Call<'_>) -> Result<arrow::array::ArrayRef, SqlError> {
    let (texts, strict) = (call.reader::<Text>(0)?, call.optional::<Bool>(1)?);
    call.rows(|row| {
        let is_strict = match &strict {
            Some(reader) => reader.value(row),
            None => Some(true),
        };
        let (Some(text), Some(is_strict)) = (texts.value(row), is_strict) else {
            return Ok(None);
        };
        let parts = if is_strict {
            identifier::parse_qualified(text)
        } else {
            identifier::parse_leading(text).map(|(parts, _)| parts)
        };
        let parts = parts.map_err(|_| SqlError::not_identifier(text))?;
        Ok(Some(Items(
            parts.into_iter().map(Some).collect::<Vec<Option<String>>>(),
        )))
    })
}
