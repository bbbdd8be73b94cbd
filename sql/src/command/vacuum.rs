//! VACUUM: rows of the catalog move to files, small and worn files are rewritten.
//!
//! It commits by itself, table by table, and changes no snapshot from before. Tables with
//! a sort key are sorted by it, unless Redshift's DELETE ONLY or REINDEX is asked for.
//!
//! Source: PostgreSQL 15 manual, VACUUM.

use std::sync::Arc;

use gotgan_storage::{Author, Relation, Table};
use sqlparser::ast;

use crate::access::actor::{Actor, Object};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::maintenance::Sorting;
use crate::parse::name_parts;
use crate::parse::vacuum::{VacuumKind, VacuumStatement};
use crate::resolve::{Name, Resolved, Resolver};
use crate::session::{Notice, Outcome, Session};
use crate::sqlstate;

/// `has_others`: whether the message has other statements.
///
/// Errors: `25001` in a transaction; `25006` on a replica; `42P01`.
pub(crate) async fn run(
    session: &mut Session,
    statement: &VacuumStatement,
    has_others: bool,
) -> Result<Outcome, SqlError> {
    if let Some(option) = &statement.unknown {
        return Err(SqlError::syntax(format!(
            "unrecognized VACUUM option \"{option}\""
        )));
    }
    if statement.has_columns && !statement.is_analyze {
        return Err(SqlError::with_code(
            sqlstate::FEATURE_NOT_SUPPORTED,
            "ANALYZE option must be specified when a column list is provided",
        ));
    }
    // Other statements of the same message make a transaction, too.
    if has_others || session.transaction.is_some() {
        return Err(SqlError::with_code(
            sqlstate::ACTIVE_SQL_TRANSACTION,
            "VACUUM cannot run inside a transaction block",
        ));
    }
    if session.engine.is_replica {
        return Err(SqlError::during_recovery("VACUUM"));
    }
    // Tables of an earlier state may be gone.
    if session.is_in_past() {
        return Err(SqlError::read_only_transaction("VACUUM"));
    }
    let ctx = session.context().await?;
    let tables = tables(session, &ctx, statement)?;
    let author = Author {
        role: session.role_name(),
        application_name: session.settings.show("application_name")?.to_owned(),
    };
    let engine = Arc::clone(&session.engine);
    for table in tables {
        // What only this session sees is kept as a transaction's own rows are.
        if !table.id.is_temporary() {
            let sorting = sorting(statement);
            engine
                .vacuum(table.id, statement.is_full, sorting, &author)
                .await?;
        }
    }
    Ok(Outcome::Command("VACUUM".to_owned()))
}

fn sorting(statement: &VacuumStatement) -> Sorting {
    match statement.kind {
        Some(VacuumKind::Delete | VacuumKind::Reindex) => Sorting::Nothing,
        Some(VacuumKind::Sort) => Sorting::All,
        None if statement.is_full => Sorting::All,
        None => Sorting::Overlapping,
    }
}

/// The tables that are named; all if none is.
fn tables(
    session: &mut Session,
    ctx: &StatementContext,
    statement: &VacuumStatement,
) -> Result<Vec<Arc<Table>>, SqlError> {
    let actor = Actor::of(ctx);
    if statement.tables.is_empty() {
        let all = ctx.snapshot.tables();
        let own = all.filter(|table| is_own(session, &actor, table, "vacuum"));
        return Ok(own.map(Arc::clone).collect());
    }
    let mut tables = Vec::with_capacity(statement.tables.len());
    for name in &statement.tables {
        let name = Name::from_parts(&name_parts(name))?;
        let resolver = Resolver::of(ctx);
        let other = match resolver.relation(&name)? {
            Resolved::Stored(Relation::Table(table)) => {
                if is_own(session, &actor, &table, "vacuum") {
                    tables.push(table);
                }
                continue;
            }
            Resolved::Stored(Relation::View(view)) => view.name.clone(),
            Resolved::Sequence(sequence) => sequence.name.clone(),
            // There is nothing to be done for it, as little as for an empty table.
            Resolved::System(_) => continue,
        };
        session.notify(Notice::warning(
            sqlstate::WARNING,
            format!("skipping \"{other}\" --- cannot vacuum non-tables or special system tables"),
        ));
    }
    Ok(tables)
}

/// Whether the role may have a table vacuumed or analyzed; else says that it is skipped.
fn is_own(session: &mut Session, actor: &Actor, table: &Table, verb: &str) -> bool {
    let may = actor.owns(Object::Table(table)) || actor.owns(Object::Database);
    if !may {
        let name = &table.name;
        let text = format!("skipping \"{name}\" --- only table or database owner can {verb} it");
        session.notify(Notice::warning(sqlstate::WARNING, text));
    }
    may
}

/// ANALYZE: the bounds and counts of files are always known, so nothing is done.
///
/// Errors: `42P01`, `42501` for a schema that may not be looked into.
pub(crate) async fn analyze(
    session: &mut Session,
    analyze: &ast::Analyze,
) -> Result<Outcome, SqlError> {
    let ctx = session.context().await?;
    let actor = Actor::of(&ctx);
    let named = match &analyze.table_name {
        Some(name) => {
            let name = Name::from_parts(&name_parts(name))?;
            match Resolver::of(&ctx).relation(&name)? {
                Resolved::Stored(Relation::Table(table)) => vec![table],
                _ => Vec::new(),
            }
        }
        None => ctx.snapshot.tables().map(Arc::clone).collect(),
    };
    for table in named {
        is_own(session, &actor, &table, "analyze");
    }
    Ok(Outcome::Command("ANALYZE".to_owned()))
}
