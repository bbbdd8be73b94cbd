//! `RIGHT JOIN ... USING` and `FULL JOIN ... USING`.
//!
//! The engine takes the left side's column for the merged one, which is null where
//! only the right side has a row. Here the join gets an ON, and the merged column's
//! bare name becomes COALESCE of both sides. Where the names of the sides or of the
//! columns cannot be told from the text, the join is refused.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Ident, JoinConstraint, JoinOperator, Select, SelectItem, TableFactor,
    VisitMut, VisitorMut,
};

use super::build::call;
use super::naming::output_name;
use crate::error::SqlError;
use crate::parse::{fold, name_parts};

/// Expands USING in the outer joins of a SELECT that keep rows of the right side.
pub(super) fn expand_using(select: &mut Select) -> Result<(), SqlError> {
    let mut merged: Vec<(String, Expr)> = Vec::new();
    for table in &mut select.from {
        let left = relation_name(&table.relation);
        let join_count = table.joins.len();
        for join in &mut table.joins {
            let right = relation_name(&join.relation);
            let (JoinOperator::Right(constraint)
            | JoinOperator::RightOuter(constraint)
            | JoinOperator::FullOuter(constraint)) = &mut join.join_operator
            else {
                continue;
            };
            let columns = match constraint {
                JoinConstraint::Using(columns) => columns.clone(),
                JoinConstraint::Natural => {
                    return Err(SqlError::not_supported("NATURAL RIGHT or FULL JOIN"));
                }
                JoinConstraint::On(_) | JoinConstraint::None => continue,
            };
            let (Some(left), Some(right), 1) = (&left, &right, join_count) else {
                return Err(SqlError::not_supported(
                    "RIGHT or FULL JOIN ... USING among more than two tables",
                ));
            };
            let mut condition: Option<Expr> = None;
            for column in columns {
                let name = name_parts(&column).pop().unwrap_or_default();
                let sides = [left, right].map(|side| {
                    let parts = [side.as_str(), name.as_str()];
                    Expr::CompoundIdentifier(parts.map(|p| Ident::with_quote('"', p)).to_vec())
                });
                let [left_side, right_side] = sides;
                let equal = Expr::BinaryOp {
                    left: Box::new(left_side.clone()),
                    op: BinaryOperator::Eq,
                    right: Box::new(right_side.clone()),
                };
                condition = Some(match condition {
                    None => equal,
                    Some(others) => Expr::BinaryOp {
                        left: Box::new(others),
                        op: BinaryOperator::And,
                        right: Box::new(equal),
                    },
                });
                merged.push((name, call("coalesce", vec![left_side, right_side])));
            }
            if let Some(condition) = condition {
                *constraint = JoinConstraint::On(condition);
            }
        }
    }
    if merged.is_empty() {
        return Ok(());
    }
    replace_names(select, &merged)
}

fn replace_names(select: &mut Select, merged: &[(String, Expr)]) -> Result<(), SqlError> {
    let has_wildcard = select.projection.iter().any(|item| {
        matches!(
            item,
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(_, _)
        )
    });
    if has_wildcard {
        return Err(SqlError::not_supported(
            "* over a RIGHT or FULL JOIN ... USING",
        ));
    }
    let mut replacer = Replacer { merged };
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) = item {
            let alias = Ident::with_quote('"', output_name(expr));
            let expr = super::build::take(expr);
            *item = SelectItem::ExprWithAlias { expr, alias };
        }
        let _ = item.visit(&mut replacer);
    }
    let _ = select.selection.visit(&mut replacer);
    let _ = select.group_by.visit(&mut replacer);
    let _ = select.having.visit(&mut replacer);
    Ok(())
}

struct Replacer<'a> {
    merged: &'a [(String, Expr)],
}

impl VisitorMut for Replacer<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(ident) = expr
            && let Some((_, value)) = self.merged.iter().find(|(name, _)| *name == fold(ident))
        {
            *expr = value.clone();
        }
        ControlFlow::Continue(())
    }
}

/// What columns of a FROM item are qualified with, if the text tells.
fn relation_name(factor: &TableFactor) -> Option<String> {
    match factor {
        TableFactor::Table {
            alias: Some(alias), ..
        }
        | TableFactor::Derived {
            alias: Some(alias), ..
        } => Some(fold(&alias.name)),
        TableFactor::Table {
            name, args: None, ..
        } => name_parts(name).pop(),
        _ => None,
    }
}
