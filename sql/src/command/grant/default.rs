//! ALTER DEFAULT PRIVILEGES, and what new objects get by it.
//!
//! A role's list without a schema replaces what its objects begin with; one for a schema
//! comes on top of it.
//!
//! Source: PostgreSQL 15, `aclchk.c`: SetDefaultACL, get_user_default_acl.

use gotgan_storage::{
    AccessTarget, Acl, DefaultPrivileges, LakeAccess, ObjectAccess, Privileges, Rights, SchemaId,
};

use super::{Order, check_grantor, privilege, role_id};
use crate::access::acl::{Kind, Terms, is_same};
use crate::access::actor::Actor;
use crate::access::roles;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::grant::{self, DefaultKind, Grant};
use crate::session::{Outcome, Session};

/// The kind of list, `pg_default_acl.defaclobjtype`, and what errors call the objects.
fn of_kind(kind: DefaultKind) -> (Kind, char, &'static str) {
    match kind {
        DefaultKind::Tables => (Kind::Relation, 'r', "relation"),
        DefaultKind::Sequences => (Kind::Sequence, 'S', "sequence"),
        DefaultKind::Functions => (Kind::Function, 'f', "function"),
        DefaultKind::Types => (Kind::Usable, 'T', "type"),
        DefaultKind::Schemas => (Kind::Schema, 'n', "schema"),
    }
}

/// Runs ALTER DEFAULT PRIVILEGES.
///
/// Errors: `42501` for another's objects; `0LP01`, `3F000`, `42704`.
pub(crate) async fn alter_defaults(
    session: &mut Session,
    statement: &grant::DefaultPrivileges,
) -> Result<Outcome, SqlError> {
    const TAG: &str = "ALTER DEFAULT PRIVILEGES";
    session.require_write(TAG)?;
    let ctx = session.context().await?;
    let order = Order::new(&ctx, &statement.grant)?;
    check_grantor(&ctx, statement.grant.grantor.as_ref())?;
    let kind = statement.grant.target;
    let privileges = privileges(&statement.grant)?;
    let owners = match statement.roles.as_slice() {
        [] => vec![ctx.role_id],
        specs => {
            let actor = Actor::of(&ctx);
            let mut owners = Vec::with_capacity(specs.len());
            for spec in specs {
                let owner = role_id(&ctx, spec)?;
                actor.require_member(owner)?;
                owners.push(owner);
            }
            owners
        }
    };
    let schemas = schemas(&ctx, statement)?;
    let storage = session.transaction().await?.storage()?;
    let rights = storage.rights();
    let mut access = (**rights.lake_access()).clone();
    for owner in owners {
        for schema in &schemas {
            set_default(
                &rights,
                &mut access,
                (owner, *schema, kind),
                |terms, acl| order.apply(terms, acl, owner, privileges),
            )?;
        }
    }
    storage.set_lake_access(access)?;
    Ok(Outcome::Command(TAG.to_owned()))
}

/// Errors: `0LP01` for what the objects do not have.
fn privileges(statement: &Grant<DefaultKind>) -> Result<Privileges, SqlError> {
    let (kind, _, called) = of_kind(statement.target);
    let Some(written) = &statement.privileges else {
        return Ok(kind.all());
    };
    let mut all = Privileges::NONE;
    for one in written {
        if !one.columns.is_empty() {
            let text = "default privileges cannot be set for columns";
            return Err(SqlError::invalid_grant(text));
        }
        all = all.union(privilege::whole(one, &[kind], called)?);
    }
    Ok(all)
}

/// The schemas that are meant; none stands for the whole database.
fn schemas(
    ctx: &StatementContext,
    statement: &grant::DefaultPrivileges,
) -> Result<Vec<Option<SchemaId>>, SqlError> {
    if statement.schemas.is_empty() {
        return Ok(vec![None]);
    }
    if statement.grant.target == DefaultKind::Schemas {
        let text = "cannot use IN SCHEMA clause when using GRANT/REVOKE ON SCHEMAS";
        return Err(SqlError::invalid_grant(text));
    }
    let named = statement.schemas.iter().map(|name| {
        let found = ctx.snapshot.schema_by_name(name);
        found
            .map(|schema| Some(schema.id))
            .ok_or_else(|| SqlError::undefined_schema(name))
    });
    named.collect()
}

/// Changes one list; what says no more than the default is forgotten.
fn set_default(
    rights: &Rights,
    access: &mut LakeAccess,
    (owner, schema, kind): (i64, Option<SchemaId>, DefaultKind),
    change: impl Fn(&Terms<'_>, Acl) -> Result<Acl, SqlError>,
) -> Result<(), SqlError> {
    let (kind, letter, _) = of_kind(kind);
    let start = match schema {
        None => kind.default_acl(owner),
        Some(_) => Acl::default(),
    };
    let is_it = |entry: &DefaultPrivileges| {
        (entry.role, entry.schema, entry.kind) == (owner, schema, letter)
    };
    let index = access.default_privileges.iter().position(is_it);
    let old = index.map_or_else(
        || start.clone(),
        |index| access.default_privileges[index].acl.clone(),
    );
    let has = |role: i64, other: i64| roles::has_privileges_of(rights, role, other);
    let acl = change(&Terms { owner, has: &has }, old)?;
    let says_more = !is_same(&acl, &start);
    match index {
        Some(index) if says_more => access.default_privileges[index].acl = acl,
        Some(index) => drop(access.default_privileges.remove(index)),
        None if says_more => access.default_privileges.push(DefaultPrivileges {
            role: owner,
            schema,
            kind: letter,
            acl,
        }),
        None => {}
    }
    Ok(())
}

/// The list that a new object begins with; none if it is what the kind begins with.
fn initial_acl(
    rights: &Rights,
    owner: i64,
    schema: Option<SchemaId>,
    kind: DefaultKind,
) -> Result<Option<Acl>, SqlError> {
    let (kind, letter, _) = of_kind(kind);
    let entries = &rights.lake_access().default_privileges;
    let of = |schema: Option<SchemaId>| {
        let is_it = |entry: &&DefaultPrivileges| {
            (entry.role, entry.schema, entry.kind) == (owner, schema, letter)
        };
        entries.iter().find(is_it).map(|entry| &entry.acl)
    };
    let (everywhere, here) = (of(None), schema.and_then(|schema| of(Some(schema))));
    if everywhere.is_none() && here.is_none() {
        return Ok(None);
    }
    let default = kind.default_acl(owner);
    let has = |role: i64, other: i64| roles::has_privileges_of(rights, role, other);
    let terms = Terms { owner, has: &has };
    let base = everywhere.unwrap_or(&default);
    let mut acl = match here {
        Some(here) => terms.merge(base, here)?,
        None => base.clone(),
    };
    // Merged lists are in the order of roles.
    acl.0.sort_by_key(|item| (item.grantee, item.grantor));
    Ok((!is_same(&acl, &default)).then_some(acl))
}

/// Gives a new object what default privileges say. Temporary objects get it, too.
pub(crate) async fn give_defaults(
    session: &mut Session,
    target: AccessTarget,
) -> Result<(), SqlError> {
    let active = session.transaction().await?;
    let storage = active.storage()?;
    let rights = storage.rights();
    if rights.lake_access().default_privileges.is_empty() {
        return Ok(());
    }
    let snapshot = storage.snapshot();
    let (kind, schema, found) = match target {
        AccessTarget::Schema(id) => (DefaultKind::Schemas, None, rights.schema(id)),
        AccessTarget::Table(id) => {
            let schema = snapshot.table(id).map(|own| own.schema_id);
            (DefaultKind::Tables, schema, rights.table(id))
        }
        AccessTarget::View(id) => {
            let schema = snapshot.view(id).map(|own| own.schema_id);
            (DefaultKind::Tables, schema, rights.view(id))
        }
        AccessTarget::Sequence(id) => {
            let schema = snapshot.sequence(id).map(|own| own.schema_id);
            (DefaultKind::Sequences, schema, rights.sequence(id))
        }
    };
    let Some(found) = found else {
        return Err(SqlError::internal("a new object is not visible"));
    };
    let Some(acl) = initial_acl(&rights, found.owner, schema, kind)? else {
        return Ok(());
    };
    let access = ObjectAccess {
        acl: Some(acl),
        ..(*found.access).clone()
    };
    Ok(storage.set_access(target, access)?)
}
