//! ALTER TABLE: names, owner, informational keys.

use gotgan_storage::{OwnerTarget, Table};
use sqlparser::ast::{AlterTable, AlterTableOperation, RenameTableNameKind};

use crate::error::SqlError;
use crate::parse::{fold, name_parts};
use crate::resolve::Name;
use crate::session::{Notice, Outcome, Session};
use crate::sqlstate;

pub(crate) async fn run(session: &mut Session, alter: &AlterTable) -> Result<Outcome, SqlError> {
    session.require_write("ALTER TABLE")?;
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
    table: &Table,
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
            session
                .transaction()
                .await?
                .storage()?
                .rename_table(table.id, &new_name)?;
        }
        AlterTableOperation::OwnerTo { new_owner } => {
            let owner = super::schema::owner_name(new_owner, &session.options.user);
            let ctx = session.context().await?;
            super::schema::require_role(&ctx, &owner)?;
            let storage = session.transaction().await?.storage()?;
            storage.set_owner(OwnerTarget::Table(table.id), &owner)?;
        }
        AlterTableOperation::AddConstraint { constraint, .. } => {
            super::create_table::add_constraint(session, table, constraint).await?;
        }
        AlterTableOperation::DropConstraint {
            name, if_exists, ..
        } => {
            let name = fold(name);
            let found = table.constraints.iter().find(|entry| entry.name == name);
            match found {
                Some(entry) => {
                    let storage = session.transaction().await?.storage()?;
                    storage.drop_constraint(table.id, entry.id)?;
                }
                None if *if_exists => {}
                None => {
                    return Err(SqlError::with_code(
                        sqlstate::UNDEFINED_OBJECT,
                        format!(
                            "constraint \"{name}\" of relation \"{}\" does not exist",
                            table.name
                        ),
                    ));
                }
            }
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
