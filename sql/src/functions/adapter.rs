//! A function of the table as DataFusion's `ScalarUDFImpl`.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, ListArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature as DataFusionSignature, TypeSignature, Volatility,
};

use super::call::{Call, Column};
use super::pattern::PatternCache;
use super::signature::{Argument, Resolution, resolve};
use super::{Function, ResultType, Typing, coerce, execute};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::functions::bounds::unbounded;
use crate::types::{ELEMENT, PgType, oid};

/// Binds a function to a statement, under the name that the statement used.
pub(super) fn scalar(
    name: &str,
    function: &'static Function,
    context: &Arc<StatementContext>,
) -> ScalarUDF {
    ScalarUDF::new_from_impl(Adapter {
        name: name.to_owned(),
        function,
        context: Arc::clone(context),
        signature: DataFusionSignature::new(TypeSignature::UserDefined, function.volatility),
        patterns: PatternCache::default(),
        settled: Mutex::default(),
    })
}

/// See [`super::parameter_types`].
pub(super) fn parameter_types(
    function: &ScalarUDF,
    fields: &[FieldRef],
    literals: &[bool],
) -> Option<Vec<PgType>> {
    let inner: &dyn Any = function.inner().as_ref();
    let adapter = inner.downcast_ref::<Adapter>()?;
    let arguments: Vec<Argument> = fields
        .iter()
        .zip(literals)
        .map(|(field, is_literal)| {
            Argument::new(PgType::of_field(field), field.data_type(), *is_literal)
        })
        .collect();
    Some(adapter.resolve(&arguments).ok()?.parameters)
}

/// The name of one of our functions, and the statement that it is bound to.
pub(super) fn bound(function: &ScalarUDF) -> Option<(&str, &Arc<StatementContext>)> {
    let inner: &dyn Any = function.inner().as_ref();
    let adapter = inner.downcast_ref::<Adapter>()?;
    Some((&adapter.name, &adapter.context))
}

struct Adapter {
    name: String,
    function: &'static Function,
    context: Arc<StatementContext>,
    signature: DataFusionSignature,
    patterns: PatternCache,
    /// Computed result types by argument types. Folding a constant later must not
    /// change the type of a planned call, so the first answer stands.
    settled: Mutex<HashMap<Vec<PgType>, PgType>>,
}

impl fmt::Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adapter")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Within one statement the name tells the function.
impl PartialEq for Adapter {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.context, &other.context)
    }
}

impl Eq for Adapter {}

impl Hash for Adapter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl Adapter {
    fn resolve(&self, arguments: &[Argument]) -> Result<Resolution, SqlError> {
        let signatures = self
            .function
            .overloads
            .iter()
            .map(|overload| &overload.signature);
        resolve(&self.name, signatures, arguments)
    }

    fn settle(
        &self,
        computed: ResultType,
        resolution: &Resolution,
        constants: &[Option<&ScalarValue>],
    ) -> Result<PgType, SqlError> {
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(result) = settled.get(&resolution.parameters) {
            return Ok(*result);
        }
        let typing = Typing {
            parameters: &resolution.parameters,
            constants: constants.to_vec(),
        };
        let result = computed(&typing)?;
        settled.insert(resolution.parameters.clone(), result);
        Ok(result)
    }

    fn columns(
        &self,
        args: &ScalarFunctionArgs,
        arguments: &[Argument],
        resolution: &Resolution,
    ) -> Result<Vec<Column>, SqlError> {
        let mut columns = Vec::with_capacity(args.args.len());
        for (index, value) in args.args.iter().enumerate() {
            let column = match value {
                ColumnarValue::Array(array) => Column {
                    array: Arc::clone(array),
                    is_constant: false,
                },
                ColumnarValue::Scalar(scalar) => Column {
                    array: scalar.to_array()?,
                    is_constant: true,
                },
            };
            let target = resolution.parameters[index];
            columns.push(coerce::to_parameter(
                column,
                arguments[index],
                target,
                &self.context,
            )?);
        }
        Ok(columns)
    }

    fn invoke(&self, args: &ScalarFunctionArgs) -> Result<ColumnarValue, SqlError> {
        let arguments: Vec<Argument> = args
            .arg_fields
            .iter()
            .zip(&args.args)
            .map(|(field, value)| {
                let is_literal = matches!(value, ColumnarValue::Scalar(_));
                Argument::new(PgType::of_field(field), field.data_type(), is_literal)
            })
            .collect();
        let resolution = self.resolve(&arguments)?;
        let columns = self.columns(args, &arguments, &resolution)?;
        let is_volatile = self.signature.volatility == Volatility::Volatile;
        let is_constant = !is_volatile && columns.iter().all(|column| column.is_constant);
        let call = Call {
            name: &self.name,
            columns,
            types: resolution.parameters,
            rows: if is_constant { 1 } else { args.number_rows },
            result: PgType::of_field(&args.return_field),
            data_type: args.return_field.data_type().clone(),
            context: &self.context,
            patterns: &self.patterns,
        };
        let array = (self.function.overloads[resolution.index].kernel)(&call)?;
        let array = as_promised(array, &call)?;
        if is_constant {
            return Ok(ColumnarValue::Scalar(single(&array)?));
        }
        Ok(ColumnarValue::Array(array))
    }
}

/// The only row of an array. Lists keep their field, whose metadata names the type
/// of the elements and which `try_from_array` would drop.
pub(super) fn single(array: &ArrayRef) -> Result<ScalarValue, SqlError> {
    match array.as_any().downcast_ref::<ListArray>() {
        Some(list) => Ok(ScalarValue::List(Arc::new(list.clone()))),
        None => Ok(ScalarValue::try_from_array(array, 0)?),
    }
}

/// Kernels may differ from the promised type in the names of nested fields only.
fn as_promised(array: ArrayRef, call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    assert_eq!(
        array.len(),
        call.rows,
        "{} returned another number of rows",
        call.name
    );
    if array.data_type() == &call.data_type {
        return Ok(array);
    }
    Ok(arrow::compute::cast(&array, &call.data_type)?)
}

impl ScalarUDFImpl for Adapter {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &DataFusionSignature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(arg_types.to_vec())
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let arguments: Vec<Argument> = arg_types
            .iter()
            .map(|data_type| Argument::new(PgType::of_arrow(data_type), data_type, false))
            .collect();
        Ok(self.resolve(&arguments)?.result.arrow_type())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let arguments: Vec<Argument> = args
            .arg_fields
            .iter()
            .zip(args.scalar_arguments)
            .map(|(field, scalar)| {
                Argument::new(PgType::of_field(field), field.data_type(), scalar.is_some())
            })
            .collect();
        let resolution = self.resolve(&arguments)?;
        execute::require(&self.context, &self.name, &resolution.parameters)?;
        let overload = &self.function.overloads[resolution.index];
        let result = match overload.result {
            Some(computed) => self.settle(computed, &resolution, args.scalar_arguments)?,
            None => resolution.result,
        };
        let field = result_field(&self.name, result);
        if overload.is_listed {
            let element = Arc::new(field.with_name(ELEMENT));
            return Ok(Arc::new(Field::new(
                &self.name,
                DataType::List(element),
                true,
            )));
        }
        Ok(Arc::new(field))
    }

    fn evaluate_bounds(&self, inputs: &[&Interval]) -> Result<Interval> {
        unbounded(self, inputs)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.invoke(&args).map_err(DataFusionError::from)
    }
}

/// PostgreSQL's results carry no length, so varchar(n) ends here; numerics keep
/// their scale, because ours is a property of the type.
pub(super) fn result_field(name: &str, result: PgType) -> Field {
    let kept = match result.oid {
        oid::VARCHAR | oid::BPCHAR => PgType::new(result.oid),
        _ => result,
    };
    kept.field(name, true)
}
