//! Bringing a table of an older snapshot back as a new one, without copying its rows.
//!
//! The new table names the files of the old one. It keeps the columns' ids, by which files
//! are read, and everything that was declared; keys, indexes and sequences are new ones.
//! Where a file holds rows or deletes of later snapshots, which only other programs write,
//! the commit adds a small delete file.
//!
//! Flow: here the overlay gets the table with its files; the commit copies the catalog's
//! rows of these files under its lock (`rows::restored`), once it has seen that the
//! snapshot is still kept.
//!
//! Source: DuckLake 1.0, sections on deletes and inlining; what DuckDB does with a file of
//! two tables was tried out.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::snapshot::{
    Constraint, ConstraintEntry, FileList, Index, InlinedRows, Relation, Snapshot, SortKey, Table,
    View,
};
use crate::spec::{ColumnId, SchemaId, SequenceId, SnapshotId, TableId, ViewId};
use crate::transaction::Transaction;
use crate::transaction::inline::OWN_ROW_COUNT_MAX;
use crate::transaction::overlay::{
    FileChanges, InlinedAppend, RestoreNote, RestoredFile, RestoredFiles, RowDeletes,
};

mod record;
mod schema;
mod sequences;

pub(super) use record::record;
pub use schema::{RestoreSchema, RestoredSchema};
use sequences::DefaultSequences;

/// Most bytes of a name that is made up here: as many as PostgreSQL keeps.
const NAME_BYTES_MAX: usize = 63;

/// A table to be restored.
#[derive(Clone, Debug)]
pub struct Restore {
    /// A committed snapshot, see `Lake::snapshot`.
    pub from: Arc<Snapshot>,
    /// The table there.
    pub table: TableId,
    /// The schema of the new table.
    pub schema: SchemaId,
    /// The name of the new table.
    pub name: String,
    /// Name of the role that will own it.
    pub owner: String,
    /// A table that is there under this name now: it is renamed aside, and what depends on
    /// it will depend on the restored one.
    pub replace: Option<TableId>,
}

/// A table that was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The new table.
    pub table: TableId,
    /// What the replaced table is called now.
    pub old_name: Option<String>,
    /// Views that read the replaced table until now, and read the new one from now on.
    /// Whether they still can is the caller's to look at.
    pub views: Vec<ViewId>,
    /// Sequences of the snapshot, and the new ones in their places: defaults, which are
    /// text, still name the former.
    pub sequences: Vec<(SequenceId, SequenceId)>,
}

impl Transaction {
    /// Makes a table that holds what another one held at a snapshot.
    ///
    /// Cost: by the number of files, whatever is in them; more only for files of other
    /// programs with deletes of later snapshots, which are read.
    /// Errors: `NotFound` if the snapshot does not show the table, or is not kept;
    /// `Exists` if the name is taken; `Unsupported` for temporary objects. The commit
    /// gives `NotFound` if the snapshot is not kept any more.
    pub async fn restore_table(&mut self, restore: &Restore) -> Result<Restored, Error> {
        self.check_primary()?;
        let before = self.savepoint();
        let restored = match restore.replace {
            None => self.restore_alone(restore).await,
            Some(replaced) => self.restore_over(restore, replaced).await,
        };
        if restored.is_err() {
            self.rollback_to(&before);
        }
        restored
    }

    async fn restore_alone(&mut self, restore: &Restore) -> Result<Restored, Error> {
        let (table, sequences) = self.restore_new(restore, DefaultSequences::Shared).await?;
        Ok(Restored {
            table,
            old_name: None,
            views: Vec::new(),
            sequences,
        })
    }

    async fn restore_over(
        &mut self,
        restore: &Restore,
        replaced: TableId,
    ) -> Result<Restored, Error> {
        let present = self.table(replaced)?;
        let old_name = self.free_name(present.schema_id, &present.name, "_replaced");
        self.rename_table(replaced, &old_name)?;
        let restore = Restore {
            schema: present.schema_id,
            name: present.name.clone(),
            ..restore.clone()
        };
        let restored = self.restore_alone(&restore).await?;
        let access = Arc::clone(&present.access);
        self.change_table(restored.table, |table| table.access = access)?;
        let views = self.redirect(replaced, restored.table)?;
        Ok(Restored {
            old_name: Some(old_name),
            views,
            ..restored
        })
    }

    /// The new table, and the sequences that came with it.
    async fn restore_new(
        &mut self,
        restore: &Restore,
        defaults: DefaultSequences,
    ) -> Result<(TableId, Vec<(SequenceId, SequenceId)>), Error> {
        let from = &restore.from;
        let source = from.table(restore.table).map(Arc::clone);
        let source = source.ok_or_else(|| absent(from.id(), restore.table))?;
        let from_schema = from.schema(source.schema_id).map(Arc::clone);
        let from_schema = from_schema.ok_or_else(|| absent(from.id(), restore.table))?;
        let schema = self.schema(restore.schema)?;
        let is_temporary = self.overlay.picture.is_temporary(schema.id);
        if source.id.is_temporary() || is_temporary {
            let text = "temporary tables and tables of this transaction are not restored";
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        self.check_relation_name(schema.id, &restore.name)?;
        let owner = self.role(&restore.owner)?;
        let pin = Arc::new(self.lake.pin(from.id()).await?);
        let list = self.lake.files(from, source.id).await?;
        let next_column = self.next_column(&source).await?;
        let (path, path_is_relative) = self.lake.place().moved(&source, &from_schema, &schema);
        let id = TableId(self.take_temporary());
        let sort_key = source.sort_key.as_ref().map(|key| SortKey {
            id: self.take_temporary(),
            ..key.clone()
        });
        let access = self.restored_access(&source);
        let table = Table {
            id,
            uuid: self.lake.ids().uuid().to_string(),
            schema_id: schema.id,
            name: restore.name.clone(),
            owner_id: owner.id,
            access,
            constraints: self.restored_constraints(
                from,
                &source,
                &BTreeMap::from([(source.id, id)]),
            ),
            indexes: Vec::new(),
            sort_key,
            row_count: list.row_count(),
            bytes: list.bytes(),
            last_change: SnapshotId(0),
            path,
            path_is_relative,
            next_column,
            ..(*source).clone()
        };
        self.overlay.change_picture().put_table(Arc::new(table));
        self.restore_indexes(&source, id)?;
        let sequences = self.restore_sequences(restore, defaults, id).await?;
        let row_count = self.restore_rows((from.id(), pin), id, &list).await?;
        Arc::make_mut(&mut self.overlay.restores).push(RestoreNote {
            id: self.lake.ids().uuid().to_string(),
            at: from.id(),
            source: source.id,
            source_name: [from_schema.name.clone(), source.name.clone()],
            target: id,
            role: owner.name.clone(),
            row_count,
            bytes: list.bytes(),
        });
        Ok((id, sequences))
    }

    /// The keys and CHECKs of a table for its restored one. A foreign key points at what
    /// has the name now, if that has the columns, or else at the table that it pointed at;
    /// it stays behind if neither is there.
    ///
    /// `tables`: those that are restored with it, itself too, and the new ones.
    fn restored_constraints(
        &mut self,
        from: &Snapshot,
        source: &Table,
        tables: &BTreeMap<TableId, TableId>,
    ) -> Vec<ConstraintEntry> {
        let mut restored = Vec::with_capacity(source.constraints.len());
        for entry in &source.constraints {
            let mut constraint = entry.constraint.clone();
            if let Constraint::ForeignKey {
                referenced_table,
                referenced_columns,
                ..
            } = &mut constraint
            {
                let new = tables.get(referenced_table).copied();
                let new =
                    new.or_else(|| self.successor(from, *referenced_table, referenced_columns));
                if let Some(new) = new {
                    *referenced_table = new;
                } else if !self.has_columns(*referenced_table, referenced_columns) {
                    continue;
                }
            }
            let new = self.constraint_entry(entry.name.clone(), constraint);
            restored.push(ConstraintEntry {
                comment: entry.comment.clone(),
                ..new
            });
        }
        restored
    }

    /// The table that has the name now which another one had, and the same columns.
    fn successor(&self, from: &Snapshot, table: TableId, columns: &[ColumnId]) -> Option<TableId> {
        let old = from.table(table)?;
        let schema = &from.schema(old.schema_id)?.name;
        let schema = self.overlay.picture.schema_by_name(schema)?.id;
        let Some(Relation::Table(new)) = self.overlay.picture.relation(schema, &old.name) else {
            return None;
        };
        let name = |table: &Table, id: &ColumnId| table.column(*id).map(|found| found.name.clone());
        let are_same = columns.iter().all(|id| {
            let found = name(&new, id);
            found.is_some() && found == name(old, id)
        });
        are_same.then_some(new.id)
    }

    fn has_columns(&self, table: TableId, columns: &[ColumnId]) -> bool {
        let table = self.overlay.picture.table(table);
        table.is_some_and(|table| columns.iter().all(|id| table.column(*id).is_some()))
    }

    /// Indexes keep their names where these are free.
    fn restore_indexes(&mut self, source: &Table, id: TableId) -> Result<(), Error> {
        let schema = self.table(id)?.schema_id;
        for index in &source.indexes {
            let restored = Index {
                id: self.take_temporary(),
                name: self.free_name(schema, &index.name, ""),
                ..index.clone()
            };
            self.change_table(id, |table| table.indexes.push(restored))?;
        }
        Ok(())
    }

    /// Gives a restored table its rows. Returns how many.
    async fn restore_rows(
        &mut self,
        (at, pin): (SnapshotId, Arc<crate::lake::Pin>),
        id: TableId,
        list: &FileList,
    ) -> Result<u64, Error> {
        let mut files = Vec::with_capacity(list.files.len());
        let mut deleted = BTreeMap::new();
        let mut row_count = list.row_count();
        for file in &list.files {
            let own_id = self.take_temporary();
            let positions = self.lake.deleted_positions(file).await?;
            let count = positions
                .as_ref()
                .map_or(0, |rows| rows.positions.len() as u64);
            row_count -= count;
            let data_file = match file.has_mixed_deletes() {
                false => Arc::new(file.with_id(own_id)),
                true => Arc::new(file.whole_with_id(own_id)),
            };
            if let (true, Some(all)) = (file.has_mixed_deletes() && count > 0, positions) {
                let deletes = RowDeletes {
                    data_file: Arc::clone(&data_file),
                    seen_at: self.base.id(),
                    own_count: count,
                    all,
                };
                deleted.insert(own_id, Arc::new(deletes));
            }
            files.push(RestoredFile {
                source_id: file.id,
                data_file,
            });
        }
        let mut inlined = Vec::new();
        if let Some(rows) = &list.inlined {
            let row_ids = rows.row_ids.iter().map(|_| self.take_temporary());
            inlined.push(Arc::new(InlinedAppend {
                columns: list.columns.clone(),
                rows: InlinedRows {
                    batch: rows.batch.clone(),
                    row_ids: row_ids.collect(),
                },
            }));
        }
        let inlined_count = list.inlined.as_ref().map_or(0, |rows| rows.row_ids.len());
        let changes = self.overlay.change_files(id);
        *changes = FileChanges {
            restored: Some(Arc::new(RestoredFiles {
                at,
                source: list.table,
                files,
                _pin: pin,
            })),
            deleted,
            inlined,
            ..FileChanges::default()
        };
        if inlined_count > OWN_ROW_COUNT_MAX {
            self.spill_inlined(id).await?;
        }
        Ok(row_count)
    }

    /// Lets what depends on a table depend on another. Returns the views.
    fn redirect(&mut self, old: TableId, new: TableId) -> Result<Vec<ViewId>, Error> {
        let views = self.overlay.picture.dependents(old.0);
        for id in &views {
            let view = self.view(*id)?;
            let redirect = |dependency: &i64| match *dependency == old.0 {
                true => new.0,
                false => *dependency,
            };
            let moved = View {
                dependencies: view.dependencies.iter().map(redirect).collect(),
                ..(*view).clone()
            };
            self.overlay.change_picture().put_view(Arc::new(moved));
        }
        let others = self.overlay.picture.tables();
        let others: Vec<Arc<Table>> = others
            .filter(|table| ![old, new].contains(&table.id))
            .map(Arc::clone)
            .collect();
        for table in others {
            let mut constraints = table.constraints.clone();
            for entry in &mut constraints {
                if let Constraint::ForeignKey {
                    referenced_table,
                    referenced_columns,
                    ..
                } = &mut entry.constraint
                    && *referenced_table == old
                    && self.has_columns(new, referenced_columns)
                {
                    *referenced_table = new;
                }
            }
            if constraints != table.constraints {
                self.change_table(table.id, |table| table.constraints = constraints)?;
            }
        }
        Ok(views)
    }

    /// A name that no relation of a schema has: this one and the ending, if need be with a
    /// number. Long ones are cut, as clients cut what they ask for.
    fn free_name(&self, schema: SchemaId, wanted: &str, ending: &str) -> String {
        let mut number = 1;
        loop {
            let ending = match number {
                1 => ending.to_owned(),
                number => format!("{ending}_{number}"),
            };
            let room = NAME_BYTES_MAX.saturating_sub(ending.len());
            let name = format!("{}{ending}", &wanted[..wanted.floor_char_boundary(room)]);
            if self.check_relation_name(schema, &name).is_ok() {
                return name;
            }
            number += 1;
        }
    }
}

fn absent(at: SnapshotId, table: TableId) -> Error {
    let text = format!("snapshot {at} does not show a table with id {table}");
    Error::new(ErrorKind::NotFound, text)
}
