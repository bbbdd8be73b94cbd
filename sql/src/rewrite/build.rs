//! Small constructors of syntax tree nodes.

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, ObjectName, ObjectNamePart, Spanned, UnaryOperator, Value,
    ValueWithSpan,
};
use sqlparser::tokenizer::{Location, Span};

use crate::types::{PgType, oid};

/// A call of a function by its exact name.
pub(crate) fn call(name: &str, args: Vec<Expr>) -> Expr {
    let args = args
        .into_iter()
        .map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)));
    Expr::Function(Function {
        name: ObjectName(vec![ObjectNamePart::Identifier(Ident::with_quote(
            '"', name,
        ))]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args.collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// Prefix of the name that an explicit cast becomes.
pub(crate) const CAST: &str = "$cast/";

/// `CAST(expression AS target)`.
pub(crate) fn cast(expression: Expr, target: PgType) -> Expr {
    call(
        &format!("{CAST}{}/{}", target.oid, target.typmod),
        vec![expression],
    )
}

/// The target and the operand of an expression that [`cast`] made.
pub(crate) fn cast_operand(expression: &Expr) -> Option<(PgType, &Expr)> {
    let Expr::Function(function) = expression else {
        return None;
    };
    let name = function.name.0.first()?.as_ident()?;
    let (oid, typmod) = name.value.strip_prefix(CAST)?.split_once('/')?;
    let target = PgType {
        oid: oid.parse().ok()?,
        typmod: typmod.parse().ok()?,
    };
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    match list.args.first()? {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(operand)) => Some((target, operand)),
        _ => None,
    }
}

/// Prefix of the name that a cast to a column's type becomes.
pub(crate) const ASSIGN: &str = "$assign/";

/// A value for a column of type `target`: text that is too long is refused.
pub(crate) fn assignment_cast(expression: Expr, target: PgType, column: &str) -> Expr {
    let place = place_text(expression.span().start);
    let expression = match target.oid {
        oid::FLOAT4 | oid::FLOAT8 => wide_number(expression),
        _ => expression,
    };
    call(
        &format!("{ASSIGN}{}/{}/{place}/{column}", target.oid, target.typmod),
        vec![expression],
    )
}

/// A number literal with an exponent may be wider than a numeric here; as text it
/// becomes floating point without being one.
fn wide_number(expression: Expr) -> Expr {
    let text = match &expression {
        Expr::Value(literal) => number_text(&literal.value).map(str::to_owned),
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => match expr.as_ref() {
            Expr::Value(literal) => number_text(&literal.value).map(|text| format!("-{text}")),
            _ => None,
        },
        _ => None,
    };
    match text {
        Some(text) if text.contains(['e', 'E']) => string(text),
        _ => expression,
    }
}

fn number_text(value: &Value) -> Option<&str> {
    match value {
        Value::Number(text, _) => Some(text),
        _ => None,
    }
}

/// A place in the text in a form that a name can hold.
pub(crate) fn place_text(place: Location) -> String {
    format!("{}:{}", place.line, place.column)
}

/// The place that [`place_text`] wrote.
pub(crate) fn place_of(text: &str) -> Option<Location> {
    let (line, column) = text.split_once(':')?;
    Some(Location::new(line.parse().ok()?, column.parse().ok()?))
}

/// First part of the operator that a condition becomes; the construct and its place
/// follow.
pub(crate) const CONDITION: &str = "$condition";

/// Marks what must be a boolean; `construct` such as `WHERE` is named if it is not.
/// What is one by its form is left alone.
pub(crate) fn condition(slot: &mut Expr, construct: &str) {
    let mut inner = &*slot;
    while let Expr::Nested(nested) = inner {
        inner = nested;
    }
    let is_boolean = match inner {
        Expr::BinaryOp { op, .. } => matches!(
            op,
            BinaryOperator::And
                | BinaryOperator::Or
                | BinaryOperator::Eq
                | BinaryOperator::NotEq
                | BinaryOperator::Lt
                | BinaryOperator::LtEq
                | BinaryOperator::Gt
                | BinaryOperator::GtEq
        ),
        Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotUnknown(_)
        | Expr::IsDistinctFrom(_, _)
        | Expr::IsNotDistinctFrom(_, _)
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::ILike { .. }
        | Expr::SimilarTo { .. }
        | Expr::AnyOp { .. }
        | Expr::AllOp { .. }
        | Expr::Exists { .. }
        | Expr::UnaryOp {
            op: UnaryOperator::Not,
            ..
        } => true,
        _ => false,
    };
    if is_boolean {
        return;
    }
    let mut place = slot.span().start;
    if matches!(slot, Expr::Subquery(_)) && place.column > 1 {
        // The parenthesis before it.
        place.column -= 1;
    }
    let plain = take(slot);
    *slot = Expr::BinaryOp {
        left: Box::new(plain),
        op: BinaryOperator::PGCustomBinaryOperator(vec![
            CONDITION.to_owned(),
            construct.to_owned(),
            place_text(place),
        ]),
        right: Box::new(value(Value::Null)),
    };
}

/// A string literal.
pub(crate) fn string(text: impl Into<String>) -> Expr {
    value(Value::SingleQuotedString(text.into()))
}

/// A number literal that the rewrite leaves alone.
pub(crate) fn raw_number(text: impl Into<String>) -> Expr {
    value(Value::Number(text.into(), true))
}

/// A literal.
pub(crate) fn value(value: Value) -> Expr {
    Expr::Value(ValueWithSpan {
        value,
        span: Span::empty(),
    })
}

/// `NOT (expression)` if `negated`.
pub(crate) fn negate_if(negated: bool, expression: Expr) -> Expr {
    if negated {
        Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr: Box::new(expression),
        }
    } else {
        expression
    }
}

/// Takes an expression out of its place.
pub(crate) fn take(slot: &mut Expr) -> Expr {
    std::mem::replace(slot, value(Value::Null))
}

/// The text of a string literal, however it was quoted.
pub(crate) fn string_text(expression: &Expr) -> Option<&str> {
    let Expr::Value(value) = expression else {
        return None;
    };
    match &value.value {
        Value::SingleQuotedString(text)
        | Value::EscapedStringLiteral(text)
        | Value::UnicodeStringLiteral(text)
        | Value::NationalStringLiteral(text) => Some(text),
        Value::DollarQuotedString(quoted) => Some(&quoted.value),
        _ => None,
    }
}
