//! Secrets within a string: connection strings, options, URLs, JSON.

use std::ops::Range;

use super::is_secret;

/// What ends a value that has no quotes.
const ENDS: &[char] = &['\'', '"', '&', ';', ',', '}', ')', ']'];

/// Places of the secrets in a text.
pub(super) fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let rest = &text[start..];
        let length = word(rest);
        if length == 0 {
            start += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        }
        let end = start + length;
        if is_secret(&text[start..end])
            && let Some(value) = value(&text[end..])
        {
            found.push(end + value.start..end + value.end);
            start = end + value.end;
        } else {
            start = end;
        }
    }
    found.extend(url_passwords(text));
    found
}

/// How many bytes of a text are a name.
fn word(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
        .unwrap_or(text.len())
}

/// The value behind a name, if `=` or `:` follows.
fn value(text: &str) -> Option<Range<usize>> {
    let is_quote = |c: char| matches!(c, '"' | '\'' | '\\');
    let skipped = |c: char| c.is_whitespace() || is_quote(c);
    let sign = text.find(|c: char| !skipped(c))?;
    if !text[sign..].starts_with(['=', ':']) {
        return None;
    }
    let after = sign + 1;
    let start = after + text[after..].find(|c: char| !(skipped(c) || c == '>' || c == '='))?;
    let value = &text[start..];
    let quote = text[after..start]
        .chars()
        .rev()
        .find(|c| is_quote(*c) && *c != '\\');
    let length = match quote {
        Some(quote) => value.find([quote, '\\']),
        None => value.find(|c: char| c.is_whitespace() || ENDS.contains(&c)),
    };
    let end = start + length.unwrap_or(value.len());
    (end > start).then_some(start..end)
}

/// Passwords of URLs such as `postgres://user:password@host`.
fn url_passwords(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let schemes = text.match_indices("://");
    for (index, mark) in schemes {
        let start = index + mark.len();
        let rest = &text[start..];
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '\''));
        let authority = &rest[..end.unwrap_or(rest.len())];
        let user_info = authority.rfind('@').map(|at| &authority[..at]);
        if let Some(user_info) = user_info
            && let Some(colon) = user_info.find(':')
        {
            found.push(start + colon + 1..start + user_info.len());
        }
    }
    found
}
