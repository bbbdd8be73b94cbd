//! The startup parameters `options` and `replication`.
//!
//! Source: PostgreSQL 18 manual, section 32.1.2 (options); the flags of a
//! server process are `-c name=value` and `--name=value`.

use gotgan_sql::{SqlError, sqlstate};

/// Splits the text into settings.
///
/// Errors: `42601` for anything that sets nothing.
pub(crate) fn parse(text: &str) -> Result<Vec<(String, String)>, SqlError> {
    let mut settings = Vec::new();
    let mut words = split(text).into_iter();
    while let Some(word) = words.next() {
        let setting = if word == "-c" {
            words.next()
        } else {
            word.strip_prefix("--")
                .or_else(|| word.strip_prefix("-c"))
                .map(str::to_owned)
        };
        let pair = setting
            .as_deref()
            .and_then(|setting| setting.split_once('='));
        let Some((name, value)) = pair else {
            return Err(SqlError::with_code(
                sqlstate::SYNTAX_ERROR,
                format!("invalid command-line argument for server process: {word}"),
            ));
        };
        settings.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(settings)
}

/// Splits at white space; a backslash takes the next character as it is.
fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = None::<String>;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character.is_ascii_whitespace() {
            words.extend(word.take());
            continue;
        }
        let taken = if character == '\\' {
            characters.next()
        } else {
            Some(character)
        };
        word.get_or_insert_default().extend(taken);
    }
    words.extend(word);
    words
}

/// Refuses a connection that wants to replicate.
pub(crate) fn refuse_replication(value: &str) -> Result<(), SqlError> {
    let is_off = ["", "0", "f", "false", "n", "no", "off"].contains(&value.to_lowercase().as_str());
    if is_off {
        return Ok(());
    }
    Err(SqlError::not_supported("a replication connection"))
}

/// A startup packet names nobody.
pub(crate) fn no_user() -> SqlError {
    SqlError::with_code(
        sqlstate::INVALID_AUTHORIZATION_SPECIFICATION,
        "no PostgreSQL user name specified in startup packet",
    )
}
