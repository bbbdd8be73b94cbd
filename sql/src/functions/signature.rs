//! Signatures of functions, and the choice of one for given arguments.
//!
//! A signature is written as text, `lpad(text, int4, text) -> text`, with
//! PostgreSQL's type names, `_text` for arrays, `any`, `untyped`, `anyelement`,
//! `anyarray` and, before the last one, `variadic`.
//!
//! Invariants:
//! - The same arguments give the same choice when planned and when run, so the
//!   choice is made anew from the fields each time and never stored.
//!
//! Errors: `UndefinedFunction` when nothing fits.
//! Source: PostgreSQL manual, section 10.3 (function type resolution).

use arrow::datatypes::DataType;

use crate::error::SqlError;
use crate::types::{self, PgType, oid};

/// What one parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parameter {
    /// Values of this type; others are cast when PostgreSQL does so implicitly.
    Type(u32),
    /// Anything, untouched.
    Any,
    /// As `Any`, but a literal without a type stays `unknown`.
    Untyped,
    /// The element type that all `Element` and `Array` parameters agree on.
    Element,
    /// An array of that type.
    Array,
}

/// The declared result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Type(u32),
    Element,
    Array,
}

/// One argument, as resolution sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Argument {
    pub(super) pg_type: PgType,
    /// A quoted literal or NULL: no type of its own yet.
    pub(super) is_unknown: bool,
}

impl Argument {
    /// A literal is `unknown` while it is plain Utf8: every cast and every
    /// function of ours gives Utf8View.
    pub(super) fn new(pg_type: PgType, data_type: &DataType, is_literal: bool) -> Self {
        let is_unknown = match data_type {
            DataType::Null => true,
            DataType::Utf8 => is_literal && pg_type.oid == oid::TEXT,
            DataType::List(element) => element.data_type().is_null(),
            _ => false,
        };
        Self {
            pg_type,
            is_unknown,
        }
    }

    pub(super) fn display(self) -> String {
        if self.is_unknown && self.pg_type.oid == oid::TEXT {
            return "unknown".to_owned();
        }
        PgType::new(self.pg_type.oid).display()
    }
}

/// A parsed signature.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    pub(super) name: String,
    parameters: Vec<Parameter>,
    /// The last parameter stands for one or more arguments.
    is_variadic: bool,
    outcome: Outcome,
}

/// The types that arguments are cast to, and the type of the result.
#[derive(Clone, Debug)]
pub(super) struct Resolution {
    /// Index of the signature among those offered.
    pub(super) index: usize,
    pub(super) parameters: Vec<PgType>,
    pub(super) result: PgType,
}

impl Signature {
    /// Parses `name(type, ...) -> type`; a bad one is a fault of ours.
    pub(super) fn parse(text: &str) -> Self {
        let (head, result) = text.split_once(" -> ").expect("a signature has a result");
        let (name, rest) = head.split_once('(').expect("a signature has parameters");
        let inside = rest
            .strip_suffix(')')
            .expect("a signature closes its parameters");
        let mut is_variadic = false;
        let mut parameters = Vec::new();
        for part in inside
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let type_name = part.strip_prefix("variadic ").unwrap_or(part);
            is_variadic = type_name.len() != part.len();
            parameters.push(parse_parameter(type_name));
        }
        let outcome = match parse_parameter(result.trim()) {
            Parameter::Type(type_oid) => Outcome::Type(type_oid),
            Parameter::Element => Outcome::Element,
            Parameter::Array => Outcome::Array,
            Parameter::Any | Parameter::Untyped => Outcome::Type(oid::TEXT),
        };
        Self {
            name: name.to_owned(),
            parameters,
            is_variadic,
            outcome,
        }
    }

    fn parameter(&self, index: usize) -> Option<Parameter> {
        match self.parameters.get(index) {
            Some(parameter) => Some(*parameter),
            None if self.is_variadic => self.parameters.last().copied(),
            None => None,
        }
    }

    fn takes(&self, count: usize) -> bool {
        count == self.parameters.len() || (self.is_variadic && count > self.parameters.len())
    }

    /// Whether every argument can be cast implicitly.
    fn fits(&self, arguments: &[Argument]) -> bool {
        if !self.takes(arguments.len()) {
            return false;
        }
        let element = match self.element_type(arguments) {
            Ok(element) => element,
            Err(()) => return false,
        };
        arguments
            .iter()
            .enumerate()
            .all(|(index, argument)| match self.parameter(index) {
                Some(Parameter::Type(target)) => {
                    argument.is_unknown || is_implicit(argument.pg_type.oid, target)
                }
                Some(Parameter::Any | Parameter::Untyped) => true,
                Some(Parameter::Element) => {
                    argument.is_unknown || is_implicit(argument.pg_type.oid, element.oid)
                }
                Some(Parameter::Array) => {
                    argument.is_unknown || argument.pg_type.element().is_some()
                }
                None => false,
            })
    }

    /// The type that polymorphic parameters stand for; `Err` if they disagree.
    fn element_type(&self, arguments: &[Argument]) -> Result<PgType, ()> {
        let mut found: Option<PgType> = None;
        for (index, argument) in arguments.iter().enumerate() {
            if argument.is_unknown {
                continue;
            }
            let candidate = match self.parameter(index) {
                Some(Parameter::Element) => argument.pg_type,
                Some(Parameter::Array) => argument.pg_type.element().ok_or(())?,
                _ => continue,
            };
            found = Some(match found {
                None => candidate,
                Some(other) => common_type(other, candidate).ok_or(())?,
            });
        }
        Ok(found.unwrap_or(PgType::new(oid::TEXT)))
    }

    /// Counts arguments that need no cast, then those cast to a preferred type,
    /// then literals: text first, a preferred type next.
    fn score(&self, arguments: &[Argument]) -> (usize, usize, usize) {
        let mut exact = 0;
        let mut preferred = 0;
        let mut unknown = 0;
        for (index, argument) in arguments.iter().enumerate() {
            let Some(Parameter::Type(target)) = self.parameter(index) else {
                continue;
            };
            if argument.is_unknown {
                unknown += match target {
                    oid::TEXT => 2,
                    other => usize::from(is_preferred(other)),
                };
            } else if argument.pg_type.oid == target || is_same_kind(argument.pg_type.oid, target) {
                exact += 1;
            } else if is_preferred(target) {
                preferred += 1;
            }
        }
        (exact, preferred, unknown)
    }

    fn resolve(&self, index: usize, arguments: &[Argument]) -> Resolution {
        let element = self
            .element_type(arguments)
            .unwrap_or(PgType::new(oid::TEXT));
        let array = element.array().unwrap_or(PgType::new(oid::TEXT));
        let known_array = arguments
            .iter()
            .enumerate()
            .find_map(|(position, argument)| {
                let is_array = self.parameter(position) == Some(Parameter::Array);
                let keeps = argument.pg_type.element() == Some(element) && !argument.is_unknown;
                (is_array && keeps).then_some(argument.pg_type)
            });
        let array = known_array.unwrap_or(array);
        let parameters = arguments
            .iter()
            .enumerate()
            .map(|(position, argument)| match self.parameter(position) {
                Some(Parameter::Type(target)) if target == argument.pg_type.oid => argument.pg_type,
                Some(Parameter::Type(oid::NUMERIC)) => integer_as_numeric(argument.pg_type),
                Some(Parameter::Type(target)) => PgType::new(target),
                Some(Parameter::Element) => element,
                Some(Parameter::Array) => array,
                Some(Parameter::Untyped) if argument.is_unknown => PgType::new(oid::UNKNOWN),
                _ => argument.pg_type,
            })
            .collect();
        let result = match self.outcome {
            Outcome::Type(type_oid) => PgType::new(type_oid),
            Outcome::Element => element,
            Outcome::Array => array,
        };
        Resolution {
            index,
            parameters,
            result,
        }
    }
}

fn parse_parameter(name: &str) -> Parameter {
    match name {
        "any" => Parameter::Any,
        "untyped" => Parameter::Untyped,
        "anyelement" => Parameter::Element,
        "anyarray" => Parameter::Array,
        other => Parameter::Type(
            types::by_name(other)
                .expect("a signature names known types")
                .oid,
        ),
    }
}

/// Chooses among the signatures of one function.
///
/// `signatures`: in order of declaration, which decides what the rules leave open.
/// Errors: `42883` with the call as PostgreSQL shows it.
pub(super) fn resolve<'a>(
    name: &str,
    signatures: impl Iterator<Item = &'a Signature>,
    arguments: &[Argument],
) -> Result<Resolution, SqlError> {
    let mut best: Option<(usize, &Signature, (usize, usize, usize))> = None;
    for (index, signature) in signatures.enumerate() {
        if !signature.fits(arguments) {
            continue;
        }
        let score = signature.score(arguments);
        let is_better = best.as_ref().is_none_or(|(_, _, other)| score > *other);
        if is_better {
            best = Some((index, signature, score));
        }
    }
    match best {
        Some((index, signature, _)) => Ok(signature.resolve(index, arguments)),
        None => {
            let shown: Vec<String> = arguments
                .iter()
                .map(|argument| argument.display())
                .collect();
            Err(SqlError::undefined_function(&format!(
                "{name}({})",
                shown.join(", ")
            )))
        }
    }
}

/// The numeric type that an integer argument is cast to.
fn integer_as_numeric(from: PgType) -> PgType {
    match from.oid {
        oid::INT2 => PgType::numeric(5, 0),
        oid::INT4 => PgType::numeric(10, 0),
        oid::INT8 => PgType::numeric(19, 0),
        _ => PgType::new(oid::NUMERIC),
    }
}

/// Text kinds that need no cast between each other.
fn is_text_kind(type_oid: u32) -> bool {
    matches!(
        type_oid,
        oid::TEXT | oid::VARCHAR | oid::BPCHAR | oid::NAME | oid::CHAR
    )
}

fn is_same_kind(from: u32, to: u32) -> bool {
    is_text_kind(from) && is_text_kind(to)
}

/// `pg_type.typispreferred` of the types that functions here take.
fn is_preferred(type_oid: u32) -> bool {
    matches!(
        type_oid,
        oid::TEXT | oid::FLOAT8 | oid::TIMESTAMPTZ | oid::INTERVAL | oid::BOOL | oid::OID
    )
}

/// Position in the chain of implicit casts between numbers.
fn number_rank(type_oid: u32) -> Option<usize> {
    [
        oid::INT2,
        oid::INT4,
        oid::INT8,
        oid::NUMERIC,
        oid::FLOAT4,
        oid::FLOAT8,
    ]
    .iter()
    .position(|&candidate| candidate == type_oid)
}

/// Whether a value is cast without being asked for (`pg_cast.castcontext = 'i'`).
pub(super) fn is_implicit(from: u32, to: u32) -> bool {
    if from == to || is_same_kind(from, to) {
        return true;
    }
    if let (Some(from_rank), Some(to_rank)) = (number_rank(from), number_rank(to)) {
        return from_rank <= to_rank;
    }
    let (from_type, to_type) = (PgType::new(from), PgType::new(to));
    match (from_type.element(), to_type.element()) {
        (Some(from_element), Some(to_element)) => {
            return is_implicit(from_element.oid, to_element.oid);
        }
        (None, None) => {}
        _ => return false,
    }
    match to {
        oid::TIMESTAMP => from == oid::DATE,
        oid::TIMESTAMPTZ => matches!(from, oid::DATE | oid::TIMESTAMP),
        oid::INTERVAL => from == oid::TIME,
        oid::OID => {
            to_type.is_oid_like() && from_type.is_oid_like()
                || matches!(from, oid::INT2 | oid::INT4 | oid::INT8)
        }
        oid::INT8 => from_type.is_oid_like(),
        _ => to_type.is_oid_like() && matches!(from, oid::OID | oid::INT4 | oid::INT8),
    }
}

/// The type that both cast to implicitly, as UNION and CASE choose it.
pub(super) fn common_type(left: PgType, right: PgType) -> Option<PgType> {
    if left == right {
        return Some(left);
    }
    if left.oid == oid::NUMERIC || right.oid == oid::NUMERIC {
        return common_numeric(left, right);
    }
    if left.oid == right.oid {
        return Some(PgType::new(left.oid));
    }
    if is_text_kind(left.oid) && is_text_kind(right.oid) {
        return Some(PgType::new(oid::TEXT));
    }
    if is_implicit(left.oid, right.oid) {
        return Some(right);
    }
    is_implicit(right.oid, left.oid).then_some(left)
}

/// A numeric that keeps the decimals of both; floats win over numerics.
fn common_numeric(left: PgType, right: PgType) -> Option<PgType> {
    let scale = |side: PgType| match side.oid {
        oid::NUMERIC => Some(
            side.precision_scale()
                .map_or(types::NUMERIC_SCALE, |(_, s)| s),
        ),
        oid::INT2 | oid::INT4 | oid::INT8 => Some(0),
        _ => None,
    };
    match (scale(left), scale(right)) {
        (Some(left), Some(right)) => Some(PgType::numeric(38, left.max(right))),
        (None, _) => is_implicit(right.oid, left.oid).then_some(left),
        (_, None) => is_implicit(left.oid, right.oid).then_some(right),
    }
}
