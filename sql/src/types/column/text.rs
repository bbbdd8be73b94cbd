//! What the character types do with text on the way in.

use crate::error::SqlError;
use crate::types::{PgType, oid};

/// Bytes of a `name`, as PostgreSQL cuts them.
const NAME_BYTES_MAX: usize = 63;

/// How text becomes a value of its type.
#[derive(Clone, Copy, Debug)]
pub(in crate::types) enum TextRule {
    /// As it is.
    Any,
    /// `varchar(n)` and `char(n)`: at most `length` characters.
    Bounded {
        length: usize,
        is_explicit: bool,
        target: PgType,
    },
    /// `name`: cut to 63 bytes.
    Name,
    /// `"char"`: the first character.
    First,
}

impl TextRule {
    /// The rule of a type. `is_explicit`: the cast was written, so it cuts.
    pub(in crate::types) fn new(target: PgType, is_explicit: bool) -> Self {
        match (target.oid, target.character_length()) {
            (oid::NAME, _) => Self::Name,
            (oid::CHAR, _) => Self::First,
            (_, Some(length)) => Self::Bounded {
                length,
                is_explicit,
                target,
            },
            _ => Self::Any,
        }
    }

    /// The part of `text` that is stored.
    pub(in crate::types) fn apply<'a>(&self, text: &'a str) -> Result<&'a str, SqlError> {
        match self {
            Self::Any => Ok(text),
            Self::Name => Ok(&text[..text.floor_char_boundary(NAME_BYTES_MAX)]),
            Self::First => Ok(&text[..text.chars().next().map_or(0, char::len_utf8)]),
            Self::Bounded {
                length,
                is_explicit,
                target,
            } => {
                let kept = bound(text, *length, *is_explicit)
                    .ok_or_else(|| SqlError::value_too_long(&target.display()))?;
                let is_padded = target.oid == oid::BPCHAR;
                Ok(if is_padded {
                    kept.trim_end_matches(' ')
                } else {
                    kept
                })
            }
        }
    }
}

/// Cuts text to `length` characters; `None` if more than spaces would go.
fn bound(text: &str, length: usize, is_explicit: bool) -> Option<&str> {
    if text.len() <= length {
        return Some(text);
    }
    let Some((end, _)) = text.char_indices().nth(length) else {
        return Some(text);
    };
    let is_only_spaces = text[end..].bytes().all(|byte| byte == b' ');
    (is_explicit || is_only_spaces).then_some(&text[..end])
}
