//! Rows without a file: read back as written, deleted, altered, flushed.

use arrow::array::{
    Array, AsArray, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array,
    FixedSizeBinaryArray, Float32Array, Float64Array, Int16Array, Int64Array,
    Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Int32Type, Int64Type};

use super::*;
use crate::{FileList, TypeChange};

/// Rows `from..to` of a table of [`table`]'s shape.
pub(super) fn rows(from: i32, to: i32) -> RecordBatch {
    let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(from..to));
    let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values(
        (from..to).map(|number| number.to_string()),
    ));
    RecordBatch::try_from_iter([("a", numbers), ("b", texts)]).expect("a batch")
}

async fn append(transaction: &mut Transaction, table: TableId, from: i32, to: i32) {
    transaction
        .append_rows(table, rows(from, to))
        .await
        .expect("appended rows");
}

async fn commit_rows(bench: &Bench, table: TableId, from: i32, to: i32) {
    let mut transaction = bench.begin().await;
    append(&mut transaction, table, from, to).await;
    transaction.commit().await.expect("a commit");
}

async fn list_now(bench: &Bench, table: TableId) -> Arc<FileList> {
    let head = bench.lake.head().await.expect("a head");
    bench.lake.files(&head, table).await.expect("files")
}

/// Column `a` of the inlined rows.
fn numbers(list: &FileList) -> Vec<i32> {
    let rows = list.inlined.as_ref();
    rows.map_or(Vec::new(), |rows| {
        assert_eq!(rows.batch.num_rows(), rows.row_ids.len());
        let column = rows.batch.column(0);
        column.as_primitive::<Int32Type>().values().to_vec()
    })
}

fn row_ids(list: &FileList) -> Vec<i64> {
    list.inlined
        .as_ref()
        .map_or(Vec::new(), |rows| rows.row_ids.to_vec())
}

#[tokio::test]
async fn few_rows_need_no_file() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    commit_rows(&bench, id, 0, 3).await;
    commit_rows(&bench, id, 3, 5).await;
    assert_eq!(bench.object_count(), 0);
    let bench = bench.reopen().await;
    let list = list_now(&bench, id).await;
    assert_eq!(numbers(&list), [0, 1, 2, 3, 4]);
    assert_eq!(row_ids(&list), [0, 1, 2, 3, 4]);
    let head = bench.lake.head().await.expect("a head");
    assert_eq!(head.table(id).expect("the table").row_count, 5);
    assert_eq!(
        bench.lake.inlined_counts().await.expect("counts"),
        [(id, 5)]
    );
}

#[tokio::test]
async fn a_transaction_sees_and_deletes_its_own_inlined_rows() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    commit_rows(&bench, id, 0, 2).await;
    let mut transaction = bench.begin().await;
    append(&mut transaction, id, 10, 12).await;
    let savepoint = transaction.savepoint();
    append(&mut transaction, id, 20, 22).await;
    let seen = transaction.files(id).await.expect("files");
    assert_eq!(numbers(&seen), [0, 1, 10, 11, 20, 21]);
    transaction.rollback_to(&savepoint);
    let seen = transaction.files(id).await.expect("files");
    assert_eq!(numbers(&seen), [0, 1, 10, 11]);
    let ids = row_ids(&seen);
    assert!(ids[2] < 0 && ids[3] < 0);
    let deleted = [ids[1], ids[2]];
    assert_eq!(
        transaction
            .delete_inlined_rows(id, &deleted)
            .await
            .expect("two"),
        2
    );
    let seen = transaction.files(id).await.expect("files");
    assert_eq!(numbers(&seen), [0, 11]);
    transaction.commit().await.expect("a commit");
    let bench = bench.reopen().await;
    assert_eq!(numbers(&*list_now(&bench, id).await), [0, 11]);
    let head = bench.lake.head().await.expect("a head");
    assert_eq!(head.table(id).expect("the table").row_count, 2);

    let mut transaction = bench.begin().await;
    append(&mut transaction, id, 30, 31).await;
    let own = row_ids(&transaction.files(id).await.expect("files"))[2];
    transaction
        .delete_inlined_rows(id, &[own])
        .await
        .expect("one");
    assert_eq!(
        transaction.commit().await.expect("a commit"),
        None,
        "nothing is left to commit"
    );
    let mut transaction = bench.begin().await;
    append(&mut transaction, id, 40, 41).await;
    transaction.truncate_table(id).expect("truncated");
    append(&mut transaction, id, 50, 51).await;
    transaction.commit().await.expect("a commit");
    let bench = bench.reopen().await;
    assert_eq!(numbers(&*list_now(&bench, id).await), [50]);
    let head = bench.lake.head().await.expect("a head");
    assert_eq!(head.table(id).expect("the table").row_count, 1);
}

#[tokio::test]
async fn a_new_table_can_be_filled_at_once() {
    let bench = Bench::new().await;
    let mut transaction = bench.begin().await;
    let id = transaction
        .create_table(table(bench.public, "t"))
        .expect("a table");
    append(&mut transaction, id, 0, 2).await;
    transaction.commit().await.expect("a commit");
    let bench = bench.reopen().await;
    let id = bench.table_id("t").await;
    assert_eq!(numbers(&*list_now(&bench, id).await), [0, 1]);
}

#[tokio::test]
async fn many_rows_become_a_file() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let mut transaction = bench.begin().await;
    append(&mut transaction, id, 0, 600).await;
    let ids = row_ids(&transaction.files(id).await.expect("files"));
    transaction
        .delete_inlined_rows(id, &ids[..100])
        .await
        .expect("deleted");
    append(&mut transaction, id, 600, 1100).await;
    append(&mut transaction, id, 1100, 1105).await;
    append(&mut transaction, id, 0, 5_000).await;
    let seen = transaction.files(id).await.expect("files");
    let counts: Vec<u64> = seen.files.iter().map(|file| file.row_count).collect();
    assert_eq!(counts, [1000, 5000]);
    assert_eq!(numbers(&seen), [1100, 1101, 1102, 1103, 1104]);
    transaction.commit().await.expect("a commit");
    assert_eq!(bench.row_count(id).await, 6005);
    let bench = bench.reopen().await;
    assert_eq!(bench.row_count(id).await, 6005);
    let head = bench.lake.head().await.expect("a head");
    assert_eq!(head.table(id).expect("the table").row_count, 6005);
}

#[tokio::test]
async fn inlined_rows_follow_the_columns() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    commit_rows(&bench, id, 0, 2).await;
    let mut transaction = bench.begin().await;
    append(&mut transaction, id, 2, 4).await;
    let seven: ArrayRef = Arc::new(Int32Array::from(vec![7]));
    transaction
        .add_column(id, column("c", ColumnType::Int32), Some(&seven))
        .await
        .expect("a column");
    transaction
        .rename_column(id, ColumnId(1), "first")
        .expect("renamed");
    transaction.drop_column(id, ColumnId(2)).expect("dropped");
    let change = transaction.set_column_type(id, ColumnId(1), ColumnType::Int64);
    assert_eq!(change.expect("a change"), TypeChange::InPlace);
    let shown = |list: &FileList| {
        let batch = &list.inlined.as_ref().expect("rows").batch;
        let names: Vec<String> = batch
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        let first = batch.column(0).as_primitive::<Int64Type>();
        let second = batch.column(1).as_primitive::<Int32Type>();
        (names, first.values().to_vec(), second.values().to_vec())
    };
    let expected = (
        vec!["first".to_owned(), "c".to_owned()],
        vec![0, 1, 2, 3],
        vec![7; 4],
    );
    let seen = transaction.files(id).await.expect("files");
    assert_eq!(shown(&seen), expected);
    transaction.commit().await.expect("a commit");
    assert_eq!(shown(&*list_now(&bench, id).await), expected);
    let bench = bench.reopen().await;
    assert_eq!(shown(&*list_now(&bench, id).await), expected);
}

#[tokio::test]
async fn what_the_catalog_cannot_hold_goes_to_a_file() {
    let bench = Bench::new().await;
    let list = || column("l", ColumnType::List(Box::new(ColumnType::Int32)));
    for shape in [
        list(),
        column("Row_ID", ColumnType::Int32),
        column("A", ColumnType::Int32),
    ] {
        let mut transaction = bench.begin().await;
        let name = format!("t_{}", shape.name);
        let id = transaction
            .create_table(table(bench.public, &name))
            .expect("a table");
        // Held in memory, until the table gets a column that does not fit.
        append(&mut transaction, id, 0, 3).await;
        transaction
            .add_column(id, shape, None)
            .await
            .expect("a column");
        transaction.commit().await.expect("a commit");
        let id = bench.table_id(&name).await;
        let list = list_now(&bench, id).await;
        assert!(list.inlined.is_none());
        assert_eq!(list.row_count(), 3);
    }
}

/// One row of every type that can be inlined, and one of NULLs.
#[expect(clippy::too_many_lines, reason = "a list of types")]
pub(super) fn every_type() -> Vec<(ColumnType, ArrayRef)> {
    let numeric = ColumnType::Numeric {
        precision: 10,
        scale: 2,
    };
    let decimal = |value: i128, precision, scale| -> ArrayRef {
        let array = Decimal128Array::from(vec![Some(value), None]);
        let sized = array.with_precision_and_scale(precision, scale);
        Arc::new(sized.expect("a decimal"))
    };
    let text =
        |value: &str| -> ArrayRef { Arc::new(StringViewArray::from(vec![Some(value), None])) };
    let timestamp = || TimestampMicrosecondArray::from(vec![Some(-1_500_000), None]);
    let uuid = [Some([0xab_u8; 16]), None].into_iter();
    let uuid = FixedSizeBinaryArray::try_from_sparse_iter_with_size(uuid, 16).expect("a uuid");
    vec![
        (
            ColumnType::Boolean,
            Arc::new(BooleanArray::from(vec![Some(true), None])),
        ),
        (
            ColumnType::Int16,
            Arc::new(Int16Array::from(vec![Some(i16::MIN), None])),
        ),
        (
            ColumnType::Int32,
            Arc::new(Int32Array::from(vec![Some(i32::MAX), None])),
        ),
        (
            ColumnType::Int64,
            Arc::new(Int64Array::from(vec![Some(i64::MIN), None])),
        ),
        (
            ColumnType::Float32,
            Arc::new(Float32Array::from(vec![Some(0.1), None])),
        ),
        (
            ColumnType::Float64,
            Arc::new(Float64Array::from(vec![Some(f64::NAN), None])),
        ),
        (
            ColumnType::Float64,
            Arc::new(Float64Array::from(vec![Some(f64::NEG_INFINITY), None])),
        ),
        (numeric, decimal(-150, 10, 2)),
        (ColumnType::NumericUnbounded, decimal(1, 38, 10)),
        (ColumnType::Text, text("NULL")),
        (ColumnType::Text, text("it's [1, '곳간'] \\ \"\n")),
        (ColumnType::Varchar(Some(3)), text("")),
        (ColumnType::Char(3), text("ab")),
        (ColumnType::Json, text("{\"a\": [1, null]}")),
        (ColumnType::Jsonb, text("null")),
        (
            ColumnType::Bytea,
            Arc::new(BinaryViewArray::from(vec![Some(&b"\xff\x00a\\"[..]), None])),
        ),
        (
            ColumnType::Date,
            Arc::new(Date32Array::from(vec![Some(-735_599), None])),
        ),
        (
            ColumnType::Date,
            Arc::new(Date32Array::from(vec![Some(i32::MAX), None])),
        ),
        (
            ColumnType::Time,
            Arc::new(Time64MicrosecondArray::from(vec![
                Some(86_400_000_000),
                None,
            ])),
        ),
        (ColumnType::Timestamp, Arc::new(timestamp())),
        (
            ColumnType::TimestampTz,
            Arc::new(timestamp().with_timezone("UTC")),
        ),
        (ColumnType::Uuid, Arc::new(uuid)),
    ]
}

#[tokio::test]
async fn every_value_reads_back_as_it_was() {
    let bench = Bench::new().await;
    let values = every_type();
    let mut transaction = bench.begin().await;
    let columns = values.iter().enumerate();
    let new = NewTable {
        columns: columns
            .map(|(index, (column_type, _))| column(&format!("c{index}"), column_type.clone()))
            .collect(),
        ..table(bench.public, "t")
    };
    let id = transaction.create_table(new).expect("a table");
    let arrays = values.iter().enumerate();
    let arrays = arrays.map(|(index, (_, array))| (format!("c{index}"), Arc::clone(array)));
    let batch = RecordBatch::try_from_iter(arrays).expect("a batch");
    transaction
        .append_rows(id, batch.clone())
        .await
        .expect("appended");
    transaction.commit().await.expect("a commit");
    assert_eq!(bench.object_count(), 0);
    let bench = bench.reopen().await;
    let id = bench.table_id("t").await;
    let list = list_now(&bench, id).await;
    let back = &list.inlined.as_ref().expect("rows").batch;
    for (index, (column_type, array)) in values.iter().enumerate() {
        let found = back.column(index);
        assert_eq!(found.data_type(), array.data_type(), "{column_type:?}");
        assert_eq!(
            format!("{found:?}"),
            format!("{array:?}"),
            "{column_type:?}"
        );
    }
}

#[tokio::test]
async fn a_flush_moves_rows_into_a_file_and_keeps_their_ids() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    commit_rows(&bench, id, 0, 3).await;
    commit_rows(&bench, id, 3, 6).await;
    let mut transaction = bench.begin().await;
    transaction
        .delete_inlined_rows(id, &[1])
        .await
        .expect("one");
    transaction.commit().await.expect("a commit");
    let old = bench.lake.head().await.expect("a head");
    let flushed = bench.lake.flush_inlined(id, Author::default()).await;
    assert!(flushed.expect("a flush").is_some());
    let again = bench.lake.flush_inlined(id, Author::default()).await;
    assert_eq!(again.expect("nothing to do"), None);
    assert_eq!(bench.object_count(), 1);
    let bench = bench.reopen().await;
    let list = list_now(&bench, id).await;
    assert!(list.inlined.is_none());
    assert_eq!(list.row_count(), 5);
    assert_eq!(list.files[0].row_id_start, None);
    let head = bench.lake.head().await.expect("a head");
    assert_eq!(head.table(id).expect("the table").row_count, 5);
    let before = bench.lake.files(&old, id).await.expect("files");
    assert_eq!(
        numbers(&before),
        [0, 2, 3, 4, 5],
        "the snapshot before still shows the catalog's rows"
    );
    assert!(before.files.is_empty());
    commit_rows(&bench, id, 6, 7).await;
    assert_eq!(row_ids(&*list_now(&bench, id).await), [6]);
}

#[tokio::test]
async fn a_delete_follows_rows_that_a_flush_moved() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    commit_rows(&bench, id, 0, 5).await;
    let mut deleting = bench.begin().await;
    let mut same = bench.begin().await;
    for transaction in [&mut deleting, &mut same] {
        transaction
            .delete_inlined_rows(id, &[1, 3])
            .await
            .expect("two");
    }
    let mut inserting = bench.begin().await;
    append(&mut inserting, id, 10, 11).await;
    let flushed = bench.lake.flush_inlined(id, Author::default()).await;
    flushed.expect("a flush");
    inserting.commit().await.expect("inserts go on");
    deleting.commit().await.expect("deletes go on");
    assert_eq!(
        kind(same.commit().await),
        ErrorKind::Conflict,
        "the rows are deleted where they are now"
    );
    let bench = bench.reopen().await;
    let list = list_now(&bench, id).await;
    let deleted = bench.lake.deleted_positions(&list.files[0]).await;
    let deleted = deleted.expect("positions").expect("deleted rows");
    assert_eq!(deleted.positions, [1, 3]);
    let head = bench.lake.head().await.expect("a head");
    assert_eq!(head.table(id).expect("the table").row_count, 4);
}

#[tokio::test]
async fn a_truncation_follows_rows_that_a_flush_moved() {
    for is_deleted in [false, true] {
        let bench = Bench::new().await;
        let id = bench.table("t").await;
        commit_rows(&bench, id, 0, 5).await;
        let mut truncating = bench.begin().await;
        truncating.truncate_table(id).expect("truncated");
        append(&mut truncating, id, 100, 102).await;
        commit_rows(&bench, id, 10, 13).await;
        let flushed = bench.lake.flush_inlined(id, Author::default()).await;
        flushed.expect("a flush");
        commit_rows(&bench, id, 20, 21).await;
        if is_deleted {
            let mut deleting = bench.begin().await;
            let file = deleting.files(id).await.expect("files").files[0].id;
            deleting.delete_rows(id, file, &[0]).await.expect("one");
            deleting.commit().await.expect("a commit");
            assert_eq!(kind(truncating.commit().await), ErrorKind::Conflict);
            continue;
        }
        truncating.commit().await.expect("a commit");
        let bench = bench.reopen().await;
        let list = list_now(&bench, id).await;
        assert_eq!(numbers(&list), [20, 100, 101]);
        let deleted = bench.lake.deleted_positions(&list.files[0]).await;
        let deleted = deleted.expect("positions").expect("deleted rows");
        assert_eq!(deleted.positions, [0, 1, 2, 3, 4]);
        let head = bench.lake.head().await.expect("a head");
        assert_eq!(head.table(id).expect("the table").row_count, 6);
    }
}

#[tokio::test]
async fn what_was_read_stays_true_over_a_flush() {
    let bench = Bench::new().await;
    let (id, other) = (bench.table("t").await, bench.table("o").await);
    commit_rows(&bench, id, 0, 5).await;
    for is_inserted in [false, true] {
        let mut reading = bench.begin().await;
        reading.record_read(id);
        append(&mut reading, other, 0, 1).await;
        let flushed = bench.lake.flush_inlined(id, Author::default()).await;
        flushed.expect("a flush");
        if is_inserted {
            commit_rows(&bench, id, 5, 6).await;
        }
        assert_eq!(reading.commit().await.is_err(), is_inserted);
    }
}

#[tokio::test]
async fn small_commits_from_many_sessions_lose_nothing() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let mut tasks = Vec::new();
    for number in 0..40 {
        let mut transaction = bench.begin().await;
        append(&mut transaction, id, number, number + 1).await;
        tasks.push(tokio::spawn(transaction.commit()));
        if number % 10 == 9 {
            let flush = bench.lake.flush_inlined(id, Author::default()).await;
            flush.expect("a flush");
        }
    }
    for task in tasks {
        task.await.expect("no panic").expect("a commit");
    }
    let bench = bench.reopen().await;
    assert_eq!(bench.row_count(id).await, 40);
    let ids = row_ids(&*list_now(&bench, id).await);
    let distinct: BTreeSet<i64> = ids.iter().copied().collect();
    assert_eq!(ids.len(), distinct.len());
}
