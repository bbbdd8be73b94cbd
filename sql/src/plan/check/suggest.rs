//! Hints for names that are not there.
//!
//! Source: PostgreSQL 15, `parse_relation.c`: a column is worth a hint if at most
//! three and at most half of its characters differ.

use super::names::{Relation, Scope};
use crate::error::SqlError;

/// Most differing characters of a name that is still worth a hint.
const DISTANCE_MAX: usize = 3;

/// The closest columns so far: none, one, or two that are equally close.
struct Closest<'a> {
    distance: usize,
    found: Vec<(&'a str, &'a str)>,
}

/// `error` with a hint at a column that may be meant.
pub(super) fn column(
    error: SqlError,
    scope: &Scope<'_>,
    relation: Option<&str>,
    column: &str,
) -> SqlError {
    let mut closest = Closest {
        distance: DISTANCE_MAX + 1,
        found: Vec::new(),
    };
    let mut level = Some(scope);
    while let Some(current) = level {
        for item in current.hidden.iter().chain(&current.relations) {
            let (Some(name), Some(columns)) = (item.name.as_deref(), &item.columns) else {
                continue;
            };
            let penalty = relation.map_or(0, |wanted| distance(wanted, name));
            if penalty == 0 && columns.iter().any(|own| own == column) {
                return error.with_hint(format!(
                    "There is a column named \"{column}\" in table \"{name}\", but it cannot be \
                     referenced from this part of the query."
                ));
            }
            for own in columns {
                closest.consider(name, own, column, penalty);
            }
        }
        level = current.outer;
    }
    match closest.found.as_slice() {
        [] => error,
        [(table, name)] => error.with_hint(format!(
            "Perhaps you meant to reference the column \"{table}.{name}\"."
        )),
        [(table, name), (second_table, second), ..] => error.with_hint(format!(
            "Perhaps you meant to reference the column \"{table}.{name}\" or the column \
             \"{second_table}.{second}\"."
        )),
    }
}

impl<'a> Closest<'a> {
    fn consider(&mut self, table: &'a str, own: &'a str, wanted: &str, penalty: usize) {
        if penalty > self.distance {
            return;
        }
        let differing = distance(own, wanted);
        if differing > wanted.chars().count() / 2 {
            return;
        }
        let total = differing + penalty;
        if total < self.distance {
            self.distance = total;
            self.found = vec![(table, own)];
        } else if total == self.distance {
            if self.found.len() >= 2 {
                // Three are too many: only something closer is worth a hint now.
                self.found.clear();
                self.distance = total.saturating_sub(1);
            } else {
                self.found.push((table, own));
            }
        }
    }
}

/// `42P01` for a qualifier that names no item of FROM.
pub(super) fn relation(scope: &Scope<'_>, name: &str) -> SqlError {
    let mut level = Some(scope);
    while let Some(current) = level {
        let is_hidden = |item: &&Relation| item.name.as_deref() == Some(name);
        if current.hidden.iter().any(|item| is_hidden(&item)) {
            return SqlError::invalid_from_reference(name).with_hint(format!(
                "There is an entry for table \"{name}\", but it cannot be referenced from this \
                 part of the query."
            ));
        }
        let behind = |item: &&Relation| item.table.as_deref() == Some(name);
        if let Some(item) = current.relations.iter().find(behind)
            && let Some(alias) = &item.name
        {
            return SqlError::invalid_from_reference(name).with_hint(format!(
                "Perhaps you meant to reference the table alias \"{alias}\"."
            ));
        }
        level = current.outer;
    }
    SqlError::missing_from_entry(name)
}

/// Levenshtein's distance between two names, in characters.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, left) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, right) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(left != *right);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
