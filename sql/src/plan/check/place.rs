//! Expressions of statements that are no queries: what may not stand in them.
//!
//! Source: PostgreSQL 15, `parse_agg.c`, `parse_expr.c`.

use std::sync::Arc;

use sqlparser::ast::{Expr, Spanned};

use super::names::reference;
use super::{Part, Step, is_aggregate, place, walk};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::sqlstate;

/// Where an expression stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A column's default.
    Default,
    /// A CHECK.
    Check,
    /// USING of ALTER COLUMN ... TYPE.
    Transform,
    /// A value of UPDATE's SET.
    Update,
    Returning,
    /// A condition of MERGE's WHEN.
    MergeWhen,
    /// A value of MERGE's INSERT.
    Values,
    /// A condition of a policy.
    Policy,
    /// What a masking policy shows.
    Mask,
}

impl Place {
    /// What PostgreSQL calls it where it names functions.
    fn clause(self) -> &'static str {
        match self {
            Self::Default => "DEFAULT expressions",
            Self::Check => "check constraints",
            Self::Transform => "transform expressions",
            Self::Update => "UPDATE",
            Self::Returning => "RETURNING",
            Self::MergeWhen => "MERGE WHEN conditions",
            Self::Values => "VALUES",
            Self::Policy => "policy expressions",
            Self::Mask => "masking policy expressions",
        }
    }

    /// What PostgreSQL calls it where it has no subquery.
    fn without_subqueries(self) -> Option<&'static str> {
        match self {
            Self::Default => Some("DEFAULT expression"),
            Self::Check => Some("check constraint"),
            Self::Transform => Some("transform expression"),
            Self::Mask => Some("masking policy expression"),
            Self::Update | Self::Returning | Self::MergeWhen | Self::Values | Self::Policy => None,
        }
    }
}

/// Errors: `42803` for an aggregate, `42P20` for a window function, `0A000` for a
/// subquery or a column where there can be none.
pub(crate) fn refuse_in(
    expression: &Expr,
    of: Place,
    ctx: &Arc<StatementContext>,
) -> Result<(), SqlError> {
    let unsupported = |text: String| SqlError::with_code(sqlstate::FEATURE_NOT_SUPPORTED, text);
    walk(expression, &mut |part| {
        let found = match part {
            Part::Query(query) => {
                return match of.without_subqueries() {
                    Some(name) => Err(unsupported(format!("cannot use subquery in {name}"))
                        .at_location(super::refuse::before(query.span().start))),
                    None => Ok(Step::Over),
                };
            }
            Part::Expr(found) => found,
        };
        match found {
            Expr::Function(function) if is_aggregate(function, ctx) => {
                Err(SqlError::aggregate_not_allowed(of.clause()).at_location(place(function)))
            }
            Expr::Function(function) if function.over.is_some() => {
                Err(SqlError::window_not_allowed(of.clause()).at_location(place(function)))
            }
            Expr::Identifier(ident)
                if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default") =>
            {
                Err(SqlError::default_not_allowed().at_location(ident.span.start))
            }
            other if of == Place::Default && reference(other).is_some() => {
                let text = "cannot use column reference in DEFAULT expression".to_owned();
                Err(unsupported(text).at_location(other.span().start))
            }
            _ => Ok(Step::Into),
        }
    })
}
