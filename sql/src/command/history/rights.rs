//! Who may restore what, and what grants come along.
//!
//! A table of an earlier snapshot is restored by its owner, and by who may read all of it
//! with nothing hidden. One that was dropped is there for its last owner only.

use std::sync::Arc;

use gotgan_storage::{
    AccessTarget, Acl, ObjectAccess, PUBLIC_ROLE_ID, Privileges, Snapshot, Table, TableId,
};

use super::Session;
use crate::access::acl;
use crate::access::actor::{Actor, Object};
use crate::context::StatementContext;
use crate::error::SqlError;

/// Errors: `42501` unless the role owns the table, or may read every column of it with no
/// policy and no mask on what it reads.
pub(super) fn require_source(ctx: &StatementContext, table: &Table) -> Result<(), SqlError> {
    let actor = Actor::of(ctx);
    let object = Object::Table(table);
    if actor.owns(object) {
        return Ok(());
    }
    let reads = |privileges: Privileges| privileges.contains(Privileges::SELECT);
    let reads_all = reads(actor.privileges(object))
        || table
            .columns
            .iter()
            .all(|column| reads(actor.column_privileges(object, column.id.0)));
    if !reads_all {
        return Err(Actor::denied(object));
    }
    let access = ctx.rights.table(table.id).map(|found| found.access);
    let access = access.unwrap_or_else(|| Arc::clone(&table.access));
    let is_masked = access
        .masks
        .iter()
        .any(|mask| mask.role == PUBLIC_ROLE_ID || actor.acts_for(mask.role));
    let bypasses = ctx
        .rights
        .role(ctx.role_id)
        .is_some_and(|role| role.bypass_rls);
    match (access.row_security && !bypasses) || is_masked {
        true => Err(Actor::denied(object).with_detail(
            "Only the owner restores a table with a policy or mask for the current role.",
        )),
        false => Ok(()),
    }
}

/// Whether the role made a hold, or acts for who did.
pub(super) fn made(ctx: &StatementContext, maker: &str) -> bool {
    let actor = Actor::of(ctx);
    let found = ctx.rights.role_by_name(maker);
    actor.is_superuser || found.is_some_and(|role| actor.acts_for(role.id))
}

/// Gives a restored table the grants of the one that it was, as far as their roles are
/// there: today's, or the last ones of a table that is gone.
pub(super) async fn bring_grants(
    session: &mut Session,
    (from, source): (&Snapshot, TableId),
    restored: TableId,
) -> Result<(), SqlError> {
    let ctx = session.context().await?;
    let Some(source) = from.table(source) else {
        return Ok(());
    };
    let found = ctx.rights.table(source.id);
    let (old, access) = match found {
        Some(found) => (found.owner, found.access),
        None => (source.owner_id, Arc::clone(&source.access)),
    };
    let storage = session.transaction().await?.storage()?;
    let snapshot = storage.snapshot();
    let Some(table) = snapshot.table(restored) else {
        return Ok(());
    };
    let is_there = |role: i64| role == PUBLIC_ROLE_ID || ctx.rights.role(role).is_some();
    let kept = |list: &Acl| {
        let mut list = acl::with_owner(list, old, table.owner_id);
        list.0
            .retain(|item| is_there(item.grantee) && is_there(item.grantor));
        list
    };
    let columns = access.columns.iter();
    let changed = ObjectAccess {
        acl: access.acl.as_ref().map(kept),
        columns: columns
            .map(|(column, list)| (*column, kept(list)))
            .collect(),
        ..(*table.access).clone()
    };
    Ok(storage.set_access(AccessTarget::Table(restored), changed)?)
}
