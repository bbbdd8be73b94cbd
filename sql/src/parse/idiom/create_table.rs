//! CREATE TABLE: LIKE among columns, names of columns before AS, `WITH [NO] DATA`.
//!
//! sqlparser takes LIKE alone, and after a name in the list wants a type. So
//! `LIKE t INCLUDING x` becomes a column named [`LIKE`] and `x` whose type is `t`,
//! a bare name gets a type of no meaning, and WITH NO DATA a column [`NO_DATA`].
//! `command/create_table.rs` reads them.

use sqlparser::tokenizer::{Token, Word};

use super::{Edit, View, folded, layout, quoted};

/// Prefix of the column that stands for a LIKE; its options follow, each after `/`.
pub(crate) const LIKE: &str = "\u{1}like";

/// The column that stands for WITH NO DATA.
pub(crate) const NO_DATA: &str = "\u{1}no data";

/// The type of a column that was written without one.
const UNTYPED: &str = "\u{1}untyped";

/// What the statement that begins at `index` needs, if it creates a table.
pub(super) fn edits(view: &View<'_>, index: usize) -> Vec<Edit> {
    let mut edits = Vec::new();
    let Some((name, unlogged)) = table_name(view, index) else {
        return edits;
    };
    edits.extend(unlogged.map(|place| view.edit(place, place + 1, Vec::new())));
    let mut after = name + 1;
    while *view.token(after) == Token::Period {
        after += 2;
    }
    let mut next = after;
    let mut columns_end = None;
    if *view.token(after) == Token::LParen
        && let Some(end) = view.after_closing(after)
    {
        next = end;
        columns_end = Some(end - 1);
        let may_end = ["AS", "WITH", "ON", "TABLESPACE"];
        if view.is_any(end, &may_end) || view.is_any(end, layout::CLAUSES) {
            edits.extend(untyped_columns(view, after, end));
        }
        edits.extend(like_entries(view, after, end));
    }
    edits.extend(data_clause(view, next, columns_end));
    let columns = columns_end.map(|end| (after, end));
    edits.extend(layout::edits(view, columns, next));
    edits
}

/// The index of a new table's name, and of the word UNLOGGED.
fn table_name(view: &View<'_>, index: usize) -> Option<(usize, Option<usize>)> {
    if !view.is(index, "CREATE") {
        return None;
    }
    let mut next = index + 1;
    let mut unlogged = None;
    while view.is_any(next, &["GLOBAL", "LOCAL", "TEMP", "TEMPORARY", "UNLOGGED"]) {
        if view.is(next, "UNLOGGED") {
            unlogged = Some(next);
        }
        next += 1;
    }
    if !view.is(next, "TABLE") {
        return None;
    }
    next += 1;
    if view.is(next, "IF") && view.is(next + 1, "NOT") && view.is(next + 2, "EXISTS") {
        next += 3;
    }
    view.is_name(next).then_some((next, unlogged))
}

/// `(a, b)`: every name gets a type.
fn untyped_columns(view: &View<'_>, open: usize, end: usize) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut index = open + 1;
    loop {
        if !view.is_name(index) {
            return Vec::new();
        }
        edits.push(view.edit(index + 1, index + 1, vec![quoted(UNTYPED)]));
        match view.token(index + 1) {
            Token::Comma => index += 2,
            Token::RParen if index + 2 == end => return edits,
            _ => return Vec::new(),
        }
    }
}

fn like_entries(view: &View<'_>, open: usize, end: usize) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut depth = 0_usize;
    for index in open..end {
        match view.token(index) {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        let begins = depth == 1 && matches!(view.token(index), Token::LParen | Token::Comma);
        if begins && view.is(index + 1, "LIKE") && view.is_name(index + 2) {
            edits.push(like_entry(view, index + 1));
        }
    }
    edits
}

fn like_entry(view: &View<'_>, index: usize) -> Edit {
    let mut words: Vec<&Word> = Vec::new();
    let mut next = index + 1;
    while let Token::Word(word) = view.token(next) {
        words.push(word);
        next += 1;
        if *view.token(next) != Token::Period {
            break;
        }
        next += 1;
    }
    let mut name = LIKE.to_owned();
    while view.is_any(next, &["INCLUDING", "EXCLUDING"])
        && let Token::Word(option) = view.token(next + 1)
    {
        let sign = if view.is(next, "INCLUDING") { '+' } else { '-' };
        name = format!("{name}/{sign}{}", option.value.to_lowercase());
        next += 2;
    }
    let mut with = vec![quoted(name)];
    for (position, word) in words.into_iter().enumerate() {
        if position > 0 {
            with.push(Token::Period);
        }
        with.push(quoted(folded(word)));
    }
    view.edit(index, next, with)
}

/// WITH DATA says nothing; WITH NO DATA becomes a column.
fn data_clause(view: &View<'_>, from: usize, columns_end: Option<usize>) -> Vec<Edit> {
    let end = (from..view.len())
        .find(|index| matches!(view.token(*index), Token::SemiColon | Token::EOF))
        .unwrap_or(view.len());
    let Some(data) = end.checked_sub(1).filter(|last| view.is(*last, "DATA")) else {
        return Vec::new();
    };
    if data >= 1 && view.is(data - 1, "WITH") {
        return vec![view.edit(data - 1, end, Vec::new())];
    }
    if data < 2 || !view.is(data - 1, "NO") || !view.is(data - 2, "WITH") {
        return Vec::new();
    }
    let marker = vec![quoted(NO_DATA), quoted(UNTYPED)];
    let mark = match columns_end {
        Some(close) => {
            let with = [vec![Token::Comma], marker].concat();
            view.edit(close, close, with)
        }
        None => {
            let with = [vec![Token::LParen], marker, vec![Token::RParen]].concat();
            view.edit(from, from, with)
        }
    };
    vec![mark, view.edit(data - 2, end, Vec::new())]
}
