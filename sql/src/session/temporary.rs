//! What may be changed where nothing permanent may: temporary tables.
//!
//! As in PostgreSQL, a read-only transaction changes rows of temporary tables and makes,
//! alters and drops nothing. A replica, where every transaction reads only, does that
//! too, because there is no other place for its temporary tables.

use gotgan_storage::Relation;
use sqlparser::ast::{ObjectName, TableFactor};

use super::Session;
use crate::error::SqlError;
use crate::parse::name_parts;
use crate::resolve::{Name, Resolved, Resolver, TEMPORARY_ALIAS};
use crate::sqlstate;

impl Session {
    /// Name of the schema in which its temporary objects are.
    pub(crate) fn temporary_schema_name(&self) -> String {
        format!("pg_temp_{}", self.options.connection_id)
    }

    /// Whether a new relation of this name is temporary. `is_marked`: the statement says so.
    ///
    /// Errors: `42P16` if it says so and names another schema.
    pub(crate) fn makes_temporary(&self, is_marked: bool, name: &Name) -> Result<bool, SqlError> {
        let Some(schema) = &name.schema else {
            let path = self.settings.search_path();
            return Ok(is_marked || path.first().is_some_and(|first| first == TEMPORARY_ALIAS));
        };
        let is_own = schema == TEMPORARY_ALIAS || *schema == self.temporary_schema_name();
        match is_marked && !is_own {
            true => Err(SqlError::with_code(
                sqlstate::INVALID_TABLE_DEFINITION,
                "cannot create temporary relation in non-temporary schema",
            )),
            false => Ok(is_own),
        }
    }

    /// Refuses to change rows of a table where nothing may change.
    ///
    /// Errors: `25006`, but not for a temporary table.
    pub(crate) async fn require_rows_write(
        &mut self,
        statement: &str,
        table: &ObjectName,
    ) -> Result<(), SqlError> {
        match self.require_write(statement) {
            Err(_) if self.is_temporary(table).await? => Ok(()),
            result => result,
        }
    }

    /// As [`Self::require_rows_write`], for the table as UPDATE and its like name it.
    pub(crate) async fn require_target_write(
        &mut self,
        statement: &str,
        target: &TableFactor,
    ) -> Result<(), SqlError> {
        match target {
            TableFactor::Table { name, .. } => self.require_rows_write(statement, name).await,
            _ => self.require_write(statement),
        }
    }

    /// Refuses to change the definitions of relations where nothing may change.
    ///
    /// Errors: `25006`, but not for temporary relations on a replica.
    pub(crate) async fn require_definition_write(
        &mut self,
        statement: &str,
        relations: &[&ObjectName],
    ) -> Result<(), SqlError> {
        let result = self.require_write(statement);
        if result.is_err() && self.engine.is_replica {
            for relation in relations {
                // Of a name that may not be looked up nothing is told but this.
                if !matches!(self.is_temporary(relation).await, Ok(true)) {
                    return result;
                }
            }
            return Ok(());
        }
        result
    }

    /// Refuses to make a temporary relation in a transaction that was asked to read only.
    pub(crate) fn require_temporary_creation(&mut self, statement: &str) -> Result<(), SqlError> {
        match self.engine.is_replica && !self.is_in_past() {
            true => Ok(()),
            false => self.require_write(statement),
        }
    }

    async fn is_temporary(&mut self, name: &ObjectName) -> Result<bool, SqlError> {
        let name = Name::from_parts(&name_parts(name))?;
        let ctx = self.context().await?;
        let resolver = Resolver::of(&ctx);
        let schema = match resolver.find(&name)? {
            Some(Resolved::Stored(Relation::Table(table))) => table.schema_id,
            Some(Resolved::Stored(Relation::View(view))) => view.schema_id,
            _ => return Ok(false),
        };
        Ok(ctx.snapshot.is_temporary(schema))
    }
}
