//! Redshift's functions of JSON in text: what is missing is empty, not NULL.

use arrow::array::ArrayRef;

use super::{array_length, span, walk};
use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::{Call, map1, map2, map3};
use crate::functions::kinds::{Bool, Int4, Text};
use crate::functions::text::all_texts;
use crate::types::json;

/// Most keys that a path may have.
const PATH_KEYS_MAX: usize = 5;

pub(super) fn register(registry: &mut Registry) {
    for count in 1..=PATH_KEYS_MAX {
        let keys = vec!["text"; count].join(", ");
        registry.add(
            &format!("json_extract_path_text(text, {keys}) -> text"),
            |call| extract_path(call, false),
        );
        registry.add(
            &format!("json_extract_path_text(text, {keys}, bool) -> text"),
            |call| extract_path(call, true),
        );
    }
    registry.add(
        "json_extract_array_element_text(text, int4) -> text",
        |call| {
            map2::<Text, Int4, _>(call, |document, index| {
                array_element(document, index, false)
            })
        },
    );
    registry.add(
        "json_extract_array_element_text(text, int4, bool) -> text",
        |call| map3::<Text, Int4, Bool, _>(call, array_element),
    );
    registry.add("json_array_length(text) -> int4", |call| {
        map1::<Text, _>(call, |document| checked_length(document, false))
    });
    registry.add("json_array_length(text, bool) -> int4", |call| {
        map2::<Text, Bool, _>(call, checked_length)
    });
    for name in ["is_valid_json", "can_json_parse"] {
        registry.add(&format!("{name}(text) -> bool"), |call| {
            map1::<Text, _>(call, |document| Ok(json::validate(document).is_ok()))
        });
    }
    registry.add("is_valid_json_array(text) -> bool", |call| {
        map1::<Text, _>(call, |document| {
            Ok(json::validate(document).is_ok() && span::type_name(document) == "array")
        })
    });
    registry.add("json_parse(text) -> jsonb", |call| {
        map1::<Text, _>(call, json::normalize)
    });
    for kind in ["jsonb", "json"] {
        registry.add(&format!("json_serialize({kind}) -> text"), |call| {
            map1::<Text, _>(call, Ok)
        });
    }
}

fn invalid_document(document: &str) -> SqlError {
    SqlError::invalid_data("JSON parsing error").with_detail(format!("The text is \"{document}\"."))
}

fn extract_path(call: &Call<'_>, has_flag: bool) -> Result<ArrayRef, SqlError> {
    let documents = call.reader::<Text>(0)?;
    let key_count = call.columns.len() - 1 - usize::from(has_flag);
    let keys = all_texts(call, 1, key_count)?;
    let flags = if has_flag {
        Some(call.reader::<Bool>(key_count + 1)?)
    } else {
        None
    };
    call.rows(|row| {
        let Some(document) = documents.value(row) else {
            return Ok(None);
        };
        let null_if_invalid = flags
            .as_ref()
            .and_then(|flag| flag.value(row))
            .unwrap_or(false);
        if json::validate(document).is_err() {
            return if null_if_invalid {
                Ok(None)
            } else {
                Err(invalid_document(document))
            };
        }
        let steps: Vec<Option<String>> = keys
            .iter()
            .map(|key| key.value(row).map(str::to_owned))
            .collect();
        let found = match walk(document, &steps) {
            Some(part) => span::text(part)?.map(std::borrow::Cow::into_owned),
            None => None,
        };
        Ok(Some(found.unwrap_or_default()))
    })
}

fn array_element(
    document: &str,
    index: i32,
    null_if_invalid: bool,
) -> Result<Option<String>, SqlError> {
    let is_array = json::validate(document).is_ok() && span::type_name(document) == "array";
    if !is_array {
        return if null_if_invalid {
            Ok(None)
        } else {
            Err(invalid_document(document))
        };
    }
    let found = span::element(document, index.into()).filter(|_| index >= 0);
    let text = found.map_or(Ok(None), span::text)?;
    Ok(Some(
        text.map(std::borrow::Cow::into_owned).unwrap_or_default(),
    ))
}

fn checked_length(document: &str, null_if_invalid: bool) -> Result<Option<i32>, SqlError> {
    let is_array = json::validate(document).is_ok() && span::type_name(document) == "array";
    if !is_array {
        return if null_if_invalid {
            Ok(None)
        } else {
            Err(invalid_document(document))
        };
    }
    array_length(document).map(Some)
}
