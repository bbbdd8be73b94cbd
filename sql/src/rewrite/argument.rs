//! Arguments given by name, put into their places.
//!
//! Source: PostgreSQL 15 manual, section 4.3 (Calling Functions); the names and
//! defaults are those of its `pg_proc`.

use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Value};

use super::build::{cast, raw_number, value};
use crate::error::SqlError;
use crate::parse::{fold, name_parts};
use crate::types::{PgType, oid};

/// What an argument is that was not given.
#[derive(Clone, Copy)]
enum Fallback {
    /// It must be given.
    Required,
    /// It may be left out, being the last.
    Open,
    Zero,
    True,
    False,
}

use Fallback::{False, Open, Required, True, Zero};

type Parameters = &'static [(&'static str, Fallback)];

/// The functions whose parameters have names.
const NAMED: &[(&str, Parameters)] = &[
    (
        "make_interval",
        &[
            ("years", Zero),
            ("months", Zero),
            ("weeks", Zero),
            ("days", Zero),
            ("hours", Zero),
            ("mins", Zero),
            ("secs", Zero),
        ],
    ),
    (
        "make_date",
        &[("year", Required), ("month", Required), ("day", Required)],
    ),
    (
        "make_time",
        &[("hour", Required), ("min", Required), ("sec", Required)],
    ),
    (
        "make_timestamp",
        &[
            ("year", Required),
            ("month", Required),
            ("mday", Required),
            ("hour", Required),
            ("min", Required),
            ("sec", Required),
        ],
    ),
    (
        "make_timestamptz",
        &[
            ("year", Required),
            ("month", Required),
            ("mday", Required),
            ("hour", Required),
            ("min", Required),
            ("sec", Required),
            ("timezone", Open),
        ],
    ),
    (
        "jsonb_set",
        &[
            ("jsonb_in", Required),
            ("path", Required),
            ("replacement", Required),
            ("create_if_missing", True),
        ],
    ),
    (
        "jsonb_insert",
        &[
            ("jsonb_in", Required),
            ("path", Required),
            ("replacement", Required),
            ("insert_after", False),
        ],
    ),
    ("parse_ident", &[("str", Required), ("strict", True)]),
];

/// Turns a call with named arguments into one without.
///
/// Errors: `42883` if the function has no such parameter or lacks one, `42601` for a
/// positional argument behind a named one.
pub(super) fn place_named(function: &mut Function) -> Result<(), SqlError> {
    let name = name_parts(&function.name).pop().unwrap_or_default();
    let FunctionArguments::List(list) = &mut function.args else {
        return Ok(());
    };
    if !list.args.iter().any(|arg| named(arg).is_some()) {
        return Ok(());
    }
    let undefined = || SqlError::undefined_function(&format!("{name}()"));
    let parameters = NAMED.iter().find(|(own, _)| *own == name);
    let (_, parameters) = parameters.ok_or_else(undefined)?;
    let mut places: Vec<Option<Expr>> = vec![None; parameters.len()];
    let mut seen_named = false;
    for (index, arg) in list.args.iter().enumerate() {
        let (place, given) = match (named(arg), arg) {
            (Some((own, given)), _) => {
                seen_named = true;
                let place = parameters.iter().position(|(wanted, _)| *wanted == own);
                (place.ok_or_else(undefined)?, given)
            }
            (None, FunctionArg::Unnamed(FunctionArgExpr::Expr(_))) if seen_named => {
                return Err(SqlError::syntax(
                    "positional argument cannot follow named argument",
                ));
            }
            (None, FunctionArg::Unnamed(FunctionArgExpr::Expr(given))) => (index, given),
            _ => return Err(undefined()),
        };
        match places.get_mut(place) {
            Some(slot) if slot.is_none() => *slot = Some(given.clone()),
            _ => return Err(undefined()),
        }
    }
    let mut args = Vec::with_capacity(places.len());
    for (given, (_, fallback)) in places.into_iter().zip(*parameters) {
        let argument = match (given, fallback) {
            (Some(given), _) => given,
            (None, Zero) => cast(raw_number("0"), PgType::new(oid::INT4)),
            (None, True) => value(Value::Boolean(true)),
            (None, False) => value(Value::Boolean(false)),
            (None, Open) => break,
            (None, Required) => return Err(undefined()),
        };
        args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)));
    }
    list.args = args;
    Ok(())
}

/// The name and the value of a named argument.
fn named(arg: &FunctionArg) -> Option<(String, &Expr)> {
    let (name, given) = match arg {
        FunctionArg::Named { name, arg, .. }
        | FunctionArg::ExprNamed {
            name: Expr::Identifier(name),
            arg,
            ..
        } => (name, arg),
        _ => return None,
    };
    match given {
        FunctionArgExpr::Expr(given) => Some((fold(name), given)),
        _ => None,
    }
}
