//! Values of sequences where they are needed: reserved before, and in the order of rows.
//!
//! Expressions cannot wait for the catalog, and they are computed column by column. So
//! the input of a projection or filter that calls `nextval` gets a node that reserves as
//! many values as its batch has rows. Where one call depends on another, as `currval`
//! does, that node hands out single rows. VALUES are computed row by row ahead.
//!
//! Not guaranteed: the order of values among the partitions of a plan.

use std::fmt;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::Schema;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, LogicalPlan, ScalarUDF, Values};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr, ScalarFunctionExpr};
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PlanProperties, ReplaceChildrenOptions, SendableRecordBatchStream,
    replace_children_if_necessary,
};
use futures::stream::{self, StreamExt, TryStreamExt};
use gotgan_storage::Sequence;

use crate::context::StatementContext;
use crate::error::SqlError;
use crate::functions;
use crate::plan::Planner;

/// Calls of the functions of sequences in some expressions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls {
    /// Sequences that `nextval` takes values of, once for each call.
    taken: Vec<(Arc<StatementContext>, Arc<Sequence>)>,
    /// Whether a sequence is not known before the call.
    has_unknown: bool,
    /// Calls that tell of values taken before, or set them.
    others: usize,
    setting: usize,
}

impl Calls {
    /// The calls in expressions of a plan that runs.
    pub(crate) fn in_physical<'a>(
        expressions: impl IntoIterator<Item = &'a Arc<dyn PhysicalExpr>>,
    ) -> Result<Self> {
        let mut calls = Self::default();
        for expression in expressions {
            expression.apply(|part| {
                if let Some(call) = part.downcast_ref::<ScalarFunctionExpr>() {
                    let first = call.args().first();
                    let literal = first.and_then(|first| first.downcast_ref::<Literal>());
                    calls.note(call.fun(), literal.map(Literal::value));
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(calls)
    }

    fn in_logical(expression: &Expr) -> Result<Self> {
        let mut calls = Self::default();
        expression.apply(|part| {
            if let Expr::ScalarFunction(call) = part {
                let literal = call.args.first().and_then(Expr::as_literal);
                calls.note(&call.func, literal);
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(calls)
    }

    fn note(&mut self, function: &ScalarUDF, argument: Option<&ScalarValue>) {
        let Some((name, context)) = functions::sequence_call(function) else {
            return;
        };
        match name {
            "nextval" | functions::IDENTITY => {
                let sequence = argument.and_then(|value| functions::sequence_of(context, value));
                // The call itself tells that it may not.
                let sequence = sequence.filter(|sequence| {
                    name == functions::IDENTITY || functions::may_take(context, sequence)
                });
                match sequence {
                    Some(sequence) => self.taken.push((Arc::clone(context), sequence)),
                    None => self.has_unknown = true,
                }
            }
            "setval" => self.setting += 1,
            _ => self.others += 1,
        }
    }

    fn is_empty(&self) -> bool {
        self.taken.is_empty() && !self.has_unknown && self.others == 0 && self.setting == 0
    }

    /// Whether the order of the calls within a row can be seen.
    fn needs_order(&self) -> bool {
        let changes = !self.taken.is_empty() || self.has_unknown || self.setting > 0;
        let count = self.taken.len() + usize::from(self.has_unknown) + self.setting + self.others;
        let mut ids: Vec<_> = self.taken.iter().map(|(_, own)| own.id).collect();
        ids.sort_unstable();
        ids.dedup();
        let is_plain = ids.len() == count;
        changes && count > 1 && !is_plain
    }

    /// Sees to it that the calls over so many rows need not wait.
    ///
    /// Errors: `2200H` at the end of a sequence; `25006`.
    pub(crate) async fn reserve(&self, rows: usize) -> Result<(), SqlError> {
        for (index, (context, sequence)) in self.taken.iter().enumerate() {
            let is_same = |other: &(_, Arc<Sequence>)| other.1.id == sequence.id;
            if self.taken[..index].iter().any(is_same) {
                continue;
            }
            let count = self.taken.iter().filter(|other| is_same(other)).count();
            let wanted = rows.saturating_mul(count);
            context.sequences.reserve_ahead(sequence, wanted).await?;
        }
        Ok(())
    }
}

/// Puts nodes that reserve values into a plan that needs some. Rows that are sorted get
/// their values in that order.
pub(super) fn with_reservations(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let sorted_first = plan.transform_up(after_sort)?.data;
    sorted_first
        .transform_up(|node| {
            let calls = if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
                Calls::in_physical(projection.expr().iter().map(|item| &item.expr))?
            } else if let Some(filter) = node.downcast_ref::<FilterExec>() {
                Calls::in_physical([filter.predicate()])?
            } else {
                return Ok(Transformed::no(node));
            };
            if calls.is_empty() {
                return Ok(Transformed::no(node));
            }
            let mut children = Vec::new();
            for input in node.children() {
                let input = undistributed(input)?.unwrap_or_else(|| Arc::clone(input));
                let calls = calls.clone();
                children.push(Arc::new(ReserveExec { input, calls }) as Arc<dyn ExecutionPlan>);
            }
            Ok(Transformed::yes(replace_children_if_necessary(
                node, children,
            )?))
        })
        .map(|transformed| transformed.data)
}

/// The plan without the node that hands one stream of rows out to several threads, which
/// would number them in no order; nothing if it has none.
fn undistributed(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let [input] = plan.children()[..] else {
        return Ok(None);
    };
    if let Some(hand_out) = plan.downcast_ref::<RepartitionExec>() {
        let is_one = input.output_partitioning().partition_count() == 1;
        let is_even = matches!(hand_out.partitioning(), Partitioning::RoundRobinBatch(_));
        return Ok((is_one && is_even).then(|| Arc::clone(input)));
    }
    if !plan.is::<ProjectionExec>() && !plan.is::<FilterExec>() && !plan.is::<CooperativeExec>() {
        return Ok(None);
    }
    match undistributed(input)? {
        None => Ok(None),
        Some(input) => {
            let plan = Arc::clone(plan);
            replace_children_if_necessary(plan, vec![input]).map(Some)
        }
    }
}

/// A sort of what a projection with `nextval` gives becomes a sort of its input, unless
/// it is by such values.
fn after_sort(node: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let sort = node.downcast_ref::<SortExec>();
    let merge = node.downcast_ref::<SortPreservingMergeExec>();
    let order = sort
        .map(SortExec::expr)
        .or(merge.map(SortPreservingMergeExec::expr));
    let child = node.children().first().copied().map(Arc::clone);
    let projection = child
        .as_ref()
        .and_then(|child| child.downcast_ref::<ProjectionExec>());
    let (Some(order), Some(projection)) = (order, projection) else {
        return Ok(Transformed::no(node));
    };
    if Calls::in_physical(projection.expr().iter().map(|item| &item.expr))?.is_empty() {
        return Ok(Transformed::no(node));
    }
    let mut below = Vec::with_capacity(order.len());
    for by in order {
        let column = by.expr.downcast_ref::<Column>();
        let item = column.and_then(|column| projection.expr().get(column.index()));
        let Some(item) = item else {
            return Ok(Transformed::no(node));
        };
        if !Calls::in_physical([&item.expr])?.is_empty() {
            return Ok(Transformed::no(node));
        }
        below.push(PhysicalSortExpr {
            expr: Arc::clone(&item.expr),
            options: by.options,
        });
    }
    let Some(below) = LexOrdering::new(below) else {
        return Ok(Transformed::no(node));
    };
    let input = Arc::clone(projection.input());
    let sorted: Arc<dyn ExecutionPlan> = match (sort, merge) {
        (Some(sort), _) => Arc::new(
            SortExec::new(below, input)
                .with_fetch(sort.fetch())
                .with_preserve_partitioning(sort.preserve_partitioning()),
        ),
        (None, Some(merge)) => {
            Arc::new(SortPreservingMergeExec::new(below, input).with_fetch(merge.fetch()))
        }
        (None, None) => return Ok(Transformed::no(node)),
    };
    let above = ProjectionExec::try_new(projection.expr().to_vec(), sorted)?;
    Ok(Transformed::yes(Arc::new(above)))
}

/// Reserves values for the expressions over its rows.
#[derive(Debug)]
struct ReserveExec {
    input: Arc<dyn ExecutionPlan>,
    calls: Calls,
}

impl DisplayAs for ReserveExec {
    fn fmt_as(&self, _: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ReserveExec")
    }
}

impl ExecutionPlan for ReserveExec {
    fn name(&self) -> &'static str {
        "ReserveExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self {
            input: children.swap_remove(0),
            calls: self.calls.clone(),
        }))
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self {
            input: children.swap_remove(0),
            calls: self.calls.clone(),
        }))
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let schema = input.schema();
        let calls = self.calls.clone();
        let rows_max = if calls.needs_order() { 1 } else { usize::MAX };
        let pieces = input
            .map_ok(move |batch| {
                let mut pieces = Vec::new();
                let mut start = 0;
                while start < batch.num_rows() {
                    let length = rows_max.min(batch.num_rows() - start);
                    pieces.push(Ok(batch.slice(start, length)));
                    start += length;
                }
                stream::iter(pieces)
            })
            .try_flatten();
        let reserved = pieces.and_then(move |batch: RecordBatch| {
            let calls = calls.clone();
            async move {
                calls.reserve(batch.num_rows()).await?;
                Ok(batch)
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            schema,
            reserved.boxed(),
        )))
    }
}

/// The plan with literals in place of what VALUES take of sequences.
pub(crate) async fn settle_values(
    plan: &LogicalPlan,
    planner: &Planner,
) -> Result<LogicalPlan, SqlError> {
    let mut lists: Vec<Vec<Vec<Expr>>> = Vec::new();
    let mut found: Vec<Values> = Vec::new();
    plan.apply(|node| {
        if let LogicalPlan::Values(values) = node
            && calls_sequences(values)?
        {
            found.push(values.clone());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    if found.is_empty() {
        return Ok(plan.clone());
    }
    for values in found {
        lists.push(settled_rows(values, planner).await?);
    }
    let mut lists = lists.into_iter();
    let settled = plan.clone().transform_down(|node| match node {
        LogicalPlan::Values(values) if calls_sequences(&values)? => {
            let rows = lists.next().unwrap_or_default();
            Ok(Transformed::yes(LogicalPlan::Values(Values {
                schema: values.schema,
                values: rows,
            })))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(settled.data)
}

fn calls_sequences(values: &Values) -> Result<bool> {
    for cell in values.values.iter().flatten() {
        if !Calls::in_logical(cell)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn settled_rows(values: Values, planner: &Planner) -> Result<Vec<Vec<Expr>>, SqlError> {
    let schema = Arc::new(DFSchema::empty());
    let context = SimplifyContext::builder()
        .with_schema(Arc::clone(&schema))
        .with_config_options(Arc::clone(planner.state.config_options()))
        .build();
    let simplifier = ExprSimplifier::new(context);
    let one = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &one)?;
    let mut rows = values.values;
    for cell in rows.iter_mut().flatten() {
        if Calls::in_logical(cell)?.is_empty() {
            continue;
        }
        let simple = simplifier.simplify(simplifier.coerce(cell.clone(), &schema)?)?;
        Calls::in_logical(&simple)?.reserve(1).await?;
        let physical = planner.state.create_physical_expr(simple, &schema)?;
        let value = physical.evaluate(&row)?.into_array(1)?;
        *cell = Expr::Literal(ScalarValue::try_from_array(&value, 0)?, None);
    }
    Ok(rows)
}
