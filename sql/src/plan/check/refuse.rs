//! What the engine takes and PostgreSQL refuses, told by the text alone.

use std::ops::ControlFlow;
use std::sync::Arc;

use sqlparser::ast::{
    Expr, LimitClause, Query, Select, SetExpr, Spanned, TableFactor, TableWithJoins, Value, Visit,
    Visitor,
};

use super::from::{conditions, of_tables};
use super::names::reference;
use super::order::{keys, literal};
use super::{Part, Step, is_aggregate, walk};
use crate::context::StatementContext;
use crate::error::SqlError;

/// Checks a query and all within it.
///
/// Errors: `0A000`, `42601`, `42712`, `42803`, `42809`, `42P10`, `42P20`.
pub(in crate::plan) fn refuse(query: &Query, ctx: &Arc<StatementContext>) -> Result<(), SqlError> {
    match query.visit(&mut Refuser { ctx }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

struct Refuser<'a> {
    ctx: &'a Arc<StatementContext>,
}

type Flow = ControlFlow<Box<SqlError>>;

fn flow(result: Result<(), SqlError>) -> Flow {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(Box::new(error)),
    }
}

impl Visitor for Refuser<'_> {
    type Break = Box<SqlError>;

    fn pre_visit_query(&mut self, query: &Query) -> Flow {
        flow(refuse_changes(query))?;
        flow(self.limits(query))?;
        flow(of_order(query))?;
        flow(self.selects(&query.body))
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Flow {
        if let TableFactor::Derived {
            alias: None,
            subquery,
            ..
        } = factor
        {
            let is_values = matches!(subquery.body.as_ref(), SetExpr::Values(_));
            let what = if is_values { "VALUES" } else { "subquery" };
            let example = if is_values {
                "(VALUES ...)"
            } else {
                "(SELECT ...)"
            };
            let error = SqlError::syntax(format!("{what} in FROM must have an alias"))
                .with_hint(format!("For example, FROM {example} [AS] foo."));
            return flow(Err(if is_values {
                error
            } else {
                error.at_location(before(subquery.span().start))
            }));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> Flow {
        match expression {
            Expr::Function(function) => flow(super::call::check(function, self.ctx)),
            Expr::Identifier(ident)
                if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default") =>
            {
                flow(Err(
                    SqlError::default_not_allowed().at_location(ident.span.start)
                ))
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

/// The place of the parenthesis that a subquery most likely follows at once.
pub(super) fn before(
    mut location: sqlparser::tokenizer::Location,
) -> sqlparser::tokenizer::Location {
    if location.column > 1 {
        location.column -= 1;
    }
    location
}

impl Refuser<'_> {
    /// The SELECTs of a query without those of its subqueries.
    fn selects(&self, body: &SetExpr) -> Result<(), SqlError> {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::SetOperation { left, right, .. } => {
                self.selects(left)?;
                self.selects(right)
            }
            _ => Ok(()),
        }
    }

    fn select(&self, select: &Select) -> Result<(), SqlError> {
        require_distinct_names(&select.from)?;
        for condition in conditions(&select.from) {
            self.refuse_aggregates(condition, "JOIN conditions")?;
            refuse_windows(condition, "JOIN conditions")?;
        }
        if let Some(condition) = &select.selection {
            refuse_windows(condition, "WHERE")?;
        }
        if let Some(condition) = &select.having {
            refuse_windows(condition, "HAVING")?;
        }
        refuse_windows(&select.group_by, "GROUP BY")
    }

    fn refuse_aggregates(&self, node: &impl Visit, clause: &str) -> Result<(), SqlError> {
        walk(node, &mut |part| {
            if let Part::Expr(Expr::Function(function)) = part
                && is_aggregate(function, self.ctx)
            {
                let error = SqlError::aggregate_not_allowed(clause);
                return Err(error.at_location(super::place(function)));
            }
            Ok(Step::Into)
        })
    }

    fn limits(&self, query: &Query) -> Result<(), SqlError> {
        if let Some(LimitClause::LimitOffset { limit, offset, .. }) = &query.limit_clause {
            if let Some(limit) = limit {
                self.limit(limit, "LIMIT")?;
            }
            if let Some(offset) = offset {
                self.limit(&offset.value, "OFFSET")?;
            }
        }
        Ok(())
    }

    fn limit(&self, count: &Expr, clause: &str) -> Result<(), SqlError> {
        if let Expr::Value(value) = count
            && matches!(value.value, Value::Boolean(_))
        {
            return Err(SqlError::datatype_mismatch(format!(
                "argument of {clause} must be type bigint, not type boolean"
            ))
            .at_location(count.span().start));
        }
        self.refuse_aggregates(count, clause)?;
        refuse_windows(count, clause)?;
        walk(count, &mut |part| match part {
            Part::Expr(other) if reference(other).is_some() => {
                Err(SqlError::variable_not_allowed(clause).at_location(other.span().start))
            }
            _ => Ok(Step::Into),
        })
    }
}

/// Errors: `0A000` for a WITH that changes rows: those of a statement as a whole are
/// taken out of it before it is planned.
fn refuse_changes(query: &Query) -> Result<(), SqlError> {
    let parts = query.with.iter().flat_map(|with| &with.cte_tables);
    for part in parts {
        let is_change = matches!(
            part.query.body.as_ref(),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_)
        );
        if is_change {
            let text = "WITH clause containing a data-modifying statement must be at the top level";
            let error = SqlError::with_code(crate::sqlstate::FEATURE_NOT_SUPPORTED, text);
            return Err(error.at_location(part.alias.name.span.start));
        }
    }
    Ok(())
}

/// Errors: `42601` for a key that is a constant but no position, `0A000` for an
/// expression after a set operation.
fn of_order(query: &Query) -> Result<(), SqlError> {
    let is_set = matches!(query.body.as_ref(), SetExpr::SetOperation { .. });
    for key in keys(query.order_by.as_ref()) {
        match literal(key) {
            Some(super::order::Literal::Other) => {
                let error = SqlError::non_integer_constant("ORDER BY");
                return Err(error.at_location(key.span().start));
            }
            None if is_set && !matches!(key, Expr::Identifier(_)) => {
                return Err(SqlError::invalid_set_order().at_location(key.span().start));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Errors: `42712` if two FROM items are known by one name. Two tables without an
/// alias may share theirs if their schemas differ.
fn require_distinct_names(from: &[TableWithJoins]) -> Result<(), SqlError> {
    let mut taken: Vec<(String, Option<Vec<String>>)> = Vec::new();
    for item in of_tables(from) {
        let Some(name) = item.name else { continue };
        let clashes = taken.iter().any(|(other, table)| {
            *other == name
                && match (table, &item.table) {
                    (Some(table), Some(own)) => table == own,
                    _ => true,
                }
        });
        if clashes {
            return Err(SqlError::duplicate_alias(&name));
        }
        taken.push((name, item.table));
    }
    Ok(())
}

/// Errors: `42P20` for a window function where rows are not formed yet.
fn refuse_windows(node: &impl Visit, clause: &str) -> Result<(), SqlError> {
    walk(node, &mut |part| {
        if let Part::Expr(Expr::Function(function)) = part
            && function.over.is_some()
        {
            return Err(SqlError::window_not_allowed(clause).at_location(super::place(function)));
        }
        Ok(Step::Into)
    })
}
