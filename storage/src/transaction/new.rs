//! What a transaction is asked to make.

use crate::snapshot::{Constraint, SequenceOptions, SequenceOwner, ViewColumn};
use crate::spec::{ColumnId, SchemaId, SequenceId, TableId, ViewId};
use crate::types::ColumnType;

/// A schema to be made.
#[derive(Clone, Debug)]
pub struct NewSchema {
    /// Its name.
    pub name: String,
    /// Name of the owning role.
    pub owner: String,
}

/// A column of a table to be made.
#[derive(Clone, Debug)]
pub struct NewColumn {
    /// Its name.
    pub name: String,
    /// Its declared type.
    pub column_type: ColumnType,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// PostgreSQL's expression text.
    pub default: Option<String>,
    /// COMMENT ON COLUMN.
    pub comment: Option<String>,
}

/// A constraint to be made.
///
/// For a new table, its own columns are given by position: `ColumnId(1)` is the first.
/// A foreign key to the table itself has `TableId(0)` and positions on both sides.
#[derive(Clone, Debug)]
pub struct NewConstraint {
    /// Unique in the table.
    pub name: String,
    /// What it demands.
    pub constraint: Constraint,
}

/// A table to be made.
#[derive(Clone, Debug)]
pub struct NewTable {
    /// Where.
    pub schema_id: SchemaId,
    /// Unique among the relations of the schema.
    pub name: String,
    /// Name of the owning role.
    pub owner: String,
    /// In column order.
    pub columns: Vec<NewColumn>,
    /// Keys and CHECKs.
    pub constraints: Vec<NewConstraint>,
    /// COMMENT ON TABLE.
    pub comment: Option<String>,
}

/// A view to be made.
#[derive(Clone, Debug)]
pub struct NewView {
    /// Where.
    pub schema_id: SchemaId,
    /// Unique among the relations of the schema.
    pub name: String,
    /// Name of the owning role.
    pub owner: String,
    /// The query as PostgreSQL text, schema-qualified.
    pub text: String,
    /// The query for DuckDB, if it is known to parse there.
    pub duckdb_text: Option<String>,
    /// Its columns.
    pub columns: Vec<ViewColumn>,
    /// Ids of the tables and views that it reads.
    pub dependencies: Vec<i64>,
    /// COMMENT ON VIEW.
    pub comment: Option<String>,
}

/// An index to be recorded.
#[derive(Clone, Debug)]
pub struct NewIndex {
    /// Unique among the relations of the table's schema.
    pub name: String,
    /// In index order.
    pub columns: Vec<ColumnId>,
    /// CREATE UNIQUE INDEX.
    pub unique: bool,
    /// The statement, as pg_get_indexdef shows it.
    pub definition: String,
}

/// A sequence to be made.
#[derive(Clone, Debug)]
pub struct NewSequence {
    /// Where.
    pub schema_id: SchemaId,
    /// Unique among the relations of the schema.
    pub name: String,
    /// Name of the owning role.
    pub owner: String,
    /// How it counts; the caller has checked that the values fit each other.
    pub options: SequenceOptions,
    /// The column with which it goes away.
    pub owned_by: Option<SequenceOwner>,
}

/// What an owner is set for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerTarget {
    /// A schema.
    Schema(SchemaId),
    /// A table.
    Table(TableId),
    /// A view.
    View(ViewId),
    /// A sequence.
    Sequence(SequenceId),
}
