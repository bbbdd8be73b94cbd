//! `regexp_replace`.

use arrow::array::ArrayRef;
use fancy_regex::{Captures, Regex};

use super::{each_match, number, refuse_global, span, start_byte};
use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::{Call, map2};
use crate::functions::kinds::{Int4, Text};
use crate::functions::pattern::Options;

pub(super) fn register(registry: &mut Registry) {
    registry.add("regexp_replace(text, text) -> text", |call| {
        map2::<Text, Text, _>(call, |text, pattern| {
            let regex = call.patterns.regex(pattern, Options::NONE)?;
            replace(&regex, text, &[], 0, 0)
        })
    });
    for parameters in ["text, text, text", "text, text, text, text"] {
        registry.add(&format!("regexp_replace({parameters}) -> text"), with_flags);
    }
    for parameters in [
        "text, text, text, int4",
        "text, text, text, int4, int4",
        "text, text, text, int4, int4, text",
    ] {
        registry.add(
            &format!("regexp_replace({parameters}) -> text"),
            with_position,
        );
    }
}

fn with_flags(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let inputs = super::Inputs::open(call, 3)?;
    let replacements = call.reader::<Text>(2)?;
    call.rows(|row| {
        let (Some((text, pattern, options)), Some(replacement)) =
            (inputs.row(row)?, replacements.value(row))
        else {
            return Ok(None);
        };
        let regex = call.patterns.regex(pattern, options)?;
        let nth = usize::from(!options.is_global);
        replace(&regex, text, &parse(replacement), 0, nth).map(Some)
    })
}

fn with_position(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let inputs = super::Inputs::open(call, 5)?;
    let replacements = call.reader::<Text>(2)?;
    let (starts, numbers) = (call.optional::<Int4>(3)?, call.optional::<Int4>(4)?);
    call.rows(|row| {
        let (Some((text, pattern, options)), Some(replacement), Some(start), Some(nth)) = (
            inputs.row(row)?,
            replacements.value(row),
            number(&starts, row, 1),
            number(&numbers, row, 1),
        ) else {
            return Ok(None);
        };
        refuse_global(call, options)?;
        let nth = usize::try_from(nth).map_err(|_| {
            SqlError::invalid_parameter(format!("invalid value for parameter \"n\": {nth}"))
        })?;
        let Some(start) = start_byte(text, start)? else {
            return Ok(Some(text.to_owned()));
        };
        let regex = call.patterns.regex(pattern, options)?;
        replace(&regex, text, &parse(replacement), start, nth).map(Some)
    })
}

/// A piece of a replacement.
enum Piece {
    Text(String),
    Group(usize),
}

/// `\1` to `\9` and `\&` stand for groups and the whole match.
fn parse(replacement: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut characters = replacement.chars().peekable();
    while let Some(c) = characters.next() {
        let group = match (c, characters.peek()) {
            ('\\', Some('&')) => Some(0),
            ('\\', Some(digit)) => digit.to_digit(10).filter(|digit| *digit > 0),
            _ => None,
        };
        if let Some(group) = group {
            characters.next();
            pieces.push(Piece::Text(std::mem::take(&mut text)));
            // A digit is less than ten.
            pieces.push(Piece::Group(group as usize));
            continue;
        }
        if c == '\\' && characters.peek() == Some(&'\\') {
            characters.next();
        }
        text.push(c);
    }
    pieces.push(Piece::Text(text));
    pieces
}

/// Replaces match number `nth`, or all if it is 0, from byte `start` on.
fn replace(
    regex: &Regex,
    text: &str,
    pieces: &[Piece],
    start: usize,
    nth: usize,
) -> Result<String, SqlError> {
    let mut out = String::new();
    let mut copied = 0;
    let mut count = 0;
    each_match(regex, text, start, |captures| {
        count += 1;
        if nth != 0 && count < nth {
            return true;
        }
        if let Some((from, to)) = span(captures, 0) {
            out.push_str(&text[copied..from]);
            expand(&mut out, captures, pieces);
            copied = to;
        }
        nth == 0
    })?;
    out.push_str(&text[copied..]);
    Ok(out)
}

fn expand(out: &mut String, captures: &Captures<'_>, pieces: &[Piece]) {
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Group(group) => {
                out.push_str(captures.get(*group).map_or("", |found| found.as_str()));
            }
        }
    }
}
