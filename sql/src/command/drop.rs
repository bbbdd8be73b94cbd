//! DROP TABLE, VIEW, SCHEMA, INDEX, SEQUENCE; `dependents.rs` knows what goes with them.

use std::sync::Arc;

use gotgan_storage::{Index, Relation, Table};
use sqlparser::ast::{ObjectName, ObjectType};

use super::dependents::{self, Root};
use super::owner;
use crate::access::actor::Object;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::name_parts;
use crate::resolve::{Name, Resolved, Resolver};
use crate::session::{Notice, Outcome, Session};
use crate::sqlstate;

/// What is to be dropped, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct What {
    pub(crate) kind: ObjectType,
    pub(crate) if_exists: bool,
    pub(crate) cascade: bool,
}

pub(crate) async fn run(
    session: &mut Session,
    what: What,
    names: &[ObjectName],
) -> Result<Outcome, SqlError> {
    let tag = match what.kind {
        ObjectType::Table => "DROP TABLE",
        ObjectType::View => "DROP VIEW",
        ObjectType::Schema => "DROP SCHEMA",
        ObjectType::Index => "DROP INDEX",
        ObjectType::Sequence => "DROP SEQUENCE",
        other => return Err(SqlError::not_supported(format!("DROP {other}"))),
    };
    session
        .require_definition_write(tag, &names.iter().collect::<Vec<_>>())
        .await?;
    for name in names {
        match what.kind {
            ObjectType::Schema => drop_schema(session, what, name).await?,
            ObjectType::Index => drop_index(session, what, name).await?,
            _ => drop_relation(session, what, name).await?,
        }
    }
    Ok(Outcome::Command(tag.to_owned()))
}

async fn drop_relation(
    session: &mut Session,
    what: What,
    name: &ObjectName,
) -> Result<(), SqlError> {
    let name = Name::from_parts(&name_parts(name))?;
    let ctx = session.context().await?;
    let resolver = Resolver::of(&ctx);
    let kind = match what.kind {
        ObjectType::Table => "table",
        ObjectType::Sequence => "sequence",
        _ => "view",
    };
    if let Some(schema) = &name.schema
        && ctx.snapshot.schema_by_name(schema).is_none()
        && !crate::resolve::is_system_schema(schema)
    {
        if what.if_exists {
            let text = format!("schema \"{schema}\" does not exist, skipping");
            session.notify(Notice::info(text));
            return Ok(());
        }
        return Err(SqlError::undefined_schema(schema));
    }
    match (resolver.find(&name)?, what.kind) {
        (None, _) if what.if_exists => {
            let text = format!("{kind} \"{}\" does not exist, skipping", name.name);
            session.notify(Notice::info(text));
            Ok(())
        }
        (None, _) => Err(SqlError::with_code(
            sqlstate::UNDEFINED_TABLE,
            format!("{kind} \"{}\" does not exist", name.name),
        )),
        (Some(Resolved::System(_)), _) => Err(SqlError::with_code(
            sqlstate::INSUFFICIENT_PRIVILEGE,
            format!("permission denied: \"{}\" is a system catalog", name.name),
        )),
        (Some(Resolved::Stored(Relation::Table(table))), ObjectType::Table) => {
            ctx.meter.table(&ctx.snapshot, &table);
            owner::require_drop(&ctx, Object::Table(&table), table.schema_id)?;
            dependents::drop_all(session, &ctx, Root::Table(&table), what.cascade).await?;
            let storage = session.transaction().await?.storage()?;
            Ok(storage.drop_table(table.id)?)
        }
        (Some(Resolved::Stored(Relation::View(view))), ObjectType::View) => {
            owner::require_drop(&ctx, Object::View(&view), view.schema_id)?;
            dependents::drop_all(session, &ctx, Root::View(&view), what.cascade).await?;
            Ok(session.transaction().await?.storage()?.drop_view(view.id)?)
        }
        (Some(Resolved::Sequence(sequence)), ObjectType::Sequence) => {
            owner::require_drop(&ctx, Object::Sequence(&sequence), sequence.schema_id)?;
            super::sequence::drop(session, &sequence, what.cascade).await
        }
        (Some(found), _) => {
            let hint = match found {
                Resolved::Stored(Relation::View(_)) => "Use DROP VIEW to remove a view.",
                Resolved::Sequence(_) => "Use DROP SEQUENCE to remove a sequence.",
                _ => "Use DROP TABLE to remove a table.",
            };
            Err(SqlError::with_code(
                sqlstate::WRONG_OBJECT_TYPE,
                format!("\"{}\" is not a {kind}", name.name),
            )
            .with_hint(hint))
        }
    }
}

async fn drop_schema(session: &mut Session, what: What, name: &ObjectName) -> Result<(), SqlError> {
    let name = super::schema::plain_name(name)?;
    let ctx = session.context().await?;
    let Some(schema) = ctx.snapshot.schema_by_name(&name) else {
        if what.if_exists {
            session.notify(Notice::info(format!(
                "schema \"{name}\" does not exist, skipping"
            )));
            return Ok(());
        }
        return Err(SqlError::undefined_schema(&name));
    };
    owner::require(&ctx, Object::Schema(schema))?;
    super::schema::refuse_temporary(&ctx, schema.id, "DROP SCHEMA")?;
    dependents::drop_all(session, &ctx, Root::Schema(schema), what.cascade).await?;
    let storage = session.transaction().await?.storage()?;
    Ok(storage.drop_schema(schema.id)?)
}

/// Indexes belong to tables and are found by name.
///
/// Errors: `42501` for a schema that may not be looked into.
pub(super) fn find_index<'a>(
    ctx: &'a StatementContext,
    name: &Name,
) -> Result<Option<(&'a Arc<Table>, &'a Index)>, SqlError> {
    let schemas: Vec<&String> = match &name.schema {
        Some(schema) => {
            Resolver::of(ctx).require_usage(schema)?;
            vec![schema]
        }
        None => ctx.search_path.iter().collect(),
    };
    Ok(schemas.into_iter().find_map(|schema| {
        let schema = ctx.snapshot.schema_by_name(schema)?;
        ctx.snapshot.index_by_name(schema.id, &name.name)
    }))
}

async fn drop_index(session: &mut Session, what: What, name: &ObjectName) -> Result<(), SqlError> {
    let name = Name::from_parts(&name_parts(name))?;
    let ctx = session.context().await?;
    match find_index(&ctx, &name)? {
        Some((table, index)) => {
            owner::require_drop(&ctx, Object::Index(table, &index.name), table.schema_id)?;
            let storage = session.transaction().await?.storage()?;
            Ok(storage.drop_index(table.id, index.id)?)
        }
        None if what.if_exists => {
            let text = format!("index \"{}\" does not exist, skipping", name.name);
            session.notify(Notice::info(text));
            Ok(())
        }
        None => Err(SqlError::undefined_object("index", &name.name)),
    }
}
