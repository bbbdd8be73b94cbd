//! REASSIGN OWNED and DROP OWNED: what has to happen before a role can be dropped.

use gotgan_storage::{AccessTarget, Acl, BOOTSTRAP_ROLE_ID, LakeAccess, ObjectAccess, Role};
use sqlparser::ast::{Ident, ObjectName, ObjectType};

use super::depend::{self, Owned};
use super::{denied, resolve, resolve_all};
use crate::access::{acl, roles};
use crate::command::drop;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::role::RoleSpec;
use crate::session::Session;
use crate::sqlstate;

/// What is told when others' objects need what is to be dropped.
const DEPENDENTS: &str = "cannot drop desired object(s) because other objects depend on them";

pub(super) async fn reassign(
    session: &mut Session,
    ctx: &StatementContext,
    from: &[RoleSpec],
    to: &RoleSpec,
) -> Result<(), SqlError> {
    let from = resolve_all(ctx, from)?;
    let text = "permission denied to reassign objects";
    for role in &from {
        require_privileges(ctx, role, text)?;
    }
    let to = resolve(ctx, to)?;
    require_privileges(ctx, &to, text)?;
    for role in &from {
        refuse_bootstrap(role, "reassign ownership of objects owned")?;
        for object in depend::objects(&ctx.snapshot) {
            if object.owner == role.id {
                give(session, &object, role.id, &to).await?;
            }
        }
        let mut lake = LakeAccess::clone(ctx.snapshot.lake_access());
        if lake.database_owner == role.id {
            lake.database_owner = to.id;
            let list = lake.database_acl.as_ref();
            lake.database_acl = list.map(|list| acl::with_owner(list, role.id, to.id));
        }
        for policy in &mut lake.masking_policies {
            if policy.owner == role.id {
                policy.owner = to.id;
            }
        }
        session
            .transaction()
            .await?
            .storage()?
            .set_lake_access(lake)?;
    }
    Ok(())
}

/// Gives an object to another role, with what its owner granted.
async fn give(
    session: &mut Session,
    object: &Owned<'_>,
    old: i64,
    new: &Role,
) -> Result<(), SqlError> {
    let changed = |list: &Acl| acl::with_owner(list, old, new.id);
    let access = with_lists(object.access, changed);
    let storage = session.transaction().await?.storage()?;
    storage.set_owner(object.owner_target, &new.name)?;
    storage.set_access(object.target, access)?;
    Ok(())
}

/// The rights on an object with each list changed.
fn with_lists(access: &ObjectAccess, change: impl Fn(&Acl) -> Acl) -> ObjectAccess {
    let columns = access.columns.iter();
    ObjectAccess {
        acl: access.acl.as_ref().map(&change),
        columns: columns.map(|(id, list)| (*id, change(list))).collect(),
        ..access.clone()
    }
}

pub(super) async fn drop_all(
    session: &mut Session,
    ctx: &StatementContext,
    specs: &[RoleSpec],
    cascade: bool,
) -> Result<(), SqlError> {
    let owners = resolve_all(ctx, specs)?;
    for role in &owners {
        require_privileges(ctx, role, "permission denied to drop objects")?;
    }
    for role in &owners {
        refuse_bootstrap(role, "drop objects owned")?;
        drop_objects(session, ctx, role.id, cascade).await?;
        revoke_all(session, role.id).await?;
    }
    Ok(())
}

/// Drops what the role owns, the newest first, so that what needs others goes before them.
async fn drop_objects(
    session: &mut Session,
    ctx: &StatementContext,
    role: i64,
    cascade: bool,
) -> Result<(), SqlError> {
    let mut objects = depend::objects(&ctx.snapshot);
    objects.retain(|object| object.owner == role);
    let kinds = ["view", "table", "sequence", "schema"];
    let rank = |kind: &str| kinds.iter().position(|one| *one == kind);
    objects.sort_by_key(|object| (rank(object.kind), std::cmp::Reverse(object.oid)));
    for object in objects {
        let now = session.context().await?;
        let Some(name) = written_name(&now, &object) else {
            continue;
        };
        let kind = match object.kind {
            "view" => ObjectType::View,
            "table" => ObjectType::Table,
            "sequence" => ObjectType::Sequence,
            _ => ObjectType::Schema,
        };
        let what = drop::What {
            kind,
            if_exists: false,
            cascade,
        };
        let dropped = drop::run(session, what, &[name]).await;
        dropped.map_err(|error| match error.code {
            sqlstate::DEPENDENT_OBJECTS_STILL_EXIST => SqlError {
                message: DEPENDENTS.to_owned(),
                ..error
            },
            _ => error,
        })?;
    }
    Ok(())
}

/// The object's name with its schema, if it is still there.
fn written_name(ctx: &StatementContext, object: &Owned<'_>) -> Option<ObjectName> {
    let objects = depend::objects(&ctx.snapshot);
    objects.iter().find(|own| own.oid == object.oid)?;
    let schema_of = |id| Some(ctx.snapshot.schema(id)?.name.clone());
    let parts = match object.target {
        AccessTarget::Schema(id) => vec![schema_of(id)?],
        AccessTarget::Table(id) => {
            let table = ctx.snapshot.table(id)?;
            vec![schema_of(table.schema_id)?, table.name.clone()]
        }
        AccessTarget::View(id) => {
            let view = ctx.snapshot.view(id)?;
            vec![schema_of(view.schema_id)?, view.name.clone()]
        }
        AccessTarget::Sequence(id) => {
            let sequence = ctx.snapshot.sequence(id)?;
            vec![schema_of(sequence.schema_id)?, sequence.name.clone()]
        }
    };
    let idents = parts.into_iter().map(|part| Ident::with_quote('"', part));
    Some(ObjectName::from(idents.collect::<Vec<_>>()))
}

/// Takes back what the role was granted, and takes it out of policies. A policy that is
/// for nobody else goes, as in PostgreSQL.
async fn revoke_all(session: &mut Session, role: i64) -> Result<(), SqlError> {
    let ctx = session.context().await?;
    let storage = session.transaction().await?.storage()?;
    for object in depend::objects(&ctx.snapshot) {
        if !object.access.mentions(role) {
            continue;
        }
        let mut access = with_lists(object.access, |list| acl::without_role(list, role));
        access.columns.retain(|_, list| !list.0.is_empty());
        for policy in &mut access.policies {
            policy.roles.retain(|own| *own != role);
        }
        access.policies.retain(|policy| !policy.roles.is_empty());
        access.masks.retain(|mask| mask.role != role);
        storage.set_access(object.target, access)?;
    }
    let mut lake = LakeAccess::clone(ctx.snapshot.lake_access());
    let list = lake.database_acl.as_ref();
    lake.database_acl = list.map(|list| acl::without_role(list, role));
    for list in lake.functions.values_mut() {
        *list = acl::without_role(list, role);
    }
    lake.default_privileges.retain(|entry| entry.role != role);
    for entry in &mut lake.default_privileges {
        entry.acl = acl::without_role(&entry.acl, role);
    }
    storage.set_lake_access(lake)?;
    Ok(())
}

fn require_privileges(ctx: &StatementContext, role: &Role, text: &str) -> Result<(), SqlError> {
    match roles::has_privileges_of(&ctx.rights, ctx.role_id, role.id) {
        true => Ok(()),
        false => Err(denied(text)),
    }
}

/// What everything belongs to in the end cannot be given away as a whole.
fn refuse_bootstrap(role: &Role, what: &str) -> Result<(), SqlError> {
    if role.id != BOOTSTRAP_ROLE_ID {
        return Ok(());
    }
    Err(SqlError::with_code(
        sqlstate::DEPENDENT_OBJECTS_STILL_EXIST,
        format!(
            "cannot {what} by role {} because they are required by the database system",
            role.name
        ),
    ))
}
