//! Who may change what: ownership, as the statements that define objects ask for it, and
//! OWNER TO.
//!
//! Each statement asks right after it has found its object, before it does anything.
//!
//! Source: PostgreSQL 15, `tablecmds.c`: RangeVarCallbackForAlterRelation,
//! ATExecChangeOwner; `aclchk.c`: aclnewowner.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotgan_storage::{
    AccessTarget, Acl, ColumnId, ObjectAccess, OwnerTarget, Privileges, Relation, Role, SchemaId,
    Table, Transaction,
};
use sqlparser::ast::Owner;

use crate::access::acl;
use crate::access::actor::{Actor, Object};
use crate::access::roles;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::fold;
use crate::session::Session;
use crate::sqlstate;

/// Errors: `42501` unless the statement's role owns the object.
pub(crate) fn require(ctx: &StatementContext, object: Object<'_>) -> Result<(), SqlError> {
    Actor::of(ctx).require_owner(object)
}

/// What rights are looked up of.
pub(super) fn object(relation: &Relation) -> Object<'_> {
    match relation {
        Relation::Table(table) => Object::Table(table),
        Relation::View(view) => Object::View(view),
    }
}

/// Who may drop an object: its owner, and that of its schema.
///
/// Errors: `42501`.
pub(super) fn require_drop(
    ctx: &StatementContext,
    object: Object<'_>,
    schema: SchemaId,
) -> Result<(), SqlError> {
    let actor = Actor::of(ctx);
    let own = ctx.snapshot.schema(schema);
    match own.is_some_and(|schema| actor.owns(Object::Schema(schema))) {
        true => Ok(()),
        false => actor.require_owner(object),
    }
}

/// Whether something may get a name in a schema, as a new object and one that is renamed.
///
/// Errors: `42501`.
pub(super) fn require_create(ctx: &StatementContext, schema: SchemaId) -> Result<(), SqlError> {
    require_create_as(ctx, &Actor::of(ctx), schema)
}

fn require_create_as(
    ctx: &StatementContext,
    actor: &Actor,
    schema: SchemaId,
) -> Result<(), SqlError> {
    match ctx.snapshot.schema(schema) {
        Some(schema) if !ctx.snapshot.is_temporary(schema.id) => {
            actor.require(Object::Schema(schema), Privileges::CREATE)
        }
        _ => Ok(()),
    }
}

/// Errors: `42501` unless temporary tables may be made.
pub(super) fn require_temporary(ctx: &StatementContext) -> Result<(), SqlError> {
    let may = Actor::of(ctx).privileges(Object::Database);
    match may.contains(Privileges::TEMPORARY) {
        true => Ok(()),
        false => {
            let (_, name) = Object::Database.display();
            let what = format!("create temporary tables in database \"{name}\"");
            Err(SqlError::permission_denied_to(&what))
        }
    }
}

/// What only superusers do; `what` such as `execute EXPIRE SNAPSHOTS`.
///
/// Errors: `42501`.
pub(super) fn require_superuser(ctx: &StatementContext, what: &str) -> Result<(), SqlError> {
    match roles::is_superuser(&ctx.rights, ctx.role_id) {
        true => Ok(()),
        false => Err(SqlError::must_be_superuser(what)),
    }
}

/// The role that OWNER TO names.
///
/// Errors: `42704`.
fn new_owner(ctx: &StatementContext, owner: &Owner) -> Result<Arc<Role>, SqlError> {
    let id = match owner {
        Owner::Ident(name) => return roles::find_role(&ctx.rights, &fold(name)),
        Owner::CurrentRole | Owner::CurrentUser => ctx.role_id,
        Owner::SessionUser => ctx.session_role_id,
    };
    let found = ctx.rights.role(id).map(Arc::clone);
    found.ok_or_else(|| {
        SqlError::with_code(
            sqlstate::UNDEFINED_OBJECT,
            format!("role with OID {id} does not exist"),
        )
    })
}

/// OWNER TO. The new owner must be a role that the old one could act as, and must be able
/// to make the object where it is.
///
/// Errors: `42704`, `42501`.
pub(super) async fn give(
    session: &mut Session,
    object: Object<'_>,
    owner: &Owner,
) -> Result<(), SqlError> {
    let ctx = session.context().await?;
    let actor = Actor::of(&ctx);
    let new = new_owner(&ctx, owner)?;
    if object.held(&ctx.rights).owner == new.id {
        return Ok(());
    }
    let (target, schema) = match object {
        Object::Schema(schema) => (OwnerTarget::Schema(schema.id), None),
        Object::Table(table) => (OwnerTarget::Table(table.id), Some(table.schema_id)),
        Object::View(view) => (OwnerTarget::View(view.id), Some(view.schema_id)),
        Object::Sequence(own) => (OwnerTarget::Sequence(own.id), Some(own.schema_id)),
        _ => return Err(SqlError::internal("an object that has no owner to change")),
    };
    if !actor.is_superuser {
        actor.require_owner(object)?;
        actor.require_member(new.id)?;
        match schema {
            Some(schema) => {
                require_create_as(&ctx, &Actor::new(&ctx.rights, new.id), schema)?;
            }
            None => actor.require(Object::Database, Privileges::CREATE)?,
        }
    }
    let storage = session.transaction().await?.storage()?;
    if let Object::Table(table) = object {
        for sequence in ctx.snapshot.sequences_of(table.id) {
            transfer(storage, OwnerTarget::Sequence(sequence.id), &new)?;
        }
    }
    transfer(storage, target, &new)
}

/// Gives an object to a role, which steps into the grants of the old owner.
pub(crate) fn transfer(
    storage: &mut Transaction,
    target: OwnerTarget,
    new: &Role,
) -> Result<(), SqlError> {
    let snapshot = storage.snapshot();
    let found = match target {
        OwnerTarget::Schema(id) => snapshot.schema(id).map(|own| {
            let access = Arc::clone(&own.access);
            (AccessTarget::Schema(id), own.owner_id, access)
        }),
        OwnerTarget::Table(id) => snapshot.table(id).map(|own| {
            let access = Arc::clone(&own.access);
            (AccessTarget::Table(id), own.owner_id, access)
        }),
        OwnerTarget::View(id) => snapshot.view(id).map(|own| {
            let access = Arc::clone(&own.access);
            (AccessTarget::View(id), own.owner_id, access)
        }),
        OwnerTarget::Sequence(id) => snapshot.sequence(id).map(|own| {
            let access = Arc::clone(&own.access);
            (AccessTarget::Sequence(id), own.owner_id, access)
        }),
    };
    let Some((access_target, old, access)) = found else {
        return Err(SqlError::internal("an object that changes hands is gone"));
    };
    storage.set_owner(target, &new.name)?;
    let columns = access.columns.iter();
    let columns: BTreeMap<i64, Acl> = columns
        .map(|(column, list)| (*column, acl::with_owner(list, old, new.id)))
        .collect();
    let list = access.acl.as_ref();
    let changed = ObjectAccess {
        acl: list.map(|list| acl::with_owner(list, old, new.id)),
        columns,
        ..(*access).clone()
    };
    Ok(storage.set_access(access_target, changed)?)
}

/// Errors: `42501` unless a foreign key may point at these columns of a table.
pub(super) fn require_references(
    ctx: &StatementContext,
    table: &Table,
    columns: &[ColumnId],
) -> Result<(), SqlError> {
    let actor = Actor::of(ctx);
    let object = Object::Table(table);
    let has = |privileges: Privileges| privileges.contains(Privileges::REFERENCES);
    let of_column = |id: &ColumnId| has(actor.column_privileges(object, id.0));
    match has(actor.privileges(object)) || columns.iter().all(of_column) {
        true => Ok(()),
        false => Err(Actor::denied(object)),
    }
}
