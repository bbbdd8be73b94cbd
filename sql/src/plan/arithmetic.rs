//! `+ - * / %` with PostgreSQL's results: overflow is 22003, division by zero 22012.
//!
//! The scale of a numeric result: sums keep the larger one, products add theirs up
//! to [`PRODUCT_SCALE_MAX`], quotients have at least [`QUOTIENT_SCALE`] digits.
//! PostgreSQL chooses a quotient's digits by its value; a column needs one number.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Datum, PrimitiveArray};
use arrow::compute::kernels::numeric;
use arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Float64Type, i256};
use arrow::error::ArrowError;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use crate::context::StatementContext;
use crate::error::SqlError;
use crate::functions::bounds::unbounded;
use crate::types::{NUMERIC_PRECISION, PgType, TYPE_KEY};

/// Most digits after the point that a product gets beyond those of its factors.
const PRODUCT_SCALE_MAX: i8 = 16;

/// Fewest digits after the point of a quotient.
const QUOTIENT_SCALE: i8 = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operation {
    fn parse(op: &str) -> Option<Self> {
        Some(match op {
            "+" => Self::Add,
            "-" => Self::Subtract,
            "*" => Self::Multiply,
            "/" => Self::Divide,
            "%" => Self::Remainder,
            _ => return None,
        })
    }

    fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

/// `left op right`; both are integers of one width, numerics, or one kind of float.
/// `fields`: theirs, where they are known, so that nobody asks for the result's again.
pub(super) fn number(
    op: &str,
    (left, right): (Expr, Expr),
    fields: Option<[FieldRef; 2]>,
) -> Result<Expr> {
    let operation =
        Operation::parse(op).ok_or_else(|| SqlError::internal(format!("arithmetic with {op}")))?;
    let field = fields.map(|fields| Arc::new(result_field(operation, &fields)));
    let function = ScalarUDF::new_from_impl(Arithmetic {
        operation,
        field,
        signature: Signature::any(2, Volatility::Immutable),
    });
    Ok(function.call(vec![left, right]))
}

/// The field of an expression that [`number`] made, without looking at its arguments:
/// in a long sum each asks for the one before.
pub(super) fn known_field(expr: &Expr) -> Option<FieldRef> {
    let Expr::ScalarFunction(call) = expr else {
        return None;
    };
    let function: &dyn std::any::Any = call.func.inner().as_ref();
    let arithmetic = function.downcast_ref::<Arithmetic>()?;
    arithmetic.field.as_ref().map(Arc::clone)
}

fn result_field(operation: Operation, arguments: &[FieldRef]) -> Field {
    let (left, right) = (&arguments[0], &arguments[1]);
    let target = result_type(operation, left.data_type(), right.data_type());
    let nullable = left.is_nullable() || right.is_nullable();
    let mut field = Field::new(operation.symbol(), target, nullable);
    // A numeric without bounds shows the digits it has, and so do sums of it.
    let unbounded = [left, right].iter().find_map(|f| {
        f.metadata()
            .get(TYPE_KEY)
            .filter(|name| *name == "numeric/-1")
    });
    if let Some(name) = unbounded
        && operation != Operation::Divide
    {
        field.set_metadata([(TYPE_KEY.to_owned(), name.clone())].into());
    }
    field
}

/// Arithmetic on dates, times and intervals; none if PostgreSQL has no such operator.
pub(super) fn temporal(
    op: &str,
    left: (Expr, PgType),
    right: (Expr, PgType),
    ctx: &Arc<StatementContext>,
) -> Result<Option<Expr>, SqlError> {
    let Some(function) = super::interval::function(op, left.1, right.1, ctx) else {
        return Ok(None);
    };
    Ok(Some(function.call(vec![left.0, right.0])))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Arithmetic {
    operation: Operation,
    field: Option<FieldRef>,
    signature: Signature,
}

impl ScalarUDFImpl for Arithmetic {
    fn name(&self) -> &str {
        self.operation.symbol()
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        Ok(format!("({} {} {})", args[0], self.name(), args[1]))
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let (left, right) = (args[0].schema_name(), args[1].schema_name());
        Ok(format!("{left} {} {right}", self.name()))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        Ok(result_type(self.operation, &arg_types[0], &arg_types[1]))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(result_field(self.operation, args.arg_fields)))
    }

    fn evaluate_bounds(&self, inputs: &[&Interval]) -> Result<Interval> {
        unbounded(self, inputs)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let target = args.return_field.data_type();
        let result = match (&args.args[0], &args.args[1]) {
            (ColumnarValue::Scalar(left), ColumnarValue::Scalar(right)) => {
                let left = left.to_array()?;
                let right = right.to_array()?;
                let value = self.evaluate(&left, &right, target)?;
                return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(
                    &value, 0,
                )?));
            }
            (ColumnarValue::Array(left), ColumnarValue::Array(right)) => {
                self.evaluate(left, right, target)?
            }
            (ColumnarValue::Array(left), ColumnarValue::Scalar(right)) => {
                self.evaluate_sides(left, &right.to_scalar()?, right, args.number_rows, target)?
            }
            (ColumnarValue::Scalar(left), ColumnarValue::Array(right)) => {
                self.evaluate_sides(&left.to_scalar()?, right, left, args.number_rows, target)?
            }
        };
        Ok(ColumnarValue::Array(result))
    }
}

impl Arithmetic {
    fn evaluate(&self, left: &ArrayRef, right: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
        if let DataType::Decimal128(precision, scale) = target
            && self.is_wide(left.data_type(), right.data_type(), *scale)
        {
            let result = self.wide(left, right, *precision, *scale)?;
            return Ok(Arc::new(result));
        }
        self.kernel(left, right, target)
    }

    /// One side is a single value: expanded only where the kernels need it.
    fn evaluate_sides(
        &self,
        left: &dyn Datum,
        right: &dyn Datum,
        single: &ScalarValue,
        rows: usize,
        target: &DataType,
    ) -> Result<ArrayRef> {
        let (left_array, left_is_single) = left.get();
        let (right_array, _) = right.get();
        if let DataType::Decimal128(precision, scale) = target
            && self.is_wide(left_array.data_type(), right_array.data_type(), *scale)
        {
            let expanded = single.to_array_of_size(rows)?;
            let result = if left_is_single {
                self.wide(&expanded, right_array, *precision, *scale)?
            } else {
                self.wide(left_array, &expanded, *precision, *scale)?
            };
            return Ok(Arc::new(result));
        }
        self.kernel(left, right, target)
    }

    fn kernel(&self, left: &dyn Datum, right: &dyn Datum, target: &DataType) -> Result<ArrayRef> {
        let is_float = matches!(target, DataType::Float32 | DataType::Float64);
        if is_float && matches!(self.operation, Operation::Divide | Operation::Remainder) {
            refuse_zero(right)?;
        }
        let result = match self.operation {
            Operation::Add => numeric::add(left, right),
            Operation::Subtract => numeric::sub(left, right),
            Operation::Multiply => numeric::mul(left, right),
            Operation::Divide => numeric::div(left, right),
            Operation::Remainder => match remainder_of_minimum(left, right)? {
                Some(result) => Ok(result),
                None => numeric::rem(left, right),
            },
        };
        let result = result.map_err(|error| out_of_range(error, target))?;
        if is_float {
            refuse_new_infinity(left, right, &result)?;
        }
        if result.data_type() == target {
            return Ok(result);
        }
        Ok(arrow::compute::cast(&result, target)?)
    }

    /// Whether Arrow's own kernel would give another scale, or overflow on the way.
    fn is_wide(&self, left: &DataType, right: &DataType, scale: i8) -> bool {
        let (DataType::Decimal128(_, left), DataType::Decimal128(_, right)) = (left, right) else {
            return false;
        };
        match self.operation {
            Operation::Divide => true,
            Operation::Multiply => left + right != scale,
            _ => false,
        }
    }

    /// Products and quotients of numerics through 256 bits, rounded half away from zero.
    fn wide(
        &self,
        left: &dyn arrow::array::Array,
        right: &dyn arrow::array::Array,
        precision: u8,
        scale: i8,
    ) -> Result<PrimitiveArray<Decimal128Type>> {
        let left = left.as_primitive::<Decimal128Type>();
        let right = right.as_primitive::<Decimal128Type>();
        let (left_scale, right_scale) = (left.scale(), right.scale());
        let divides = self.operation == Operation::Divide;
        let shift = if divides {
            i32::from(scale) - i32::from(left_scale) + i32::from(right_scale)
        } else {
            i32::from(left_scale) + i32::from(right_scale) - i32::from(scale)
        };
        let factor = power_of_ten(shift);
        let overflow = || {
            ArrowError::from(SqlError::with_code(
                crate::sqlstate::NUMERIC_VALUE_OUT_OF_RANGE,
                "value overflows numeric format",
            ))
        };
        let limit = 10i128
            .checked_pow(u32::from(precision))
            .unwrap_or(i128::MAX);
        let result: PrimitiveArray<Decimal128Type> =
            arrow::compute::try_binary(left, right, |a, b| {
                let (a, b) = (i256::from_i128(a), i256::from_i128(b));
                let rounded = if divides {
                    if b == i256::ZERO {
                        return Err(SqlError::division_by_zero().into());
                    }
                    divide_rounded(a.checked_mul(factor).ok_or_else(overflow)?, b)
                } else {
                    divide_rounded(a.checked_mul(b).ok_or_else(overflow)?, factor)
                };
                rounded
                    .and_then(i256::to_i128)
                    .filter(|v| v.unsigned_abs() < limit.unsigned_abs())
                    .ok_or_else(overflow)
            })?;
        Ok(result.with_precision_and_scale(precision, scale)?)
    }
}

fn power_of_ten(exponent: i32) -> i256 {
    let exponent = u32::try_from(exponent.clamp(0, 76)).unwrap_or(0);
    i256::from_i128(10)
        .checked_pow(exponent)
        .unwrap_or(i256::MAX)
}

fn divide_rounded(value: i256, divisor: i256) -> Option<i256> {
    let quotient = value.checked_div(divisor)?;
    let remainder = value.checked_rem(divisor)?;
    let twice = remainder.checked_abs()?.checked_mul(i256::from_i128(2))?;
    if twice < divisor.checked_abs()? {
        return Some(quotient);
    }
    let negative = (value < i256::ZERO) != (divisor < i256::ZERO);
    let step = if negative { i256::MINUS_ONE } else { i256::ONE };
    quotient.checked_add(step)
}

fn result_type(operation: Operation, left: &DataType, right: &DataType) -> DataType {
    let (DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2)) = (left, right) else {
        return left.clone();
    };
    let whole = |precision: &u8, scale: &i8| i16::from(*precision) - i16::from(*scale);
    let (whole1, whole2) = (whole(p1, s1), whole(p2, s2));
    let larger = (*s1).max(*s2);
    let (digits, scale) = match operation {
        Operation::Add | Operation::Subtract => (whole1.max(whole2) + 1, larger),
        Operation::Multiply => (
            whole1 + whole2 + 1,
            (s1 + s2).min(larger.max(PRODUCT_SCALE_MAX)),
        ),
        Operation::Divide => (i16::from(NUMERIC_PRECISION), larger.max(QUOTIENT_SCALE)),
        Operation::Remainder => (whole1.max(whole2), larger),
    };
    let precision = (digits + i16::from(scale)).clamp(1, i16::from(NUMERIC_PRECISION));
    DataType::Decimal128(u8::try_from(precision).unwrap_or(NUMERIC_PRECISION), scale)
}

fn out_of_range(error: ArrowError, target: &DataType) -> SqlError {
    match error {
        ArrowError::DivideByZero => SqlError::division_by_zero(),
        ArrowError::ArithmeticOverflow(_) | ArrowError::InvalidArgumentError(_) => {
            SqlError::out_of_range(PgType::new(PgType::of_arrow(target).oid).entry().display)
        }
        other => SqlError::from(other),
    }
}

fn refuse_zero(divisor: &dyn Datum) -> Result<(), SqlError> {
    let (array, _) = divisor.get();
    let has_zero = match array.data_type() {
        DataType::Float64 => array
            .as_primitive::<Float64Type>()
            .iter()
            .flatten()
            .any(|v| v == 0.0),
        DataType::Float32 => array
            .as_primitive::<arrow::datatypes::Float32Type>()
            .iter()
            .flatten()
            .any(|v| v == 0.0),
        _ => false,
    };
    if has_zero {
        Err(SqlError::division_by_zero())
    } else {
        Ok(())
    }
}

/// A result that is infinite though no argument was has overflowed.
fn refuse_new_infinity(
    left: &dyn Datum,
    right: &dyn Datum,
    result: &ArrayRef,
) -> Result<(), SqlError> {
    let has_infinity = |array: &dyn arrow::array::Array| match array.data_type() {
        DataType::Float64 => array
            .as_primitive::<Float64Type>()
            .iter()
            .flatten()
            .any(f64::is_infinite),
        DataType::Float32 => array
            .as_primitive::<arrow::datatypes::Float32Type>()
            .iter()
            .flatten()
            .any(f32::is_infinite),
        _ => false,
    };
    if has_infinity(result.as_ref()) && !has_infinity(left.get().0) && !has_infinity(right.get().0)
    {
        return Err(SqlError::with_code(
            crate::sqlstate::NUMERIC_VALUE_OUT_OF_RANGE,
            "value out of range: overflow",
        ));
    }
    Ok(())
}

/// The smallest integer modulo -1 is 0; the kernel calls it an overflow.
fn remainder_of_minimum(left: &dyn Datum, right: &dyn Datum) -> Result<Option<ArrayRef>> {
    let (divisor, is_single) = right.get();
    let minus_one = is_single
        && match divisor.data_type() {
            DataType::Int16 | DataType::Int32 | DataType::Int64 => {
                let wide = arrow::compute::cast(divisor, &DataType::Int64)?;
                wide.as_primitive::<arrow::datatypes::Int64Type>()
                    .iter()
                    .next()
                    == Some(Some(-1))
            }
            _ => false,
        };
    if !minus_one {
        return Ok(None);
    }
    let (dividend, _) = left.get();
    let zero = ScalarValue::new_zero(dividend.data_type())?.to_array_of_size(dividend.len())?;
    let nulls = arrow::compute::is_null(dividend)?;
    Ok(Some(arrow::compute::nullif(&zero, &nulls)?))
}
