//! Runs expressions through the functions alone and compares text and type.
//!
//! Each case file holds pairs of lines: an expression, and `=> text | type` or
//! `=> ERROR code`. The answers were given by PostgreSQL 15, except those of
//! `redshift.txt` and `session.txt`. `~> text` is a numeric that PostgreSQL shows
//! with other zeros at the end, because its values have a scale each.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs};
use gotgan_storage::{BOOTSTRAP_ROLE_ID, Rights, Snapshot, SystemClock};
use sqlparser::ast::{self, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use super::signature::{Argument, common_type};
use super::{coerce, scalar};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::types::datetime::Zone;
use crate::types::input::InputStyle;
use crate::types::output::{OutputStyle, to_text_array};
use crate::types::{PgType, by_name, input, oid};

/// 2024-02-29 13:45:06.789 UTC
const NOW: i64 = 1_709_214_306_789_000;

/// A snapshot that these functions never look at. It is made on a thread of its
/// own, since tests may ask for it from within a runtime.
static SNAPSHOT: LazyLock<Arc<Snapshot>> = LazyLock::new(|| {
    let made = std::thread::spawn(|| {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let context = runtime.block_on(crate::pg_catalog::sample::context(folder.path()));
        Arc::clone(&context.snapshot)
    });
    made.join().unwrap()
});

/// A statement of `ada` in New York.
pub(super) fn context() -> Arc<StatementContext> {
    let zone = Zone::parse("America/New_York").unwrap();
    Arc::new(StatementContext {
        changed_settings: std::sync::Mutex::default(),
        transaction_start: NOW,
        statement_start: NOW + 1,
        style: OutputStyle {
            time_zone: zone,
            ..OutputStyle::default()
        },
        input: InputStyle {
            zone,
            now_micros: NOW,
            ..InputStyle::default()
        },
        user: "ada".to_owned(),
        session_user: "root".to_owned(),
        role_id: BOOTSTRAP_ROLE_ID,
        session_role_id: BOOTSTRAP_ROLE_ID,
        login_role_id: BOOTSTRAP_ROLE_ID,
        rights: Rights::of(&SNAPSHOT),
        database: "gotgan".to_owned(),
        search_path: vec!["pg_catalog".to_owned(), "public".to_owned()],
        snapshot: Arc::clone(&SNAPSHOT),
        is_past: false,
        backend_pid: 42,
        server_start: 0,
        client_address: None,
        settings: Arc::new(BTreeMap::from([(
            "DateStyle".to_owned(),
            "ISO, MDY".to_owned(),
        )])),
        clock: Arc::new(SystemClock),
        prepared: Vec::new(),
        random: Arc::default(),
        is_replica: false,
        replayed_at: None,
        jobs: Arc::default(),
        meter: Arc::default(),
        query_log: None,
        reach: crate::backends::Reach::default(),
        sequences: crate::sequence::SequenceUse::default(),
    })
}

/// A value with its field; literals have no type of their own yet.
struct Operand {
    field: FieldRef,
    value: ScalarValue,
    is_literal: bool,
}

impl Operand {
    fn literal(value: ScalarValue) -> Self {
        let field = Arc::new(Field::new("literal", value.data_type(), true));
        Self {
            field,
            value,
            is_literal: true,
        }
    }

    fn typed(array: &ArrayRef, pg_type: PgType) -> Self {
        let field = pg_type
            .field("cast", true)
            .with_data_type(array.data_type().clone());
        let value = ScalarValue::try_from_array(array, 0).unwrap();
        Self {
            field: Arc::new(field),
            value,
            is_literal: false,
        }
    }

    fn pg_type(&self) -> PgType {
        PgType::of_field(&self.field)
    }
}

fn evaluate(
    expr: &Expr,
    context: &Arc<StatementContext>,
    rows: usize,
) -> Result<Operand, SqlError> {
    match expr {
        Expr::Value(value) => Ok(Operand::literal(literal(&value.value))),
        Expr::Nested(inner) => evaluate(inner, context, rows),
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => {
            let operand = evaluate(expr, context, rows)?;
            Ok(Operand {
                value: operand.value.arithmetic_negate().unwrap(),
                ..operand
            })
        }
        Expr::Cast {
            expr, data_type, ..
        } => {
            let operand = evaluate(expr, context, rows)?;
            cast(operand, parse_type(&data_type.to_string()), context)
        }
        Expr::Array(array) => make_array(&array.elem, context, rows),
        Expr::Function(function) => {
            let name = function
                .name
                .0
                .last()
                .unwrap()
                .as_ident()
                .unwrap()
                .value
                .to_lowercase();
            call(&name, &arguments(function), context, rows)
        }
        Expr::Substring {
            expr,
            substring_from,
            substring_for,
            ..
        } => {
            let parts = [Some(expr), substring_from.as_ref(), substring_for.as_ref()];
            let parts: Vec<&Expr> = parts.into_iter().flatten().map(AsRef::as_ref).collect();
            call("substring", &parts, context, rows)
        }
        Expr::Ceil { expr, .. } => call("ceil", &[expr.as_ref()], context, rows),
        Expr::Floor { expr, .. } => call("floor", &[expr.as_ref()], context, rows),
        other => panic!("the test evaluator lacks {other}"),
    }
}

fn literal(value: &ast::Value) -> ScalarValue {
    match value {
        ast::Value::Number(text, _) => match text.parse::<i32>() {
            Ok(small) => ScalarValue::Int32(Some(small)),
            Err(_) => match text.parse::<i64>() {
                Ok(large) => ScalarValue::Int64(Some(large)),
                Err(_) => {
                    let scale = text
                        .split_once('.')
                        .map_or(0, |(_, decimals)| decimals.len());
                    let precision = text.len() as u8;
                    let unscaled = text.replace('.', "").parse().unwrap();
                    ScalarValue::Decimal128(Some(unscaled), precision.min(38), scale as i8)
                }
            },
        },
        ast::Value::SingleQuotedString(text)
        | ast::Value::EscapedStringLiteral(text)
        | ast::Value::NationalStringLiteral(text) => ScalarValue::Utf8(Some(text.clone())),
        ast::Value::Boolean(value) => ScalarValue::Boolean(Some(*value)),
        ast::Value::Null => ScalarValue::Null,
        other => panic!("the test evaluator lacks the literal {other}"),
    }
}

fn parse_type(name: &str) -> PgType {
    let lowered = name.to_lowercase();
    if let Some(element) = lowered.strip_suffix("[]") {
        return parse_type(element).array().unwrap();
    }
    let (base, arguments) = match lowered.split_once('(') {
        Some((base, rest)) => (base, Some(rest.trim_end_matches(')').to_owned())),
        None => (lowered.as_str(), None),
    };
    let base = match base.trim() {
        "integer" | "int" => "int4",
        "bigint" => "int8",
        "smallint" => "int2",
        "boolean" => "bool",
        "real" => "float4",
        "double precision" => "float8",
        "char" => "bpchar",
        other => other,
    };
    let found = PgType::new(by_name(base).unwrap_or_else(|| panic!("type {name}")).oid);
    let numbers: Vec<i32> = arguments
        .iter()
        .flat_map(|text| text.split(','))
        .map(|text| text.trim().parse().unwrap())
        .collect();
    match (found.oid, numbers.as_slice()) {
        (oid::NUMERIC, [precision, scale]) => PgType::numeric(*precision as u8, *scale as i8),
        (oid::VARCHAR | oid::BPCHAR, [length]) => PgType::character(found.oid, *length as u32),
        _ => found,
    }
}

fn cast(
    operand: Operand,
    target: PgType,
    context: &Arc<StatementContext>,
) -> Result<Operand, SqlError> {
    let array = operand.value.to_array().unwrap();
    let array = if operand.value.data_type().is_null() {
        arrow::array::new_null_array(&target.arrow_type(), 1)
    } else if operand.pg_type().oid == oid::TEXT {
        input::cast_text(&coerce::canonical(array)?, target, &context.input, true)?
    } else {
        arrow::compute::cast(&array, &target.arrow_type())?
    };
    Ok(Operand::typed(&array, target))
}

fn make_array(
    items: &[Expr],
    context: &Arc<StatementContext>,
    rows: usize,
) -> Result<Operand, SqlError> {
    let operands: Vec<Operand> = items
        .iter()
        .map(|item| evaluate(item, context, rows))
        .collect::<Result<_, _>>()?;
    let known = operands
        .iter()
        .filter(|operand| !operand.value.data_type().is_null());
    let element = known
        .map(Operand::pg_type)
        .reduce(|left, right| common_type(left, right).unwrap())
        .unwrap_or(PgType::new(oid::TEXT));
    let values: Vec<ScalarValue> = operands
        .into_iter()
        .map(|operand| operand.value.cast_to(&element.arrow_type()).unwrap())
        .collect();
    let list = ScalarValue::new_list(&values, &element.arrow_type(), true);
    let array_type = element.array().unwrap();
    let array = arrow::compute::cast(&(list as ArrayRef), &array_type.arrow_type())?;
    Ok(Operand::typed(&array, array_type))
}

fn arguments(function: &ast::Function) -> Vec<&Expr> {
    let FunctionArguments::List(list) = &function.args else {
        return Vec::new();
    };
    let expression = |arg| match arg {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) => expr,
        other => panic!("the test evaluator lacks the argument {other}"),
    };
    list.args.iter().map(expression).collect()
}

fn call(
    name: &str,
    arguments: &[&Expr],
    context: &Arc<StatementContext>,
    rows: usize,
) -> Result<Operand, SqlError> {
    let operands: Vec<Operand> = arguments
        .iter()
        .map(|argument| evaluate(argument, context, rows))
        .collect::<Result<_, _>>()?;
    let udf = scalar(name, context).unwrap_or_else(|| panic!("function {name} is missing"));
    let arg_fields: Vec<FieldRef> = operands.iter().map(|o| Arc::clone(&o.field)).collect();
    let constants: Vec<Option<&ScalarValue>> = operands
        .iter()
        .map(|operand| operand.is_literal.then_some(&operand.value))
        .collect();
    let return_field = udf.return_field_from_args(ReturnFieldArgs {
        arg_fields: &arg_fields,
        scalar_arguments: &constants,
    })?;
    let args = operands
        .iter()
        .map(|operand| {
            if operand.is_literal || rows == 0 {
                return ColumnarValue::Scalar(operand.value.clone());
            }
            ColumnarValue::Array(operand.value.to_array_of_size(rows).unwrap())
        })
        .collect();
    let result = udf.invoke_with_args(ScalarFunctionArgs {
        args,
        arg_fields,
        number_rows: rows.max(1),
        return_field: Arc::clone(&return_field),
        config_options: Arc::new(ConfigOptions::default()),
    })?;
    assert_eq!(
        &result.data_type(),
        return_field.data_type(),
        "type of {name}"
    );
    let array = result.to_array(rows.max(1)).unwrap();
    let value = ScalarValue::try_from_array(&array, array.len() - 1).unwrap();
    Ok(Operand {
        field: return_field,
        value,
        is_literal: false,
    })
}

/// `text | type`, or `ERROR code`.
fn answer(text: &str, rows: usize) -> String {
    let context = context();
    // A schema before a keyword is beyond the parser; it is there for PostgreSQL.
    let text = text.replace("pg_catalog.", "");
    let expr = Parser::new(&PostgreSqlDialect {})
        .try_with_sql(&text)
        .unwrap()
        .parse_expr()
        .unwrap();
    match evaluate(&expr, &context, rows) {
        Ok(operand) => {
            let pg_type = operand.pg_type();
            let array = operand.value.to_array().unwrap();
            let shown = to_text_array(&array, pg_type, &context.style).unwrap();
            let value = if shown.is_null(0) {
                "NULL"
            } else {
                shown.value(0)
            };
            let unmodified = PgType::new(pg_type.oid);
            format!("{} | {}", value.replace('\n', "\\n"), unmodified.display())
        }
        Err(error) if error.code.0.starts_with("XX") => format!("ERROR {}: {error}", error.code),
        Err(error) => format!("ERROR {}", error.code),
    }
}

/// A literal is an argument that `Argument` takes for unknown.
#[test]
fn literals_have_no_type() {
    let literal = Operand::literal(ScalarValue::Utf8(Some("x".to_owned())));
    let argument = Argument::new(literal.pg_type(), literal.field.data_type(), true);
    assert!(argument.is_unknown);
}

/// Drops the zeros that end each number.
fn without_zeros(text: &str) -> String {
    let number = |word: &str| {
        if word.contains('.') {
            word.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            word.to_owned()
        }
    };
    text.split_inclusive([',', ' ', '}'])
        .map(|part| match part.char_indices().last() {
            Some((end, last @ (',' | ' ' | '}'))) => number(&part[..end]) + &last.to_string(),
            _ => number(part),
        })
        .collect()
}

/// Checks a case file over constants and over columns.
fn check(cases: &str) {
    let mut failures = Vec::new();
    let mut expression = "";
    for line in cases.lines() {
        let expected = match (line.strip_prefix("=> "), line.strip_prefix("~> ")) {
            (Some(expected), _) | (_, Some(expected)) => expected,
            _ => {
                expression = line;
                continue;
            }
        };
        let shown = |text: &str| {
            if line.starts_with('~') {
                without_zeros(text)
            } else {
                text.to_owned()
            }
        };
        for rows in [0, 2] {
            let actual = answer(expression, rows);
            if shown(&actual) != shown(expected) {
                failures.push(format!(
                    "{expression}\n   wanted {expected}\n   got    {actual}"
                ));
                break;
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

macro_rules! case_files {
    ($($name:ident),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                check(include_str!(concat!("tests/", stringify!($name), ".txt")));
            }
        )+
    };
}

case_files!(
    text, datetime, array, bytes, format, json, math, number, redshift, regex, session
);
