//! A relation as of an earlier moment: `t FOR SYSTEM_TIME AS OF <timestamp>`,
//! `t AS OF SNAPSHOT <id or hold>`, `t AS OF <timestamp>`.
//!
//! All become the first form, the one that sqlparser knows; a snapshot is a call of
//! [`SNAPSHOT`]. `session/versions.rs` takes them for what they mean. An alias may stand
//! on either side, as the systems that have the clause do not agree.
//!
//! Source: SQL:2011, 7.6 (table reference); `BigQuery`'s FROM clause, where the alias
//! comes first.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{Edit, MARK, View, folded, is_word, keyword, quoted};

/// The function that stands for `SNAPSHOT x`.
pub(crate) const SNAPSHOT: &str = "\u{1}snapshot";

/// Words that begin a moment behind `AS OF`. Another word may be what follows an alias
/// that is named `of`.
const MOMENT_WORDS: &[&str] = &[
    "SNAPSHOT",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "CAST",
    "NOW",
    "CURRENT_TIMESTAMP",
];

/// Words that a relation's name follows, so that the word behind them is no alias.
const BEFORE_NAME: &[&str] = &[
    "FROM", "JOIN", "ONLY", "USING", "INTO", "UPDATE", "TABLE", "SCHEMA", "SNAPSHOT",
];

/// Words at which an expression ends that stands in FROM.
const AFTER_MOMENT: &[&str] = &[
    "WHERE",
    "GROUP",
    "HAVING",
    "WINDOW",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "FETCH",
    "FOR",
    "UNION",
    "INTERSECT",
    "EXCEPT",
    "JOIN",
    "INNER",
    "LEFT",
    "RIGHT",
    "FULL",
    "CROSS",
    "NATURAL",
    "ON",
    "USING",
    "TABLESAMPLE",
    "SET",
    "WHEN",
    "RETURNING",
    "WITH",
];

/// Whether a relation is read as of an earlier moment, once edits are made.
pub(crate) fn occurs(tokens: &[TokenWithSpan]) -> bool {
    tokens
        .iter()
        .any(|token| is_word(&token.token, "SYSTEM_TIME"))
}

/// What changes at `index`.
pub(super) fn edits(view: &View<'_>, index: usize) -> Vec<Edit> {
    let Some((start, moment)) = clause(view, index) else {
        return Vec::new();
    };
    let mut edits = Vec::new();
    let alias = alias(view, start);
    let first = alias.map_or(start, |alias| alias.0);
    let words = ["FOR", "SYSTEM_TIME", "AS", "OF"].map(keyword).to_vec();
    edits.push(view.edit(first, moment, words));
    if view.is(moment, "SNAPSHOT") {
        edits.extend(snapshot(view, moment));
    }
    if let Some((_, name)) = alias {
        let end = end_of_moment(view, moment);
        let name = view.token(name).clone();
        edits.push(view.edit(end, end, vec![keyword("AS"), name]));
    }
    edits
}

/// Names that the parser would take for forms of other systems, once it reads versions.
pub(super) fn plain_name(view: &View<'_>, index: usize) -> Option<Edit> {
    let Token::Word(word) = view.token(index) else {
        return None;
    };
    let is_other = view.is_any(index, &["BEFORE", "CHANGES"])
        || (view.is(index, "AT") && !view.is(index + 1, "TIME"));
    is_other.then(|| view.edit(index, index + 1, vec![quoted(folded(word))]))
}

/// Where the clause that begins at `index` begins, and where its moment does.
fn clause(view: &View<'_>, index: usize) -> Option<(usize, usize)> {
    let is_as_of = |at: usize| view.is(at, "AS") && view.is(at + 1, "OF");
    if view.is(index, "FOR") && view.is(index + 1, "SYSTEM_TIME") && is_as_of(index + 2) {
        return Some((index, index + 4));
    }
    let is_named = index > 0 && view.is(index - 1, "SYSTEM_TIME");
    if !is_as_of(index) || is_named {
        return None;
    }
    let begins = match view.token(index + 2) {
        Token::Placeholder(_) | Token::SingleQuotedString(_) => true,
        Token::Word(_) => view.is_any(index + 2, MOMENT_WORDS),
        _ => false,
    };
    begins.then_some((index, index + 2))
}

/// Where the alias begins that ends before `start`, and where its name is.
fn alias(view: &View<'_>, start: usize) -> Option<(usize, usize)> {
    let name = start.checked_sub(1)?;
    let before = name.checked_sub(1)?;
    if !view.is_name(name) {
        return None;
    }
    if view.is(before, "AS") {
        return Some((before, name));
    }
    let follows_name = view.is_name(before) && !view.is_any(before, BEFORE_NAME);
    follows_name.then_some((name, name))
}

/// `SNAPSHOT 42`, `SNAPSHOT 'hold'`, `SNAPSHOT hold`, `SNAPSHOT $1` as a call.
fn snapshot(view: &View<'_>, index: usize) -> Option<Edit> {
    let argument = match view.token(index + 1) {
        Token::LParen => return Some(view.edit(index, index + 1, vec![quoted(SNAPSHOT)])),
        Token::Word(_) if view.is(index + 1, "NULL") => keyword("NULL"),
        Token::Word(word) => Token::SingleQuotedString(folded(word)),
        token @ (Token::Number(..) | Token::SingleQuotedString(_) | Token::Placeholder(_)) => {
            token.clone()
        }
        _ => return None,
    };
    let with = vec![quoted(SNAPSHOT), Token::LParen, argument, Token::RParen];
    Some(view.edit(index, index + 2, with))
}

/// The token behind an expression that begins at `index`.
fn end_of_moment(view: &View<'_>, index: usize) -> usize {
    let mut place = index;
    while place < view.len() {
        match view.token(place) {
            Token::LParen => match view.after_closing(place) {
                Some(after) => {
                    place = after;
                    continue;
                }
                None => return view.len(),
            },
            Token::RParen | Token::Comma | Token::SemiColon => return place,
            Token::Word(_) if view.is_any(place, AFTER_MOMENT) => return place,
            _ => {}
        }
        place += 1;
    }
    place
}

const _: () = assert!(SNAPSHOT.as_bytes()[0] == MARK as u8);
