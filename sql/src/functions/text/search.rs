//! Finding text in text: `strpos`, `starts_with`, and LIKE with its escape.

use super::{characters, count};
use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::{map2, map3};
use crate::functions::kinds::Text;

pub(super) fn register(registry: &mut Registry) {
    for name in ["strpos", "position"] {
        registry.add(&format!("{name}(text, text) -> int4"), |call| {
            map2::<Text, Text, _>(call, position)
        });
    }
    registry.add("charindex(text, text) -> int4", |call| {
        map2::<Text, Text, _>(call, |part, text| position(text, part))
    });
    registry.add("starts_with(text, text) -> bool", |call| {
        map2::<Text, Text, _>(call, |text, prefix| Ok(text.starts_with(prefix)))
    });
    registry.add("like_escape(text, text) -> text", |call| {
        map2::<Text, Text, _>(call, with_backslashes)
    });
    registry.add("like_escape(text, text, text) -> bool", |call| {
        map3::<Text, Text, Text, _>(call, |text, pattern, escape| {
            matches_like(text, pattern, Escape::parse(escape)?, |c| c)
        })
    });
    registry.add("ilike_escape(text, text, text) -> bool", |call| {
        map3::<Text, Text, Text, _>(call, |text, pattern, escape| {
            matches_like(text, pattern, Escape::parse(escape)?, lowered)
        })
    });
    registry.add("like(text, text) -> bool", |call| {
        map2::<Text, Text, _>(call, |text, pattern| {
            matches_like(text, pattern, Escape(Some('\\')), |c| c)
        })
    });
    registry.add("notlike(text, text) -> bool", |call| {
        map2::<Text, Text, _>(call, |text, pattern| {
            matches_like(text, pattern, Escape(Some('\\')), |c| c).map(|is_match| !is_match)
        })
    });
}

fn position(text: &str, part: &str) -> Result<i32, SqlError> {
    match text.find(part) {
        Some(byte) => count(characters(&text[..byte]) + 1),
        None => Ok(0),
    }
}

fn lowered(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

/// The escape character of LIKE and SIMILAR TO; none when it is empty.
#[derive(Clone, Copy, Debug)]
pub(in crate::functions) struct Escape(pub(in crate::functions) Option<char>);

impl Escape {
    /// Errors: `22025` unless it is one character or none.
    pub(in crate::functions) fn parse(text: &str) -> Result<Self, SqlError> {
        let mut characters = text.chars();
        let first = characters.next();
        if characters.next().is_some() {
            return Err(SqlError::invalid_escape("invalid escape string")
                .with_hint("Escape string must be empty or one character."));
        }
        Ok(Self(first))
    }
}

/// Rewrites a pattern whose escape is another character to backslashes.
fn with_backslashes(pattern: &str, escape: &str) -> Result<String, SqlError> {
    let escape = Escape::parse(escape)?;
    if escape.0 == Some('\\') {
        return Ok(pattern.to_owned());
    }
    let mut rewritten = String::with_capacity(pattern.len());
    let mut is_escaped = false;
    for c in pattern.chars() {
        if Some(c) == escape.0 && !is_escaped {
            rewritten.push('\\');
            is_escaped = true;
        } else {
            if c == '\\' && !is_escaped {
                rewritten.push('\\');
            }
            rewritten.push(c);
            is_escaped = false;
        }
    }
    Ok(rewritten)
}

/// One piece of a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Literal(char),
    AnyOne,
    AnyMany,
}

/// Whether the whole text matches; `fold` maps both sides before comparing.
///
/// Errors: `22025` if the pattern ends with the escape.
fn matches_like(
    text: &str,
    pattern: &str,
    escape: Escape,
    fold: fn(char) -> char,
) -> Result<bool, SqlError> {
    let mut pieces = Vec::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        pieces.push(if Some(c) == escape.0 {
            let escaped = characters.next().ok_or_else(|| {
                SqlError::invalid_escape("LIKE pattern must not end with escape character")
            })?;
            Piece::Literal(fold(escaped))
        } else {
            match c {
                '%' => Piece::AnyMany,
                '_' => Piece::AnyOne,
                other => Piece::Literal(fold(other)),
            }
        });
    }
    let text: Vec<char> = text.chars().map(fold).collect();
    Ok(matches_pieces(&text, &pieces))
}

/// Greedy matching that goes back to the last `%` only: linear in most cases,
/// never worse than text times pattern.
fn matches_pieces(text: &[char], pieces: &[Piece]) -> bool {
    let (mut at, mut piece) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        let fits = match pieces.get(piece) {
            Some(Piece::Literal(wanted)) => *wanted == text[at],
            Some(Piece::AnyOne) => true,
            Some(Piece::AnyMany) => {
                retry = Some((piece + 1, at));
                piece += 1;
                continue;
            }
            None => false,
        };
        if fits {
            at += 1;
            piece += 1;
        } else if let Some((after, start)) = retry {
            retry = Some((after, start + 1));
            (piece, at) = (after, start + 1);
        } else {
            return false;
        }
    }
    pieces[piece..].iter().all(|rest| *rest == Piece::AnyMany)
}

/// See [`super::is_like`].
pub(super) fn is_like(text: &str, pattern: &str, ignores_case: bool) -> Result<bool, SqlError> {
    let fold: fn(char) -> char = if ignores_case { lowered } else { |c| c };
    matches_like(text, pattern, Escape(Some('\\')), fold)
}
