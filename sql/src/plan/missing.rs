//! A function that there is not. It stands in a plan until the types of its arguments
//! are known, which the error tells.

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use crate::error::SqlError;
use crate::functions::shown_call;

/// A function whose every use is `42883`.
pub(super) fn function(name: &str) -> ScalarUDF {
    ScalarUDF::new_from_impl(Missing {
        name: name.to_owned(),
        signature: Signature::new(TypeSignature::UserDefined, Volatility::Volatile),
    })
}

/// The same error of a call that is not planned further.
pub(super) fn error(name: &str, args: &[Expr]) -> SqlError {
    let fields: Vec<FieldRef> = args
        .iter()
        .filter_map(|arg| arg.to_field(&DFSchema::empty()).ok())
        .map(|(_, field)| field)
        .collect();
    let literals: Vec<Option<&ScalarValue>> = args.iter().map(Expr::as_literal).collect();
    SqlError::undefined_function(&shown_call(name, &fields, &literals))
}

/// Whether [`function`] made it.
pub(super) fn is_missing(function: &ScalarUDF) -> bool {
    let own: &dyn std::any::Any = function.inner().as_ref();
    own.is::<Missing>()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Missing {
    name: String,
    signature: Signature,
}

impl ScalarUDFImpl for Missing {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(arg_types.to_vec())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Err(SqlError::undefined_function(&format!("{}()", self.name)).into())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let call = shown_call(&self.name, args.arg_fields, args.scalar_arguments);
        Err(SqlError::undefined_function(&call).into())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(SqlError::undefined_function(&format!("{}()", self.name)).into())
    }
}
