//! Logical plans to physical ones, and what they run in: rules, memory, limits.
//!
//! A query without a relation needs neither statistics nor an optimizer and gets
//! none, so that the checks of connection pools are answered quickly.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::execution::TaskContext;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::functions_aggregate::first_last::{first_value_udaf, last_value_udaf};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::simplify_expressions::SimplifyExpressions;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionConfig;
use gotgan_storage::Clock;

use crate::error::SqlError;
use crate::execute::Limits;
use crate::plan::{PassProtected, optimizer_rules};
use crate::query_log::{QueryMeter, metered_disk};

mod barrier;
mod constant;
mod fence;
mod interrupt;
mod memory;
pub(crate) mod numbering;

pub(crate) use constant::{constant_row, constant_rows};
use memory::QueryPool;

/// How a plan's joins are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joins {
    /// By hashing, which is fast and keeps one side in memory.
    Hash,
    /// By sorting, which can spill.
    Merge,
}

/// Makes physical plans; one for each process.
#[derive(Debug)]
pub(crate) struct PhysicalPlanner {
    state: Arc<SessionState>,
    /// As `state`, but joins sort.
    merging: SessionState,
    /// As `state`, without the rules that look for better plans.
    plain: SessionState,
    query_bytes_max: usize,
    clock: Arc<dyn Clock>,
}

impl PhysicalPlanner {
    /// `query_bytes_max`: memory that one query may hold.
    pub(crate) fn new(
        config: &SessionConfig,
        runtime: &Arc<RuntimeEnv>,
        query_bytes_max: usize,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let builder = |config: SessionConfig| {
            SessionStateBuilder::new()
                .with_config(config)
                .with_runtime_env(Arc::clone(runtime))
                // The rules look these up by name; all else our planner brings itself.
                .with_aggregate_functions(vec![first_value_udaf(), last_value_udaf()])
                .with_physical_optimizer_rules(interrupt::rules())
                .with_query_planner(Arc::new(barrier::Planner))
                .with_optimizer_rules(optimizer_rules())
                .with_optimizer_rule(Arc::new(PassProtected))
        };
        // With one partition the engine would hash whatever it is told.
        let partitions = config.target_partitions().max(2);
        let mut sorted = config.clone().with_target_partitions(partitions);
        sorted.options_mut().optimizer.prefer_hash_join = false;
        Self {
            state: Arc::new(builder(config.clone()).build()),
            merging: builder(sorted).build(),
            plain: builder(config.clone())
                // Some functions exist only as what they are simplified to.
                .with_optimizer_rules(vec![Arc::new(SimplifyExpressions::new())])
                .with_physical_optimizer_rules(Vec::new())
                .build(),
            query_bytes_max,
            clock,
        }
    }

    /// The engine's settings and analysis.
    pub(crate) fn state(&self) -> &Arc<SessionState> {
        &self.state
    }

    /// The plan that runs; `limits` also end it in the middle of a long join.
    ///
    /// Errors: those of the engine's optimizer.
    pub(crate) async fn plan(
        &self,
        plan: &LogicalPlan,
        joins: Joins,
        limits: &Limits,
    ) -> Result<Arc<dyn ExecutionPlan>, SqlError> {
        if reads_nothing(plan)? {
            let physical = self.plain.create_physical_plan(plan).await?;
            return Ok(numbering::with_reservations(physical)?);
        }
        let state = match joins {
            Joins::Hash => self.state.as_ref(),
            Joins::Merge => &self.merging,
        };
        let physical = state.create_physical_plan(plan).await?;
        let physical = numbering::with_reservations(physical)?;
        Ok(interrupt::with_limits(physical, limits)?)
    }

    /// What a plan runs in, which begins now: its own share of the memory, and what it
    /// takes of that and of the disk counted in `meter`.
    ///
    /// Errors: those of the disk manager.
    pub(crate) fn tasks(&self, meter: &Arc<QueryMeter>) -> Result<Arc<TaskContext>, SqlError> {
        meter.begin_run(self.clock.instant());
        let tasks = TaskContext::from(self.state.as_ref());
        let shared = tasks.runtime_env();
        let parent = Arc::clone(&shared.memory_pool);
        let pool = QueryPool::new(parent, self.query_bytes_max, Arc::clone(meter));
        let runtime = RuntimeEnv {
            memory_pool: Arc::new(pool),
            disk_manager: metered_disk(&shared.disk_manager, meter)?,
            ..RuntimeEnv::clone(&shared)
        };
        Ok(Arc::new(tasks.with_runtime(Arc::new(runtime))))
    }
}

/// Whether the plan is one row of expressions over nothing.
fn reads_nothing(plan: &LogicalPlan) -> Result<bool> {
    let mut input = plan;
    loop {
        match input {
            LogicalPlan::Projection(projection) => {
                let mut is_plain = true;
                for expr in &projection.expr {
                    expr.apply(|part| {
                        is_plain = !needs_plan(part);
                        Ok(if is_plain {
                            TreeNodeRecursion::Continue
                        } else {
                            TreeNodeRecursion::Stop
                        })
                    })?;
                    if !is_plain {
                        return Ok(false);
                    }
                }
                input = projection.input.as_ref();
            }
            LogicalPlan::EmptyRelation(empty) => return Ok(empty.produce_one_row),
            _ => return Ok(false),
        }
    }
}

/// Whether only an optimizer rule makes the expression something that can run.
pub(crate) fn needs_plan(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::ScalarSubquery(_)
            | Expr::InSubquery(_)
            | Expr::Exists(_)
            | Expr::SetComparison(_)
            | Expr::Unnest(_)
            | Expr::AggregateFunction(_)
            | Expr::WindowFunction(_)
            | Expr::GroupingSet(_)
            | Expr::OuterReferenceColumn(..)
    )
}
