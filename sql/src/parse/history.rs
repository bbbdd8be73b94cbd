//! The statements about what was: RESTORE, PREVIEW RESTORE, UNDROP, CREATE and DROP
//! SNAPSHOT, EXPIRE SNAPSHOTS, REMOVE ORPHANS, ADOPT DATA.
//!
//! ```text
//! RESTORE TABLE a [AS b] [, ...] { FROM SNAPSHOT x | AS OF moment } [AS b | REPLACE] [, ...]
//!     [WITH GRANTS]
//! RESTORE SCHEMA s { FROM SNAPSHOT x | AS OF moment } [AS t] [WITH GRANTS]
//! PREVIEW RESTORE ...
//! UNDROP { TABLE | SCHEMA } name [WITH ID n] [AS b]
//! CREATE SNAPSHOT [IF NOT EXISTS] name [FROM SNAPSHOT x | AS OF moment]
//!     [RETAIN 'interval' | RETAIN FOREVER] [COMMENT 'text']
//! DROP SNAPSHOT [IF EXISTS] name [, ...]
//! EXPIRE SNAPSHOTS [OLDER THAN moment] [DRY RUN]
//! REMOVE ORPHANS [DRY RUN]
//! ADOPT DATA
//! ```
//!
//! A table without a moment has that of the next one that has one. The same as functions
//! of schema `gotgan`: see `history/function.rs`.

use sqlparser::ast::{Expr, Ident, ObjectName, Query, Value};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::moment::Point;
use super::name_parts;
use super::retention::Retention;
use super::word::{are_next, expect, take, word_at};
use crate::error::SqlError;
use crate::pg_catalog::identifier;

mod function;

pub(crate) use function::{is_function, lift};

/// A statement about what was, and how its answer is given.
#[derive(Clone, Debug)]
pub(crate) struct HistoryStatement {
    pub(crate) action: Action,
    pub(crate) answer: Answer,
}

/// How the client gets the answer.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// As a statement's: a command tag, or rows where rows are asked for.
    Statement,
    /// As the value of a function in a select list, under this name.
    Value(String),
    /// As the rows of a function that this query has in FROM, under [`FUNCTION_RELATION`].
    Rows(Box<Query>),
}

/// The name of the rows of a function in the query that reads them.
pub(crate) const FUNCTION_RELATION: &str = "\u{1}history";

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Restore(Restore),
    Preview(Restore),
    Undrop(Undrop),
    Hold(Box<Hold>),
    DropHold {
        if_exists: bool,
        names: Vec<NameArgument>,
    },
    Expire {
        older_than: Option<Expr>,
        is_dry_run: bool,
    },
    RemoveOrphans {
        is_dry_run: bool,
    },
    AdoptData,
    FileHistory {
        table: NameArgument,
    },
    Retention(Retention),
}

/// Tables or views, or all of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Table,
    Schema,
}

/// RESTORE, and what PREVIEW RESTORE would do.
#[derive(Clone, Debug)]
pub(crate) struct Restore {
    pub(crate) kind: Kind,
    pub(crate) items: Vec<RestoreItem>,
    pub(crate) with_grants: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct RestoreItem {
    pub(crate) source: NameArgument,
    pub(crate) point: Point,
    /// None is the name that it had.
    pub(crate) target: Option<NameArgument>,
    /// Whether it takes the place of what has the name.
    pub(crate) replaces: bool,
}

/// UNDROP.
#[derive(Clone, Debug)]
pub(crate) struct Undrop {
    pub(crate) kind: Kind,
    pub(crate) name: NameArgument,
    /// Which of several that had the name.
    pub(crate) id: Option<Expr>,
    pub(crate) target: Option<NameArgument>,
}

/// CREATE SNAPSHOT.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    pub(crate) name: NameArgument,
    pub(crate) if_not_exists: bool,
    /// None is now.
    pub(crate) point: Option<Point>,
    /// An interval; none is for ever.
    pub(crate) retain: Option<Expr>,
    /// A text.
    pub(crate) comment: Option<Expr>,
}

/// The name of an object.
#[derive(Clone, Debug)]
pub(crate) enum NameArgument {
    /// As a statement writes it.
    Written(ObjectName),
    /// A text with such a name, as functions take it.
    Text(Box<Expr>),
}

impl NameArgument {
    /// The parts of the name, folded. `text`: the value of a text.
    ///
    /// Errors: `42602` for a text that is no name.
    pub(crate) fn parts(&self, text: Option<&str>) -> Result<Vec<String>, SqlError> {
        match self {
            Self::Written(name) => Ok(name_parts(name)),
            Self::Text(_) => identifier::parse_qualified(text.unwrap_or_default()),
        }
    }
}

/// Whether a statement of this kind follows.
pub(super) fn is_next(parser: &Parser<'_>) -> bool {
    let Some(first) = word_at(parser, 0) else {
        return false;
    };
    match first.as_str() {
        "restore" | "preview" | "undrop" | "expire" | "remove" | "adopt" => true,
        "create" => are_next(parser, &["create", "snapshot"]),
        "drop" => are_next(parser, &["drop", "snapshot"]),
        "alter" => super::retention::is_next(parser),
        _ => false,
    }
}

pub(super) fn parse(parser: &mut Parser<'_>) -> Result<HistoryStatement, ParserError> {
    let action = match () {
        () if take(parser, &["restore"]) => Action::Restore(restore(parser)?),
        () if take(parser, &["preview", "restore"]) => Action::Preview(restore(parser)?),
        () if take(parser, &["undrop"]) => Action::Undrop(undrop(parser)?),
        () if take(parser, &["create", "snapshot"]) => Action::Hold(Box::new(hold(parser)?)),
        () if take(parser, &["drop", "snapshot"]) => Action::DropHold {
            if_exists: take(parser, &["if", "exists"]),
            names: parser.parse_comma_separated(hold_name)?,
        },
        () if take(parser, &["expire", "snapshots"]) => Action::Expire {
            older_than: match take(parser, &["older", "than"]) {
                true => Some(parser.parse_expr()?),
                false => None,
            },
            is_dry_run: take(parser, &["dry", "run"]),
        },
        () if take(parser, &["remove", "orphans"]) => Action::RemoveOrphans {
            is_dry_run: take(parser, &["dry", "run"]),
        },
        () if take(parser, &["adopt", "data"]) => Action::AdoptData,
        () if are_next(parser, &["alter"]) => Action::Retention(super::retention::parse(parser)?),
        () => {
            parser.next_token();
            return parser.expected_ref("one of its words", parser.peek_token_ref());
        }
    };
    Ok(HistoryStatement {
        action,
        answer: Answer::Statement,
    })
}

/// One table of RESTORE, while its moment may still come.
struct Item {
    source: NameArgument,
    point: Option<Point>,
    target: Option<NameArgument>,
    replaces: bool,
}

fn restore(parser: &mut Parser<'_>) -> Result<Restore, ParserError> {
    let kind = kind(parser)?;
    let items = match kind {
        Kind::Table => parser.parse_comma_separated(item)?,
        Kind::Schema => vec![item(parser)?],
    };
    let with_grants = take(parser, &["with", "grants"]);
    let mut restored = Vec::with_capacity(items.len());
    let mut point: Option<(Point, bool)> = None;
    for item in items.into_iter().rev() {
        let own = item.point.map(|own| (own, item.replaces));
        let Some((at, replaces)) = own.clone().or(point) else {
            return parser.expected_ref("FROM SNAPSHOT or AS OF", parser.peek_token_ref());
        };
        let inherits = own.is_none() && item.target.is_none();
        restored.push(RestoreItem {
            source: item.source,
            target: item.target,
            replaces: item.replaces || (inherits && replaces),
            point: at.clone(),
        });
        point = Some((at, replaces));
    }
    restored.reverse();
    Ok(Restore {
        kind,
        items: restored,
        with_grants,
    })
}

fn item(parser: &mut Parser<'_>) -> Result<Item, ParserError> {
    let source = name(parser)?;
    let mut target = new_name(parser)?;
    let point = point(parser)?;
    if target.is_none() {
        target = new_name(parser)?;
    }
    let replaces = take(parser, &["replace"]);
    Ok(Item {
        source,
        point,
        target,
        replaces,
    })
}

/// `FROM SNAPSHOT x`, `AS OF moment`, `AS OF SNAPSHOT x`.
fn point(parser: &mut Parser<'_>) -> Result<Option<Point>, ParserError> {
    if take(parser, &["from", "snapshot"]) {
        return Ok(Some(Point::Snapshot(snapshot(parser)?)));
    }
    if !take(parser, &["for", "system_time", "as", "of"]) && !take(parser, &["as", "of"]) {
        return Ok(None);
    }
    Ok(Some(Point::of(parser.parse_expr()?)))
}

/// A number, a text, a parameter, or the bare name of a hold.
fn snapshot(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    match &parser.peek_token_ref().token {
        Token::Word(_) if !are_next(parser, &["null"]) => {
            let name = super::fold(&parser.parse_identifier()?);
            Ok(text(name))
        }
        _ => parser.parse_expr(),
    }
}

fn undrop(parser: &mut Parser<'_>) -> Result<Undrop, ParserError> {
    Ok(Undrop {
        kind: kind(parser)?,
        name: name(parser)?,
        id: match take(parser, &["with", "id"]) {
            true => Some(parser.parse_expr()?),
            false => None,
        },
        target: new_name(parser)?,
    })
}

fn hold(parser: &mut Parser<'_>) -> Result<Hold, ParserError> {
    let mut hold = Hold {
        if_not_exists: take(parser, &["if", "not", "exists"]),
        name: hold_name(parser)?,
        point: point(parser)?,
        retain: None,
        comment: None,
    };
    if !take(parser, &["retain", "forever"]) && take(parser, &["retain"]) {
        hold.retain = Some(parser.parse_expr()?);
    }
    if take(parser, &["comment"]) {
        hold.comment = Some(parser.parse_expr()?);
    }
    Ok(hold)
}

fn kind(parser: &mut Parser<'_>) -> Result<Kind, ParserError> {
    if take(parser, &["table"]) {
        return Ok(Kind::Table);
    }
    expect(parser, &["schema"])?;
    Ok(Kind::Schema)
}

fn name(parser: &mut Parser<'_>) -> Result<NameArgument, ParserError> {
    Ok(NameArgument::Written(parser.parse_object_name(false)?))
}

/// `AS name`, unless a moment follows.
fn new_name(parser: &mut Parser<'_>) -> Result<Option<NameArgument>, ParserError> {
    if are_next(parser, &["as", "of"]) || !take(parser, &["as"]) {
        return Ok(None);
    }
    name(parser).map(Some)
}

/// The name of a hold, which has no schema; also as a text.
fn hold_name(parser: &mut Parser<'_>) -> Result<NameArgument, ParserError> {
    let name = match &parser.peek_token_ref().token {
        Token::SingleQuotedString(_) => {
            let text = parser.parse_literal_string()?;
            Ident::with_quote('"', text)
        }
        _ => parser.parse_identifier()?,
    };
    Ok(NameArgument::Written(ObjectName::from(vec![name])))
}

fn text(value: String) -> Expr {
    Expr::value(Value::SingleQuotedString(value))
}
