//! ALTER SYSTEM, and the options of schemas and tables that are ours.
//!
//! A setting of the lake takes effect at once on every node and is not undone, so ALTER
//! SYSTEM cannot be in a transaction block, as in PostgreSQL. An option of a schema or
//! table is a change of it like others.
//!
//! Source: PostgreSQL 15 manual, ALTER SYSTEM.

use std::time::Duration;

use gotgan_storage::{OptionTarget, RETENTION, RETENTION_MAX, Relation, retention_text};
use sqlparser::ast::Expr;

use super::arguments::Arguments;
use super::{Report, Session, Shape};
use crate::access::actor::{Actor, Object};
use crate::command::owner;
use crate::error::SqlError;
use crate::parse::history::NameArgument;
use crate::parse::retention::{ALL, Retention, Scope};
use crate::pg_catalog::rows::cells;
use crate::resolve::{Resolved, Resolver};
use crate::session::Notice;
use crate::sqlstate;
use crate::system_views::micros;

/// Errors: `42704` and `22023` for a parameter that there is not; `22023` for a value out
/// of range; `55P02` for one that the configuration decides; `25001`, `25006`.
pub(super) async fn run(
    session: &mut Session,
    retention: &Retention,
    shape: &Shape,
    arguments: Arguments<'_>,
) -> Result<Report, SqlError> {
    let tag = match retention.scope {
        Scope::System => "ALTER SYSTEM",
        Scope::Schema(_) => "ALTER SCHEMA",
        Scope::Table(_) => "ALTER TABLE",
    };
    match retention.scope {
        Scope::System => super::require_alone(session, tag)?,
        Scope::Schema(_) | Scope::Table(_) => session.require_write(tag)?,
    }
    let mut rows = shape.rows();
    for (name, value) in &retention.changes {
        if matches!(retention.scope, Scope::System) {
            require_system(session, name).await?;
        }
        require_known(name, &retention.scope)?;
        let duration = match value {
            Some(value) => Some(duration(session, value, arguments).await?),
            None => None,
        };
        let value = duration.map(retention_text);
        let target = match &retention.scope {
            Scope::System => None,
            Scope::Schema(schema) => {
                match schema_target(session, schema, retention, arguments).await? {
                    Some(target) => Some(target),
                    None => continue,
                }
            }
            Scope::Table(table) => {
                match table_target(session, table, retention, arguments).await? {
                    Some(target) => Some(target),
                    None => continue,
                }
            }
        };
        match target {
            Some(target) => {
                let storage = session.transaction().await?.storage()?;
                storage.set_option(target, RETENTION, value)?;
            }
            None => {
                session.commit_implicit().await?;
                let lake = session.engine.lake.clone();
                lake.store_setting(RETENTION, value.as_deref()).await?;
            }
        }
        rows.push(cells![duration.map(micros)]);
    }
    let rows = rows.finish()?;
    Ok(Report { tag, rows })
}

/// Errors: `42501` unless a superuser sets what is the lake's.
async fn require_system(session: &mut Session, name: &str) -> Result<(), SqlError> {
    let ctx = session.context().await?;
    match Actor::of(&ctx).is_superuser {
        true => Ok(()),
        false if name == ALL => Err(SqlError::permission_denied_to(
            "perform ALTER SYSTEM RESET ALL",
        )),
        false => {
            let what = format!("set parameter \"{name}\"");
            Err(SqlError::permission_denied_to(&what))
        }
    }
}

fn require_known(name: &str, scope: &Scope) -> Result<(), SqlError> {
    match scope {
        _ if name == RETENTION => Ok(()),
        Scope::System if name == ALL => Ok(()),
        Scope::System => {
            if crate::settings::shown_name(name).is_none() {
                return Err(SqlError::undefined_setting(name));
            }
            Err(SqlError::with_code(
                sqlstate::CANT_CHANGE_RUNTIME_PARAM,
                format!("parameter \"{name}\" cannot be changed by ALTER SYSTEM"),
            )
            .with_hint("Set it in the session, or in the configuration of the server."))
        }
        Scope::Schema(_) | Scope::Table(_) => Err(SqlError::invalid_parameter(format!(
            "unrecognized parameter \"{name}\""
        ))),
    }
}

/// A retention within its range.
async fn duration(
    session: &mut Session,
    value: &Expr,
    arguments: Arguments<'_>,
) -> Result<Duration, SqlError> {
    let micros = arguments.interval(session, value).await?;
    let micros = micros.ok_or_else(|| {
        SqlError::invalid_parameter(format!("parameter \"{RETENTION}\" must not be null"))
    })?;
    let duration = u64::try_from(micros).ok().map(Duration::from_micros);
    match duration.filter(|duration| *duration <= RETENTION_MAX) {
        Some(duration) => Ok(duration),
        None => Err(SqlError::invalid_parameter(format!(
            "{value} is outside the valid range for parameter \"{RETENTION}\" (0 .. 3653 days)"
        ))),
    }
}

/// The schema of a name; none if it need not exist.
async fn schema_target(
    session: &mut Session,
    name: &NameArgument,
    retention: &Retention,
    arguments: Arguments<'_>,
) -> Result<Option<OptionTarget>, SqlError> {
    let name = arguments.plain_name(session, name).await?;
    let ctx = session.context().await?;
    match ctx.snapshot.schema_by_name(&name) {
        Some(schema) if ctx.snapshot.is_temporary(schema.id) => Err(temporary()),
        Some(schema) => {
            owner::require(&ctx, Object::Schema(schema))?;
            Ok(Some(OptionTarget::Schema(schema.id)))
        }
        None if retention.if_exists => {
            let text = format!("schema \"{name}\" does not exist, skipping");
            session.notify(Notice::info(text));
            Ok(None)
        }
        None => Err(SqlError::undefined_schema(&name)),
    }
}

/// The table of a name; none if it need not exist.
async fn table_target(
    session: &mut Session,
    name: &NameArgument,
    retention: &Retention,
    arguments: Arguments<'_>,
) -> Result<Option<OptionTarget>, SqlError> {
    let name = arguments.name(session, name).await?;
    let ctx = session.context().await?;
    let resolver = Resolver::of(&ctx);
    match resolver.find(&name)? {
        Some(Resolved::Stored(Relation::Table(table))) => {
            owner::require(&ctx, Object::Table(&table))?;
            match ctx.snapshot.is_temporary(table.schema_id) {
                true => Err(temporary()),
                false => Ok(Some(OptionTarget::Table(table.id))),
            }
        }
        Some(_) => Err(SqlError::with_code(
            sqlstate::WRONG_OBJECT_TYPE,
            format!("\"{}\" is not a table", name.display()),
        )),
        None if retention.if_exists => {
            let text = format!("relation \"{}\" does not exist, skipping", name.display());
            session.notify(Notice::info(text));
            Ok(None)
        }
        None => Err(SqlError::undefined_table(&name.display())),
    }
}

fn temporary() -> SqlError {
    SqlError::not_supported("a retention of temporary tables")
}
