//! GRANT and REVOKE of privileges, and ALTER DEFAULT PRIVILEGES; roles are granted by
//! the statements of `role`.
//!
//! ```text
//! GRANT  { privilege [(column, ...)] [, ...] | ALL [PRIVILEGES] [(column, ...)] } ON objects
//!        TO role [, ...] [WITH GRANT OPTION] [GRANTED BY role]
//! REVOKE [GRANT OPTION FOR] { ... } ON objects FROM role [, ...] [GRANTED BY role] [CASCADE | RESTRICT]
//! ALTER DEFAULT PRIVILEGES [FOR { ROLE | USER } role [, ...]] [IN SCHEMA name [, ...]]
//!        { GRANT ... | REVOKE ... } with ON { TABLES | SEQUENCES | FUNCTIONS | ROUTINES | TYPES | SCHEMAS }
//! ```
//!
//! As Redshift has it, a role may have GROUP or ROLE in front of it.
//!
//! Source: PostgreSQL 15, `gram.y`: GrantStmt, RevokeStmt, AlterDefaultPrivilegesStmt.

use sqlparser::ast::{DataType, ObjectName};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::fold;
use super::role::{RoleSpec, parse_role_spec};
use super::word::{are_next, expect, take, word_at};

/// GRANT or REVOKE, of whatever.
#[derive(Clone, Debug)]
pub(crate) struct Grant<T> {
    /// GRANT; else REVOKE.
    pub(crate) is_grant: bool,
    /// WITH GRANT OPTION, GRANT OPTION FOR.
    pub(crate) grant_option: bool,
    /// None is ALL.
    pub(crate) privileges: Option<Vec<Privilege>>,
    pub(crate) target: T,
    pub(crate) grantees: Vec<RoleSpec>,
    pub(crate) grantor: Option<RoleSpec>,
    pub(crate) cascade: bool,
}

/// A privilege as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Privilege {
    /// In lower case; none is ALL.
    pub(crate) name: Option<String>,
    /// None are the whole object.
    pub(crate) columns: Vec<String>,
}

/// What privileges are granted on.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// Tables and views, and sequences that are called tables.
    Relations(Vec<ObjectName>),
    Sequences(Vec<ObjectName>),
    Databases(Vec<String>),
    Schemas(Vec<String>),
    Functions(Routine, Vec<Signature>),
    /// ALL TABLES IN SCHEMA and the like.
    AllIn(AllOf, Vec<String>),
    /// A kind of object that Gotgan lacks, as the statement calls it.
    Other(&'static str),
}

/// The word that stands for functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Routine {
    Function,
    Procedure,
    Any,
}

/// What is meant in each of some schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AllOf {
    Tables,
    Sequences,
    Functions(Routine),
}

/// A function, maybe with the types of its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Signature {
    pub(crate) name: ObjectName,
    pub(crate) arguments: Option<Vec<DataType>>,
}

/// ALTER DEFAULT PRIVILEGES.
#[derive(Clone, Debug)]
pub(crate) struct DefaultPrivileges {
    /// None is the current role.
    pub(crate) roles: Vec<RoleSpec>,
    /// None is the whole database.
    pub(crate) schemas: Vec<String>,
    pub(crate) grant: Grant<DefaultKind>,
}

/// Whose beginning is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DefaultKind {
    Tables,
    Sequences,
    Functions,
    Types,
    Schemas,
}

/// Whether GRANT or REVOKE of privileges follows.
pub(super) fn is_next(parser: &Parser<'_>) -> bool {
    if !matches!(word_at(parser, 0).as_deref(), Some("grant" | "revoke")) {
        return false;
    }
    let mut index = 1;
    loop {
        match &parser.peek_nth_token_ref(index).token {
            Token::EOF | Token::SemiColon => return false,
            _ => match word_at(parser, index).as_deref() {
                Some("on") => return true,
                Some("to" | "from") => return false,
                _ => index += 1,
            },
        }
    }
}

/// Whether ALTER DEFAULT PRIVILEGES follows.
pub(super) fn is_default_next(parser: &Parser<'_>) -> bool {
    are_next(parser, &["alter", "default", "privileges"])
}

pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Grant<Target>, ParserError> {
    parse_grant(parser, parse_target)
}

pub(super) fn parse_default(parser: &mut Parser<'_>) -> Result<DefaultPrivileges, ParserError> {
    expect(parser, &["alter", "default", "privileges"])?;
    let mut roles = Vec::new();
    let mut schemas = Vec::new();
    loop {
        if take(parser, &["for", "role"]) || take(parser, &["for", "user"]) {
            roles.extend(parser.parse_comma_separated(parse_role_spec)?);
        } else if take(parser, &["in", "schema"]) {
            schemas.extend(parser.parse_comma_separated(parse_name)?);
        } else {
            break;
        }
    }
    let grant = parse_grant(parser, parse_default_kind)?;
    Ok(DefaultPrivileges {
        roles,
        schemas,
        grant,
    })
}

fn parse_grant<T>(
    parser: &mut Parser<'_>,
    target: fn(&mut Parser<'_>) -> Result<T, ParserError>,
) -> Result<Grant<T>, ParserError> {
    let is_grant = take(parser, &["grant"]);
    if !is_grant {
        expect(parser, &["revoke"])?;
    }
    let mut grant_option = !is_grant && take(parser, &["grant", "option", "for"]);
    let privileges = parse_privileges(parser)?;
    expect(parser, &["on"])?;
    let target = target(parser)?;
    expect(parser, &[if is_grant { "to" } else { "from" }])?;
    let grantees = parser.parse_comma_separated(parse_grantee)?;
    if is_grant && take(parser, &["with", "grant", "option"]) {
        grant_option = true;
    }
    let grantor = match take(parser, &["granted", "by"]) {
        true => Some(parse_role_spec(parser)?),
        false => None,
    };
    let cascade = !is_grant && take(parser, &["cascade"]);
    let _ = !is_grant && !cascade && take(parser, &["restrict"]);
    Ok(Grant {
        is_grant,
        grant_option,
        privileges,
        target,
        grantees,
        grantor,
        cascade,
    })
}

fn parse_privileges(parser: &mut Parser<'_>) -> Result<Option<Vec<Privilege>>, ParserError> {
    if take(parser, &["all"]) {
        let _ = take(parser, &["privileges"]);
        if parser.peek_token_ref().token != Token::LParen {
            return Ok(None);
        }
        let columns = parse_columns(parser)?;
        return Ok(Some(vec![Privilege {
            name: None,
            columns,
        }]));
    }
    parser.parse_comma_separated(parse_privilege).map(Some)
}

/// One privilege; its name is one word, or several, as in ALTER SYSTEM.
fn parse_privilege(parser: &mut Parser<'_>) -> Result<Privilege, ParserError> {
    let mut words = Vec::new();
    while let Some(word) = word_at(parser, 0).filter(|word| word != "on") {
        words.push(word);
        parser.next_token();
    }
    if words.is_empty() {
        return parser.expected_ref("a privilege", parser.peek_token_ref());
    }
    let columns = match parser.peek_token_ref().token {
        Token::LParen => parse_columns(parser)?,
        _ => Vec::new(),
    };
    Ok(Privilege {
        name: Some(words.join(" ")),
        columns,
    })
}

fn parse_columns(parser: &mut Parser<'_>) -> Result<Vec<String>, ParserError> {
    parser.expect_token(&Token::LParen)?;
    let columns = parser.parse_comma_separated(parse_name)?;
    parser.expect_token(&Token::RParen)?;
    Ok(columns)
}

fn parse_target(parser: &mut Parser<'_>) -> Result<Target, ParserError> {
    let routines = [
        ("function", "functions", Routine::Function),
        ("procedure", "procedures", Routine::Procedure),
        ("routine", "routines", Routine::Any),
    ];
    for (word, plural, routine) in routines {
        if take(parser, &["all", plural, "in", "schema"]) {
            let schemas = parser.parse_comma_separated(parse_name)?;
            return Ok(Target::AllIn(AllOf::Functions(routine), schemas));
        }
        if take(parser, &[word]) {
            let functions = parser.parse_comma_separated(parse_signature)?;
            return Ok(Target::Functions(routine, functions));
        }
    }
    for (words, all) in [
        (["all", "tables", "in", "schema"], AllOf::Tables),
        (["all", "sequences", "in", "schema"], AllOf::Sequences),
    ] {
        if take(parser, &words) {
            let schemas = parser.parse_comma_separated(parse_name)?;
            return Ok(Target::AllIn(all, schemas));
        }
    }
    if take(parser, &["schema"]) {
        return Ok(Target::Schemas(parser.parse_comma_separated(parse_name)?));
    }
    if take(parser, &["database"]) {
        return Ok(Target::Databases(parser.parse_comma_separated(parse_name)?));
    }
    if take(parser, &["sequence"]) {
        return Ok(Target::Sequences(parse_relations(parser)?));
    }
    if let Some(kind) = other_kind(parser) {
        return Ok(Target::Other(kind));
    }
    let _ = take(parser, &["table"]);
    Ok(Target::Relations(parse_relations(parser)?))
}

/// Kinds of objects that there are none of; what they are called is passed over.
fn other_kind(parser: &mut Parser<'_>) -> Option<&'static str> {
    let kinds: [(&[&str], &'static str); 8] = [
        (&["language"], "LANGUAGE"),
        (&["type"], "TYPE"),
        (&["domain"], "DOMAIN"),
        (&["tablespace"], "TABLESPACE"),
        (&["parameter"], "PARAMETER"),
        (&["large", "object"], "LARGE OBJECT"),
        (&["foreign", "data", "wrapper"], "FOREIGN DATA WRAPPER"),
        (&["foreign", "server"], "FOREIGN SERVER"),
    ];
    let is_name = |words: &[&str]| {
        // A table may be called so, too.
        matches!(word_at(parser, words.len()).as_deref(), Some("to" | "from"))
            || !matches!(
                parser.peek_nth_token_ref(words.len()).token,
                Token::Word(_) | Token::Number(..)
            )
    };
    let found = kinds
        .iter()
        .find(|(words, _)| are_next(parser, words) && !is_name(words));
    let (_, kind) = found?;
    while !matches!(word_at(parser, 0).as_deref(), Some("to" | "from"))
        && !matches!(parser.peek_token_ref().token, Token::EOF | Token::SemiColon)
    {
        parser.next_token();
    }
    Some(kind)
}

fn parse_relations(parser: &mut Parser<'_>) -> Result<Vec<ObjectName>, ParserError> {
    parser.parse_comma_separated(|parser| parser.parse_object_name(false))
}

fn parse_signature(parser: &mut Parser<'_>) -> Result<Signature, ParserError> {
    let name = parser.parse_object_name(false)?;
    if !parser.consume_token(&Token::LParen) {
        return Ok(Signature {
            name,
            arguments: None,
        });
    }
    let mut arguments = Vec::new();
    if !parser.consume_token(&Token::RParen) {
        arguments = parser.parse_comma_separated(parse_argument)?;
        parser.expect_token(&Token::RParen)?;
    }
    Ok(Signature {
        name,
        arguments: Some(arguments),
    })
}

/// `[mode] [name] type`; only the type tells functions apart.
fn parse_argument(parser: &mut Parser<'_>) -> Result<DataType, ParserError> {
    for mode in ["in", "inout", "variadic"] {
        if take(parser, &[mode]) {
            break;
        }
    }
    let first = parser.parse_data_type()?;
    match parser.peek_token_ref().token {
        Token::Comma | Token::RParen => Ok(first),
        // It was the name.
        _ => parser.parse_data_type(),
    }
}

fn parse_default_kind(parser: &mut Parser<'_>) -> Result<DefaultKind, ParserError> {
    let kinds = [
        ("tables", DefaultKind::Tables),
        ("sequences", DefaultKind::Sequences),
        ("functions", DefaultKind::Functions),
        ("routines", DefaultKind::Functions),
        ("types", DefaultKind::Types),
        ("schemas", DefaultKind::Schemas),
    ];
    for (word, kind) in kinds {
        if take(parser, &[word]) {
            return Ok(kind);
        }
    }
    parser.expected_ref("TABLES", parser.peek_token_ref())
}

/// A role, to which Redshift says what it is.
fn parse_grantee(parser: &mut Parser<'_>) -> Result<RoleSpec, ParserError> {
    let is_marked = matches!(word_at(parser, 0).as_deref(), Some("group" | "role"))
        && matches!(parser.peek_nth_token_ref(1).token, Token::Word(_))
        && !matches!(
            word_at(parser, 1).as_deref(),
            Some("with" | "granted" | "cascade" | "restrict")
        );
    if is_marked {
        parser.next_token();
    }
    parse_role_spec(parser)
}

fn parse_name(parser: &mut Parser<'_>) -> Result<String, ParserError> {
    Ok(fold(&parser.parse_identifier()?))
}
