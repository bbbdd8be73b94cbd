//! Takes the rows of a change: writes the new ones, notes the places of the old ones.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Int32Type, Int64Type};
use arrow::row::{RowConverter, SortField};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use gotgan_storage::{Table, TableWriter, Transaction};

use super::{PLACE_COLUMNS, action};
use crate::error::SqlError;
use crate::modify::Sink;
use crate::scan::INLINED_FILE;
use crate::sqlstate;

/// Bytes that one remembered place takes, about.
const PLACE_BYTES: usize = 24;

/// Where a batch has what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// New values; 0 where rows are only deleted.
    pub(super) count: usize,
    /// CHECK constraints.
    pub(super) checks: usize,
}

impl Layout {
    /// Index of the first column of RETURNING.
    pub(super) fn returned(self) -> usize {
        PLACE_COLUMNS + self.count + self.checks
    }
}

/// What becomes of a row that comes a second time.
#[derive(Clone, Debug)]
pub(crate) enum Repeats {
    /// It cannot: there is no join.
    Never,
    /// The first one counts, as UPDATE ... FROM has it.
    First,
    /// `21000`, as MERGE has it.
    MergeError,
    /// ON CONFLICT DO NOTHING over these columns: of equal new rows the first counts.
    FirstByKey(Vec<usize>),
    /// ON CONFLICT DO UPDATE over these columns: `21000`.
    ConflictError(Vec<usize>),
}

impl Repeats {
    fn remembers_places(&self) -> bool {
        !matches!(self, Self::Never)
    }

    fn key_columns(&self) -> Option<&[usize]> {
        match self {
            Self::FirstByKey(columns) | Self::ConflictError(columns) => Some(columns),
            _ => None,
        }
    }

    /// Errors: `21000` unless the first row counts.
    fn check(&self) -> Result<(), SqlError> {
        let (text, hint) = match self {
            Self::Never | Self::First | Self::FirstByKey(_) => return Ok(()),
            Self::MergeError => (
                "MERGE command cannot affect row a second time",
                "Ensure that not more than one source row matches any one target row.",
            ),
            Self::ConflictError(_) => (
                "ON CONFLICT DO UPDATE command cannot affect row a second time",
                "Ensure that no rows proposed for insertion within the same command have \
                 duplicate constrained values.",
            ),
        };
        Err(SqlError::with_code(sqlstate::CARDINALITY_VIOLATION, text).with_hint(hint))
    }
}

/// Collects the changes of one statement.
pub(super) struct ChangeSink {
    table: Arc<Table>,
    writer: Option<Sink>,
    layout: Layout,
    repeats: Repeats,
    is_returning: bool,
    /// Positions of old rows by file.
    places: BTreeMap<i64, Vec<i64>>,
    seen: HashSet<(i64, i64)>,
    keys: HashSet<Box<[u8]>>,
    returned: Vec<RecordBatch>,
    count: u64,
    memory: MemoryReservation,
}

impl ChangeSink {
    pub(super) fn new(
        table: Arc<Table>,
        writer: Option<TableWriter>,
        layout: Layout,
        repeats: Repeats,
        is_returning: bool,
        memory: &Arc<dyn MemoryPool>,
    ) -> Self {
        let writer = writer.map(|writer| Sink::new(writer, Arc::clone(&table)));
        Self {
            table,
            writer,
            layout,
            repeats,
            is_returning,
            places: BTreeMap::new(),
            seen: HashSet::new(),
            keys: HashSet::new(),
            returned: Vec::new(),
            count: 0,
            memory: MemoryConsumer::new("changed rows").register(memory),
        }
    }

    /// Errors: `21000`, `23502`, `23514`, `53200`, and those of storage.
    pub(super) async fn take(&mut self, batch: &RecordBatch) -> Result<(), SqlError> {
        let count = batch.num_rows();
        let keys = self.row_keys(batch)?;
        let files = batch.column(0).as_primitive::<Int64Type>();
        let positions = batch.column(1).as_primitive::<Int64Type>();
        let actions = batch.column(2).as_primitive::<Int32Type>();
        let mut is_changed = vec![false; count];
        let mut is_written = vec![false; count];
        for row in 0..count {
            let what = if actions.is_valid(row) {
                actions.value(row)
            } else {
                action::NOTHING
            };
            let is_new = match what {
                action::DELETE | action::UPDATE => {
                    self.note_place(files.value(row), positions.value(row))?
                }
                action::INSERT => match keys.get(row) {
                    Some(Some(key)) => self.note_key(key)?,
                    _ => true,
                },
                _ => false,
            };
            is_changed[row] = is_new;
            is_written[row] = is_new && what != action::DELETE;
        }
        self.count += is_changed.iter().filter(|changed| **changed).count() as u64;
        let width = self.layout.count + self.layout.checks;
        if let Some(writer) = &mut self.writer {
            let columns: Vec<usize> = (PLACE_COLUMNS..PLACE_COLUMNS + width).collect();
            let values = batch.project(&columns)?;
            let mask = BooleanArray::from(is_written);
            writer.write(&filter_record_batch(&values, &mask)?).await?;
        }
        if self.is_returning {
            let columns: Vec<usize> = (self.layout.returned()..batch.num_columns()).collect();
            let mask = BooleanArray::from(is_changed);
            let rows = filter_record_batch(&batch.project(&columns)?, &mask)?;
            self.memory.try_grow(rows.get_array_memory_size())?;
            self.returned.push(rows);
        }
        Ok(())
    }

    /// Whether the row at a place was not changed before.
    fn note_place(&mut self, file: i64, position: i64) -> Result<bool, SqlError> {
        if self.repeats.remembers_places() {
            self.memory.try_grow(PLACE_BYTES)?;
            if !self.seen.insert((file, position)) {
                self.repeats.check()?;
                return Ok(false);
            }
        }
        self.memory.try_grow(size_of::<i64>())?;
        self.places.entry(file).or_default().push(position);
        Ok(true)
    }

    /// Whether no row with this key was inserted before.
    fn note_key(&mut self, key: &[u8]) -> Result<bool, SqlError> {
        self.memory.try_grow(PLACE_BYTES + key.len())?;
        if self.keys.insert(key.into()) {
            return Ok(true);
        }
        self.repeats.check()?;
        Ok(false)
    }

    /// The key of each new row; none where a part of it is NULL.
    fn row_keys(&self, batch: &RecordBatch) -> Result<Vec<Option<Box<[u8]>>>, SqlError> {
        let Some(columns) = self.repeats.key_columns() else {
            return Ok(Vec::new());
        };
        let arrays: Vec<_> = columns
            .iter()
            .map(|index| Arc::clone(batch.column(PLACE_COLUMNS + index)))
            .collect();
        let fields = arrays
            .iter()
            .map(|array| SortField::new(array.data_type().clone()));
        let rows = RowConverter::new(fields.collect())?.convert_columns(&arrays)?;
        let keys = rows.iter().enumerate().map(|(index, row)| {
            let has_null = arrays.iter().any(|array| array.is_null(index));
            (!has_null).then(|| Box::from(row.as_ref()))
        });
        Ok(keys.collect())
    }

    /// Hands the changes to the transaction; returns how many rows were changed, and
    /// what RETURNING gives.
    pub(super) async fn finish(
        mut self,
        storage: &mut Transaction,
    ) -> Result<(u64, Vec<RecordBatch>), SqlError> {
        let table = self.table.id;
        for (file, positions) in std::mem::take(&mut self.places) {
            if file == INLINED_FILE {
                storage.delete_inlined_rows(table, &positions).await?;
                continue;
            }
            let positions: Vec<u64> = positions.iter().map(|p| p.cast_unsigned()).collect();
            storage.delete_rows(table, file, &positions).await?;
        }
        if let Some(writer) = self.writer {
            let (files, _) = writer.finish().await?;
            storage.append(table, files)?;
        }
        Ok((self.count, self.returned))
    }

    /// Deletes what was written.
    pub(super) async fn abort(self) {
        if let Some(writer) = self.writer {
            writer.abort().await;
        }
    }
}
