//! ALTER VIEW, and ALTER TABLE ... SET SCHEMA, which sqlparser lacks.
//!
//! Source: PostgreSQL 15 manual, ALTER VIEW, ALTER TABLE.

use sqlparser::ast::{Ident, ObjectName, Owner, SqlOption};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

/// A change of a relation as a whole.
#[derive(Clone, Debug)]
pub(crate) struct AlterRelation {
    /// ALTER VIEW; else ALTER TABLE.
    pub(crate) is_view: bool,
    pub(crate) if_exists: bool,
    pub(crate) name: ObjectName,
    pub(crate) action: AlterAction,
}

#[derive(Clone, Debug)]
pub(crate) enum AlterAction {
    Rename(Ident),
    Owner(Owner),
    RenameColumn(Ident, Ident),
    SetSchema(Ident),
    /// Options of a view.
    Set(Vec<SqlOption>),
    Reset(Vec<Ident>),
    /// Something else; its words, for an error.
    Other(&'static str),
}

/// Whether the statement that begins here is read by [`parse`].
pub(super) fn is_next(parser: &Parser<'_>) -> bool {
    let keyword = |index: usize| match &parser.peek_nth_token_ref(index).token {
        Token::Word(word) if word.quote_style.is_none() => word.keyword,
        _ => Keyword::NoKeyword,
    };
    match keyword(1) {
        Keyword::VIEW => true,
        Keyword::TABLE => {
            let mut index = 2;
            if keyword(index) == Keyword::IF && keyword(index + 1) == Keyword::EXISTS {
                index += 2;
            }
            if keyword(index) == Keyword::ONLY {
                index += 1;
            }
            while parser.peek_nth_token_ref(index + 1).token == Token::Period {
                index += 2;
            }
            keyword(index + 1) == Keyword::SET && keyword(index + 2) == Keyword::SCHEMA
        }
        _ => false,
    }
}

pub(super) fn parse(parser: &mut Parser<'_>) -> Result<AlterRelation, ParserError> {
    parser.expect_keyword(Keyword::ALTER)?;
    let kind = parser.expect_one_of_keywords(&[Keyword::VIEW, Keyword::TABLE])?;
    let if_exists = parser.parse_keywords(&[Keyword::IF, Keyword::EXISTS]);
    let _ = parser.parse_keyword(Keyword::ONLY);
    let name = parser.parse_object_name(false)?;
    Ok(AlterRelation {
        is_view: kind == Keyword::VIEW,
        if_exists,
        name,
        action: action(parser)?,
    })
}

fn action(parser: &mut Parser<'_>) -> Result<AlterAction, ParserError> {
    if parser.parse_keywords(&[Keyword::RENAME, Keyword::TO]) {
        return Ok(AlterAction::Rename(parser.parse_identifier()?));
    }
    if parser.parse_keywords(&[Keyword::OWNER, Keyword::TO]) {
        return Ok(AlterAction::Owner(parser.parse_owner()?));
    }
    if parser.parse_keywords(&[Keyword::SET, Keyword::SCHEMA]) {
        return Ok(AlterAction::SetSchema(parser.parse_identifier()?));
    }
    if parser.parse_keyword(Keyword::RENAME) {
        let _ = parser.parse_keyword(Keyword::COLUMN);
        let old = parser.parse_identifier()?;
        parser.expect_keyword(Keyword::TO)?;
        return Ok(AlterAction::RenameColumn(old, parser.parse_identifier()?));
    }
    if parser.parse_keyword(Keyword::RESET) {
        parser.expect_token(&Token::LParen)?;
        let names = parser.parse_comma_separated(Parser::parse_identifier)?;
        parser.expect_token(&Token::RParen)?;
        return Ok(AlterAction::Reset(names));
    }
    if parser.parse_keyword(Keyword::SET) {
        parser.expect_token(&Token::LParen)?;
        let options = parser.parse_comma_separated(option)?;
        parser.expect_token(&Token::RParen)?;
        return Ok(AlterAction::Set(options));
    }
    if parser.parse_keyword(Keyword::ALTER) {
        skip_rest(parser);
        return Ok(AlterAction::Other("ALTER COLUMN"));
    }
    parser.expected_ref("RENAME, OWNER, SET or ALTER", parser.peek_token_ref())
}

/// `name [= value]`; sqlparser wants the value.
fn option(parser: &mut Parser<'_>) -> Result<SqlOption, ParserError> {
    let key = parser.parse_identifier()?;
    Ok(match parser.consume_token(&Token::Eq) {
        true => SqlOption::KeyValue {
            key,
            value: parser.parse_expr()?,
        },
        false => SqlOption::Ident(key),
    })
}

/// What is not built is not read either.
fn skip_rest(parser: &mut Parser<'_>) {
    while !matches!(parser.peek_token_ref().token, Token::EOF | Token::SemiColon) {
        parser.next_token();
    }
}
