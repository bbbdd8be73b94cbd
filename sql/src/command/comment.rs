//! COMMENT ON schemas, tables, views, columns, indexes, sequences, roles, constraints and
//! policies.

use gotgan_storage::{AccessTarget, CommentTarget, ObjectAccess, Relation};
use sqlparser::ast::{CommentObject, ObjectName};

use super::owner;
use crate::access::actor::{Actor, Object};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::comment::{Part, PartComment};
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
    if let (CommentObject::Role, [role]) = (kind, parts.as_slice()) {
        let text = text.filter(|text| !text.is_empty()).map(str::to_owned);
        super::role::comment(session, &ctx, role, text).await?;
        return Ok(Outcome::Command("COMMENT".to_owned()));
    }
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

/// Comments on a policy or a constraint, which belongs to its table.
///
/// Errors: `42P01`, `3F000`; `42704` without such a part; `42501` for who does not own the
/// table.
pub(crate) async fn on_part(
    session: &mut Session,
    comment: &PartComment,
) -> Result<Outcome, SqlError> {
    session.require_write("COMMENT")?;
    let ctx = session.context().await?;
    let name = Name::from_parts(&name_parts(&comment.table))?;
    let relation = Resolver::of(&ctx).named(&name)?;
    let (kind, part) = match comment.part {
        Part::Policy => ("policy", &comment.name),
        Part::Constraint => ("constraint", &comment.name),
    };
    let missing = || {
        let text = format!(
            "{kind} \"{part}\" for table \"{}\" does not exist",
            name.name
        );
        SqlError::with_code(sqlstate::UNDEFINED_OBJECT, text)
    };
    let Resolved::Stored(Relation::Table(table)) = relation else {
        return Err(missing());
    };
    let text = comment.text.clone().filter(|text| !text.is_empty());
    let require_owner = || match Actor::of(&ctx).owns(Object::Table(&table)) {
        true => Ok(()),
        false => Err(SqlError::must_be_owner("relation", &table.name)),
    };
    match comment.part {
        Part::Policy => {
            let mut access = ObjectAccess::clone(&table.access);
            let mut policies = access.policies.iter_mut();
            let found = policies.find(|policy| policy.name == *part);
            found.ok_or_else(missing)?.comment = text;
            require_owner()?;
            let target = AccessTarget::Table(table.id);
            session
                .transaction()
                .await?
                .storage()?
                .set_access(target, access)?;
        }
        Part::Constraint => {
            let mut constraints = table.constraints.iter();
            let found = constraints.find(|constraint| constraint.name == *part);
            let id = found.ok_or_else(missing)?.id;
            require_owner()?;
            let target = CommentTarget::Constraint(table.id, id);
            session
                .transaction()
                .await?
                .storage()?
                .set_comment(target, text)?;
        }
    }
    Ok(Outcome::Command("COMMENT".to_owned()))
}

fn target(
    ctx: &StatementContext,
    kind: &CommentObject,
    parts: &[String],
) -> Result<CommentTarget, SqlError> {
    let resolver = Resolver::of(ctx);
    let wrong_kind = |name: &str, kind: &str| {
        SqlError::with_code(
            sqlstate::WRONG_OBJECT_TYPE,
            format!("\"{name}\" is not a {kind}"),
        )
    };
    match kind {
        CommentObject::Schema => {
            let name = parts.last().map_or("", String::as_str);
            let schema = resolver.schema(name)?;
            owner::require(ctx, Object::Schema(&schema))?;
            Ok(CommentTarget::Schema(schema.id))
        }
        CommentObject::Table => {
            let name = Name::from_parts(parts)?;
            match resolver.relation(&name)? {
                Resolved::Stored(Relation::Table(table)) => {
                    owner::require(ctx, Object::Table(&table))?;
                    Ok(CommentTarget::Table(table.id))
                }
                _ => Err(wrong_kind(&name.name, "table")),
            }
        }
        CommentObject::View => {
            let name = Name::from_parts(parts)?;
            match resolver.relation(&name)? {
                Resolved::Stored(Relation::View(view)) => {
                    owner::require(ctx, Object::View(&view))?;
                    Ok(CommentTarget::View(view.id))
                }
                _ => Err(wrong_kind(&name.name, "view")),
            }
        }
        CommentObject::Sequence => {
            let name = Name::from_parts(parts)?;
            match resolver.relation(&name)? {
                Resolved::Sequence(sequence) => {
                    owner::require(ctx, Object::Sequence(&sequence))?;
                    Ok(CommentTarget::Sequence(sequence.id))
                }
                _ => Err(wrong_kind(&name.name, "sequence")),
            }
        }
        CommentObject::Column => column_target(ctx, parts),
        CommentObject::Index => {
            let name = Name::from_parts(parts)?;
            let found = super::drop::find_index(ctx, &name)?;
            let (table, index) = found.ok_or_else(|| SqlError::undefined_table(&name.display()))?;
            owner::require(ctx, Object::Index(table, &index.name))?;
            Ok(CommentTarget::Index(table.id, index.id))
        }
        other => Err(SqlError::not_supported(format!("COMMENT ON {other}"))),
    }
}

fn column_target(ctx: &StatementContext, parts: &[String]) -> Result<CommentTarget, SqlError> {
    let Some((column, relation)) = parts.split_last().filter(|(_, rest)| !rest.is_empty()) else {
        return Err(SqlError::syntax("column name must be qualified"));
    };
    let name = Name::from_parts(relation)?;
    let relation = Resolver::of(ctx).relation(&name)?;
    if let Resolved::Stored(relation) = &relation {
        let object = owner::object(relation);
        if !Actor::of(ctx).owns(object) {
            return Err(SqlError::must_be_owner("relation", object.display().1));
        }
    }
    match relation {
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
