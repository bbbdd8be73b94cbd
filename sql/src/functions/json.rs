//! Functions of json and jsonb.
//!
//! Both are held as text; jsonb in one normal form, so a part of it is in that
//! form too. Reading a part cuts it out of the text without building values.

use arrow::array::{Array, ArrayRef};

use super::Registry;
use super::call::{Call, Output, map1, map2};
use super::kinds::{Int4, Items, List, Text};
use super::text::all_texts;
use crate::error::SqlError;
use crate::types::oid;

mod build;
pub(super) mod encode;
mod jsonb;
mod order;
mod redshift;
mod span;

/// Adds the functions of this folder.
pub(super) fn register(registry: &mut Registry) {
    for kind in ["json", "jsonb"] {
        members(registry, kind);
        paths(registry, kind);
        shapes(registry, kind);
        sets(registry, kind);
    }
    build::register(registry);
    jsonb::register(registry);
    order::register(registry);
    redshift::register(registry);
}

fn members(registry: &mut Registry, kind: &str) {
    for name in ["json_get".to_owned(), format!("{kind}_object_field")] {
        registry.add(&format!("{name}({kind}, text) -> {kind}"), |call| {
            map2::<Text, Text, _>(call, |document, key| Ok(span::member(document, key)))
        });
    }
    for name in ["json_get".to_owned(), format!("{kind}_array_element")] {
        registry.add(&format!("{name}({kind}, int4) -> {kind}"), |call| {
            map2::<Text, Int4, _>(call, |document, index| Ok(element(call, document, index)))
        });
    }
    for name in [
        "json_get_text".to_owned(),
        format!("{kind}_object_field_text"),
    ] {
        registry.add(&format!("{name}({kind}, text) -> text"), |call| {
            map2::<Text, Text, _>(call, |document, key| as_text(span::member(document, key)))
        });
    }
    for name in [
        "json_get_text".to_owned(),
        format!("{kind}_array_element_text"),
    ] {
        registry.add(&format!("{name}({kind}, int4) -> text"), |call| {
            map2::<Text, Int4, _>(call, |document, index| {
                as_text(element(call, document, index))
            })
        });
    }
}

/// An element of an array. PostgreSQL keeps a jsonb that is one value as an array of it.
fn element<'a>(call: &Call<'_>, document: &'a str, index: i32) -> Option<&'a str> {
    let is_jsonb = call.types.first().is_some_and(|t| t.oid == oid::JSONB);
    let is_container = matches!(span::type_name(document), "array" | "object");
    if is_jsonb && !is_container {
        return matches!(index, 0 | -1).then_some(document);
    }
    span::element(document, index.into())
}

fn as_text(part: Option<&str>) -> Result<Option<std::borrow::Cow<'_, str>>, SqlError> {
    part.map_or(Ok(None), span::text)
}

fn paths(registry: &mut Registry, kind: &str) {
    registry.add(&format!("json_path({kind}, _text) -> {kind}"), |call| {
        map2::<Text, List, _>(call, |document, steps| {
            Ok(walk(document, &strings(&steps)?))
        })
    });
    registry.add(&format!("json_path_text({kind}, _text) -> text"), |call| {
        map2::<Text, List, _>(call, |document, steps| {
            as_text(walk(document, &strings(&steps)?))
        })
    });
    registry.add(
        &format!("{kind}_extract_path({kind}, variadic text) -> {kind}"),
        |call| extract_path(call, |part| Ok(part.map(str::to_owned))),
    );
    registry.add(
        &format!("{kind}_extract_path_text({kind}, variadic text) -> text"),
        |call| {
            extract_path(call, |part| {
                Ok(as_text(part)?.map(std::borrow::Cow::into_owned))
            })
        },
    );
}

fn extract_path(
    call: &Call<'_>,
    finish: impl Fn(Option<&str>) -> Result<Option<String>, SqlError>,
) -> Result<ArrayRef, SqlError> {
    let documents = call.reader::<Text>(0)?;
    let steps = all_texts(call, 1, call.columns.len() - 1)?;
    call.rows(|row| {
        let Some(document) = documents.value(row) else {
            return Ok(None);
        };
        let steps: Vec<Option<String>> = steps
            .iter()
            .map(|step| step.value(row).map(str::to_owned))
            .collect();
        finish(walk(document, &steps))
    })
}

/// Elements of a text array.
fn strings(array: &ArrayRef) -> Result<Vec<Option<String>>, SqlError> {
    let texts = array
        .as_any()
        .downcast_ref::<arrow::array::StringViewArray>()
        .ok_or_else(|| SqlError::internal("a path is no text array"))?;
    Ok(texts.iter().map(|text| text.map(str::to_owned)).collect())
}

/// Follows a path of keys and positions; NULL steps lead nowhere.
fn walk<'a>(document: &'a str, steps: &[Option<String>]) -> Option<&'a str> {
    let mut current = document.trim();
    for step in steps {
        let step = step.as_deref()?;
        current = match current.as_bytes().first() {
            Some(b'{') => span::member(current, step)?,
            Some(b'[') => span::element(current, step.trim().parse().ok()?)?,
            _ => return None,
        };
    }
    Some(current)
}

fn shapes(registry: &mut Registry, kind: &str) {
    registry.add(&format!("{kind}_typeof({kind}) -> text"), |call| {
        map1::<Text, _>(call, |document| Ok(span::type_name(document)))
    });
    registry.add(&format!("{kind}_array_length({kind}) -> int4"), |call| {
        map1::<Text, _>(call, array_length)
    });
}

fn array_length(document: &str) -> Result<i32, SqlError> {
    match span::type_name(document) {
        "array" => {}
        "object" => {
            return Err(SqlError::invalid_parameter(
                "cannot get array length of a non-array",
            ));
        }
        _ => {
            return Err(SqlError::invalid_parameter(
                "cannot get array length of a scalar",
            ));
        }
    }
    i32::try_from(span::elements(document).count()).map_err(|_| SqlError::out_of_range("integer"))
}

/// Set-returning functions, as one array per row; the planner unnests them.
fn sets(registry: &mut Registry, kind: &str) {
    registry.add(
        &format!("{kind}_array_elements_array({kind}) -> _{kind}"),
        |call| items(call, |part| Ok(part.to_owned())),
    );
    registry.add(
        &format!("{kind}_array_elements_text_array({kind}) -> _text"),
        |call| {
            items(call, |part| {
                Ok(span::text(part)?.map(std::borrow::Cow::into_owned))
            })
        },
    );
    registry.add(
        &format!("{kind}_object_keys_array({kind}) -> _text"),
        |call| {
            map1::<Text, _>(call, |document| {
                if span::type_name(document) != "object" {
                    let kind = if span::type_name(document) == "array" {
                        "an array"
                    } else {
                        "a scalar"
                    };
                    return Err(SqlError::invalid_parameter(format!(
                        "cannot call {}_object_keys on {kind}",
                        if call.name.starts_with("jsonb") {
                            "jsonb"
                        } else {
                            "json"
                        }
                    )));
                }
                let keys: Result<Vec<String>, SqlError> = span::members(document)
                    .map(|(key, _)| span::decode(key))
                    .collect();
                keys.map(Items)
            })
        },
    );
}

fn items<O: Output>(
    call: &Call<'_>,
    item: impl Fn(&str) -> Result<O, SqlError>,
) -> Result<ArrayRef, SqlError> {
    map1::<Text, _>(call, |document| {
        match span::type_name(document) {
            "array" => {}
            "object" => {
                return Err(SqlError::invalid_parameter(
                    "cannot extract elements from an object",
                ));
            }
            _ => {
                return Err(SqlError::invalid_parameter(
                    "cannot extract elements from a scalar",
                ));
            }
        }
        let items: Result<Vec<O>, SqlError> = span::elements(document).map(&item).collect();
        items.map(Items)
    })
}
