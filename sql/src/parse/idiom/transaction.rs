//! DEFERRABLE among the modes of a transaction, which sqlparser lacks.
//!
//! It becomes `ISOLATION LEVEL SNAPSHOT`, a level that PostgreSQL does not have;
//! `command/transaction.rs` and `command/set.rs` take it for what it means.

use sqlparser::tokenizer::Token;

use super::{Edit, View, keyword};
use crate::error::SqlError;

/// `DEFERRABLE` and `NOT DEFERRABLE` after BEGIN, START TRANSACTION and SET.
///
/// Errors: `42601` for the level that stands for it.
pub(super) fn edit(view: &View<'_>, index: usize) -> Result<Option<Edit>, SqlError> {
    let is_level = view.is(index, "LEVEL") && view.is(index + 1, "SNAPSHOT");
    if is_level && index > 0 && view.is(index - 1, "ISOLATION") {
        let error = SqlError::syntax("syntax error at or near \"SNAPSHOT\"");
        return Err(error.at_location(view.location(index + 1)));
    }
    if !view.is(index, "DEFERRABLE") || !is_mode(view, index) {
        return Ok(None);
    }
    let mut start = index;
    if start > 0 && view.is(start - 1, "NOT") {
        start -= 1;
        let has_comma = start > 0 && *view.token(start - 1) == Token::Comma;
        start -= usize::from(has_comma);
        return Ok(Some(view.edit(start, index + 1, Vec::new())));
    }
    let with = ["ISOLATION", "LEVEL", "SNAPSHOT"].map(keyword).to_vec();
    Ok(Some(view.edit(index, index + 1, with)))
}

/// Whether the statement around a token has modes of a transaction.
fn is_mode(view: &View<'_>, index: usize) -> bool {
    let first = (0..index)
        .rev()
        .find(|place| *view.token(*place) == Token::SemiColon)
        .map_or(0, |place| place + 1);
    view.is(first, "BEGIN")
        || (view.is(first, "START") && view.is(first + 1, "TRANSACTION"))
        || (view.is(first, "SET") && view.is_any(first + 1, &["TRANSACTION", "SESSION"]))
}
