//! Spellings that sqlparser lacks, turned into ones that it takes.
//!
//! Works on the tokens of a whole message before they are parsed, so it may look
//! only at words and parentheses. What the tree has no place for is carried under
//! names that begin with [`MARK`], which nobody can type by chance; whoever reads
//! such a name says so in its header.
//!
//! Source: PostgreSQL 15, `gram.y`.

use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Word};

use crate::error::SqlError;

mod create_table;
mod create_view;
mod hash_name;
pub(crate) mod identity;
mod layout;
pub(crate) mod merge;
mod relation;
mod transaction;
pub(crate) mod version;

pub(crate) use create_table::{LIKE, NO_DATA};
pub(crate) use layout::INTERLEAVED;

/// First character of names that carry what was written elsewhere.
pub(crate) const MARK: char = '\u{1}';

/// Prefix of the name that stands at the end of a USING list for its alias.
pub(crate) const USING_ALIAS: &str = "\u{1}as/";

/// Words of which one must occur before anything has to be done.
const TRIGGERS: &[&str] = &[
    "TABLE",
    "SELECT",
    "USING",
    "OVERRIDING",
    "EXCLUDE",
    "MERGE",
    "UPDATE",
    "DELETE",
    "DEFERRABLE",
    "ISOLATION",
    "OF",
];

/// Replaces what sqlparser lacks.
///
/// Errors: `0A000` for a window frame that excludes rows, `42601` for a reserved word
/// as a name.
pub(super) fn translate(tokens: Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>, SqlError> {
    let tokens = hash_name::merge(tokens);
    let is_trigger = |token: &TokenWithSpan| match &token.token {
        Token::Word(word) if word.quote_style.is_none() => TRIGGERS
            .iter()
            .any(|trigger| word.value.eq_ignore_ascii_case(trigger)),
        _ => false,
    };
    if !tokens.iter().any(is_trigger) {
        return Ok(tokens);
    }
    let edits = {
        let view = View::new(&tokens);
        let mut edits = Vec::new();
        for index in 0..view.len() {
            let table_query = table_query(&view, index);
            edits.extend(table_query.or_else(|| empty_select(&view, index)));
            edits.extend(identity::edits(&view, index));
            edits.extend(excluded_rows(&view, index)?);
            edits.extend(using_alias(&view, index));
            edits.extend(create_table::edits(&view, index));
            edits.extend(create_view::edit(&view, index));
            edits.extend(merge::edit(&view, index));
            edits.extend(merge::joined_source(&view, index));
            edits.extend(merge::remove_duplicates(&view, index));
            edits.extend(relation::only(&view, index));
            edits.extend(relation::star(&view, index));
            edits.extend(relation::row_star(&view, index));
            relation::refuse_reserved(&view, index)?;
            edits.extend(transaction::edit(&view, index)?);
            edits.extend(version::edits(&view, index));
        }
        if version::occurs(&tokens) || has_version(&edits) {
            let plain = (0..view.len()).filter_map(|index| version::plain_name(&view, index));
            edits.extend(plain);
        }
        edits
    };
    Ok(apply(tokens, edits))
}

/// Whether an edit lets the parser read a relation's version.
fn has_version(edits: &[Edit]) -> bool {
    let mut words = edits.iter().flat_map(|edit| &edit.with);
    words.any(|token| is_word(token, "SYSTEM_TIME"))
}

/// Tokens from `start` up to `end` become others.
struct Edit {
    start: usize,
    end: usize,
    with: Vec<Token>,
}

fn apply(tokens: Vec<TokenWithSpan>, mut edits: Vec<Edit>) -> Vec<TokenWithSpan> {
    if edits.is_empty() {
        return tokens;
    }
    edits.sort_by_key(|edit| (edit.start, edit.end));
    let mut out = Vec::with_capacity(tokens.len() + edits.len() * 4);
    let mut edits = edits.into_iter().peekable();
    let mut skip_until = 0;
    let mut span = Span::empty();
    let placed = |with: Vec<Token>, span: Span| {
        with.into_iter()
            .map(move |token| TokenWithSpan::new(token, span))
    };
    for (index, token) in tokens.into_iter().enumerate() {
        span = token.span;
        while let Some(edit) = edits.next_if(|edit| edit.start == index) {
            out.extend(placed(edit.with, span));
            skip_until = skip_until.max(edit.end);
        }
        if index >= skip_until {
            out.push(token);
        }
    }
    for edit in edits {
        out.extend(placed(edit.with, span));
    }
    out
}

/// The tokens without white space and comments.
struct View<'a> {
    tokens: &'a [TokenWithSpan],
    /// Where each token that counts stands among all.
    places: Vec<usize>,
    end: TokenWithSpan,
}

impl<'a> View<'a> {
    fn new(tokens: &'a [TokenWithSpan]) -> Self {
        let places = tokens
            .iter()
            .enumerate()
            .filter(|(_, token)| !matches!(token.token, Token::Whitespace(_)))
            .map(|(place, _)| place)
            .collect();
        Self {
            tokens,
            places,
            end: TokenWithSpan::new(Token::EOF, Span::empty()),
        }
    }

    fn len(&self) -> usize {
        self.places.len()
    }

    fn token(&self, index: usize) -> &Token {
        match self.places.get(index) {
            Some(place) => &self.tokens[*place].token,
            None => &self.end.token,
        }
    }

    /// The token before `index`, or the end of the text.
    fn before(&self, index: usize) -> &Token {
        match index.checked_sub(1) {
            Some(previous) => self.token(previous),
            None => &self.end.token,
        }
    }

    /// Where token `index` stands in the text.
    fn location(&self, index: usize) -> Location {
        match self.places.get(index) {
            Some(place) => self.tokens[*place].span.start,
            None => self.end.span.start,
        }
    }

    fn is(&self, index: usize, word: &str) -> bool {
        is_word(self.token(index), word)
    }

    fn is_any(&self, index: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(index, word))
    }

    fn is_name(&self, index: usize) -> bool {
        matches!(self.token(index), Token::Word(_))
    }

    /// Where token `index` stands among all tokens.
    fn place(&self, index: usize) -> usize {
        self.places.get(index).copied().unwrap_or(self.tokens.len())
    }

    fn edit(&self, start: usize, end: usize, with: Vec<Token>) -> Edit {
        Edit {
            start: self.place(start),
            end: if end == start {
                self.place(start)
            } else {
                self.place(end - 1) + 1
            },
            with,
        }
    }

    /// The index after the parenthesis that closes the one at `open`.
    fn after_closing(&self, open: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for index in open..self.len() {
            match self.token(index) {
                Token::LParen => depth += 1,
                Token::RParen => {
                    depth = depth.checked_sub(1)?;
                    if depth == 0 {
                        return Some(index + 1);
                    }
                }
                Token::SemiColon => return None,
                _ => {}
            }
        }
        None
    }
}

fn is_word(token: &Token, wanted: &str) -> bool {
    matches!(token, Token::Word(word)
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted))
}

fn keyword(text: &str) -> Token {
    Token::make_keyword(text)
}

fn quoted(name: impl Into<String>) -> Token {
    let name: String = name.into();
    Token::make_word(&name, Some('"'))
}

/// A name as it is stored: folded unless quoted.
fn folded(word: &Word) -> String {
    match word.quote_style {
        Some(_) => word.value.clone(),
        None => word.value.to_lowercase(),
    }
}

/// `TABLE t` where a query begins is `SELECT * FROM t`.
fn table_query(view: &View<'_>, index: usize) -> Option<Edit> {
    if !view.is(index, "TABLE") || !view.is_name(index + 1) || !begins_query(view, index) {
        return None;
    }
    let with = vec![keyword("SELECT"), Token::Mul, keyword("FROM")];
    Some(view.edit(index, index + 1, with))
}

fn begins_query(view: &View<'_>, index: usize) -> bool {
    let previous = view.before(index);
    if matches!(
        previous,
        Token::EOF | Token::SemiColon | Token::LParen | Token::RParen
    ) {
        return true;
    }
    let Some(last) = index.checked_sub(1) else {
        return true;
    };
    if view.is_any(last, &["UNION", "INTERSECT", "EXCEPT", "AS", "EXPLAIN"]) {
        return true;
    }
    if view.is_any(last, &["ALL", "DISTINCT"]) {
        return last > 0 && view.is_any(last - 1, &["UNION", "INTERSECT", "EXCEPT"]);
    }
    if view.is_any(last, &["ANALYZE", "VERBOSE"]) {
        return last > 0 && view.is_any(last - 1, &["ANALYZE", "EXPLAIN"]);
    }
    if view.is(last, "VALUE") {
        return last > 1 && view.is(last - 2, "OVERRIDING");
    }
    inserts_into(view, last)
}

/// Whether the name that ends at `last` is the target of an INSERT.
fn inserts_into(view: &View<'_>, last: usize) -> bool {
    let mut first = last;
    while first >= 2 && *view.token(first - 1) == Token::Period {
        first -= 2;
    }
    view.is_name(last) && first >= 2 && view.is(first - 1, "INTO") && view.is(first - 2, "INSERT")
}

/// A SELECT without a list and without FROM gives one row without columns.
fn empty_select(view: &View<'_>, index: usize) -> Option<Edit> {
    const NEXT: &[&str] = &[
        "UNION",
        "INTERSECT",
        "EXCEPT",
        "WHERE",
        "ORDER",
        "LIMIT",
        "OFFSET",
        "FETCH",
        "HAVING",
    ];
    let ends = matches!(
        view.token(index + 1),
        Token::EOF | Token::SemiColon | Token::RParen
    );
    if !view.is(index, "SELECT") || !(ends || view.is_any(index + 1, NEXT)) {
        return None;
    }
    let with = vec![
        keyword("FROM"),
        Token::LParen,
        keyword("VALUES"),
        Token::LParen,
        Token::Number("0".to_owned(), false),
        Token::RParen,
        Token::RParen,
        quoted(format!("{MARK}row")),
    ];
    let mut edit = view.edit(index, index + 1, with);
    edit.start = edit.end;
    Some(edit)
}

/// The end of a window frame. Excluding nothing is the default.
fn excluded_rows(view: &View<'_>, index: usize) -> Result<Option<Edit>, SqlError> {
    let ends_bound =
        ["ROW", "PRECEDING", "FOLLOWING"].map(|word| is_word(view.before(index), word));
    if !view.is(index, "EXCLUDE") || !ends_bound.contains(&true) {
        return Ok(None);
    }
    if view.is(index + 1, "NO") && view.is(index + 2, "OTHERS") {
        return Ok(Some(view.edit(index, index + 3, Vec::new())));
    }
    let is_frame = view.is_any(index + 1, &["TIES", "GROUP"])
        || (view.is(index + 1, "CURRENT") && view.is(index + 2, "ROW"));
    if is_frame {
        return Err(SqlError::not_supported("EXCLUDE in a window frame"));
    }
    Ok(None)
}

/// `USING (a, b) AS j`: the alias becomes the last name of the list.
fn using_alias(view: &View<'_>, index: usize) -> Option<Edit> {
    if !view.is(index, "USING") || *view.token(index + 1) != Token::LParen {
        return None;
    }
    let mut last = index + 2;
    while view.is_name(last) && *view.token(last + 1) == Token::Comma {
        last += 2;
    }
    let closes = view.is_name(last) && *view.token(last + 1) == Token::RParen;
    let Token::Word(alias) = view.token(last + 3) else {
        return None;
    };
    if !closes || !view.is(last + 2, "AS") {
        return None;
    }
    let name = format!("{USING_ALIAS}{}", folded(alias));
    let with = vec![Token::Comma, quoted(name), Token::RParen];
    Some(view.edit(last + 1, last + 4, with))
}
