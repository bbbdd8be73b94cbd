//! All of a schema: its tables, then its views, under the name of a new schema.
//!
//! A view reads the restored relations where it read those of its own schema, and what is
//! there today of other schemas.

use std::ops::ControlFlow;
use std::sync::Arc;

use gotgan_storage::{NewSchema, Relation, Schema, Snapshot, View, ViewDialect};
use sqlparser::ast::{self, Ident, ObjectNamePart};

use super::Session;
use super::restore::{Planned, Target, restore_one};
use crate::command::{create_view, schema};
use crate::error::SqlError;
use crate::parse::{Node, fold};
use crate::pg_catalog::identifier::{quote, quote_qualified};
use crate::session::Notice;

/// A schema of a snapshot, and the name that it gets.
pub(super) struct Whole {
    pub(super) from: Arc<Snapshot>,
    pub(super) source: String,
    pub(super) target: String,
}

impl Whole {
    /// Makes the schema with everything in it; returns the names of its tables.
    ///
    /// Errors: `42P06` if the name is taken, `42939` if it is reserved.
    pub(super) async fn restore(&self, session: &mut Session) -> Result<Vec<String>, SqlError> {
        let planned = self.plan(session).await?;
        let schema = self.make(session).await?;
        let mut names = Vec::with_capacity(planned.len());
        for mut table in planned {
            table.target.schema = Some(Arc::clone(&schema));
            restore_one(session, &table).await?;
            names.push(table.target.display());
        }
        self.restore_views(session).await?;
        Ok(names)
    }

    /// The tables of the schema as they will be.
    pub(super) async fn plan(&self, session: &mut Session) -> Result<Vec<Planned>, SqlError> {
        schema::refuse_reserved(&self.target)?;
        let ctx = session.context().await?;
        if ctx.snapshot.schema_by_name(&self.target).is_some() {
            return Err(SqlError::duplicate_schema(&self.target)
                .with_hint("Add AS and the name of a schema that does not exist."));
        }
        let relations = self.relations()?;
        let tables = relations.into_iter().filter_map(|relation| match relation {
            Relation::Table(table) => Some(table),
            Relation::View(_) => None,
        });
        let planned = tables.map(|source| Planned {
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

    fn relations(&self) -> Result<Vec<Relation>, SqlError> {
        let schema = self.from.schema_by_name(&self.source).ok_or_else(|| {
            SqlError::undefined_schema(&self.source)
                .with_detail(format!("It did not exist at snapshot {}.", self.from.id()))
        })?;
        Ok(self.from.relations_in(schema.id).collect())
    }

    async fn make(&self, session: &mut Session) -> Result<Arc<Schema>, SqlError> {
        let owner = session.options.user.clone();
        let name = self.target.clone();
        let storage = session.transaction().await?.storage()?;
        let id = storage.create_schema(NewSchema { name, owner })?;
        let schema = storage.snapshot().schema(id).map(Arc::clone);
        schema.ok_or_else(|| SqlError::internal("a schema that was just made is missing"))
    }

    /// Views may read each other: each round makes those that can be made.
    async fn restore_views(&self, session: &mut Session) -> Result<(), SqlError> {
        let relations = self.relations()?.into_iter();
        let mut waiting: Vec<Arc<View>> = relations
            .filter_map(|relation| match relation {
                Relation::View(view) => Some(view),
                Relation::Table(_) => None,
            })
            .collect();
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
        let statement = crate::parse::parse(&text)?.pop().map(|parsed| parsed.node);
        let Some(Node::Ast(node)) = statement else {
            return Err(SqlError::internal("a view is no query"));
        };
        let ast::Statement::CreateView(mut create) = *node else {
            return Err(SqlError::internal("a view is no query"));
        };
        create.comment.clone_from(&view.comment);
        let _: ControlFlow<()> = ast::visit_relations_mut(create.query.as_mut(), |relation| {
            if let [schema, _] = relation.0.as_mut_slice()
                && schema.as_ident().is_some_and(|part| fold(part) == self.source)
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
