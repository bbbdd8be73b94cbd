//! FETCH and MOVE, whose FROM is optional and whose MOVE sqlparser lacks.
//!
//! Source: PostgreSQL 15 manual, FETCH.

use sqlparser::ast::Ident;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

/// How far a cursor goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// So many rows on.
    Forward(u64),
    /// To the end.
    ForwardAll,
    /// Anything that needs rows from before.
    Backward,
}

/// FETCH or MOVE.
#[derive(Clone, Debug)]
pub(crate) struct FetchStatement {
    pub(crate) is_move: bool,
    pub(crate) direction: Direction,
    pub(crate) cursor: Ident,
}

/// Whether a statement of this kind follows.
pub(super) fn is_next(parser: &Parser<'_>) -> bool {
    is_word(&parser.peek_token_ref().token, "FETCH")
        || is_word(&parser.peek_token_ref().token, "MOVE")
}

fn is_word(token: &Token, wanted: &str) -> bool {
    matches!(token, Token::Word(word)
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted))
}

/// Parses the statement.
pub(super) fn parse(parser: &mut Parser<'_>) -> Result<FetchStatement, ParserError> {
    let is_move = is_word(&parser.next_token().token, "MOVE");
    let direction = direction(parser)?;
    let _ = parser.parse_one_of_keywords(&[Keyword::FROM, Keyword::IN]);
    Ok(FetchStatement {
        is_move,
        direction,
        cursor: parser.parse_identifier()?,
    })
}

fn direction(parser: &mut Parser<'_>) -> Result<Direction, ParserError> {
    if let Some(count) = count(parser)? {
        return Ok(count);
    }
    // A word that nothing follows is the cursor's name.
    if matches!(
        parser.peek_nth_token_ref(1).token,
        Token::EOF | Token::SemiColon
    ) {
        return Ok(Direction::Forward(1));
    }
    let word = match &parser.peek_token_ref().token {
        Token::Word(word) if word.quote_style.is_none() => word.value.to_uppercase(),
        _ => return Ok(Direction::Forward(1)),
    };
    let direction = match word.as_str() {
        "NEXT" => Direction::Forward(1),
        "ALL" => Direction::ForwardAll,
        "PRIOR" | "FIRST" | "LAST" => Direction::Backward,
        "FORWARD" | "RELATIVE" | "ABSOLUTE" | "BACKWARD" => {
            parser.next_token();
            let given = if parser.parse_keyword(Keyword::ALL) {
                Some(Direction::ForwardAll)
            } else {
                count(parser)?
            };
            return Ok(match word.as_str() {
                "FORWARD" => given.unwrap_or(Direction::Forward(1)),
                "RELATIVE" if given == Some(Direction::Forward(1)) => Direction::Forward(1),
                _ => Direction::Backward,
            });
        }
        _ => return Ok(Direction::Forward(1)),
    };
    parser.next_token();
    Ok(direction)
}

/// A number of rows, if there is one.
fn count(parser: &mut Parser<'_>) -> Result<Option<Direction>, ParserError> {
    let is_negative = parser.consume_token(&Token::Minus);
    let is_number = matches!(parser.peek_token_ref().token, Token::Number(..));
    if !is_number && !is_negative {
        return Ok(None);
    }
    let rows = parser.parse_literal_uint()?;
    Ok(Some(match is_negative {
        true => Direction::Backward,
        false => Direction::Forward(rows),
    }))
}
