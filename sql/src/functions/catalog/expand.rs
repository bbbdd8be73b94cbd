//! `information_schema._pg_expandarray`: the elements of an array with their positions.
//!
//! It returns a set in PostgreSQL; here it gives the rows as one array of structs
//! `(x, n)`, which the planner unnests.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListArray, StructArray};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::error::SqlError;
use crate::types::ELEMENT;

/// The name under which the planner finds it.
const NAME: &str = "_pg_expandarray_array";

/// The function of this name, if it is the one.
pub(crate) fn function(name: &str) -> Option<Arc<ScalarUDF>> {
    (name == NAME).then(|| {
        let signature = Signature::any(1, Volatility::Immutable);
        Arc::new(ScalarUDF::new_from_impl(Expand { signature }))
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Expand {
    signature: Signature,
}

/// `(x, n)` for elements described by `element`.
fn pair(element: &FieldRef) -> Fields {
    let x = element.as_ref().clone().with_name("x").with_nullable(true);
    Fields::from(vec![x, Field::new("n", DataType::Int32, true)])
}

fn element_of(data_type: &DataType) -> Result<FieldRef> {
    match data_type {
        DataType::List(element) => Ok(Arc::clone(element)),
        other => Err(SqlError::undefined_function(&format!("_pg_expandarray({other})")).into()),
    }
}

impl ScalarUDFImpl for Expand {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let element = element_of(arg_types.first().unwrap_or(&DataType::Null))?;
        let row = Field::new(ELEMENT, DataType::Struct(pair(&element)), true);
        Ok(DataType::List(Arc::new(row)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let value = args.args.into_iter().next();
        let Some(value) = value else {
            return Err(SqlError::internal("_pg_expandarray was called without argument").into());
        };
        let lists: ArrayRef = value.into_array(rows)?;
        let element = element_of(lists.data_type())?;
        Ok(ColumnarValue::Array(Arc::new(expand(
            lists.as_list::<i32>(),
            &element,
        )?)))
    }
}

fn expand(lists: &ListArray, element: &FieldRef) -> Result<ListArray> {
    let mut positions = vec![0_i32; lists.values().len()];
    for ends in lists.offsets().windows(2) {
        for (position, offset) in (1..).zip(ends[0]..ends[1]) {
            positions[usize::try_from(offset).unwrap_or(0)] = position;
        }
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::clone(lists.values()),
        Arc::new(Int32Array::from(positions)),
    ];
    let rows = StructArray::try_new(pair(element), columns, None)?;
    let field = Arc::new(Field::new(ELEMENT, rows.data_type().clone(), true));
    let nulls = lists.nulls().cloned();
    Ok(ListArray::try_new(
        field,
        lists.offsets().clone(),
        Arc::new(rows),
        nulls,
    )?)
}
