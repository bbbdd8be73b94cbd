//! Constraints of an existing table: added, checked against its rows, renamed, dropped.

use std::sync::Arc;

use gotgan_storage::{Constraint, Table};
use sqlparser::ast::{Expr, TableConstraint};

use super::{column, current, guarded, rows};
use crate::command::create_table;
use crate::error::SqlError;
use crate::parse::fold;
use crate::plan::{Place, refuse_in};
use crate::rewrite::build;
use crate::session::{Notice, Session};
use crate::sqlstate;

/// ADD CONSTRAINT.
///
/// `is_valid`: the rows that are there must fulfil it; else it is NOT VALID.
///
/// Errors: `23514` for a row that a CHECK refuses, `23502` for one without a value in
/// the primary key, `42P16` for a second one, `42710` for a name that is taken, `0A000`
/// for a NOT VALID of what is no CHECK or foreign key.
pub(super) async fn add(
    session: &mut Session,
    table: &Arc<Table>,
    constraint: &TableConstraint,
    is_valid: bool,
) -> Result<(), SqlError> {
    if let Some(name) = given_name(constraint).filter(|name| id_of(table, name).is_some()) {
        return Err(duplicate(table, &name));
    }
    if !is_valid {
        require_validatable(constraint)?;
    }
    if let TableConstraint::Check(check) = constraint {
        let ctx = session.context().await?;
        refuse_in(&check.expr, Place::Check, &ctx)?;
        guarded::refuse_masked(session, table, &check.expr).await?;
    }
    if let TableConstraint::PrimaryKey(key) = constraint {
        for column in &key.columns {
            if let Expr::Identifier(name) = &column.column.expr {
                column::find(table, &fold(name))?;
            }
        }
    }
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
            Constraint::Check { expression } if is_valid => {
                require(session, &changed, &entry.name, expression).await?;
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
            Constraint::Check { .. } | Constraint::ForeignKey { .. } if !is_valid => {
                let storage = session.transaction().await?.storage()?;
                storage.set_constraint_valid(table.id, entry.id, false)?;
            }
            Constraint::Check { .. }
            | Constraint::Unique { .. }
            | Constraint::ForeignKey { .. } => {}
        }
    }
    Ok(())
}

/// Errors: `0A000` for what PostgreSQL does not mark NOT VALID.
fn require_validatable(constraint: &TableConstraint) -> Result<(), SqlError> {
    let kind = match constraint {
        TableConstraint::PrimaryKey(_) => "PRIMARY KEY",
        TableConstraint::Unique(_) => "UNIQUE",
        _ => return Ok(()),
    };
    Err(SqlError::with_code(
        sqlstate::FEATURE_NOT_SUPPORTED,
        format!("{kind} constraints cannot be marked NOT VALID"),
    ))
}

/// VALIDATE CONSTRAINT: the rows that are there are looked at, for a CHECK. Foreign keys
/// are hints, so what is said of them is only remembered.
///
/// Errors: `42704`, `23514`.
pub(super) async fn validate(
    session: &mut Session,
    table: &Arc<Table>,
    name: &str,
) -> Result<(), SqlError> {
    let found = table.constraints.iter().find(|entry| entry.name == name);
    let entry = found.ok_or_else(|| undefined(table, name))?;
    match &entry.constraint {
        Constraint::Check { .. } | Constraint::ForeignKey { .. } if entry.is_valid => Ok(()),
        Constraint::Check { expression } => {
            require(session, table, name, expression).await?;
            let storage = session.transaction().await?.storage()?;
            Ok(storage.set_constraint_valid(table.id, entry.id, true)?)
        }
        Constraint::ForeignKey { .. } => {
            let storage = session.transaction().await?.storage()?;
            Ok(storage.set_constraint_valid(table.id, entry.id, true)?)
        }
        Constraint::PrimaryKey { .. } | Constraint::Unique { .. } => Err(SqlError::with_code(
            sqlstate::WRONG_OBJECT_TYPE,
            format!(
                "constraint \"{name}\" of relation \"{}\" is not a foreign key or check constraint",
                table.name
            ),
        )),
    }
}

/// Errors: `23514` if a row does not fulfil a CHECK.
async fn require(
    session: &mut Session,
    table: &Arc<Table>,
    name: &str,
    expression: &str,
) -> Result<(), SqlError> {
    let parsed = crate::parse::parse_expression(expression)?;
    guarded::refuse_masked(session, table, &parsed).await?;
    let fails = build::negate_if(true, Expr::Nested(Box::new(parsed)));
    if rows::any(session, table, Some(fails)).await? {
        return Err(SqlError::check_violated_by_rows(name, &table.name));
    }
    let storage = session.transaction().await?.storage()?;
    storage.record_read(table.id);
    Ok(())
}

fn given_name(constraint: &TableConstraint) -> Option<String> {
    let name = match constraint {
        TableConstraint::PrimaryKey(key) => key.name.as_ref(),
        TableConstraint::Unique(key) => key.name.as_ref(),
        TableConstraint::ForeignKey(key) => key.name.as_ref(),
        TableConstraint::Check(check) => check.name.as_ref(),
        _ => None,
    };
    name.map(fold)
}

fn duplicate(table: &Table, name: &str) -> SqlError {
    SqlError::with_code(
        sqlstate::DUPLICATE_OBJECT,
        format!(
            "constraint \"{name}\" for relation \"{}\" already exists",
            table.name
        ),
    )
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
        return Err(duplicate(table, new));
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
