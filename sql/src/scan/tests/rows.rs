//! Which rows come out: projection, types, nulls, deletes, inlined rows, missing files.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow::array::{
    ArrayRef, BinaryViewArray, FixedSizeBinaryArray, Int32Array, IntervalMonthDayNanoArray,
    ListArray, RecordBatch, TimestampMicrosecondArray,
};
use arrow::datatypes::{Int32Type, IntervalMonthDayNano};
use datafusion::common::config::ConfigOptions;
use datafusion::datasource::physical_plan::FileGroup;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use gotgan_storage::{ColumnType, DeletedPositions, SnapshotId, Table, TableId};

use super::fixture::{Answer, Fixture, ints, longs, run_alone, session, texts};
use crate::scan::columns::TableColumns;
use crate::scan::exec::ScanSpec;
use crate::scan::file::ScanFile;
use crate::scan::source::{SourceParts, split_files};
use crate::scan::{LakeScanExec, ScanMetrics, object_store_url, register_store};
use crate::sqlstate;

#[tokio::test]
async fn columns_come_in_the_order_asked() {
    let fixture = Fixture::new().await;
    let columns = [("a", ColumnType::Int32), ("b", ColumnType::Text)];
    let files = vec![
        vec![ints([1, 2]), texts(["x", "y"])],
        vec![ints([3]), texts(["z"])],
    ];
    let table = fixture.table("t", &columns, files).await;
    let answer = fixture
        .query(&[&table], "select b, a from t order by a")
        .await;
    assert_eq!(answer.text(), "x | 1\ny | 2\nz | 3");
    let answer = fixture
        .query(&[&table], "select b || '!' from t where a = 2")
        .await;
    assert_eq!(answer.text(), "y!");
}

#[tokio::test]
async fn every_kind_of_type_comes_back() {
    let fixture = Fixture::new().await;
    let columns = [
        ("span", ColumnType::Interval),
        ("id", ColumnType::Uuid),
        ("raw", ColumnType::Bytea),
        ("at", ColumnType::TimestampTz),
        ("list", ColumnType::List(Box::new(ColumnType::Int32))),
        ("spans", ColumnType::List(Box::new(ColumnType::Interval))),
        ("code", ColumnType::Varchar(Some(3))),
    ];
    let span = IntervalMonthDayNano::new(14, -3, 5_000_000);
    let spans: ArrayRef = Arc::new(IntervalMonthDayNanoArray::from(vec![Some(span), None]));
    let uuid = FixedSizeBinaryArray::try_from_sparse_iter_with_size(
        vec![Some([7_u8; 16]), None].into_iter(),
        16,
    );
    let raw = BinaryViewArray::from(vec![Some(&b"\x00\xff"[..]), None]);
    let at = TimestampMicrosecondArray::from(vec![Some(1_000_001), None]).with_timezone("UTC");
    let list =
        ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1), None]), None]);
    let list = arrow::compute::cast(&list, &columns[4].1.arrow_type()).unwrap();
    let inner = match columns[5].1.arrow_type() {
        arrow::datatypes::DataType::List(inner) => inner,
        other => panic!("{other} is no list"),
    };
    let offsets = arrow::buffer::OffsetBuffer::from_lengths([2, 0]);
    let nested = ListArray::new(inner, offsets, Arc::clone(&spans), None);
    let arrays: Vec<ArrayRef> = vec![
        spans,
        Arc::new(uuid.unwrap()),
        Arc::new(raw),
        Arc::new(at),
        list,
        Arc::new(nested),
        texts(["abc", "d"]),
    ];
    let table = fixture.table("t", &columns, vec![arrays.clone()]).await;
    let answer = fixture.query(&[&table], "select * from t").await;
    let batches = answer.result.as_ref().unwrap();
    let schema = batches[0].schema();
    assert_eq!(schema.field(1).metadata()["pg.type"], "uuid/-1");
    assert_eq!(schema.field(6).metadata()["pg.type"], "varchar/7");
    let batch = arrow::compute::concat_batches(&schema, batches).unwrap();
    for (read, written) in batch.columns().iter().zip(&arrays) {
        assert_eq!(read.as_ref(), written.as_ref());
    }
}

#[tokio::test]
async fn nulls_stay_null() {
    let fixture = Fixture::new().await;
    let values: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(3)]));
    let table = fixture
        .table("t", &[("a", ColumnType::Int32)], vec![vec![values]])
        .await;
    let answer = fixture
        .query(&[&table], "select count(a), count(*), sum(a) from t")
        .await;
    assert_eq!(answer.text(), "2 | 3 | 4");
    let answer = fixture
        .query(&[&table], "select count(*) from t where a is null")
        .await;
    assert_eq!(answer.text(), "1");
}

#[tokio::test]
async fn an_empty_table_has_no_rows() {
    let fixture = Fixture::new().await;
    let table = fixture
        .table("t", &[("a", ColumnType::Int32)], vec![])
        .await;
    assert_eq!(
        fixture
            .query(&[&table], "select * from t")
            .await
            .row_count(),
        0
    );
    let answer = fixture
        .query(&[&table], "select count(*), max(a), sum(a) from t")
        .await;
    assert_eq!(answer.text(), "0 | NULL | NULL");
}

#[tokio::test]
async fn a_missing_file_is_named_as_such() {
    let fixture = Fixture::new().await;
    let table = fixture
        .table(
            "orders",
            &[("a", ColumnType::Int32)],
            vec![vec![ints(0..9)]],
        )
        .await;
    let location = fixture.files(&table).await.files[0].location.clone();
    let path = fixture.folder.path().join("data").join(location.as_ref());
    std::fs::remove_file(path).unwrap();
    let error = fixture
        .query(&[&table], "select sum(a) from orders")
        .await
        .result
        .unwrap_err();
    assert_eq!(error.code, sqlstate::DATA_CORRUPTED);
    assert_eq!(error.message, "data file of table \"orders\" is missing");
}

#[tokio::test]
async fn a_damaged_file_is_an_error() {
    let fixture = Fixture::new().await;
    let table = fixture
        .table("t", &[("a", ColumnType::Int32)], vec![vec![ints(0..9)]])
        .await;
    let location = fixture.files(&table).await.files[0].location.clone();
    let path = fixture.folder.path().join("data").join(location.as_ref());
    let bytes = std::fs::metadata(&path).unwrap().len();
    std::fs::write(&path, vec![0; usize::try_from(bytes).unwrap()]).unwrap();
    let error = fixture
        .query(&[&table], "select sum(a) from t")
        .await
        .result
        .unwrap_err();
    assert_eq!(error.code, sqlstate::DATA_CORRUPTED);
}

#[tokio::test]
async fn deleted_rows_stay_out_however_the_file_is_split() {
    let fixture = Fixture::with_row_groups(100).await;
    let table = fixture
        .table("t", &[("a", ColumnType::Int64)], vec![vec![longs(0..1000)]])
        .await;
    let deleted: Vec<u64> = (0..1000)
        .filter(|row| row % 3 == 0 || (200..300).contains(row))
        .collect();
    let scan = scan_without(&fixture, &table, &deleted, None).await;
    assert!(scan.config().file_groups.len() > 1);
    let answer = run_alone(Arc::new(scan), &fixture.lake).await;
    let expected: Vec<i64> = (0_i64..1000)
        .filter(|row| !deleted.contains(&row.cast_unsigned()))
        .collect();
    assert_eq!(sorted_longs(&answer), expected);
}

#[tokio::test]
async fn inlined_rows_follow_the_files() {
    let fixture = Fixture::with_row_groups(100).await;
    let table = fixture
        .table("t", &[("a", ColumnType::Int64)], vec![vec![longs(0..5)]])
        .await;
    let schema = Arc::clone(TableColumns::new(table.columns.clone()).schema());
    let inlined = RecordBatch::try_new(schema, vec![longs([100, 101])]).unwrap();
    let scan = scan_without(&fixture, &table, &[1], Some(inlined)).await;
    let answer = run_alone(Arc::new(scan), &fixture.lake).await;
    assert_eq!(sorted_longs(&answer), [0, 2, 3, 4, 100, 101]);
}

#[tokio::test]
async fn a_limit_counts_inlined_rows_behind_a_file() {
    let fixture = Fixture::with_row_groups(100).await;
    let table = fixture
        .table("t", &[("a", ColumnType::Int64)], vec![vec![longs(0..5)]])
        .await;
    let schema = Arc::clone(TableColumns::new(table.columns.clone()).schema());
    let inlined = RecordBatch::try_new(schema, vec![longs([100, 101])]).unwrap();
    let list = fixture.files(&table).await;
    let deleted = DeletedPositions { positions: vec![1] };
    let file = ScanFile::new(&list.files[0], Some(Arc::new(deleted)), Vec::new()).unwrap();
    let whole = |group, _: &ConfigOptions| vec![group];
    let scan = scan_of_groups(&fixture, &table, file, Some(inlined), whole);
    assert_eq!(scan.properties().output_partitioning().partition_count(), 1);
    for (limit, count) in [(2, 2), (4, 4), (5, 5), (9, 6)] {
        let limited = scan.with_fetch(Some(limit)).unwrap();
        let answer = run_alone(limited, &fixture.lake).await;
        assert_eq!(sorted_longs(&answer).len(), count, "limit {limit}");
    }
}

/// A scan of the table's only file without the rows at `deleted`.
pub(super) async fn scan_without(
    fixture: &Fixture,
    table: &Arc<Table>,
    deleted: &[u64],
    inlined: Option<RecordBatch>,
) -> LakeScanExec {
    let list = fixture.files(table).await;
    let deleted = Arc::new(DeletedPositions {
        positions: deleted.to_vec(),
    });
    let file = ScanFile::new(&list.files[0], Some(deleted), Vec::new()).unwrap();
    scan_of(fixture, table, file, inlined)
}

/// A scan of one file as it is described.
pub(super) fn scan_of(
    fixture: &Fixture,
    table: &Arc<Table>,
    file: ScanFile,
    inlined: Option<RecordBatch>,
) -> LakeScanExec {
    scan_of_groups(fixture, table, file, inlined, split_files)
}

/// A scan of one file, cut into partitions by `groups`.
fn scan_of_groups(
    fixture: &Fixture,
    table: &Arc<Table>,
    file: ScanFile,
    inlined: Option<RecordBatch>,
    groups: impl FnOnce(FileGroup, &ConfigOptions) -> Vec<FileGroup>,
) -> LakeScanExec {
    let file = Arc::new(file);
    let columns = Arc::new(TableColumns::new(table.columns.clone()));
    let metrics_set = ExecutionPlanMetricsSet::new();
    let spec = ScanSpec {
        lake: fixture.lake.uuid().to_owned(),
        table_id: TableId(table.id.0),
        snapshot: SnapshotId(1),
        table: Arc::from(table.name.as_str()),
        label: table.name.clone(),
        columns: Arc::clone(&columns),
        file_count: 1,
        kept_count: 1,
        row_filters: false,
        meter: Arc::default(),
        pruned_bytes: 0,
        is_begun: AtomicBool::new(false),
        metrics: ScanMetrics::new(&metrics_set),
        metrics_set,
    };
    let session = session();
    let env = session.runtime_env();
    register_store(&fixture.lake, &env).unwrap();
    let options = Arc::clone(session.state().config_options());
    let all: Vec<usize> = (0..columns.all().len()).collect();
    let parts = SourceParts {
        url: object_store_url(&fixture.lake).unwrap(),
        store: fixture.lake.object_store(),
        groups: groups(FileGroup::new(vec![file.listed(None, false)]), &options),
        projection: ProjectionExprs::from_indices(&all, columns.schema()),
        predicate: None,
        limit: None,
        statistics: None,
    };
    let source = parts.build(&spec, &options, &env).unwrap();
    LakeScanExec::new(Arc::new(spec), source, inlined)
}

fn sorted_longs(answer: &Answer) -> Vec<i64> {
    let batches = answer.result.as_ref().unwrap();
    let columns = batches.iter().map(|batch| {
        arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(batch.column(0)).clone()
    });
    let mut values: Vec<i64> = columns
        .flat_map(|column| column.values().to_vec())
        .collect();
    values.sort_unstable();
    values
}
