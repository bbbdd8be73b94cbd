//! Columns that policies of row security or masks read: they neither go away nor get
//! another type beneath them.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr;
use gotgan_storage::{AccessTarget, ObjectAccess, Policy, Table};

use crate::error::SqlError;
use crate::modify;
use crate::parse::parse_expression;
use crate::plan::Planner;
use crate::session::{Notice, Session};
use crate::sqlstate;

/// Prepares that a column goes away: with CASCADE the policies that read it do, too.
///
/// Errors: `2BP01` without CASCADE; and for a column of a masking policy.
pub(super) async fn drop_readers(
    session: &mut Session,
    table: &Arc<Table>,
    name: &str,
    cascade: bool,
) -> Result<(), SqlError> {
    let readers = readers(session, table, name).await?;
    require_unmasked(table, name)?;
    if readers.is_empty() || !cascade {
        return refuse(table, name, &readers);
    }
    let mut access = ObjectAccess::clone(&table.access);
    access.policies.retain(|policy| !readers.contains(&policy.name));
    for policy in &readers {
        session.notify(Notice::info(format!(
            "drop cascades to policy {policy} on table {}",
            table.name
        )));
    }
    let storage = session.transaction().await?.storage()?;
    Ok(storage.set_access(AccessTarget::Table(table.id), access)?)
}

/// Errors: `0A000` if a policy or mask reads the column, whose type is to change.
pub(super) async fn refuse_type(
    session: &mut Session,
    table: &Arc<Table>,
    name: &str,
) -> Result<(), SqlError> {
    let unsupported = |text: &str| SqlError::with_code(sqlstate::FEATURE_NOT_SUPPORTED, text);
    if let Some(policy) = readers(session, table, name).await?.first() {
        let text = "cannot alter type of a column used in a policy definition";
        let detail = format!(
            "policy {policy} on table {} depends on column \"{name}\"",
            table.name
        );
        return Err(unsupported(text).with_detail(detail));
    }
    match require_unmasked(table, name) {
        Ok(()) => Ok(()),
        Err(_) => Err(unsupported(
            "cannot alter type of a column used in a masking policy",
        )),
    }
}

/// Names of the policies that read a column, in order.
async fn readers(
    session: &mut Session,
    table: &Arc<Table>,
    name: &str,
) -> Result<Vec<String>, SqlError> {
    if table.access.policies.is_empty() {
        return Ok(Vec::new());
    }
    let Some(column) = table.column_by_name(name) else {
        return Ok(Vec::new());
    };
    let planner = session.planner().await?.unrestricted();
    let mut found = Vec::new();
    for policy in &table.access.policies {
        if columns(&planner, table, policy)?.contains(&column.id.0) {
            found.push(policy.name.clone());
        }
    }
    Ok(found)
}

/// Ids of the columns that a policy reads.
fn columns(
    planner: &Planner,
    table: &Arc<Table>,
    policy: &Policy,
) -> Result<BTreeSet<i64>, SqlError> {
    let mut fields = Vec::new();
    let mut ids = Vec::new();
    for (field, column) in modify::arrow_schema(table).fields().iter().zip(&table.columns) {
        let named = policy.columns.iter().find(|(_, id)| *id == column.id.0);
        if let Some((name, id)) = named {
            fields.push(field.as_ref().clone().with_name(name));
            ids.push(*id);
        }
    }
    let schema = arrow::datatypes::Schema::new(fields);
    let schema = DFSchema::try_from_qualified_schema(table.name.as_str(), &schema)?;
    let mut found = BTreeSet::new();
    for text in policy.using.iter().chain(&policy.check) {
        let condition = parse_expression(text)?;
        let planned = planner.policy_expression(condition, table, &schema)?;
        let mut note = |column: &datafusion::common::Column| {
            if let Some(index) = schema.maybe_index_of_column(column) {
                found.insert(ids[index]);
            }
        };
        planned.apply(|part| {
            let outer = match part {
                Expr::Column(column) => {
                    note(column);
                    &[][..]
                }
                Expr::ScalarSubquery(subquery) => &subquery.outer_ref_columns,
                Expr::Exists(exists) => &exists.subquery.outer_ref_columns,
                Expr::InSubquery(inside) => &inside.subquery.outer_ref_columns,
                _ => &[][..],
            };
            for outer in outer {
                if let Expr::OuterReferenceColumn(_, column) = outer {
                    note(column);
                }
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(found)
}

/// Errors: `2BP01` if a masking policy is attached to the column, or reads it.
fn require_unmasked(table: &Table, name: &str) -> Result<(), SqlError> {
    let Some(column) = table.column_by_name(name) else {
        return Ok(());
    };
    let mut masks = table.access.masks.iter();
    let is_masked = masks.any(|mask| {
        let mut columns = mask.output.iter().chain(&mask.input);
        columns.any(|id| *id == column.id.0)
    });
    match is_masked {
        false => Ok(()),
        true => Err(depends(table, name)
            .with_detail("A masking policy is attached to it, or reads it.")
            .with_hint("Use DETACH MASKING POLICY first.")),
    }
}

/// Errors: `2BP01` if there is a reader.
fn refuse(table: &Table, name: &str, readers: &[String]) -> Result<(), SqlError> {
    if readers.is_empty() {
        return Ok(());
    }
    let details = readers.iter().map(|policy| {
        let table = &table.name;
        format!("policy {policy} on table {table} depends on column {name} of table {table}")
    });
    let details: Vec<String> = details.collect();
    Err(depends(table, name)
        .with_detail(details.join("\n"))
        .with_hint("Use DROP ... CASCADE to drop the dependent objects too."))
}

fn depends(table: &Table, name: &str) -> SqlError {
    SqlError::with_code(
        sqlstate::DEPENDENT_OBJECTS_STILL_EXIST,
        format!(
            "cannot drop column {name} of table {} because other objects depend on it",
            table.name
        ),
    )
}
