//! `gotgan.roles`: who there is, and to which nodes he may connect.

use crate::access::roles;
use crate::pg_catalog::Definition;
use crate::pg_catalog::roles::valid_until;
use crate::pg_catalog::rows::cells;
use crate::session::connect_to;

pub(super) const ROLES: Definition = Definition {
    name: "roles",
    oid: 15_020,
    columns: "name:name login:bool superuser:bool connect_to:text connect_to_from:text \
              member_of:name[] connection_limit:int4 valid_until:timestamptz comment:text",
    current: |context, rows| {
        let rights = &context.rights;
        for role in rights.roles() {
            let (value, source) = connect_to(rights, role.id);
            let source = source.map(|source| match source {
                0 => "all roles".to_owned(),
                id => roles::name_of(rights, id),
            });
            let groups = role.memberships.iter();
            let groups: Vec<String> = groups.map(|one| roles::name_of(rights, one.role)).collect();
            rows.push(cells![
                role.name.as_str(),
                role.login,
                role.superuser,
                value.word(),
                source,
                groups,
                role.connection_limit,
                valid_until(role),
                role.comment.as_deref(),
            ]);
        }
    },
    ..Definition::VIEW
};
