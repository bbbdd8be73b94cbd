//! PREVIEW RESTORE: what a restore would bring, and how it differs from today.

use gotgan_storage::{Column, ColumnDifference};

use super::arguments::Arguments;
use super::restore::{self, Planned};
use super::{Report, Session, Shape};
use crate::error::SqlError;
use crate::parse::history::{Kind, Restore};
use crate::pg_catalog::identifier::{quote, quote_qualified};
use crate::pg_catalog::objects::schema_name;
use crate::pg_catalog::rows::{Rows, cells};
use crate::system_views::signed;
use crate::types::PgType;

/// Changes nothing. Errors: as those of RESTORE.
pub(super) async fn run(
    session: &mut Session,
    order: &Restore,
    shape: &Shape,
    arguments: Arguments<'_>,
) -> Result<Report, SqlError> {
    let mut rows = shape.rows();
    for item in &order.items {
        // A name that is taken is told by what stands beside it.
        let mut item = item.clone();
        item.replaces = order.kind == Kind::Table;
        for planned in restore::plan(session, order.kind, &item, arguments).await? {
            add(session, &planned, &mut rows).await?;
        }
    }
    let rows = rows.finish()?;
    Ok(Report {
        tag: "PREVIEW RESTORE",
        rows,
    })
}

/// Compares with what would be replaced, or else with what became of the table.
async fn add(session: &mut Session, planned: &Planned, rows: &mut Rows) -> Result<(), SqlError> {
    let ctx = session.context().await?;
    let (from, source) = (&planned.from, planned.source.id);
    let replaced = planned.target.replaced.as_ref().map(|table| table.id);
    let now = replaced.or_else(|| ctx.snapshot.table(source).map(|table| table.id));
    // What the transaction itself changed has no files that storage could tell of.
    let head = session.engine.lake.snapshot(ctx.snapshot.id()).await?;
    let now = now.filter(|id| head.table(*id).is_some());
    let now = now.map(|id| (head.as_ref(), id));
    let preview = session
        .engine
        .lake
        .preview_restore(from, source, now)
        .await?;
    let views = preview.views.iter().filter_map(|id| head.view(*id));
    let views: Vec<String> = views
        .map(|view| quote_qualified(schema_name(&head, view.schema_id), &view.name))
        .collect();
    let [mut added, mut removed, mut changed] = [Vec::new(), Vec::new(), Vec::new()];
    for ColumnDifference { then, now } in &preview.columns {
        match (then, now) {
            (Some(then), None) => added.push(shown(then)),
            (None, Some(now)) => removed.push(shown(now)),
            (Some(then), Some(now)) => {
                changed.push(format!("{} -> {}", shown(now), shown(then)));
            }
            (None, None) => {}
        }
    }
    rows.push(cells![
        planned.source_name(),
        planned.target.display(),
        from.id().0,
        signed(preview.row_count),
        signed(preview.bytes),
        signed(preview.file_count),
        preview.row_count_now.map(signed),
        preview.bytes_now.map(signed),
        added,
        removed,
        changed,
        views,
    ]);
    Ok(())
}

/// A column as CREATE TABLE would have it.
fn shown(column: &Column) -> String {
    let own_type = PgType::of_column(&column.column_type).display();
    let suffix = if column.nullable { "" } else { " NOT NULL" };
    format!("{} {own_type}{suffix}", quote(&column.name))
}
