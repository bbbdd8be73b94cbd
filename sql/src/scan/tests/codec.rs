//! A scan that was encoded and decoded gives the rows it gave before.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::bytes::{
    physical_plan_from_bytes_with_extension_codec, physical_plan_to_bytes_with_extension_codec,
};
use gotgan_storage::{ColumnType, Table};

use super::fixture::{Answer, Fixture, ints, longs, run, run_alone, session, texts};
use super::rows::scan_without;
use crate::scan::columns::TableColumns;
use crate::scan::{LakeCodec, LakeScanExec};

async fn round_trip(fixture: &Fixture, plan: Arc<dyn ExecutionPlan>) -> Answer {
    let codec = LakeCodec::new(fixture.lake.clone());
    let bytes = physical_plan_to_bytes_with_extension_codec(plan, &codec).unwrap();
    let session = session();
    let context = session.task_ctx();
    let decoded = physical_plan_from_bytes_with_extension_codec(&bytes, &context, &codec).unwrap();
    run(decoded, &session).await
}

fn lines(answer: &Answer) -> Vec<String> {
    let mut lines: Vec<String> = answer.text().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn filters_projections_and_limits_survive() {
    let fixture = Fixture::with_row_groups(100).await;
    let columns = [("a", ColumnType::Int32), ("b", ColumnType::Text)];
    let files = (0..3)
        .map(|file| {
            let rows = file * 300..file * 300 + 300;
            let names = rows
                .clone()
                .map(|row| if row % 2 == 0 { "even" } else { "odd" });
            vec![ints(rows), texts(names)]
        })
        .collect();
    let table = fixture.table("t", &columns, files).await;
    for sql in [
        "select b, a from t where a > 290 and b = 'odd'",
        "select count(*) from t where a % 10 = 1",
        "select a * 2 from t where a < 5",
        "select b, count(*), max(a) from t group by b",
    ] {
        let answer = fixture.query(&[&table], sql).await;
        let decoded = round_trip(&fixture, Arc::clone(&answer.plan)).await;
        assert_eq!(lines(&decoded), lines(&answer), "{sql}");
        assert_eq!(
            decoded.scan().to_string_line(),
            answer.scan().to_string_line()
        );
    }
    let answer = fixture.query(&[&table], "select a from t limit 7").await;
    assert_eq!(round_trip(&fixture, answer.plan).await.row_count(), 7);
}

#[tokio::test]
async fn deletes_and_inlined_rows_survive() {
    let fixture = Fixture::with_row_groups(100).await;
    let table = fixture
        .table("t", &[("a", ColumnType::Int64)], vec![vec![longs(0..500)]])
        .await;
    let deleted: Vec<u64> = (0..500).filter(|row| row % 5 != 0).collect();
    let schema = Arc::clone(TableColumns::new(table.columns.clone()).schema());
    let inlined = RecordBatch::try_new(schema, vec![longs([1000])]).unwrap();
    let scan = Arc::new(scan_without(&fixture, &table, &deleted, Some(inlined)).await);
    let plan = Arc::clone(&scan) as Arc<dyn ExecutionPlan>;
    let before = run_alone(plan, &fixture.lake).await;
    let after = round_trip(&fixture, scan).await;
    assert_eq!(before.row_count(), 101);
    assert_eq!(lines(&after), lines(&before));
}

#[tokio::test]
async fn renamed_and_widened_columns_survive() {
    let fixture = Fixture::new().await;
    let columns = [
        ("a", ColumnType::Int32),
        ("b", ColumnType::Varchar(Some(9))),
    ];
    let table = fixture
        .table("t", &columns, vec![vec![ints([1, 2]), texts(["x", "y"])]])
        .await;
    let mut changed: Table = table.as_ref().clone();
    changed.columns[0].name = "number".to_owned();
    changed.columns[0].column_type = ColumnType::Int64;
    let answer = fixture
        .query(
            &[&Arc::new(changed)],
            "select number, b from t where number > 1",
        )
        .await;
    assert_eq!(answer.text(), "2 | y");
    assert_eq!(lines(&round_trip(&fixture, answer.plan).await), ["2 | y"]);
}

trait Line {
    fn to_string_line(&self) -> String;
}

impl Line for LakeScanExec {
    fn to_string_line(&self) -> String {
        datafusion::physical_plan::displayable(self)
            .one_line()
            .to_string()
    }
}
