//! What the engine may take for granted of a function's result: that it is of its type.
//!
//! The engine compares the ranges of expressions where it looks whether rows are sorted.
//! Without a range of the right type it takes a sort by `f(x) > 1` for none at all, and
//! refuses the plan that it has just made.

use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::ScalarUDFImpl;
use datafusion::logical_expr::interval_arithmetic::Interval;

/// Any value of the type that a function gives for arguments of these ranges.
pub(crate) fn unbounded(function: &dyn ScalarUDFImpl, inputs: &[&Interval]) -> Result<Interval> {
    let types: Vec<DataType> = inputs.iter().map(|input| input.data_type()).collect();
    // What is known of no argument is known of no result.
    let result = match types.contains(&DataType::Null) {
        true => DataType::Null,
        false => function.return_type(&types).unwrap_or(DataType::Null),
    };
    Interval::make_unbounded(&result)
}
