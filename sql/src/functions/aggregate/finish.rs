//! What is made of the rows of a group, in order.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryViewArray, ListArray, StringViewArray, make_comparator};
use arrow::buffer::OffsetBuffer;
use arrow::compute::SortOptions;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

use super::collect::Plan;
use super::percentile;
use crate::error::SqlError;
use crate::functions::array;
use crate::functions::json::encode::Encoder;

/// The last step of an aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    /// `string_agg`
    Joined,
    /// `array_agg`
    Items,
    /// The value that is there most often.
    Mode,
    /// The first value whose position reaches a fraction.
    Percentile,
    /// The value at a fraction of the way, between two rows if need be.
    Continuous,
    /// Redshift's `median`: the middle value, or half way between the middle two.
    Median,
    /// `json_agg`
    JsonArray,
    /// `json_object_agg`
    JsonObject,
}

impl Finish {
    /// Whether rows must come ordered by the first argument.
    pub(super) fn orders_by_value(self) -> bool {
        matches!(
            self,
            Self::Mode | Self::Percentile | Self::Continuous | Self::Median
        )
    }

    /// `inputs`: the arguments, all of one length, not empty.
    pub(super) fn run(self, inputs: &[ArrayRef], plan: &Plan) -> Result<ScalarValue, SqlError> {
        match self {
            Self::Joined => joined(inputs),
            Self::Items => items(&inputs[0], &plan.data_type),
            Self::Mode => mode(&inputs[0]),
            Self::Percentile => percentile::discrete(inputs, &plan.data_type),
            Self::Continuous => percentile::continuous(inputs, &plan.data_type),
            Self::Median => median(&inputs[0], &plan.data_type),
            Self::JsonArray => json_array(inputs, plan),
            Self::JsonObject => json_object(inputs, plan),
        }
    }
}

fn joined(inputs: &[ArrayRef]) -> Result<ScalarValue, SqlError> {
    if let Some(bytes) = inputs[0].as_any().downcast_ref::<BinaryViewArray>() {
        let delimiters = inputs
            .get(1)
            .and_then(|array| array.as_any().downcast_ref());
        return Ok(joined_bytes(bytes, delimiters));
    }
    let texts = texts(&inputs[0])?;
    let delimiters = inputs.get(1).map(texts_of).transpose()?;
    let mut out: Option<String> = None;
    for row in 0..texts.len() {
        if texts.is_null(row) {
            continue;
        }
        match &mut out {
            None => out = Some(texts.value(row).to_owned()),
            Some(joined) => {
                if let Some(delimiters) = delimiters.filter(|array| array.is_valid(row)) {
                    joined.push_str(delimiters.value(row));
                }
                joined.push_str(texts.value(row));
            }
        }
        if out
            .as_ref()
            .is_some_and(|joined| joined.len() > crate::functions::text::TEXT_BYTES_MAX)
        {
            return Err(SqlError::requested_length_too_large());
        }
    }
    Ok(ScalarValue::Utf8View(out))
}

fn joined_bytes(bytes: &BinaryViewArray, delimiters: Option<&BinaryViewArray>) -> ScalarValue {
    let mut out: Option<Vec<u8>> = None;
    for row in 0..bytes.len() {
        if bytes.is_null(row) {
            continue;
        }
        match &mut out {
            None => out = Some(bytes.value(row).to_vec()),
            Some(joined) => {
                if let Some(delimiters) = delimiters.filter(|array| array.is_valid(row)) {
                    joined.extend_from_slice(delimiters.value(row));
                }
                joined.extend_from_slice(bytes.value(row));
            }
        }
    }
    ScalarValue::BinaryView(out)
}

fn texts(array: &ArrayRef) -> Result<&StringViewArray, SqlError> {
    array
        .as_any()
        .downcast_ref()
        .ok_or_else(|| SqlError::internal("an aggregate's argument is no text"))
}

fn texts_of(array: &ArrayRef) -> Result<&StringViewArray, SqlError> {
    texts(array)
}

fn items(values: &ArrayRef, data_type: &DataType) -> Result<ScalarValue, SqlError> {
    let DataType::List(element) = data_type else {
        return Err(SqlError::internal("array_agg returns an array"));
    };
    let values = arrow::compute::cast(values, element.data_type())?;
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    let list = ListArray::try_new(Arc::clone(element), offsets, values, None)?;
    Ok(ScalarValue::List(Arc::new(list)))
}

/// Rows of the first input that are not NULL, in order.
pub(super) fn present(values: &ArrayRef) -> Vec<usize> {
    (0..values.len())
        .filter(|row| values.is_valid(*row))
        .collect()
}

/// Equal values are neighbours; the first of the longest run wins.
fn mode(values: &ArrayRef) -> Result<ScalarValue, SqlError> {
    let rows = present(values);
    let keys = array::comparable(values)?;
    let compare = make_comparator(&keys, &keys, SortOptions::default())?;
    let mut best: Option<(usize, usize)> = None;
    let mut start = 0;
    for end in 1..=rows.len() {
        let is_run_over = end == rows.len() || compare(rows[start], rows[end]).is_ne();
        if is_run_over {
            if best.is_none_or(|(_, length)| end - start > length) {
                best = Some((rows[start], end - start));
            }
            start = end;
        }
    }
    match best {
        Some((row, _)) => Ok(ScalarValue::try_from_array(values, row)?),
        None => Ok(ScalarValue::try_from(values.data_type())?),
    }
}

fn median(values: &ArrayRef, data_type: &DataType) -> Result<ScalarValue, SqlError> {
    let values = arrow::compute::cast(values, data_type)?;
    let rows = present(&values);
    let Some(last) = rows.len().checked_sub(1) else {
        return Ok(ScalarValue::try_from(data_type)?);
    };
    let low = ScalarValue::try_from_array(&values, rows[last / 2])?;
    let high = ScalarValue::try_from_array(&values, rows[last.div_ceil(2)])?;
    Ok(match (low, high) {
        (ScalarValue::Float64(Some(low)), ScalarValue::Float64(Some(high))) => {
            ScalarValue::Float64(Some(low + (high - low) / 2.0))
        }
        (ScalarValue::Decimal128(Some(low), p, s), ScalarValue::Decimal128(Some(high), _, _)) => {
            ScalarValue::Decimal128(Some(low + (high - low) / 2), p, s)
        }
        (
            ScalarValue::TimestampMicrosecond(Some(low), zone),
            ScalarValue::TimestampMicrosecond(Some(high), _),
        ) => {
            let middle = low.saturating_add(high.saturating_sub(low) / 2);
            ScalarValue::TimestampMicrosecond(Some(middle), zone)
        }
        (low, _) => low,
    })
}

fn json_array(inputs: &[ArrayRef], plan: &Plan) -> Result<ScalarValue, SqlError> {
    let values = Encoder::open(&inputs[0], plan.parameters[0], &plan.context)?;
    let element = plan.parameters[0];
    let is_structured = element.oid == crate::types::oid::RECORD || element.element().is_some();
    let mut out = String::from("[");
    for row in 0..inputs[0].len() {
        if row > 0 {
            out.push_str(", ");
            // As PostgreSQL lays out what has parts itself.
            if is_structured && inputs[0].is_valid(row) {
                out.push_str("\n ");
            }
        }
        values.write(&mut out, row)?;
    }
    out.push(']');
    finished(out, plan)
}

fn json_object(inputs: &[ArrayRef], plan: &Plan) -> Result<ScalarValue, SqlError> {
    let keys = Encoder::open(&inputs[0], plan.parameters[0], &plan.context)?;
    let values = Encoder::open(&inputs[1], plan.parameters[1], &plan.context)?;
    let mut out = String::from("{ ");
    for row in 0..inputs[0].len() {
        if row > 0 {
            out.push_str(", ");
        }
        keys.write_key(&mut out, row)?;
        out.push_str(" : ");
        values.write(&mut out, row)?;
    }
    out.push_str(" }");
    finished(out, plan)
}

/// jsonb has one form of its text; json keeps what was written.
fn finished(text: String, plan: &Plan) -> Result<ScalarValue, SqlError> {
    let text = if plan.result.oid == crate::types::oid::JSONB {
        crate::types::json::normalize(&text)?
    } else {
        text
    };
    Ok(ScalarValue::Utf8View(Some(text)))
}
