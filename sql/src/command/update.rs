//! UPDATE, with FROM and RETURNING.

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
    update: &ast::Update,
    with: Option<&ast::With>,
    known: &[Option<PgType>],
) -> Result<(Change, Planner), SqlError> {
    let word = match (update.table.joins.is_empty(), update.order_by.is_empty()) {
        (false, _) => Some("JOIN"),
        (_, false) => Some("ORDER"),
        _ => update.limit.is_some().then_some("LIMIT"),
    };
    if let Some(word) = word {
        return Err(SqlError::syntax(format!(
            "syntax error at or near \"{word}\""
        )));
    }
    let planner = session.planner().await?;
    view_target::refuse(
        &planner,
        &update.table.relation,
        view_target::Change::Update,
    )?;
    let (target, planner) = Target::resolve(&planner, &update.table.relation, &[command::UPDATE])?;
    let mut from = vec![ast::TableWithJoins {
        relation: target.factor(),
        joins: Vec::new(),
    }];
    let repeats = match &update.from {
        Some(
            ast::UpdateTableFromKind::AfterSet(tables)
            | ast::UpdateTableFromKind::BeforeSet(tables),
        ) => {
            from.extend(tables.iter().cloned());
            Repeats::First
        }
        None => Repeats::Never,
    };
    let base = Base {
        with: with.cloned(),
        from,
        selection: update.selection.clone(),
        action: constant_action(action::UPDATE),
        values: Some(target.assigned(&update.assignments)?),
        proposed: None,
        has_places: true,
        returns_joined: true,
    };
    let request = Request {
        target: &target,
        base,
        returning: update.returning.as_deref(),
        word: "UPDATE",
        repeats,
        depends_on_rows: false,
        uses: Uses {
            updated: Some(target.assigned_columns(&update.assignments)?),
            ..Uses::default()
        },
    };
    let change = Change::plan(&planner, request, known).await?;
    Ok((change, planner))
}
