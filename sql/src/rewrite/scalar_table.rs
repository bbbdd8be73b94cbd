//! A function of one value in FROM: a query of that one value, whose arguments may come
//! from what stands before it, and whose alias names the column, too.

use sqlparser::ast::{SelectItem, SetExpr, TableFactor};

use super::build::call;
use super::select::{called_function, is_set_returning, name_only_column};
use crate::error::SqlError;
use crate::pg_catalog;

/// Turns a call that gives neither rows nor several columns into such a query.
pub(super) fn query_value(factor: &mut TableFactor) -> Result<(), SqlError> {
    let is_plain = match &*factor {
        TableFactor::Table { name, .. } | TableFactor::Function { name, .. } => name.0.len() == 1,
        _ => false,
    };
    let Some((name, args, alias)) = called_function(factor) else {
        return Ok(());
    };
    if !is_plain || is_set_returning(&name) || pg_catalog::table_function(&name).is_some() {
        return Ok(());
    }
    let mut alias = alias.take();
    name_only_column(&mut alias, &name);
    let mut subquery = crate::parse::parse_query("SELECT value")?;
    if let SetExpr::Select(select) = subquery.body.as_mut() {
        select.projection = vec![SelectItem::UnnamedExpr(call(&name, args))];
    }
    *factor = TableFactor::Derived {
        lateral: true,
        subquery: Box::new(subquery),
        alias,
        sample: None,
    };
    Ok(())
}
