//! Aggregates that need all values of a group: `string_agg`, `array_agg`,
//! `mode`, `percentile_disc`, `percentile_cont`, `json_agg`; and `single_value`.
//!
//! Invariants:
//! - A group's rows are put in the order asked for when its answer is made, so
//!   the order in which partial states arrive does not matter.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result;
use datafusion::functions_aggregate::bool_and_or::bool_and_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature, TypeSignature,
    Volatility,
};

use super::adapter::result_field;
use super::signature::{Argument, Signature as PgSignature, resolve};
use crate::context::StatementContext;
use crate::types::PgType;

mod collect;
mod finish;
mod percentile;
mod single;
#[cfg(test)]
mod tests;

use finish::Finish;

/// The aggregate of this name, bound to a statement.
pub(super) fn aggregate(name: &str, context: &Arc<StatementContext>) -> Option<Arc<AggregateUDF>> {
    match name {
        "every" => return Some(bool_and_udaf()),
        "single_value" => {
            return Some(Arc::new(AggregateUDF::new_from_impl(single::Single::new())));
        }
        _ => {}
    }
    let (signatures, finish): (&[&str], Finish) = match name {
        "string_agg" | "listagg" => (
            &[
                "string_agg(text, text) -> text",
                "string_agg(bytea, bytea) -> bytea",
                "listagg(text) -> text",
            ],
            Finish::Joined,
        ),
        "array_agg" => (&["array_agg(anyelement) -> anyarray"], Finish::Items),
        "mode" => (&["mode(anyelement) -> anyelement"], Finish::Mode),
        "median" => (
            &[
                "median(numeric) -> numeric",
                "median(float8) -> float8",
                "median(timestamptz) -> timestamptz",
                "median(timestamp) -> timestamp",
                "median(date) -> date",
            ],
            Finish::Median,
        ),
        "percentile_disc" => (
            &[
                "percentile_disc(anyelement, float8) -> anyelement",
                "percentile_disc(anyelement, _float8) -> anyarray",
            ],
            Finish::Percentile,
        ),
        "percentile_cont" => (
            &[
                "percentile_cont(float8, float8) -> float8",
                "percentile_cont(float8, _float8) -> _float8",
                "percentile_cont(interval, float8) -> interval",
                "percentile_cont(interval, _float8) -> _interval",
            ],
            Finish::Continuous,
        ),
        "json_agg" => (&["json_agg(any) -> json"], Finish::JsonArray),
        "jsonb_agg" => (&["jsonb_agg(any) -> jsonb"], Finish::JsonArray),
        "json_object_agg" => (&["json_object_agg(any, any) -> json"], Finish::JsonObject),
        "jsonb_object_agg" => (&["jsonb_object_agg(any, any) -> jsonb"], Finish::JsonObject),
        _ => return None,
    };
    Some(Arc::new(AggregateUDF::new_from_impl(Collector {
        name: name.to_owned(),
        overloads: signatures
            .iter()
            .map(|text| PgSignature::parse(text))
            .collect(),
        finish,
        context: Arc::clone(context),
        signature: Signature::new(TypeSignature::UserDefined, Volatility::Immutable),
    })))
}

/// An aggregate that keeps the rows of a group until the end.
struct Collector {
    name: String,
    overloads: Vec<PgSignature>,
    finish: Finish,
    context: Arc<StatementContext>,
    signature: Signature,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Collector {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.context, &other.context)
    }
}

impl Eq for Collector {}

impl Hash for Collector {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// Arguments as resolution sees them. The fields do not tell literals from
/// columns, so plain Utf8 counts as a literal.
fn arguments(fields: &[FieldRef]) -> Vec<Argument> {
    let argument =
        |field: &FieldRef| Argument::new(PgType::of_field(field), field.data_type(), true);
    fields.iter().map(argument).collect()
}

impl AggregateUDFImpl for Collector {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(arg_types.to_vec())
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let fields: Vec<FieldRef> = arg_types
            .iter()
            .map(|data_type| Arc::new(Field::new("argument", data_type.clone(), true)))
            .collect();
        Ok(self.return_field(&fields)?.data_type().clone())
    }

    fn return_field(&self, arg_fields: &[FieldRef]) -> Result<FieldRef> {
        let arguments = arguments(arg_fields);
        let resolution = resolve(&self.name, self.overloads.iter(), &arguments)?;
        // The type `record` does not tell the fields of rows.
        if let (Finish::Items, [row]) = (self.finish, arg_fields)
            && matches!(row.data_type(), DataType::Struct(_))
        {
            let element = Field::new("item", row.data_type().clone(), true);
            return Ok(Arc::new(Field::new_list(&self.name, element, true)));
        }
        Ok(Arc::new(result_field(&self.name, resolution.result)))
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let arguments = arguments(args.expr_fields);
        let resolution = resolve(&self.name, self.overloads.iter(), &arguments)?;
        let mut column_types: Vec<DataType> = args
            .expr_fields
            .iter()
            .map(|field| field.data_type().clone())
            .collect();
        for order in args.order_bys {
            column_types.push(order.expr.data_type(args.schema)?);
        }
        Ok(Box::new(collect::Collected::new(collect::Plan {
            arguments,
            parameters: resolution.parameters,
            column_types,
            orders: args.order_bys.iter().map(|order| order.options).collect(),
            is_distinct: args.is_distinct,
            result: PgType::of_field(&args.return_field),
            data_type: args.return_field.data_type().clone(),
            finish: self.finish,
            context: Arc::clone(&self.context),
        })))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let inputs = args.input_fields.iter().chain(args.ordering_fields);
        let list = |(index, field): (usize, &FieldRef)| {
            let element = Field::new("item", field.data_type().clone(), true);
            let name = format_state_name(args.name, &format!("values_{index}"));
            Arc::new(Field::new(name, DataType::List(Arc::new(element)), true))
        };
        Ok(inputs.enumerate().map(list).collect())
    }

    /// Sorts for itself, so an input in order changes nothing.
    fn with_beneficial_ordering(
        self: Arc<Self>,
        _beneficial_ordering: bool,
    ) -> Result<Option<Arc<dyn AggregateUDFImpl>>> {
        Ok(Some(self))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::SoftRequirement
    }

    fn supports_within_group_clause(&self) -> bool {
        matches!(
            self.finish,
            Finish::Mode | Finish::Percentile | Finish::Continuous
        )
    }

    fn supports_null_handling_clause(&self) -> bool {
        false
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs<'_>) -> bool {
        false
    }

    fn create_groups_accumulator(
        &self,
        _: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        datafusion::common::not_impl_err!("{} by groups", self.name)
    }
}
