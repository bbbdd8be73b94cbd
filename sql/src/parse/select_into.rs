//! SELECT INTO as the CREATE TABLE AS that it is, with a column [`INTO`] to tell them
//! apart; `command/create_table.rs` reads it.
//!
//! INTO stands in the first SELECT of the query; within a subquery it stays, and is
//! refused when that is planned.

use sqlparser::ast::helpers::stmt_create_table::CreateTableBuilder;
use sqlparser::ast::{ColumnDef, DataType, Ident, Query, SelectInto, SetExpr, Statement};
use sqlparser::parser::ParserError;

/// The column that stands for SELECT INTO.
pub(crate) const INTO: &str = "\u{1}into";

/// The statement, or the CREATE TABLE AS that it stands for.
///
/// Errors: for INTO in a later SELECT of a UNION and the like.
pub(super) fn translate(statement: Statement) -> Result<Statement, ParserError> {
    let Statement::Query(mut query) = statement else {
        return Ok(statement);
    };
    let Some(into) = take_into(&mut query)? else {
        return Ok(Statement::Query(query));
    };
    let marker = ColumnDef {
        name: Ident::with_quote('"', INTO),
        data_type: DataType::Unspecified,
        options: Vec::new(),
    };
    let create = CreateTableBuilder::new(into.name)
        .temporary(into.temporary)
        .columns(vec![marker])
        .query(Some(query));
    Ok(Statement::CreateTable(create.build()))
}

fn take_into(query: &mut Query) -> Result<Option<SelectInto>, ParserError> {
    let mut body = query.body.as_mut();
    loop {
        body = match body {
            SetExpr::SetOperation { right, .. } if has_into(right) => {
                let text = "INTO is only allowed on first SELECT of UNION/INTERSECT/EXCEPT";
                return Err(ParserError::ParserError(text.to_owned()));
            }
            SetExpr::SetOperation { left, .. } => left.as_mut(),
            SetExpr::Select(select) => return Ok(select.into.take()),
            _ => return Ok(None),
        };
    }
}

fn has_into(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => select.into.is_some(),
        SetExpr::SetOperation { left, right, .. } => has_into(left) || has_into(right),
        _ => false,
    }
}
