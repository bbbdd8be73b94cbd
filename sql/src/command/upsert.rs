//! INSERT ... ON CONFLICT: the proposed rows joined with the target by the named columns.
//!
//! Keys are hints here, so a conflict is what the statement calls one: a row of the
//! target, or an earlier row of the statement, with equal values in those columns.
//!
//! Source: PostgreSQL 15 manual, INSERT.

use std::collections::BTreeSet;

use datafusion::logical_expr::LogicalPlan;
use gotgan_storage::Constraint;
use sqlparser::ast::{self, Expr};

use crate::access::check::Uses;
use crate::access::mask;
use crate::change::{
    Base, Change, Repeats, Request, Target, action, constant_action, kept, quoted, relation,
};
use crate::error::SqlError;
use crate::parse::{fold, name_parts};
use crate::plan::{EXCLUDED_RELATION, LocalRelation, Planner};
use crate::rewrite::build;
use crate::sqlstate;
use crate::types::PgType;

/// What statements call the rows that were proposed.
const EXCLUDED: &str = "excluded";

/// Plans the change; `source` has the target's columns, in order.
///
/// `inserted`: the columns that the statement gives values for, keyed as grants are.
/// Errors: `42703`, `42704` for an unknown constraint.
pub(crate) async fn plan(
    planner: &Planner,
    target: &Target,
    source: LogicalPlan,
    on: Option<&ast::OnConflict>,
    returning: Option<&[ast::SelectItem]>,
    known: &[Option<PgType>],
    inserted: BTreeSet<i64>,
) -> Result<Change, SqlError> {
    let local = LocalRelation::Plan(Box::new(source));
    let planner = planner.with_relation(EXCLUDED_RELATION, local);
    let names = target.table.columns.iter().map(|column| &column.name);
    let proposed: Vec<Expr> = names
        .map(|name| {
            kept(Expr::CompoundIdentifier(vec![
                quoted(EXCLUDED),
                quoted(name),
            ]))
        })
        .collect();
    let keys = match on {
        Some(on) => key_columns(target, on)?,
        None => Vec::new(),
    };
    refuse_masked(target, &keys)?;
    let mut outcome = Outcome {
        action: constant_action(action::INSERT),
        values: proposed.clone(),
        repeats: Repeats::Never,
        updated: None,
    };
    let mut joins = Vec::new();
    let mut tested = None;
    if let Some(on) = on.filter(|_| !keys.is_empty()) {
        // Without a target of conflict the statement names no column.
        let reads = on.conflict_target.is_some();
        let condition = equal_in_any(target, &proposed, &keys, reads);
        joins.push(ast::Join {
            relation: target.factor(),
            global: false,
            join_operator: ast::JoinOperator::LeftOuter(ast::JoinConstraint::On(condition)),
        });
        tested = Some(proposed.clone());
        outcome = conflicting(target, proposed, keys, &on.action)?;
    }
    let base = Base {
        with: None,
        proposed: tested,
        has_places: !joins.is_empty(),
        returns_joined: false,
        from: vec![ast::TableWithJoins {
            relation: relation(EXCLUDED_RELATION, EXCLUDED),
            joins,
        }],
        selection: None,
        action: outcome.action,
        values: Some(outcome.values),
    };
    let request = Request {
        target,
        base,
        returning,
        word: "INSERT 0",
        depends_on_rows: !matches!(outcome.repeats, Repeats::Never),
        uses: Uses {
            inserted: Some(inserted),
            updated: outcome.updated,
            ..Uses::default()
        },
        repeats: outcome.repeats,
    };
    Change::plan(&planner, request, known).await
}

/// Errors: `42501` if rows would be in conflict by a column that is masked for who runs the
/// statement: which of the proposed rows are would tell its values.
fn refuse_masked(target: &Target, keys: &[Vec<usize>]) -> Result<(), SqlError> {
    let mut masked = keys.iter().flatten();
    match masked.find(|index| target.masked.contains(index)) {
        Some(index) => {
            let column = &target.table.columns[*index];
            Err(mask::refusal(&column.name, &target.table))
        }
        None => Ok(()),
    }
}

/// What is done with a proposed row.
struct Outcome {
    action: Expr,
    values: Vec<Expr>,
    repeats: Repeats,
    /// Columns that ON CONFLICT assigns to.
    updated: Option<BTreeSet<i64>>,
}

/// What is done where a row of the target may be in conflict.
fn conflicting(
    target: &Target,
    proposed: Vec<Expr>,
    keys: Vec<Vec<usize>>,
    action: &ast::OnConflictAction,
) -> Result<Outcome, SqlError> {
    let is_there = target.is_there();
    let insert = constant_action(action::INSERT);
    let nothing = constant_action(action::NOTHING);
    let ast::OnConflictAction::DoUpdate(update) = action else {
        return Ok(Outcome {
            action: when(is_there, nothing, insert),
            values: proposed,
            repeats: Repeats::FirstByKey(keys),
            updated: None,
        });
    };
    let updated = target.assigned(&update.assignments)?;
    let both = proposed.into_iter().zip(updated);
    let values = both.map(|(new, updated)| when(is_there.clone(), updated, new));
    let values = values.collect();
    let mut change = constant_action(action::UPDATE);
    if let Some(selection) = &update.selection {
        change = when(selection.clone(), change, nothing);
    }
    Ok(Outcome {
        action: when(is_there, change, insert),
        values,
        repeats: Repeats::ConflictError(keys),
        updated: Some(target.assigned_columns(&update.assignments)?),
    })
}

/// Indexes of the columns of each key in which rows conflict; none if nothing can.
fn key_columns(target: &Target, on: &ast::OnConflict) -> Result<Vec<Vec<usize>>, SqlError> {
    let table = &target.table;
    let index_of = |name: &str| {
        let found = table.columns.iter().position(|column| column.name == name);
        found.ok_or_else(|| {
            SqlError::with_code(
                sqlstate::UNDEFINED_COLUMN,
                format!("column \"{name}\" does not exist"),
            )
        })
    };
    let of_constraint = |constraint: &Constraint| match constraint {
        Constraint::PrimaryKey { columns } | Constraint::Unique { columns } => {
            let indexes = columns
                .iter()
                .map(|id| table.columns.iter().position(|column| column.id == *id));
            indexes.collect::<Option<Vec<usize>>>()
        }
        Constraint::ForeignKey { .. } | Constraint::Check { .. } => None,
    };
    match &on.conflict_target {
        Some(ast::ConflictTarget::Columns(names)) => {
            let columns: Result<Vec<usize>, SqlError> =
                names.iter().map(|name| index_of(&fold(name))).collect();
            Ok(vec![columns?])
        }
        Some(ast::ConflictTarget::OnConstraint(name)) => {
            let name = name_parts(name).pop().unwrap_or_default();
            let entry = table.constraints.iter().find(|entry| entry.name == name);
            let columns = entry.and_then(|entry| of_constraint(&entry.constraint));
            columns.map(|columns| vec![columns]).ok_or_else(|| {
                SqlError::with_code(
                    sqlstate::UNDEFINED_OBJECT,
                    format!(
                        "constraint \"{name}\" for table \"{}\" does not exist",
                        table.name
                    ),
                )
            })
        }
        None => {
            if matches!(on.action, ast::OnConflictAction::DoUpdate(_)) {
                return Err(SqlError::syntax(
                    "ON CONFLICT DO UPDATE requires inference specification or constraint name",
                )
                .with_hint("For example, ON CONFLICT (column_name)."));
            }
            let keys = table.constraints.iter();
            Ok(keys
                .filter_map(|entry| of_constraint(&entry.constraint))
                .collect())
        }
    }
}

/// Whether target and proposed row are equal in all columns of one of the keys.
///
/// `reads`: whether the statement reads those of the target.
fn equal_in_any(target: &Target, proposed: &[Expr], keys: &[Vec<usize>], reads: bool) -> Expr {
    let stored = target.kept_values();
    let joined = |parts: Vec<Expr>, op: ast::BinaryOperator| {
        let joined = parts.into_iter().reduce(|left, right| Expr::BinaryOp {
            left: Box::new(left),
            op: op.clone(),
            right: Box::new(right),
        });
        Expr::Nested(Box::new(
            joined.unwrap_or_else(|| build::value(ast::Value::Boolean(false))),
        ))
    };
    let equal = |index: &usize| Expr::BinaryOp {
        left: Box::new(match reads {
            true => target.column(&target.table.columns[*index].name),
            false => stored[*index].clone(),
        }),
        op: ast::BinaryOperator::Eq,
        right: Box::new(proposed[*index].clone()),
    };
    let of_key = |key: &Vec<usize>| {
        let equalities = key.iter().map(equal).collect();
        joined(equalities, ast::BinaryOperator::And)
    };
    joined(keys.iter().map(of_key).collect(), ast::BinaryOperator::Or)
}

fn when(condition: Expr, then: Expr, otherwise: Expr) -> Expr {
    Expr::Case {
        case_token: ast::helpers::attached_token::AttachedToken::empty(),
        end_token: ast::helpers::attached_token::AttachedToken::empty(),
        operand: None,
        conditions: vec![ast::CaseWhen {
            condition,
            result: then,
        }],
        else_result: Some(Box::new(otherwise)),
    }
}
