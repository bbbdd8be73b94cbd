//! Copies the live rows of small or worn files into new ones.
//!
//! The rows are read by the ordinary scan, which masks deleted ones and fills in columns
//! that older files lack, one partition after the other, so that they stay in their order;
//! or they are sorted by the table's sort key.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::catalog::TableProvider;
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use futures::StreamExt;
use gotgan_storage::{
    Author, CompactionOptions, DataFile, ErrorKind, FileList, RowIds, StagedFiles, Table, TableId,
    TableWriter, Transaction,
};

use super::TRIES_MAX;
use crate::engine::Engine;
use crate::error::SqlError;
use crate::modify::Sorter;
use crate::scan::LakeTable;

/// Most rounds over a table: what a round makes may be worth another, but not for ever.
const ROUNDS_MAX: usize = 3;

/// How a group's rewrite ended.
pub(super) enum Outcome {
    Done,
    /// A writer won, or the files are gone.
    Lost,
}

impl Engine {
    /// Rewrites the files of a table that are worth it, in a commit for each group.
    pub(super) async fn compact(
        &self,
        table: TableId,
        options: &CompactionOptions,
        author: &Author,
    ) -> Result<(), SqlError> {
        let mut lost_count = 0;
        for _ in 0..ROUNDS_MAX {
            let groups = self.groups(table, options).await?;
            if groups.is_empty() {
                return Ok(());
            }
            for group in groups {
                match self.rewrite(table, &group, author).await? {
                    Outcome::Done => {}
                    Outcome::Lost if lost_count < TRIES_MAX => lost_count += 1,
                    Outcome::Lost => return Ok(()),
                }
            }
        }
        Ok(())
    }

    /// The ids of files that should become one each.
    async fn groups(
        &self,
        table: TableId,
        options: &CompactionOptions,
    ) -> Result<Vec<Vec<i64>>, SqlError> {
        let head = self.lake.head().await?;
        if head.table(table).is_none() {
            return Ok(Vec::new());
        }
        let list = self.lake.files(&head, table).await?;
        let groups = self.lake.compaction_groups(&list, options).await?;
        let ids = |group: Vec<Arc<DataFile>>| group.iter().map(|file| file.id).collect();
        Ok(groups.into_iter().map(ids).collect())
    }

    /// Replaces a group of files by a copy of their live rows.
    pub(super) async fn rewrite(
        &self,
        id: TableId,
        group: &[i64],
        author: &Author,
    ) -> Result<Outcome, SqlError> {
        let mut transaction = self.lake.begin(author.clone()).await?;
        let Some(table) = transaction.snapshot().table(id).map(Arc::clone) else {
            return Ok(Outcome::Lost);
        };
        let list = transaction.files(id).await?;
        let files = list.files.iter().filter(|file| group.contains(&file.id));
        let files: Vec<Arc<DataFile>> = files.map(Arc::clone).collect();
        if files.len() != group.len() {
            return Ok(Outcome::Lost);
        }
        let staged = self.copy(&transaction, &table, &list.only(files)).await?;
        transaction.replace_files(id, group, staged).await?;
        match transaction.commit().await {
            Ok(_) => {
                tracing::debug!(table = %id, files = group.len(), "files were rewritten");
                Ok(Outcome::Done)
            }
            Err(error) if error.kind == ErrorKind::Conflict => Ok(Outcome::Lost),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the live rows of all files of a list into new ones, with their ids.
    async fn copy(
        &self,
        transaction: &Transaction,
        table: &Arc<Table>,
        list: &FileList,
    ) -> Result<StagedFiles, SqlError> {
        let mut ids = RowIdsByFile::default();
        for file in &list.files {
            ids.by_file.insert(file.id, self.lake.row_ids(file).await?);
        }
        let source = LakeTable::new(self.lake.clone(), Arc::clone(table)).with_positions();
        source.set_files(Arc::new(list.only(list.files.clone())));
        let state = self.physical.state();
        let plan = source.scan(state.as_ref(), None, &[], None).await?;
        let tasks = self.physical.tasks(&Arc::default())?;
        let mut copy = Copy {
            table: Arc::clone(table),
            ids,
            writer: transaction.rewriter(table.id).await?,
            sorter: None,
            is_begun: false,
        };
        for partition in 0..plan.properties().output_partitioning().partition_count() {
            let mut rows = plan.execute(partition, Arc::clone(&tasks))?;
            while let Some(batch) = rows.next().await {
                if let Err(error) = copy.take(batch, &tasks).await {
                    return Err(give_up(copy.writer, error).await);
                }
            }
        }
        match copy.write_sorted().await {
            Ok(()) => Ok(copy.writer.finish().await?),
            Err(error) => Err(give_up(copy.writer, error).await),
        }
    }
}

/// Rows on their way from files to others.
struct Copy {
    table: Arc<Table>,
    ids: RowIdsByFile,
    writer: TableWriter,
    sorter: Option<Sorter>,
    is_begun: bool,
}

impl Copy {
    async fn take(
        &mut self,
        batch: Result<RecordBatch, DataFusionError>,
        tasks: &Arc<TaskContext>,
    ) -> Result<(), SqlError> {
        let rows = self.ids.in_place_of_positions(&batch?)?;
        if !std::mem::replace(&mut self.is_begun, true) {
            self.sorter = Sorter::new(&self.table, &rows.schema(), tasks)?;
        }
        match &mut self.sorter {
            Some(sorter) => sorter.push(rows).await,
            None => Ok(self.writer.write(rows).await?),
        }
    }

    /// Writes what is sorted once all of it is there.
    async fn write_sorted(&mut self) -> Result<(), SqlError> {
        match self.sorter.take() {
            Some(sorter) => sorter.write(&mut self.writer).await,
            None => Ok(()),
        }
    }
}

async fn give_up(writer: TableWriter, error: SqlError) -> SqlError {
    if let Err(error) = writer.abort().await {
        tracing::warn!(%error, "files of a rewrite that failed were not deleted");
    }
    error
}

/// The ids of rows by their files' ids.
#[derive(Default)]
struct RowIdsByFile {
    by_file: HashMap<i64, RowIds>,
}

impl RowIdsByFile {
    /// Puts the row's id in the place of the last two columns: file and position.
    fn in_place_of_positions(&self, batch: &RecordBatch) -> Result<RecordBatch, SqlError> {
        let width = batch.num_columns().saturating_sub(2);
        let places = batch.columns().get(width..).unwrap_or_default();
        let [files, positions] = places else {
            return Err(SqlError::internal("a copied row has no place"));
        };
        let files = files.as_primitive::<Int64Type>().values();
        let positions = positions.as_primitive::<Int64Type>().values();
        let ids = files.iter().zip(positions);
        let ids: Option<Vec<i64>> = ids
            .map(|(file, position)| self.find(*file, *position))
            .collect();
        let Some(ids) = ids else {
            return Err(SqlError::internal("a copied row has no id"));
        };
        let mut arrays: Vec<ArrayRef> = batch.columns()[..width].to_vec();
        arrays.push(Arc::new(Int64Array::from(ids)));
        let mut fields = batch.schema().fields()[..width].to_vec();
        fields.push(Arc::new(Field::new("row_id", DataType::Int64, false)));
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
    }

    fn find(&self, file: i64, position: i64) -> Option<i64> {
        match self.by_file.get(&file)? {
            RowIds::From(start) => Some(start + position),
            RowIds::Each(ids) => ids.get(usize::try_from(position).ok()?).copied(),
        }
    }
}
