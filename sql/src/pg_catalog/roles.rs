//! Roles: `pg_authid`, `pg_roles`, `pg_user`, `pg_shadow`.
//!
//! No relation shows a password or its verifier.

use gotgan_storage::{Snapshot, SnapshotRole};

use super::rows::{NULL, Rows, cells};
use super::{Definition, oids};
use crate::context::StatementContext;

/// Name of the superuser that is made with the lake.
pub(crate) const SUPERUSER: &str = "gotgan";

/// What stands for a password.
const HIDDEN: &str = "********";

/// `pg_authid.oid` of an owner; one that is gone counts as the superuser.
pub(crate) fn oid(snapshot: &Snapshot, name: &str) -> i64 {
    by_name(snapshot, name).unwrap_or(i64::from(oids::SUPERUSER))
}

/// The OID of the role with this name.
pub(crate) fn by_name(snapshot: &Snapshot, name: &str) -> Option<i64> {
    snapshot.role_by_name(name).map(|role| role.id)
}

/// The name of the role with this OID.
pub(crate) fn name(snapshot: &Snapshot, oid: i64) -> Option<&str> {
    snapshot
        .roles()
        .find(|role| role.id == oid)
        .map(|role| role.name.as_str())
}

pub(super) const PG_AUTHID: Definition = Definition {
    name: "pg_authid",
    oid: 1260,
    columns: "oid:oid rolname:name rolsuper:bool rolinherit:bool rolcreaterole:bool \
              rolcreatedb:bool rolcanlogin:bool rolreplication:bool rolbypassrls:bool \
              rolconnlimit:int4 rolpassword:text rolvaliduntil:timestamptz",
    current: |context, rows| {
        for role in context.snapshot.roles() {
            let (id, name, is_super) = (role.id, role.name.as_str(), role.superuser);
            rows.push(cells![
                id, name, is_super, true, is_super, is_super, true, is_super, is_super, -1, NULL,
                NULL,
            ]);
        }
    },
    ..Definition::TABLE
};

pub(super) const PG_ROLES: Definition = Definition {
    name: "pg_roles",
    oid: 12000,
    columns: "rolname:name rolsuper:bool rolinherit:bool rolcreaterole:bool rolcreatedb:bool \
              rolcanlogin:bool rolreplication:bool rolconnlimit:int4 rolpassword:text \
              rolvaliduntil:timestamptz rolbypassrls:bool rolconfig:text[] oid:oid",
    current: |context, rows| {
        for role in context.snapshot.roles() {
            let (id, name, is_super) = (role.id, role.name.as_str(), role.superuser);
            rows.push(cells![
                name, is_super, true, is_super, is_super, true, is_super, -1, HIDDEN, NULL,
                is_super, NULL, id,
            ]);
        }
    },
    ..Definition::VIEW
};

pub(super) const PG_USER: Definition = Definition {
    name: "pg_user",
    oid: 12014,
    columns: "usename:name usesysid:oid usecreatedb:bool usesuper:bool userepl:bool \
              usebypassrls:bool passwd:text valuntil:timestamptz useconfig:text[]",
    current: |context, rows| push_users(context, rows, Some(HIDDEN)),
    ..Definition::VIEW
};

pub(super) const PG_SHADOW: Definition = Definition {
    name: "pg_shadow",
    oid: 12005,
    columns: "usename:name usesysid:oid usecreatedb:bool usesuper:bool userepl:bool \
              usebypassrls:bool passwd:text valuntil:timestamptz useconfig:text[]",
    current: |context, rows| push_users(context, rows, None),
    ..Definition::VIEW
};

fn push_users(context: &StatementContext, rows: &mut Rows, password: Option<&'static str>) {
    for role in context.snapshot.roles() {
        push_user(rows, role, password);
    }
}

fn push_user(rows: &mut Rows, role: &SnapshotRole, password: Option<&'static str>) {
    let (id, name, is_super) = (role.id, role.name.as_str(), role.superuser);
    rows.push(cells![
        name, id, is_super, is_super, is_super, is_super, password, NULL, NULL
    ]);
}
