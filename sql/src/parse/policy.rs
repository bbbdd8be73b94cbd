//! Row-level security: policies, and whether a table has any.
//!
//! ```text
//! CREATE POLICY name ON table [AS PERMISSIVE | RESTRICTIVE] [FOR command] [TO role [, ...]]
//!        [USING (condition)] [WITH CHECK (condition)]
//! ALTER POLICY name ON table { RENAME TO name | [TO role [, ...]] [USING ...] [WITH CHECK ...] }
//! DROP POLICY [IF EXISTS] name ON table [CASCADE | RESTRICT]
//! ALTER TABLE [IF EXISTS] [ONLY] table { ENABLE | DISABLE | [NO] FORCE } ROW LEVEL SECURITY [, ...]
//! ```
//!
//! Source: PostgreSQL 15 manual, CREATE POLICY, ALTER TABLE.

use sqlparser::ast::{Expr, ObjectName};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::fold;
use super::role::{RoleSpec, parse_role_spec};
use super::word::{are_next, expect, take, word_at};

/// What stands behind the name of a policy.
#[derive(Clone, Debug, Default)]
pub(crate) struct PolicyParts {
    /// None: not named.
    pub(crate) roles: Option<Vec<RoleSpec>>,
    pub(crate) using: Option<Expr>,
    pub(crate) check: Option<Expr>,
}

#[derive(Clone, Debug)]
pub(crate) enum PolicyStatement {
    Create {
        name: String,
        table: ObjectName,
        permissive: bool,
        /// As `pg_policy.polcmd`.
        command: char,
        parts: PolicyParts,
    },
    Alter {
        name: String,
        table: ObjectName,
        parts: PolicyParts,
    },
    Rename {
        name: String,
        table: ObjectName,
        new_name: String,
    },
    Drop {
        if_exists: bool,
        name: String,
        table: ObjectName,
    },
    /// ALTER TABLE.
    Switch {
        if_exists: bool,
        table: ObjectName,
        switches: Vec<Switch>,
    },
}

/// Turns row security on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    Enable,
    Disable,
    Force,
    NoForce,
}

impl Switch {
    const ALL: [(Self, &'static [&'static str]); 4] = [
        (Self::Enable, &["enable", "row", "level", "security"]),
        (Self::Disable, &["disable", "row", "level", "security"]),
        (Self::Force, &["force", "row", "level", "security"]),
        (Self::NoForce, &["no", "force", "row", "level", "security"]),
    ];

    fn next(parser: &mut Parser<'_>) -> Option<Self> {
        let mut all = Self::ALL.iter();
        let found = all.find(|(_, words)| are_next(parser, words));
        found.map(|(switch, words)| {
            take(parser, words);
            *switch
        })
    }
}

/// Whether the statement that begins here is read by [`parse`].
pub(super) fn is_next(parser: &Parser<'_>) -> bool {
    if ["create", "alter", "drop"]
        .iter()
        .any(|first| are_next(parser, &[first, "policy"]))
    {
        return true;
    }
    if !are_next(parser, &["alter", "table"]) {
        return false;
    }
    let mut index = 2;
    let words = |index: usize, words: &[&str]| {
        let mut words = words.iter().enumerate();
        words.all(|(offset, word)| word_at(parser, index + offset).as_deref() == Some(*word))
    };
    if words(index, &["if", "exists"]) {
        index += 2;
    }
    if words(index, &["only"]) {
        index += 1;
    }
    while parser.peek_nth_token_ref(index + 1).token == Token::Period {
        index += 2;
    }
    Switch::ALL.iter().any(|(_, own)| words(index + 1, own))
}

pub(super) fn parse(parser: &mut Parser<'_>) -> Result<PolicyStatement, ParserError> {
    if take(parser, &["alter", "table"]) {
        return switch(parser);
    }
    if take(parser, &["create", "policy"]) {
        let (name, table) = name_and_table(parser)?;
        let permissive = permissive(parser)?;
        let command = command(parser)?;
        return Ok(PolicyStatement::Create {
            name,
            table,
            permissive,
            command,
            parts: parts(parser)?,
        });
    }
    if take(parser, &["alter", "policy"]) {
        let (name, table) = name_and_table(parser)?;
        if take(parser, &["rename", "to"]) {
            let new_name = fold(&parser.parse_identifier()?);
            return Ok(PolicyStatement::Rename {
                name,
                table,
                new_name,
            });
        }
        return Ok(PolicyStatement::Alter {
            name,
            table,
            parts: parts(parser)?,
        });
    }
    expect(parser, &["drop", "policy"])?;
    let if_exists = take(parser, &["if", "exists"]);
    let (name, table) = name_and_table(parser)?;
    let _ = take(parser, &["cascade"]) || take(parser, &["restrict"]);
    Ok(PolicyStatement::Drop {
        if_exists,
        name,
        table,
    })
}

fn switch(parser: &mut Parser<'_>) -> Result<PolicyStatement, ParserError> {
    let if_exists = take(parser, &["if", "exists"]);
    let _ = take(parser, &["only"]);
    let table = parser.parse_object_name(false)?;
    let switches = parser.parse_comma_separated(|parser| match Switch::next(parser) {
        Some(switch) => Ok(switch),
        None => parser.expected_ref("ROW LEVEL SECURITY", parser.peek_token_ref()),
    })?;
    Ok(PolicyStatement::Switch {
        if_exists,
        table,
        switches,
    })
}

fn name_and_table(parser: &mut Parser<'_>) -> Result<(String, ObjectName), ParserError> {
    let name = fold(&parser.parse_identifier()?);
    expect(parser, &["on"])?;
    Ok((name, parser.parse_object_name(false)?))
}

fn permissive(parser: &mut Parser<'_>) -> Result<bool, ParserError> {
    if !take(parser, &["as"]) {
        return Ok(true);
    }
    if take(parser, &["restrictive"]) {
        return Ok(false);
    }
    expect(parser, &["permissive"])?;
    Ok(true)
}

fn command(parser: &mut Parser<'_>) -> Result<char, ParserError> {
    if !take(parser, &["for"]) {
        return Ok('*');
    }
    let commands = [
        ("all", '*'),
        ("select", 'r'),
        ("insert", 'a'),
        ("update", 'w'),
        ("delete", 'd'),
    ];
    for (word, command) in commands {
        if take(parser, &[word]) {
            return Ok(command);
        }
    }
    parser.expected_ref("a command", parser.peek_token_ref())
}

fn parts(parser: &mut Parser<'_>) -> Result<PolicyParts, ParserError> {
    let mut parts = PolicyParts::default();
    if parser.parse_keyword(Keyword::TO) {
        parts.roles = Some(parser.parse_comma_separated(parse_role_spec)?);
    }
    if parser.parse_keyword(Keyword::USING) {
        parts.using = Some(in_parentheses(parser)?);
    }
    if take(parser, &["with", "check"]) {
        parts.check = Some(in_parentheses(parser)?);
    }
    Ok(parts)
}

fn in_parentheses(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    parser.expect_token(&Token::LParen)?;
    let inner = parser.parse_expr()?;
    parser.expect_token(&Token::RParen)?;
    Ok(inner)
}
