//! Columns that policies of row security or masks read: they neither go away nor get
//! another type beneath them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr;
use gotgan_storage::{AccessTarget, ObjectAccess, Policy, Snapshot, Table, TableId, ViewId};
use sqlparser::ast::{self, VisitMut, visit_relations};

use super::views;
use crate::access::policy::Condition;
use crate::command::drop;
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
    require_unmasked(table, name)?;
    if readers.is_empty() || !cascade {
        return refuse(table, name, &readers);
    }
    let mut access = ObjectAccess::clone(&table.access);
    access
        .policies
        .retain(|policy| !readers.contains(&policy.name));
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
        ControlFlow::Break(name) => Err(SqlError::with_code(
            sqlstate::INSUFFICIENT_PRIVILEGE,
            format!(
                "permission denied for column \"{name}\" of table {}",
                table.name
            ),
        )
        .with_detail("A masking policy is attached to it.")),
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

/// Prepares that a table or view goes away: with CASCADE the policies of other tables that
/// read it in a subquery do, too. `display` such as `table t`.
///
/// Errors: `2BP01` without CASCADE.
pub(crate) async fn drop_policies_over(
    session: &mut Session,
    snapshot: &Snapshot,
    object: i64,
    display: &str,
    cascade: bool,
) -> Result<(), SqlError> {
    let Some(name) = qualified(snapshot, object) else {
        return Ok(());
    };
    let others = snapshot.tables().filter(|table| table.id.0 != object);
    for table in others {
        let mut access = ObjectAccess::clone(&table.access);
        let mut gone = Vec::new();
        for policy in &table.access.policies {
            if reads(policy, &name)? {
                gone.push(format!("policy {} on table {}", policy.name, table.name));
                access.policies.retain(|own| own.id != policy.id);
            }
        }
        if gone.is_empty() {
            continue;
        }
        if !cascade {
            let listed = gone.into_iter().map(|policy| (policy, display.to_owned()));
            let listed: Vec<(String, String)> = listed.collect();
            return Err(SqlError::dependents_exist(display, &listed));
        }
        drop::notify_cascade(session, &gone);
        let storage = session.transaction().await?.storage()?;
        storage.set_access(AccessTarget::Table(table.id), access)?;
    }
    Ok(())
}

/// Schema and name of a table or view.
fn qualified(snapshot: &Snapshot, object: i64) -> Option<[String; 2]> {
    let (schema, name) = match snapshot.table(TableId(object)) {
        Some(table) => (table.schema_id, &table.name),
        None => {
            let view = snapshot.view(ViewId(object))?;
            (view.schema_id, &view.name)
        }
    };
    Some([snapshot.schema(schema)?.name.clone(), name.clone()])
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
