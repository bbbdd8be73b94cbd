//! `schemata`: one row for each schema.

use super::SCHEMA;
use super::visible::Reader;
use crate::pg_catalog::rows::{NULL, Rows, cells};
use crate::pg_catalog::{self, Definition, objects, roles};
use crate::system_views;

pub(super) const SCHEMATA: Definition = Definition {
    name: "schemata",
    oid: 13382,
    columns: "catalog_name:name schema_name:name schema_owner:name \
              default_character_set_catalog:name default_character_set_schema:name \
              default_character_set_name:name sql_path:varchar",
    current: |context, rows| {
        for name in [pg_catalog::SCHEMA, SCHEMA, "pg_toast", system_views::SCHEMA] {
            push(rows, &context.database, name, roles::SUPERUSER);
        }
        let reader = Reader::of(context);
        let schemas = objects::schemas(&context.snapshot);
        for schema in schemas.filter(|schema| reader.sees_schema(schema)) {
            push(
                rows,
                &context.database,
                &schema.name,
                &context.snapshot.role_name(schema.owner_id),
            );
        }
    },
    ..Definition::VIEW
};

fn push(rows: &mut Rows, database: &str, name: &str, owner: &str) {
    rows.push(cells![database, name, owner, NULL, NULL, NULL, NULL]);
}
