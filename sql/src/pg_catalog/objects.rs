//! What several relations ask of a snapshot: visible schemas, relations, keys and indexes.
//!
//! Attribute numbers are positions in the table as it is now, from 1, without gaps.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::Field;
use gotgan_storage::{
    Column, ColumnId, Constraint, ConstraintEntry, Schema, SchemaId, Sequence, Snapshot, Table,
    TableId, View,
};

use super::identifier::quote;
use super::oids;
use crate::access::actor::Object;
use crate::types::{PgType, oid};

/// DuckLake's own schema, hidden while it is empty.
const MAIN: &str = "main";

/// The schemas that users see.
pub(crate) fn schemas(snapshot: &Snapshot) -> impl Iterator<Item = &Arc<Schema>> {
    snapshot
        .schemas()
        .filter(|schema| schema.name != MAIN || !is_empty(snapshot, schema.id))
}

fn is_empty(snapshot: &Snapshot, schema: SchemaId) -> bool {
    let holds_table = snapshot.tables().any(|table| table.schema_id == schema);
    let holds_sequence = snapshot.sequences().any(|own| own.schema_id == schema);
    !holds_table && !holds_sequence && !snapshot.views().any(|view| view.schema_id == schema)
}

/// Name of a schema; empty if it is gone, which a consistent snapshot never shows.
pub(crate) fn schema_name(snapshot: &Snapshot, schema: SchemaId) -> &str {
    snapshot
        .schema(schema)
        .map_or("", |schema| schema.name.as_str())
}

/// A table or view, with what both have.
#[derive(Clone, Copy)]
pub(crate) enum Relation<'a> {
    Table(&'a Table),
    View(&'a View),
}

impl<'a> Relation<'a> {
    /// All tables, then all views.
    pub(crate) fn all(snapshot: &'a Snapshot) -> impl Iterator<Item = Relation<'a>> {
        let tables = snapshot.tables().map(|table| Relation::Table(table));
        tables.chain(snapshot.views().map(|view| Relation::View(view)))
    }

    pub(crate) fn id(self) -> i64 {
        match self {
            Relation::Table(table) => table.id.0,
            Relation::View(view) => view.id.0,
        }
    }

    pub(crate) fn oid(self) -> u32 {
        oids::object(self.id())
    }

    /// What rights are looked up of.
    pub(crate) fn object(self) -> Object<'a> {
        match self {
            Relation::Table(table) => Object::Table(table),
            Relation::View(view) => Object::View(view),
        }
    }

    /// How lists of grants know the column at `index`: by its id, of a view by position.
    pub(crate) fn column_key(self, index: usize) -> i64 {
        match self {
            Relation::Table(table) => table.columns.get(index).map_or(0, |column| column.id.0),
            Relation::View(_) => i64::try_from(index + 1).unwrap_or(0),
        }
    }

    pub(crate) fn schema_id(self) -> SchemaId {
        match self {
            Relation::Table(table) => table.schema_id,
            Relation::View(view) => view.schema_id,
        }
    }

    pub(crate) fn name(self) -> &'a str {
        match self {
            Relation::Table(table) => &table.name,
            Relation::View(view) => &view.name,
        }
    }

    /// The owning role.
    pub(crate) fn owner_id(self) -> i64 {
        match self {
            Relation::Table(table) => table.owner_id,
            Relation::View(view) => view.owner_id,
        }
    }

    pub(crate) fn comment(self) -> Option<&'a str> {
        match self {
            Relation::Table(table) => table.comment.as_deref(),
            Relation::View(view) => view.comment.as_deref(),
        }
    }

    /// The sequence that makes the column at `index` an identity column.
    pub(crate) fn identity(self, all: &Identities<'a>, index: usize) -> Option<&'a Sequence> {
        match self {
            Relation::Table(table) => all.get(&(table.id, table.columns.get(index)?.id)).copied(),
            Relation::View(_) => None,
        }
    }

    /// Its columns in order; the attribute number is the position from 1.
    pub(crate) fn attributes(self) -> Vec<Attribute<'a>> {
        match self {
            Relation::Table(table) => table.columns.iter().map(Attribute::of_column).collect(),
            Relation::View(view) => view
                .columns
                .iter()
                .map(|column| Attribute {
                    name: &column.name,
                    pg_type: PgType::of_column(&column.column_type),
                    not_null: false,
                    default: None,
                    comment: column.comment.as_deref(),
                })
                .collect(),
        }
    }
}

/// The sequences of identity columns.
pub(crate) fn identities(snapshot: &Snapshot) -> Identities<'_> {
    let owned = snapshot.sequences().filter_map(|sequence| {
        let owner = sequence.owned_by.filter(|owner| owner.kind.is_identity())?;
        Some(((owner.table, owner.column), sequence.as_ref()))
    });
    owned.collect()
}

/// By table and column.
pub(crate) type Identities<'a> = HashMap<(TableId, ColumnId), &'a Sequence>;

/// A column as `pg_attribute` shows it.
pub(crate) struct Attribute<'a> {
    pub(crate) name: &'a str,
    pub(crate) pg_type: PgType,
    pub(crate) not_null: bool,
    pub(crate) default: Option<&'a str>,
    pub(crate) comment: Option<&'a str>,
}

impl<'a> Attribute<'a> {
    /// A column of a system relation.
    pub(crate) fn of_field(field: &'a Field) -> Self {
        Self {
            name: field.name(),
            pg_type: PgType::of_field(field),
            not_null: false,
            default: None,
            comment: None,
        }
    }

    fn of_column(column: &'a Column) -> Self {
        Self {
            name: &column.name,
            pg_type: PgType::of_column(&column.column_type),
            not_null: !column.nullable,
            default: column.default.as_deref(),
            comment: column.comment.as_deref(),
        }
    }
}

/// The attribute number of a column.
pub(crate) fn attribute_number(table: &Table, column: ColumnId) -> Option<i64> {
    let index = table
        .columns
        .iter()
        .position(|candidate| candidate.id == column)?;
    i64::try_from(index + 1).ok()
}

/// The attribute numbers of a key's columns.
pub(crate) fn attribute_numbers(table: &Table, columns: &[ColumnId]) -> Vec<i64> {
    columns
        .iter()
        .filter_map(|&column| attribute_number(table, column))
        .collect()
}

/// The quoted names of a key's columns: `a, "B"`.
pub(crate) fn column_list(table: &Table, columns: &[ColumnId]) -> String {
    let name = |id: &ColumnId| {
        table
            .columns
            .iter()
            .find(|c| c.id == *id)
            .map(|c| quote(&c.name))
    };
    columns
        .iter()
        .filter_map(name)
        .collect::<Vec<String>>()
        .join(", ")
}

/// The tables at either end of a foreign key, on which PostgreSQL has triggers.
pub(crate) fn foreign_key_tables(snapshot: &Snapshot) -> HashSet<TableId> {
    let mut tables = HashSet::new();
    for table in snapshot.tables() {
        for entry in &table.constraints {
            if let Constraint::ForeignKey {
                referenced_table, ..
            } = &entry.constraint
            {
                tables.extend([table.id, *referenced_table]);
            }
        }
    }
    tables
}

/// An index that the catalog shows: of a key, or recorded by CREATE INDEX.
pub(crate) struct IndexEntry<'a> {
    pub(crate) oid: u32,
    pub(crate) table: &'a Table,
    pub(crate) name: &'a str,
    pub(crate) columns: &'a [ColumnId],
    pub(crate) is_unique: bool,
    pub(crate) is_primary: bool,
    /// The statement that recorded it, of an index that is no key's.
    pub(crate) recorded: Option<&'a str>,
    pub(crate) comment: Option<&'a str>,
    /// `pg_constraint.oid` of the key.
    pub(crate) constraint: Option<u32>,
}

/// The indexes of a table: those of its keys first.
pub(crate) fn indexes(table: &Table) -> impl Iterator<Item = IndexEntry<'_>> {
    let keys = table
        .constraints
        .iter()
        .filter_map(move |entry| key_index(table, entry));
    let recorded = table.indexes.iter().map(move |index| IndexEntry {
        oid: oids::object(index.id),
        table,
        name: &index.name,
        columns: &index.columns,
        is_unique: index.unique,
        is_primary: false,
        recorded: Some(&index.definition),
        comment: index.comment.as_deref(),
        constraint: None,
    });
    keys.chain(recorded)
}

fn key_index<'a>(table: &'a Table, entry: &'a ConstraintEntry) -> Option<IndexEntry<'a>> {
    let (columns, is_primary) = match &entry.constraint {
        Constraint::PrimaryKey { columns } => (columns, true),
        Constraint::Unique { columns } => (columns, false),
        Constraint::ForeignKey { .. } | Constraint::Check { .. } => return None,
    };
    Some(IndexEntry {
        oid: oids::key_index(entry.id),
        table,
        name: &entry.name,
        columns,
        is_unique: true,
        is_primary,
        recorded: None,
        comment: entry.comment.as_deref(),
        constraint: Some(oids::object(entry.id)),
    })
}

/// All indexes of the snapshot.
pub(crate) fn all_indexes(snapshot: &Snapshot) -> impl Iterator<Item = IndexEntry<'_>> {
    snapshot.tables().flat_map(|table| indexes(table))
}

impl IndexEntry<'_> {
    /// `CREATE INDEX ...`; `relation`: the table's name as it shall be shown.
    pub(crate) fn definition(&self, relation: &str) -> String {
        if let Some(recorded) = self.recorded {
            return recorded.to_owned();
        }
        let unique = if self.is_unique { "UNIQUE " } else { "" };
        format!(
            "CREATE {unique}INDEX {} ON {relation} USING btree ({})",
            quote(self.name),
            column_list(self.table, self.columns)
        )
    }
}

/// Whether the table has a primary or unique key, or an index.
pub(crate) fn has_index(table: &Table) -> bool {
    indexes(table).next().is_some()
}

/// The key's index that a foreign key points to: same columns, in any order.
pub(crate) fn referenced_index<'a>(
    table: &'a Table,
    columns: &[ColumnId],
) -> Option<IndexEntry<'a>> {
    let mut wanted = columns.to_vec();
    wanted.sort_unstable();
    indexes(table).find(|index| {
        let mut found = index.columns.to_vec();
        found.sort_unstable();
        index.is_unique && found == wanted
    })
}

/// `typcollation` of a type: the database's for text, C for `name`.
pub(crate) fn collation(pg_type: PgType) -> u32 {
    match pg_type
        .element()
        .filter(|_| !pg_type.is_vector())
        .unwrap_or(pg_type)
        .oid
    {
        oid::TEXT | oid::VARCHAR | oid::BPCHAR => oids::DEFAULT_COLLATION,
        oid::NAME => oids::C_COLLATION,
        _ => 0,
    }
}

/// The view's SELECT as `pg_get_viewdef` shows it.
pub(crate) fn view_definition(view: &View) -> String {
    format!("{};", view.text.trim_end().trim_end_matches(';'))
}

/// The columns that a CHECK expression reads.
pub(crate) fn check_columns(table: &Table, expression: &str) -> Vec<ColumnId> {
    let read = table
        .columns
        .iter()
        .filter(|column| mentions(expression, &column.name));
    read.map(|column| column.id).collect()
}

/// Whether a name stands in an expression as a word of its own.
fn mentions(expression: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    expression.match_indices(name).any(|(start, _)| {
        let before = expression[..start].chars().next_back();
        let after = expression[start + name.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn a_name_is_found_as_a_whole_word_only() {
        assert!(mentions("price >= 0", "price"));
        assert!(mentions("(\"price\" >= 0)", "price"));
        assert!(!mentions("unit_price >= 0", "price"));
        assert!(!mentions("prices >= 0", "price"));
    }
}
