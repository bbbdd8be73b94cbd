//! A cast as a function of the plan.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::schema_name_from_exprs;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    Cast, ColumnarValue, Expr, ExprSchemable, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use sqlparser::tokenizer::Location;

use super::{CastKind, cast_array, is_text};
use crate::context::StatementContext;
use crate::types::{ELEMENT, NUMERIC_PRECISION, NUMERIC_SCALE, PgType, numeric, oid};

/// `CAST(x AS to)`.
#[derive(Debug)]
pub(crate) struct PgCast {
    to: PgType,
    kind: CastKind,
    /// The column that an assignment is for, and where in the text its value stands.
    column: Option<(String, Option<Location>)>,
    /// What plans are shown.
    name: String,
    /// What the rewritten statement calls it, until it is planned: the engine puts an alias
    /// around a call by another name than the function's own, and for aliases within each
    /// other its work doubles with each.
    called: Option<String>,
    /// Whether it shows its own name, its call being planned.
    is_planned: bool,
    signature: Signature,
    ctx: Arc<StatementContext>,
}

impl PartialEq for PgCast {
    fn eq(&self, other: &Self) -> bool {
        self.to == other.to && self.kind == other.kind
    }
}

impl Eq for PgCast {}

impl Hash for PgCast {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.to.hash(state);
        self.kind.hash(state);
    }
}

/// The function that casts its one argument to `to`.
pub(crate) fn function(to: PgType, kind: CastKind, ctx: &Arc<StatementContext>) -> ScalarUDF {
    ScalarUDF::new_from_impl(PgCast::new(to, kind, ctx))
}

/// As [`function`], for a call by this name.
pub(crate) fn called(
    name: &str,
    to: PgType,
    kind: CastKind,
    ctx: &Arc<StatementContext>,
) -> ScalarUDF {
    ScalarUDF::new_from_impl(PgCast {
        called: Some(name.to_owned()),
        ..PgCast::new(to, kind, ctx)
    })
}

/// The function that makes its one argument a value of a column of type `to`, for a call by
/// this name.
pub(crate) fn assignment(
    name: &str,
    to: PgType,
    column: &str,
    place: Option<Location>,
    ctx: &Arc<StatementContext>,
) -> ScalarUDF {
    ScalarUDF::new_from_impl(PgCast {
        column: Some((column.to_owned(), place)),
        called: Some(name.to_owned()),
        ..PgCast::new(to, CastKind::Assignment, ctx)
    })
}

impl PgCast {
    fn new(to: PgType, kind: CastKind, ctx: &Arc<StatementContext>) -> Self {
        Self {
            to,
            kind,
            column: None,
            name: format!("cast_{}", to.display()),
            called: None,
            is_planned: false,
            signature: Signature::any(1, Volatility::Immutable),
            ctx: Arc::clone(ctx),
        }
    }

    fn target(&self, from: &Field, literal: Option<&ScalarValue>) -> DataType {
        if self.to.element().is_some() {
            return with_dimensions(from.data_type(), self.to.arrow_type());
        }
        if self.to.oid != oid::NUMERIC || self.to.typmod >= 0 || self.kind == CastKind::Assignment {
            return self.to.arrow_type();
        }
        unbounded_numeric(from, literal)
    }
}

/// Whether an argument is NULL or a string literal that nothing gave a type.
fn is_untyped(field: &Field, literal: Option<&ScalarValue>) -> bool {
    let is_text = matches!(field.data_type(), DataType::Utf8 | DataType::Utf8View);
    field.data_type().is_null() || (is_text && literal.is_some() && field.metadata().is_empty())
}

/// An array type with as many dimensions as the source has.
fn with_dimensions(from: &DataType, target: DataType) -> DataType {
    let mut target = target;
    let mut inner = from;
    while let DataType::List(outer) = inner
        && let DataType::List(_) = outer.data_type()
    {
        target = DataType::List(Arc::new(Field::new(ELEMENT, target, true)));
        inner = outer.data_type();
    }
    target
}

/// `x::numeric` keeps the digits that its source has.
fn unbounded_numeric(from: &Field, literal: Option<&ScalarValue>) -> DataType {
    match from.data_type() {
        DataType::Decimal128(precision, scale) => DataType::Decimal128(*precision, *scale),
        DataType::Int16 => DataType::Decimal128(5, 0),
        DataType::Int32 => DataType::Decimal128(10, 0),
        DataType::Int64 => DataType::Decimal128(19, 0),
        DataType::UInt64 => DataType::Decimal128(20, 0),
        _ => {
            let text = literal.and_then(|value| value.try_as_str().flatten());
            match text.and_then(numeric::digits_of_text) {
                Some((precision, scale)) => DataType::Decimal128(precision, scale),
                None => DataType::Decimal128(NUMERIC_PRECISION, NUMERIC_SCALE),
            }
        }
    }
}

impl ScalarUDFImpl for PgCast {
    fn name(&self) -> &str {
        match &self.called {
            Some(called) if !self.is_planned => called,
            _ => &self.name,
        }
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let name = self.called.as_ref().unwrap_or(&self.name);
        Ok(format!("{name}({})", schema_name_from_exprs(args)?))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.to.arrow_type())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let from = &args.arg_fields[0];
        let literal = args.scalar_arguments.first().copied().flatten();
        if let Some((column, place)) = &self.column
            && !is_untyped(from, literal)
        {
            crate::modify::check_assignable(PgType::of_field(from), self.to, column).map_err(
                |error| match place {
                    Some(place) => error.at_location(*place),
                    None => error,
                },
            )?;
        }
        let target = self.target(from, args.scalar_arguments.first().copied().flatten());
        let mut metadata = self.to.metadata();
        // Digits that were chosen from the source are shown as they are.
        let is_derived = self.to.oid == oid::NUMERIC
            && target != DataType::Decimal128(NUMERIC_PRECISION, NUMERIC_SCALE);
        if is_derived {
            metadata.clear();
        }
        Ok(Arc::new(
            Field::new(self.name(), target, from.is_nullable()).with_metadata(metadata),
        ))
    }

    fn evaluate_bounds(&self, inputs: &[&Interval]) -> Result<Interval> {
        let from = inputs
            .first()
            .map_or(DataType::Null, |input| input.data_type());
        let from = Arc::new(Field::new(self.name(), from, true));
        Interval::make_unbounded(&self.target(&from, None))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let from = PgType::of_field(&args.arg_fields[0]);
        let target = args.return_field.data_type();
        match &args.args[0] {
            ColumnarValue::Array(array) => {
                let result = cast_array(array, from, self.to, target, self.kind, &self.ctx)?;
                Ok(ColumnarValue::Array(result))
            }
            ColumnarValue::Scalar(scalar) => {
                let array = scalar.to_array()?;
                let result = cast_array(&array, from, self.to, target, self.kind, &self.ctx)?;
                Ok(ColumnarValue::Scalar(single(&result)?))
            }
        }
    }

    /// A cast that changes nothing vanishes, and one that only widens an integer
    /// becomes the engine's own, so that filters on columns still prune files.
    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let (_, from) = args[0].to_field(info.schema().as_ref())?;
        let from_type = PgType::of_field(&from);
        let same_arrow = from.data_type() == &self.to.arrow_type();
        let unchanged = same_arrow
            && (from_type == self.to
                || (is_text(from_type)
                    && from_type.oid != oid::BPCHAR
                    && self.to.oid == oid::TEXT))
            && from.metadata() == &self.to.metadata();
        if unchanged {
            return Ok(ExprSimplifyResult::Simplified(
                args.into_iter().next().expect("a cast has one argument"),
            ));
        }
        let widens = matches!(
            (from_type.oid, self.to.oid),
            (oid::INT2, oid::INT4 | oid::INT8) | (oid::INT4, oid::INT8)
        );
        if widens && from.metadata().is_empty() {
            let expr = args.into_iter().next().expect("a cast has one argument");
            let field = Arc::new(self.to.field(from.name(), from.is_nullable()));
            return Ok(ExprSimplifyResult::Simplified(Expr::Cast(Cast {
                expr: Box::new(expr),
                field,
            })));
        }
        if self.called.is_none() || self.is_planned {
            return Ok(ExprSimplifyResult::Original(args));
        }
        let planned = ScalarUDF::new_from_impl(Self {
            column: self.column.clone(),
            called: self.called.clone(),
            is_planned: true,
            ..Self::new(self.to, self.kind, &self.ctx)
        });
        Ok(ExprSimplifyResult::Simplified(planned.call(args)))
    }
}

/// The one value of an array. A list keeps the field of its elements, which tells
/// their type.
pub(crate) fn single(array: &ArrayRef) -> Result<ScalarValue> {
    match array.as_list_opt::<i32>() {
        Some(list) => Ok(ScalarValue::List(Arc::new(list.clone()))),
        None => ScalarValue::try_from_array(array, 0),
    }
}
