//! JSON text: checked as PostgreSQL's `json`, rewritten as its `jsonb` prints.
//!
//! `jsonb` is held as text in one form: object keys ordered by length and then
//! bytes, the last of equal keys kept, `", "` and `": "` between, numbers as
//! `numeric` writes them. Equal values then have equal text.
//!
//! Errors: `22P02` with PostgreSQL's detail; `22P05` for `\u0000`, which text
//! cannot hold; `54001` for text that is nested too deep.

use std::borrow::Cow;

use crate::error::SqlError;

mod parse;
mod write;

#[cfg(test)]
mod tests;

/// A value of a document; text is borrowed where it has no escapes.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number as it was written.
    Number(&'a str),
    /// A string, escapes resolved.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Value<'a>>),
    /// An object, members as they were written.
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

/// Checks that `text` is a JSON document.
pub fn validate(text: &str) -> Result<(), SqlError> {
    parse::check(text)
}

/// Reads a document as `jsonb` does.
pub fn parse(text: &str) -> Result<Value<'_>, SqlError> {
    parse::read(text)
}

/// The text of `jsonb` for a document.
pub fn normalize(text: &str) -> Result<String, SqlError> {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    normalize_into(&mut out, text)?;
    Ok(out)
}

/// As [`normalize`], appended to `out`.
pub fn normalize_into(out: &mut String, text: &str) -> Result<(), SqlError> {
    write::write(out, parse(text)?)
}

/// Writes a value in the form of `jsonb`.
pub fn write(out: &mut String, value: Value<'_>) -> Result<(), SqlError> {
    write::write(out, value)
}

/// Writes a string with quotes and escapes.
pub fn write_string(out: &mut String, text: &str) {
    write::write_string(out, text);
}
