//! What a role is besides itself: the closure of memberships.
//!
//! A role *has the privileges* of those that it is a member of, directly or not, along
//! roles that inherit; it *is a member* of them, and may act as them with SET ROLE, also
//! where they do not. The owner of the database is a member of `pg_database_owner` without
//! being told so. A superuser is taken for a member of everything.
//!
//! Source: PostgreSQL 15 manual, sections 22.3 and 22.5.

use std::collections::BTreeSet;
use std::sync::Arc;

use gotgan_storage::{Rights, Role, Snapshot};

use crate::error::SqlError;

/// OIDs of the predefined roles that something here depends on.
pub(crate) mod predefined {
    pub(crate) const PG_MONITOR: i64 = 3373;
    pub(crate) const PG_READ_ALL_STATS: i64 = 3375;
    pub(crate) const PG_SIGNAL_BACKEND: i64 = 4200;
    pub(crate) const PG_READ_SERVER_FILES: i64 = 4569;
    pub(crate) const PG_WRITE_SERVER_FILES: i64 = 4570;
    pub(crate) const PG_EXECUTE_SERVER_PROGRAM: i64 = 4571;
    pub(crate) const PG_DATABASE_OWNER: i64 = 6171;
    pub(crate) const PG_READ_ALL_DATA: i64 = 6181;
    pub(crate) const PG_WRITE_ALL_DATA: i64 = 6182;
}

/// Where roles are looked up: today's rights, or a picture.
pub(crate) trait Roles {
    /// The role with this id.
    fn find(&self, id: i64) -> Option<Arc<Role>>;

    /// The role with this name.
    fn find_by_name(&self, name: &str) -> Option<Arc<Role>>;

    /// Who owns the database.
    fn database_owner(&self) -> i64;
}

impl Roles for Rights {
    fn find(&self, id: i64) -> Option<Arc<Role>> {
        self.role(id).cloned()
    }

    fn find_by_name(&self, name: &str) -> Option<Arc<Role>> {
        self.role_by_name(name).cloned()
    }

    fn database_owner(&self) -> i64 {
        self.lake_access().database_owner
    }
}

impl Roles for Snapshot {
    fn find(&self, id: i64) -> Option<Arc<Role>> {
        self.role(id).cloned()
    }

    fn find_by_name(&self, name: &str) -> Option<Arc<Role>> {
        self.role_by_name(name).cloned()
    }

    fn database_owner(&self) -> i64 {
        self.lake_access().database_owner
    }
}

/// The role with this name.
///
/// Errors: `42704`.
pub(crate) fn find_role<R: Roles + ?Sized>(roles: &R, name: &str) -> Result<Arc<Role>, SqlError> {
    let found = roles.find_by_name(name);
    found.ok_or_else(|| SqlError::undefined_object("role", name))
}

/// The name of a role, or what PostgreSQL shows for one that is gone.
pub(crate) fn name_of<R: Roles + ?Sized>(roles: &R, id: i64) -> String {
    match roles.find(id) {
        Some(role) => role.name.clone(),
        None => format!("unknown (OID={id})"),
    }
}

/// Whether the role may do everything. One that is gone may not.
pub(crate) fn is_superuser<R: Roles + ?Sized>(roles: &R, role: i64) -> bool {
    roles.find(role).is_some_and(|role| role.superuser)
}

/// The role and all whose privileges it has. A superuser has them anyway; the set tells
/// only of its memberships.
pub(crate) fn privilege_roles<R: Roles + ?Sized>(roles: &R, role: i64) -> BTreeSet<i64> {
    closure(roles, role, |member| member.inherit)
}

/// The role and all that it is a member of, inheriting or not.
pub(crate) fn member_roles<R: Roles + ?Sized>(roles: &R, role: i64) -> BTreeSet<i64> {
    closure(roles, role, |_| true)
}

/// Whether `role` has the privileges of `other` without SET ROLE.
pub(crate) fn has_privileges_of<R: Roles + ?Sized>(roles: &R, role: i64, other: i64) -> bool {
    role == other || is_superuser(roles, role) || privilege_roles(roles, role).contains(&other)
}

/// Whether `role` may act as `other` with SET ROLE.
pub(crate) fn is_member_of<R: Roles + ?Sized>(roles: &R, role: i64, other: i64) -> bool {
    is_superuser(roles, role) || is_plain_member_of(roles, role, other)
}

/// As [`is_member_of`], but a superuser is only a member of what it was made one of.
pub(crate) fn is_plain_member_of<R: Roles + ?Sized>(roles: &R, role: i64, other: i64) -> bool {
    member_roles(roles, role).contains(&other)
}

/// Whether `role` may make others members of `other`. No role may do so with itself.
pub(crate) fn is_admin_of<R: Roles + ?Sized>(roles: &R, role: i64, other: i64) -> bool {
    if is_superuser(roles, role) {
        return true;
    }
    if role == other {
        return false;
    }
    let members = member_roles(roles, role);
    members.iter().any(|member| {
        let memberships = roles.find(*member);
        memberships.is_some_and(|member| {
            let mut memberships = member.memberships.iter();
            memberships.any(|membership| membership.role == other && membership.admin)
        })
    })
}

/// Whether the role may make and change roles.
pub(crate) fn may_create_roles<R: Roles + ?Sized>(roles: &R, role: i64) -> bool {
    let found = roles.find(role);
    found.is_some_and(|role| role.superuser || role.create_role)
}

/// Whether the role may see what all others do: `pg_monitor`'s business.
pub(crate) fn is_operator<R: Roles + ?Sized>(roles: &R, role: i64) -> bool {
    let operators = [predefined::PG_MONITOR, predefined::PG_READ_ALL_STATS];
    let mut operators = operators.into_iter();
    operators.any(|operator| has_privileges_of(roles, role, operator))
}

/// The role and those that it is a member of, going on where `goes_on`.
fn closure<R: Roles + ?Sized>(
    roles: &R,
    role: i64,
    goes_on: impl Fn(&Role) -> bool,
) -> BTreeSet<i64> {
    let owner = roles.database_owner();
    let mut seen = BTreeSet::from([role]);
    let mut open = vec![role];
    while let Some(next) = open.pop() {
        let Some(member) = roles.find(next) else {
            continue;
        };
        if !goes_on(&member) {
            continue;
        }
        let implied = (next == owner).then_some(predefined::PG_DATABASE_OWNER);
        let memberships = member.memberships.iter().map(|membership| membership.role);
        open.extend(memberships.chain(implied).filter(|role| seen.insert(*role)));
    }
    seen
}

#[cfg(test)]
mod tests;
