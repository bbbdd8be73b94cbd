//! EXCEPT ALL, INTERSECT ALL and FETCH ... WITH TIES, which the engine lacks.
//!
//! The rewrite marks them: a UNION ALL under a telling alias (`rewrite/set.rs`), a
//! function around the limit (`rewrite/select.rs`). Here window functions number equal
//! rows, or rank ordered ones, and a filter keeps those that are wanted.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::functions_window::rank::rank_udwf;
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::expr::{Sort, WindowFunction};
use datafusion::logical_expr::{
    Expr, Limit, LogicalPlan, LogicalPlanBuilder, Projection, SubqueryAlias, Union,
    WindowFunctionDefinition, cast, lit,
};

use crate::error::SqlError;
use crate::rewrite::{EXCEPT_ALL, INTERSECT_ALL, WITH_TIES};

/// Which side a row is of: 0 for the left, 1 for the right.
const SIDE: &str = "\u{1}side";

/// The number of a row among the equal ones of its side.
const NUMBER: &str = "\u{1}number";

/// How many equal rows the right side has.
const OTHERS: &str = "\u{1}others";

/// The number of a row in the order of the query.
const ROW: &str = "\u{1}row";

/// As [`ROW`], but equal for equal keys.
const RANK: &str = "\u{1}rank";

/// Which of equal rows on the left stay: those that the right side has, too, or the
/// others.
#[derive(Clone, Copy)]
enum Kept {
    Shared,
    Others,
}

/// Expands what the rewrite marked.
pub(super) fn expand(plan: LogicalPlan) -> Result<LogicalPlan, SqlError> {
    let expanded = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::SubqueryAlias(alias) => match alias.alias.table() {
            EXCEPT_ALL => Ok(Transformed::yes(bag(&alias, Kept::Others)?)),
            INTERSECT_ALL => Ok(Transformed::yes(bag(&alias, Kept::Shared)?)),
            _ => Ok(Transformed::no(LogicalPlan::SubqueryAlias(alias))),
        },
        LogicalPlan::Limit(limit) => match ties_count(&limit) {
            Some(count) => Ok(Transformed::yes(with_ties(&limit, count)?)),
            None => Ok(Transformed::no(LogicalPlan::Limit(limit))),
        },
        other => Ok(Transformed::no(other)),
    })?;
    Ok(expanded.data)
}

/// Of n equal rows on the left and m on the right, EXCEPT ALL keeps those after the
/// first m, INTERSECT ALL the first m.
fn bag(alias: &SubqueryAlias, kept: Kept) -> Result<LogicalPlan> {
    let LogicalPlan::Union(union) = alias.input.as_ref() else {
        return Err(SqlError::internal("a bag that is no union").into());
    };
    let sides = union.inputs.iter().zip([0_i64, 1]).map(|(input, side)| {
        let mut columns = columns_of(input);
        columns.push(lit(side).alias(SIDE));
        let tagged = LogicalPlanBuilder::from(input.as_ref().clone())
            .project(columns)?
            .build()?;
        Ok(Arc::new(tagged))
    });
    let sides = sides.collect::<Result<Vec<_>>>()?;
    let tagged = LogicalPlan::Union(Union::try_new_with_loose_types(sides)?);
    let mut columns = columns_of(&tagged);
    let side = columns
        .pop()
        .ok_or_else(|| SqlError::internal("a union without columns"))?;
    let mut of_side = columns.clone();
    of_side.push(side.clone());
    let number = window(
        WindowFunctionDefinition::WindowUDF(row_number_udwf()),
        Vec::new(),
        of_side,
        Vec::new(),
    );
    let others = window(
        WindowFunctionDefinition::AggregateUDF(sum_udaf()),
        vec![side.clone()],
        columns.clone(),
        Vec::new(),
    );
    let rank = cast(named(NUMBER), DataType::Int64);
    let others_count = named(OTHERS);
    let wanted = match kept {
        Kept::Shared => rank.lt_eq(others_count),
        Kept::Others => rank.gt(others_count),
    };
    LogicalPlanBuilder::from(tagged)
        .window(vec![number.alias(NUMBER)])?
        .window(vec![others.alias(OTHERS)])?
        .filter(side.eq(lit(0_i64)).and(wanted))?
        .project(columns)?
        .alias(alias.alias.clone())?
        .build()
}

/// The count of a limit that takes ties.
fn ties_count(limit: &Limit) -> Option<Expr> {
    match limit.fetch.as_deref() {
        Some(Expr::ScalarFunction(call)) if call.func.name() == WITH_TIES => {
            call.args.first().cloned()
        }
        _ => None,
    }
}

fn with_ties(limit: &Limit, count: Expr) -> Result<LogicalPlan> {
    let sort = match limit.input.as_ref() {
        LogicalPlan::Sort(sort) => sort,
        // A select list keeps the rows and their order: it may come after the limit.
        LogicalPlan::Projection(projection)
            if matches!(projection.input.as_ref(), LogicalPlan::Sort(_)) =>
        {
            let inner = Limit {
                input: Arc::clone(&projection.input),
                ..limit.clone()
            };
            let inner = with_ties(&inner, count)?;
            let swapped = Projection::try_new(projection.expr.clone(), Arc::new(inner))?;
            return Ok(LogicalPlan::Projection(swapped));
        }
        _ => return Err(SqlError::not_supported("WITH TIES here").into()),
    };
    let bigint = |expr: Expr| cast(expr, DataType::Int64);
    let ranked = |function| {
        let definition = WindowFunctionDefinition::WindowUDF(function);
        window(definition, Vec::new(), Vec::new(), sort.expr.clone())
    };
    let skip = limit.skip.as_deref().cloned().unwrap_or_else(|| lit(0_i64));
    let skip = datafusion::functions::core::expr_fn::coalesce(vec![bigint(skip), lit(0_i64)]);
    // LIMIT NULL takes all rows.
    let count = bigint(count);
    let last = bigint(named(RANK))
        .lt_eq(skip.clone() + count.clone())
        .and(count.clone().gt(lit(0_i64)))
        .or(count.is_null());
    let wanted = bigint(named(ROW)).gt(skip).and(last);
    LogicalPlanBuilder::from(sort.input.as_ref().clone())
        .window(vec![ranked(rank_udwf()).alias(RANK)])?
        .window(vec![ranked(row_number_udwf()).alias(ROW)])?
        .filter(wanted)?
        .project(columns_of(&sort.input))?
        .sort(sort.expr.clone())?
        .build()
}

fn columns_of(plan: &LogicalPlan) -> Vec<Expr> {
    plan.schema()
        .columns()
        .into_iter()
        .map(Expr::Column)
        .collect()
}

fn named(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

fn window(
    function: WindowFunctionDefinition,
    args: Vec<Expr>,
    partition_by: Vec<Expr>,
    order_by: Vec<Sort>,
) -> Expr {
    let mut window = WindowFunction::new(function, args);
    window.params.partition_by = partition_by;
    if !order_by.is_empty() {
        window.params.window_frame = datafusion::logical_expr::WindowFrame::new(Some(false));
    }
    window.params.order_by = order_by;
    Expr::WindowFunction(Box::new(window))
}
