//! Which form of CREATE TABLE a statement is, and which are not for us.

use sqlparser::ast;

use crate::error::SqlError;
use crate::parse;

/// What the statement is called, where no rows are counted.
pub(super) fn tag(create: &ast::CreateTable) -> &'static str {
    let is_into = |column: &ast::ColumnDef| column.name.value == parse::INTO;
    match &create.query {
        None => "CREATE TABLE",
        Some(_) if create.columns.iter().any(is_into) => "SELECT INTO",
        Some(_) => "CREATE TABLE AS",
    }
}

/// Errors: `0A000` for forms of other databases.
pub(super) fn refuse_foreign(create: &ast::CreateTable) -> Result<(), SqlError> {
    if create.or_replace || create.external {
        return Err(SqlError::not_supported(
            "CREATE OR REPLACE TABLE or CREATE EXTERNAL TABLE",
        ));
    }
    match create.clone {
        Some(_) => Err(SqlError::not_supported("CREATE TABLE ... CLONE")),
        None => Ok(()),
    }
}
