//! MERGE: the source joined with the target, and for each row the first WHEN that holds.
//!
//! Source: PostgreSQL 15 manual, MERGE.

use sqlparser::ast::{self, Expr, MergeAction, MergeClauseKind};

use crate::change::{Base, Change, Repeats, Request, Target, action, cell, constant_action};
use crate::error::SqlError;
use crate::parse::idiom::merge::{DEFAULT_VALUES, NOTHING};
use crate::plan::Planner;
use crate::rewrite::build;
use crate::session::{Outcome, Parameter, Session};
use crate::types::PgType;

use super::Description;

/// `with`: the CTEs before it.
pub(crate) async fn run(
    session: &mut Session,
    merge: &ast::Merge,
    with: Option<&ast::With>,
    parameters: &[Parameter],
) -> Result<Outcome, SqlError> {
    session.require_write("MERGE")?;
    let known: Vec<Option<PgType>> = parameters.iter().map(|p| Some(p.pg_type)).collect();
    let (change, planner) = plan(session, merge, with, &known).await?;
    change.run(session, &planner, parameters).await
}

/// Types of the parameters, and the columns of RETURNING.
pub(crate) async fn describe(
    session: &mut Session,
    merge: &ast::Merge,
    with: Option<&ast::With>,
    known: &[Option<PgType>],
) -> Result<Description, SqlError> {
    let (change, _) = plan(session, merge, with, known).await?;
    Ok(change.describe())
}

/// What one WHEN does.
struct Branch {
    /// When it is taken, unless an earlier one is.
    condition: Expr,
    action: i32,
    /// The new value of each column, where the action has some.
    values: Option<Vec<Expr>>,
}

async fn plan(
    session: &mut Session,
    merge: &ast::Merge,
    with: Option<&ast::With>,
    known: &[Option<PgType>],
) -> Result<(Change, Planner), SqlError> {
    let planner = session.planner().await?;
    let (target, planner) = Target::resolve(&planner, &merge.table)?;
    let mut branches = Vec::with_capacity(merge.clauses.len());
    for clause in &merge.clauses {
        branches.push(branch(&target, clause)?);
    }
    let returning = match &merge.output {
        None => None,
        Some(ast::OutputClause::Returning { select_items, .. }) => Some(select_items.as_slice()),
        Some(ast::OutputClause::Output { .. }) => {
            return Err(SqlError::not_supported("OUTPUT in MERGE"));
        }
    };
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
        has_places: true,
        returns_joined: true,
    };
    let request = Request {
        target: &target,
        base,
        returning,
        word: "MERGE",
        repeats: Repeats::MergeError,
        depends_on_rows: branches.iter().any(|branch| branch.action == action::INSERT),
    };
    let change = Change::plan(&planner, request, known).await?;
    Ok((change, planner))
}

fn branch(target: &Target, clause: &ast::MergeClause) -> Result<Branch, SqlError> {
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
    if let Some(predicate) = &clause.predicate {
        condition = Expr::BinaryOp {
            left: Box::new(condition),
            op: ast::BinaryOperator::And,
            right: Box::new(Expr::Nested(Box::new(predicate.clone()))),
        };
    }
    let (action, values) = match &clause.action {
        MergeAction::Delete { .. } => (action::DELETE, None),
        MergeAction::Update(update) if is_nothing(&update.assignments) => (action::NOTHING, None),
        MergeAction::Update(update) => {
            (action::UPDATE, Some(target.assigned(&update.assignments)?))
        }
        MergeAction::Insert(insert) => match inserted(target, insert)? {
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

/// Whether assignments are what DO NOTHING was translated to.
fn is_nothing(assignments: &[ast::Assignment]) -> bool {
    assignments.iter().any(|assignment| {
        matches!(&assignment.target, ast::AssignmentTarget::ColumnName(name)
            if crate::parse::name_parts(name) == [NOTHING])
    })
}

/// The values of an INSERT; none for DO NOTHING.
fn inserted(
    target: &Target,
    insert: &ast::MergeInsertExpr,
) -> Result<Option<Vec<Expr>>, SqlError> {
    let table = &target.table;
    let default = || Expr::Identifier(ast::Ident::new("default"));
    let mut values = Vec::with_capacity(table.columns.len());
    for index in 0..table.columns.len() {
        values.push(cell(default(), table, index)?);
    }
    if let [name] = insert.columns.as_slice() {
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
        return Err(SqlError::syntax("INSERT in MERGE takes one row"));
    };
    let given = &row.content;
    let mut columns = Vec::with_capacity(insert.columns.len());
    for name in &insert.columns {
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
        values[index] = cell(value.clone(), table, index)?;
    }
    Ok(Some(values))
}

/// The first branch that is taken decides on every column.
fn values(target: &Target, branches: &[Branch]) -> Vec<Expr> {
    let columns = target.old_values().into_iter().enumerate();
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
