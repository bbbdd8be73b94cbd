//! Positions in a statement's text, found by walking its syntax tree after an error.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, LimitClause, ObjectName, Query, Value, Visit, Visitor};
use sqlparser::tokenizer::Location;

use crate::error::SqlError;
use crate::parse::fold;
use crate::rewrite::build::{cast_operand, string_text};
use crate::sqlstate;
use crate::types::{PgType, oid};

/// The highest `$n` of a query.
pub(super) fn parameter_count(query: &Query) -> usize {
    struct Highest(usize);
    impl Visitor for Highest {
        type Break = ();
        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            if let Expr::Value(literal) = expression
                && let Value::Placeholder(name) = &literal.value
                && let Some(number) = name.strip_prefix('$').and_then(|n| n.parse().ok())
            {
                self.0 = self.0.max(number);
            }
            ControlFlow::Continue(())
        }
    }
    let mut highest = Highest(0);
    let _ = query.visit(&mut highest);
    highest.0
}

/// Whether a query names one of the columns that every relation has but `*` omits.
pub(super) fn names_system_columns(query: &Query) -> bool {
    const NAMES: &[&str] = &["tableoid", "xmin", "xmax", "cmin", "cmax", "ctid"];
    struct Names;
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            let last = match expression {
                Expr::Identifier(ident) => Some(ident),
                Expr::CompoundIdentifier(parts) => parts.last(),
                _ => None,
            };
            match last {
                Some(ident) if NAMES.contains(&fold(ident).as_str()) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    query.visit(&mut Names).is_break()
}

/// Types that the text itself gives parameters: a cast, a LIMIT.
pub(super) fn parameter_types(query: &Query) -> Vec<(usize, PgType)> {
    struct Types(Vec<(usize, PgType)>);
    impl Visitor for Types {
        type Break = ();
        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            if let Some(LimitClause::LimitOffset { limit, offset, .. }) = &query.limit_clause {
                let counts = limit
                    .iter()
                    .chain(offset.iter().map(|offset| &offset.value));
                let numbers = counts.filter_map(parameter_number);
                self.0
                    .extend(numbers.map(|number| (number, PgType::new(oid::INT8))));
            }
            ControlFlow::Continue(())
        }
        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            if let Some((target, operand)) = cast_operand(expression)
                && let Some(number) = parameter_number(operand)
            {
                // The name of an object comes as text and is looked up by the cast.
                let is_name = target.is_oid_like() && !matches!(target.oid, oid::OID | oid::XID);
                let given = if is_name { oid::TEXT } else { target.oid };
                self.0.push((number, PgType::new(given)));
            }
            ControlFlow::Continue(())
        }
    }
    let mut types = Types(Vec::new());
    let _ = query.visit(&mut types);
    types.0
}

fn parameter_number(expression: &Expr) -> Option<usize> {
    let Expr::Value(literal) = expression else {
        return None;
    };
    let Value::Placeholder(name) = &literal.value else {
        return None;
    };
    name.strip_prefix('$')?.parse().ok()
}

/// The error with the place of the name that it speaks of.
pub(super) fn with_position(error: SqlError, query: &Query) -> SqlError {
    if error.position.is_some() || error.location.is_some() {
        return error;
    }
    let speaks_of_a_literal = [
        sqlstate::INVALID_TEXT_REPRESENTATION,
        sqlstate::INVALID_DATETIME_FORMAT,
        sqlstate::DATETIME_FIELD_OVERFLOW,
    ]
    .contains(&error.code);
    if speaks_of_a_literal {
        return with_literal(error, query);
    }
    let speaks_of_a_name = [
        sqlstate::UNDEFINED_TABLE,
        sqlstate::UNDEFINED_COLUMN,
        sqlstate::UNDEFINED_FUNCTION,
        sqlstate::AMBIGUOUS_COLUMN,
    ]
    .contains(&error.code);
    if !speaks_of_a_name {
        return error;
    }
    let wanted: Vec<String> = error
        .message
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .map(str::to_owned)
        .collect();
    let mut finder = Finder {
        wanted,
        found: None,
    };
    let _ = query.visit(&mut finder);
    match finder.found {
        Some(location) => error.at_location(location),
        None => error,
    }
}

/// The error with the place of the one literal that it quotes.
fn with_literal(error: SqlError, query: &Query) -> SqlError {
    struct Literals<'a> {
        message: &'a str,
        places: Vec<Location>,
    }
    impl Visitor for Literals<'_> {
        type Break = ();
        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            if let Expr::Value(literal) = expression
                && let Some(text) = string_text(expression)
                && self.message.ends_with(&format!("\"{text}\""))
            {
                self.places.push(literal.span.start);
            }
            ControlFlow::Continue(())
        }
    }
    let mut literals = Literals {
        message: &error.message,
        places: Vec::new(),
    };
    let _ = query.visit(&mut literals);
    match literals.places.as_slice() {
        [place] => {
            let place = *place;
            error.at_location(place)
        }
        _ => error,
    }
}

struct Finder {
    wanted: Vec<String>,
    found: Option<Location>,
}

impl Finder {
    fn check(&mut self, first: &Ident, last: &Ident) -> ControlFlow<()> {
        if self.wanted.contains(&fold(last)) {
            self.found = Some(first.span.start);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

impl Visitor for Finder {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let idents: Vec<&Ident> = relation
            .0
            .iter()
            .filter_map(|part| part.as_ident())
            .collect();
        match (idents.first(), idents.last()) {
            (Some(first), Some(last)) => self.check(first, last),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        match expression {
            Expr::Identifier(ident) => self.check(ident, ident),
            Expr::CompoundIdentifier(parts) => match (parts.first(), parts.last()) {
                (Some(first), Some(last)) => self.check(first, last),
                _ => ControlFlow::Continue(()),
            },
            Expr::Function(function) => match function.name.0.first().and_then(|p| p.as_ident()) {
                Some(ident) => self.check(ident, ident),
                None => ControlFlow::Continue(()),
            },
            _ => ControlFlow::Continue(()),
        }
    }
}
