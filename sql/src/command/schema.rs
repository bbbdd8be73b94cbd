//! CREATE SCHEMA, ALTER SCHEMA.

use std::sync::Arc;

use gotgan_storage::{AccessTarget, NewSchema, Privileges, Relation, Role, SchemaId};
use sqlparser::ast::{AlterSchema, AlterSchemaOperation, Ident, ObjectName, SchemaName};

use super::grant::give_defaults;
use super::owner;
use crate::access::actor::{Actor, Object};
use crate::access::roles;
use crate::error::SqlError;
use crate::parse::{fold, name_parts};
use crate::session::{Notice, Outcome, Session};
use crate::sqlstate;

pub(crate) async fn create(
    session: &mut Session,
    name: &SchemaName,
    if_not_exists: bool,
) -> Result<Outcome, SqlError> {
    session.require_write("CREATE SCHEMA")?;
    let ctx = session.context().await?;
    let (name, owner) = match name {
        SchemaName::Simple(name) => (plain_name(name)?, None),
        SchemaName::UnnamedAuthorization(role) => {
            let role = authorized(&ctx, role)?;
            (role.name.clone(), Some(role))
        }
        SchemaName::NamedAuthorization(name, role) => {
            (plain_name(name)?, Some(authorized(&ctx, role)?))
        }
    };
    let actor = Actor::of(&ctx);
    actor.require(Object::Database, Privileges::CREATE)?;
    if let Some(owner) = &owner {
        actor.require_member(owner.id)?;
    }
    refuse_reserved(&name)?;
    if ctx.snapshot.schema_by_name(&name).is_some() {
        if if_not_exists {
            let text = format!("schema \"{name}\" already exists, skipping");
            session.notify(Notice::info(text));
            return Ok(Outcome::Command("CREATE SCHEMA".to_owned()));
        }
        return Err(SqlError::duplicate_schema(&name));
    }
    let owner = owner.map_or_else(|| session.role_name(), |role| role.name.clone());
    let storage = session.transaction().await?.storage()?;
    let id = storage.create_schema(NewSchema { name, owner })?;
    give_defaults(session, AccessTarget::Schema(id)).await?;
    Ok(Outcome::Command("CREATE SCHEMA".to_owned()))
}

pub(crate) async fn alter(session: &mut Session, alter: &AlterSchema) -> Result<Outcome, SqlError> {
    session.require_write("ALTER SCHEMA")?;
    let name = plain_name(&alter.name)?;
    let ctx = session.context().await?;
    let Some(schema) = ctx.snapshot.schema_by_name(&name) else {
        if alter.if_exists {
            let text = format!("schema \"{name}\" does not exist, skipping");
            session.notify(Notice::info(text));
            return Ok(Outcome::Command("ALTER SCHEMA".to_owned()));
        }
        return Err(SqlError::undefined_schema(&name));
    };
    owner::require(&ctx, Object::Schema(schema))?;
    refuse_temporary(&ctx, schema.id, "ALTER SCHEMA")?;
    let mut id = schema.id;
    for operation in &alter.operations {
        match operation {
            AlterSchemaOperation::Rename { name } => {
                let new_name = plain_name(name)?;
                Actor::of(&ctx).require(Object::Database, Privileges::CREATE)?;
                refuse_reserved(&new_name)?;
                if ctx.snapshot.schema_by_name(&new_name).is_some() {
                    return Err(SqlError::duplicate_schema(&new_name));
                }
                id = session
                    .transaction()
                    .await?
                    .storage()?
                    .rename_schema(id, &new_name)?;
                for relation in ctx.snapshot.relations_in(schema.id) {
                    let (object, own) = match &relation {
                        Relation::Table(table) => (table.id.0, table.name.as_str()),
                        Relation::View(view) => (view.id.0, view.name.as_str()),
                    };
                    let (old, new) = ([schema.name.as_str(), own], [new_name.as_str(), own]);
                    super::alter_table::follow(session, object, old, new).await?;
                }
                for sequence in ctx.snapshot.sequences() {
                    if sequence.schema_id == schema.id {
                        let own = sequence.name.as_str();
                        let (old, new) = ([schema.name.as_str(), own], [new_name.as_str(), own]);
                        super::sequence::follow(session, old, new).await?;
                        super::alter_table::follow(session, sequence.id.0, old, new).await?;
                    }
                }
            }
            AlterSchemaOperation::OwnerTo { owner } => {
                owner::give(session, Object::Schema(schema), owner).await?;
            }
            other => return Err(SqlError::not_supported(format!("ALTER SCHEMA {other}"))),
        }
    }
    Ok(Outcome::Command("ALTER SCHEMA".to_owned()))
}

/// The schema of temporary objects comes and goes by itself.
///
/// Errors: `0A000` for it.
pub(super) fn refuse_temporary(
    ctx: &crate::context::StatementContext,
    schema: SchemaId,
    statement: &str,
) -> Result<(), SqlError> {
    match ctx.snapshot.is_temporary(schema) {
        true => Err(SqlError::not_supported(format!(
            "{statement} for the schema of temporary objects"
        ))),
        false => Ok(()),
    }
}

/// Objects stay temporary or permanent.
///
/// Errors: `0A000` if one schema is that of temporary objects and the other is not.
pub(super) fn check_lifetime(
    ctx: &crate::context::StatementContext,
    from: SchemaId,
    to: SchemaId,
) -> Result<(), SqlError> {
    match ctx.snapshot.is_temporary(from) == ctx.snapshot.is_temporary(to) {
        true => Ok(()),
        false => Err(SqlError::with_code(
            sqlstate::FEATURE_NOT_SUPPORTED,
            "cannot move objects into or out of temporary schemas",
        )),
    }
}

/// The role of AUTHORIZATION.
///
/// Errors: `42704`.
fn authorized(ctx: &crate::context::StatementContext, role: &Ident) -> Result<Arc<Role>, SqlError> {
    // The parser knows no words for roles of the session here.
    let name = match (role.quote_style, role.value.to_lowercase().as_str()) {
        (None, "current_user" | "current_role") => ctx.user.clone(),
        (None, "session_user") => ctx.session_user.clone(),
        _ => fold(role),
    };
    roles::find_role(&ctx.rights, &name)
}

pub(super) fn plain_name(name: &ObjectName) -> Result<String, SqlError> {
    let mut parts = name_parts(name);
    if parts.len() == 2 && parts[0] == crate::resolve::DATABASE {
        parts.remove(0);
    }
    match parts.as_slice() {
        [name] => Ok(name.clone()),
        _ => Err(SqlError::cross_database(&parts.join("."))),
    }
}

pub(super) fn refuse_reserved(name: &str) -> Result<(), SqlError> {
    if name.starts_with("pg_") || name == "information_schema" {
        return Err(SqlError::with_code(
            sqlstate::RESERVED_NAME,
            format!("unacceptable schema name \"{name}\""),
        )
        .with_detail("The prefix \"pg_\" is reserved for system schemas."));
    }
    if name == crate::system_views::SCHEMA {
        return Err(SqlError::with_code(
            sqlstate::RESERVED_NAME,
            format!("the schema name \"{name}\" is reserved for the system"),
        ));
    }
    if name == "main" {
        return Err(SqlError::with_code(
            sqlstate::RESERVED_NAME,
            "the schema name \"main\" is reserved for the table format",
        ));
    }
    Ok(())
}
