//! Few rows at a time: kept in the catalog, without a file for each statement.
//!
//!   append_rows ──▶ own inlined rows ──▶ commit: a table of inlined rows
//!                        └── too many: a file
//!   flush_inlined: the catalog's rows ──▶ a file that holds their row ids
//!
//! A flush ends the inlined rows at its snapshot, so that older snapshots keep showing
//! them from the catalog and newer ones read the file. Row ids stay the same.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::{Field, Schema as ArrowSchema};
use arrow::record_batch::RecordBatch;

use crate::error::{Error, ErrorKind};
use crate::file::schema::ROW_ID_NAME;
use crate::file::write::StagedFiles;
use crate::lake::Lake;
use crate::snapshot::{InlinedRows, can_inline};
use crate::spec::{SnapshotId, TableId};
use crate::transaction::overlay::InlinedAppend;
use crate::transaction::{Author, Transaction};

/// Most rows of one table that a transaction holds back before it writes a file.
pub(super) const OWN_ROW_COUNT_MAX: usize = 1_000;

impl Transaction {
    /// Appends a few rows: to the catalog at the commit, or at once to a file if they
    /// are many or of types that the catalog cannot hold.
    ///
    /// `batch`: as `TableWriter::write` takes it. Ids of own inlined rows are good until
    /// the next call. Cost: nothing, or as a writer.
    pub async fn append_rows(&mut self, table: TableId, batch: RecordBatch) -> Result<(), Error> {
        self.check_writable()?;
        self.check_no_move(table)?;
        let seen = self.table(table)?;
        let count = batch.num_rows();
        if count == 0 {
            return Ok(());
        }
        if count > OWN_ROW_COUNT_MAX || !can_inline(&seen.columns) {
            return self.append_file(table, batch).await;
        }
        let row_ids: Arc<[i64]> = (0..count).map(|_| self.take_temporary()).collect();
        let rows = InlinedRows::new(&seen.columns, &batch, row_ids)?;
        let changes = self.overlay.change_files(table);
        changes.inlined.push(Arc::new(InlinedAppend {
            columns: seen.columns.clone(),
            rows,
        }));
        let held = changes.inlined.iter().map(|part| part.rows.row_ids.len());
        if held.sum::<usize>() > OWN_ROW_COUNT_MAX {
            self.spill_inlined(table).await?;
        }
        Ok(())
    }

    /// Moves own inlined rows into files where the catalog cannot hold them any more,
    /// because their table got other columns since.
    pub(super) async fn spill_unfitting(&mut self) -> Result<(), Error> {
        let with_rows = self.overlay.files.iter();
        let with_rows = with_rows.filter(|(_, changes)| !changes.inlined.is_empty());
        let tables: Vec<TableId> = with_rows.map(|(table, _)| *table).collect();
        for table in tables {
            if !can_inline(&self.table(table)?.columns) {
                self.spill_inlined(table).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn spill_inlined(&mut self, table: TableId) -> Result<(), Error> {
        let seen = self.table(table)?;
        let Some(changes) = self.overlay.files.get(&table) else {
            return Ok(());
        };
        if let Some(rows) = changes.own_inlined(&seen.columns)? {
            self.append_file(table, rows.batch).await?;
        }
        let changes = self.overlay.change_files(table);
        changes.inlined.clear();
        changes.inlined_deleted.retain(|id| *id >= 0);
        Ok(())
    }

    async fn append_file(&mut self, table: TableId, batch: RecordBatch) -> Result<(), Error> {
        let mut writer = self.writer(table).await?;
        writer.write(batch).await?;
        let staged = writer.finish().await?;
        self.append(table, staged)
    }

    /// Moves the inlined rows of a table that others see into a file. How many there were.
    ///
    /// Errors: `Internal` if this transaction has changed rows of the table.
    async fn flush_inlined(&mut self, table: TableId) -> Result<u64, Error> {
        self.check_writable()?;
        if self.overlay.files.contains_key(&table) {
            let text = "inlined rows are flushed by a transaction of their own";
            return Err(Error::new(ErrorKind::Internal, text));
        }
        let list = self.files(table).await?;
        let Some(rows) = &list.inlined else {
            return Ok(0);
        };
        let staged = self.write_with_row_ids(table, rows).await?;
        self.append(table, staged)?;
        let changes = self.overlay.change_files(table);
        changes.inlined_deleted = rows.row_ids.iter().copied().collect();
        changes.is_move = true;
        Ok(rows.row_ids.len() as u64)
    }

    async fn write_with_row_ids(
        &self,
        table: TableId,
        rows: &InlinedRows,
    ) -> Result<StagedFiles, Error> {
        let ids: ArrayRef = Arc::new(Int64Array::from(rows.row_ids.to_vec()));
        let mut fields = rows.batch.schema().fields().to_vec();
        fields.push(Arc::new(Field::new(
            ROW_ID_NAME,
            ids.data_type().clone(),
            true,
        )));
        let mut arrays = rows.batch.columns().to_vec();
        arrays.push(ids);
        let schema = Arc::new(ArrowSchema::new(fields));
        let batch = RecordBatch::try_new(schema, arrays).map_err(|source| {
            let text = "row ids do not fit their rows";
            Error::new(ErrorKind::Internal, text).with_source(source)
        })?;
        let mut writer = self.rewriter(table).await?;
        writer.write(batch).await?;
        writer.finish().await
    }
}

impl Lake {
    /// Moves the inlined rows of a table into a file, in a commit of its own.
    ///
    /// Returns the snapshot; nothing if there were no such rows.
    /// Cost: writes one file; 1 transaction of the catalog.
    /// Errors: `Conflict` if someone deleted such a row or altered the table meanwhile.
    pub async fn flush_inlined(
        &self,
        table: TableId,
        author: Author,
    ) -> Result<Option<SnapshotId>, Error> {
        let mut transaction = self.begin(author).await?;
        transaction.flush_inlined(table).await?;
        transaction.commit().await
    }
}
