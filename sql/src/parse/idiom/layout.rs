//! CREATE TABLE with Redshift's clauses of layout, in any order and of columns, too.
//!
//! sqlparser takes `DISTSTYLE x DISTKEY(c) SORTKEY(c, ...)` in this order behind the
//! columns, so this is what the clauses become. ENCODE and BACKUP say nothing here and go;
//! an INTERLEAVED key begins with a name that no column has, [`INTERLEAVED`].
//!
//! Source: Redshift's developer guide, CREATE TABLE.

use sqlparser::tokenizer::Token;

use super::{Edit, View, folded, keyword, quoted};

/// The first name of an interleaved sort key.
pub(crate) const INTERLEAVED: &str = "\u{1}interleaved";

/// Words with which a clause behind the columns begins.
pub(super) const CLAUSES: &[&str] = &[
    "BACKUP",
    "DISTSTYLE",
    "DISTKEY",
    "COMPOUND",
    "INTERLEAVED",
    "SORTKEY",
    "ENCODE",
];

/// What the clauses say.
#[derive(Default)]
struct Layout {
    style: Option<String>,
    dist_key: Option<String>,
    sort_key: Vec<String>,
}

/// `columns`: the parentheses of the table's columns, if it has them. `next`: what follows
/// them, or the name.
pub(super) fn edits(view: &View<'_>, columns: Option<(usize, usize)>, next: usize) -> Vec<Edit> {
    let mut layout = Layout::default();
    let end = clauses(view, next, &mut layout);
    let mut edits = Vec::new();
    if let Some((open, close)) = columns {
        edits.extend(of_columns(view, open, close, &mut layout));
    }
    if end == next && edits.is_empty() {
        return edits;
    }
    edits.push(view.edit(next, end, tokens(layout)));
    edits
}

/// Reads the clauses that begin at `next`; returns where they end.
fn clauses(view: &View<'_>, next: usize, layout: &mut Layout) -> usize {
    let mut at = next;
    loop {
        let is_backup = view.is(at, "BACKUP") && view.is_any(at + 1, &["YES", "NO"]);
        let after = if is_backup || view.is(at, "ENCODE") && view.is(at + 1, "AUTO") {
            at + 2
        } else if view.is(at, "DISTSTYLE")
            && view.is_any(at + 1, &["AUTO", "EVEN", "KEY", "ALL"])
            && let Token::Word(style) = view.token(at + 1)
        {
            layout.style = Some(style.value.to_uppercase());
            at + 2
        } else if view.is(at, "DISTKEY") {
            match names(view, at + 1).as_mut() {
                Some((names, after)) if names.len() == 1 => {
                    layout.dist_key = names.pop();
                    *after
                }
                _ => return at,
            }
        } else {
            match sort_clause(view, at, layout) {
                Some(after) => after,
                None => return at,
            }
        };
        at = after;
    }
}

/// `[COMPOUND | INTERLEAVED] SORTKEY (a, b)` or `SORTKEY { AUTO | NONE }`.
fn sort_clause(view: &View<'_>, at: usize, layout: &mut Layout) -> Option<usize> {
    let is_interleaved = view.is(at, "INTERLEAVED");
    let word = at + usize::from(is_interleaved || view.is(at, "COMPOUND"));
    if !view.is(word, "SORTKEY") || !layout.sort_key.is_empty() {
        return None;
    }
    if view.is_any(word + 1, &["AUTO", "NONE"]) {
        return Some(word + 2);
    }
    let (names, after) = names(view, word + 1)?;
    layout
        .sort_key
        .extend(is_interleaved.then(|| INTERLEAVED.to_owned()));
    layout.sort_key.extend(names);
    Some(after)
}

/// `(a, b)` and what follows it.
fn names(view: &View<'_>, open: usize) -> Option<(Vec<String>, usize)> {
    if *view.token(open) != Token::LParen {
        return None;
    }
    let mut names = Vec::new();
    let mut at = open + 1;
    loop {
        let Token::Word(word) = view.token(at) else {
            return None;
        };
        names.push(folded(word));
        match view.token(at + 1) {
            Token::Comma => at += 2,
            Token::RParen => return Some((names, at + 2)),
            _ => return None,
        }
    }
}

/// Takes ENCODE, DISTKEY and SORTKEY away from columns.
fn of_columns(view: &View<'_>, open: usize, close: usize, layout: &mut Layout) -> Vec<Edit> {
    let has_table_key = !layout.sort_key.is_empty();
    let mut edits = Vec::new();
    let (mut depth, mut entry) = (0_usize, open + 1);
    let mut index = open;
    while index < close {
        match view.token(index) {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Comma if depth == 1 => entry = index + 1,
            // The first two words are a column's name and type.
            Token::Word(_) if depth == 1 && index > entry + 1 => {
                let name = match view.token(entry) {
                    Token::Word(word) => folded(word),
                    _ => String::new(),
                };
                if view.is(index, "ENCODE") && view.is_name(index + 1) {
                    edits.push(view.edit(index, index + 2, Vec::new()));
                    index += 1;
                } else if view.is(index, "DISTKEY") && layout.dist_key.is_none() {
                    layout.dist_key = Some(name);
                    edits.push(view.edit(index, index + 1, Vec::new()));
                } else if view.is(index, "SORTKEY") && !has_table_key {
                    layout.sort_key.push(name);
                    edits.push(view.edit(index, index + 1, Vec::new()));
                }
            }
            _ => {}
        }
        index += 1;
    }
    edits
}

fn tokens(layout: Layout) -> Vec<Token> {
    let mut with = Vec::new();
    if let Some(style) = layout.style {
        with.extend([keyword("DISTSTYLE"), keyword(&style)]);
    }
    if let Some(column) = layout.dist_key {
        with.extend([
            keyword("DISTKEY"),
            Token::LParen,
            quoted(column),
            Token::RParen,
        ]);
    }
    let count = layout.sort_key.len();
    for (index, column) in layout.sort_key.into_iter().enumerate() {
        with.extend(match index {
            0 => vec![keyword("SORTKEY"), Token::LParen],
            _ => vec![Token::Comma],
        });
        with.push(quoted(column));
        if index + 1 == count {
            with.push(Token::RParen);
        }
    }
    with
}
