//! `ARRAY[...]`: its elements have one type.

use std::sync::Arc;

use arrow::array::AsArray as _;
use arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::functions_nested::expr_fn::make_array;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};

use super::{
    OperatorPlanner, Side, cannot_match, cast_expr, common_type, is_float, literal_as, side,
};
use crate::error::SqlError;
use crate::functions::bounds::unbounded;
use crate::sqlstate;
use crate::types::{ELEMENT, PgType, labelled, oid};

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
                (Some(own), _) if own.oid != target.oid && must_convert(target) => {
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

/// An array of elements that [`OperatorPlanner::array_elements`] gave their type.
pub(super) fn array_of(elements: Vec<Expr>, schema: &DFSchema) -> Result<Expr> {
    let element = match elements.first() {
        Some(first) => first.to_field(schema)?.1,
        None => return Ok(make_array(elements)),
    };
    let array = make_array(elements);
    if element.metadata().is_empty() || element.data_type().is_null() {
        return Ok(array);
    }
    let labelled = Labelled {
        element: PgType::of_field(&element),
        signature: Signature::any(1, Volatility::Immutable),
    };
    Ok(ScalarUDF::new_from_impl(labelled).call(vec![array]))
}

/// An array whose elements' type has a name of its own, which the engine's constructor
/// does not pass on.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Labelled {
    element: PgType,
    signature: Signature,
}

impl ScalarUDFImpl for Labelled {
    fn name(&self) -> &'static str {
        "array"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        Ok(match &arg_types[0] {
            DataType::List(element) => {
                let named = element.as_ref().clone();
                let named = named.with_metadata(self.element.metadata());
                DataType::List(Arc::new(named.with_name(ELEMENT)))
            }
            other => other.clone(),
        })
    }

    fn evaluate_bounds(&self, inputs: &[&Interval]) -> Result<Interval> {
        unbounded(self, inputs)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let data_type = args.return_field.data_type();
        match &args.args[0] {
            ColumnarValue::Array(array) => Ok(ColumnarValue::Array(labelled(array, data_type)?)),
            ColumnarValue::Scalar(scalar) => {
                // The engine would make a scalar of another type of it.
                let array = labelled(&scalar.to_array()?, data_type)?;
                let list = Arc::new(array.as_list::<i32>().clone());
                Ok(ColumnarValue::Scalar(ScalarValue::List(list)))
            }
        }
    }
}

/// Whether the engine would not convert to a type as PostgreSQL does.
fn must_convert(target: PgType) -> bool {
    is_float(target) || matches!(target.oid, oid::TIMESTAMP | oid::TIMESTAMPTZ)
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
