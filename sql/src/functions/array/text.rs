//! Between arrays and text: `array_to_string`, `string_to_array`.

use arrow::array::{Array, ArrayRef};

use super::{list, range};
use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::Call;
use crate::functions::kinds::{Items, Text};
use crate::types::{PgType, oid, output};

pub(super) fn register(registry: &mut Registry) {
    registry
        .add("array_to_string(anyarray, text) -> text", to_text)
        .stable();
    registry
        .add("array_to_string(anyarray, text, text) -> text", to_text)
        .stable();
    registry.add("string_to_array(text, text) -> _text", from_text);
    registry.add("string_to_array(text, text, text) -> _text", from_text);
    registry.alias("split_to_array", "string_to_array");
}

fn to_text(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let column = call.column(0)?;
    let lists = list(column, call)?;
    let element = call.types[0].element().unwrap_or(PgType::new(oid::TEXT));
    let texts = output::to_text_array(lists.values(), element, &call.context.style)?;
    let delimiters = call.reader::<Text>(1)?;
    let null_texts = call.optional::<Text>(2)?;
    call.rows(|row| {
        let (Some(range), Some(delimiter)) = (range(lists, column, row), delimiters.value(row))
        else {
            return Ok(None);
        };
        let null_text = null_texts.as_ref().and_then(|reader| reader.value(row));
        let parts: Vec<&str> = range
            .filter_map(|index| {
                if texts.is_valid(index) {
                    Some(texts.value(index))
                } else {
                    null_text
                }
            })
            .collect();
        Ok(Some(parts.join(delimiter)))
    })
}

fn from_text(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let (texts, delimiters) = (call.reader::<Text>(0)?, call.reader::<Text>(1)?);
    let null_texts = call.optional::<Text>(2)?;
    call.rows(|row| {
        let Some(text) = texts.value(row) else {
            return Ok(None);
        };
        let null_text = null_texts.as_ref().and_then(|reader| reader.value(row));
        let element = |part: String| (null_text != Some(part.as_str())).then_some(part);
        let parts: Vec<Option<String>> = match delimiters.value(row) {
            _ if text.is_empty() => Vec::new(),
            None => text.chars().map(|c| element(c.to_string())).collect(),
            Some("") => vec![element(text.to_owned())],
            Some(delimiter) => text
                .split(delimiter)
                .map(|part| element(part.to_owned()))
                .collect(),
        };
        Ok(Some(Items(parts)))
    })
}
