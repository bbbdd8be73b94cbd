//! Replacing files by others that hold the same rows: the commit of a compaction.
//!
//! Rows keep their ids, which the new files hold in a column of their own. So a delete
//! that someone else is about to commit finds its rows again (see `moved`).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::file::schema::{ROW_ID_FIELD, ROW_ID_NAME};
use crate::file::write::{StagedFiles, TableWriter};
use crate::snapshot::{Column, DataFile};
use crate::spec::{ColumnId, TableId};
use crate::transaction::Transaction;
use crate::types::ColumnType;

impl Transaction {
    /// A writer of files for rows that move: the table's columns, then the row's id as
    /// bigint.
    pub async fn rewriter(&self, table: TableId) -> Result<TableWriter, Error> {
        self.check_writable()?;
        let seen = self.table(table)?;
        let mut columns = seen.columns.clone();
        columns.push(row_id_column());
        self.new_files(&self.location(&seen)?, &columns).await
    }

    /// Replaces data files by what a rewriter made of their rows, in any order.
    ///
    /// `replaced`: their ids in `files`. Cost: as `files`, and the reads of their delete
    /// files. The commit is a `Conflict` if someone deleted rows of them meanwhile.
    /// Errors: `NotFound` if a file is not there; `Internal` if the rows are not as many,
    /// or this transaction has changed rows of the table.
    pub async fn replace_files(
        &mut self,
        table: TableId,
        replaced: &[i64],
        staged: StagedFiles,
    ) -> Result<(), Error> {
        self.check_writable()?;
        let has_changes = self.overlay.files.contains_key(&table);
        let list = self.files(table).await?;
        let written: u64 = staged.files.iter().map(|file| file.row_count).sum();
        // The files are the transaction's to delete, whatever becomes of it.
        self.append(table, staged)?;
        let mut files: BTreeMap<i64, Arc<DataFile>> = BTreeMap::new();
        let mut row_count = 0;
        for id in replaced {
            let found = list.files.iter().find(|file| file.id == *id);
            let file = found.ok_or_else(|| {
                let text = "a data file to be replaced is not there";
                Error::new(ErrorKind::NotFound, text)
            })?;
            let deleted = self.lake.deleted_positions(file).await?;
            let deleted = deleted.map_or(0, |deleted| deleted.positions.len() as u64);
            if files.insert(*id, Arc::clone(file)).is_none() {
                row_count += file.row_count - deleted;
            }
        }
        if has_changes || written != row_count {
            let text = "replaced files and their replacement do not hold the same rows";
            return Err(Error::new(ErrorKind::Internal, text));
        }
        let changes = self.overlay.change_files(table);
        changes.replaced = files;
        changes.is_move = true;
        Ok(())
    }
}

/// The system column that keeps a row's id when the row moves.
fn row_id_column() -> Column {
    Column {
        id: ColumnId(i64::from(ROW_ID_FIELD)),
        name: ROW_ID_NAME.to_owned(),
        column_type: ColumnType::Int64,
        nullable: true,
        default: None,
        initial_default: None,
        comment: None,
        children: Vec::new(),
    }
}
