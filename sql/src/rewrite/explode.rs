//! `aclexplode` in FROM: its columns as arrays that are unnested side by side.
//!
//! The engine mistakes the fields of rows that it unnests for each other, where these come
//! of an outer row; and of what it unnests it forgets which of PostgreSQL's types it is.

use sqlparser::ast::{
    Expr, Ident, SelectItem, SetExpr, TableAlias, TableAliasColumnDef, TableFactor,
};

use super::build;
use super::select::called_function;
use crate::error::SqlError;
use crate::functions::ACL_COLUMNS;
use crate::parse::parse_query;
use crate::sqlstate;
use crate::types::{PgType, oid};

const NAME: &str = "aclexplode";

/// Its columns, as [`ACL_COLUMNS`].
const COLUMNS: [(&str, u32); 4] = [
    ("grantor", oid::OID),
    ("grantee", oid::OID),
    ("privilege_type", oid::TEXT),
    ("is_grantable", oid::BOOL),
];

/// Replaces a call of the function by a query of its columns.
///
/// Errors: `0A000` WITH ORDINALITY; `42P10` for an alias with too many columns.
pub(super) fn replace(factor: &mut TableFactor) -> Result<(), SqlError> {
    let (TableFactor::Table {
        with_ordinality, ..
    }
    | TableFactor::Function {
        with_ordinality, ..
    }) = &*factor
    else {
        return Ok(());
    };
    let is_numbered = *with_ordinality;
    let Some((name, args, alias)) = called_function(factor) else {
        return Ok(());
    };
    if name != NAME || args.len() != 1 {
        return Ok(());
    }
    if is_numbered {
        return Err(SqlError::not_supported("aclexplode WITH ORDINALITY"));
    }
    let alias = alias.take().unwrap_or_else(|| named(NAME, &[]));
    if alias.columns.len() > COLUMNS.len() {
        return Err(SqlError::with_code(
            sqlstate::INVALID_COLUMN_REFERENCE,
            format!(
                "table \"{}\" has {} columns available but {} columns specified",
                crate::parse::fold(&alias.name),
                COLUMNS.len(),
                alias.columns.len()
            ),
        ));
    }
    let arrays = ACL_COLUMNS.iter();
    let unnested = TableFactor::UNNEST {
        alias: Some(named("plain", &COLUMNS.map(|(name, _)| name))),
        array_exprs: arrays
            .map(|function| build::call(function, args.clone()))
            .collect(),
        with_offset: false,
        with_offset_alias: None,
        with_ordinality: false,
    };
    let mut query = parse_query("SELECT 1 FROM plain")?;
    if let SetExpr::Select(select) = query.body.as_mut() {
        let columns = COLUMNS.iter().map(|(name, pg_type)| {
            let value = Expr::CompoundIdentifier(vec![Ident::new("plain"), Ident::new(*name)]);
            SelectItem::ExprWithAlias {
                expr: build::cast(value, PgType::new(*pg_type)),
                alias: Ident::new(*name),
            }
        });
        select.projection = columns.collect();
        if let Some(table) = select.from.first_mut() {
            table.relation = unnested;
        }
    }
    *factor = TableFactor::Derived {
        lateral: true,
        subquery: Box::new(query),
        alias: Some(alias),
        sample: None,
    };
    Ok(())
}

fn named(name: &str, columns: &[&str]) -> TableAlias {
    let columns = columns.iter().map(|name| TableAliasColumnDef {
        name: Ident::new(*name),
        data_type: None,
    });
    TableAlias {
        explicit: true,
        name: Ident::new(name),
        columns: columns.collect(),
        at: None,
    }
}
