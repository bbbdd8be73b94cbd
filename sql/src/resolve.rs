//! Names to objects of one snapshot.
//!
//! Errors: `42P01`, `3F000`, and `0A000` for another database's objects.

use std::sync::Arc;

use gotgan_storage::{Relation, Schema, Sequence, Snapshot};

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
}

impl Resolver<'_> {
    /// The relation of this name, if there is one.
    pub(crate) fn find(&self, name: &Name) -> Option<Resolved> {
        match &name.schema {
            Some(schema) => self.find_in(schema, &name.name),
            None => self
                .search_path
                .iter()
                .find_map(|schema| self.find_in(schema, &name.name)),
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
    /// Errors: `42P01`, as PostgreSQL gives also when the schema is missing.
    pub(crate) fn relation(&self, name: &Name) -> Result<Resolved, SqlError> {
        self.find(name)
            .ok_or_else(|| SqlError::undefined_table(&name.display()))
    }

    /// The schema of this name.
    pub(crate) fn schema(&self, name: &str) -> Result<Arc<Schema>, SqlError> {
        let found = self.snapshot.schema_by_name(name).map(Arc::clone);
        found.ok_or_else(|| SqlError::undefined_schema(name))
    }

    /// The schema that a new object with this name goes into, unless it is temporary.
    pub(crate) fn creation_schema(&self, name: &Name) -> Result<Arc<Schema>, SqlError> {
        if let Some(schema) = &name.schema {
            if is_system_schema(schema) {
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

/// The schemas of a search path that are there. Temporary objects come first and then
/// `pg_catalog`, unless the path says where.
pub(crate) fn search_path(wanted: Vec<String>, user: &str, snapshot: &Snapshot) -> Vec<String> {
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
        let exists = is_system_schema(&name) || snapshot.schema_by_name(&name).is_some();
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
