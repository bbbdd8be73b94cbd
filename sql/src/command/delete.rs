//! DELETE, with USING and RETURNING.

use sqlparser::ast;

use crate::change::{Base, Change, Repeats, Request, Target, action, constant_action};
use crate::error::SqlError;
use crate::plan::Planner;
use crate::session::{Outcome, Parameter, Session};
use crate::types::PgType;

use super::Description;

/// `with`: the CTEs before it.
pub(crate) async fn run(
    session: &mut Session,
    delete: &ast::Delete,
    with: Option<&ast::With>,
    parameters: &[Parameter],
) -> Result<Outcome, SqlError> {
    session.require_write("DELETE")?;
    let known: Vec<Option<PgType>> = parameters.iter().map(|p| Some(p.pg_type)).collect();
    let (change, planner) = plan(session, delete, with, &known).await?;
    change.run(session, &planner, parameters).await
}

/// Types of the parameters, and the columns of RETURNING.
pub(crate) async fn describe(
    session: &mut Session,
    delete: &ast::Delete,
    with: Option<&ast::With>,
    known: &[Option<PgType>],
) -> Result<Description, SqlError> {
    let (change, _) = plan(session, delete, with, known).await?;
    Ok(change.describe())
}

async fn plan(
    session: &mut Session,
    delete: &ast::Delete,
    with: Option<&ast::With>,
    known: &[Option<PgType>],
) -> Result<(Change, Planner), SqlError> {
    let wrong = || SqlError::syntax("DELETE takes one table after FROM, and no LIMIT");
    let ast::FromTable::WithFromKeyword(tables) = &delete.from else {
        return Err(wrong());
    };
    let [table] = tables.as_slice() else {
        return Err(wrong());
    };
    let is_plain = delete.tables.is_empty() && table.joins.is_empty();
    if !is_plain || delete.limit.is_some() || !delete.order_by.is_empty() {
        return Err(wrong());
    }
    let planner = session.planner().await?;
    let (target, planner) = Target::resolve(&planner, &table.relation)?;
    let mut from = vec![ast::TableWithJoins {
        relation: target.factor(),
        joins: Vec::new(),
    }];
    from.extend(delete.using.iter().flatten().cloned());
    let repeats = match from.len() {
        1 => Repeats::Never,
        _ => Repeats::First,
    };
    let base = Base {
        with: with.cloned(),
        from,
        selection: delete.selection.clone(),
        action: constant_action(action::DELETE),
        values: None,
        has_places: true,
        returns_joined: true,
    };
    let request = Request {
        target: &target,
        base,
        returning: delete.returning.as_deref(),
        word: "DELETE",
        repeats,
        depends_on_rows: false,
    };
    let change = Change::plan(&planner, request, known).await?;
    Ok((change, planner))
}
