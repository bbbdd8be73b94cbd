//! Words that are no keywords of sqlparser, or not where they stand.

use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

/// The word at a place from here, in lower case, unless it is quoted.
pub(super) fn word_at(parser: &Parser<'_>, index: usize) -> Option<String> {
    match &parser.peek_nth_token_ref(index).token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_lowercase()),
        _ => None,
    }
}

/// Whether these words, in lower case, come next.
pub(super) fn are_next(parser: &Parser<'_>, words: &[&str]) -> bool {
    let is_here = |(index, word): (usize, &&str)| word_at(parser, index).as_deref() == Some(*word);
    words.iter().enumerate().all(is_here)
}

/// Goes behind these words if they come next.
pub(super) fn take(parser: &mut Parser<'_>, words: &[&str]) -> bool {
    let are_here = are_next(parser, words);
    if are_here {
        words.iter().for_each(|_| drop(parser.next_token()));
    }
    are_here
}

/// Goes behind these words.
///
/// Errors: what stands there instead.
pub(super) fn expect(parser: &mut Parser<'_>, words: &[&str]) -> Result<(), ParserError> {
    match take(parser, words) {
        true => Ok(()),
        false => parser.expected_ref(&words.join(" ").to_uppercase(), parser.peek_token_ref()),
    }
}
