//! Identity columns: what statements may write into them.
//!
//! Source: PostgreSQL 15 manual, INSERT, OVERRIDING; `rewriteHandler.c`.

use std::sync::Arc;

use gotgan_storage::{Column, Sequence, SequenceOwnerKind, Snapshot, Table};
use sqlparser::ast;

use super::text;
use crate::error::SqlError;
use crate::functions;
use crate::pg_catalog::oids;
use crate::rewrite::build;
use crate::sqlstate;
use crate::types::{PgType, oid};

/// What INSERT does with values for identity columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Overriding {
    /// It says nothing of them.
    #[default]
    None,
    /// OVERRIDING SYSTEM VALUE: the value that is written counts.
    System,
    /// OVERRIDING USER VALUE: it is thrown away.
    User,
}

/// The sequence that numbers an identity column, and how.
pub(crate) fn identity_of<'a>(
    snapshot: &'a Snapshot,
    table: &Table,
    column: &Column,
) -> Option<(&'a Arc<Sequence>, SequenceOwnerKind)> {
    let sequence = snapshot.identity(table.id, column.id)?;
    Some((sequence, sequence.owned_by?.kind))
}

/// The value that a column gets where none is given.
///
/// Errors: those of parsing a stored default.
pub(crate) fn column_default(
    snapshot: &Snapshot,
    table: &Table,
    column: &Column,
) -> Result<Option<ast::Expr>, SqlError> {
    if let Some((sequence, _)) = identity_of(snapshot, table, column) {
        let oid = build::string(oids::sequence(sequence.id).to_string());
        let oid = build::cast(oid, PgType::new(oid::REGCLASS));
        return Ok(Some(build::call(functions::IDENTITY, vec![oid])));
    }
    // Who inserts need not be able to find the sequence.
    let stored = column.default.as_deref().map(|default| {
        let numbered = text::by_oid(snapshot, default);
        crate::parse::parse_expression(numbered.as_deref().unwrap_or(default))
    });
    stored.transpose()
}

/// Refuses a value for a column that is GENERATED ALWAYS.
///
/// Errors: `428C9`.
pub(crate) fn refuse_insert(
    snapshot: &Snapshot,
    table: &Table,
    column: &Column,
    overriding: Overriding,
) -> Result<(), SqlError> {
    if overriding != Overriding::None || !is_always(snapshot, table, column) {
        return Ok(());
    }
    Err(SqlError::with_code(
        sqlstate::GENERATED_ALWAYS,
        format!(
            "cannot insert a non-DEFAULT value into column \"{}\"",
            column.name
        ),
    )
    .with_detail(always(column))
    .with_hint("Use OVERRIDING SYSTEM VALUE to override."))
}

/// Refuses another value for a column that is GENERATED ALWAYS.
///
/// Errors: `428C9`.
pub(crate) fn refuse_update(
    snapshot: &Snapshot,
    table: &Table,
    column: &Column,
) -> Result<(), SqlError> {
    if !is_always(snapshot, table, column) {
        return Ok(());
    }
    Err(SqlError::with_code(
        sqlstate::GENERATED_ALWAYS,
        format!("column \"{}\" can only be updated to DEFAULT", column.name),
    )
    .with_detail(always(column)))
}

fn always(column: &Column) -> String {
    format!(
        "Column \"{}\" is an identity column defined as GENERATED ALWAYS.",
        column.name
    )
}

fn is_always(snapshot: &Snapshot, table: &Table, column: &Column) -> bool {
    let identity = identity_of(snapshot, table, column);
    identity.is_some_and(|(_, kind)| kind == SequenceOwnerKind::IdentityAlways)
}
