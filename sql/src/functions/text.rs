//! Functions of text. Positions and lengths count characters, from 1.

use std::borrow::Cow;

use super::Registry;
use super::call::{Call, map1, map2, map3};
use super::kinds::{Bytea, Int4, Text};
use crate::error::SqlError;

mod compose;
mod cut;
mod search;

pub(super) use search::Escape;

/// Longest text that a function makes: PostgreSQL's bound of one value. Bytes.
pub(super) const TEXT_BYTES_MAX: usize = (1 << 30) - 5;

/// Adds the functions of this folder.
pub(super) fn register(registry: &mut Registry) {
    lengths(registry);
    letters(registry);
    trims(registry);
    cut::register(registry);
    search::register(registry);
    compose::register(registry);
}

/// `integer` of a count of characters or bytes.
fn count(value: usize) -> Result<i32, SqlError> {
    i32::try_from(value).map_err(|_| SqlError::out_of_range("integer"))
}

fn lengths(registry: &mut Registry) {
    for name in [
        "length",
        "char_length",
        "character_length",
        "len",
        "textlen",
    ] {
        registry.add(&format!("{name}(text) -> int4"), |call| {
            map1::<Text, _>(call, |text| count(characters(text)))
        });
    }
    for (name, bits) in [("octet_length", 1), ("bit_length", 8)] {
        registry.add(&format!("{name}(text) -> int4"), move |call| {
            map1::<Text, _>(call, |text| count(text.len() * bits))
        });
        registry.add(&format!("{name}(bytea) -> int4"), move |call| {
            map1::<Bytea, _>(call, |bytes| count(bytes.len() * bits))
        });
    }
    registry.add("length(bytea) -> int4", |call| {
        map1::<Bytea, _>(call, |bytes| count(bytes.len()))
    });
}

/// Number of characters.
pub(super) fn characters(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.chars().count()
    }
}

fn letters(registry: &mut Registry) {
    registry.add("lower(text) -> text", |call| {
        map1::<Text, _>(call, |text| Ok(lower(text)))
    });
    registry.add("upper(text) -> text", |call| {
        map1::<Text, _>(call, |text| Ok(upper(text)))
    });
    registry.add("initcap(text) -> text", |call| {
        map1::<Text, _>(call, |text| Ok(initcap(text)))
    });
    registry.add("reverse(text) -> text", |call| {
        map1::<Text, _>(call, |text| Ok(text.chars().rev().collect::<String>()))
    });
    registry.add("ascii(text) -> int4", |call| {
        map1::<Text, _>(call, |text| {
            // A character is at most 0x10ffff.
            Ok(text
                .chars()
                .next()
                .map_or(0, |first| u32::from(first) as i32))
        })
    });
    registry.add("chr(int4) -> text", |call| map1::<Int4, _>(call, chr));
    registry.add("repeat(text, int4) -> text", |call| {
        map2::<Text, Int4, _>(call, repeat)
    });
    registry.alias("replicate", "repeat");
    registry.add("replace(text, text, text) -> text", |call| {
        map3::<Text, Text, Text, _>(call, |text, from, to| {
            if from.is_empty() || !text.contains(from) {
                return Ok(Cow::Borrowed(text));
            }
            Ok(Cow::Owned(text.replace(from, to)))
        })
    });
    registry.add("translate(text, text, text) -> text", |call| {
        map3::<Text, Text, Text, _>(call, |text, from, to| Ok(translate(text, from, to)))
    });
}

/// One character to one character, as the C library does: `ß` has no capital.
fn lower_character(c: char) -> char {
    let mut mapped = c.to_lowercase();
    match (mapped.next(), mapped.next()) {
        (Some(single), None) => single,
        _ => c,
    }
}

fn upper_character(c: char) -> char {
    let mut mapped = c.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(single), None) => single,
        _ => c,
    }
}

/// Lower case, character by character.
pub(super) fn lower(text: &str) -> String {
    if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        text.chars().map(lower_character).collect()
    }
}

/// Upper case, character by character.
pub(super) fn upper(text: &str) -> String {
    if text.is_ascii() {
        text.to_ascii_uppercase()
    } else {
        text.chars().map(upper_character).collect()
    }
}

/// The first letter of each word in upper case, the others in lower case.
pub(super) fn initcap(text: &str) -> String {
    let mut is_inside = false;
    text.chars()
        .map(|c| {
            let mapped = if is_inside {
                lower_character(c)
            } else {
                upper_character(c)
            };
            is_inside = c.is_alphanumeric();
            mapped
        })
        .collect()
}

fn chr(code: i32) -> Result<String, SqlError> {
    if code < 0 {
        return Err(SqlError::invalid_parameter(
            "character number must be positive",
        ));
    }
    if code == 0 {
        return Err(SqlError::limit_exceeded("null character not permitted"));
    }
    match u32::try_from(code).ok().and_then(char::from_u32) {
        Some(character) => Ok(character.to_string()),
        None => Err(SqlError::limit_exceeded(&format!(
            "requested character too large for encoding: {code}"
        ))),
    }
}

fn repeat(text: &str, times: i32) -> Result<String, SqlError> {
    let times = usize::try_from(times).unwrap_or(0);
    match text.len().checked_mul(times) {
        Some(bytes) if bytes <= TEXT_BYTES_MAX => Ok(text.repeat(times)),
        _ => Err(SqlError::requested_length_too_large()),
    }
}

fn translate(text: &str, from: &str, to: &str) -> String {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    text.chars()
        .filter_map(
            |c| match from.iter().position(|candidate| *candidate == c) {
                Some(index) => to.get(index).copied(),
                None => Some(c),
            },
        )
        .collect()
}

fn trims(registry: &mut Registry) {
    let trims: [(&str, bool, bool); 4] = [
        ("btrim", true, true),
        ("trim", true, true),
        ("ltrim", true, false),
        ("rtrim", false, true),
    ];
    for (name, at_start, at_end) in trims {
        registry.add(&format!("{name}(text) -> text"), move |call| {
            map1::<Text, _>(call, |text| Ok(trim(text, " ", at_start, at_end)))
        });
        registry.add(&format!("{name}(text, text) -> text"), move |call| {
            map2::<Text, Text, _>(call, |text, set| Ok(trim(text, set, at_start, at_end)))
        });
        registry.add(&format!("{name}(bytea, bytea) -> bytea"), move |call| {
            map2::<Bytea, Bytea, _>(call, |bytes, set| {
                Ok(trim_bytes(bytes, set, at_start, at_end).to_vec())
            })
        });
    }
}

fn trim<'a>(text: &'a str, set: &str, at_start: bool, at_end: bool) -> &'a str {
    let is_in_set = |c: char| set.contains(c);
    let text = if at_start {
        text.trim_start_matches(is_in_set)
    } else {
        text
    };
    if at_end {
        text.trim_end_matches(is_in_set)
    } else {
        text
    }
}

fn trim_bytes<'a>(bytes: &'a [u8], set: &[u8], at_start: bool, at_end: bool) -> &'a [u8] {
    let mut kept = bytes;
    while at_start
        && let [first, rest @ ..] = kept
        && set.contains(first)
    {
        kept = rest;
    }
    while at_end
        && let [rest @ .., last] = kept
        && set.contains(last)
    {
        kept = rest;
    }
    kept
}

/// Readers of `count` text arguments from `first` on.
pub(super) fn all_texts<'a>(
    call: &'a Call<'_>,
    first: usize,
    count: usize,
) -> Result<Vec<super::call::Reader<'a, Text>>, SqlError> {
    (first..first + count)
        .map(|index| call.reader::<Text>(index))
        .collect()
}

/// Whether a text is LIKE (or ILIKE) a pattern whose escape is the backslash.
pub(super) fn is_like(text: &str, pattern: &str, ignores_case: bool) -> Result<bool, SqlError> {
    search::is_like(text, pattern, ignores_case)
}
