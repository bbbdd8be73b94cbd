//! Which equations of a join's condition its operator hashes.
//!
//! The engine's own rule runs several times, and one join hashes either with nulls equal
//! or not. It makes `a IS NOT DISTINCT FROM b` a key in its first run, and in a later one
//! adds the `c = d` that came down from a filter: then nulls of `c` and `d` match, too.
//! Its rule for cross joins merges the keys of joins of both kinds. So while plans are
//! optimized only `=` makes keys here, and the others become keys once that is over.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, NullEquality, Result};
use datafusion::logical_expr::utils::{
    can_hash, conjunction, find_valid_equijoin_key_pair, split_conjunction_owned,
};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Join, LogicalPlan, Operator};
use datafusion::optimizer::optimizer::Optimizer;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// The engine's rule that this one replaces.
const ENGINES_RULE: &str = "extract_equijoin_predicate";

/// The engine's rules, with [`EqualKeys`] among them.
pub(crate) fn optimizer_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules = Optimizer::new().rules;
    for rule in &mut rules {
        if rule.name() == ENGINES_RULE {
            *rule = Arc::new(EqualKeys);
        }
    }
    rules
}

/// Makes keys of `=`, which nulls never meet.
#[derive(Debug)]
struct EqualKeys;

impl OptimizerRule for EqualKeys {
    fn name(&self) -> &'static str {
        "equal_keys"
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(mut join) = plan else {
            return Ok(Transformed::no(plan));
        };
        // INTERSECT and EXCEPT have nulls equal.
        if join.null_equality == NullEquality::NullEqualsNull {
            return Ok(Transformed::no(LogicalPlan::Join(join)));
        }
        let keys = take_keys(&mut join, Operator::Eq)?;
        let has_keys = !keys.is_empty();
        join.on.extend(keys);
        let plan = LogicalPlan::Join(join);
        Ok(Transformed::new_transformed(plan, has_keys))
    }
}

/// Makes keys of `IS NOT DISTINCT FROM` in a plan that is optimized. Where `=` made keys
/// before, nulls are equal for these, too, and the condition asks for their absence.
pub(crate) fn with_null_safe_keys(plan: &LogicalPlan) -> Result<LogicalPlan> {
    let keyed = plan.clone().transform_up_with_subqueries(|node| {
        let LogicalPlan::Join(mut join) = node else {
            return Ok(Transformed::no(node));
        };
        if join.null_equality == NullEquality::NullEqualsNull || join.null_aware {
            return Ok(Transformed::no(LogicalPlan::Join(join)));
        }
        let keys = take_keys(&mut join, Operator::IsNotDistinctFrom)?;
        if keys.is_empty() {
            return Ok(Transformed::no(LogicalPlan::Join(join)));
        }
        let mut conditions: Vec<Expr> = join.filter.into_iter().collect();
        for (left, right) in &join.on {
            let is_nullable =
                left.nullable(join.left.schema())? && right.nullable(join.right.schema())?;
            if is_nullable {
                conditions.push(left.clone().is_not_null());
            }
        }
        join.filter = conjunction(conditions);
        join.on.extend(keys);
        join.null_equality = NullEquality::NullEqualsNull;
        Ok(Transformed::yes(LogicalPlan::Join(join)))
    })?;
    Ok(keyed.data)
}

/// Takes the conjuncts out of a join's filter that compare its two sides by `operator`,
/// as pairs of left and right.
fn take_keys(join: &mut Join, operator: Operator) -> Result<Vec<(Expr, Expr)>> {
    let Some(filter) = join.filter.take() else {
        return Ok(Vec::new());
    };
    let (left, right) = (join.left.schema(), join.right.schema());
    let mut keys = Vec::new();
    let mut rest = Vec::new();
    for conjunct in split_conjunction_owned(filter) {
        match key_pair(&conjunct, operator, left, right)? {
            Some(pair) => keys.push(pair),
            None => rest.push(conjunct),
        }
    }
    join.filter = conjunction(rest);
    Ok(keys)
}

fn key_pair(
    conjunct: &Expr,
    operator: Operator,
    left: &DFSchema,
    right: &DFSchema,
) -> Result<Option<(Expr, Expr)>> {
    let Expr::BinaryExpr(BinaryExpr {
        left: one,
        op,
        right: other,
    }) = conjunct
    else {
        return Ok(None);
    };
    if *op != operator {
        return Ok(None);
    }
    let Some((of_left, of_right)) = find_valid_equijoin_key_pair(one, other, left, right)? else {
        return Ok(None);
    };
    let can_hash = can_hash(&of_left.get_type(left)?) && can_hash(&of_right.get_type(right)?);
    Ok(can_hash.then_some((of_left, of_right)))
}
