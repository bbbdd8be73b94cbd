//! Random histories of several tables against a model that remembers each at every snapshot.
//!
//! Tables are made, loaded, changed, reshaped, renamed, dropped, restored and compacted;
//! snapshots are held, pinned, expired and swept, and tables have retentions of their own,
//! while a clock is moved by hand. At any moment every snapshot that must be there reads
//! as the model says, one that may be gone reads so or not at all, and restores give just
//! what was. In the end no object and no row is left that nothing needs.

use chrono::{DateTime, TimeDelta, Utc};

use super::super::*;
use super::{Model, add_rows, file_rows, new_rows, rewrite};
use crate::catalog::testing::number;
use crate::{
    DataFile, ExpireOptions, NewHold, OptionTarget, Pin, RETENTION, Restore, SweepOptions,
    TableWriter,
};
use arrow::array::AsArray;
use arrow::datatypes::Int32Type;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;

const SEED_COUNT: u64 = 10;
const STEP_COUNT: usize = 120;
const TABLE_COUNT_MAX: usize = 5;
const HOUR: i64 = 3600;
pub(super) const DAY: i64 = 24 * HOUR;

/// The tables of one snapshot.
type State = BTreeMap<TableId, Model>;

pub(super) struct World {
    pub(super) bench: Bench,
    pub(super) now: State,
    /// Each snapshot, when it was made, and what it shows.
    pub(super) history: BTreeMap<SnapshotId, (DateTime<Utc>, State)>,
    holds: BTreeMap<String, SnapshotId>,
    pub(super) pins: Vec<Pin>,
    /// Retentions of tables, in seconds.
    pub(super) own: BTreeMap<TableId, i64>,
    /// Snapshots that expired.
    gone: BTreeSet<SnapshotId>,
    /// What was not needed when something expired.
    lost: BTreeSet<(SnapshotId, TableId)>,
    next: i32,
    random: StdRng,
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "seeds are given by the environment"
)]
async fn what_is_retained_reads_as_it_was() {
    let variable = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let seeds = match variable("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("GOTGAN_TEST_SEEDS").unwrap_or(SEED_COUNT),
    };
    for seed in seeds {
        let mut world = World::new(seed).await;
        for step in 0..STEP_COUNT {
            let place = format!("SEED={seed}, step {step}");
            println!("{place}");
            world = Box::pin(world.step(&place)).await;
        }
        world.finish(&format!("SEED={seed}, end")).await;
    }
}

impl World {
    async fn new(seed: u64) -> Self {
        let mut world = Self {
            bench: Bench::new().await,
            now: State::new(),
            history: BTreeMap::new(),
            holds: BTreeMap::new(),
            pins: Vec::new(),
            own: BTreeMap::new(),
            gone: BTreeSet::new(),
            lost: BTreeSet::new(),
            next: 0,
            random: StdRng::seed_from_u64(seed),
        };
        world.record().await;
        let first = world.history[&SnapshotId(1)].0;
        let before = (first - TimeDelta::microseconds(1), State::new());
        world.history.insert(SnapshotId(0), before);
        world
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        match all.is_empty() {
            true => None,
            false => Some(all[self.random.random_range(0..all.len())]),
        }
    }

    fn some_table(&mut self) -> Option<TableId> {
        let tables: Vec<TableId> = self.now.keys().copied().collect();
        self.one_of(&tables)
    }

    fn some_snapshot(&mut self) -> SnapshotId {
        let all: Vec<SnapshotId> = self.history.keys().copied().collect();
        // Mostly young ones: the old are gone.
        let from = all
            .len()
            .saturating_sub(self.random.random_range(1..=all.len()));
        self.one_of(&all[from..]).expect("at least one")
    }

    async fn step(mut self, place: &str) -> Self {
        let table = self.some_table();
        match (self.random.random_range(0..100), table) {
            (0..6, _) | (_, None) => self.create().await,
            (6..24, Some(table)) => self.insert(table, false).await,
            (24..34, Some(table)) => self.insert(table, true).await,
            (34..42, Some(table)) => self.delete(table).await,
            (42..45, Some(table)) => self.truncate(table).await,
            (45..49, Some(table)) => self.reshape(table).await,
            (49..52, Some(table)) => self.rename(table).await,
            (52..56, Some(table)) => self.drop(table).await,
            (56..63, _) => self.restore(place).await,
            (63..66, Some(table)) => self.compact(table).await,
            (66..69, Some(table)) => self.flush(table).await,
            (69..72, _) => self.hold().await,
            (72..74, _) => self.release().await,
            (74..77, _) => self.pin(place).await,
            (77..80, _) => self.pins.truncate(1),
            (80..83, Some(table)) => self.set_retention(table).await,
            (83..90, _) => self.pass(),
            (90..96, _) => self.expire(place).await,
            (96..98, _) => {
                self.sweep().await;
                self.check(place).await;
            }
            _ => {
                self.pins.clear();
                self.bench = self.bench.reopen().await;
            }
        }
        self.check_now(place).await;
        self
    }

    /// Remembers what the head shows.
    async fn record(&mut self) {
        let head = self.bench.lake.head().await.expect("a head");
        let state = || (head.time(), self.now.clone());
        self.history.entry(head.id()).or_insert_with(state);
    }

    async fn commit(&mut self, transaction: Transaction) {
        transaction.commit().await.expect("a commit");
        self.record().await;
    }

    fn name(&mut self) -> String {
        self.next += 1;
        format!("t{}", self.next)
    }

    async fn create(&mut self) {
        if self.now.len() >= TABLE_COUNT_MAX {
            return;
        }
        let name = self.name();
        let mut transaction = self.bench.begin().await;
        let new = table(self.bench.public, &name);
        transaction.create_table(new).expect("a table");
        transaction.commit().await.expect("a commit");
        let id = self.bench.table_id(&name).await;
        let columns = vec![1, 2];
        let rows = BTreeMap::new();
        self.now.insert(id, Model { rows, columns });
        self.record().await;
    }

    async fn insert(&mut self, table: TableId, is_inlined: bool) {
        let count = self.random.random_range(1..12);
        let keys: Vec<i32> = (self.next..self.next + count).collect();
        self.next += count;
        let mut transaction = self.bench.begin().await;
        let picture = transaction.snapshot();
        let columns = &picture.table(table).expect("the table").columns;
        let batch = new_rows(columns, &keys);
        let model = self.now.get_mut(&table).expect("a model");
        add_rows(&batch, columns, 0..batch.num_rows(), &mut model.rows);
        if is_inlined {
            let appended = transaction.append_rows(table, batch).await;
            appended.expect("appended rows");
        } else {
            let mut writer: TableWriter = transaction.writer(table).await.expect("a writer");
            writer.write(batch).await.expect("written rows");
            let staged = writer.finish().await.expect("staged files");
            transaction.append(table, staged).expect("a file");
        }
        self.commit(transaction).await;
    }

    async fn delete(&mut self, table: TableId) {
        let mut transaction = self.bench.begin().await;
        let list = transaction.files(table).await.expect("files");
        let picture = transaction.snapshot();
        let columns = &picture.table(table).expect("the table").columns;
        let mut keys = Vec::new();
        for file in &list.files {
            let rows = file_rows(&self.bench, file, columns).await;
            let share = self.random.random_range(0..=4);
            let chosen = rows
                .into_iter()
                .filter(|_| self.random.random_range(0..4) < share);
            let (positions, gone): (Vec<u64>, Vec<i32>) = chosen.unzip();
            let deleted = transaction.delete_rows(table, file.id, &positions).await;
            deleted.expect("deleted rows");
            keys.extend(gone);
        }
        if let Some(inlined) = &list.inlined {
            let values = inlined.batch.column(0).as_primitive::<Int32Type>();
            let chosen = inlined.row_ids.iter().zip(values.values());
            let chosen = chosen.filter(|_| self.random.random_range(0..2) == 0);
            let (ids, gone): (Vec<i64>, Vec<i32>) = chosen.unzip();
            let deleted = transaction.delete_inlined_rows(table, &ids).await;
            deleted.expect("deleted rows");
            keys.extend(gone);
        }
        let model = self.now.get_mut(&table).expect("a model");
        for key in keys {
            assert!(model.rows.remove(&key).is_some());
        }
        self.commit(transaction).await;
    }

    async fn truncate(&mut self, table: TableId) {
        let mut transaction = self.bench.begin().await;
        transaction.truncate_table(table).expect("truncated");
        self.now.get_mut(&table).expect("a model").rows.clear();
        self.commit(transaction).await;
    }

    /// Adds a column, or drops one that was added.
    async fn reshape(&mut self, table: TableId) {
        let mut transaction = self.bench.begin().await;
        let name = self.name();
        let model = self.now.get_mut(&table).expect("a model");
        if let Some(id) = model.columns.get(2).copied() {
            let dropped = transaction.drop_column(table, ColumnId(id));
            dropped.expect("dropped");
            model.columns.retain(|other| *other != id);
            for row in model.rows.values_mut() {
                row.remove(&id);
            }
        } else {
            let initial: ArrayRef = Arc::new(Int32Array::from(vec![self.next]));
            let new = column(&name, ColumnType::Int32);
            let added = transaction.add_column(table, new, Some(&initial)).await;
            let id = added.expect("a column").0;
            model.columns.push(id);
            for row in model.rows.values_mut() {
                row.insert(id, Some(self.next.to_string()));
            }
        }
        self.commit(transaction).await;
    }

    async fn rename(&mut self, table: TableId) {
        let name = self.name();
        let mut transaction = self.bench.begin().await;
        transaction.rename_table(table, &name).expect("renamed");
        self.commit(transaction).await;
    }

    async fn drop(&mut self, table: TableId) {
        let mut transaction = self.bench.begin().await;
        transaction.drop_table(table).expect("dropped");
        self.now.remove(&table);
        self.commit(transaction).await;
    }

    /// Restores a table of any snapshot that is still there; so dropped ones come back, too.
    async fn restore(&mut self, place: &str) {
        let at = self.some_snapshot();
        let tables: Vec<TableId> = self.history[&at].1.keys().copied().collect();
        let Some(table) = self.one_of(&tables) else {
            return;
        };
        let Ok(from) = self.bench.lake.snapshot(at).await else {
            return;
        };
        if from.table(table).is_none() || self.now.len() > TABLE_COUNT_MAX {
            return;
        }
        let name = self.name();
        let restore = Restore {
            from,
            table,
            schema: self.bench.public,
            name: name.clone(),
            owner: "gotgan".to_owned(),
            replace: None,
        };
        let mut transaction = self.bench.begin().await;
        let restored = transaction.restore_table(&restore).await;
        restored.unwrap_or_else(|error| panic!("restore of {table} at {at}: {error}, {place}"));
        transaction.commit().await.expect("a commit");
        let id = self.bench.table_id(&name).await;
        let model = self.history[&at].1[&table].clone();
        self.now.insert(id, model);
        // Options come along.
        let head = self.bench.lake.head().await.expect("a head");
        let options = &head.table(id).expect("the table").options;
        if let Some(seconds) = options.get(RETENTION) {
            self.own.insert(id, seconds.parse().expect("a number"));
        }
        self.record().await;
    }

    async fn compact(&mut self, table: TableId) {
        let head = self.bench.lake.head().await.expect("a head");
        let list = self.bench.lake.files(&head, table).await.expect("files");
        let chosen = list.files.iter();
        let chosen = chosen.filter(|_| self.random.random_range(0..100) < 60);
        let chosen: Vec<Arc<DataFile>> = chosen.map(Arc::clone).collect();
        rewrite(&self.bench, table, &chosen).await;
        self.record().await;
    }

    async fn flush(&mut self, table: TableId) {
        let flushed = self.bench.lake.flush_inlined(table, Author::default());
        flushed.await.expect("a flush");
        self.record().await;
    }

    async fn hold(&mut self) {
        let at = self.some_snapshot();
        if !self.is_kept(at) {
            return;
        }
        let name = self.name();
        let new = NewHold {
            name: name.clone(),
            snapshot: Some(at),
            owner: "gotgan".to_owned(),
            until: None,
            comment: None,
        };
        self.bench.lake.create_hold(new).await.expect("a hold");
        self.holds.insert(name, at);
    }

    async fn release(&mut self) {
        if let Some((name, _)) = self.holds.pop_first() {
            self.bench.lake.drop_hold(&name).await.expect("dropped");
        }
    }

    async fn pin(&mut self, place: &str) {
        let at = self.some_snapshot();
        match self.bench.lake.pin(at).await {
            Ok(pin) => self.pins.push(pin),
            Err(error) => assert!(!self.is_kept(at), "{at}: {error}, {place}"),
        }
    }

    async fn set_retention(&mut self, table: TableId) {
        let seconds = [HOUR, 6 * HOUR, 3 * DAY, 10 * DAY];
        let seconds = self.one_of(&seconds).expect("one");
        let mut transaction = self.bench.begin().await;
        let target = OptionTarget::Table(table);
        let set = transaction.set_option(target, RETENTION, Some(seconds.to_string()));
        set.expect("an option");
        self.own.insert(table, seconds);
        self.commit(transaction).await;
    }

    fn pass(&mut self) {
        let longest = [HOUR, DAY / 2, 2 * DAY][self.random.random_range(0..3)];
        let seconds = self.random.random_range(60..longest);
        self.bench.clock.pass(TimeDelta::seconds(seconds));
    }

    /// Whether a snapshot was superseded less than so many seconds ago, or is needed.
    fn is_needed(&self, at: SnapshotId, retention: i64) -> bool {
        let is_read = self.pins.iter().any(|pin| pin.id() <= at);
        let is_held = self.holds.values().any(|held| *held == at);
        let Some((time, _)) = self.history.get(&SnapshotId(at.0 + 1)) else {
            return true;
        };
        let oldest = self.bench.lake.clock().now() - TimeDelta::seconds(retention);
        is_read || is_held || *time > oldest
    }

    fn is_kept(&self, at: SnapshotId) -> bool {
        self.is_needed(at, DAY) && !self.gone.contains(&at)
    }

    /// Whether a table must be readable at a snapshot.
    pub(super) fn must_show(&self, at: SnapshotId, table: TableId) -> bool {
        let retention = self.own.get(&table).copied().unwrap_or(DAY);
        self.is_needed(at, retention) && !self.lost.contains(&(at, table))
    }

    pub(super) async fn expire(&mut self, place: &str) {
        for (at, (_, state)) in &self.history {
            if !self.is_kept(*at) {
                self.gone.insert(*at);
            }
            for table in state.keys() {
                if !self.must_show(*at, *table) {
                    self.lost.insert((*at, *table));
                }
            }
        }
        let dry = ExpireOptions {
            is_dry_run: true,
            ..ExpireOptions::default()
        };
        let told = self.bench.lake.expire(&dry).await.expect("told");
        let done = self.bench.lake.expire(&ExpireOptions::default()).await;
        let done = done.expect("expired");
        assert_eq!(told.snapshots, done.snapshots, "{place}");
        let kept = self.history.keys().filter(|at| self.is_kept(**at)).count();
        let found = number(
            self.bench.folder.path(),
            "SELECT count(*) FROM ducklake_snapshot",
        );
        assert_eq!(found.await, kept as i64, "snapshots, {place}");
        self.check(place).await;
    }

    pub(super) async fn sweep(&mut self) {
        let swept = self.bench.lake.sweep(&SweepOptions::default()).await;
        swept.expect("swept");
    }
}
