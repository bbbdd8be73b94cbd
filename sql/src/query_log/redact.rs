//! The text of a statement without the secrets in it.
//!
//! It works on tokens and not on the syntax tree, since statements that do not parse are
//! logged, too. What goes:
//!
//! - the string behind a name such as PASSWORD or SECRET_ACCESS_KEY, whatever stands
//!   between them (`=`, AS, TO);
//! - the value of SET and `set_config` for a setting with such a name;
//! - what stands behind PASSWORD in CREATE and ALTER ROLE, also without quotes, and every
//!   string of them but that behind UNTIL, since PASSWORD may be misspelled;
//! - all that in strings in dollar quotes, such as the body of DO; another string that is
//!   such a statement goes as a whole;
//! - in any other string, and in comments: values of `password=...` and the like, and the
//!   password of a URL.
//!
//! Other literals stay. Where it is in doubt, it takes out more rather than less.

use std::borrow::Cow;
use std::ops::Range;

mod embedded;
mod token;

use token::{Kind, Token, tokens};

/// Instead of a secret.
const MARK: &str = "***";

/// Instead of a string that is a secret.
const STRING_MARK: &str = "'***'";

/// Ends of names whose values are secret, in lower case.
const SECRET_ENDS: &[&str] = &[
    "access_key",
    "access_key_id",
    "access_token",
    "accesskey",
    "account_key",
    "accountkey",
    "api_key",
    "apikey",
    "auth_token",
    "credential",
    "credentials",
    "encryption_key",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "pwd",
    "refresh_token",
    "sas_token",
    "secret",
    "secret_key",
    "security_token",
    "session_token",
    "signature",
    "symmetric_key",
];

/// Whole names whose values are secret.
const SECRET_NAMES: &[&str] = &["key_id", "sig", "token"];

/// Parts that every text with a secret has at least one of.
const HINTS: &[&str] = &[
    "cred", "key", "pass", "pwd", "role", "secret", "sig", "token", "user ", "://",
];

/// What hints begin with.
const HINT_STARTS: [bool; 256] = {
    let mut starts = [false; 256];
    let mut index = 0;
    while index < HINTS.len() {
        let first = HINTS[index].as_bytes()[0];
        starts[first as usize] = true;
        starts[first.to_ascii_uppercase() as usize] = true;
        index += 1;
    }
    starts
};

/// Whether a text may have a secret. Every statement is asked this, and few have.
fn has_hint(text: &[u8]) -> bool {
    let mut places = (0..text.len()).filter(|at| HINT_STARTS[usize::from(text[*at])]);
    places.any(|at| {
        HINTS.iter().any(|hint| {
            let part = text.get(at..at + hint.len());
            part.is_some_and(|part| part.eq_ignore_ascii_case(hint.as_bytes()))
        })
    })
}

/// The first bytes of a text, at most so many, and no part of a character.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    let end = (0..=bytes_max.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// Most strings in dollar quotes that are looked for within each other.
const BODY_DEPTH_MAX: usize = 4;

/// The text without its secrets.
pub(crate) fn redacted(text: &str) -> Cow<'_, str> {
    if !has_hint(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    replace(text, &secrets(text, 0))
}

/// The secrets of all statements of a text, in their order.
fn secrets(text: &str, depth: usize) -> Vec<Secret> {
    let tokens = tokens(text);
    let mut secrets = Vec::new();
    for statement in tokens.split(|token| token.kind == Kind::End) {
        find(text, statement, depth, &mut secrets);
    }
    secrets
}

/// Whether values of this name are secret. Any case; `-` is as good as `_`.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    SECRET_NAMES.contains(&name.as_str()) || SECRET_ENDS.iter().any(|end| name.ends_with(end))
}

/// What is taken out of a text.
struct Secret {
    place: Range<usize>,
    mark: &'static str,
}

fn replace<'a>(text: &'a str, secrets: &[Secret]) -> Cow<'a, str> {
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut end = 0;
    for secret in secrets {
        // One may lie in another, such as a string in the value of SET.
        if secret.place.start >= end {
            clean.push_str(&text[end..secret.place.start]);
            clean.push_str(secret.mark);
            end = secret.place.end;
        }
    }
    clean.push_str(&text[end..]);
    Cow::Owned(clean)
}

/// Finds the secrets of one statement, in their order.
fn find(text: &str, all: &[Token], depth: usize, secrets: &mut Vec<Secret>) {
    let parts: Vec<&Token> = all
        .iter()
        .filter(|token| token.kind != Kind::Comment)
        .collect();
    let context = Context::of(text, &parts);
    let mut found: Vec<Secret> = Vec::new();
    for (index, token) in parts.iter().enumerate() {
        if matches!(token.kind, Kind::Word | Kind::Name) && is_secret(token.name(text)) {
            find_value(text, &parts, index, &context, &mut found);
        }
        if token.kind == Kind::Word && token.name(text).eq_ignore_ascii_case("set_config") {
            find_set_config(text, &parts[index + 1..], &mut found);
        }
    }
    let is_mapping = parts
        .get(2)
        .is_some_and(|third| is_word_of(text, third, &["mapping"]));
    if context.is_role && context.set_at.is_none() && !is_mapping {
        find_role_strings(text, &parts, &mut found);
    }
    for token in all {
        if token.kind == Kind::Text {
            find_statements(text, token, depth, &mut found);
        }
        if matches!(token.kind, Kind::Text | Kind::Comment) {
            let inner = embedded::secrets(&text[token.place.clone()]);
            found.extend(inner.into_iter().map(|place| Secret {
                place: token.place.start + place.start..token.place.start + place.end,
                mark: MARK,
            }));
        }
    }
    // The longer one of two that begin at the same place covers the other.
    found.sort_by_key(|secret| (secret.place.start, std::cmp::Reverse(secret.place.end)));
    secrets.append(&mut found);
}

/// The strings of a statement about a role, but not until when its password is valid.
fn find_role_strings(text: &str, parts: &[&Token], found: &mut Vec<Secret>) {
    for (index, token) in parts.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| parts[before]);
        let is_time = before.is_some_and(|before| is_word_of(text, before, &["until"]));
        if token.kind == Kind::Text && !is_time {
            found.push(Secret {
                place: token.place.clone(),
                mark: STRING_MARK,
            });
        }
    }
}

/// What is secret in a string that is a text of statements.
fn find_statements(text: &str, token: &Token, depth: usize, found: &mut Vec<Secret>) {
    if let Some(body) = token.body(text) {
        if depth < BODY_DEPTH_MAX {
            let inner = secrets(&text[body.clone()], depth + 1);
            found.extend(inner.into_iter().map(|secret| Secret {
                place: body.start + secret.place.start..body.start + secret.place.end,
                ..secret
            }));
        }
        return;
    }
    let content = token.content(text);
    let inner = tokens(content);
    let parts: Vec<&Token> = inner.iter().collect();
    let is_named = |token: &&Token| token.kind == Kind::Word && is_secret(token.name(content));
    if Context::of(content, &parts).is_role && parts.iter().any(is_named) {
        found.push(Secret {
            place: token.place.clone(),
            mark: STRING_MARK,
        });
    }
}

/// What kind of statement it is, as far as that matters.
struct Context {
    /// CREATE or ALTER of a role.
    is_role: bool,
    /// Index of the token behind SET, of a statement that sets a setting.
    set_at: Option<usize>,
}

impl Context {
    fn of(text: &str, parts: &[&Token]) -> Self {
        let word = |index: usize| {
            let token = parts.get(index).filter(|token| token.kind == Kind::Word);
            token.map(|token| token.name(text).to_ascii_lowercase())
        };
        let [first, second] = [word(0), word(1)].map(Option::unwrap_or_default);
        let is_definition = matches!(first.as_str(), "create" | "alter");
        let set_at = match first.as_str() {
            "set" => Some(1),
            "alter" => (1..parts.len())
                .find(|index| word(*index).as_deref() == Some("set"))
                .map(|index| index + 1),
            _ => None,
        };
        Self {
            is_role: is_definition && matches!(second.as_str(), "role" | "user" | "group"),
            set_at,
        }
    }
}

/// The value of the secret name at an index.
fn find_value(
    text: &str,
    parts: &[&Token],
    index: usize,
    context: &Context,
    found: &mut Vec<Secret>,
) {
    let mut at = index + 1;
    while parts.get(at).is_some_and(|token| is_connector(text, token)) {
        at += 1;
    }
    let Some(value) = parts.get(at) else {
        return;
    };
    if context
        .set_at
        .is_some_and(|set_at| index >= set_at && index < set_at + 6)
    {
        // A list of values, words among them.
        let last = parts.last().unwrap_or(value);
        found.push(Secret {
            place: value.place.start..last.place.end,
            mark: MARK,
        });
        return;
    }
    if value.kind == Kind::Text {
        find_strings(text, &parts[at..], found);
    } else if context.is_role && !is_word_of(text, value, &["null", "disable"]) {
        // Somebody forgot the quotes: all up to the next space is meant.
        let rest = &text[value.place.start..];
        let length = rest.find(|c: char| c.is_whitespace() || c == ';');
        let end = value.place.start + length.unwrap_or(rest.len());
        found.push(Secret {
            place: value.place.start..end.max(value.place.end),
            mark: MARK,
        });
    }
}

/// A string, and those that are joined to it.
fn find_strings(text: &str, parts: &[&Token], found: &mut Vec<Secret>) {
    for token in parts {
        match token.kind {
            Kind::Text => found.push(Secret {
                place: token.place.clone(),
                mark: STRING_MARK,
            }),
            Kind::Sign if &text[token.place.clone()] == "|" => {}
            _ => return,
        }
    }
}

/// The arguments of a call, if one of them is the name of a secret.
fn find_set_config(text: &str, parts: &[&Token], found: &mut Vec<Secret>) {
    let end = parts
        .iter()
        .position(|token| &text[token.place.clone()] == ")")
        .unwrap_or(parts.len());
    let strings = parts[..end].iter().filter(|token| token.kind == Kind::Text);
    let names = |token: &&&Token| is_secret(token.content(text));
    if !strings.clone().any(|token| names(&token)) {
        return;
    }
    for token in strings.filter(|token| !names(token)) {
        found.push(Secret {
            place: token.place.clone(),
            mark: STRING_MARK,
        });
    }
}

/// What may stand between a name and its value.
fn is_connector(text: &str, token: &Token) -> bool {
    match token.kind {
        Kind::Sign => matches!(&text[token.place.clone()], "=" | ">" | ":"),
        _ => is_word_of(text, token, &["as", "to"]),
    }
}

fn is_word_of(text: &str, token: &Token, words: &[&str]) -> bool {
    let name = token.name(text);
    token.kind == Kind::Word && words.iter().any(|word| name.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests;
