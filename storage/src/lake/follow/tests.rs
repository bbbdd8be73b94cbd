//! Replicas: what they see and when, and that nothing in them changes the lake.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Int32Array};
use arrow::record_batch::RecordBatch;
use chrono::{DateTime, Utc};
use object_store::{ObjectStore, ObjectStoreExt};
use tempfile::TempDir;

use crate::catalog::fault::CatalogFaults;
use crate::catalog::testing;
use crate::clock::{Clock, SystemClock};
use crate::faults::Wrap;
use crate::object::FaultRates;
use crate::{
    Announcement, Author, ColumnType, Error, ErrorKind, ExpireOptions, FollowOptions, Lake,
    LakeOptions, LakeRole, NewColumn, NewHold, NewSequence, NewTable, OrphanOptions, SequenceId,
    SequenceOptions, SequenceState, Snapshot, SnapshotId, SweepOptions,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// Old answers do not become stale by themselves, however slow the machine: see `Leaping`.
const FOLLOW: FollowOptions = FollowOptions {
    poll_interval: Duration::from_millis(20),
    stale_max: Duration::from_secs(3600),
};

/// The machine's clock, and what a test adds to it.
#[derive(Debug, Default)]
struct Leaping(Mutex<Duration>);

impl Leaping {
    fn leap(&self, time: Duration) {
        *self.0.lock().expect("no panic in a test") += time;
    }
}

impl Clock for Leaping {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now()
    }

    fn instant(&self) -> Instant {
        SystemClock.instant() + *self.0.lock().expect("no panic in a test")
    }
}

/// A catalog that can be cut off.
#[derive(Debug)]
struct Cut(CatalogFaults);

impl Wrap for Cut {
    fn catalog(&self, inner: crate::catalog::Catalog) -> crate::catalog::Catalog {
        self.0.wrap(inner)
    }

    fn objects(&self, inner: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        inner
    }
}

async fn primary(folder: &TempDir) -> Lake {
    let options = testing::options(folder.path(), LakeRole::Primary).await;
    Lake::open(options).await.expect("a primary")
}

async fn replica_options(folder: &TempDir, follow: Option<FollowOptions>) -> LakeOptions {
    LakeOptions {
        follow,
        scratch_dir: folder.path().join("replica"),
        ..testing::options(folder.path(), LakeRole::Replica).await
    }
}

async fn replica(folder: &TempDir, follow: Option<FollowOptions>) -> Lake {
    let options = replica_options(folder, follow).await;
    Lake::open(options).await.expect("a replica")
}

fn new_table(picture: &Snapshot, name: &str) -> NewTable {
    NewTable {
        schema_id: picture.schema_by_name("public").expect("public").id,
        name: name.to_owned(),
        owner: "gotgan".to_owned(),
        columns: vec![NewColumn {
            name: "a".to_owned(),
            column_type: ColumnType::Int32,
            nullable: true,
            default: None,
            comment: None,
        }],
        constraints: Vec::new(),
        comment: None,
    }
}

async fn make_table(lake: &Lake, name: &str) -> SnapshotId {
    let mut transaction = lake.begin(Author::default()).await.expect("begun");
    let table = new_table(&transaction.snapshot(), name);
    transaction.create_table(table).expect("a table");
    transaction.commit().await.expect("a commit").expect("one")
}

/// Asks until the answer is yes.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect(what);
}

fn kind<T>(result: Result<T, Error>) -> ErrorKind {
    result.map(drop).expect_err("a refusal").kind
}

/// Names and sizes of everything in a folder.
fn listing(folder: &Path) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("a folder") {
            let entry = entry.expect("an entry");
            match entry.file_type().expect("a type").is_dir() {
                true => folders.push(entry.path()),
                false => {
                    let bytes = entry.metadata().expect("its size").len();
                    found.push((entry.path().display().to_string(), bytes));
                }
            }
        }
    }
    found.sort();
    found
}

async fn make_sequence(lake: &Lake) -> SequenceId {
    let mut transaction = lake.begin(Author::default()).await.expect("begun");
    let sequence = NewSequence {
        schema_id: new_table(&transaction.snapshot(), "").schema_id,
        name: "s".to_owned(),
        owner: "gotgan".to_owned(),
        options: SequenceOptions {
            data_type: ColumnType::Int64,
            start: 1,
            increment: 1,
            min: 1,
            max: i64::MAX,
            cache: 1,
            cycle: false,
        },
        owned_by: None,
    };
    transaction.create_sequence(sequence).expect("a sequence");
    transaction.commit().await.expect("a commit");
    let head = lake.head().await.expect("a head");
    head.sequences().next().expect("the sequence").id
}

#[tokio::test]
async fn no_call_of_a_replica_changes_the_lake() {
    let folder = TempDir::new().expect("a folder");
    let writer = primary(&folder).await;
    make_table(&writer, "t").await;
    let sequence = make_sequence(&writer).await;
    let reader = replica(&folder, Some(FOLLOW)).await;
    assert_eq!(kind(reader.writer()), ErrorKind::ReadOnly);
    let head = reader.head().await.expect("a head");
    let before = listing(&folder.path().join("data"));
    let hold = NewHold {
        name: "h".to_owned(),
        snapshot: Some(head.id()),
        owner: "gotgan".to_owned(),
        until: None,
        comment: None,
    };
    let state = SequenceState {
        last_value: 7,
        is_called: true,
    };
    let mut transaction = reader.begin(Author::default()).await.expect("begun");
    let refusals = [
        kind(reader.create_hold(hold).await),
        kind(reader.drop_hold("h").await),
        kind(
            reader
                .store_setting("gotgan.retention", Some("2 days"))
                .await,
        ),
        kind(reader.store_role_verifier("gotgan", Some("x")).await),
        kind(reader.reserve_sequence(sequence, 1).await),
        kind(reader.store_sequence_state(sequence, state).await),
        kind(reader.expire(&ExpireOptions::default()).await),
        kind(reader.sweep(&SweepOptions::default()).await),
        kind(reader.remove_orphans(&OrphanOptions::default()).await),
        kind(transaction.create_table(new_table(&head, "u"))),
    ];
    assert!(
        refusals.iter().all(|kind| *kind == ErrorKind::ReadOnly),
        "{refusals:?}"
    );
    let location = object_store::path::Path::from("x");
    let objects = reader.object_store();
    let put = objects.put(&location, "x".into());
    put.await.expect_err("a refusal");
    // Where temporary tables may be, the commit is what refuses.
    let space = reader.temporary_space("pg_temp_1");
    let mut transaction = reader
        .begin_in(&space, Author::default())
        .await
        .expect("begun");
    transaction
        .create_table(new_table(&head, "u"))
        .expect("in the overlay");
    assert_eq!(kind(transaction.commit().await), ErrorKind::ReadOnly);
    assert_eq!(listing(&folder.path().join("data")), before);
    assert_eq!(writer.head().await.expect("a head").id(), head.id());
}

#[tokio::test]
async fn it_sees_commits_without_being_asked() {
    let folder = TempDir::new().expect("a folder");
    let writer = primary(&folder).await;
    let reader = replica(&folder, Some(FOLLOW)).await;
    let made = make_table(&writer, "t").await;
    until("the commit is seen", async || {
        reader.known_head().id() == made
    })
    .await;
    let last = make_table(&writer, "u").await;
    reader.wait_for(last).await.expect("it is there");
    assert_eq!(reader.head().await.expect("a head").id(), last);
    // One that nobody made is waited for as long as the caller likes.
    let never = reader.wait_for(SnapshotId(last.0 + 1));
    let waited = tokio::time::timeout(Duration::from_millis(300), never).await;
    assert!(waited.is_err(), "{waited:?}");
    let later = reader.clone();
    let waiting = tokio::spawn(async move { later.wait_for(SnapshotId(last.0 + 1)).await });
    make_table(&writer, "v").await;
    waiting.await.expect("a task").expect("it is there now");
}

#[tokio::test]
async fn it_hears_of_commits_where_the_catalog_tells() {
    if !testing::is_on_postgres() {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let writer = primary(&folder).await;
    let seldom = FollowOptions {
        poll_interval: Duration::from_secs(3600),
        stale_max: Duration::from_secs(7200),
    };
    let reader = replica(&folder, Some(seldom)).await;
    for name in ["t", "u", "v"] {
        let made = make_table(&writer, name).await;
        until("the commit is heard of", async || {
            reader.known_head().id() == made
        })
        .await;
    }
}

#[tokio::test]
async fn without_the_catalog_it_answers_for_a_while_and_comes_back() {
    let folder = TempDir::new().expect("a folder");
    let writer = primary(&folder).await;
    make_table(&writer, "t").await;
    let faults = CatalogFaults::new(7);
    let mut options = replica_options(&folder, Some(FOLLOW)).await;
    options.wrap = Some(Arc::new(Cut(faults.clone())));
    let clock = Arc::new(Leaping::default());
    options.clock = Arc::clone(&clock) as Arc<dyn Clock>;
    let reader = Lake::open(options).await.expect("a replica");
    let head = reader.head().await.expect("a head");
    let table = head.tables().next().expect("a table").id;
    reader.files(&head, table).await.expect("the files");
    let away = FaultRates {
        before: 1.0,
        ..FaultRates::default()
    };
    faults.set_rates(away);
    let old = reader.head().await.expect("the last one");
    assert!(Arc::ptr_eq(&old, &head));
    reader.files(&old, table).await.expect("known files");
    let made = make_table(&writer, "u").await;
    clock.leap(FOLLOW.stale_max);
    assert_eq!(kind(reader.head().await), ErrorKind::Stale);
    assert_eq!(
        kind(reader.begin(Author::default()).await),
        ErrorKind::Stale
    );
    faults.set_rates(FaultRates::default());
    until("it comes back", async || reader.check_fresh().is_ok()).await;
    assert_eq!(reader.head().await.expect("a head").id(), made);
}

#[tokio::test]
async fn files_of_known_tables_are_loaded_ahead() {
    let folder = TempDir::new().expect("a folder");
    let writer = primary(&folder).await;
    make_table(&writer, "t").await;
    let faults = CatalogFaults::new(7);
    let mut options = replica_options(&folder, Some(FOLLOW)).await;
    options.wrap = Some(Arc::new(Cut(faults.clone())));
    let reader = Lake::open(options).await.expect("a replica");
    let head = reader.head().await.expect("a head");
    let table = head.tables().next().expect("a table").id;
    reader.files(&head, table).await.expect("the files");
    let mut transaction = writer.begin(Author::default()).await.expect("begun");
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let batch = RecordBatch::try_from_iter([("a", numbers)]).expect("a batch");
    transaction.append_rows(table, batch).await.expect("a row");
    let made = transaction.commit().await.expect("a commit").expect("one");
    reader.login("gotgan").await.expect("an answer");
    until("the commit is seen", async || {
        reader.known_head().id() == made
    })
    .await;
    faults.set_rates(FaultRates {
        before: 1.0,
        ..FaultRates::default()
    });
    let head = reader.head().await.expect("a head");
    assert_eq!(head.id(), made);
    let files = reader.files(&head, table).await;
    assert_eq!(files.expect("without the catalog").row_count(), 1);
    let login = reader.login("gotgan").await.expect("known from before");
    assert_eq!(login.expect("the role").name, "gotgan");
    assert_eq!(kind(reader.login("nobody").await), ErrorKind::Stale);
}

fn announcement(address: &str, sessions: u64) -> Announcement {
    Announcement {
        address: address.to_owned(),
        version: "1".to_owned(),
        sessions: Box::new(move || sessions),
    }
}

#[tokio::test]
async fn nodes_know_of_each_other() {
    let folder = TempDir::new().expect("a folder");
    let writer = primary(&folder).await;
    assert_eq!(writer.nodes().await.expect("nodes"), []);
    let ahead = replica(&folder, Some(FOLLOW)).await;
    let behind = replica(
        &folder,
        Some(FollowOptions {
            poll_interval: Duration::from_secs(3600),
            stale_max: Duration::from_secs(7200),
        }),
    )
    .await;
    writer.announce(announcement("p:1", 3)).await;
    ahead.announce(announcement("a:1", 1)).await;
    behind.announce(announcement("b:1", 2)).await;
    let first = writer.head().await.expect("a head").id();
    let made = make_table(&writer, "t").await;
    if !testing::is_on_postgres() {
        // There it is told of the commit.
        until("the lag shows", async || {
            let nodes = writer.nodes().await.expect("nodes");
            nodes[0].snapshot == made && nodes[1].snapshot == first
        })
        .await;
        let nodes = writer.nodes().await.expect("nodes");
        let shown: Vec<_> = nodes
            .iter()
            .map(|node| (node.address.as_str(), node.role, node.sessions, node.is_up))
            .collect();
        assert_eq!(
            shown,
            [
                ("a:1", LakeRole::Replica, 1, true),
                ("b:1", LakeRole::Replica, 2, true),
                ("p:1", LakeRole::Primary, 3, true),
            ]
        );
        assert!(nodes[0].lag.is_zero() && nodes[1].lag > chrono::TimeDelta::zero());
    }
    assert_eq!(
        behind.replica_addresses().await.expect("addresses"),
        ["a:1", "b:1"]
    );
    assert_eq!(ahead.primary_addresses().await.expect("addresses"), ["p:1"]);
    behind.close().await;
    assert_eq!(ahead.replica_addresses().await.expect("addresses"), ["a:1"]);
}
