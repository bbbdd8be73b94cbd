//! Views over a table whose columns change.
//!
//! A view keeps its columns: what they are is planned again after the change and
//! compared with what the view declares.

use std::ops::ControlFlow;
use std::sync::Arc;

use gotgan_storage::{NewView, Relation, Snapshot, Table, View};
use sqlparser::ast::{self, TableFactor, VisitMut, VisitorMut};

use super::guarded;
use crate::change::quoted;
use crate::command::create_view::quoted_if_needed;
use crate::command::dependents::{Root, drop_all, notify_cascade, shown_view};
use crate::error::SqlError;
use crate::parse::name_parts;
use crate::plan::Planner;
use crate::resolve::{Name, Resolved};
use crate::session::Session;
use crate::sqlstate;
use crate::types::PgType;

/// Views that name the table directly.
fn readers(snapshot: &Snapshot, table: &Table) -> Vec<Arc<View>> {
    let reads = |view: &&Arc<View>| view.dependencies.contains(&table.id.0);
    snapshot.views().filter(reads).cloned().collect()
}

/// Whether the view still gives the columns that it declares.
fn is_whole(planner: &Planner, view: &View) -> bool {
    let Ok(query) = crate::parse::parse_query(&view.text) else {
        return true;
    };
    let Ok(planned) = planner.plan_query(&query, &[]) else {
        return false;
    };
    let fields = planned.plan.schema().fields();
    fields.len() == view.columns.len()
        && fields.iter().zip(&view.columns).all(|(field, column)| {
            PgType::of_field(field).oid == PgType::of_column(&column.column_type).oid
        })
}

/// After a column was dropped: views that need it go too with CASCADE.
///
/// Errors: `2BP01` without CASCADE.
pub(super) async fn drop_broken(
    session: &mut Session,
    table: &Table,
    object: &str,
    cascade: bool,
) -> Result<(), SqlError> {
    let planner = session.planner().await?;
    let views = readers(&planner.ctx.snapshot, table);
    let broken: Vec<_> = views
        .into_iter()
        .filter(|view| !is_whole(&planner, view))
        .collect();
    if broken.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = broken
        .iter()
        .map(|view| shown_view(&planner.ctx, view))
        .collect();
    if !cascade {
        let dependents: Vec<String> = names
            .iter()
            .map(|view| format!("{view} depends on {object}"))
            .collect();
        return Err(SqlError::with_code(
            sqlstate::DEPENDENT_OBJECTS_STILL_EXIST,
            format!("cannot drop {object} because other objects depend on it"),
        )
        .with_detail(dependents.join("\n"))
        .with_hint("Use DROP ... CASCADE to drop the dependent objects too."));
    }
    notify_cascade(session, &names);
    for view in broken {
        let ctx = session.context().await?;
        // It may be gone by now, as it reads another one.
        if ctx.snapshot.view(view.id).is_some() {
            drop_all(session, &ctx, Root::View(&view), true).await?;
            session.transaction().await?.storage()?.drop_view(view.id)?;
        }
    }
    Ok(())
}

/// Before a column gets another type.
///
/// Errors: `0A000` if a view reads it.
pub(super) async fn refuse_reader(
    session: &mut Session,
    table: &Table,
    column: &str,
) -> Result<(), SqlError> {
    let snapshot = Arc::clone(&session.context().await?.snapshot);
    for view in readers(&snapshot, table) {
        let query = crate::parse::parse_query(&view.text)?;
        if super::column::columns_of_query(&query).contains(&column.to_owned()) {
            return Err(SqlError::with_code(
                sqlstate::FEATURE_NOT_SUPPORTED,
                "cannot alter type of a column used by a view or rule",
            )
            .with_detail(format!(
                "rule _RETURN on view {} depends on column \"{column}\"",
                view.name
            )));
        }
    }
    Ok(())
}

/// After a table or view got another name or schema: the views that read it name it anew.
///
/// `old`, `new`: schema and name.
pub(crate) async fn follow(
    session: &mut Session,
    object: i64,
    old: [&str; 2],
    new: [&str; 2],
) -> Result<(), SqlError> {
    let snapshot = Arc::clone(&session.context().await?.snapshot);
    let readers = snapshot
        .views()
        .filter(|view| view.dependencies.contains(&object));
    for view in readers {
        let Ok(mut query) = crate::parse::parse_query(&view.text) else {
            continue;
        };
        let mut follower = Follower { old, new };
        let _ = VisitMut::visit(&mut query, &mut follower);
        replace_text(session, view, &query).await?;
    }
    guarded::follow(session, &mut Follower { old, new }).await
}

/// Puts the new name of a relation in the place of the old one.
pub(super) struct Follower<'a> {
    old: [&'a str; 2],
    new: [&'a str; 2],
}

impl VisitorMut for Follower<'_> {
    type Break = ();

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let TableFactor::Table { name, alias, .. } = factor else {
            return ControlFlow::Continue(());
        };
        if name_parts(name) == self.old {
            let parts = self.new.map(quoted_if_needed);
            *name = ast::ObjectName::from(parts.to_vec());
            // The rest of the text goes on calling it by its former name.
            if alias.is_none() && self.old[1] != self.new[1] {
                *alias = Some(ast::TableAlias {
                    explicit: true,
                    name: quoted_if_needed(self.old[1]),
                    columns: Vec::new(),
                    at: None,
                });
            }
        }
        ControlFlow::Continue(())
    }
}

async fn replace_text(
    session: &mut Session,
    view: &View,
    query: &ast::Query,
) -> Result<(), SqlError> {
    let text = query.to_string();
    let storage = session.transaction().await?.storage()?;
    let replaced = NewView {
        schema_id: view.schema_id,
        name: view.name.clone(),
        owner: storage.snapshot().role_name(view.owner_id),
        duckdb_text: view.duckdb_text.as_ref().map(|_| text.clone()),
        text,
        columns: view.columns.clone(),
        dependencies: view.dependencies.clone(),
        comment: view.comment.clone(),
    };
    Ok(storage.replace_view(view.id, replaced)?)
}

/// After a column was renamed: views read it under its new name and show the old one.
///
/// `object`: id and name of the table or view; `columns`: its columns before; `renamed`:
/// the old name and the new one.
pub(crate) async fn keep_output(
    session: &mut Session,
    object: (i64, &str),
    columns: &[String],
    renamed: (&str, &str),
) -> Result<(), SqlError> {
    let planner = session.planner().await?;
    let (old, new) = renamed;
    let views = planner.ctx.snapshot.views();
    let readers = views.filter(|view| view.dependencies.contains(&object.0));
    for view in readers {
        let mut query = crate::parse::parse_query(&view.text)?;
        let named = super::column::columns_of_query(&query);
        if !named.iter().any(|name| name == old) {
            continue;
        }
        let columns = columns.iter().map(String::as_str);
        let shown = columns
            .filter(|name| named.iter().any(|other| other == name))
            .map(|name| (if name == old { new } else { name }, name));
        let mut renamer = Renamer {
            planner: &planner,
            object,
            columns: shown.collect(),
        };
        if let ControlFlow::Break(error) = VisitMut::visit(&mut query, &mut renamer) {
            return Err(*error);
        }
        replace_text(session, view, &query).await?;
    }
    Ok(())
}

/// Puts the relation, with its columns under their former names, in the relation's place.
struct Renamer<'a> {
    planner: &'a Planner,
    /// Id and name.
    object: (i64, &'a str),
    /// Names of the columns that are read: now, and before.
    columns: Vec<(&'a str, &'a str)>,
}

impl VisitorMut for Renamer<'_> {
    type Break = Box<SqlError>;

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        match self.replace(factor) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }
}

impl Renamer<'_> {
    fn replace(&self, factor: &mut TableFactor) -> Result<(), SqlError> {
        let TableFactor::Table { name, alias, .. } = &*factor else {
            return Ok(());
        };
        let resolved = self
            .planner
            .resolver()
            .find(&Name::from_parts(&name_parts(name))?)?;
        let found = match resolved {
            Some(Resolved::Stored(Relation::Table(table))) => Some(table.id.0),
            Some(Resolved::Stored(Relation::View(view))) => Some(view.id.0),
            _ => None,
        };
        if found != Some(self.object.0) {
            return Ok(());
        }
        let mut query = crate::parse::parse_query("SELECT 1")?;
        if let ast::SetExpr::Select(select) = query.body.as_mut() {
            let items = self.columns.iter().map(|(now, before)| {
                let expr = ast::Expr::Identifier(quoted_if_needed(now));
                match now == before {
                    true => ast::SelectItem::UnnamedExpr(expr),
                    false => ast::SelectItem::ExprWithAlias {
                        expr,
                        alias: quoted_if_needed(before),
                    },
                }
            });
            select.projection = items.collect();
            let relation = TableFactor::Table {
                name: name.clone(),
                alias: None,
                args: None,
                with_hints: Vec::new(),
                version: None,
                with_ordinality: false,
                partitions: Vec::new(),
                json_path: None,
                sample: None,
                index_hints: Vec::new(),
            };
            select.from = vec![ast::TableWithJoins {
                relation,
                joins: Vec::new(),
            }];
        }
        let alias = alias.clone().unwrap_or_else(|| ast::TableAlias {
            explicit: true,
            name: quoted(self.object.1),
            columns: Vec::new(),
            at: None,
        });
        *factor = TableFactor::Derived {
            lateral: false,
            subquery: Box::new(query),
            alias: Some(alias),
            sample: None,
        };
        Ok(())
    }
}
