//! Columns that come, change and go, and tables that move.

use super::*;
use crate::{Column, Table, TypeChange};

async fn head_table(bench: &Bench, id: TableId) -> Arc<Table> {
    let head = bench.lake.head().await.expect("a head");
    Arc::clone(head.table(id).expect("the table"))
}

fn shown(table: &Table) -> Vec<(i64, String, ColumnType)> {
    let columns = table.columns.iter();
    columns
        .map(|column| (column.id.0, column.name.clone(), column.column_type.clone()))
        .collect()
}

fn ids(table: &Table) -> Vec<i64> {
    table.columns.iter().map(|column| column.id.0).collect()
}

fn key(columns: &[i64]) -> Constraint {
    Constraint::PrimaryKey {
        columns: columns.iter().map(|id| ColumnId(*id)).collect(),
    }
}

fn points_at(table: TableId, column: i64) -> Constraint {
    Constraint::ForeignKey {
        columns: vec![ColumnId(1)],
        referenced_table: table,
        referenced_columns: vec![ColumnId(column)],
        on_delete: 'a',
        on_update: 'a',
    }
}

fn constraint(name: &str, constraint: Constraint) -> NewConstraint {
    NewConstraint {
        name: name.to_owned(),
        constraint,
    }
}

fn one(value: i32) -> ArrayRef {
    Arc::new(Int32Array::from(vec![value]))
}

fn column_named<'a>(table: &'a Table, name: &str) -> &'a Column {
    table.column_by_name(name).expect("a column")
}

#[tokio::test]
async fn an_added_column_has_its_value_in_older_rows() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let mut transaction = bench.begin().await;
    insert(&mut transaction, id, 0, 5).await;
    let new = NewColumn {
        default: Some("7 + 1".to_owned()),
        comment: Some("added".to_owned()),
        ..column("c", ColumnType::Int32)
    };
    let added = transaction
        .add_column(id, new, Some(&one(8)))
        .await
        .expect("a column");
    assert_eq!(added, ColumnId(3));
    let list = column("l", ColumnType::List(Box::new(ColumnType::Text)));
    let added = transaction
        .add_column(id, list, None)
        .await
        .expect("a column");
    assert_eq!(added, ColumnId(4));
    let same = transaction
        .add_column(id, column("c", ColumnType::Text), None)
        .await;
    assert_eq!(kind(same), ErrorKind::Exists);
    assert_eq!(transaction.files(id).await.expect("files").row_count(), 5);
    transaction.commit().await.expect("a commit");
    let bench = bench.reopen().await;
    let table = head_table(&bench, id).await;
    assert_eq!(ids(&table), [1, 2, 3, 4]);
    let found = column_named(&table, "c");
    assert_eq!(found.initial_default.as_deref(), Some("8"));
    assert_eq!(found.default.as_deref(), Some("7 + 1"));
    assert_eq!(found.comment.as_deref(), Some("added"));
    assert_eq!(column_named(&table, "l").children[0].id, ColumnId(5));
    let head = bench.lake.head().await.expect("a head");
    let files = bench.lake.files(&head, id).await.expect("files");
    let bounds = files.bounds(ColumnId(3)).expect("bounds");
    assert!(
        arrow::array::Array::is_null(&bounds.null_count, 0),
        "nothing is claimed of a column that the file lacks"
    );
}

#[tokio::test]
async fn column_ids_are_never_used_again() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let mut transaction = bench.begin().await;
    transaction.drop_column(id, ColumnId(2)).expect("dropped");
    transaction.commit().await.expect("a commit");
    let mut transaction = bench.begin().await;
    let savepoint = transaction.savepoint();
    let added = transaction
        .add_column(id, column("b", ColumnType::Int32), None)
        .await
        .expect("a column");
    assert_eq!(added, ColumnId(3), "not the one that was dropped");
    transaction.rollback_to(&savepoint);
    let added = transaction
        .add_column(id, column("b", ColumnType::Int32), None)
        .await
        .expect("a column");
    transaction.drop_column(id, added).expect("dropped at once");
    transaction.commit().await.expect("a commit");
    let bench = bench.reopen().await;
    assert_eq!(ids(&*head_table(&bench, id).await), [1]);
    let mut transaction = bench.begin().await;
    let again = transaction
        .add_column(id, column("b", ColumnType::Int32), None)
        .await
        .expect("a column");
    assert!(
        again > added,
        "an id that files may hold is used up: {again}"
    );
}

#[tokio::test]
async fn an_id_that_another_one_used_up_is_not_taken() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let mut mine = bench.begin().await;
    mine.add_column(id, column("c", ColumnType::Int32), None)
        .await
        .expect("a column");
    let mut theirs = bench.begin().await;
    let added = theirs
        .add_column(id, column("d", ColumnType::Int32), None)
        .await
        .expect("a column");
    theirs.drop_column(id, added).expect("dropped at once");
    theirs.commit().await.expect("a commit");
    assert_eq!(kind(mine.commit().await), ErrorKind::Conflict);
}

#[tokio::test]
async fn keys_and_indexes_go_with_their_column() {
    let bench = Bench::new().await;
    let (id, other) = (bench.table("t").await, bench.table("o").await);
    let mut transaction = bench.begin().await;
    let check = Constraint::Check {
        expression: "a > 0".to_owned(),
    };
    for (name, what) in [("k", key(&[1, 2])), ("c", check)] {
        transaction
            .add_constraint(id, constraint(name, what))
            .expect("a constraint");
    }
    for (name, columns) in [("i1", vec![ColumnId(1)]), ("i2", vec![ColumnId(2)])] {
        let index = NewIndex {
            name: name.to_owned(),
            columns,
            unique: false,
            definition: String::new(),
        };
        transaction.create_index(id, index).expect("an index");
    }
    transaction
        .add_constraint(other, constraint("f", points_at(id, 1)))
        .expect("a foreign key");
    transaction.commit().await.expect("a commit");

    let mut transaction = bench.begin().await;
    assert_eq!(
        kind(transaction.drop_column(id, ColumnId(1))),
        ErrorKind::Exists,
        "another table points at it"
    );
    transaction.drop_column(id, ColumnId(2)).expect("dropped");
    let left = transaction.drop_column(id, ColumnId(1));
    assert!(left.is_err(), "the only column");
    transaction.commit().await.expect("a commit");
    let bench = bench.reopen().await;
    let table = head_table(&bench, id).await;
    let names: Vec<&str> = table.constraints.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["c"]);
    let names: Vec<&str> = table.indexes.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["i1"]);
}

#[tokio::test]
async fn names_defaults_and_nulls_change_in_place() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let mut transaction = bench.begin().await;
    insert(&mut transaction, id, 0, 5).await;
    let check = Constraint::Check {
        expression: "a > 0".to_owned(),
    };
    let check = transaction
        .add_constraint(id, constraint("c", check))
        .expect("a check");
    transaction
        .rename_column(id, ColumnId(1), "first")
        .expect("renamed");
    transaction
        .replace_check(id, check, "first > 0")
        .expect("another text");
    transaction
        .rename_constraint(id, check, "d")
        .expect("another name");
    assert_eq!(
        kind(transaction.rename_column(id, ColumnId(1), "b")),
        ErrorKind::Exists
    );
    assert_eq!(
        kind(transaction.rename_column(id, ColumnId(9), "x")),
        ErrorKind::NotFound
    );
    transaction
        .set_default(id, ColumnId(2), Some("'x'".to_owned()))
        .expect("a default");
    transaction
        .set_nullable(id, ColumnId(2), false)
        .expect("not null");
    transaction.commit().await.expect("a commit");
    let bench = bench.reopen().await;
    let table = head_table(&bench, id).await;
    let expected = Constraint::Check {
        expression: "first > 0".to_owned(),
    };
    assert_eq!(table.constraints[0].constraint, expected);
    assert_eq!(table.constraints[0].name, "d");
    let second = column_named(&table, "b");
    assert!(!second.nullable && second.default.as_deref() == Some("'x'"));
    assert!(second.initial_default.is_none());
    let mut transaction = bench.begin().await;
    transaction
        .set_default(id, ColumnId(2), None)
        .expect("no default");
    transaction
        .set_nullable(id, ColumnId(2), true)
        .expect("nullable");
    transaction.commit().await.expect("a commit");
    let table = head_table(&bench.reopen().await, id).await;
    let second = column_named(&table, "b");
    assert!(second.nullable && second.default.is_none());
}

#[tokio::test]
async fn types_widen_in_place_or_ask_for_a_rewrite() {
    let bench = Bench::new().await;
    let list = |element| ColumnType::List(Box::new(element));
    let mut new = table(bench.public, "t");
    new.columns.push(column("l", list(ColumnType::Int32)));
    new.columns.push(column("v", ColumnType::Varchar(Some(5))));
    let mut transaction = bench.begin().await;
    transaction.create_table(new).expect("a table");
    transaction.commit().await.expect("a commit");
    let id = bench.table_id("t").await;
    let mut transaction = bench.begin().await;
    let changes = [
        (1, ColumnType::Int64, TypeChange::InPlace),
        (1, ColumnType::Int32, TypeChange::NeedsRewrite),
        (2, ColumnType::Varchar(Some(9)), TypeChange::NeedsRewrite),
        (3, list(ColumnType::Int64), TypeChange::InPlace),
        (5, ColumnType::Varchar(Some(9)), TypeChange::InPlace),
        (5, ColumnType::Varchar(Some(8)), TypeChange::NeedsRewrite),
        (5, ColumnType::Text, TypeChange::InPlace),
    ];
    for (column, column_type, expected) in changes {
        let change = transaction
            .set_column_type(id, ColumnId(column), column_type.clone())
            .expect("an answer");
        assert_eq!(change, expected, "{column} {column_type:?}");
    }
    transaction.commit().await.expect("a commit");
    let bench = bench.reopen().await;
    let found = head_table(&bench, id).await;
    let expected = [
        (1, "a", ColumnType::Int64),
        (2, "b", ColumnType::Text),
        (3, "l", list(ColumnType::Int64)),
        (5, "v", ColumnType::Text),
    ];
    let expected = expected.map(|(id, name, column_type)| (id, name.to_owned(), column_type));
    assert_eq!(shown(&found), expected);
    let element = &column_named(&found, "l").children[0];
    assert_eq!(
        (element.id, &element.column_type),
        (ColumnId(4), &ColumnType::Int64)
    );
}

#[tokio::test]
async fn a_replaced_column_keeps_its_place_and_keys() {
    let bench = Bench::new().await;
    let (id, other) = (bench.table("t").await, bench.table("o").await);
    let mut transaction = bench.begin().await;
    transaction
        .add_constraint(id, constraint("k", key(&[1, 2])))
        .expect("a key");
    transaction
        .add_constraint(other, constraint("f", points_at(id, 1)))
        .expect("a foreign key");
    insert(&mut transaction, id, 0, 5).await;
    transaction.commit().await.expect("a commit");
    let mut mine = bench.begin().await;
    let new_id = mine
        .replace_column(id, ColumnId(1), ColumnType::Text)
        .await
        .expect("replaced");
    assert_eq!(new_id, ColumnId(3));
    mine.truncate_table(id).expect("truncated");
    mine.commit().await.expect("a commit");
    let bench = bench.reopen().await;
    let table = head_table(&bench, id).await;
    assert_eq!(ids(&table), [3, 2]);
    assert_eq!(table.columns[0].name, "a");
    assert_eq!(table.constraints[0].constraint, key(&[3, 2]));
    let pointing = head_table(&bench, other).await;
    assert_eq!(pointing.constraints[0].constraint, points_at(id, 3));
    let mut transaction = bench.begin().await;
    transaction
        .add_column(id, column("z", ColumnType::Int32), None)
        .await
        .expect("a column");
    transaction.commit().await.expect("a commit");
    let bench = bench.reopen().await;
    assert_eq!(ids(&*head_table(&bench, id).await), [3, 2, 4]);
}

/// What a transaction does to column `a` of table `t`, and what it does not stand.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    Insert,
    Add,
    Drop,
    Forbid,
    Allow,
    Replace,
    View,
    PointAt,
}

async fn change(bench: &Bench, transaction: &mut Transaction, id: TableId, what: Change) {
    let a = ColumnId(1);
    let result = match what {
        Change::Insert => {
            insert(transaction, id, 0, 3).await;
            Ok(())
        }
        Change::Add => transaction
            .add_column(id, column("c", ColumnType::Int32), Some(&one(1)))
            .await
            .map(drop),
        Change::Drop => transaction.drop_column(id, a),
        Change::Forbid => transaction.set_nullable(id, a, false),
        Change::Allow => transaction.set_default(id, a, Some("1".to_owned())),
        Change::Replace => transaction
            .replace_column(id, a, ColumnType::Text)
            .await
            .map(drop),
        Change::View => transaction
            .create_view(view(bench.public, "v", vec![id.0]))
            .map(drop),
        Change::PointAt => {
            let mut new = table(bench.public, "p");
            new.constraints = vec![constraint("f", points_at(id, 1))];
            transaction.create_table(new).map(drop)
        }
    };
    result.expect("a change");
}

#[tokio::test]
async fn columns_conflict_with_what_relies_on_them() {
    use Change::{Add, Allow, Drop, Forbid, Insert, PointAt, Replace, View};
    let changes: &[Change] = &[Add, Drop, Forbid, Allow, Replace];
    let with = |more: &[Change]| [changes, more].concat();
    let matrix = [
        (Insert, with(&[])),
        (Add, with(&[])),
        (Drop, with(&[View, PointAt])),
        (Forbid, with(&[Insert])),
        (Allow, with(&[])),
        (Replace, with(&[Insert, View, PointAt])),
        (View, vec![Drop, Replace, View]),
        (PointAt, vec![Drop, Replace, PointAt]),
    ];
    let all: Vec<Change> = matrix.iter().map(|(change, _)| *change).collect();
    for (mine, refused) in matrix {
        for theirs in &all {
            let bench = Bench::new().await;
            let id = bench.table("t").await;
            let mut my_transaction = bench.begin().await;
            change(&bench, &mut my_transaction, id, mine).await;
            let mut their_transaction = bench.begin().await;
            change(&bench, &mut their_transaction, id, *theirs).await;
            their_transaction.commit().await.expect("the first wins");
            match my_transaction.commit().await {
                Ok(_) => assert!(!refused.contains(theirs), "{mine:?} over {theirs:?} passed"),
                Err(error) => {
                    assert_eq!(error.kind, ErrorKind::Conflict, "{mine:?} over {theirs:?}");
                    assert!(
                        refused.contains(theirs),
                        "{mine:?} over {theirs:?}: {error}"
                    );
                }
            }
            bench.reopen().await;
        }
    }
}

#[tokio::test]
async fn a_table_moves_to_another_schema_with_its_files() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let mut transaction = bench.begin().await;
    insert(&mut transaction, id, 0, 4).await;
    let main = SchemaId(0);
    let index = NewIndex {
        name: "i".to_owned(),
        columns: vec![ColumnId(1)],
        unique: false,
        definition: String::new(),
    };
    transaction.create_index(id, index).expect("an index");
    let new = NewSchema {
        name: "s".to_owned(),
        owner: "gotgan".to_owned(),
    };
    transaction.create_schema(new).expect("a schema");
    transaction.commit().await.expect("a commit");
    let locations = |list: &crate::FileList| -> Vec<object_store::path::Path> {
        list.files
            .iter()
            .map(|file| file.location.clone())
            .collect()
    };
    let head = bench.lake.head().await.expect("a head");
    let before = locations(&bench.lake.files(&head, id).await.expect("files"));
    let other = head.schema_by_name("s").expect("schema s").id;
    let mut bench = bench;
    // Schema main has a path of its own, so the files then have absolute ones.
    for schema in [other, main, bench.public] {
        let mut transaction = bench.begin().await;
        transaction
            .set_table_schema(id, schema)
            .expect("another schema");
        assert!(transaction.snapshot().relation(schema, "t").is_some());
        insert(&mut transaction, id, 0, 1).await;
        transaction.commit().await.expect("a commit");
        bench = bench.reopen().await;
        let head = bench.lake.head().await.expect("a head");
        assert!(head.index_by_name(schema, "i").is_some());
        let after = locations(&bench.lake.files(&head, id).await.expect("files"));
        assert_eq!(before[0], after[0]);
        let folder = |path: &object_store::path::Path| path.prefix_matches(&before[0]);
        assert!(!after.iter().skip(1).any(folder));
    }
    assert_eq!(bench.row_count(id).await, 7);
    bench.table("u").await;
    let mut transaction = bench.begin().await;
    transaction
        .create_table(table(main, "u"))
        .expect("the same name elsewhere");
    let u = bench.table_id("u").await;
    assert_eq!(
        kind(transaction.set_table_schema(u, main)),
        ErrorKind::Exists
    );
}
