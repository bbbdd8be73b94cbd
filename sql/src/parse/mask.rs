//! Masking policies, in Redshift's words.
//!
//! ```text
//! CREATE MASKING POLICY [IF NOT EXISTS] name WITH (column type [, ...]) USING (value [, ...])
//! ALTER MASKING POLICY name USING (value [, ...])
//! DROP MASKING POLICY [IF EXISTS] name
//! ATTACH MASKING POLICY name ON table (column [, ...]) [USING (column [, ...])]
//!        TO { user | ROLE role | PUBLIC } [PRIORITY number]
//! DETACH MASKING POLICY name ON table (column [, ...]) FROM { user | ROLE role | PUBLIC }
//! ```
//!
//! Source: Redshift's developer guide, CREATE MASKING POLICY and those beside it.

use sqlparser::ast::{DataType, Expr, Ident, ObjectName};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::fold;
use super::role::{RoleSpec, parse_role_spec};
use super::word::{are_next, expect, take};

#[derive(Clone, Debug)]
pub(crate) enum MaskStatement {
    Create {
        if_not_exists: bool,
        name: String,
        inputs: Vec<(String, DataType)>,
        values: Vec<Expr>,
    },
    Alter {
        name: String,
        values: Vec<Expr>,
    },
    Drop {
        if_exists: bool,
        name: String,
    },
    Attach {
        place: Place,
        /// Empty: the masked columns themselves.
        inputs: Vec<String>,
        priority: i64,
    },
    Detach(Place),
}

/// Where a policy is attached.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) policy: String,
    pub(crate) table: ObjectName,
    pub(crate) columns: Vec<String>,
    pub(crate) grantee: RoleSpec,
}

/// Whether the statement that begins here is read by [`parse`].
pub(super) fn is_next(parser: &Parser<'_>) -> bool {
    let mut first = ["create", "alter", "drop", "attach", "detach"].iter();
    first.any(|first| are_next(parser, &[first, "masking", "policy"]))
}

pub(super) fn parse(parser: &mut Parser<'_>) -> Result<MaskStatement, ParserError> {
    if take(parser, &["create", "masking", "policy"]) {
        let if_not_exists = take(parser, &["if", "not", "exists"]);
        let name = fold(&parser.parse_identifier()?);
        expect(parser, &["with"])?;
        return Ok(MaskStatement::Create {
            if_not_exists,
            name,
            inputs: in_parentheses(parser, |parser| {
                Ok((fold(&parser.parse_identifier()?), parser.parse_data_type()?))
            })?,
            values: values(parser)?,
        });
    }
    if take(parser, &["alter", "masking", "policy"]) {
        return Ok(MaskStatement::Alter {
            name: fold(&parser.parse_identifier()?),
            values: values(parser)?,
        });
    }
    if take(parser, &["drop", "masking", "policy"]) {
        return Ok(MaskStatement::Drop {
            if_exists: take(parser, &["if", "exists"]),
            name: fold(&parser.parse_identifier()?),
        });
    }
    let attaches = take(parser, &["attach", "masking", "policy"]);
    if !attaches {
        expect(parser, &["detach", "masking", "policy"])?;
    }
    let policy = fold(&parser.parse_identifier()?);
    expect(parser, &["on"])?;
    let table = parser.parse_object_name(false)?;
    let columns = columns(parser)?;
    let mut inputs = Vec::new();
    if attaches && parser.parse_keyword(Keyword::USING) {
        inputs = self::columns(parser)?;
    }
    expect(parser, &[if attaches { "to" } else { "from" }])?;
    // A role needs no word in front of it.
    if !matches!(
        parser.peek_nth_token_ref(1).token,
        Token::EOF | Token::SemiColon
    ) && !are_next_after(parser, "priority")
    {
        let _ = take(parser, &["role"]);
    }
    let place = Place {
        policy,
        table,
        columns,
        grantee: parse_role_spec(parser)?,
    };
    if !attaches {
        return Ok(MaskStatement::Detach(place));
    }
    Ok(MaskStatement::Attach {
        place,
        inputs,
        priority: priority(parser)?,
    })
}

/// Whether the word comes next but one.
fn are_next_after(parser: &Parser<'_>, word: &str) -> bool {
    super::word::word_at(parser, 1).as_deref() == Some(word)
}

fn priority(parser: &mut Parser<'_>) -> Result<i64, ParserError> {
    if !take(parser, &["priority"]) {
        return Ok(0);
    }
    let number = parser.parse_literal_uint()?;
    i64::try_from(number)
        .map_err(|_| ParserError::ParserError("the priority is out of range".to_owned()))
}

fn values(parser: &mut Parser<'_>) -> Result<Vec<Expr>, ParserError> {
    parser.expect_keyword(Keyword::USING)?;
    in_parentheses(parser, Parser::parse_expr)
}

fn columns(parser: &mut Parser<'_>) -> Result<Vec<String>, ParserError> {
    let columns: Vec<Ident> = in_parentheses(parser, |parser| parser.parse_identifier())?;
    Ok(columns.iter().map(fold).collect())
}

fn in_parentheses<'a, T>(
    parser: &mut Parser<'a>,
    item: impl FnMut(&mut Parser<'a>) -> Result<T, ParserError>,
) -> Result<Vec<T>, ParserError> {
    parser.expect_token(&Token::LParen)?;
    let items = parser.parse_comma_separated(item)?;
    parser.expect_token(&Token::RParen)?;
    Ok(items)
}
