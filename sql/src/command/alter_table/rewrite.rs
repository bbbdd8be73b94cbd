//! Changes for which every row is written again.
//!
//! The rows are planned over the table as it was; then the table is changed and
//! emptied, and the rows are written into new files. All of it is part of the
//! transaction, and older snapshots keep the old files.

use std::sync::Arc;

use datafusion::logical_expr::LogicalPlanBuilder;
use gotgan_storage::{Column, ColumnId, NewColumn, Table, TypeChange};
use sqlparser::ast::{self, Expr};

use super::{column, current, rows, views};
use crate::change::quoted;
use crate::command::query;
use crate::error::SqlError;
use crate::execute;
use crate::modify::{self, RowWriter, Sink};
use crate::parse::type_name;
use crate::physical::Joins;
use crate::rewrite::build;
use crate::session::Session;
use crate::types::{self, PgType};

/// ALTER COLUMN ... TYPE, in place where all files can be read as the new type.
///
/// Errors: `42804` if the values need USING; those of the conversion; `0A000` if a view
/// shows the column.
pub(super) async fn set_type(
    session: &mut Session,
    table: &Arc<Table>,
    name: &str,
    data_type: &ast::DataType,
    using: Option<&Expr>,
) -> Result<(), SqlError> {
    let found = column::find(table, name)?.clone();
    let target = type_name::resolve(data_type)?;
    let column_type = types::column_type(target)?;
    views::refuse_reader(session, table, name).await?;
    if using.is_none() {
        let storage = session.transaction().await?.storage()?;
        let change = storage.set_column_type(table.id, found.id, column_type.clone())?;
        if change == TypeChange::InPlace {
            return Ok(());
        }
        let from = PgType::of_column(&found.column_type);
        if !modify::is_assignable(from, target) {
            let shown = target.display();
            return Err(SqlError::datatype_mismatch(format!(
                "column \"{name}\" cannot be cast automatically to type {shown}"
            ))
            .with_hint(format!(
                "You might need to specify \"USING {name}::{shown}\"."
            )));
        }
    }
    let value = using.cloned().unwrap_or_else(|| rows::column(name));
    let value = build::assignment_cast(value, target, name);
    let values = table.columns.iter().map(|column| match column.id {
        id if id == found.id => value.clone(),
        _ => rows::column(&column.name),
    });
    let mut changed = Table::clone(table);
    for column in changed.columns.iter_mut().filter(|c| c.id == found.id) {
        column.column_type = column_type.clone();
    }
    run(
        session,
        table,
        &changed,
        values.collect(),
        async |storage| {
            storage
                .replace_column(table.id, found.id, column_type)
                .await
        },
    )
    .await
}

/// ADD COLUMN where each row gets a value of its own.
pub(super) async fn with_new_column(
    session: &mut Session,
    table: &Arc<Table>,
    column: NewColumn,
    value: Expr,
) -> Result<(), SqlError> {
    let target = PgType::of_column(&column.column_type);
    let mut values: Vec<Expr> = table
        .columns
        .iter()
        .map(|column| rows::column(&column.name))
        .collect();
    values.push(build::assignment_cast(value, target, &column.name));
    let mut changed = Table::clone(table);
    changed.columns.push(Column {
        id: ColumnId(0),
        name: column.name.clone(),
        column_type: column.column_type.clone(),
        nullable: column.nullable,
        default: None,
        initial_default: None,
        comment: None,
        children: Vec::new(),
    });
    run(session, table, &changed, values, async |storage| {
        storage.add_column(table.id, column, None).await
    })
    .await
}

/// Writes `values` over the rows of `table` into the table that `change` makes of it.
///
/// `changed`: the columns' names and types after the change.
async fn run(
    session: &mut Session,
    table: &Arc<Table>,
    changed: &Table,
    values: Vec<Expr>,
    change: impl AsyncFnOnce(
        &mut gotgan_storage::Transaction,
    ) -> Result<ColumnId, gotgan_storage::Error>,
) -> Result<(), SqlError> {
    let planner = session.planner().await?;
    let (planner, mut query) = rows::select(&planner, table, "SELECT 1")?;
    if let ast::SetExpr::Select(select) = query.body.as_mut() {
        let named = values.into_iter().zip(&changed.columns);
        let named = named.map(|(expr, column)| ast::SelectItem::ExprWithAlias {
            expr,
            alias: quoted(&column.name),
        });
        select.projection = named.collect();
    }
    let source = query::plan(&planner, &query, &[]).await?;
    let columns = source.schema().columns().into_iter();
    let columns: Vec<_> = columns
        .map(|column| {
            let name = column.name.clone();
            datafusion::logical_expr::Expr::Column(column).alias(name)
        })
        .collect();
    let source = LogicalPlanBuilder::from(source).build()?;
    let plan = modify::with_checks(&planner, changed, source, columns)?;
    let physical = query::physical(session, &planner, &plan, Joins::Hash).await?;
    let storage = session.transaction().await?.storage()?;
    change(storage).await?;
    storage.truncate_table(table.id)?;
    let writer = RowWriter::of_files(storage, table.id).await?;
    let table = current(session, table.id).await?;
    let mut sink = Sink::of_rewrite(writer, Arc::clone(&table));
    let mut stream = execute::start(&physical, &planner.physical.tasks())?;
    while let Some(batch) = futures::StreamExt::next(&mut stream).await {
        let written = match batch {
            Ok(batch) => sink.write(&batch).await,
            Err(error) => Err(SqlError::from(error)),
        };
        if let Err(error) = written {
            sink.abort().await;
            return Err(error);
        }
    }
    let (rows, _) = sink.finish().await?;
    let storage = session.transaction().await?.storage()?;
    rows.add_to(storage, table.id).await
}
