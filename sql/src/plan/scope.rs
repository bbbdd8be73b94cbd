//! What the rewrite asks of the catalog while it resolves names.

use gotgan_storage::Relation;
use sqlparser::ast::ObjectName;

use super::{Planner, provider};
use crate::resolve::Resolved;
use crate::rewrite::scope::Columns;

impl Columns for Planner {
    fn columns(&self, name: &ObjectName) -> Option<Vec<String>> {
        Some(match self.named(name)? {
            Resolved::System(relation) => {
                let fields = relation.fields.fields().iter();
                fields.map(|field| field.name().clone()).collect()
            }
            Resolved::Stored(Relation::Table(table)) => {
                let columns = table.columns.iter();
                columns.map(|column| column.name.clone()).collect()
            }
            Resolved::Stored(Relation::View(view)) => {
                let columns = view.columns.iter();
                columns.map(|column| column.name.clone()).collect()
            }
            Resolved::Sequence(_) => super::SEQUENCE_COLUMNS
                .iter()
                .map(|(name, _)| (*name).to_owned())
                .collect(),
        })
    }

    fn is_table(&self, name: &ObjectName) -> bool {
        match self.named(name) {
            Some(Resolved::System(relation)) => relation.kind == 'r',
            Some(Resolved::Stored(Relation::View(_)) | Resolved::Sequence(_)) => false,
            // What does not exist is an error of its own.
            Some(Resolved::Stored(Relation::Table(_))) | None => true,
        }
    }

    fn is_aggregate(&self, name: &str) -> bool {
        provider::is_aggregate(name, &self.ctx)
    }
}
