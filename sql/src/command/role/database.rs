//! ALTER DATABASE ... RENAME: the one database keeps its name, since every session is in it.
//!
//! Source: PostgreSQL 15, `RenameDatabase`.

use super::denied;
use crate::access::actor::{Actor, Object};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::resolve::DATABASE;
use crate::sqlstate;

/// Errors: `3D000`, `42501`, `42P04`, and `0A000` where nothing else is wrong.
pub(super) fn refuse_rename(
    ctx: &StatementContext,
    name: &str,
    new_name: &str,
) -> Result<(), SqlError> {
    if name != DATABASE {
        return Err(SqlError::undefined_database(name));
    }
    Actor::of(ctx).require_owner(Object::Database)?;
    let role = ctx.rights.role(ctx.role_id);
    if !role.is_some_and(|role| role.superuser || role.create_db) {
        return Err(denied("permission denied to rename database"));
    }
    if new_name == DATABASE {
        let text = format!("database \"{new_name}\" already exists");
        return Err(SqlError::with_code(sqlstate::DUPLICATE_DATABASE, text));
    }
    let text = "current database cannot be renamed";
    Err(SqlError::with_code(sqlstate::FEATURE_NOT_SUPPORTED, text))
}
