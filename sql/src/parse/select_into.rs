//! SELECT INTO as the CREATE TABLE AS that it is.
//!
//! INTO stands in the first SELECT of the query; anywhere else it stays and is refused.

use sqlparser::ast::helpers::stmt_create_table::CreateTableBuilder;
use sqlparser::ast::{Query, SelectInto, SetExpr, Statement};

/// The statement, or the CREATE TABLE AS that it stands for.
pub(super) fn translate(statement: Statement) -> Statement {
    let Statement::Query(mut query) = statement else {
        return statement;
    };
    let Some(into) = take_into(&mut query) else {
        return Statement::Query(query);
    };
    let create = CreateTableBuilder::new(into.name)
        .temporary(into.temporary)
        .query(Some(query));
    Statement::CreateTable(create.build())
}

fn take_into(query: &mut Query) -> Option<SelectInto> {
    let mut body = query.body.as_mut();
    loop {
        body = match body {
            SetExpr::SetOperation { left, .. } => left.as_mut(),
            SetExpr::Select(select) => return select.into.take(),
            _ => return None,
        };
    }
}
