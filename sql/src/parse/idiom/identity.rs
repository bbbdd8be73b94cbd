//! What sqlparser lacks of identity columns in INSERT, MERGE and ALTER TABLE.
//!
//! OVERRIDING becomes the last name of the column list, [`SYSTEM_VALUE`] or
//! [`USER_VALUE`], which `command/insert.rs` and `command/merge.rs` read. `ALTER COLUMN c
//! SET GENERATED ...` and its kin become `SET DEFAULT` with a call of
//! `parse::sequence::IDENTITY`.

use sqlparser::tokenizer::Token;

use super::{Edit, View, keyword, quoted};
use crate::parse::sequence::IDENTITY;

/// The column that stands for OVERRIDING SYSTEM VALUE.
pub(crate) const SYSTEM_VALUE: &str = "\u{1}system value";

/// The column that stands for OVERRIDING USER VALUE.
pub(crate) const USER_VALUE: &str = "\u{1}user value";

pub(super) fn edits(view: &View<'_>, index: usize) -> Vec<Edit> {
    let mut edits = overriding(view, index);
    edits.extend(alter_column(view, index));
    edits
}

fn overriding(view: &View<'_>, index: usize) -> Vec<Edit> {
    let matches = view.is(index, "OVERRIDING")
        && view.is_any(index + 1, &["SYSTEM", "USER"])
        && view.is(index + 2, "VALUE");
    if !matches || index == 0 {
        return Vec::new();
    }
    let mark = quoted(if view.is(index + 1, "SYSTEM") {
        SYSTEM_VALUE
    } else {
        USER_VALUE
    });
    if *view.token(index - 1) == Token::RParen {
        return vec![
            view.edit(index - 1, index - 1, vec![Token::Comma, mark]),
            view.edit(index, index + 3, Vec::new()),
        ];
    }
    let list = vec![Token::LParen, mark, Token::RParen];
    vec![view.edit(index, index + 3, list)]
}

/// `ALTER [COLUMN] c { ADD GENERATED | SET GENERATED | SET <option> | RESTART | DROP
/// IDENTITY } ...`, to the end of the action.
fn alter_column(view: &View<'_>, index: usize) -> Option<Edit> {
    if !view.is(index, "ALTER") || index == 0 {
        return None;
    }
    let name = index + 1 + usize::from(view.is(index + 1, "COLUMN"));
    let start = name + 1;
    let begins = match view.token(start) {
        _ if !view.is_name(name) => false,
        _ if view.is(start, "ADD") => view.is(start + 1, "GENERATED"),
        _ if view.is(start, "DROP") => view.is(start + 1, "IDENTITY"),
        _ if view.is(start, "RESTART") => true,
        _ if view.is(start, "SET") => view.is_any(
            start + 1,
            &[
                "GENERATED",
                "INCREMENT",
                "MINVALUE",
                "MAXVALUE",
                "NO",
                "START",
                "CACHE",
                "CYCLE",
            ],
        ),
        _ => false,
    };
    if !begins {
        return None;
    }
    let mut depth = 0_usize;
    let mut end = start;
    while end < view.len() {
        match view.token(end) {
            Token::SemiColon => break,
            Token::Comma if depth == 0 => break,
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        end += 1;
    }
    let words: Vec<String> = (start..end).map(|at| view.token(at).to_string()).collect();
    let with = vec![
        keyword("SET"),
        keyword("DEFAULT"),
        quoted(IDENTITY),
        Token::LParen,
        Token::SingleQuotedString(words.join(" ")),
        Token::RParen,
    ];
    Some(view.edit(start, end, with))
}
