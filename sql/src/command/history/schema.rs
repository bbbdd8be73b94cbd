//! All of a schema: its tables, then its views, under the name of a new schema.
//!
//! A view reads the restored relations where it read those of its own schema, and what is
//! there today of other schemas.

use std::ops::ControlFlow;
use std::sync::Arc;

use gotgan_storage::{
    AccessTarget, ObjectAccess, OwnerTarget, Privileges, Relation, RestoreSchema, Schema, Snapshot,
    Table, TableId, View, ViewDialect,
};
use sqlparser::ast::{self, Ident, ObjectNamePart};

use super::restore::{Planned, Target, name_sequences, owner_name, tell_left_keys};
use super::{Session, rights};
use crate::access::actor::{Actor, Object};
use crate::command::{create_view, owner, schema};
use crate::error::SqlError;
use crate::parse::{Node, fold};
use crate::pg_catalog::identifier::{quote, quote_qualified};
use crate::session::{Notice, not_kept};

/// A schema of a snapshot, and the name that it gets.
pub(super) struct Whole {
    /// Who will own it, if not who restores it.
    pub(super) owner: Option<i64>,
    pub(super) from: Arc<Snapshot>,
    pub(super) source: String,
    pub(super) target: String,
}

impl Whole {
    /// Makes the schema with everything in it; returns the names of its tables.
    ///
    /// Errors: `42P06` if the name is taken, `42939` if it is reserved.
    pub(super) async fn restore(
        &self,
        session: &mut Session,
        with_grants: bool,
    ) -> Result<Vec<String>, SqlError> {
        let planned = self.plan(session).await?;
        let order = RestoreSchema {
            from: Arc::clone(&self.from),
            schema: self.source()?.id,
            name: self.target.clone(),
            owner: owner_name(session, self.owner),
        };
        let storage = session.transaction().await?.storage()?;
        let restored = storage.restore_schema(&order).await.map_err(not_kept)?;
        let tables: Vec<TableId> = restored.tables.iter().map(|(_, new)| *new).collect();
        name_sequences(session, &self.from, &tables, &restored.sequences).await?;
        tell_left_keys(session, &self.from, &restored.tables).await?;
        if with_grants {
            for (source, table) in &restored.tables {
                rights::bring_grants(session, (&self.from, *source), *table).await?;
            }
        }
        self.restore_views(session, restored.left_out).await?;
        self.give_views(session).await?;
        let names = planned.iter().map(|table| table.target.display());
        Ok(names.collect())
    }

    /// Gives each restored view to whom it belonged: what it reads, it reads with that role's
    /// rights. If the role is gone, the schema's owner gets it, and it reads with the rights
    /// of who asks.
    async fn give_views(&self, session: &mut Session) -> Result<(), SqlError> {
        let ctx = session.context().await?;
        let Some(schema) = ctx.snapshot.schema_by_name(&self.target) else {
            return Ok(());
        };
        let source = self.source()?.id;
        let of_schema = ctx.rights.role(schema.owner_id).map(Arc::clone);
        let storage = session.transaction().await?.storage()?;
        for view in ctx
            .snapshot
            .views()
            .filter(|view| view.schema_id == schema.id)
        {
            let Some(Relation::View(before)) = self.from.relation(source, &view.name) else {
                continue;
            };
            let known = ctx.rights.view(before.id);
            let owner = known.map_or(before.owner_id, |known| known.owner);
            let target = OwnerTarget::View(view.id);
            if let Some(role) = ctx.rights.role(owner) {
                owner::transfer(storage, target, role)?;
            } else if let Some(role) = &of_schema {
                owner::transfer(storage, target, role)?;
                let access = ObjectAccess {
                    security_invoker: true,
                    ..(*view.access).clone()
                };
                storage.set_access(AccessTarget::View(view.id), access)?;
            }
        }
        Ok(())
    }

    /// The tables of the schema as they will be.
    pub(super) async fn plan(&self, session: &mut Session) -> Result<Vec<Planned>, SqlError> {
        let ctx = session.context().await?;
        let actor = Actor::of(&ctx);
        let source = self.source()?;
        actor.require(Object::Schema(source), Privileges::USAGE)?;
        actor.require(Object::Database, Privileges::CREATE)?;
        schema::refuse_reserved(&self.target)?;
        if ctx.snapshot.schema_by_name(&self.target).is_some() {
            return Err(SqlError::duplicate_schema(&self.target)
                .with_hint("Add AS and the name of a schema that does not exist."));
        }
        let relations = self.from.relations_in(source.id);
        let tables: Vec<Arc<Table>> = relations
            .filter_map(|relation| match relation {
                Relation::Table(table) => Some(table),
                Relation::View(_) => None,
            })
            .collect();
        for table in &tables {
            rights::require_source(&ctx, table)?;
        }
        let planned = tables.into_iter().map(|source| Planned {
            owner: None,
            from: Arc::clone(&self.from),
            target: Target {
                schema: None,
                schema_name: self.target.clone(),
                name: source.name.clone(),
                replaced: None,
            },
            source,
        });
        Ok(planned.collect())
    }

    fn source(&self) -> Result<&Arc<Schema>, SqlError> {
        self.from.schema_by_name(&self.source).ok_or_else(|| {
            SqlError::undefined_schema(&self.source)
                .with_detail(format!("It did not exist at snapshot {}.", self.from.id()))
        })
    }

    /// Makes the views whose text names the schema by another name than it has now. They
    /// may read each other: each round makes those that can be made.
    async fn restore_views(
        &self,
        session: &mut Session,
        mut waiting: Vec<Arc<View>>,
    ) -> Result<(), SqlError> {
        loop {
            let mut failed = Vec::new();
            let count = waiting.len();
            for view in waiting {
                match self.restore_view(session, &view).await {
                    Ok(()) => {}
                    Err(error) => failed.push((view, error)),
                }
            }
            if failed.len() < count && !failed.is_empty() {
                waiting = failed.into_iter().map(|(view, _)| view).collect();
                continue;
            }
            for (view, error) in failed {
                session.notify(Notice::info(format!(
                    "view {} is not restored: {}",
                    quote_qualified(&self.source, &view.name),
                    error.message
                )));
            }
            return Ok(());
        }
    }

    async fn restore_view(&self, session: &mut Session, view: &View) -> Result<(), SqlError> {
        if view.dialect == ViewDialect::DuckDb {
            return Err(SqlError::not_supported("the text of a view of DuckDB's"));
        }
        let columns = view.columns.iter().map(|column| quote(&column.name));
        let columns = columns.collect::<Vec<_>>().join(", ");
        let name = quote_qualified(&self.target, &view.name);
        let text = format!("CREATE VIEW {name} ({columns}) AS {}", view.text);
        let statement = crate::parse::parse_stored(&text)?
            .pop()
            .map(|parsed| parsed.node);
        let Some(Node::Ast(node)) = statement else {
            return Err(SqlError::internal("a view is no query"));
        };
        let ast::Statement::CreateView(mut create) = *node else {
            return Err(SqlError::internal("a view is no query"));
        };
        create.comment.clone_from(&view.comment);
        let _: ControlFlow<()> = ast::visit_relations_mut(create.query.as_mut(), |relation| {
            if let [schema, _] = relation.0.as_mut_slice()
                && schema
                    .as_ident()
                    .is_some_and(|part| fold(part) == self.source)
            {
                let target = Ident::with_quote('"', self.target.as_str());
                *schema = ObjectNamePart::Identifier(target);
            }
            ControlFlow::Continue(())
        });
        Box::pin(create_view::run(session, &create)).await?;
        Ok(())
    }
}
