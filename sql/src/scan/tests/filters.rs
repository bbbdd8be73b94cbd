//! What filters, joins and limits leave unread, and that no row is lost by it.

use datafusion::physical_plan::ExecutionPlan;
use gotgan_storage::ColumnType;

use super::fixture::{Fixture, floats, ints, longs, texts};
use crate::scan::LakeTable;

#[tokio::test]
async fn files_are_pruned_by_their_bounds() {
    let fixture = Fixture::new().await;
    let files = (0..10)
        .map(|file| vec![ints(file * 100..file * 100 + 100)])
        .collect();
    let table = fixture.table("t", &[("a", ColumnType::Int32)], files).await;
    let answer = fixture
        .query(
            &[&table],
            "select count(*) from t where a between 250 and 349",
        )
        .await;
    assert_eq!(answer.text(), "100");
    assert!(
        answer.explain().contains("files=2/10"),
        "{}",
        answer.explain()
    );
    assert_eq!(answer.metric("files_pruned"), 8);
    assert_eq!(answer.metric("files_read"), 2);
    assert!(answer.metric("bytes_read") > 0);
}

#[tokio::test]
async fn files_are_pruned_by_text_and_by_null() {
    let fixture = Fixture::new().await;
    let columns = [("a", ColumnType::Int32), ("b", ColumnType::Text)];
    let nulls = arrow::array::new_null_array(&arrow::datatypes::DataType::Utf8View, 2);
    let files = vec![
        vec![ints([1, 2]), texts(["apple", "banana"])],
        vec![ints([3, 4]), texts(["pear", "quince"])],
        vec![ints([5, 6]), nulls],
    ];
    let table = fixture.table("t", &columns, files).await;
    let answer = fixture
        .query(&[&table], "select a from t where b = 'pear'")
        .await;
    assert_eq!(answer.text(), "3");
    assert!(
        answer.explain().contains("files=1/3"),
        "{}",
        answer.explain()
    );
    let answer = fixture
        .query(&[&table], "select a from t where b is null order by a")
        .await;
    assert_eq!(answer.text(), "5\n6");
    assert!(
        answer.explain().contains("files=1/3"),
        "{}",
        answer.explain()
    );
}

#[tokio::test]
async fn nan_is_above_every_bound() {
    let fixture = Fixture::with_row_groups(10).await;
    let with_nan = (0..20).map(|row| if row == 3 { f64::NAN } else { f64::from(row) });
    let files = vec![vec![floats(with_nan)], vec![floats((0..20).map(f64::from))]];
    let table = fixture
        .table("t", &[("x", ColumnType::Float64)], files)
        .await;
    let answer = fixture
        .query(&[&table], "select x from t where x > 1000")
        .await;
    assert_eq!(answer.text(), "NaN");
    assert!(
        answer.explain().contains("files=1/2"),
        "{}",
        answer.explain()
    );
    let answer = fixture
        .query(&[&table], "select x from t order by x desc limit 2")
        .await;
    assert_eq!(answer.text(), "NaN\n19.0");
}

#[tokio::test]
async fn row_groups_are_pruned_by_the_files_own_statistics() {
    let fixture = Fixture::with_row_groups(100).await;
    let table = fixture
        .table("t", &[("a", ColumnType::Int64)], vec![vec![longs(0..1000)]])
        .await;
    let answer = fixture
        .query(&[&table], "select count(*) from t where a >= 950")
        .await;
    assert_eq!(answer.text(), "50");
    let explain = answer.explain();
    assert!(explain.contains("predicate=a@0 >= 950"), "{explain}");
    // One row group of ten was decoded; the filter above took half of it.
    assert_eq!(answer.scan().metrics().unwrap().output_rows(), Some(100));
}

#[tokio::test]
async fn a_join_prunes_the_other_side_while_it_runs() {
    let fixture = Fixture::new().await;
    let files = (0..10)
        .map(|file| vec![ints(file * 100..file * 100 + 100)])
        .collect();
    let big = fixture
        .table("big", &[("a", ColumnType::Int32)], files)
        .await;
    let small = fixture
        .table(
            "small",
            &[("b", ColumnType::Int32)],
            vec![vec![ints([17, 18])]],
        )
        .await;
    let sql = "select a from big join small on a = b order by a";
    let answer = fixture.query(&[&big, &small], sql).await;
    assert_eq!(answer.text(), "17\n18");
    let explain = answer.explain();
    assert!(explain.contains("DynamicFilter"), "{explain}");
    let scans = answer.scans();
    let scan = scans
        .iter()
        .find(|scan| scan.spec().label == "big")
        .unwrap();
    assert_eq!(scan.scan_metrics().files_read.value(), 1, "{explain}");
}

#[tokio::test]
async fn the_greatest_rows_prune_while_they_are_found() {
    let fixture = Fixture::new().await;
    let files = (0..10)
        .map(|file| vec![ints(file * 100..file * 100 + 100)])
        .collect();
    let table = fixture.table("t", &[("a", ColumnType::Int32)], files).await;
    let answer = fixture
        .query(&[&table], "select a from t order by a desc limit 2")
        .await;
    assert_eq!(answer.text(), "999\n998");
    assert!(
        answer.explain().contains("DynamicFilter"),
        "{}",
        answer.explain()
    );
}

#[tokio::test]
async fn a_limit_reads_no_more_files_than_it_needs() {
    let fixture = Fixture::new().await;
    let files = (0..10)
        .map(|file| vec![ints(file * 100..file * 100 + 100)])
        .collect();
    let table = fixture.table("t", &[("a", ColumnType::Int32)], files).await;
    let answer = fixture.query(&[&table], "select * from t limit 150").await;
    assert_eq!(answer.row_count(), 150);
    let explain = answer.explain();
    assert!(
        explain.contains("files=2/10") && explain.contains("limit=150"),
        "{explain}"
    );
    let answer = fixture
        .query(&[&table], "select * from t where a >= 0 limit 150")
        .await;
    assert_eq!(answer.row_count(), 150);
    let answer = fixture
        .query(&[&table], "select * from t limit 10 offset 995")
        .await;
    assert_eq!(answer.row_count(), 5);
}

#[tokio::test]
async fn row_filters_give_the_same_rows() {
    let fixture = Fixture::with_row_groups(100).await;
    let columns = [("a", ColumnType::Int64), ("b", ColumnType::Int64)];
    let files = vec![vec![longs(0..1000), longs((0..1000).map(|row| row % 7))]];
    let table = fixture.table("t", &columns, files).await;
    let sql = "select sum(a) from t where b = 3";
    let late = fixture
        .query_as(&[&table], sql, LakeTable::with_row_filters)
        .await;
    let early = fixture.query(&[&table], sql).await;
    assert_eq!(late.text(), early.text());
    assert!(!late.explain().contains("FilterExec"), "{}", late.explain());
    assert!(
        early.explain().contains("FilterExec"),
        "{}",
        early.explain()
    );
}

#[tokio::test]
async fn a_subquery_gets_its_files_too() {
    let fixture = Fixture::new().await;
    let table = fixture
        .table("t", &[("a", ColumnType::Int32)], vec![vec![ints(0..10)]])
        .await;
    let sql = "select a from t where a = (select max(a) from t) or a in (select a from t where a < 1) \
               order by a";
    let answer = fixture.query(&[&table], sql).await;
    assert_eq!(answer.text(), "0\n9");
}
