//! `(a, b) IN (SELECT ...)`: a comparison with every row of a query.
//!
//! The engine takes one column. A condition of WHERE only asks whether the answer is
//! true, or for NOT IN whether it is false, so one EXISTS tells it; elsewhere a second
//! one tells false from unknown.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Ident, Query, Select, SetExpr, TableAliasColumnDef, TableFactor, Value,
    Visit, Visitor,
};

use super::build::value;
use crate::error::SqlError;
use crate::parse::name_parts;

/// What the query's rows are called.
const ROWS: &str = "\u{1}rows";

/// The conditions of a WHERE that must be true, through AND and parentheses.
pub(super) fn in_conditions(select: &mut Select) -> Result<(), SqlError> {
    match &mut select.selection {
        Some(condition) => in_condition(condition),
        None => Ok(()),
    }
}

fn in_condition(condition: &mut Expr) -> Result<(), SqlError> {
    match condition {
        Expr::Nested(inner) => in_condition(inner),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } => {
            in_condition(left)?;
            in_condition(right)
        }
        Expr::UnaryOp {
            op: sqlparser::ast::UnaryOperator::Not,
            expr,
        } => {
            let mut inner = expr.as_mut();
            while let Expr::Nested(nested) = inner {
                inner = nested;
            }
            if let Expr::InSubquery {
                expr: row,
                subquery,
                negated: false,
            } = inner
                && matches!(**row, Expr::Tuple(_))
            {
                *condition = not_in(row, subquery)?;
            }
            Ok(())
        }
        Expr::InSubquery {
            expr: row,
            subquery,
            negated,
        } if matches!(**row, Expr::Tuple(_)) => {
            *condition = if *negated {
                not_in(row, subquery)?
            } else {
                exists(row, subquery, false, |equal| equal)?
            };
            Ok(())
        }
        _ => Ok(()),
    }
}

fn not_in(row: &Expr, subquery: &Query) -> Result<Expr, SqlError> {
    exists(row, subquery, true, |equal| {
        Expr::IsNotFalse(Box::new(Expr::Nested(Box::new(equal))))
    })
}

/// The same anywhere else, with its third value.
pub(super) fn in_expression(expression: &mut Expr) -> Result<(), SqlError> {
    let Expr::InSubquery {
        expr: row,
        subquery,
        negated,
    } = expression
    else {
        return Ok(());
    };
    if !matches!(**row, Expr::Tuple(_)) {
        return Ok(());
    }
    let found = exists(row, subquery, false, |equal| equal)?;
    let unknown = exists(row, subquery, false, |equal| {
        Expr::IsNull(Box::new(Expr::Nested(Box::new(equal))))
    })?;
    let mut skeleton = crate::parse::parse_expression(
        "CASE WHEN true THEN true WHEN true THEN NULL::bool ELSE false END",
    )?;
    if let Expr::Case { conditions, .. } = &mut skeleton {
        for (when, condition) in conditions.iter_mut().zip([found, unknown]) {
            when.condition = condition;
        }
    }
    *expression = super::build::negate_if(*negated, Expr::Nested(Box::new(skeleton)));
    Ok(())
}

/// `EXISTS (SELECT 1 FROM (subquery) WHERE condition(row = columns))`.
fn exists(
    row: &Expr,
    subquery: &Query,
    negated: bool,
    condition: impl FnOnce(Expr) -> Expr,
) -> Result<Expr, SqlError> {
    let Expr::Tuple(parts) = row else {
        return Err(SqlError::internal("a row that is none"));
    };
    let names: Vec<Ident> = (1..=parts.len())
        .map(|number| Ident::with_quote('"', format!("\u{1}part{number}")))
        .collect();
    let equal = parts
        .iter()
        .zip(&names)
        .map(|(part, name)| Expr::BinaryOp {
            left: Box::new(Expr::Nested(Box::new(part.clone()))),
            op: BinaryOperator::Eq,
            right: Box::new(Expr::CompoundIdentifier(vec![
                Ident::with_quote('"', ROWS),
                name.clone(),
            ])),
        })
        .reduce(|left, right| Expr::BinaryOp {
            left: Box::new(left),
            op: BinaryOperator::And,
            right: Box::new(right),
        })
        .unwrap_or_else(|| value(Value::Boolean(true)));
    let mut query = crate::parse::parse_query("SELECT 1 FROM (SELECT 1) AS rows WHERE true")?;
    if let SetExpr::Select(select) = query.body.as_mut() {
        if let Some(item) = select.from.first_mut()
            && let TableFactor::Derived {
                subquery: inner,
                alias: Some(alias),
                ..
            } = &mut item.relation
        {
            **inner = subquery.clone();
            alias.name = Ident::with_quote('"', ROWS);
            alias.columns = names
                .into_iter()
                .map(|name| TableAliasColumnDef {
                    name,
                    data_type: None,
                })
                .collect();
        }
        select.selection = Some(condition(equal));
    }
    Ok(Expr::Exists {
        subquery: Box::new(query),
        negated,
    })
}

/// Errors: `0A000` for a row with an aggregate or a window function, which would be the
/// subquery's own.
pub(super) fn refuse_aggregates(
    row: &Expr,
    is_aggregate: impl Fn(&str) -> bool,
) -> Result<(), SqlError> {
    struct Calls<F>(F);
    impl<F: Fn(&str) -> bool> Visitor for Calls<F> {
        type Break = ();
        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            if let Expr::Function(function) = expression {
                let name = name_parts(&function.name).pop().unwrap_or_default();
                if function.over.is_some() || (self.0)(&name) {
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        }
    }
    if row.visit(&mut Calls(is_aggregate)).is_break() {
        return Err(SqlError::not_supported(
            "an aggregate in a row before IN with a subquery",
        ));
    }
    Ok(())
}
