//! CASE, COALESCE, NULLIF, GREATEST and LEAST while a query is planned: functions that check
//! whether their branches match, and tell the type that these have in common.
//!
//! The engine's own would make text of types that do not match. They also tell an Arrow
//! type alone, so a uuid would come out as bytes and a jsonb as text. What asks for a type while
//! the plan is built, an operator or a call around them, must hear the right one, so these
//! stand in the plan until [`settled`].
//!
//! Source: PostgreSQL 15 manual, section 10.5.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{Case, ScalarFunction};
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility, binary_expr,
};

use super::builtin;
use super::operators::{cannot_match, cast_expr, common_type};
use super::unify::require_match;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::functions::bounds::unbounded;
use crate::rewrite::CASE;
use crate::types::{PgType, oid};

/// The engine's functions whose arguments share one type with their result.
const SAME_TYPE: &[&str] = &["coalesce", "nullif", "greatest", "least"];

/// Whether a function's branches get a common type.
pub(super) fn has_branches(function: &ScalarUDF) -> bool {
    function.name() == CASE || function.name() == "nvl" || SAME_TYPE.contains(&function.name())
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Branches {
    /// The engine's function; for CASE, COALESCE's, whose types follow the same rules.
    inner: Arc<ScalarUDF>,
    is_case: bool,
    signature: Signature,
}

fn new(inner: Arc<ScalarUDF>, is_case: bool) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Branches {
        inner,
        is_case,
        signature: Signature::variadic_any(Volatility::Immutable),
    }))
}

/// The function that stands for CASE: its arguments are condition and result by turns, and
/// at the end what follows ELSE.
pub(super) fn resolve(name: &str) -> Option<Arc<ScalarUDF>> {
    (name == CASE).then(|| new(datafusion::functions::core::coalesce(), true))
}

/// The function with a check of its arguments, if they share a type.
pub(super) fn wrapped(function: Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    if !SAME_TYPE.contains(&function.name()) {
        return function;
    }
    new(function, false)
}

fn branches(function: &ScalarUDF) -> Option<&Branches> {
    let own: &dyn Any = function.inner().as_ref();
    own.downcast_ref::<Branches>()
}

/// The conditions of a call that stands for CASE; none of another.
pub(super) fn conditions(call: &mut ScalarFunction) -> Vec<&mut Expr> {
    if call.func.name() != CASE {
        return Vec::new();
    }
    let last = call.args.len() - call.args.len() % 2;
    call.args[..last].iter_mut().step_by(2).collect()
}

/// Whether an argument is a result, not a condition of CASE.
fn is_result(is_case: bool, index: usize, count: usize) -> bool {
    !is_case || index % 2 == 1 || index + 1 == count
}

/// The arguments of a call of which one is its result.
pub(super) fn results(call: &mut ScalarFunction) -> Vec<&mut Expr> {
    let (is_case, count) = (call.func.name() == CASE, call.args.len());
    let indexed = call.args.iter_mut().enumerate();
    indexed
        .filter(|(index, _)| is_result(is_case, *index, count))
        .map(|(_, arg)| arg)
        .collect()
}

/// The call as the engine has it, which keeps the type of its branches.
pub(super) fn settled(
    call: ScalarFunction,
    schema: &DFSchema,
    ctx: &Arc<StatementContext>,
) -> Result<Expr> {
    let Some(own) = branches(&call.func) else {
        return Ok(Expr::ScalarFunction(call));
    };
    let fields: Vec<FieldRef> = call
        .args
        .iter()
        .map(|arg| Ok(arg.to_field(schema)?.1))
        .collect::<Result<_>>()?;
    let literals: Vec<Option<&ScalarValue>> = call.args.iter().map(Expr::as_literal).collect();
    let field = own.result_field(&fields, &literals)?;
    let to = PgType::of_field(&field);
    let has_own_name = !field.metadata().is_empty();
    let types: Vec<PgType> = fields.iter().map(|field| PgType::of_field(field)).collect();
    let engine = Arc::clone(&own.inner);
    let plain = if own.is_case {
        case(call.args)
    } else if let ("greatest" | "least", true) = (engine.name(), is_over_intervals(&types)) {
        builtin::call(&format!("${}", engine.name()), call.args, ctx)?
    } else if engine.name() == "nullif" {
        nullif(&engine, call.args, &types, ctx)?
    } else {
        engine.call(call.args)
    };
    if !has_own_name {
        return Ok(plain);
    }
    Ok(relabelled(plain, Some(to)))
}

/// An expression under the name of another type of the same form; none for that which its
/// form has by itself.
pub(super) fn relabelled(expr: Expr, to: Option<PgType>) -> Expr {
    let relabel = Relabel {
        to,
        signature: Signature::any(1, Volatility::Immutable),
    };
    ScalarUDF::new_from_impl(relabel).call(vec![expr])
}

fn case(args: Vec<Expr>) -> Expr {
    let mut whens = Vec::with_capacity(args.len() / 2);
    let mut otherwise = None;
    let mut args = args.into_iter();
    while let Some(first) = args.next() {
        match args.next() {
            Some(then) => whens.push((Box::new(first), Box::new(then))),
            None => otherwise = Some(Box::new(first)),
        }
    }
    Expr::Case(Case::new(None, whens, otherwise))
}

fn is_over_intervals(types: &[PgType]) -> bool {
    types.iter().any(|t| t.oid == oid::INTERVAL)
}

/// NULLIF as a comparison, where the engine's own would compare what PostgreSQL converts first.
fn nullif(
    engine: &ScalarUDF,
    mut args: Vec<Expr>,
    types: &[PgType],
    ctx: &Arc<StatementContext>,
) -> Result<Expr> {
    let keys: Vec<Expr> = match (common_instant(types), types) {
        (Some(common), _) => args
            .iter()
            .map(|arg| cast_expr(arg.clone(), common, ctx))
            .collect(),
        (None, [left, right]) if left.oid == oid::INTERVAL && right.oid == oid::INTERVAL => args
            .iter()
            .map(|arg| builtin::call("$interval_key", vec![arg.clone()], ctx))
            .collect::<Result<_, _>>()?,
        _ => return Ok(engine.call(args)),
    };
    let Ok([left, right]) = <[Expr; 2]>::try_from(keys) else {
        return Ok(engine.call(args));
    };
    let equal = Box::new(binary_expr(left, Operator::Eq, right));
    let nothing = Box::new(Expr::Literal(ScalarValue::Null, None));
    let otherwise = Box::new(args.swap_remove(0));
    let case = Case::new(None, vec![(equal, nothing)], Some(otherwise));
    Ok(Expr::Case(case))
}

/// The type that all of several have, and of several kinds of text the first.
fn shared(types: &[PgType]) -> Option<PgType> {
    let (first, rest) = types.split_first()?;
    let is_varying = |t: &PgType| matches!(t.oid, oid::TEXT | oid::VARCHAR);
    let same_oid = rest.iter().all(|other| other.oid == first.oid) || types.iter().all(is_varying);
    let typmod = if rest.iter().all(|other| other.typmod == first.typmod) {
        first.typmod
    } else {
        -1
    };
    same_oid.then_some(PgType {
        oid: first.oid,
        typmod,
    })
}

impl Branches {
    /// What the result is, as far as the arguments tell.
    ///
    /// Errors: `42804` for branches that have nothing in common, `42883` for operands
    /// of NULLIF that cannot be compared.
    fn result_field(
        &self,
        fields: &[FieldRef],
        literals: &[Option<&ScalarValue>],
    ) -> Result<FieldRef> {
        let count = fields.len();
        let mut results: Vec<(&FieldRef, bool)> = fields
            .iter()
            .zip(literals)
            .enumerate()
            .filter(|(index, _)| is_result(self.is_case, *index, count))
            .map(|(_, (field, literal))| (field, is_untyped(field, *literal)))
            .collect();
        // PostgreSQL looks at ELSE first.
        if self.is_case && count % 2 == 1 {
            results.rotate_right(1);
        }
        let is_typed =
            |(field, untyped): &&(&FieldRef, bool)| !untyped && !field.data_type().is_null();
        let typed: Vec<&FieldRef> = results.iter().filter(is_typed).map(|(f, _)| *f).collect();
        let mut types: Vec<PgType> = typed.iter().map(|field| PgType::of_field(field)).collect();
        self.require_match(&types)?;
        if self.inner.name() == "nullif" && results.first().as_ref().is_some_and(is_typed) {
            types.truncate(1);
        }
        // A literal will take the type of what stands beside it.
        let alike: Vec<FieldRef> = results
            .iter()
            .map(|(field, untyped)| match typed.first() {
                Some(typed) if *untyped => Arc::clone(typed),
                _ => Arc::clone(field),
            })
            .collect();
        let is_date_or_time = types.first().is_some_and(|first| is_instant(*first));
        if is_date_or_time {
            let common = common_instant(&types).unwrap_or(PgType::new(types[0].oid));
            return Ok(Arc::new(common.field(self.name(), true)));
        }
        let coerced = fields_with_udf(&alike, self.inner.as_ref())?;
        let none = vec![None; coerced.len()];
        let field = self.inner.return_field_from_args(ReturnFieldArgs {
            arg_fields: &coerced,
            scalar_arguments: &none,
        })?;
        let metadata = shared(&types)
            .filter(|shared| shared.arrow_type() == *field.data_type())
            .map(PgType::metadata)
            .unwrap_or_default();
        let field = Field::new(self.name(), field.data_type().clone(), true);
        Ok(Arc::new(field.with_metadata(metadata)))
    }

    fn require_match(&self, types: &[PgType]) -> Result<(), SqlError> {
        if let ("nullif", [left, right]) = (self.inner.name(), types) {
            if cannot_match(*left, *right) {
                let (left, right) = (left.display(), right.display());
                return Err(SqlError::undefined_operator(&left, "=", &right));
            }
            return Ok(());
        }
        let what = if self.is_case {
            "CASE".to_owned()
        } else {
            self.inner.name().to_uppercase()
        };
        require_match(&what, types)
    }
}

/// The later kind of dates and times if there is more than one kind of them.
pub(super) fn common_instant(types: &[PgType]) -> Option<PgType> {
    let is_mixed = types.iter().any(|other| other.oid != types[0].oid);
    let all = types.iter().all(|t| is_instant(*t));
    (is_mixed && all).then(|| {
        let reduced = types.iter().copied().reduce(common_type);
        PgType::new(reduced.map_or(types[0].oid, |common| common.oid))
    })
}

fn is_instant(pg_type: PgType) -> bool {
    matches!(pg_type.oid, oid::DATE | oid::TIMESTAMP | oid::TIMESTAMPTZ)
}

fn is_untyped(field: &Field, literal: Option<&ScalarValue>) -> bool {
    let is_text = matches!(field.data_type(), DataType::Utf8 | DataType::Utf8View);
    literal.is_some() && is_text && field.metadata().is_empty()
}

impl ScalarUDFImpl for Branches {
    fn name(&self) -> &str {
        if self.is_case {
            CASE
        } else {
            self.inner.name()
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.result_field(args.arg_fields, args.scalar_arguments)
    }

    fn evaluate_bounds(&self, inputs: &[&Interval]) -> Result<Interval> {
        unbounded(self, inputs)
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(SqlError::internal("branches that were not settled").into())
    }
}

/// Its one argument, under the name of another type of the same form.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Relabel {
    to: Option<PgType>,
    signature: Signature,
}

impl Relabel {
    fn metadata(&self) -> HashMap<String, String> {
        self.to.map(PgType::metadata).unwrap_or_default()
    }
}

impl ScalarUDFImpl for Relabel {
    fn name(&self) -> &'static str {
        "$typed"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        Ok(arg_types[0].clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let from = &args.arg_fields[0];
        let field = Field::new(self.name(), from.data_type().clone(), from.is_nullable());
        Ok(Arc::new(field.with_metadata(self.metadata())))
    }

    fn evaluate_bounds(&self, inputs: &[&Interval]) -> Result<Interval> {
        match inputs {
            [input] => Ok((*input).clone()),
            _ => unbounded(self, inputs),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let value = args.args.into_iter().next();
        Ok(value.ok_or_else(|| SqlError::internal("a value was lost"))?)
    }

    /// A branch that remained of several has the name already.
    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let (_, from) = args[0].to_field(info.schema().as_ref())?;
        if from.metadata() != &self.metadata() {
            return Ok(ExprSimplifyResult::Original(args));
        }
        let only = args.into_iter().next();
        Ok(ExprSimplifyResult::Simplified(
            only.ok_or_else(|| SqlError::internal("a value was lost"))?,
        ))
    }
}
