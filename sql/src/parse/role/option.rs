//! The options of CREATE ROLE and ALTER ROLE, with Redshift's spellings.

use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::{RoleSpec, parse_role_spec};
use crate::parse::word::{expect, take, word_at};

/// What a role is to be or to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RoleOption {
    Superuser(bool),
    CreateRole(bool),
    CreateDb(bool),
    Inherit(bool),
    Login(bool),
    Replication(bool),
    BypassRls(bool),
    ConnectionLimit(i64),
    /// None takes it away.
    Password(Option<String>),
    ValidUntil(String),
    /// Roles that it becomes a member of.
    InRoles(Vec<RoleSpec>),
    /// Roles that become members of it; with ADMIN OPTION or without.
    Members(Vec<RoleSpec>, bool),
    SysId,
    /// Redshift's SYSLOG ACCESS RESTRICTED, which is how it is anyway.
    OwnRowsOnly,
    /// One of Redshift's that is not there, in its words.
    Other(&'static str),
    /// A word that is no option.
    Unknown(String),
}

impl RoleOption {
    /// Whether both may not stand in one statement.
    pub(crate) fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Members(_, one), Self::Members(_, two)) => one == two,
            (Self::Other(one), Self::Other(two)) => one == two,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

/// A constructor of an option that is on or off.
type Flag = fn(bool) -> RoleOption;

/// Words of options that are on, or off with `no` in front of them. CREATEUSER is
/// Redshift's word for a superuser.
const FLAGS: &[(&str, Flag)] = &[
    ("superuser", RoleOption::Superuser),
    ("createuser", RoleOption::Superuser),
    ("createrole", RoleOption::CreateRole),
    ("createdb", RoleOption::CreateDb),
    ("inherit", RoleOption::Inherit),
    ("login", RoleOption::Login),
    ("replication", RoleOption::Replication),
    ("bypassrls", RoleOption::BypassRls),
];

/// The options up to the statement's end. `is_new`: those of CREATE, too.
///
/// Errors: what is no word, or no option's rest.
pub(super) fn parse(parser: &mut Parser<'_>, is_new: bool) -> Result<Vec<RoleOption>, ParserError> {
    let mut options: Vec<RoleOption> = Vec::new();
    while !matches!(parser.peek_token_ref().token, Token::EOF | Token::SemiColon) {
        options.push(one(parser, is_new)?);
    }
    Ok(options)
}

fn one(parser: &mut Parser<'_>, is_new: bool) -> Result<RoleOption, ParserError> {
    let word = word_at(parser, 0).unwrap_or_default();
    for (name, option) in FLAGS {
        let is_on = word == *name;
        if is_on || word.strip_prefix("no") == Some(name) {
            parser.next_token();
            return Ok(option(is_on));
        }
    }
    match word.as_str() {
        "password" | "encrypted" | "unencrypted" => password(parser),
        "connection" => connection_limit(parser),
        "valid" => {
            expect(parser, &["valid", "until"])?;
            Ok(RoleOption::ValidUntil(text(parser)?))
        }
        "sysid" if is_new => {
            parser.next_token();
            parser.parse_literal_uint()?;
            Ok(RoleOption::SysId)
        }
        "in" | "role" | "user" | "admin" if !is_new => {
            parser.expected_ref("an option of a role", parser.peek_token_ref())
        }
        "in" if is_new => {
            if !take(parser, &["in", "group"]) {
                expect(parser, &["in", "role"])?;
            }
            let roles = parser.parse_comma_separated(parse_role_spec)?;
            Ok(RoleOption::InRoles(roles))
        }
        "role" | "user" | "admin" if is_new => {
            parser.next_token();
            let roles = parser.parse_comma_separated(parse_role_spec)?;
            Ok(RoleOption::Members(roles, word == "admin"))
        }
        "syslog" => {
            expect(parser, &["syslog", "access"])?;
            if take(parser, &["restricted"]) {
                // Nobody sees more than that unless a membership says so.
                return Ok(RoleOption::OwnRowsOnly);
            }
            expect(parser, &["unrestricted"])?;
            Ok(RoleOption::Other("SYSLOG ACCESS UNRESTRICTED"))
        }
        "session" => {
            expect(parser, &["session", "timeout"])?;
            parser.parse_literal_uint()?;
            Ok(RoleOption::Other("SESSION TIMEOUT"))
        }
        "externalid" => {
            parser.next_token();
            parser.next_token();
            Ok(RoleOption::Other("EXTERNALID"))
        }
        "" => parser.expected_ref("an option of a role", parser.peek_token_ref()),
        _ => {
            parser.next_token();
            Ok(RoleOption::Unknown(word))
        }
    }
}

fn password(parser: &mut Parser<'_>) -> Result<RoleOption, ParserError> {
    if take(parser, &["unencrypted"]) {
        expect(parser, &["password"])?;
        text(parser)?;
        return Ok(RoleOption::Other("UNENCRYPTED PASSWORD"));
    }
    let is_encrypted = take(parser, &["encrypted"]);
    expect(parser, &["password"])?;
    if !is_encrypted && (take(parser, &["null"]) || take(parser, &["disable"])) {
        return Ok(RoleOption::Password(None));
    }
    Ok(RoleOption::Password(Some(text(parser)?)))
}

fn connection_limit(parser: &mut Parser<'_>) -> Result<RoleOption, ParserError> {
    expect(parser, &["connection", "limit"])?;
    if take(parser, &["unlimited"]) {
        return Ok(RoleOption::ConnectionLimit(-1));
    }
    let is_negative = parser.consume_token(&Token::Minus);
    let number = i64::try_from(parser.parse_literal_uint()?).unwrap_or(i64::MAX);
    Ok(RoleOption::ConnectionLimit(match is_negative {
        true => -number,
        false => number,
    }))
}

/// A text; a word, which sqlparser would take for one, is none.
pub(super) fn text(parser: &mut Parser<'_>) -> Result<String, ParserError> {
    match &parser.peek_token_ref().token {
        Token::Word(_) => parser.expected_ref("a text", parser.peek_token_ref()),
        Token::DollarQuotedString(quoted) => {
            let text = quoted.value.clone();
            parser.next_token();
            Ok(text)
        }
        _ => parser.parse_literal_string(),
    }
}
