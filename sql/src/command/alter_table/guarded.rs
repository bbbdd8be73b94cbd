//! Columns that policies of row security or masks read: they neither go away nor get
//! another type beneath them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr;
use gotgan_storage::{AccessTarget, ObjectAccess, Policy, Snapshot, Table};
use sqlparser::ast::{self, VisitMut, visit_relations};

use super::views;
use crate::access::mask;
use crate::access::policy::Condition;
use crate::command::dependents::shown_table;
use crate::error::SqlError;
use crate::modify;
use crate::parse::{fold, name_parts, parse_expression};
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
    let ctx = session.context().await?;
    let shown = shown_table(&ctx, table);
    require_unmasked(table, name, &shown)?;
    if readers.is_empty() || !cascade {
        return refuse(&shown, name, &readers);
    }
    let mut access = ObjectAccess::clone(&table.access);
    access
        .policies
        .retain(|policy| !readers.contains(&policy.name));
    for policy in &readers {
        session.notify(Notice::info(format!(
            "drop cascades to policy {policy} on {shown}"
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
    match require_unmasked(table, name, &table.name) {
        Ok(()) => Ok(()),
        Err(_) => Err(unsupported(
            "cannot alter type of a column used in a masking policy",
        )),
    }
}

/// Errors: `42501` for an expression over the rows that are there, if it reads a column
/// that is masked for who runs the statement: its value would be copied, or told by an
/// error.
pub(super) async fn refuse_masked(
    session: &mut Session,
    table: &Arc<Table>,
    expression: &ast::Expr,
) -> Result<(), SqlError> {
    let masked = session.planner().await?.masked_columns(table);
    if masked.is_empty() {
        return Ok(());
    }
    let names_row = |name: &str| name == table.name;
    let found = ast::visit_expressions(expression, |part| {
        let names = match part {
            ast::Expr::Identifier(name) => std::slice::from_ref(name),
            ast::Expr::CompoundIdentifier(names) => names.as_slice(),
            _ => return ControlFlow::Continue(()),
        };
        let Some(own) = names.last().map(fold) else {
            return ControlFlow::Continue(());
        };
        let mut columns = masked.iter().map(|index| &table.columns[*index].name);
        match names_row(&own) || columns.any(|name| *name == own) {
            true => ControlFlow::Break(own),
            false => ControlFlow::Continue(()),
        }
    });
    match found {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(name) => Err(mask::refusal(&name, table)),
    }
}

/// Errors: `42501` for a policy that reads a column that is masked for who runs the
/// statement: which rows pass would tell its values, and so would an error.
pub(in crate::command) async fn refuse_masked_policy(
    session: &mut Session,
    table: &Arc<Table>,
    policy: &Policy,
) -> Result<(), SqlError> {
    let planner = session.planner().await?;
    let masked = planner.masked_columns(table);
    if masked.is_empty() {
        return Ok(());
    }
    let read = columns(&planner.unrestricted(), table, policy)?;
    let masked = masked.into_iter().map(|index| &table.columns[index]);
    let mut masked = masked.filter(|column| read.contains(&column.id.0));
    match masked.next() {
        Some(column) => Err(mask::refusal(&column.name, table)),
        None => Ok(()),
    }
}

/// After a table or view got another name or schema: policies that read it in a subquery
/// name it anew.
pub(super) async fn follow(
    session: &mut Session,
    follower: &mut views::Follower<'_>,
) -> Result<(), SqlError> {
    let snapshot = Arc::clone(&session.context().await?.snapshot);
    for table in snapshot.tables() {
        let mut access = ObjectAccess::clone(&table.access);
        for policy in &mut access.policies {
            for text in policy.using.iter_mut().chain(&mut policy.check) {
                let mut condition = parse_expression(text)?;
                let before = condition.clone();
                let _ = VisitMut::visit(&mut condition, follower);
                if condition != before {
                    *text = condition.to_string();
                }
            }
        }
        if access != *table.access {
            let storage = session.transaction().await?.storage()?;
            storage.set_access(AccessTarget::Table(table.id), access)?;
        }
    }
    Ok(())
}

/// The policies that read a relation in a subquery, with their tables.
///
/// `relation`: schema and name.
pub(crate) fn policies_over<'a>(
    snapshot: &'a Snapshot,
    relation: &[String; 2],
) -> Result<Vec<(&'a Arc<Table>, &'a Policy)>, SqlError> {
    let mut found = Vec::new();
    for table in snapshot.tables() {
        for policy in &table.access.policies {
            if reads(policy, relation)? {
                found.push((table, policy));
            }
        }
    }
    Ok(found)
}

/// Whether a policy reads a relation in a subquery.
fn reads(policy: &Policy, name: &[String; 2]) -> Result<bool, SqlError> {
    for text in policy.using.iter().chain(&policy.check) {
        let condition = parse_expression(text)?;
        let found = visit_relations(&condition, |relation| match name_parts(relation) == *name {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        });
        if found.is_break() {
            return Ok(true);
        }
    }
    Ok(false)
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
    for (field, column) in modify::arrow_schema(table)
        .fields()
        .iter()
        .zip(&table.columns)
    {
        let named = policy.columns.iter().find(|(_, id)| *id == column.id.0);
        if let Some((name, id)) = named {
            fields.push(field.as_ref().clone().with_name(name));
            ids.push(*id);
        }
    }
    let schema = arrow::datatypes::Schema::new(fields);
    let mut found = BTreeSet::new();
    for text in policy.using.iter().chain(&policy.check) {
        let condition = Condition {
            expr: parse_expression(text)?,
            names: BTreeMap::new(),
            relation: policy.relation.clone(),
        };
        let schema = DFSchema::try_from_qualified_schema(condition.relation_of(table), &schema)?;
        let planned = planner.policy_expression(&condition, table, &schema)?;
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

/// `shown`: what messages call the table.
///
/// Errors: `2BP01` if a masking policy is attached to the column, or reads it.
fn require_unmasked(table: &Table, name: &str, shown: &str) -> Result<(), SqlError> {
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
        true => Err(depends(shown, name)
            .with_detail("A masking policy is attached to it, or reads it.")
            .with_hint("Use DETACH MASKING POLICY first.")),
    }
}

/// `table`: what messages call it.
///
/// Errors: `2BP01` if there is a reader.
fn refuse(table: &str, name: &str, readers: &[String]) -> Result<(), SqlError> {
    if readers.is_empty() {
        return Ok(());
    }
    let details = readers
        .iter()
        .map(|policy| format!("policy {policy} on {table} depends on column {name} of {table}"));
    let details: Vec<String> = details.collect();
    Err(depends(table, name)
        .with_detail(details.join("\n"))
        .with_hint("Use DROP ... CASCADE to drop the dependent objects too."))
}

fn depends(table: &str, name: &str) -> SqlError {
    SqlError::with_code(
        sqlstate::DEPENDENT_OBJECTS_STILL_EXIST,
        format!("cannot drop column {name} of {table} because other objects depend on it"),
    )
}
