//! What the rows of a table's files are sorted by, and the catalog rows that say so.
//!
//! The format keeps SQL text for each part. Ours are names of columns; DuckDB may write
//! any expression, which is kept as it is and sorts nothing here.

use std::collections::HashMap;

use crate::snapshot::Column;
use crate::spec::ColumnId;
use crate::spec::rows::{SortExpressionRow, SortInfoRow};

/// The dialect of the format's sort expressions.
const DIALECT: &str = "duckdb";

/// A table's sort key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// Another one after each change of its text, also by the name of a column.
    pub(crate) id: i64,
    /// The first counts most.
    pub parts: Vec<SortPart>,
}

/// A part of a sort key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortPart {
    /// What is compared.
    pub value: SortValue,
    /// Whether large values come first.
    pub descending: bool,
    /// Whether NULL comes first.
    pub nulls_first: bool,
}

/// What a part of a sort key compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortValue {
    /// A column of the table.
    Column(ColumnId),
    /// An expression of DuckDB's.
    Expression(String),
}

impl SortKey {
    /// The columns that rows can be sorted by here: all up to the first expression.
    pub fn columns(&self) -> impl Iterator<Item = (ColumnId, &SortPart)> {
        self.parts.iter().map_while(|part| match part.value {
            SortValue::Column(id) => Some((id, part)),
            SortValue::Expression(_) => None,
        })
    }

    /// Whether a column is a part of it.
    pub fn names(&self, column: ColumnId) -> bool {
        let is_named = |part: &SortPart| part.value == SortValue::Column(column);
        self.parts.iter().any(is_named)
    }

    /// Whether an expression of DuckDB's may name a column.
    pub(crate) fn may_read(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.parts.iter().any(|part| match &part.value {
            SortValue::Column(_) => false,
            SortValue::Expression(text) => text.to_lowercase().contains(&name),
        })
    }

    /// Puts a column in the place of another.
    pub(crate) fn replace(&mut self, old: ColumnId, new: ColumnId) {
        for part in &mut self.parts {
            if part.value == SortValue::Column(old) {
                part.value = SortValue::Column(new);
            }
        }
    }

    /// `rows`: of one key. `columns`: of its table.
    pub(super) fn from_rows(
        id: i64,
        mut rows: Vec<SortExpressionRow>,
        columns: &[Column],
    ) -> Option<Self> {
        rows.sort_by_key(|row| row.sort_key_index);
        let part = |row: SortExpressionRow| SortPart {
            value: value(row.expression, columns),
            descending: row.sort_direction.as_deref() == Some("DESC"),
            nulls_first: row.null_order.as_deref() == Some("NULLS_FIRST"),
        };
        let parts: Vec<SortPart> = rows.into_iter().map(part).collect();
        (!parts.is_empty()).then_some(Self { id, parts })
    }

    /// Its rows in the catalog.
    pub(crate) fn rows(&self, table_id: i64, columns: &[Column]) -> Vec<SortExpressionRow> {
        let parts = self.parts.iter().zip(0..);
        let row = |(part, index): (&SortPart, i64)| SortExpressionRow {
            sort_id: self.id,
            table_id,
            sort_key_index: index,
            expression: text(&part.value, columns),
            dialect: Some(DIALECT.to_owned()),
            sort_direction: Some(if part.descending { "DESC" } else { "ASC" }.to_owned()),
            null_order: Some(
                if part.nulls_first {
                    "NULLS_FIRST"
                } else {
                    "NULLS_LAST"
                }
                .to_owned(),
            ),
        };
        parts.map(row).collect()
    }
}

/// The sort keys of tables as rows, by the table's id: the key's id and its parts.
pub(super) type SortRows = HashMap<i64, (i64, Vec<SortExpressionRow>)>;

/// `keys`: those that are visible. `parts`: of any keys.
pub(super) fn by_table(keys: Vec<SortInfoRow>, parts: Vec<SortExpressionRow>) -> SortRows {
    let keys = keys.into_iter();
    let mut found: SortRows = keys
        .map(|key| (key.table_id, (key.sort_id, Vec::new())))
        .collect();
    for part in parts {
        if let Some((id, own)) = found.get_mut(&part.table_id)
            && *id == part.sort_id
        {
            own.push(part);
        }
    }
    found
}

/// The column that an expression names, if it does no more than that.
fn value(expression: String, columns: &[Column]) -> SortValue {
    let is_quoted =
        expression.len() > 1 && expression.starts_with('"') && expression.ends_with('"');
    let name = match is_quoted {
        true => expression[1..expression.len() - 1].replace("\"\"", "\""),
        false => expression.clone(),
    };
    let is_alike = |column: &&Column| column.name.eq_ignore_ascii_case(&name);
    let exact = columns.iter().find(|column| column.name == name);
    match exact.or_else(|| columns.iter().find(is_alike)) {
        Some(column) => SortValue::Column(column.id),
        None => SortValue::Expression(expression),
    }
}

fn text(value: &SortValue, columns: &[Column]) -> String {
    match value {
        SortValue::Expression(text) => text.clone(),
        SortValue::Column(id) => {
            let column = columns.iter().find(|column| column.id == *id);
            let name = column.map_or("", |column| column.name.as_str());
            format!("\"{}\"", name.replace('"', "\"\""))
        }
    }
}
