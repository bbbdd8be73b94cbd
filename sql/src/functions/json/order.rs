//! `<` and the like of jsonb.
//!
//! Source: PostgreSQL 15, `jsonb_util.c` (`compareJsonbContainers`): Null, String, Number,
//! Boolean, Array, Object; of containers the one with more members is greater. A scalar
//! counts as an array of one, below every other of one.

use std::cmp::Ordering;

use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::map2;
use crate::functions::kinds::Text;
use crate::types::json::{self, Value};

pub(super) fn register(registry: &mut Registry) {
    registry.add("$jsonb_order(jsonb, jsonb) -> int4", |call| {
        map2::<Text, Text, _>(call, |left, right| {
            let order = documents(&json::parse(left)?, &json::parse(right)?);
            Ok::<i32, SqlError>(order as i32)
        })
    });
}

/// Two whole documents.
fn documents(left: &Value<'_>, right: &Value<'_>) -> Ordering {
    match (left, right) {
        (Value::Array(items), scalar) if is_scalar(scalar) => {
            items.len().cmp(&1).then(Ordering::Greater)
        }
        (scalar, Value::Array(items)) if is_scalar(scalar) => {
            1.cmp(&items.len()).then(Ordering::Less)
        }
        _ => values(left, right),
    }
}

fn is_scalar(value: &Value<'_>) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_))
}

fn rank(value: &Value<'_>) -> u8 {
    match value {
        Value::Null => 0,
        Value::String(_) => 1,
        Value::Number(_) => 2,
        Value::Bool(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

fn values(left: &Value<'_>, right: &Value<'_>) -> Ordering {
    match (left, right) {
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Number(left), Value::Number(right)) => numbers(left, right),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Array(left), Value::Array(right)) => {
            let pairs = left.iter().zip(right);
            let first = pairs.map(|(a, b)| values(a, b)).find(|order| order.is_ne());
            let count = left.len().cmp(&right.len());
            count.then(first.unwrap_or(Ordering::Equal))
        }
        (Value::Object(left), Value::Object(right)) => {
            let pairs = left.iter().zip(right);
            let first = pairs
                .map(|((a, x), (b, y))| a.cmp(b).then_with(|| values(x, y)))
                .find(|order| order.is_ne());
            let count = left.len().cmp(&right.len());
            count.then(first.unwrap_or(Ordering::Equal))
        }
        _ => rank(left).cmp(&rank(right)),
    }
}

/// Numbers of any length, which jsonb writes without exponents.
fn numbers(left: &str, right: &str) -> Ordering {
    let sign = |text: &str| text.starts_with('-') && text.contains(|c| ('1'..='9').contains(&c));
    match (sign(left), sign(right)) {
        (false, true) => Ordering::Greater,
        (true, false) => Ordering::Less,
        (is_negative, _) => {
            let order = magnitude(left).cmp(&magnitude(right));
            if is_negative { order.reverse() } else { order }
        }
    }
}

/// Length of the whole part, its digits, and those after the point, without zeros that do
/// not count: their order is that of the numbers.
fn magnitude(text: &str) -> (usize, &str, &str) {
    let digits = text.trim_start_matches('-');
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    (whole.len(), whole, fraction.trim_end_matches('0'))
}
