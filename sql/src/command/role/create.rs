//! CREATE ROLE, CREATE USER, CREATE GROUP.

use gotgan_storage::{NewRole, Role};

use super::{
    alter, denied, is_superuser, may_create_roles, membership, plain_name, require_free_prefix,
    resolve_all,
};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::role::{Kind, RoleOption, RoleSpec};
use crate::session::{Notice, Session};
use crate::sqlstate;

pub(super) async fn run(
    session: &mut Session,
    ctx: &StatementContext,
    kind: Kind,
    name: &RoleSpec,
    options: &[RoleOption],
) -> Result<(), SqlError> {
    let mut role = Role {
        login: kind == Kind::User,
        ..Role::named(plain_name(name)?)
    };
    let mut verifier = None;
    for option in options {
        if let RoleOption::Password(password) = option {
            verifier = super::password::verifier(session, password.as_deref()).await?;
        } else {
            alter::apply(ctx, &mut role, option)?;
        }
    }
    if options.contains(&RoleOption::SysId) {
        session.notify(Notice::info("SYSID can no longer be specified"));
    }
    require_right(ctx, &role)?;
    require_free_prefix(&role.name)?;
    if ctx.rights.role_by_name(&role.name).is_some() {
        return Err(SqlError::with_code(
            sqlstate::DUPLICATE_OBJECT,
            format!("role \"{}\" already exists", role.name),
        ));
    }
    let storage = session.transaction().await?.storage()?;
    let id = storage.create_role(NewRole { role, verifier }).await?;
    for option in options {
        match option {
            RoleOption::InRoles(groups) => {
                for group in resolve_all(ctx, groups)? {
                    membership::add(session, ctx, ctx.role_id, group.id, &[id], false).await?;
                }
            }
            RoleOption::Members(members, is_admin) => {
                let members: Vec<i64> = resolve_all(ctx, members)?.iter().map(|m| m.id).collect();
                membership::add(session, ctx, ctx.role_id, id, &members, *is_admin).await?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Errors: `42501` if who runs the statement may not make such a role.
fn require_right(ctx: &StatementContext, role: &Role) -> Result<(), SqlError> {
    if is_superuser(ctx) {
        return Ok(());
    }
    let kinds = [
        (role.superuser, "superusers"),
        (role.replication, "replication users"),
        (role.bypass_rls, "bypassrls users"),
    ];
    if let Some((_, kind)) = kinds.iter().find(|(is_of_it, _)| *is_of_it) {
        return Err(denied(format!("must be superuser to create {kind}")));
    }
    match may_create_roles(ctx) {
        true => Ok(()),
        false => Err(denied("permission denied to create role")),
    }
}
