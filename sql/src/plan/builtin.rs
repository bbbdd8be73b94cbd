//! Functions that stand for syntax: unary minus, subscripts, casts.
//!
//! Their names begin with `$`, so no user can call them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryViewArray, PrimitiveArray};
use arrow::compute::kernels::numeric;
use arrow::datatypes::{
    DataType, Decimal128Type, Field, FieldRef, Int64Type, IntervalMonthDayNanoType,
};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::schema_name_from_exprs;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use crate::cast::{CastKind, udf};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::functions::bounds::unbounded;
use crate::rewrite::WITH_TIES;
use crate::rewrite::build::{ASSIGN, CAST, place_of};
use crate::types::PgType;

/// The function with this exact name, ours before the engine's.
pub(crate) fn resolve(name: &str, ctx: &Arc<StatementContext>) -> Option<Arc<ScalarUDF>> {
    for (prefix, kind) in [(CAST, CastKind::Explicit), (ASSIGN, CastKind::Assignment)] {
        if let Some(target) = name.strip_prefix(prefix) {
            let (oid, rest) = target.split_once('/')?;
            // An assignment also tells where it stands, and its column.
            let mut rest = rest.splitn(3, '/');
            let typmod = rest.next()?;
            let place = rest.next().and_then(place_of);
            let column = rest.next();
            let to = PgType {
                oid: oid.parse().ok()?,
                typmod: typmod.parse().ok()?,
            };
            return Some(Arc::new(match column {
                Some(column) => udf::assignment(name, to, column, place, ctx),
                None => udf::called(name, to, kind, ctx),
            }));
        }
    }
    let own = super::sample::resolve(name)
        .or_else(|| super::row::resolve(name))
        .or_else(|| super::branches::resolve(name));
    if let Some(function) = own {
        return Some(function);
    }
    let Some((called, kind)) = BUILTINS.iter().find(|(called, _)| *called == name) else {
        return crate::functions::scalar(name, ctx);
    };
    Some(Arc::new(ScalarUDF::new_from_impl(Builtin {
        kind: *kind,
        called,
        is_planned: false,
        signature: Signature::variadic_any(Volatility::Immutable),
    })))
}

/// What rewritten statements call them.
const BUILTINS: [(&str, Kind); 10] = [
    ("$negate", Kind::Negate),
    ("$bitnot", Kind::BitNot),
    ("$subscript", Kind::Subscript),
    ("$subarray", Kind::Subarray),
    ("$slice", Kind::Slice),
    ("$array_or_empty", Kind::ArrayOrEmpty),
    ("$interval_key", Kind::IntervalKey),
    ("$bytea_concat", Kind::ByteaConcat),
    (WITH_TIES, Kind::WithTies),
    // No table is partitioned.
    ("pg_partition_ancestors_array", Kind::NoOids),
];

/// A call of a function by name, for planners that need one.
pub(crate) fn call(
    name: &str,
    args: Vec<Expr>,
    ctx: &Arc<StatementContext>,
) -> Result<Expr, SqlError> {
    if let Some(function) = resolve(name, ctx) {
        return Ok(function.call(args));
    }
    match super::provider::engine_function(name) {
        Some(function) => Ok(function.call(args)),
        None => Err(SqlError::undefined_function(&format!("{name}()"))),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Negate,
    BitNot,
    Subscript,
    /// A subscript that another one follows.
    Subarray,
    Slice,
    ArrayOrEmpty,
    IntervalKey,
    ByteaConcat,
    NoOids,
    WithTies,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Builtin {
    kind: Kind,
    /// Its name until a call is planned; see [`udf::PgCast`].
    called: &'static str,
    /// Whether it shows what it is.
    is_planned: bool,
    signature: Signature,
}

impl Builtin {
    /// Errors: `42883` or `42725` for an operand that the unary operator does not take.
    fn require_operand(&self, operand: &Field, literal: Option<&ScalarValue>) -> Result<()> {
        let operator = match self.kind {
            Kind::Negate => "-",
            Kind::BitNot => "~",
            _ => return Ok(()),
        };
        let data_type = operand.data_type();
        let is_text = matches!(data_type, DataType::Utf8 | DataType::Utf8View);
        if is_text && literal.is_some() && operand.metadata().is_empty() {
            return Err(SqlError::ambiguous_prefix_operator(operator, "unknown").into());
        }
        let fits = match self.kind {
            Kind::BitNot => data_type.is_integer(),
            _ => data_type.is_numeric() || matches!(data_type, DataType::Interval(_)),
        };
        if fits || data_type.is_null() {
            return Ok(());
        }
        let shown = PgType::new(PgType::of_field(operand).oid).display();
        Err(SqlError::undefined_prefix_operator(operator, &shown).into())
    }
}

impl ScalarUDFImpl for Builtin {
    fn name(&self) -> &str {
        match self.kind {
            _ if !self.is_planned => self.called,
            Kind::Negate => "-",
            Kind::BitNot => "~",
            Kind::Subscript | Kind::Subarray => "subscript",
            Kind::Slice => "slice",
            Kind::ArrayOrEmpty => "array",
            Kind::IntervalKey => "interval_key",
            Kind::ByteaConcat => "||",
            Kind::NoOids => "pg_partition_ancestors",
            Kind::WithTies => WITH_TIES,
        }
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let called = self.called;
        Ok(format!("{called}({})", schema_name_from_exprs(args)?))
    }

    fn simplify(&self, args: Vec<Expr>, _info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        if self.is_planned {
            return Ok(ExprSimplifyResult::Original(args));
        }
        let planned = ScalarUDF::new_from_impl(Self {
            is_planned: true,
            signature: self.signature.clone(),
            ..*self
        });
        Ok(ExprSimplifyResult::Simplified(planned.call(args)))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        Ok(match (self.kind, &arg_types[0]) {
            (Kind::IntervalKey, _) => DataType::Decimal128(38, 0),
            (Kind::ByteaConcat, _) => DataType::BinaryView,
            (Kind::NoOids, _) => oids(),
            (Kind::Subscript, DataType::List(element)) if element.data_type().is_nested() => {
                let what = "a part of an array of several dimensions";
                return Err(SqlError::not_supported(what).into());
            }
            (Kind::Subscript | Kind::Subarray, DataType::List(element)) => {
                element.data_type().clone()
            }
            (Kind::Subscript | Kind::Subarray, other) => {
                return Err(SqlError::datatype_mismatch(format!(
                    "cannot subscript type {} because it does not support subscripting",
                    PgType::of_arrow(other).display()
                ))
                .into());
            }
            (_, first) => first.clone(),
        })
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let first = &args.arg_fields[0];
        let literal = args.scalar_arguments.first().copied().flatten();
        self.require_operand(first, literal)?;
        let data_type = self.return_type(&[first.data_type().clone()])?;
        let metadata = match (self.kind, first.data_type()) {
            (Kind::Subscript | Kind::Subarray, DataType::List(element)) => {
                element.metadata().clone()
            }
            (Kind::IntervalKey | Kind::ByteaConcat, _) => Default::default(),
            _ => first.metadata().clone(),
        };
        let nullable = self.kind != Kind::ArrayOrEmpty;
        Ok(Arc::new(
            Field::new(self.name(), data_type, nullable).with_metadata(metadata),
        ))
    }

    fn evaluate_bounds(&self, inputs: &[&Interval]) -> Result<Interval> {
        unbounded(self, inputs)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_scalar = args
            .args
            .iter()
            .all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if is_scalar { 1 } else { args.number_rows };
        let arrays: Result<Vec<ArrayRef>> =
            args.args.iter().map(|arg| arg.to_array(rows)).collect();
        let arrays = arrays?;
        let result = match self.kind {
            Kind::Negate => negate(&arrays[0])?,
            Kind::BitNot => bit_not(&arrays[0])?,
            Kind::Subscript | Kind::Subarray => {
                // The vectors of the system catalog begin at 0.
                let is_vector = PgType::of_field(&args.arg_fields[0]).is_vector();
                subscript(&arrays[0], &arrays[1], i64::from(!is_vector))?
            }
            Kind::Slice => slice(&arrays[0], &arrays[1], &arrays[2])?,
            Kind::ArrayOrEmpty => empty_for_null(&arrays[0], args.return_field.data_type())?,
            Kind::IntervalKey => interval_key(&arrays[0]),
            Kind::ByteaConcat => bytea_concat(&arrays[0], &arrays[1])?,
            Kind::NoOids => arrow::array::new_null_array(&oids(), rows),
            Kind::WithTies => Arc::clone(&arrays[0]),
        };
        if is_scalar {
            return Ok(ColumnarValue::Scalar(udf::single(&result)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}

fn oids() -> DataType {
    let element = PgType::new(crate::types::oid::REGCLASS);
    DataType::List(Arc::new(element.field(crate::types::ELEMENT, true)))
}

fn negate(array: &ArrayRef) -> Result<ArrayRef> {
    match numeric::neg(array.as_ref()) {
        Ok(result) => Ok(result),
        Err(arrow::error::ArrowError::ArithmeticOverflow(_)) => {
            let name = PgType::of_arrow(array.data_type()).entry().display;
            Err(SqlError::out_of_range(name).into())
        }
        Err(arrow::error::ArrowError::InvalidArgumentError(_)) => {
            let name = PgType::of_arrow(array.data_type()).display();
            Err(SqlError::undefined_prefix_operator("-", &name).into())
        }
        Err(other) => Err(other.into()),
    }
}

fn bit_not(array: &ArrayRef) -> Result<ArrayRef> {
    let wide = arrow::compute::cast(array, &DataType::Int64)?;
    let flipped: PrimitiveArray<Int64Type> = wide.as_primitive::<Int64Type>().unary(|v| !v);
    Ok(arrow::compute::cast(&flipped, array.data_type())?)
}

/// `array[i]`, counted from 1; outside the array it is NULL.
fn subscript(array: &ArrayRef, index: &ArrayRef, first: i64) -> Result<ArrayRef> {
    let lists = array.as_list::<i32>();
    let index = arrow::compute::cast(index, &DataType::Int64)?;
    let index = index.as_primitive::<Int64Type>();
    let take: arrow::array::UInt32Array = (0..lists.len())
        .map(|row| {
            if lists.is_null(row) || index.is_null(row) {
                return None;
            }
            let start = i64::from(lists.value_offsets()[row]);
            let length = i64::from(lists.value_length(row));
            let offset = index.value(row).checked_sub(first)?;
            (0..length)
                .contains(&offset)
                .then(|| u32::try_from(start + offset).ok())
                .flatten()
        })
        .collect();
    Ok(arrow::compute::take(lists.values(), &take, None)?)
}

/// `array[a:b]`; bounds outside the array are cut, a missing one is its end.
fn slice(array: &ArrayRef, lower: &ArrayRef, upper: &ArrayRef) -> Result<ArrayRef> {
    let lists = array.as_list::<i32>();
    let lower = arrow::compute::cast(lower, &DataType::Int64)?;
    let upper = arrow::compute::cast(upper, &DataType::Int64)?;
    let (lower, upper) = (
        lower.as_primitive::<Int64Type>(),
        upper.as_primitive::<Int64Type>(),
    );
    let mut take = Vec::new();
    let mut offsets = vec![0i32];
    for row in 0..lists.len() {
        if lists.is_valid(row) {
            let start = i64::from(lists.value_offsets()[row]);
            let length = i64::from(lists.value_length(row));
            let from = if lower.is_null(row) {
                1
            } else {
                lower.value(row).max(1)
            };
            let to = if upper.is_null(row) {
                length
            } else {
                upper.value(row).min(length)
            };
            take.extend((from..=to).filter_map(|n| u32::try_from(start + n - 1).ok()));
        }
        offsets.push(i32::try_from(take.len()).map_err(|_| SqlError::internal("a huge slice"))?);
    }
    let values =
        arrow::compute::take(lists.values(), &arrow::array::UInt32Array::from(take), None)?;
    let DataType::List(field) = lists.data_type() else {
        return Err(SqlError::internal("a list of another type").into());
    };
    Ok(Arc::new(arrow::array::ListArray::try_new(
        Arc::clone(field),
        arrow::buffer::OffsetBuffer::new(offsets.into()),
        values,
        lists.nulls().cloned(),
    )?))
}

/// `ARRAY(SELECT ...)` of no rows is an empty array. Its elements have the name of their
/// type, which the result of a subquery has lost.
fn empty_for_null(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    let lists = array.as_list::<i32>();
    let DataType::List(field) = target else {
        return Err(SqlError::internal("a list of another type").into());
    };
    Ok(Arc::new(arrow::array::ListArray::try_new(
        Arc::clone(field),
        lists.offsets().clone(),
        Arc::clone(lists.values()),
        None,
    )?))
}

/// Intervals compare as if a month had 30 days and a day 24 hours.
fn interval_key(array: &ArrayRef) -> ArrayRef {
    let keys: PrimitiveArray<Decimal128Type> = array
        .as_primitive::<IntervalMonthDayNanoType>()
        .unary(crate::functions::interval_length);
    Arc::new(keys.with_data_type(DataType::Decimal128(38, 0)))
}

fn bytea_concat(left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef> {
    let left = arrow::compute::cast(left, &DataType::BinaryView)?;
    let right = arrow::compute::cast(right, &DataType::BinaryView)?;
    let joined: BinaryViewArray = left
        .as_binary_view()
        .iter()
        .zip(right.as_binary_view().iter())
        .map(|(a, b)| Some([a?, b?].concat()))
        .collect();
    Ok(Arc::new(joined))
}
