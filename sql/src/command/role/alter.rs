//! ALTER ROLE: attributes, password, name.

use chrono::DateTime;
use gotgan_storage::{BOOTSTRAP_ROLE_ID, Role};

use super::{
    denied, is_superuser, may_create_roles, plain_name, refuse_reserved, require_free_prefix,
    resolve,
};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::role::{RoleOption, RoleSpec};
use crate::session::Session;
use crate::sqlstate;
use crate::types::datetime::{TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY, parse_timestamptz};

pub(super) async fn run(
    session: &mut Session,
    ctx: &StatementContext,
    spec: &RoleSpec,
    options: &[RoleOption],
) -> Result<(), SqlError> {
    if let RoleSpec::Name(name) = spec {
        refuse_reserved(name, "Cannot alter reserved roles.")?;
    }
    let old = resolve(ctx, spec)?;
    require_right(ctx, &old, options)?;
    let mut role = old.as_ref().clone();
    if role.id == BOOTSTRAP_ROLE_ID && options.contains(&RoleOption::Superuser(false)) {
        return Err(SqlError::not_supported(
            "taking SUPERUSER from the role that the lake began with",
        ));
    }
    for option in options {
        match option {
            RoleOption::Password(password) => {
                let verifier = super::password::verifier(session, password.as_deref()).await?;
                let storage = session.transaction().await?.storage()?;
                storage.set_verifier(role.id, verifier)?;
            }
            option => apply(ctx, &mut role, option)?,
        }
    }
    session.transaction().await?.storage()?.put_role(role)?;
    Ok(())
}

/// Errors: `42601` for options that may not stand together, or are none.
pub(super) fn refuse_redundant(options: &[RoleOption]) -> Result<(), SqlError> {
    for (index, option) in options.iter().enumerate() {
        if let RoleOption::Unknown(word) = option {
            let text = format!("unrecognized role option \"{word}\"");
            return Err(SqlError::syntax(text));
        }
        let mut before = options[..index].iter();
        if before.any(|other| other.excludes(option)) {
            return Err(SqlError::syntax("conflicting or redundant options"));
        }
    }
    Ok(())
}

/// Errors: `42501` if who runs the statement may not change this of the role.
fn require_right(
    ctx: &StatementContext,
    role: &Role,
    options: &[RoleOption],
) -> Result<(), SqlError> {
    if is_superuser(ctx) {
        return Ok(());
    }
    let has = |is_it: fn(&RoleOption) -> bool| options.iter().any(is_it);
    let text = if role.superuser || has(|option| matches!(option, RoleOption::Superuser(_))) {
        "must be superuser to alter superuser roles or change superuser attribute"
    } else if role.replication || has(|option| matches!(option, RoleOption::Replication(_))) {
        "must be superuser to alter replication roles or change replication attribute"
    } else if has(|option| matches!(option, RoleOption::BypassRls(_))) {
        "must be superuser to change bypassrls attribute"
    } else if may_create_roles(ctx) {
        return Ok(());
    } else {
        let is_own = role.id == ctx.role_id;
        if is_own && !has(|option| !matches!(option, RoleOption::Password(_))) {
            return Ok(());
        }
        "permission denied"
    };
    Err(denied(text))
}

/// Gives a role what an option says. The password and memberships are not in the role.
///
/// Errors: `22023` for a value that is none; `0A000` for an option that is not there.
pub(super) fn apply(
    ctx: &StatementContext,
    role: &mut Role,
    option: &RoleOption,
) -> Result<(), SqlError> {
    match option {
        RoleOption::Superuser(is_on) => role.superuser = *is_on,
        RoleOption::CreateRole(is_on) => role.create_role = *is_on,
        RoleOption::CreateDb(is_on) => role.create_db = *is_on,
        RoleOption::Inherit(is_on) => role.inherit = *is_on,
        RoleOption::Login(is_on) => role.login = *is_on,
        RoleOption::Replication(is_on) => role.replication = *is_on,
        RoleOption::BypassRls(is_on) => role.bypass_rls = *is_on,
        RoleOption::ConnectionLimit(limit) => {
            if *limit < -1 || i32::try_from(*limit).is_err() {
                return Err(SqlError::invalid_parameter(format!(
                    "invalid connection limit: {limit}"
                )));
            }
            role.connection_limit = *limit;
        }
        RoleOption::ValidUntil(text) => {
            role.valid_until = match parse_timestamptz(text, -1, &ctx.input)? {
                TIMESTAMP_INFINITY => Some(Role::valid_forever()),
                TIMESTAMP_MINUS_INFINITY => Some(Role::valid_never()),
                micros => DateTime::from_timestamp_micros(micros),
            };
        }
        RoleOption::Other(words) => return Err(SqlError::not_supported(*words)),
        RoleOption::OwnRowsOnly
        | RoleOption::Unknown(_)
        | RoleOption::Password(_)
        | RoleOption::InRoles(_)
        | RoleOption::Members(..)
        | RoleOption::SysId => {}
    }
    Ok(())
}

/// ALTER ROLE ... RENAME TO. A password stays: its verifier knows nothing of the name.
pub(super) async fn rename(
    session: &mut Session,
    ctx: &StatementContext,
    spec: &RoleSpec,
    to: &RoleSpec,
) -> Result<(), SqlError> {
    let name = plain_name(to)?;
    let old = resolve(ctx, spec)?;
    let own = [(ctx.session_role_id, "session"), (ctx.role_id, "current")];
    if let Some((_, whose)) = own.iter().find(|(id, _)| *id == old.id) {
        return Err(SqlError::with_code(
            sqlstate::FEATURE_NOT_SUPPORTED,
            format!("{whose} user cannot be renamed"),
        ));
    }
    require_free_prefix(&old.name)?;
    require_free_prefix(name)?;
    if ctx.rights.role_by_name(name).is_some() {
        return Err(SqlError::with_code(
            sqlstate::DUPLICATE_OBJECT,
            format!("role \"{name}\" already exists"),
        ));
    }
    if old.superuser && !is_superuser(ctx) {
        return Err(denied("must be superuser to rename superusers"));
    }
    if !may_create_roles(ctx) {
        return Err(denied("permission denied to rename role"));
    }
    if old.id == BOOTSTRAP_ROLE_ID {
        // The server gives it its password by name at each start.
        return Err(SqlError::not_supported(
            "renaming the role that the lake began with",
        ));
    }
    let role = Role {
        name: name.to_owned(),
        ..old.as_ref().clone()
    };
    session.transaction().await?.storage()?.put_role(role)?;
    Ok(())
}
