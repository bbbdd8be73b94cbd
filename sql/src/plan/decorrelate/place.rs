//! Where subqueries stand, and which of them the engine joins rightly by itself there.

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator};

use crate::plan::domain;

/// Where an expression stands in a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A condition that each row of a filter must meet.
    Conjunct,
    /// Part of one, below AND and OR only: null does what false does.
    Alternative,
    /// Anywhere else in a filter.
    Filter,
    Projection,
    Elsewhere,
}

impl Place {
    pub(super) fn of(node: &LogicalPlan) -> Self {
        match node {
            LogicalPlan::Filter(_) => Self::Conjunct,
            LogicalPlan::Projection(_) => Self::Projection,
            _ => Self::Elsewhere,
        }
    }

    /// Where the parts of an expression stand that stands here.
    pub(super) fn below(self, expr: &Expr) -> Self {
        let operator = match expr {
            Expr::BinaryExpr(BinaryExpr { op, .. }) => Some(*op),
            _ => None,
        };
        match (self, operator) {
            (Self::Conjunct, Some(Operator::And)) => Self::Conjunct,
            (Self::Conjunct | Self::Alternative, Some(Operator::And | Operator::Or)) => {
                Self::Alternative
            }
            (Self::Conjunct | Self::Alternative | Self::Filter, _) => Self::Filter,
            (Self::Projection | Self::Elsewhere, _) => self,
        }
    }
}

pub(super) fn has_foreign_subquery(expr: &Expr, place: Place, input: &DFSchema) -> bool {
    let mut found = is_foreign(expr, place, input);
    let below = place.below(expr);
    let visited = expr.apply_children(|child| {
        found = found || has_foreign_subquery(child, below, input);
        Ok(TreeNodeRecursion::Continue)
    });
    found && visited.is_ok()
}

/// Whether the engine would refuse this subquery where it stands, or answer wrongly: its
/// join for IN that is no conjunct knows no null, its join for NOT IN no correlation,
/// and none of them what is further out than the node's `input`.
pub(super) fn is_foreign(expr: &Expr, place: Place, input: &DFSchema) -> bool {
    let is_far = |plan: &LogicalPlan| domain::refers_beyond(plan, input);
    match expr {
        Expr::ScalarSubquery(subquery) => {
            let plan = &subquery.subquery;
            domain::refers_outside(plan)
                && (place == Place::Elsewhere || is_far(plan) || !is_plain_aggregate(plan))
        }
        Expr::Exists(exists) => {
            let plan = &exists.subquery.subquery;
            let is_filter = !matches!(place, Place::Projection | Place::Elsewhere);
            !is_filter || is_deep(plan) || is_far(plan)
        }
        Expr::InSubquery(membership) => {
            let plan = &membership.subquery.subquery;
            let is_known = match place {
                Place::Conjunct => !membership.negated || !domain::refers_outside(plan),
                Place::Alternative => !membership.negated,
                _ => false,
            };
            !is_known || is_deep(plan) || is_far(plan)
        }
        _ => false,
    }
}

/// An aggregate without groups over rows that meet the outer ones in equations only.
fn is_plain_aggregate(plan: &LogicalPlan) -> bool {
    let mut current = plan;
    loop {
        match current {
            LogicalPlan::Projection(projection)
                if !projection.expr.iter().any(domain::has_outer_reference) =>
            {
                current = &projection.input;
            }
            LogicalPlan::SubqueryAlias(alias) => current = &alias.input,
            LogicalPlan::Aggregate(aggregate) => {
                return aggregate.group_expr.is_empty()
                    && !aggregate.aggr_expr.iter().any(domain::has_outer_reference)
                    && only_equations(&aggregate.input);
            }
            _ => return false,
        }
    }
}

/// Whether outer references stand only in `inner = outer` conjuncts of filters above
/// inner joins.
fn only_equations(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Filter(filter) => {
            let conjuncts = datafusion::logical_expr::utils::split_conjunction(&filter.predicate);
            conjuncts.into_iter().all(is_plain_conjunct) && only_equations(&filter.input)
        }
        LogicalPlan::SubqueryAlias(alias) => only_equations(&alias.input),
        LogicalPlan::Projection(projection) => {
            !projection.expr.iter().any(domain::has_outer_reference)
                && only_equations(&projection.input)
        }
        other => !domain::refers_outside(other),
    }
}

fn is_plain_conjunct(conjunct: &Expr) -> bool {
    if !domain::has_outer_reference(conjunct) {
        return true;
    }
    let Expr::BinaryExpr(binary) = conjunct else {
        return false;
    };
    let is_outer = |expr: &Expr| matches!(expr, Expr::OuterReferenceColumn(_, _));
    let is_inner = |expr: &Expr| !domain::has_outer_reference(expr);
    binary.op == Operator::Eq
        && ((is_outer(&binary.left) && is_inner(&binary.right))
            || (is_outer(&binary.right) && is_inner(&binary.left)))
}

/// Outer references where the engine's own rule for EXISTS and IN does not look, or
/// loses columns: below a query in FROM.
fn is_deep(plan: &LogicalPlan) -> bool {
    is_deep_below(plan, false)
}

fn is_deep_below(plan: &LogicalPlan, in_from: bool) -> bool {
    let refers = match plan {
        LogicalPlan::Filter(filter) => in_from && domain::has_outer_reference(&filter.predicate),
        LogicalPlan::Limit(_) => domain::refers_outside(plan),
        other => other.expressions().iter().any(domain::has_outer_reference),
    };
    let in_from = in_from || matches!(plan, LogicalPlan::SubqueryAlias(_));
    refers
        || plan
            .inputs()
            .into_iter()
            .any(|input| is_deep_below(input, in_from))
}
