//! DROP TABLE, VIEW, SCHEMA, INDEX, SEQUENCE; CASCADE takes the views that depend.

use std::collections::BTreeSet;
use std::sync::Arc;

use gotgan_storage::{Constraint, Index, Relation, Sequence, Snapshot, Table, ViewId};
use sqlparser::ast::{ObjectName, ObjectType};

use super::{alter_table, owner};
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
            drop_table(session, &ctx.snapshot, &table, what.cascade).await
        }
        (Some(Resolved::Stored(Relation::View(view))), ObjectType::View) => {
            owner::require_drop(&ctx, Object::View(&view), view.schema_id)?;
            let object = format!("view {}", view.name);
            drop_dependents(session, &ctx.snapshot, view.id.0, &object, what.cascade).await?;
            session.transaction().await?.storage()?.drop_view(view.id)?;
            Ok(())
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

/// Foreign keys of other tables that point to this one.
async fn drop_references(
    session: &mut Session,
    snapshot: &Snapshot,
    table: &Table,
    cascade: bool,
) -> Result<(), SqlError> {
    let mut found = Vec::new();
    for other in snapshot.tables().filter(|other| other.id != table.id) {
        for entry in &other.constraints {
            if let Constraint::ForeignKey {
                referenced_table, ..
            } = &entry.constraint
                && *referenced_table == table.id
            {
                let name = format!("constraint {} on table {}", entry.name, other.name);
                found.push((other.id, entry.id, name));
            }
        }
    }
    let names: Vec<String> = found.iter().map(|(_, _, name)| name.clone()).collect();
    if !names.is_empty() && !cascade {
        let on = format!("table {}", table.name);
        let listed: Vec<(String, String)> =
            names.into_iter().map(|name| (name, on.clone())).collect();
        return Err(SqlError::dependents_exist(&on, &listed));
    }
    notify_cascade(session, &names);
    for (owner, constraint, _) in found {
        session
            .transaction()
            .await?
            .storage()?
            .drop_constraint(owner, constraint)?;
    }
    Ok(())
}

/// A view over an object, and what it depends on as PostgreSQL names it.
struct Dependent {
    view: ViewId,
    on: String,
}

/// Views over an object, and views over those, outermost first. Reversed, they stand
/// as PostgreSQL lists them. `display` such as `table t`.
fn views_over(snapshot: &Snapshot, object: i64, display: &str) -> Vec<Dependent> {
    let mut ordered = Vec::new();
    let mut seen = BTreeSet::new();
    collect(snapshot, object, display, &mut seen, &mut ordered);
    return ordered;

    fn collect(
        snapshot: &Snapshot,
        object: i64,
        display: &str,
        seen: &mut BTreeSet<ViewId>,
        ordered: &mut Vec<Dependent>,
    ) {
        let mut views = snapshot.dependents(object);
        views.sort_unstable_by(|left, right| right.cmp(left));
        for view in views {
            if seen.insert(view) {
                let name = snapshot.view(view).map_or("", |view| view.name.as_str());
                collect(snapshot, view.0, &format!("view {name}"), seen, ordered);
                ordered.push(Dependent {
                    view,
                    on: display.to_owned(),
                });
            }
        }
    }
}

pub(super) async fn drop_dependents(
    session: &mut Session,
    snapshot: &Arc<Snapshot>,
    object: i64,
    display: &str,
    cascade: bool,
) -> Result<(), SqlError> {
    let views = views_over(snapshot, object, display);
    alter_table::drop_policies_over(session, snapshot, object, display, cascade).await?;
    for dependent in views.iter().filter(|_| cascade) {
        let view = dependent.view.0;
        alter_table::drop_policies_over(session, snapshot, view, display, true).await?;
    }
    if views.is_empty() {
        return Ok(());
    }
    let listed: Vec<(String, String)> = views
        .iter()
        .rev()
        .filter_map(|dependent| {
            let view = snapshot.view(dependent.view)?;
            Some((format!("view {}", view.name), dependent.on.clone()))
        })
        .collect();
    if !cascade {
        return Err(SqlError::dependents_exist(display, &listed));
    }
    let names: Vec<String> = listed.into_iter().map(|(name, _)| name).collect();
    notify_cascade(session, &names);
    let storage = session.transaction().await?.storage()?;
    for dependent in views {
        storage.drop_view(dependent.view)?;
    }
    Ok(())
}

pub(super) fn notify_cascade(session: &mut Session, names: &[String]) {
    match names {
        [] => {}
        [one] => session.notify(Notice::info(format!("drop cascades to {one}"))),
        many => {
            let mut notice = Notice::info(format!("drop cascades to {} other objects", many.len()));
            let lines: Vec<String> = many
                .iter()
                .map(|name| format!("drop cascades to {name}"))
                .collect();
            notice.detail = Some(lines.join("\n"));
            session.notify(notice);
        }
    }
}

async fn drop_table(
    session: &mut Session,
    snapshot: &Arc<Snapshot>,
    table: &Table,
    cascade: bool,
) -> Result<(), SqlError> {
    let object = format!("table {}", table.name);
    drop_dependents(session, snapshot, table.id.0, &object, cascade).await?;
    drop_references(session, snapshot, table, cascade).await?;
    let owned: Vec<&Sequence> = snapshot.sequences_of(table.id).map(Arc::as_ref).collect();
    let others = |other: &Table| other.id != table.id;
    super::sequence::drop_defaults(session, &owned, &object, others, cascade).await?;
    let storage = session.transaction().await?.storage()?;
    Ok(storage.drop_table(table.id)?)
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
    let relations: Vec<Relation> = ctx.snapshot.relations_in(schema.id).collect();
    let sequences = super::sequence::free_in(&ctx.snapshot, schema.id);
    let mut names: Vec<String> = relations
        .iter()
        .map(|relation| object_name(&name, relation))
        .collect();
    let own = sequences.iter();
    names.extend(own.map(|sequence| format!("sequence {name}.{}", sequence.name)));
    if !names.is_empty() && !what.cascade {
        let on = format!("schema {name}");
        let listed: Vec<(String, String)> =
            names.into_iter().map(|name| (name, on.clone())).collect();
        return Err(SqlError::dependents_exist(&on, &listed));
    }
    notify_cascade(session, &names);
    let views = views_in_or_over(&ctx.snapshot, &relations);
    for relation in &relations {
        if let Relation::Table(table) = relation {
            let snapshot = session.transaction().await?.snapshot();
            drop_references(session, &snapshot, table, true).await?;
        }
    }
    let all: Vec<&Sequence> = ctx
        .snapshot
        .sequences()
        .filter(|sequence| sequence.schema_id == schema.id)
        .map(Arc::as_ref)
        .collect();
    let others = |other: &Table| other.schema_id != schema.id;
    let object = format!("schema {name}");
    super::sequence::drop_defaults(session, &all, &object, others, true).await?;
    let mut seen = BTreeSet::new();
    let storage = session.transaction().await?.storage()?;
    for view in views {
        if seen.insert(view) {
            storage.drop_view(view)?;
        }
    }
    for relation in &relations {
        if let Relation::Table(table) = relation {
            storage.drop_table(table.id)?;
        }
    }
    let storage = session.transaction().await?.storage()?;
    for sequence in &sequences {
        storage.drop_sequence(sequence.id)?;
    }
    storage.drop_schema(schema.id)?;
    Ok(())
}

/// A relation as errors and notices of its schema call it.
fn object_name(schema: &str, relation: &Relation) -> String {
    match relation {
        Relation::Table(table) => format!("table {schema}.{}", table.name),
        Relation::View(view) => format!("view {schema}.{}", view.name),
    }
}

/// The views among relations, and those that read one of them.
fn views_in_or_over(snapshot: &Snapshot, relations: &[Relation]) -> Vec<ViewId> {
    let mut views = Vec::new();
    for relation in relations {
        let object = match relation {
            Relation::Table(table) => table.id.0,
            Relation::View(view) => view.id.0,
        };
        let over = views_over(snapshot, object, "");
        views.extend(over.into_iter().map(|dependent| dependent.view));
        if let Relation::View(view) = relation {
            views.push(view.id);
        }
    }
    views
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
