//! Temporary objects: what a connection keeps, and what nobody else ever sees.

use super::*;
use crate::{OnCommit, TemporarySpace};

async fn begin(bench: &Bench, space: &TemporarySpace) -> Transaction {
    let author = Author {
        role: "gotgan".to_owned(),
        application_name: "test".to_owned(),
    };
    let begun = bench.lake.begin_in(space, author).await;
    begun.expect("a transaction")
}

/// Makes a temporary table with rows `0..count`.
async fn filled(transaction: &mut Transaction, name: &str, count: i32) -> TableId {
    let schema = transaction.make_temporary_schema().expect("a schema");
    let made = transaction.create_table(table(schema, name));
    let id = made.expect("a new table");
    insert(transaction, id, 0, count).await;
    id
}

/// A connection with a temporary table `kept` of ten rows.
async fn connection(bench: &Bench, name: &str) -> (TemporarySpace, TableId) {
    let space = bench.lake.temporary_space(name);
    let mut transaction = begin(bench, &space).await;
    let id = filled(&mut transaction, "kept", 10).await;
    let committed = transaction.commit().await.expect("a commit");
    assert_eq!(committed, None, "no snapshot is made");
    (space, id)
}

async fn row_count(bench: &Bench, space: &TemporarySpace, table: TableId) -> Option<u64> {
    let transaction = begin(bench, space).await;
    transaction.snapshot().table(table)?;
    let list = transaction.files(table).await.expect("files");
    Some(list.row_count())
}

fn scratch_files(bench: &Bench) -> usize {
    parquet_files(&bench.folder.path().join("spill")).len()
}

fn lake_files(bench: &Bench) -> usize {
    parquet_files(&bench.folder.path().join("data")).len()
}

#[tokio::test]
async fn they_stay_with_their_connection_and_reach_no_lake() {
    let bench = Bench::new().await;
    let before = bench.lake.head().await.expect("a head");
    let (one, id) = connection(&bench, "pg_temp_1").await;
    let (two, _) = connection(&bench, "pg_temp_2").await;
    assert_eq!(row_count(&bench, &one, id).await, Some(10));
    assert_eq!((scratch_files(&bench), lake_files(&bench)), (2, 0));
    let after = bench.lake.head().await.expect("a head");
    assert!(Arc::ptr_eq(&before, &after), "nothing was committed");
    let seen = begin(&bench, &one).await.snapshot();
    assert!(seen.schema_by_name("pg_temp_2").is_none());
    assert_eq!(
        seen.schema_by_name("pg_temp").expect("own").name,
        "pg_temp_1"
    );
    assert_eq!(seen.table(id).expect("the table").row_count, 10);
    let folder = bench.lake.scratch_folder("");
    let connections = || std::fs::read_dir(&folder).expect("a folder").count();
    assert_eq!(connections(), 2);
    drop((one, two, seen));
    while connections() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_permanent_commit_beside_them_is_whole() {
    let bench = Bench::new().await;
    let permanent = bench.table("t").await;
    let (space, kept) = connection(&bench, "pg_temp_1").await;
    let mut transaction = begin(&bench, &space).await;
    insert(&mut transaction, permanent, 0, 3).await;
    insert(&mut transaction, kept, 0, 5).await;
    let made = filled(&mut transaction, "made", 2).await;
    let named = transaction.create_table(table(bench.public, "named"));
    named.expect("a permanent table");
    assert!(transaction.commit().await.expect("a commit").is_some());
    assert_eq!(bench.row_count(permanent).await, 3);
    assert_eq!(row_count(&bench, &space, kept).await, Some(15));
    assert_eq!(row_count(&bench, &space, made).await, Some(2));
    bench.table_id("named").await;
    let bench = bench.reopen_without(space).await;
    let head = bench.lake.head().await.expect("a head");
    assert_eq!(head.tables().count(), 2, "of the lake's own");
    assert!(
        head.schemas()
            .all(|schema| !schema.name.starts_with("pg_temp"))
    );
    assert_eq!(scratch_files(&bench), 0);
}

impl Bench {
    /// Ends the connection and opens the lake again.
    async fn reopen_without(self, space: TemporarySpace) -> Self {
        drop(space);
        let folder = self.lake.scratch_folder("");
        let reopened = self.reopen().await;
        // A task may have been at it when the lake was closed.
        while folder.exists() {
            tokio::task::yield_now().await;
        }
        reopened
    }
}

#[tokio::test]
async fn what_is_not_committed_leaves_them_as_they_were() {
    let bench = Bench::new().await;
    let permanent = bench.table("t").await;
    let (space, kept) = connection(&bench, "pg_temp_1").await;
    let files = scratch_files(&bench);
    // A rollback, after a savepoint that some of it was taken back to.
    let mut transaction = begin(&bench, &space).await;
    insert(&mut transaction, kept, 0, 5).await;
    let savepoint = transaction.savepoint();
    transaction.drop_table(kept).expect("a drop");
    transaction.rollback_to(&savepoint);
    assert_eq!(
        transaction.files(kept).await.expect("files").row_count(),
        15
    );
    transaction.rollback().await;
    assert_eq!(row_count(&bench, &space, kept).await, Some(10));
    // A conflict.
    let mut transaction = begin(&bench, &space).await;
    transaction.truncate_table(kept).expect("no rows");
    transaction.truncate_table(permanent).expect("no rows");
    let mut other = bench.begin().await;
    other.drop_table(permanent).expect("a drop");
    other.commit().await.expect("a commit");
    assert_eq!(kind(transaction.commit().await), ErrorKind::Conflict);
    assert_eq!(row_count(&bench, &space, kept).await, Some(10));
    assert_eq!(scratch_files(&bench), files);
}

#[tokio::test]
async fn a_pin_moves_under_temporary_changes() {
    let bench = Bench::new().await;
    let permanent = bench.table("t").await;
    let (space, kept) = connection(&bench, "pg_temp_1").await;
    let mut transaction = begin(&bench, &space).await;
    insert(&mut transaction, kept, 0, 5).await;
    let mut other = bench.begin().await;
    insert(&mut other, permanent, 0, 7).await;
    other.commit().await.expect("a commit");
    transaction.repin().await.expect("the newest snapshot");
    let list = transaction.files(permanent).await.expect("files");
    assert_eq!(list.row_count(), 7);
    assert_eq!(
        transaction.files(kept).await.expect("files").row_count(),
        15
    );
    assert!(transaction.has_changes());
    assert_eq!(transaction.commit().await.expect("a commit"), None);
    assert_eq!(row_count(&bench, &space, kept).await, Some(15));
}

#[tokio::test]
async fn a_commit_empties_and_drops_as_was_asked() {
    let bench = Bench::new().await;
    let (space, kept) = connection(&bench, "pg_temp_1").await;
    let mut transaction = begin(&bench, &space).await;
    let emptied = filled(&mut transaction, "emptied", 4).await;
    let dropped = filled(&mut transaction, "dropped", 4).await;
    let schema = transaction.make_temporary_schema().expect("a schema");
    let over = transaction.create_view(view(schema, "over", vec![dropped.0]));
    over.expect("a view");
    for (table, action) in [(emptied, OnCommit::DeleteRows), (dropped, OnCommit::Drop)] {
        transaction.set_on_commit(table, action).expect("a table");
    }
    assert_eq!(
        transaction.files(dropped).await.expect("files").row_count(),
        4
    );
    transaction.commit().await.expect("a commit");
    assert_eq!(row_count(&bench, &space, emptied).await, Some(0));
    assert_eq!(row_count(&bench, &space, dropped).await, None);
    assert_eq!(row_count(&bench, &space, kept).await, Some(10));
    assert_eq!(scratch_files(&bench), 1);
    let seen = begin(&bench, &space).await.snapshot();
    assert_eq!(seen.views().count(), 0, "it went away with its table");
    let mut transaction = begin(&bench, &space).await;
    transaction.discard_temporary();
    transaction.commit().await.expect("a commit");
    assert_eq!(row_count(&bench, &space, emptied).await, None);
    assert_eq!(scratch_files(&bench), 0);
}

#[tokio::test]
async fn deleted_rows_are_forgotten_with_their_file() {
    let bench = Bench::new().await;
    let (space, kept) = connection(&bench, "pg_temp_1").await;
    for positions in [vec![1, 2, 3], (0..10).collect()] {
        let mut transaction = begin(&bench, &space).await;
        let list = transaction.files(kept).await.expect("files");
        let file = list.files[0].id;
        let deleted = transaction.delete_rows(kept, file, &positions).await;
        deleted.expect("deleted rows");
        transaction.commit().await.expect("a commit");
        let seen = begin(&bench, &space).await.snapshot();
        let left = if positions.len() == 3 { 7 } else { 0 };
        assert_eq!(seen.table(kept).expect("the table").row_count, left);
    }
    assert_eq!(scratch_files(&bench), 0);
}

#[tokio::test]
async fn nothing_becomes_permanent_or_temporary() {
    let bench = Bench::new().await;
    let permanent = bench.table("t").await;
    let (space, kept) = connection(&bench, "pg_temp_1").await;
    let mut transaction = begin(&bench, &space).await;
    let schema = transaction.make_temporary_schema().expect("a schema");
    let there = transaction.set_table_schema(kept, bench.public);
    assert_eq!(kind(there), ErrorKind::Unsupported);
    let here = transaction.set_table_schema(permanent, schema);
    assert_eq!(kind(here), ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_start_removes_what_dead_processes_left() {
    let bench = Bench::new().await;
    let scratch = bench.folder.path().join("spill").join("temporary");
    let dead = scratch.join("dead").join("connection");
    std::fs::create_dir_all(&dead).expect("a folder");
    std::fs::write(dead.join("1.parquet"), b"").expect("a file");
    std::fs::write(scratch.join("dead.lock"), b"").expect("a file");
    let (_space, _) = connection(&bench, "pg_temp_1").await;
    let script = Arc::new(Script::default());
    let replica = open(bench.folder.path(), &script, LakeRole::Replica).await;
    let _replica = replica.expect("a replica");
    assert!(!scratch.join("dead").exists());
    assert_eq!(scratch_files(&bench), 1, "those of a live process stay");
}

#[tokio::test]
async fn a_replica_has_them_too() {
    let bench = Bench::new().await;
    let permanent = bench.table("t").await;
    let script = Arc::new(Script::default());
    let replica = open(bench.folder.path(), &script, LakeRole::Replica).await;
    let replica = Bench {
        lake: replica.expect("a replica"),
        folder: TempDir::new().expect("a folder"),
        script,
        clock: Arc::clone(&bench.clock),
        public: bench.public,
    };
    let (space, kept) = connection(&replica, "pg_temp_1").await;
    assert_eq!(row_count(&replica, &space, kept).await, Some(10));
    let mut transaction = begin(&replica, &space).await;
    insert(&mut transaction, kept, 0, 5).await;
    transaction
        .truncate_table(permanent)
        .expect("until the commit");
    assert_eq!(kind(transaction.commit().await), ErrorKind::ReadOnly);
    assert_eq!(row_count(&replica, &space, kept).await, Some(10));
}
