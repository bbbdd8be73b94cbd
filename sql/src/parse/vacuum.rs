//! VACUUM, in PostgreSQL's forms and Redshift's; sqlparser reads only some of either.
//!
//! Source: PostgreSQL 15 manual, VACUUM; Redshift's developer guide, VACUUM.

use sqlparser::ast::ObjectName;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::word::take;

/// VACUUM: what of it has a meaning here.
#[derive(Clone, Debug, Default)]
pub(crate) struct VacuumStatement {
    /// Whether every deleted row goes.
    pub(crate) is_full: bool,
    /// Redshift's kind of it, if one is named.
    pub(crate) kind: Option<VacuumKind>,
    /// Whether ANALYZE was asked for, which allows lists of columns.
    pub(crate) is_analyze: bool,
    pub(crate) has_columns: bool,
    /// None are all.
    pub(crate) tables: Vec<ObjectName>,
    /// An option that there is not.
    pub(crate) unknown: Option<String>,
}

/// What Redshift's VACUUM can be limited to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VacuumKind {
    /// SORT ONLY, RECLUSTER.
    Sort,
    /// DELETE ONLY.
    Delete,
    /// REINDEX: what is sorted in several ways is analyzed again; nothing is here.
    Reindex,
}

/// Options in parentheses that change nothing here.
const IDLE_OPTIONS: [&str; 8] = [
    "freeze",
    "verbose",
    "disable_page_skipping",
    "skip_locked",
    "index_cleanup",
    "process_toast",
    "truncate",
    "parallel",
];

/// Words that Redshift has behind VACUUM.
const KINDS: [(&[&str], VacuumKind); 4] = [
    (&["sort", "only"], VacuumKind::Sort),
    (&["delete", "only"], VacuumKind::Delete),
    (&["reindex"], VacuumKind::Reindex),
    (&["recluster"], VacuumKind::Sort),
];

pub(super) fn parse(parser: &mut Parser<'_>) -> Result<VacuumStatement, ParserError> {
    parser.expect_keyword(Keyword::VACUUM)?;
    let mut statement = VacuumStatement::default();
    if parser.consume_token(&Token::LParen) {
        options(parser, &mut statement)?;
    } else {
        words(parser, &mut statement);
    }
    if is_end(parser) {
        return Ok(statement);
    }
    loop {
        statement.tables.push(parser.parse_object_name(false)?);
        if parser.consume_token(&Token::LParen) {
            parser.parse_comma_separated(Parser::parse_identifier)?;
            parser.expect_token(&Token::RParen)?;
            statement.has_columns = true;
        }
        if !parser.consume_token(&Token::Comma) {
            break;
        }
    }
    if parser.parse_keyword(Keyword::TO) {
        parser.parse_literal_uint()?;
        parser.expect_keyword(Keyword::PERCENT)?;
    }
    let _ = take(parser, &["boost"]);
    Ok(statement)
}

/// `FULL FREEZE VERBOSE ANALYZE`, in this order, or one of Redshift's kinds.
fn words(parser: &mut Parser<'_>, statement: &mut VacuumStatement) {
    for (words, kind) in KINDS {
        if take(parser, words) {
            statement.kind = Some(kind);
            return;
        }
    }
    statement.is_full = take(parser, &["full"]);
    for word in ["freeze", "verbose"] {
        let _ = take(parser, &[word]);
    }
    statement.is_analyze = take(parser, &["analyze"]) || take(parser, &["analyse"]);
}

/// `option [value], ...)`
fn options(parser: &mut Parser<'_>, statement: &mut VacuumStatement) -> Result<(), ParserError> {
    loop {
        let name = parser.parse_identifier()?.value.to_lowercase();
        let mut is_on = true;
        if !matches!(parser.peek_token_ref().token, Token::Comma | Token::RParen) {
            let value = parser.next_token().token.to_string().to_lowercase();
            is_on = !matches!(value.trim_matches('\''), "off" | "false" | "0");
        }
        match name.as_str() {
            "full" => statement.is_full = is_on,
            "analyze" | "analyse" => statement.is_analyze = is_on,
            other if IDLE_OPTIONS.contains(&other) => {}
            _ => statement.unknown = Some(name),
        }
        if !parser.consume_token(&Token::Comma) {
            parser.expect_token(&Token::RParen)?;
            return Ok(());
        }
    }
}

fn is_end(parser: &Parser<'_>) -> bool {
    matches!(parser.peek_token_ref().token, Token::EOF | Token::SemiColon)
}
