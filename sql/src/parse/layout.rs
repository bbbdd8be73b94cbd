//! Redshift's ALTER TABLE ... ALTER SORTKEY, DISTKEY, DISTSTYLE and ENCODE.
//!
//! Source: Redshift's developer guide, ALTER TABLE.

use sqlparser::ast::{Ident, ObjectName};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

/// A change of how a table's rows lie.
#[derive(Clone, Debug)]
pub(crate) struct AlterLayout {
    pub(crate) if_exists: bool,
    pub(crate) name: ObjectName,
    pub(crate) actions: Vec<LayoutAction>,
}

#[derive(Clone, Debug)]
pub(crate) enum LayoutAction {
    /// SORTKEY: the columns; none for AUTO and NONE.
    Sort(Vec<Ident>),
    /// DISTKEY and DISTSTYLE, with the column that they name.
    Distribute(Option<Ident>),
    /// ENCODE, of a column or AUTO.
    Encode(Option<Ident>),
}

/// Whether the statement that begins here is read by [`parse`].
pub(super) fn is_next(parser: &Parser<'_>) -> bool {
    let is = |index: usize, word: &str| is_word(parser, index, word);
    if !is(0, "ALTER") || !is(1, "TABLE") {
        return false;
    }
    let mut index = 2;
    if is(index, "IF") && is(index + 1, "EXISTS") {
        index += 2;
    }
    while parser.peek_nth_token_ref(index + 1).token == Token::Period {
        index += 2;
    }
    index += 1;
    if !is(index, "ALTER") {
        return false;
    }
    let word = index + 1;
    let next = word + 1;
    if is(word, "COLUMN") {
        return is(next + 1, "ENCODE");
    }
    let is_list = parser.peek_nth_token_ref(next).token == Token::LParen;
    let begins_action = ["TYPE", "SET", "DROP", "ADD", "RESTART", "RESET"];
    (is(word, "SORTKEY") && (is_list || is(next, "AUTO") || is(next, "NONE")))
        || (is(word, "COMPOUND") && is(next, "SORTKEY"))
        || (is(word, "ENCODE") && is(next, "AUTO"))
        || (is(word, "DISTSTYLE") && ["ALL", "EVEN", "AUTO", "KEY"].iter().any(|w| is(next, w)))
        || (is(word, "DISTKEY") && !begins_action.iter().any(|w| is(next, w)))
}

pub(super) fn parse(parser: &mut Parser<'_>) -> Result<AlterLayout, ParserError> {
    expect(parser, "ALTER")?;
    expect(parser, "TABLE")?;
    let if_exists = take(parser, "IF");
    if if_exists {
        expect(parser, "EXISTS")?;
    }
    let name = parser.parse_object_name(false)?;
    let actions = parser.parse_comma_separated(action)?;
    Ok(AlterLayout {
        if_exists,
        name,
        actions,
    })
}

fn action(parser: &mut Parser<'_>) -> Result<LayoutAction, ParserError> {
    expect(parser, "ALTER")?;
    if take(parser, "COLUMN") {
        let column = parser.parse_identifier()?;
        expect(parser, "ENCODE")?;
        parser.parse_identifier()?;
        return Ok(LayoutAction::Encode(Some(column)));
    }
    if take(parser, "ENCODE") {
        expect(parser, "AUTO")?;
        return Ok(LayoutAction::Encode(None));
    }
    if take(parser, "DISTKEY") {
        return Ok(LayoutAction::Distribute(Some(parser.parse_identifier()?)));
    }
    if take(parser, "DISTSTYLE") {
        let is_key = take(parser, "KEY");
        if !is_key
            && !["ALL", "EVEN", "AUTO"]
                .iter()
                .any(|word| take(parser, word))
        {
            return parser.expected_ref("ALL, EVEN, AUTO or KEY", parser.peek_token_ref());
        }
        let column = match take(parser, "DISTKEY") {
            true => Some(parser.parse_identifier()?),
            false => None,
        };
        return Ok(LayoutAction::Distribute(column));
    }
    let is_compound = take(parser, "COMPOUND");
    expect(parser, "SORTKEY")?;
    if !is_compound && (take(parser, "AUTO") || take(parser, "NONE")) {
        return Ok(LayoutAction::Sort(Vec::new()));
    }
    parser.expect_token(&Token::LParen)?;
    let columns = parser.parse_comma_separated(Parser::parse_identifier)?;
    parser.expect_token(&Token::RParen)?;
    Ok(LayoutAction::Sort(columns))
}

fn is_word(parser: &Parser<'_>, index: usize, wanted: &str) -> bool {
    matches!(&parser.peek_nth_token_ref(index).token, Token::Word(word)
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted))
}

fn take(parser: &mut Parser<'_>, word: &str) -> bool {
    let is_here = is_word(parser, 0, word);
    if is_here {
        parser.next_token();
    }
    is_here
}

fn expect(parser: &mut Parser<'_>, word: &str) -> Result<(), ParserError> {
    match take(parser, word) {
        true => Ok(()),
        false => parser.expected_ref(word, parser.peek_token_ref()),
    }
}
