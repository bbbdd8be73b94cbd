//! Options of schemas and tables in a transaction.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::snapshot::Schema;
use crate::spec::{SchemaId, TableId};
use crate::transaction::Transaction;

/// What an option is set on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionTarget {
    /// A schema.
    Schema(SchemaId),
    /// A table.
    Table(TableId),
}

impl Transaction {
    /// Sets an option of a schema or table, or takes it away. What options there are and
    /// which values they take is the caller's to check.
    ///
    /// Errors: `NotFound` if there is no such object.
    pub fn set_option(
        &mut self,
        target: OptionTarget,
        name: &str,
        value: Option<String>,
    ) -> Result<(), Error> {
        self.check_writable()?;
        let set = |options: &mut BTreeMap<String, String>| match value {
            Some(value) => drop(options.insert(name.to_owned(), value)),
            None => drop(options.remove(name)),
        };
        match target {
            OptionTarget::Table(id) => self.change_table(id, |table| set(&mut table.options)),
            OptionTarget::Schema(id) => {
                let old = self.schema(id)?;
                let mut schema: Schema = (*old).clone();
                set(&mut schema.options);
                if schema != *old {
                    self.overlay.change_picture().put_schema(schema);
                }
                Ok(())
            }
        }
    }
}
