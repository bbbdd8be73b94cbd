//! Constants: their values, and that they have one.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::Schema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::Planner;
use crate::cast::udf::PgCast;
use crate::error::SqlError;

impl Planner {
    /// The value of an expression without columns.
    ///
    /// Errors: those of its evaluation.
    pub(crate) fn evaluate(&self, expr: Expr) -> Result<ScalarValue, SqlError> {
        let physical = self.state.create_physical_expr(expr, &DFSchema::empty())?;
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        let empty = Arc::new(Schema::empty());
        let row = RecordBatch::try_new_with_options(empty, Vec::new(), &options)?;
        let value = physical.evaluate(&row)?.into_array(1)?;
        Ok(ScalarValue::try_from_array(&value, 0)?)
    }

    /// PostgreSQL gives string literals their type before it runs a statement, so one
    /// that does not fit is an error even where no row is met.
    ///
    /// Errors: those of the literals' conversion.
    pub(crate) fn require_castable(&self, plan: &LogicalPlan) -> Result<(), SqlError> {
        plan.apply_with_subqueries(|node| {
            node.apply_expressions(|expr| {
                self.require_castable_expr(expr)?;
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        Ok(())
    }

    /// As [`Self::require_castable`], for one expression.
    pub(crate) fn require_castable_expr(&self, expr: &Expr) -> Result<(), SqlError> {
        expr.apply(|part| {
            if is_cast_of_literal(part) {
                self.evaluate(part.clone())?;
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(())
    }
}

/// Whether an expression is a cast of a string that has no type of its own.
fn is_cast_of_literal(expr: &Expr) -> bool {
    let Expr::ScalarFunction(call) = expr else {
        return false;
    };
    let function: &dyn Any = call.func.inner().as_ref();
    let is_string = |value: &ScalarValue| {
        matches!(
            value,
            ScalarValue::Utf8(Some(_)) | ScalarValue::Utf8View(Some(_))
        )
    };
    function.is::<PgCast>()
        && matches!(call.args.as_slice(), [Expr::Literal(value, None)] if is_string(value))
}
