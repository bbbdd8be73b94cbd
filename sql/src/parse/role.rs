//! Statements about roles, which sqlparser lacks or reads too narrowly.
//!
//! ```text
//! CREATE { ROLE | USER | GROUP } name [[WITH] option ...]
//! ALTER { ROLE | USER | GROUP } role { [WITH] option ... | RENAME TO name | { ADD | DROP } USER role [, ...] }
//! ALTER { ROLE | USER } { role | ALL } [IN DATABASE d] { SET ... | RESET { name | ALL } }
//! ALTER DATABASE d { SET ... | RESET { name | ALL } | RENAME TO d }
//! DROP { ROLE | USER | GROUP } [IF EXISTS] role [, ...]
//! GRANT [ROLE] role [, ...] TO role [, ...] [WITH ADMIN OPTION] [GRANTED BY role]
//! REVOKE [ADMIN OPTION FOR] [ROLE] role [, ...] FROM role [, ...] [GRANTED BY role] [CASCADE | RESTRICT]
//! REASSIGN OWNED BY role [, ...] TO role
//! DROP OWNED BY role [, ...] [CASCADE | RESTRICT]
//! SET [SESSION | LOCAL] { ROLE | SESSION AUTHORIZATION } ..., RESET of both
//! ```
//!
//! Source: PostgreSQL 15 manual, part VI; Amazon Redshift, CREATE USER, CREATE GROUP.

use sqlparser::ast::{self, Set};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::word::{are_next, expect, take, word_at};

mod identity;
mod option;

pub(crate) use identity::{IdentityChange, Whose};
pub(crate) use option::RoleOption;

/// A role as a statement names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RoleSpec {
    Name(String),
    CurrentRole,
    CurrentUser,
    SessionUser,
    Public,
}

/// A statement about roles.
#[derive(Clone, Debug)]
pub(crate) enum RoleStatement {
    Create {
        kind: Kind,
        name: RoleSpec,
        options: Vec<RoleOption>,
    },
    Alter {
        role: RoleSpec,
        options: Vec<RoleOption>,
    },
    /// ALTER GROUP ... ADD or DROP USER.
    Members {
        group: RoleSpec,
        adds: bool,
        members: Vec<RoleSpec>,
    },
    Rename {
        role: RoleSpec,
        new_name: RoleSpec,
    },
    Set(SetDefault),
    RenameDatabase {
        name: String,
        new_name: String,
    },
    Drop {
        if_exists: bool,
        roles: Vec<RoleSpec>,
    },
    Membership(MembershipChange),
    Reassign {
        from: Vec<RoleSpec>,
        to: RoleSpec,
    },
    DropOwned {
        roles: Vec<RoleSpec>,
        cascade: bool,
    },
    /// SET ROLE, SET SESSION AUTHORIZATION.
    Identity(IdentityChange),
}

/// The word that a role is made under: a user may log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Role,
    User,
    Group,
}

/// Values of settings that sessions begin with.
#[derive(Clone, Debug)]
pub(crate) struct SetDefault {
    pub(crate) scope: DefaultScope,
    pub(crate) change: DefaultChange,
}

/// Whose sessions begin so.
#[derive(Clone, Debug)]
pub(crate) enum DefaultScope {
    Role {
        role: RoleSpec,
        database: Option<String>,
    },
    /// ALTER ROLE ALL.
    AllRoles { database: Option<String> },
    /// ALTER DATABASE.
    Database(String),
}

/// What becomes of a value.
#[derive(Clone, Debug)]
pub(crate) enum DefaultChange {
    /// SET, as the statement of that name.
    Set(Box<Set>),
    /// SET name FROM CURRENT.
    FromCurrent(String),
    Reset(String),
    ResetAll,
}

/// GRANT and REVOKE of roles.
#[derive(Clone, Debug)]
pub(crate) struct MembershipChange {
    /// Else they are revoked.
    pub(crate) grants: bool,
    /// WITH ADMIN OPTION, ADMIN OPTION FOR.
    pub(crate) is_admin: bool,
    pub(crate) roles: Vec<RoleSpec>,
    pub(crate) members: Vec<RoleSpec>,
    pub(crate) grantor: Option<RoleSpec>,
}

/// Whether a statement of this kind follows.
pub(super) fn is_next(parser: &Parser<'_>) -> bool {
    let Some(first) = word_at(parser, 0) else {
        return false;
    };
    let second = word_at(parser, 1);
    let is_role = matches!(second.as_deref(), Some("role" | "user" | "group"))
        && word_at(parser, 2).as_deref() != Some("mapping");
    let is_owned = |words: &[&str]| are_next(parser, words);
    match first.as_str() {
        "create" => is_role,
        "alter" => is_role || alters_database(parser),
        "drop" => is_role || is_owned(&["drop", "owned", "by"]),
        "reassign" => is_owned(&["reassign", "owned"]),
        "grant" | "revoke" => is_membership(parser),
        "set" | "reset" => identity::is_next(parser),
        _ => false,
    }
}

/// Whether ALTER DATABASE changes settings or the name.
fn alters_database(parser: &Parser<'_>) -> bool {
    are_next(parser, &["alter", "database"])
        && match word_at(parser, 3).as_deref() {
            Some("set") => word_at(parser, 4).as_deref() != Some("tablespace"),
            Some("reset") => true,
            Some("rename") => word_at(parser, 4).as_deref() == Some("to"),
            _ => false,
        }
}

/// Whether roles are granted, and not privileges, which are granted ON something.
fn is_membership(parser: &Parser<'_>) -> bool {
    let mut index = 1;
    loop {
        match &parser.peek_nth_token_ref(index).token {
            Token::EOF | Token::SemiColon => return false,
            Token::Word(_) => match word_at(parser, index).as_deref() {
                Some("on") => return false,
                Some("to" | "from") => return true,
                _ => {}
            },
            _ => {}
        }
        index += 1;
    }
}

pub(super) fn parse(parser: &mut Parser<'_>) -> Result<RoleStatement, ParserError> {
    if identity::is_next(parser) {
        return Ok(RoleStatement::Identity(identity::parse(parser)?));
    }
    if take(parser, &["reassign", "owned", "by"]) {
        let from = parser.parse_comma_separated(parse_role_spec)?;
        expect(parser, &["to"])?;
        let to = parse_role_spec(parser)?;
        return Ok(RoleStatement::Reassign { from, to });
    }
    if take(parser, &["drop", "owned", "by"]) {
        let roles = parser.parse_comma_separated(parse_role_spec)?;
        let cascade = take(parser, &["cascade"]);
        let _ = !cascade && take(parser, &["restrict"]);
        return Ok(RoleStatement::DropOwned { roles, cascade });
    }
    if take(parser, &["grant"]) {
        return membership(parser, true);
    }
    if take(parser, &["revoke"]) {
        return membership(parser, false);
    }
    if take(parser, &["create"]) {
        let kind = kind(parser)?;
        let name = parse_role_spec(parser)?;
        let _ = take(parser, &["with"]);
        let options = option::parse(parser, true)?;
        return Ok(RoleStatement::Create {
            kind,
            name,
            options,
        });
    }
    if take(parser, &["drop"]) {
        let _ = kind(parser)?;
        let if_exists = take(parser, &["if", "exists"]);
        let roles = parser.parse_comma_separated(parse_role_spec)?;
        return Ok(RoleStatement::Drop { if_exists, roles });
    }
    expect(parser, &["alter"])?;
    alter(parser)
}

fn kind(parser: &mut Parser<'_>) -> Result<Kind, ParserError> {
    let kinds = [
        ("role", Kind::Role),
        ("user", Kind::User),
        ("group", Kind::Group),
    ];
    for (word, kind) in kinds {
        if take(parser, &[word]) {
            return Ok(kind);
        }
    }
    parser.expected_ref("ROLE, USER or GROUP", parser.peek_token_ref())
}

fn alter(parser: &mut Parser<'_>) -> Result<RoleStatement, ParserError> {
    if take(parser, &["database"]) {
        let name = parse_name(parser)?;
        if take(parser, &["rename", "to"]) {
            let new_name = parse_name(parser)?;
            return Ok(RoleStatement::RenameDatabase { name, new_name });
        }
        let scope = DefaultScope::Database(name);
        let change = default_change(parser)?;
        return Ok(RoleStatement::Set(SetDefault { scope, change }));
    }
    let kind = kind(parser)?;
    if kind != Kind::Group && take(parser, &["all"]) {
        let database = in_database(parser)?;
        let scope = DefaultScope::AllRoles { database };
        let change = default_change(parser)?;
        return Ok(RoleStatement::Set(SetDefault { scope, change }));
    }
    let role = parse_role_spec(parser)?;
    if take(parser, &["rename", "to"]) {
        let new_name = parse_role_spec(parser)?;
        return Ok(RoleStatement::Rename { role, new_name });
    }
    let adds = are_next(parser, &["add", "user"]);
    if adds || are_next(parser, &["drop", "user"]) {
        parser.next_token();
        parser.next_token();
        let members = parser.parse_comma_separated(parse_role_spec)?;
        return Ok(RoleStatement::Members {
            group: role,
            adds,
            members,
        });
    }
    let is_default = ["set", "reset", "in"]
        .iter()
        .any(|word| are_next(parser, &[word]));
    if is_default {
        let database = in_database(parser)?;
        let scope = DefaultScope::Role { role, database };
        let change = default_change(parser)?;
        return Ok(RoleStatement::Set(SetDefault { scope, change }));
    }
    let _ = take(parser, &["with"]);
    let options = option::parse(parser, false)?;
    Ok(RoleStatement::Alter { role, options })
}

fn in_database(parser: &mut Parser<'_>) -> Result<Option<String>, ParserError> {
    match take(parser, &["in", "database"]) {
        true => parse_name(parser).map(Some),
        false => Ok(None),
    }
}

/// SET and RESET as in the statements of these names.
fn default_change(parser: &mut Parser<'_>) -> Result<DefaultChange, ParserError> {
    if take(parser, &["reset", "all"]) {
        return Ok(DefaultChange::ResetAll);
    }
    if take(parser, &["reset"]) {
        return Ok(DefaultChange::Reset(setting_name(parser)?));
    }
    if !are_next(parser, &["set"]) {
        return parser.expected_ref("SET or RESET", parser.peek_token_ref());
    }
    if let Some(name) = identity::assigned_role(parser)? {
        return Ok(DefaultChange::Set(Box::new(name)));
    }
    let from_current = parser.maybe_parse(|parser| {
        expect(parser, &["set"])?;
        let name = setting_name(parser)?;
        expect(parser, &["from", "current"])?;
        Ok(name)
    })?;
    if let Some(name) = from_current {
        return Ok(DefaultChange::FromCurrent(name));
    }
    match parser.parse_statement()? {
        ast::Statement::Set(set) => Ok(DefaultChange::Set(Box::new(set))),
        _ => parser.expected_ref("a setting", parser.peek_token_ref()),
    }
}

/// The name of a setting, `TIME ZONE` and `SESSION AUTHORIZATION` included.
fn setting_name(parser: &mut Parser<'_>) -> Result<String, ParserError> {
    if take(parser, &["time", "zone"]) {
        return Ok("timezone".to_owned());
    }
    if take(parser, &["session", "authorization"]) {
        return Ok("session_authorization".to_owned());
    }
    Ok(super::name_parts(&parser.parse_object_name(false)?).join("."))
}

fn membership(parser: &mut Parser<'_>, grants: bool) -> Result<RoleStatement, ParserError> {
    let mut is_admin = !grants && take(parser, &["admin", "option", "for"]);
    let roles = parser.parse_comma_separated(parse_marked_role)?;
    expect(parser, &[if grants { "to" } else { "from" }])?;
    let members = parser.parse_comma_separated(parse_marked_role)?;
    if grants && take(parser, &["with", "admin", "option"]) {
        is_admin = true;
    }
    let grantor = match take(parser, &["granted", "by"]) {
        true => Some(parse_role_spec(parser)?),
        false => None,
    };
    if !grants {
        let _ = take(parser, &["cascade"]) || take(parser, &["restrict"]);
    }
    Ok(RoleStatement::Membership(MembershipChange {
        grants,
        is_admin,
        roles,
        members,
        grantor,
    }))
}

/// A role that Redshift writes the word ROLE in front of.
fn parse_marked_role(parser: &mut Parser<'_>) -> Result<RoleSpec, ParserError> {
    let is_marked = are_next(parser, &["role"])
        && matches!(parser.peek_nth_token_ref(1).token, Token::Word(_))
        && !matches!(
            word_at(parser, 1).as_deref(),
            Some("to" | "from" | "with" | "granted" | "cascade" | "restrict")
        );
    if is_marked {
        parser.next_token();
    }
    parse_role_spec(parser)
}

/// A role: its name, or a word for one of the session's.
pub(crate) fn parse_role_spec(parser: &mut Parser<'_>) -> Result<RoleSpec, ParserError> {
    let spec = match word_at(parser, 0).as_deref() {
        Some("current_role") => RoleSpec::CurrentRole,
        Some("current_user") => RoleSpec::CurrentUser,
        Some("session_user") => RoleSpec::SessionUser,
        _ => {
            let name = parse_name(parser)?;
            return Ok(match name.as_str() {
                "public" => RoleSpec::Public,
                _ => RoleSpec::Name(name),
            });
        }
    };
    parser.next_token();
    Ok(spec)
}

/// A name, folded.
fn parse_name(parser: &mut Parser<'_>) -> Result<String, ParserError> {
    // A text is no name, though sqlparser takes one for it.
    if !matches!(parser.peek_token_ref().token, Token::Word(_)) {
        return parser.expected_ref("a name", parser.peek_token_ref());
    }
    Ok(super::fold(&parser.parse_identifier()?))
}
