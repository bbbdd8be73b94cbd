//! What a transaction changed: a picture, and the files of each table.
//!
//! Cheap to clone, so that savepoints cost nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use object_store::path::Path;
use tokio::sync::OnceCell;

use crate::file::write::StagedFile;
use crate::snapshot::{ColumnStats, DataFile, FileStats, Snapshot};
use crate::spec::TableId;

/// The changes of a transaction.
#[derive(Clone, Debug)]
pub(super) struct Overlay {
    pub(super) picture: Arc<Snapshot>,
    pub(super) files: Arc<BTreeMap<TableId, Arc<FileChanges>>>,
}

/// What happens to the rows of one table.
#[derive(Clone, Debug, Default)]
pub(super) struct FileChanges {
    /// Whether every row that the pin shows goes away.
    pub(super) is_truncated: bool,
    pub(super) appended: Vec<AppendedFile>,
}

/// A file that was uploaded and is not visible yet.
#[derive(Clone, Debug)]
pub(super) struct AppendedFile {
    pub(super) staged: Arc<StagedFile>,
    pub(super) data_file: Arc<DataFile>,
}

impl Overlay {
    pub(super) fn new(base: Arc<Snapshot>) -> Self {
        Self {
            picture: base,
            files: Arc::default(),
        }
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
        self.appended.clear();
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
