//! `pg_policy` and `pg_policies`: policies of row-level security.

use std::sync::Arc;

use gotgan_storage::{PUBLIC_ROLE_ID, Policy, Table};

use super::objects::schema_name;
use super::rows::{Cell, cells};
use super::{Definition, oids};
use crate::access::roles;
use crate::context::StatementContext;

pub(super) const PG_POLICY: Definition = Definition {
    name: "pg_policy",
    oid: 3256,
    columns: "oid:oid polname:name polrelid:oid polcmd:char polpermissive:bool polroles:oid[] \
              polqual:pg_node_tree polwithcheck:pg_node_tree",
    current: |context, rows| {
        for (table, policy) in policies(context) {
            rows.push(cells![
                oids::object(policy.id),
                policy.name.as_str(),
                oids::table(table.id),
                policy.command.to_string(),
                policy.permissive,
                Cell::Ints(policy.roles.clone()),
                condition(policy.using.as_deref()),
                condition(policy.check.as_deref()),
            ]);
        }
    },
    ..Definition::TABLE
};

pub(super) const PG_POLICIES: Definition = Definition {
    name: "pg_policies",
    oid: 12018,
    columns: "schemaname:name tablename:name policyname:name permissive:text roles:name[] \
              cmd:text qual:text with_check:text",
    current: |context, rows| {
        for (table, policy) in policies(context) {
            let permissive = match policy.permissive {
                true => "PERMISSIVE",
                false => "RESTRICTIVE",
            };
            let roles = policy.roles.iter().map(|role| match *role {
                PUBLIC_ROLE_ID => "public".to_owned(),
                role => roles::name_of(&context.rights, role),
            });
            rows.push(cells![
                schema_name(&context.snapshot, table.schema_id),
                table.name.as_str(),
                policy.name.as_str(),
                permissive,
                Cell::Texts(roles.collect()),
                command(policy.command),
                condition(policy.using.as_deref()),
                condition(policy.check.as_deref()),
            ]);
        }
    },
    ..Definition::VIEW
};

/// Every policy with its table.
fn policies(context: &StatementContext) -> impl Iterator<Item = (&Arc<Table>, &Policy)> {
    let tables = context.snapshot.tables();
    tables.flat_map(|table| {
        table
            .access
            .policies
            .iter()
            .map(move |policy| (table, policy))
    })
}

fn command(letter: char) -> &'static str {
    match letter {
        'r' => "SELECT",
        'a' => "INSERT",
        'w' => "UPDATE",
        'd' => "DELETE",
        _ => "ALL",
    }
}

/// In parentheses, as PostgreSQL shows conditions.
fn condition(text: Option<&str>) -> Cell<'static> {
    match text {
        Some(text) => Cell::Owned(format!("({text})")),
        None => Cell::Null,
    }
}
