//! DELETE, with USING and RETURNING.

use sqlparser::ast;

use crate::access::check::Uses;
use crate::access::policy::command;
use crate::change::{Base, Change, Repeats, Request, Target, action, constant_action};
use crate::error::SqlError;
use crate::plan::Planner;
use crate::session::Session;
use crate::types::PgType;

use super::view_target;

/// `with`: the CTEs before it.
///
/// Errors: those of parse analysis.
pub(super) async fn plan(
    session: &mut Session,
    delete: &ast::Delete,
    with: Option<&ast::With>,
    known: &[Option<PgType>],
) -> Result<(Change, Planner), SqlError> {
    let table = target(delete)?;
    let planner = session.planner().await?;
    view_target::refuse(&planner, &table.relation, view_target::Change::Delete)?;
    let (target, planner) = Target::resolve(&planner, &table.relation, &[command::DELETE])?;
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
        proposed: None,
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
        uses: Uses {
            deletes: true,
            ..Uses::default()
        },
    };
    let change = Change::plan(&planner, request, known).await?;
    Ok((change, planner))
}

/// The table that rows are deleted from.
///
/// Errors: `42601` for what other databases take here.
pub(super) fn target(delete: &ast::Delete) -> Result<&ast::TableWithJoins, SqlError> {
    let near = |word: &str| SqlError::syntax(format!("syntax error at or near \"{word}\""));
    let tables = match &delete.from {
        ast::FromTable::WithFromKeyword(tables) if delete.tables.is_empty() => tables,
        ast::FromTable::WithFromKeyword(_) | ast::FromTable::WithoutKeyword(_) => {
            return Err(SqlError::syntax("DELETE takes FROM and one table"));
        }
    };
    let [table] = tables.as_slice() else {
        return Err(near(","));
    };
    if !table.joins.is_empty() {
        return Err(near("JOIN"));
    }
    if !delete.order_by.is_empty() {
        return Err(near("ORDER"));
    }
    if delete.limit.is_some() {
        return Err(near("LIMIT"));
    }
    Ok(table)
}
