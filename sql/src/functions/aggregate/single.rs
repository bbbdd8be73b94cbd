//! `single_value`: the value of a scalar subquery, which may give one row only.

use std::any::Any;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, UInt64Array, new_null_array};
use arrow::compute::{interleave, take};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use crate::error::SqlError;

/// The aggregate.
#[derive(Debug)]
pub(super) struct Single {
    signature: Signature,
}

impl Single {
    pub(super) fn new() -> Self {
        Self {
            signature: Signature::any(1, Volatility::Immutable),
        }
    }
}

impl PartialEq for Single {
    fn eq(&self, other: &Self) -> bool {
        self.type_id() == other.type_id()
    }
}

impl Eq for Single {}

impl Hash for Single {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl AggregateUDFImpl for Single {
    fn name(&self) -> &'static str {
        "single_value"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        Ok(arg_types[0].clone())
    }

    fn return_field(&self, arg_fields: &[FieldRef]) -> Result<FieldRef> {
        let field = arg_fields[0].as_ref().clone();
        Ok(Arc::new(field.with_name(self.name()).with_nullable(true)))
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let value = ScalarValue::try_from(args.return_field.data_type())?;
        Ok(Box::new(One {
            value,
            is_seen: false,
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let value = args.return_field.data_type().clone();
        Ok(vec![
            Arc::new(Field::new(
                format_state_name(args.name, "value"),
                value,
                true,
            )),
            Arc::new(Field::new(
                format_state_name(args.name, "seen"),
                DataType::Boolean,
                true,
            )),
        ])
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Many {
            data_type: args.return_field.data_type().clone(),
            chunks: Vec::new(),
            places: Vec::new(),
        }))
    }
}

fn as_booleans(array: &ArrayRef) -> Result<&BooleanArray, SqlError> {
    array
        .as_any()
        .downcast_ref()
        .ok_or_else(|| SqlError::internal("the state of single_value is no boolean"))
}

/// One group.
#[derive(Debug)]
struct One {
    value: ScalarValue,
    is_seen: bool,
}

impl One {
    fn see(&mut self, values: &ArrayRef, row: usize) -> Result<(), SqlError> {
        if self.is_seen {
            return Err(SqlError::more_than_one_row());
        }
        self.is_seen = true;
        self.value = ScalarValue::try_from_array(values, row)?;
        Ok(())
    }
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for row in 0..values[0].len().min(2) {
            self.see(&values[0], row)?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.value.clone())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.value.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![
            self.value.clone(),
            ScalarValue::Boolean(Some(self.is_seen)),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let seen = as_booleans(&states[1])?;
        for row in 0..seen.len() {
            if seen.is_valid(row) && seen.value(row) {
                self.see(&states[0], row)?;
            }
        }
        Ok(())
    }
}

/// All groups: where the value of each is.
struct Many {
    data_type: DataType,
    /// Values that were the first of their group, a chunk per batch.
    chunks: Vec<ArrayRef>,
    /// (chunk, index) of each group; `None` while it saw no row.
    places: Vec<Option<(usize, usize)>>,
}

impl Many {
    fn see(
        &mut self,
        values: &ArrayRef,
        group_indices: &[usize],
        total_num_groups: usize,
        counts: impl Fn(usize) -> bool,
    ) -> Result<(), SqlError> {
        self.places.resize(total_num_groups, None);
        let mut rows: Vec<u64> = Vec::new();
        for (row, group) in group_indices.iter().enumerate() {
            if !counts(row) {
                continue;
            }
            if self.places[*group].is_some() {
                return Err(SqlError::more_than_one_row());
            }
            self.places[*group] = Some((self.chunks.len(), rows.len()));
            rows.push(row as u64);
        }
        if !rows.is_empty() {
            self.chunks
                .push(take(values, &UInt64Array::from(rows), None)?);
        }
        Ok(())
    }

    fn emit(&mut self, emit_to: EmitTo) -> Result<(ArrayRef, BooleanArray), SqlError> {
        let places = emit_to.take_needed(&mut self.places);
        let seen: BooleanArray = places.iter().map(|place| Some(place.is_some())).collect();
        let nothing = new_null_array(&self.data_type, 1);
        let mut sources: Vec<&dyn Array> = self.chunks.iter().map(AsRef::as_ref).collect();
        let null_source = sources.len();
        sources.push(&nothing);
        let picked: Vec<(usize, usize)> = places
            .iter()
            .map(|place| place.unwrap_or((null_source, 0)))
            .collect();
        let values = if picked.is_empty() {
            arrow::array::new_empty_array(&self.data_type)
        } else {
            interleave(&sources, &picked)?
        };
        if self.places.is_empty() {
            self.chunks.clear();
        }
        Ok((values, seen))
    }
}

impl GroupsAccumulator for Many {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        let counts =
            |row: usize| opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        Ok(self.see(&values[0], group_indices, total_num_groups, counts)?)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Ok(self.emit(emit_to)?.0)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (values, seen) = self.emit(emit_to)?;
        Ok(vec![values, Arc::new(seen)])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        let seen = as_booleans(&values[1])?;
        let counts = |row: usize| seen.is_valid(row) && seen.value(row);
        Ok(self.see(&values[0], group_indices, total_num_groups, counts)?)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let counts =
            |row: usize| opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        let seen: BooleanArray = (0..values[0].len()).map(|row| Some(counts(row))).collect();
        Ok(vec![Arc::clone(&values[0]), Arc::new(seen)])
    }

    fn size(&self) -> usize {
        let chunks: usize = self
            .chunks
            .iter()
            .map(|chunk| chunk.get_array_memory_size())
            .sum();
        chunks + self.places.capacity() * size_of::<Option<(usize, usize)>>()
    }
}
