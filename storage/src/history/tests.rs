//! Old pictures: which snapshot a number or a moment means, and that it never changes.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Int32Array};
use arrow::record_batch::RecordBatch;
use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;

use crate::catalog::{Condition, Write, testing};
use crate::spec::rows::SnapshotRow;
use crate::spec::table::Row;
use crate::{
    Author, Clock, ColumnType, ErrorKind, Lake, LakeOptions, LakeRole, NewColumn, NewHold, NewRole,
    NewSchema, NewTable, OptionTarget, RETENTION, Restore, RetentionOrigin, Role, Snapshot,
    SnapshotId, TableId, Transaction, retention_text,
};

/// A clock that is moved by hand.
#[derive(Debug)]
pub(super) struct HandClock {
    now: Mutex<DateTime<Utc>>,
}

impl HandClock {
    fn set(&self, now: DateTime<Utc>) {
        *self.now.lock().expect("no panic in a test") = now;
    }
}

impl Clock for HandClock {
    fn now(&self) -> DateTime<Utc> {
        *self.now.lock().expect("no panic in a test")
    }

    fn commit_time(&self, _: Option<DateTime<Utc>>) -> DateTime<Utc> {
        self.now()
    }

    #[allow(clippy::disallowed_methods, reason = "nothing here measures durations")]
    fn instant(&self) -> Instant {
        Instant::now()
    }
}

struct Bench {
    folder: TempDir,
    clock: Arc<HandClock>,
    lake: Lake,
}

impl Bench {
    async fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let clock = Arc::new(HandClock {
            now: Mutex::new(hour(0)),
        });
        let lake = open(folder.path(), &clock).await;
        Self {
            folder,
            clock,
            lake,
        }
    }

    /// Makes a table an hour after the last one.
    async fn table(&self, name: &str, at: DateTime<Utc>) -> SnapshotId {
        self.clock.set(at);
        let mut transaction = self.lake.begin(Author::default()).await.expect("begun");
        transaction
            .create_table(table(&transaction, name))
            .expect("a table");
        transaction
            .commit()
            .await
            .expect("a commit")
            .expect("a snapshot")
    }

    async fn names_at(&self, moment: DateTime<Utc>) -> Vec<String> {
        let picture = self.lake.snapshot_at(moment).await.expect("a picture");
        let mut names: Vec<String> = picture.tables().map(|table| table.name.clone()).collect();
        names.sort();
        names
    }

    /// Deletes a snapshot's row, as expiry does.
    async fn expire(&self, id: i64) {
        let mut catalog = self
            .lake
            .writer()
            .expect("a primary")
            .begin_commit()
            .await
            .expect("the lock");
        let delete = Write::Delete {
            table: SnapshotRow::TABLE,
            conditions: vec![Condition::Equals("snapshot_id", id)],
        };
        catalog.apply(&[delete]).await.expect("deleted");
        catalog.commit().await.expect("a commit");
    }
}

async fn open(folder: &Path, clock: &Arc<HandClock>) -> Lake {
    let options = LakeOptions {
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        ..testing::options(folder, LakeRole::Primary).await
    };
    Lake::open(options).await.expect("a lake")
}

fn hour(hour: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::hours(hour)
}

fn table(transaction: &Transaction, name: &str) -> NewTable {
    let picture = transaction.snapshot();
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

#[tokio::test]
async fn a_moment_means_the_snapshot_that_was_the_newest_then() {
    let bench = Bench::new().await;
    for (index, name) in ["a", "b", "c", "d", "e", "f", "g"].into_iter().enumerate() {
        bench.table(name, hour(1 + index as i64)).await;
    }
    bench.clock.set(hour(20));
    let second = TimeDelta::seconds(1);
    assert_eq!(bench.names_at(hour(1)).await, ["a"]);
    assert_eq!(bench.names_at(hour(1) - second).await, [""; 0]);
    assert_eq!(bench.names_at(hour(3) - second).await, ["a", "b"]);
    assert_eq!(bench.names_at(hour(3) + second).await, ["a", "b", "c"]);
    assert_eq!(bench.names_at(hour(7)).await.len(), 7);
    assert_eq!(bench.names_at(hour(20)).await.len(), 7, "now is the head");
    for moment in [hour(20) + second, hour(0) - second] {
        let error = bench
            .lake
            .snapshot_at(moment)
            .await
            .expect_err("no such time");
        assert_eq!(error.kind, ErrorKind::NotFound);
        let range = "the oldest snapshot is 0 of 2024-10-04 00:00:00+00, \
                     the newest is 8 of 2024-10-04 07:00:00+00";
        assert!(error.message.ends_with(range), "{}", error.message);
    }
}

#[tokio::test]
async fn times_rise_although_the_clock_goes_back() {
    let bench = Bench::new().await;
    let first = bench.table("a", hour(5)).await;
    let second = bench.table("b", hour(1)).await;
    let third = bench.table("c", hour(1)).await;
    let mut times = Vec::new();
    for id in [first, second, third] {
        times.push(bench.lake.snapshot(id).await.expect("a picture").time());
    }
    let step = TimeDelta::microseconds(1);
    assert_eq!(times, [hour(5), hour(5) + step, hour(5) + step + step]);
    bench.clock.set(hour(6));
    assert_eq!(bench.names_at(hour(5) + step).await, ["a", "b"]);
}

#[tokio::test]
async fn what_expired_is_an_error_and_not_another_time() {
    let bench = Bench::new().await;
    for (index, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
        bench.table(name, hour(1 + index as i64)).await;
    }
    let lake = &bench.lake;
    let id = SnapshotId(3);
    let known = lake.snapshot(id).await.expect("a picture");
    let again = lake.snapshot(id).await.expect("a picture");
    assert!(Arc::ptr_eq(&known, &again), "a picture is loaded once");
    bench.expire(3).await;
    let error = lake.snapshot(id).await.expect_err("expired");
    assert!(
        error
            .message
            .starts_with("snapshot 3 is not kept any more: the oldest")
    );
    let error = lake.snapshot(SnapshotId(9)).await.expect_err("not there");
    assert!(error.message.starts_with("snapshot 9 does not exist: "));
    // Snapshot 2 is there, but until when it was the newest is not known.
    let error = lake.snapshot_at(hour(2)).await.expect_err("a gap");
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert_eq!(bench.names_at(hour(1)).await, ["a"]);
    assert_eq!(bench.names_at(hour(3)).await, ["a", "b", "c"]);
    let table = known.tables().next().expect("a table").id;
    let error = lake.files(&known, table).await.expect_err("expired");
    assert_eq!(error.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn roles_of_an_old_picture_are_todays() {
    let bench = Bench::new().await;
    let id = bench.table("a", hour(1)).await;
    bench.table("b", hour(2)).await;
    let before = bench.lake.snapshot(id).await.expect("a picture");
    let role = NewRole {
        role: Role::named("late"),
        verifier: None,
    };
    let mut transaction = bench
        .lake
        .begin(Author::default())
        .await
        .expect("a transaction");
    transaction.create_role(role).await.expect("a role");
    transaction.commit().await.expect("a commit");
    let after = bench.lake.snapshot(id).await.expect("a picture");
    assert!(before.role_by_name("late").is_none() && after.role_by_name("late").is_some());
    assert_eq!(after.tables().count(), 1);
    assert_eq!(
        after.epoch(),
        bench.lake.head().await.expect("a head").epoch()
    );
    drop(bench.folder);
}

/// Makes two tables, fills them, deletes, flushes and drops.
async fn six_commits(bench: &Bench) {
    bench.table("a", hour(1)).await;
    bench.table("b", hour(2)).await;
    let head = bench.lake.head().await.expect("a head");
    let ids: Vec<TableId> = head.tables().map(|table| table.id).collect();
    let [a, b] = ids[..] else {
        panic!("two tables");
    };
    let mut transaction = bench.lake.begin(Author::default()).await.expect("begun");
    append_file(&mut transaction, a, 0..10).await;
    transaction
        .append_rows(b, numbers(0..3))
        .await
        .expect("rows");
    transaction.commit().await.expect("a commit");
    let mut transaction = bench.lake.begin(Author::default()).await.expect("begun");
    let files = transaction.files(a).await.expect("files");
    transaction
        .delete_rows(a, files.files[0].id, &[1, 2])
        .await
        .expect("deleted");
    transaction
        .delete_inlined_rows(b, &[0])
        .await
        .expect("deleted");
    transaction.commit().await.expect("a commit");
    bench
        .lake
        .flush_inlined(b, Author::default())
        .await
        .expect("flushed");
    let mut transaction = bench.lake.begin(Author::default()).await.expect("begun");
    transaction.drop_table(a).expect("dropped");
    transaction.commit().await.expect("a commit");
}

#[tokio::test]
async fn each_commit_tells_what_it_did_and_its_rows_tell_the_same() {
    let bench = Bench::new().await;
    six_commits(&bench).await;
    let noted = bench
        .lake
        .snapshots(SnapshotId(0), 100)
        .await
        .expect("entries");
    let rows: Vec<(u64, u64)> = noted
        .iter()
        .map(|entry| (entry.rows_added, entry.rows_removed))
        .collect();
    assert_eq!(
        rows,
        [
            (0, 0),
            (0, 0),
            (0, 0),
            (0, 0),
            (13, 0),
            (0, 3),
            (0, 0),
            (0, 8)
        ]
    );
    let name = |name: &str| ["public".to_owned(), name.to_owned()];
    let tables: Vec<_> = noted.iter().map(|entry| entry.tables.clone()).collect();
    assert_eq!(
        tables[2..],
        [
            vec![name("a")],
            vec![name("b")],
            vec![name("a"), name("b")],
            vec![name("a"), name("b")],
            vec![name("b")],
            vec![name("a")],
        ]
    );
    assert!(noted[4].bytes_added > 0 && noted[6].bytes_added > 0);
    assert_eq!(noted[7].bytes_removed, noted[4].bytes_added);
    let page = bench
        .lake
        .snapshots(SnapshotId(3), 2)
        .await
        .expect("entries");
    assert_eq!(page, noted[3..5]);
    let strip = "UPDATE ducklake_snapshot_changes SET commit_extra_info = NULL";
    testing::execute(bench.folder.path(), strip).await;
    let told = bench
        .lake
        .snapshots(SnapshotId(0), 100)
        .await
        .expect("entries");
    assert_eq!(told, noted);
}

fn numbers(range: std::ops::Range<i32>) -> RecordBatch {
    let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(range));
    RecordBatch::try_from_iter([("a", numbers)]).expect("a batch")
}

async fn append_file(transaction: &mut Transaction, table: TableId, range: std::ops::Range<i32>) {
    let mut writer = transaction.writer(table).await.expect("a writer");
    writer.write(numbers(range)).await.expect("written");
    let staged = writer.finish().await.expect("files");
    transaction.append(table, staged).expect("appended");
}

fn hold(name: &str, snapshot: Option<SnapshotId>, until: Option<DateTime<Utc>>) -> NewHold {
    NewHold {
        name: name.to_owned(),
        snapshot,
        owner: "gotgan".to_owned(),
        until,
        comment: Some("why".to_owned()),
    }
}

#[tokio::test]
async fn holds_name_snapshots_until_their_time_is_over() {
    let bench = Bench::new().await;
    let first = bench.table("a", hour(1)).await;
    let second = bench.table("b", hour(2)).await;
    let lake = &bench.lake;
    let epoch = lake.head().await.expect("a head").epoch();
    let end = Some(hour(5));
    let made = lake.create_hold(hold("x", Some(first), end)).await;
    let made = made.expect("a hold");
    assert_eq!(
        (made.snapshot, made.created, made.until),
        (first, hour(2), end)
    );
    assert_eq!(made.owner, "gotgan");
    let newest = lake
        .create_hold(hold("y", None, None))
        .await
        .expect("a hold");
    assert_eq!(newest.snapshot, second);
    let again = lake
        .create_hold(hold("x", None, None))
        .await
        .expect_err("taken");
    assert_eq!(again.kind, ErrorKind::Exists);
    let gone = lake
        .create_hold(hold("z", Some(SnapshotId(77)), None))
        .await;
    let gone = gone.expect_err("no such snapshot");
    assert_eq!(gone.kind, ErrorKind::NotFound);
    assert_eq!(
        lake.holds().await.expect("holds"),
        [made.clone(), newest.clone()]
    );
    assert_eq!(lake.hold("x").await.expect("an answer"), Some(made));
    let head = lake.head().await.expect("a head");
    assert_eq!((head.id(), head.epoch()), (second, epoch + 2));
    bench.clock.set(hour(6));
    lake.create_hold(hold("x", None, None))
        .await
        .expect("the old one is over");
    lake.drop_hold("y").await.expect("dropped");
    let error = lake.drop_hold("y").await.expect_err("gone");
    assert_eq!(error.kind, ErrorKind::NotFound);
    let left = lake.holds().await.expect("holds");
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].name.as_str(), left[0].snapshot), ("x", second));
}

#[tokio::test]
async fn the_nearest_retention_counts() {
    let bench = Bench::new().await;
    bench.table("a", hour(1)).await;
    let lake = &bench.lake;
    let now = |picture: &Snapshot| {
        let table = picture.tables().next().expect("a table");
        let retention = lake.retention_of(picture, table);
        (retention.origin, retention.duration.as_secs())
    };
    let head = lake.head().await.expect("a head");
    assert_eq!(now(&head), (RetentionOrigin::Config, 86_400));
    lake.store_setting(RETENTION, Some("7200"))
        .await
        .expect("stored");
    let head = lake.head().await.expect("a head");
    assert_eq!(head.settings().collect::<Vec<_>>(), [(RETENTION, "7200")]);
    assert_eq!(now(&head), (RetentionOrigin::Lake, 7200));
    let table = head.tables().next().expect("a table").id;
    let schema = head.schema_by_name("public").expect("public").id;
    let mut transaction = lake.begin(Author::default()).await.expect("begun");
    let before = transaction.savepoint();
    let on_schema = OptionTarget::Schema(schema);
    let value = Some(retention_text(Duration::from_secs(300)));
    transaction
        .set_option(on_schema, RETENTION, value.clone())
        .expect("set");
    transaction.rollback_to(&before);
    assert!(!transaction.has_changes());
    transaction
        .set_option(on_schema, RETENTION, value)
        .expect("set");
    let by_schema = transaction
        .commit()
        .await
        .expect("a commit")
        .expect("a snapshot");
    let head = lake.head().await.expect("a head");
    assert_eq!(now(&head), (RetentionOrigin::Schema, 300));
    let mut transaction = lake.begin(Author::default()).await.expect("begun");
    let value = Some("0".to_owned());
    let on_table = OptionTarget::Table(table);
    transaction
        .set_option(on_table, RETENTION, value)
        .expect("set");
    transaction.commit().await.expect("a commit");
    let head = lake.head().await.expect("a head");
    assert_eq!(now(&head), (RetentionOrigin::Table, 0));
    let mut transaction = lake.begin(Author::default()).await.expect("begun");
    transaction
        .set_option(on_table, RETENTION, None)
        .expect("taken away");
    transaction.commit().await.expect("a commit");
    bench.lake.close().await;
    let Bench {
        folder,
        clock,
        lake,
    } = bench;
    drop(lake);
    let lake = open(folder.path(), &clock).await;
    let head = lake.head().await.expect("a head");
    let table = head.tables().next().expect("a table");
    let found = lake.retention_of(&head, table);
    assert_eq!(found.origin, RetentionOrigin::Schema);
    let then = lake.snapshot(by_schema).await.expect("a picture");
    assert_eq!(then.schema(schema).expect("public").options.len(), 1);
    lake.store_setting(RETENTION, None)
        .await
        .expect("taken away");
    let head = lake.head().await.expect("a head");
    assert_eq!(lake.retention(&head).origin, RetentionOrigin::Config);
}

/// Drops table `a` and schema `s` with table `c` at hour 4, then renames what is left.
///
/// Returns the id of `a`, and the commit that dropped it.
async fn drop_and_rename(bench: &Bench) -> (TableId, SnapshotId) {
    bench.table("a", hour(1)).await;
    bench.table("b", hour(2)).await;
    bench.table("kept", hour(3)).await;
    let lake = &bench.lake;
    let mut transaction = lake.begin(Author::default()).await.expect("begun");
    let new = NewSchema {
        name: "s".to_owned(),
        owner: "gotgan".to_owned(),
    };
    let schema = transaction.create_schema(new).expect("a schema");
    let of_schema = NewTable {
        schema_id: schema,
        ..table(&transaction, "c")
    };
    transaction.create_table(of_schema).expect("a table");
    transaction.commit().await.expect("a commit");
    let head = lake.head().await.expect("a head");
    let id = |name: &str| {
        let found = head.tables().find(|table| table.name == name);
        found.expect("the table").id
    };
    let schema = head.schema_by_name("s").expect("the schema").id;
    bench.clock.set(hour(4));
    let author = Author {
        role: "someone".to_owned(),
        ..Author::default()
    };
    let mut transaction = lake.begin(author).await.expect("begun");
    transaction.drop_table(id("a")).expect("dropped");
    transaction.drop_table(id("c")).expect("dropped");
    transaction.drop_schema(schema).expect("dropped");
    transaction
        .rename_table(id("kept"), "renamed")
        .expect("renamed");
    let end = transaction
        .commit()
        .await
        .expect("a commit")
        .expect("a snapshot");
    let mut transaction = lake.begin(Author::default()).await.expect("begun");
    let public = transaction
        .snapshot()
        .schema_by_name("public")
        .expect("public")
        .id;
    transaction.rename_schema(public, "open").expect("renamed");
    transaction.commit().await.expect("a commit");
    (id("a"), end)
}

#[tokio::test]
async fn dropped_objects_are_known_as_long_as_their_last_snapshot_is() {
    let bench = Bench::new().await;
    let (a_id, end) = drop_and_rename(&bench).await;
    let lake = &bench.lake;
    let dropped = lake.dropped_tables().await.expect("dropped tables");
    let names: Vec<(&str, &str)> = dropped
        .iter()
        .map(|table| (table.schema.as_str(), table.name.as_str()))
        .collect();
    assert_eq!(names, [("s", "c"), ("public", "a")]);
    let a = &dropped[1];
    assert_eq!((a.id, a.dropped_in, a.last.0), (a_id, end, end.0 - 1));
    assert_eq!(a.dropped_at, Some(hour(4)));
    assert_eq!(a.dropped_by.as_deref(), Some("someone"));
    assert_eq!(a.owner, "gotgan");
    assert_eq!(a.until, Some(hour(4 + 24)));
    lake.create_hold(hold("x", Some(a.last), Some(hour(99))))
        .await
        .expect("a hold");
    let held = lake.dropped_tables().await.expect("dropped tables");
    assert_eq!(held[1].until, Some(hour(99)));
    lake.create_hold(hold("y", Some(a.last), None))
        .await
        .expect("a hold");
    let held = lake.dropped_tables().await.expect("dropped tables");
    assert_eq!(held[1].until, None, "kept for ever");
    let schemas = lake.dropped_schemas().await.expect("dropped schemas");
    let names: Vec<&str> = schemas.iter().map(|schema| schema.name.as_str()).collect();
    assert_eq!(names, ["s"], "a renamed schema is not dropped");
    bench.expire(end.0 - 1).await;
    assert_eq!(lake.dropped_tables().await.expect("none"), []);
    assert_eq!(lake.dropped_schemas().await.expect("none"), []);
}

/// Appends a file at hours 2, 3 and 4, holds the second, restores the first, truncates.
///
/// Returns the commits of the files, and the last.
async fn three_files(bench: &Bench, a: TableId) -> (Vec<SnapshotId>, SnapshotId) {
    let lake = &bench.lake;
    let mut begins = Vec::new();
    for part in 0..3 {
        bench.clock.set(hour(2 + part));
        let mut transaction = lake.begin(Author::default()).await.expect("begun");
        append_file(&mut transaction, a, 0..10).await;
        begins.push(
            transaction
                .commit()
                .await
                .expect("a commit")
                .expect("a snapshot"),
        );
    }
    lake.create_hold(hold("x", Some(begins[1]), None))
        .await
        .expect("a hold");
    let from = lake.snapshot(begins[0]).await.expect("a picture");
    let mut transaction = lake.begin(Author::default()).await.expect("begun");
    let restore = Restore {
        schema: from.schema_by_name("public").expect("public").id,
        from,
        table: a,
        name: "back".to_owned(),
        owner: "gotgan".to_owned(),
        replace: None,
    };
    transaction.restore_table(&restore).await.expect("restored");
    transaction.commit().await.expect("a commit");
    bench.clock.set(hour(9));
    let mut transaction = lake.begin(Author::default()).await.expect("begun");
    transaction.truncate_table(a).expect("truncated");
    let end = transaction
        .commit()
        .await
        .expect("a commit")
        .expect("a snapshot");
    (begins, end)
}

#[tokio::test]
async fn the_files_of_a_table_tell_who_keeps_them() {
    let bench = Bench::new().await;
    bench.table("a", hour(1)).await;
    let lake = &bench.lake;
    let head = lake.head().await.expect("a head");
    let a = head.tables().next().expect("a table").id;
    let (begins, end) = three_files(&bench, a).await;
    let files = lake.file_history(a).await.expect("files");
    let shown: Vec<_> = files
        .iter()
        .map(|file| {
            (
                file.begin,
                file.end,
                file.kept_by,
                file.held_by.len(),
                file.shared_with,
            )
        })
        .collect();
    let at = |index: usize| begins[index];
    assert_eq!(
        shown,
        [
            (at(0), Some(end), 4, 1, 1),
            (at(1), Some(end), 3, 1, 0),
            (at(2), Some(end), 2, 0, 0),
        ]
    );
    assert_eq!(files[0].begin_time, Some(hour(2)));
    assert_eq!(files[0].end_time, Some(hour(9)));
    let freed: Vec<bool> = files.iter().map(|file| file.freed_bytes() > 0).collect();
    assert_eq!(freed, [false, true, true]);
    let histories = lake.table_histories().await.expect("histories");
    assert_eq!(histories.len(), 2);
    let of_a = histories.iter().find(|history| history.table == a);
    let of_a = of_a.expect("the table");
    assert_eq!(of_a.oldest.map(|oldest| oldest.time), Some(hour(1)));
    assert_eq!(of_a.history_bytes, files[1].bytes + files[2].bytes);
    let back = histories.iter().find(|history| history.table != a);
    assert_eq!(back.expect("the table").history_bytes, 0);
}
