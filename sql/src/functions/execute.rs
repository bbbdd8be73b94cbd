//! EXECUTE on functions: everybody has it, until it is revoked.
//!
//! It is asked where a call is planned, by the types that its arguments are cast to. A
//! signature that `pg_proc` does not show counts as all of its name.

use super::scalar_names;
use crate::access::actor::{Actor, Object};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::pg_catalog::pg_proc::{self, Function};
use crate::types::PgType;

/// Errors: `42501` unless the statement's role may call the function.
pub(super) fn require(
    context: &StatementContext,
    name: &str,
    types: &[PgType],
) -> Result<(), SqlError> {
    let changed = &context.rights.lake_access().functions;
    if changed.is_empty() {
        return Ok(());
    }
    let named: Vec<&Function> = pg_proc::by_name(name).collect();
    let is_exact = |function: &&&Function| {
        let own = function.arguments.iter().copied();
        own.eq(types.iter().map(|one| one.oid))
    };
    let meant = match named.iter().find(is_exact) {
        Some(exact) => vec![*exact],
        None => named,
    };
    let actor = Actor::of(context);
    for function in meant {
        if changed.contains_key(&i64::from(function.oid)) {
            let object = Object::Function(function.oid, function.name);
            actor.require(object, object.kind().all())?;
        }
    }
    Ok(())
}

/// Whether calls of the function with this name ask for EXECUTE. Those of aggregates, of
/// window functions and of functions that are turned into something else do not.
pub(crate) fn is_asked(name: &str) -> bool {
    scalar_names().binary_search(&name).is_ok()
}
