//! MERGE: the source joined with the target, and for each row the first WHEN that holds.
//!
//! Source: PostgreSQL 15 manual, MERGE.

use std::collections::BTreeSet;

use gotgan_storage::Table;
use sqlparser::ast::{self, Expr, MergeAction, MergeClauseKind};

use crate::access::check::Uses;
use crate::access::policy::command;
use crate::change::{Base, Change, Repeats, Request, Target, action, constant_action, is_default};
use crate::error::SqlError;
use crate::parse::idiom::merge::{DEFAULT_VALUES, NOTHING};
use crate::plan::{Place, Planner, SourceScope, refuse_in};
use crate::rewrite::build;
use crate::sequence::{self, Overriding};
use crate::session::Session;
use crate::types::PgType;

use super::view_target;

mod simplified;

/// What one WHEN does.
struct Branch {
    /// When it is taken, unless an earlier one is.
    condition: Expr,
    action: i32,
    /// The new value of each column, where the action has some.
    values: Option<Vec<Expr>>,
}

/// `with`: the CTEs before it.
///
/// Errors: those of parse analysis.
pub(super) async fn plan(
    session: &mut Session,
    merge: &ast::Merge,
    with: Option<&ast::With>,
    known: &[Option<PgType>],
) -> Result<(Change, Planner), SqlError> {
    if merge.clauses.is_empty() {
        return Err(SqlError::syntax("syntax error at end of input"));
    }
    let planner = session.planner().await?;
    view_target::refuse(&planner, &merge.table, view_target::Change::Merge)?;
    refuse_unreachable(&merge.clauses)?;
    let is_simplified = simplified::is_simplified(merge)?;
    // It deletes and inserts as the statements of these names do.
    let commands = match is_simplified {
        true => &[command::SELECT, command::DELETE][..],
        false => &[command::SELECT][..],
    };
    let (target, planner) = Target::resolve(&planner, &merge.table, commands)?;
    if is_simplified {
        let request = Request {
            target: &target,
            base: simplified::base(&planner, &target, merge, with, known)?,
            returning: None,
            word: "MERGE",
            repeats: Repeats::Never,
            depends_on_rows: true,
            uses: simplified_uses(&target),
        };
        let change = Change::plan(&planner, request, known).await?;
        return Ok((change, planner));
    }
    let branches = branches(&planner, &target, merge, with)?;
    let returning = returning(merge)?;
    let join = ast::Join {
        relation: target.factor(),
        global: false,
        join_operator: ast::JoinOperator::LeftOuter(ast::JoinConstraint::On(
            merge.on.as_ref().clone(),
        )),
    };
    let base = Base {
        with: with.cloned(),
        from: vec![ast::TableWithJoins {
            relation: merge.source.clone(),
            joins: vec![join],
        }],
        selection: None,
        action: choice(
            branches
                .iter()
                .map(|branch| (branch, constant_action(branch.action))),
            constant_action(action::NOTHING),
        ),
        values: Some(values(&target, &branches)),
        proposed: None,
        has_places: true,
        returns_joined: true,
    };
    let request = Request {
        target: &target,
        base,
        returning,
        word: "MERGE",
        repeats: Repeats::MergeError,
        depends_on_rows: branches
            .iter()
            .any(|branch| branch.action == action::INSERT),
        uses: uses(&target, &merge.clauses)?,
    };
    let change = Change::plan(&planner, request, known).await?;
    Ok((change, planner))
}

fn branches(
    planner: &Planner,
    target: &Target,
    merge: &ast::Merge,
    with: Option<&ast::With>,
) -> Result<Vec<Branch>, SqlError> {
    let own = target.table.columns.iter();
    let own = own.map(|column| column.name.clone()).collect();
    let source = SourceScope::new(planner, with, &merge.source, (&target.alias, own))?;
    let clauses = merge.clauses.iter();
    clauses
        .map(|clause| branch(target, &source, clause))
        .collect()
}

/// Errors: `0A000` for OUTPUT.
fn returning(merge: &ast::Merge) -> Result<Option<&[ast::SelectItem]>, SqlError> {
    match &merge.output {
        None => Ok(None),
        Some(ast::OutputClause::Returning { select_items, .. }) => Ok(Some(select_items)),
        Some(ast::OutputClause::Output { .. }) => Err(SqlError::not_supported("OUTPUT in MERGE")),
    }
}

/// What MERGE ... REMOVE DUPLICATES does.
fn simplified_uses(target: &Target) -> Uses {
    Uses {
        inserted: Some(all_columns(&target.table)),
        deletes: true,
        ..Uses::default()
    }
}

/// What all branches together do, whether or not they are taken.
///
/// Errors: `42703`.
fn uses(target: &Target, clauses: &[ast::MergeClause]) -> Result<Uses, SqlError> {
    // Whether a row matches tells of the target, even where no column is named.
    let mut uses = Uses {
        read: Some(BTreeSet::new()),
        ..Uses::default()
    };
    for clause in clauses {
        match &clause.action {
            MergeAction::Delete { .. } => uses.deletes = true,
            MergeAction::Update(update) if assigns_to(&update.assignments, NOTHING) => {}
            MergeAction::Update(update) => {
                let updated = uses.updated.get_or_insert_default();
                updated.extend(target.assigned_columns(&update.assignments)?);
            }
            MergeAction::Insert(insert) => {
                let (_, named) = super::insert::overriding(&insert.columns);
                if let [name] = named
                    && crate::parse::name_parts(name) == [NOTHING]
                {
                    continue;
                }
                let inserted = uses.inserted.get_or_insert_default();
                match named {
                    [] => inserted.extend(all_columns(&target.table)),
                    [name] if crate::parse::name_parts(name) == [DEFAULT_VALUES] => {}
                    named => {
                        for name in named {
                            let index = target.column_index(name)?;
                            inserted.insert(target.table.columns[index].id.0);
                        }
                    }
                }
            }
        }
    }
    Ok(uses)
}

/// Every column, keyed as grants on them are.
fn all_columns(table: &Table) -> BTreeSet<i64> {
    table.columns.iter().map(|column| column.id.0).collect()
}

/// Errors: `42601` for a WHEN behind one of its kind that has no condition.
fn refuse_unreachable(clauses: &[ast::MergeClause]) -> Result<(), SqlError> {
    let is_matched = |clause: &ast::MergeClause| clause.clause_kind == MergeClauseKind::Matched;
    let mut ends = [false; 2];
    for clause in clauses {
        let is_over = &mut ends[usize::from(is_matched(clause))];
        if *is_over {
            return Err(SqlError::syntax(
                "unreachable WHEN clause specified after unconditional WHEN clause",
            ));
        }
        *is_over = clause.predicate.is_none();
    }
    Ok(())
}

fn branch(
    target: &Target,
    source: &SourceScope<'_>,
    clause: &ast::MergeClause,
) -> Result<Branch, SqlError> {
    let is_there = target.is_there();
    let mut condition = match clause.clause_kind {
        MergeClauseKind::Matched => is_there,
        MergeClauseKind::NotMatched | MergeClauseKind::NotMatchedByTarget => {
            build::negate_if(true, is_there)
        }
        MergeClauseKind::NotMatchedBySource => {
            return Err(SqlError::not_supported("WHEN NOT MATCHED BY SOURCE"));
        }
    };
    let is_matched = clause.clause_kind == MergeClauseKind::Matched;
    if let Some(predicate) = &clause.predicate {
        refuse_in(predicate, Place::MergeWhen, &target.ctx)?;
        let mut predicate = predicate.clone();
        if !is_matched {
            source.resolve(&mut predicate)?;
        }
        build::condition(&mut predicate, "WHEN");
        condition = Expr::BinaryOp {
            left: Box::new(condition),
            op: ast::BinaryOperator::And,
            right: Box::new(Expr::Nested(Box::new(predicate))),
        };
    }
    let (action, values) = match &clause.action {
        MergeAction::Delete { .. } => (action::DELETE, None),
        MergeAction::Update(update) if assigns_to(&update.assignments, NOTHING) => {
            (action::NOTHING, None)
        }
        MergeAction::Update(update) => {
            (action::UPDATE, Some(target.assigned(&update.assignments)?))
        }
        MergeAction::Insert(insert) => match inserted(target, source, insert)? {
            Some(values) => (action::INSERT, Some(values)),
            None => (action::NOTHING, None),
        },
    };
    Ok(Branch {
        condition,
        action,
        values,
    })
}

/// Whether a column is assigned to, such as one that stands for a phrase.
fn assigns_to(assignments: &[ast::Assignment], column: &str) -> bool {
    assignments.iter().any(|assignment| {
        matches!(&assignment.target, ast::AssignmentTarget::ColumnName(name)
            if crate::parse::name_parts(name) == [column])
    })
}

/// The values of an INSERT; none for DO NOTHING.
fn inserted(
    target: &Target,
    source: &SourceScope<'_>,
    insert: &ast::MergeInsertExpr,
) -> Result<Option<Vec<Expr>>, SqlError> {
    let table = &target.table;
    let default = || Expr::Identifier(ast::Ident::new("default"));
    let mut values = Vec::with_capacity(table.columns.len());
    for index in 0..table.columns.len() {
        values.push(target.cell(default(), index)?);
    }
    let (overriding, named) = super::insert::overriding(&insert.columns);
    if let [name] = named {
        match crate::parse::name_parts(name).as_slice() {
            [name] if name == NOTHING => return Ok(None),
            [name] if name == DEFAULT_VALUES => return Ok(Some(values)),
            _ => {}
        }
    }
    let ast::MergeInsertKind::Values(rows) = &insert.kind else {
        return Err(SqlError::syntax("INSERT in MERGE takes VALUES"));
    };
    let [row] = rows.rows.as_slice() else {
        return Err(SqlError::syntax("syntax error at or near \",\""));
    };
    let given = &row.content;
    let mut columns = Vec::with_capacity(named.len());
    for name in named {
        let index = target.column_index(name)?;
        if columns.contains(&index) {
            return Err(SqlError::duplicate_column(&table.columns[index].name));
        }
        columns.push(index);
    }
    if columns.is_empty() {
        columns.extend(0..table.columns.len().min(given.len()));
    }
    if given.len() > columns.len() {
        return Err(SqlError::syntax(
            "INSERT has more expressions than target columns",
        ));
    }
    if given.len() < columns.len() {
        return Err(SqlError::syntax(
            "INSERT has more target columns than expressions",
        ));
    }
    for (value, index) in given.iter().zip(columns) {
        let column = &table.columns[index];
        if !is_default(value) {
            sequence::refuse_insert(&target.snapshot, table, column, overriding)?;
        }
        let is_identity = sequence::identity_of(&target.snapshot, table, column).is_some();
        if overriding != Overriding::User || !is_identity {
            let mut value = value.clone();
            if !is_default(&value) {
                refuse_in(&value, Place::Values, &target.ctx)?;
                source.resolve(&mut value)?;
            }
            values[index] = target.cell(value, index)?;
        }
    }
    Ok(Some(values))
}

/// The first branch that is taken decides on every column.
fn values(target: &Target, branches: &[Branch]) -> Vec<Expr> {
    let columns = target.kept_values().into_iter().enumerate();
    columns
        .map(|(index, old)| {
            let outcomes = branches.iter().map(|branch| {
                let value = branch.values.as_ref().map_or(&old, |values| &values[index]);
                (branch, value.clone())
            });
            choice(outcomes, old.clone())
        })
        .collect()
}

/// CASE over the branches' conditions.
fn choice<'a>(outcomes: impl Iterator<Item = (&'a Branch, Expr)>, otherwise: Expr) -> Expr {
    let conditions: Vec<ast::CaseWhen> = outcomes
        .map(|(branch, result)| ast::CaseWhen {
            condition: branch.condition.clone(),
            result,
        })
        .collect();
    if conditions.is_empty() {
        return otherwise;
    }
    Expr::Case {
        case_token: ast::helpers::attached_token::AttachedToken::empty(),
        end_token: ast::helpers::attached_token::AttachedToken::empty(),
        operand: None,
        conditions,
        else_result: Some(Box::new(otherwise)),
    }
}
