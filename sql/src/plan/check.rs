//! Rules of parse analysis that the engine's planner lacks or words in its own way.
//!
//! They work on the statement as it was written, so their errors have positions.
//!
//! - [`refuse()`] runs before planning and finds what the engine would take.
//! - [`explain`] runs only after the engine refused a query. It looks for the reason
//!   that PostgreSQL gives; where it finds none, the engine's error stands. So a
//!   mistake here can word an error badly but never refuse a query that is right.
//!
//! Source: PostgreSQL 15, `parse_agg.c`, `parse_clause.c`, `parse_relation.c`.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Function, FunctionArguments, Query, Visit, Visitor};
use sqlparser::tokenizer::{Location, Span};

use super::Planner;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::name_parts;
use crate::sqlstate;

mod call;
mod clauses;
mod from;
mod grouping;
mod merge;
mod names;
mod order;
mod place;
mod query;
mod refuse;
mod suggest;
mod targets;

pub(crate) use merge::SourceScope;
pub(crate) use place::{Place, refuse_in};
pub(super) use refuse::refuse;

/// The error that PostgreSQL gives for a query that the engine refused with `error`.
pub(super) fn explain(planner: &Planner, query: &Query, error: SqlError) -> SqlError {
    let is_the_engines = [
        sqlstate::SYNTAX_ERROR,
        sqlstate::UNDEFINED_COLUMN,
        sqlstate::AMBIGUOUS_COLUMN,
        sqlstate::INVALID_PARAMETER_VALUE,
        sqlstate::FEATURE_NOT_SUPPORTED,
        sqlstate::INTERNAL_ERROR,
    ]
    .contains(&error.code);
    if !is_the_engines {
        return error;
    }
    let names_matter = [sqlstate::UNDEFINED_COLUMN, sqlstate::AMBIGUOUS_COLUMN];
    let analysis = query::Analysis {
        planner,
        checks_names: names_matter.contains(&error.code),
    };
    match analysis.query(query, &query::Ctes::default(), None) {
        Ok(_) => error,
        Err(found) => found,
    }
}

/// A relation that an expression may name.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// What its columns are qualified with.
    pub(crate) name: Option<String>,
    /// The table behind an alias.
    pub(crate) table: Option<String>,
    pub(crate) columns: Vec<String>,
}

/// As [`explain`], for an expression over relations.
pub(crate) fn explain_expression(
    planner: &Planner,
    expression: &Expr,
    relations: Vec<Named>,
    error: SqlError,
) -> SqlError {
    if ![sqlstate::UNDEFINED_COLUMN, sqlstate::AMBIGUOUS_COLUMN].contains(&error.code) {
        return error;
    }
    let analysis = query::Analysis {
        planner,
        checks_names: true,
    };
    let relations = relations.into_iter().map(|relation| names::Relation {
        name: relation.name,
        table: relation.table,
        columns: Some(relation.columns),
    });
    let scope = names::Scope {
        relations: relations.collect(),
        ..names::Scope::default()
    };
    match analysis.expression(expression, &scope, &query::Ctes::default()) {
        Ok(()) => error,
        Err(found) => found,
    }
}

/// What a walk over an expression meets.
enum Part<'a> {
    Expr(&'a Expr),
    /// A subquery that no expression met before; it is not entered.
    Query(&'a Query),
}

/// Whether a walk enters what it met.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Into,
    Over,
}

/// Walks over the parts of one query level, outer before inner.
fn walk(
    node: &impl Visit,
    visit: &mut dyn FnMut(Part<'_>) -> Result<Step, SqlError>,
) -> Result<(), SqlError> {
    let mut walker = Walker {
        visit,
        queries: 0,
        over: 0,
    };
    match node.visit(&mut walker) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

struct Walker<'v> {
    visit: &'v mut dyn FnMut(Part<'_>) -> Result<Step, SqlError>,
    /// Depth of subqueries that are being passed over.
    queries: usize,
    /// Depth of expressions that are being passed over.
    over: usize,
}

impl Walker<'_> {
    fn meet(&mut self, part: Part<'_>) -> ControlFlow<Box<SqlError>, Step> {
        match (self.visit)(part) {
            Ok(step) => ControlFlow::Continue(step),
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }
}

impl Visitor for Walker<'_> {
    type Break = Box<SqlError>;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        if self.queries == 0 && self.over == 0 {
            self.meet(Part::Query(query))?;
        }
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<Self::Break> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<Self::Break> {
        if self.queries > 0 {
            return ControlFlow::Continue(());
        }
        if self.over > 0 || self.meet(Part::Expr(expression))? == Step::Over {
            self.over += 1;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, _expression: &Expr) -> ControlFlow<Self::Break> {
        if self.queries == 0 && self.over > 0 {
            self.over -= 1;
        }
        ControlFlow::Continue(())
    }
}

/// Calls `visit` for every call of a function at an expression's own query level.
pub(crate) fn for_each_call(expression: &Expr, visit: &mut dyn FnMut(&Function)) {
    let _ = walk(expression, &mut |part| {
        if let Part::Expr(Expr::Function(function)) = part {
            visit(function);
        }
        Ok(Step::Into)
    });
}

/// Whether a call is one of an aggregate, at its own level, and not over a window.
fn is_aggregate(function: &Function, ctx: &std::sync::Arc<StatementContext>) -> bool {
    function.over.is_none()
        && !matches!(function.args, FunctionArguments::Subquery(_))
        && name_parts(&function.name)
            .pop()
            .is_some_and(|name| super::provider::is_aggregate(&name, ctx))
}

/// Where a call stands in the text: at its name.
fn place(function: &Function) -> Location {
    let first = function.name.0.first().and_then(|part| part.as_ident());
    first.map_or(Span::empty().start, |ident| ident.span.start)
}
