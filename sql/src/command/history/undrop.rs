//! UNDROP TABLE and UNDROP SCHEMA: a restore from the last snapshot that has the object.
//!
//! Of several that had the name, the one that was dropped last comes back, or the one
//! whose id is given; `gotgan.dropped_tables` lists them.

use std::sync::Arc;

use gotgan_storage::{DroppedTable, SnapshotId};

use super::arguments::Arguments;
use super::restore::{self, Planned, Whole};
use super::{Report, Session, Shape};
use crate::access::actor::Actor;
use crate::error::SqlError;
use crate::parse::history::{Kind, Undrop};
use crate::pg_catalog::identifier::quote;
use crate::pg_catalog::rows::cells;
use crate::resolve::Name;
use crate::session::Moment;
use crate::sqlstate;

/// Errors: `42P01` and `3F000` if nothing of the name was dropped, or is kept; `42P07` and
/// `42P06` if the name is taken; `25006`.
pub(super) async fn run(
    session: &mut Session,
    undrop: &Undrop,
    shape: &Shape,
    arguments: Arguments<'_>,
) -> Result<Report, SqlError> {
    let tag = match undrop.kind {
        Kind::Table => "UNDROP TABLE",
        Kind::Schema => "UNDROP SCHEMA",
    };
    session.require_write(tag)?;
    let id = match &undrop.id {
        Some(expression) => arguments.integer(session, expression).await?,
        None => None,
    };
    let restored = match undrop.kind {
        Kind::Table => table(session, undrop, id, arguments).await?,
        Kind::Schema => schema(session, undrop, id, arguments).await?,
    };
    let mut rows = shape.rows();
    rows.push(cells![restored]);
    let rows = rows.finish()?;
    Ok(Report { tag, rows })
}

async fn table(
    session: &mut Session,
    undrop: &Undrop,
    id: Option<i64>,
    arguments: Arguments<'_>,
) -> Result<String, SqlError> {
    let name = arguments.name(session, &undrop.name).await?;
    let dropped = find_table(session, &name, id).await?;
    let from = session
        .snapshot_of(&Moment::Snapshot(dropped.last.to_string()))
        .await?;
    let source = from.table(dropped.id).ok_or_else(|| absent(&name))?;
    let target = match &undrop.target {
        Some(target) => {
            let target = arguments.name(session, target).await?;
            Name {
                schema: target.schema.or(Some(dropped.schema)),
                ..target
            }
        }
        None => Name {
            schema: Some(dropped.schema),
            name: dropped.name,
        },
    };
    let planned = Planned {
        owner: Some(source.owner_id),
        source: Arc::clone(source),
        target: restore::place(session, &target, false)
            .await
            .map_err(|error| advise(error, &target))?,
        from,
    };
    restore::restore_one(session, &planned, true).await?;
    Ok(planned.target.display())
}

/// The newest of the name, or the one with the id.
pub(super) async fn find_table(
    session: &mut Session,
    name: &Name,
    id: Option<i64>,
) -> Result<DroppedTable, SqlError> {
    // A schema that is gone is still where its tables were looked for.
    let path = session.settings.search_path();
    let is_meant = |dropped: &DroppedTable| {
        let is_in_schema = match &name.schema {
            Some(schema) => dropped.schema == *schema,
            None => path.contains(&dropped.schema),
        };
        is_in_schema && dropped.name == name.name && id.is_none_or(|id| dropped.id.0 == id)
    };
    let ctx = session.context().await?;
    let all = session.engine.lake.dropped_tables().await?;
    let actor = Actor::of(&ctx);
    let mut own = all.into_iter().filter(|one| actor.acts_for(one.owner_id));
    let found = own.find(is_meant);
    found.ok_or_else(|| absent(name))
}

fn absent(name: &Name) -> SqlError {
    SqlError::with_code(
        sqlstate::UNDEFINED_TABLE,
        format!("no dropped table \"{}\" is kept", name.display()),
    )
    .with_hint("See gotgan.dropped_tables.")
}

/// What helps against a name that cannot be given back.
fn advise(error: SqlError, target: &Name) -> SqlError {
    let schema = target.schema.as_deref().unwrap_or_default();
    if error.code == sqlstate::INVALID_SCHEMA_NAME {
        let hint = format!("UNDROP SCHEMA {} brings back all of it.", quote(schema));
        return error.with_hint(hint);
    }
    match error.code == sqlstate::DUPLICATE_TABLE {
        true => error.with_hint("Add AS and another name."),
        false => error,
    }
}

async fn schema(
    session: &mut Session,
    undrop: &Undrop,
    id: Option<i64>,
    arguments: Arguments<'_>,
) -> Result<String, SqlError> {
    let name = arguments.plain_name(session, &undrop.name).await?;
    let all = session.engine.lake.dropped_schemas().await?;
    let ctx = session.context().await?;
    let actor = Actor::of(&ctx);
    let own = all.into_iter().filter(|one| actor.acts_for(one.owner_id));
    let mut named = own.filter(|dropped| dropped.name == name);
    let dropped = named.find(|dropped| id.is_none_or(|id| dropped.id.0 == id));
    let dropped = dropped.ok_or_else(|| {
        SqlError::with_code(
            sqlstate::INVALID_SCHEMA_NAME,
            format!("no dropped schema \"{name}\" is kept"),
        )
    })?;
    let SnapshotId(last) = dropped.last;
    let from = session
        .snapshot_of(&Moment::Snapshot(last.to_string()))
        .await?;
    let target = match &undrop.target {
        Some(target) => arguments.plain_name(session, target).await?,
        None => name.clone(),
    };
    let source = from.schema(dropped.id).map(|schema| schema.name.clone());
    let source = source.ok_or_else(|| SqlError::undefined_schema(&name))?;
    let whole = Whole {
        owner: Some(dropped.owner_id),
        from,
        source,
        target,
    };
    whole.restore(session, true).await?;
    Ok(quote(&whole.target))
}
