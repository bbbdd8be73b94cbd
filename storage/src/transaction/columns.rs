//! Adding, changing and dropping columns of a table in a transaction.
//!
//! Files are read by field id, so none of this writes a row again, with one exception:
//! a type that older files cannot be read as. `replace_column` then gives the column a
//! new id, and the caller writes all rows again.
//!
//! Keys and indexes name columns by id and follow. What is text follows by the caller:
//! CHECKs, definitions of indexes, views (see `replace_check`, `replace_index`,
//! `replace_view`).
//!
//! Invariants:
//! - A column id is never used twice in a table, also when nothing shows it any more.
//! - What was checked against the rows (NOT NULL, a rewrite) is recorded as a read, so
//!   that rows that others add meanwhile are a conflict.

use std::sync::Arc;

use arrow::array::ArrayRef;

use crate::catalog::{Condition, Selection, decode};
use crate::error::{Error, ErrorKind};
use crate::snapshot::{Column, Constraint, SortKey, Table, initial_text};
use crate::spec::rows::ColumnRow;
use crate::spec::{ColumnId, TableId};
use crate::transaction::Transaction;
use crate::transaction::define::{dependents_exist, new_column};
use crate::transaction::new::NewColumn;
use crate::types::ColumnType;

/// What a change of a column's type took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeChange {
    /// It is done; every file reads as the new type.
    InPlace,
    /// Nothing was changed: the rows must be written again, see `replace_column`.
    NeedsRewrite,
}

impl Transaction {
    /// Adds a column after the others.
    ///
    /// `initial`: the value of the rows that are there, one row of the column's
    /// `arrow_type`; none is NULL. Without a value a NOT NULL column is for a table that
    /// the caller knows to be empty.
    /// Cost: 1 read of the catalog for the first column that a table gets.
    /// Errors: `Exists` if the name is taken; `Unsupported` for an initial value of a
    /// type whose `has_initial_value` is false.
    pub async fn add_column(
        &mut self,
        table: TableId,
        column: NewColumn,
        initial: Option<&ArrayRef>,
    ) -> Result<ColumnId, Error> {
        self.check_writable()?;
        let seen = self.table(table)?;
        check_column_name(&seen, &column.name)?;
        let initial_default = match initial {
            Some(value) => initial_text(&column.column_type, value)?,
            None => None,
        };
        let is_checked = !column.nullable && initial_default.is_none();
        let mut next = self.next_column(&seen).await?;
        let column = Column {
            initial_default,
            ..new_column(column, &mut next)
        };
        let id = column.id;
        self.change_table(table, |table| {
            table.columns.push(column);
            table.next_column = next;
        })?;
        if is_checked {
            self.record_read(table);
        }
        Ok(id)
    }

    /// Drops a column with the keys and indexes of the table that name it, and with the
    /// sequences that it owns.
    ///
    /// Errors: `Exists` if a foreign key of another table points at it; `Unsupported`
    /// for the only column, and for one of the sort key.
    pub fn drop_column(&mut self, table: TableId, id: ColumnId) -> Result<(), Error> {
        self.check_writable()?;
        let seen = self.table(table)?;
        let column = top_column(&seen, id)?;
        if seen.columns.len() == 1 {
            let text = "a table without columns is not supported";
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        if is_sorted_by(&seen, column) {
            let text = format!("dropping the sort key's column \"{}\"", column.name);
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        let is_referenced = self
            .overlay
            .picture
            .tables()
            .any(|other| other.id != table && references_column(other, table, id));
        if is_referenced {
            return Err(dependents_exist("column", &column.name));
        }
        self.drop_owned_sequences(table, Some(id));
        self.change_table(table, |table| {
            table.columns.retain(|column| column.id != id);
            table
                .constraints
                .retain(|entry| !names_column(&entry.constraint, table.id, id));
            table.indexes.retain(|index| !index.columns.contains(&id));
            if table.access.columns.contains_key(&id.0) {
                Arc::make_mut(&mut table.access).forget_column(id);
            }
        })
    }

    /// Renames a column.
    ///
    /// Errors: `Exists`; `Unsupported` if an expression of DuckDB's sorts by it.
    pub fn rename_column(&mut self, table: TableId, id: ColumnId, name: &str) -> Result<(), Error> {
        self.check_writable()?;
        let seen = self.table(table)?;
        let column = top_column(&seen, id)?;
        if column.name == name {
            return Ok(());
        }
        check_column_name(&seen, name)?;
        let sort_key = match &seen.sort_key {
            Some(key) if key.may_read(&column.name) => {
                let text = "renaming a column of a table that is sorted by an expression";
                return Err(Error::new(ErrorKind::Unsupported, text));
            }
            Some(key) if key.names(id) => Some(SortKey {
                id: self.take_temporary(),
                ..key.clone()
            }),
            other => other.clone(),
        };
        self.change_table(table, |table| table.sort_key = sort_key)?;
        self.change_column(table, id, |column| column.name = name.to_owned())
    }

    /// Gives a column another type, if every row can be read as that.
    pub fn set_column_type(
        &mut self,
        table: TableId,
        id: ColumnId,
        column_type: ColumnType,
    ) -> Result<TypeChange, Error> {
        self.check_writable()?;
        let seen = self.table(table)?;
        if !top_column(&seen, id)?.column_type.widens_to(&column_type) {
            return Ok(TypeChange::NeedsRewrite);
        }
        self.change_column(table, id, |column| retype(column, column_type))?;
        Ok(TypeChange::InPlace)
    }

    /// Gives a column another type under a new id, at its place and with its keys.
    ///
    /// Older files show it as NULL: the caller read the rows by the picture before,
    /// truncates the table and writes them again. Rows that others add meanwhile are a
    /// conflict. Returns the new id. Cost: as `add_column`.
    pub async fn replace_column(
        &mut self,
        table: TableId,
        id: ColumnId,
        column_type: ColumnType,
    ) -> Result<ColumnId, Error> {
        self.check_writable()?;
        let seen = self.table(table)?;
        let old = top_column(&seen, id)?.clone();
        let mut next = self.next_column(&seen).await?;
        let new = NewColumn {
            name: old.name,
            column_type,
            nullable: old.nullable,
            default: old.default,
            comment: old.comment,
        };
        let column = new_column(new, &mut next);
        let new_id = column.id;
        self.change_table(table, |table| {
            for other in table.columns.iter_mut().filter(|other| other.id == id) {
                *other = column.clone();
            }
            for index in &mut table.indexes {
                replace_id(&mut index.columns, id, new_id);
            }
            if let Some(key) = &mut table.sort_key {
                key.replace(id, new_id);
            }
            Arc::make_mut(&mut table.access).replace_column(id, new_id);
            table.next_column = next;
        })?;
        let picture = Arc::clone(&self.overlay.picture);
        for other in picture.tables() {
            if other.id == table || references_column(other, table, id) {
                self.change_table(other.id, |other| {
                    replace_in_constraints(other, table, id, new_id);
                })?;
            }
        }
        self.hand_over_sequences(table, id, new_id)?;
        self.record_read(table);
        Ok(new_id)
    }

    /// Sets or removes the default of rows to come: PostgreSQL's expression text.
    pub fn set_default(
        &mut self,
        table: TableId,
        id: ColumnId,
        default: Option<String>,
    ) -> Result<(), Error> {
        self.change_column(table, id, |column| column.default = default)
    }

    /// Allows or forbids NULL. That no row holds one is the caller's to check.
    pub fn set_nullable(
        &mut self,
        table: TableId,
        id: ColumnId,
        nullable: bool,
    ) -> Result<(), Error> {
        self.change_column(table, id, |column| column.nullable = nullable)?;
        if !nullable {
            self.record_read(table);
        }
        Ok(())
    }

    fn change_column(
        &mut self,
        table: TableId,
        id: ColumnId,
        change: impl FnOnce(&mut Column),
    ) -> Result<(), Error> {
        let mut columns = self.table(table)?.columns.clone();
        let column = columns.iter_mut().find(|column| column.id == id);
        change(column.ok_or_else(no_column)?);
        self.change_table(table, |table| table.columns = columns)
    }

    /// The next column id of a table; asks the catalog for those that were ever used.
    pub(super) async fn next_column(&self, table: &Table) -> Result<i64, Error> {
        if table.next_column > 0 {
            return Ok(table.next_column);
        }
        let of_table = vec![Condition::Equals("table_id", table.id.0)];
        let selection = Selection::of::<ColumnRow>(of_table);
        let rows = self.lake.catalog().select(&[selection]).await?.pop();
        let rows: Vec<ColumnRow> = decode(rows.unwrap_or_default())?;
        let last = rows.iter().map(|row| row.column_id).max();
        last.map(|last| last + 1).ok_or_else(|| {
            let text = "the catalog has a table without columns";
            Error::new(ErrorKind::Corrupt, text)
        })
    }
}

/// The new type for a column and its nested fields, which keep their ids.
fn retype(column: &mut Column, column_type: ColumnType) {
    let fields = column_type.children();
    column.column_type = column_type;
    for (child, (_, field_type)) in column.children.iter_mut().zip(fields) {
        retype(child, field_type);
    }
}

fn top_column(table: &Table, id: ColumnId) -> Result<&Column, Error> {
    table.column(id).ok_or_else(no_column)
}

/// Whether the sort key needs a column, or may.
fn is_sorted_by(table: &Table, column: &Column) -> bool {
    let key = table.sort_key.as_ref();
    key.is_some_and(|key| key.names(column.id) || key.may_read(&column.name))
}

fn no_column() -> Error {
    Error::new(ErrorKind::NotFound, "column does not exist")
}

fn check_column_name(table: &Table, name: &str) -> Result<(), Error> {
    match table.column_by_name(name) {
        None => Ok(()),
        Some(_) => {
            let text = format!(
                "column \"{name}\" of relation \"{}\" already exists",
                table.name
            );
            Err(Error::new(ErrorKind::Exists, text))
        }
    }
}

/// Whether a key of table `own` names its column `id`, from either side.
fn names_column(constraint: &Constraint, own: TableId, id: ColumnId) -> bool {
    match constraint {
        Constraint::PrimaryKey { columns } | Constraint::Unique { columns } => {
            columns.contains(&id)
        }
        Constraint::ForeignKey {
            columns,
            referenced_table,
            referenced_columns,
            ..
        } => {
            columns.contains(&id) || (*referenced_table == own && referenced_columns.contains(&id))
        }
        Constraint::Check { .. } => false,
    }
}

/// Whether a foreign key of the table points at a column of another.
pub(super) fn references_column(table: &Table, other: TableId, id: ColumnId) -> bool {
    table.constraints.iter().any(|entry| {
        matches!(&entry.constraint, Constraint::ForeignKey { referenced_table, referenced_columns, .. }
            if *referenced_table == other && referenced_columns.contains(&id))
    })
}

/// Puts a new column id where keys of `table` name the old one of table `owner`.
fn replace_in_constraints(table: &mut Table, owner: TableId, old: ColumnId, new: ColumnId) {
    let is_own = table.id == owner;
    for entry in &mut table.constraints {
        match &mut entry.constraint {
            Constraint::PrimaryKey { columns } | Constraint::Unique { columns } if is_own => {
                replace_id(columns, old, new);
            }
            Constraint::ForeignKey {
                columns,
                referenced_table,
                referenced_columns,
                ..
            } => {
                if is_own {
                    replace_id(columns, old, new);
                }
                if *referenced_table == owner {
                    replace_id(referenced_columns, old, new);
                }
            }
            _ => {}
        }
    }
}

fn replace_id(ids: &mut [ColumnId], old: ColumnId, new: ColumnId) {
    for id in ids.iter_mut().filter(|id| **id == old) {
        *id = new;
    }
}
