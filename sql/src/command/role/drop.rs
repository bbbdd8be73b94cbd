//! DROP ROLE: memberships and settings go with it, nothing else.

use super::{denied, depend, is_superuser, may_create_roles};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::role::RoleSpec;
use crate::session::{Notice, Session};
use crate::sqlstate;

pub(super) async fn run(
    session: &mut Session,
    ctx: &StatementContext,
    if_exists: bool,
    specs: &[RoleSpec],
) -> Result<(), SqlError> {
    if !may_create_roles(ctx) {
        return Err(denied("permission denied to drop role"));
    }
    for spec in specs {
        let RoleSpec::Name(name) = spec else {
            return Err(SqlError::invalid_parameter(
                "cannot use special role specifier in DROP ROLE",
            ));
        };
        let Some(role) = ctx.rights.role_by_name(name) else {
            if !if_exists {
                return Err(SqlError::undefined_object("role", name));
            }
            session.notify(Notice::info(format!(
                "role \"{name}\" does not exist, skipping"
            )));
            continue;
        };
        let own = [(ctx.role_id, "current"), (ctx.session_role_id, "session")];
        if let Some((_, whose)) = own.iter().find(|(id, _)| *id == role.id) {
            return Err(SqlError::with_code(
                sqlstate::OBJECT_IN_USE,
                format!("{whose} user cannot be dropped"),
            ));
        }
        if role.superuser && !is_superuser(ctx) {
            return Err(denied("must be superuser to drop superusers"));
        }
        if role.is_predefined() || role.id == gotgan_storage::BOOTSTRAP_ROLE_ID {
            return Err(SqlError::with_code(
                sqlstate::DEPENDENT_OBJECTS_STILL_EXIST,
                format!("cannot drop role {name} because it is required by the database system"),
            ));
        }
        if let Some(lines) = depend::mentions(ctx, role.id) {
            return Err(SqlError::with_code(
                sqlstate::DEPENDENT_OBJECTS_STILL_EXIST,
                format!("role \"{name}\" cannot be dropped because some objects depend on it"),
            )
            .with_detail(lines));
        }
        // The same role may be named twice; the second time nothing is left to do.
        let storage = session.transaction().await?.storage()?;
        if storage.rights().role(role.id).is_some() {
            storage.drop_role(role.id)?;
        }
    }
    Ok(())
}
