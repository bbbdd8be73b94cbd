//! COMMENT ON schemas, tables, views, columns, indexes, sequences and databases.

use gotgan_storage::{CommentTarget, Relation};
use sqlparser::ast::{CommentObject, ObjectName};

use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::name_parts;
use crate::resolve::{Name, Resolved, Resolver};
use crate::session::{Outcome, Session};
use crate::sqlstate;

pub(crate) async fn run(
    session: &mut Session,
    kind: &CommentObject,
    name: &ObjectName,
    text: Option<&str>,
    if_exists: bool,
) -> Result<Outcome, SqlError> {
    session.require_write("COMMENT")?;
    let ctx = session.context().await?;
    let parts = name_parts(name);
    let target = match target(&ctx, kind, &parts) {
        Err(error) if if_exists && error.code == sqlstate::UNDEFINED_TABLE => {
            return Ok(Outcome::Command("COMMENT".to_owned()));
        }
        other => other?,
    };
    // An empty comment is none, as in PostgreSQL.
    let text = text.filter(|text| !text.is_empty()).map(str::to_owned);
    session
        .transaction()
        .await?
        .storage()?
        .set_comment(target, text)?;
    Ok(Outcome::Command("COMMENT".to_owned()))
}

fn target(
    ctx: &StatementContext,
    kind: &CommentObject,
    parts: &[String],
) -> Result<CommentTarget, SqlError> {
    let resolver = Resolver {
        snapshot: &ctx.snapshot,
        search_path: &ctx.search_path,
    };
    let wrong_kind = |name: &str, kind: &str| {
        SqlError::with_code(
            sqlstate::WRONG_OBJECT_TYPE,
            format!("\"{name}\" is not a {kind}"),
        )
    };
    match kind {
        CommentObject::Schema => {
            let name = parts.last().map_or("", String::as_str);
            Ok(CommentTarget::Schema(resolver.schema(name)?.id))
        }
        CommentObject::Table => {
            let name = Name::from_parts(parts)?;
            match resolver.relation(&name)? {
                Resolved::Stored(Relation::Table(table)) => Ok(CommentTarget::Table(table.id)),
                _ => Err(wrong_kind(&name.name, "table")),
            }
        }
        CommentObject::View => {
            let name = Name::from_parts(parts)?;
            match resolver.relation(&name)? {
                Resolved::Stored(Relation::View(view)) => Ok(CommentTarget::View(view.id)),
                _ => Err(wrong_kind(&name.name, "view")),
            }
        }
        CommentObject::Sequence => {
            let name = Name::from_parts(parts)?;
            match resolver.relation(&name)? {
                Resolved::Sequence(sequence) => Ok(CommentTarget::Sequence(sequence.id)),
                _ => Err(wrong_kind(&name.name, "sequence")),
            }
        }
        CommentObject::Column => column_target(&resolver, parts),
        CommentObject::Index => {
            let name = Name::from_parts(parts)?;
            let found = super::drop::find_index(&ctx.snapshot, &ctx.search_path, &name);
            let (table, index) = found.ok_or_else(|| SqlError::undefined_table(&name.display()))?;
            Ok(CommentTarget::Index(table, index))
        }
        other => Err(SqlError::not_supported(format!("COMMENT ON {other}"))),
    }
}

fn column_target(resolver: &Resolver<'_>, parts: &[String]) -> Result<CommentTarget, SqlError> {
    let Some((column, relation)) = parts.split_last().filter(|(_, rest)| !rest.is_empty()) else {
        return Err(SqlError::syntax("column name must be qualified"));
    };
    let name = Name::from_parts(relation)?;
    match resolver.relation(&name)? {
        Resolved::Stored(Relation::Table(table)) => {
            let found = table.column_by_name(column);
            let found = found.ok_or_else(|| SqlError::undefined_column_of(column, &table.name))?;
            Ok(CommentTarget::Column(table.id, found.id))
        }
        Resolved::Stored(Relation::View(view)) => {
            let index = view.columns.iter().position(|own| own.name == *column);
            let index = index.ok_or_else(|| SqlError::undefined_column_of(column, &view.name))?;
            Ok(CommentTarget::ViewColumn(view.id, index))
        }
        Resolved::Sequence(sequence) => Err(SqlError::with_code(
            sqlstate::WRONG_OBJECT_TYPE,
            format!("cannot set comment on relation \"{}\"", sequence.name),
        )
        .with_detail("This operation is not supported for sequences.")),
        Resolved::System(relation) => Err(SqlError::with_code(
            sqlstate::INSUFFICIENT_PRIVILEGE,
            format!(
                "permission denied: \"{}\" is a system catalog",
                relation.name
            ),
        )),
    }
}
