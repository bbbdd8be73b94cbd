//! Columns of an existing table: added, dropped, renamed, and their properties.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use gotgan_storage::{Column, Constraint, NewColumn, Sequence, Table};
use sqlparser::ast::{self, ColumnOption, Expr, TableConstraint, Visit, Visitor};

use super::{current, guarded, rewrite, rows, views};
use crate::command::dependents::shown_table;
use crate::command::identity::{self, Numbering};
use crate::command::sequence::drop_defaults;
use crate::command::{constant, create_table};
use crate::error::SqlError;
use crate::parse::{fold, type_name};
use crate::session::{Notice, Session};
use crate::sqlstate;
use crate::types::{self, PgType};

/// ADD COLUMN: rows that are there get the default.
///
/// Errors: `42701` if the name is taken; `23502` for NOT NULL without a default on a
/// table with rows; `23514`.
pub(super) async fn add(
    session: &mut Session,
    table: &Arc<Table>,
    definition: &ast::ColumnDef,
    if_not_exists: bool,
) -> Result<(), SqlError> {
    let name = fold(&definition.name);
    if table.column_by_name(&name).is_some() {
        if if_not_exists {
            session.notify(Notice::info(format!(
                "column \"{name}\" of relation \"{}\" already exists, skipping",
                table.name
            )));
            return Ok(());
        }
        return Err(SqlError::with_code(
            sqlstate::DUPLICATE_COLUMN,
            format!(
                "column \"{name}\" of relation \"{}\" already exists",
                table.name
            ),
        ));
    }
    let numbering = Numbering::of(&table.name, definition)?;
    let target = match &numbering {
        Some(numbering) => numbering.data_type,
        None => type_name::resolve(&definition.data_type)?,
    };
    let mut column = NewColumn {
        name: name.clone(),
        column_type: types::column_type(target)?,
        nullable: numbering.is_none(),
        default: None,
        comment: None,
    };
    let mut constraints = Vec::new();
    for option in &definition.options {
        match &option.option {
            ColumnOption::Null | ColumnOption::Collation(_) => {}
            ColumnOption::NotNull => column.nullable = false,
            ColumnOption::Default(value) if crate::parse::sequence::identity(value)?.is_some() => {}
            ColumnOption::Default(value) => {
                let planner = session.planner().await?;
                crate::modify::require_default(&planner, value, &name, target)?;
                let value = crate::sequence::pinned(&planner.ctx, value)?;
                column.default = Some(create_table::default_text(&value, target));
            }
            ColumnOption::Comment(text) => column.comment = Some(text.clone()),
            other => constraints.push(own_constraint(other, &definition.name, &option.name)?),
        }
    }
    match numbering {
        Some(numbering) => add_numbered(session, table, column, &numbering).await?,
        None => add_with_value(session, table, column, target).await?,
    }
    for constraint in constraints {
        let table = current(session, table.id).await?;
        super::constraint::add(session, &table, &constraint, true).await?;
    }
    Ok(())
}

/// A column's constraint as one of the table.
fn own_constraint(
    option: &ColumnOption,
    column: &ast::Ident,
    name: &Option<ast::Ident>,
) -> Result<TableConstraint, SqlError> {
    let columns = || {
        vec![ast::IndexColumn::from(ast::Ident::with_quote(
            '"',
            fold(column),
        ))]
    };
    Ok(match option {
        ColumnOption::PrimaryKey(key) => {
            let mut key = key.clone();
            key.columns = columns();
            key.name = key.name.or_else(|| name.clone());
            TableConstraint::PrimaryKey(key)
        }
        ColumnOption::Unique(key) => {
            let mut key = key.clone();
            key.columns = columns();
            key.name = key.name.or_else(|| name.clone());
            TableConstraint::Unique(key)
        }
        ColumnOption::ForeignKey(key) => {
            let mut key = key.clone();
            key.columns = vec![column.clone()];
            key.name = key.name.or_else(|| name.clone());
            TableConstraint::ForeignKey(key)
        }
        ColumnOption::Check(check) => {
            let mut check = check.clone();
            check.name = check.name.or_else(|| name.clone());
            TableConstraint::Check(check)
        }
        other => {
            return Err(SqlError::not_supported(format!(
                "the column option {other}"
            )));
        }
    })
}

/// Adds a column that numbers its rows, those that are there first.
async fn add_numbered(
    session: &mut Session,
    table: &Arc<Table>,
    mut column: NewColumn,
    numbering: &Numbering,
) -> Result<(), SqlError> {
    let name = column.name.clone();
    let place = (table.schema_id, table.name.as_str(), name.as_str());
    let (sequence, sequence_name) = numbering.create(session, place).await?;
    column.default = Some(identity::default_text(&sequence_name));
    add_with_value(session, table, column, numbering.data_type).await?;
    let table = current(session, table.id).await?;
    let added = find(&table, &name)?;
    identity::own(session, sequence, (table.id, added.id, numbering.kind)).await?;
    if numbering.kind.is_identity() {
        let storage = session.transaction().await?.storage()?;
        storage.set_default(table.id, added.id, None)?;
    }
    Ok(())
}

async fn add_with_value(
    session: &mut Session,
    table: &Arc<Table>,
    column: NewColumn,
    target: PgType,
) -> Result<(), SqlError> {
    let planner = session.planner().await?;
    let Some(text) = column.default.clone() else {
        if !column.nullable && rows::any(session, table, None).await? {
            return Err(SqlError::column_contains_nulls(&column.name, &table.name));
        }
        let storage = session.transaction().await?.storage()?;
        storage.add_column(table.id, column, None).await?;
        return Ok(());
    };
    let default = crate::parse::parse_expression(&text)?;
    let schema = datafusion::common::DFSchema::empty();
    let is_volatile = planner.plan_expression(&default, &schema)?.is_volatile();
    if !is_volatile {
        let value = constant(&planner, &default, target)?;
        let value: ArrayRef = value.to_array_of_size(1)?;
        let stored = arrow::compute::cast(&value, &column.column_type.arrow_type())?;
        if stored.is_null(0) || column.column_type.has_initial_value() {
            if !column.nullable && stored.is_null(0) && rows::any(session, table, None).await? {
                return Err(SqlError::column_contains_nulls(&column.name, &table.name));
            }
            let storage = session.transaction().await?.storage()?;
            storage.add_column(table.id, column, Some(&stored)).await?;
            return Ok(());
        }
    }
    // Each row gets a value of its own, or one that the catalog cannot hold.
    rewrite::with_new_column(session, table, column, default).await
}

/// DROP COLUMN, with the CHECKs that name it.
///
/// Errors: `42703`; `2BP01` if a view needs it.
pub(super) async fn drop(
    session: &mut Session,
    table: &Arc<Table>,
    name: &str,
    if_exists: bool,
    cascade: bool,
) -> Result<(), SqlError> {
    let Some(column) = table.column_by_name(name) else {
        if if_exists {
            session.notify(Notice::info(format!(
                "column \"{name}\" of relation \"{}\" does not exist, skipping",
                table.name
            )));
            return Ok(());
        }
        return Err(SqlError::undefined_column_of(name, &table.name));
    };
    guarded::drop_readers(session, table, name, cascade).await?;
    let ctx = session.context().await?;
    let object = format!("column {name} of {}", shown_table(&ctx, table));
    let owned = ctx.snapshot.sequences_of(table.id).filter(|sequence| {
        let owner = sequence.owned_by;
        owner.is_some_and(|owner| owner.column == column.id)
    });
    let owned: Vec<&Sequence> = owned.map(Arc::as_ref).collect();
    let others = |other: &Table| other.id != table.id;
    drop_defaults(session, &owned, &object, others, cascade).await?;
    let storage = session.transaction().await?.storage()?;
    for entry in &table.constraints {
        if let Constraint::Check { expression } = &entry.constraint
            && columns_of(expression)?.contains(&column.name)
        {
            storage.drop_constraint(table.id, entry.id)?;
        }
    }
    storage.drop_column(table.id, column.id)?;
    views::drop_broken(session, table, &object, cascade).await
}

/// RENAME COLUMN; CHECKs, indexes and views follow.
///
/// Errors: `42703`, `42701`.
pub(super) async fn rename(
    session: &mut Session,
    table: &Arc<Table>,
    old: &str,
    new: &str,
) -> Result<(), SqlError> {
    let Some(column) = table.column_by_name(old) else {
        return Err(SqlError::with_code(
            sqlstate::UNDEFINED_COLUMN,
            format!("column \"{old}\" does not exist"),
        ));
    };
    if table.column_by_name(new).is_some() {
        return Err(SqlError::with_code(
            sqlstate::DUPLICATE_COLUMN,
            format!(
                "column \"{new}\" of relation \"{}\" already exists",
                table.name
            ),
        ));
    }
    let storage = session.transaction().await?.storage()?;
    storage.rename_column(table.id, column.id, new)?;
    for entry in &table.constraints {
        if let Constraint::Check { expression } = &entry.constraint {
            let renamed = with_renamed(expression, old, new)?;
            storage.replace_check(table.id, entry.id, &renamed)?;
        }
    }
    let columns = table.columns.iter().map(|column| column.name.clone());
    let columns: Vec<String> = columns.collect();
    let object = (table.id.0, table.name.as_str());
    views::keep_output(session, object, &columns, (old, new)).await
}

/// SET DEFAULT and DROP DEFAULT.
pub(super) async fn set_default(
    session: &mut Session,
    table: &Arc<Table>,
    name: &str,
    value: Option<&Expr>,
) -> Result<(), SqlError> {
    let column = find(table, name)?;
    let target = PgType::of_column(&column.column_type);
    let planner = session.planner().await?;
    identity::refuse(&planner.ctx, table, column).map_err(|error| match value {
        Some(_) => error,
        None => error.with_hint("Use ALTER TABLE ... ALTER COLUMN ... DROP IDENTITY instead."),
    })?;
    let text = match value {
        Some(value) => {
            crate::modify::require_default(&planner, value, name, target)?;
            let value = crate::sequence::pinned(&planner.ctx, value)?;
            Some(create_table::default_text(&value, target))
        }
        None => None,
    };
    crate::modify::default_value(&planner, text.as_deref(), target)?;
    let storage = session.transaction().await?.storage()?;
    Ok(storage.set_default(table.id, column.id, text)?)
}

/// SET NOT NULL and DROP NOT NULL.
///
/// Errors: `23502` if a row has no value; `42P16` for a column of the primary key.
pub(super) async fn set_nullable(
    session: &mut Session,
    table: &Arc<Table>,
    name: &str,
    nullable: bool,
) -> Result<(), SqlError> {
    let column = find(table, name)?;
    if nullable {
        let ctx = session.context().await?;
        identity::refuse(&ctx, table, column)?;
    }
    let is_key = table.constraints.iter().any(|entry| {
        matches!(&entry.constraint, Constraint::PrimaryKey { columns } if columns.contains(&column.id))
    });
    if nullable && is_key {
        return Err(SqlError::with_code(
            sqlstate::INVALID_TABLE_DEFINITION,
            format!("column \"{name}\" is in a primary key"),
        ));
    }
    if !nullable && column.nullable {
        let is_null = Expr::IsNull(Box::new(rows::column(name)));
        if rows::any(session, table, Some(is_null)).await? {
            return Err(SqlError::column_contains_nulls(name, &table.name));
        }
    }
    let storage = session.transaction().await?.storage()?;
    Ok(storage.set_nullable(table.id, column.id, nullable)?)
}

/// SET NOT NULL for a column that became part of the primary key.
pub(super) async fn set_not_null(
    session: &mut Session,
    table: &Arc<Table>,
    name: &str,
) -> Result<(), SqlError> {
    set_nullable(session, table, name, false).await
}

/// Errors: `42703`.
pub(super) fn find<'a>(table: &'a Table, name: &str) -> Result<&'a Column, SqlError> {
    let found = table.column_by_name(name);
    found.ok_or_else(|| SqlError::undefined_column_of(name, &table.name))
}

/// Names of the columns in an expression over one table.
pub(crate) fn columns_of(expression: &str) -> Result<Vec<String>, SqlError> {
    let expression = crate::parse::parse_expression(expression)?;
    Ok(names_in(&expression))
}

/// Names that a query gives to columns, of whatever table.
pub(super) fn columns_of_query(query: &ast::Query) -> Vec<String> {
    names_in(query)
}

fn names_in(node: &impl Visit) -> Vec<String> {
    struct Names(Vec<String>);
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            let name = match expr {
                Expr::Identifier(ident) => Some(fold(ident)),
                Expr::CompoundIdentifier(parts) => parts.last().map(fold),
                _ => None,
            };
            if let Some(name) = name.filter(|name| !self.0.contains(name)) {
                self.0.push(name);
            }
            ControlFlow::Continue(())
        }
    }
    let mut names = Names(Vec::new());
    let _ = node.visit(&mut names);
    names.0
}

fn with_renamed(expression: &str, old: &str, new: &str) -> Result<String, SqlError> {
    let mut parsed = crate::parse::parse_expression(expression)?;
    let renamed = |ident: &mut ast::Ident| {
        if fold(ident) == old {
            *ident = crate::command::create_view::quoted_if_needed(new);
        }
    };
    let _ = ast::visit_expressions_mut(&mut parsed, |expr| {
        match expr {
            Expr::Identifier(ident) => renamed(ident),
            Expr::CompoundIdentifier(parts) => {
                if let Some(last) = parts.last_mut() {
                    renamed(last);
                }
            }
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    Ok(parsed.to_string())
}
