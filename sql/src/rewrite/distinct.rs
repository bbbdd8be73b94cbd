//! ORDER BY of SELECT DISTINCT: an expression that the select list has, too, becomes
//! its position, because the engine knows output columns by their names only.

use sqlparser::ast::{Distinct, Expr, OrderByKind, Query, SelectItem, SetExpr};

use super::build::raw_number;

/// Replaces the keys of ORDER BY that stand in the select list of SELECT DISTINCT.
pub(super) fn order_by_position(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_ref() else {
        return;
    };
    let Some(OrderByKind::Expressions(keys)) = query.order_by.as_mut().map(|order| &mut order.kind)
    else {
        return;
    };
    if !matches!(select.distinct, Some(Distinct::Distinct)) {
        return;
    }
    let mut listed: Vec<&Expr> = Vec::with_capacity(select.projection.len());
    for item in &select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                listed.push(expr);
            }
            // The columns of a star shift the positions.
            _ => return,
        }
    }
    for key in keys {
        let is_name = matches!(
            key.expr,
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_)
        );
        if !is_name && let Some(index) = listed.iter().position(|expr| **expr == key.expr) {
            key.expr = raw_number((index + 1).to_string());
        }
    }
}
