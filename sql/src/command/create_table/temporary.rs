//! Temporary tables: which new table is one, and what a commit does to it.
//!
//! Source: PostgreSQL 15 manual, CREATE TABLE; Amazon Redshift's for `#name`.

use gotgan_storage::{Constraint, NewConstraint, OnCommit, SchemaId, Snapshot};
use sqlparser::ast;

use crate::command::{owner, query};
use crate::error::SqlError;
use crate::resolve::Name;
use crate::session::{Parameter, Session};
use crate::sqlstate;

/// Whether the statement makes a temporary table; then the schema for it is there.
///
/// Errors: `25006`; `42P16` for TEMPORARY in another schema, and for ON COMMIT without it.
pub(super) async fn prepare(
    session: &mut Session,
    create: &ast::CreateTable,
    parameters: &[Parameter],
    (name, tag): (&Name, &str),
) -> Result<bool, SqlError> {
    let is_wanted = is_wanted(session, create, name)?;
    let allowed = match is_wanted {
        true => session.require_temporary_creation(tag),
        false => session.require_write(tag),
    };
    if let Err(refusal) = allowed {
        return Err(refused(session, create, parameters, refusal).await);
    }
    if !is_wanted {
        return Ok(false);
    }
    owner::require_temporary(&*session.context().await?)?;
    let storage = session.transaction().await?.storage()?;
    storage.make_temporary_schema()?;
    Ok(true)
}

fn is_wanted(session: &Session, create: &ast::CreateTable, name: &Name) -> Result<bool, SqlError> {
    let is_marked = create.temporary || (name.schema.is_none() && name.name.starts_with('#'));
    let is_wanted = session.makes_temporary(is_marked, name)?;
    if create.on_commit.is_some() && !is_wanted {
        return Err(SqlError::with_code(
            sqlstate::INVALID_TABLE_DEFINITION,
            "ON COMMIT can only be used on temporary tables",
        ));
    }
    Ok(is_wanted)
}

/// Why nothing is made where nothing may be written: what is wrong with the query, if
/// anything is, comes before that.
async fn refused(
    session: &mut Session,
    create: &ast::CreateTable,
    parameters: &[Parameter],
    refusal: SqlError,
) -> SqlError {
    let Some(query) = &create.query else {
        return refusal;
    };
    let planner = match session.planner().await {
        Ok(planner) => planner,
        Err(error) => return error,
    };
    match query::plan(&planner, query, parameters).await {
        Ok(_) => refusal,
        Err(error) => error,
    }
}

/// What a commit does to the new table, if anything.
pub(super) fn on_commit(create: &ast::CreateTable) -> Option<OnCommit> {
    match create.on_commit {
        Some(ast::OnCommit::DeleteRows) => Some(OnCommit::DeleteRows),
        Some(ast::OnCommit::Drop) => Some(OnCommit::Drop),
        Some(ast::OnCommit::PreserveRows) | None => None,
    }
}

/// Foreign keys point at tables that live as long.
///
/// Errors: `42P16`.
pub(super) fn check_keys(
    snapshot: &Snapshot,
    constraints: &[NewConstraint],
    schema: SchemaId,
) -> Result<(), SqlError> {
    let is_temporary = snapshot.is_temporary(schema);
    for new in constraints {
        let Constraint::ForeignKey {
            referenced_table, ..
        } = &new.constraint
        else {
            continue;
        };
        // A key to the table itself finds none.
        let referenced = snapshot.table(*referenced_table);
        if referenced.is_none_or(|table| snapshot.is_temporary(table.schema_id) == is_temporary) {
            continue;
        }
        let kind = if is_temporary {
            "temporary"
        } else {
            "permanent"
        };
        return Err(SqlError::with_code(
            sqlstate::INVALID_TABLE_DEFINITION,
            format!("constraints on {kind} tables may reference only {kind} tables"),
        ));
    }
    Ok(())
}
