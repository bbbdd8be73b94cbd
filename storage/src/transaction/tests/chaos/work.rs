//! What workers, maintenance and auditors do.

use tokio::task::JoinHandle;

use super::journal::{Answer, Effects, Entry};
use super::rows::{Found, add, delete, read, read_file};
use super::*;

/// Transactions of each worker.
const TRANSACTION_COUNT: u32 = 14;

/// One worker.
struct Worker {
    lake: Lake,
    journal: Arc<Journal>,
    chance: StdRng,
    sequence: SequenceId,
    public: SchemaId,
    /// First part of the names of tables that it makes.
    name: String,
    /// Commits that nobody waits for.
    left: Vec<JoinHandle<Result<Option<SnapshotId>, Error>>>,
}

/// Lets all work, and waits until they are done. `round`: the same seed may work again.
pub(super) async fn run(world: &World, journal: &Arc<Journal>, seed: u64, round: u64) {
    let mut workers = Vec::new();
    for number in 0..WORKER_COUNT {
        let lake = world.lakes[number as usize % world.lakes.len()].clone();
        let draw = seed * 1_000_000 + round * 1000 + number;
        let mut worker = Worker {
            public: public(&lake),
            lake,
            journal: Arc::clone(journal),
            chance: StdRng::seed_from_u64(draw),
            sequence: world.sequence,
            name: format!("w{round}_{number}"),
            left: Vec::new(),
        };
        workers.push(tokio::spawn(async move { worker.work().await }));
    }
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut others = Vec::new();
    for lake in &world.lakes {
        others.push(tokio::spawn(audit(lake.clone(), Arc::clone(&stop), seed)));
        let maintained = maintain(lake.clone(), Arc::clone(&stop), seed);
        others.push(tokio::spawn(maintained));
    }
    let mut failures = Vec::new();
    for worker in workers {
        failures.extend(worker.await.err());
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for other in others {
        failures.extend(other.await.err());
    }
    assert!(failures.is_empty(), "SEED={seed}: {failures:?}");
}

fn public(lake: &Lake) -> SchemaId {
    let head = lake.known_head();
    let public = head.schema_by_name("public");
    public.expect("schema public").id
}

/// Whether an error is one that faults and other writers may cause.
fn is_expected(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Conflict)
}

fn expected(error: &Error, place: &str) {
    let source = &error.source;
    assert!(
        is_expected(error),
        "{place}: {error} ({:?}): {source:?}",
        error.kind
    );
}

impl Worker {
    async fn work(&mut self) {
        for number in 0..TRANSACTION_COUNT {
            let label = format!("{}_{number}", self.name);
            let author = Author {
                role: "gotgan".to_owned(),
                application_name: label.clone(),
            };
            let mut transaction = match self.lake.begin(author).await {
                Ok(transaction) => transaction,
                Err(error) => {
                    expected(&error, &label);
                    continue;
                }
            };
            let mut effects = Effects::default();
            let done = self.change(&mut transaction, &mut effects, &label).await;
            if let Err(error) = &done {
                expected(error, &label);
            }
            if done.is_err() || self.chance.random_bool(0.08) {
                match self.chance.random_bool(0.5) {
                    true => transaction.rollback().await,
                    // As a session that ends.
                    false => drop(transaction),
                }
                continue;
            }
            self.commit(transaction, effects, label).await;
        }
        for commit in std::mem::take(&mut self.left) {
            let _ = commit.await.expect("no panic in a commit");
        }
    }

    async fn commit(&mut self, transaction: Transaction, effects: Effects, label: String) {
        self.journal.note(Entry::Begun(label.clone(), effects));
        let committing = tokio::spawn(transaction.commit());
        if self.chance.random_bool(0.04) {
            // A client that goes away: the commit goes on, and nobody hears how it ends.
            return self.left.push(committing);
        }
        let result = committing.await.expect("no panic in a commit");
        let answer = Answer::of(result.map(|snapshot| snapshot.map(|id| id.0)));
        let answer = answer.unwrap_or_else(|text| panic!("{label}: {text}"));
        self.journal.note(Entry::Ended(label, answer));
    }

    async fn change(
        &mut self,
        transaction: &mut Transaction,
        effects: &mut Effects,
        label: &str,
    ) -> Result<(), Error> {
        match self.chance.random_range(0..100) {
            0..40 => self.transfer(transaction, effects).await,
            40..65 => self.log(transaction, effects).await,
            65..78 => self.forget(transaction, effects).await,
            78..90 => self.make(transaction, effects, label).await,
            _ => self.fill_or_drop(transaction, effects).await,
        }
    }

    /// Moves money between accounts of the two tables, and logs it.
    async fn transfer(
        &mut self,
        transaction: &mut Transaction,
        effects: &mut Effects,
    ) -> Result<(), Error> {
        let amount = self.chance.random_range(1..50);
        for (bank, change) in BANKS.into_iter().zip([-amount, amount]) {
            let table = self.table(transaction, bank);
            let rows = read(&self.lake, &*transaction.files(table).await?).await?;
            assert_eq!(rows.len(), ACCOUNT_COUNT as usize, "accounts of {bank}");
            let row = &rows[self.chance.random_range(0..rows.len())];
            let balance = balance(row) + change;
            delete(transaction, table, &[row]).await?;
            effects.deleted.push((bank.to_owned(), row.key));
            self.add(
                transaction,
                effects,
                bank,
                vec![(row.key, balance.to_string())],
            )
            .await?;
        }
        self.log(transaction, effects).await
    }

    /// Appends to the log, under new values of the sequence.
    async fn log(
        &mut self,
        transaction: &mut Transaction,
        effects: &mut Effects,
    ) -> Result<(), Error> {
        let count = self.chance.random_range(1..8);
        let block = transaction.reserve_sequence(self.sequence, count).await?;
        let block = block.expect("values are left");
        let rows = block
            .values()
            .map(|value| {
                (
                    i32::try_from(value).expect("few values"),
                    format!("x{value}"),
                )
            })
            .collect();
        self.add(transaction, effects, LOG, rows).await
    }

    /// Deletes some of the log.
    async fn forget(
        &mut self,
        transaction: &mut Transaction,
        effects: &mut Effects,
    ) -> Result<(), Error> {
        let table = self.table(transaction, LOG);
        let rows = read(&self.lake, &*transaction.files(table).await?).await?;
        let share = [0.1, 0.5, 1.0][self.chance.random_range(0..3)];
        let chosen: Vec<&Found> = rows
            .iter()
            .filter(|_| self.chance.random_bool(share))
            .collect();
        delete(transaction, table, &chosen).await?;
        let keys = chosen.iter().map(|row| (LOG.to_owned(), row.key));
        effects.deleted.extend(keys);
        Ok(())
    }

    /// Makes a table with rows, and logs it.
    async fn make(
        &mut self,
        transaction: &mut Transaction,
        effects: &mut Effects,
        label: &str,
    ) -> Result<(), Error> {
        let name = format!("t{label}");
        transaction.create_table(table(self.public, &name))?;
        effects.created.push(name.clone());
        let count = self.chance.random_range(0..30);
        let rows = (0..count).map(|key| (key, format!("y{key}"))).collect();
        self.add(transaction, effects, &name, rows).await?;
        self.log(transaction, effects).await
    }

    /// Adds to a table that somebody made, or drops it.
    async fn fill_or_drop(
        &mut self,
        transaction: &mut Transaction,
        effects: &mut Effects,
    ) -> Result<(), Error> {
        let picture = transaction.snapshot();
        let made: Vec<(TableId, String)> = picture
            .tables()
            .filter(|table| table.name.starts_with("tw"))
            .map(|table| (table.id, table.name.clone()))
            .collect();
        if made.is_empty() {
            return Ok(());
        }
        let (table, name) = &made[self.chance.random_range(0..made.len())];
        if self.chance.random_bool(0.4) {
            transaction.drop_table(*table)?;
            effects.dropped.push(name.clone());
            return Ok(());
        }
        let block = transaction.reserve_sequence(self.sequence, 3).await?;
        let values = block.expect("values are left").values();
        // Beyond the keys that a new table begins with.
        let rows = values.map(|value| (1000 + value as i32, "z".to_owned()));
        let rows = rows.collect();
        self.add(transaction, effects, name, rows).await
    }

    fn table(&self, transaction: &Transaction, name: &str) -> TableId {
        let picture = transaction.snapshot();
        match picture.relation(self.public, name) {
            Some(Relation::Table(table)) => table.id,
            other => panic!("{name} is {other:?}"),
        }
    }

    async fn add(
        &mut self,
        transaction: &mut Transaction,
        effects: &mut Effects,
        name: &str,
        rows: Vec<(i32, String)>,
    ) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let table = self.table(transaction, name);
        add(transaction, table, &rows, self.chance.random_bool(0.4)).await?;
        let rows = rows.into_iter();
        let inserted = rows.map(|(key, text)| (name.to_owned(), key, text));
        effects.inserted.extend(inserted);
        Ok(())
    }
}

fn balance(row: &Found) -> i32 {
    row.text.parse().expect("a balance")
}

/// Adds up all money of one snapshot, again and again.
async fn audit(lake: Lake, stop: Arc<std::sync::atomic::AtomicBool>, seed: u64) {
    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
        match total(&lake).await {
            Ok(total) => {
                let expected = 2 * ACCOUNT_COUNT * FIRST_BALANCE;
                assert_eq!(total, expected, "SEED={seed}: money came or went");
            }
            Err(error) => expected(&error, &format!("SEED={seed}, audit")),
        }
        tokio::task::yield_now().await;
    }
}

async fn total(lake: &Lake) -> Result<i32, Error> {
    let transaction = lake.begin(Author::default()).await?;
    let picture = transaction.snapshot();
    let mut total = 0;
    for table in picture.tables() {
        if BANKS.contains(&table.name.as_str()) {
            let rows = read(lake, &*transaction.files(table.id).await?).await?;
            total += rows.iter().map(balance).sum::<i32>();
        }
    }
    Ok(total)
}

/// Moves inlined rows to files, and merges the files of a table into one.
async fn maintain(lake: Lake, stop: Arc<std::sync::atomic::AtomicBool>, seed: u64) {
    let mut chance = StdRng::seed_from_u64(seed);
    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(30)).await;
        let done = maintain_one(&lake, &mut chance).await;
        match done {
            // It was dropped meanwhile.
            Err(error) if error.kind == ErrorKind::NotFound => {}
            Err(error) => expected(&error, &format!("SEED={seed}, maintenance")),
            Ok(()) => {}
        }
    }
}

async fn maintain_one(lake: &Lake, chance: &mut StdRng) -> Result<(), Error> {
    let head = lake.head().await?;
    let tables: Vec<TableId> = head.tables().map(|table| table.id).collect();
    let table = tables[chance.random_range(0..tables.len())];
    if chance.random_bool(0.4) {
        return merge(lake, table).await;
    }
    let flushed = lake.flush_inlined(table, Author::default()).await;
    flushed.map(|_| ())
}

/// Writes the live rows of all files of a table into one, under their ids.
async fn merge(lake: &Lake, table: TableId) -> Result<(), Error> {
    let mut transaction = lake.begin(Author::default()).await?;
    let list = transaction.files(table).await?;
    let files: Vec<i64> = list.files.iter().map(|file| file.id).collect();
    if files.len() < 2 {
        return Ok(());
    }
    let mut rows = Vec::new();
    for file in &list.files {
        let ids = lake.row_ids(file).await?;
        for (position, key, text) in read_file(lake, file).await? {
            let id = match &ids {
                crate::RowIds::From(start) => start + position as i64,
                crate::RowIds::Each(ids) => ids[position as usize],
            };
            rows.push((id, key, text));
        }
    }
    rows.sort_unstable();
    let mut writer = transaction.rewriter(table).await?;
    if !rows.is_empty() {
        let keys = Int32Array::from_iter_values(rows.iter().map(|row| row.1));
        let texts = StringViewArray::from_iter_values(rows.iter().map(|row| &row.2));
        let ids = arrow::array::Int64Array::from_iter_values(rows.iter().map(|row| row.0));
        let columns: [(&str, ArrayRef); 3] = [
            ("a", Arc::new(keys)),
            ("b", Arc::new(texts)),
            ("row", Arc::new(ids)),
        ];
        let batch = RecordBatch::try_from_iter(columns).expect("a batch");
        writer.write(batch).await?;
    }
    let staged = writer.finish().await?;
    transaction.replace_files(table, &files, staged).await?;
    transaction.commit().await.map(|_| ())
}
