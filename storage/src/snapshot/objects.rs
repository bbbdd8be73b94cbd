//! What a snapshot holds: schemas, tables with their columns and keys, views.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::access::ObjectAccess;
use crate::snapshot::SortKey;
use crate::spec::{ColumnId, SchemaId, SnapshotId, TableId, ViewId};
use crate::types::ColumnType;

/// A column of a table, or a nested field of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Unique in the table for ever; the Parquet field id.
    pub id: ColumnId,
    /// The name, as the user wrote it after folding.
    pub name: String,
    /// The declared type.
    pub column_type: ColumnType,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// PostgreSQL's expression text, for rows to come.
    pub default: Option<String>,
    /// Value, as DuckLake text, of rows in files that were written before the column.
    pub initial_default: Option<String>,
    /// COMMENT ON COLUMN.
    pub comment: Option<String>,
    /// Nested fields with their ids: a list's `element`, a map's `key` and `value`, a
    /// struct's fields, an interval's `months`, `days` and `micros`.
    pub children: Vec<Column>,
}

impl Column {
    /// Whether two columns store and accept the same values, whatever their comments.
    pub(crate) fn is_same_shape(&self, other: &Self) -> bool {
        let plain = |column: &Self| Self {
            comment: None,
            ..column.clone()
        };
        plain(self) == plain(other)
    }

    /// The column or nested field with this id, in this column.
    pub(crate) fn find(&self, id: ColumnId) -> Option<&Self> {
        if self.id == id {
            return Some(self);
        }
        self.children.iter().find_map(|child| child.find(id))
    }
}

/// What a key or CHECK demands. Keys are informational.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constraint {
    /// PRIMARY KEY.
    PrimaryKey {
        /// In key order.
        columns: Vec<ColumnId>,
    },
    /// UNIQUE.
    Unique {
        /// In key order.
        columns: Vec<ColumnId>,
    },
    /// FOREIGN KEY.
    ForeignKey {
        /// In key order.
        columns: Vec<ColumnId>,
        /// The table that is pointed at.
        referenced_table: TableId,
        /// In the order of `columns`.
        referenced_columns: Vec<ColumnId>,
        /// PostgreSQL's letter: a, r, c, n or d.
        on_delete: char,
        /// PostgreSQL's letter.
        on_update: char,
    },
    /// CHECK; enforced when rows are written.
    Check {
        /// PostgreSQL's expression text.
        expression: String,
    },
}

/// A constraint of a table with its id and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConstraintEntry {
    /// Source of the OID.
    pub id: i64,
    /// Unique in the table.
    pub name: String,
    /// What it demands.
    pub constraint: Constraint,
    /// Whether rows from before it fulfil it, too: no longer NOT VALID.
    pub is_valid: bool,
    /// COMMENT ON CONSTRAINT.
    pub comment: Option<String>,
}

/// An index that was declared. Nothing is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Source of the OID.
    pub id: i64,
    /// Unique among the relations of the table's schema.
    pub name: String,
    /// In index order; empty where an expression is indexed.
    pub columns: Vec<ColumnId>,
    /// CREATE UNIQUE INDEX.
    pub unique: bool,
    /// The statement, as pg_get_indexdef shows it.
    pub definition: String,
    /// COMMENT ON INDEX.
    pub comment: Option<String>,
}

/// A schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// Its id; a rename gives a new one.
    pub id: SchemaId,
    /// Unique in the lake.
    pub name: String,
    /// The owning role.
    pub owner_id: i64,
    /// Who may do what with it.
    pub access: Arc<ObjectAccess>,
    /// COMMENT ON SCHEMA.
    pub comment: Option<String>,
    /// What was set for it and what is in it, such as `gotgan.retention`.
    pub options: BTreeMap<String, String>,
    pub(crate) uuid: String,
    pub(crate) path: String,
    pub(crate) path_is_relative: bool,
}

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The same through renames; source of the OID.
    pub id: TableId,
    /// Names the table's folder.
    pub uuid: String,
    /// Where it lives.
    pub schema_id: SchemaId,
    /// Unique among the relations of the schema.
    pub name: String,
    /// The owning role.
    pub owner_id: i64,
    /// Who may do what with it.
    pub access: Arc<ObjectAccess>,
    /// COMMENT ON TABLE.
    pub comment: Option<String>,
    /// What was set for it, such as `gotgan.retention`.
    pub options: BTreeMap<String, String>,
    /// In column order.
    pub columns: Vec<Column>,
    /// In the order of their making.
    pub constraints: Vec<ConstraintEntry>,
    /// In the order of their making.
    pub indexes: Vec<Index>,
    /// What the rows of files to come are sorted by.
    pub sort_key: Option<SortKey>,
    /// Rows that are there: an estimate, because what DuckDB deleted still counts.
    pub row_count: u64,
    /// Bytes of its data files, as `row_count`.
    pub bytes: u64,
    /// The newest snapshot that changed its rows or definition, as far as is known.
    pub last_change: SnapshotId,
    pub(crate) path: String,
    pub(crate) path_is_relative: bool,
    /// Id of the next column; 0 where nobody has asked the catalog yet.
    pub(crate) next_column: i64,
}

impl Table {
    /// The column with this id, at the top level.
    pub fn column(&self, id: ColumnId) -> Option<&Column> {
        self.columns.iter().find(|column| column.id == id)
    }

    /// The column with this name.
    pub fn column_by_name(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether every column of an older state is still there under its name and type, so
    /// that what reads them goes on reading them.
    pub(crate) fn keeps_columns_of(&self, older: &Self) -> bool {
        older.columns.iter().all(|column| {
            let now = self.column(column.id);
            now.is_some_and(|now| now.name == column.name && now.column_type == column.column_type)
        })
    }

    /// The column or nested field with this id.
    pub(crate) fn find_column(&self, id: ColumnId) -> Option<&Column> {
        self.columns.iter().find_map(|column| column.find(id))
    }

    /// Whether rows written for one of them fit the other as they are.
    pub(crate) fn accepts_same_rows(&self, other: &Self) -> bool {
        let has_same_columns = self.columns.len() == other.columns.len()
            && self
                .columns
                .iter()
                .zip(&other.columns)
                .all(|(one, two)| one.is_same_shape(two));
        has_same_columns
            && self.schema_id == other.schema_id
            && self.name == other.name
            && self.constraints == other.constraints
    }

    /// Whether they differ at most in counters.
    pub(crate) fn is_same_definition(&self, other: &Self) -> bool {
        let counters = |table: &Self| Self {
            row_count: 0,
            bytes: 0,
            last_change: SnapshotId(0),
            ..table.clone()
        };
        counters(self) == counters(other)
    }
}

/// Whose SQL a view's text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewDialect {
    /// Ours: PostgreSQL, schema-qualified.
    Postgres,
    /// Made by DuckDB: kept and shown, not run.
    DuckDb,
}

/// A column of a view.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub column_type: ColumnType,
    /// COMMENT ON COLUMN.
    pub comment: Option<String>,
}

/// A view.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Source of the OID.
    pub id: ViewId,
    /// Where it lives.
    pub schema_id: SchemaId,
    /// Unique among the relations of the schema.
    pub name: String,
    /// The owning role.
    pub owner_id: i64,
    /// Who may do what with it.
    pub access: Arc<ObjectAccess>,
    /// COMMENT ON VIEW.
    pub comment: Option<String>,
    /// Whose SQL `text` is.
    pub dialect: ViewDialect,
    /// The query.
    pub text: String,
    /// The query for DuckDB, if it can parse it.
    pub duckdb_text: Option<String>,
    /// Empty for a view of DuckDB's.
    pub columns: Vec<ViewColumn>,
    /// Ids of the tables and views that it reads.
    pub dependencies: Vec<i64>,
    pub(crate) uuid: String,
    pub(crate) column_aliases: Option<String>,
}
