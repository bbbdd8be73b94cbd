//! How a table's rows lie: its sort key, of CREATE TABLE and ALTER TABLE.
//!
//! Redshift's clauses. Tables are not distributed over nodes and choose encodings
//! themselves, so what concerns these is checked and does nothing.
//!
//! Source: Redshift's developer guide, CREATE TABLE and ALTER TABLE.

use gotgan_storage::{ColumnId, ColumnType, SortPart, SortValue, Table, TableId};
use sqlparser::ast::{self, Expr};

use crate::access::actor::Object;
use crate::error::SqlError;
use crate::parse::idiom::INTERLEAVED;
use crate::parse::layout::{AlterLayout, LayoutAction};
use crate::parse::{fold, name_parts};
use crate::resolve::Name;
use crate::session::{Notice, Outcome, Session};
use crate::sqlstate;

/// ALTER TABLE ... ALTER SORTKEY and its like. Files that are there stay as they are until
/// VACUUM.
///
/// Errors: `42P01`, `42703`, `42701` for a column that is named twice, `0A000` for one whose
/// type has no order.
pub(crate) async fn alter(session: &mut Session, alter: &AlterLayout) -> Result<Outcome, SqlError> {
    session
        .require_definition_write("ALTER TABLE", &[&alter.name])
        .await?;
    let done = Outcome::Command("ALTER TABLE".to_owned());
    let name = Name::from_parts(&name_parts(&alter.name))?;
    let ctx = session.context().await?;
    let table = match super::truncate::table(&ctx, &name) {
        Err(error) if alter.if_exists && error.code == sqlstate::UNDEFINED_TABLE => {
            let text = format!("relation \"{}\" does not exist, skipping", name.name);
            session.notify(Notice::info(text));
            return Ok(done);
        }
        other => other?,
    };
    super::owner::require(&ctx, Object::Table(&table))?;
    for action in &alter.actions {
        match action {
            LayoutAction::Sort(columns) => {
                let names: Vec<String> = columns.iter().map(fold).collect();
                set_sort_key(session, &table, &names).await?;
            }
            LayoutAction::Distribute(column) => {
                if let Some(column) = column {
                    find(&table, &fold(column))?;
                }
                session.notify(distribution_notice());
            }
            LayoutAction::Encode(Some(column)) => {
                find(&table, &fold(column))?;
            }
            LayoutAction::Encode(None) => {}
        }
    }
    Ok(done)
}

/// Gives a new table what CREATE TABLE says of its layout.
///
/// Errors: as [`alter`].
pub(super) async fn create(
    session: &mut Session,
    create: &ast::CreateTable,
    id: TableId,
) -> Result<(), SqlError> {
    if create.diststyle.is_none() && create.distkey.is_none() && create.sortkey.is_none() {
        return Ok(());
    }
    let snapshot = session.transaction().await?.snapshot();
    let table = snapshot.table(id);
    let table = table.ok_or_else(|| SqlError::internal("a new table is not visible"))?;
    let name = |expr: &Expr| match expr {
        Expr::Identifier(ident) => Ok(fold(ident)),
        _ => Err(SqlError::syntax("a key names columns")),
    };
    if let Some(column) = &create.distkey {
        find(table, &name(column)?)?;
    }
    if create.distkey.is_some() || create.diststyle.is_some() {
        session.notify(distribution_notice());
    }
    let names: Result<Vec<String>, SqlError> = create.sortkey.iter().flatten().map(name).collect();
    let mut names = names?;
    if names.first().is_some_and(|first| first == INTERLEAVED) {
        names.remove(0);
        session.notify(Notice::info(
            "an interleaved sort key is taken for a compound one",
        ));
    }
    set_sort_key(session, table, &names).await
}

fn distribution_notice() -> Notice {
    Notice::info("DISTSTYLE and DISTKEY do nothing: tables are not distributed over nodes")
}

async fn set_sort_key(
    session: &mut Session,
    table: &Table,
    names: &[String],
) -> Result<(), SqlError> {
    let mut parts: Vec<SortPart> = Vec::with_capacity(names.len());
    for name in names {
        let id = find(table, name)?;
        let value = SortValue::Column(id);
        if parts.iter().any(|part| part.value == value) {
            return Err(SqlError::duplicate_column(name));
        }
        let column_type = table.column(id).map(|column| &column.column_type);
        if !column_type.is_some_and(has_order) {
            return Err(SqlError::not_supported(format!(
                "a sort key over the type of column \"{name}\""
            )));
        }
        parts.push(SortPart {
            value,
            descending: false,
            nulls_first: false,
        });
    }
    let storage = session.transaction().await?.storage()?;
    Ok(storage.set_sort_key(table.id, parts)?)
}

fn find(table: &Table, name: &str) -> Result<ColumnId, SqlError> {
    let column = table.column_by_name(name).ok_or_else(|| {
        let text = format!("column \"{name}\" named in key does not exist");
        SqlError::with_code(sqlstate::UNDEFINED_COLUMN, text)
    })?;
    Ok(column.id)
}

/// Whether values of a type have an order that filters ask for.
fn has_order(column_type: &ColumnType) -> bool {
    !matches!(
        column_type,
        ColumnType::Json
            | ColumnType::Jsonb
            | ColumnType::Interval
            | ColumnType::List(_)
            | ColumnType::Struct(_)
            | ColumnType::Map(_, _)
            | ColumnType::Unsupported(_)
    )
}
