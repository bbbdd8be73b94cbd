//! Sort keys: in the format's tables, through renames, beside other changes.

use super::*;
use crate::catalog::{Condition, Selection, Write, decode};
use crate::spec::rows::{SortExpressionRow, SortInfoRow};
use crate::{ColumnType, SortPart, SortValue};

fn by(column: i64) -> SortPart {
    SortPart {
        value: SortValue::Column(ColumnId(column)),
        descending: false,
        nulls_first: false,
    }
}

impl Bench {
    async fn set_sort_key(&self, id: TableId, parts: Vec<SortPart>) {
        let mut transaction = self.begin().await;
        transaction.set_sort_key(id, parts).expect("a sort key");
        transaction.commit().await.expect("a commit");
    }

    /// The parts of a table's key at the head.
    async fn sort_key(&self, id: TableId) -> Vec<SortPart> {
        let head = self.lake.head().await.expect("a head");
        let table = head.table(id).expect("the table");
        let key = table.sort_key.as_ref();
        key.map_or(Vec::new(), |key| key.parts.clone())
    }

    /// The catalog's rows of live keys: table, expression.
    async fn sort_rows(&self) -> Vec<(i64, String)> {
        let keys = Selection::of::<SortInfoRow>(vec![Condition::Live]);
        let parts = Selection::of::<SortExpressionRow>(Vec::new());
        let mut rows = self.lake.catalog().select(&[keys, parts]).await;
        let rows = rows.as_mut().expect("rows");
        let parts: Vec<SortExpressionRow> = decode(rows.pop().expect("parts")).expect("parts");
        let keys: Vec<SortInfoRow> = decode(rows.pop().expect("keys")).expect("keys");
        let is_live = |part: &&SortExpressionRow| {
            let mut keys = keys.iter();
            keys.any(|key| key.sort_id == part.sort_id && key.table_id == part.table_id)
        };
        let shown = parts.iter().filter(is_live);
        shown
            .map(|part| (part.table_id, part.expression.clone()))
            .collect()
    }
}

#[tokio::test]
async fn a_sort_key_survives_a_restart_and_a_new_name_of_its_column() {
    let bench = Bench::new().await;
    let (one, two) = (bench.table("one").await, bench.table("two").await);
    bench.set_sort_key(one, vec![by(2), by(1)]).await;
    bench.set_sort_key(two, vec![by(1)]).await;
    let expected = |first: &str| {
        vec![
            (one.0, format!("\"{first}\"")),
            (one.0, "\"a\"".to_owned()),
            (two.0, "\"a\"".to_owned()),
        ]
    };
    let mut found = bench.sort_rows().await;
    found.sort_by_key(|(table, _)| *table);
    assert_eq!(found, expected("b"));

    let mut transaction = bench.begin().await;
    let renamed = transaction.rename_column(one, ColumnId(2), "say \"b\"");
    renamed.expect("a rename");
    transaction.commit().await.expect("a commit");
    let mut found = bench.sort_rows().await;
    found.sort_by_key(|(table, _)| *table);
    assert_eq!(found, expected("say \"\"b\"\""));

    let bench = bench.reopen().await;
    assert_eq!(bench.sort_key(one).await, vec![by(2), by(1)]);
    assert_eq!(bench.sort_key(two).await, vec![by(1)]);
    bench.set_sort_key(one, Vec::new()).await;
    assert_eq!(bench.sort_key(one).await, Vec::new());
    assert_eq!(bench.sort_rows().await, vec![(two.0, "\"a\"".to_owned())]);
    let mut transaction = bench.begin().await;
    transaction.drop_table(two).expect("gone");
    transaction.commit().await.expect("a commit");
    assert_eq!(bench.sort_rows().await, Vec::new());
}

#[tokio::test]
async fn the_same_key_again_is_no_change() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    bench.set_sort_key(id, vec![by(1)]).await;
    let mut transaction = bench.begin().await;
    transaction.set_sort_key(id, vec![by(1)]).expect("a key");
    assert!(transaction.commit().await.expect("a commit").is_none());
}

#[tokio::test]
async fn columns_of_a_key_stay_and_take_their_new_ids_along() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    bench.set_sort_key(id, vec![by(1)]).await;
    let mut transaction = bench.begin().await;
    let dropped = transaction.drop_column(id, ColumnId(1));
    assert_eq!(dropped.expect_err("kept").kind, ErrorKind::Unsupported);
    let replaced = transaction.replace_column(id, ColumnId(1), ColumnType::Text);
    let new = replaced.await.expect("another type");
    transaction.commit().await.expect("a commit");
    assert_eq!(bench.sort_key(id).await, vec![by(new.0)]);
    assert_eq!(bench.sort_rows().await, vec![(id.0, "\"a\"".to_owned())]);
}

#[tokio::test]
async fn rows_that_others_add_meanwhile_fit_beside_a_new_key() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let mut adding = bench.begin().await;
    insert(&mut adding, id, 0, 5).await;
    bench.set_sort_key(id, vec![by(1)]).await;
    adding.commit().await.expect("a blind insert fits");
    let mut first = bench.begin().await;
    first.set_sort_key(id, vec![by(2)]).expect("a key");
    bench.set_sort_key(id, Vec::new()).await;
    let lost = first.commit().await.expect_err("both altered it");
    assert_eq!(lost.kind, ErrorKind::Conflict);
}

#[tokio::test]
async fn expressions_of_duckdbs_are_kept_and_end_what_is_sorted_by() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    bench.set_sort_key(id, vec![by(1), by(2)]).await;
    let mut catalog = bench
        .lake
        .writer()
        .expect("a primary")
        .begin_commit()
        .await
        .expect("a lock");
    let text = crate::spec::table::Value::Text("lower(b)".to_owned());
    let second = vec![Condition::Equals("sort_key_index", 1)];
    let write = Write::Update {
        table: <SortExpressionRow as crate::spec::table::Row>::TABLE,
        set: vec![("expression", text)],
        conditions: second,
    };
    catalog.apply(&[write]).await.expect("written");
    catalog.commit().await.expect("a commit");
    let bench = bench.reopen().await;
    let head = bench.lake.head().await.expect("a head");
    let key = head.table(id).expect("the table").sort_key.clone();
    let key = key.expect("a key");
    let columns: Vec<ColumnId> = key.columns().map(|(column, _)| column).collect();
    assert_eq!(columns, [ColumnId(1)]);
    assert_eq!(
        key.parts[1].value,
        SortValue::Expression("lower(b)".to_owned())
    );
    let mut transaction = bench.begin().await;
    let renamed = transaction.rename_column(id, ColumnId(2), "c");
    assert_eq!(renamed.expect_err("kept").kind, ErrorKind::Unsupported);
    let dropped = transaction.drop_column(id, ColumnId(2));
    assert_eq!(dropped.expect_err("kept").kind, ErrorKind::Unsupported);
}
