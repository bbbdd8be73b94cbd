//! WITH ORDINALITY: the rows of a function in FROM, numbered.

use sqlparser::ast::{Ident, SetExpr, TableAlias, TableAliasColumnDef, TableFactor};

use crate::error::SqlError;

/// `f(...) WITH ORDINALITY` as a query that numbers the rows of `f(...)`.
pub(super) fn number_rows(factor: &mut TableFactor) -> Result<bool, SqlError> {
    let (TableFactor::Table {
        with_ordinality, ..
    }
    | TableFactor::Function {
        with_ordinality, ..
    }
    | TableFactor::UNNEST {
        with_ordinality, ..
    }) = factor
    else {
        return Ok(false);
    };
    if !std::mem::take(with_ordinality) {
        return Ok(false);
    }
    let (TableFactor::Table { alias, .. }
    | TableFactor::Function { alias, .. }
    | TableFactor::UNNEST { alias, .. }) = &mut *factor
    else {
        return Ok(false);
    };
    let given = alias.take();
    let function = super::select::function_name(factor);
    let own = given.as_ref().map_or(function, |alias| alias.name.clone());
    let mut names: Vec<Ident> = given
        .iter()
        .flat_map(|alias| alias.columns.iter().map(|column| column.name.clone()))
        .collect();
    if names.is_empty() {
        names.push(own.clone());
    }
    if names.len() == 1 {
        names.push(Ident::new("ordinality"));
    }
    let (TableFactor::Table { alias, .. }
    | TableFactor::Function { alias, .. }
    | TableFactor::UNNEST { alias, .. }) = &mut *factor
    else {
        return Ok(false);
    };
    *alias = Some(table_alias(Ident::new("plain"), &[Ident::new("element")]));
    let text = "SELECT plain.element, row_number() OVER () FROM plain";
    let mut query = crate::parse::parse_query(text)?;
    if let SetExpr::Select(select) = query.body.as_mut()
        && let Some(table) = select.from.first_mut()
    {
        std::mem::swap(&mut table.relation, factor);
    }
    *factor = TableFactor::Derived {
        lateral: true,
        subquery: Box::new(query),
        alias: Some(table_alias(own, &names)),
        sample: None,
    };
    Ok(true)
}

fn table_alias(name: Ident, columns: &[Ident]) -> TableAlias {
    let columns = columns
        .iter()
        .map(|name| TableAliasColumnDef {
            name: name.clone(),
            data_type: None,
        })
        .collect();
    TableAlias {
        explicit: true,
        name,
        columns,
        at: None,
    }
}
