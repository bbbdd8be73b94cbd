//! Queries and their FROM items: limits, output names, set-returning functions.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Fetch, FunctionArg, FunctionArgExpr, GroupByExpr, Ident, LimitClause, ObjectName, Offset,
    OrderByKind, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableAlias,
    TableAliasColumnDef, TableFactor, TopQuantity, Value, Visit, VisitMut, Visitor, VisitorMut,
};

use super::build::{call, raw_number};
use super::naming::{distinct_name, hidden_name, output_name};
use crate::error::SqlError;
use crate::parse::{fold, name_parts};

/// Set-returning functions and the function that gives the same as an array.
const SET_RETURNING: &[(&str, &str)] = &[
    ("generate_series", "generate_series_array"),
    ("generate_subscripts", "generate_subscripts_array"),
    ("_pg_expandarray", "_pg_expandarray_array"),
    ("pg_partition_ancestors", "pg_partition_ancestors_array"),
    ("aclexplode", "aclexplode_array"),
    ("regexp_split_to_table", "regexp_split_to_array"),
    ("string_to_table", "string_to_array"),
    ("regexp_matches", "regexp_matches_array"),
    ("json_array_elements", "json_array_elements_array"),
    ("jsonb_array_elements", "jsonb_array_elements_array"),
    ("json_array_elements_text", "json_array_elements_text_array"),
    (
        "jsonb_array_elements_text",
        "jsonb_array_elements_text_array",
    ),
    ("json_object_keys", "json_object_keys_array"),
    ("jsonb_object_keys", "jsonb_object_keys_array"),
];

pub(super) fn prepare_query(query: &mut Query) -> Result<(), SqlError> {
    if let Some(order_by) = &mut query.order_by
        && let OrderByKind::Expressions(keys) = &mut order_by.kind
    {
        for key in keys {
            protect(&mut key.expr);
        }
    }
    super::set::values_to_select(query)?;
    super::set::mark_bags(&mut query.body)?;
    fetch_to_limit(query)?;
    top_to_limit(query)?;
    super::condition::count_rows(query)?;
    super::agree::mark_values(query);
    super::distinct::order_by_position(query);
    if let Some(LimitClause::LimitOffset { limit, offset, .. }) = &mut query.limit_clause {
        if let Some(limit) = limit {
            protect(limit);
        }
        if let Some(offset) = offset {
            protect(&mut offset.value);
        }
    }
    Ok(())
}

/// The function around the count of rows that FETCH ... WITH TIES wants; see
/// `plan/bag.rs`.
pub(crate) const WITH_TIES: &str = "$with_ties";

fn fetch_to_limit(query: &mut Query) -> Result<(), SqlError> {
    let Some(Fetch {
        with_ties,
        percent,
        quantity,
    }) = query.fetch.take()
    else {
        return Ok(());
    };
    if percent {
        return Err(SqlError::not_supported("FETCH FIRST ... PERCENT"));
    }
    let mut limit = quantity.unwrap_or_else(|| raw_number("1"));
    if with_ties {
        if query.order_by.is_none() {
            return Err(SqlError::syntax(
                "WITH TIES cannot be specified without ORDER BY clause",
            ));
        }
        protect(&mut limit);
        limit = call(WITH_TIES, vec![limit]);
    }
    set_limit(query, limit);
    Ok(())
}

fn top_to_limit(query: &mut Query) -> Result<(), SqlError> {
    let SetExpr::Select(select) = query.body.as_mut() else {
        return Ok(());
    };
    let Some(top) = select.top.take() else {
        return Ok(());
    };
    if top.with_ties || top.percent {
        return Err(SqlError::not_supported("TOP with PERCENT or WITH TIES"));
    }
    let limit = match top.quantity {
        Some(TopQuantity::Constant(count)) => raw_number(count.to_string()),
        Some(TopQuantity::Expr(expression)) => expression,
        None => return Err(SqlError::syntax("TOP needs a number of rows")),
    };
    set_limit(query, limit);
    Ok(())
}

fn set_limit(query: &mut Query, count: Expr) {
    let offset: Option<Offset> = match query.limit_clause.take() {
        Some(LimitClause::LimitOffset { offset, .. }) => offset,
        _ => None,
    };
    query.limit_clause = Some(LimitClause::LimitOffset {
        limit: Some(count),
        offset,
        limit_by: Vec::new(),
    });
}

/// Keeps a number as the planner wants it: an ordinal or a row count.
fn protect(expression: &mut Expr) {
    if let Expr::Value(literal) = expression
        && let Value::Number(_, protected) = &mut literal.value
    {
        *protected = true;
    }
}

pub(super) fn prepare_select(select: &mut Select) -> Result<(), SqlError> {
    if select.into.is_some() {
        return Err(SqlError::syntax("SELECT ... INTO is not allowed here"));
    }
    super::row_in::in_conditions(select)?;
    let grouped = bare_names(select);
    plain_groups(select);
    if let GroupByExpr::Expressions(keys, _) = &mut select.group_by {
        for key in keys {
            protect_ordinals(key);
        }
    }
    if let Some(sqlparser::ast::Distinct::On(keys)) = &mut select.distinct {
        for key in keys {
            protect(key);
        }
    }
    qualify_wildcards(select);
    name_columns(select, &grouped);
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expression)
        | SelectItem::ExprWithAlias {
            expr: expression, ..
        } = item
        {
            let _: ControlFlow<()> = expression.visit(&mut SetReturning);
        }
    }
    Ok(())
}

/// `GROUP BY (), a` as `GROUP BY a`, and a query in one group, which `GROUP BY ()` or HAVING
/// alone makes it, as one with a grouping set of no keys.
fn plain_groups(select: &mut Select) {
    let GroupByExpr::Expressions(keys, modifiers) = &mut select.group_by else {
        return;
    };
    let is_empty = |key: &Expr| matches!(key, Expr::Tuple(parts) if parts.is_empty());
    let asks_for_one = keys.iter().any(is_empty) || select.having.is_some();
    keys.retain(|key| !is_empty(key));
    if keys.is_empty() && asks_for_one && modifiers.is_empty() {
        keys.push(Expr::GroupingSets(vec![Vec::new()]));
    }
}

/// `t.*` as `s.t.*` where FROM names `s.t`: the engine's planner compares whole names.
fn qualify_wildcards(select: &mut Select) {
    let factors = select.from.iter().flat_map(|item| {
        let joined = item.joins.iter().map(|join| &join.relation);
        std::iter::once(&item.relation).chain(joined)
    });
    let qualified: Vec<ObjectName> = factors
        .filter_map(|factor| match factor {
            TableFactor::Table {
                name, alias: None, ..
            } if name.0.len() > 1 => Some(name.clone()),
            _ => None,
        })
        .collect();
    for item in &mut select.projection {
        let SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) =
            item
        else {
            continue;
        };
        let [own] = &name_parts(name)[..] else {
            continue;
        };
        let is_meant = |whole: &&ObjectName| name_parts(whole).last() == Some(own);
        if let Some(whole) = qualified.iter().find(is_meant) {
            *name = whole.clone();
        }
    }
}

fn protect_ordinals(key: &mut Expr) {
    match key {
        Expr::Rollup(sets) | Expr::Cube(sets) | Expr::GroupingSets(sets) => {
            sets.iter_mut().flatten().for_each(protect);
        }
        other => protect(other),
    }
}

/// Gives every output column the name that PostgreSQL shows, and equal names a
/// mark that keeps them apart.
fn name_columns(select: &mut Select, grouped: &[String]) {
    let has_wildcard = select.projection.iter().any(|item| {
        matches!(
            item,
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(_, _)
        )
    });
    let mut taken: Vec<String> = Vec::new();
    for item in &mut select.projection {
        match item {
            SelectItem::UnnamedExpr(expression) => {
                let name = output_name(expression);
                let is_column = matches!(
                    expression,
                    Expr::Identifier(_) | Expr::CompoundIdentifier(_)
                );
                let repeated = taken.contains(&name) || (is_column && has_wildcard);
                let chosen = match (is_column, repeated) {
                    (true, false) => {
                        taken.push(name);
                        continue;
                    }
                    (true, true) => {
                        taken.push(name.clone());
                        distinct_name(&name, &taken)
                    }
                    (false, _) if grouped.contains(&name) => {
                        distinct_name(&hidden_name(&name), &taken)
                    }
                    (false, _) => distinct_name(&name, &taken),
                };
                taken.push(chosen.clone());
                let expr = super::build::take(expression);
                *item = SelectItem::ExprWithAlias {
                    expr,
                    alias: Ident::with_quote('"', chosen),
                };
            }
            SelectItem::ExprWithAlias { alias, .. } => {
                let name = fold(alias);
                if taken.contains(&name) {
                    *alias = Ident::with_quote('"', distinct_name(&name, &taken));
                }
                taken.push(fold(alias));
            }
            _ => {}
        }
    }
}

/// Unqualified names in GROUP BY and HAVING, which an output name must not capture.
fn bare_names(select: &Select) -> Vec<String> {
    struct Names(Vec<String>);
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            if let Expr::Identifier(ident) = expression {
                self.0.push(fold(ident));
            }
            ControlFlow::Continue(())
        }
    }
    let mut names = Names(Vec::new());
    let _ = select.group_by.visit(&mut names);
    let _ = select.having.visit(&mut names);
    names.0
}

/// In a select list, a set-returning function is the expansion of an array.
struct SetReturning;

impl VisitorMut for SetReturning {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expression {
            let name = name_parts(&function.name).pop().unwrap_or_default();
            if let Some((_, array)) = SET_RETURNING.iter().find(|(set, _)| *set == name) {
                function.name = ObjectName::from(vec![Ident::with_quote('"', *array)]);
                let inner = super::build::take(expression);
                *expression = call("unnest", vec![inner]);
            }
        }
        ControlFlow::Continue(())
    }
}

/// Errors: `0A000` for what should have been rewritten by now and could not.
fn refuse_left_over(factor: &TableFactor) -> Result<(), SqlError> {
    match factor {
        // Those that are understood have become names; see `session/versions.rs`.
        TableFactor::Table {
            version: Some(version),
            ..
        } => Err(SqlError::not_supported(format!("{version} here"))),
        TableFactor::Table {
            sample: Some(_), ..
        }
        | TableFactor::Derived {
            sample: Some(_), ..
        } => Err(SqlError::not_supported("TABLESAMPLE")),
        _ => Ok(()),
    }
}

/// A function in FROM: its alias names its column, as PostgreSQL has it for
/// functions that return one value.
pub(super) fn prepare_table(factor: &mut TableFactor) -> Result<(), SqlError> {
    if super::ordinality::number_rows(factor)? {
        return Ok(());
    }
    refuse_left_over(factor)?;
    if let TableFactor::Table {
        name,
        args: Some(_),
        ..
    }
    | TableFactor::Function { name, .. } = factor
        && let [schema, own] = name_parts(name).as_slice()
        && schema == "pg_catalog"
    {
        *name = ObjectName::from(vec![Ident::new(own.as_str())]);
    }
    if let Some((name, args, alias)) = called_function(factor)
        && name == "unnest"
    {
        let mut alias = alias.take();
        name_only_column(&mut alias, "unnest");
        *factor = TableFactor::UNNEST {
            alias,
            array_exprs: args,
            with_offset: false,
            with_offset_alias: None,
            with_ordinality: false,
        };
        return Ok(());
    }
    if let Some((name, args, alias)) = called_function(factor) {
        let Some((_, array)) = SET_RETURNING.iter().find(|(set, _)| *set == name) else {
            return super::scalar_table::query_value(factor);
        };
        let constant = args.iter().all(is_constant);
        if name == "generate_series" && constant {
            name_only_column(alias, &name);
            return Ok(());
        }
        let mut alias = alias.take();
        name_only_column(&mut alias, &name);
        let array_exprs = vec![call(array, args)];
        *factor = TableFactor::UNNEST {
            alias,
            array_exprs,
            with_offset: false,
            with_offset_alias: None,
            with_ordinality: false,
        };
        return Ok(());
    }
    if let TableFactor::UNNEST {
        alias, array_exprs, ..
    } = factor
        && array_exprs.len() == 1
    {
        name_only_column(alias, "unnest");
    }
    Ok(())
}

pub(super) type Called<'a> = (String, Vec<Expr>, &'a mut Option<TableAlias>);

pub(super) fn called_function(factor: &mut TableFactor) -> Option<Called<'_>> {
    let (name, args, alias) = match factor {
        TableFactor::Table {
            name,
            args: Some(args),
            alias,
            ..
        } => (name, &args.args, alias),
        TableFactor::Function {
            name, args, alias, ..
        } => (name, &*args, alias),
        _ => return None,
    };
    let plain = args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression.clone()),
        _ => None,
    });
    Some((
        name_parts(name).pop()?,
        plain.collect::<Option<Vec<_>>>()?,
        alias,
    ))
}

/// Whether a function gives a set of rows.
pub(crate) fn is_set_returning(function: &str) -> bool {
    function == "unnest" || SET_RETURNING.iter().any(|(name, _)| *name == function)
}

/// Whether a function in FROM gives one column, which its alias names.
pub(super) fn gives_one_column(function: &str) -> bool {
    const SEVERAL: &[&str] = &["", "_pg_expandarray", "aclexplode"];
    !SEVERAL.contains(&function) && crate::pg_catalog::table_function(function).is_none()
}

/// What a function in FROM is called that has no alias.
pub(super) fn function_name(factor: &TableFactor) -> Ident {
    let name = match factor {
        TableFactor::Table { name, .. } | TableFactor::Function { name, .. } => {
            name_parts(name).pop()
        }
        _ => None,
    };
    Ident::with_quote('"', name.unwrap_or_else(|| "unnest".to_owned()))
}

pub(super) fn name_only_column(alias: &mut Option<TableAlias>, function: &str) {
    let alias = alias.get_or_insert_with(|| TableAlias {
        explicit: true,
        name: Ident::new(function),
        columns: Vec::new(),
        at: None,
    });
    if alias.columns.is_empty() {
        alias.columns = vec![TableAliasColumnDef {
            name: alias.name.clone(),
            data_type: None,
        }];
    }
}

fn is_constant(expression: &Expr) -> bool {
    struct Columns;
    impl Visitor for Columns {
        type Break = ();
        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            match expression {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Subquery(_) => {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    expression.visit(&mut Columns).is_continue()
}
