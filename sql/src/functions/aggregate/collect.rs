//! Keeps the rows of one group: arguments, then the columns to order by.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray, new_empty_array, new_null_array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{
    LexicographicalComparator, SortColumn, SortOptions, concat, lexsort_to_indices, take,
};
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;

use super::finish::Finish;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::functions::adapter::single;
use crate::functions::call::Column;
use crate::functions::signature::Argument;
use crate::functions::{array, coerce};
use crate::types::PgType;

/// What is known before the first row.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) arguments: Vec<Argument>,
    pub(super) parameters: Vec<PgType>,
    /// Arrow types of all columns, as they arrive.
    pub(super) column_types: Vec<DataType>,
    pub(super) orders: Vec<SortOptions>,
    pub(super) is_distinct: bool,
    pub(super) result: PgType,
    pub(super) data_type: DataType,
    pub(super) finish: Finish,
    pub(super) context: Arc<StatementContext>,
}

/// The rows so far, in batches.
#[derive(Debug)]
pub(super) struct Collected {
    plan: Plan,
    /// [batch][column]
    batches: Vec<Vec<ArrayRef>>,
    column_count: usize,
}

impl Collected {
    pub(super) fn new(plan: Plan) -> Self {
        let column_count = plan.column_types.len();
        Self {
            plan,
            batches: Vec::new(),
            column_count,
        }
    }

    /// All rows of one column; `None` if there are no rows.
    fn column(&self, index: usize) -> Result<Option<ArrayRef>, SqlError> {
        let parts: Vec<&dyn Array> = self
            .batches
            .iter()
            .filter_map(|batch| batch.get(index))
            .map(AsRef::as_ref)
            .collect();
        if parts.is_empty() {
            return Ok(None);
        }
        Ok(Some(concat(&parts)?))
    }

    fn answer(&self) -> Result<ScalarValue, SqlError> {
        let argument_count = self.plan.parameters.len();
        let mut columns = Vec::with_capacity(self.column_count);
        for index in 0..self.column_count {
            match self.column(index)? {
                Some(column) => columns.push(column),
                None => return single(&new_null_array(&self.plan.data_type, 1)),
            }
        }
        let orders = columns.split_off(argument_count);
        let mut inputs = Vec::with_capacity(argument_count);
        for (index, column) in columns.into_iter().enumerate() {
            let column = Column {
                array: column,
                is_constant: false,
            };
            let target = self.plan.parameters[index];
            let argument = self.plan.arguments[index];
            inputs.push(coerce::to_parameter(column, argument, target, &self.plan.context)?.array);
        }
        let inputs = self.arrange(inputs, &orders)?;
        self.plan.finish.run(&inputs, &self.plan)
    }

    /// Drops repeated rows if asked to, and puts the rest in order.
    fn arrange(
        &self,
        inputs: Vec<ArrayRef>,
        orders: &[ArrayRef],
    ) -> Result<Vec<ArrayRef>, SqlError> {
        let mut keys = Vec::new();
        for (column, options) in orders.iter().zip(&self.plan.orders) {
            let values = array::comparable(&coerce::canonical(Arc::clone(column))?)?;
            keys.push(SortColumn {
                values,
                options: Some(*options),
            });
        }
        let needs_values = self.plan.is_distinct || self.plan.finish.orders_by_value();
        if needs_values {
            for input in &inputs {
                keys.push(SortColumn {
                    values: array::comparable(input)?,
                    options: Some(SortOptions {
                        descending: false,
                        nulls_first: false,
                    }),
                });
            }
        }
        if keys.is_empty() {
            return Ok(inputs);
        }
        let mut indices = lexsort_to_indices(&keys, None)?;
        if self.plan.is_distinct {
            // Equal rows are neighbours, since every argument is a key.
            let compare = LexicographicalComparator::try_new(&keys[orders.len()..])?;
            let mut kept: Vec<u32> = Vec::new();
            for index in indices.values() {
                let is_new = kept
                    .last()
                    .is_none_or(|last| compare.compare(*last as usize, *index as usize).is_ne());
                if is_new {
                    kept.push(*index);
                }
            }
            indices = kept.into();
        }
        let mut arranged = Vec::with_capacity(inputs.len());
        for input in inputs {
            arranged.push(take(&input, &indices, None)?);
        }
        Ok(arranged)
    }
}

impl Accumulator for Collected {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        if values.first().is_some_and(|first| !first.is_empty()) {
            self.batches.push(values[..self.column_count].to_vec());
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.answer()?)
    }

    fn size(&self) -> usize {
        let arrays = self.batches.iter().flatten();
        size_of_val(self)
            + arrays
                .map(|array| array.get_array_memory_size())
                .sum::<usize>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let mut state = Vec::with_capacity(self.column_count);
        for index in 0..self.column_count {
            let values = self.column(index)?;
            let data_type = self.plan.column_types[index].clone();
            let values = values.unwrap_or_else(|| new_empty_array(&data_type));
            let element = Arc::new(Field::new("item", data_type, true));
            let offsets = OffsetBuffer::from_lengths([values.len()]);
            let list = ListArray::try_new(element, offsets, values, None)?;
            state.push(ScalarValue::List(Arc::new(list)));
        }
        Ok(state)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = states.first().map_or(0, |state| state.len());
        for row in 0..rows {
            let mut batch = Vec::with_capacity(states.len());
            for state in states {
                let lists = state
                    .as_any()
                    .downcast_ref::<ListArray>()
                    .ok_or_else(|| SqlError::internal("an aggregate's state is no list"))?;
                if lists.is_null(row) {
                    batch.clear();
                    break;
                }
                batch.push(lists.value(row));
            }
            if batch.first().is_some_and(|first| !first.is_empty()) {
                self.batches.push(batch);
            }
        }
        Ok(())
    }
}
