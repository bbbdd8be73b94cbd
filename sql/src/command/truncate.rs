//! TRUNCATE: all rows of tables, in one transaction.

use std::sync::Arc;

use gotgan_storage::{Relation, Table};
use sqlparser::ast::Truncate;

use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::name_parts;
use crate::resolve::{Name, Resolved, Resolver};
use crate::session::{Outcome, Session};
use crate::sqlstate;

pub(crate) async fn run(session: &mut Session, truncate: &Truncate) -> Result<Outcome, SqlError> {
    session.require_write("TRUNCATE TABLE")?;
    for target in &truncate.table_names {
        let ctx = session.context().await?;
        let name = Name::from_parts(&name_parts(&target.name))?;
        let table = table(&ctx, &name)?;
        session
            .transaction()
            .await?
            .storage()?
            .truncate_table(table.id)?;
    }
    Ok(Outcome::Command("TRUNCATE TABLE".to_owned()))
}

/// The stored table of this name.
///
/// Errors: `42P01`; `42809` for a view; `42501` for a system relation.
pub(crate) fn table(ctx: &StatementContext, name: &Name) -> Result<Arc<Table>, SqlError> {
    let resolver = Resolver {
        snapshot: &ctx.snapshot,
        search_path: &ctx.search_path,
    };
    match resolver.relation(name)? {
        Resolved::Stored(Relation::Table(table)) => Ok(table),
        Resolved::Stored(Relation::View(view)) => Err(SqlError::with_code(
            sqlstate::WRONG_OBJECT_TYPE,
            format!("\"{}\" is not a table", view.name),
        )),
        Resolved::System(relation) => Err(SqlError::with_code(
            sqlstate::INSUFFICIENT_PRIVILEGE,
            format!(
                "permission denied: \"{}\" is a system catalog",
                relation.name
            ),
        )),
    }
}
