//! RESTORE TABLE and RESTORE SCHEMA, and what PREVIEW RESTORE tells of them.
//!
//! Names of what is restored mean what they meant at the snapshot; names of what comes of
//! it mean what they mean now. An unqualified new name is in the schema that the old name
//! tells, or else where a new table would be made.

use std::sync::Arc;

use gotgan_storage::{
    AccessTarget, Constraint, Relation, Restore as Order, Schema, SequenceId, Snapshot, Table,
    TableId, ViewId,
};

use super::arguments::Arguments;
pub(super) use super::schema::Whole;
use super::{Report, Session, Shape, rights};
use crate::access::actor::Object;
use crate::command::grant::give_defaults;
use crate::command::owner;
use crate::error::SqlError;
use crate::parse::history::{Kind, Restore, RestoreItem};
use crate::pg_catalog::identifier::{quote, quote_qualified};
use crate::pg_catalog::rows::cells;
use crate::resolve::{Name, Resolved, Resolver};
use crate::sequence;
use crate::session::{Notice, not_kept};
use crate::sqlstate;
use crate::types::PgType;

/// A table that will be restored, and what it will be.
pub(super) struct Planned {
    /// Who will own it, if not who restores it.
    pub(super) owner: Option<i64>,
    pub(super) from: Arc<Snapshot>,
    pub(super) source: Arc<Table>,
    pub(super) target: Target,
}

/// What comes of a table.
pub(super) struct Target {
    /// Missing where RESTORE SCHEMA makes it.
    pub(super) schema: Option<Arc<Schema>>,
    pub(super) schema_name: String,
    pub(super) name: String,
    /// What has the name now, and makes room.
    pub(super) replaced: Option<Arc<Table>>,
}

impl Target {
    pub(super) fn display(&self) -> String {
        quote_qualified(&self.schema_name, &self.name)
    }
}

impl Planned {
    pub(super) fn source_name(&self) -> String {
        let schema = self.from.schema(self.source.schema_id);
        quote_qualified(schema.map_or("", |s| s.name.as_str()), &self.source.name)
    }
}

/// Errors: `42P01`, `3F000`, `42P07`, `42809` for a view; `2BP01` if a view could not read
/// what takes its table's place; `22023` for a snapshot that is not kept; `25006`.
pub(super) async fn run(
    session: &mut Session,
    restore: &Restore,
    shape: &Shape,
    arguments: Arguments<'_>,
) -> Result<Report, SqlError> {
    let tag = tag(restore.kind);
    session.require_write(tag)?;
    let mut rows = shape.rows();
    for item in &restore.items {
        let moment = moment(session, item, arguments).await?;
        if restore.kind == Kind::Schema {
            let whole = whole(session, moment, item, arguments).await?;
            for name in whole.restore(session, restore.with_grants).await? {
                rows.push(cells![name, None::<&str>]);
            }
            continue;
        }
        let planned = plan_table(session, &moment, item, arguments).await?;
        let kept_as = restore_one(session, &planned, restore.with_grants).await?;
        rows.push(cells![planned.target.display(), kept_as]);
    }
    let rows = rows.finish()?;
    Ok(Report { tag, rows })
}

fn tag(kind: Kind) -> &'static str {
    match kind {
        Kind::Table => "RESTORE TABLE",
        Kind::Schema => "RESTORE SCHEMA",
    }
}

/// Restores one table; returns under which name the one that it replaces is kept. What
/// takes the place of a table has its owner and grants.
pub(super) async fn restore_one(
    session: &mut Session,
    planned: &Planned,
    with_grants: bool,
) -> Result<Option<String>, SqlError> {
    let Some(schema) = &planned.target.schema else {
        return Err(SqlError::internal(
            "the schema of a restored table is missing",
        ));
    };
    let replaced = planned.target.replaced.as_ref();
    let order = Order {
        from: Arc::clone(&planned.from),
        table: planned.source.id,
        schema: schema.id,
        name: planned.target.name.clone(),
        owner: owner_name(session, replaced.map(|own| own.owner_id).or(planned.owner)),
        replace: replaced.map(|table| table.id),
    };
    let storage = session.transaction().await?.storage()?;
    let restored = storage.restore_table(&order).await.map_err(not_kept)?;
    name_sequences(
        session,
        &planned.from,
        &[restored.table],
        &restored.sequences,
    )
    .await?;
    require_views(session, &restored.views).await?;
    let pair = [(planned.source.id, restored.table)];
    tell_left_keys(session, &planned.from, &pair).await?;
    if replaced.is_none() {
        let source = (planned.from.as_ref(), planned.source.id);
        match with_grants {
            true => rights::bring_grants(session, source, restored.table).await?,
            false => give_defaults(session, AccessTarget::Table(restored.table)).await?,
        }
    }
    let kept_as = restored.old_name.as_deref();
    let kept_as = kept_as.map(|name| quote_qualified(&schema.name, name));
    if let Some(kept_as) = &kept_as {
        session.notify(Notice::info(format!(
            "the table that was there is kept as {kept_as}"
        )));
    }
    Ok(kept_as)
}

/// Who will own what is restored: the role that is told, if it is there, else who restores.
pub(super) fn owner_name(session: &Session, owner: Option<i64>) -> String {
    let rights = session.known_rights();
    let told = owner.and_then(|owner| rights.role(owner));
    told.map_or_else(|| session.role_name(), |role| role.name.clone())
}

/// Lets defaults of restored tables name their sequences as these are called now.
///
/// `made`: sequences of the snapshot, and the new ones in their places.
pub(super) async fn name_sequences(
    session: &mut Session,
    from: &Snapshot,
    tables: &[TableId],
    made: &[(SequenceId, SequenceId)],
) -> Result<(), SqlError> {
    let now = Arc::clone(&session.context().await?.snapshot);
    let storage = session.transaction().await?.storage()?;
    for table in tables.iter().filter_map(|id| now.table(*id)) {
        for column in &table.columns {
            let text = column.default.as_deref();
            let text = text.and_then(|text| sequence::restored(text, (from, &now), made));
            if let Some(text) = text {
                storage.set_default(table.id, column.id, Some(text))?;
            }
        }
    }
    Ok(())
}

/// Tells of foreign keys that stayed behind, since what they reference is not there.
///
/// `tables`: those of the snapshot, and the new ones.
pub(super) async fn tell_left_keys(
    session: &mut Session,
    from: &Snapshot,
    tables: &[(TableId, TableId)],
) -> Result<(), SqlError> {
    let now = Arc::clone(&session.context().await?.snapshot);
    for (source, restored) in tables {
        let (Some(source), Some(restored)) = (from.table(*source), now.table(*restored)) else {
            continue;
        };
        for key in &source.constraints {
            let is_left = matches!(key.constraint, Constraint::ForeignKey { .. })
                && !restored.constraints.iter().any(|own| own.name == key.name);
            if is_left {
                let (name, table) = (quote(&key.name), quote(&restored.name));
                let text = format!("foreign key {name} of {table} stays behind");
                session.notify(Notice {
                    detail: Some("The table that it references is not there.".to_owned()),
                    hint: Some("Bring that back, then add the key by ALTER TABLE.".to_owned()),
                    ..Notice::info(text)
                });
            }
        }
    }
    Ok(())
}

/// What an item means; of a schema, all its tables.
pub(super) async fn plan(
    session: &mut Session,
    kind: Kind,
    item: &RestoreItem,
    arguments: Arguments<'_>,
) -> Result<Vec<Planned>, SqlError> {
    let from = moment(session, item, arguments).await?;
    match kind {
        Kind::Table => Ok(vec![plan_table(session, &from, item, arguments).await?]),
        Kind::Schema => {
            let whole = whole(session, from, item, arguments).await?;
            whole.plan(session).await
        }
    }
}

/// The snapshot that an item comes from.
async fn moment(
    session: &mut Session,
    item: &RestoreItem,
    arguments: Arguments<'_>,
) -> Result<Arc<Snapshot>, SqlError> {
    let moment = session.moment(&item.point, arguments.parameters).await?;
    let ctx = session.context().await?;
    session.visible_snapshot(&moment, &ctx).await
}

async fn whole(
    session: &mut Session,
    from: Arc<Snapshot>,
    item: &RestoreItem,
    arguments: Arguments<'_>,
) -> Result<Whole, SqlError> {
    let source = arguments.plain_name(session, &item.source).await?;
    let target = match &item.target {
        Some(target) => arguments.plain_name(session, target).await?,
        None => source.clone(),
    };
    if item.replaces
        && session
            .context()
            .await?
            .snapshot
            .schema_by_name(&target)
            .is_some()
    {
        return Err(SqlError::not_supported("REPLACE of a schema")
            .with_hint("Restore it under another name, or its tables one by one."));
    }
    Ok(Whole {
        owner: None,
        from,
        source,
        target,
    })
}

async fn plan_table(
    session: &mut Session,
    from: &Arc<Snapshot>,
    item: &RestoreItem,
    arguments: Arguments<'_>,
) -> Result<Planned, SqlError> {
    let name = arguments.name(session, &item.source).await?;
    let ctx = session.context().await?;
    let path = session.search_path_at(from, &ctx.rights);
    let resolver = Resolver {
        snapshot: from,
        search_path: &path,
        visitor: Some(&ctx),
    };
    let source = match resolver.find(&name)? {
        Some(Resolved::Stored(Relation::Table(table))) => table,
        Some(_) => {
            return Err(SqlError::with_code(
                sqlstate::WRONG_OBJECT_TYPE,
                format!("\"{}\" is not a table", name.display()),
            ));
        }
        None => {
            return Err(SqlError::undefined_table(&name.display())
                .with_detail(format!("It did not exist at snapshot {}.", from.id())));
        }
    };
    rights::require_source(&ctx, &source)?;
    let target = match &item.target {
        Some(target) => {
            let target = arguments.name(session, target).await?;
            Name {
                schema: target.schema.or_else(|| name.schema.clone()),
                ..target
            }
        }
        None => Name {
            schema: from
                .schema(source.schema_id)
                .map(|schema| schema.name.clone()),
            name: source.name.clone(),
        },
    };
    let target = place(session, &target, item.replaces).await?;
    Ok(Planned {
        owner: None,
        from: Arc::clone(from),
        source,
        target,
    })
}

/// Where a new table goes, or whose place it takes.
///
/// Errors: `3F000`; `42P07` if the name is taken; `42809` if not by a table.
pub(super) async fn place(
    session: &mut Session,
    name: &Name,
    replaces: bool,
) -> Result<Target, SqlError> {
    let ctx = session.context().await?;
    let resolver = Resolver::of(&ctx);
    let schema = resolver.creation_schema(name)?;
    let replaced = match ctx.snapshot.relation(schema.id, &name.name) {
        None => None,
        Some(Relation::Table(table)) if replaces => {
            owner::require(&ctx, Object::Table(&table))?;
            Some(table)
        }
        Some(Relation::View(_)) if replaces => {
            return Err(SqlError::with_code(
                sqlstate::WRONG_OBJECT_TYPE,
                format!("\"{}\" is not a table", name.name),
            ));
        }
        Some(_) => {
            return Err(SqlError::duplicate_table(&name.name)
                .with_hint("Add AS and another name, or REPLACE to keep it under another one."));
        }
    };
    Ok(Target {
        schema_name: schema.name.clone(),
        schema: Some(schema),
        name: name.name.clone(),
        replaced,
    })
}

/// Views that now read the restored table must be able to, and give what they gave.
///
/// Errors: `2BP01`.
async fn require_views(session: &mut Session, views: &[ViewId]) -> Result<(), SqlError> {
    for id in views {
        let planner = session.planner().await?;
        let Some(view) = planner.ctx.snapshot.view(*id).map(Arc::clone) else {
            continue;
        };
        let planned = crate::parse::parse_query(&view.text)
            .and_then(|query| planner.plan_query(&query, &[]))
            .map(|planned| planned.plan);
        let problem = match &planned {
            Err(error) => Some(error.message.clone()),
            Ok(plan) => {
                let types = plan
                    .schema()
                    .fields()
                    .iter()
                    .map(|f| PgType::of_field(f).oid);
                let before = view.columns.iter();
                let before = before.map(|column| PgType::of_column(&column.column_type).oid);
                (!types.eq(before)).then(|| "its columns would have other types".to_owned())
            }
        };
        if let Some(problem) = problem {
            return Err(SqlError::with_code(
                sqlstate::DEPENDENT_OBJECTS_STILL_EXIST,
                "cannot replace the table because a view depends on it",
            )
            .with_detail(format!(
                "View {} cannot read the older table: {problem}.",
                view.name
            ))
            .with_hint("Restore it under another name, or drop the view."));
        }
    }
    Ok(())
}
