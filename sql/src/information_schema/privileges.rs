//! Table and column privileges: those that each owner has; nothing can be granted yet.

use crate::context::StatementContext;
use crate::pg_catalog::Definition;
use crate::pg_catalog::objects::{Relation, schema_name};
use crate::pg_catalog::rows::{Rows, cells};

const TABLE_PRIVILEGE_NAMES: [&str; 7] = [
    "INSERT",
    "SELECT",
    "UPDATE",
    "DELETE",
    "TRUNCATE",
    "REFERENCES",
    "TRIGGER",
];
const COLUMN_PRIVILEGE_NAMES: [&str; 4] = ["INSERT", "SELECT", "UPDATE", "REFERENCES"];

pub(super) const TABLE_PRIVILEGES: Definition = Definition {
    name: "table_privileges",
    oid: 13416,
    columns: "grantor:name grantee:name table_catalog:name table_schema:name table_name:name \
              privilege_type:varchar is_grantable:varchar/7 with_hierarchy:varchar/7",
    current: push_tables,
    ..Definition::VIEW
};

pub(super) const ROLE_TABLE_GRANTS: Definition = Definition {
    name: "role_table_grants",
    oid: 13421,
    columns: "grantor:name grantee:name table_catalog:name table_schema:name table_name:name \
              privilege_type:varchar is_grantable:varchar/7 with_hierarchy:varchar/7",
    current: push_tables,
    ..Definition::VIEW
};

pub(super) const COLUMN_PRIVILEGES: Definition = Definition {
    name: "column_privileges",
    oid: 13285,
    columns: "grantor:name grantee:name table_catalog:name table_schema:name table_name:name \
              column_name:name privilege_type:varchar is_grantable:varchar/7",
    current: push_columns,
    ..Definition::VIEW
};

pub(super) const ROLE_COLUMN_GRANTS: Definition = Definition {
    name: "role_column_grants",
    oid: 13344,
    columns: "grantor:name grantee:name table_catalog:name table_schema:name table_name:name \
              column_name:name privilege_type:varchar is_grantable:varchar/7",
    current: push_columns,
    ..Definition::VIEW
};

fn push_tables(context: &StatementContext, rows: &mut Rows) {
    for relation in Relation::all(&context.snapshot) {
        let (owner, schema) = (
            relation.owner(),
            schema_name(&context.snapshot, relation.schema_id()),
        );
        for privilege in TABLE_PRIVILEGE_NAMES {
            rows.push(cells![
                owner,
                owner,
                context.database.as_str(),
                schema,
                relation.name(),
                privilege,
                "YES",
                if privilege == "SELECT" { "YES" } else { "NO" },
            ]);
        }
    }
}

fn push_columns(context: &StatementContext, rows: &mut Rows) {
    for relation in Relation::all(&context.snapshot) {
        let (owner, schema) = (
            relation.owner(),
            schema_name(&context.snapshot, relation.schema_id()),
        );
        for attribute in relation.attributes() {
            for privilege in COLUMN_PRIVILEGE_NAMES {
                rows.push(cells![
                    owner,
                    owner,
                    context.database.as_str(),
                    schema,
                    relation.name(),
                    attribute.name,
                    privilege,
                    "YES",
                ]);
            }
        }
    }
}
