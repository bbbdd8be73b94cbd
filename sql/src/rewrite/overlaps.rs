//! `(start, end) OVERLAPS (start, end)`.
//!
//! Source: PostgreSQL 15, `timestamp.c`, overlaps_timestamp: the ends of a period come
//! in any order, a single null is an unknown end, and periods that only touch do not
//! overlap.

use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, Expr, VisitMut, VisitorMut};

use crate::error::SqlError;

/// The operator between the parts of a period, which gives its end.
pub(crate) const PERIOD_END: &str = "$period_end";

/// The comparison, with names for the ends.
const TEMPLATE: &str = "CASE \
    WHEN low1 > low2 THEN low1 < high2 OR CASE WHEN high1 IS NULL THEN NULL ELSE false END \
    WHEN low1 < low2 THEN low2 < high1 OR CASE WHEN high2 IS NULL THEN NULL ELSE false END \
    WHEN low1 = low2 THEN CASE WHEN high1 IS NULL OR high2 IS NULL THEN NULL ELSE true END \
    END";

const LOW: &str = "CASE WHEN first IS NULL OR first > last THEN last ELSE first END";

const HIGH: &str = "CASE WHEN first > last THEN first WHEN first IS NULL THEN NULL ELSE last END";

/// Errors: `42601` unless both sides have two parts.
pub(super) fn overlaps(left: &Expr, right: &Expr) -> Result<Expr, SqlError> {
    let (Expr::Tuple(left), Expr::Tuple(right)) = (left, right) else {
        return Err(SqlError::syntax(
            "wrong number of parameters on left side of OVERLAPS expression",
        ));
    };
    let [low1, high1] = ends(left, "left")?;
    let [low2, high2] = ends(right, "right")?;
    let names = [
        ("low1", low1),
        ("high1", high1),
        ("low2", low2),
        ("high2", high2),
    ];
    Ok(Expr::Nested(Box::new(filled(TEMPLATE, &names)?)))
}

fn ends(period: &[Expr], side: &str) -> Result<[Expr; 2], SqlError> {
    let [first, last] = period else {
        return Err(SqlError::syntax(format!(
            "wrong number of parameters on {side} side of OVERLAPS expression"
        )));
    };
    let last = Expr::Nested(Box::new(Expr::BinaryOp {
        left: Box::new(first.clone()),
        op: BinaryOperator::PGCustomBinaryOperator(vec![PERIOD_END.to_owned()]),
        right: Box::new(last.clone()),
    }));
    let names = [("first", first.clone()), ("last", last)];
    Ok([filled(LOW, &names)?, filled(HIGH, &names)?])
}

/// The expression of a template with its names replaced.
fn filled(template: &str, names: &[(&str, Expr)]) -> Result<Expr, SqlError> {
    struct Filler<'a>(&'a [(&'a str, Expr)]);
    impl VisitorMut for Filler<'_> {
        type Break = ();
        fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
            if let Expr::Identifier(ident) = expression
                && let Some((_, value)) = self.0.iter().find(|(name, _)| *name == ident.value)
            {
                *expression = Expr::Nested(Box::new(value.clone()));
            }
            ControlFlow::Continue(())
        }
    }
    let mut expression = crate::parse::parse_expression(template)?;
    let _ = expression.visit(&mut Filler(names));
    Ok(expression)
}
