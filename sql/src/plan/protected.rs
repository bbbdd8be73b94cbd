//! The rows and values of a table that a role may see, as a node above what finds them.
//!
//! What a statement computes over a row may tell of it, by an error or by how long it
//! takes. So nothing of the statement goes below this node but comparisons of a column
//! with a constant, which cannot fail; these let files be pruned. No LIMIT does, and no
//! answer from metadata alone.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchemaRef, Result};
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    BinaryExpr, Distinct, Expr, Extension, Filter, LogicalPlan, Operator,
    UserDefinedLogicalNodeCore,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use gotgan_storage::{ColumnId, Table};

/// What a role may see of one table.
#[derive(Clone, Debug)]
pub(crate) struct Protected {
    input: LogicalPlan,
    pub(crate) name: String,
    /// None for a view that is a barrier by its own wish.
    pub(crate) table: Option<Arc<Table>>,
    /// Whether it is the table that the statement changes.
    pub(crate) is_target: bool,
    /// Columns whose values are shown as they are.
    open: BTreeSet<String>,
}

impl Protected {
    /// `masked`: the columns whose values `input` does not show as they are.
    pub(super) fn around(
        input: LogicalPlan,
        table: &Arc<Table>,
        is_target: bool,
        masked: &BTreeSet<ColumnId>,
    ) -> LogicalPlan {
        let columns = table.columns.iter();
        let open = columns.filter(|column| !masked.contains(&column.id));
        let node = Self {
            input,
            name: table.name.clone(),
            table: Some(Arc::clone(table)),
            is_target,
            open: open.map(|column| column.name.clone()).collect(),
        };
        LogicalPlan::Extension(Extension {
            node: Arc::new(node),
        })
    }

    /// A view with `security_barrier`. What it computes may fail for the rows that it
    /// leaves out, so only comparisons of stored columns go below.
    pub(super) fn around_view(input: LogicalPlan, name: &str) -> LogicalPlan {
        let columns = input.schema().fields().iter().enumerate();
        let open = columns.filter(|(index, _)| is_stored(&input, *index));
        let node = Self {
            open: open.map(|(_, field)| field.name().clone()).collect(),
            input,
            name: name.to_owned(),
            table: None,
            is_target: false,
        };
        LogicalPlan::Extension(Extension {
            node: Arc::new(node),
        })
    }

    /// The node, if a plan is one.
    pub(crate) fn of(plan: &LogicalPlan) -> Option<&Self> {
        match plan {
            LogicalPlan::Extension(extension) => extension.node.as_any().downcast_ref(),
            _ => None,
        }
    }

    /// Whether a predicate tells nothing of rows but which pass it.
    fn may_pass(&self, predicate: &Expr) -> bool {
        let is_open = |expr: &Expr| matches!(expr, Expr::Column(c) if self.open.contains(&c.name));
        let is_constant = |expr: &Expr| matches!(expr, Expr::Literal(..));
        match predicate {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
                Operator::And | Operator::Or => self.may_pass(left) && self.may_pass(right),
                Operator::Eq
                | Operator::NotEq
                | Operator::Lt
                | Operator::LtEq
                | Operator::Gt
                | Operator::GtEq => {
                    (is_open(left) && is_constant(right)) || (is_constant(left) && is_open(right))
                }
                _ => false,
            },
            Expr::IsNull(inner) | Expr::IsNotNull(inner) => is_open(inner),
            Expr::Between(between) => {
                is_open(&between.expr) && is_constant(&between.low) && is_constant(&between.high)
            }
            Expr::InList(list) => is_open(&list.expr) && list.list.iter().all(is_constant),
            _ => false,
        }
    }
}

/// Whether an output column is one of a stored table as it is, computed by nothing.
fn is_stored(plan: &LogicalPlan, index: usize) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => {
            let mut expr = projection.expr.get(index);
            while let Some(Expr::Alias(alias)) = expr {
                expr = Some(alias.expr.as_ref());
            }
            let Some(Expr::Column(column)) = expr else {
                return false;
            };
            let below = projection.input.schema().maybe_index_of_column(column);
            below.is_some_and(|below| is_stored(&projection.input, below))
        }
        LogicalPlan::SubqueryAlias(alias) => is_stored(&alias.input, index),
        LogicalPlan::Filter(filter) => is_stored(&filter.input, index),
        LogicalPlan::TableScan(_) => true,
        other => {
            let name = other.schema().field(index).name();
            Protected::of(other).is_some_and(|own| own.open.contains(name))
        }
    }
}

impl PartialEq for Protected {
    fn eq(&self, other: &Self) -> bool {
        let id = |node: &Self| node.table.as_ref().map(|table| table.id);
        id(self) == id(other)
            && self.is_target == other.is_target
            && self.open == other.open
            && self.input == other.input
    }
}

impl Eq for Protected {}

impl Hash for Protected {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.input.hash(state);
    }
}

impl PartialOrd for Protected {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match self == other {
            true => Some(Ordering::Equal),
            false => self.input.partial_cmp(&other.input),
        }
    }
}

impl UserDefinedLogicalNodeCore for Protected {
    fn name(&self) -> &'static str {
        "Protected"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Protected: {}", self.name)
    }

    fn with_exprs_and_inputs(
        &self,
        _exprs: Vec<Expr>,
        mut inputs: Vec<LogicalPlan>,
    ) -> Result<Self> {
        Ok(Self {
            input: inputs.swap_remove(0),
            name: self.name.clone(),
            table: self.table.clone(),
            is_target: self.is_target,
            open: self.open.clone(),
        })
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![output_columns.to_vec()])
    }
}

/// Lets the engine unnest an IN of a join's condition over protected rows: it asks the
/// subquery for its one expression after it may have taken its projection away, and a
/// node of ours has none to tell. As DISTINCT the subquery has.
pub(super) fn with_distinct_in_joins(plan: LogicalPlan) -> Result<LogicalPlan> {
    let has_protected = |plan: &LogicalPlan| plan.exists(|node| Ok(Protected::of(node).is_some()));
    let unnestable = plan.transform_up_with_subqueries(|node| {
        if !matches!(node, LogicalPlan::Join(_)) {
            return Ok(Transformed::no(node));
        }
        node.map_expressions(|expr| {
            expr.transform_up(|part| match part {
                Expr::InSubquery(mut inside) if has_protected(&inside.subquery.subquery)? => {
                    let rows = Arc::clone(&inside.subquery.subquery);
                    let distinct = LogicalPlan::Distinct(Distinct::All(rows));
                    inside.subquery.subquery = Arc::new(distinct);
                    Ok(Transformed::yes(Expr::InSubquery(inside)))
                }
                other => Ok(Transformed::no(other)),
            })
        })
    })?;
    Ok(unnestable.data)
}

/// Moves what may pass from above a [`Protected`] node to below it.
#[derive(Debug)]
pub(crate) struct PassProtected;

impl OptimizerRule for PassProtected {
    fn name(&self) -> &'static str {
        "pass_protected"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Filter(filter) = &plan else {
            return Ok(Transformed::no(plan));
        };
        let Some(protected) = Protected::of(&filter.input) else {
            return Ok(Transformed::no(plan));
        };
        let parts = split_conjunction(&filter.predicate).into_iter().cloned();
        let (passing, kept): (Vec<Expr>, Vec<Expr>) =
            parts.partition(|part| protected.may_pass(part));
        let Some(passing) = conjunction(passing) else {
            return Ok(Transformed::no(plan));
        };
        let below = Filter::try_new(passing, Arc::new(protected.input.clone()))?;
        let node = Protected {
            input: LogicalPlan::Filter(below),
            ..protected.clone()
        };
        let moved = LogicalPlan::Extension(Extension {
            node: Arc::new(node),
        });
        Ok(Transformed::yes(match conjunction(kept) {
            Some(kept) => LogicalPlan::Filter(Filter::try_new(kept, Arc::new(moved))?),
            None => moved,
        }))
    }
}
