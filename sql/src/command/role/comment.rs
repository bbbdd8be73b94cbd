//! COMMENT ON ROLE.

use gotgan_storage::Role;

use super::{denied, is_superuser, may_create_roles};
use crate::access::roles;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::session::Session;

/// Sets the comment of a role, or takes it away.
///
/// Errors: `42704` without such a role; `42501` for who may not make roles.
pub(crate) async fn comment(
    session: &mut Session,
    ctx: &StatementContext,
    name: &str,
    text: Option<String>,
) -> Result<(), SqlError> {
    let role = roles::find_role(&ctx.rights, name)?;
    if role.superuser && !is_superuser(ctx) {
        return Err(denied("must be superuser"));
    }
    if !may_create_roles(ctx) {
        return Err(denied("must have CREATEROLE privilege"));
    }
    if role.is_predefined() {
        return Err(SqlError::not_supported(
            "COMMENT ON ROLE of a predefined role",
        ));
    }
    let role = Role {
        comment: text,
        ..role.as_ref().clone()
    };
    session.transaction().await?.storage()?.put_role(role)?;
    Ok(())
}
