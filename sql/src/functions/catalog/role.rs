//! `pg_has_role`: whether a role is a member of another, or has its privileges.

use arrow::array::ArrayRef;

use super::super::Registry;
use super::super::call::Call;
use super::super::kinds::Text;
use super::{Reference, references};
use crate::access::roles;
use crate::context::StatementContext;
use crate::error::SqlError;

pub(super) fn register(registry: &mut Registry) {
    for signature in [
        "pg_has_role(any, text) -> bool",
        "pg_has_role(any, any, text) -> bool",
    ] {
        registry.add(signature, has_role).stable();
    }
}

/// Without a first role, the current user's.
fn has_role(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let last = call.columns.len() - 1;
    let asked = match last > 1 {
        true => Some(references(call, 0)?),
        false => None,
    };
    let target = references(call, last - 1)?;
    let privileges = call.reader::<Text>(last)?;
    call.rows(|row| {
        let (Some(target), Some(privileges)) = (target.value(row), privileges.value(row)) else {
            return Ok(None);
        };
        let role = match &asked {
            None => call.context.role_id,
            Some(asked) => match asked.value(row) {
                None => return Ok(None),
                Some(asked) => role_id(call.context, asked)?,
            },
        };
        let target = role_id(call.context, target)?;
        let mut answer = false;
        for privilege in privileges.split(',') {
            answer |= holds(call.context, role, target, privilege.trim())?;
        }
        Ok(Some(answer))
    })
}

/// Errors: `42704` for a name that is no role's. An OID need not be one's.
fn role_id(context: &StatementContext, reference: Reference<'_>) -> Result<i64, SqlError> {
    match reference {
        Reference::Oid(id) => Ok(id),
        Reference::Name(name) => Ok(roles::find_role(&context.rights, name)?.id),
    }
}

/// Errors: `22023` for what is no privilege of roles.
fn holds(
    context: &StatementContext,
    role: i64,
    target: i64,
    privilege: &str,
) -> Result<bool, SqlError> {
    let rights = &context.rights;
    match privilege.to_ascii_uppercase().as_str() {
        "USAGE" => Ok(roles::has_privileges_of(rights, role, target)),
        "MEMBER" => Ok(roles::is_member_of(rights, role, target)),
        "USAGE WITH GRANT OPTION"
        | "USAGE WITH ADMIN OPTION"
        | "MEMBER WITH GRANT OPTION"
        | "MEMBER WITH ADMIN OPTION" => Ok(roles::is_admin_of(rights, role, target)),
        _ => Err(SqlError::unrecognized_privilege(privilege)),
    }
}
