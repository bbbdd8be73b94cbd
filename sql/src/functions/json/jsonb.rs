//! Operators and changes of jsonb.

use std::borrow::Cow;

use arrow::array::{Array, ArrayRef};

use super::{span, strings};
use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::{Call, map1, map2};
use crate::functions::kinds::{Bool, Int4, List, Text};
use crate::types::json::{self, Value};

pub(super) fn register(registry: &mut Registry) {
    registry.add("jsonb_contains(jsonb, jsonb) -> bool", |call| {
        map2::<Text, Text, _>(call, contains_document)
    });
    registry.add("jsonb_contained(jsonb, jsonb) -> bool", |call| {
        map2::<Text, Text, _>(call, |part, whole| contains_document(whole, part))
    });
    registry.add("jsonb_exists(jsonb, text) -> bool", |call| {
        map2::<Text, Text, _>(call, exists)
    });
    registry.add("jsonb_exists_any(jsonb, _text) -> bool", |call| {
        map2::<Text, List, _>(call, |document, keys| {
            for key in strings(&keys)?.iter().flatten() {
                if exists(document, key)? {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    });
    registry.add("jsonb_exists_all(jsonb, _text) -> bool", |call| {
        map2::<Text, List, _>(call, |document, keys| {
            for key in strings(&keys)?.iter().flatten() {
                if !exists(document, key)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    });
    registry.add("jsonb_concat(jsonb, jsonb) -> jsonb", |call| {
        map2::<Text, Text, _>(call, |left, right| {
            shown(concat(json::parse(left)?, json::parse(right)?))
        })
    });
    deletions(registry);
    changes(registry);
    registry.add("jsonb_strip_nulls(jsonb) -> jsonb", |call| {
        map1::<Text, _>(call, |document| shown(strip_nulls(json::parse(document)?)))
    });
    registry.add("json_strip_nulls(json) -> json", |call| {
        map1::<Text, _>(call, |document| {
            let mut out = String::new();
            compact(&mut out, &strip_nulls(json::parse(document)?));
            Ok(out)
        })
    });
    registry.add("jsonb_pretty(jsonb) -> text", |call| {
        map1::<Text, _>(call, |document| {
            let mut out = String::new();
            pretty(&mut out, json::parse(document)?, 0)?;
            Ok(out)
        })
    });
}

fn shown(value: Value<'_>) -> Result<String, SqlError> {
    let mut out = String::new();
    json::write(&mut out, value)?;
    Ok(out)
}

fn contains_document(whole: &str, part: &str) -> Result<bool, SqlError> {
    let (whole, part) = (json::parse(whole)?, json::parse(part)?);
    if let (
        Value::Array(items),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_),
    ) = (&whole, &part)
    {
        return Ok(items.iter().any(|item| contains(item, &part)));
    }
    Ok(contains(&whole, &part))
}

/// Whether every member or element of `part` is somewhere in `whole`.
fn contains(whole: &Value<'_>, part: &Value<'_>) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part.iter().all(|(key, wanted)| {
            whole
                .iter()
                .any(|(name, value)| name == key && contains(value, wanted))
        }),
        (Value::Array(whole), Value::Array(part)) => part
            .iter()
            .all(|wanted| whole.iter().any(|item| contains(item, wanted))),
        (Value::Null, Value::Null) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::String(left), Value::String(right)) => left == right,
        (Value::Number(left), Value::Number(right)) => number_key(left) == number_key(right),
        _ => false,
    }
}

/// Numbers are equal whatever zeros end them; jsonb writes no exponents.
fn number_key(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

fn exists(document: &str, key: &str) -> Result<bool, SqlError> {
    match span::type_name(document) {
        "object" => Ok(span::member(document, key).is_some()),
        "array" => {
            for element in span::elements(document) {
                if element.starts_with('"') && span::text(element)?.is_some_and(|text| text == key)
                {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        "string" => Ok(span::text(document)?.is_some_and(|text| text == key)),
        _ => Ok(false),
    }
}

fn concat<'a>(left: Value<'a>, right: Value<'a>) -> Value<'a> {
    match (left, right) {
        (Value::Object(mut members), Value::Object(more)) => {
            members.extend(more);
            Value::Object(members)
        }
        (Value::Array(mut items), Value::Array(more)) => {
            items.extend(more);
            Value::Array(items)
        }
        (Value::Array(mut items), other) => {
            items.push(other);
            Value::Array(items)
        }
        (other, Value::Array(mut items)) => {
            items.insert(0, other);
            Value::Array(items)
        }
        (left, right) => Value::Array(vec![left, right]),
    }
}

fn deletions(registry: &mut Registry) {
    registry.add("jsonb_delete(jsonb, text) -> jsonb", |call| {
        map2::<Text, Text, _>(call, |document, key| {
            shown(without_keys(
                json::parse(document)?,
                &[Some(key.to_owned())],
            )?)
        })
    });
    registry.add("jsonb_delete(jsonb, _text) -> jsonb", |call| {
        map2::<Text, List, _>(call, |document, keys| {
            shown(without_keys(json::parse(document)?, &strings(&keys)?)?)
        })
    });
    registry.add("jsonb_delete(jsonb, int4) -> jsonb", |call| {
        map2::<Text, Int4, _>(call, |document, index| match json::parse(document)? {
            Value::Array(mut items) => {
                if let Some(index) = position(i64::from(index), items.len()) {
                    items.remove(index);
                }
                shown(Value::Array(items))
            }
            Value::Object(_) => Err(SqlError::invalid_parameter(
                "cannot delete from object using integer index",
            )),
            _ => Err(SqlError::invalid_parameter("cannot delete from scalar")),
        })
    });
    registry.add("jsonb_delete_path(jsonb, _text) -> jsonb", |call| {
        map2::<Text, List, _>(call, |document, path| {
            let path = strings(&path)?;
            let mut value = json::parse(document)?;
            change(&mut value, &path, &Change::Delete)?;
            shown(value)
        })
    });
}

fn without_keys<'a>(value: Value<'a>, keys: &[Option<String>]) -> Result<Value<'a>, SqlError> {
    let is_named = |name: &str| keys.iter().flatten().any(|key| key == name);
    match value {
        Value::Object(mut members) => {
            members.retain(|(name, _)| !is_named(name));
            Ok(Value::Object(members))
        }
        Value::Array(mut items) => {
            items.retain(|item| !matches!(item, Value::String(text) if is_named(text)));
            Ok(Value::Array(items))
        }
        _ => Err(SqlError::invalid_parameter("cannot delete from scalar")),
    }
}

/// Index from the start of an index that may count from the end.
fn position(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let from_start = if index < 0 { index + length } else { index };
    usize::try_from(from_start)
        .ok()
        .filter(|_| from_start < length)
}

/// What happens at the end of a path.
enum Change<'a> {
    Delete,
    Set { value: Value<'a>, creates: bool },
    Insert { value: Value<'a>, is_after: bool },
}

fn changes(registry: &mut Registry) {
    for parameters in ["jsonb, _text, jsonb", "jsonb, _text, jsonb, bool"] {
        registry.add(&format!("jsonb_set({parameters}) -> jsonb"), |call| {
            changed(call, true, |value, creates| Change::Set { value, creates })
        });
        registry.add(&format!("jsonb_insert({parameters}) -> jsonb"), |call| {
            changed(call, false, |value, is_after| Change::Insert {
                value,
                is_after,
            })
        });
    }
}

fn changed(
    call: &Call<'_>,
    default: bool,
    make: for<'a> fn(Value<'a>, bool) -> Change<'a>,
) -> Result<ArrayRef, SqlError> {
    let (documents, paths) = (call.reader::<Text>(0)?, call.reader::<List>(1)?);
    let values = call.reader::<Text>(2)?;
    let flags = call.optional::<Bool>(3)?;
    call.rows(|row| {
        let flag = flags
            .as_ref()
            .map_or(Some(default), |reader| reader.value(row));
        let (Some(document), Some(path), Some(value), Some(flag)) = (
            documents.value(row),
            paths.value(row),
            values.value(row),
            flag,
        ) else {
            return Ok(None);
        };
        if path.null_count() > 0 {
            return Err(SqlError::null_not_allowed(
                "path element at position 1 is null",
            ));
        }
        let mut target = json::parse(document)?;
        if !matches!(target, Value::Array(_) | Value::Object(_)) {
            return Err(SqlError::invalid_parameter("cannot set path in scalar"));
        }
        change(
            &mut target,
            &strings(&path)?,
            &make(json::parse(value)?, flag),
        )?;
        shown(target).map(Some)
    })
}

/// Applies a change at the end of a path; a path that leads nowhere changes nothing.
fn change<'a>(
    target: &mut Value<'a>,
    path: &[Option<String>],
    what: &Change<'a>,
) -> Result<(), SqlError> {
    let Some((Some(step), rest)) = path.split_first() else {
        return Ok(());
    };
    match target {
        Value::Object(members) => {
            let found = members.iter().position(|(name, _)| name == step);
            match (found, rest.is_empty(), what) {
                (Some(index), false, _) => change(&mut members[index].1, rest, what)?,
                (Some(index), true, Change::Delete) => {
                    members.remove(index);
                }
                (Some(index), true, Change::Set { value, .. }) => members[index].1 = value.clone(),
                (Some(_), true, Change::Insert { .. }) => {
                    return Err(SqlError::invalid_parameter("cannot replace existing key")
                        .with_hint("Try using the function jsonb_set to replace key value."));
                }
                (
                    None,
                    true,
                    Change::Set {
                        value,
                        creates: true,
                    }
                    | Change::Insert { value, .. },
                ) => {
                    members.push((Cow::Owned(step.clone()), value.clone()));
                }
                _ => {}
            }
        }
        Value::Array(items) => {
            let index: i64 = step.trim().parse().map_err(|_| {
                SqlError::invalid_data(format!(
                    "path element at position 1 is not an integer: \"{step}\""
                ))
            })?;
            change_item(items, index, rest, what)?;
        }
        _ => {}
    }
    Ok(())
}

fn change_item<'a>(
    items: &mut Vec<Value<'a>>,
    index: i64,
    rest: &[Option<String>],
    what: &Change<'a>,
) -> Result<(), SqlError> {
    let found = position(index, items.len());
    if !rest.is_empty() {
        return match found {
            Some(at) => change(&mut items[at], rest, what),
            None => Ok(()),
        };
    }
    match (what, found) {
        (Change::Delete, Some(at)) => {
            items.remove(at);
        }
        (Change::Set { value, .. }, Some(at)) => items[at] = value.clone(),
        (Change::Insert { value, is_after }, Some(at)) => {
            items.insert(at + usize::from(*is_after), value.clone());
        }
        (
            Change::Set {
                value,
                creates: true,
            }
            | Change::Insert { value, .. },
            None,
        ) => {
            let at = if index < 0 { 0 } else { items.len() };
            items.insert(at, value.clone());
        }
        _ => {}
    }
    Ok(())
}

fn strip_nulls(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter(|(_, value)| !matches!(value, Value::Null))
                .map(|(name, value)| (name, strip_nulls(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(strip_nulls).collect()),
        other => other,
    }
}

/// Writes without blanks, members in their own order.
fn compact(out: &mut String, value: &Value<'_>) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(text) => out.push_str(text),
        Value::String(text) => json::write_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                compact(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (index, (name, value)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                json::write_string(out, name);
                out.push(':');
                compact(out, value);
            }
            out.push('}');
        }
    }
}

fn pretty(out: &mut String, value: Value<'_>, depth: usize) -> Result<(), SqlError> {
    let indent = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"    ".repeat(depth));
    };
    match value {
        Value::Object(members) => {
            out.push('{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                indent(out, depth + 1);
                json::write_string(out, &name);
                out.push_str(": ");
                pretty(out, value, depth + 1)?;
            }
            indent(out, depth);
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                indent(out, depth + 1);
                pretty(out, item, depth + 1)?;
            }
            indent(out, depth);
            out.push(']');
        }
        scalar => json::write(out, scalar)?,
    }
    Ok(())
}
