//! MERGE's actions that sqlparser does not know.
//!
//! `DO NOTHING` becomes an assignment to a column that no table has, `INSERT DEFAULT
//! VALUES` an INSERT into one, Redshift's `REMOVE DUPLICATES` such an assignment in a
//! branch; `command/merge.rs` takes them for what they mean.

use sqlparser::tokenizer::Token;

use super::{Edit, View, keyword, quoted};

/// The column that DO NOTHING assigns to or inserts into.
pub(crate) const NOTHING: &str = "\u{1}nothing";

/// The column that REMOVE DUPLICATES assigns to, as the only branch.
pub(crate) const REMOVE_DUPLICATES: &str = "\u{1}remove duplicates";

/// The column that DEFAULT VALUES inserts into.
pub(crate) const DEFAULT_VALUES: &str = "\u{1}default values";

/// `THEN DO NOTHING`, `THEN INSERT DEFAULT VALUES`.
pub(super) fn edit(view: &View<'_>, index: usize) -> Option<Edit> {
    if !view.is(index, "THEN") {
        return None;
    }
    let next = index + 1;
    if view.is(next, "DO") && view.is(next + 1, "NOTHING") {
        let with = if follows_not_matched(view, index) {
            let mut with = vec![keyword("INSERT")];
            with.extend(column_and_value(NOTHING));
            with
        } else {
            assignment(NOTHING)
        };
        return Some(view.edit(next, next + 2, with));
    }
    let is_default =
        view.is(next, "INSERT") && view.is(next + 1, "DEFAULT") && view.is(next + 2, "VALUES");
    is_default.then(|| view.edit(next + 1, next + 3, column_and_value(DEFAULT_VALUES)))
}

/// `REMOVE DUPLICATES` where a MERGE ends.
pub(super) fn remove_duplicates(view: &View<'_>, index: usize) -> Option<Edit> {
    if !view.is(index, "MERGE") || !view.is(index + 1, "INTO") {
        return None;
    }
    let is_end = |place: &usize| matches!(view.token(*place), Token::SemiColon | Token::EOF);
    let words = (index..=view.len()).find(is_end)?.checked_sub(2)?;
    if !view.is(words, "REMOVE") || !view.is(words + 1, "DUPLICATES") {
        return None;
    }
    let mut with = vec![keyword("WHEN"), keyword("MATCHED"), keyword("THEN")];
    with.extend(assignment(REMOVE_DUPLICATES));
    Some(view.edit(words, words + 2, with))
}

/// `MERGE INTO t USING a JOIN b ON ... ON ...`: the join gets parentheses.
pub(super) fn joined_source(view: &View<'_>, index: usize) -> Vec<Edit> {
    if !view.is(index, "MERGE") || !view.is(index + 1, "INTO") {
        return Vec::new();
    }
    let (mut depth, mut cases) = (0_usize, 0_usize);
    let (mut using, mut on, mut is_join) = (None, None, false);
    for place in index + 2..view.len() {
        match view.token(place) {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::SemiColon => break,
            Token::Word(_) if depth > 0 => {}
            _ if view.is(place, "CASE") => cases += 1,
            _ if view.is(place, "END") => cases = cases.saturating_sub(1),
            _ if view.is(place, "WHEN") && cases == 0 => break,
            _ if view.is(place, "USING") && using.is_none() => using = Some(place),
            _ if view.is(place, "JOIN") && on.is_none() => is_join = true,
            _ if view.is(place, "ON") => on = Some(place),
            _ => {}
        }
    }
    let (Some(using), Some(on), true) = (using, on, is_join) else {
        return Vec::new();
    };
    vec![
        view.edit(using + 1, using + 1, vec![Token::LParen]),
        view.edit(on, on, vec![Token::RParen]),
    ]
}

/// Whether the WHEN before THEN says NOT MATCHED.
fn follows_not_matched(view: &View<'_>, then: usize) -> bool {
    let matched = (0..then).rev().find(|index| view.is(*index, "MATCHED"));
    matched.is_some_and(|matched| matched > 0 && view.is(matched - 1, "NOT"))
}

/// `UPDATE SET "column" = NULL`
fn assignment(column: &str) -> Vec<Token> {
    let assigned = [keyword("UPDATE"), keyword("SET"), quoted(column)];
    assigned
        .into_iter()
        .chain([Token::Eq, keyword("NULL")])
        .collect()
}

/// `("column") VALUES (NULL)`
fn column_and_value(column: &str) -> Vec<Token> {
    vec![
        Token::LParen,
        quoted(column),
        Token::RParen,
        keyword("VALUES"),
        Token::LParen,
        keyword("NULL"),
        Token::RParen,
    ]
}
