//! Snapshots expire, and what only they showed goes: rows, then objects.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::TimeDelta;

use super::*;
use crate::catalog::testing::{execute, number};
use crate::{Clock, ExpireOptions, OrphanOptions, SnapshotId, SweepOptions};

mod keeping;

impl Bench {
    fn pass_hours(&self, hours: i64) {
        self.clock.pass(TimeDelta::hours(hours));
    }

    async fn expire(&self) -> crate::ExpireReport {
        let options = ExpireOptions::default();
        self.lake.expire(&options).await.expect("expired")
    }

    async fn sweep(&self) -> crate::SweepReport {
        let options = SweepOptions::default();
        self.lake.sweep(&options).await.expect("swept")
    }

    async fn insert(&self, table: TableId, from: i32, to: i32) -> SnapshotId {
        let mut transaction = self.begin().await;
        insert(&mut transaction, table, from, to).await;
        committed(transaction).await
    }

    async fn truncate(&self, table: TableId) -> SnapshotId {
        let mut transaction = self.begin().await;
        transaction.truncate_table(table).expect("truncated");
        committed(transaction).await
    }

    async fn drop_table(&self, table: TableId) -> SnapshotId {
        let mut transaction = self.begin().await;
        transaction.drop_table(table).expect("dropped");
        committed(transaction).await
    }

    async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        number(self.folder.path(), &sql).await
    }

    /// Holds a snapshot, as a statement would.
    async fn hold(&self, name: &str, id: SnapshotId) {
        let sql = format!(
            "INSERT INTO gotgan_hold VALUES ('{name}', {id}, 10, '2026-01-01 00:00:00+00', NULL, NULL)"
        );
        execute(self.folder.path(), &sql).await;
    }

    async fn rows_at(&self, id: SnapshotId, table: TableId) -> Result<u64, Error> {
        let picture = self.lake.snapshot(id).await?;
        Ok(self.lake.files(&picture, table).await?.row_count())
    }
}

async fn committed(transaction: Transaction) -> SnapshotId {
    let id = transaction.commit().await.expect("a commit");
    id.expect("a snapshot")
}

#[tokio::test]
async fn what_was_superseded_long_ago_goes_and_the_rest_stays() {
    let bench = Bench::new().await;
    let t = bench.table("t").await;
    let loaded = bench.insert(t, 0, 10).await;
    bench.pass_hours(100);
    // The state before the mistake is as young as the mistake.
    let emptied = bench.truncate(t).await;
    assert_eq!(
        bench.expire().await.snapshots,
        3,
        "0, 1, and the empty table"
    );
    assert_eq!(bench.rows_at(loaded, t).await.expect("kept"), 10);
    assert_eq!(
        kind(bench.rows_at(SnapshotId(2), t).await),
        ErrorKind::NotFound
    );
    bench.pass_hours(25);
    let report = bench.expire().await;
    assert_eq!((report.snapshots, report.files), (1, 1));
    assert_eq!(report.tables[0].name, "t");
    assert_eq!(kind(bench.rows_at(loaded, t).await), ErrorKind::NotFound);
    assert_eq!(bench.rows_at(emptied, t).await.expect("the head"), 0);
    for (rows, count) in [
        ("ducklake_snapshot", 1),
        ("ducklake_snapshot_changes", 1),
        ("ducklake_data_file", 0),
        ("ducklake_file_column_stats", 0),
        ("ducklake_table", 1),
        ("ducklake_files_scheduled_for_deletion", 1),
    ] {
        assert_eq!(bench.count(rows).await, count, "{rows}");
    }
    assert_eq!(bench.object_count(), 1, "not before the grace time");
    assert_eq!(bench.sweep().await.waiting, 1);
    bench.pass_hours(25);
    assert_eq!(bench.sweep().await.objects, 1);
    assert_eq!(bench.object_count(), 0);
    assert_eq!(
        bench.count("ducklake_files_scheduled_for_deletion").await,
        0
    );
    assert_eq!(bench.expire().await, crate::ExpireReport::default());
}

#[tokio::test]
async fn nothing_expires_within_minutes_and_never_the_head() {
    let bench = Bench::new().await;
    let t = bench.table("t").await;
    bench.insert(t, 0, 10).await;
    let all = ExpireOptions {
        older_than: Some(bench.lake.clock().now() + TimeDelta::days(1)),
        is_dry_run: false,
    };
    let report = bench.lake.expire(&all).await.expect("expired");
    assert_eq!(report.snapshots, 0);
    bench.clock.pass(TimeDelta::minutes(11));
    let report = bench.lake.expire(&all).await.expect("expired");
    assert_eq!(report.snapshots, 3);
    assert_eq!(bench.row_count(t).await, 10);
}

#[tokio::test]
async fn held_and_pinned_snapshots_stay() {
    let bench = Bench::new().await;
    let t = bench.table("t").await;
    let first = bench.insert(t, 0, 10).await;
    let second = bench.truncate(t).await;
    bench.insert(t, 0, 20).await;
    let pin = bench.lake.pin(second).await.expect("a pin");
    bench.hold("before", first).await;
    bench.pass_hours(100);
    bench.insert(t, 20, 30).await;
    bench.pass_hours(100);
    bench.insert(t, 30, 40).await;
    bench.pass_hours(100);
    let report = bench.expire().await;
    assert_eq!(
        (report.snapshots, report.files),
        (3, 0),
        "those before the held one"
    );
    assert_eq!(bench.rows_at(first, t).await.expect("held"), 10);
    assert_eq!(bench.rows_at(second, t).await.expect("pinned"), 0);
    drop(pin);
    let report = bench.expire().await;
    assert_eq!(report.files, 0);
    assert_eq!(kind(bench.lake.pin(second).await), ErrorKind::NotFound);
    assert_eq!(bench.rows_at(first, t).await.expect("held"), 10);
    execute(bench.folder.path(), "DELETE FROM gotgan_hold").await;
    let report = bench.expire().await;
    assert_eq!((report.snapshots, report.files), (1, 1));
    assert_eq!(bench.row_count(t).await, 40);
}

#[tokio::test]
async fn an_open_transaction_keeps_what_it_sees_and_can_commit() {
    let bench = Bench::new().await;
    let t = bench.table("t").await;
    bench.insert(t, 0, 10).await;
    let mut open = bench.begin().await;
    let base = open.base().id();
    bench.truncate(t).await;
    bench.pass_hours(100);
    bench.insert(t, 0, 20).await;
    bench.expire().await;
    bench.pass_hours(100);
    bench.sweep().await;
    let list = open.files(t).await.expect("its files");
    assert_eq!(list.row_count(), 10);
    let read = list.files[0].location.clone();
    use object_store::ObjectStoreExt;
    bench
        .lake
        .object_store()
        .get(&read)
        .await
        .expect("its object");
    insert(&mut open, t, 100, 110).await;
    open.commit().await.expect("a commit");
    assert_eq!(bench.row_count(t).await, 30);
    bench.expire().await;
    assert_eq!(kind(bench.rows_at(base, t).await), ErrorKind::NotFound);
}

#[tokio::test]
async fn nothing_is_left_of_a_dropped_table() {
    let bench = Bench::new().await;
    let mut transaction = bench.begin().await;
    let mut new = rich_table(bench.public);
    new.name = "rich".to_owned();
    transaction.create_table(new).expect("a table");
    committed(transaction).await;
    let rich = bench.table_id("rich").await;
    let t = bench.table("t").await;
    bench.insert(t, 0, 200).await;
    let mut transaction = bench.begin().await;
    let batch = RecordBatch::try_from_iter([
        ("a", Arc::new(Int32Array::from(vec![1000])) as ArrayRef),
        ("b", Arc::new(StringViewArray::from(vec!["x"])) as ArrayRef),
    ]);
    transaction
        .append_rows(t, batch.expect("rows"))
        .await
        .expect("appended");
    committed(transaction).await;
    let list = bench
        .lake
        .files(&bench.lake.head().await.expect("a head"), t)
        .await;
    let file = list.expect("files").files[0].id;
    let mut transaction = bench.begin().await;
    transaction
        .delete_rows(t, file, &[3])
        .await
        .expect("deleted");
    committed(transaction).await;
    bench.drop_table(t).await;
    bench.drop_table(rich).await;
    bench.pass_hours(100);
    bench.table("u").await;
    bench.pass_hours(100);
    let report = bench.expire().await;
    assert_eq!(report.files, 2, "a data file and a delete file");
    let catalog = bench.folder.path();
    for (rows, key) in [
        ("ducklake_table", "table_id"),
        ("ducklake_column", "table_id"),
        ("ducklake_column_tag", "table_id"),
        ("ducklake_tag", "object_id"),
        ("ducklake_schema_versions", "table_id"),
        ("ducklake_table_stats", "table_id"),
        ("ducklake_table_column_stats", "table_id"),
        ("ducklake_inlined_data_tables", "table_id"),
        ("ducklake_data_file", "table_id"),
        ("ducklake_delete_file", "table_id"),
        ("ducklake_file_column_stats", "table_id"),
        ("gotgan_owner", "object_id"),
        ("gotgan_column", "table_id"),
        ("gotgan_constraint", "table_id"),
        ("gotgan_table_stats", "table_id"),
    ] {
        let sql = format!("SELECT count(*) FROM {rows} WHERE {key} IN ({t}, {rich})");
        assert_eq!(number(catalog, &sql).await, 0, "{rows}");
    }
    bench.pass_hours(25);
    assert_eq!(bench.sweep().await.objects, 2);
    assert_eq!(bench.object_count(), 0);
}

#[tokio::test]
async fn objects_that_several_tables_name_go_with_the_last() {
    let bench = Bench::new().await;
    let t = bench.table("t").await;
    let u = bench.table("u").await;
    bench.insert(t, 0, 10).await;
    // As a restore does: the same object by another row, of another table.
    let sql = format!(
        "INSERT INTO ducklake_data_file SELECT 1000, {u}, 5, NULL, NULL, \
         (SELECT path FROM ducklake_table WHERE table_id = {t}) || path, path_is_relative, \
         file_format, record_count, file_size_bytes, footer_size, row_id_start, NULL, NULL, \
         NULL, NULL FROM ducklake_data_file WHERE table_id = {t}; \
         UPDATE ducklake_table SET path = '' WHERE table_id = {u}"
    );
    execute(bench.folder.path(), &sql).await;
    bench.drop_table(t).await;
    bench.pass_hours(100);
    bench.table("v").await;
    bench.pass_hours(100);
    assert_eq!(bench.expire().await.files, 0);
    bench.drop_table(u).await;
    bench.pass_hours(100);
    bench.table("w").await;
    bench.pass_hours(100);
    let report = bench.expire().await;
    assert_eq!((report.files, report.tables[0].name.as_str()), (1, "u"));
    bench.pass_hours(100);
    assert_eq!(bench.sweep().await.objects, 1);
    assert_eq!(bench.object_count(), 0);
}

#[tokio::test]
async fn what_is_named_again_is_not_swept() {
    let bench = Bench::new().await;
    let t = bench.table("t").await;
    bench.insert(t, 0, 10).await;
    let catalog = bench.folder.path();
    // Against the trigger, as a mistake of a person could.
    let drop = match crate::catalog::testing::is_on_postgres() {
        true => "DROP TRIGGER gotgan_schedule_insert ON ducklake_files_scheduled_for_deletion; ",
        false => "DROP TRIGGER gotgan_schedule_insert; ",
    };
    let schedule = format!(
        "{drop}INSERT INTO ducklake_files_scheduled_for_deletion SELECT 0, \
         (SELECT path FROM ducklake_table WHERE table_id = {t}) || path, path_is_relative, \
         '2020-01-01 00:00:00+00' FROM ducklake_data_file"
    );
    execute(catalog, &schedule).await;
    assert_eq!(bench.sweep().await.objects, 0);
    assert_eq!(bench.object_count(), 1);
    assert_eq!(
        bench.count("ducklake_files_scheduled_for_deletion").await,
        0
    );
}

#[tokio::test]
async fn orphans_go_after_their_time_and_nothing_else() {
    let bench = Bench::new().await;
    let t = bench.table("t").await;
    bench.insert(t, 0, 10).await;
    let data = bench.folder.path().join("data");
    std::fs::create_dir_all(data.join("x")).expect("a folder");
    let lost = "x/0192f0c4-0000-7000-8000-000000000001.parquet";
    std::fs::write(data.join(lost), b"123").expect("a file");
    std::fs::write(data.join("x/notes.txt"), b"123").expect("a file");
    let dry = OrphanOptions { is_dry_run: true };
    let report = bench.lake.remove_orphans(&dry).await.expect("looked");
    // With the marker and the file of t.
    assert_eq!((report.looked_at, report.objects), (4, 0), "too young");
    bench.pass_hours(8 * 24);
    let report = bench.lake.remove_orphans(&dry).await.expect("looked");
    assert_eq!((report.objects, report.bytes), (1, 3));
    assert_eq!(report.locations, [lost]);
    assert!(data.join(lost).exists());
    let wet = OrphanOptions::default();
    bench.lake.remove_orphans(&wet).await.expect("removed");
    assert!(!data.join(lost).exists());
    assert!(data.join("x/notes.txt").exists());
    assert_eq!(bench.object_count(), 1);
}

#[tokio::test]
async fn an_expiry_or_sweep_that_dies_anywhere_is_finished_by_the_next() {
    for point in [
        "expire/before-snapshots-commit",
        "expire/after-snapshots-commit",
        "expire/before-files-commit",
        "expire/after-files-commit",
        "expire/before-rows-commit",
        "expire/after-rows-commit",
        "expire/before-tables-commit",
        "expire/after-tables-commit",
        "sweep/before-check-commit",
        "sweep/after-check-commit",
        "sweep/after-delete",
        "sweep/before-rows-commit",
        "sweep/after-rows-commit",
    ] {
        let bench = Bench::new().await;
        let t = bench.table("t").await;
        let u = bench.table("u").await;
        bench.insert(t, 0, 10).await;
        bench.insert(u, 0, 10).await;
        let mut transaction = bench.begin().await;
        transaction.rename_table(t, "renamed").expect("renamed");
        let batch = RecordBatch::try_from_iter([
            ("a", Arc::new(Int32Array::from(vec![1000])) as ArrayRef),
            ("b", Arc::new(StringViewArray::from(vec!["x"])) as ArrayRef),
        ]);
        transaction
            .append_rows(u, batch.expect("rows"))
            .await
            .expect("appended");
        committed(transaction).await;
        bench.drop_table(u).await;
        bench.truncate(t).await;
        bench.pass_hours(100);
        bench.insert(t, 0, 20).await;
        bench.pass_hours(100);
        bench.script.at(point, PointFault::Stop);
        let expired = bench.lake.expire(&ExpireOptions::default()).await;
        bench.pass_hours(100);
        let swept = bench.lake.sweep(&SweepOptions::default()).await;
        assert!(expired.is_err() || swept.is_err(), "{point} is not reached");
        let bench = bench.reopen().await;
        assert_eq!(bench.row_count(t).await, 20, "{point}");
        bench.expire().await;
        bench.pass_hours(100);
        bench.sweep().await;
        assert_eq!(bench.row_count(t).await, 20, "{point}");
        assert_eq!(bench.object_count(), 1, "{point}");
        assert_eq!(bench.count("ducklake_data_file").await, 1, "{point}");
        assert_eq!(bench.count("ducklake_table").await, 1, "{point}");
        assert_eq!(
            bench.count("ducklake_files_scheduled_for_deletion").await,
            0,
            "{point}"
        );
    }
}

#[tokio::test]
async fn a_table_that_is_kept_longer_can_be_read_when_its_snapshots_are_gone() {
    let bench = Bench::new().await;
    let t = bench.table("t").await;
    let u = bench.table("u").await;
    option(&bench, t, "864000").await;
    let first = bench.insert(t, 0, 10).await;
    let other = bench.insert(u, 0, 10).await;
    bench.pass_hours(24);
    let second = bench.truncate(t).await;
    bench.truncate(u).await;
    bench.pass_hours(48);
    let dropped = bench.drop_table(t).await;
    bench.pass_hours(48);
    bench.table("v").await;
    bench.pass_hours(48);
    let dry = ExpireOptions {
        is_dry_run: true,
        ..ExpireOptions::default()
    };
    let told = bench.lake.expire(&dry).await.expect("told");
    let report = bench.expire().await;
    assert_eq!(told, report);
    assert_eq!((report.files, report.tables[0].name.as_str()), (1, "u"));
    bench.pass_hours(25);
    assert_eq!(bench.sweep().await.objects, 1);
    assert_eq!(bench.rows_at(first, t).await.expect("archived"), 10);
    assert_eq!(bench.rows_at(second, t).await.expect("archived"), 0);
    assert_eq!(kind(bench.rows_at(other, t).await), ErrorKind::NotFound);
    let old = bench.lake.snapshot(first).await.expect("archived");
    assert!(old.table(u).is_none(), "only what is kept is shown");
    bench.lake.snapshot(dropped).await.expect("archived");
    // Ten days after the mistake it is over.
    bench.pass_hours(24 * 4);
    bench.expire().await;
    assert_eq!(kind(bench.rows_at(first, t).await), ErrorKind::NotFound);
    bench.pass_hours(24 * 8);
    bench.expire().await;
    bench.pass_hours(25);
    bench.sweep().await;
    assert_eq!(bench.object_count(), 0);
    for rows in [
        "gotgan_snapshot_archive",
        "gotgan_kept_table",
        "ducklake_data_file",
    ] {
        assert_eq!(bench.count(rows).await, 0, "{rows}");
    }
}

#[tokio::test]
async fn a_table_that_is_kept_shorter_is_cut_out_of_older_snapshots() {
    let bench = Bench::new().await;
    let t = bench.table("t").await;
    let u = bench.table("u").await;
    option(&bench, t, "3600").await;
    let first = bench.insert(t, 0, 10).await;
    bench.insert(u, 0, 10).await;
    let held = bench.insert(t, 10, 20).await;
    bench.hold("h", held).await;
    bench.pass_hours(2);
    let between = bench.truncate(t).await;
    let current = bench.insert(t, 20, 50).await;
    let last = bench.insert(u, 10, 20).await;
    bench.pass_hours(2);
    let dry = ExpireOptions {
        is_dry_run: true,
        ..ExpireOptions::default()
    };
    let told = bench.lake.expire(&dry).await.expect("told");
    let report = bench.expire().await;
    assert_eq!(told, report);
    assert_eq!(
        (report.snapshots, report.files),
        (0, 0),
        "the held one needs both"
    );
    for gone in [first, between, current] {
        assert_eq!(kind(bench.rows_at(gone, t).await), ErrorKind::NotFound);
    }
    assert_eq!(bench.rows_at(held, t).await.expect("held"), 20);
    assert_eq!(bench.rows_at(held, u).await.expect("held"), 10);
    assert_eq!(bench.rows_at(last, t).await.expect("the head"), 30);
    assert_eq!(bench.rows_at(current, u).await.expect("kept"), 10);
    execute(bench.folder.path(), "DELETE FROM gotgan_hold").await;
    let told = bench.lake.expire(&dry).await.expect("told");
    let report = bench.expire().await;
    assert_eq!(told, report);
    assert_eq!((report.snapshots, report.files), (0, 2));
    assert_eq!(kind(bench.rows_at(held, t).await), ErrorKind::NotFound);
    assert_eq!(bench.rows_at(held, u).await.expect("still kept"), 10);
    let bench = bench.reopen().await;
    assert_eq!(bench.row_count(t).await, 30);
    bench.insert(t, 50, 60).await;
    assert_eq!(bench.row_count(t).await, 40);
}

/// Sets a table's retention, in seconds.
async fn option(bench: &Bench, table: TableId, value: &str) {
    let sql = format!(
        "INSERT INTO gotgan_option VALUES ({table}, 2, NULL, 'gotgan.retention', '{value}')"
    );
    execute(bench.folder.path(), &sql).await;
}

/// Adds snapshots that each replaced the one file of a table, as a long history has them.
async fn add_history(bench: &Bench, table: TableId, count: i64) {
    let mark = match crate::catalog::testing::is_on_postgres() {
        true => ["SET gotgan.writer = 'on'", "RESET gotgan.writer"],
        false => [
            "INSERT INTO gotgan_writer VALUES ('x')",
            "DELETE FROM gotgan_writer",
        ],
    };
    let numbers = format!(
        "WITH RECURSIVE n(i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < {})",
        count + 2
    );
    let sql = format!(
        "UPDATE ducklake_snapshot SET snapshot_time = '2025-01-01 00:00:00+00'; \
         {}; INSERT INTO ducklake_snapshot {numbers} \
         SELECT i, '2026-01-01 00:00:00+00', 2, 10, i FROM n; \
         INSERT INTO ducklake_snapshot_changes {numbers} \
         SELECT i, 'inserted_into_table:{table}', 'x', NULL, NULL FROM n; \
         INSERT INTO ducklake_data_file {numbers} SELECT i, {table}, i, i + 1, NULL, \
         'file-' || i || '.parquet', CAST(1 AS {flag}), 'parquet', 10, 1000, 100, 0, NULL, NULL, \
         NULL, NULL FROM n; \
         INSERT INTO ducklake_file_column_stats {numbers} \
         SELECT i, {table}, 1, 10, 10, 0, '1', '9', NULL, NULL FROM n; \
         INSERT INTO ducklake_file_column_stats {numbers} \
         SELECT i, {table}, 2, 10, 10, 0, 'a', 'b', NULL, NULL FROM n; {}",
        mark[0],
        mark[1],
        flag = match crate::catalog::testing::is_on_postgres() {
            true => "int) <> CAST(0 AS int",
            false => "int",
        },
    );
    execute(bench.folder.path(), &sql).await;
}

/// Small commits one after the other until `stop`. Returns the longest wait for one.
async fn keep_committing(lake: Lake, schema: SchemaId, stop: Arc<AtomicBool>) -> Duration {
    let mut longest = Duration::ZERO;
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        count += 1;
        let mut transaction = lake.begin(Author::default()).await.expect("begun");
        let new = table(schema, &format!("n{count}"));
        transaction.create_table(new).expect("a table");
        let started = lake.clock().instant();
        transaction.commit().await.expect("a commit");
        longest = longest.max(lake.clock().instant() - started);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    longest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(
    clippy::disallowed_methods,
    reason = "a variable asks for the long run"
)]
async fn a_long_history_expires_in_short_turns() {
    let count = match std::env::var("GOTGAN_TEST_LONG") {
        Ok(_) => 100_000,
        Err(_) => 2_000,
    };
    let bench = Bench::new().await;
    let t = bench.table("t").await;
    add_history(&bench, t, count).await;
    let bench = bench.reopen().await;
    let stop = Arc::new(AtomicBool::new(false));
    let committing = keep_committing(bench.lake.clone(), bench.public, Arc::clone(&stop));
    let committing = tokio::spawn(committing);
    let started = bench.clock.instant();
    let report = bench.expire().await;
    let taken = bench.clock.instant() - started;
    stop.store(true, Ordering::Relaxed);
    let longest = committing.await.expect("commits went on");
    println!("{count} snapshots expired in {taken:?}; the longest commit took {longest:?}");
    // The newest of the old ones was superseded just now.
    assert_eq!(report.files, count as u64 - 1);
    assert_eq!(report.snapshots, count as u64 + 2);
    assert_eq!(bench.count("ducklake_data_file").await, 1);
    assert_eq!(bench.count("ducklake_file_column_stats").await, 2);
    assert_eq!(bench.row_count(t).await, 0);
}

/// Another process that reads the same lake.
async fn replica(bench: &Bench) -> Lake {
    let options = LakeOptions {
        clock: Arc::clone(&bench.clock) as Arc<dyn Clock>,
        scratch_dir: bench.folder.path().join("replica"),
        ..crate::catalog::testing::options(bench.folder.path(), LakeRole::Replica).await
    };
    Lake::open(options).await.expect("a replica")
}

#[tokio::test]
async fn what_another_node_reads_stays_as_long_as_it_says_so() {
    let bench = Bench::new().await;
    let t = bench.table("t").await;
    let first = bench.insert(t, 0, 10).await;
    let reader = replica(&bench).await;
    let open = reader.begin(Author::default()).await.expect("begun");
    bench.truncate(t).await;
    bench.pass_hours(100);
    bench.insert(t, 0, 20).await;
    bench.pass_hours(100);
    reader.renew_lease().await.expect("renewed");
    assert_eq!(bench.expire().await.files, 0);
    assert_eq!(bench.rows_at(first, t).await.expect("leased"), 10);
    assert_eq!(open.files(t).await.expect("its files").row_count(), 10);
    // One that is silent for minutes is taken for dead.
    bench.clock.pass(TimeDelta::minutes(3));
    assert_eq!(bench.expire().await.files, 1);
    assert_eq!(kind(bench.rows_at(first, t).await), ErrorKind::NotFound);
    // It was not: nothing is swept until it has ended what it reads.
    bench.pass_hours(25);
    reader.renew_lease().await.expect("renewed");
    let swept = bench.sweep().await;
    assert_eq!((swept.objects, swept.is_blocked), (0, true));
    assert_eq!(open.files(t).await.expect("its files").row_count(), 10);
    drop(open);
    reader.head().await.expect("the newest");
    reader.renew_lease().await.expect("renewed");
    assert_eq!(bench.sweep().await.objects, 1);
    let missing = reader.pin(first).await;
    assert_eq!(kind(missing), ErrorKind::NotFound);
    let read_only = reader.expire(&ExpireOptions::default()).await;
    assert_eq!(kind(read_only), ErrorKind::ReadOnly);
    reader.close().await;
}

#[tokio::test]
async fn a_list_of_files_is_not_brought_forward_over_an_expired_snapshot() {
    let bench = Bench::new().await;
    let t = bench.table("t").await;
    bench.insert(t, 0, 10).await;
    let reader = replica(&bench).await;
    let rows = async |lake: &Lake| {
        let head = lake.head().await.expect("a head");
        lake.files(&head, t).await.expect("files").row_count()
    };
    assert_eq!(rows(&reader).await, 10);
    bench.truncate(t).await;
    bench.pass_hours(100);
    bench.insert(t, 10, 15).await;
    bench.pass_hours(100);
    bench.table("u").await;
    bench.pass_hours(100);
    // The reader's lease is over; the row that ended the file is gone.
    assert_eq!(bench.expire().await.files, 1);
    bench.insert(t, 15, 22).await;
    assert_eq!(rows(&reader).await, 12);
    assert_eq!(rows(&bench.lake).await, 12);
    reader.close().await;
}

#[tokio::test]
async fn a_job_is_one_nodes_at_a_time() {
    if !crate::catalog::testing::is_on_postgres() {
        // The only primary of a catalog in a file has all jobs.
        let bench = Bench::new().await;
        let claimed = bench.lake.claim_job("x", Duration::from_secs(60)).await;
        assert!(claimed.expect("an answer"));
        return;
    }
    let bench = Bench::new().await;
    let other = open_at(bench.folder.path(), &bench.script, &bench.clock).await;
    let other = other.expect("another primary");
    let minute = Duration::from_secs(60);
    assert!(bench.lake.claim_job("x", minute).await.expect("an answer"));
    assert!(bench.lake.claim_job("x", minute).await.expect("an answer"));
    assert!(!other.claim_job("x", minute).await.expect("an answer"));
    assert!(other.claim_job("y", minute).await.expect("an answer"));
    bench.clock.pass(TimeDelta::minutes(2));
    assert!(other.claim_job("x", minute).await.expect("an answer"));
}
