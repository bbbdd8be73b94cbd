//! Roles: `pg_authid`, `pg_roles`, `pg_user`, `pg_shadow`, `pg_group`, their memberships,
//! their comments and what their sessions begin with.
//!
//! They tell of today's roles, also where a session reads the past. No relation shows a
//! password or its verifier.

use std::collections::BTreeMap;

use gotgan_storage::{Role, Snapshot};

use super::rows::{NULL, Rows, cells};
use super::{Definition, oids};
use crate::context::StatementContext;
use crate::types::datetime::{TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY};

/// Name of the superuser that is made with the lake.
pub(crate) const SUPERUSER: &str = "gotgan";

/// What stands for a password.
const HIDDEN: &str = "********";

/// The OID of the role with this name.
pub(crate) fn by_name(snapshot: &Snapshot, name: &str) -> Option<i64> {
    snapshot.role_by_name(name).map(|role| role.id)
}

/// The name of the role with this OID.
pub(crate) fn name(snapshot: &Snapshot, oid: i64) -> Option<&str> {
    snapshot.role(oid).map(|role| role.name.as_str())
}

pub(super) const PG_AUTHID: Definition = Definition {
    name: "pg_authid",
    oid: 1260,
    columns: "oid:oid rolname:name rolsuper:bool rolinherit:bool rolcreaterole:bool \
              rolcreatedb:bool rolcanlogin:bool rolreplication:bool rolbypassrls:bool \
              rolconnlimit:int4 rolpassword:text rolvaliduntil:timestamptz",
    current: |context, rows| {
        for role in context.rights.roles() {
            rows.push(cells![
                role.id,
                role.name.as_str(),
                role.superuser,
                role.inherit,
                role.create_role,
                role.create_db,
                role.login,
                role.replication,
                role.bypass_rls,
                role.connection_limit,
                NULL,
                valid_until(role),
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
        for role in context.rights.roles() {
            rows.push(cells![
                role.name.as_str(),
                role.superuser,
                role.inherit,
                role.create_role,
                role.create_db,
                role.login,
                role.replication,
                role.connection_limit,
                HIDDEN,
                valid_until(role),
                role.bypass_rls,
                config(context, role),
                role.id,
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

pub(super) const PG_GROUP: Definition = Definition {
    name: "pg_group",
    oid: 12010,
    columns: "groname:name grosysid:oid grolist:oid[]",
    current: |context, rows| {
        let rights = &context.rights;
        for group in rights.roles().filter(|role| !role.login) {
            let is_in = |role: &&std::sync::Arc<Role>| {
                role.memberships.iter().any(|one| one.role == group.id)
            };
            let members = rights.roles().filter(is_in).map(|role| role.id);
            let members: Vec<i64> = members.collect();
            rows.push(cells![group.name.as_str(), group.id, members]);
        }
    },
    ..Definition::VIEW
};

pub(super) const PG_AUTH_MEMBERS: Definition = Definition {
    name: "pg_auth_members",
    oid: 1261,
    columns: "roleid:oid member:oid grantor:oid admin_option:bool",
    current: |context, rows| {
        for member in context.rights.roles() {
            for one in &member.memberships {
                rows.push(cells![one.role, member.id, one.grantor, one.admin]);
            }
        }
    },
    ..Definition::TABLE
};

pub(super) const PG_DB_ROLE_SETTING: Definition = Definition {
    name: "pg_db_role_setting",
    oid: 2964,
    columns: "setdatabase:oid setrole:oid setconfig:text[]",
    current: |context, rows| {
        let mut sets: BTreeMap<(u32, i64), Vec<String>> = BTreeMap::new();
        for one in context.rights.role_settings() {
            let database = if one.in_database { oids::DATABASE } else { 0 };
            let set = sets.entry((database, one.role)).or_default();
            set.push(format!("{}={}", one.name, one.value));
        }
        for ((database, role), set) in sets {
            rows.push(cells![database, role, set]);
        }
    },
    ..Definition::TABLE
};

pub(super) const PG_SHDESCRIPTION: Definition = Definition {
    name: "pg_shdescription",
    oid: 2396,
    columns: "objoid:oid classoid:oid description:text",
    current: |context, rows| {
        for role in context.rights.roles() {
            if let Some(comment) = &role.comment {
                rows.push(cells![role.id, PG_AUTHID.oid, comment.as_str()]);
            }
        }
    },
    ..Definition::TABLE
};

fn push_users(context: &StatementContext, rows: &mut Rows, password: Option<&'static str>) {
    for role in context.rights.roles().filter(|role| role.login) {
        rows.push(cells![
            role.name.as_str(),
            role.id,
            role.create_db,
            role.superuser,
            role.replication,
            role.bypass_rls,
            password,
            valid_until(role),
            config(context, role),
        ]);
    }
}

/// When a role's password ends, UTC microseconds since 1970.
pub(crate) fn valid_until(role: &Role) -> Option<i64> {
    role.valid_until.map(|until| match until {
        until if until == Role::valid_never() => TIMESTAMP_MINUS_INFINITY,
        until if until == Role::valid_forever() => TIMESTAMP_INFINITY,
        until => until.timestamp_micros(),
    })
}

/// What the role's sessions begin with, in whatever database.
fn config(context: &StatementContext, role: &Role) -> Option<Vec<String>> {
    let settings = context.rights.role_settings().iter();
    let own = settings.filter(|one| one.role == role.id && !one.in_database);
    let config: Vec<String> = own
        .map(|one| format!("{}={}", one.name, one.value))
        .collect();
    (!config.is_empty()).then_some(config)
}
