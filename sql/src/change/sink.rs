//! Takes the rows of a change: writes the new ones, notes the places of the old ones.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Int32Type, Int64Type};
use arrow::row::{RowConverter, SortField};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use gotgan_storage::{Table, Transaction};

use super::rules::Refusal;
use super::{PLACE_COLUMNS, Places, action};
use crate::access::check::Writer;
use crate::error::SqlError;
use crate::modify::{RowWriter, Sink};
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
    /// Whether values that must fulfil the constraints whatever is done, and their
    /// CHECKs, follow the new ones.
    pub(super) has_proposed: bool,
}

impl Layout {
    /// Index of the first column of RETURNING.
    pub(super) fn returned(self) -> usize {
        let sets = if self.has_proposed { 2 } else { 1 };
        PLACE_COLUMNS + (self.count + self.checks) * sets
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
    /// ON CONFLICT DO NOTHING over the columns of these keys: of new rows that are equal
    /// in one of them the first counts.
    FirstByKey(Vec<Vec<usize>>),
    /// ON CONFLICT DO UPDATE over the columns of these keys: `21000`.
    ConflictError(Vec<Vec<usize>>),
}

impl Repeats {
    fn remembers_places(&self) -> bool {
        !matches!(self, Self::Never)
    }

    fn keys(&self) -> &[Vec<usize>] {
        match self {
            Self::FirstByKey(keys) | Self::ConflictError(keys) => keys,
            _ => &[],
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

/// One key of each row; none where a part of it is NULL.
type RowKeys = Vec<Option<Box<[u8]>>>;

/// What a change has done.
pub(super) struct Done {
    /// Changed rows.
    pub(super) count: u64,
    /// What RETURNING gives.
    pub(super) returned: Vec<RecordBatch>,
    /// Holds the memory of it.
    pub(super) memory: MemoryReservation,
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
    /// What the last columns test; see `rules.rs`.
    refusals: Vec<Refusal>,
    /// Rows that earlier parts of the statement changed.
    left_alone: Option<Places>,
    /// The keys of new rows, with the number of the key.
    keys: HashSet<(usize, Box<[u8]>)>,
    returned: Vec<RecordBatch>,
    count: u64,
    memory: MemoryReservation,
}

impl ChangeSink {
    pub(super) fn new(
        table: Arc<Table>,
        writer: Option<RowWriter>,
        layout: Layout,
        repeats: Repeats,
        is_returning: bool,
        memory: &Arc<dyn MemoryPool>,
        author: Option<Writer>,
    ) -> Self {
        let writer = writer.map(|writer| Sink::new(writer, Arc::clone(&table)).of_author(author));
        Self {
            table,
            writer,
            layout,
            repeats,
            is_returning,
            places: BTreeMap::new(),
            seen: HashSet::new(),
            refusals: Vec::new(),
            left_alone: None,
            keys: HashSet::new(),
            returned: Vec::new(),
            count: 0,
            memory: MemoryConsumer::new("changed rows").register(memory),
        }
    }

    /// Tests rows by the policies' rules, which the last columns tell.
    pub(super) fn refuse(&mut self, refusals: Vec<Refusal>) {
        self.refusals = refusals;
    }

    /// Passes over the rows at these places.
    pub(super) fn leave_alone(&mut self, places: Option<Places>) {
        self.left_alone = places;
    }

    /// File and position of each old row that is changed.
    pub(super) fn changed(&self) -> impl Iterator<Item = (i64, i64)> {
        let files = self.places.iter();
        files.flat_map(|(file, rows)| rows.iter().map(|row| (*file, *row)))
    }

    /// How many rows were changed so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// What RETURNING gives so far.
    pub(super) fn returned(&self) -> &[RecordBatch] {
        &self.returned
    }

    /// Errors: `21000`, `23502`, `23514`, `53200`, and those of storage.
    pub(super) async fn take(&mut self, batch: &RecordBatch) -> Result<(), SqlError> {
        let count = batch.num_rows();
        let width = self.layout.count + self.layout.checks;
        self.test(batch, None)?;
        if let Some(writer) = self.writer.as_ref().filter(|_| self.layout.has_proposed) {
            let first = PLACE_COLUMNS + width;
            let columns: Vec<usize> = (first..first + width).collect();
            writer.require_valid(&batch.project(&columns)?)?;
        }
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
                action::INSERT => self.note_keys(&keys, row)?,
                _ => false,
            };
            is_changed[row] = is_new;
            is_written[row] = is_new && what != action::DELETE;
        }
        self.test(batch, Some(&is_changed))?;
        self.count += is_changed.iter().filter(|changed| **changed).count() as u64;
        if let Some(writer) = &mut self.writer {
            let columns: Vec<usize> = (PLACE_COLUMNS..PLACE_COLUMNS + width).collect();
            let values = batch.project(&columns)?;
            let mask = BooleanArray::from(is_written);
            writer.write(&filter_record_batch(&values, &mask)?).await?;
        }
        if self.is_returning {
            let end = batch.num_columns() - self.refusals.len();
            let columns: Vec<usize> = (self.layout.returned()..end).collect();
            let mask = BooleanArray::from(is_changed);
            let rows = filter_record_batch(&batch.project(&columns)?, &mask)?;
            self.memory.try_grow(rows.get_array_memory_size())?;
            self.returned.push(rows);
        }
        Ok(())
    }

    /// Errors: `42501` for a row that a policy refuses. Without `changed` the rules for all
    /// rows are tested, with it those for rows that are changed.
    fn test(&self, batch: &RecordBatch, changed: Option<&[bool]>) -> Result<(), SqlError> {
        let first = batch.num_columns() - self.refusals.len();
        for (refusal, column) in self.refusals.iter().zip(first..) {
            if refusal.is_for_all != changed.is_none() {
                continue;
            }
            let passes = batch.column(column).as_boolean();
            let fails = |row: usize| {
                let is_meant = changed.is_none_or(|changed| changed[row]);
                is_meant && !(passes.is_valid(row) && passes.value(row))
            };
            if (0..batch.num_rows()).any(fails) {
                return Err(refusal.error.clone());
            }
        }
        Ok(())
    }

    /// Whether the row at a place was not changed before.
    fn note_place(&mut self, file: i64, position: i64) -> Result<bool, SqlError> {
        let left_alone = self.left_alone.as_ref();
        if left_alone.is_some_and(|places| places.contains(&(file, position))) {
            return Ok(false);
        }
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

    /// Whether no row with one of this row's keys was inserted before.
    fn note_keys(&mut self, keys: &[RowKeys], row: usize) -> Result<bool, SqlError> {
        let own = keys.iter().enumerate();
        let own: Vec<(usize, Box<[u8]>)> = own
            .filter_map(|(number, of_rows)| Some((number, of_rows.get(row)?.clone()?)))
            .collect();
        if own.iter().any(|key| self.keys.contains(key)) {
            self.repeats.check()?;
            return Ok(false);
        }
        for (_, key) in &own {
            self.memory.try_grow(PLACE_BYTES + key.len())?;
        }
        self.keys.extend(own);
        Ok(true)
    }

    /// For each key the rows' values in its columns.
    fn row_keys(&self, batch: &RecordBatch) -> Result<Vec<RowKeys>, SqlError> {
        let keys = self.repeats.keys().iter().map(|columns| {
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
        });
        keys.collect()
    }

    /// Deletes the old rows; once.
    ///
    /// Where a statement has several changes this comes before `finish` of any: new rows
    /// may move those of the transaction to other places.
    pub(super) async fn delete_rows(&mut self, storage: &mut Transaction) -> Result<(), SqlError> {
        let table = self.table.id;
        for (file, positions) in std::mem::take(&mut self.places) {
            if file == INLINED_FILE {
                storage.delete_inlined_rows(table, &positions).await?;
                continue;
            }
            let positions: Vec<u64> = positions.iter().map(|p| p.cast_unsigned()).collect();
            storage.delete_rows(table, file, &positions).await?;
        }
        Ok(())
    }

    /// Hands the changes to the transaction.
    pub(super) async fn finish(mut self, storage: &mut Transaction) -> Result<Done, SqlError> {
        self.delete_rows(storage).await?;
        let table = self.table.id;
        if let Some(writer) = self.writer {
            let (rows, _) = writer.finish().await?;
            rows.add_to(storage, table).await?;
        }
        Ok(Done {
            count: self.count,
            returned: self.returned,
            memory: self.memory,
        })
    }

    /// Deletes what was written.
    pub(super) async fn abort(self) {
        if let Some(writer) = self.writer {
            writer.abort().await;
        }
    }
}
