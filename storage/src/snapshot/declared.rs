//! What a column row of DuckLake cannot say: declared types and PostgreSQL defaults.
//!
//! A type is stored as DuckLake's type text; where that says less than was declared, the
//! side table has the declared name. Defaults that are plain literals are also given to
//! DuckLake, so that DuckDB knows them.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};
use crate::snapshot::{Column, ViewColumn};
use crate::types::ColumnType;

/// The text that stands in DuckLake's column row for no default.
const NO_DEFAULT: &str = "NULL";

/// The type of a column from its rows and its nested fields.
pub(crate) fn column_type(
    lake_name: &str,
    declared: Option<&str>,
    children: &[Column],
) -> Result<ColumnType, Error> {
    let Some(declared) = declared else {
        let fields = children
            .iter()
            .map(|field| (field.name.clone(), field.column_type.clone()));
        return Ok(ColumnType::parse_lake(lake_name, fields.collect()));
    };
    ColumnType::parse_declared(declared).ok_or_else(|| {
        Error::new(
            ErrorKind::Corrupt,
            format!("the catalog names an unknown type {declared}"),
        )
    })
}

/// A default for DuckLake's row: (`default_value`, `default_value_type`).
///
/// An expression stays with us: DuckDB might not parse it.
pub(crate) fn default_rows(column: &Column) -> (String, String) {
    let is_nested = !column.children.is_empty();
    let kind = if is_nested { "" } else { "literal" };
    let value = match column.default.as_deref().and_then(literal_value) {
        Some(value) if !is_nested => value,
        _ => NO_DEFAULT.to_owned(),
    };
    (value, kind.to_owned())
}

/// The value of a plain literal: a number, TRUE or FALSE, or a quoted text.
///
/// A text that reads `NULL` cannot be told from no default, so it is none here.
fn literal_value(expression: &str) -> Option<String> {
    let trimmed = expression.trim();
    let digits = trimmed.strip_prefix('-').unwrap_or(trimmed);
    let is_number = digits.starts_with(|first: char| first.is_ascii_digit())
        && digits
            .chars()
            .all(|character| character.is_ascii_digit() || character == '.')
        && digits.matches('.').count() <= 1;
    if is_number {
        return Some(trimmed.to_owned());
    }
    match trimmed.to_ascii_lowercase().as_str() {
        "true" => return Some("true".to_owned()),
        "false" => return Some("false".to_owned()),
        _ => {}
    }
    let body = trimmed.strip_prefix('\'')?.strip_suffix('\'')?;
    let is_one_text = !body.replace("''", "").contains('\'');
    let value = body.replace("''", "'");
    (is_one_text && value != NO_DEFAULT).then_some(value)
}

/// A default that DuckDB stored, as an expression of ours.
pub(crate) fn foreign_default(value: Option<&str>, kind: Option<&str>) -> Option<String> {
    let value = value.filter(|value| *value != NO_DEFAULT)?;
    match kind {
        Some("expression") => Some(value.to_owned()),
        Some("literal") => Some(format!("'{}'", value.replace('\'', "''"))),
        _ => None,
    }
}

/// A view's column as JSON keeps it.
#[derive(Serialize, Deserialize)]
struct StoredViewColumn {
    name: String,
    declared_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

/// Encodes a view's columns.
pub(crate) fn view_columns_text(columns: &[ViewColumn]) -> String {
    let stored: Vec<StoredViewColumn> = columns.iter().map(store_view_column).collect();
    serde_json::to_string(&stored).expect("structs of texts and numbers have a JSON form")
}

fn store_view_column(column: &ViewColumn) -> StoredViewColumn {
    StoredViewColumn {
        name: column.name.clone(),
        declared_type: column.column_type.declared_name(),
        comment: column.comment.clone(),
    }
}

/// Decodes a view's columns.
pub(crate) fn parse_view_columns(text: &str) -> Result<Vec<ViewColumn>, Error> {
    let stored: Vec<StoredViewColumn> = serde_json::from_str(text).map_err(|source| {
        Error::new(
            ErrorKind::Corrupt,
            "the catalog has a view with bad columns",
        )
        .with_source(source)
    })?;
    let column = |stored: StoredViewColumn| {
        // A type that only DuckDB declares has no name of ours, but the format's.
        let column_type = ColumnType::parse_declared(&stored.declared_type)
            .unwrap_or_else(|| ColumnType::parse_lake(&stored.declared_type, Vec::new()));
        ViewColumn {
            name: stored.name,
            column_type,
            comment: stored.comment,
        }
    };
    Ok(stored.into_iter().map(column).collect())
}

#[cfg(test)]
mod tests;
