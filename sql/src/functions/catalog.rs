//! Functions over the system catalog, answered from the statement's snapshot.
//!
//! Objects are named by OID, or by text where PostgreSQL takes `regclass`. As in
//! PostgreSQL, an OID that nothing has gives NULL, and a name that nothing has is an
//! error.
//!
//! Errors: `42P01`, `42704`, `3F000`, `3D000` for missing names, `22023` for
//! privileges that do not exist, `42602` for text that is no name.
//! Source: PostgreSQL 15 manual, section 9.26.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};

use super::Registry;
use super::call::{Call, Column};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::pg_catalog::lookup;

mod access;
mod comment;
mod define;
mod expand;
mod explode;
mod naming;
mod role;
mod server;
mod size;
#[cfg(test)]
mod tests;
mod visible;

pub(crate) use expand::{ACL_COLUMNS, function as expand_function};

/// Adds the functions of this topic.
pub(super) fn register(registry: &mut Registry) {
    access::register(registry);
    comment::register(registry);
    define::register(registry);
    explode::register(registry);
    naming::register(registry);
    role::register(registry);
    server::register(registry);
    size::register(registry);
    visible::register(registry);
}

/// An object as an argument names it.
#[derive(Clone, Copy)]
pub(super) enum Reference<'a> {
    Oid(i64),
    Name(&'a str),
}

/// Reads an argument that may be an OID or a name.
pub(super) struct References<'a> {
    values: Values<'a>,
    pub(super) is_constant: bool,
}

enum Values<'a> {
    Oids(Int64Array),
    Names(&'a StringViewArray),
    Nulls,
}

impl References<'_> {
    /// The value in a row of the batch; `None` for NULL.
    pub(super) fn value(&self, row: usize) -> Option<Reference<'_>> {
        let index = if self.is_constant { 0 } else { row };
        match &self.values {
            Values::Oids(array) if array.is_valid(index) => {
                Some(Reference::Oid(array.value(index)))
            }
            Values::Names(array) if array.is_valid(index) => {
                Some(Reference::Name(array.value(index)))
            }
            Values::Oids(_) | Values::Names(_) | Values::Nulls => None,
        }
    }
}

/// A reader of argument `index`, declared `any`.
pub(super) fn references<'a>(call: &'a Call<'_>, index: usize) -> Result<References<'a>, SqlError> {
    let Column { array, is_constant } = call.column(index)?;
    let values = match array.data_type() {
        DataType::Null => Values::Nulls,
        DataType::Int16 | DataType::Int32 | DataType::Int64 => {
            let wide: ArrayRef = cast(array, &DataType::Int64)?;
            Values::Oids(super::kinds::primitive::<Int64Type>(&wide)?.clone())
        }
        _ => Values::Names(array.as_any().downcast_ref().ok_or_else(|| {
            let shown = call
                .types
                .get(index)
                .map_or_else(String::new, |t| t.display());
            SqlError::undefined_function(&format!("{}({shown})", call.name))
        })?),
    };
    Ok(References {
        values,
        is_constant: *is_constant,
    })
}

/// Casts between names and the OIDs that `regclass` and its kin hold.
///
/// `function`: `regclass_in`, `regclass_out` and so on, as `pg_type` names them.
/// Errors: as for the input of each type, such as `42P01`.
pub(crate) fn lookup_names(
    array: &ArrayRef,
    function: &str,
    context: &StatementContext,
) -> Result<ArrayRef, SqlError> {
    let read = match function {
        "regclass_in" => lookup::regclass_in,
        "regtype_in" => lookup::regtype_in,
        "regproc_in" => lookup::regproc_in,
        "regnamespace_in" => lookup::regnamespace_in,
        "regrole_in" => lookup::regrole_in,
        _ => return show_names(array, function, context),
    };
    let texts = cast(array, &DataType::Utf8View)?;
    let mut oids = Int64Array::builder(texts.len());
    for text in texts.as_string_view() {
        oids.append_option(text.map(|text| read(context, text)).transpose()?);
    }
    Ok(Arc::new(oids.finish()))
}

fn show_names(
    array: &ArrayRef,
    function: &str,
    context: &StatementContext,
) -> Result<ArrayRef, SqlError> {
    let show = match function {
        "regclass_out" => lookup::regclass_out,
        "regtype_out" => lookup::regtype_out,
        "regproc_out" => lookup::regproc_out,
        "regnamespace_out" => lookup::regnamespace_out,
        "regrole_out" => lookup::regrole_out,
        other => return Err(SqlError::internal(format!("there is no {other}"))),
    };
    let oids = cast(array, &DataType::Int64)?;
    let oids = super::kinds::primitive::<Int64Type>(&oids)?;
    let names: StringViewArray = oids
        .iter()
        .map(|oid| oid.map(|oid| show(context, oid)))
        .collect();
    Ok(Arc::new(names))
}

/// An OID as the catalog holds it; one that is out of range is nothing's.
fn oid(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(0)
}
