//! `stddev` and `variance`, of samples and of populations, with PostgreSQL's types.
//!
//! Integers and numerics are summed exactly and give a numeric; floating point keeps
//! a running sum of squared differences (`moments.rs`).
//!
//! Errors: `22003` if a sum leaves 256 bits; `42883` for other types.
//! Source: PostgreSQL 15, `numeric.c` (`numeric_stddev_internal`) and `float.c`
//! (`float8_accum`).

use std::hash::Hash;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Float64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use super::distinct::{self, Different};
use super::moments::{Exact, Floating, Moments};
use crate::error::SqlError;
use crate::types::PgType;

/// Digits after the point of a numeric result, or more if the argument has more.
const SCALE_MIN: i8 = 16;

/// The aggregate of this name if it is one of these.
pub(super) fn resolve(name: &str) -> Option<Arc<AggregateUDF>> {
    let (name, is_root, is_sample) = match name {
        "stddev" => ("stddev", true, true),
        "stddev_samp" => ("stddev_samp", true, true),
        "stddev_pop" => ("stddev_pop", true, false),
        "variance" => ("variance", false, true),
        "var_samp" => ("var_samp", false, true),
        "var_pop" => ("var_pop", false, false),
        _ => return None,
    };
    Some(Arc::new(AggregateUDF::new_from_impl(Deviation {
        name,
        kind: Kind { is_root, is_sample },
        signature: Signature::any(1, Volatility::Immutable),
    })))
}

/// Which of the four figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    /// The standard deviation, not the variance.
    pub(super) is_root: bool,
    /// Of a sample: divides by one less than the count.
    pub(super) is_sample: bool,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Deviation {
    name: &'static str,
    kind: Kind,
    signature: Signature,
}

/// How values of an argument are summed: with a scale if exactly.
#[derive(Clone, Copy)]
enum Way {
    Exact { scale: i8 },
    Floating,
}

impl Deviation {
    fn way(&self, argument: &DataType) -> Result<Way, SqlError> {
        match argument {
            DataType::Float16 | DataType::Float32 | DataType::Float64 | DataType::Null => {
                Ok(Way::Floating)
            }
            DataType::Decimal32(_, scale)
            | DataType::Decimal64(_, scale)
            | DataType::Decimal128(_, scale) => Ok(Way::Exact { scale: *scale }),
            integer if integer.is_integer() => Ok(Way::Exact { scale: 0 }),
            other => {
                let shown = PgType::of_arrow(other).display();
                let call = format!("{}({shown})", self.name);
                Err(SqlError::undefined_function(&call))
            }
        }
    }

    fn result(&self, argument: &DataType) -> Result<DataType> {
        Ok(match self.way(argument)? {
            Way::Exact { scale } => DataType::Decimal128(38, scale.max(SCALE_MIN)),
            Way::Floating => DataType::Float64,
        })
    }
}

impl AggregateUDFImpl for Deviation {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.result(&arg_types[0])
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let way = self.way(args.input_fields[0].data_type())?;
        if args.is_distinct {
            let element = match way {
                Way::Exact { scale } => Exact::input_type(scale),
                Way::Floating => Floating::input_type(0),
            };
            return Ok(vec![distinct::state_field(args.name, element)]);
        }
        let types = match way {
            Way::Exact { .. } => Exact::state_types(),
            Way::Floating => Floating::state_types(),
        };
        let fields = ["count", "sum", "squares"].into_iter().zip(types);
        Ok(fields
            .map(|(part, data_type)| {
                let name = format_state_name(args.name, part);
                Arc::new(Field::new(name, data_type, true))
            })
            .collect())
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let way = self.way(args.expr_fields[0].data_type())?;
        if args.is_distinct {
            return Ok(match way {
                Way::Exact { scale } => Box::new(Different::<Exact>::new(self.kind, scale)),
                Way::Floating => Box::new(Different::<Floating>::new(self.kind, 0)),
            });
        }
        Ok(match way {
            Way::Exact { scale } => Box::new(Single::<Exact>::new(self.kind, scale)),
            Way::Floating => Box::new(Single::<Floating>::new(self.kind, 0)),
        })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(match self.way(args.expr_fields[0].data_type())? {
            Way::Exact { scale } => Box::new(Groups::<Exact>::new(self.kind, scale)),
            Way::Floating => Box::new(Groups::<Floating>::new(self.kind, 0)),
        })
    }
}

/// Calls `take` with the row and the value of every argument that is not NULL.
pub(super) fn each_value<M: Moments>(
    values: &ArrayRef,
    scale: i8,
    mut take: impl FnMut(usize, M::Value) -> Result<(), SqlError>,
) -> Result<()> {
    let plain = arrow::compute::cast(values, &M::input_type(scale))?;
    let plain = plain.as_primitive::<M::Input>();
    for (row, value) in plain.iter().enumerate() {
        if let Some(value) = value {
            take(row, M::value(value))?;
        }
    }
    Ok(())
}

/// One group, or a window frame that moves.
#[derive(Debug)]
struct Single<M> {
    kind: Kind,
    scale: i8,
    moments: M,
}

impl<M: Moments> Single<M> {
    fn new(kind: Kind, scale: i8) -> Self {
        Self {
            kind,
            scale,
            moments: M::default(),
        }
    }
}

impl<M: Moments> Accumulator for Single<M> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let moments = &mut self.moments;
        each_value::<M>(&values[0], self.scale, |_, value| moments.add(value))
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let moments = &mut self.moments;
        each_value::<M>(&values[0], self.scale, |_, value| moments.remove(value))
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let answers = M::answers(std::slice::from_ref(&self.moments), self.kind, self.scale)?;
        ScalarValue::try_from_array(&answers, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        M::states(std::slice::from_ref(&self.moments))?
            .iter()
            .map(|column| ScalarValue::try_from_array(column, 0))
            .collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for other in M::of_states(states)? {
            self.moments.merge(&other)?;
        }
        Ok(())
    }
}

/// All groups of a GROUP BY.
struct Groups<M> {
    kind: Kind,
    scale: i8,
    moments: Vec<M>,
}

impl<M: Moments> Groups<M> {
    fn new(kind: Kind, scale: i8) -> Self {
        Self {
            kind,
            scale,
            moments: Vec::new(),
        }
    }
}

impl<M: Moments> GroupsAccumulator for Groups<M> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.moments.resize_with(total, M::default);
        let moments = &mut self.moments;
        each_value::<M>(&values[0], self.scale, |row, value| {
            let is_kept = filter.is_none_or(|keep| keep.is_valid(row) && keep.value(row));
            if is_kept {
                moments[group_indices[row]].add(value)?;
            }
            Ok(())
        })
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let moments = emit.take_needed(&mut self.moments);
        Ok(M::answers(&moments, self.kind, self.scale)?)
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let moments = emit.take_needed(&mut self.moments);
        Ok(M::states(&moments)?)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total: usize,
    ) -> Result<()> {
        self.moments.resize_with(total, M::default);
        for (other, group) in M::of_states(values)?.iter().zip(group_indices) {
            self.moments[*group].merge(other)?;
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows: Vec<usize> = (0..values[0].len()).collect();
        let mut alone = Self::new(self.kind, self.scale);
        alone.update_batch(values, &rows, filter, rows.len())?;
        alone.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.moments.capacity() * size_of::<M>()
    }
}

impl Moments for Exact {
    type Value = i128;
    type Input = Decimal128Type;

    fn input_type(scale: i8) -> DataType {
        DataType::Decimal128(38, scale)
    }

    fn value(native: i128) -> i128 {
        native
    }

    fn key(value: i128) -> i128 {
        value
    }

    fn state_types() -> [DataType; 3] {
        let wide = DataType::Decimal256(76, 0);
        [DataType::Int64, wide.clone(), wide]
    }

    fn add(&mut self, value: i128) -> Result<(), SqlError> {
        self.change(value, true)
    }

    fn remove(&mut self, value: i128) -> Result<(), SqlError> {
        self.change(value, false)
    }

    fn merge(&mut self, other: &Self) -> Result<(), SqlError> {
        self.join(other)
    }

    fn states(all: &[Self]) -> Result<Vec<ArrayRef>, SqlError> {
        Self::columns(all)
    }

    fn of_states(columns: &[ArrayRef]) -> Result<Vec<Self>, SqlError> {
        Self::of_columns(columns)
    }

    fn answers(all: &[Self], kind: Kind, scale: i8) -> Result<ArrayRef, SqlError> {
        Self::figures(all, kind, scale, scale.max(SCALE_MIN))
    }
}

impl Moments for Floating {
    type Value = f64;
    type Input = Float64Type;

    fn input_type(_scale: i8) -> DataType {
        DataType::Float64
    }

    fn value(native: f64) -> f64 {
        native
    }

    /// One key for both zeros and one for all that is not a number.
    fn key(value: f64) -> i128 {
        if value.is_nan() {
            return i128::from(f64::NAN.to_bits());
        }
        i128::from((value + 0.0).to_bits())
    }

    fn state_types() -> [DataType; 3] {
        [DataType::Float64, DataType::Float64, DataType::Float64]
    }

    fn add(&mut self, value: f64) -> Result<(), SqlError> {
        self.include(value)
    }

    fn remove(&mut self, value: f64) -> Result<(), SqlError> {
        self.exclude(value);
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<(), SqlError> {
        self.join(other)
    }

    fn states(all: &[Self]) -> Result<Vec<ArrayRef>, SqlError> {
        Ok(Self::columns(all))
    }

    fn of_states(columns: &[ArrayRef]) -> Result<Vec<Self>, SqlError> {
        Self::of_columns(columns)
    }

    fn answers(all: &[Self], kind: Kind, _scale: i8) -> Result<ArrayRef, SqlError> {
        Ok(Self::figures(all, kind))
    }
}
