//! GRANT and REVOKE of roles, ALTER GROUP ... ADD and DROP USER.

use gotgan_storage::{Membership, Role};

use super::{
    current, denied, is_superuser, may_create_roles, refuse_reserved, resolve, resolve_all,
};
use crate::access::roles::{self, predefined};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::role::{MembershipChange, RoleSpec};
use crate::session::{Notice, Session};
use crate::sqlstate;

pub(super) async fn run(
    session: &mut Session,
    ctx: &StatementContext,
    change: &MembershipChange,
) -> Result<(), SqlError> {
    let grantor = match &change.grantor {
        Some(spec) => resolve(ctx, spec)?.id,
        None => ctx.role_id,
    };
    let members: Vec<i64> = resolve_all(ctx, &change.members)?
        .iter()
        .map(|member| member.id)
        .collect();
    for role in resolve_all(ctx, &change.roles)? {
        match change.grants {
            true => add(session, ctx, grantor, role.id, &members, change.is_admin).await?,
            false => remove(session, ctx, role.id, &members, change.is_admin).await?,
        }
    }
    Ok(())
}

pub(super) async fn alter_group(
    session: &mut Session,
    ctx: &StatementContext,
    group: &RoleSpec,
    adds: bool,
    members: &[RoleSpec],
) -> Result<(), SqlError> {
    if let RoleSpec::Name(name) = group {
        refuse_reserved(name, "Cannot alter reserved roles.")?;
    }
    let group = resolve(ctx, group)?;
    if group.superuser && !is_superuser(ctx) {
        let text = "must be superuser to alter superuser roles or change superuser attribute";
        return Err(denied(text));
    }
    if !may_create_roles(ctx) {
        return Err(denied("permission denied"));
    }
    let members: Vec<i64> = resolve_all(ctx, members)?.iter().map(|m| m.id).collect();
    match adds {
        true => add(session, ctx, ctx.role_id, group.id, &members, false).await,
        false => remove(session, ctx, group.id, &members, false).await,
    }
}

/// Makes roles members of another. `grantor`: who is noted for it.
///
/// Errors: `42501`; `0LP01` if the other one is a member of one of them already.
pub(super) async fn add(
    session: &mut Session,
    ctx: &StatementContext,
    grantor: i64,
    role: i64,
    members: &[i64],
    is_admin: bool,
) -> Result<(), SqlError> {
    let group = current(session, role).await?.1;
    require_right(ctx, grantor, &group)?;
    if role == predefined::PG_DATABASE_OWNER {
        let text = format!("role \"{}\" cannot have explicit members", group.name);
        return Err(SqlError::invalid_grant(text));
    }
    if grantor != ctx.role_id && !is_superuser(ctx) {
        return Err(denied("must be superuser to set grantor"));
    }
    for member in members {
        let (rights, mut member) = current(session, *member).await?;
        if member.is_predefined() {
            let text = format!("role \"{}\" cannot be a member of any role", member.name);
            return Err(SqlError::invalid_grant(text));
        }
        if roles::is_plain_member_of(&rights, role, member.id) {
            let text = format!(
                "role \"{}\" is a member of role \"{}\"",
                group.name, member.name
            );
            return Err(SqlError::invalid_grant(text));
        }
        let mut known = member.memberships.iter_mut();
        match known.find(|one| one.role == role) {
            Some(known) if known.admin || !is_admin => {
                session.notify(Notice::info(format!(
                    "role \"{}\" is already a member of role \"{}\"",
                    member.name, group.name
                )));
                continue;
            }
            Some(known) => {
                known.admin = true;
                known.grantor = grantor;
            }
            None => member.memberships.push(Membership {
                role,
                grantor,
                admin: is_admin,
            }),
        }
        session.transaction().await?.storage()?.put_role(member)?;
    }
    Ok(())
}

/// Ends memberships, or only their ADMIN OPTION.
async fn remove(
    session: &mut Session,
    ctx: &StatementContext,
    role: i64,
    members: &[i64],
    admin_only: bool,
) -> Result<(), SqlError> {
    let group = current(session, role).await?.1;
    require_right(ctx, ctx.role_id, &group)?;
    for member in members {
        let mut member = current(session, *member).await?.1;
        let is_it = |one: &Membership| one.role == role;
        let Some(index) = member.memberships.iter().position(is_it) else {
            session.notify(Notice::warning(
                sqlstate::WARNING,
                format!(
                    "role \"{}\" is not a member of role \"{}\"",
                    member.name, group.name
                ),
            ));
            continue;
        };
        match admin_only {
            true => member.memberships[index].admin = false,
            false => drop(member.memberships.remove(index)),
        }
        session.transaction().await?.storage()?.put_role(member)?;
    }
    Ok(())
}

/// Errors: `42501` if who runs the statement may not change who is a member of the role.
fn require_right(ctx: &StatementContext, grantor: i64, group: &Role) -> Result<(), SqlError> {
    if group.superuser {
        return match is_superuser(ctx) {
            true => Ok(()),
            false => Err(denied("must be superuser to alter superusers")),
        };
    }
    match may_create_roles(ctx) || roles::is_admin_of(&ctx.rights, grantor, group.id) {
        true => Ok(()),
        false => Err(denied(format!(
            "must have admin option on role \"{}\"",
            group.name
        ))),
    }
}
