//! Text to statements: sqlparser with our dialect, and the statements that it lacks.
//!
//! A whole message is parsed before anything of it runs, as PostgreSQL does, so a
//! syntax error in the second statement keeps the first from running.
//!
//! Errors: `42601` with the position of the offending token.

use std::sync::Arc;

use sqlparser::ast;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use crate::error::SqlError;

pub(crate) mod alter;
mod chain;
pub(crate) mod comment;
pub(crate) mod copy;
mod dialect;
pub(crate) mod fetch;
pub(crate) mod grant;
pub(crate) mod history;
pub(crate) mod idiom;
pub(crate) mod layout;
pub(crate) mod mask;
pub(crate) mod moment;
mod phrase;
pub(crate) mod policy;
pub(crate) mod retention;
pub(crate) mod role;
mod select_into;
pub(crate) mod sequence;
pub(crate) mod type_name;
pub(crate) mod vacuum;
mod word;

use copy::CopyStatement;
pub(crate) use dialect::GotganDialect;
pub(crate) use select_into::INTO;

/// Deepest nesting of a statement that is taken; deeper is 54001.
const RECURSION_MAX: usize = 200;

/// One parsed statement and its text.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The text of this statement alone.
    pub text: Arc<str>,
    /// The whole message, which positions of errors count in.
    pub(crate) source: Arc<str>,
    pub(crate) node: Node,
    /// Whether the message has other statements, which make a transaction with it.
    pub(crate) has_others: bool,
    /// Whether the message reads relations as of an earlier moment.
    pub(crate) looks_back: bool,
}

/// What a statement is.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// Anything that sqlparser knows.
    Ast(Box<ast::Statement>),
    /// COPY; sqlparser wants the data behind it.
    Copy(Box<CopyStatement>),
    /// ALTER VIEW, and what sqlparser lacks of ALTER TABLE.
    Alter(Box<alter::AlterRelation>),
    /// CREATE SEQUENCE and ALTER SEQUENCE.
    Sequence(Box<sequence::SequenceStatement>),
    /// FETCH and MOVE.
    Fetch(Box<fetch::FetchStatement>),
    /// Statements about roles, and which of them the session acts as.
    Role(Box<role::RoleStatement>),
    /// VACUUM.
    Vacuum(Box<vacuum::VacuumStatement>),
    /// Redshift's ALTER TABLE of how rows lie.
    Layout(Box<layout::AlterLayout>),
    /// GRANT and REVOKE of privileges.
    Grant(Box<grant::Grant<grant::Target>>),
    /// ALTER DEFAULT PRIVILEGES.
    DefaultPrivileges(Box<grant::DefaultPrivileges>),
    /// Masking policies.
    Mask(Box<mask::MaskStatement>),
    /// Policies of row-level security.
    Policy(Box<policy::PolicyStatement>),
    /// COMMENT ON parts of tables.
    Comment(Box<comment::PartComment>),
    /// RESTORE, CREATE SNAPSHOT and the like, also as functions.
    History(Box<history::HistoryStatement>),
}

/// Parses one message: none, one or several statements.
///
/// Errors: `0A000` for a name with a character that is in names of our own making, by
/// which plans tell what must be checked.
pub(crate) fn parse(text: &str) -> Result<Vec<Statement>, SqlError> {
    let lines = LineIndex::new(text);
    let tokens = tokenize(text, &lines)?;
    let is_ours = |token: &&TokenWithSpan| match &token.token {
        Token::Word(word) => word.value.contains([idiom::MARK, '\0']),
        _ => false,
    };
    if let Some(token) = tokens.iter().find(is_ours) {
        let error = SqlError::not_supported("a name with a control character U+0001");
        return Err(error.at(Some(lines.position(token.span.start))));
    }
    parse_tokens(text, &lines, tokens)
}

/// As [`parse`], for a text that is stored or made by us.
pub(crate) fn parse_stored(text: &str) -> Result<Vec<Statement>, SqlError> {
    let lines = LineIndex::new(text);
    let tokens = tokenize(text, &lines)?;
    parse_tokens(text, &lines, tokens)
}

fn tokenize(text: &str, lines: &LineIndex<'_>) -> Result<Vec<TokenWithSpan>, SqlError> {
    let dialect = GotganDialect::default();
    let tokens = Tokenizer::new(&dialect, text)
        .with_unescape(true)
        .tokenize_with_location();
    tokens.map_err(|error| lexical_error(lines, &error))
}

fn parse_tokens(
    text: &str,
    lines: &LineIndex<'_>,
    tokens: Vec<TokenWithSpan>,
) -> Result<Vec<Statement>, SqlError> {
    chain::require_short(&tokens)?;
    let tokens = idiom::translate(tokens).map_err(|error| error.placed(text))?;
    let looks_back = idiom::version::occurs(&tokens);
    let dialect = GotganDialect::with_versions(looks_back);
    let mut parser = Parser::new(&dialect)
        .with_recursion_limit(RECURSION_MAX)
        .with_tokens_with_locations(tokens);
    let source: Arc<str> = Arc::from(text);
    let mut statements = Vec::new();
    loop {
        while parser.consume_token(&Token::SemiColon) {}
        let start = parser.peek_token();
        if start.token == Token::EOF {
            if statements.len() > 1 {
                statements
                    .iter_mut()
                    .for_each(|one: &mut Statement| one.has_others = true);
            }
            return Ok(statements);
        }
        let node = parse_one(&mut parser).map_err(|error| syntax_error(lines, error))?;
        let node = history::lift(node)?;
        let end = parser.peek_token();
        if !matches!(end.token, Token::EOF | Token::SemiColon) {
            return Err(unexpected(lines, &end));
        }
        let stop = if end.token == Token::EOF {
            text.len()
        } else {
            lines.byte(end.span.start)
        };
        let own = text[lines.byte(start.span.start)..stop].trim_end();
        statements.push(Statement {
            text: Arc::from(own),
            source: Arc::clone(&source),
            node,
            has_others: false,
            looks_back,
        });
    }
}

/// Parses text that must be one query, such as a stored view.
pub(crate) fn parse_query(text: &str) -> Result<ast::Query, SqlError> {
    let mut statements = parse_stored(text)?;
    match (statements.pop(), statements.is_empty()) {
        (
            Some(Statement {
                node: Node::Ast(node),
                ..
            }),
            true,
        ) => match *node {
            ast::Statement::Query(query) => Ok(*query),
            _ => Err(SqlError::syntax("a query was expected")),
        },
        _ => Err(SqlError::syntax("a single query was expected")),
    }
}

/// Parses one scalar expression, such as a stored default.
pub(crate) fn parse_expression(text: &str) -> Result<ast::Expr, SqlError> {
    let lines = LineIndex::new(text);
    let tokens = tokenize(text, &lines)?;
    chain::require_short(&tokens)?;
    let dialect = GotganDialect::default();
    let mut parser = Parser::new(&dialect)
        .with_recursion_limit(RECURSION_MAX)
        .with_tokens_with_locations(tokens);
    let expression = parser
        .parse_expr()
        .map_err(|error| syntax_error(&lines, error))?;
    let rest = parser.peek_token();
    if rest.token == Token::EOF {
        Ok(expression)
    } else {
        Err(unexpected(&lines, &rest))
    }
}

/// The parts of a name, folded to lower case unless quoted.
pub(crate) fn name_parts(name: &ast::ObjectName) -> Vec<String> {
    name.0
        .iter()
        .map(|part| match part {
            ast::ObjectNamePart::Identifier(ident) => fold(ident),
            ast::ObjectNamePart::Function(function) => fold(&function.name),
        })
        .collect()
}

/// An identifier folded to lower case unless quoted.
pub(crate) fn fold(ident: &ast::Ident) -> String {
    if ident.quote_style.is_some() {
        ident.value.clone()
    } else {
        ident.value.to_lowercase()
    }
}

fn parse_one(parser: &mut Parser<'_>) -> Result<Node, ParserError> {
    let first = match &parser.peek_token().token {
        Token::Word(word) if word.quote_style.is_none() => word.keyword,
        _ => Keyword::NoKeyword,
    };
    match first {
        Keyword::COPY => Ok(Node::Copy(Box::new(copy::parse(parser)?))),
        _ if grant::is_next(parser) => Ok(Node::Grant(Box::new(grant::parse(parser)?))),
        _ if grant::is_default_next(parser) => Ok(Node::DefaultPrivileges(Box::new(
            grant::parse_default(parser)?,
        ))),
        _ if mask::is_next(parser) => Ok(Node::Mask(Box::new(mask::parse(parser)?))),
        _ if comment::is_next(parser) => Ok(Node::Comment(Box::new(comment::parse(parser)?))),
        _ if policy::is_next(parser) => Ok(Node::Policy(Box::new(policy::parse(parser)?))),
        _ if history::is_next(parser) => Ok(Node::History(Box::new(history::parse(parser)?))),
        _ if role::is_next(parser) => Ok(Node::Role(Box::new(role::parse(parser)?))),
        Keyword::CREATE | Keyword::ALTER if sequence::is_next(parser) => {
            Ok(Node::Sequence(Box::new(sequence::parse(parser)?)))
        }
        Keyword::ALTER if layout::is_next(parser) => {
            Ok(Node::Layout(Box::new(layout::parse(parser)?)))
        }
        Keyword::ALTER if alter::is_next(parser) => {
            Ok(Node::Alter(Box::new(alter::parse(parser)?)))
        }
        _ if fetch::is_next(parser) => Ok(Node::Fetch(Box::new(fetch::parse(parser)?))),
        Keyword::VACUUM => Ok(Node::Vacuum(Box::new(vacuum::parse(parser)?))),
        Keyword::ABORT => {
            parser.next_token();
            let _ = parser.parse_one_of_keywords(&[Keyword::WORK, Keyword::TRANSACTION]);
            let chain = parser.parse_keywords(&[Keyword::AND, Keyword::CHAIN]);
            Ok(Node::Ast(Box::new(ast::Statement::Rollback {
                chain,
                savepoint: None,
            })))
        }
        _ => {
            let statement = parser.parse_statement()?;
            require_into(&statement)?;
            Ok(Node::Ast(Box::new(select_into::translate(statement)?)))
        }
    }
}

/// The parser takes INSERT without INTO, which PostgreSQL does not.
fn require_into(statement: &ast::Statement) -> Result<(), ParserError> {
    let insert = match statement {
        ast::Statement::Insert(insert) => insert,
        ast::Statement::Query(query) => match query.body.as_ref() {
            ast::SetExpr::Insert(ast::Statement::Insert(insert)) => insert,
            _ => return Ok(()),
        },
        ast::Statement::Explain { statement, .. } => return require_into(statement),
        _ => return Ok(()),
    };
    if insert.into {
        return Ok(());
    }
    let place = ast::Spanned::span(&insert.table).start;
    Err(ParserError::ParserError(format!(
        "Expected: INTO at Line: {}, Column: {}",
        place.line, place.column
    )))
}

/// 1-based position in characters of a line and column; none outside the text.
pub(crate) fn position(text: &str, location: Location) -> Option<usize> {
    let lines = LineIndex::new(text);
    (lines.byte(location) < text.len()).then(|| lines.position(location))
}

/// Translates the parser's positions (line, column in characters) into offsets.
struct LineIndex<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> LineIndex<'a> {
    fn new(text: &'a str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.match_indices('\n').map(|(index, _)| index + 1));
        Self { text, starts }
    }

    fn byte(&self, location: Location) -> usize {
        let line = usize::try_from(location.line)
            .unwrap_or(0)
            .saturating_sub(1);
        let column = usize::try_from(location.column)
            .unwrap_or(0)
            .saturating_sub(1);
        let Some(&start) = self.starts.get(line) else {
            return self.text.len();
        };
        let rest = &self.text[start..];
        rest.char_indices()
            .nth(column)
            .map_or(self.text.len(), |(index, _)| start + index)
    }

    /// 1-based position in characters, as the protocol counts.
    fn position(&self, location: Location) -> usize {
        self.text[..self.byte(location)].chars().count() + 1
    }
}

fn unexpected(lines: &LineIndex<'_>, token: &TokenWithSpan) -> SqlError {
    if token.token == Token::EOF {
        let end = lines.text.trim_end().chars().count() + 1;
        return SqlError::syntax("syntax error at end of input").at(Some(end));
    }
    let from = lines.byte(token.span.start);
    let to = lines.byte(token.span.end).max(from);
    SqlError::syntax(format!(
        "syntax error at or near \"{}\"",
        &lines.text[from..to]
    ))
    .at(Some(lines.position(token.span.start)))
}

fn lexical_error(lines: &LineIndex<'_>, error: &sqlparser::tokenizer::TokenizerError) -> SqlError {
    let from = lines.byte(error.location);
    let near: String = lines.text[from..].chars().take(20).collect();
    SqlError::syntax(format!("syntax error at or near \"{near}\""))
        .with_detail(format!("{}.", error.message))
        .at(Some(lines.position(error.location)))
}

fn syntax_error(lines: &LineIndex<'_>, error: ParserError) -> SqlError {
    let text = match error {
        ParserError::RecursionLimitExceeded => {
            return SqlError::with_code(
                crate::sqlstate::STATEMENT_TOO_COMPLEX,
                "the statement is nested too deeply",
            );
        }
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text,
    };
    let Some((what, location)) = split_location(&text) else {
        if text.contains("found: EOF") {
            let end = lines.text.trim_end().chars().count() + 1;
            return SqlError::syntax("syntax error at end of input").at(Some(end));
        }
        return SqlError::syntax(text);
    };
    let from = lines.byte(location);
    let token = first_token(&lines.text[from..]);
    let message = if token.is_empty() {
        "syntax error at end of input".to_owned()
    } else {
        format!("syntax error at or near \"{token}\"")
    };
    SqlError::syntax(message)
        .with_detail(format!("{what}."))
        .at(Some(lines.position(location)))
}

/// The parser tells positions only in its text: `... at Line: 1, Column: 8`.
fn split_location(text: &str) -> Option<(&str, Location)> {
    let (what, rest) = text.rsplit_once(" at Line: ")?;
    let (line, column) = rest.split_once(", Column: ")?;
    let location = Location::new(line.parse().ok()?, column.parse().ok()?);
    Some((what, location))
}

fn first_token(text: &str) -> &str {
    let dialect = GotganDialect::default();
    let word = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    if word > 0 {
        return &text[..word];
    }
    let Some(first) = text.chars().next() else {
        return "";
    };
    if matches!(first, '\'' | '"') {
        let length = Tokenizer::new(&dialect, text)
            .tokenize_with_location()
            .ok()
            .and_then(|tokens| tokens.into_iter().next())
            .map_or(first.len_utf8(), |token| {
                usize::try_from(token.span.end.column)
                    .unwrap_or(2)
                    .saturating_sub(1)
            });
        return text.get(..length).unwrap_or(text);
    }
    &text[..first.len_utf8()]
}
