//! `pg_default_acl`: one row for each list of ALTER DEFAULT PRIVILEGES.

use super::rows::cells;
use super::{Definition, oids};
use crate::access::shown;

pub(super) const PG_DEFAULT_ACL: Definition = Definition {
    name: "pg_default_acl",
    oid: 826,
    columns: "oid:oid defaclrole:oid defaclnamespace:oid defaclobjtype:char defaclacl:aclitem[]",
    current: |context, rows| {
        let entries = &context.rights.lake_access().default_privileges;
        // A list has no OID that lasts; its place among the others stands for it.
        for (number, entry) in (1_i64..).zip(entries) {
            let schema = entry.schema.map_or(0, oids::schema);
            rows.push(cells![
                number,
                entry.role,
                schema,
                entry.kind,
                shown::items(&context.rights, &entry.acl),
            ]);
        }
    },
    ..Definition::TABLE
};
