//! Random work of many at once, while catalog and object store fail, and the process dies.
//!
//! Workers of up to two primaries move money between two tables, append to a log under
//! values of a sequence, delete from it, and make, fill and drop tables of their own;
//! others flush and merge files, and audit. Each writes down what a transaction is about
//! to do, and what its commit answered (`journal.rs`). Afterwards the catalog tells which
//! transactions happened, in which order, and every snapshot is compared with what those
//! amount to (`check.rs`):
//! - what was acknowledged happened, at the snapshot that was named; what lost a conflict
//!   did not; nothing happened twice;
//! - no snapshot shows a part of a transaction, so the money is always the same;
//! - every object that a snapshot names is there and whole.
//!
//! A seed draws the same work and the same faults again; how threads interleave is not
//! drawn. `SEED=7` repeats one, `GOTGAN_TEST_SEEDS=300` runs so many.

use std::time::Duration;

use object_store::ObjectStore;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::catalog::Catalog;
use crate::catalog::fault::CatalogFaults;
use crate::catalog::testing;
use crate::faults::Wrap;
use crate::object::{FaultRates, FaultStore};
use crate::{NewSequence, SequenceId, SequenceOptions};

mod check;
mod crash;
mod journal;
mod rows;
mod work;

use check::Checker;
use journal::Journal;

const SEED_COUNT: u64 = 10;
const WORKER_COUNT: u64 = 4;

/// Accounts in each of the two tables, and what each holds at first.
const ACCOUNT_COUNT: i32 = 12;
const FIRST_BALANCE: i32 = 100;

/// The tables that are always there: two with money, one that grows.
const BANKS: [&str; 2] = ["bank_a", "bank_b"];
const LOG: &str = "log";

/// Faults between the lakes and what they rest on.
#[derive(Debug)]
struct Weather {
    catalog: CatalogFaults,
    objects: Mutex<Vec<FaultStore>>,
    seed: u64,
}

impl Wrap for Weather {
    fn catalog(&self, inner: Catalog) -> Catalog {
        self.catalog.wrap(inner)
    }

    fn objects(&self, inner: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        let store = FaultStore::new(inner, self.seed, FaultRates::default());
        self.objects
            .lock()
            .expect("no panic in a test")
            .push(store.clone());
        Arc::new(store)
    }
}

impl Weather {
    fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            catalog: CatalogFaults::new(seed),
            objects: Mutex::default(),
            seed,
        })
    }

    fn is_bad(&self, is_bad: bool) {
        let rate = |rate: f64| if is_bad { rate } else { 0.0 };
        let delay = Duration::from_millis(3);
        self.catalog.set_rates(FaultRates {
            before: rate(0.006),
            after: rate(0.006),
            slow: rate(0.03),
            delay,
            ..FaultRates::default()
        });
        for store in &*self.objects.lock().expect("no panic in a test") {
            store.set_rates(FaultRates {
                before: rate(0.02),
                after: rate(0.02),
                slow: rate(0.02),
                truncated: rate(0.01),
                delay,
            });
        }
    }
}

/// A lake with one or two primaries.
struct World {
    folder: std::path::PathBuf,
    weather: Arc<Weather>,
    lakes: Vec<Lake>,
    sequence: SequenceId,
}

impl World {
    async fn open_at(folder: &FsPath, seed: u64, faults: Option<Arc<dyn Faults>>) -> Self {
        let weather = Weather::new(seed);
        let count = if testing::is_on_postgres() { 2 } else { 1 };
        let mut lakes = Vec::new();
        for _ in 0..count {
            let wrap: Arc<dyn Wrap> = Arc::clone(&weather) as Arc<dyn Wrap>;
            let options = LakeOptions {
                faults: faults.clone(),
                wrap: Some(wrap),
                inline_rows_max: 4,
                ..testing::options(folder, LakeRole::Primary).await
            };
            lakes.push(Lake::open(options).await.expect("a lake"));
        }
        let sequence = prepare(&lakes[0]).await;
        Self {
            folder: folder.to_owned(),
            weather,
            lakes,
            sequence,
        }
    }

    /// Stops the lakes as an end of the process would, and opens them again.
    async fn reopen(self) -> Self {
        for lake in &self.lakes {
            lake.close().await;
        }
        drop(self.lakes);
        Self::open_at(&self.folder, self.weather.seed, None).await
    }
}

/// Makes the tables and the sequence that are always there, unless they are.
async fn prepare(lake: &Lake) -> SequenceId {
    let head = lake.head().await.expect("a head");
    let public = head.schema_by_name("public").expect("schema public").id;
    if head.relation(public, LOG).is_none() {
        let author = Author {
            application_name: journal::PREPARED.to_owned(),
            ..Author::default()
        };
        let mut transaction = lake.begin(author).await.expect("a transaction");
        for name in [BANKS[0], BANKS[1], LOG] {
            let id = transaction.create_table(table(public, name));
            let id = id.expect("a table");
            if name != LOG {
                let rows: Vec<_> = (0..ACCOUNT_COUNT)
                    .map(|id| (id, FIRST_BALANCE.to_string()))
                    .collect();
                let added = rows::add(&mut transaction, id, &rows, true).await;
                added.expect("added rows");
            }
        }
        let options = SequenceOptions {
            data_type: ColumnType::Int64,
            start: 1,
            increment: 1,
            min: 1,
            max: i64::MAX,
            cache: 1,
            cycle: false,
        };
        let sequence = NewSequence {
            schema_id: public,
            name: "ids".to_owned(),
            owner: "gotgan".to_owned(),
            options,
            owned_by: None,
        };
        transaction.create_sequence(sequence).expect("a sequence");
        transaction.commit().await.expect("a commit");
    }
    let head = lake.head().await.expect("a head");
    let sequence = head.sequence_by_name(public, "ids");
    sequence.expect("the sequence").id
}

#[expect(
    clippy::disallowed_methods,
    reason = "seeds are given by the environment"
)]
fn seeds(count: u64) -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse());
    if let Some(seed) = number("SEED") {
        return vec![seed.expect("a number")];
    }
    let count = number("GOTGAN_TEST_SEEDS").map_or(count, |count| count.expect("a number"));
    (0..count).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_work_in_bad_weather_agrees_with_a_model() {
    for seed in seeds(SEED_COUNT) {
        println!("SEED={seed}");
        let folder = TempDir::new().expect("a folder");
        let world = World::open_at(folder.path(), seed, None).await;
        let journal = Arc::new(Journal::default());
        world.weather.is_bad(true);
        work::run(&world, &journal, seed, 0).await;
        world.weather.is_bad(false);
        Checker::default().check(&world, &journal, 1).await;
        let world = world.reopen().await;
        let mut checker = Checker::default();
        checker.check(&world, &journal, 7).await;
        let before = parquet_files(&world.folder.join("data"));
        // Nothing is stuck: there is work again, and all of it goes well.
        work::run(&world, &journal, seed, 1).await;
        checker.check(&world, &journal, 1).await;
        leaves_nothing(&world, &checker, &before).await;
    }
}

/// In good weather every object is named, but those that were there before.
async fn leaves_nothing(world: &World, checker: &Checker, before: &[std::path::PathBuf]) {
    let is_new = |path: &std::path::PathBuf| !before.contains(path);
    // A minute, which only a defect takes.
    for _ in 0..6000 {
        if !checker.left_over(world).iter().any(is_new) {
            return;
        }
        // Sessions that ended in the middle delete their objects behind them.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let left: Vec<_> = checker
        .left_over(world)
        .into_iter()
        .filter(is_new)
        .collect();
    panic!(
        "SEED={}: objects are left over: {left:?}",
        world.weather.seed
    );
}
