//! USING and NATURAL as ON, and the columns that they merge.

use sqlparser::ast::{
    BinaryOperator, Expr, Join, JoinConstraint, JoinOperator, TableWithJoins, Value,
};

use super::Walker;
use super::item::{Column, Entry, JoinAlias, Source};
use crate::error::SqlError;
use crate::parse::idiom::USING_ALIAS;
use crate::parse::name_parts;
use crate::rewrite::build::{call, value};
use crate::sqlstate;

/// Which side's column a merged one is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Left,
    Right,
    Both,
}

impl Walker<'_> {
    /// What an item with its joins brings into scope; the joins get an ON.
    pub(super) fn joined(&self, table: &mut TableWithJoins) -> Result<Source, SqlError> {
        let mut left = self.item(&mut table.relation)?;
        for join in &mut table.joins {
            let right = self.item(&mut join.relation)?;
            let (own, other) = optional_sides(&join.join_operator);
            let right = if other { right.optional() } else { right };
            left = if own { left.optional() } else { left };
            left = merge(left, right, join)?;
        }
        Ok(left)
    }
}

/// Which sides of a join, left and right, may have no row.
fn optional_sides(operator: &JoinOperator) -> (bool, bool) {
    match operator {
        JoinOperator::Left(_) | JoinOperator::LeftOuter(_) | JoinOperator::OuterApply => {
            (false, true)
        }
        JoinOperator::Right(_) | JoinOperator::RightOuter(_) => (true, false),
        JoinOperator::FullOuter(_) => (true, true),
        _ => (false, false),
    }
}

fn merge(left: Source, right: Source, join: &mut Join) -> Result<Source, SqlError> {
    let Some((constraint, kept)) = constraint_of(&mut join.join_operator) else {
        return Ok(both(left, right));
    };
    let (names, alias) = match &*constraint {
        JoinConstraint::Using(columns) => listed(columns),
        JoinConstraint::Natural => match (&left.output, &right.output) {
            (Some(own), Some(other)) => {
                let shared = own
                    .iter()
                    .filter(|entry| other.iter().any(|right| right.name == entry.name));
                (shared.map(|entry| entry.name.clone()).collect(), None)
            }
            _ if kept == Kept::Left => return Ok(unknown(left, right)),
            _ => {
                return Err(SqlError::not_supported(
                    "NATURAL RIGHT or FULL JOIN of a relation whose columns are not known",
                ));
            }
        },
        JoinConstraint::On(_) | JoinConstraint::None => return Ok(both(left, right)),
    };
    let mut merged = Vec::with_capacity(names.len());
    let mut condition: Option<Expr> = None;
    for name in names {
        let sides = (side(&left, &name, "left")?, side(&right, &name, "right")?);
        let (Some(own), Some(other)) = sides else {
            if kept == Kept::Left && alias.is_none() {
                return Ok(unknown(left, right));
            }
            return Err(SqlError::not_supported(
                "USING with a relation whose columns are not known",
            ));
        };
        let equal = binary(own.clone(), BinaryOperator::Eq, other.clone());
        condition = Some(match condition {
            None => equal,
            Some(others) => binary(others, BinaryOperator::And, equal),
        });
        let value = match kept {
            Kept::Left => own,
            Kept::Right => other,
            Kept::Both => call("coalesce", vec![own, other]),
        };
        merged.push(Entry {
            name,
            value,
            is_merged: true,
        });
    }
    *constraint = JoinConstraint::On(condition.unwrap_or_else(|| value(Value::Boolean(true))));
    Ok(with_merged(left, right, merged, alias))
}

/// The constraint of a join, and which side a merged column is of.
fn constraint_of(operator: &mut JoinOperator) -> Option<(&mut JoinConstraint, Kept)> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint) => Some((constraint, Kept::Left)),
        JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => {
            Some((constraint, Kept::Right))
        }
        JoinOperator::FullOuter(constraint) => Some((constraint, Kept::Both)),
        _ => None,
    }
}

/// The columns of a USING list, and its alias, which the parser put at the end.
fn listed(columns: &[sqlparser::ast::ObjectName]) -> (Vec<String>, Option<String>) {
    let mut names: Vec<String> = columns
        .iter()
        .filter_map(|column| name_parts(column).pop())
        .collect();
    let alias = names
        .last()
        .and_then(|last| last.strip_prefix(USING_ALIAS))
        .map(str::to_owned);
    if alias.is_some() {
        names.pop();
    }
    (names, alias)
}

/// A side's column of this name; none if nobody knows.
fn side(source: &Source, name: &str, which: &str) -> Result<Option<Expr>, SqlError> {
    match source.column(name) {
        Column::Found(value) => Ok(Some(*value)),
        Column::Unknown => Ok(None),
        Column::Missing => Err(SqlError::with_code(
            sqlstate::UNDEFINED_COLUMN,
            format!("column \"{name}\" specified in USING clause does not exist in {which} table"),
        )),
        Column::Twice => Err(SqlError::with_code(
            sqlstate::AMBIGUOUS_COLUMN,
            format!("common column name \"{name}\" appears more than once in {which} table"),
        )),
    }
}

fn both(mut left: Source, right: Source) -> Source {
    left.add(right);
    left
}

/// A join that is left to the engine, which merges its columns itself.
fn unknown(left: Source, right: Source) -> Source {
    Source {
        output: None,
        ..both(left, right)
    }
}

/// Merged columns come first, then the others of both sides.
fn with_merged(
    mut left: Source,
    mut right: Source,
    merged: Vec<Entry>,
    alias: Option<String>,
) -> Source {
    let is_other = |entry: &Entry| !merged.iter().any(|own| own.name == entry.name);
    for side in [&mut left, &mut right] {
        if let Some(output) = &mut side.output {
            output.retain(is_other);
        }
        side.merged.retain(is_other);
    }
    let mut joined = both(left, right);
    if let Some(output) = joined.output.take() {
        joined.output = Some(merged.iter().cloned().chain(output).collect());
    }
    joined.aliases.extend(alias.map(|name| JoinAlias {
        name,
        columns: merged.clone(),
    }));
    joined.merged.extend(merged);
    joined
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp {
        left: Box::new(left),
        op,
        right: Box::new(right),
    }
}
