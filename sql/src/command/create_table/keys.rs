//! Foreign keys, and keys that an existing table gets.

use gotgan_storage::{ColumnId, Constraint, NewColumn, Table};
use sqlparser::ast::{self, TableConstraint};

use super::{Definition, keys_notice};
use crate::command::owner;
use crate::error::SqlError;
use crate::parse::{fold, name_parts};
use crate::plan::Planner;
use crate::resolve::Name;
use crate::session::Session;

pub(super) fn foreign_key(
    planner: &Planner,
    columns: Vec<ColumnId>,
    key: &ast::ForeignKeyConstraint,
) -> Result<Constraint, SqlError> {
    let name = Name::from_parts(&name_parts(&key.foreign_table))?;
    let referenced = crate::command::truncate::table(&planner.ctx, &name)?;
    let referenced_columns = if key.referred_columns.is_empty() {
        let primary = referenced
            .constraints
            .iter()
            .find_map(|entry| match &entry.constraint {
                Constraint::PrimaryKey { columns } => Some(columns.clone()),
                _ => None,
            });
        primary.ok_or_else(|| {
            SqlError::undefined_object("primary key for referenced table", &referenced.name)
        })?
    } else {
        let found: Result<Vec<ColumnId>, SqlError> = key
            .referred_columns
            .iter()
            .map(|ident| {
                let name = fold(ident);
                let column = referenced.column_by_name(&name);
                column
                    .map(|c| c.id)
                    .ok_or_else(|| SqlError::undefined_column(None, &name))
            })
            .collect();
        found?
    };
    if referenced_columns.len() != columns.len() {
        return Err(SqlError::with_code(
            crate::sqlstate::INVALID_COLUMN_REFERENCE,
            "number of referencing and referenced columns for foreign key disagree",
        ));
    }
    owner::require_references(&planner.ctx, &referenced, &referenced_columns)?;
    let action = |given: &Option<ast::ReferentialAction>| match given {
        None | Some(ast::ReferentialAction::NoAction) => 'a',
        Some(ast::ReferentialAction::Restrict) => 'r',
        Some(ast::ReferentialAction::Cascade) => 'c',
        Some(ast::ReferentialAction::SetNull) => 'n',
        Some(ast::ReferentialAction::SetDefault) => 'd',
    };
    Ok(Constraint::ForeignKey {
        columns,
        referenced_table: referenced.id,
        referenced_columns,
        on_delete: action(&key.on_delete),
        on_update: action(&key.on_update),
    })
}

/// ALTER TABLE ... ADD CONSTRAINT; the rows that are there are the caller's to check.
pub(crate) async fn add_constraint(
    session: &mut Session,
    table: &Table,
    constraint: &TableConstraint,
) -> Result<(), SqlError> {
    let planner = session.planner().await?;
    let mut definition = Definition::new(&table.name);
    definition.columns = table
        .columns
        .iter()
        .map(|column| NewColumn {
            name: column.name.clone(),
            column_type: column.column_type.clone(),
            nullable: column.nullable,
            default: None,
            comment: None,
        })
        .collect();
    definition.taken = table
        .constraints
        .iter()
        .map(|entry| entry.name.clone())
        .collect();
    definition.constraint(&planner, constraint)?;
    definition.check(&planner)?;
    super::temporary::check_keys(
        &planner.ctx.snapshot,
        &definition.constraints,
        table.schema_id,
    )?;
    let has_keys = definition.has_keys;
    let storage = session.transaction().await?.storage()?;
    for mut new in definition.constraints {
        by_real_ids(&mut new.constraint, table);
        storage.add_constraint(table.id, new)?;
    }
    if has_keys {
        session.notify(keys_notice());
    }
    Ok(())
}

/// Positions from 1 become the ids of an existing table's columns.
fn by_real_ids(constraint: &mut Constraint, table: &Table) {
    let (Constraint::PrimaryKey { columns }
    | Constraint::Unique { columns }
    | Constraint::ForeignKey { columns, .. }) = constraint
    else {
        return;
    };
    for column in columns {
        let index = usize::try_from(column.0 - 1).unwrap_or(0);
        if let Some(found) = table.columns.get(index) {
            *column = found.id;
        }
    }
}
