//! TRUNCATE: all rows of tables, in one transaction.

use std::sync::Arc;

use gotgan_storage::{Privileges, Relation, Table};
use sqlparser::ast::{Truncate, TruncateIdentityOption};

use super::owner;
use crate::access::actor::{Actor, Object};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::name_parts;
use crate::resolve::{Name, Resolved, Resolver};
use crate::session::{Outcome, Session};
use crate::sqlstate;

pub(crate) async fn run(session: &mut Session, truncate: &Truncate) -> Result<Outcome, SqlError> {
    let names = truncate.table_names.iter().map(|target| &target.name);
    session
        .require_definition_write("TRUNCATE TABLE", &names.collect::<Vec<_>>())
        .await?;
    for target in &truncate.table_names {
        let ctx = session.context().await?;
        let name = Name::from_parts(&name_parts(&target.name))?;
        let table = table(&ctx, &name)?;
        Actor::of(&ctx).require(Object::Table(&table), Privileges::TRUNCATE)?;
        session
            .transaction()
            .await?
            .storage()?
            .truncate_table(table.id)?;
        if truncate.identity == Some(TruncateIdentityOption::Restart) {
            restart(session, &ctx, &table).await?;
        }
    }
    Ok(Outcome::Command("TRUNCATE TABLE".to_owned()))
}

/// Lets the sequences that a table owns begin again.
async fn restart(
    session: &mut Session,
    ctx: &StatementContext,
    table: &Table,
) -> Result<(), SqlError> {
    let storage = session.transaction().await?.storage()?;
    for sequence in ctx.snapshot.sequences_of(table.id) {
        owner::require(ctx, Object::Sequence(sequence))?;
        storage.restart_sequence(sequence.id, sequence.options.start)?;
    }
    Ok(())
}

/// The stored table of this name, which the statement touches.
///
/// Errors: `42P01`; `42809` for a view; `42501` for a system relation.
pub(crate) fn table(ctx: &StatementContext, name: &Name) -> Result<Arc<Table>, SqlError> {
    let resolver = Resolver::of(ctx);
    match resolver.relation(name)? {
        Resolved::Stored(Relation::Table(table)) => {
            ctx.meter.table(&ctx.snapshot, &table);
            Ok(table)
        }
        Resolved::Stored(Relation::View(view)) => Err(SqlError::with_code(
            sqlstate::WRONG_OBJECT_TYPE,
            format!("\"{}\" is not a table", view.name),
        )),
        Resolved::Sequence(sequence) => Err(SqlError::with_code(
            sqlstate::WRONG_OBJECT_TYPE,
            format!("\"{}\" is not a table", sequence.name),
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
