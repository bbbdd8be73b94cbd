//! Runs a planned change: its rows are taken first and handed to the transaction then.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::datasource::MemTable;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_plan::ExecutionPlan;
use futures::StreamExt;
use gotgan_storage::TableId;

use super::Change;
use super::sink::ChangeSink;
use crate::command::query;
use crate::error::SqlError;
use crate::execute::{self, RowStream, Tag};
use crate::modify::RowWriter;
use crate::physical::Joins;
use crate::plan::{ColumnDescription, Planner};
use crate::session::{Outcome, Parameter, Session};

/// File and position of rows that a statement has changed already.
pub(crate) type Places = Arc<HashSet<(i64, i64)>>;

/// A change whose rows are all taken; the transaction does not know of it yet.
pub(crate) struct Pending {
    sink: ChangeSink,
    table: TableId,
    word: &'static str,
    /// What RETURNING gives, and the same as fields of a relation.
    columns: Option<Arc<[ColumnDescription]>>,
    schema: SchemaRef,
}

impl Change {
    /// Runs the statement.
    ///
    /// Errors: as [`Self::fill`], and those of storage.
    pub(crate) async fn run(
        self,
        session: &mut Session,
        planner: &Planner,
        parameters: &[Parameter],
    ) -> Result<Outcome, SqlError> {
        let pending = self
            .fill(session, planner, parameters, &HashMap::new())
            .await?;
        pending.finish(session).await
    }

    /// Takes all rows of the plan; nothing of it is kept after an error.
    ///
    /// `places`: rows that earlier parts of the statement changed; they are left alone.
    /// Errors: `21000` for a row that is touched twice, `23502`, `23514`, and those of
    /// the query and of storage.
    pub(crate) async fn fill(
        mut self,
        session: &mut Session,
        planner: &Planner,
        parameters: &[Parameter],
        places: &HashMap<TableId, Places>,
    ) -> Result<Pending, SqlError> {
        self.bind(parameters)?;
        let places = places.get(&self.table.id).map(Arc::clone);
        let physical = self.physical(session, planner, Joins::Hash).await?;
        let sink = match self.take(session, planner, &physical, places.clone()).await {
            Err(error) if error.is_out_of_memory() && query::has_hash_join(&physical)? => {
                let merging = self.physical(session, planner, Joins::Merge).await?;
                self.take(session, planner, &merging, places).await?
            }
            other => other?,
        };
        Ok(Pending {
            sink,
            table: self.table.id,
            word: self.word,
            columns: self.columns(),
            schema: self.returned_schema(),
        })
    }

    /// The command, such as `UPDATE`.
    pub(crate) fn command(&self) -> &'static str {
        self.word.split(' ').next().unwrap_or_default()
    }

    /// How EXPLAIN heads the plan, such as `Update on t`.
    pub(crate) fn title(&self) -> String {
        let command = self.command();
        let (first, rest) = command.split_at(command.len().min(1));
        format!("{first}{} on {}", rest.to_lowercase(), self.table.name)
    }

    /// Puts the parameters' values into the plan.
    ///
    /// Errors: those of the values.
    pub(crate) fn bind(&mut self, parameters: &[Parameter]) -> Result<(), SqlError> {
        let values = parameters
            .iter()
            .map(|parameter| (parameter.pg_type, parameter.value.clone()))
            .collect();
        self.plan = Planner::bind(self.plan.clone(), values)?;
        Ok(())
    }

    /// The plan that runs.
    ///
    /// Errors: those of planning, and of loading the lists of files.
    pub(crate) async fn physical(
        &self,
        session: &mut Session,
        planner: &Planner,
        joins: Joins,
    ) -> Result<Arc<dyn ExecutionPlan>, SqlError> {
        if self.depends_on_rows {
            let storage = session.transaction().await?.storage()?;
            storage.record_read(self.table.id);
        }
        query::physical(session, planner, &self.plan, joins).await
    }

    /// Takes the rows of a plan that [`Self::physical`] made.
    async fn take(
        &self,
        session: &mut Session,
        planner: &Planner,
        physical: &Arc<dyn ExecutionPlan>,
        places: Option<Places>,
    ) -> Result<ChangeSink, SqlError> {
        let tasks = planner.physical.tasks(&planner.ctx.meter)?;
        let writer = match self.layout.count {
            0 => None,
            _ => {
                let storage = session.transaction().await?.storage()?;
                Some(RowWriter::open(storage, self.table.id, &tasks).await?)
            }
        };
        let mut sink = ChangeSink::new(
            Arc::clone(&self.table),
            writer,
            self.layout,
            self.repeats.clone(),
            self.returning.is_some(),
            tasks.memory_pool(),
            planner.writer(&self.table),
        );
        sink.refuse(self.refusals.clone());
        sink.leave_alone(places);
        let mut stream = execute::start(physical, &tasks)?;
        while let Some(batch) = stream.next().await {
            let taken = match batch {
                Ok(batch) => sink.take(&batch).await,
                Err(error) => Err(SqlError::from(error)),
            };
            if let Err(error) = taken {
                sink.abort().await;
                return Err(error);
            }
        }
        Ok(sink)
    }

    /// Takes the rows of a plan that was made by [`Self::physical`].
    ///
    /// Errors: as [`Self::fill`].
    pub(crate) async fn fill_from(
        &self,
        session: &mut Session,
        planner: &Planner,
        physical: &Arc<dyn ExecutionPlan>,
    ) -> Result<Pending, SqlError> {
        Ok(Pending {
            sink: self.take(session, planner, physical, None).await?,
            table: self.table.id,
            word: self.word,
            columns: self.columns(),
            schema: self.returned_schema(),
        })
    }

    /// RETURNING's columns as those of a relation.
    fn returned_schema(&self) -> SchemaRef {
        let fields = self.plan.schema().fields().iter();
        let returned = fields.skip(self.layout.returned());
        let named = returned.zip(self.returning.iter().flatten());
        let fields = named.map(|(field, name)| {
            Field::new(name, field.data_type().clone(), true)
                .with_metadata(field.metadata().clone())
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// RETURNING's relation without rows.
    pub(crate) fn no_rows(&self) -> Result<MemTable, SqlError> {
        Ok(MemTable::try_new(self.returned_schema(), vec![Vec::new()])?)
    }
}

impl Pending {
    pub(crate) fn table(&self) -> TableId {
        self.table
    }

    /// How many rows are changed.
    pub(crate) fn count(&self) -> u64 {
        self.sink.count()
    }

    /// Rows of the table that the statement has changed, with those before.
    pub(crate) fn places(&self, before: &HashMap<TableId, Places>) -> Places {
        let before = before.get(&self.table).into_iter();
        let before = before.flat_map(|places| places.iter().copied());
        Arc::new(before.chain(self.sink.changed()).collect())
    }

    /// What RETURNING gives, as a relation.
    pub(crate) fn rows(&self) -> Result<MemTable, SqlError> {
        let batches = self.sink.returned();
        let Some(first) = batches.first() else {
            return Ok(MemTable::try_new(
                Arc::clone(&self.schema),
                vec![Vec::new()],
            )?);
        };
        // The engine may have chosen other Arrow types of the same meaning.
        let made = first.schema();
        let fields = self.schema.fields().iter().zip(made.fields());
        let fields = fields.map(|(field, made)| {
            field
                .as_ref()
                .clone()
                .with_data_type(made.data_type().clone())
        });
        let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let named = batches.iter().map(|batch| {
            let options =
                arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let columns = batch.columns().to_vec();
            RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)
        });
        let named: Result<Vec<RecordBatch>, _> = named.collect();
        Ok(MemTable::try_new(schema, vec![named?])?)
    }

    /// Deletes the old rows, before any change of the statement adds new ones.
    ///
    /// Errors: those of storage.
    pub(crate) async fn delete_rows(&mut self, session: &mut Session) -> Result<(), SqlError> {
        let storage = session.transaction().await?.storage()?;
        self.sink.delete_rows(storage).await
    }

    /// Hands the change to the transaction.
    ///
    /// Errors: those of storage.
    pub(crate) async fn finish(self, session: &mut Session) -> Result<Outcome, SqlError> {
        let storage = session.transaction().await?.storage()?;
        let done = self.sink.finish(storage).await?;
        let Some(columns) = self.columns else {
            return Ok(Outcome::Command(format!("{} {}", self.word, done.count)));
        };
        let limits = session.limits().clone();
        let rows = RowStream::of_batches(done.returned, columns, limits, Tag::Counted(self.word));
        Ok(Outcome::Rows(rows.keeping(vec![done.memory])))
    }

    /// As [`Self::finish`], where nobody asks what was returned but what holds its memory.
    pub(crate) async fn finish_silently(
        self,
        session: &mut Session,
    ) -> Result<MemoryReservation, SqlError> {
        let storage = session.transaction().await?.storage()?;
        Ok(self.sink.finish(storage).await?.memory)
    }

    /// Deletes what was written.
    pub(crate) async fn abort(self) {
        self.sink.abort().await;
    }
}
