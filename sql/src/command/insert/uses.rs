//! What INSERT does with its target, for the check of privileges.

use std::collections::BTreeSet;
use std::sync::Arc;

use gotgan_storage::Table;
use sqlparser::ast;

use crate::access::check::Uses;
use crate::error::SqlError;
use crate::plan::Planner;

/// Notes that rows are inserted, with values for as many columns as the source has.
pub(crate) fn need(planner: &Planner, table: &Arc<Table>, columns: &[usize], width: usize) {
    let uses = Uses {
        inserted: Some(given_columns(table, columns, width)),
        ..Uses::default()
    };
    planner.need(table, uses);
}

/// The columns that a source gives values for, keyed as grants on them are.
pub(super) fn given_columns(table: &Table, columns: &[usize], width: usize) -> BTreeSet<i64> {
    let given = columns.iter().take(width);
    given.map(|index| table.columns[*index].id.0).collect()
}

/// Whether policies tell which rows may be inserted.
pub(super) fn is_guarded(planner: &Planner, insert: &ast::Insert) -> Result<bool, SqlError> {
    let (table, _, _) = super::target(planner, insert)?;
    Ok(planner.warden(&table).is_some())
}
