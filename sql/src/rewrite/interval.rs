//! `INTERVAL '1-2' YEAR TO MONTH` as a cast of its text.

use sqlparser::ast::{Expr, Interval, Value};

use super::build::{cast, string, string_text, take};
use super::expression::field_name;
use crate::error::SqlError;
use crate::types::datetime::interval_typmod;
use crate::types::{PgType, oid};

/// A cast to the interval type that the fields name.
///
/// Errors: `0A000` for what is no literal, `42601` for fields in no order.
pub(super) fn literal(interval: &mut Interval) -> Result<Expr, SqlError> {
    let inner = take(&mut interval.value);
    let text = match (&inner, string_text(&inner)) {
        (_, Some(text)) => text.to_owned(),
        (Expr::Value(literal), None) => match &literal.value {
            Value::Number(text, _) => text.clone(),
            _ => return Err(no_literal()),
        },
        _ => return Err(no_literal()),
    };
    let first = interval.leading_field.as_ref().map(field_name);
    let last = interval.last_field.as_ref().map(field_name);
    let digits = interval
        .fractional_seconds_precision
        .or(interval.leading_precision);
    let typmod = interval_typmod(first.as_deref(), last.as_deref(), digits);
    let target = PgType {
        oid: oid::INTERVAL,
        // Redshift and the engine know more fields, such as week, which only give
        // the number its unit.
        typmod: match typmod {
            Some(typmod) => typmod,
            None if last.is_none() => -1,
            None => {
                return Err(SqlError::syntax(
                    "the fields of an interval are in no order",
                ));
            }
        },
    };
    let text = with_unit(text, first.as_deref(), last.as_deref());
    Ok(cast(string(text), target))
}

/// A number alone counts the smallest field; `10:20` is minutes and seconds where the
/// fields say so.
fn with_unit(text: String, first: Option<&str>, last: Option<&str>) -> String {
    let plain = text.trim();
    match last.or(first) {
        Some(unit) if plain.parse::<f64>().is_ok() => format!("{plain} {unit}"),
        Some("second") if first == Some("minute") && plain.matches(':').count() == 1 => {
            match plain.strip_prefix('-') {
                Some(rest) => format!("-00:{rest}"),
                None => format!("00:{plain}"),
            }
        }
        _ => text,
    }
}

fn no_literal() -> SqlError {
    SqlError::not_supported("an interval that is no literal")
}
