//! `pg_namespace`: one row for each schema.

use super::objects::schemas;
use super::rows::{NULL, cells};
use super::{Definition, SCHEMA, oids};
use crate::access::actor::Object;
use crate::access::shown;
use crate::information_schema;
use crate::system_views;

pub(super) const PG_NAMESPACE: Definition = Definition {
    name: "pg_namespace",
    oid: 2615,
    columns: "oid:oid nspname:name nspowner:oid nspacl:aclitem[]",
    fixed: |rows| {
        for (oid, name) in [
            (oids::PG_CATALOG, SCHEMA),
            (oids::PG_TOAST, "pg_toast"),
            (oids::INFORMATION_SCHEMA, information_schema::SCHEMA),
            (oids::GOTGAN, system_views::SCHEMA),
        ] {
            rows.push(cells![oid, name, oids::SUPERUSER, NULL]);
        }
    },
    current: |context, rows| {
        for schema in schemas(&context.snapshot) {
            let owner = schema.owner_id;
            rows.push(cells![
                oids::schema(schema.id),
                schema.name.as_str(),
                owner,
                shown::object_items(&context.rights, Object::Schema(schema)),
            ]);
        }
    },
    ..Definition::TABLE
};
