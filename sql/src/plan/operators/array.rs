//! `ARRAY[...]`: its elements have one type.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::{
    OperatorPlanner, Side, cannot_match, cast_expr, common_type, is_float, literal_as, side,
};
use crate::error::SqlError;
use crate::sqlstate;
use crate::types::PgType;

impl OperatorPlanner {
    /// Gives elements without a type that of the others.
    ///
    /// Errors: `42804` if two have nothing in common, `2202E` for lists of different
    /// length, and those of the type's input.
    pub(super) fn array_elements(
        &self,
        elements: Vec<Expr>,
        schema: &DFSchema,
    ) -> Result<Vec<Expr>> {
        require_even(&elements)?;
        let mut sides = Vec::with_capacity(elements.len());
        for element in elements {
            sides.push(side(element, schema)?);
        }
        let known: Vec<PgType> = sides.iter().filter_map(known_type).collect();
        let Some((first, rest)) = known.split_first() else {
            return Ok(sides.into_iter().map(|side| side.expr).collect());
        };
        if let Some(other) = rest.iter().find(|other| cannot_match(*first, **other)) {
            return Err(SqlError::datatype_mismatch(format!(
                "ARRAY types {} and {} cannot be matched",
                PgType::new(first.oid).display(),
                PgType::new(other.oid).display()
            ))
            .into());
        }
        let target = PgType::new(rest.iter().copied().fold(*first, common_type).oid);
        let mut typed = Vec::with_capacity(sides.len());
        for side in sides {
            typed.push(match (&side.pg_type, &side.expr) {
                (None, Expr::Placeholder(_)) => self.typed(side, target)?.expr,
                (None, _) => literal_as(side.expr, target, &self.ctx)?,
                (Some(own), _) if is_float(target) && own.oid != target.oid => {
                    cast_expr(side.expr, target, &self.ctx)
                }
                _ => side.expr,
            });
        }
        Ok(typed)
    }
}

/// Errors: `0A000` for unnest of an array of several dimensions, which gives its
/// innermost elements in PostgreSQL.
pub(in crate::plan) fn refuse_nested_unnest(plan: LogicalPlan) -> Result<LogicalPlan, SqlError> {
    plan.apply_with_subqueries(|node| {
        let LogicalPlan::Unnest(unnest) = node else {
            return Ok(TreeNodeRecursion::Continue);
        };
        for (index, _) in &unnest.list_type_columns {
            if let DataType::List(element) = unnest.input.schema().field(*index).data_type()
                && let DataType::List(_) = element.data_type()
            {
                let what = "unnest of an array of several dimensions";
                return Err(SqlError::not_supported(what).into());
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(plan)
}

/// The type of an element; none for an untyped literal and for NULL.
fn known_type(side: &Side) -> Option<PgType> {
    let is_null = side
        .field
        .as_ref()
        .is_some_and(|field| field.data_type().is_null());
    side.pg_type.filter(|_| !is_null)
}

/// The lists of an array of several dimensions have one length.
fn require_even(elements: &[Expr]) -> Result<(), SqlError> {
    let mut lengths = elements.iter().filter_map(|element| match element {
        Expr::ScalarFunction(call) if call.func.name() == "make_array" => Some(call.args.len()),
        _ => None,
    });
    let first = lengths.next();
    if lengths.all(|other| Some(other) == first) {
        return Ok(());
    }
    Err(SqlError::with_code(
        sqlstate::ARRAY_SUBSCRIPT_ERROR,
        "multidimensional arrays must have array expressions with matching dimensions",
    ))
}
