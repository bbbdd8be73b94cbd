//! COPY: rows from the client into a table, and rows out to the client.
//!
//! Bytes arrive as the network cuts them. They are cut into records, records into
//! fields, fields parsed into columns; full batches go to a task that encodes files,
//! so that parsing and encoding run beside each other. The channel between them is
//! short: a slow disk slows the client.
//!
//! One COPY is atomic: its rows join the transaction only at the end.
//!
//! Errors: `22P04` for a malformed record, `22P02` and others for a bad value, with
//! PostgreSQL's CONTEXT: table, line and column.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema, SchemaRef};
use bytes::Bytes;
use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::PhysicalExpr;
use gotgan_storage::{Table, TableId};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::error::SqlError;
use crate::execute::{Limits, RowStream};
use crate::modify::{self, NewRows, RowWriter, Sink};
use crate::physical::numbering::Calls;
use crate::plan::Planner;
use crate::session::Format;
use crate::types::PgType;

mod binary;
mod format;
mod records;
mod text;

pub use format::{Columns, CopyFormat, Header, Kind};

/// Rows that are parsed before they go to the file.
const BATCH_ROWS: usize = 32 * 1024;

/// Bytes of input after which a batch goes to the file, however few its rows.
const BATCH_BYTES: usize = 16 << 20;

/// Batches between the parser and the writer.
const QUEUE_LENGTH: usize = 2;

/// What turns bytes into rows.
enum Decoder {
    Text(Box<text::Decoder>),
    Binary(Box<binary::Decoder>),
}

/// COPY ... FROM STDIN in progress.
pub struct CopyIn {
    table: Arc<Table>,
    format: CopyFormat,
    column_count: usize,
    decoder: Decoder,
    projection: Projection,
    queue: Option<mpsc::Sender<RecordBatch>>,
    writer: Option<JoinHandle<Result<(NewRows, u64), SqlError>>>,
    limits: Limits,
}

impl std::fmt::Debug for CopyIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CopyIn")
            .field("table", &self.table.name)
            .finish_non_exhaustive()
    }
}

impl CopyIn {
    pub(crate) fn new(
        planner: &Planner,
        table: Arc<Table>,
        columns: Vec<usize>,
        format: CopyFormat,
        writer: RowWriter,
        limits: Limits,
    ) -> Result<Self, SqlError> {
        let names: Vec<String> = columns
            .iter()
            .map(|index| table.columns[*index].name.clone())
            .collect();
        let types: Vec<PgType> = columns
            .iter()
            .map(|index| PgType::of_column(&table.columns[*index].column_type))
            .collect();
        format.check_names(&names)?;
        let decoder = match format.kind {
            Kind::Binary => {
                Decoder::Binary(Box::new(binary::Decoder::new(&table.name, &names, &types)?))
            }
            Kind::Text | Kind::Csv => Decoder::Text(Box::new(text::Decoder::new(
                &table.name,
                &names,
                &types,
                format.clone(),
                planner.ctx.input,
            )?)),
        };
        let projection = Projection::new(planner, &table, &columns, &types)?;
        let author = planner.writer(&table);
        let sink = Sink::new(writer, Arc::clone(&table)).of_author(author);
        let (queue, batches) = mpsc::channel(QUEUE_LENGTH);
        let writer = tokio::spawn(write_batches(sink, batches));
        Ok(Self {
            column_count: columns.len(),
            table,
            format,
            decoder,
            projection,
            queue: Some(queue),
            writer: Some(writer),
            limits,
        })
    }

    /// What CopyInResponse says of the whole.
    #[must_use]
    pub fn overall_format(&self) -> Format {
        if self.format.kind == Kind::Binary {
            Format::Binary
        } else {
            Format::Text
        }
    }

    /// How many columns the client sends.
    #[must_use]
    pub fn column_count(&self) -> usize {
        self.column_count
    }

    /// Takes the bytes of one CopyData. Waits while the writer is behind.
    ///
    /// Errors: those of the input so far; the COPY is then lost.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), SqlError> {
        match &mut self.decoder {
            Decoder::Text(decoder) => decoder.push(&bytes)?,
            Decoder::Binary(decoder) => decoder.push(&bytes)?,
        }
        loop {
            let (is_full, batch) = match &mut self.decoder {
                Decoder::Text(decoder) => decoder.decode(BATCH_ROWS, BATCH_BYTES)?,
                Decoder::Binary(decoder) => decoder.decode(BATCH_ROWS, BATCH_BYTES)?,
            };
            match batch {
                Some(arrays) => self.send(arrays).await?,
                None => return Ok(()),
            }
            if !is_full {
                return Ok(());
            }
        }
    }

    async fn send(&mut self, arrays: Vec<ArrayRef>) -> Result<(), SqlError> {
        let rows = arrays.first().map_or(0, |array| array.len());
        self.projection.calls.reserve(rows).await?;
        let batch = self.projection.apply(arrays)?;
        let limits = self.limits.clone();
        let queue = self
            .queue
            .as_ref()
            .ok_or_else(|| SqlError::internal("COPY has ended"))?;
        let is_sent = limits
            .run(async { Ok(queue.send(batch).await.is_ok()) })
            .await?;
        if is_sent {
            return Ok(());
        }
        // The writer has stopped: its error says why.
        Err(self.writer_error().await)
    }

    async fn writer_error(&mut self) -> SqlError {
        self.queue = None;
        match self.writer.take() {
            Some(writer) => match writer.await {
                Ok(Err(error)) => error,
                Ok(Ok(_)) => SqlError::internal("the writer of COPY stopped early"),
                Err(source) => SqlError::internal("the writer of COPY failed").caused_by(source),
            },
            None => SqlError::internal("COPY has ended"),
        }
    }

    /// All rows; what is left in the buffer is the last record.
    pub(crate) async fn into_rows(mut self) -> Result<(TableId, NewRows, u64), SqlError> {
        let last = match &mut self.decoder {
            Decoder::Text(decoder) => decoder.finish()?,
            Decoder::Binary(decoder) => decoder.finish()?,
        };
        if let Some(arrays) = last {
            self.send(arrays).await?;
        }
        let table = self.table.id;
        let queue = self
            .queue
            .take()
            .ok_or_else(|| SqlError::internal("COPY has ended"))?;
        // An empty batch means that no more follow: without it the writer aborts.
        let end = RecordBatch::new_empty(Arc::clone(&self.projection.output));
        if queue.send(end).await.is_err() {
            return Err(self.writer_error().await);
        }
        drop(queue);
        let writer = self
            .writer
            .take()
            .ok_or_else(|| SqlError::internal("COPY has ended"))?;
        let limits = self.limits.clone();
        let written = limits.run(async {
            writer.await.map_err(|source| {
                SqlError::internal("the writer of COPY failed").caused_by(source)
            })?
        });
        let (rows, count) = written.await?;
        Ok((table, rows, count))
    }

    /// Ends without keeping anything.
    pub async fn abort(mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            // Its result is of no use: what it wrote is deleted.
            drop(writer.await);
        }
    }
}

/// Writes batches until an empty one; a closed queue before that is an abort.
async fn write_batches(
    mut sink: Sink,
    mut batches: mpsc::Receiver<RecordBatch>,
) -> Result<(NewRows, u64), SqlError> {
    while let Some(batch) = batches.recv().await {
        if batch.num_rows() == 0 {
            return sink.finish().await;
        }
        if let Err(error) = sink.write(&batch).await {
            sink.abort().await;
            return Err(error);
        }
    }
    sink.abort().await;
    Err(SqlError::cancelled())
}

/// Parsed columns to the table's columns and its CHECKs.
struct Projection {
    input: SchemaRef,
    output: SchemaRef,
    /// For each output column: the parsed one, or how to make it.
    columns: Vec<Source>,
    checks: Vec<Arc<dyn PhysicalExpr>>,
    /// What the computed columns take of sequences.
    calls: Calls,
}

enum Source {
    Parsed(usize),
    Computed(Arc<dyn PhysicalExpr>),
}

impl Projection {
    fn new(
        planner: &Planner,
        table: &Table,
        columns: &[usize],
        types: &[PgType],
    ) -> Result<Self, SqlError> {
        let fields: Vec<Field> = columns
            .iter()
            .zip(types)
            .map(|(index, pg_type)| pg_type.field(&table.columns[*index].name, true))
            .collect();
        let input = Arc::new(Schema::new(fields));
        let input_schema = DFSchema::try_from(input.as_ref().clone())?;
        let mut sources = Vec::with_capacity(table.columns.len());
        for (index, column) in table.columns.iter().enumerate() {
            if let Some(position) = columns.iter().position(|given| *given == index) {
                sources.push(Source::Parsed(position));
                continue;
            }
            let value = modify::column_default(planner, table, column)?;
            sources.push(Source::Computed(physical(planner, value, &input_schema)?));
        }
        let output_schema = modify::table_schema(table)?;
        let checks: Result<Vec<_>, SqlError> = modify::check_expressions(planner, table)?
            .into_iter()
            .map(|(_, expr)| physical(planner, expr, &output_schema))
            .collect();
        let computed = sources.iter().filter_map(|source| match source {
            Source::Computed(expr) => Some(expr),
            Source::Parsed(_) => None,
        });
        Ok(Self {
            calls: Calls::in_physical(computed)?,
            input,
            output: modify::arrow_schema(table),
            columns: sources,
            checks: checks?,
        })
    }

    fn apply(&self, arrays: Vec<ArrayRef>) -> Result<RecordBatch, SqlError> {
        let rows = arrays.first().map_or(0, |array| array.len());
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
        let parsed = RecordBatch::try_new_with_options(Arc::clone(&self.input), arrays, &options)?;
        let mut values: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        for source in &self.columns {
            values.push(match source {
                Source::Parsed(position) => Arc::clone(parsed.column(*position)),
                Source::Computed(expr) => expr.evaluate(&parsed)?.into_array(rows)?,
            });
        }
        let target = RecordBatch::try_new(Arc::clone(&self.output), values.clone())?;
        if self.checks.is_empty() {
            return Ok(target);
        }
        let mut fields: Vec<Arc<Field>> = self.output.fields().iter().map(Arc::clone).collect();
        for check in &self.checks {
            values.push(check.evaluate(&target)?.into_array(rows)?);
            fields.push(Arc::new(Field::new(
                "check",
                arrow::datatypes::DataType::Boolean,
                true,
            )));
        }
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), values)?)
    }
}

fn physical(
    planner: &Planner,
    expr: Expr,
    schema: &DFSchema,
) -> Result<Arc<dyn PhysicalExpr>, SqlError> {
    Ok(planner.state.create_physical_expr(expr, schema)?)
}

/// COPY ... TO STDOUT: rows and how their lines look.
#[derive(Debug)]
pub struct CopyOut {
    /// How a line looks.
    pub format: CopyFormat,
    /// The rows.
    pub rows: RowStream,
}

impl CopyOut {
    pub(crate) fn new(format: CopyFormat, rows: RowStream) -> Self {
        Self { format, rows }
    }
}
