//! `pg_tables`, `pg_views` and `pg_indexes`: the short lists.

use super::identifier::quote_qualified;
use super::objects::{self, schema_name};
use super::rows::{NULL, cells};
use super::{Definition, relations, roles};

pub(super) const PG_TABLES: Definition = Definition {
    name: "pg_tables",
    oid: 12033,
    columns: "schemaname:name tablename:name tableowner:name tablespace:name hasindexes:bool \
              hasrules:bool hastriggers:bool rowsecurity:bool",
    fixed: |rows| {
        for relation in relations().filter(|relation| relation.kind == 'r') {
            let (schema, name) = (relation.schema, relation.name);
            rows.push(cells![
                schema,
                name,
                roles::SUPERUSER,
                NULL,
                false,
                false,
                false,
                false
            ]);
        }
    },
    current: |context, rows| {
        let with_triggers = objects::foreign_key_tables(&context.snapshot);
        for table in context.snapshot.tables() {
            rows.push(cells![
                schema_name(&context.snapshot, table.schema_id),
                table.name.as_str(),
                context.snapshot.role_name(table.owner_id),
                NULL,
                objects::has_index(table),
                false,
                with_triggers.contains(&table.id),
                false,
            ]);
        }
    },
    ..Definition::VIEW
};

pub(super) const PG_VIEWS: Definition = Definition {
    name: "pg_views",
    oid: 12028,
    columns: "schemaname:name viewname:name viewowner:name definition:text",
    fixed: |rows| {
        for relation in relations().filter(|relation| relation.kind == 'v') {
            rows.push(cells![
                relation.schema,
                relation.name,
                roles::SUPERUSER,
                NULL
            ]);
        }
    },
    current: |context, rows| {
        for view in context.snapshot.views() {
            rows.push(cells![
                schema_name(&context.snapshot, view.schema_id),
                view.name.as_str(),
                context.snapshot.role_name(view.owner_id),
                objects::view_definition(view),
            ]);
        }
    },
    ..Definition::VIEW
};

pub(super) const PG_INDEXES: Definition = Definition {
    name: "pg_indexes",
    oid: 12043,
    columns: "schemaname:name tablename:name indexname:name tablespace:name indexdef:text",
    current: |context, rows| {
        for index in objects::all_indexes(&context.snapshot) {
            let schema = schema_name(&context.snapshot, index.table.schema_id);
            let table = index.table.name.as_str();
            let definition = index.definition(&quote_qualified(schema, table));
            rows.push(cells![schema, table, index.name, NULL, definition]);
        }
    },
    ..Definition::VIEW
};
