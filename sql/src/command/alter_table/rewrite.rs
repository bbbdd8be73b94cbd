//! Changes for which every row is written again.
//!
//! The rows are planned over the table as it was; then the table is changed and
//! emptied, and the rows are written into new files. All of it is part of the
//! transaction, and older snapshots keep the old files.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::logical_expr::{ExprSchemable, LogicalPlanBuilder};
use gotgan_storage::{Column, ColumnId, NewColumn, Table, TypeChange};
use sqlparser::ast::{self, Expr};

use super::{column, current, guarded, rows, views};
use crate::change::quoted;
use crate::command::{identity, query};
use crate::error::SqlError;
use crate::execute;
use crate::modify::{self, RowWriter, Sink};
use crate::parse::type_name;
use crate::physical::Joins;
use crate::plan::{Place, Planner, refuse_in};
use crate::rewrite::build;
use crate::session::Session;
use crate::sqlstate;
use crate::types::{self, PgType};

/// A column's new type.
pub(super) struct NewType<'a> {
    pub(super) column: String,
    pub(super) data_type: &'a ast::DataType,
    pub(super) using: Option<&'a Expr>,
}

/// ALTER COLUMN ... TYPE of several columns, in place where all files can be read as the
/// new types. Expressions behind USING are over the rows as they were.
///
/// Errors: `42804` if the values or the default need USING; those of the conversion;
/// `0A000` if a view reads a column, and for one that is named twice.
pub(super) async fn set_types(
    session: &mut Session,
    table: &Arc<Table>,
    types: &[NewType<'_>],
) -> Result<(), SqlError> {
    let mut replaced = Vec::with_capacity(types.len());
    for (index, new) in types.iter().enumerate() {
        let name = &new.column;
        let found = column::find(table, name)?;
        if types[..index].iter().any(|other| other.column == *name) {
            return Err(SqlError::with_code(
                sqlstate::FEATURE_NOT_SUPPORTED,
                format!("cannot alter type of column \"{name}\" twice"),
            ));
        }
        let target = type_name::resolve(new.data_type)?;
        views::refuse_reader(session, table, name).await?;
        guarded::refuse_type(session, table, name).await?;
        identity::set_type(session, table, name, new.data_type).await?;
        let planner = session.planner().await?;
        require_castable(&planner, found, target, new.using)?;
        if let Some(using) = new.using {
            guarded::refuse_masked(session, table, using).await?;
        }
        replaced.push((found.id, target, types::column_type(target)?));
    }
    let is_plain = types.iter().all(|new| new.using.is_none());
    if is_plain {
        let storage = session.transaction().await?.storage()?;
        let mut rest = Vec::with_capacity(replaced.len());
        for (id, target, column_type) in replaced {
            let change = storage.set_column_type(table.id, id, column_type.clone())?;
            if change == TypeChange::NeedsRewrite {
                rest.push((id, target, column_type));
            }
        }
        replaced = rest;
        if replaced.is_empty() {
            return Ok(());
        }
    }
    let table = &current(session, table.id).await?;
    let mut changed = Table::clone(table);
    let mut values = Vec::with_capacity(table.columns.len());
    for column in &mut changed.columns {
        let own = rows::column(&column.name);
        let new = replaced.iter().find(|(id, ..)| *id == column.id);
        values.push(match new {
            None => own,
            Some((_, target, column_type)) => {
                let mut clauses = types.iter().filter(|new| new.column == column.name);
                let using = clauses.find_map(|new| new.using);
                let value = using.cloned().unwrap_or(own);
                column.column_type = column_type.clone();
                build::assignment_cast(value, *target, &column.name)
            }
        });
    }
    run(session, table, &changed, values, async |storage| {
        for (id, _, column_type) in replaced {
            storage.replace_column(table.id, id, column_type).await?;
        }
        Ok(())
    })
    .await
}

/// Errors: `42804` if a column's values, or its default, have no cast to the new type;
/// those of what may not stand behind USING.
fn require_castable(
    planner: &Planner,
    column: &Column,
    target: PgType,
    using: Option<&Expr>,
) -> Result<(), SqlError> {
    let (name, shown) = (&column.name, target.display());
    let from = PgType::of_column(&column.column_type);
    match using {
        Some(using) => refuse_in(using, Place::Transform, &planner.ctx)?,
        None if modify::is_assignable(from, target) => {}
        None => {
            return Err(SqlError::datatype_mismatch(format!(
                "column \"{name}\" cannot be cast automatically to type {shown}"
            ))
            .with_hint(format!(
                "You might need to specify \"USING {name}::{shown}\"."
            )));
        }
    }
    let Some(default) = &column.default else {
        return Ok(());
    };
    let default = crate::parse::parse_expression(default)?;
    let schema = DFSchema::empty();
    let (_, field) = planner
        .plan_expression(&default, &schema)?
        .to_field(&schema)?;
    if field.data_type().is_null() || modify::is_assignable(PgType::of_field(&field), target) {
        return Ok(());
    }
    Err(SqlError::datatype_mismatch(format!(
        "default for column \"{name}\" cannot be cast automatically to type {shown}"
    )))
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
        storage.add_column(table.id, column, None).await?;
        Ok(())
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
    change: impl AsyncFnOnce(&mut gotgan_storage::Transaction) -> Result<(), gotgan_storage::Error>,
) -> Result<(), SqlError> {
    let planner = session.planner().await?.unrestricted();
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
    let tasks = planner.physical.tasks(&planner.ctx.meter)?;
    let writer = RowWriter::of_files(storage, table.id, &tasks).await?;
    let table = current(session, table.id).await?;
    let mut sink = Sink::of_rewrite(writer, Arc::clone(&table));
    let mut stream = execute::start(&physical, &tasks)?;
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
