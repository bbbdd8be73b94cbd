//! Parts of a text, and padding: `substr`, `left`, `lpad`, `overlay`, `split_part`.

use std::borrow::Cow;

use super::{TEXT_BYTES_MAX, characters};
use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::{map2, map3};
use crate::functions::kinds::{Bytea, Int4, Text};

pub(super) fn register(registry: &mut Registry) {
    substrings(registry);
    registry.add("left(text, int4) -> text", |call| {
        map2::<Text, Int4, _>(call, |text, count| Ok(&text[..prefix_end(text, count)]))
    });
    registry.add("right(text, int4) -> text", |call| {
        map2::<Text, Int4, _>(call, |text, count| {
            if count == 0 {
                return Ok("");
            }
            // The last n characters are what the first n, cut from the end, leave.
            Ok(&text[prefix_end(text, count.saturating_neg()).min(text.len())..])
        })
    });
    registry.add("split_part(text, text, int4) -> text", |call| {
        map3::<Text, Text, Int4, _>(call, split_part)
    });
    for (name, is_left) in [("lpad", true), ("rpad", false)] {
        registry.add(&format!("{name}(text, int4) -> text"), move |call| {
            map2::<Text, Int4, _>(call, |text, length| pad(text, length, " ", is_left))
        });
        registry.add(&format!("{name}(text, int4, text) -> text"), move |call| {
            map3::<Text, Int4, Text, _>(call, |text, length, fill| pad(text, length, fill, is_left))
        });
    }
    registry.add("overlay(text, text, int4) -> text", |call| {
        map3::<Text, Text, Int4, _>(call, |text, new, start| {
            let length = i32::try_from(characters(new)).unwrap_or(i32::MAX);
            overlay(text, new, start, length)
        })
    });
    registry.add("overlay(text, text, int4, int4) -> text", |call| {
        let (text, new) = (call.reader::<Text>(0)?, call.reader::<Text>(1)?);
        let (start, length) = (call.reader::<Int4>(2)?, call.reader::<Int4>(3)?);
        call.rows(|row| {
            match (
                text.value(row),
                new.value(row),
                start.value(row),
                length.value(row),
            ) {
                (Some(text), Some(new), Some(start), Some(length)) => {
                    overlay(text, new, start, length).map(Some)
                }
                _ => Ok(None),
            }
        })
    });
}

fn substrings(registry: &mut Registry) {
    for name in ["substr", "substring"] {
        registry.add(&format!("{name}(text, int4) -> text"), |call| {
            map2::<Text, Int4, _>(call, |text, start| substr(text, start, None))
        });
        registry.add(&format!("{name}(text, int4, int4) -> text"), |call| {
            map3::<Text, Int4, Int4, _>(call, |text, start, length| {
                substr(text, start, Some(length))
            })
        });
        registry.add(&format!("{name}(bytea, int4) -> bytea"), |call| {
            map2::<Bytea, Int4, _>(call, |bytes, start| {
                let (from, to) = window(start, None)?;
                Ok(bytes[from.min(bytes.len())..to.min(bytes.len())].to_vec())
            })
        });
        registry.add(&format!("{name}(bytea, int4, int4) -> bytea"), |call| {
            map3::<Bytea, Int4, Int4, _>(call, |bytes, start, length| {
                let (from, to) = window(start, Some(length))?;
                Ok(bytes[from.min(bytes.len())..to.min(bytes.len())].to_vec())
            })
        });
    }
}

/// Indexes from 0 of the first character and the one after the last.
///
/// Errors: `22011` for a negative length.
fn window(start: i32, length: Option<i32>) -> Result<(usize, usize), SqlError> {
    let from = usize::try_from(i64::from(start) - 1).unwrap_or(0);
    let Some(length) = length else {
        return Ok((from, usize::MAX));
    };
    if length < 0 {
        return Err(SqlError::negative_substring_length());
    }
    let end = i64::from(start) - 1 + i64::from(length);
    Ok((from, usize::try_from(end).unwrap_or(0).max(from)))
}

/// A substring; a start before the text uses up part of the length.
pub(in crate::functions) fn substr(
    text: &str,
    start: i32,
    length: Option<i32>,
) -> Result<&str, SqlError> {
    let (from, to) = window(start, length)?;
    if text.is_ascii() {
        return Ok(&text[from.min(text.len())..to.min(text.len())]);
    }
    let begin = byte_index(text, from);
    let end = begin + byte_index(&text[begin..], to - from);
    Ok(&text[begin..end])
}

/// Where character `index` begins, or the end of the text.
pub(super) fn byte_index(text: &str, index: usize) -> usize {
    text.char_indices()
        .nth(index)
        .map_or(text.len(), |(byte, _)| byte)
}

/// End of the first `count` characters; a negative count leaves that many off.
fn prefix_end(text: &str, count: i32) -> usize {
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count >= 0 {
        return byte_index(text, wanted);
    }
    byte_index(text, characters(text).saturating_sub(wanted))
}

fn pad(text: &str, length: i32, fill: &str, is_left: bool) -> Result<String, SqlError> {
    let wanted = usize::try_from(length).unwrap_or(0);
    if wanted > TEXT_BYTES_MAX {
        return Err(SqlError::requested_length_too_large());
    }
    let present = characters(text);
    if present >= wanted || fill.is_empty() {
        return Ok(text[..byte_index(text, wanted)].to_owned());
    }
    let padding: Cow<'_, str> = fill.chars().cycle().take(wanted - present).collect();
    Ok(if is_left {
        format!("{padding}{text}")
    } else {
        format!("{text}{padding}")
    })
}

fn overlay(text: &str, new: &str, start: i32, length: i32) -> Result<String, SqlError> {
    if start <= 0 {
        return Err(SqlError::negative_substring_length());
    }
    let after = start
        .checked_add(length)
        .ok_or_else(|| SqlError::out_of_range("integer"))?;
    let head = substr(text, 1, Some(start - 1))?;
    let tail = substr(text, after, None)?;
    Ok(format!("{head}{new}{tail}"))
}

fn split_part<'a>(text: &'a str, delimiter: &str, number: i32) -> Result<&'a str, SqlError> {
    if number == 0 {
        return Err(SqlError::invalid_parameter(
            "field position must not be zero",
        ));
    }
    let index = usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX) - 1;
    if delimiter.is_empty() {
        return Ok(if index == 0 { text } else { "" });
    }
    let part = if number > 0 {
        text.split(delimiter).nth(index)
    } else {
        // Fields are counted from the start, also where delimiters overlap.
        let count = text.split(delimiter).count();
        count
            .checked_sub(index + 1)
            .and_then(|from_start| text.split(delimiter).nth(from_start))
    };
    Ok(part.unwrap_or(""))
}
