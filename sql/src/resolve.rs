//! Names to objects of one snapshot.
//!
//! Whether a schema may be looked into is asked before what is in it, so that an error
//! tells nothing of what is there.
//!
//! Errors: `42P01`, `3F000`, `42501`, and `0A000` for another database's objects.

use std::sync::Arc;

use gotgan_storage::{Privileges, Relation, Schema, Sequence, Snapshot};

use crate::access::actor::{Actor, Object};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::pg_catalog::{self, SystemRelation};
use crate::system_views;

/// The one database of a warehouse.
pub(crate) const DATABASE: &str = "gotgan";

/// What stands behind the `@` of a database's name, if it is that of the warehouse: the
/// state that the session reads. Tools that know no settings can connect to last week so.
///
/// Errors: `3D000` for another database.
pub fn database_moment(name: &str) -> Result<Option<&str>, SqlError> {
    match name.split_once('@') {
        None if name == DATABASE => Ok(None),
        Some((DATABASE, moment)) if !moment.is_empty() => Ok(Some(moment)),
        _ => Err(SqlError::undefined_database(name)),
    }
}

/// The session's own schema of temporary objects, whatever its name is.
pub(crate) const TEMPORARY_ALIAS: &str = "pg_temp";

/// What a name in FROM stands for.
pub(crate) enum Resolved {
    System(&'static SystemRelation),
    Stored(Relation),
    Sequence(Arc<Sequence>),
}

/// A name as it was written: one to three parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
}

impl Name {
    /// Errors: `0A000` if the first of three parts is another database.
    pub(crate) fn from_parts(parts: &[String]) -> Result<Self, SqlError> {
        match parts {
            [name] => Ok(Self {
                schema: None,
                name: name.clone(),
            }),
            [schema, name] => Ok(Self {
                schema: Some(schema.clone()),
                name: name.clone(),
            }),
            [database, schema, name] if database == DATABASE => Ok(Self {
                schema: Some(schema.clone()),
                name: name.clone(),
            }),
            _ => Err(SqlError::cross_database(&parts.join("."))),
        }
    }

    pub(crate) fn display(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.name),
            None => self.name.clone(),
        }
    }
}

/// Looks names up in one snapshot along one search path.
pub(crate) struct Resolver<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) search_path: &'a [String],
    /// Who looks, and may not look into every schema; nobody for a text that is stored,
    /// as what is in it was found when it was made.
    pub(crate) visitor: Option<&'a StatementContext>,
}

impl<'a> Resolver<'a> {
    /// Looks as the statement does.
    pub(crate) fn of(ctx: &'a StatementContext) -> Self {
        Self {
            snapshot: &ctx.snapshot,
            search_path: &ctx.search_path,
            visitor: Some(ctx),
        }
    }

    /// The relation of this name, if there is one.
    ///
    /// Errors: `42501` for a schema that may not be looked into. Those of the search path
    /// are not in it then.
    pub(crate) fn find(&self, name: &Name) -> Result<Option<Resolved>, SqlError> {
        let Some(schema) = &name.schema else {
            let mut path = self.search_path.iter();
            return Ok(path.find_map(|schema| self.find_in(schema, &name.name)));
        };
        self.require_usage(schema)?;
        Ok(self.find_in(schema, &name.name))
    }

    /// Errors: `42501` for a schema that may not be looked into.
    pub(crate) fn require_usage(&self, schema: &str) -> Result<(), SqlError> {
        match (self.visitor, self.snapshot.schema_by_name(schema)) {
            (Some(ctx), Some(schema)) if !self.snapshot.is_temporary(schema.id) => {
                Actor::of(ctx).require(Object::Schema(schema), Privileges::USAGE)
            }
            _ => Ok(()),
        }
    }

    fn find_in(&self, schema: &str, name: &str) -> Option<Resolved> {
        if let Some(relation) = pg_catalog::relation(schema, name) {
            return Some(Resolved::System(relation));
        }
        let schema = self.snapshot.schema_by_name(schema)?;
        if let Some(relation) = self.snapshot.relation(schema.id, name) {
            return Some(Resolved::Stored(relation));
        }
        let sequence = self.snapshot.sequence_by_name(schema.id, name)?;
        Some(Resolved::Sequence(Arc::clone(sequence)))
    }

    /// The relation of this name.
    ///
    /// Errors: `42P01`, as PostgreSQL gives also when the schema is missing; `42501`.
    pub(crate) fn relation(&self, name: &Name) -> Result<Resolved, SqlError> {
        self.find(name)?
            .ok_or_else(|| SqlError::undefined_table(&name.display()))
    }

    /// The relation of this name, for statements that are no queries: these tell of a
    /// schema that is missing.
    ///
    /// Errors: `3F000`, `42P01`, `42501`.
    pub(crate) fn named(&self, name: &Name) -> Result<Resolved, SqlError> {
        if let Some(schema) = &name.schema
            && !is_system_schema(schema)
        {
            self.schema(schema)?;
        }
        self.relation(name)
    }

    /// The schema of this name.
    pub(crate) fn schema(&self, name: &str) -> Result<Arc<Schema>, SqlError> {
        let found = self.snapshot.schema_by_name(name).map(Arc::clone);
        found.ok_or_else(|| SqlError::undefined_schema(name))
    }

    /// The schema that a new object with this name goes into, unless it is temporary.
    ///
    /// Errors: `3F000`; `42501` if nothing may be made in it.
    pub(crate) fn creation_schema(&self, name: &Name) -> Result<Arc<Schema>, SqlError> {
        let schema = self.target_schema(name)?;
        let is_temporary = self.snapshot.is_temporary(schema.id);
        if let Some(ctx) = self.visitor.filter(|_| !is_temporary) {
            Actor::of(ctx).require(Object::Schema(&schema), Privileges::CREATE)?;
        }
        Ok(schema)
    }

    fn target_schema(&self, name: &Name) -> Result<Arc<Schema>, SqlError> {
        if let Some(schema) = &name.schema {
            if is_system_schema(schema) {
                if let Some(ctx) = self.visitor {
                    let own = Object::SystemSchema(schema);
                    Actor::of(ctx).require(own, Privileges::CREATE)?;
                }
                return Err(SqlError::with_code(
                    crate::sqlstate::INSUFFICIENT_PRIVILEGE,
                    format!("permission denied to create \"{}\"", name.display()),
                )
                .with_detail("System catalog modifications are currently disallowed."));
            }
            return self.schema(schema);
        }
        let first = self
            .search_path
            .iter()
            .filter(|schema| !is_system_schema(schema))
            .filter_map(|schema| self.snapshot.schema_by_name(schema).map(Arc::clone))
            .find(|schema| !self.snapshot.is_temporary(schema.id));
        first.ok_or_else(|| {
            SqlError::with_code(
                crate::sqlstate::INVALID_SCHEMA_NAME,
                "no schema has been selected to create in",
            )
        })
    }
}

/// The schemas of a search path that are there and may be looked into. Temporary objects
/// come first and then `pg_catalog`, unless the path says where.
pub(crate) fn search_path(
    wanted: Vec<String>,
    user: &str,
    snapshot: &Snapshot,
    actor: &Actor,
) -> Vec<String> {
    let is_usable = |schema: &Arc<Schema>| {
        snapshot.is_temporary(schema.id)
            || actor
                .privileges(Object::Schema(schema))
                .contains(Privileges::USAGE)
    };
    let temporary = snapshot.temporary_schema().map(|schema| &schema.name);
    let mut path: Vec<String> = Vec::new();
    for name in wanted {
        let name = match name.as_str() {
            // The superuser's name is that of our own schema, which nobody means by it.
            "$user" if user == system_views::SCHEMA => continue,
            "$user" => user.to_owned(),
            TEMPORARY_ALIAS => temporary.cloned().unwrap_or(name),
            _ => name,
        };
        let found = snapshot.schema_by_name(&name);
        let exists = is_system_schema(&name) || found.is_some_and(is_usable);
        if exists && !path.contains(&name) {
            path.push(name);
        }
    }
    if !path.iter().any(|name| name == "pg_catalog") {
        path.insert(0, "pg_catalog".to_owned());
    }
    if let Some(name) = temporary
        && !path.contains(name)
    {
        path.insert(0, name.clone());
    }
    path
}

/// Schemas that hold generated relations only.
pub(crate) fn is_system_schema(name: &str) -> bool {
    matches!(name, "pg_catalog" | "information_schema" | "pg_toast") || name == system_views::SCHEMA
}
