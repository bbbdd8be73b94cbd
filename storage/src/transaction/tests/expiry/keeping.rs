//! What expiry, sweep and the search for orphans must leave alone, whoever is slow.

use super::*;
use crate::{NewSchema, OptionTarget};

/// Does something to the catalog, as another node would, at one point of the first commit
/// that reaches it; the reply of that commit is lost.
#[derive(Debug)]
struct Meanwhile {
    folder: std::path::PathBuf,
    sql: Mutex<Option<String>>,
}

impl Faults for Meanwhile {
    fn reach(&self, point: &'static str) -> PointFault {
        if point != "commit/after-sqlite-commit" {
            return PointFault::Continue;
        }
        let Some(sql) = self.sql.lock().expect("no panic in a test").take() else {
            return PointFault::Continue;
        };
        let folder = self.folder.clone();
        let other = std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().expect("a runtime");
            runtime.block_on(execute(&folder, &sql));
        });
        other.join().expect("done");
        PointFault::LoseReply
    }
}

/// A table that is kept for seven days, of which the catalog's snapshots are gone after one.
async fn kept_longer() -> (Bench, TableId, SnapshotId) {
    let bench = Bench::new().await;
    let t = bench.table("t").await;
    option(&bench, t, "604800").await;
    let loaded = bench.insert(t, 0, 10).await;
    bench.truncate(t).await;
    bench.pass_hours(48);
    bench.table("u").await;
    bench.pass_hours(48);
    assert!(bench.expire().await.snapshots > 0);
    assert_eq!(bench.rows_at(loaded, t).await.expect("archived"), 10);
    (bench, t, loaded)
}

#[tokio::test]
async fn expiry_of_what_is_very_old_leaves_younger_archives_alone() {
    let (bench, t, loaded) = kept_longer().await;
    let old = ExpireOptions {
        older_than: Some(bench.lake.clock().now() - TimeDelta::days(30)),
        is_dry_run: false,
    };
    let report = bench.lake.expire(&old).await.expect("expired");
    assert_eq!((report.snapshots, report.files), (0, 0));
    assert_eq!(bench.rows_at(loaded, t).await.expect("archived"), 10);
    bench.pass_hours(24 * 4);
    let report = bench.expire().await;
    assert_eq!(report.files, 1, "its own seven days are over");
    bench.pass_hours(24 * 2);
    bench.expire().await;
    assert_eq!(bench.count("gotgan_snapshot_archive").await, 0);
    assert_eq!(bench.count("gotgan_kept_table").await, 0);
}

#[tokio::test]
async fn a_longer_retention_of_the_system_leaves_archives_alone() {
    let (bench, t, loaded) = kept_longer().await;
    let stored = bench.lake.store_setting(crate::RETENTION, Some("2592000"));
    stored.await.expect("stored");
    let dry = ExpireOptions {
        is_dry_run: true,
        ..ExpireOptions::default()
    };
    let told = bench.lake.expire(&dry).await.expect("told");
    let report = bench.expire().await;
    assert_eq!(told, report);
    assert_eq!((report.snapshots, report.files), (0, 0));
    assert_eq!(bench.rows_at(loaded, t).await.expect("archived"), 10);
}

#[tokio::test]
async fn an_old_hold_that_ends_leaves_younger_archives_alone() {
    let bench = Bench::new().await;
    let t = bench.table("t").await;
    option(&bench, t, "604800").await;
    bench.hold("first", bench.insert(t, 0, 5).await).await;
    bench.table("w").await;
    bench.pass_hours(24 * 40);
    bench.table("u").await;
    let loaded = bench.insert(t, 5, 10).await;
    bench.truncate(t).await;
    bench.pass_hours(48);
    bench.table("v").await;
    bench.pass_hours(48);
    bench.expire().await;
    assert_eq!(bench.rows_at(loaded, t).await.expect("archived"), 10);
    execute(bench.folder.path(), "DELETE FROM gotgan_hold").await;
    let old = ExpireOptions {
        older_than: Some(bench.lake.clock().now() - TimeDelta::days(20)),
        is_dry_run: false,
    };
    assert_eq!(bench.lake.expire(&old).await.expect("expired").snapshots, 1);
    assert_eq!(bench.rows_at(loaded, t).await.expect("archived"), 10);
}

#[tokio::test]
async fn a_table_that_has_left_a_schema_is_not_kept_as_that_says() {
    let bench = Bench::new().await;
    let mut transaction = bench.begin().await;
    let schema = NewSchema {
        name: "s".to_owned(),
        owner: "gotgan".to_owned(),
    };
    let schema = transaction.create_schema(schema).expect("a schema");
    let hour = Some("3600".to_owned());
    let set = transaction.set_option(OptionTarget::Schema(schema), crate::RETENTION, hour);
    set.expect("an option");
    transaction
        .create_table(table(schema, "t"))
        .expect("a table");
    committed(transaction).await;
    let head = bench.lake.head().await.expect("a head");
    let t = head.tables().next().expect("a table").id;
    let mut transaction = bench.begin().await;
    transaction
        .set_table_schema(t, bench.public)
        .expect("moved");
    committed(transaction).await;
    let loaded = bench.insert(t, 0, 10).await;
    bench.truncate(t).await;
    bench.pass_hours(3);
    bench.table("u").await;
    bench.pass_hours(3);
    assert_eq!(bench.expire().await.files, 0);
    assert_eq!(bench.rows_at(loaded, t).await.expect("a day"), 10);
}

#[tokio::test]
async fn a_node_that_slept_reads_nothing_of_a_snapshot_that_is_gone() {
    let bench = Bench::new().await;
    let t = bench.table("t").await;
    bench.insert(t, 0, 10).await;
    let mut transaction = bench.begin().await;
    let rows = crate::transaction::tests::inline::rows(10, 14);
    transaction.append_rows(t, rows).await.expect("rows");
    committed(transaction).await;
    let reader = replica(&bench).await;
    let open = reader.begin(Author::default()).await.expect("begun");
    bench.truncate(t).await;
    bench.pass_hours(100);
    bench.table("u").await;
    bench.pass_hours(100);
    assert_eq!(bench.expire().await.files, 1, "its lease was over");
    // It does not know of any newer snapshot.
    assert_eq!(kind(open.files(t).await), ErrorKind::NotFound);
    let base = open.base();
    let table = base.table(t).expect("the table");
    let rows = reader.inlined_rows(base, table).await;
    assert_eq!(kind(rows.map(|rows| rows.is_some())), ErrorKind::NotFound);
    reader.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_a_commit_stay_if_its_history_was_gone_before_it_was_settled() {
    let bench = Bench::new().await;
    let t = bench.table("t").await;
    let mark = match crate::catalog::testing::is_on_postgres() {
        true => ["SET gotgan.writer = 'on'", "RESET gotgan.writer"],
        false => [
            "INSERT INTO gotgan_writer VALUES ('x')",
            "DELETE FROM gotgan_writer",
        ],
    };
    // While the process slept, another one committed, and all before that expired.
    let sql = format!(
        "{}; INSERT INTO ducklake_snapshot SELECT snapshot_id + 1, snapshot_time, \
         schema_version, next_catalog_id, next_file_id FROM ducklake_snapshot \
         WHERE snapshot_id = (SELECT max(snapshot_id) FROM ducklake_snapshot); \
         DELETE FROM ducklake_snapshot_changes; \
         INSERT INTO ducklake_snapshot_changes SELECT max(snapshot_id), \
         'created_schema:\"x\"', 'x', NULL, NULL FROM ducklake_snapshot; \
         DELETE FROM ducklake_snapshot WHERE snapshot_id < \
         (SELECT max(snapshot_id) FROM ducklake_snapshot_changes); {}",
        mark[0], mark[1]
    );
    let Bench {
        folder,
        lake,
        clock,
        ..
    } = bench;
    lake.close().await;
    drop(lake);
    let faults = Meanwhile {
        folder: folder.path().to_owned(),
        sql: Mutex::new(Some(sql)),
    };
    let options = LakeOptions {
        faults: Some(Arc::new(faults)),
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        ..crate::catalog::testing::options(folder.path(), LakeRole::Primary).await
    };
    let lake = Lake::open(options).await.expect("the same lake");
    let mut transaction = lake.begin(Author::default()).await.expect("begun");
    insert(&mut transaction, t, 0, 10).await;
    assert_eq!(kind(transaction.commit().await), ErrorKind::Unavailable);
    assert_eq!(parquet_files(folder.path()).len(), 1, "a row names it");
    lake.close().await;
}

#[tokio::test]
async fn uploads_of_a_very_old_transaction_are_not_committed() {
    let bench = Bench::new().await;
    let t = bench.table("t").await;
    let mut open = bench.begin().await;
    insert(&mut open, t, 0, 10).await;
    bench.pass_hours(8 * 24);
    let wet = OrphanOptions::default();
    bench.lake.remove_orphans(&wet).await.expect("removed");
    if open.commit().await.is_ok() {
        assert_eq!(bench.object_count(), 1, "committed, and gone");
    }
    let mut open = bench.begin().await;
    insert(&mut open, t, 0, 10).await;
    bench.pass_hours(2 * 24);
    open.commit().await.expect("young enough");
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_outside_the_data_path_is_no_orphan() {
    let bench = Bench::new().await;
    let t = bench.table("t").await;
    bench.insert(t, 0, 10).await;
    let outside = bench.folder.path().join("outside");
    std::fs::create_dir_all(outside.join("below")).expect("a folder");
    for name in ["one.parquet", "below/two.parquet"] {
        std::fs::write(outside.join(name), b"123").expect("a file");
    }
    let link = bench.folder.path().join("data/link");
    std::os::unix::fs::symlink(&outside, link).expect("a link");
    bench.pass_hours(8 * 24);
    let wet = OrphanOptions::default();
    bench.lake.remove_orphans(&wet).await.expect("removed");
    for name in ["one.parquet", "below/two.parquet"] {
        assert!(outside.join(name).exists(), "{name}");
    }
    assert_eq!(bench.row_count(t).await, 10);
}

#[tokio::test]
async fn files_of_any_name_that_a_row_has_are_no_orphans() {
    let bench = Bench::new().await;
    let t = bench.table("t").await;
    bench.insert(t, 0, 10).await;
    let [file] = &parquet_files(bench.folder.path())[..] else {
        panic!("not one file");
    };
    let names = [
        "a%20b.parquet",
        "a b.parquet",
        "곳간~^[1].parquet",
        "x%.parquet",
    ];
    for (index, name) in names.iter().enumerate() {
        std::fs::copy(file, file.with_file_name(name)).expect("a copy");
        let sql = format!(
            "INSERT INTO ducklake_data_file SELECT {}, table_id, begin_snapshot, NULL, NULL, \
             '{name}', path_is_relative, file_format, record_count, file_size_bytes, \
             footer_size, row_id_start, NULL, NULL, NULL, NULL FROM ducklake_data_file \
             WHERE data_file_id = (SELECT min(data_file_id) FROM ducklake_data_file)",
            1000 + index
        );
        execute(bench.folder.path(), &sql).await;
    }
    bench.pass_hours(8 * 24);
    let wet = OrphanOptions::default();
    let report = bench.lake.remove_orphans(&wet).await.expect("removed");
    assert_eq!(report.locations, [""; 0]);
    assert_eq!(bench.object_count(), 1 + names.len());
}

#[tokio::test]
async fn a_new_lake_does_not_begin_on_the_files_of_another() {
    let bench = Bench::new().await;
    let t = bench.table("t").await;
    bench.insert(t, 0, 10).await;
    let other = TempDir::new().expect("a temporary folder");
    let data = bench.folder.path().join("data");
    let options = LakeOptions {
        data_url: Some(format!("file://{}", data.display())),
        ..crate::catalog::testing::options(other.path(), LakeRole::Primary).await
    };
    // Its search for orphans would take them for its own.
    let refused = Lake::open(options.clone()).await;
    assert_eq!(kind(refused), ErrorKind::NotOwner);
    std::fs::remove_file(data.join("_gotgan.json")).expect("the marker");
    assert_eq!(kind(Lake::open(options).await), ErrorKind::Unsupported);
}
