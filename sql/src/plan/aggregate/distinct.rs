//! The figures of `deviation.rs` over different values only.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, ListArray, PrimitiveArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::utils::format_state_name;

use super::deviation::{Kind, each_value};
use super::moments::Moments;

/// The one field of [`Different`]'s state: a list of the values.
pub(super) fn state_field(name: &str, element: DataType) -> FieldRef {
    let element = Arc::new(Field::new_list_field(element, true));
    let name = format_state_name(name, "values");
    Arc::new(Field::new(name, DataType::List(element), true))
}

/// Keeps each value once.
#[derive(Debug)]
pub(super) struct Different<M: Moments> {
    kind: Kind,
    scale: i8,
    values: HashMap<i128, <M::Input as ArrowPrimitiveType>::Native>,
}

impl<M: Moments> Different<M> {
    pub(super) fn new(kind: Kind, scale: i8) -> Self {
        Self {
            kind,
            scale,
            values: HashMap::new(),
        }
    }
}

impl<M: Moments> Accumulator for Different<M> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let plain = arrow::compute::cast(&values[0], &M::input_type(self.scale))?;
        for native in plain.as_primitive::<M::Input>().iter().flatten() {
            self.values
                .entry(M::key(M::value(native)))
                .or_insert(native);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut moments = M::default();
        let values: ArrayRef = Arc::new(self.column());
        each_value::<M>(&values, self.scale, |_, value| moments.add(value))?;
        let answers = M::answers(std::slice::from_ref(&moments), self.kind, self.scale)?;
        ScalarValue::try_from_array(&answers, 0)
    }

    fn size(&self) -> usize {
        let entry = size_of::<(i128, <M::Input as ArrowPrimitiveType>::Native)>();
        size_of_val(self) + self.values.capacity() * entry
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let element = Arc::new(Field::new_list_field(M::input_type(self.scale), true));
        let values = self.column();
        let offsets = OffsetBuffer::from_lengths([values.len()]);
        let list = ListArray::try_new(element, offsets, Arc::new(values), None)?;
        Ok(vec![ScalarValue::List(Arc::new(list))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for list in states[0].as_list::<i32>().iter().flatten() {
            self.update_batch(&[list])?;
        }
        Ok(())
    }
}

impl<M: Moments> Different<M> {
    fn column(&self) -> PrimitiveArray<M::Input> {
        let values = self.values.values().copied();
        PrimitiveArray::from_iter_values(values).with_data_type(M::input_type(self.scale))
    }
}
