//! The immutable picture of the warehouse at one snapshot.
//!
//! A picture is shared by `Arc`; cloning one copies a few pointers. A transaction
//! changes its own clone, where only the touched maps are copied. Roles are today's,
//! whatever the snapshot; `epoch` says which state of them.
//!
//! Invariants:
//! - `names` holds exactly the relations, indexes and sequences.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::access::{LakeAccess, Role, RoleSetting};
use crate::spec::{ColumnId, SchemaId, SequenceId, SnapshotId, TableId, ViewId};

mod conform;
mod declared;
mod files;
mod initial;
mod inlined;
mod load;
mod load_files;
mod load_old;
mod objects;
mod place;
mod sequence;
mod sort;

pub use files::{DataFile, DeletedPositions, FileBounds, FileList, InlinedRows};
pub use files::{NameMapping, NameMappingEntry};
pub use objects::{
    Column, Constraint, ConstraintEntry, Index, Schema, Table, View, ViewColumn, ViewDialect,
};
pub use sequence::{Sequence, SequenceOptions, SequenceOwner, SequenceOwnerKind};
pub use sort::{SortKey, SortPart, SortValue};

pub(crate) use declared::{default_rows, view_columns_text};
pub(crate) use files::{ColumnStats, DeleteFile, FileStats};
pub(crate) use initial::initial_text;
pub(crate) use inlined::{INLINED_SYSTEM_COLUMNS, can_inline, inlined_values, load_inlined};
pub(crate) use load::{load_picture, refresh_picture};
pub(crate) use load_files::{Wanted, load_files};
pub(crate) use load_old::load_old_picture;
pub(crate) use place::Place;

/// A table or a view.
#[derive(Clone, Debug)]
pub enum Relation {
    /// A table.
    Table(Arc<Table>),
    /// A view.
    View(Arc<View>),
}

/// What a name in a schema stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Table(TableId),
    View(ViewId),
    Index(TableId),
    Sequence(SequenceId),
}

type Map<K, V> = Arc<BTreeMap<K, V>>;

/// Stands for the schema of the connection's temporary objects, as in PostgreSQL.
const TEMPORARY_ALIAS: &str = "pg_temp";

/// The warehouse after one commit, or inside a transaction.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(crate) id: SnapshotId,
    pub(crate) time: DateTime<Utc>,
    pub(crate) schema_version: i64,
    pub(crate) epoch: i64,
    pub(crate) schemas: Map<SchemaId, Arc<Schema>>,
    pub(crate) tables: Map<TableId, Arc<Table>>,
    pub(crate) views: Map<ViewId, Arc<View>>,
    pub(crate) sequences: Map<SequenceId, Arc<Sequence>>,
    names: Map<SchemaId, Map<String, Named>>,
    pub(crate) roles: Map<i64, Arc<Role>>,
    /// What sessions of a role begin with, in the order of their setting.
    pub(crate) role_settings: Arc<Vec<RoleSetting>>,
    pub(crate) lake_access: Arc<LakeAccess>,
    /// Settings of the lake, today's as the roles.
    pub(crate) settings: Map<String, String>,
    /// The schema of the connection's temporary objects, if it is in this picture.
    pub(crate) temporary_schema: Option<SchemaId>,
}

impl Snapshot {
    pub(crate) fn empty(id: SnapshotId, time: DateTime<Utc>) -> Self {
        Self {
            id,
            time,
            schema_version: 0,
            epoch: 0,
            schemas: Map::default(),
            tables: Map::default(),
            views: Map::default(),
            sequences: Map::default(),
            names: Map::default(),
            roles: Map::default(),
            role_settings: Arc::default(),
            lake_access: Arc::default(),
            settings: Map::default(),
            temporary_schema: None,
        }
    }

    /// Number of the commit; a transaction shows the one it is pinned to.
    pub fn id(&self) -> SnapshotId {
        self.id
    }

    /// Raised by every change of schemas, tables, columns or views.
    pub fn schema_version(&self) -> i64 {
        self.schema_version
    }

    /// When it was committed.
    pub fn time(&self) -> DateTime<Utc> {
        self.time
    }

    /// Which state of the roles this picture shows.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Every schema, by id.
    pub fn schemas(&self) -> impl Iterator<Item = &Arc<Schema>> {
        self.schemas.values()
    }

    /// The schema with this id.
    pub fn schema(&self, id: SchemaId) -> Option<&Arc<Schema>> {
        self.schemas.get(&id)
    }

    /// The schema with this name. There are few: a look through them costs nothing.
    ///
    /// `pg_temp` is whatever schema holds the temporary objects of the connection.
    pub fn schema_by_name(&self, name: &str) -> Option<&Arc<Schema>> {
        if name == TEMPORARY_ALIAS {
            return self.temporary_schema();
        }
        self.schemas.values().find(|schema| schema.name == name)
    }

    /// The schema of the connection's temporary objects, once it has made any.
    pub fn temporary_schema(&self) -> Option<&Arc<Schema>> {
        self.schema(self.temporary_schema?)
    }

    /// Whether what is in this schema belongs to one connection and ends with it.
    pub fn is_temporary(&self, schema: SchemaId) -> bool {
        self.temporary_schema == Some(schema)
    }

    /// Every table, by id.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.tables.values()
    }

    /// The table with this id.
    pub fn table(&self, id: TableId) -> Option<&Arc<Table>> {
        self.tables.get(&id)
    }

    /// Every view, by id.
    pub fn views(&self) -> impl Iterator<Item = &Arc<View>> {
        self.views.values()
    }

    /// The view with this id.
    pub fn view(&self, id: ViewId) -> Option<&Arc<View>> {
        self.views.get(&id)
    }

    /// The table or view with this name.
    pub fn relation(&self, schema_id: SchemaId, name: &str) -> Option<Relation> {
        self.relation_of(*self.names.get(&schema_id)?.get(name)?)
    }

    /// The tables and views of a schema, by name.
    pub fn relations_in(&self, schema_id: SchemaId) -> impl Iterator<Item = Relation> {
        let names = self
            .names
            .get(&schema_id)
            .into_iter()
            .flat_map(|names| names.values());
        names.filter_map(|named| self.relation_of(*named))
    }

    /// The index with this name, and its table.
    pub fn index_by_name(&self, schema_id: SchemaId, name: &str) -> Option<(&Arc<Table>, &Index)> {
        let Named::Index(table_id) = self.named(schema_id, name)? else {
            return None;
        };
        let table = self.table(table_id)?;
        let index = table.indexes.iter().find(|index| index.name == name)?;
        Some((table, index))
    }

    /// Every sequence, by id.
    pub fn sequences(&self) -> impl Iterator<Item = &Arc<Sequence>> {
        self.sequences.values()
    }

    /// The sequence with this id.
    pub fn sequence(&self, id: SequenceId) -> Option<&Arc<Sequence>> {
        self.sequences.get(&id)
    }

    /// The sequence with this name.
    pub fn sequence_by_name(&self, schema_id: SchemaId, name: &str) -> Option<&Arc<Sequence>> {
        match self.named(schema_id, name)? {
            Named::Sequence(id) => self.sequence(id),
            _ => None,
        }
    }

    /// The sequences that columns of a table own.
    pub fn sequences_of(&self, table: TableId) -> impl Iterator<Item = &Arc<Sequence>> {
        let owner = move |sequence: &Sequence| sequence.owned_by.map(|owner| owner.table);
        self.sequences()
            .filter(move |sequence| owner(sequence) == Some(table))
    }

    /// The sequence that makes a column an identity column.
    pub fn identity(&self, table: TableId, column: ColumnId) -> Option<&Arc<Sequence>> {
        self.sequences_of(table).find(|sequence| {
            let owner = sequence.owned_by;
            owner.is_some_and(|owner| owner.column == column && owner.kind.is_identity())
        })
    }

    /// The views that read a table or view.
    pub fn dependents(&self, object_id: i64) -> Vec<ViewId> {
        let views = self.views.values();
        views
            .filter(|view| view.dependencies.contains(&object_id))
            .map(|view| view.id)
            .collect()
    }

    /// Every role, by id.
    pub fn roles(&self) -> impl Iterator<Item = &Arc<Role>> {
        self.roles.values()
    }

    /// The role with this id.
    pub fn role(&self, id: i64) -> Option<&Arc<Role>> {
        self.roles.get(&id)
    }

    /// What sessions of a role begin with, in the order of their setting.
    pub fn role_settings(&self) -> &[RoleSetting] {
        &self.role_settings
    }

    /// Who may do what with the database, and what belongs to no schema.
    pub fn lake_access(&self) -> &Arc<LakeAccess> {
        &self.lake_access
    }

    /// A setting of the lake, if it is not as configured.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }

    /// The settings of the lake that are not as configured, by name.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        let settings = self.settings.iter();
        settings.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The role with this name.
    pub fn role_by_name(&self, name: &str) -> Option<&Arc<Role>> {
        self.roles.values().find(|role| role.name == name)
    }

    fn relation_of(&self, named: Named) -> Option<Relation> {
        match named {
            Named::Table(id) => self
                .table(id)
                .map(|table| Relation::Table(Arc::clone(table))),
            Named::View(id) => self.view(id).map(|view| Relation::View(Arc::clone(view))),
            Named::Index(_) | Named::Sequence(_) => None,
        }
    }

    pub(crate) fn named(&self, schema_id: SchemaId, name: &str) -> Option<Named> {
        self.names.get(&schema_id)?.get(name).copied()
    }

    /// The name of a role, or what PostgreSQL shows in place of one that is gone.
    pub fn role_name(&self, id: i64) -> String {
        self.roles
            .get(&id)
            .map_or_else(|| format!("unknown (OID={id})"), |role| role.name.clone())
    }

    pub(crate) fn put_schema(&mut self, schema: Schema) {
        Arc::make_mut(&mut self.schemas).insert(schema.id, Arc::new(schema));
    }

    pub(crate) fn remove_schema(&mut self, id: SchemaId) {
        Arc::make_mut(&mut self.schemas).remove(&id);
        // Its relations may still be there, when it is about to be put again.
        if self.names.get(&id).is_some_and(|names| names.is_empty()) {
            Arc::make_mut(&mut self.names).remove(&id);
        }
    }

    pub(crate) fn put_table(&mut self, table: Arc<Table>) {
        self.remove_table(table.id);
        self.add_name(table.schema_id, &table.name, Named::Table(table.id));
        for index in &table.indexes {
            self.add_name(table.schema_id, &index.name, Named::Index(table.id));
        }
        Arc::make_mut(&mut self.tables).insert(table.id, table);
    }

    /// Replaces a table whose name, schema and indexes stay: no name is touched.
    pub(crate) fn put_table_counters(&mut self, table: Arc<Table>) {
        Arc::make_mut(&mut self.tables).insert(table.id, table);
    }

    pub(crate) fn remove_table(&mut self, id: TableId) {
        let Some(table) = Arc::make_mut(&mut self.tables).remove(&id) else {
            return;
        };
        self.remove_name(table.schema_id, &table.name);
        for index in &table.indexes {
            self.remove_name(table.schema_id, &index.name);
        }
    }

    pub(crate) fn put_view(&mut self, view: Arc<View>) {
        self.remove_view(view.id);
        self.add_name(view.schema_id, &view.name, Named::View(view.id));
        Arc::make_mut(&mut self.views).insert(view.id, view);
    }

    pub(crate) fn remove_view(&mut self, id: ViewId) {
        let Some(view) = Arc::make_mut(&mut self.views).remove(&id) else {
            return;
        };
        self.remove_name(view.schema_id, &view.name);
    }

    pub(crate) fn put_sequence(&mut self, sequence: Arc<Sequence>) {
        self.remove_sequence(sequence.id);
        let named = Named::Sequence(sequence.id);
        self.add_name(sequence.schema_id, &sequence.name, named);
        Arc::make_mut(&mut self.sequences).insert(sequence.id, sequence);
    }

    pub(crate) fn remove_sequence(&mut self, id: SequenceId) {
        if !self.sequences.contains_key(&id) {
            return;
        }
        if let Some(sequence) = Arc::make_mut(&mut self.sequences).remove(&id) {
            self.remove_name(sequence.schema_id, &sequence.name);
        }
    }

    /// Whether anything lives in a schema.
    pub(crate) fn is_used_schema(&self, id: SchemaId) -> bool {
        self.names.get(&id).is_some_and(|names| !names.is_empty())
    }

    fn add_name(&mut self, schema_id: SchemaId, name: &str, named: Named) {
        let names = Arc::make_mut(&mut self.names).entry(schema_id).or_default();
        Arc::make_mut(names).insert(name.to_owned(), named);
    }

    fn remove_name(&mut self, schema_id: SchemaId, name: &str) {
        if let Some(names) = Arc::make_mut(&mut self.names).get_mut(&schema_id) {
            Arc::make_mut(names).remove(name);
        }
    }
}
