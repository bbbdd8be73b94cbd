//! `*` as the list of the columns that it stands for.

use sqlparser::ast::{
    ExcludeSelectItem, Expr, Ident, Query, Select, SelectItem, SelectItemQualifiedWildcardKind,
    SetExpr, TableWithJoins, WildcardAdditionalOptions,
};

use super::item::{Entry, Source};
use crate::error::SqlError;
use crate::parse::name_parts;
use crate::rewrite::naming::{distinct_name, output_name};

/// Expands the wildcards of a SELECT whose FROM merges columns, and names what would
/// lose its name with them.
///
/// Errors: `0A000` if the columns are not known.
pub(super) fn expand(select: &mut Select, source: &Source) -> Result<(), SqlError> {
    let mut items = Vec::with_capacity(select.projection.len());
    for item in std::mem::take(&mut select.projection) {
        match item {
            SelectItem::UnnamedExpr(expr) => items.push(named_value(expr, source)),
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(_, _) => {
                match named(&item, select, source)? {
                    Some(entries) => items.extend(entries.into_iter().map(shown)),
                    None if matches!(item, SelectItem::Wildcard(_)) => {
                        return Err(SqlError::not_supported(
                            "* over a join with USING of relations whose columns are not known",
                        ));
                    }
                    None => items.push(item),
                }
            }
            other => items.push(other),
        }
    }
    select.projection = items;
    select.exclude = None;
    Ok(())
}

/// The columns that a wildcard stands for; none if they are not known or if the engine
/// can tell them.
pub(super) fn named(
    item: &SelectItem,
    select: &Select,
    source: &Source,
) -> Result<Option<Vec<Entry>>, SqlError> {
    let (entries, options) = match item {
        SelectItem::Wildcard(options) => (source.output.clone(), options),
        SelectItem::QualifiedWildcard(
            SelectItemQualifiedWildcardKind::ObjectName(name),
            options,
        ) => {
            let parts = name_parts(name);
            let own = parts.last().cloned().unwrap_or_default();
            let alias = source.aliases.iter().find(|alias| alias.name == own);
            let entries = match alias {
                Some(alias) => Some(alias.columns.clone()),
                None => source.relation_columns(&own),
            };
            (entries, options)
        }
        _ => return Ok(None),
    };
    let excluded = [options.opt_exclude.as_ref(), select.exclude.as_ref()];
    let excluded: Vec<String> = excluded.into_iter().flatten().flat_map(names).collect();
    let plain = WildcardAdditionalOptions {
        opt_exclude: None,
        wildcard_token: options.wildcard_token.clone(),
        ..WildcardAdditionalOptions::default()
    };
    let rest = WildcardAdditionalOptions {
        opt_exclude: None,
        ..options.clone()
    };
    if rest != plain {
        return Ok(None);
    }
    Ok(entries.map(|mut entries| {
        entries.retain(|entry| !excluded.contains(&entry.name));
        entries
    }))
}

fn names(exclude: &ExcludeSelectItem) -> Vec<String> {
    match exclude {
        ExcludeSelectItem::Single(name) => name_parts(name).pop().into_iter().collect(),
        ExcludeSelectItem::Multiple(names) => names
            .iter()
            .filter_map(|name| name_parts(name).pop())
            .collect(),
    }
}

fn shown(entry: Entry) -> SelectItem {
    SelectItem::ExprWithAlias {
        expr: entry.value,
        alias: Ident::with_quote('"', entry.name),
    }
}

/// An expression keeps the name that it has before merged columns are replaced.
fn named_value(expr: Expr, source: &Source) -> SelectItem {
    let name = output_name(&expr);
    if source.merged.iter().any(|entry| entry.name == name) {
        return SelectItem::ExprWithAlias {
            expr,
            alias: Ident::with_quote('"', name),
        };
    }
    SelectItem::UnnamedExpr(expr)
}

/// `SELECT <all columns> FROM tables`.
pub(super) fn select_all(tables: TableWithJoins, output: &[Entry]) -> Result<Query, SqlError> {
    let mut query = crate::parse::parse_query("SELECT 1")?;
    if let SetExpr::Select(select) = query.body.as_mut() {
        let mut taken: Vec<String> = Vec::new();
        select.projection.clear();
        for entry in output {
            let mut own = entry.clone();
            own.name = distinct_name(&entry.name, &taken);
            taken.push(own.name.clone());
            select.projection.push(shown(own));
        }
        select.from = vec![tables];
    }
    Ok(query)
}
