//! ALTER TABLE: names, owner, columns, constraints.
//!
//! Several actions are done in PostgreSQL's order of passes, not as they are written.
//!
//! Source: PostgreSQL 15, `tablecmds.c`, `ATPrepCmd`.

use std::sync::Arc;

use gotgan_storage::{Relation, SchemaId, Table, TableId, View};
use sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableOperation, DropBehavior, RenameTableNameKind,
    TableConstraint,
};

use super::{alter_view, owner};
use crate::access::actor::Object;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::{self, fold, name_parts};
use crate::resolve::{Name, Resolved};
use crate::session::{Notice, Outcome, Session};
use crate::sqlstate;

mod column;
mod constraint;
pub(super) mod guarded;
mod rewrite;
mod rows;
mod views;

pub(crate) use column::columns_of;
pub(super) use guarded::policies_over;
pub(super) use views::{follow, keep_output};

pub(crate) async fn run(session: &mut Session, alter: &AlterTable) -> Result<Outcome, SqlError> {
    session
        .require_definition_write("ALTER TABLE", &[&alter.name])
        .await?;
    let done = Outcome::Command("ALTER TABLE".to_owned());
    let name = Name::from_parts(&name_parts(&alter.name))?;
    if alter.operations.len() > 1 && alter.operations.iter().any(renames) {
        return Err(SqlError::syntax("syntax error at or near \",\""));
    }
    let planner = session.planner().await?;
    if let Some(Resolved::Stored(Relation::View(view))) = planner.resolver().find(&name)? {
        owner::require(&planner.ctx, Object::View(&view))?;
        for operation in &alter.operations {
            of_view(session, &view, operation).await?;
        }
        return Ok(done);
    }
    if let Some(Resolved::Sequence(sequence)) = planner.resolver().find(&name)? {
        owner::require(&planner.ctx, Object::Sequence(&sequence))?;
        for operation in &alter.operations {
            super::sequence::alter_as_table(session, &sequence, operation).await?;
        }
        return Ok(done);
    }
    let table = match super::truncate::table(&planner.ctx, &name) {
        Err(error) if alter.if_exists && error.code == sqlstate::UNDEFINED_TABLE => {
            let text = format!("relation \"{}\" does not exist, skipping", name.name);
            session.notify(Notice::info(text));
            return Ok(done);
        }
        other => other?,
    };
    owner::require(&planner.ctx, Object::Table(&table))?;
    let mut operations: Vec<&AlterTableOperation> = alter.operations.iter().collect();
    operations.sort_by_key(|operation| pass(operation));
    let is_type = |operation: &&AlterTableOperation| pass(operation) == TYPE_PASS;
    let first = operations.iter().position(is_type);
    for (index, operation) in operations.iter().enumerate() {
        let table = current(session, table.id).await?;
        match first {
            // All types change in one pass over the rows as they were.
            Some(first) if is_type(operation) => {
                if index == first {
                    let types: Vec<_> = operations.iter().filter_map(|o| new_type(o)).collect();
                    rewrite::set_types(session, &table, &types).await?;
                }
            }
            _ => apply(session, &table, operation).await?,
        }
    }
    Ok(done)
}

/// The pass in which columns get other types.
const TYPE_PASS: u8 = 1;

/// When an action is done among several.
fn pass(operation: &AlterTableOperation) -> u8 {
    use AlterColumnOperation as C;
    use AlterTableOperation as T;
    match operation {
        T::DropColumn { .. } | T::DropConstraint { .. } => 0,
        T::AlterColumn { op, .. } => match op {
            C::DropNotNull | C::DropDefault => 0,
            C::SetDataType { .. } => TYPE_PASS,
            C::SetNotNull => 3,
            C::SetDefault { .. } | C::AddGenerated { .. } => 5,
        },
        T::AddColumn { .. } => 2,
        T::AddConstraint { constraint, .. } => match constraint {
            TableConstraint::PrimaryKey(_) | TableConstraint::Unique(_) => 4,
            _ => 5,
        },
        _ => 6,
    }
}

/// Whether an action is a statement of its own in PostgreSQL.
fn renames(operation: &AlterTableOperation) -> bool {
    matches!(
        operation,
        AlterTableOperation::RenameTable { .. }
            | AlterTableOperation::RenameColumn { .. }
            | AlterTableOperation::RenameConstraint { .. }
    )
}

fn new_type(operation: &AlterTableOperation) -> Option<rewrite::NewType<'_>> {
    let AlterTableOperation::AlterColumn {
        column_name,
        op: AlterColumnOperation::SetDataType {
            data_type, using, ..
        },
    } = operation
    else {
        return None;
    };
    Some(rewrite::NewType {
        column: fold(column_name),
        data_type,
        using: using.as_ref(),
    })
}

/// What ALTER TABLE does with a view.
///
/// Errors: `42809` for what only tables have.
async fn of_view(
    session: &mut Session,
    view: &View,
    operation: &AlterTableOperation,
) -> Result<(), SqlError> {
    use AlterColumnOperation as C;
    use AlterTableOperation as T;
    let action = match operation {
        T::RenameTable {
            table_name: RenameTableNameKind::To(name) | RenameTableNameKind::As(name),
        } => {
            let name = name_parts(name).pop().unwrap_or_default();
            return alter_view::rename(session, view, &name).await;
        }
        T::RenameColumn {
            old_column_name,
            new_column_name,
        } => {
            let (old, new) = (fold(old_column_name), fold(new_column_name));
            return alter_view::rename_column(session, view, &old, &new).await;
        }
        T::OwnerTo { new_owner } => {
            return owner::give(session, Object::View(view), new_owner).await;
        }
        T::AddColumn { .. } => "ADD COLUMN",
        T::DropColumn { .. } => "DROP COLUMN",
        T::AddConstraint { .. } => "ADD CONSTRAINT",
        T::DropConstraint { .. } => "DROP CONSTRAINT",
        T::ValidateConstraint { .. } => "VALIDATE CONSTRAINT",
        T::AlterColumn { op, .. } => match op {
            C::SetDataType { .. } => "ALTER COLUMN ... SET DATA TYPE",
            C::SetNotNull => "ALTER COLUMN ... SET NOT NULL",
            C::DropNotNull => "ALTER COLUMN ... DROP NOT NULL",
            C::AddGenerated { .. } => "ALTER COLUMN ... ADD IDENTITY",
            C::SetDefault { .. } | C::DropDefault => {
                return Err(SqlError::not_supported("a default of a view's column"));
            }
        },
        other => return Err(unsupported(other)),
    };
    Err(SqlError::with_code(
        sqlstate::WRONG_OBJECT_TYPE,
        format!(
            "ALTER action {action} cannot be performed on relation \"{}\"",
            view.name
        ),
    )
    .with_detail("This operation is not supported for views."))
}

fn unsupported(operation: &AlterTableOperation) -> SqlError {
    let text = operation.to_string();
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    let words = words.join(" ").to_uppercase();
    SqlError::not_supported(format!("ALTER TABLE ... {words}"))
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
            rename(session, table, &new_name).await?;
        }
        AlterTableOperation::OwnerTo { new_owner } => {
            owner::give(session, Object::Table(table), new_owner).await?;
        }
        AlterTableOperation::AddConstraint {
            constraint: added,
            not_valid,
        } => constraint::add(session, table, added, !not_valid).await?,
        AlterTableOperation::ValidateConstraint { name } => {
            constraint::validate(session, table, &fold(name)).await?;
        }
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
        other => return Err(unsupported(other)),
    }
    Ok(())
}

async fn rename(session: &mut Session, table: &Table, new_name: &str) -> Result<(), SqlError> {
    let ctx = session.context().await?;
    owner::require_create(&ctx, table.schema_id)?;
    if ctx.snapshot.relation(table.schema_id, new_name).is_some() {
        return Err(SqlError::duplicate_table(new_name));
    }
    let storage = session.transaction().await?.storage()?;
    storage.rename_table(table.id, new_name)?;
    let schema = schema_name(&ctx, table.schema_id);
    let (old, new) = ([schema, table.name.as_str()], [schema, new_name]);
    views::follow(session, table.id.0, old, new).await
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
            let new_type = rewrite::NewType {
                column: name.to_owned(),
                data_type,
                using: using.as_ref(),
            };
            rewrite::set_types(session, table, &[new_type]).await
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
