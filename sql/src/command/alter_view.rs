//! ALTER VIEW: name, owner.

use std::sync::Arc;

use gotgan_storage::{OwnerTarget, Relation, View};

use crate::error::SqlError;
use crate::parse::alter::{AlterAction, AlterRelation};
use crate::parse::{fold, name_parts};
use crate::resolve::{Name, Resolved};
use crate::session::{Notice, Outcome, Session};
use crate::sqlstate;

pub(crate) async fn run(session: &mut Session, alter: &AlterRelation) -> Result<Outcome, SqlError> {
    let tag = if alter.is_view {
        "ALTER VIEW"
    } else {
        "ALTER TABLE"
    };
    session.require_write(tag)?;
    let name = Name::from_parts(&name_parts(&alter.name))?;
    let done = Outcome::Command(tag.to_owned());
    if matches!(alter.action, AlterAction::SetSchema) {
        return Err(SqlError::not_supported(format!("{tag} ... SET SCHEMA")));
    }
    let found = match view(session, &name).await {
        Err(error) if alter.if_exists && error.code == sqlstate::UNDEFINED_TABLE => {
            let text = format!("relation \"{}\" does not exist, skipping", name.name);
            session.notify(Notice::info(text));
            return Ok(done);
        }
        found => found?,
    };
    match &alter.action {
        AlterAction::Rename(new_name) => rename(session, &found, &fold(new_name)).await?,
        AlterAction::Owner(owner) => {
            let owner = super::schema::owner_name(owner, &session.options.user);
            let ctx = session.context().await?;
            super::schema::require_role(&ctx, &owner)?;
            let storage = session.transaction().await?.storage()?;
            storage.set_owner(OwnerTarget::View(found.id), &owner)?;
        }
        AlterAction::SetSchema => {}
        AlterAction::Other(words) => {
            return Err(SqlError::not_supported(format!("{tag} ... {words}")));
        }
    }
    Ok(done)
}

/// Gives a view another name in its schema.
///
/// Errors: `42P07` if a relation has that name.
pub(super) async fn rename(
    session: &mut Session,
    view: &View,
    new_name: &str,
) -> Result<(), SqlError> {
    let ctx = session.context().await?;
    if ctx.snapshot.relation(view.schema_id, new_name).is_some() {
        return Err(SqlError::duplicate_table(new_name));
    }
    let storage = session.transaction().await?.storage()?;
    storage.rename_view(view.id, new_name)?;
    let schema = super::alter_table::schema_name(&ctx, view.schema_id);
    let (old, new) = ([schema, view.name.as_str()], [schema, new_name]);
    super::alter_table::follow(session, view.id.0, old, new).await
}

/// The view of this name.
///
/// Errors: `42P01`; `42809` for another relation.
async fn view(session: &mut Session, name: &Name) -> Result<Arc<View>, SqlError> {
    let planner = session.planner().await?;
    match planner.resolver().relation(name)? {
        Resolved::Stored(Relation::View(view)) => Ok(view),
        Resolved::Stored(Relation::Table(_)) | Resolved::System(_) => Err(SqlError::with_code(
            sqlstate::WRONG_OBJECT_TYPE,
            format!("\"{}\" is not a view", name.name),
        )),
    }
}
