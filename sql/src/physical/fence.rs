//! Keeps what a projection computes above the rows that a filter or a limit leaves.
//!
//! The engine moves a projection that narrows its input below filters and limited sorts,
//! whatever it computes. `SELECT a / b ... WHERE b <> 0` would divide by zero then, and
//! `nextval` count rows that are no part of the answer. While the engine's rule runs, such
//! operators stand behind a fence, through which only columns pass.
//!
//! Assumes that no operator but these drops rows and lets a projection through.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::{
    ProjectionExec, ProjectionExpr, all_columns, make_with_child,
};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};

/// The name of the engine's rule that moves projections.
pub(super) const PROJECTION_PUSHDOWN: &str = "ProjectionPushdown";

/// The engine's rule with fences around what drops rows.
#[derive(Debug)]
pub(super) struct Fenced(pub(super) Arc<dyn PhysicalOptimizerRule + Send + Sync>);

impl PhysicalOptimizerRule for Fenced {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let fenced = plan.transform_up(|node| {
            if !drops_rows(node.as_ref()) {
                return Ok(Transformed::no(node));
            }
            Ok(Transformed::yes(
                Arc::new(FenceExec { input: node }) as Arc<dyn ExecutionPlan>
            ))
        })?;
        let moved = self.0.optimize(fenced.data, config)?;
        let plain = moved.transform_up(|node| match node.downcast_ref::<FenceExec>() {
            Some(fence) => Ok(Transformed::yes(Arc::clone(&fence.input))),
            None => Ok(Transformed::no(node)),
        })?;
        Ok(plain.data)
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

fn drops_rows(node: &dyn ExecutionPlan) -> bool {
    node.is::<FilterExec>() || node.fetch().is_some()
}

/// Stands above an operator that drops rows. It never runs.
#[derive(Debug)]
struct FenceExec {
    input: Arc<dyn ExecutionPlan>,
}

impl FenceExec {
    fn around(&self, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Arc<dyn ExecutionPlan> {
        let input = children.swap_remove(0);
        Arc::new(Self { input })
    }

    /// Only the columns that a projection computes with, behind the fence.
    fn narrowed(&self, columns: &[Column]) -> Result<Self> {
        let kept = columns.iter().map(|column| ProjectionExpr {
            expr: Arc::new(column.clone()),
            alias: column.name().to_owned(),
        });
        let kept: Vec<ProjectionExpr> = kept.collect();
        let input = ProjectionExec::try_new(kept, Arc::clone(&self.input))?;
        Ok(Self {
            input: Arc::new(input),
        })
    }
}

/// The columns of several expressions, by their place.
fn columns_of(exprs: &[ProjectionExpr]) -> Vec<Column> {
    let all = exprs.iter().flat_map(|part| collect_columns(&part.expr));
    let by_place: BTreeSet<(usize, String)> = all
        .map(|column| (column.index(), column.name().to_owned()))
        .collect();
    let ordered = by_place.into_iter();
    ordered
        .map(|(index, name)| Column::new(&name, index))
        .collect()
}

/// An expression over some columns of what it was over before.
fn over(expr: &Arc<dyn PhysicalExpr>, columns: &[Column]) -> Result<Arc<dyn PhysicalExpr>> {
    let moved = Arc::clone(expr).transform_up(|part| {
        let place = part
            .downcast_ref::<Column>()
            .and_then(|own| columns.iter().position(|kept| kept.index() == own.index()));
        Ok(match place {
            Some(place) => {
                let moved = Column::new(columns[place].name(), place);
                Transformed::yes(Arc::new(moved) as Arc<dyn PhysicalExpr>)
            }
            None => Transformed::no(part),
        })
    })?;
    Ok(moved.data)
}

impl DisplayAs for FenceExec {
    fn fmt_as(&self, _: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FenceExec")
    }
}

impl ExecutionPlan for FenceExec {
    fn name(&self) -> &'static str {
        "FenceExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self.around(children))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self.around(children))
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    /// Columns pass; of what computes, the columns that it needs.
    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExec,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if all_columns(projection.expr()) {
            let input = make_with_child(projection, &self.input)?;
            return Ok(Some(Arc::new(Self { input })));
        }
        let columns = columns_of(projection.expr());
        if columns.len() >= self.input.schema().fields().len() {
            return Ok(None);
        }
        let exprs = projection.expr().iter().map(|part| {
            Ok(ProjectionExpr {
                expr: over(&part.expr, &columns)?,
                alias: part.alias.clone(),
            })
        });
        let exprs = exprs.collect::<Result<Vec<_>>>()?;
        let narrowed: Arc<dyn ExecutionPlan> = Arc::new(self.narrowed(&columns)?);
        Ok(Some(Arc::new(ProjectionExec::try_new(exprs, narrowed)?)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }
}
