//! What holds for the rows that a table has already.

use std::sync::Arc;

use gotgan_storage::Table;
use sqlparser::ast::{self, Expr};

use crate::change::{quoted, relation};
use crate::command::query;
use crate::error::SqlError;
use crate::physical::Joins;
use crate::plan::{LocalRelation, Planner, TARGET_RELATION};
use crate::session::Session;

/// A column of the table by its exact name.
pub(super) fn column(name: &str) -> Expr {
    Expr::Identifier(quoted(name))
}

/// Whether a row fulfils `condition`; without one, whether there is a row.
pub(super) async fn any(
    session: &mut Session,
    table: &Arc<Table>,
    condition: Option<Expr>,
) -> Result<bool, SqlError> {
    let planner = session.planner().await?.unrestricted();
    let (planner, mut query) = select(&planner, table, "SELECT 1 LIMIT 1")?;
    if let ast::SetExpr::Select(select) = query.body.as_mut() {
        select.selection = condition;
    }
    let plan = query::plan(&planner, &query, &[]).await?;
    let physical = query::physical(session, &planner, &plan, Joins::Hash).await?;
    let mut count = 0;
    query::for_each_batch(&physical, &planner, |batch| {
        count += batch.num_rows();
        std::future::ready(Ok(()))
    })
    .await?;
    Ok(count > 0)
}

/// A query of the form of `template` over the table as it is in this picture.
pub(super) fn select(
    planner: &Planner,
    table: &Arc<Table>,
    template: &str,
) -> Result<(Planner, ast::Query), SqlError> {
    let local = LocalRelation::Target {
        table: Arc::clone(table),
        commands: Vec::new(),
    };
    let planner = planner.with_relation(TARGET_RELATION, local);
    let mut query = crate::parse::parse_query(template)?;
    if let ast::SetExpr::Select(select) = query.body.as_mut() {
        select.from = vec![ast::TableWithJoins {
            relation: relation(TARGET_RELATION, &table.name),
            joins: Vec::new(),
        }];
    }
    Ok((planner, query))
}
