//! What a subquery refers to outside of it.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::{Expr, LogicalPlan};

/// Whether an expression refers outside, its own subqueries aside.
pub(in crate::plan) fn has_outer_reference(expr: &Expr) -> bool {
    let mut found = false;
    let visited = expr.apply(|e| {
        found |= matches!(e, Expr::OuterReferenceColumn(_, _));
        Ok(if found {
            TreeNodeRecursion::Stop
        } else {
            TreeNodeRecursion::Continue
        })
    });
    found && visited.is_ok()
}

/// Whether any node of a plan refers outside.
pub(in crate::plan) fn refers_outside(plan: &LogicalPlan) -> bool {
    !outer_columns(plan).is_empty()
}

/// Whether a plan refers to a column outside of it that `schema` has not. What its own
/// subqueries refer to may be inside of it.
pub(in crate::plan) fn refers_beyond(plan: &LogicalPlan, schema: &DFSchema) -> bool {
    let mut is_beyond = false;
    let visited = plan.apply(|node| {
        let inputs = node.inputs();
        let is_inside = |column: &Column| {
            schema.has_column(column) || inputs.iter().any(|i| i.schema().has_column(column))
        };
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                let below = match e {
                    Expr::OuterReferenceColumn(_, column) => {
                        is_beyond |= !schema.has_column(column);
                        return Ok(TreeNodeRecursion::Continue);
                    }
                    Expr::ScalarSubquery(subquery) => subquery,
                    Expr::Exists(exists) => &exists.subquery,
                    Expr::InSubquery(membership) => &membership.subquery,
                    _ => return Ok(TreeNodeRecursion::Continue),
                };
                is_beyond |= outer_columns(&below.subquery).iter().any(|c| !is_inside(c));
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    debug_assert!(visited.is_ok());
    is_beyond
}

/// Whether a plan refers to a column of `schema`.
pub(in crate::plan) fn refers_to(plan: &LogicalPlan, schema: &DFSchema) -> bool {
    outer_columns(plan)
        .iter()
        .any(|column| schema.has_column(column))
}

/// The columns outside that a plan and its subqueries refer to.
pub(in crate::plan) fn outer_columns(plan: &LogicalPlan) -> Vec<Column> {
    let mut found = Vec::new();
    let visited = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                if let Expr::OuterReferenceColumn(_, column) = e
                    && !found.contains(column)
                {
                    found.push(column.clone());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    debug_assert!(visited.is_ok());
    found
}
