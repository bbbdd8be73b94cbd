//! Rows as values: ROW(...), and the row of a relation that a bare name means; see
//! `rewrite/scope/whole_row.rs`.
//!
//! A value is a struct; its fields keep the PostgreSQL types of the columns. Its type is
//! `record`, also where the columns are a table's.

use std::sync::Arc;

use arrow::array::{ArrayRef, StructArray};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use crate::error::SqlError;
use crate::rewrite::scope::whole_row;

/// The name of the row constructor.
const ROW: &str = "row";

/// The function of this name, if it makes rows.
pub(super) fn resolve(name: &str) -> Option<Arc<ScalarUDF>> {
    let fields = match name {
        ROW => Vec::new(),
        other => whole_row::fields_of(other)?,
    };
    Some(Arc::new(ScalarUDF::new_from_impl(Row {
        name: name.to_owned(),
        fields,
        signature: Signature::variadic_any(Volatility::Immutable),
    })))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Row {
    name: String,
    /// Names of the fields; of those that have none, `f1`, `f2`, ...
    fields: Vec<String>,
    signature: Signature,
}

impl Row {
    fn fields(&self, given: &[FieldRef]) -> Fields {
        let fields = given.iter().enumerate().map(|(index, field)| {
            let known = self.fields.get(index).cloned();
            let name = known.unwrap_or_else(|| format!("f{}", index + 1));
            field.as_ref().clone().with_name(name).with_nullable(true)
        });
        fields.collect()
    }
}

impl ScalarUDFImpl for Row {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Err(SqlError::internal("the type of a row was asked without its fields").into())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let fields = self.fields(args.arg_fields);
        Ok(Arc::new(Field::new(
            self.name(),
            DataType::Struct(fields),
            false,
        )))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = args.args.iter().map(|arg| arg.to_array(args.number_rows));
        let arrays = arrays.collect::<Result<Vec<ArrayRef>>>()?;
        let DataType::Struct(fields) = args.return_field.data_type() else {
            return Err(SqlError::internal("a row is no struct").into());
        };
        let rows =
            StructArray::try_new_with_length(fields.clone(), arrays, None, args.number_rows)?;
        Ok(ColumnarValue::Array(Arc::new(rows)))
    }
}
