//! The objects that GRANT names.

use std::sync::Arc;

use gotgan_storage::{Schema, Sequence, Table, View};
use sqlparser::ast::ObjectName;

use crate::access::actor::{Actor, Object};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::grant::{AllOf, Routine, Signature, Target};
use crate::parse::{name_parts, type_name};
use crate::pg_catalog::pg_proc;
use crate::resolve::{DATABASE, Name, Resolved, Resolver, is_system_schema};
use crate::sqlstate;
use crate::types::PgType;

/// An object with what its name stands for.
pub(super) enum Granted {
    Database,
    Schema(Arc<Schema>),
    Table(Arc<Table>),
    View(Arc<View>),
    Sequence(Arc<Sequence>),
    Function(u32, &'static str),
    SystemRelation(&'static str),
    SystemSchema(String),
}

/// Every object that is meant, in the order of their names.
///
/// Errors: `42P01`, `3F000`, `3D000`, `42883`, `42725`, `42809`; `42501` for a schema that
/// may not be looked into; `0A000` for a kind of object that there is none of.
pub(super) fn resolve(
    ctx: &StatementContext,
    target: &Target,
    tag: &str,
) -> Result<Vec<Granted>, SqlError> {
    match target {
        Target::Relations(names) => names.iter().map(|name| relation(ctx, name)).collect(),
        Target::Sequences(names) => names.iter().map(|name| sequence(ctx, name)).collect(),
        Target::Databases(names) => names.iter().map(|name| database(ctx, name)).collect(),
        Target::Schemas(names) => names.iter().map(|name| schema(ctx, name)).collect(),
        Target::Functions(routine, signatures) => {
            let found = signatures.iter();
            found
                .map(|signature| function(*routine, signature))
                .collect()
        }
        Target::AllIn(all, names) => {
            let mut found = Vec::new();
            for name in names {
                found.extend(all_in(ctx, *all, name)?);
            }
            Ok(found)
        }
        Target::Other(kind) => Err(SqlError::not_supported(format!("{tag} ON {kind}"))),
    }
}

fn find(ctx: &StatementContext, name: &ObjectName) -> Result<(Name, Resolved), SqlError> {
    let name = Name::from_parts(&name_parts(name))?;
    let found = Resolver::of(ctx).relation(&name)?;
    Ok((name, found))
}

fn relation(ctx: &StatementContext, name: &ObjectName) -> Result<Granted, SqlError> {
    Ok(match find(ctx, name)?.1 {
        Resolved::Stored(relation) => Granted::of_relation(relation),
        Resolved::Sequence(sequence) => Granted::Sequence(sequence),
        Resolved::System(system) => Granted::SystemRelation(system.name),
    })
}

fn sequence(ctx: &StatementContext, name: &ObjectName) -> Result<Granted, SqlError> {
    match find(ctx, name)? {
        (_, Resolved::Sequence(sequence)) => Ok(Granted::Sequence(sequence)),
        (name, _) => Err(SqlError::not_a_sequence(&name.name)),
    }
}

fn database(ctx: &StatementContext, name: &str) -> Result<Granted, SqlError> {
    match name == DATABASE || name == ctx.database {
        true => Ok(Granted::Database),
        false => Err(SqlError::undefined_database(name)),
    }
}

fn schema(ctx: &StatementContext, name: &str) -> Result<Granted, SqlError> {
    if is_system_schema(name) {
        return Ok(Granted::SystemSchema(name.to_owned()));
    }
    let found = ctx.snapshot.schema_by_name(name).map(Arc::clone);
    found
        .map(Granted::Schema)
        .ok_or_else(|| SqlError::undefined_schema(name))
}

/// What there is of a kind in a schema.
fn all_in(ctx: &StatementContext, all: AllOf, name: &str) -> Result<Vec<Granted>, SqlError> {
    let schema = match schema(ctx, name)? {
        Granted::Schema(schema) => schema,
        _ => return Err(SqlError::not_supported("GRANT on the system catalog")),
    };
    let usage = gotgan_storage::Privileges::USAGE;
    Actor::of(ctx).require(Object::Schema(&schema), usage)?;
    Ok(match all {
        AllOf::Tables => {
            let tables = ctx.snapshot.tables();
            let tables = tables.filter(|table| table.schema_id == schema.id);
            let views = ctx.snapshot.views();
            let views = views.filter(|view| view.schema_id == schema.id);
            tables
                .map(|table| Granted::Table(Arc::clone(table)))
                .chain(views.map(|view| Granted::View(Arc::clone(view))))
                .collect()
        }
        AllOf::Sequences => {
            let own = ctx.snapshot.sequences();
            own.filter(|sequence| sequence.schema_id == schema.id)
                .map(|sequence| Granted::Sequence(Arc::clone(sequence)))
                .collect()
        }
        // Nobody can make functions.
        AllOf::Functions(_) => Vec::new(),
    })
}

/// A built-in function.
///
/// Errors: `42883`; `42725` if several have the name and no arguments tell them apart.
fn function(routine: Routine, signature: &Signature) -> Result<Granted, SqlError> {
    let parts = name_parts(&signature.name);
    let kind = match routine {
        Routine::Procedure => "procedure",
        Routine::Function => "function",
        Routine::Any => "routine",
    };
    let shown = parts.join(".");
    let found: Vec<&'static pg_proc::Function> = match parts.as_slice() {
        [name] => pg_proc::by_name(name).collect(),
        [schema, name] if schema == crate::pg_catalog::SCHEMA => pg_proc::by_name(name).collect(),
        _ => Vec::new(),
    };
    let Some(types) = &signature.arguments else {
        return match found.as_slice() {
            [one] => Ok(Granted::Function(one.oid, one.name)),
            [] => Err(SqlError::with_code(
                sqlstate::UNDEFINED_FUNCTION,
                format!("could not find a {kind} named \"{shown}\""),
            )),
            _ => Err(SqlError::with_code(
                sqlstate::AMBIGUOUS_FUNCTION,
                format!("{kind} name \"{shown}\" is not unique"),
            )
            .with_hint(format!(
                "Specify the argument list to select the {kind} unambiguously."
            ))),
        };
    };
    let types: Result<Vec<PgType>, SqlError> = types.iter().map(type_name::resolve).collect();
    let types = types?;
    let wanted: Vec<u32> = types.iter().map(|one| one.oid).collect();
    let exact = found.iter().find(|one| one.arguments == wanted);
    let types: Vec<String> = types.iter().map(|one| one.display()).collect();
    match exact {
        // No procedure is built in.
        Some(_) if routine == Routine::Procedure => Err(SqlError::with_code(
            sqlstate::WRONG_OBJECT_TYPE,
            format!("{shown}({}) is not a procedure", types.join(", ")),
        )),
        Some(one) => Ok(Granted::Function(one.oid, one.name)),
        None => Err(SqlError::with_code(
            sqlstate::UNDEFINED_FUNCTION,
            format!("{kind} {shown}({}) does not exist", types.join(", ")),
        )),
    }
}
