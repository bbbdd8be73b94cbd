//! Deleting rows of data files and inlined rows in a transaction.
//!
//! Rows are named by the file's id and their positions in it, as the transaction's own
//! file list shows them; inlined rows by their row ids. Nothing is written before the
//! commit (see `stage`), so a savepoint takes deletes back for free.
//!
//! Invariants:
//! - What the overlay holds for a file is cumulative: with everything deleted before.
//! - A deleted row is never counted twice, however often it is named.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::snapshot::{DataFile, DeletedPositions};
use crate::spec::TableId;
use crate::transaction::Transaction;
use crate::transaction::overlay::RowDeletes;

impl Transaction {
    /// Deletes rows of one data file, also of one that this transaction appended.
    ///
    /// `file`: its id in `files`, negative for own files. `positions`: rows from 0 in the
    /// order of the file, in any order, also more than once.
    /// Returns how many rows were there until now.
    /// Cost: as `files`, and the read of the file's delete file if it has one.
    /// Errors: `NotFound` if the table or file is not there; `Internal` for a position
    /// beyond the file's end.
    pub async fn delete_rows(
        &mut self,
        table: TableId,
        file: i64,
        positions: &[u64],
    ) -> Result<u64, Error> {
        self.check_writable()?;
        self.check_no_move(table)?;
        let known = self
            .overlay
            .files
            .get(&table)
            .and_then(|changes| changes.deleted.get(&file).map(Arc::clone));
        let (data_file, earlier, own_count) = match known {
            Some(deletes) => (
                Arc::clone(&deletes.data_file),
                Some(Arc::clone(&deletes.all)),
                deletes.own_count,
            ),
            None => {
                let data_file = self.data_file(table, file).await?;
                let earlier = self.lake.deleted_positions(&data_file).await?;
                (data_file, earlier, 0)
            }
        };
        if positions
            .iter()
            .any(|position| *position >= data_file.row_count)
        {
            let text = "a row to be deleted lies beyond the end of its file";
            return Err(Error::new(ErrorKind::Internal, text));
        }
        let earlier = earlier.as_ref().map_or(&[][..], |rows| &rows.positions);
        let all = union(earlier, positions);
        let added = (all.len() - earlier.len()) as u64;
        if added > 0 {
            let deletes = RowDeletes {
                data_file,
                seen_at: self.base.id(),
                own_count: own_count + added,
                all: Arc::new(DeletedPositions { positions: all }),
            };
            let changes = self.overlay.change_files(table);
            changes.deleted.insert(file, Arc::new(deletes));
        }
        Ok(added)
    }

    /// Deletes inlined rows by their ids, as `files` shows them.
    ///
    /// Returns how many were there until now. Cost: as `files`.
    pub async fn delete_inlined_rows(
        &mut self,
        table: TableId,
        row_ids: &[i64],
    ) -> Result<u64, Error> {
        self.check_writable()?;
        self.check_no_move(table)?;
        let list = self.files(table).await?;
        let Some(inlined) = &list.inlined else {
            return Ok(0);
        };
        let there: BTreeSet<i64> = inlined.row_ids.iter().copied().collect();
        let mut deleted: BTreeSet<i64> = row_ids.iter().copied().collect();
        deleted.retain(|id| there.contains(id));
        let count = deleted.len() as u64;
        if count > 0 {
            let changes = self.overlay.change_files(table);
            changes.inlined_deleted.append(&mut deleted);
        }
        Ok(count)
    }

    /// A file of the transaction's list that it deleted nothing of yet.
    async fn data_file(&self, table: TableId, file: i64) -> Result<Arc<DataFile>, Error> {
        let list = self.files(table).await?;
        let found = list.files.iter().find(|other| other.id == file);
        found.map(Arc::clone).ok_or_else(|| {
            let text = "a data file to delete rows of is not there";
            Error::new(ErrorKind::NotFound, text)
        })
    }
}

/// Both lists as one, ascending, each position once. `known` is so already.
pub(super) fn union(known: &[u64], added: &[u64]) -> Vec<u64> {
    let mut all = Vec::with_capacity(known.len() + added.len());
    all.extend_from_slice(known);
    all.extend_from_slice(added);
    // Two runs that are ascending are merged in one pass.
    all.sort();
    all.dedup();
    all
}
