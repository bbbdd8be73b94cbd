//! `sum` and `avg` with PostgreSQL's result types.
//!
//! | argument | sum | avg |
//! |---|---|---|
//! | smallint, integer | bigint | numeric |
//! | bigint | numeric | numeric |
//! | numeric | numeric | numeric |
//! | real | real | double precision |
//! | double precision | double precision | double precision |
//! | interval | interval | interval |
//!
//! Each but those of interval wraps the engine's aggregate over a wider argument; sums of bigint have 38
//! digits, and averages 16 digits after the point.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};
use datafusion::physical_expr::expressions::Column;

use crate::error::SqlError;
use crate::types::PgType;

mod deviation;
mod distinct;
mod interval;
mod moments;

/// Digits after the point of the argument of `avg`; the engine adds four.
const AVERAGE_SCALE: i8 = 12;

/// The aggregate of this name if it is one of ours.
pub(super) fn resolve(name: &str) -> Option<Arc<AggregateUDF>> {
    let (kind, inner) = match name {
        "sum" => (Kind::Sum, sum_udaf()),
        "avg" => (Kind::Average, avg_udaf()),
        _ => return deviation::resolve(name),
    };
    Some(Arc::new(AggregateUDF::new_from_impl(Widened {
        kind,
        inner,
        signature: Signature::any(1, Volatility::Immutable),
    })))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Sum,
    Average,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Widened {
    kind: Kind,
    inner: Arc<AggregateUDF>,
    signature: Signature,
}

impl Widened {
    /// The type that the argument is widened to before the engine sees it.
    fn argument(&self, given: &DataType) -> Result<DataType, SqlError> {
        let wide = match (self.kind, given) {
            (_, DataType::Null) => DataType::Float64,
            (Kind::Sum, DataType::Int8 | DataType::Int16 | DataType::Int32) => DataType::Int64,
            (Kind::Sum, DataType::Int64) => DataType::Decimal128(28, 0),
            (Kind::Sum, DataType::UInt64) => DataType::Decimal128(28, 0),
            (Kind::Sum, DataType::Decimal128(precision, scale)) => {
                DataType::Decimal128(*precision, *scale)
            }
            (_, DataType::Float32 | DataType::Float64) => DataType::Float64,
            (
                Kind::Average,
                DataType::Int8
                | DataType::Int16
                | DataType::Int32
                | DataType::Int64
                | DataType::UInt64,
            ) => DataType::Decimal128(34, AVERAGE_SCALE),
            (Kind::Average, DataType::Decimal128(_, scale)) => {
                DataType::Decimal128(34, (*scale).max(AVERAGE_SCALE))
            }
            (_, other) => {
                let name = if self.kind == Kind::Sum { "sum" } else { "avg" };
                let shown = PgType::of_arrow(other).display();
                return Err(SqlError::undefined_function(&format!("{name}({shown})")));
            }
        };
        Ok(wide)
    }

    fn result(&self, given: &DataType) -> Result<DataType> {
        if self.kind == Kind::Sum && given == &DataType::Float32 {
            return Ok(DataType::Float32);
        }
        if is_interval(given) {
            return Ok(given.clone());
        }
        let wide = self.argument(given)?;
        self.inner.return_type(&[wide])
    }

    /// Calls `build` with arguments as the inner aggregate expects them.
    fn with_inner_args<T>(
        &self,
        args: &AccumulatorArgs<'_>,
        build: impl FnOnce(AccumulatorArgs<'_>) -> Result<T>,
    ) -> Result<(T, DataType)> {
        let given = args.expr_fields[0].data_type();
        let wide = self.argument(given)?;
        let column = Arc::new(Column::new("argument", 0));
        let schema =
            arrow::datatypes::Schema::new(vec![Field::new("argument", wide.clone(), true)]);
        let fields = [Arc::new(Field::new("argument", wide.clone(), true))];
        let exprs: [Arc<dyn datafusion::physical_plan::PhysicalExpr>; 1] = [column];
        let inner = AccumulatorArgs {
            return_field: Arc::new(Field::new(
                "result",
                self.inner.return_type(std::slice::from_ref(&wide))?,
                true,
            )),
            schema: &schema,
            ignore_nulls: args.ignore_nulls,
            order_bys: &[],
            is_reversed: args.is_reversed,
            name: args.name,
            is_distinct: args.is_distinct,
            exprs: &exprs,
            expr_fields: &fields,
        };
        Ok((build(inner)?, wide))
    }

    fn interval_total(&self, args: &AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            let what = "DISTINCT in an aggregate of intervals, beside other aggregates,";
            return Err(SqlError::not_supported(what).into());
        }
        Ok(Box::new(interval::Total::new(self.kind == Kind::Average)))
    }

    fn narrow(&self, given: &DataType) -> Option<DataType> {
        (self.kind == Kind::Sum && given == &DataType::Float32).then_some(DataType::Float32)
    }
}

impl AggregateUDFImpl for Widened {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.result(&arg_types[0])
    }

    fn return_field(&self, arg_fields: &[FieldRef]) -> Result<FieldRef> {
        let data_type = self.result(arg_fields[0].data_type())?;
        Ok(Arc::new(Field::new(self.name(), data_type, true)))
    }

    fn is_nullable(&self) -> bool {
        true
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        if is_interval(args.input_fields[0].data_type()) {
            return Ok(interval::state_fields(&args));
        }
        let wide = self.argument(args.input_fields[0].data_type())?;
        let result = self.inner.return_type(std::slice::from_ref(&wide))?;
        let input = [Arc::new(Field::new("argument", wide, true))];
        self.inner.state_fields(StateFieldsArgs {
            name: args.name,
            input_fields: &input,
            return_field: Arc::new(Field::new("result", result, true)),
            ordering_fields: args.ordering_fields,
            is_distinct: args.is_distinct,
        })
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if is_interval(args.expr_fields[0].data_type()) {
            return self.interval_total(&args);
        }
        let narrow = self.narrow(args.expr_fields[0].data_type());
        let (inner, wide) = self.with_inner_args(&args, |inner| self.inner.accumulator(inner))?;
        Ok(Box::new(WideAccumulator {
            inner,
            wide,
            narrow,
        }))
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        if is_interval(args.expr_fields[0].data_type()) {
            return self.interval_total(&args);
        }
        let narrow = self.narrow(args.expr_fields[0].data_type());
        let (inner, wide) =
            self.with_inner_args(&args, |inner| self.inner.create_sliding_accumulator(inner))?;
        Ok(Box::new(WideAccumulator {
            inner,
            wide,
            narrow,
        }))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        if is_interval(args.expr_fields[0].data_type()) {
            return false;
        }
        self.with_inner_args(&args, |inner| {
            Ok(self.inner.groups_accumulator_supported(inner))
        })
        .is_ok_and(|(supported, _)| supported)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        let narrow = self.narrow(args.expr_fields[0].data_type());
        let (inner, wide) =
            self.with_inner_args(&args, |inner| self.inner.create_groups_accumulator(inner))?;
        Ok(Box::new(WideGroups {
            inner,
            wide,
            narrow,
        }))
    }
}

fn is_interval(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_))
}

fn widen(values: &[ArrayRef], wide: &DataType) -> Result<Vec<ArrayRef>> {
    let Some((first, rest)) = values.split_first() else {
        return Ok(Vec::new());
    };
    let mut all = Vec::with_capacity(values.len());
    if first.data_type() == wide {
        all.push(Arc::clone(first));
    } else {
        all.push(arrow::compute::cast(first, wide)?);
    }
    all.extend(rest.iter().map(Arc::clone));
    Ok(all)
}

#[derive(Debug)]
struct WideAccumulator {
    inner: Box<dyn Accumulator>,
    wide: DataType,
    narrow: Option<DataType>,
}

impl Accumulator for WideAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.update_batch(&widen(values, &self.wide)?)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let value = self.inner.evaluate()?;
        match &self.narrow {
            Some(narrow) => value.cast_to(narrow),
            None => Ok(value),
        }
    }

    fn size(&self) -> usize {
        self.inner.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.inner.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.inner.merge_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.retract_batch(&widen(values, &self.wide)?)
    }

    fn supports_retract_batch(&self) -> bool {
        self.inner.supports_retract_batch()
    }
}

struct WideGroups {
    inner: Box<dyn GroupsAccumulator>,
    wide: DataType,
    narrow: Option<DataType>,
}

impl GroupsAccumulator for WideGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.inner
            .update_batch(&widen(values, &self.wide)?, group_indices, filter, total)
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let values = self.inner.evaluate(emit)?;
        match &self.narrow {
            Some(narrow) => Ok(arrow::compute::cast(&values, narrow)?),
            None => Ok(values),
        }
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        self.inner.state(emit)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total: usize,
    ) -> Result<()> {
        self.inner.merge_batch(values, group_indices, total)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        self.inner
            .convert_to_state(&widen(values, &self.wide)?, filter)
    }

    fn size(&self) -> usize {
        self.inner.size()
    }
}
