//! Comments, owners, constraints and indexes of objects in a transaction.

use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::snapshot::{Constraint, ConstraintEntry, Index, Schema, SortKey, SortPart, View};
use crate::spec::{ColumnId, SchemaId, SequenceId, TableId, ViewId};
use crate::transaction::Transaction;
use crate::transaction::new::{NewConstraint, NewIndex, OwnerTarget};

/// What a comment is set on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommentTarget {
    /// A schema.
    Schema(SchemaId),
    /// A table.
    Table(TableId),
    /// A column of a table.
    Column(TableId, ColumnId),
    /// A view.
    View(ViewId),
    /// A column of a view, by index.
    ViewColumn(ViewId, usize),
    /// A sequence.
    Sequence(SequenceId),
    /// An index, by its id.
    Index(TableId, i64),
    /// A constraint, by its id.
    Constraint(TableId, i64),
}

impl Transaction {
    /// Sets or removes a comment.
    pub fn set_comment(
        &mut self,
        target: CommentTarget,
        comment: Option<String>,
    ) -> Result<(), Error> {
        self.check_writable()?;
        match target {
            CommentTarget::Schema(id) => {
                let schema = Schema {
                    comment,
                    ..(*self.schema(id)?).clone()
                };
                self.overlay.change_picture().put_schema(schema);
                Ok(())
            }
            CommentTarget::View(id) => {
                let view = View {
                    comment,
                    ..(*self.view(id)?).clone()
                };
                self.overlay.change_picture().put_view(Arc::new(view));
                Ok(())
            }
            CommentTarget::ViewColumn(id, index) => {
                let mut view = (*self.view(id)?).clone();
                view.columns
                    .get_mut(index)
                    .ok_or_else(|| absent("column"))?
                    .comment = comment;
                self.overlay.change_picture().put_view(Arc::new(view));
                Ok(())
            }
            CommentTarget::Sequence(id) => {
                self.change_sequence(id, |sequence| sequence.comment = comment)
            }
            CommentTarget::Table(id) => self.change_table(id, |table| table.comment = comment),
            CommentTarget::Column(id, column) => {
                let mut columns = self.table(id)?.columns.clone();
                let found = columns.iter_mut().find(|other| other.id == column);
                found.ok_or_else(|| absent("column"))?.comment = comment;
                self.change_table(id, |table| table.columns = columns)
            }
            CommentTarget::Index(id, index) => {
                let mut indexes = self.table(id)?.indexes.clone();
                let found = indexes.iter_mut().find(|other| other.id == index);
                found.ok_or_else(|| absent("index"))?.comment = comment;
                self.change_table(id, |table| table.indexes = indexes)
            }
            CommentTarget::Constraint(id, constraint) => {
                let mut constraints = self.table(id)?.constraints.clone();
                let found = constraints.iter_mut().find(|other| other.id == constraint);
                found.ok_or_else(|| absent("constraint"))?.comment = comment;
                self.change_table(id, |table| table.constraints = constraints)
            }
        }
    }

    /// Sets what the files of a table are sorted by from now on; nothing without parts.
    pub fn set_sort_key(&mut self, table: TableId, parts: Vec<SortPart>) -> Result<(), Error> {
        let seen = self.table(table)?;
        let old = seen.sort_key.as_ref().map_or(&[][..], |key| &key.parts);
        if old == parts.as_slice() {
            return Ok(());
        }
        let key = (!parts.is_empty()).then(|| SortKey {
            id: self.take_temporary(),
            parts,
        });
        self.change_table(table, |table| table.sort_key = key)
    }

    /// Gives an object to another role.
    pub fn set_owner(&mut self, target: OwnerTarget, role: &str) -> Result<(), Error> {
        self.check_writable()?;
        let owner_id = self.role(role)?.id;
        match target {
            OwnerTarget::Schema(id) => {
                let schema = Schema {
                    owner_id,
                    ..(*self.schema(id)?).clone()
                };
                self.overlay.change_picture().put_schema(schema);
                Ok(())
            }
            OwnerTarget::View(id) => {
                let view = View {
                    owner_id,
                    ..(*self.view(id)?).clone()
                };
                self.overlay.change_picture().put_view(Arc::new(view));
                Ok(())
            }
            OwnerTarget::Sequence(id) => {
                self.change_sequence(id, |sequence| sequence.owner_id = owner_id)
            }
            OwnerTarget::Table(id) => self.change_table(id, |table| table.owner_id = owner_id),
        }
    }

    /// Records a constraint on a table; columns by their ids. Returns its id.
    pub fn add_constraint(&mut self, table: TableId, new: NewConstraint) -> Result<i64, Error> {
        let names = &self.table(table)?.constraints;
        if names.iter().any(|entry| entry.name == new.name) {
            let text = format!("constraint \"{}\" already exists", new.name);
            return Err(Error::new(ErrorKind::Exists, text));
        }
        let entry = self.constraint_entry(new.name, new.constraint);
        let id = entry.id;
        self.change_table(table, |table| table.constraints.push(entry))?;
        Ok(id)
    }

    /// Gives a CHECK another text, after a column that it names was renamed.
    ///
    /// Errors: `NotFound` if the table has no CHECK of this id.
    pub fn replace_check(
        &mut self,
        table: TableId,
        id: i64,
        expression: &str,
    ) -> Result<(), Error> {
        let mut constraints = self.table(table)?.constraints.clone();
        let found = constraints.iter_mut().find(|entry| entry.id == id);
        match found.map(|entry| &mut entry.constraint) {
            Some(Constraint::Check { expression: text }) => *text = expression.to_owned(),
            _ => return Err(absent("constraint")),
        }
        self.change_table(table, |table| table.constraints = constraints)
    }

    /// Gives a constraint another name.
    pub fn rename_constraint(&mut self, table: TableId, id: i64, name: &str) -> Result<(), Error> {
        let mut constraints = self.table(table)?.constraints.clone();
        if constraints
            .iter()
            .any(|entry| entry.name == name && entry.id != id)
        {
            let text = format!("constraint \"{name}\" already exists");
            return Err(Error::new(ErrorKind::Exists, text));
        }
        let found = constraints.iter_mut().find(|entry| entry.id == id);
        found.ok_or_else(|| absent("constraint"))?.name = name.to_owned();
        self.change_table(table, |table| table.constraints = constraints)
    }

    /// Says whether rows from before a constraint fulfil it, too.
    pub fn set_constraint_valid(
        &mut self,
        table: TableId,
        id: i64,
        is_valid: bool,
    ) -> Result<(), Error> {
        let mut constraints = self.table(table)?.constraints.clone();
        let found = constraints.iter_mut().find(|entry| entry.id == id);
        found.ok_or_else(|| absent("constraint"))?.is_valid = is_valid;
        self.change_table(table, |table| table.constraints = constraints)
    }

    /// Gives an index another name and definition, after it or what it names was renamed.
    pub fn replace_index(
        &mut self,
        table: TableId,
        id: i64,
        name: &str,
        definition: &str,
    ) -> Result<(), Error> {
        let seen = self.table(table)?;
        let mut indexes = seen.indexes.clone();
        let found = indexes.iter_mut().find(|index| index.id == id);
        let found = found.ok_or_else(|| absent("index"))?;
        if found.name != name {
            self.check_relation_name(seen.schema_id, name)?;
        }
        found.name = name.to_owned();
        found.definition = definition.to_owned();
        self.change_table(table, |table| table.indexes = indexes)
    }

    /// Removes a constraint.
    pub fn drop_constraint(&mut self, table: TableId, id: i64) -> Result<(), Error> {
        if !self
            .table(table)?
            .constraints
            .iter()
            .any(|entry| entry.id == id)
        {
            return Err(absent("constraint"));
        }
        self.change_table(table, |table| {
            table.constraints.retain(|entry| entry.id != id)
        })
    }

    /// Records an index; nothing is built. Returns its id.
    pub fn create_index(&mut self, table: TableId, new: NewIndex) -> Result<i64, Error> {
        let schema_id = self.table(table)?.schema_id;
        self.check_relation_name(schema_id, &new.name)?;
        let id = self.take_temporary();
        let index = Index {
            id,
            name: new.name,
            columns: new.columns,
            unique: new.unique,
            definition: new.definition,
            comment: None,
        };
        self.change_table(table, |table| table.indexes.push(index))?;
        Ok(id)
    }

    /// Removes an index.
    pub fn drop_index(&mut self, table: TableId, id: i64) -> Result<(), Error> {
        if !self
            .table(table)?
            .indexes
            .iter()
            .any(|index| index.id == id)
        {
            return Err(absent("index"));
        }
        self.change_table(table, |table| table.indexes.retain(|index| index.id != id))
    }

    pub(super) fn constraint_entry(
        &mut self,
        name: String,
        constraint: Constraint,
    ) -> ConstraintEntry {
        ConstraintEntry {
            id: self.take_temporary(),
            name,
            constraint,
            is_valid: true,
            comment: None,
        }
    }
}

fn absent(kind: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("{kind} does not exist"))
}
