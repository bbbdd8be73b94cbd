//! Rows that a statement spells out: they need no optimizer and no plan that runs.
//!
//! Pools and monitors send `SELECT 1` all the time, and loads send rows one by one.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::Schema;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, LogicalPlan, Values};
use datafusion::physical_expr::create_physical_expr;

use crate::cast::udf::PgCast;

/// Most rows of VALUES that are computed where they are asked for. With more that can take
/// long enough to be cancelled.
const ROWS_MAX: usize = 64;

/// The row of a query for constants, such as `SELECT 1`; nothing if it asks for more.
pub(crate) fn constant_row(plan: &LogicalPlan) -> Result<Option<RecordBatch>> {
    match plan {
        LogicalPlan::Projection(projection)
            if matches!(projection.input.as_ref(), LogicalPlan::EmptyRelation(_)) =>
        {
            constant_rows(plan)
        }
        _ => Ok(None),
    }
}

/// The rows of a plan of constants, such as those of VALUES with defaults beside them;
/// nothing if it asks for more, or would give other types than it says.
pub(crate) fn constant_rows(plan: &LogicalPlan) -> Result<Option<RecordBatch>> {
    match plan {
        LogicalPlan::EmptyRelation(empty) if empty.produce_one_row => one_row().map(Some),
        LogicalPlan::Values(values) if is_short(values) => value_rows(values),
        LogicalPlan::Projection(projection) if projection.expr.iter().all(is_simple) => {
            let Some(input) = constant_rows(&projection.input)? else {
                return Ok(None);
            };
            let mut columns = Vec::with_capacity(projection.expr.len());
            for expr in &projection.expr {
                columns.push(evaluate(expr, projection.input.schema(), &input)?);
            }
            rows_of(&projection.schema, columns, input.num_rows())
        }
        _ => Ok(None),
    }
}

fn is_short(values: &Values) -> bool {
    values.values.len() <= ROWS_MAX && values.values.iter().flatten().all(is_simple)
}

/// Whether an expression is a literal or a column, cast or not.
fn is_simple(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(..) | Expr::Column(_) => true,
        Expr::Alias(alias) => is_simple(&alias.expr),
        Expr::ScalarFunction(function) => {
            function.func.inner().is::<PgCast>() && function.args.iter().all(is_simple)
        }
        _ => false,
    }
}

fn value_rows(values: &Values) -> Result<Option<RecordBatch>> {
    let (row, no_columns) = (one_row()?, DFSchema::empty());
    let mut columns = Vec::with_capacity(values.schema.fields().len());
    for (index, field) in values.schema.fields().iter().enumerate() {
        let mut cells = Vec::with_capacity(values.values.len());
        for exprs in &values.values {
            let cell = evaluate(&exprs[index], &no_columns, &row)?;
            if cell.data_type() != field.data_type() {
                return Ok(None);
            }
            cells.push(ScalarValue::try_from_array(&cell, 0)?);
        }
        columns.push(ScalarValue::iter_to_array(cells)?);
    }
    rows_of(&values.schema, columns, values.values.len())
}

fn evaluate(expr: &Expr, schema: &DFSchema, input: &RecordBatch) -> Result<ArrayRef> {
    let properties = ExecutionProps::new();
    let planning = PhysicalPlanningContext::default();
    let physical = create_physical_expr(expr, schema, &properties, &planning)?;
    physical.evaluate(input)?.into_array(input.num_rows())
}

/// One row without columns.
fn one_row() -> Result<RecordBatch> {
    let one = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &one)?;
    Ok(row)
}

/// Rows of these columns; nothing if they are not what the schema says.
fn rows_of(schema: &DFSchema, columns: Vec<ArrayRef>, count: usize) -> Result<Option<RecordBatch>> {
    let mut fields = schema.fields().iter().zip(&columns);
    let is_as_told = fields.all(|(field, column)| {
        let has_null = !field.is_nullable() && column.is_nullable();
        field.data_type() == column.data_type() && !has_null
    });
    if !is_as_told {
        return Ok(None);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    let schema = Arc::new(schema.as_arrow().clone());
    let rows = RecordBatch::try_new_with_options(schema, columns, &options)?;
    Ok(Some(rows))
}
