//! ALTER VIEW: name, owner, names of columns, schema; and SET SCHEMA of tables.

use gotgan_storage::{NewView, Relation, View};

use super::{create_view, owner};
use crate::access::actor::Object;
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
    let found = match relation(session, &name, alter).await {
        Err(error) if alter.if_exists && error.code == sqlstate::UNDEFINED_TABLE => {
            let text = format!("relation \"{}\" does not exist, skipping", name.name);
            session.notify(Notice::info(text));
            return Ok(done);
        }
        found => found?,
    };
    let ctx = session.context().await?;
    owner::require(&ctx, owner::object(&found))?;
    let found = match (&alter.action, found) {
        (AlterAction::SetSchema(schema), found) => {
            set_schema(session, &found, &fold(schema)).await?;
            return Ok(done);
        }
        (_, Relation::View(view)) => view,
        (_, Relation::Table(table)) => return Err(not_a_view(&table.name)),
    };
    match &alter.action {
        AlterAction::Rename(new_name) => rename(session, &found, &fold(new_name)).await?,
        AlterAction::Owner(new) => owner::give(session, Object::View(&found), new).await?,
        AlterAction::RenameColumn(old, new) => {
            rename_column(session, &found, &fold(old), &fold(new)).await?;
        }
        AlterAction::Set(options) => {
            create_view::alter_options(session, &found, options, &[]).await?;
        }
        AlterAction::Reset(names) => {
            create_view::alter_options(session, &found, &[], names).await?;
        }
        AlterAction::SetSchema(_) => {}
        AlterAction::Other(words) => {
            return Err(SqlError::not_supported(format!("{tag} ... {words}")));
        }
    }
    Ok(done)
}

/// Moves a table or view; views that read it follow.
///
/// Errors: `3F000`; `42P07` if the schema has a relation of that name.
async fn set_schema(
    session: &mut Session,
    relation: &Relation,
    schema: &str,
) -> Result<(), SqlError> {
    let ctx = session.context().await?;
    let (id, name, old) = match relation {
        Relation::Table(table) => (table.id.0, &table.name, table.schema_id),
        Relation::View(view) => (view.id.0, &view.name, view.schema_id),
    };
    let target = ctx.snapshot.schema_by_name(schema);
    let target = target.ok_or_else(|| SqlError::undefined_schema(schema))?.id;
    if target == old {
        return Ok(());
    }
    owner::require_create(&ctx, target)?;
    super::schema::check_lifetime(&ctx, old, target)?;
    if ctx.snapshot.relation(target, name).is_some() {
        return Err(SqlError::with_code(
            sqlstate::DUPLICATE_TABLE,
            format!("relation \"{name}\" already exists in schema \"{schema}\""),
        ));
    }
    let storage = session.transaction().await?.storage()?;
    match relation {
        Relation::Table(table) => storage.set_table_schema(table.id, target)?,
        Relation::View(view) => storage.set_view_schema(view.id, target)?,
    }
    let old = super::alter_table::schema_name(&ctx, old);
    super::alter_table::follow(session, id, [old, name], [schema, name]).await
}

/// Gives a column of a view another name; views that read it show what they did before.
///
/// Errors: `42703`, `42701`.
pub(super) async fn rename_column(
    session: &mut Session,
    view: &View,
    old: &str,
    new: &str,
) -> Result<(), SqlError> {
    let names: Vec<String> = view.columns.iter().map(|c| c.name.clone()).collect();
    let Some(index) = names.iter().position(|name| name == old) else {
        return Err(SqlError::undefined_column(None, old));
    };
    if names.iter().any(|name| name == new) {
        return Err(SqlError::with_code(
            sqlstate::DUPLICATE_COLUMN,
            format!(
                "column \"{new}\" of relation \"{}\" already exists",
                view.name
            ),
        ));
    }
    let mut columns = view.columns.clone();
    new.clone_into(&mut columns[index].name);
    let owner = session.transaction().await?.storage()?.snapshot();
    let owner = owner.role_name(view.owner_id);
    let replaced = NewView {
        schema_id: view.schema_id,
        name: view.name.clone(),
        owner,
        text: view.text.clone(),
        duckdb_text: view.duckdb_text.clone(),
        columns,
        dependencies: view.dependencies.clone(),
        comment: view.comment.clone(),
    };
    let storage = session.transaction().await?.storage()?;
    storage.replace_view(view.id, replaced)?;
    let object = (view.id.0, view.name.as_str());
    super::alter_table::keep_output(session, object, &names, (old, new)).await
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
    owner::require_create(&ctx, view.schema_id)?;
    if ctx.snapshot.relation(view.schema_id, new_name).is_some() {
        return Err(SqlError::duplicate_table(new_name));
    }
    let storage = session.transaction().await?.storage()?;
    storage.rename_view(view.id, new_name)?;
    let schema = super::alter_table::schema_name(&ctx, view.schema_id);
    let (old, new) = ([schema, view.name.as_str()], [schema, new_name]);
    super::alter_table::follow(session, view.id.0, old, new).await
}

/// The relation that is altered.
///
/// Errors: `42P01`; `42809` for one of another kind.
async fn relation(
    session: &mut Session,
    name: &Name,
    alter: &AlterRelation,
) -> Result<Relation, SqlError> {
    let planner = session.planner().await?;
    match planner.resolver().relation(name)? {
        Resolved::Stored(Relation::View(view)) => Ok(Relation::View(view)),
        Resolved::Stored(Relation::Table(table)) if !alter.is_view => Ok(Relation::Table(table)),
        Resolved::Stored(Relation::Table(_)) | Resolved::System(_) | Resolved::Sequence(_) => {
            Err(not_a_view(&name.name))
        }
    }
}

fn not_a_view(name: &str) -> SqlError {
    SqlError::with_code(
        sqlstate::WRONG_OBJECT_TYPE,
        format!("\"{name}\" is not a view"),
    )
}
