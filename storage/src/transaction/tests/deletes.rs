//! Deleted rows: what the transaction, later ones and other processes see.

use arrow::array::AsArray;
use arrow::datatypes::Int32Type;

use super::*;
use crate::catalog::testing;
use crate::{DataFile, FileList};

/// A table with files of rows 0 to 9, 10 to 19 and so on, each its own commit.
async fn filled(bench: &Bench, file_count: i32) -> TableId {
    let id = bench.table("t").await;
    for number in 0..file_count {
        let mut transaction = bench.begin().await;
        insert(&mut transaction, id, number * 10, number * 10 + 10).await;
        transaction.commit().await.expect("a commit");
    }
    id
}

/// Rows that are left, by the file's first value and the positions that are deleted.
async fn left(bench: &Bench, list: &FileList) -> Vec<i64> {
    let bounds = list.bounds(ColumnId(1)).expect("bounds");
    let firsts = bounds.min.as_primitive::<Int32Type>();
    let mut rows = Vec::new();
    for (index, file) in list.files.iter().enumerate() {
        let deleted = bench
            .lake
            .deleted_positions(file)
            .await
            .expect("positions")
            .map_or(Vec::new(), |deleted| deleted.positions.clone());
        let kept = (0..file.row_count).filter(|position| !deleted.contains(position));
        rows.extend(kept.map(|position| i64::from(firsts.value(index)) + position as i64));
    }
    rows.sort_unstable();
    rows
}

async fn left_now(bench: &Bench, table: TableId) -> Vec<i64> {
    let head = bench.lake.head().await.expect("a head");
    left(bench, &bench.lake.files(&head, table).await.expect("files")).await
}

async fn file_at(transaction: &Transaction, table: TableId, index: usize) -> Arc<DataFile> {
    let list = transaction.files(table).await.expect("files");
    Arc::clone(&list.files[index])
}

async fn number(bench: &Bench, sql: &'static str) -> i64 {
    testing::number(bench.folder.path(), sql).await
}

#[tokio::test]
async fn deletes_are_cumulative_over_statements_and_commits() {
    let bench = Bench::new().await;
    let id = filled(&bench, 1).await;
    let mut first = bench.begin().await;
    let file = file_at(&first, id, 0).await.id;
    let count = first.delete_rows(id, file, &[3, 1, 3]).await.expect("two");
    assert_eq!(count, 2, "a row that is named twice counts once");
    assert_eq!(
        first.delete_rows(id, file, &[1, 5]).await.expect("one"),
        1,
        "a row that is gone already does not count"
    );
    let seen = first.files(id).await.expect("files");
    assert_eq!(left(&bench, &seen).await, [0, 2, 4, 6, 7, 8, 9]);
    assert_eq!(left_now(&bench, id).await.len(), 10, "others see all");
    first.commit().await.expect("a commit");
    assert_eq!(left_now(&bench, id).await, [0, 2, 4, 6, 7, 8, 9]);

    let mut second = bench.begin().await;
    second.delete_rows(id, file, &[0]).await.expect("one");
    second.commit().await.expect("a commit");
    assert_eq!(left_now(&bench, id).await, [2, 4, 6, 7, 8, 9]);
    let bench = bench.reopen().await;
    assert_eq!(left_now(&bench, id).await, [2, 4, 6, 7, 8, 9]);
    let head = bench.lake.head().await.expect("a head");
    assert_eq!(head.table(id).expect("the table").row_count, 6);
    let live = "SELECT count(*) FROM ducklake_delete_file WHERE end_snapshot IS NULL";
    assert_eq!(number(&bench, live).await, 1);
    let counted = "SELECT delete_count FROM ducklake_delete_file WHERE end_snapshot IS NULL";
    assert_eq!(number(&bench, counted).await, 4);
    let gross = "SELECT record_count FROM ducklake_table_stats";
    assert_eq!(
        number(&bench, gross).await,
        10,
        "the format's count stays gross"
    );
}

#[tokio::test]
async fn a_file_without_rows_left_is_ended() {
    let bench = Bench::new().await;
    let id = filled(&bench, 2).await;
    let mut transaction = bench.begin().await;
    let file = file_at(&transaction, id, 0).await.id;
    let all: Vec<u64> = (0..10).collect();
    transaction
        .delete_rows(id, file, &all[..4])
        .await
        .expect("four");
    transaction.commit().await.expect("a commit");
    let mut transaction = bench.begin().await;
    assert_eq!(
        transaction.delete_rows(id, file, &all).await.expect("six"),
        6
    );
    assert_eq!(transaction.files(id).await.expect("files").files.len(), 1);
    transaction.commit().await.expect("a commit");
    let bench = bench.reopen().await;
    assert_eq!(left_now(&bench, id).await, (10..20).collect::<Vec<_>>());
    let live = "SELECT (SELECT count(*) FROM ducklake_data_file WHERE end_snapshot IS NULL) * 10
        + (SELECT count(*) FROM ducklake_delete_file WHERE end_snapshot IS NULL)";
    assert_eq!(number(&bench, live).await, 10);
    let head = bench.lake.head().await.expect("a head");
    let table = head.table(id).expect("the table");
    assert_eq!(table.row_count, 10);
    let files = bench.lake.files(&head, id).await.expect("files");
    assert_eq!(table.bytes, files.bytes());
}

#[tokio::test]
async fn own_rows_can_be_deleted_before_they_are_committed() {
    let bench = Bench::new().await;
    let id = filled(&bench, 1).await;
    let mut transaction = bench.begin().await;
    insert(&mut transaction, id, 100, 110).await;
    insert(&mut transaction, id, 200, 210).await;
    let (partly, whole) = (
        file_at(&transaction, id, 1).await,
        file_at(&transaction, id, 2).await,
    );
    assert!(partly.id < 0 && whole.id < 0);
    let all: Vec<u64> = (0..10).collect();
    transaction
        .delete_rows(id, partly.id, &all[1..])
        .await
        .expect("nine");
    transaction
        .delete_rows(id, whole.id, &all)
        .await
        .expect("ten");
    let expected: Vec<i64> = (0..10).chain([100]).collect();
    let seen = transaction.files(id).await.expect("files");
    assert_eq!(left(&bench, &seen).await, expected);
    transaction.commit().await.expect("a commit");
    let bench = bench.reopen().await;
    assert_eq!(left_now(&bench, id).await, expected);
    assert_eq!(
        bench.object_count(),
        3,
        "two data files and one delete file"
    );
    let head = bench.lake.head().await.expect("a head");
    assert_eq!(head.table(id).expect("the table").row_count, 11);
}

#[tokio::test]
async fn what_is_inserted_and_deleted_at_once_makes_no_snapshot() {
    let bench = Bench::new().await;
    let id = filled(&bench, 0).await;
    let mut transaction = bench.begin().await;
    insert(&mut transaction, id, 0, 3).await;
    let file = file_at(&transaction, id, 0).await.id;
    transaction
        .delete_rows(id, file, &[0, 1, 2])
        .await
        .expect("three");
    assert_eq!(transaction.commit().await.expect("a commit"), None);
    assert_eq!(bench.object_count(), 0);
}

#[tokio::test]
async fn a_savepoint_takes_deletes_back() {
    let bench = Bench::new().await;
    let id = filled(&bench, 1).await;
    let mut transaction = bench.begin().await;
    insert(&mut transaction, id, 100, 103).await;
    let (old, own) = (
        file_at(&transaction, id, 0).await.id,
        file_at(&transaction, id, 1).await.id,
    );
    transaction.delete_rows(id, old, &[0]).await.expect("one");
    let savepoint = transaction.savepoint();
    transaction.delete_rows(id, old, &[1]).await.expect("one");
    transaction.delete_rows(id, own, &[0]).await.expect("one");
    transaction.rollback_to(&savepoint);
    let expected: Vec<i64> = (1..10).chain(100..103).collect();
    let seen = transaction.files(id).await.expect("files");
    assert_eq!(left(&bench, &seen).await, expected);
    assert_eq!(
        transaction.delete_rows(id, own, &[0]).await.expect("one"),
        1,
        "the row is there again"
    );
    transaction.rollback_to(&savepoint);
    transaction.commit().await.expect("a commit");
    assert_eq!(left_now(&bench, id).await, expected);
}

#[tokio::test]
async fn truncating_forgets_deletes_and_counts_rows_once() {
    let bench = Bench::new().await;
    let id = filled(&bench, 2).await;
    let mut transaction = bench.begin().await;
    let file = file_at(&transaction, id, 0).await.id;
    transaction
        .delete_rows(id, file, &[0, 1])
        .await
        .expect("two");
    transaction.commit().await.expect("a commit");
    let mut transaction = bench.begin().await;
    transaction.delete_rows(id, file, &[2]).await.expect("one");
    transaction.truncate_table(id).expect("truncated");
    insert(&mut transaction, id, 0, 5).await;
    transaction.commit().await.expect("a commit");
    let bench = bench.reopen().await;
    let head = bench.lake.head().await.expect("a head");
    assert_eq!(head.table(id).expect("the table").row_count, 5);
    assert_eq!(left_now(&bench, id).await, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn deletes_conflict_file_by_file() {
    for (mine, theirs, fits) in [(0, 1, true), (0, 0, false), (1, 1, false)] {
        let bench = Bench::new().await;
        let id = filled(&bench, 2).await;
        let mut my_transaction = bench.begin().await;
        let file = file_at(&my_transaction, id, mine).await.id;
        my_transaction
            .delete_rows(id, file, &[0])
            .await
            .expect("one");
        let mut their_transaction = bench.begin().await;
        let file = file_at(&their_transaction, id, theirs).await.id;
        their_transaction
            .delete_rows(id, file, &[9])
            .await
            .expect("one");
        their_transaction.commit().await.expect("the first wins");
        let outcome = my_transaction.commit().await;
        match outcome {
            Ok(_) => {
                assert!(fits, "{mine} over {theirs} passed");
                assert_eq!(left_now(&bench, id).await.len(), 18);
            }
            Err(error) => {
                assert!(!fits, "{mine} over {theirs}: {error}");
                assert_eq!(error.kind, ErrorKind::Conflict);
                assert!(error.message.contains("\"t\""), "{error}");
                assert_eq!(bench.object_count(), 3, "the loser's delete file is gone");
            }
        }
    }
}

#[tokio::test]
async fn a_delete_that_ends_a_file_conflicts_with_one_in_it() {
    let bench = Bench::new().await;
    let id = filled(&bench, 1).await;
    let mut mine = bench.begin().await;
    let file = file_at(&mine, id, 0).await.id;
    mine.delete_rows(id, file, &[0]).await.expect("one");
    let mut theirs = bench.begin().await;
    let all: Vec<u64> = (0..10).collect();
    theirs.delete_rows(id, file, &all).await.expect("ten");
    theirs.commit().await.expect("a commit");
    assert_eq!(kind(mine.commit().await), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_lost_reply_of_a_delete_is_settled_and_a_crash_is_whole() {
    let points = [
        ("commit/after-lock", PointFault::Stop, 10),
        ("commit/before-sqlite-commit", PointFault::Stop, 10),
        ("commit/after-sqlite-commit", PointFault::Stop, 8),
        ("commit/after-sqlite-commit", PointFault::LoseReply, 8),
    ];
    for (point, fault, expected) in points {
        let bench = Bench::new().await;
        let id = filled(&bench, 1).await;
        let mut transaction = bench.begin().await;
        let file = file_at(&transaction, id, 0).await.id;
        transaction
            .delete_rows(id, file, &[2, 7])
            .await
            .expect("two");
        bench.script.at(point, fault);
        let is_known = transaction.commit().await.is_ok();
        assert_eq!(is_known, fault == PointFault::LoseReply);
        let bench = bench.reopen().await;
        assert_eq!(left_now(&bench, id).await.len(), expected, "{point}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_refused() {
    let bench = Bench::new().await;
    let id = filled(&bench, 1).await;
    let mut transaction = bench.begin().await;
    let file = file_at(&transaction, id, 0).await.id;
    assert_eq!(
        kind(transaction.delete_rows(id, file + 77, &[0]).await),
        ErrorKind::NotFound
    );
    assert_eq!(
        kind(transaction.delete_rows(id, file, &[10]).await),
        ErrorKind::Internal
    );
    assert_eq!(
        transaction.delete_rows(id, file, &[]).await.expect("none"),
        0
    );
    assert!(!transaction.has_changes());
    assert_eq!(
        transaction
            .delete_inlined_rows(id, &[1])
            .await
            .expect("none"),
        0
    );
}

/// Gives a table inlined rows as DuckDB would: row ids 100 and up, values 1 to `count`.
async fn inline(bench: &Bench, table: TableId, count: i64) {
    let name = format!("ducklake_inlined_data_{table}_2");
    let head = bench.lake.head().await.expect("a head").id();
    for sql in [
        format!(
            "CREATE TABLE {name} (row_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, a BIGINT, b VARCHAR)"
        ),
        format!("INSERT INTO ducklake_inlined_data_tables VALUES ({table}, '{name}', 2)"),
        format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
             INSERT INTO {name} SELECT 99 + i, {head}, NULL, i, 'x' FROM n"
        ),
        format!("UPDATE ducklake_table_stats SET record_count = record_count + {count}"),
    ] {
        testing::execute(bench.folder.path(), &sql).await;
    }
}

async fn inlined_now(transaction: &Transaction, table: TableId) -> Vec<i64> {
    let list = transaction.files(table).await.expect("files");
    let rows = list.inlined.as_ref();
    rows.map_or(Vec::new(), |rows| {
        assert_eq!(rows.batch.num_rows(), rows.row_ids.len());
        rows.row_ids.to_vec()
    })
}

#[tokio::test]
async fn inlined_rows_are_deleted_by_their_ids() {
    let bench = Bench::new().await;
    let id = filled(&bench, 1).await;
    inline(&bench, id, 3).await;
    let bench = bench.reopen().await;
    let mut mine = bench.begin().await;
    assert_eq!(inlined_now(&mine, id).await, [100, 101, 102]);
    let savepoint = mine.savepoint();
    assert_eq!(
        mine.delete_inlined_rows(id, &[101, 101, 7])
            .await
            .expect("one"),
        1
    );
    assert_eq!(
        mine.delete_inlined_rows(id, &[101]).await.expect("none"),
        0,
        "it is gone already"
    );
    assert_eq!(inlined_now(&mine, id).await, [100, 102]);
    mine.rollback_to(&savepoint);
    assert_eq!(inlined_now(&mine, id).await, [100, 101, 102]);
    mine.delete_inlined_rows(id, &[102]).await.expect("one");

    let mut same = bench.begin().await;
    same.delete_inlined_rows(id, &[100, 102])
        .await
        .expect("two");
    let mut other = bench.begin().await;
    other.delete_inlined_rows(id, &[100]).await.expect("one");
    mine.commit().await.expect("a commit");
    assert_eq!(kind(same.commit().await), ErrorKind::Conflict);
    other
        .commit()
        .await
        .expect("other rows of the same table fit");
    let bench = bench.reopen().await;
    assert_eq!(inlined_now(&bench.begin().await, id).await, [101]);
    let head = bench.lake.head().await.expect("a head");
    assert_eq!(head.table(id).expect("the table").row_count, 11);
}
