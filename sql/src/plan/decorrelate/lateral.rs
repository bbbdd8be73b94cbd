//! LATERAL items of FROM.

use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, Join, LogicalPlan, LogicalPlanBuilder, Subquery};

use super::{Counter, Rewritten};
use crate::error::SqlError;
use crate::plan::domain::{self, Domain};

/// A join whose right side refers to its left.
pub(super) fn rewrite_lateral(join: Join, counter: &mut Counter) -> Rewritten {
    let is_lateral = domain::refers_to(&join.right, join.left.schema());
    if !is_lateral {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    }
    if !matches!(join.join_type, JoinType::Inner | JoinType::Left) {
        return Err(SqlError::not_supported("a LATERAL item in a RIGHT or FULL JOIN").into());
    }
    let schema = merge_schema(&[&join.left, &join.right]);
    let right = without_marker(&join.right)?;
    let domain = Domain::of(&join.left, &right, counter.next())?;
    let applied = domain.apply(&right)?;
    let mut condition = join.filter.clone();
    for (left, right) in &join.on {
        let equal = left.clone().eq(right.clone());
        condition = Some(match condition {
            Some(other) => other.and(equal),
            None => equal,
        });
    }
    let joined = domain.join(&join.left, applied, join.join_type, condition)?;
    let columns = schema.columns().into_iter().map(Expr::Column);
    Ok(Transformed::yes(
        LogicalPlanBuilder::from(joined).project(columns)?.build()?,
    ))
}

/// LATERAL stands in the plan as a marker node around its query.
fn without_marker(plan: &LogicalPlan) -> datafusion::common::Result<LogicalPlan> {
    let plain = plan.clone().transform_up(|node| match node {
        LogicalPlan::Subquery(Subquery { subquery, .. }) => {
            Ok(Transformed::yes(Arc::unwrap_or_clone(subquery)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(plain.data)
}
