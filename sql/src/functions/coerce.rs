//! Implicit casts of arguments to the parameters of the chosen signature.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, StringViewArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};

use super::call::Column;
use super::datetime;
use super::signature::Argument;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::types::{PgType, input, oid};

/// Casts an argument to a parameter's type; `target` came out of `signature::resolve`.
pub(super) fn to_parameter(
    column: Column,
    argument: Argument,
    target: PgType,
    context: &Arc<StatementContext>,
) -> Result<Column, SqlError> {
    let array = canonical(column.array)?;
    if let DataType::List(element) = array.data_type()
        && let DataType::List(_) = element.data_type()
    {
        let what = "a function of an array of several dimensions";
        return Err(SqlError::not_supported(what));
    }
    let array = if array.data_type().is_null() {
        new_null_array(&target.arrow_type(), array.len())
    } else if argument.is_unknown {
        from_unknown(array, target, context)?
    } else {
        convert(array, argument.pg_type, target, context)?
    };
    Ok(Column {
        array,
        is_constant: column.is_constant,
    })
}

/// Brings the variants that DataFusion's own operators give to the one Arrow
/// type per PostgreSQL type that kernels read.
pub(super) fn canonical(array: ArrayRef) -> Result<ArrayRef, SqlError> {
    let wanted = match array.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        DataType::Int8 | DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) => DataType::Decimal128(*p, *s),
        DataType::Decimal256(_, s) => DataType::Decimal128(38, *s),
        DataType::Date64 => DataType::Date32,
        DataType::Time32(_) | DataType::Time64(TimeUnit::Nanosecond) => {
            DataType::Time64(TimeUnit::Microsecond)
        }
        DataType::Timestamp(unit, zone)
            if *unit != TimeUnit::Microsecond || zone.as_deref().is_some_and(|z| z != "UTC") =>
        {
            let zone = zone.as_ref().map(|_| crate::types::UTC.into());
            DataType::Timestamp(TimeUnit::Microsecond, zone)
        }
        DataType::Duration(_) | DataType::Interval(_) => {
            DataType::Interval(arrow::datatypes::IntervalUnit::MonthDayNano)
        }
        DataType::Dictionary(_, value) => {
            let flat = cast(&array, value)?;
            return canonical(flat);
        }
        DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::LargeListView(element)
        | DataType::FixedSizeList(element, _) => DataType::List(Arc::clone(element)),
        _ => return Ok(array),
    };
    if array.data_type() == &wanted {
        Ok(array)
    } else {
        Ok(cast(&array, &wanted)?)
    }
}

fn from_unknown(
    array: ArrayRef,
    target: PgType,
    context: &StatementContext,
) -> Result<ArrayRef, SqlError> {
    let is_text = array.data_type() == &DataType::Utf8View;
    if target.oid == oid::TEXT && is_text {
        return Ok(array);
    }
    if is_text {
        return input::cast_text(&array, target, &context.input, false);
    }
    let wanted = target.arrow_type();
    if array.data_type() == &wanted {
        Ok(array)
    } else {
        Ok(cast(&array, &wanted)?)
    }
}

/// Casts between typed values.
pub(super) fn convert(
    array: ArrayRef,
    from: PgType,
    to: PgType,
    context: &StatementContext,
) -> Result<ArrayRef, SqlError> {
    if from.oid == oid::BPCHAR && to.oid != oid::BPCHAR {
        return Ok(without_padding(&array));
    }
    match (from.oid, to.oid) {
        (oid::DATE, oid::TIMESTAMPTZ) => {
            let local = cast(&array, &PgType::new(oid::TIMESTAMP).arrow_type())?;
            to_instant(&local, context)
        }
        (oid::TIMESTAMP, oid::TIMESTAMPTZ) => to_instant(&array, context),
        _ => same_type(array, to),
    }
}

/// Values of one PostgreSQL type may still differ in nested field names or scale.
fn same_type(array: ArrayRef, to: PgType) -> Result<ArrayRef, SqlError> {
    let wanted = to.arrow_type();
    let is_decimal = matches!(array.data_type(), DataType::Decimal128(_, _));
    let is_any_numeric = is_decimal && to.oid == oid::NUMERIC && to.typmod < 0;
    if array.data_type() == &wanted || is_any_numeric {
        return Ok(array);
    }
    if matches!(array.data_type(), DataType::Struct(_) | DataType::Map(_, _)) {
        return Ok(array);
    }
    Ok(cast(&array, &wanted)?)
}

/// char(n) loses its padding when it becomes text.
fn without_padding(array: &ArrayRef) -> ArrayRef {
    match array.as_any().downcast_ref::<StringViewArray>() {
        Some(texts) => {
            let trimmed: StringViewArray = texts
                .iter()
                .map(|text| text.map(|text| text.trim_end_matches(' ')))
                .collect();
            Arc::new(trimmed)
        }
        None => Arc::clone(array),
    }
}

/// Reads local times in the session's zone.
fn to_instant(array: &ArrayRef, context: &StatementContext) -> Result<ArrayRef, SqlError> {
    let local = cast(array, &DataType::Int64)?;
    let local: &Int64Array = super::kinds::primitive(&local)?;
    let zone = context.style.time_zone;
    let instants: Int64Array = local.try_unary(|micros| datetime::to_utc(zone, micros))?;
    let instants = arrow::array::make_array(
        instants
            .to_data()
            .into_builder()
            .data_type(PgType::new(oid::TIMESTAMPTZ).arrow_type())
            .build()?,
    );
    Ok(instants)
}
