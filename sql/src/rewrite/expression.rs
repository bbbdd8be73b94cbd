//! Expressions: literals' types, casts, and syntax that is a function call in disguise.

use sqlparser::ast::{
    AccessExpr, BinaryOperator, CeilFloorKind, DateTimeField, DictionaryField, Expr, Ident,
    ObjectName, Subscript, TrimWhereField, UnaryOperator, Value,
};

use super::build::{call, cast, negate_if, raw_number, string, take, value};
use super::function;
use crate::error::SqlError;
use crate::parse::{name_parts, type_name};
use crate::types::{PgType, oid};

/// First part of the operator that `x op ANY (array)` becomes.
pub(crate) const ANY: &str = "$any";

/// As [`ANY`], for ALL.
pub(crate) const ALL: &str = "$all";

/// Operators in a row that are taken: planning time grows with their cube.
const CHAIN_LENGTH_MAX: usize = 250;

/// Before the parts are visited: what must see them as they were written.
pub(super) fn before(expression: &mut Expr) -> Result<(), SqlError> {
    match expression {
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => {
            if let Some(text) = plain_number(expr) {
                *expression = value(Value::Number(format!("-{text}"), false));
            }
        }
        Expr::Interval(interval) => *expression = super::interval::literal(interval)?,
        Expr::Case {
            operand,
            conditions,
            ..
        } => super::case::with_conditions(operand, conditions),
        Expr::BinaryOp {
            op: BinaryOperator::And | BinaryOperator::Or,
            ..
        } => {
            super::row::balance(expression);
        }
        Expr::BinaryOp { left, op, right } => {
            require_short_chain(left)?;
            if *op == BinaryOperator::Overlaps {
                *expression = super::overlaps::overlaps(left, right)?;
            } else if let Some(expanded) = super::row::row_comparison(left, op, right)? {
                *expression = expanded;
            }
        }
        Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsDistinctFrom(_, _)
        | Expr::IsNotDistinctFrom(_, _) => {
            if let Some(expanded) = super::row::row_test(expression)? {
                *expression = expanded;
            }
        }
        Expr::AnyOp {
            left,
            compare_op,
            right,
            ..
        } => {
            if let Some(replacement) = any_subquery(left, compare_op, right) {
                *expression = replacement;
            }
        }
        Expr::AllOp { right, .. } => {
            if let Some(query) = subquery_of(right) {
                **right = function::array_of(query);
            }
        }
        Expr::InList {
            expr,
            list,
            negated,
        } if matches!(**expr, Expr::Tuple(_)) => {
            *expression = super::row::row_in_list(expr, list, *negated)?;
        }
        Expr::InSubquery { .. } => super::row_in::in_expression(expression)?,
        Expr::Function(call) => match function::array_subquery(call) {
            Some(aggregated) => *expression = aggregated,
            None => function::before(call)?,
        },
        _ => {}
    }
    Ok(())
}

/// Errors: `54001` if an expression begins with too many operators.
fn require_short_chain(mut expression: &Expr) -> Result<(), SqlError> {
    let mut length = 0;
    while let Expr::BinaryOp { left, .. } = expression {
        length += 1;
        expression = left;
    }
    if length <= CHAIN_LENGTH_MAX {
        return Ok(());
    }
    Err(SqlError::with_code(
        crate::sqlstate::STATEMENT_TOO_COMPLEX,
        format!("more than {CHAIN_LENGTH_MAX} operators in a row"),
    ))
}

/// After the parts were visited.
pub(super) fn after(expression: &mut Expr) -> Result<(), SqlError> {
    let replaced = match expression {
        Expr::Value(literal) => of_value(&mut literal.value)?,
        Expr::Cast {
            expr, data_type, ..
        } => {
            let target = type_name::resolve(data_type)?;
            Some(cast(exact_literal(take(expr), target), target))
        }
        Expr::TypedString(typed) => {
            let target = type_name::resolve(&typed.data_type)?;
            let text = value(typed.value.value.clone());
            Some(cast(text, target))
        }
        Expr::Case {
            operand: None,
            conditions,
            else_result,
            ..
        } => Some(super::case::as_call(conditions, else_result.take())),
        Expr::Array(array) => array_of_names(&mut array.elem),
        Expr::Substring {
            expr,
            substring_from,
            substring_for,
            ..
        } => Some(substring(
            take(expr),
            substring_from.take(),
            substring_for.take(),
        )),
        Expr::AtTimeZone { .. }
        | Expr::Extract { .. }
        | Expr::Position { .. }
        | Expr::Trim { .. }
        | Expr::Overlay { .. }
        | Expr::Ceil { .. }
        | Expr::Floor { .. } => keyword_call(expression),
        Expr::Collate { expr, collation } => {
            check_collation(collation)?;
            Some(take(expr))
        }
        Expr::SimilarTo { .. } | Expr::Like { .. } | Expr::ILike { .. } => {
            pattern_match(expression)
        }
        Expr::AnyOp {
            left,
            compare_op,
            right,
            ..
        } => array_comparison(ANY, left, compare_op, right),
        Expr::AllOp {
            left,
            compare_op,
            right,
        } => array_comparison(ALL, left, compare_op, right),
        Expr::UnaryOp { op, expr } => unary(*op, expr)?,
        Expr::CompoundFieldAccess { root, access_chain } => subscripts(root, access_chain)?,
        Expr::Identifier(ident)
            if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("sysdate") =>
        {
            Some(call("sysdate", Vec::new()))
        }
        Expr::Function(function) => function::after(function)?,
        _ => None,
    };
    if let Some(replacement) = replaced {
        *expression = replacement;
    }
    Ok(())
}

/// The key of the dictionary that an array with names in it becomes.
pub(crate) const ARRAY: &str = "$array";

/// The engine plans the elements of an array without what it knows of outer queries, but
/// those of a dictionary with it; `plan/operators.rs` makes the array.
fn array_of_names(elements: &mut Vec<Expr>) -> Option<Expr> {
    if !elements.iter().any(super::set::refers_elsewhere) {
        return None;
    }
    let fields = std::mem::take(elements)
        .into_iter()
        .map(|element| DictionaryField {
            key: Ident::new(ARRAY),
            value: Box::new(element),
        });
    Some(Expr::Dictionary(fields.collect()))
}

/// SIMILAR TO is a function, and so is a LIKE pattern with an escape of its own.
fn pattern_match(expression: &mut Expr) -> Option<Expr> {
    match expression {
        Expr::SimilarTo {
            negated,
            expr,
            pattern,
            escape_char,
        } => {
            let mut args = vec![take(expr), take(pattern)];
            args.extend(escape_char.take().map(|escape| value(escape.value)));
            Some(negate_if(*negated, call("similar_to", args)))
        }
        Expr::Like {
            pattern,
            escape_char,
            ..
        }
        | Expr::ILike {
            pattern,
            escape_char,
            ..
        } => {
            if let Some(escape) = escape_char.take() {
                let plain = take(pattern);
                **pattern = call("like_escape", vec![plain, value(escape.value)]);
            }
            None
        }
        _ => None,
    }
}

/// Functions whose arguments are told by keywords.
fn keyword_call(expression: &mut Expr) -> Option<Expr> {
    match expression {
        Expr::AtTimeZone {
            timestamp,
            time_zone,
        } => Some(call("timezone", vec![take(time_zone), take(timestamp)])),
        Expr::Extract { field, expr, .. } => {
            Some(call("extract", vec![string(field_name(field)), take(expr)]))
        }
        Expr::Position { expr, r#in } => Some(call("strpos", vec![take(r#in), take(expr)])),
        Expr::Trim {
            trim_where,
            trim_what,
            expr,
            trim_characters,
        } => {
            let name = match trim_where {
                Some(TrimWhereField::Leading) => "ltrim",
                Some(TrimWhereField::Trailing) => "rtrim",
                Some(TrimWhereField::Both) | None => "btrim",
            };
            let mut args = vec![take(expr)];
            args.extend(trim_what.take().map(|what| *what));
            args.extend(trim_characters.take().into_iter().flatten());
            Some(call(name, args))
        }
        Expr::Overlay {
            expr,
            overlay_what,
            overlay_from,
            overlay_for,
        } => {
            let mut args = vec![take(expr), take(overlay_what), take(overlay_from)];
            args.extend(overlay_for.take().map(|length| *length));
            Some(call("overlay", args))
        }
        Expr::Ceil {
            expr,
            field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime),
        } => Some(call("ceil", vec![take(expr)])),
        Expr::Floor {
            expr,
            field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime),
        } => Some(call("floor", vec![take(expr)])),
        _ => None,
    }
}

/// A number literal that is cast at once is read as its target, not as numeric.
pub(super) fn exact_literal(inner: Expr, target: PgType) -> Expr {
    let is_float = matches!(target.oid, oid::FLOAT4 | oid::FLOAT8);
    match super::build::cast_operand(&inner) {
        Some((source, operand)) if is_float && source.oid == oid::NUMERIC => operand.clone(),
        _ => inner,
    }
}

/// The digits of a number literal, through parentheses.
fn plain_number(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Value(literal) => match &literal.value {
            Value::Number(text, false) if !text.starts_with('-') => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// Integers are int4, else int8, else numeric; strings all become one kind.
fn of_value(literal: &mut Value) -> Result<Option<Expr>, SqlError> {
    match literal {
        Value::Number(text, false) => number(text),
        Value::UnicodeStringLiteral(text) | Value::NationalStringLiteral(text) => {
            Ok(Some(string(std::mem::take(text))))
        }
        Value::DollarQuotedString(quoted) => Ok(Some(string(std::mem::take(&mut quoted.value)))),
        Value::HexStringLiteral(_) | Value::SingleQuotedByteStringLiteral(_) => {
            Err(SqlError::not_supported("a bit string"))
        }
        _ => Ok(None),
    }
}

fn number(text: &str) -> Result<Option<Expr>, SqlError> {
    let digits = text.strip_prefix('-').unwrap_or(text).replace('_', "");
    let sign = if text.starts_with('-') { "-" } else { "" };
    if let Some(plain) = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        return match i64::from_str_radix(plain, 16) {
            Ok(integer) => number(&format!("{sign}{integer}")),
            Err(_) => Err(SqlError::value_out_of_range(text, "bigint")),
        };
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(fraction(sign, &digits));
    }
    if format!("{sign}{digits}").parse::<i32>().is_ok() {
        return Ok(Some(cast(
            raw_number(format!("{sign}{digits}")),
            PgType::new(oid::INT4),
        )));
    }
    if format!("{sign}{digits}").parse::<i64>().is_ok() {
        return Ok(Some(cast(
            string(format!("{sign}{digits}")),
            PgType::new(oid::INT8),
        )));
    }
    let digits = digits.trim_start_matches('0');
    match u8::try_from(digits.len()) {
        Ok(precision) if precision <= crate::types::NUMERIC_PRECISION => Ok(Some(cast(
            string(format!("{sign}{digits}")),
            PgType::numeric(precision, 0),
        ))),
        _ => Err(SqlError::value_out_of_range(text, "numeric")),
    }
}

/// `1.50` is numeric(3,2) and `1e3` numeric; too long ones are cut to 38 digits.
fn fraction(sign: &str, text: &str) -> Option<Expr> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let decimals_count = i32::try_from(decimals.len()).ok()?;
    let scale = (decimals_count - exponent).max(0);
    let digits = i32::try_from(whole.trim_start_matches('0').len()).ok()? + exponent.max(0) + scale;
    let scale = i8::try_from(scale.min(37)).ok()?;
    let precision = u8::try_from(digits.clamp(i32::from(scale).max(1), 38)).ok()?;
    Some(cast(
        string(format!("{sign}{text}")),
        PgType::numeric(precision, scale),
    ))
}

/// The name of a date part in lower case, without quotes.
pub(super) fn field_name(field: &DateTimeField) -> String {
    field.to_string().trim_matches(['\'', '"']).to_lowercase()
}

fn substring(text: Expr, from: Option<Box<Expr>>, length: Option<Box<Expr>>) -> Expr {
    match (from, length) {
        (Some(from), None) => call("substring", vec![text, *from]),
        (Some(from), Some(length)) => call("substring", vec![text, *from, *length]),
        (None, Some(length)) => {
            let first = cast(raw_number("1"), PgType::new(oid::INT4));
            call("substring", vec![text, first, *length])
        }
        (None, None) => text,
    }
}

fn unary(op: UnaryOperator, operand: &mut Expr) -> Result<Option<Expr>, SqlError> {
    let name = match op {
        UnaryOperator::Minus => "$negate",
        UnaryOperator::Plus => return Ok(Some(take(operand))),
        UnaryOperator::BitwiseNot => "$bitnot",
        UnaryOperator::PGAbs => "abs",
        UnaryOperator::PGSquareRoot => "sqrt",
        UnaryOperator::PGCubeRoot => "cbrt",
        UnaryOperator::PGPostfixFactorial | UnaryOperator::PGPrefixFactorial => "factorial",
        UnaryOperator::Not => return Ok(None),
        other => return Err(SqlError::not_supported(format!("the operator {other}"))),
    };
    Ok(Some(call(name, vec![take(operand)])))
}

/// The query of an operand that is one, through parentheses.
fn subquery_of(operand: &mut Expr) -> Option<&mut sqlparser::ast::Query> {
    match operand {
        Expr::Nested(inner) => subquery_of(inner),
        Expr::Subquery(query) => Some(query),
        _ => None,
    }
}

/// `x = ANY (SELECT ...)` is IN; other comparisons go through an array.
fn any_subquery(left: &mut Expr, op: &BinaryOperator, right: &mut Expr) -> Option<Expr> {
    let query = subquery_of(right)?;
    if operator_text(op) == "=" {
        return Some(Expr::InSubquery {
            expr: Box::new(take(left)),
            subquery: Box::new(query.clone()),
            negated: false,
        });
    }
    let array = function::array_of(query);
    *right = array;
    None
}

fn array_comparison(
    name: &str,
    left: &mut Expr,
    op: &BinaryOperator,
    right: &mut Expr,
) -> Option<Expr> {
    let mut inner = &*right;
    while let Expr::Nested(nested) = inner {
        inner = nested;
    }
    if matches!(inner, Expr::Subquery(_)) {
        return None;
    }
    Some(Expr::BinaryOp {
        left: Box::new(take(left)),
        op: BinaryOperator::PGCustomBinaryOperator(vec![name.to_owned(), operator_text(op)]),
        right: Box::new(take(right)),
    })
}

/// An operator without the schema that `OPERATOR(pg_catalog.=)` gives it.
pub(super) fn operator_text(op: &BinaryOperator) -> String {
    match op {
        BinaryOperator::PGCustomBinaryOperator(parts) => parts.last().cloned().unwrap_or_default(),
        other => other.to_string(),
    }
}

fn subscripts(root: &mut Expr, chain: &mut [AccessExpr]) -> Result<Option<Expr>, SqlError> {
    let mut current = take(root);
    let mut rest = chain.iter_mut().peekable();
    while let Some(access) = rest.next() {
        let is_last = !matches!(
            rest.peek(),
            Some(AccessExpr::Subscript(Subscript::Index { .. }))
        );
        current = match access {
            AccessExpr::Subscript(Subscript::Index { index }) => {
                let name = if is_last { "$subscript" } else { "$subarray" };
                call(name, vec![current, take(index)])
            }
            AccessExpr::Subscript(Subscript::Slice {
                lower_bound,
                upper_bound,
                stride: None,
            }) => {
                let null = || value(Value::Null);
                let lower = lower_bound.take().unwrap_or_else(null);
                let upper = upper_bound.take().unwrap_or_else(null);
                call("$slice", vec![current, lower, upper])
            }
            AccessExpr::Subscript(_) => return Err(SqlError::not_supported("a slice with a step")),
            AccessExpr::Dot(Expr::Identifier(field)) => call(
                "get_field",
                vec![current, string(crate::parse::fold(field))],
            ),
            AccessExpr::Dot(_) => return Err(SqlError::not_supported("this field access")),
        };
    }
    Ok(Some(current))
}

/// Collations that compare bytes, which is how Gotgan compares text.
fn check_collation(collation: &ObjectName) -> Result<(), SqlError> {
    let name = name_parts(collation).pop().unwrap_or_default();
    match name.as_str() {
        "C" | "POSIX" | "default" | "ucs_basic" | "c" | "posix" => Ok(()),
        _ => Err(SqlError::undefined_object("collation", &name)),
    }
}
