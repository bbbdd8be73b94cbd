//! Function calls: schema prefixes, bare date parts, `ARRAY(SELECT ...)`, frame bounds.

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
    ObjectNamePart, OrderByKind, Query, Select, SelectItem, SetExpr, TableAlias, TableFactor,
    TableWithJoins, Value, WindowFrameBound, WindowType,
};

use super::build::{call, string, string_text, value};
use crate::error::SqlError;
use crate::parse::name_parts;

/// Redshift's functions whose first argument is a bare word.
pub(crate) const DATE_PART_FIRST: &[&str] = &[
    "dateadd",
    "datediff",
    "date_add",
    "date_diff",
    "date_part",
    "timestampadd",
];

/// Schemas whose functions are found without their name.
pub(crate) const SYSTEM_SCHEMAS: &[&str] = &["pg_catalog", "information_schema", "gotgan"];

pub(super) fn before(function: &mut Function) -> Result<(), SqlError> {
    refuse_statement(&function.name)?;
    super::argument::place_named(function)?;
    let name = name_parts(&function.name).pop().unwrap_or_default();
    if DATE_PART_FIRST.contains(&name.as_str())
        && let FunctionArguments::List(list) = &mut function.args
        && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(first))) = list.args.first_mut()
        && let Expr::Identifier(ident) = first
    {
        *first = string(ident.value.to_lowercase());
    }
    if let ("round" | "trunc", FunctionArguments::List(list)) = (name.as_str(), &mut function.args)
        && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(digits)))) =
            list.args.get_mut(1)
        && let Value::Number(_, protected) = &mut digits.value
    {
        // The digits of the result are part of its type.
        *protected = true;
    }
    if matches!(name.as_str(), "listagg" | "string_agg")
        && let FunctionArguments::List(list) = &mut function.args
        && !function.within_group.is_empty()
    {
        let keys = std::mem::take(&mut function.within_group);
        list.clauses
            .push(sqlparser::ast::FunctionArgumentClause::OrderBy(keys));
    }
    if let Some(WindowType::WindowSpec(spec)) = &mut function.over
        && let Some(frame) = &mut spec.window_frame
    {
        protect_bound(&mut frame.start_bound);
        if let Some(end) = &mut frame.end_bound {
            protect_bound(end);
        }
    }
    Ok(())
}

/// Refuses a function that stands for a statement, where it is more than that.
///
/// Errors: `0A000`.
fn refuse_statement(name: &ObjectName) -> Result<(), SqlError> {
    match name_parts(name).as_slice() {
        [schema, name]
            if schema == crate::system_views::SCHEMA
                && crate::parse::history::is_function(name) =>
        {
            Err(
                SqlError::not_supported(format!("{schema}.{name}() beside anything else"))
                    .with_hint("It must be the only item of the select list, or of FROM."),
            )
        }
        _ => Ok(()),
    }
}

pub(super) fn after(function: &mut Function) -> Result<Option<Expr>, SqlError> {
    if let Some(WindowType::WindowSpec(spec)) = &mut function.over
        && let Some(frame) = &mut spec.window_frame
    {
        restore_bound(&mut frame.start_bound);
        if let Some(end) = &mut frame.end_bound {
            restore_bound(end);
        }
    }
    let parts = name_parts(&function.name);
    if let [schema, name] = parts.as_slice() {
        if !SYSTEM_SCHEMAS.contains(&schema.as_str()) {
            return Err(SqlError::undefined_function(&format!("{schema}.{name}()")));
        }
        let ident = Ident::with_quote('"', name.as_str());
        function.name = ObjectName(vec![ObjectNamePart::Identifier(ident)]);
    }
    Ok(None)
}

/// `ARRAY(SELECT x ...)` as an aggregate over the query's only column.
pub(super) fn array_subquery(function: &mut Function) -> Option<Expr> {
    let is_array = name_parts(&function.name) == ["array"];
    let FunctionArguments::Subquery(query) = &mut function.args else {
        return None;
    };
    if !is_array {
        return None;
    }
    Some(array_of(query))
}

/// The values of a query's only column as an array.
pub(super) fn array_of(query: &mut Query) -> Expr {
    let aggregated = aggregate_over(query);
    call(
        "$array_or_empty",
        vec![Expr::Subquery(Box::new(aggregated))],
    )
}

/// The query with `array_agg` around its only column. A plain SELECT keeps its FROM
/// and moves its ORDER BY into the aggregate; any other is wrapped.
fn aggregate_over(query: &mut Query) -> Query {
    let plain = query.with.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none()
        && matches!(query.body.as_ref(), SetExpr::Select(select) if is_plain(select));
    if plain
        && let SetExpr::Select(select) = query.body.as_mut()
        && let Some(element) = select.projection.first().and_then(item_expression)
    {
        let order = query.order_by.take().map(|order| order.kind);
        let keys = match order {
            Some(OrderByKind::Expressions(keys)) => keys,
            _ => Vec::new(),
        };
        let keys = keys
            .into_iter()
            .map(|mut key| {
                if is_ordinal(&key.expr) {
                    key.expr = element.clone();
                }
                key
            })
            .collect::<Vec<_>>();
        select.projection = vec![SelectItem::UnnamedExpr(array_agg(element, keys))];
        return query.clone();
    }
    wrap(query)
}

fn is_plain(select: &Select) -> bool {
    let ungrouped = matches!(
        &select.group_by,
        sqlparser::ast::GroupByExpr::Expressions(keys, modifiers)
            if keys.is_empty() && modifiers.is_empty()
    );
    // Without FROM the column may be a set, which no aggregate takes.
    ungrouped
        && !select.from.is_empty()
        && select.distinct.is_none()
        && select.having.is_none()
        && select.top.is_none()
        && select.projection.len() == 1
}

fn item_expression(item: &SelectItem) -> Option<Expr> {
    match item {
        SelectItem::UnnamedExpr(expression)
        | SelectItem::ExprWithAlias {
            expr: expression, ..
        } => Some(expression.clone()),
        _ => None,
    }
}

fn is_ordinal(expression: &Expr) -> bool {
    matches!(expression, Expr::Value(literal) if matches!(&literal.value, Value::Number(_, _)))
}

fn array_agg(element: Expr, order: Vec<sqlparser::ast::OrderByExpr>) -> Expr {
    let mut aggregate = call("array_agg", vec![element]);
    if let Expr::Function(function) = &mut aggregate
        && let FunctionArguments::List(list) = &mut function.args
        && !order.is_empty()
    {
        list.clauses
            .push(sqlparser::ast::FunctionArgumentClause::OrderBy(order));
    }
    aggregate
}

fn wrap(query: &mut Query) -> Query {
    const COLUMN: &str = "element";
    let dialect = crate::parse::GotganDialect::default();
    let skeleton = "SELECT array_agg(element) FROM (SELECT 1) AS elements(element)";
    let parsed = sqlparser::parser::Parser::parse_sql(&dialect, skeleton)
        .expect("the skeleton is valid SQL");
    let Some(sqlparser::ast::Statement::Query(mut outer)) = parsed.into_iter().next() else {
        unreachable!("the skeleton is a query")
    };
    if let SetExpr::Select(select) = outer.body.as_mut()
        && let Some(TableWithJoins { relation, .. }) = select.from.first_mut()
        && let TableFactor::Derived {
            subquery, alias, ..
        } = relation
    {
        **subquery = query.clone();
        debug_assert!(matches!(alias, Some(TableAlias { columns, .. })
            if columns.first().is_some_and(|column| column.name.value == COLUMN)));
    }
    *outer
}

/// After the visit, bounds in the forms that the planner takes.
fn restore_bound(bound: &mut WindowFrameBound) {
    let (WindowFrameBound::Preceding(Some(size)) | WindowFrameBound::Following(Some(size))) = bound
    else {
        return;
    };
    if let Expr::Value(literal) = size.as_mut() {
        match &mut literal.value {
            Value::Number(_, protected) => *protected = false,
            Value::SingleQuotedString(text) => {
                let value = Box::new(string(std::mem::take(text)));
                **size = Expr::Interval(sqlparser::ast::Interval {
                    value,
                    leading_field: None,
                    leading_precision: None,
                    last_field: None,
                    fractional_seconds_precision: None,
                });
            }
            _ => {}
        }
    }
}

/// Frame bounds must stay plain numbers and strings while the rest is visited.
fn protect_bound(bound: &mut WindowFrameBound) {
    let (WindowFrameBound::Preceding(Some(size)) | WindowFrameBound::Following(Some(size))) = bound
    else {
        return;
    };
    match size.as_mut() {
        Expr::Value(literal) => {
            if let Value::Number(_, protected) = &mut literal.value {
                *protected = true;
            }
        }
        Expr::Interval(interval) => {
            if let Some(text) = string_text(&interval.value) {
                let unit = interval
                    .leading_field
                    .as_ref()
                    .map(super::expression::field_name);
                let text = format!("{text} {}", unit.unwrap_or_default());
                **size = value(Value::SingleQuotedString(text.trim_end().to_owned()));
            }
        }
        _ => {}
    }
}
