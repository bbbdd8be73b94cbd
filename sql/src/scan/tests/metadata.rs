//! Answers from the catalog alone, and when there must be none.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array};
use datafusion::common::stats::Precision;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use gotgan_storage::ColumnType;

use super::fixture::{Fixture, floats, ints, texts};

#[tokio::test]
async fn count_min_and_max_read_no_file() {
    let fixture = Fixture::new().await;
    let nulls: ArrayRef = Arc::new(Int32Array::from(vec![None, Some(-4), Some(9)]));
    let files = vec![vec![ints([1, 2, 3])], vec![nulls]];
    let table = fixture.table("t", &[("a", ColumnType::Int32)], files).await;
    let sql = "select count(*), count(a), min(a), max(a) from t";
    let answer = fixture.query(&[&table], sql).await;
    assert_eq!(answer.text(), "6 | 5 | -4 | 9");
    assert!(answer.scans().is_empty(), "{}", answer.explain());
}

#[tokio::test]
async fn a_filter_or_a_limit_counts_rows() {
    let fixture = Fixture::new().await;
    let table = fixture
        .table("t", &[("a", ColumnType::Int32)], vec![vec![ints(0..10)]])
        .await;
    let answer = fixture
        .query(&[&table], "select count(*) from t where a > 4")
        .await;
    assert_eq!(answer.text(), "5");
    let sql = "select count(*) from (select a from t limit 3) s";
    assert_eq!(fixture.query(&[&table], sql).await.text(), "3");
    let sql = "select max(a) from (select a from t order by a limit 3) s";
    assert_eq!(fixture.query(&[&table], sql).await.text(), "2");
}

#[tokio::test]
async fn text_and_floats_ask_the_rows() {
    let fixture = Fixture::new().await;
    let columns = [("a", ColumnType::Float64), ("b", ColumnType::Text)];
    let files = vec![vec![floats([1.5, f64::NAN]), texts(["x", "y"])]];
    let table = fixture.table("t", &columns, files).await;
    let answer = fixture
        .query(&[&table], "select max(a), min(b) from t")
        .await;
    assert_eq!(answer.text(), "NaN | x");
    assert_eq!(answer.scans().len(), 1);
}

#[tokio::test]
async fn estimates_name_rows_and_bytes() {
    let fixture = Fixture::new().await;
    let columns = [("a", ColumnType::Int32), ("b", ColumnType::Text)];
    let table = fixture
        .table("t", &columns, vec![vec![ints([1, 2]), texts(["x", "y"])]])
        .await;
    let answer = fixture.query(&[&table], "select b from t").await;
    let known = StatisticsContext::new()
        .compute(&answer.scan(), &StatisticsArgs::new())
        .unwrap();
    assert_eq!(known.num_rows, Precision::Exact(2));
    assert!(matches!(
        known.column_statistics[0].min_value,
        Precision::Inexact(_)
    ));
    assert!(matches!(
        known.column_statistics[0].byte_size,
        Precision::Inexact(64)
    ));
}
