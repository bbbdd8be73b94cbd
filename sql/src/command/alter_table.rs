//! ALTER TABLE: names, owner, columns, constraints. Its actions are done in order.

use std::sync::Arc;

use gotgan_storage::{OwnerTarget, SchemaId, Table, TableId};
use sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableOperation, DropBehavior, RenameTableNameKind,
};

use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::{self, fold, name_parts};
use crate::resolve::Name;
use crate::session::{Notice, Outcome, Session};
use crate::sqlstate;

mod column;
mod constraint;
mod rewrite;
mod rows;
mod views;

pub(crate) use column::columns_of;
pub(super) use views::follow;

pub(crate) async fn run(session: &mut Session, alter: &AlterTable) -> Result<Outcome, SqlError> {
    session
        .require_definition_write("ALTER TABLE", &[&alter.name])
        .await?;
    let name = Name::from_parts(&name_parts(&alter.name))?;
    for operation in &alter.operations {
        let ctx = session.context().await?;
        let table = match super::truncate::table(&ctx, &name) {
            Err(error) if alter.if_exists && error.code == sqlstate::UNDEFINED_TABLE => {
                let text = format!("relation \"{}\" does not exist, skipping", name.name);
                session.notify(Notice::info(text));
                return Ok(Outcome::Command("ALTER TABLE".to_owned()));
            }
            other => other?,
        };
        apply(session, &table, operation).await?;
    }
    Ok(Outcome::Command("ALTER TABLE".to_owned()))
}

async fn apply(
    session: &mut Session,
    table: &Arc<Table>,
    operation: &AlterTableOperation,
) -> Result<(), SqlError> {
    match operation {
        AlterTableOperation::RenameTable {
            table_name: RenameTableNameKind::To(new_name) | RenameTableNameKind::As(new_name),
        } => {
            let new_name = name_parts(new_name).pop().unwrap_or_default();
            let ctx = session.context().await?;
            if ctx.snapshot.relation(table.schema_id, &new_name).is_some() {
                return Err(SqlError::duplicate_table(&new_name));
            }
            let storage = session.transaction().await?.storage()?;
            storage.rename_table(table.id, &new_name)?;
            let schema = schema_name(&ctx, table.schema_id);
            let (old, new) = ([schema, &table.name], [schema, &new_name]);
            views::follow(session, table.id.0, old, new).await?;
        }
        AlterTableOperation::OwnerTo { new_owner } => {
            let owner = super::schema::owner_name(new_owner, &session.options.user);
            let ctx = session.context().await?;
            super::schema::require_role(&ctx, &owner)?;
            let storage = session.transaction().await?.storage()?;
            storage.set_owner(OwnerTarget::Table(table.id), &owner)?;
        }
        AlterTableOperation::AddConstraint {
            constraint: added, ..
        } => constraint::add(session, table, added).await?,
        AlterTableOperation::DropConstraint {
            name, if_exists, ..
        } => constraint::drop(session, table, &fold(name), *if_exists).await?,
        AlterTableOperation::RenameConstraint { old_name, new_name } => {
            constraint::rename(session, table, &fold(old_name), &fold(new_name)).await?;
        }
        AlterTableOperation::AddColumn {
            if_not_exists,
            column_def,
            column_position: None,
            ..
        } => column::add(session, table, column_def, *if_not_exists).await?,
        AlterTableOperation::DropColumn {
            column_names,
            if_exists,
            drop_behavior,
            ..
        } => {
            let cascade = *drop_behavior == Some(DropBehavior::Cascade);
            for name in column_names {
                let table = current(session, table.id).await?;
                column::drop(session, &table, &fold(name), *if_exists, cascade).await?;
            }
        }
        AlterTableOperation::RenameColumn {
            old_column_name,
            new_column_name,
        } => {
            let (old, new) = (fold(old_column_name), fold(new_column_name));
            column::rename(session, table, &old, &new).await?;
        }
        AlterTableOperation::AlterColumn { column_name, op } => {
            alter_column(session, table, &fold(column_name), op).await?;
        }
        other => {
            let text = other.to_string();
            let words: Vec<&str> = text.split_whitespace().take(2).collect();
            let words = words.join(" ").to_uppercase();
            return Err(SqlError::not_supported(format!("ALTER TABLE ... {words}")));
        }
    }
    Ok(())
}

async fn alter_column(
    session: &mut Session,
    table: &Arc<Table>,
    name: &str,
    operation: &AlterColumnOperation,
) -> Result<(), SqlError> {
    match operation {
        AlterColumnOperation::SetNotNull => column::set_nullable(session, table, name, false).await,
        AlterColumnOperation::DropNotNull => column::set_nullable(session, table, name, true).await,
        AlterColumnOperation::SetDefault { value }
            if let Some(clause) = parse::sequence::identity(value)? =>
        {
            let column = column::find(table, name)?;
            super::identity::alter(session, table, column, &clause).await
        }
        AlterColumnOperation::SetDefault { value } => {
            column::set_default(session, table, name, Some(value)).await
        }
        AlterColumnOperation::DropDefault => column::set_default(session, table, name, None).await,
        AlterColumnOperation::SetDataType {
            data_type, using, ..
        } => {
            super::identity::set_type(session, table, name, data_type).await?;
            rewrite::set_type(session, table, name, data_type, using.as_ref()).await
        }
        AlterColumnOperation::AddGenerated { .. } => Err(SqlError::not_supported(
            "ALTER TABLE ... ALTER COLUMN ... ADD GENERATED",
        )),
    }
}

/// The name of a schema that is there.
pub(super) fn schema_name(context: &StatementContext, id: SchemaId) -> &str {
    let schema = context.snapshot.schema(id);
    schema.map_or("", |schema| schema.name.as_str())
}

/// The table as the statements before left it.
async fn current(session: &mut Session, id: TableId) -> Result<Arc<Table>, SqlError> {
    let context = session.context().await?;
    let table = context.snapshot.table(id).map(Arc::clone);
    table.ok_or_else(|| SqlError::internal("a table that is being altered is gone"))
}
