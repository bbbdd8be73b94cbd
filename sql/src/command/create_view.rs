//! CREATE VIEW: the text is stored with its relations' schemas named, so that a
//! later search path cannot change what it reads.

use std::ops::ControlFlow;
use std::sync::Arc;

use gotgan_storage::{
    AccessTarget, NewView, ObjectAccess, Relation, SchemaId, TableId, View, ViewColumn, ViewId,
};
use sqlparser::ast::{
    self, Ident, ObjectName, ObjectNamePart, Query, SelectItem, SetExpr, VisitMut, VisitorMut,
};

use super::grant::give_defaults;
use super::owner;
use crate::error::SqlError;
use crate::parse::{fold, name_parts};
use crate::plan::Planner;
use crate::resolve::{Name, Resolved};
use crate::rewrite;
use crate::session::{Notice, Outcome, Session};
use crate::sqlstate;
use crate::types::{self, PgType};

pub(crate) async fn run(
    session: &mut Session,
    create: &ast::CreateView,
) -> Result<Outcome, SqlError> {
    if create.materialized {
        return Err(SqlError::not_supported("a materialized view"));
    }
    let name = Name::from_parts(&name_parts(&create.name))?;
    let is_temporary = session.makes_temporary(create.temporary, &name)?;
    match is_temporary {
        true => session.require_temporary_creation("CREATE VIEW")?,
        false => session.require_write("CREATE VIEW")?,
    }
    let options = view_options(&create.options)?;
    let planner = session.planner().await?;
    let mut view = definition(&planner, create, &name.name, &session.role_name())?;
    view.schema_id = schema(session, &planner, &name, is_temporary, &view.dependencies).await?;
    let seen = session.transaction().await?.snapshot();
    let existing = seen.relation(view.schema_id, &name.name);
    if let Some(existing) = existing.as_ref().filter(|_| create.or_replace) {
        owner::require(&planner.ctx, owner::object(existing))?;
    }
    let replaced = match existing {
        Some(_) if create.if_not_exists => {
            let text = format!("relation \"{}\" already exists, skipping", name.name);
            session.notify(Notice::info(text));
            return Ok(Outcome::Command("CREATE VIEW".to_owned()));
        }
        Some(Relation::View(view)) if create.or_replace => Some(view),
        Some(Relation::Table(_)) if create.or_replace => {
            return Err(SqlError::with_code(
                sqlstate::WRONG_OBJECT_TYPE,
                format!("\"{}\" is not a view", name.name),
            ));
        }
        Some(_) => return Err(SqlError::duplicate_table(&name.name)),
        None => None,
    };
    let id = if let Some(old) = &replaced {
        check_replacement(&old.columns, &view.columns)?;
        // Whoever acts for the owner may replace it, and it stays his.
        view.owner = seen.role_name(old.owner_id);
        let storage = session.transaction().await?.storage()?;
        storage.replace_view(old.id, view)?;
        old.id
    } else {
        let storage = session.transaction().await?.storage()?;
        let id = storage.create_view(view)?;
        give_defaults(session, AccessTarget::View(id)).await?;
        id
    };
    set_options(session, id, options).await?;
    Ok(Outcome::Command("CREATE VIEW".to_owned()))
}

/// Sets what WITH says of a view; what it does not say is off.
/// ALTER VIEW ... SET and RESET of options.
///
/// Errors: as those of CREATE VIEW.
pub(super) async fn alter_options(
    session: &mut Session,
    view: &View,
    set: &[ast::SqlOption],
    reset: &[Ident],
) -> Result<(), SqlError> {
    let mut options = ViewOptions {
        invoker: view.access.security_invoker,
        barrier: view.access.security_barrier,
    };
    for name in reset {
        match fold(name).as_str() {
            "security_invoker" => options.invoker = false,
            "security_barrier" => options.barrier = false,
            _ => {}
        }
    }
    for option in set {
        options.read(option)?;
    }
    set_options(session, view.id, options).await
}

async fn set_options(
    session: &mut Session,
    id: ViewId,
    options: ViewOptions,
) -> Result<(), SqlError> {
    let storage = session.transaction().await?.storage()?;
    let Some(view) = storage.snapshot().view(id).map(Arc::clone) else {
        return Ok(());
    };
    let now = ViewOptions {
        invoker: view.access.security_invoker,
        barrier: view.access.security_barrier,
    };
    if now == options {
        return Ok(());
    }
    let access = ObjectAccess {
        security_invoker: options.invoker,
        security_barrier: options.barrier,
        ..ObjectAccess::clone(&view.access)
    };
    Ok(storage.set_access(AccessTarget::View(id), access)?)
}

/// What WITH may say of a view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ViewOptions {
    /// It reads with the rights of who reads it.
    invoker: bool,
    /// Nothing of a statement goes below it.
    barrier: bool,
}

/// Errors: `22023` for an option that views do not have, or another value.
fn view_options(options: &ast::CreateTableOptions) -> Result<ViewOptions, SqlError> {
    let mut found = ViewOptions::default();
    let given = match options {
        ast::CreateTableOptions::None => return Ok(found),
        ast::CreateTableOptions::With(given) => given,
        _ => return Err(SqlError::not_supported("OPTIONS of a view")),
    };
    for option in given {
        found.read(option)?;
    }
    Ok(found)
}

impl ViewOptions {
    fn read(&mut self, option: &ast::SqlOption) -> Result<(), SqlError> {
        let invalid = |text: String| SqlError::with_code(sqlstate::INVALID_PARAMETER_VALUE, text);
        let (name, value) = match option {
            ast::SqlOption::Ident(name) => (name, "true".to_owned()),
            ast::SqlOption::KeyValue { key, value } => {
                let text = value.to_string();
                (key, text.trim_matches('\'').to_lowercase())
            }
            other => return Err(SqlError::not_supported(format!("the option {other}"))),
        };
        let name = fold(name);
        let slot = match name.as_str() {
            "security_invoker" => &mut self.invoker,
            "security_barrier" => &mut self.barrier,
            "check_option" => return Err(SqlError::not_supported("CHECK OPTION of a view")),
            other => return Err(invalid(format!("unrecognized parameter \"{other}\""))),
        };
        *slot = match value.as_str() {
            "true" | "on" | "1" | "yes" => true,
            "false" | "off" | "0" | "no" => false,
            _ => {
                let text = format!("invalid value for boolean option \"{name}\": {value}");
                return Err(invalid(text));
            }
        };
        Ok(())
    }
}

/// Where the view goes: one that reads what is temporary is so itself, and says so.
async fn schema(
    session: &mut Session,
    planner: &Planner,
    name: &Name,
    is_temporary: bool,
    dependencies: &[i64],
) -> Result<SchemaId, SqlError> {
    let snapshot = &planner.ctx.snapshot;
    let reads_temporary = dependencies.iter().any(|id| {
        let table = snapshot.table(TableId(*id)).map(|table| table.schema_id);
        let view = || snapshot.view(ViewId(*id)).map(|view| view.schema_id);
        let schema = table.or_else(view);
        schema.is_some_and(|schema| snapshot.is_temporary(schema))
    });
    if !is_temporary && !reads_temporary {
        return Ok(planner.resolver().creation_schema(name)?.id);
    }
    if !is_temporary {
        session.makes_temporary(true, name)?;
        let text = format!("view \"{}\" will be a temporary view", name.name);
        session.notify(Notice::info(text));
    }
    owner::require_temporary(&planner.ctx)?;
    let storage = session.transaction().await?.storage()?;
    Ok(storage.make_temporary_schema()?)
}

/// The view, in no schema yet.
fn definition(
    planner: &Planner,
    create: &ast::CreateView,
    name: &str,
    owner: &str,
) -> Result<NewView, SqlError> {
    let mut query = (*create.query).clone();
    let planned = planner.plan_query(&query, &[])?;
    if !planned.parameters.is_empty() {
        return Err(SqlError::with_code(
            sqlstate::UNDEFINED_PARAMETER,
            "there is no parameter in a view",
        ));
    }
    expand_wildcard(&mut query, planned.plan.schema());
    let dependencies = qualify(planner, &mut query)?;
    if create.columns.len() > planned.plan.schema().fields().len() {
        return Err(SqlError::syntax(
            "CREATE VIEW specifies more column names than columns",
        ));
    }
    let mut columns: Vec<ViewColumn> = Vec::new();
    for (index, field) in planned.plan.schema().fields().iter().enumerate() {
        let column = match create.columns.get(index) {
            Some(given) => fold(&given.name),
            None => rewrite::strip_suffix(field.name()).to_owned(),
        };
        if columns.iter().any(|other| other.name == column) {
            return Err(SqlError::duplicate_column(&column));
        }
        let column_type = types::column_type(PgType::of_field(field))?;
        columns.push(ViewColumn {
            name: column,
            column_type,
            comment: None,
        });
    }
    let text = query.to_string();
    // DuckDB reads plain queries over stored relations; it has no pg_catalog of ours.
    let is_portable = dependencies.reads_system == 0;
    Ok(NewView {
        schema_id: SchemaId(0),
        name: name.to_owned(),
        owner: owner.to_owned(),
        duckdb_text: is_portable.then(|| text.clone()),
        text,
        columns,
        dependencies: dependencies.objects,
        comment: create.comment.clone(),
    })
}

/// Columns may be added at the end; those that exist keep name and type.
fn check_replacement(old: &[ViewColumn], new: &[ViewColumn]) -> Result<(), SqlError> {
    let invalid =
        |message: String| SqlError::with_code(sqlstate::INVALID_TABLE_DEFINITION, message);
    if new.len() < old.len() {
        return Err(invalid("cannot drop columns from view".to_owned()));
    }
    for (old, new) in old.iter().zip(new) {
        if old.name != new.name {
            return Err(invalid(format!(
                "cannot change name of view column \"{}\" to \"{}\"",
                old.name, new.name
            )));
        }
        if old.column_type != new.column_type {
            return Err(invalid(format!(
                "cannot change data type of view column \"{}\" from {} to {}",
                old.name,
                PgType::of_column(&old.column_type).display(),
                PgType::of_column(&new.column_type).display()
            )));
        }
    }
    Ok(())
}

/// `*` as the columns that it means today, where the select list has just one.
fn expand_wildcard(query: &mut Query, schema: &datafusion::common::DFSchema) {
    let SetExpr::Select(select) = query.body.as_mut() else {
        return;
    };
    let is_wildcard = |item: &SelectItem| {
        matches!(
            item,
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(_, _)
        )
    };
    let wildcards = select
        .projection
        .iter()
        .filter(|item| is_wildcard(item))
        .count();
    let Some(position) = select.projection.iter().position(is_wildcard) else {
        return;
    };
    let others = select.projection.len() - 1;
    if wildcards != 1 || schema.fields().len() < others {
        return;
    }
    let expanded = schema.fields().len() - others;
    let items: Vec<SelectItem> = schema
        .iter()
        .skip(position)
        .take(expanded)
        .map(|(qualifier, field)| {
            let column = Ident::with_quote('"', field.name().as_str());
            SelectItem::UnnamedExpr(match qualifier {
                Some(relation) => ast::Expr::CompoundIdentifier(vec![
                    Ident::with_quote('"', relation.table()),
                    column,
                ]),
                None => ast::Expr::Identifier(column),
            })
        })
        .collect();
    select.projection.splice(position..=position, items);
}

/// What a view reads.
struct Dependencies {
    objects: Vec<i64>,
    reads_system: usize,
}

/// Names that WITH gives, by the queries around a place from the outside in.
#[derive(Default)]
struct CteScopes(Vec<CteScope>);

struct CteScope {
    names: Vec<String>,
    is_recursive: bool,
    /// How many of them can be meant already: each is known behind its own query.
    known: usize,
}

impl CteScopes {
    fn enter(&mut self, query: &Query) {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.0.push(CteScope {
            names: tables.map(|cte| fold(&cte.alias.name)).collect(),
            is_recursive: query.with.as_ref().is_some_and(|with| with.recursive),
            known: 0,
        });
    }

    /// The queries of WITH are the first ones below their query.
    fn leave(&mut self) {
        self.0.pop();
        if let Some(around) = self.0.last_mut() {
            around.known = around.names.len().min(around.known + 1);
        }
    }

    fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|scope| {
            let known = if scope.is_recursive {
                scope.names.len()
            } else {
                scope.known
            };
            scope.names.iter().take(known).any(|own| own == name)
        })
    }
}

/// Names the schema of every relation and collects what the view depends on.
fn qualify(planner: &Planner, query: &mut Query) -> Result<Dependencies, SqlError> {
    struct Qualifier<'a> {
        planner: &'a Planner,
        local: CteScopes,
        found: Dependencies,
    }
    impl VisitorMut for Qualifier<'_> {
        type Break = Box<SqlError>;
        fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
            self.local.enter(query);
            ControlFlow::Continue(())
        }
        fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<Self::Break> {
            self.local.leave();
            ControlFlow::Continue(())
        }
        fn post_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<Self::Break> {
            match self.relation(relation) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => ControlFlow::Break(Box::new(error)),
            }
        }
    }
    impl Qualifier<'_> {
        fn relation(&mut self, relation: &mut ObjectName) -> Result<(), SqlError> {
            let name = Name::from_parts(&name_parts(relation))?;
            if name.schema.is_none() && self.local.contains(&name.name) {
                return Ok(());
            }
            let resolver = self.planner.resolver();
            let (object, schema_id, own) = match resolver.find(&name)? {
                Some(Resolved::System(_)) => {
                    self.found.reads_system += 1;
                    return Ok(());
                }
                // A function in FROM is no relation.
                None => return Ok(()),
                Some(Resolved::Stored(Relation::Table(table))) => {
                    (table.id.0, table.schema_id, table.name.clone())
                }
                Some(Resolved::Stored(Relation::View(view))) => {
                    (view.id.0, view.schema_id, view.name.clone())
                }
                Some(Resolved::Sequence(sequence)) => {
                    (sequence.id.0, sequence.schema_id, sequence.name.clone())
                }
            };
            if !self.found.objects.contains(&object) {
                self.found.objects.push(object);
            }
            let schema = resolver.snapshot.schema(schema_id);
            let schema = schema.ok_or_else(|| SqlError::internal("a table without a schema"))?;
            let quoted = [schema.name.as_str(), own.as_str()].map(quoted_if_needed);
            *relation = ObjectName(quoted.into_iter().map(ObjectNamePart::Identifier).collect());
            Ok(())
        }
    }
    let found = Dependencies {
        objects: Vec::new(),
        reads_system: 0,
    };
    let mut qualifier = Qualifier {
        planner,
        local: CteScopes::default(),
        found,
    };
    match VisitMut::visit(query, &mut qualifier) {
        ControlFlow::Continue(()) => Ok(qualifier.found),
        ControlFlow::Break(error) => Err(*error),
    }
}

/// Names the schema of every relation in an expression that is stored.
///
/// Errors: `42501` for a schema that may not be looked into.
pub(super) fn qualify_expression(planner: &Planner, expr: &mut ast::Expr) -> Result<(), SqlError> {
    let mut query = crate::parse::parse_query("SELECT 1 WHERE true")?;
    let SetExpr::Select(select) = query.body.as_mut() else {
        return Err(SqlError::internal("SELECT was parsed as something else"));
    };
    select.selection = Some(expr.clone());
    qualify(planner, &mut query)?;
    if let SetExpr::Select(select) = *query.body
        && let Some(qualified) = select.selection
    {
        *expr = qualified;
    }
    Ok(())
}

pub(super) fn quoted_if_needed(name: &str) -> Ident {
    let is_plain = name
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if is_plain {
        Ident::new(name)
    } else {
        Ident::with_quote('"', name)
    }
}
