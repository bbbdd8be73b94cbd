//! Keys, CHECKs and indexes of tables from their rows.

use std::collections::HashMap;

use crate::error::{Error, ErrorKind};
use crate::snapshot::{Constraint, ConstraintEntry, Index};
use crate::spec::side::{ConstraintRow, IndexRow};
use crate::spec::{ColumnId, TableId};

pub(super) fn constraint(
    row: &ConstraintRow,
    comments: &HashMap<i64, String>,
) -> Result<ConstraintEntry, Error> {
    let columns = parse_ids(&row.columns)?;
    let letter = |text: &Option<String>| text.as_deref().and_then(|text| text.chars().next());
    let kind = row.kind.to_lowercase();
    let constraint = match kind.as_str() {
        "p" => Constraint::PrimaryKey { columns },
        "u" => Constraint::Unique { columns },
        "f" => Constraint::ForeignKey {
            columns,
            referenced_table: TableId(row.referenced_table.unwrap_or_default()),
            referenced_columns: parse_ids(row.referenced_columns.as_deref().unwrap_or("[]"))?,
            on_delete: letter(&row.on_delete).unwrap_or('a'),
            on_update: letter(&row.on_update).unwrap_or('a'),
        },
        "c" => Constraint::Check {
            expression: row.expression.clone().unwrap_or_default(),
        },
        other => {
            let text = format!("the catalog has a constraint of unknown kind {other}");
            return Err(Error::new(ErrorKind::Corrupt, text));
        }
    };
    Ok(ConstraintEntry {
        id: row.constraint_id,
        name: row.constraint_name.clone(),
        constraint,
        is_valid: kind == row.kind,
        comment: comments.get(&row.constraint_id).cloned(),
    })
}

pub(super) fn index(row: IndexRow, comments: &HashMap<i64, String>) -> Result<Index, Error> {
    Ok(Index {
        id: row.index_id,
        columns: parse_ids(&row.columns)?,
        name: row.index_name,
        unique: row.is_unique,
        definition: row.definition,
        comment: comments.get(&row.index_id).cloned(),
    })
}

fn parse_ids(text: &str) -> Result<Vec<ColumnId>, Error> {
    Ok(parse_numbers(text)?.into_iter().map(ColumnId).collect())
}

pub(super) fn parse_numbers(text: &str) -> Result<Vec<i64>, Error> {
    serde_json::from_str(text).map_err(|source| {
        Error::new(ErrorKind::Corrupt, "the catalog has a bad list of ids").with_source(source)
    })
}
