//! `gotgan.file_history('s.t')`: the files of a table, since when and until when they are
//! part of it, and what keeps those that are so no more.

use gotgan_storage::{Relation, TableId};

use super::arguments::Arguments;
use super::{Report, Session, Shape};
use crate::access::actor::Object;
use crate::command::owner;
use crate::error::SqlError;
use crate::parse::history::NameArgument;
use crate::pg_catalog::rows::cells;
use crate::resolve::{Name, Resolved, Resolver};
use crate::sqlstate;
use crate::system_views::signed;

/// A table that was dropped is the one that UNDROP TABLE would bring back.
///
/// Errors: `42P01`; `42809` for what is no table.
pub(super) async fn run(
    session: &mut Session,
    table: &NameArgument,
    shape: &Shape,
    arguments: Arguments<'_>,
) -> Result<Report, SqlError> {
    let name = arguments.name(session, table).await?;
    let id = find(session, &name).await?;
    let mut rows = shape.rows();
    for file in session.engine.lake.file_history(id).await? {
        let freed = signed(file.freed_bytes());
        rows.push(cells![
            file.path,
            if file.is_delete_file {
                "deletes"
            } else {
                "data"
            },
            signed(file.row_count),
            signed(file.bytes),
            file.begin.0,
            file.begin_time.map(|time| time.timestamp_micros()),
            file.end.map(|end| end.0),
            file.end_time.map(|time| time.timestamp_micros()),
            signed(file.kept_by),
            file.held_by,
            signed(file.shared_with),
            freed,
        ]);
    }
    let rows = rows.finish()?;
    Ok(Report {
        tag: "SELECT",
        rows,
    })
}

async fn find(session: &mut Session, name: &Name) -> Result<TableId, SqlError> {
    let ctx = session.context().await?;
    let resolver = Resolver::of(&ctx);
    match resolver.find(name)? {
        Some(Resolved::Stored(Relation::Table(table))) => {
            owner::require(&ctx, Object::Table(&table))?;
            Ok(table.id)
        }
        Some(_) => Err(SqlError::with_code(
            sqlstate::WRONG_OBJECT_TYPE,
            format!("\"{}\" is not a table", name.display()),
        )),
        None => {
            let dropped = super::undrop::find_table(session, name, None).await;
            let dropped = dropped.map_err(|_| SqlError::undefined_table(&name.display()))?;
            Ok(dropped.id)
        }
    }
}
