//! ALTER SYSTEM, and ALTER SCHEMA and ALTER TABLE where they set what is ours.
//!
//! ```text
//! ALTER SYSTEM { SET name { = | TO } { value | DEFAULT } | RESET { name | ALL } }
//! ALTER { SCHEMA | TABLE } [IF EXISTS] name { SET (gotgan.x = value, ...) | RESET (gotgan.x, ...) }
//! ```
//!
//! Source: PostgreSQL 15 manual, ALTER SYSTEM; ALTER TABLE, `SET ( storage_parameter )`.

use sqlparser::ast::Expr;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::history::NameArgument;
use super::name_parts;
use super::word::{are_next, expect, take, word_at};

/// The schema of settings that are ours.
const OWN: &str = "gotgan";

/// Settings of the lake, a schema or a table.
#[derive(Clone, Debug)]
pub(crate) struct Retention {
    pub(crate) scope: Scope,
    pub(crate) if_exists: bool,
    /// Names in lower case, and values; none sets back.
    pub(crate) changes: Vec<(String, Option<Expr>)>,
}

/// Whose settings they are.
#[derive(Clone, Debug)]
pub(crate) enum Scope {
    System,
    Schema(NameArgument),
    Table(NameArgument),
}

/// The name that means every setting.
pub(crate) const ALL: &str = "all";

/// Whether a statement of this kind follows.
pub(super) fn is_next(parser: &Parser<'_>) -> bool {
    match word_at(parser, 1).as_deref() {
        Some("system") => true,
        Some("schema" | "table") => sets_own(parser),
        _ => false,
    }
}

/// Whether `SET (gotgan.` or `RESET (gotgan.` follows the name.
fn sets_own(parser: &Parser<'_>) -> bool {
    let mut index = 2;
    if word_at(parser, index).as_deref() == Some("if") {
        index += 2;
    }
    if word_at(parser, index).as_deref() == Some("only") {
        index += 1;
    }
    while parser.peek_nth_token_ref(index + 1).token == Token::Period {
        index += 2;
    }
    let is_set = matches!(word_at(parser, index + 1).as_deref(), Some("set" | "reset"));
    let opens = parser.peek_nth_token_ref(index + 2).token == Token::LParen;
    is_set
        && opens
        && word_at(parser, index + 3).as_deref() == Some(OWN)
        && parser.peek_nth_token_ref(index + 4).token == Token::Period
}

pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Retention, ParserError> {
    expect(parser, &["alter"])?;
    if take(parser, &["system"]) {
        return system(parser);
    }
    let is_table = take(parser, &["table"]);
    if !is_table {
        expect(parser, &["schema"])?;
    }
    let if_exists = take(parser, &["if", "exists"]);
    let _ = take(parser, &["only"]);
    let name = NameArgument::Written(parser.parse_object_name(false)?);
    let is_set = take(parser, &["set"]);
    if !is_set {
        expect(parser, &["reset"])?;
    }
    parser.expect_token(&Token::LParen)?;
    let changes = parser.parse_comma_separated(|parser| option(parser, is_set))?;
    parser.expect_token(&Token::RParen)?;
    Ok(Retention {
        scope: match is_table {
            true => Scope::Table(name),
            false => Scope::Schema(name),
        },
        if_exists,
        changes,
    })
}

fn system(parser: &mut Parser<'_>) -> Result<Retention, ParserError> {
    let is_set = take(parser, &["set"]);
    if !is_set {
        expect(parser, &["reset"])?;
    }
    Ok(Retention {
        scope: Scope::System,
        if_exists: false,
        changes: vec![option(parser, is_set)?],
    })
}

/// `name = value`, or the name alone.
fn option(parser: &mut Parser<'_>, is_set: bool) -> Result<(String, Option<Expr>), ParserError> {
    let name = name_parts(&parser.parse_object_name(false)?).join(".");
    if !is_set {
        return Ok((name, None));
    }
    if !parser.consume_token(&Token::Eq) {
        expect(parser, &["to"])?;
    }
    if are_next(parser, &["default"]) {
        parser.next_token();
        return Ok((name, None));
    }
    Ok((name, Some(parser.parse_expr()?)))
}
