//! Array literals: `{1,"a b",NULL}` cut into elements, and elements quoted.
//!
//! Not guaranteed: arrays of more than one dimension, and bounds that do not
//! start with 1; both are refused with `0A000`.
//!
//! Source: PostgreSQL 15 manual, section 8.15.6.

use crate::error::SqlError;

#[cfg(test)]
mod tests;

/// Calls `element` for each element of a literal, with `None` for NULL.
pub fn parse(
    text: &str,
    mut element: impl FnMut(Option<&str>) -> Result<(), SqlError>,
) -> Result<(), SqlError> {
    let malformed = |detail: &str| SqlError::malformed_array(text, detail);
    let body = text.trim_matches(is_space);
    if body.starts_with('[') {
        return Err(SqlError::not_supported("an array literal with bounds"));
    }
    let Some(mut rest) = body.strip_prefix('{') else {
        return Err(malformed(
            "Array value must start with \"{\" or dimension information.",
        ));
    };
    rest = rest.trim_start_matches(is_space);
    let mut scratch = String::new();
    let mut is_first = true;
    loop {
        if is_first && rest.starts_with('}') {
            return finish(&rest[1..], malformed);
        }
        is_first = false;
        rest = read_element(rest, &mut scratch, &mut element, malformed)?;
        let mut characters = rest.chars();
        match characters.next() {
            Some(',') => rest = characters.as_str().trim_start_matches(is_space),
            Some('}') => return finish(characters.as_str(), malformed),
            Some('{') => return Err(malformed("Unexpected \"{\" character.")),
            Some(_) => return Err(malformed("Unexpected array element.")),
            None => return Err(malformed("Unexpected end of input.")),
        }
    }
}

/// Reads one element; returns what follows it and its spaces.
fn read_element<'a>(
    text: &'a str,
    scratch: &mut String,
    element: &mut impl FnMut(Option<&str>) -> Result<(), SqlError>,
    malformed: impl Fn(&str) -> SqlError,
) -> Result<&'a str, SqlError> {
    if let Some(quoted) = text.strip_prefix('"') {
        scratch.clear();
        let mut characters = quoted.chars();
        loop {
            match characters.next() {
                Some('"') => break,
                Some('\\') => scratch.extend(characters.next()),
                Some(character) => scratch.push(character),
                None => return Err(malformed("Unexpected end of input.")),
            }
        }
        element(Some(scratch))?;
        return Ok(characters.as_str().trim_start_matches(is_space));
    }
    if text.starts_with('{') {
        return Err(SqlError::not_supported(
            "an array of more than one dimension",
        ));
    }
    let end = unquoted_end(text).ok_or_else(|| malformed("Unexpected end of input."))?;
    let (raw, rest) = text.split_at(end);
    let is_quote = |(index, _)| index == 0 || !raw[..index].ends_with('\\');
    if raw.match_indices('"').any(is_quote) {
        return Err(malformed("Unexpected array element."));
    }
    if !raw.contains('\\') {
        let plain = raw.trim_end_matches(is_space);
        match plain {
            "" => {
                let next = rest.chars().next().unwrap_or_default();
                return Err(malformed(&format!("Unexpected \"{next}\" character.")));
            }
            _ if plain.eq_ignore_ascii_case("null") => element(None)?,
            _ => element(Some(plain))?,
        }
        return Ok(rest);
    }
    unescape(raw, scratch);
    element(Some(scratch))?;
    Ok(rest)
}

/// Where an element without quotes ends.
fn unquoted_end(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b',' | b'}' | b'{' => return Some(index),
            _ => {}
        }
    }
    None
}

/// Resolves backslashes; spaces at the end go unless they are escaped.
fn unescape(raw: &str, scratch: &mut String) {
    scratch.clear();
    let mut kept = 0;
    let mut characters = raw.chars();
    while let Some(character) = characters.next() {
        let is_escape = character == '\\';
        let Some(shown) = (if is_escape {
            characters.next()
        } else {
            Some(character)
        }) else {
            break;
        };
        scratch.push(shown);
        if is_escape || !is_space(shown) {
            kept = scratch.len();
        }
    }
    scratch.truncate(kept);
}

fn finish(rest: &str, malformed: impl Fn(&str) -> SqlError) -> Result<(), SqlError> {
    if rest.is_empty() {
        Ok(())
    } else {
        Err(malformed("Junk after closing right brace."))
    }
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

/// Writes one element, with quotes where a reader would take it for another.
pub fn write_element(out: &mut Vec<u8>, text: &[u8]) {
    let needs_quotes = text.is_empty()
        || text.eq_ignore_ascii_case(b"null")
        || text.iter().any(|byte| {
            matches!(
                byte,
                b'"' | b'\\' | b'{' | b'}' | b',' | b' ' | b'\t'..=b'\r'
            )
        });
    if !needs_quotes {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}
