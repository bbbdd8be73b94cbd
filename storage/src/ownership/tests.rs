//! Two lakes, or two copies of one, over the same files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::TimeDelta;
use tempfile::TempDir;

use super::marker::MARKER_NAME;
use crate::catalog::testing::{execute, number, schema_url, server_or_skip};
use crate::clock::testing::AheadClock;
use crate::{
    Author, Clock, Error, ErrorKind, Lake, LakeOptions, LakeRole, NewSchema, OrphanOptions,
};

const WET: OrphanOptions = OrphanOptions { is_dry_run: false };

/// The folders of a test, and a clock that all its lakes go by.
struct Bench {
    folder: TempDir,
    clock: Arc<AheadClock>,
}

impl Bench {
    fn new() -> Self {
        Self {
            folder: TempDir::new().expect("a folder"),
            clock: Arc::default(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(&path).expect("a folder");
        path.canonicalize().expect("a folder")
    }

    /// Opens the lake whose catalog is in one folder and whose data is in another.
    async fn open(&self, catalog: &str, data: &str) -> Result<Lake, Error> {
        self.open_as(catalog, data, LakeRole::Primary).await
    }

    async fn open_as(&self, catalog: &str, data: &str, role: LakeRole) -> Result<Lake, Error> {
        Lake::open(LakeOptions {
            data_url: Some(format!("file://{}", self.path(data).display())),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            ..LakeOptions::new(self.path(catalog), role)
        })
        .await
    }

    async fn lake(&self, catalog: &str, data: &str) -> Lake {
        self.open(catalog, data).await.expect("a lake")
    }

    /// A file as the lake would have written it, but known to no catalog, and old.
    fn orphan(&self, folder: &str) -> PathBuf {
        let name = format!("{}.parquet", uuid::Uuid::from_u128(7));
        let path = self.path(folder).join(name);
        std::fs::write(&path, b"rows").expect("a file");
        self.clock.pass(TimeDelta::days(8));
        path
    }

    /// Copies a catalog that no process has open.
    fn copy_catalog(&self, from: &str, to: &str) {
        let file = |folder| self.path(folder).join("catalog.sqlite");
        for ending in ["-wal", "-shm"] {
            let mut name = file(to).into_os_string();
            name.push(ending);
            drop(std::fs::remove_file(name));
        }
        std::fs::copy(file(from), file(to)).expect("a copy");
    }

    fn marker(&self, data: &str) -> PathBuf {
        self.path(data).join(MARKER_NAME)
    }
}

async fn close(lake: Lake) {
    lake.close().await;
}

/// Commits something.
async fn commit(lake: &Lake, schema: &str) {
    let mut transaction = lake.begin(Author::default()).await.expect("a transaction");
    let new = NewSchema {
        name: schema.to_owned(),
        owner: "gotgan".to_owned(),
    };
    transaction.create_schema(new).expect("a schema");
    transaction.commit().await.expect("a commit");
}

fn kind<T>(result: Result<T, Error>) -> ErrorKind {
    result.map(drop).expect_err("a refusal").kind
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a file")
}

async fn is_refused(lake: &Lake) -> bool {
    match lake.remove_orphans(&WET).await {
        Ok(_) => false,
        Err(error) if error.kind == ErrorKind::NotOwner => true,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn the_marker_moves_on_at_each_start_and_after_commits() {
    let bench = Bench::new();
    let lake = bench.lake("a", "data").await;
    let first = text(&bench.marker("data"));
    assert!(first.contains(lake.uuid()), "{first}");
    lake.claim_data().await.expect("still the owner");
    assert_eq!(text(&bench.marker("data")), first, "nothing was committed");
    commit(&lake, "s").await;
    lake.claim_data().await.expect("still the owner");
    let second = text(&bench.marker("data"));
    assert_ne!(second, first);
    close(lake).await;
    let lake = bench.lake("a", "data").await;
    assert_ne!(text(&bench.marker("data")), second);
    assert!(!is_refused(&lake).await);
}

#[tokio::test]
async fn another_lake_is_not_opened_on_the_same_files() {
    let bench = Bench::new();
    let first = bench.lake("a", "data").await;
    assert_eq!(kind(bench.open("b", "data").await), ErrorKind::NotOwner);
    close(bench.lake("b", "other").await).await;
    std::fs::copy(bench.marker("data"), bench.marker("other")).expect("a copy");
    // Nor one that was there before.
    assert_eq!(kind(bench.open("b", "other").await), ErrorKind::NotOwner);
    std::fs::remove_file(bench.marker("other")).expect("the way out");
    bench.lake("b", "other").await;
    drop(first);
}

#[tokio::test]
async fn lakes_in_each_other_are_noticed_from_both_sides() {
    let bench = Bench::new();
    let outer = bench.lake("a", "data").await;
    assert_eq!(kind(bench.open("b", "data/in").await), ErrorKind::NotOwner);
    close(outer).await;
    // As it may be with lakes from before there were markers.
    std::fs::remove_file(bench.marker("data")).expect("a marker");
    let inner = bench.lake("b", "data/in").await;
    let files = [bench.orphan("data/in/t"), bench.orphan("data/t")];
    let outer = bench.lake("a", "data").await;
    let report = outer.remove_orphans(&WET).await.expect("looked");
    assert_eq!((report.objects, report.foreign), (1, 1));
    assert_eq!(files.map(|file| file.exists()), [true, false]);
    assert_eq!(kind(inner.remove_orphans(&WET).await), ErrorKind::NotOwner);
    let third = bench.path("third");
    std::fs::copy(bench.marker("data/in"), third.join(MARKER_NAME)).expect("a copy");
    assert_eq!(kind(bench.open("c", ".").await), ErrorKind::Unsupported);
}

#[tokio::test]
async fn of_two_copies_neither_removes_files_until_one_adopts_them() {
    let bench = Bench::new();
    close(bench.lake("a", "data").await).await;
    bench.copy_catalog("a", "b");
    let old = bench.lake("a", "data").await;
    let copy = bench.lake("b", "data").await;
    let file = bench.orphan("data/t");
    assert!(is_refused(&copy).await, "the other one was quicker");
    assert!(is_refused(&old).await, "the copy writes here, too");
    assert_eq!(kind(old.claim_data().await), ErrorKind::NotOwner);
    let dry = OrphanOptions { is_dry_run: true };
    assert_eq!(copy.remove_orphans(&dry).await.expect("a look").objects, 1);
    assert!(file.exists());
    old.adopt_data().await.expect("adopted");
    old.claim_data().await.expect("the owner");
    assert!(is_refused(&copy).await);
    assert!(is_refused(&old).await, "the other one is not stopped");
    close(copy).await;
    old.adopt_data().await.expect("adopted");
    assert!(!is_refused(&old).await);
    assert!(!file.exists());
}

#[tokio::test]
async fn of_two_copies_that_part_the_slower_one_contests() {
    let bench = Bench::new();
    let first = bench.lake("a", "data").await;
    // As a backup of the living one; what it has not renewed yet.
    let path = bench.path("b").join("catalog.sqlite");
    let sql = format!("VACUUM INTO '{}'", path.display());
    execute(&bench.path("a"), &sql).await;
    commit(&first, "s").await;
    let second = bench.lake("b", "data").await;
    second.claim_data().await.expect("nobody told it");
    assert_eq!(kind(first.claim_data().await), ErrorKind::NotOwner);
    assert_eq!(kind(second.claim_data().await), ErrorKind::NotOwner);
    assert!(is_refused(&first).await && is_refused(&second).await);
}

#[tokio::test]
async fn a_catalog_from_an_old_backup_removes_nothing_until_it_adopts() {
    let bench = Bench::new();
    close(bench.lake("a", "data").await).await;
    bench.copy_catalog("a", "backup");
    let lake = bench.lake("a", "data").await;
    commit(&lake, "s").await;
    close(lake).await;
    bench.copy_catalog("backup", "a");
    let lake = bench.lake("a", "data").await;
    assert!(is_refused(&lake).await);
    // Nor does it forget, however much is committed.
    commit(&lake, "s").await;
    commit(&lake, "t").await;
    close(lake).await;
    let lake = bench.lake("a", "data").await;
    assert!(is_refused(&lake).await);
    lake.adopt_data().await.expect("adopted");
    assert!(!is_refused(&lake).await);
    close(lake).await;
    assert!(!is_refused(&bench.lake("a", "data").await).await);
}

#[tokio::test]
async fn a_renewal_that_dies_anywhere_is_finished_by_the_next() {
    let bench = Bench::new();
    for sql in [
        // Before the marker was written.
        "UPDATE gotgan_data_owner SET next_token = 'lost'",
        // Right after.
        "UPDATE gotgan_data_owner SET next_token = token, token = 'old'",
        // The first of all.
        "UPDATE gotgan_data_owner SET next_token = token, token = NULL",
    ] {
        close(bench.lake("a", "data").await).await;
        execute(&bench.path("a"), sql).await;
        let lake = bench.lake("a", "data").await;
        assert!(!is_refused(&lake).await, "{sql}");
        close(lake).await;
        let left = "SELECT count(*) FROM gotgan_data_owner WHERE next_token IS NOT NULL";
        assert_eq!(number(&bench.path("a"), left).await, 0, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn primaries_of_one_catalog_share_the_files() {
    let Some(server) = server_or_skip("primaries_of_one_catalog_share_the_files") else {
        return;
    };
    let bench = Bench::new();
    let url = schema_url(&server, bench.folder.path()).await;
    let mut tasks = Vec::new();
    for name in ["a", "b", "c"] {
        let options = LakeOptions {
            catalog_url: Some(url.clone().into()),
            data_url: Some(format!("file://{}", bench.path("data").display())),
            ..LakeOptions::new(bench.path(name), LakeRole::Primary)
        };
        let lake = Lake::open(options).await.expect("a primary");
        tasks.push(tokio::spawn(async move {
            for round in 0..10 {
                commit(&lake, &format!("{name}{round}")).await;
                lake.claim_data().await.expect("the owner");
                lake.check_owner().await.expect("the owner");
            }
        }));
    }
    for task in tasks {
        task.await.expect("a task");
    }
}

#[tokio::test]
async fn a_marker_that_is_missing_is_written_again_by_primaries_only() {
    let bench = Bench::new();
    let lake = bench.lake("a", "data").await;
    std::fs::remove_file(bench.marker("data")).expect("a marker");
    let replica = bench.open_as("a", "data", LakeRole::Replica).await;
    let replica = replica.expect("a replica");
    assert_eq!(kind(replica.claim_data().await), ErrorKind::ReadOnly);
    assert_eq!(kind(replica.adopt_data().await), ErrorKind::ReadOnly);
    assert!(!bench.marker("data").exists());
    assert!(is_refused(&lake).await);
    lake.claim_data().await.expect("written again");
    assert!(!is_refused(&lake).await);
    std::fs::write(bench.marker("data"), b"{").expect("a file");
    assert_eq!(kind(lake.claim_data().await), ErrorKind::Corrupt);
}

#[tokio::test]
async fn only_names_of_our_own_form_are_orphans() {
    let bench = Bench::new();
    let lake = bench.lake("a", "data").await;
    let id = uuid::Uuid::from_u128(7);
    let others = ["part-0.parquet", &format!("ducklake-{id}.parquet"), "x.csv"];
    for name in others {
        std::fs::write(bench.path("data").join(name), b"rows").expect("a file");
    }
    let deletes = bench.path("data").join(format!("{id}-delete.parquet"));
    std::fs::write(&deletes, b"rows").expect("a file");
    let file = bench.orphan("data");
    let report = lake.remove_orphans(&WET).await.expect("removed");
    assert_eq!(report.objects, 2);
    assert!(!file.exists() && !deletes.exists());
    for name in others {
        assert!(bench.path("data").join(name).exists(), "{name}");
    }
}
