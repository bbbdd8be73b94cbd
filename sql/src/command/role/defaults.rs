//! ALTER ROLE ... SET and ALTER DATABASE ... SET: what sessions begin with.
//!
//! [`CONNECT_TO`] decides where a role may log in, so nobody sets it for himself, nor
//! takes it away: that needs a superuser, or CREATEROLE and another role.

use sqlparser::ast::Set;

use super::{denied, is_superuser, may_create_roles, refuse_reserved, resolve};
use crate::access::actor::{Actor, Object};
use crate::command::set;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::role::{DefaultChange, DefaultScope, SetDefault};
use crate::resolve::DATABASE;
use crate::session::{AS_OF, Session};
use crate::settings::{self, CONNECT_TO};

/// The tag of the statement.
pub(super) fn tag(scope: &DefaultScope) -> &'static str {
    match scope {
        DefaultScope::Database(_) => "ALTER DATABASE",
        DefaultScope::Role { .. } | DefaultScope::AllRoles { .. } => "ALTER ROLE",
    }
}

/// Whose settings they are, as the catalog keeps it.
#[derive(Clone, Copy)]
struct Key {
    /// 0 for everyone.
    role: i64,
    in_database: bool,
}

pub(super) async fn run(
    session: &mut Session,
    ctx: &StatementContext,
    change: &SetDefault,
) -> Result<(), SqlError> {
    let key = key(ctx, &change.scope)?;
    match &change.change {
        DefaultChange::ResetAll => reset_all(session, ctx, key).await,
        DefaultChange::Reset(name) => {
            settings::require_known(name)?;
            store(session, ctx, key, &shown_name(name), None).await
        }
        DefaultChange::FromCurrent(name) => {
            let value = session.settings.show(name)?.to_owned();
            store(session, ctx, key, &shown_name(name), Some(value)).await
        }
        DefaultChange::Set(change) => {
            let (name, value) = assignment(change)?;
            if let Some(value) = &value {
                check(ctx, &name, value)?;
            }
            store(session, ctx, key, &name, value).await
        }
    }
}

/// Errors: `42501` if who runs the statement may set nothing there.
fn key(ctx: &StatementContext, scope: &DefaultScope) -> Result<Key, SqlError> {
    match scope {
        DefaultScope::Role { role, database } => {
            if let crate::parse::role::RoleSpec::Name(name) = role {
                refuse_reserved(name, "Cannot alter reserved roles.")?;
            }
            let role = resolve(ctx, role)?;
            require_database(database.as_deref())?;
            if role.superuser && !is_superuser(ctx) {
                return Err(denied("must be superuser to alter superusers"));
            }
            if !may_create_roles(ctx) && role.id != ctx.role_id {
                return Err(denied("permission denied"));
            }
            Ok(Key {
                role: role.id,
                in_database: database.is_some(),
            })
        }
        DefaultScope::AllRoles { database } => {
            require_database(database.as_deref())?;
            let is_allowed = match database {
                Some(_) => Actor::of(ctx).owns(Object::Database),
                None => is_superuser(ctx),
            };
            match (is_allowed, database) {
                (true, _) => Ok(Key {
                    role: 0,
                    in_database: database.is_some(),
                }),
                (false, Some(name)) => Err(SqlError::must_be_owner("database", name)),
                (false, None) => Err(denied("must be superuser to alter settings globally")),
            }
        }
        DefaultScope::Database(name) => {
            require_database(Some(name))?;
            match Actor::of(ctx).owns(Object::Database) {
                true => Ok(Key {
                    role: 0,
                    in_database: true,
                }),
                false => Err(SqlError::must_be_owner("database", name)),
            }
        }
    }
}

/// Errors: `3D000` for another database than the one that there is.
fn require_database(name: Option<&str>) -> Result<(), SqlError> {
    match name {
        Some(name) if name != DATABASE => Err(SqlError::undefined_database(name)),
        _ => Ok(()),
    }
}

/// The setting's name as PostgreSQL writes it, and the value; none is the default.
fn assignment(change: &Set) -> Result<(String, Option<String>), SqlError> {
    let (name, value) = set::assignment(change)?;
    Ok((shown_name(&name), value))
}

fn shown_name(name: &str) -> String {
    let known = settings::shown_name(name).map(str::to_owned);
    known.unwrap_or_else(|| name.to_lowercase())
}

/// Errors: those of SET.
fn check(ctx: &StatementContext, name: &str, value: &str) -> Result<(), SqlError> {
    match name {
        "role" if value == "none" => Ok(()),
        "role" => match ctx.rights.role_by_name(value) {
            Some(_) => Ok(()),
            None => Err(SqlError::invalid_parameter(format!(
                "role \"{value}\" does not exist"
            ))),
        },
        // Whether its snapshot is kept is for the day of the login to say.
        AS_OF => Ok(()),
        name => settings::check_for_login(name, value),
    }
}

async fn store(
    session: &mut Session,
    ctx: &StatementContext,
    key: Key,
    name: &str,
    value: Option<String>,
) -> Result<(), SqlError> {
    if !may_set(ctx, key, name) {
        return Err(SqlError::setting_denied(name));
    }
    let storage = session.transaction().await?.storage()?;
    storage.set_role_setting(key.role, key.in_database, name, value)?;
    Ok(())
}

fn may_set(ctx: &StatementContext, key: Key, name: &str) -> bool {
    match name {
        _ if is_superuser(ctx) => true,
        CONNECT_TO => {
            let own = [ctx.role_id, ctx.session_role_id];
            may_create_roles(ctx) && !own.contains(&key.role)
        }
        name => !settings::is_superusers(name),
    }
}

/// Takes away what who runs the statement might set, as PostgreSQL does.
async fn reset_all(
    session: &mut Session,
    ctx: &StatementContext,
    key: Key,
) -> Result<(), SqlError> {
    let set = ctx.rights.role_settings().iter();
    let set = set.filter(|one| one.role == key.role && one.in_database == key.in_database);
    for one in set {
        if may_set(ctx, key, &one.name) {
            store(session, ctx, key, &one.name, None).await?;
        }
    }
    Ok(())
}
