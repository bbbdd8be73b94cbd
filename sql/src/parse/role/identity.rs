//! SET ROLE and SET SESSION AUTHORIZATION, also as settings of these names.

use sqlparser::ast::{ContextModifier, Expr, Ident, ObjectName, Set, Value};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::option::text;
use crate::parse::fold;
use crate::parse::word::{expect, take, word_at};

/// A change of who the session acts as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdentityChange {
    pub(crate) whose: Whose,
    pub(crate) is_local: bool,
    /// The statement's tag.
    pub(crate) is_reset: bool,
    /// None is what the session began with; a role `none` is the session's.
    pub(crate) name: Option<String>,
}

/// Which of the session's two roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The one whose rights apply.
    Role,
    /// The one that it logged in as.
    Session,
}

/// Where the words begin that say whose: behind SET and its modifier, or behind RESET.
fn start(parser: &Parser<'_>) -> usize {
    let is_modifier = match word_at(parser, 1).as_deref() {
        Some("local") => true,
        Some("session") => word_at(parser, 2).as_deref() != Some("authorization"),
        _ => false,
    };
    match word_at(parser, 0).as_deref() {
        Some("set") if is_modifier => 2,
        _ => 1,
    }
}

/// Whether a statement of this kind follows.
pub(super) fn is_next(parser: &Parser<'_>) -> bool {
    if !matches!(word_at(parser, 0).as_deref(), Some("set" | "reset")) {
        return false;
    }
    let start = start(parser);
    match word_at(parser, start).as_deref() {
        Some("role" | "session_authorization") => true,
        Some("session") => word_at(parser, start + 1).as_deref() == Some("authorization"),
        _ => false,
    }
}

pub(super) fn parse(parser: &mut Parser<'_>) -> Result<IdentityChange, ParserError> {
    let is_reset = take(parser, &["reset"]);
    let mut is_local = false;
    if !is_reset {
        let has_modifier = start(parser) == 2;
        expect(parser, &["set"])?;
        is_local = word_at(parser, 0).as_deref() == Some("local");
        if has_modifier {
            parser.next_token();
        }
    }
    let (whose, is_plain) = match () {
        () if take(parser, &["role"]) => (Whose::Role, false),
        () if take(parser, &["session", "authorization"]) => (Whose::Session, false),
        () => {
            expect(parser, &["session_authorization"])?;
            (Whose::Session, true)
        }
    };
    let name = match is_reset {
        true => None,
        false => value(parser, whose, is_plain)?,
    };
    Ok(IdentityChange {
        whose,
        is_local,
        is_reset,
        name,
    })
}

/// `is_plain`: `=` or TO must stand in front of the value.
fn value(
    parser: &mut Parser<'_>,
    whose: Whose,
    is_plain: bool,
) -> Result<Option<String>, ParserError> {
    let is_assigned = parser.consume_token(&Token::Eq) || take(parser, &["to"]);
    if is_plain && !is_assigned {
        return parser.expected_ref("= or TO", parser.peek_token_ref());
    }
    let takes_default = is_assigned || whose == Whose::Session;
    if takes_default && take(parser, &["default"]) {
        return Ok(None);
    }
    let name = match parser.peek_token_ref().token {
        Token::Word(_) => fold(&parser.parse_identifier()?),
        _ => text(parser)?,
    };
    Ok(Some(name))
}

/// `SET ROLE name` as an assignment, where values are stored that sessions begin with.
pub(super) fn assigned_role(parser: &mut Parser<'_>) -> Result<Option<Set>, ParserError> {
    if !is_next(parser) {
        return Ok(None);
    }
    let change = parse(parser)?;
    let name = match change.whose {
        Whose::Role => "role",
        Whose::Session => "session_authorization",
    };
    let value = match change.name {
        Some(name) => Expr::value(Value::SingleQuotedString(name)),
        None => Expr::Identifier(Ident::new("default")),
    };
    Ok(Some(Set::SingleAssignment {
        scope: None::<ContextModifier>,
        hivevar: false,
        variable: ObjectName::from(vec![Ident::new(name)]),
        values: vec![value],
    }))
}
