//! What a transaction changed: a picture, and the files of each table.
//!
//! Cheap to clone, so that savepoints cost nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gotgan_config::Secret;
use object_store::path::Path;
use tokio::sync::OnceCell;

use crate::error::Error;
use crate::file::write::StagedFile;
use crate::lake::Pin;
use crate::snapshot::{
    Column, ColumnStats, DataFile, DeletedPositions, FileStats, InlinedRows, Snapshot,
};
use crate::spec::{SequenceId, SnapshotId, TableId};
use crate::transaction::temporary::OnCommit;

/// What proves the passwords of roles, by role.
pub(super) type Verifiers = BTreeMap<i64, Option<Secret<String>>>;

/// The changes of a transaction.
#[derive(Clone, Debug)]
pub(super) struct Overlay {
    pub(super) picture: Arc<Snapshot>,
    pub(super) files: Arc<BTreeMap<TableId, Arc<FileChanges>>>,
    /// Sequences that begin again, with the key of the state that they then have.
    pub(super) restarts: Arc<BTreeMap<SequenceId, i64>>,
    /// Temporary tables to which a commit does something.
    pub(super) on_commit: Arc<BTreeMap<TableId, OnCommit>>,
    /// Tables that were brought back.
    pub(super) restores: Arc<Vec<RestoreNote>>,
    /// What proves the passwords of roles, where it changes.
    pub(super) verifiers: Arc<Verifiers>,
}

/// What happens to the rows of one table.
#[derive(Clone, Debug, Default)]
pub(super) struct FileChanges {
    /// Whether every row that the pin shows goes away.
    pub(super) is_truncated: bool,
    pub(super) appended: Vec<AppendedFile>,
    /// Rows of files that go away, by the file's id; own files have a negative one.
    pub(super) deleted: BTreeMap<i64, Arc<RowDeletes>>,
    /// Rows that the catalog is to hold itself, with negative row ids.
    pub(super) inlined: Vec<Arc<InlinedAppend>>,
    /// Row ids of inlined rows that go away, own ones too.
    pub(super) inlined_deleted: BTreeSet<i64>,
    /// Files that it begins with, if it is restored.
    pub(super) restored: Option<Arc<RestoredFiles>>,
    /// Files whose rows are in the appended ones.
    pub(super) replaced: BTreeMap<i64, Arc<DataFile>>,
    /// A later snapshot than the pin up to which nobody ended a row that is truncated.
    pub(super) verified_at: Option<SnapshotId>,
    /// Whether `inlined_deleted` or `replaced` only moved to the appended files.
    pub(super) is_move: bool,
}

/// Rows that are not in a file.
#[derive(Clone, Debug)]
pub(super) struct InlinedAppend {
    /// The table's columns when they were added.
    pub(super) columns: Vec<Column>,
    pub(super) rows: InlinedRows,
}

/// Rows of one data file that go away.
#[derive(Clone, Debug)]
pub(super) struct RowDeletes {
    /// As it was before; its own deletes are older than this transaction.
    pub(super) data_file: Arc<DataFile>,
    /// The snapshot that showed it so.
    pub(super) seen_at: SnapshotId,
    /// How many rows this transaction deletes.
    pub(super) own_count: u64,
    /// These and all that were deleted earlier.
    pub(super) all: Arc<DeletedPositions>,
}

impl RowDeletes {
    /// Whether no row of the file is left.
    pub(super) fn is_whole(&self) -> bool {
        self.all.positions.len() as u64 >= self.data_file.row_count
    }

    /// The file as the transaction sees it.
    pub(super) fn seen(&self) -> DataFile {
        self.data_file.with_deleted(Arc::clone(&self.all))
    }
}

/// A file that was uploaded and is not visible yet.
#[derive(Clone, Debug)]
pub(super) struct AppendedFile {
    pub(super) staged: Arc<StagedFile>,
    pub(super) data_file: Arc<DataFile>,
}

/// Files of a snapshot that a new table begins with.
#[derive(Clone, Debug)]
pub(super) struct RestoredFiles {
    pub(super) at: SnapshotId,
    /// Whose files they are there.
    pub(super) source: TableId,
    pub(super) files: Vec<RestoredFile>,
    /// Keeps the snapshot until the transaction ends.
    pub(super) _pin: Arc<Pin>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct RestoredFile {
    /// Its id in the source table.
    pub(super) source_id: i64,
    /// With an id of this transaction, and its deletes as of then.
    pub(super) data_file: Arc<DataFile>,
}

/// A table that this transaction restores, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RestoreNote {
    pub(super) id: String,
    pub(super) at: SnapshotId,
    pub(super) source: TableId,
    /// Schema and name.
    pub(super) source_name: [String; 2],
    pub(super) target: TableId,
    pub(super) role: String,
    pub(super) row_count: u64,
    pub(super) bytes: u64,
}

impl Overlay {
    pub(super) fn new(base: Arc<Snapshot>) -> Self {
        Self {
            picture: base,
            files: Arc::default(),
            restarts: Arc::default(),
            on_commit: Arc::default(),
            restores: Arc::default(),
            verifiers: Arc::default(),
        }
    }

    /// Whether they are one state; equal ones that were made apart may be told different.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let has_same_files = Arc::ptr_eq(&self.files, &other.files)
            || (self.files.is_empty() && other.files.is_empty());
        Arc::ptr_eq(&self.picture, &other.picture)
            && has_same_files
            && self.restarts == other.restarts
            && self.on_commit == other.on_commit
            && self.verifiers == other.verifiers
    }

    /// Where the transaction keeps how far a sequence is, if it does: a key that no
    /// savepoint brings back. For new sequences it is their temporary id.
    pub(super) fn state_key(&self, id: SequenceId) -> i64 {
        self.restarts.get(&id).copied().unwrap_or(id.0)
    }

    /// The picture, to be changed: a clone of it if anyone else has it too.
    pub(super) fn change_picture(&mut self) -> &mut Snapshot {
        Arc::make_mut(&mut self.picture)
    }

    pub(super) fn change_files(&mut self, table: TableId) -> &mut FileChanges {
        let changes = Arc::make_mut(&mut self.files).entry(table).or_default();
        Arc::make_mut(changes)
    }

    pub(super) fn forget_files(&mut self, table: TableId) {
        if self.files.contains_key(&table) {
            Arc::make_mut(&mut self.files).remove(&table);
        }
    }
}

impl FileChanges {
    pub(super) fn truncate(&mut self) {
        self.is_truncated = true;
        self.restored = None;
        self.appended.clear();
        self.deleted.clear();
        self.inlined.clear();
        self.inlined_deleted.clear();
        self.replaced.clear();
        self.is_move = false;
    }

    /// The own inlined rows that are left, in the columns that the table has now.
    pub(super) fn own_inlined(&self, columns: &[Column]) -> Result<Option<InlinedRows>, Error> {
        let mut parts = Vec::with_capacity(self.inlined.len());
        for part in &self.inlined {
            if let Some(rows) = part.rows.without(&self.inlined_deleted)? {
                parts.push(rows.conform(&part.columns, columns)?);
            }
        }
        InlinedRows::concat(parts)
    }

    /// Ids of the deleted inlined rows that the catalog holds.
    pub(super) fn inlined_rows_of_catalog(&self) -> Vec<i64> {
        let deleted = self.inlined_deleted.iter().copied();
        deleted.filter(|id| *id >= 0).collect()
    }

    /// The files that are added in the end: those of which rows are left.
    pub(super) fn kept(&self) -> impl Iterator<Item = &AppendedFile> {
        self.appended.iter().filter(|file| {
            let deletes = self.deleted.get(&file.data_file.id);
            !deletes.is_some_and(|deletes| deletes.is_whole())
        })
    }

    /// The restored files of which rows are left.
    pub(super) fn kept_restored(&self) -> impl Iterator<Item = &RestoredFile> {
        let restored = self.restored.iter().flat_map(|restored| &restored.files);
        restored.filter(|file| {
            let deletes = self.deleted.get(&file.data_file.id);
            !deletes.is_some_and(|deletes| deletes.is_whole())
        })
    }

    /// A file as the transaction sees it; nothing if no row of it is left.
    pub(super) fn seen(&self, file: &Arc<DataFile>) -> Option<Arc<DataFile>> {
        if self.replaced.contains_key(&file.id) {
            return None;
        }
        match self.deleted.get(&file.id) {
            None => Some(Arc::clone(file)),
            Some(deletes) if deletes.is_whole() => None,
            Some(deletes) => Some(Arc::new(deletes.seen())),
        }
    }

    pub(super) fn append(&mut self, temporary_id: i64, location: Path, staged: StagedFile) {
        let data_file = DataFile {
            id: temporary_id,
            location,
            row_count: staged.row_count,
            bytes: staged.bytes,
            footer_bytes: staged.footer_bytes,
            has_deletes: false,
            partial_max: None,
            name_mapping: None,
            row_id_start: None,
            stats: Arc::new(file_stats(&staged)),
            delete_file: None,
            inlined_deletes: Vec::new(),
            deleted: OnceCell::new(),
        };
        let data_file = Arc::new(data_file);
        self.appended.push(AppendedFile {
            staged: Arc::new(staged),
            data_file,
        });
    }
}

fn file_stats(staged: &StagedFile) -> FileStats {
    let columns = staged.columns.iter().map(|column| {
        let stats = ColumnStats {
            null_count: Some(column.null_count),
            min: column.min.clone(),
            max: column.max.clone(),
            contains_nan: column.contains_nan,
        };
        (column.column_id, stats)
    });
    columns.collect()
}
