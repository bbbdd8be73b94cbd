//! Parts of a valid JSON text, cut out without building values.
//!
//! Not guaranteed: anything for text that is not valid JSON, but that nothing
//! panics; json and jsonb values are checked when they are made.

use std::borrow::Cow;

use crate::error::SqlError;
use crate::types::json::{self, Value};

/// End of the value that begins at `start`.
fn value_end(bytes: &[u8], start: usize) -> usize {
    match bytes.get(start) {
        Some(b'"') => string_end(bytes, start),
        Some(b'{' | b'[') => {
            let mut depth = 0_usize;
            let mut at = start;
            while at < bytes.len() {
                match bytes[at] {
                    b'"' => {
                        at = string_end(bytes, at);
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => {
                        depth -= 1;
                        if depth == 0 {
                            return at + 1;
                        }
                    }
                    _ => {}
                }
                at += 1;
            }
            bytes.len()
        }
        _ => {
            let rest = &bytes[start.min(bytes.len())..];
            let is_end =
                |byte: &u8| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace();
            start + rest.iter().position(is_end).unwrap_or(rest.len())
        }
    }
}

/// The byte after the closing quote of the string that begins at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// Walks the items of an array or the members of an object.
struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    fn open(document: &'a str, bracket: char) -> Self {
        let text = document.trim_start();
        let at = if text.starts_with(bracket) {
            1
        } else {
            text.len()
        };
        Self { text, at }
    }

    fn value(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        let start = skip_space(bytes, self.at);
        if matches!(bytes.get(start), None | Some(b']' | b'}')) {
            return None;
        }
        let end = value_end(bytes, start);
        self.at = skip_space(bytes, end);
        if matches!(bytes.get(self.at), Some(b',' | b':')) {
            self.at += 1;
        }
        self.text.get(start..end)
    }
}

/// The elements of an array; none for other values.
pub(super) fn elements(document: &str) -> impl Iterator<Item = &str> {
    let mut walk = Walk::open(document, '[');
    std::iter::from_fn(move || walk.value())
}

/// The members of an object, keys still quoted; none for other values.
pub(super) fn members(document: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut walk = Walk::open(document, '{');
    std::iter::from_fn(move || Some((walk.value()?, walk.value()?)))
}

/// The member with this key; of several the last.
pub(super) fn member<'a>(document: &'a str, key: &str) -> Option<&'a str> {
    let is_key = |quoted: &str| {
        let inner = quoted
            .get(1..quoted.len().saturating_sub(1))
            .unwrap_or_default();
        if inner.contains('\\') {
            decode(quoted).is_ok_and(|decoded| decoded == key)
        } else {
            inner == key
        }
    };
    members(document)
        .filter(|(quoted, _)| is_key(quoted))
        .last()
        .map(|(_, value)| value)
}

/// The element at an index from 0, or from the end if it is negative.
pub(super) fn element(document: &str, index: i64) -> Option<&str> {
    let from_start = if index < 0 {
        let count = i64::try_from(elements(document).count()).ok()?;
        count + index
    } else {
        index
    };
    elements(document).nth(usize::try_from(from_start).ok()?)
}

/// The text of a string literal.
pub(super) fn decode(quoted: &str) -> Result<String, SqlError> {
    match json::parse(quoted)? {
        Value::String(text) => Ok(text.into_owned()),
        _ => Ok(quoted.to_owned()),
    }
}

/// A value as `->>` gives it: strings without quotes, null as NULL.
pub(super) fn text(part: &str) -> Result<Option<Cow<'_, str>>, SqlError> {
    match part.as_bytes().first() {
        Some(b'"') if part.contains('\\') => Ok(Some(Cow::Owned(decode(part)?))),
        Some(b'"') => Ok(Some(Cow::Borrowed(part.trim_matches('"')))),
        Some(b'n') => Ok(None),
        _ => Ok(Some(Cow::Borrowed(part))),
    }
}

/// What `json_typeof` calls the value.
pub(super) fn type_name(document: &str) -> &'static str {
    match document.trim_start().as_bytes().first() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    }
}
