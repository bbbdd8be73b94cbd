//! Names to OIDs and back, along the search path: what `regclass`, `regtype`,
//! `regproc`, `regnamespace` and `regrole` read and show.
//!
//! Errors: `42P01`, `42704`, `42883`, `3F000`, `0A000` for another database, each
//! raised only by the functions that say so.

use std::sync::Arc;

use gotgan_storage::{Sequence, SequenceId, Snapshot, TableId, ViewId};

use super::identifier::{parse_qualified, quote, quote_qualified};
use super::objects::{self, Relation, schema_name, schemas};
use super::{SCHEMA, oids, pg_proc, relation, relation_by_oid, roles};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::information_schema;
use crate::resolve::Resolver;
use crate::system_views;
use crate::types::{self, PgType};

/// A relation or index with the schema it lives in.
pub(crate) struct Named<'a> {
    pub(crate) schema: &'a str,
    pub(crate) name: &'a str,
}

/// What a `pg_class.oid` stands for.
pub(crate) fn class<'a>(snapshot: &'a Snapshot, oid: u32) -> Option<Named<'a>> {
    if let Some(system) = relation_by_oid(oid) {
        return Some(Named {
            schema: system.schema,
            name: system.name,
        });
    }
    if let Some(relation) = user_relation(snapshot, oid) {
        let schema = schema_name(snapshot, relation.schema_id());
        return Some(Named {
            schema,
            name: relation.name(),
        });
    }
    if let Some(sequence) = sequence(snapshot, oid) {
        return Some(Named {
            schema: schema_name(snapshot, sequence.schema_id),
            name: &sequence.name,
        });
    }
    let index = objects::all_indexes(snapshot).find(|index| index.oid == oid)?;
    Some(Named {
        schema: schema_name(snapshot, index.table.schema_id),
        name: index.name,
    })
}

/// The table or view with this `pg_class.oid`.
pub(crate) fn user_relation(snapshot: &Snapshot, oid: u32) -> Option<Relation<'_>> {
    let id = oids::object_id(oid)?;
    if let Some(table) = snapshot.table(TableId(id)) {
        return Some(Relation::Table(table));
    }
    snapshot.view(ViewId(id)).map(|view| Relation::View(view))
}

/// The sequence with this `pg_class.oid`.
pub(crate) fn sequence(snapshot: &Snapshot, oid: u32) -> Option<&Arc<Sequence>> {
    snapshot.sequence(SequenceId(oids::object_id(oid)?))
}

/// The `pg_class.oid` of a relation, sequence or index of this schema.
fn class_in(snapshot: &Snapshot, schema: &str, name: &str) -> Option<u32> {
    if let Some(system) = relation(schema, name) {
        return Some(system.oid);
    }
    let schema_id = snapshot.schema_by_name(schema)?.id;
    match snapshot.relation(schema_id, name) {
        Some(gotgan_storage::Relation::Table(table)) => Some(oids::table(table.id)),
        Some(gotgan_storage::Relation::View(view)) => Some(oids::view(view.id)),
        None => {
            let sequence = snapshot.sequence_by_name(schema_id, name);
            let index = || {
                objects::all_indexes(snapshot)
                    .find(|index| index.table.schema_id == schema_id && index.name == name)
            };
            let sequence = sequence.map(|sequence| oids::sequence(sequence.id));
            sequence.or_else(|| Some(index()?.oid))
        }
    }
}

/// Whether an unqualified name would find this object, given how names are found.
fn is_found<'a>(
    context: &'a StatementContext,
    schema: &str,
    mut has: impl FnMut(&'a str) -> bool,
) -> bool {
    context
        .search_path
        .iter()
        .find(|candidate| has(candidate))
        .is_some_and(|s| s == schema)
}

/// `pg_table_is_visible`; `None` for an OID that is no relation's.
pub(crate) fn is_class_visible(context: &StatementContext, oid: u32) -> Option<bool> {
    let named = class(&context.snapshot, oid)?;
    let has = |schema: &str| class_in(&context.snapshot, schema, named.name).is_some();
    Some(is_found(context, named.schema, has))
}

/// The relation that a name means, or none. Errors: `42602`, `0A000`, `42501`.
pub(crate) fn find_class(context: &StatementContext, text: &str) -> Result<Option<u32>, SqlError> {
    let (schema, name) = split(context, text)?;
    let snapshot = &context.snapshot;
    Ok(match schema {
        Some(schema) => {
            Resolver::of(context).require_usage(&schema)?;
            class_in(snapshot, &schema, &name)
        }
        None => context
            .search_path
            .iter()
            .find_map(|path| class_in(snapshot, path, &name)),
    })
}

/// Splits `[database.][schema.]name`. Errors: `42602`, `0A000`.
fn split(context: &StatementContext, text: &str) -> Result<(Option<String>, String), SqlError> {
    let mut parts = parse_qualified(text)?;
    let name = parts.pop().unwrap_or_default();
    let schema = parts.pop();
    match parts.pop() {
        Some(database) if database != context.database => Err(SqlError::cross_database(text)),
        _ if !parts.is_empty() => Err(SqlError::invalid_name_syntax(text)),
        _ => Ok((schema, name)),
    }
}

/// An OID written as a number, or `-`, which stands for none.
fn number(text: &str) -> Option<i64> {
    if text == "-" {
        return Some(0);
    }
    text.parse::<u32>().ok().map(i64::from)
}

/// `regclass` from text. Errors: `42P01` and those of [`find_class`].
pub(crate) fn regclass_in(context: &StatementContext, text: &str) -> Result<i64, SqlError> {
    if let Some(oid) = number(text) {
        return Ok(oid);
    }
    let found = find_class(context, text)?;
    found
        .map(i64::from)
        .ok_or_else(|| SqlError::undefined_table(&shown(text)))
}

/// A name as messages show it: folded, without quotes.
fn shown(text: &str) -> String {
    parse_qualified(text).map_or_else(|_| text.to_owned(), |parts| parts.join("."))
}

/// `regclass` as text: qualified when the search path does not find it.
pub(crate) fn regclass_out(context: &StatementContext, oid: i64) -> String {
    let named = u32::try_from(oid)
        .ok()
        .and_then(|oid| class(&context.snapshot, oid));
    match named {
        _ if oid == 0 => "-".to_owned(),
        Some(named) => relation_name(context, &named),
        None => oid.to_string(),
    }
}

/// The name as a statement would have to write it.
pub(crate) fn relation_name(context: &StatementContext, named: &Named<'_>) -> String {
    let has = |schema: &str| class_in(&context.snapshot, schema, named.name).is_some();
    if is_found(context, named.schema, has) {
        return quote(named.name);
    }
    quote_qualified(named.schema, named.name)
}

/// `regnamespace` from text. Errors: `42602`, `3F000`.
pub(crate) fn regnamespace_in(context: &StatementContext, text: &str) -> Result<i64, SqlError> {
    if let Some(oid) = number(text) {
        return Ok(oid);
    }
    let parts = parse_qualified(text)?;
    match parts.as_slice() {
        [name] => {
            let found = find_schema(&context.snapshot, name);
            found
                .map(i64::from)
                .ok_or_else(|| SqlError::undefined_schema(name))
        }
        _ => Err(SqlError::invalid_name_syntax(text)),
    }
}

/// The `pg_namespace.oid` of a schema.
pub(crate) fn find_schema(snapshot: &Snapshot, name: &str) -> Option<u32> {
    match name {
        SCHEMA => Some(oids::PG_CATALOG),
        information_schema::SCHEMA => Some(oids::INFORMATION_SCHEMA),
        system_views::SCHEMA => Some(oids::GOTGAN),
        "pg_toast" => Some(oids::PG_TOAST),
        _ => schemas(snapshot)
            .find(|schema| schema.name == name)
            .map(|s| oids::schema(s.id)),
    }
}

/// The name of the schema with this `pg_namespace.oid`.
pub(crate) fn schema_by_oid(snapshot: &Snapshot, oid: u32) -> Option<&str> {
    match oid {
        oids::PG_CATALOG => Some(SCHEMA),
        oids::INFORMATION_SCHEMA => Some(information_schema::SCHEMA),
        oids::GOTGAN => Some(system_views::SCHEMA),
        oids::PG_TOAST => Some("pg_toast"),
        _ => schemas(snapshot)
            .find(|s| oids::schema(s.id) == oid)
            .map(|s| s.name.as_str()),
    }
}

/// `regnamespace` as text.
pub(crate) fn regnamespace_out(context: &StatementContext, oid: i64) -> String {
    let name = u32::try_from(oid)
        .ok()
        .and_then(|oid| schema_by_oid(&context.snapshot, oid));
    match name {
        _ if oid == 0 => "-".to_owned(),
        Some(name) => quote(name),
        None => oid.to_string(),
    }
}

/// `regrole` from text. Errors: `42602`, `42704`.
pub(crate) fn regrole_in(context: &StatementContext, text: &str) -> Result<i64, SqlError> {
    if let Some(oid) = number(text) {
        return Ok(oid);
    }
    let parts = parse_qualified(text)?;
    match parts.as_slice() {
        [name] => roles::by_name(&context.snapshot, name)
            .ok_or_else(|| SqlError::undefined_object("role", name)),
        _ => Err(SqlError::invalid_name_syntax(text)),
    }
}

/// `regrole` as text.
pub(crate) fn regrole_out(context: &StatementContext, oid: i64) -> String {
    match roles::name(&context.snapshot, oid) {
        _ if oid == 0 => "-".to_owned(),
        Some(name) => quote(name),
        None => oid.to_string(),
    }
}

/// The functions that a name means. Errors: `42602`, `0A000`.
pub(crate) fn find_functions(
    context: &StatementContext,
    text: &str,
) -> Result<Vec<&'static pg_proc::Function>, SqlError> {
    let (schema, name) = split(context, text)?;
    if schema.is_some_and(|schema| schema != SCHEMA) {
        return Ok(Vec::new());
    }
    Ok(pg_proc::by_name(&name).collect())
}

/// `regproc` from text. Errors: `42602`, `0A000`, `42883`, `42725` for several.
pub(crate) fn regproc_in(context: &StatementContext, text: &str) -> Result<i64, SqlError> {
    if let Some(oid) = number(text) {
        return Ok(oid);
    }
    match find_functions(context, text)?.as_slice() {
        [] => Err(SqlError::undefined_function_name(&shown(text))),
        [function] => Ok(i64::from(function.oid)),
        _ => Err(SqlError::ambiguous_function(&shown(text))),
    }
}

/// `regproc` as text.
pub(crate) fn regproc_out(_context: &StatementContext, oid: i64) -> String {
    let function = u32::try_from(oid).ok().and_then(pg_proc::by_oid);
    match function {
        _ if oid == 0 => "-".to_owned(),
        Some(function) if pg_proc::by_name(function.name).count() == 1 => quote(function.name),
        Some(function) => quote_qualified(SCHEMA, function.name),
        None => oid.to_string(),
    }
}

/// `regtype` from text. Errors: `42602`, `42704`.
pub(crate) fn regtype_in(context: &StatementContext, text: &str) -> Result<i64, SqlError> {
    if let Some(oid) = number(text) {
        return Ok(oid);
    }
    let found = find_type(context, text)?;
    found
        .map(i64::from)
        .ok_or_else(|| SqlError::undefined_object("type", &shown(text)))
}

/// The type that a name means: `integer`, `varchar(3)[]`, `raw.orders`, or none.
/// Errors: `42602`, `0A000`.
pub(crate) fn find_type(context: &StatementContext, text: &str) -> Result<Option<u32>, SqlError> {
    let mut plain = without_modifier(text.trim());
    let mut is_array = false;
    while let Some(element) = plain.strip_suffix(']').map(str::trim_end) {
        let digits = element.trim_end_matches(|c: char| c.is_ascii_digit());
        let Some(element) = digits.trim_end().strip_suffix('[') else {
            return Err(SqlError::invalid_name_syntax(text));
        };
        plain = element.trim_end().to_owned();
        is_array = true;
    }
    let Some(found) = find_element_type(context, &plain)? else {
        return Ok(None);
    };
    if !is_array {
        return Ok(Some(found));
    }
    Ok(PgType::new(found).array().map(|array| array.oid))
}

/// `timestamp(3) with time zone` -> `timestamp with time zone`.
fn without_modifier(text: &str) -> String {
    match (text.find('('), text.find(')')) {
        (Some(open), Some(close)) if open < close && !text.contains('"') => {
            let rest = text[close + 1..].trim_start();
            let gap = if rest.is_empty() || rest.starts_with('[') {
                ""
            } else {
                " "
            };
            format!("{}{gap}{rest}", text[..open].trim_end())
        }
        _ => text.to_owned(),
    }
}

fn find_element_type(context: &StatementContext, text: &str) -> Result<Option<u32>, SqlError> {
    let folded = text
        .to_lowercase()
        .split_whitespace()
        .collect::<Vec<&str>>()
        .join(" ");
    if let Some(name) = standard_name(&folded) {
        return Ok(types::by_name(name).map(|entry| entry.oid));
    }
    let (schema, name) = split(context, text)?;
    let built_in = types::by_name(&name).map(|entry| entry.oid);
    let row_type = |schema: &str| row_type_in(&context.snapshot, schema, &name);
    Ok(match schema.as_deref() {
        Some(SCHEMA) => built_in,
        Some(schema) => row_type(schema),
        None => built_in.or_else(|| context.search_path.iter().find_map(|path| row_type(path))),
    })
}

fn row_type_in(snapshot: &Snapshot, schema: &str, name: &str) -> Option<u32> {
    let schema_id = snapshot.schema_by_name(schema)?.id;
    match snapshot.relation(schema_id, name)? {
        gotgan_storage::Relation::Table(table) => Some(oids::row_type(table.id.0)),
        gotgan_storage::Relation::View(view) => Some(oids::row_type(view.id.0)),
    }
}

/// `typname` of the spellings that SQL has besides it.
fn standard_name(name: &str) -> Option<&'static str> {
    Some(match name {
        "boolean" => "bool",
        "smallint" => "int2",
        "int" | "integer" => "int4",
        "bigint" => "int8",
        "real" => "float4",
        "float" | "double precision" => "float8",
        "decimal" | "dec" => "numeric",
        "character varying" | "char varying" => "varchar",
        "character" | "char" => "bpchar",
        "\"char\"" => "char",
        "bit varying" => "varbit",
        "time without time zone" => "time",
        "time with time zone" => "timetz",
        "timestamp without time zone" => "timestamp",
        "timestamp with time zone" => "timestamptz",
        _ => return None,
    })
}

/// `regtype` as text: SQL's spelling, or the row type's name.
pub(crate) fn regtype_out(context: &StatementContext, oid: i64) -> String {
    let known = u32::try_from(oid)
        .ok()
        .and_then(|oid| type_name(context, oid, -1));
    match known {
        _ if oid == 0 => "-".to_owned(),
        Some(name) => name,
        None => oid.to_string(),
    }
}

/// The type as `format_type` shows it; `None` if there is no such type.
pub(crate) fn type_name(context: &StatementContext, oid: u32, typmod: i32) -> Option<String> {
    if types::by_oid(oid).is_some() {
        return Some(PgType { oid, typmod }.display());
    }
    let named = class(
        &context.snapshot,
        oids::object(oids::row_type_relation(oid)?),
    )?;
    let has = |schema: &str| row_type_in(&context.snapshot, schema, named.name).is_some();
    if is_found(context, named.schema, has) {
        return Some(quote(named.name));
    }
    Some(quote_qualified(named.schema, named.name))
}

/// `pg_type_is_visible`; `None` for an OID that is no type's.
pub(crate) fn is_type_visible(context: &StatementContext, oid: u32) -> Option<bool> {
    if types::by_oid(oid).is_some() {
        return Some(context.search_path.iter().any(|schema| schema == SCHEMA));
    }
    let named = class(
        &context.snapshot,
        oids::object(oids::row_type_relation(oid)?),
    )?;
    let has = |schema: &str| row_type_in(&context.snapshot, schema, named.name).is_some();
    Some(is_found(context, named.schema, has))
}
