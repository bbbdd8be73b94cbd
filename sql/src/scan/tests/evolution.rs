//! Files written before the table's columns were changed.

use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;
use gotgan_storage::{Column, ColumnId, ColumnType, NameMapping, NameMappingEntry, Table};

use super::fixture::{Fixture, ints, longs, run_alone, texts};
use super::rows::scan_of;
use crate::scan::file::ScanFile;

const COLUMNS: [(&str, ColumnType); 3] = [
    ("a", ColumnType::Int32),
    ("b", ColumnType::Text),
    ("c", ColumnType::Int32),
];

async fn changed(fixture: &Fixture, change: impl Fn(&mut Vec<Column>)) -> Arc<Table> {
    let files = vec![
        vec![ints([1, 2]), texts(["x", "y"]), ints([10, 20])],
        vec![ints([3]), texts(["z"]), ints([30])],
    ];
    let table = fixture.table("t", &COLUMNS, files).await;
    let mut changed = table.as_ref().clone();
    change(&mut changed.columns);
    Arc::new(changed)
}

fn added(name: &str, column_type: ColumnType, initial_default: Option<&str>) -> Column {
    Column {
        id: ColumnId(90),
        name: name.to_owned(),
        column_type,
        nullable: true,
        default: None,
        initial_default: initial_default.map(str::to_owned),
        comment: None,
        children: Vec::new(),
    }
}

#[tokio::test]
async fn a_renamed_column_keeps_its_values() {
    let fixture = Fixture::new().await;
    let table = changed(&fixture, |columns| columns[1].name = "label".to_owned()).await;
    let answer = fixture
        .query(&[&table], "select label, a from t order by a")
        .await;
    assert_eq!(answer.text(), "x | 1\ny | 2\nz | 3");
    let answer = fixture
        .query(&[&table], "select a from t where label = 'z'")
        .await;
    assert_eq!(answer.text(), "3");
    assert!(
        answer.explain().contains("files=1/2"),
        "{}",
        answer.explain()
    );
}

#[tokio::test]
async fn columns_that_swap_names_swap_nothing_else() {
    let fixture = Fixture::new().await;
    let table = changed(&fixture, |columns| {
        columns[0].name = "b".to_owned();
        columns[1].name = "a".to_owned();
    })
    .await;
    let answer = fixture
        .query(&[&table], "select a, b, c from t where b < 3 order by b")
        .await;
    assert_eq!(answer.text(), "x | 1 | 10\ny | 2 | 20");
}

#[tokio::test]
async fn a_dropped_columns_data_never_comes_back() {
    let fixture = Fixture::new().await;
    let table = changed(&fixture, |columns| {
        columns.remove(1);
        columns.push(added("b", ColumnType::Text, None));
    })
    .await;
    let answer = fixture.query(&[&table], "select * from t order by a").await;
    assert_eq!(answer.text(), "1 | 10 | NULL\n2 | 20 | NULL\n3 | 30 | NULL");
    let answer = fixture
        .query(&[&table], "select count(*) from t where b is null")
        .await;
    assert_eq!(answer.text(), "3");
}

#[tokio::test]
async fn an_added_column_has_its_initial_default() {
    let fixture = Fixture::new().await;
    let cases = [
        (ColumnType::Int64, "7", "7"),
        (
            ColumnType::Numeric {
                precision: 10,
                scale: 2,
            },
            "1.50",
            "1.50",
        ),
        (ColumnType::Text, "none", "none"),
        (ColumnType::Boolean, "true", "true"),
        (ColumnType::Date, "2024-02-29", "2024-02-29"),
        (
            ColumnType::Timestamp,
            "2024-02-29 10:00:00",
            "2024-02-29T10:00:00",
        ),
        (ColumnType::Bytea, r"a\x00", "6100"),
        (
            ColumnType::Uuid,
            "00112233-4455-6677-8899-aabbccddeeff",
            "00112233445566778899aabbccddeeff",
        ),
    ];
    let table = changed(&fixture, |_| {}).await;
    for (column_type, default, expected) in cases {
        let mut changed = table.as_ref().clone();
        changed.columns.push(added("d", column_type, Some(default)));
        let answer = fixture
            .query(&[&Arc::new(changed)], "select d from t where a = 1")
            .await;
        assert_eq!(answer.text(), expected);
    }
}

#[tokio::test]
async fn a_filter_sees_the_initial_default() {
    let fixture = Fixture::new().await;
    let table = changed(&fixture, |columns| {
        columns.push(added("d", ColumnType::Int64, Some("7")))
    })
    .await;
    for (filter, expected) in [("d = 7", "3"), ("d = 8", "0"), ("d is null", "0")] {
        let sql = format!("select count(*) from t where {filter}");
        assert_eq!(
            fixture.query(&[&table], &sql).await.text(),
            expected,
            "{filter}"
        );
    }
}

#[tokio::test]
async fn a_widened_column_reads_old_files() {
    let fixture = Fixture::new().await;
    let table = changed(&fixture, |columns| {
        columns[0].column_type = ColumnType::Int64
    })
    .await;
    let answer = fixture
        .query(&[&table], "select a + 3000000000 from t where a > 2")
        .await;
    assert_eq!(answer.text(), "3000000003");
    let answer = fixture
        .query(&[&table], "select sum(a) from t where a >= 2")
        .await;
    assert_eq!(answer.text(), "5");
}

#[tokio::test]
async fn a_renamed_column_still_prunes_inside_its_files() {
    let fixture = Fixture::with_row_groups(100).await;
    let table = fixture
        .table("t", &[("a", ColumnType::Int32)], vec![vec![ints(0..1000)]])
        .await;
    let mut changed = table.as_ref().clone();
    changed.columns[0].name = "x".to_owned();
    let sql = "select x from t where x >= 998 order by x";
    let answer = fixture.query(&[&Arc::new(changed)], sql).await;
    assert_eq!(answer.text(), "998\n999");
    // One row group of ten was decoded.
    assert_eq!(answer.scan().metrics().unwrap().output_rows(), Some(100));
}

#[tokio::test]
async fn a_file_of_another_program_is_read_by_its_mapping() {
    let fixture = Fixture::new().await;
    let columns = [("a", ColumnType::Int64), ("b", ColumnType::Int64)];
    let table = fixture
        .table("t", &columns, vec![vec![longs([1]), longs([2])]])
        .await;
    let entry = |ordinal, name: &str, target| NameMappingEntry {
        ordinal,
        source_name: name.to_owned(),
        target,
        parent: None,
        is_partition: false,
    };
    let entries = vec![
        entry(0, "a", table.columns[1].id),
        entry(1, "b", table.columns[0].id),
    ];
    let list = fixture.files(&table).await;
    let mut file = ScanFile::new(&list.files[0], None, Vec::new()).unwrap();
    file.name_mapping = Some(Arc::new(NameMapping { id: 1, entries }));
    let scan = scan_of(&fixture, &table, file, None);
    assert_eq!(
        run_alone(Arc::new(scan), &fixture.lake).await.text(),
        "2 | 1"
    );
}
