//! A statement's text in tokens, as far as it goes: nothing here is an error, and what is
//! left open goes to the end of the text.
//!
//! Source: PostgreSQL 15 manual, section 4.1.

use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word, or a number with what sticks to it.
    Word,
    /// A name in double quotes.
    Name,
    /// A string of any notation.
    Text,
    /// Anything else, one character.
    Sign,
    /// A semicolon.
    End,
    Comment,
}

/// A token and where it is.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Quotes included.
    pub(super) place: Range<usize>,
}

impl Token {
    /// A word, or a name without its quotes.
    pub(super) fn name<'a>(&self, text: &'a str) -> &'a str {
        let own = &text[self.place.clone()];
        match self.kind {
            Kind::Name => own.trim_matches('"'),
            _ => own,
        }
    }

    /// Where the text between dollar quotes is, for a string that has them.
    pub(super) fn body(&self, text: &str) -> Option<Range<usize>> {
        let own = &text[self.place.clone()];
        let tag = own.strip_prefix('$')?.find('$')?;
        let mark = &own[..tag + 2];
        let is_closed = own.len() >= 2 * mark.len() && own.ends_with(mark);
        let end = self.place.end - if is_closed { mark.len() } else { 0 };
        Some(self.place.start + mark.len()..end)
    }

    /// What is in a string's quotes, near enough to compare it with a name.
    pub(super) fn content<'a>(&self, text: &'a str) -> &'a str {
        let own = &text[self.place.clone()];
        match own.find('\'') {
            Some(quote) => own[quote..].trim_matches('\''),
            None => own.trim_matches('$'),
        }
    }
}

/// All tokens of a text, without the space between them.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut start = 0;
    while let Some(first) = text[start..].chars().next() {
        let (kind, length) = next(&text[start..], first);
        let end = start + length;
        if let Some(kind) = kind {
            tokens.push(Token {
                kind,
                place: start..end,
            });
        }
        start = end;
    }
    tokens
}

/// The kind of the token that a text begins with, none for space, and its length in bytes.
fn next(rest: &str, first: char) -> (Option<Kind>, usize) {
    if first.is_whitespace() {
        return (None, first.len_utf8());
    }
    if let Some(escape) = string_prefix(rest) {
        return (Some(Kind::Text), quoted(rest, escape, '\''));
    }
    if rest.starts_with("--") {
        let end = rest.find('\n').unwrap_or(rest.len());
        return (Some(Kind::Comment), end);
    }
    if rest.starts_with("/*") {
        return (Some(Kind::Comment), comment(rest));
    }
    if first == '"' {
        return (Some(Kind::Name), quoted(rest, Prefix::PLAIN, '"'));
    }
    if first == '$'
        && let Some(length) = dollar_quoted(rest)
    {
        return (Some(Kind::Text), length);
    }
    if first == ';' {
        return (Some(Kind::End), 1);
    }
    if first.is_alphanumeric() || first == '_' {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'));
        return (Some(Kind::Word), end.unwrap_or(rest.len()));
    }
    (Some(Kind::Sign), first.len_utf8())
}

/// What stands before the quote of a string.
#[derive(Clone, Copy)]
struct Prefix {
    bytes: usize,
    has_backslashes: bool,
}

impl Prefix {
    const PLAIN: Self = Self {
        bytes: 0,
        has_backslashes: false,
    };
}

/// The prefix of a string, if the text begins with one.
fn string_prefix(rest: &str) -> Option<Prefix> {
    let bytes = rest.as_bytes();
    let prefix = |bytes, has_backslashes| Prefix {
        bytes,
        has_backslashes,
    };
    match (bytes.first()?, bytes.get(1), bytes.get(2)) {
        (b'\'', ..) => Some(Prefix::PLAIN),
        (b'e' | b'E', Some(b'\''), _) => Some(prefix(1, true)),
        (b'n' | b'N' | b'b' | b'B' | b'x' | b'X', Some(b'\''), _) => Some(prefix(1, false)),
        (b'u' | b'U', Some(b'&'), Some(b'\'')) => Some(prefix(2, false)),
        _ => None,
    }
}

/// The length of what is quoted, to its end or that of the text.
fn quoted(rest: &str, prefix: Prefix, quote: char) -> usize {
    let mut characters = rest.char_indices().skip(prefix.bytes + 1).peekable();
    while let Some((index, c)) = characters.next() {
        if c == '\\' && prefix.has_backslashes {
            characters.next();
        } else if c == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return index + 1;
        }
    }
    rest.len()
}

/// The length of a comment with those in it.
fn comment(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut depth, mut index) = (0_u32, 0);
    while index < bytes.len() {
        match (bytes[index], bytes.get(index + 1)) {
            (b'/', Some(b'*')) => {
                depth += 1;
                index += 2;
            }
            (b'*', Some(b'/')) => {
                depth -= 1;
                index += 2;
                if depth == 0 {
                    return index;
                }
            }
            _ => index += 1,
        }
    }
    rest.len()
}

/// The length of a string in dollar quotes; none for a parameter or a sign.
fn dollar_quoted(rest: &str) -> Option<usize> {
    let length = rest[1..].find('$')?;
    let tag = &rest[1..=length];
    let is_tag = tag.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !tag.starts_with(|c: char| c.is_ascii_digit());
    if !is_tag {
        return None;
    }
    let mark = &rest[..length + 2];
    let end = rest[mark.len()..].find(mark);
    Some(end.map_or(rest.len(), |end| mark.len() + end + mark.len()))
}
