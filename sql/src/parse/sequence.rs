//! CREATE SEQUENCE, ALTER SEQUENCE, and the options that identity columns share with them.
//!
//! sqlparser wants the options in one order and lacks ALTER SEQUENCE. Where an identity is
//! a part of another statement, `idiom/identity.rs` and the dialect hand its words over as
//! a call of [`IDENTITY`] with one string, which [`identity`] reads.
//!
//! Source: PostgreSQL 15, `gram.y`: SeqOptElem, alter_identity_column_option; Redshift's
//! developer guide, CREATE TABLE, IDENTITY.

use sqlparser::ast::{DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};
use sqlparser::ast::{Ident, ObjectName, Owner};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::GotganDialect;
use crate::error::SqlError;
use crate::rewrite::build;

/// The function that carries the words of an identity.
pub(crate) const IDENTITY: &str = "\u{1}identity";

/// CREATE SEQUENCE or ALTER SEQUENCE.
#[derive(Clone, Debug)]
pub(crate) struct SequenceStatement {
    pub(crate) name: ObjectName,
    pub(crate) action: SequenceAction,
}

#[derive(Clone, Debug)]
pub(crate) enum SequenceAction {
    Create {
        if_not_exists: bool,
        is_temporary: bool,
        options: Vec<SequenceOption>,
    },
    Alter {
        if_exists: bool,
        change: SequenceChange,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum SequenceChange {
    Options(Vec<SequenceOption>),
    Rename(Ident),
    Owner(Owner),
    Schema(Ident),
}

/// One option of a sequence; numbers as they were written.
#[derive(Clone, Debug)]
pub(crate) enum SequenceOption {
    Type(DataType),
    Increment(String),
    /// None for NO MINVALUE.
    Min(Option<String>),
    Max(Option<String>),
    Start(String),
    /// None for the start.
    Restart(Option<String>),
    Cache(String),
    Cycle(bool),
    /// None for OWNED BY NONE.
    OwnedBy(Option<ObjectName>),
    /// SEQUENCE NAME, of identity columns.
    Name(ObjectName),
}

/// What is said of a column's identity.
#[derive(Clone, Debug)]
pub(crate) struct IdentityClause {
    pub(crate) action: IdentityAction,
    pub(crate) options: Vec<SequenceOption>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdentityAction {
    /// `[ADD] GENERATED { ALWAYS | BY DEFAULT } AS IDENTITY`
    Add { is_always: bool },
    /// `SET GENERATED ...`, `SET <option>`, `RESTART`
    Set { is_always: Option<bool> },
    /// `DROP IDENTITY [IF EXISTS]`
    Drop { if_exists: bool },
}

/// Whether the statement that begins here is read by [`parse`].
pub(super) fn is_next(parser: &Parser<'_>) -> bool {
    match keyword(parser, 0) {
        Keyword::ALTER => keyword(parser, 1) == Keyword::SEQUENCE,
        Keyword::CREATE => match keyword(parser, 1) {
            Keyword::TEMP | Keyword::TEMPORARY | Keyword::UNLOGGED => {
                keyword(parser, 2) == Keyword::SEQUENCE
            }
            other => other == Keyword::SEQUENCE,
        },
        _ => false,
    }
}

fn keyword(parser: &Parser<'_>, index: usize) -> Keyword {
    match &parser.peek_nth_token_ref(index).token {
        Token::Word(word) if word.quote_style.is_none() => word.keyword,
        _ => Keyword::NoKeyword,
    }
}

pub(super) fn parse(parser: &mut Parser<'_>) -> Result<SequenceStatement, ParserError> {
    if parser.parse_keyword(Keyword::ALTER) {
        return alter(parser);
    }
    parser.expect_keyword(Keyword::CREATE)?;
    let kinds = [Keyword::TEMP, Keyword::TEMPORARY, Keyword::UNLOGGED];
    let kind = parser.parse_one_of_keywords(&kinds);
    let is_temporary = matches!(kind, Some(Keyword::TEMP | Keyword::TEMPORARY));
    parser.expect_keyword(Keyword::SEQUENCE)?;
    let if_not_exists = parser.parse_keywords(&[Keyword::IF, Keyword::NOT, Keyword::EXISTS]);
    Ok(SequenceStatement {
        name: parser.parse_object_name(false)?,
        action: SequenceAction::Create {
            if_not_exists,
            is_temporary,
            options: options(parser)?,
        },
    })
}

fn alter(parser: &mut Parser<'_>) -> Result<SequenceStatement, ParserError> {
    parser.expect_keyword(Keyword::SEQUENCE)?;
    let if_exists = parser.parse_keywords(&[Keyword::IF, Keyword::EXISTS]);
    let name = parser.parse_object_name(false)?;
    let change = if parser.parse_keywords(&[Keyword::RENAME, Keyword::TO]) {
        SequenceChange::Rename(parser.parse_identifier()?)
    } else if parser.parse_keywords(&[Keyword::OWNER, Keyword::TO]) {
        SequenceChange::Owner(parser.parse_owner()?)
    } else if parser.parse_keywords(&[Keyword::SET, Keyword::SCHEMA]) {
        SequenceChange::Schema(parser.parse_identifier()?)
    } else {
        let options = options(parser)?;
        if options.is_empty() {
            return parser.expected_ref("an option", parser.peek_token_ref());
        }
        SequenceChange::Options(options)
    };
    Ok(SequenceStatement {
        name,
        action: SequenceAction::Alter { if_exists, change },
    })
}

/// All options that follow, in any order.
fn options(parser: &mut Parser<'_>) -> Result<Vec<SequenceOption>, ParserError> {
    let mut options = Vec::new();
    while let Some(option) = option(parser)? {
        options.push(option);
    }
    Ok(options)
}

fn option(parser: &mut Parser<'_>) -> Result<Option<SequenceOption>, ParserError> {
    Ok(Some(if parser.parse_keyword(Keyword::AS) {
        SequenceOption::Type(parser.parse_data_type()?)
    } else if parser.parse_keyword(Keyword::INCREMENT) {
        let _ = parser.parse_keyword(Keyword::BY);
        SequenceOption::Increment(number(parser)?)
    } else if parser.parse_keyword(Keyword::MINVALUE) {
        SequenceOption::Min(Some(number(parser)?))
    } else if parser.parse_keywords(&[Keyword::NO, Keyword::MINVALUE]) {
        SequenceOption::Min(None)
    } else if parser.parse_keyword(Keyword::MAXVALUE) {
        SequenceOption::Max(Some(number(parser)?))
    } else if parser.parse_keywords(&[Keyword::NO, Keyword::MAXVALUE]) {
        SequenceOption::Max(None)
    } else if parser.parse_keyword(Keyword::START) {
        let _ = parser.parse_keyword(Keyword::WITH);
        SequenceOption::Start(number(parser)?)
    } else if parser.parse_keyword(Keyword::RESTART) {
        let has_with = parser.parse_keyword(Keyword::WITH);
        let has_value = has_with
            || matches!(
                parser.peek_token_ref().token,
                Token::Number(..) | Token::Minus | Token::Plus
            );
        SequenceOption::Restart(has_value.then(|| number(parser)).transpose()?)
    } else if parser.parse_keyword(Keyword::CACHE) {
        SequenceOption::Cache(number(parser)?)
    } else if parser.parse_keyword(Keyword::CYCLE) {
        SequenceOption::Cycle(true)
    } else if parser.parse_keywords(&[Keyword::NO, Keyword::CYCLE]) {
        SequenceOption::Cycle(false)
    } else if parser.parse_keywords(&[Keyword::OWNED, Keyword::BY]) {
        let is_none = parser.parse_keyword(Keyword::NONE);
        let name = (!is_none).then(|| parser.parse_object_name(false));
        SequenceOption::OwnedBy(name.transpose()?)
    } else if parser.parse_keywords(&[Keyword::SEQUENCE, Keyword::NAME]) {
        SequenceOption::Name(parser.parse_object_name(false)?)
    } else {
        return Ok(None);
    }))
}

fn number(parser: &mut Parser<'_>) -> Result<String, ParserError> {
    let is_negative = parser.consume_token(&Token::Minus);
    if !is_negative {
        let _ = parser.consume_token(&Token::Plus);
    }
    let sign = if is_negative { "-" } else { "" };
    match &parser.peek_token_ref().token {
        Token::Number(digits, _) => {
            let text = format!("{sign}{digits}");
            parser.next_token();
            Ok(text)
        }
        _ => parser.expected_ref("a number", parser.peek_token_ref()),
    }
}

/// The words of an identity after a column's type, as a call; none if none follow.
///
/// `GENERATED { ALWAYS | BY DEFAULT } AS IDENTITY [(...)]`, `IDENTITY(seed, step)`
pub(super) fn column_identity(parser: &mut Parser<'_>) -> Result<Option<Expr>, ParserError> {
    let words = [
        (&[Keyword::GENERATED, Keyword::ALWAYS][..], "ALWAYS"),
        (
            &[Keyword::GENERATED, Keyword::BY, Keyword::DEFAULT],
            "BY DEFAULT",
        ),
        (&[Keyword::IDENTITY], "ALWAYS"),
    ];
    for (keywords, kind) in words {
        let own = (0..keywords.len()).map(|index| keyword(parser, index));
        if !own.eq(keywords.iter().copied()) {
            continue;
        }
        let mut length = keywords.len();
        if keywords != [Keyword::IDENTITY] {
            let follows = [keyword(parser, length), keyword(parser, length + 1)];
            if follows != [Keyword::AS, Keyword::IDENTITY] {
                return Ok(None);
            }
            length += 2;
        }
        (0..length).for_each(|_| {
            parser.next_token();
        });
        let text = format!("ADD GENERATED {kind} AS IDENTITY {}", group(parser)?);
        return Ok(Some(build::call(IDENTITY, vec![build::string(text)])));
    }
    Ok(None)
}

/// The tokens of a group in parentheses, if one follows.
fn group(parser: &mut Parser<'_>) -> Result<String, ParserError> {
    let mut text = String::new();
    if parser.peek_token_ref().token != Token::LParen {
        return Ok(text);
    }
    let mut depth = 0_usize;
    loop {
        let next = parser.next_token();
        match next.token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            Token::EOF | Token::SemiColon => {
                return parser.expected("a closing parenthesis", next);
            }
            _ => {}
        }
        text.push_str(&next.token.to_string());
        text.push(' ');
        if depth == 0 {
            return Ok(text);
        }
    }
}

/// The identity that an expression carries, if it carries one.
///
/// Errors: `42601`.
pub(crate) fn identity(expression: &Expr) -> Result<Option<IdentityClause>, SqlError> {
    match carried(expression) {
        Some(text) => parse_identity(text).map(Some),
        None => Ok(None),
    }
}

fn carried(expression: &Expr) -> Option<&str> {
    let Expr::Function(Function { name, args, .. }) = expression else {
        return None;
    };
    if super::name_parts(name) != [IDENTITY] {
        return None;
    }
    let FunctionArguments::List(list) = args else {
        return None;
    };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(text))] => build::string_text(text),
        _ => None,
    }
}

fn parse_identity(text: &str) -> Result<IdentityClause, SqlError> {
    let dialect = GotganDialect::default();
    let wrong =
        |error: ParserError| SqlError::syntax("syntax error in an identity").caused_by(error);
    let mut parser = Parser::new(&dialect).try_with_sql(text).map_err(wrong)?;
    let clause = clause(&mut parser).map_err(wrong)?;
    match parser.peek_token_ref().token {
        Token::EOF => Ok(clause),
        ref other => Err(SqlError::syntax(format!(
            "syntax error at or near \"{other}\""
        ))),
    }
}

fn clause(parser: &mut Parser<'_>) -> Result<IdentityClause, ParserError> {
    if parser.parse_keywords(&[Keyword::DROP, Keyword::IDENTITY]) {
        let if_exists = parser.parse_keywords(&[Keyword::IF, Keyword::EXISTS]);
        return Ok(IdentityClause {
            action: IdentityAction::Drop { if_exists },
            options: Vec::new(),
        });
    }
    if parser.parse_keywords(&[Keyword::ADD, Keyword::GENERATED]) {
        let is_always = generated(parser)?;
        parser.expect_keywords(&[Keyword::AS, Keyword::IDENTITY])?;
        let mut found = Vec::new();
        if parser.consume_token(&Token::LParen) {
            found = match parser.peek_token_ref().token {
                Token::Number(..) | Token::Minus => seed_and_step(parser)?,
                _ => options(parser)?,
            };
            parser.expect_token(&Token::RParen)?;
        }
        return Ok(IdentityClause {
            action: IdentityAction::Add { is_always },
            options: found,
        });
    }
    let mut is_always = None;
    let mut found = Vec::new();
    while parser.peek_token_ref().token != Token::EOF {
        if parser.parse_keywords(&[Keyword::SET, Keyword::GENERATED]) {
            is_always = Some(generated(parser)?);
            continue;
        }
        let is_set = parser.parse_keyword(Keyword::SET);
        let next = option(parser)?;
        match next {
            Some(option) if is_set != matches!(option, SequenceOption::Restart(_)) => {
                found.push(option);
            }
            _ => return parser.expected_ref("an option", parser.peek_token_ref()),
        }
    }
    Ok(IdentityClause {
        action: IdentityAction::Set { is_always },
        options: found,
    })
}

/// Whether it is ALWAYS, else BY DEFAULT.
fn generated(parser: &mut Parser<'_>) -> Result<bool, ParserError> {
    if parser.parse_keyword(Keyword::ALWAYS) {
        return Ok(true);
    }
    parser.expect_keywords(&[Keyword::BY, Keyword::DEFAULT])?;
    Ok(false)
}

/// Redshift's `(seed, step)`: the seed may be any number.
fn seed_and_step(parser: &mut Parser<'_>) -> Result<Vec<SequenceOption>, ParserError> {
    let seed = number(parser)?;
    parser.expect_token(&Token::Comma)?;
    let step = number(parser)?;
    let mut options = vec![
        SequenceOption::Start(seed.clone()),
        SequenceOption::Increment(step.clone()),
    ];
    let is_rising = !step.starts_with('-');
    match (is_rising, seed.parse::<i64>()) {
        (true, Ok(..=0)) => options.push(SequenceOption::Min(Some(seed))),
        (false, Ok(0..)) => options.push(SequenceOption::Max(Some(seed))),
        _ => {}
    }
    Ok(options)
}
