//! MERGE ... WHEN NOT MATCHED: only the source can be referred to.
//!
//! Source: PostgreSQL 15, `parse_merge.c`.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Query, TableFactor, TableWithJoins, VisitMut, VisitorMut, With};

use super::names::{Meaning, Relation, Scope, reference};
use super::query::{Analysis, Ctes};
use crate::error::SqlError;
use crate::plan::Planner;

/// What a branch may refer to that has no row of the target.
pub(crate) struct SourceScope<'a> {
    planner: &'a Planner,
    scope: Scope<'a>,
    ctes: Ctes,
}

impl<'a> SourceScope<'a> {
    /// `target`: what the statement calls its target, and the target's columns.
    ///
    /// Errors: those of the source.
    pub(crate) fn new(
        planner: &'a Planner,
        with: Option<&With>,
        source: &TableFactor,
        target: (&str, Vec<String>),
    ) -> Result<Self, SqlError> {
        let analysis = Analysis {
            planner,
            checks_names: true,
        };
        let mut scope = Scope {
            hidden: vec![Relation {
                name: Some(target.0.to_owned()),
                table: None,
                columns: Some(target.1),
            }],
            ..Scope::default()
        };
        let ctes = analysis.ctes(with, &Ctes::default(), None)?;
        let source = TableWithJoins {
            relation: source.clone(),
            joins: Vec::new(),
        };
        analysis.table(&source, &mut scope, &ctes)?;
        Ok(Self {
            planner,
            scope,
            ctes,
        })
    }

    /// Spells out which relation each column of the expression is of, for the query that
    /// it becomes part of knows the target's columns, too.
    ///
    /// Errors: `42P01` and `42703` for a reference to the target or to nothing.
    pub(crate) fn resolve(&self, expression: &mut Expr) -> Result<(), SqlError> {
        let analysis = Analysis {
            planner: self.planner,
            checks_names: true,
        };
        analysis.expression(expression, &self.scope, &self.ctes)?;
        let _: ControlFlow<()> = VisitMut::visit(
            expression,
            &mut Qualifier {
                scope: &self.scope,
                queries: 0,
            },
        );
        Ok(())
    }
}

struct Qualifier<'a> {
    scope: &'a Scope<'a>,
    /// Depth of subqueries, which have names of their own.
    queries: usize,
}

impl VisitorMut for Qualifier<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if self.queries > 0 {
            return ControlFlow::Continue(());
        }
        if let Some([column]) = reference(expression)
            && let Meaning::Own { relation, .. } = self.scope.meaning(std::slice::from_ref(column))
            && let Some(name) = &self.scope.relations[relation].name
        {
            let relation = Ident::with_quote_and_span('"', column.span, name.as_str());
            *expression = Expr::CompoundIdentifier(vec![relation, column.clone()]);
        }
        ControlFlow::Continue(())
    }
}
