//! The files of a table as a snapshot shows them, with bounds as typed arrays.
//!
//! Invariants:
//! - Two snapshots with the same `Table::last_change` show the same list.
//! - `bounds` has one row for each file, in the order of `files`.
//!
//! Relies on `file::stats`: text that it cannot read becomes NULL, that is unknown.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, BooleanArray, UInt64Array};
use arrow::record_batch::RecordBatch;
use object_store::path::Path;
use tokio::sync::OnceCell;

use crate::file::stats::{Bound, bounds_array};
use crate::snapshot::Column;
use crate::spec::{ColumnId, SnapshotId, TableId};

/// The visible rows of a table: its data files, and the rows kept in the catalog.
#[derive(Debug)]
pub struct FileList {
    /// Whose files they are.
    pub table: TableId,
    /// In the order of their making.
    pub files: Vec<Arc<DataFile>>,
    /// Rows that have no file yet.
    pub inlined: Option<InlinedRows>,
    pub(crate) columns: Vec<Column>,
    bounds: Mutex<HashMap<ColumnId, Arc<FileBounds>>>,
}

/// Rows that the catalog database holds itself.
#[derive(Clone, Debug)]
pub struct InlinedRows {
    /// All columns of the table in order, in their Arrow types.
    pub batch: RecordBatch,
    /// Row id of each row of `batch`, by which it is deleted.
    pub row_ids: Arc<[i64]>,
}

/// A Parquet file of a table.
#[derive(Debug)]
pub struct DataFile {
    /// Unique in the lake; negative before its commit.
    pub id: i64,
    /// In the lake's object store.
    pub location: Path,
    /// Rows in the file, deleted ones too.
    pub row_count: u64,
    /// Size of the object.
    pub bytes: u64,
    /// Size of the Parquet footer without its 8 trailing bytes; 0 if unknown.
    pub footer_bytes: u64,
    /// Whether any row of it is deleted, or not yet visible.
    pub has_deletes: bool,
    /// Rows of later snapshots are in the file, and only those up to this one are
    /// visible; `Lake::deleted_positions` names the others like deleted ones.
    pub partial_max: Option<SnapshotId>,
    /// Columns are matched by name instead of field id.
    pub name_mapping: Option<Arc<NameMapping>>,
    /// Row id of the first row, unless the file holds its own.
    pub row_id_start: Option<i64>,
    pub(crate) stats: Arc<FileStats>,
    pub(crate) delete_file: Option<DeleteFile>,
    pub(crate) inlined_deletes: Vec<u64>,
    pub(crate) deleted: OnceCell<Arc<DeletedPositions>>,
}

/// How the columns of a foreign file are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameMapping {
    /// Its id.
    pub id: i64,
    /// One for each column of the file.
    pub entries: Vec<NameMappingEntry>,
}

/// One column of a name mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameMappingEntry {
    /// Position in the mapping, from 0.
    pub ordinal: i64,
    /// Name in the file.
    pub source_name: String,
    /// The table's column.
    pub target: ColumnId,
    /// Ordinal of the column that this one is nested in.
    pub parent: Option<i64>,
    /// Whether the value is in the path instead of the file.
    pub is_partition: bool,
}

/// Rows of a file that are deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedPositions {
    /// Ascending, from 0, each once.
    pub positions: Vec<u64>,
}

/// The delete file of a data file.
#[derive(Clone, Debug)]
pub(crate) struct DeleteFile {
    pub(crate) location: Path,
    pub(crate) bytes: u64,
    /// Later deletes are in the file too: only those up to this snapshot count.
    pub(crate) up_to_snapshot: Option<SnapshotId>,
}

/// Statistics of one file, by column.
pub(crate) type FileStats = BTreeMap<ColumnId, ColumnStats>;

/// Statistics of one column in one file; absent is unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ColumnStats {
    pub(crate) null_count: Option<u64>,
    pub(crate) min: Option<String>,
    pub(crate) max: Option<String>,
    pub(crate) contains_nan: Option<bool>,
}

/// Bounds of one column, a row for each file; NULL is unknown.
#[derive(Clone, Debug)]
pub struct FileBounds {
    /// Least value, or less; NaN is not counted.
    pub min: ArrayRef,
    /// Greatest value, or more; NaN is not counted.
    pub max: ArrayRef,
    /// NULLs in the file.
    pub null_count: UInt64Array,
    /// Rows in the file.
    pub row_count: UInt64Array,
    /// Whether there is a NaN.
    pub contains_nan: BooleanArray,
}

impl DataFile {
    /// The same file and its deletes under another id.
    pub(crate) fn with_id(&self, id: i64) -> Self {
        Self {
            id,
            location: self.location.clone(),
            name_mapping: self.name_mapping.clone(),
            stats: Arc::clone(&self.stats),
            delete_file: self.delete_file.clone(),
            inlined_deletes: self.inlined_deletes.clone(),
            deleted: OnceCell::new_with(self.deleted.get().map(Arc::clone)),
            ..*self
        }
    }

    /// The same file under another id with all of its rows.
    pub(crate) fn whole_with_id(&self, id: i64) -> Self {
        Self {
            id,
            location: self.location.clone(),
            name_mapping: self.name_mapping.clone(),
            stats: Arc::clone(&self.stats),
            has_deletes: false,
            partial_max: None,
            delete_file: None,
            inlined_deletes: Vec::new(),
            deleted: OnceCell::new(),
            ..*self
        }
    }

    /// Whether which of its rows are deleted cannot be said by its delete file alone: it
    /// holds rows or deletes of later snapshots, or the catalog has deletes itself.
    pub(crate) fn has_mixed_deletes(&self) -> bool {
        let is_cut = |file: &DeleteFile| file.up_to_snapshot.is_some();
        self.partial_max.is_some()
            || !self.inlined_deletes.is_empty()
            || self.delete_file.as_ref().is_some_and(is_cut)
    }

    /// The same file with these rows deleted, which are not read from anywhere.
    pub(crate) fn with_deleted(&self, deleted: Arc<DeletedPositions>) -> Self {
        Self {
            location: self.location.clone(),
            has_deletes: true,
            name_mapping: self.name_mapping.clone(),
            stats: Arc::clone(&self.stats),
            delete_file: self.delete_file.clone(),
            inlined_deletes: self.inlined_deletes.clone(),
            deleted: OnceCell::new_with(Some(deleted)),
            ..*self
        }
    }
}

impl FileList {
    pub(crate) fn new(
        table: TableId,
        columns: Vec<Column>,
        files: Vec<Arc<DataFile>>,
        inlined: Option<InlinedRows>,
    ) -> Self {
        Self {
            table,
            files,
            inlined,
            columns,
            bounds: Mutex::default(),
        }
    }

    /// Bounds of a column or nested field; nothing if the table has no such column.
    ///
    /// Made at the first call for a column, then shared.
    pub fn bounds(&self, column_id: ColumnId) -> Option<Arc<FileBounds>> {
        let column = self
            .columns
            .iter()
            .find_map(|column| column.find(column_id))?;
        let mut known = self.bounds.lock().unwrap_or_else(PoisonError::into_inner);
        let bounds = known
            .entry(column_id)
            .or_insert_with(|| Arc::new(self.make_bounds(column)));
        Some(Arc::clone(bounds))
    }

    /// Rows in files and inlined; exact unless `has_deletes`.
    pub fn row_count(&self) -> u64 {
        let in_files: u64 = self.files.iter().map(|file| file.row_count).sum();
        in_files
            + self
                .inlined
                .as_ref()
                .map_or(0, |rows| rows.batch.num_rows() as u64)
    }

    /// Bytes of the files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Whether any row of any file is deleted or not yet visible.
    pub fn has_deletes(&self) -> bool {
        self.files.iter().any(|file| file.has_deletes)
    }

    fn make_bounds(&self, column: &Column) -> FileBounds {
        let stats = || self.files.iter().map(|file| file.stats.get(&column.id));
        let min = stats().map(|stats| stats.and_then(|stats| stats.min.as_deref()));
        let max = stats().map(|stats| stats.and_then(|stats| stats.max.as_deref()));
        FileBounds {
            min: bounds_array(&column.column_type, Bound::Min, min),
            max: bounds_array(&column.column_type, Bound::Max, max),
            null_count: stats()
                .map(|stats| stats.and_then(|stats| stats.null_count))
                .collect(),
            row_count: self.files.iter().map(|file| Some(file.row_count)).collect(),
            contains_nan: stats()
                .map(|stats| stats.and_then(|stats| stats.contains_nan))
                .collect(),
        }
    }
}
