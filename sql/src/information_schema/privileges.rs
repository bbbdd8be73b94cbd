//! What was granted: on tables, columns, sequences and functions, one row for each
//! privilege, as far as it concerns the current role.
//!
//! `role_..._grants` leave out what everybody was granted.
//!
//! Not guaranteed: rows of system relations and of built-in functions that nobody has
//! changed the grants of; every role has these.

use crate::access::actor::{Actor, Object};
use crate::access::shown::{Grant, Shown};
use crate::context::StatementContext;
use crate::pg_catalog::objects::{Relation, schema_name};
use crate::pg_catalog::rows::{Rows, cells};
use crate::pg_catalog::{self, Definition, pg_proc};

const ON_TABLES: &str = "grantor:name grantee:name table_catalog:name table_schema:name \
                         table_name:name privilege_type:varchar is_grantable:varchar/7 \
                         with_hierarchy:varchar/7";
const ON_COLUMNS: &str = "grantor:name grantee:name table_catalog:name table_schema:name \
                          table_name:name column_name:name privilege_type:varchar \
                          is_grantable:varchar/7";
const ON_USAGE: &str = "grantor:name grantee:name object_catalog:name object_schema:name \
                        object_name:name object_type:varchar privilege_type:varchar \
                        is_grantable:varchar/7";
const ON_ROUTINES: &str = "grantor:name grantee:name specific_catalog:name \
                           specific_schema:name specific_name:name routine_catalog:name \
                           routine_schema:name routine_name:name privilege_type:varchar \
                           is_grantable:varchar/7";

pub(super) const TABLE_PRIVILEGES: Definition = Definition {
    name: "table_privileges",
    oid: 13416,
    columns: ON_TABLES,
    current: |context, rows| push_tables(context, rows, Shown::Own),
    ..Definition::VIEW
};

pub(super) const ROLE_TABLE_GRANTS: Definition = Definition {
    name: "role_table_grants",
    oid: 13421,
    columns: ON_TABLES,
    current: |context, rows| push_tables(context, rows, Shown::OfRoles),
    ..Definition::VIEW
};

pub(super) const COLUMN_PRIVILEGES: Definition = Definition {
    name: "column_privileges",
    oid: 13285,
    columns: ON_COLUMNS,
    current: |context, rows| push_columns(context, rows, Shown::Own),
    ..Definition::VIEW
};

pub(super) const ROLE_COLUMN_GRANTS: Definition = Definition {
    name: "role_column_grants",
    oid: 13344,
    columns: ON_COLUMNS,
    current: |context, rows| push_columns(context, rows, Shown::OfRoles),
    ..Definition::VIEW
};

pub(super) const USAGE_PRIVILEGES: Definition = Definition {
    name: "usage_privileges",
    oid: 13454,
    columns: ON_USAGE,
    current: |context, rows| push_usage(context, rows, Shown::Own),
    ..Definition::VIEW
};

pub(super) const ROLE_USAGE_GRANTS: Definition = Definition {
    name: "role_usage_grants",
    oid: 13459,
    columns: ON_USAGE,
    current: |context, rows| push_usage(context, rows, Shown::OfRoles),
    ..Definition::VIEW
};

pub(super) const ROUTINE_PRIVILEGES: Definition = Definition {
    name: "routine_privileges",
    oid: 13353,
    columns: ON_ROUTINES,
    current: |context, rows| push_routines(context, rows, Shown::Own),
    ..Definition::VIEW
};

pub(super) const ROLE_ROUTINE_GRANTS: Definition = Definition {
    name: "role_routine_grants",
    oid: 13358,
    columns: ON_ROUTINES,
    current: |context, rows| push_routines(context, rows, Shown::OfRoles),
    ..Definition::VIEW
};

fn yes_or_no(truth: bool) -> &'static str {
    if truth { "YES" } else { "NO" }
}

fn push_tables(context: &StatementContext, rows: &mut Rows, shown: Shown) {
    let actor = Actor::of(context);
    for relation in Relation::all(&context.snapshot) {
        let schema = schema_name(&context.snapshot, relation.schema_id());
        for grant in shown.of_object(&actor, relation.object()) {
            rows.push(cells![
                grant.grantor,
                grant.grantee,
                context.database.as_str(),
                schema,
                relation.name(),
                grant.privilege,
                yes_or_no(grant.is_grantable),
                yes_or_no(grant.privilege == "SELECT"),
            ]);
        }
    }
}

fn push_columns(context: &StatementContext, rows: &mut Rows, shown: Shown) {
    let actor = Actor::of(context);
    for relation in Relation::all(&context.snapshot) {
        let schema = schema_name(&context.snapshot, relation.schema_id());
        for (index, attribute) in relation.attributes().iter().enumerate() {
            let column = relation.column_key(index);
            for grant in shown.of_column(&actor, relation.object(), column) {
                rows.push(cells![
                    grant.grantor,
                    grant.grantee,
                    context.database.as_str(),
                    schema,
                    relation.name(),
                    attribute.name,
                    grant.privilege,
                    yes_or_no(grant.is_grantable),
                ]);
            }
        }
    }
}

/// Of all that has USAGE, users make sequences only.
fn push_usage(context: &StatementContext, rows: &mut Rows, shown: Shown) {
    let actor = Actor::of(context);
    for sequence in context.snapshot.sequences() {
        let grants = shown.of_object(&actor, Object::Sequence(sequence));
        for grant in grants.iter().filter(|grant| grant.privilege == "USAGE") {
            rows.push(cells![
                grant.grantor.as_str(),
                grant.grantee.as_str(),
                context.database.as_str(),
                schema_name(&context.snapshot, sequence.schema_id),
                sequence.name.as_str(),
                "SEQUENCE",
                grant.privilege,
                yes_or_no(grant.is_grantable),
            ]);
        }
    }
}

fn push_routines(context: &StatementContext, rows: &mut Rows, shown: Shown) {
    let actor = Actor::of(context);
    let changed = context.rights.lake_access().functions.keys();
    let changed = changed.filter_map(|oid| pg_proc::by_oid(u32::try_from(*oid).ok()?));
    for function in changed {
        let object = Object::Function(function.oid, function.name);
        for grant in shown.of_object(&actor, object) {
            push_routine(context, rows, function, &grant);
        }
    }
}

fn push_routine(
    context: &StatementContext,
    rows: &mut Rows,
    function: &pg_proc::Function,
    grant: &Grant,
) {
    rows.push(cells![
        grant.grantor.as_str(),
        grant.grantee.as_str(),
        context.database.as_str(),
        pg_catalog::SCHEMA,
        format!("{}_{}", function.name, function.oid),
        context.database.as_str(),
        pg_catalog::SCHEMA,
        function.name,
        grant.privilege,
        yes_or_no(grant.is_grantable),
    ]);
}
