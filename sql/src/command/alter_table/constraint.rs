//! Constraints of an existing table: added, checked against its rows, renamed, dropped.

use std::sync::Arc;

use gotgan_storage::{Constraint, Table};
use sqlparser::ast::{Expr, TableConstraint};

use super::{column, current, rows};
use crate::command::create_table;
use crate::error::SqlError;
use crate::rewrite::build;
use crate::session::{Notice, Session};
use crate::sqlstate;

/// ADD CONSTRAINT.
///
/// Errors: `23514` for a row that a CHECK refuses, `23502` for one without a value in
/// the primary key, `42P16` for a second one.
pub(super) async fn add(
    session: &mut Session,
    table: &Arc<Table>,
    constraint: &TableConstraint,
) -> Result<(), SqlError> {
    let is_primary = |constraint: &Constraint| matches!(constraint, Constraint::PrimaryKey { .. });
    let has_primary = table
        .constraints
        .iter()
        .any(|entry| is_primary(&entry.constraint));
    if has_primary && matches!(constraint, TableConstraint::PrimaryKey(_)) {
        return Err(SqlError::with_code(
            sqlstate::INVALID_TABLE_DEFINITION,
            format!(
                "multiple primary keys for table \"{}\" are not allowed",
                table.name
            ),
        ));
    }
    create_table::add_constraint(session, table, constraint).await?;
    let changed = current(session, table.id).await?;
    let known = |id: i64| table.constraints.iter().any(|entry| entry.id == id);
    for entry in changed.constraints.iter().filter(|entry| !known(entry.id)) {
        match &entry.constraint {
            Constraint::Check { expression } => {
                let parsed = crate::parse::parse_expression(expression)?;
                let fails = build::negate_if(true, Expr::Nested(Box::new(parsed)));
                if rows::any(session, &changed, Some(fails)).await? {
                    return Err(SqlError::check_violated_by_rows(&entry.name, &table.name));
                }
                let storage = session.transaction().await?.storage()?;
                storage.record_read(table.id);
            }
            Constraint::PrimaryKey { columns } => {
                for id in columns {
                    let named = changed.columns.iter().find(|column| column.id == *id);
                    if let Some(named) = named.filter(|column| column.nullable) {
                        let table = current(session, changed.id).await?;
                        column::set_not_null(session, &table, &named.name).await?;
                    }
                }
            }
            Constraint::Unique { .. } | Constraint::ForeignKey { .. } => {}
        }
    }
    Ok(())
}

/// DROP CONSTRAINT.
///
/// Errors: `42704`.
pub(super) async fn drop(
    session: &mut Session,
    table: &Table,
    name: &str,
    if_exists: bool,
) -> Result<(), SqlError> {
    let Some(id) = id_of(table, name) else {
        if if_exists {
            session.notify(Notice::info(format!(
                "constraint \"{name}\" of relation \"{}\" does not exist, skipping",
                table.name
            )));
            return Ok(());
        }
        return Err(undefined(table, name));
    };
    let storage = session.transaction().await?.storage()?;
    Ok(storage.drop_constraint(table.id, id)?)
}

/// RENAME CONSTRAINT.
///
/// Errors: `42704`, `42710`.
pub(super) async fn rename(
    session: &mut Session,
    table: &Table,
    old: &str,
    new: &str,
) -> Result<(), SqlError> {
    let id = id_of(table, old).ok_or_else(|| {
        SqlError::with_code(
            sqlstate::UNDEFINED_OBJECT,
            format!(
                "constraint \"{old}\" for table \"{}\" does not exist",
                table.name
            ),
        )
    })?;
    if id_of(table, new).is_some() {
        return Err(SqlError::with_code(
            sqlstate::DUPLICATE_OBJECT,
            format!(
                "constraint \"{new}\" for relation \"{}\" already exists",
                table.name
            ),
        ));
    }
    let storage = session.transaction().await?.storage()?;
    Ok(storage.rename_constraint(table.id, id, new)?)
}

fn id_of(table: &Table, name: &str) -> Option<i64> {
    let found = table.constraints.iter().find(|entry| entry.name == name);
    found.map(|entry| entry.id)
}

fn undefined(table: &Table, name: &str) -> SqlError {
    SqlError::with_code(
        sqlstate::UNDEFINED_OBJECT,
        format!(
            "constraint \"{name}\" of relation \"{}\" does not exist",
            table.name
        ),
    )
}
