//! Roles that the current user has the privileges of: `enabled_roles`, `applicable_roles`,
//! `administrable_role_authorizations`.

use crate::access::roles::{self, Roles, predefined};
use crate::context::StatementContext;
use crate::pg_catalog::Definition;
use crate::pg_catalog::rows::{Rows, cells};

pub(super) const ENABLED_ROLES: Definition = Definition {
    name: "enabled_roles",
    oid: 13325,
    columns: "role_name:name",
    current: |context, rows| {
        for role in context.rights.roles() {
            if is_enabled(context, role.id) {
                rows.push(cells![role.name.as_str()]);
            }
        }
    },
    ..Definition::VIEW
};

pub(super) const APPLICABLE_ROLES: Definition = Definition {
    name: "applicable_roles",
    oid: 13236,
    columns: "grantee:name role_name:name is_grantable:varchar/7",
    current: |context, rows| push_memberships(context, rows, false),
    ..Definition::VIEW
};

pub(super) const ADMINISTRABLE_ROLE_AUTHORIZATIONS: Definition = Definition {
    name: "administrable_role_authorizations",
    oid: 13241,
    columns: "grantee:name role_name:name is_grantable:varchar/7",
    current: |context, rows| push_memberships(context, rows, true),
    ..Definition::VIEW
};

fn is_enabled(context: &StatementContext, role: i64) -> bool {
    roles::has_privileges_of(&context.rights, context.role_id, role)
}

/// `admin_only`: those whose ADMIN OPTION lets them be granted on.
fn push_memberships(context: &StatementContext, rows: &mut Rows, admin_only: bool) {
    let rights = &context.rights;
    let owner = rights.database_owner();
    for member in rights.roles().filter(|role| is_enabled(context, role.id)) {
        let implied = (member.id == owner).then_some((predefined::PG_DATABASE_OWNER, false));
        let groups = member.memberships.iter().map(|one| (one.role, one.admin));
        for (group, is_admin) in groups.chain(implied) {
            if is_admin || !admin_only {
                let grantable = if is_admin { "YES" } else { "NO" };
                let name = roles::name_of(rights, group);
                rows.push(cells![member.name.as_str(), name, grantable]);
            }
        }
    }
}
