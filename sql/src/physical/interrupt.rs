//! Lets other tasks run, and a statement's end come, in the middle of long joins.
//!
//! The engine gives way where batches enter a plan. A join can make any number of
//! rows out of one batch, or look at any number of pairs without making one. Nested loops
//! do the latter in one poll, however long: there the thread hands its other tasks on.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec,
};
use datafusion::physical_plan::unnest::UnnestExec;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

use super::fence::{Fenced, PROJECTION_PUSHDOWN};
use crate::execute::Limits;

/// The rule of the engine that ours goes behind.
const ENSURE_COOPERATIVE: &str = "EnsureCooperative";

/// Evaluations of a nested loop's condition, each of a batch of pairs, after which other
/// tasks get a turn: some milliseconds, beside which moving them costs nothing.
const EVALUATIONS_BEFORE_HANDING_ON: u32 = 64;

/// The engine's rules with ours among them.
pub(super) fn rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    let after = rules
        .iter()
        .position(|rule| rule.name() == ENSURE_COOPERATIVE)
        .map_or(rules.len(), |index| index + 1);
    rules.insert(after, Arc::new(YieldAfterJoins));
    for rule in &mut rules {
        if rule.name() == PROJECTION_PUSHDOWN {
            *rule = Arc::new(Fenced(Arc::clone(rule)));
        }
    }
    rules
}

/// Makes operators that multiply rows give way after some batches.
#[derive(Debug)]
struct YieldAfterJoins;

impl PhysicalOptimizerRule for YieldAfterJoins {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            if !multiplies_rows(node.as_ref()) {
                return Ok(Transformed::no(node));
            }
            Ok(Transformed::yes(
                Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>
            ))
        })
        .map(|transformed| transformed.data)
    }

    fn name(&self) -> &'static str {
        "YieldAfterJoins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn multiplies_rows(node: &dyn ExecutionPlan) -> bool {
    node.is::<NestedLoopJoinExec>()
        || node.is::<CrossJoinExec>()
        || node.is::<HashJoinExec>()
        || node.is::<SortMergeJoinExec>()
        || node.is::<UnnestExec>()
}

/// Makes the conditions of nested loops look at the limits of the statement.
pub(super) fn with_limits(
    plan: Arc<dyn ExecutionPlan>,
    limits: &Limits,
) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() else {
            return Ok(Transformed::no(node));
        };
        let Some(filter) = join.filter() else {
            return Ok(Transformed::no(node));
        };
        let condition = Limited {
            inner: Arc::clone(filter.expression()),
            limits: limits.clone(),
            count: AtomicU32::new(0),
        };
        let filter = JoinFilter::new(
            Arc::new(condition),
            filter.column_indices().to_vec(),
            Arc::clone(filter.schema()),
        );
        let limited = NestedLoopJoinExec::try_new(
            Arc::clone(join.left()),
            Arc::clone(join.right()),
            Some(filter),
            join.join_type(),
            join.projection().as_ref().map(|columns| columns.to_vec()),
        )?;
        Ok(Transformed::yes(Arc::new(limited) as Arc<dyn ExecutionPlan>))
    })
    .map(|transformed| transformed.data)
}

/// An expression that fails once its statement has to end, and in between lets the tasks
/// of its thread go on elsewhere.
#[derive(Debug)]
struct Limited {
    inner: Arc<dyn PhysicalExpr>,
    limits: Limits,
    /// Evaluations so far.
    count: AtomicU32,
}

impl PartialEq for Limited {
    fn eq(&self, other: &Self) -> bool {
        self.inner.eq(&other.inner)
    }
}

impl Eq for Limited {}

impl Hash for Limited {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl fmt::Display for Limited {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, formatter)
    }
}

impl PhysicalExpr for Limited {
    fn data_type(&self, input_schema: &Schema) -> Result<DataType> {
        self.inner.data_type(input_schema)
    }

    fn nullable(&self, input_schema: &Schema) -> Result<bool> {
        self.inner.nullable(input_schema)
    }

    fn return_field(&self, input_schema: &Schema) -> Result<FieldRef> {
        self.inner.return_field(input_schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        self.limits.check()?;
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        match count % EVALUATIONS_BEFORE_HANDING_ON == EVALUATIONS_BEFORE_HANDING_ON - 1 {
            true => hand_on(|| self.inner.evaluate(batch)),
            false => self.inner.evaluate(batch),
        }
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let inner = children.pop().unwrap_or_else(|| Arc::clone(&self.inner));
        Ok(Arc::new(Self {
            inner,
            limits: self.limits.clone(),
            count: AtomicU32::new(0),
        }))
    }

    fn fmt_sql(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(formatter)
    }
}

/// Runs work that may be one of very many in this poll, while another thread takes over
/// this one's tasks, sockets and timers.
fn hand_on<T>(work: impl FnOnce() -> T) -> T {
    let flavor = Handle::try_current().map(|handle| handle.runtime_flavor());
    match flavor {
        Ok(RuntimeFlavor::MultiThread) => block_in_place(work),
        // Where there is no other thread, nothing can be handed on.
        _ => work(),
    }
}
