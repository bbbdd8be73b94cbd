//! Statements about roles: what they are and may do, who is a member of whom, who the
//! session acts as.
//!
//! Who may change a role follows PostgreSQL 15: superusers everything, CREATEROLE every
//! role that is no superuser and does not replicate, WITH ADMIN OPTION the memberships of
//! that role, everybody the own password and settings. Predefined roles stay as they are.
//!
//! Source: PostgreSQL 15, `user.c`.

use std::sync::Arc;

use gotgan_storage::{Rights, Role};

use crate::access::roles;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::role::{RoleSpec, RoleStatement};
use crate::session::{Outcome, Session};
use crate::sqlstate;

mod alter;
mod comment;
mod create;
mod database;
mod defaults;
mod depend;
mod drop;
mod identity;
mod membership;
mod owned;
mod password;

pub(crate) use comment::comment;
pub(crate) use identity::reset_all as reset_identity;

pub(crate) async fn run(
    session: &mut Session,
    statement: &RoleStatement,
) -> Result<Outcome, SqlError> {
    use RoleStatement as S;
    let tag = match statement {
        S::Identity(change) => return identity::run(session, change).await,
        S::Create { .. } => "CREATE ROLE",
        S::Alter { .. } | S::Members { .. } | S::Rename { .. } => "ALTER ROLE",
        S::Set(change) => defaults::tag(&change.scope),
        S::RenameDatabase { .. } => "ALTER DATABASE",
        S::Drop { .. } => "DROP ROLE",
        S::Membership(change) if change.grants => "GRANT ROLE",
        S::Membership(_) => "REVOKE ROLE",
        S::Reassign { .. } => "REASSIGN OWNED",
        S::DropOwned { .. } => "DROP OWNED",
    };
    check_names(statement)?;
    session.require_write(tag)?;
    let ctx = session.context().await?;
    match statement {
        S::Identity(_) => {}
        S::Create {
            kind,
            name,
            options,
        } => create::run(session, &ctx, *kind, name, options).await?,
        S::Alter { role, options } => alter::run(session, &ctx, role, options).await?,
        S::Members {
            group,
            adds,
            members,
        } => membership::alter_group(session, &ctx, group, *adds, members).await?,
        S::Rename { role, new_name } => alter::rename(session, &ctx, role, new_name).await?,
        S::Set(change) => defaults::run(session, &ctx, change).await?,
        S::RenameDatabase { name, new_name } => database::refuse_rename(&ctx, name, new_name)?,
        S::Drop { if_exists, roles } => drop::run(session, &ctx, *if_exists, roles).await?,
        S::Membership(change) => membership::run(session, &ctx, change).await?,
        S::Reassign { from, to } => owned::reassign(session, &ctx, from, to).await?,
        S::DropOwned { roles, cascade } => {
            Box::pin(owned::drop_all(session, &ctx, roles, *cascade)).await?;
        }
    }
    Ok(Outcome::Command(tag.to_owned()))
}

/// Refuses what is wrong with the statement itself, whoever runs it and wherever.
///
/// Errors: `42939` for words in place of names; `42601` for options.
fn check_names(statement: &RoleStatement) -> Result<(), SqlError> {
    match statement {
        RoleStatement::Create { name, options, .. } => {
            plain_name(name)?;
            alter::refuse_redundant(options)
        }
        RoleStatement::Alter { options, .. } => alter::refuse_redundant(options),
        RoleStatement::Rename { role, new_name } => {
            plain_name(role)?;
            plain_name(new_name).map(drop)
        }
        _ => Ok(()),
    }
}

/// The role that a statement names.
///
/// Errors: `42704`.
pub(crate) fn resolve(ctx: &StatementContext, spec: &RoleSpec) -> Result<Arc<Role>, SqlError> {
    let by_id = |id: i64| {
        let found = ctx.rights.role(id).cloned();
        found.ok_or_else(|| SqlError::undefined_object("role", &id.to_string()))
    };
    match spec {
        RoleSpec::Name(name) if name == "none" => Err(reserved(name)),
        RoleSpec::Name(name) => roles::find_role(&ctx.rights, name),
        RoleSpec::CurrentRole | RoleSpec::CurrentUser => by_id(ctx.role_id),
        RoleSpec::SessionUser => by_id(ctx.session_role_id),
        RoleSpec::Public => Err(SqlError::undefined_object("role", "public")),
    }
}

/// The roles that a statement names.
fn resolve_all(ctx: &StatementContext, specs: &[RoleSpec]) -> Result<Vec<Arc<Role>>, SqlError> {
    specs.iter().map(|spec| resolve(ctx, spec)).collect()
}

/// A name where no word for a role may stand.
///
/// Errors: `42939` for such a word.
fn plain_name(spec: &RoleSpec) -> Result<&str, SqlError> {
    let word = match spec {
        RoleSpec::Name(name) if name == "none" => return Err(reserved(name)),
        RoleSpec::Name(name) => return Ok(name),
        RoleSpec::Public => return Err(reserved("public")),
        RoleSpec::CurrentRole => "CURRENT_ROLE",
        RoleSpec::CurrentUser => "CURRENT_USER",
        RoleSpec::SessionUser => "SESSION_USER",
    };
    Err(SqlError::with_code(
        sqlstate::RESERVED_NAME,
        format!("{word} cannot be used as a role name here"),
    ))
}

/// Errors: `42939` for a name that only predefined roles have.
fn require_free_prefix(name: &str) -> Result<(), SqlError> {
    refuse_reserved(name, "Role names starting with \"pg_\" are reserved.")
}

fn reserved(name: &str) -> SqlError {
    SqlError::with_code(
        sqlstate::RESERVED_NAME,
        format!("role name \"{name}\" is reserved"),
    )
}

/// Errors: `42939` for names of predefined roles.
fn refuse_reserved(name: &str, detail: &str) -> Result<(), SqlError> {
    match name.starts_with("pg_") {
        true => Err(reserved(name).with_detail(detail)),
        false => Ok(()),
    }
}

/// Errors: `42501`, with this text.
fn denied(text: impl Into<String>) -> SqlError {
    SqlError::with_code(sqlstate::INSUFFICIENT_PRIVILEGE, text)
}

/// Whether who runs the statement is a superuser.
fn is_superuser(ctx: &StatementContext) -> bool {
    roles::is_superuser(&ctx.rights, ctx.role_id)
}

/// Whether who runs the statement may make and change roles.
fn may_create_roles(ctx: &StatementContext) -> bool {
    roles::may_create_roles(&ctx.rights, ctx.role_id)
}

/// The role as it is now, with what this statement changed already.
async fn current(session: &mut Session, id: i64) -> Result<(Rights, Role), SqlError> {
    let rights = session.rights().await?;
    let role = rights.role(id).map(|role| role.as_ref().clone());
    let role = role.ok_or_else(|| SqlError::undefined_object("role", &id.to_string()))?;
    Ok((rights, role))
}
