//! Random transactions on one table, checked against a model in memory.
//!
//! Up to three transactions are open at a time; each inserts (in files and inlined),
//! deletes, truncates, adds and drops columns, goes back to savepoints. Flushes,
//! compactions and restarts happen in between. What a transaction sees is compared after each step, what
//! a new one sees after each commit, every old snapshot at the end. A seed that fails is
//! named, and repeats.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int32Type;
use object_store::ObjectStoreExt;
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::{Column, DataFile, FileList, RowIds, Savepoint, Snapshot};

mod retained;
mod retained_check;

const SEED_COUNT: u64 = 12;
const STEP_COUNT: usize = 150;

/// A row by the ids of its columns; column 1 is unique and the key of the row.
type Row = BTreeMap<i64, Option<String>>;

/// What a table holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Model {
    pub(super) rows: BTreeMap<i32, Row>,
    columns: Vec<i64>,
}

/// An open transaction with what it should see and what it did.
struct Open {
    transaction: Transaction,
    seen: Model,
    done: Done,
    saved: Option<(Savepoint, Model, Done)>,
}

/// What a transaction changes, to be put on any state.
#[derive(Clone, Debug, Default)]
struct Done {
    inserted: BTreeSet<i32>,
    deleted: BTreeSet<i32>,
    /// Added with their value, and dropped.
    added: BTreeMap<i64, Option<String>>,
    dropped: BTreeSet<i64>,
}

struct World {
    bench: Bench,
    table: TableId,
    committed: Model,
    history: BTreeMap<SnapshotId, Model>,
    open: Vec<Open>,
    next_key: i32,
    random: StdRng,
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "the seed of a failing run is given by the environment"
)]
async fn random_transactions_agree_with_a_model() {
    let seeds = match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().expect("a number")],
        Err(_) => (0..SEED_COUNT).collect(),
    };
    for seed in seeds {
        let mut world = World::new(seed).await;
        for step in 0..STEP_COUNT {
            let place = format!("SEED={seed}, step {step}");
            world = world.step(&place).await;
        }
        world.finish(&format!("SEED={seed}, end")).await;
    }
}

impl World {
    async fn new(seed: u64) -> Self {
        let bench = Bench::new().await;
        let table = bench.table("t").await;
        let committed = Model {
            rows: BTreeMap::new(),
            columns: vec![1, 2],
        };
        Self {
            bench,
            table,
            committed,
            history: BTreeMap::new(),
            open: Vec::new(),
            next_key: 0,
            random: StdRng::seed_from_u64(seed),
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    async fn step(mut self, place: &str) -> Self {
        if self.open.is_empty() && self.chance(10) {
            self.bench = self.bench.reopen().await;
        }
        if self.chance(4) {
            self.flush(place).await;
        }
        if self.chance(5) {
            self.compact(place).await;
        }
        if self.open.len() < 3 && (self.open.is_empty() || self.chance(30)) {
            self.open.push(Open {
                transaction: self.bench.begin().await,
                seen: self.committed.clone(),
                done: Done::default(),
                saved: None,
            });
        }
        let index = self.random.random_range(0..self.open.len());
        let mut open = self.open.swap_remove(index);
        match self.random.random_range(0..100) {
            0..18 => self.insert(&mut open, true).await,
            18..40 => self.insert(&mut open, false).await,
            40..62 => self.delete(&mut open, place).await,
            62..65 => self.truncate(&mut open),
            65..68 => self.add_column(&mut open).await,
            68..71 => self.drop_column(&mut open),
            71..76 => {
                let savepoint = open.transaction.savepoint();
                open.saved = Some((savepoint, open.seen.clone(), open.done.clone()));
            }
            76..80 => {
                if let Some((savepoint, seen, done)) = &open.saved {
                    open.transaction.rollback_to(savepoint);
                    open.seen = seen.clone();
                    open.done = done.clone();
                }
            }
            80..84 => {
                open.transaction.rollback().await;
                return self;
            }
            _ => {
                self.commit(open, place).await;
                return self;
            }
        }
        let files = open.transaction.files(self.table).await.expect("files");
        let picture = open.transaction.snapshot();
        let found = read(&self.bench, &picture, self.table, &files).await;
        check(&found, &open.seen, &format!("own view, {place}"));
        self.open.push(open);
        self
    }

    async fn insert(&mut self, open: &mut Open, is_file: bool) {
        let picture = open.transaction.snapshot();
        let table = picture.table(self.table).expect("the table");
        let count = self.random.random_range(1..12);
        let keys: Vec<i32> = (0..count).map(|offset| self.next_key + offset).collect();
        self.next_key += count;
        let batch = new_rows(&table.columns, &keys);
        add_rows(
            &batch,
            &table.columns,
            0..batch.num_rows(),
            &mut open.seen.rows,
        );
        open.done.inserted.extend(keys);
        if !is_file {
            let appended = open.transaction.append_rows(self.table, batch).await;
            return appended.expect("appended rows");
        }
        let mut writer = open.transaction.writer(self.table).await.expect("a writer");
        writer.write(batch).await.expect("written rows");
        let staged = writer.finish().await.expect("staged files");
        open.transaction.append(self.table, staged).expect("a file");
    }

    /// Deletes some rows of one file, or some inlined ones.
    async fn delete(&mut self, open: &mut Open, place: &str) {
        let files = open.transaction.files(self.table).await.expect("files");
        let target = self.random.random_range(0..=files.files.len());
        let share = [10, 50, 100][self.random.random_range(0..3)];
        let mut keys = Vec::new();
        let count = if let Some(file) = files.files.get(target) {
            let picture = open.transaction.snapshot();
            let table = picture.table(self.table).expect("the table");
            let all = file_rows(&self.bench, file, &table.columns).await;
            let mut positions = Vec::new();
            for (position, row) in all {
                if self.chance(share) {
                    positions.push(position);
                    keys.push(row);
                }
            }
            let deleted = open
                .transaction
                .delete_rows(self.table, file.id, &positions);
            deleted.await.expect("deleted rows")
        } else {
            let Some(inlined) = &files.inlined else {
                return;
            };
            let values = inlined.batch.column(0).as_primitive::<Int32Type>();
            let mut ids = Vec::new();
            for (index, id) in inlined.row_ids.iter().enumerate() {
                if self.chance(share) {
                    ids.push(*id);
                    keys.push(values.value(index));
                }
            }
            let deleted = open.transaction.delete_inlined_rows(self.table, &ids);
            deleted.await.expect("deleted rows")
        };
        assert_eq!(count, keys.len() as u64, "{place}");
        for key in keys {
            assert!(open.seen.rows.remove(&key).is_some(), "{key}, {place}");
            if !open.done.inserted.remove(&key) {
                open.done.deleted.insert(key);
            }
        }
    }

    fn truncate(&mut self, open: &mut Open) {
        open.transaction
            .truncate_table(self.table)
            .expect("truncated");
        for key in std::mem::take(&mut open.seen.rows).into_keys() {
            if !open.done.inserted.remove(&key) {
                open.done.deleted.insert(key);
            }
        }
    }

    async fn add_column(&mut self, open: &mut Open) {
        let name = format!("c{}", self.next_key);
        self.next_key += 1;
        let value = self.chance(60).then_some(self.next_key);
        let initial: Option<ArrayRef> =
            value.map(|value| Arc::new(Int32Array::from(vec![value])) as ArrayRef);
        let new = column(&name, ColumnType::Int32);
        let added = open
            .transaction
            .add_column(self.table, new, initial.as_ref());
        let id = added.await.expect("a column").0;
        let value = value.map(|value| value.to_string());
        open.seen.columns.push(id);
        for row in open.seen.rows.values_mut() {
            row.insert(id, value.clone());
        }
        open.done.added.insert(id, value);
    }

    fn drop_column(&mut self, open: &mut Open) {
        let Some(id) = open.seen.columns.get(2).copied() else {
            return;
        };
        open.transaction
            .drop_column(self.table, ColumnId(id))
            .expect("dropped");
        open.seen.columns.retain(|other| *other != id);
        for row in open.seen.rows.values_mut() {
            row.remove(&id);
        }
        if open.done.added.remove(&id).is_none() {
            open.done.dropped.insert(id);
        }
    }

    async fn commit(&mut self, open: Open, place: &str) {
        let Open {
            transaction,
            seen,
            done,
            ..
        } = open;
        let pinned = transaction.base().id();
        match transaction.commit().await {
            Ok(Some(_)) => self.publish(&seen, &done, place),
            Ok(None) => {
                let is_nothing = done.inserted.is_empty() && done.deleted.is_empty();
                assert!(is_nothing, "changes were lost, {place}");
            }
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::Conflict, "{error}, {place}");
                let head = self.bench.lake.head().await.expect("a head");
                assert!(head.id() > pinned, "nobody else was there, {place}");
            }
        }
        self.compare(place).await;
    }

    /// Puts what a transaction did onto the committed state.
    fn publish(&mut self, seen: &Model, done: &Done, place: &str) {
        for key in &done.deleted {
            let removed = self.committed.rows.remove(key);
            assert!(removed.is_some(), "row {key} was deleted twice, {place}");
        }
        let is_reshaped = !done.added.is_empty() || !done.dropped.is_empty();
        for key in &done.inserted {
            self.committed.rows.insert(*key, seen.rows[key].clone());
        }
        if is_reshaped {
            self.committed.columns.clone_from(&seen.columns);
        }
        let columns: BTreeSet<i64> = self.committed.columns.iter().copied().collect();
        for row in self.committed.rows.values_mut() {
            row.retain(|id, _| columns.contains(id));
            for (id, value) in &done.added {
                row.entry(*id).or_insert_with(|| value.clone());
            }
        }
    }

    async fn flush(&mut self, place: &str) {
        let flushed = self.bench.lake.flush_inlined(self.table, Author::default());
        flushed.await.expect("a flush");
        self.compare(place).await;
    }

    /// Writes the rows of some files into one, under their ids.
    async fn compact(&mut self, place: &str) {
        let head = self.bench.lake.head().await.expect("a head");
        let list = self.bench.lake.files(&head, self.table).await;
        let list = list.expect("files");
        let chosen = list.files.iter().map(|file| (self.chance(60), file));
        let chosen: Vec<Arc<DataFile>> = chosen
            .filter(|(is_chosen, _)| *is_chosen)
            .map(|(_, file)| Arc::clone(file))
            .collect();
        rewrite(&self.bench, self.table, &chosen).await;
        self.compare(place).await;
    }

    /// Compares what a new transaction sees; remembers it for the end.
    async fn compare(&mut self, place: &str) {
        let head = self.bench.lake.head().await.expect("a head");
        let files = self.bench.lake.files(&head, self.table).await;
        let found = read(&self.bench, &head, self.table, &files.expect("files")).await;
        check(&found, &self.committed, &format!("committed, {place}"));
        let counted = head.table(self.table).expect("the table").row_count;
        assert_eq!(counted, found.rows.len() as u64, "row count, {place}");
        self.history.insert(head.id(), found);
    }

    /// Nothing of what was committed is lost over a restart, and no object is left over.
    async fn finish(mut self, place: &str) {
        for open in std::mem::take(&mut self.open) {
            open.transaction.rollback().await;
        }
        self.bench = self.bench.reopen().await;
        self.compare(place).await;
        let head = self.bench.lake.head().await.expect("a head");
        let table = head.table(self.table).expect("the table");
        for (snapshot, expected) in &self.history {
            // An older snapshot, as time travel would load it, in the columns of now.
            let mut old = (*head).clone();
            old.id = *snapshot;
            let mut old_table = (**table).clone();
            old_table.last_change = *snapshot;
            old.put_table(Arc::new(old_table));
            let files = self.bench.lake.files(&old, self.table).await;
            let found = read(&self.bench, &old, self.table, &files.expect("files")).await;
            let keys = |model: &Model| model.rows.keys().copied().collect::<Vec<_>>();
            assert_eq!(keys(&found), keys(expected), "{snapshot:?}, {place}");
        }
    }
}

/// New rows with these keys, in a table's columns.
fn new_rows(columns: &[Column], keys: &[i32]) -> RecordBatch {
    let arrays = columns.iter().map(|column| {
        let array: ArrayRef = match column.column_type {
            ColumnType::Text => {
                let texts = keys
                    .iter()
                    .map(|key| (key % 3 > 0).then(|| format!("x{key}")));
                Arc::new(texts.collect::<StringViewArray>())
            }
            _ if column.id == ColumnId(1) => Arc::new(Int32Array::from(keys.to_vec())),
            _ => {
                let numbers = keys.iter().map(|key| (key % 4 > 0).then_some(key * 2));
                Arc::new(numbers.collect::<Int32Array>())
            }
        };
        (column.name.clone(), array)
    });
    RecordBatch::try_from_iter(arrays).expect("a batch")
}

/// Commits the live rows of some files in one file, under their ids.
async fn rewrite(bench: &Bench, table: TableId, chosen: &[Arc<DataFile>]) {
    let mut transaction = bench.begin().await;
    let picture = transaction.snapshot();
    let columns = &picture.table(table).expect("the table").columns;
    let mut writer = transaction.rewriter(table).await.expect("a writer");
    for file in chosen {
        let live = file_rows(bench, file, columns).await;
        let batch = file_batch(bench, file, columns).await;
        let ids = bench.lake.row_ids(file).await.expect("row ids");
        let id_at = |position: usize| match &ids {
            RowIds::From(start) => start + position as i64,
            RowIds::Each(ids) => ids[position],
        };
        let positions = live.iter().map(|(position, _)| *position as usize);
        let positions: Vec<usize> = positions.collect();
        let kept = positions.iter().map(|position| *position as u32);
        let kept: arrow::array::UInt32Array = kept.collect();
        let mut arrays: Vec<(String, ArrayRef)> = Vec::new();
        for (column, array) in columns.iter().zip(batch.columns()) {
            let array = arrow::compute::take(array, &kept, None).expect("rows");
            arrays.push((column.name.clone(), array));
        }
        let ids = positions.iter().map(|position| id_at(*position));
        let ids: arrow::array::Int64Array = ids.collect();
        arrays.push(("row".to_owned(), Arc::new(ids)));
        let batch = RecordBatch::try_from_iter(arrays).expect("a batch");
        writer.write(batch).await.expect("written rows");
    }
    let staged = writer.finish().await.expect("staged files");
    let ids: Vec<i64> = chosen.iter().map(|file| file.id).collect();
    let replaced = transaction.replace_files(table, &ids, staged).await;
    replaced.expect("replaced files");
    transaction.commit().await.expect("a commit");
}

/// Panics with the first rows that differ.
fn check(found: &Model, expected: &Model, place: &str) {
    assert_eq!(found.columns, expected.columns, "{place}");
    let keys: BTreeSet<&i32> = found.rows.keys().chain(expected.rows.keys()).collect();
    let different = keys
        .into_iter()
        .map(|key| (key, found.rows.get(key), expected.rows.get(key)))
        .find(|(_, found, expected)| found != expected);
    assert_eq!(different, None, "row, found, expected, {place}");
}

/// Everything that a file list shows.
pub(super) async fn read(
    bench: &Bench,
    picture: &Snapshot,
    table: TableId,
    list: &FileList,
) -> Model {
    let columns = &picture.table(table).expect("the table").columns;
    let mut rows = BTreeMap::new();
    for file in &list.files {
        let deleted = bench.lake.deleted_positions(file).await.expect("positions");
        let deleted = deleted.map_or(Vec::new(), |deleted| deleted.positions.clone());
        let batch = file_batch(bench, file, columns).await;
        let kept = (0..batch.num_rows()).filter(|index| !deleted.contains(&(*index as u64)));
        add_rows(&batch, columns, kept, &mut rows);
    }
    if let Some(inlined) = &list.inlined {
        let all = 0..inlined.batch.num_rows();
        add_rows(&inlined.batch, columns, all, &mut rows);
    }
    Model {
        rows,
        columns: columns.iter().map(|column| column.id.0).collect(),
    }
}

/// The live rows of a file: position and key.
async fn file_rows(bench: &Bench, file: &DataFile, columns: &[Column]) -> Vec<(u64, i32)> {
    let deleted = bench.lake.deleted_positions(file).await.expect("positions");
    let deleted = deleted.map_or(Vec::new(), |deleted| deleted.positions.clone());
    let batch = file_batch(bench, file, columns).await;
    let keys = batch.column(0).as_primitive::<Int32Type>();
    let rows = keys.values().iter().enumerate();
    rows.map(|(index, key)| (index as u64, *key))
        .filter(|(position, _)| !deleted.contains(position))
        .collect()
}

/// A whole file in the table's columns, by field id.
async fn file_batch(bench: &Bench, file: &DataFile, columns: &[Column]) -> RecordBatch {
    let object = bench.lake.object_store().get(&file.location).await;
    let bytes = object
        .expect("the object")
        .bytes()
        .await
        .expect("its bytes");
    assert_eq!(bytes.len() as u64, file.bytes);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).expect("a Parquet file");
    let batch = reader.build().expect("a reader").next().expect("a batch");
    let batch = batch.expect("rows");
    assert_eq!(batch.num_rows() as u64, file.row_count);
    let schema = batch.schema();
    let arrays = columns.iter().map(|column| {
        let id = column.id.to_string();
        let is_it = |field: &&Arc<arrow::datatypes::Field>| {
            field.metadata().get(PARQUET_FIELD_ID_META_KEY) == Some(&id)
        };
        let array = match schema.fields().iter().position(|field| is_it(&field)) {
            Some(index) => {
                let array = batch.column(index);
                column.column_type.to_logical(array).expect("a value")
            }
            None => {
                let one = column.initial_value().expect("an initial value");
                let rows = arrow::array::UInt32Array::from(vec![0; batch.num_rows()]);
                arrow::compute::take(&one, &rows, None).expect("repeated")
            }
        };
        (column.name.clone(), array)
    });
    RecordBatch::try_from_iter(arrays).expect("a batch")
}

fn add_rows(
    batch: &RecordBatch,
    columns: &[Column],
    indices: impl Iterator<Item = usize>,
    rows: &mut BTreeMap<i32, Row>,
) {
    let keys = batch.column(0).as_primitive::<Int32Type>();
    for index in indices {
        let values = columns.iter().zip(batch.columns()).map(|(column, array)| {
            let value = array.is_valid(index).then(|| match column.column_type {
                ColumnType::Text => array.as_string_view().value(index).to_owned(),
                _ => array.as_primitive::<Int32Type>().value(index).to_string(),
            });
            (column.id.0, value)
        });
        let row = rows.insert(keys.value(index), values.collect());
        assert!(row.is_none(), "row {} twice", keys.value(index));
    }
}
