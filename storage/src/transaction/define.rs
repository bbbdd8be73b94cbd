//! Making, renaming and dropping schemas, tables and views in a transaction.
//!
//! Every change is checked against the picture that the transaction sees; clashes with
//! other transactions are found at the commit. Nothing cascades: the caller drops what
//! depends on an object first.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::access::Role;
use crate::error::{Error, ErrorKind};
use crate::snapshot::{Column, Constraint, Schema, Sequence, Table, View, ViewDialect};
use crate::spec::{ColumnId, SchemaId, SnapshotId, TableId, ViewId};
use crate::transaction::Transaction;
use crate::transaction::new::{NewColumn, NewSchema, NewTable, NewView};

impl Transaction {
    /// Makes a schema.
    pub fn create_schema(&mut self, schema: NewSchema) -> Result<SchemaId, Error> {
        self.check_writable()?;
        self.check_schema_name(&schema.name)?;
        let owner = self.role(&schema.owner)?;
        let id = SchemaId(self.take_temporary());
        let schema = Schema {
            id,
            name: schema.name,
            owner_id: owner.id,
            access: Arc::default(),
            comment: None,
            options: BTreeMap::new(),
            uuid: self.lake.ids().uuid().to_string(),
            path: String::new(),
            path_is_relative: true,
        };
        self.overlay.change_picture().put_schema(schema);
        Ok(id)
    }

    /// Drops an empty schema.
    pub fn drop_schema(&mut self, id: SchemaId) -> Result<(), Error> {
        self.check_writable()?;
        let schema = self.schema(id)?;
        if self.overlay.picture.is_used_schema(id) {
            return Err(dependents_exist("schema", &schema.name));
        }
        self.overlay.change_picture().remove_schema(id);
        self.forget_schema_defaults(id, None);
        Ok(())
    }

    /// Renames a schema. Its id changes, because the format cannot version a schema; its
    /// tables, views and sequences keep theirs.
    pub fn rename_schema(&mut self, id: SchemaId, name: &str) -> Result<SchemaId, Error> {
        self.check_writable()?;
        let schema = self.schema(id)?;
        if schema.name == name {
            return Ok(id);
        }
        self.check_schema_name(name)?;
        let new_id = SchemaId(self.take_temporary());
        let uuid = self.lake.ids().uuid().to_string();
        let renamed = Schema {
            id: new_id,
            name: name.to_owned(),
            uuid,
            ..(*schema).clone()
        };
        let tables = self
            .overlay
            .picture
            .tables()
            .filter(|table| table.schema_id == id);
        let tables: Vec<Arc<Table>> = tables.map(Arc::clone).collect();
        let views = self
            .overlay
            .picture
            .views()
            .filter(|view| view.schema_id == id);
        let views: Vec<Arc<View>> = views.map(Arc::clone).collect();
        let sequences = self.overlay.picture.sequences();
        let sequences = sequences.filter(|sequence| sequence.schema_id == id);
        let sequences: Vec<Arc<Sequence>> = sequences.map(Arc::clone).collect();
        let picture = self.overlay.change_picture();
        picture.put_schema(renamed);
        for table in tables {
            picture.put_table(Arc::new(Table {
                schema_id: new_id,
                ..(*table).clone()
            }));
        }
        for view in views {
            picture.put_view(Arc::new(View {
                schema_id: new_id,
                ..(*view).clone()
            }));
        }
        for sequence in sequences {
            picture.put_sequence(Arc::new(Sequence {
                schema_id: new_id,
                ..(*sequence).clone()
            }));
        }
        picture.remove_schema(id);
        self.forget_schema_defaults(id, Some(new_id));
        Ok(new_id)
    }

    /// Makes a table.
    pub fn create_table(&mut self, table: NewTable) -> Result<TableId, Error> {
        self.check_writable()?;
        self.schema(table.schema_id)?;
        self.check_relation_name(table.schema_id, &table.name)?;
        let owner = self.role(&table.owner)?;
        let id = TableId(self.take_temporary());
        let mut next_column = 1;
        let columns: Vec<Column> = table
            .columns
            .into_iter()
            .map(|column| new_column(column, &mut next_column))
            .collect();
        let mut constraints = Vec::with_capacity(table.constraints.len());
        for new in table.constraints {
            let constraint = by_position(new.constraint, id, &columns)?;
            constraints.push(self.constraint_entry(new.name, constraint));
        }
        let uuid = self.lake.ids().uuid().to_string();
        let made = Table {
            id,
            path: format!("{uuid}/"),
            uuid,
            schema_id: table.schema_id,
            name: table.name,
            owner_id: owner.id,
            access: Arc::default(),
            comment: table.comment,
            options: BTreeMap::new(),
            columns,
            constraints,
            indexes: Vec::new(),
            sort_key: None,
            row_count: 0,
            bytes: 0,
            last_change: SnapshotId(0),
            path_is_relative: true,
            next_column,
        };
        self.overlay.change_picture().put_table(Arc::new(made));
        Ok(id)
    }

    /// Drops a table on which nothing depends, with the sequences that it owns.
    pub fn drop_table(&mut self, id: TableId) -> Result<(), Error> {
        self.check_writable()?;
        let table = self.table(id)?;
        let picture = &self.overlay.picture;
        let is_referenced = picture
            .tables()
            .any(|other| other.id != id && references(other, id));
        if is_referenced || !picture.dependents(id.0).is_empty() {
            return Err(dependents_exist("table", &table.name));
        }
        self.drop_owned_sequences(id, None);
        self.overlay.change_picture().remove_table(id);
        self.overlay.forget_files(id);
        Ok(())
    }

    /// Renames a table.
    pub fn rename_table(&mut self, id: TableId, name: &str) -> Result<(), Error> {
        let table = self.table(id)?;
        if table.name != name {
            self.check_relation_name(table.schema_id, name)?;
        }
        self.change_table(id, |table| table.name = name.to_owned())
    }

    /// Moves a table with its indexes and own sequences into another schema; its files
    /// stay.
    pub fn set_table_schema(&mut self, id: TableId, schema: SchemaId) -> Result<(), Error> {
        let table = self.table(id)?;
        if table.schema_id == schema {
            return Ok(());
        }
        self.check_no_change_of_lifetime(table.schema_id, schema)?;
        let (from, to) = (self.schema(table.schema_id)?, self.schema(schema)?);
        self.check_relation_name(schema, &table.name)?;
        for index in &table.indexes {
            self.check_relation_name(schema, &index.name)?;
        }
        for sequence in self.owned_sequences(id, None) {
            self.set_sequence_schema(sequence, schema)?;
        }
        let (path, path_is_relative) = self.lake.place().moved(&table, &from, &to);
        self.change_table(id, |table| {
            table.schema_id = schema;
            table.path = path;
            table.path_is_relative = path_is_relative;
        })
    }

    /// Makes a view.
    pub fn create_view(&mut self, view: NewView) -> Result<ViewId, Error> {
        self.check_writable()?;
        self.schema(view.schema_id)?;
        self.check_relation_name(view.schema_id, &view.name)?;
        let id = ViewId(self.take_temporary());
        let uuid = self.lake.ids().uuid().to_string();
        self.put_view(id, uuid, view)?;
        Ok(id)
    }

    /// Gives a view another query; its id, name and schema stay.
    pub fn replace_view(&mut self, id: ViewId, view: NewView) -> Result<(), Error> {
        self.check_writable()?;
        let old = self.view(id)?;
        let view = NewView {
            schema_id: old.schema_id,
            name: old.name.clone(),
            ..view
        };
        self.put_view(id, old.uuid.clone(), view)
    }

    /// Drops a view on which nothing depends.
    pub fn drop_view(&mut self, id: ViewId) -> Result<(), Error> {
        self.check_writable()?;
        let view = self.view(id)?;
        if !self.overlay.picture.dependents(id.0).is_empty() {
            return Err(dependents_exist("view", &view.name));
        }
        self.overlay.change_picture().remove_view(id);
        Ok(())
    }

    /// Moves a view into another schema.
    pub fn set_view_schema(&mut self, id: ViewId, schema: SchemaId) -> Result<(), Error> {
        self.check_writable()?;
        let view = self.view(id)?;
        if view.schema_id == schema {
            return Ok(());
        }
        self.check_no_change_of_lifetime(view.schema_id, schema)?;
        self.schema(schema)?;
        self.check_relation_name(schema, &view.name)?;
        let moved = View {
            schema_id: schema,
            ..(*view).clone()
        };
        self.overlay.change_picture().put_view(Arc::new(moved));
        Ok(())
    }

    /// Renames a view.
    pub fn rename_view(&mut self, id: ViewId, name: &str) -> Result<(), Error> {
        self.check_writable()?;
        let view = self.view(id)?;
        if view.name != name {
            self.check_relation_name(view.schema_id, name)?;
        }
        let renamed = View {
            name: name.to_owned(),
            ..(*view).clone()
        };
        self.overlay.change_picture().put_view(Arc::new(renamed));
        Ok(())
    }

    fn put_view(&mut self, id: ViewId, uuid: String, view: NewView) -> Result<(), Error> {
        let owner = self.role(&view.owner)?;
        let replaced = self.overlay.picture.view(id);
        let view = View {
            id,
            schema_id: view.schema_id,
            name: view.name,
            owner_id: owner.id,
            access: replaced.map_or_else(Arc::default, |old| Arc::clone(&old.access)),
            comment: view.comment,
            dialect: ViewDialect::Postgres,
            text: view.text,
            duckdb_text: view.duckdb_text,
            columns: view.columns,
            dependencies: view.dependencies,
            uuid,
            column_aliases: None,
        };
        self.overlay.change_picture().put_view(Arc::new(view));
        Ok(())
    }

    pub(super) fn change_table(
        &mut self,
        id: TableId,
        change: impl FnOnce(&mut Table),
    ) -> Result<(), Error> {
        self.check_writable()?;
        let old = self.table(id)?;
        let mut table = (*old).clone();
        change(&mut table);
        if table != *old {
            self.overlay.change_picture().put_table(Arc::new(table));
        }
        Ok(())
    }

    pub(super) fn schema(&self, id: SchemaId) -> Result<Arc<Schema>, Error> {
        self.overlay
            .picture
            .schema(id)
            .map(Arc::clone)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::NotFound,
                    format!("schema with id {id} does not exist"),
                )
            })
    }

    pub(super) fn view(&self, id: ViewId) -> Result<Arc<View>, Error> {
        self.overlay
            .picture
            .view(id)
            .map(Arc::clone)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::NotFound,
                    format!("view with id {id} does not exist"),
                )
            })
    }

    pub(super) fn role(&self, name: &str) -> Result<Arc<Role>, Error> {
        self.overlay
            .picture
            .role_by_name(name)
            .map(Arc::clone)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::NotFound,
                    format!("role \"{name}\" does not exist"),
                )
            })
    }

    fn check_schema_name(&self, name: &str) -> Result<(), Error> {
        match self.overlay.picture.schema_by_name(name) {
            None => Ok(()),
            Some(_) => {
                let text = format!("schema \"{name}\" already exists");
                Err(Error::new(ErrorKind::Exists, text))
            }
        }
    }

    pub(super) fn check_relation_name(&self, schema: SchemaId, name: &str) -> Result<(), Error> {
        match self.overlay.picture.named(schema, name) {
            None => Ok(()),
            Some(_) => {
                let text = format!("relation \"{name}\" already exists");
                Err(Error::new(ErrorKind::Exists, text))
            }
        }
    }
}

/// Whether a foreign key of the table points at another.
pub(super) fn references(table: &Table, other: TableId) -> bool {
    table.constraints.iter().any(|entry| {
        matches!(entry.constraint, Constraint::ForeignKey { referenced_table, .. }
            if referenced_table == other)
    })
}

pub(super) fn dependents_exist(kind: &str, name: &str) -> Error {
    let text = format!("cannot drop {kind} {name} because other objects depend on it");
    Error::new(ErrorKind::Exists, text)
}

/// Gives a column and its nested fields their ids, depth first.
pub(super) fn new_column(column: NewColumn, next: &mut i64) -> Column {
    let id = ColumnId(*next);
    *next += 1;
    let field = |(name, column_type)| NewColumn {
        name,
        column_type,
        nullable: true,
        default: None,
        comment: None,
    };
    let children = column.column_type.children().into_iter();
    let children = children
        .map(|child| new_column(field(child), next))
        .collect();
    Column {
        id,
        name: column.name,
        column_type: column.column_type,
        nullable: column.nullable,
        default: column.default,
        initial_default: None,
        comment: column.comment,
        children,
    }
}

/// Turns positions into column ids.
fn by_position(
    constraint: Constraint,
    own: TableId,
    columns: &[Column],
) -> Result<Constraint, Error> {
    let at = |positions: Vec<ColumnId>| -> Result<Vec<ColumnId>, Error> {
        positions
            .into_iter()
            .map(|position| column_at(position, columns))
            .collect()
    };
    Ok(match constraint {
        Constraint::PrimaryKey { columns } => Constraint::PrimaryKey {
            columns: at(columns)?,
        },
        Constraint::Unique { columns } => Constraint::Unique {
            columns: at(columns)?,
        },
        Constraint::ForeignKey {
            columns,
            referenced_table,
            referenced_columns,
            on_delete,
            on_update,
        } => {
            let is_own = referenced_table == TableId(0);
            let referenced_columns = if is_own {
                at(referenced_columns)?
            } else {
                referenced_columns
            };
            let referenced_table = if is_own { own } else { referenced_table };
            let columns = at(columns)?;
            Constraint::ForeignKey {
                columns,
                referenced_table,
                referenced_columns,
                on_delete,
                on_update,
            }
        }
        check @ Constraint::Check { .. } => check,
    })
}

fn column_at(position: ColumnId, columns: &[Column]) -> Result<ColumnId, Error> {
    let index = usize::try_from(position.0 - 1).ok();
    index
        .and_then(|index| columns.get(index))
        .map(|column| column.id)
        .ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("column number {position} does not exist"),
            )
        })
}
