//! PostgreSQL's idioms that the planner lacks, turned into ones that it has.
//!
//! Works on the syntax tree before names are resolved, so it may use only what
//! the text tells. What needs types is done in `plan/operators.rs`.
//!
//! Own functions that no user can name begin with `$`: a cast, for example,
//! becomes a call of `$cast/<oid>/<typmod>`; `plan/builtin.rs` resolves them.

use std::ops::ControlFlow;

use sqlparser::ast::{self, Expr, VisitMut, VisitorMut};

use crate::error::SqlError;

mod agree;
mod argument;
pub(crate) mod build;
mod case;
mod condition;
mod distinct;
mod explode;
mod expression;
mod function;
mod interval;
mod naming;
mod ordinality;
mod overlaps;
mod row;
mod row_in;
mod scalar_table;
pub(crate) mod scope;
mod select;
mod set;
mod values;

pub(crate) use agree::SAME_COLUMN;
pub(crate) use build::CONDITION;
pub(crate) use case::CASE;
pub(crate) use expression::{ALL, ANY, ARRAY};
pub(crate) use function::{DATE_PART_FIRST, SYSTEM_SCHEMAS};
pub(crate) use naming::{output_name, strip_suffix};
pub(crate) use overlaps::PERIOD_END;
pub(crate) use select::{WITH_TIES, is_set_returning};
pub(crate) use set::{EXCEPT_ALL, INTERSECT_ALL};

/// Rewrites a query in place.
///
/// Errors: `42704` for an unknown type or collation, `0A000` for a construct that
/// is not built.
pub(crate) fn rewrite_query(query: &mut ast::Query) -> Result<(), SqlError> {
    run(query)
}

/// Rewrites one scalar expression in place.
pub(crate) fn rewrite_expression(expression: &mut Expr) -> Result<(), SqlError> {
    run(expression)
}

fn run(node: &mut impl VisitMut) -> Result<(), SqlError> {
    match node.visit(&mut Rewriter) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

struct Rewriter;

type Flow = ControlFlow<Box<SqlError>>;

fn flow(result: Result<(), SqlError>) -> Flow {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(Box::new(error)),
    }
}

impl VisitorMut for Rewriter {
    type Break = Box<SqlError>;

    fn pre_visit_query(&mut self, query: &mut ast::Query) -> Flow {
        flow(select::prepare_query(query))
    }

    fn post_visit_query(&mut self, query: &mut ast::Query) -> Flow {
        values::unify(query);
        Flow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut ast::Select) -> Flow {
        flow(select::prepare_select(select))?;
        condition::mark_select(select);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut ast::TableFactor) -> Flow {
        flow(select::prepare_table(factor))
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> Flow {
        flow(expression::before(expression))?;
        condition::mark_expression(expression);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> Flow {
        flow(expression::after(expression))
    }
}
