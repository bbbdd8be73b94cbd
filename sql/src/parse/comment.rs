//! COMMENT ON what belongs to a table, which sqlparser lacks.
//!
//! ```text
//! COMMENT ON { POLICY | CONSTRAINT } name ON table IS { 'text' | NULL }
//! ```
//!
//! Source: PostgreSQL 15 manual, COMMENT.

use sqlparser::ast::ObjectName;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};

use super::fold;
use super::word::{are_next, expect, take};

/// The comment of a part of a table.
#[derive(Clone, Debug)]
pub(crate) struct PartComment {
    pub(crate) part: Part,
    pub(crate) name: String,
    pub(crate) table: ObjectName,
    /// None takes the comment away.
    pub(crate) text: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Policy,
    Constraint,
}

/// Whether the statement that begins here is read by [`parse`].
pub(super) fn is_next(parser: &Parser<'_>) -> bool {
    let mut parts = ["policy", "constraint"].into_iter();
    parts.any(|part| are_next(parser, &["comment", "on", part]))
}

pub(super) fn parse(parser: &mut Parser<'_>) -> Result<PartComment, ParserError> {
    expect(parser, &["comment", "on"])?;
    let part = match take(parser, &["policy"]) {
        true => Part::Policy,
        false => {
            expect(parser, &["constraint"])?;
            Part::Constraint
        }
    };
    let name = fold(&parser.parse_identifier()?);
    expect(parser, &["on"])?;
    let table = parser.parse_object_name(false)?;
    expect(parser, &["is"])?;
    let text = match parser.parse_keyword(Keyword::NULL) {
        true => None,
        false => Some(parser.parse_literal_string()?),
    };
    Ok(PartComment {
        part,
        name,
        table,
        text,
    })
}
