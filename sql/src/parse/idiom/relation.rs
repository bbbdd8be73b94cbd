//! Names of relations as PostgreSQL writes them: `ONLY t`, `t *`, and reserved words.
//!
//! No table has children here, so ONLY and the star change nothing.

use sqlparser::tokenizer::Token;

use super::{Edit, View};
use crate::error::SqlError;

/// Reserved words with which neither an expression nor an item of FROM begins.
const RESERVED: &[&str] = &[
    "AND",
    "AS",
    "ASC",
    "CHECK",
    "COLUMN",
    "CONSTRAINT",
    "CREATE",
    "DESC",
    "DO",
    "ELSE",
    "END",
    "EXCEPT",
    "FETCH",
    "FOREIGN",
    "FROM",
    "GRANT",
    "GROUP",
    "HAVING",
    "IN",
    "INTERSECT",
    "INTO",
    "LIMIT",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "PRIMARY",
    "REFERENCES",
    "RETURNING",
    "THEN",
    "TO",
    "UNION",
    "USING",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
];

/// Words that a relation's name follows.
const BEFORE_RELATION: &[&str] = &["FROM", "UPDATE", "JOIN", "USING", "INTO"];

/// `ONLY t` and `ONLY (t)` without the word.
pub(super) fn only(view: &View<'_>, index: usize) -> Vec<Edit> {
    let is_first = match view.before(index) {
        Token::Comma => true,
        _ => index > 0 && view.is_any(index - 1, BEFORE_RELATION),
    };
    if !view.is(index, "ONLY") || !is_first {
        return Vec::new();
    }
    if view.is_name(index + 1) {
        return vec![view.edit(index, index + 1, Vec::new())];
    }
    let closing = (*view.token(index + 1) == Token::LParen && view.is_name(index + 2))
        .then(|| view.after_closing(index + 1))
        .flatten();
    match closing {
        Some(end) => vec![
            view.edit(index, index + 2, Vec::new()),
            view.edit(end - 1, end, Vec::new()),
        ],
        None => Vec::new(),
    }
}

/// `t *`: the table with its children.
pub(super) fn star(view: &View<'_>, index: usize) -> Option<Edit> {
    const NEXT: &[&str] = &[
        "WHERE",
        "SET",
        "AS",
        "USING",
        "RETURNING",
        "JOIN",
        "LEFT",
        "RIGHT",
        "FULL",
        "INNER",
        "CROSS",
        "NATURAL",
        "GROUP",
        "ORDER",
        "HAVING",
        "LIMIT",
        "ON",
    ];
    if *view.token(index) != Token::Mul || index < 2 || !view.is_name(index - 1) {
        return None;
    }
    let mut first = index - 1;
    while first >= 2 && *view.token(first - 1) == Token::Period {
        first -= 2;
    }
    let is_relation = first > 0 && view.is_any(first - 1, &["FROM", "UPDATE", "JOIN"]);
    let ends = matches!(
        view.token(index + 1),
        Token::EOF | Token::SemiColon | Token::RParen | Token::Comma
    );
    (is_relation && (ends || view.is_any(index + 1, NEXT)))
        .then(|| view.edit(index, index + 1, Vec::new()))
}

/// `(t).*` in a select list is `t.*`.
pub(super) fn row_star(view: &View<'_>, index: usize) -> Vec<Edit> {
    let begins_item = *view.before(index) == Token::Comma
        || (index > 0 && view.is_any(index - 1, &["SELECT", "DISTINCT", "ALL", "RETURNING"]));
    let is_star = *view.token(index) == Token::LParen
        && view.is_name(index + 1)
        && *view.token(index + 2) == Token::RParen
        && *view.token(index + 3) == Token::Period
        && *view.token(index + 4) == Token::Mul;
    match begins_item && is_star {
        true => vec![
            view.edit(index, index + 1, Vec::new()),
            view.edit(index + 2, index + 3, Vec::new()),
        ],
        false => Vec::new(),
    }
}

/// Errors: `42601` for a reserved word as the name of a relation, or of a column that
/// is assigned to.
pub(super) fn refuse_reserved(view: &View<'_>, index: usize) -> Result<(), SqlError> {
    let word = index + 1;
    let is_relation = view.is_any(index, &["FROM", "JOIN"]);
    let is_column = view.is(index, "SET") && *view.token(word + 1) == Token::Eq;
    let is_refused = match is_column {
        true => view.is_any(word, RESERVED) || view.is_any(word, &["SELECT", "TABLE"]),
        false => is_relation && view.is_any(word, RESERVED),
    };
    if is_refused && !is_revoke(view, index) {
        let Token::Word(found) = view.token(word) else {
            return Ok(());
        };
        let error = SqlError::syntax(format!("syntax error at or near \"{}\"", found.value));
        return Err(error.at_location(view.location(word)));
    }
    Ok(())
}

/// Whether the statement takes rights from somebody: FROM GROUP names a group.
fn is_revoke(view: &View<'_>, index: usize) -> bool {
    let before = (0..index).rev();
    before
        .take_while(|place| *view.token(*place) != Token::SemiColon)
        .any(|place| view.is(place, "REVOKE"))
}
