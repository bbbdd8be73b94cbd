//! COPY between a table or query and the connection.

use std::sync::Arc;

use gotgan_storage::Relation;
use sqlparser::ast;

use super::{insert, query};
use crate::access::actor::Actor;
use crate::access::roles::predefined;
use crate::copy::{CopyFormat, CopyIn, CopyOut};
use crate::error::SqlError;
use crate::modify::RowWriter;
use crate::parse::copy::{CopyDirection, CopySource, CopyStatement, CopyTarget};
use crate::parse::{fold, name_parts};
use crate::plan::Planner;
use crate::resolve::{Name, Resolved};
use crate::session::{Outcome, Session};
use crate::sqlstate;

pub(crate) async fn run(session: &mut Session, copy: &CopyStatement) -> Result<Outcome, SqlError> {
    require_place(session, copy).await?;
    let format = CopyFormat::from_options(&copy.options, copy.direction)?;
    match (&copy.source, copy.direction) {
        (CopySource::Table { name, columns }, CopyDirection::From) => {
            let checked = session.require_rows_write("COPY FROM", name).await;
            checked.map_err(|error| match session.engine.is_replica {
                // A standby has words of its own for it.
                true if error.code == sqlstate::READ_ONLY_SQL_TRANSACTION => {
                    SqlError::during_recovery("COPY")
                }
                _ => error,
            })?;
            let planner = session.planner().await?;
            let name = Name::from_parts(&name_parts(name))?;
            refuse_view(&planner, &name, "cannot copy to view")?;
            let table = super::truncate::table(&planner.ctx, &name)?;
            let names: Vec<String> = columns.iter().map(fold).collect();
            let columns = insert::column_indexes(&table, &names)?;
            insert::need(&planner, &table, &columns, columns.len());
            planner.require_access()?;
            if planner.warden(&table).is_some() {
                let text = "COPY FROM not supported with row-level security";
                return Err(SqlError::with_code(sqlstate::FEATURE_NOT_SUPPORTED, text)
                    .with_hint("Use INSERT statements instead."));
            }
            let storage = session.transaction().await?.storage()?;
            let tasks = planner.physical.tasks(&planner.ctx.meter)?;
            let writer = RowWriter::open(storage, table.id, &tasks).await?;
            let limits = session.limits().clone();
            let copy = CopyIn::new(
                &planner,
                Arc::clone(&table),
                columns,
                format,
                writer,
                limits,
            )?;
            Ok(Outcome::CopyIn(Box::new(copy)))
        }
        (CopySource::Query(_), CopyDirection::From) => {
            Err(SqlError::syntax("COPY FROM needs a table"))
        }
        (source, CopyDirection::To) => {
            if let CopySource::Table { name, .. } = source {
                let planner = session.planner().await?;
                let name = Name::from_parts(&name_parts(name))?;
                refuse_view(&planner, &name, "cannot copy from view")?;
            }
            let query = match source {
                CopySource::Query(query) => (**query).clone(),
                CopySource::Table { name, columns } => select_all(name, columns)?,
            };
            let Outcome::Rows(rows) = Box::pin(query::run(session, &query, &[])).await? else {
                return Err(SqlError::internal("a query gave no rows"));
            };
            format.check_columns(&rows.columns())?;
            Ok(Outcome::CopyOut(Box::new(CopyOut::new(format, rows))))
        }
    }
}

/// Who may copy from and to a place of the server's, which is not built.
///
/// Errors: `42501`; `0A000`.
async fn require_place(session: &mut Session, copy: &CopyStatement) -> Result<(), SqlError> {
    let is_from = copy.direction == CopyDirection::From;
    let (role, name, what) = match &copy.target {
        CopyTarget::Connection => return Ok(()),
        CopyTarget::Program => (
            predefined::PG_EXECUTE_SERVER_PROGRAM,
            "pg_execute_server_program",
            "to or from an external program",
        ),
        CopyTarget::File if is_from => (
            predefined::PG_READ_SERVER_FILES,
            "pg_read_server_files",
            "from a file",
        ),
        CopyTarget::File => (
            predefined::PG_WRITE_SERVER_FILES,
            "pg_write_server_files",
            "to a file",
        ),
    };
    let ctx = session.context().await?;
    match Actor::of(&ctx).acts_for(role) {
        true => Err(SqlError::not_supported("COPY with a file or address")),
        false => {
            let what = format!("or have privileges of the {name} role to COPY {what}");
            Err(SqlError::must_be_superuser_or(&what).with_hint(
                "Anyone can COPY to stdout or from stdin. psql's \\copy command also works for \
                 anyone.",
            ))
        }
    }
}

fn refuse_view(planner: &Planner, name: &Name, what: &str) -> Result<(), SqlError> {
    match planner.resolver().find(name)? {
        Some(Resolved::Stored(Relation::View(view))) => Err(SqlError::with_code(
            sqlstate::WRONG_OBJECT_TYPE,
            format!("{what} \"{}\"", view.name),
        )
        .with_hint("Try the COPY (SELECT ...) TO variant.")),
        _ => Ok(()),
    }
}

/// `COPY t (a, b) TO` as a query.
fn select_all(name: &ast::ObjectName, columns: &[ast::Ident]) -> Result<ast::Query, SqlError> {
    let list = if columns.is_empty() {
        "*".to_owned()
    } else {
        columns
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    crate::parse::parse_query(&format!("SELECT {list} FROM {name}"))
}

/// Ends COPY FROM: its rows join the transaction.
///
/// Errors: those of the last rows and of the upload.
pub(crate) async fn finish(session: &mut Session, copy: CopyIn) -> Result<String, SqlError> {
    let (table, rows, count) = copy.into_rows().await?;
    let storage = session.transaction().await?.storage()?;
    rows.add_to(storage, table).await?;
    Ok(format!("COPY {count}"))
}
