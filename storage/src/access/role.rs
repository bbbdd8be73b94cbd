//! Roles as every session may see them: without what proves a password.
//!
//! PostgreSQL's predefined roles are in every lake. They have no row in the catalog, and
//! cannot be changed; others may be their members.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use crate::access::BOOTSTRAP_ROLE_ID;

/// A role without a bound on its connections.
pub const CONNECTIONS_UNBOUNDED: i64 = -1;

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "they are PostgreSQL's attributes of a role, each of its own"
)]
pub struct Role {
    /// Its OID; never used again.
    pub id: i64,
    /// Unique in the lake.
    pub name: String,
    /// Whether it may do everything.
    pub superuser: bool,
    /// Whether it has the privileges of the roles that it is a member of without SET ROLE.
    pub inherit: bool,
    /// Whether it may make and change roles.
    pub create_role: bool,
    /// Whether it might make databases.
    pub create_db: bool,
    /// Whether a session may begin as it.
    pub login: bool,
    /// Recorded and shown only.
    pub replication: bool,
    /// Whether row security is not for it.
    pub bypass_rls: bool,
    /// Most sessions of it at a time on a node, or [`CONNECTIONS_UNBOUNDED`].
    pub connection_limit: i64,
    /// When its password ends; maybe [`Role::valid_never`] or [`Role::valid_forever`].
    pub valid_until: Option<DateTime<Utc>>,
    /// COMMENT ON ROLE.
    pub comment: Option<String>,
    /// The roles that it is a member of.
    pub memberships: Vec<Membership>,
}

/// That a role is a member of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The other one.
    pub role: i64,
    /// Who granted it.
    pub grantor: i64,
    /// Whether the member may make others members.
    pub admin: bool,
}

/// A setting that sessions of a role begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSetting {
    /// Whose; 0 for everyone's.
    pub role: i64,
    /// Whether it was set for the one database, which wins over those that were not.
    pub in_database: bool,
    /// Name of the setting.
    pub name: String,
    /// As it was written.
    pub value: String,
}

/// A role to be made, with PostgreSQL's defaults for what is not said.
#[derive(Clone)]
pub struct NewRole {
    /// Everything but the id, which is given to it.
    pub role: Role,
    /// SCRAM verifier as PostgreSQL writes it; none: no password fits.
    pub verifier: Option<String>,
}

impl Role {
    /// A role as CREATE ROLE makes it without options; its id is not yet given.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            id: 0,
            name: name.into(),
            superuser: false,
            inherit: true,
            create_role: false,
            create_db: false,
            login: false,
            replication: false,
            bypass_rls: false,
            connection_limit: CONNECTIONS_UNBOUNDED,
            valid_until: None,
            comment: None,
            memberships: Vec::new(),
        }
    }

    /// What stands for `-infinity` in `valid_until`. The catalog's times have no such value,
    /// and nobody means this one.
    #[must_use]
    pub const fn valid_never() -> DateTime<Utc> {
        year_micros(1)
    }

    /// What stands for `infinity` in `valid_until`.
    #[must_use]
    pub const fn valid_forever() -> DateTime<Utc> {
        year_micros(9999)
    }

    /// Whether it is one of PostgreSQL's, which are the same in every lake.
    pub fn is_predefined(&self) -> bool {
        PREDEFINED.iter().any(|(id, ..)| *id == self.id)
    }
}

/// The second microsecond of a year.
const fn year_micros(year: i32) -> DateTime<Utc> {
    let day = NaiveDate::from_ymd_opt(year, 1, 1).expect("every year has a first day");
    let time = NaiveTime::from_num_seconds_from_midnight_opt(0, 1_000);
    day.and_time(time.expect("the first second has it"))
        .and_utc()
}

/// OID and name of PostgreSQL 15's predefined roles, and what they are members of.
///
/// Source: PostgreSQL 15's `pg_authid` and `pg_auth_members` after initdb.
const PREDEFINED: [(i64, &str, &[i64]); 12] = [
    (3373, "pg_monitor", &[3374, 3375, 3377]),
    (3374, "pg_read_all_settings", &[]),
    (3375, "pg_read_all_stats", &[]),
    (3377, "pg_stat_scan_tables", &[]),
    (4200, "pg_signal_backend", &[]),
    (4544, "pg_checkpoint", &[]),
    (4569, "pg_read_server_files", &[]),
    (4570, "pg_write_server_files", &[]),
    (4571, "pg_execute_server_program", &[]),
    (6171, "pg_database_owner", &[]),
    (6181, "pg_read_all_data", &[]),
    (6182, "pg_write_all_data", &[]),
];

/// The predefined roles, by id.
pub(crate) fn predefined() -> BTreeMap<i64, Arc<Role>> {
    let roles = PREDEFINED.iter().map(|(id, name, groups)| {
        let memberships = groups.iter().map(|role| Membership {
            role: *role,
            grantor: BOOTSTRAP_ROLE_ID,
            admin: false,
        });
        let role = Role {
            id: *id,
            memberships: memberships.collect(),
            ..Role::named(*name)
        };
        (*id, Arc::new(role))
    });
    roles.collect()
}
