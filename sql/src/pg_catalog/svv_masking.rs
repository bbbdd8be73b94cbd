//! `svv_masking_policy` and `svv_attached_masking_policy`, as Redshift has them. Only
//! superusers see rows, since a policy may tell what it hides.

use gotgan_storage::{MaskAttachment, PUBLIC_ROLE_ID, Table};

use super::Definition;
use super::objects::schema_name;
use super::rows::{Cell, cells};
use crate::access::roles;
use crate::context::StatementContext;
use crate::resolve::DATABASE;

pub(super) const SVV_MASKING_POLICY: Definition = Definition {
    name: "svv_masking_policy",
    oid: 15_101,
    columns: "policy_database:name policy_name:name input_columns:text policy_expression:text \
              policy_modified_by:name policy_modified_time:timestamp",
    current: |context, rows| {
        if !roles::is_superuser(&context.rights, context.role_id) {
            return;
        }
        for policy in &context.snapshot.lake_access().masking_policies {
            let columns = policy.columns.iter();
            let inputs = columns.map(|(name, declared)| format!("{name} {declared}"));
            rows.push(cells![
                DATABASE,
                policy.name.as_str(),
                inputs.collect::<Vec<_>>().join(", "),
                policy.expressions.join(", "),
                roles::name_of(&context.rights, policy.owner),
                Cell::Null,
            ]);
        }
    },
    ..Definition::VIEW
};

pub(super) const SVV_ATTACHED_MASKING_POLICY: Definition = Definition {
    name: "svv_attached_masking_policy",
    oid: 15_102,
    columns: "policy_name:name schema_name:name table_name:name table_type:text grantor:name \
              grantee:name grantee_type:text priority:int4 input_columns:text \
              output_columns:text is_masking_datashare_on:bool",
    current: |context, rows| {
        if !roles::is_superuser(&context.rights, context.role_id) {
            return;
        }
        for table in context.snapshot.tables() {
            for mask in &table.access.masks {
                rows.push(cells![
                    policy_name(context, mask),
                    schema_name(&context.snapshot, table.schema_id),
                    table.name.as_str(),
                    "table",
                    roles::name_of(&context.rights, mask.grantor),
                    grantee(context, mask.role),
                    grantee_type(context, mask.role),
                    mask.priority,
                    names(table, &mask.input),
                    names(table, &mask.output),
                    false,
                ]);
            }
        }
    },
    ..Definition::VIEW
};

fn policy_name(context: &StatementContext, mask: &MaskAttachment) -> Cell<'static> {
    let mut policies = context.snapshot.lake_access().masking_policies.iter();
    match policies.find(|policy| policy.id == mask.policy) {
        Some(policy) => Cell::Owned(policy.name.clone()),
        None => Cell::Null,
    }
}

fn grantee(context: &StatementContext, role: i64) -> String {
    match role {
        PUBLIC_ROLE_ID => "public".to_owned(),
        role => roles::name_of(&context.rights, role),
    }
}

fn grantee_type(context: &StatementContext, role: i64) -> &'static str {
    match context.rights.role(role) {
        None => "public",
        Some(role) if role.login => "user",
        Some(_) => "role",
    }
}

/// Names of columns as a list in JSON.
fn names(table: &Table, ids: &[i64]) -> String {
    let names = ids.iter().filter_map(|id| {
        let column = table.columns.iter().find(|column| column.id.0 == *id)?;
        Some(format!("\"{}\"", column.name))
    });
    format!("[{}]", names.collect::<Vec<_>>().join(","))
}
