//! The grammar of COPY, in both of PostgreSQL's spellings.
//!
//! Source: PostgreSQL 15 manual, SQL Commands, COPY; the older spelling without
//! parentheses is described at the end of that page.

use sqlparser::ast::{Ident, ObjectName, Query};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

/// COPY as it was written; options are checked when it runs.
#[derive(Clone, Debug)]
pub(crate) struct CopyStatement {
    pub(crate) source: CopySource,
    pub(crate) direction: CopyDirection,
    pub(crate) target: CopyTarget,
    pub(crate) options: Vec<CopyOption>,
}

#[derive(Clone, Debug)]
pub(crate) enum CopySource {
    Table {
        name: ObjectName,
        columns: Vec<Ident>,
    },
    Query(Box<Query>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CopyDirection {
    From,
    To,
}

#[derive(Clone, Debug)]
pub(crate) enum CopyTarget {
    /// STDIN or STDOUT: the connection.
    Connection,
    /// A file of the server's, or an S3 address.
    File,
    Program,
}

/// One option: its name in lower case and what was given with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CopyOption {
    pub(crate) name: String,
    pub(crate) value: CopyValue,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CopyValue {
    None,
    Text(String),
    Columns(Vec<String>),
    AllColumns,
}

pub(crate) fn parse(parser: &mut Parser<'_>) -> Result<CopyStatement, ParserError> {
    parser.expect_keyword(Keyword::COPY)?;
    let mut options = Vec::new();
    if word_is(parser, "binary") {
        parser.next_token();
        options.push(text_option("format", "binary"));
    }
    let source = if parser.consume_token(&Token::LParen) {
        let query = parser.parse_query()?;
        parser.expect_token(&Token::RParen)?;
        CopySource::Query(query)
    } else {
        let name = parser.parse_object_name(false)?;
        let columns = if parser.peek_token().token == Token::LParen {
            parser.next_token();
            let columns = parser.parse_comma_separated(Parser::parse_identifier)?;
            parser.expect_token(&Token::RParen)?;
            columns
        } else {
            Vec::new()
        };
        CopySource::Table { name, columns }
    };
    let direction = match parser.expect_one_of_keywords(&[Keyword::FROM, Keyword::TO])? {
        Keyword::FROM => CopyDirection::From,
        _ => CopyDirection::To,
    };
    let target = parse_target(parser)?;
    if word_is(parser, "using") {
        parser.next_token();
    }
    if word_is(parser, "with") {
        parser.next_token();
    }
    if parser.consume_token(&Token::LParen) {
        options.extend(parser.parse_comma_separated(parse_option)?);
        parser.expect_token(&Token::RParen)?;
    } else {
        parse_old_options(parser, &mut options)?;
    }
    Ok(CopyStatement {
        source,
        direction,
        target,
        options,
    })
}

fn parse_target(parser: &mut Parser<'_>) -> Result<CopyTarget, ParserError> {
    if word_is(parser, "stdin") || word_is(parser, "stdout") {
        parser.next_token();
        return Ok(CopyTarget::Connection);
    }
    let is_program = word_is(parser, "program");
    if is_program {
        parser.next_token();
    }
    parser.parse_literal_string()?;
    Ok(match is_program {
        true => CopyTarget::Program,
        false => CopyTarget::File,
    })
}

/// `FORMAT csv`, `HEADER`, `FORCE_NULL (a, b)`, `DELIMITER ','`.
fn parse_option(parser: &mut Parser<'_>) -> Result<CopyOption, ParserError> {
    let name = word(parser)?;
    let value = match parser.peek_token().token {
        Token::LParen => {
            parser.next_token();
            let columns = parser.parse_comma_separated(Parser::parse_identifier)?;
            parser.expect_token(&Token::RParen)?;
            CopyValue::Columns(columns.iter().map(super::fold).collect())
        }
        Token::Mul => {
            parser.next_token();
            CopyValue::AllColumns
        }
        Token::Comma | Token::RParen => CopyValue::None,
        Token::Word(_) => CopyValue::Text(word(parser)?),
        Token::Number(text, _) => {
            parser.next_token();
            CopyValue::Text(text)
        }
        _ => CopyValue::Text(parser.parse_literal_string()?),
    };
    Ok(CopyOption { name, value })
}

/// `BINARY DELIMITER AS ',' NULL AS '' CSV HEADER QUOTE AS '"' FORCE NOT NULL a, b`.
fn parse_old_options(
    parser: &mut Parser<'_>,
    options: &mut Vec<CopyOption>,
) -> Result<(), ParserError> {
    while matches!(parser.peek_token().token, Token::Word(_)) {
        let name = word(parser)?;
        match name.as_str() {
            "binary" | "csv" | "text" => options.push(text_option("format", &name)),
            "header" | "freeze" => {
                options.push(CopyOption {
                    name,
                    value: CopyValue::None,
                });
            }
            "delimiter" | "delimiters" | "null" | "quote" | "escape" | "encoding" => {
                if word_is(parser, "as") {
                    parser.next_token();
                }
                let text = parser.parse_literal_string()?;
                let name = if name == "delimiters" {
                    "delimiter"
                } else {
                    &name
                };
                options.push(text_option(name, &text));
            }
            "force" => options.push(parse_force(parser)?),
            _ => return parser.expected("an option of COPY", parser.peek_token()),
        }
    }
    Ok(())
}

fn parse_force(parser: &mut Parser<'_>) -> Result<CopyOption, ParserError> {
    let mut name = format!("force_{}", word(parser)?);
    if name == "force_not" {
        name = format!("force_not_{}", word(parser)?);
    }
    let value = if parser.consume_token(&Token::Mul) {
        CopyValue::AllColumns
    } else {
        let columns = parser.parse_comma_separated(Parser::parse_identifier)?;
        CopyValue::Columns(columns.iter().map(super::fold).collect())
    };
    Ok(CopyOption { name, value })
}

fn text_option(name: &str, value: &str) -> CopyOption {
    CopyOption {
        name: name.to_owned(),
        value: CopyValue::Text(value.to_owned()),
    }
}

fn word(parser: &mut Parser<'_>) -> Result<String, ParserError> {
    let token = parser.next_token();
    match token.token {
        Token::Word(word) => Ok(word.value.to_lowercase()),
        _ => parser.expected("a word", token),
    }
}

fn word_is(parser: &Parser<'_>, expected: &str) -> bool {
    match &parser.peek_token_ref().token {
        Token::Word(word) => {
            word.quote_style.is_none() && word.value.eq_ignore_ascii_case(expected)
        }
        _ => false,
    }
}
