//! Restored tables hold just what their snapshot shows, and go their own way from there.

use super::model::{Model, read};
use super::*;
use crate::catalog::testing;
use crate::{
    NewSequence, Restore, RestoreSchema, Restored, SequenceOptions, SequenceOwner,
    SequenceOwnerKind, Snapshot,
};

/// A restore of a table at a snapshot under a name in `public`.
async fn wanted(bench: &Bench, at: SnapshotId, table: TableId, name: &str) -> Restore {
    Restore {
        from: bench.lake.snapshot(at).await.expect("a picture"),
        table,
        schema: bench.public,
        name: name.to_owned(),
        owner: "gotgan".to_owned(),
        replace: None,
    }
}

async fn restore(bench: &Bench, at: SnapshotId, table: TableId, name: &str) -> TableId {
    let wanted = wanted(bench, at, table, name).await;
    let mut transaction = bench.begin().await;
    transaction.restore_table(&wanted).await.expect("restored");
    transaction.commit().await.expect("a commit");
    bench.table_id(name).await
}

async fn shown(bench: &Bench, picture: &Snapshot, table: TableId) -> Model {
    let list = bench.lake.files(picture, table).await.expect("files");
    read(bench, picture, table, &list).await
}

async fn now(bench: &Bench) -> Arc<Snapshot> {
    bench.lake.head().await.expect("a head")
}

async fn commit(transaction: Transaction) -> SnapshotId {
    let id = transaction.commit().await.expect("a commit");
    id.expect("a snapshot")
}

/// Deletes the rows at these places of each file of a table.
async fn delete(transaction: &mut Transaction, table: TableId, positions: &[u64]) {
    let list = transaction.files(table).await.expect("files");
    for file in &list.files {
        let deleted = transaction.delete_rows(table, file.id, positions).await;
        deleted.expect("deleted");
    }
}

/// A table with a long life: each of its snapshots, the last being after its end.
async fn life(bench: &Bench) -> (TableId, Vec<SnapshotId>) {
    let id = bench.table("t").await;
    let mut snapshots = vec![now(bench).await.id()];
    let mut transaction = bench.begin().await;
    insert(&mut transaction, id, 0, 10).await;
    snapshots.push(commit(transaction).await);
    let mut transaction = bench.begin().await;
    let rows = super::inline::rows(10, 14);
    transaction.append_rows(id, rows).await.expect("rows");
    snapshots.push(commit(transaction).await);
    let mut transaction = bench.begin().await;
    delete(&mut transaction, id, &[0, 3]).await;
    transaction
        .delete_inlined_rows(id, &[11])
        .await
        .expect("deleted");
    snapshots.push(commit(transaction).await);
    let mut transaction = bench.begin().await;
    let one: ArrayRef = Arc::new(Int32Array::from(vec![7]));
    let added = transaction
        .add_column(id, column("c", ColumnType::Int32), Some(&one))
        .await
        .expect("a column");
    transaction.drop_column(id, ColumnId(2)).expect("dropped");
    snapshots.push(commit(transaction).await);
    bench
        .lake
        .flush_inlined(id, Author::default())
        .await
        .expect("flushed");
    snapshots.push(now(bench).await.id());
    let mut transaction = bench.begin().await;
    delete(&mut transaction, id, &[1]).await;
    transaction.drop_column(id, added).expect("dropped");
    snapshots.push(commit(transaction).await);
    let mut transaction = bench.begin().await;
    transaction.truncate_table(id).expect("truncated");
    snapshots.push(commit(transaction).await);
    let mut transaction = bench.begin().await;
    transaction.drop_table(id).expect("dropped");
    snapshots.push(commit(transaction).await);
    (id, snapshots)
}

#[tokio::test]
async fn each_snapshot_of_a_table_comes_back_as_it_was() {
    let bench = Bench::new().await;
    let (id, snapshots) = life(&bench).await;
    let (_, shown_in) = snapshots.split_last().expect("snapshots");
    let objects = bench.object_count();
    let mut restored = Vec::new();
    for at in shown_in {
        let name = format!("back_{at}");
        restored.push((*at, restore(&bench, *at, id, &name).await));
    }
    assert_eq!(bench.object_count(), objects, "nothing is copied");
    let bench = bench.reopen().await;
    let head = now(&bench).await;
    for (at, table) in restored {
        let then = bench.lake.snapshot(at).await.expect("a picture");
        let expected = shown(&bench, &then, id).await;
        assert_eq!(shown(&bench, &head, table).await, expected, "snapshot {at}");
        let found = head.table(table).expect("the table");
        assert_eq!(found.row_count, expected.rows.len() as u64, "snapshot {at}");
        let mut transaction = bench.begin().await;
        let new = transaction
            .add_column(table, column("new", ColumnType::Int32), None)
            .await
            .expect("a column");
        assert!(new.0 > 3, "the id of a dropped column is not used again");
        insert_keys(&mut transaction, table, 100..105).await;
        commit(transaction).await;
        let count = bench.row_count(table).await;
        assert!(count >= 5);
    }
}

/// Appends rows that have only a key.
async fn insert_keys(transaction: &mut Transaction, table: TableId, keys: std::ops::Range<i32>) {
    let picture = transaction.snapshot();
    let columns = &picture.table(table).expect("the table").columns;
    let count = keys.len();
    let arrays = columns.iter().map(|column| {
        let array: ArrayRef = match column.id.0 {
            1 => Arc::new(Int32Array::from_iter_values(keys.clone())),
            _ => arrow::array::new_null_array(&column.column_type.arrow_type(), count),
        };
        (column.name.clone(), array, true)
    });
    let batch = RecordBatch::try_from_iter_with_nullable(arrays).expect("a batch");
    transaction.append_rows(table, batch).await.expect("rows");
}

#[tokio::test]
async fn a_restored_table_and_its_source_go_their_own_ways() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let mut transaction = bench.begin().await;
    insert(&mut transaction, id, 0, 10).await;
    insert(&mut transaction, id, 10, 20).await;
    let at = commit(transaction).await;
    let back = restore(&bench, at, id, "back").await;
    let mut transaction = bench.begin().await;
    delete(&mut transaction, id, &[0, 1]).await;
    delete(&mut transaction, back, &[9]).await;
    commit(transaction).await;
    let head = now(&bench).await;
    assert_eq!(shown(&bench, &head, id).await.rows.len(), 16);
    assert_eq!(shown(&bench, &head, back).await.rows.len(), 18);
    let again = restore(&bench, now(&bench).await.id(), back, "again").await;
    let mut transaction = bench.begin().await;
    transaction.drop_table(id).expect("dropped");
    transaction.drop_table(back).expect("dropped");
    commit(transaction).await;
    let head = now(&bench).await;
    assert_eq!(shown(&bench, &head, again).await.rows.len(), 18);
    let files = bench.lake.files(&head, again).await.expect("files");
    let ids: BTreeSet<Option<i64>> = files.files.iter().map(|file| file.row_id_start).collect();
    assert_eq!(ids.len(), 2, "row ids stay apart");
}

#[tokio::test]
async fn a_restore_is_part_of_its_transaction() {
    let bench = Bench::new().await;
    let (id, snapshots) = life(&bench).await;
    let objects = bench.object_count();
    let at = snapshots[3];
    let then = bench.lake.snapshot(at).await.expect("a picture");
    let expected = shown(&bench, &then, id).await;
    let mut transaction = bench.begin().await;
    let before = transaction.savepoint();
    let wanted_one = wanted(&bench, at, id, "one").await;
    let Restored { table: one, .. } = transaction
        .restore_table(&wanted_one)
        .await
        .expect("restored");
    let taken = transaction.restore_table(&wanted_one).await;
    assert_eq!(kind(taken), ErrorKind::Exists);
    transaction.rollback_to(&before);
    assert!(transaction.snapshot().table(one).is_none());
    let two = transaction
        .restore_table(&wanted(&bench, at, id, "two").await)
        .await
        .expect("restored")
        .table;
    let three = transaction
        .restore_table(&wanted(&bench, at, id, "three").await)
        .await
        .expect("restored")
        .table;
    let list = transaction.files(two).await.expect("files");
    let seen = read(&bench, &transaction.snapshot(), two, &list).await;
    assert_eq!(seen, expected, "before its commit");
    delete(&mut transaction, two, &[5]).await;
    insert(&mut transaction, two, 50, 60).await;
    let list = transaction.files(three).await.expect("files");
    let inlined = Arc::clone(&list.inlined.as_ref().expect("inlined rows").row_ids);
    transaction
        .delete_inlined_rows(three, &inlined)
        .await
        .expect("deleted");
    commit(transaction).await;
    let head = now(&bench).await;
    let count = expected.rows.len();
    let two = bench.table_id("two").await;
    let three = bench.table_id("three").await;
    assert_eq!(shown(&bench, &head, two).await.rows.len(), count - 1 + 10);
    assert_eq!(shown(&bench, &head, three).await.rows.len(), count - 3);
    let mut transaction = bench.begin().await;
    transaction
        .restore_table(&wanted(&bench, at, id, "four").await)
        .await
        .expect("restored");
    transaction.rollback().await;
    assert_eq!(
        bench.object_count(),
        objects + 2,
        "files and deletes of `two`"
    );
    let head = now(&bench).await;
    assert!(head.relation(bench.public, "four").is_none());
}

#[tokio::test]
async fn everything_that_was_declared_comes_back() {
    let bench = Bench::new().await;
    let mut transaction = bench.begin().await;
    let id = transaction
        .create_table(rich_table(bench.public))
        .expect("a table");
    let index = NewIndex {
        name: "t_index".to_owned(),
        columns: vec![ColumnId(1)],
        unique: true,
        definition: "CREATE UNIQUE INDEX ...".to_owned(),
    };
    let index = transaction.create_index(id, index).expect("an index");
    let target = CommentTarget::Index(id, index);
    let comment = Some("of an index".to_owned());
    transaction.set_comment(target, comment).expect("a comment");
    let at = commit(transaction).await;
    let id = bench.table_id("t").await;
    let back = restore(&bench, at, id, "back").await;
    let bench = bench.reopen().await;
    let head = now(&bench).await;
    let (old, new) = (head.table(id).expect("old"), head.table(back).expect("new"));
    assert_eq!(new.columns, old.columns);
    assert_eq!(new.comment, old.comment);
    let plain = |table: &crate::Table| -> Vec<(String, Constraint)> {
        let entries = table.constraints.iter();
        entries
            .map(|entry| {
                let text = format!("{:?}", entry.constraint);
                let own = format!("TableId({})", table.id);
                (text.replace(&own, "itself"), entry.constraint.clone())
            })
            .collect()
    };
    let texts = |table| -> Vec<String> { plain(table).into_iter().map(|(text, _)| text).collect() };
    assert_eq!(texts(new), texts(old));
    assert_eq!(new.indexes[0].name, "t_index_2");
    assert_eq!(new.indexes[0].comment.as_deref(), Some("of an index"));
    assert_ne!(new.constraints[0].id, old.constraints[0].id);
    assert_ne!(new.uuid, old.uuid);
}

#[tokio::test]
async fn a_foreign_key_stays_behind_with_what_it_points_at() {
    let bench = Bench::new().await;
    let kept = bench.table("kept").await;
    let gone = bench.table("gone").await;
    let mut transaction = bench.begin().await;
    let mut new = table(bench.public, "t");
    for (name, target) in [("to_kept", kept), ("to_gone", gone)] {
        new.constraints.push(NewConstraint {
            name: name.to_owned(),
            constraint: Constraint::ForeignKey {
                columns: vec![ColumnId(1)],
                referenced_table: target,
                referenced_columns: vec![ColumnId(1)],
                on_delete: 'a',
                on_update: 'a',
            },
        });
    }
    transaction.create_table(new).expect("a table");
    let at = commit(transaction).await;
    let id = bench.table_id("t").await;
    let mut transaction = bench.begin().await;
    transaction.drop_table(id).expect("dropped");
    transaction.drop_table(gone).expect("dropped");
    commit(transaction).await;
    let back = restore(&bench, at, id, "t").await;
    let head = now(&bench).await;
    let names = head.table(back).expect("the table").constraints.iter();
    let names: Vec<&str> = names.map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["to_kept"]);
}

#[tokio::test]
async fn an_identity_goes_on_where_it_was() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let mut transaction = bench.begin().await;
    let sequence = transaction
        .create_sequence(NewSequence {
            schema_id: bench.public,
            name: "t_a_seq".to_owned(),
            owner: "gotgan".to_owned(),
            options: SequenceOptions {
                data_type: ColumnType::Int64,
                start: 1,
                increment: 1,
                min: 1,
                max: i64::MAX,
                cache: 1,
                cycle: false,
            },
            owned_by: Some(SequenceOwner {
                table: id,
                column: ColumnId(1),
                kind: SequenceOwnerKind::IdentityAlways,
            }),
        })
        .expect("a sequence");
    let used = transaction.reserve_sequence(sequence, 5).await;
    assert_eq!(used.expect("values").expect("values").count, 5);
    let at = commit(transaction).await;
    let mut transaction = bench.begin().await;
    transaction.drop_table(id).expect("dropped");
    commit(transaction).await;
    let back = restore(&bench, at, id, "t").await;
    let head = now(&bench).await;
    let sequence = head.identity(back, ColumnId(1)).expect("an identity");
    assert_eq!(sequence.name, "t_a_seq");
    let block = bench.lake.reserve_sequence(sequence.id, 1).await;
    assert_eq!(block.expect("values").expect("a value").first, 6);
}

#[tokio::test]
async fn a_restore_in_place_keeps_what_was_there_and_takes_its_dependents() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let mut transaction = bench.begin().await;
    insert(&mut transaction, id, 0, 10).await;
    let at = commit(transaction).await;
    let mut transaction = bench.begin().await;
    transaction.truncate_table(id).expect("truncated");
    let new = view(bench.public, "v", vec![id.0]);
    transaction.create_view(new).expect("a view");
    commit(transaction).await;
    let mut transaction = bench.begin().await;
    let restore = Restore {
        replace: Some(id),
        ..wanted(&bench, at, id, "ignored").await
    };
    let restored = transaction.restore_table(&restore).await.expect("restored");
    assert_eq!(restored.old_name.as_deref(), Some("t_replaced"));
    assert_eq!(restored.views.len(), 1);
    commit(transaction).await;
    let head = now(&bench).await;
    assert_eq!(bench.table_id("t_replaced").await, id);
    let back = bench.table_id("t").await;
    assert_eq!(shown(&bench, &head, back).await.rows.len(), 10);
    assert_eq!(shown(&bench, &head, id).await.rows.len(), 0);
    assert_eq!(head.dependents(id.0), []);
    assert_eq!(head.dependents(back.0).len(), 1);
    let mut transaction = bench.begin().await;
    transaction.drop_table(id).expect("nothing depends on it");
    commit(transaction).await;
}

#[tokio::test]
async fn nothing_is_restored_from_a_snapshot_that_expired_meanwhile() {
    let bench = Bench::new().await;
    let (id, snapshots) = life(&bench).await;
    let at = snapshots[2];
    let mut transaction = bench.begin().await;
    transaction
        .restore_table(&wanted(&bench, at, id, "back").await)
        .await
        .expect("restored");
    let mut catalog = bench
        .lake
        .writer()
        .expect("a primary")
        .begin_commit()
        .await
        .expect("the lock");
    let delete = crate::catalog::Write::Delete {
        table: <crate::spec::rows::SnapshotRow as crate::spec::table::Row>::TABLE,
        conditions: vec![crate::catalog::Condition::Equals("snapshot_id", at.0)],
    };
    catalog.apply(&[delete]).await.expect("deleted");
    catalog.commit().await.expect("a commit");
    let error = transaction.commit().await.expect_err("expired");
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert_eq!(error.message, format!("snapshot {at} is not kept any more"));
    let count = "SELECT count(*) FROM gotgan_restore";
    assert_eq!(testing::number(bench.folder.path(), count).await, 0);
    let missing = wanted(&bench, snapshots[8], id, "back").await;
    let mut transaction = bench.begin().await;
    let error = transaction.restore_table(&missing).await;
    assert_eq!(kind(error), ErrorKind::NotFound);
}

/// Drops a schema with two tables and two views.
async fn drop_all(bench: &Bench, schema: SchemaId) {
    let mut transaction = bench.begin().await;
    let picture = transaction.snapshot();
    let named = |name: &str| picture.relation(schema, name).expect("a relation");
    for name in ["a_view", "z_view"] {
        if let Relation::View(view) = named(name) {
            transaction.drop_view(view.id).expect("dropped");
        }
    }
    for name in ["a_child", "z_parent"] {
        if let Relation::Table(table) = named(name) {
            transaction.drop_table(table.id).expect("dropped");
        }
    }
    transaction.drop_schema(schema).expect("dropped");
    commit(transaction).await;
}

/// Makes schema `s` with two tables, one of which points at the other, and two views, one
/// of which reads the other.
async fn make_schema(bench: &Bench) -> SnapshotId {
    let mut transaction = bench.begin().await;
    let schema = transaction
        .create_schema(NewSchema {
            name: "s".to_owned(),
            owner: "gotgan".to_owned(),
        })
        .expect("a schema");
    let parent = transaction
        .create_table(table(schema, "z_parent"))
        .expect("a table");
    insert(&mut transaction, parent, 0, 5).await;
    let mut child = table(schema, "a_child");
    child.constraints = vec![NewConstraint {
        name: "to_parent".to_owned(),
        constraint: Constraint::ForeignKey {
            columns: vec![ColumnId(1)],
            referenced_table: parent,
            referenced_columns: vec![ColumnId(1)],
            on_delete: 'a',
            on_update: 'a',
        },
    }];
    let child = transaction.create_table(child).expect("a table");
    let on_view = transaction
        .create_view(view(schema, "z_view", vec![parent.0, child.0]))
        .expect("a view");
    transaction
        .create_view(view(schema, "a_view", vec![on_view.0]))
        .expect("a view");
    commit(transaction).await
}

#[tokio::test]
async fn a_schema_comes_back_with_its_tables_keys_and_views() {
    let bench = Bench::new().await;
    let at = make_schema(&bench).await;
    let head = now(&bench).await;
    let schema = head.schema_by_name("s").expect("the schema").id;
    let restored = |name: &str| RestoreSchema {
        from: Arc::clone(&head),
        schema,
        name: name.to_owned(),
        owner: "gotgan".to_owned(),
    };
    let mut transaction = bench.begin().await;
    let copy = transaction.restore_schema(&restored("copy")).await;
    let copy = copy.expect("restored");
    assert_eq!((copy.tables.len(), copy.view_count), (2, 0));
    assert_eq!(copy.left_out.len(), 2, "their text names the old schema");
    let taken = transaction.restore_schema(&restored("s")).await;
    assert_eq!(kind(taken), ErrorKind::Exists);
    commit(transaction).await;
    drop_all(&bench, schema).await;
    let dropped = bench.lake.dropped_schemas().await.expect("dropped schemas");
    let from = bench
        .lake
        .snapshot(dropped[0].last)
        .await
        .expect("a picture");
    let mut transaction = bench.begin().await;
    let back = transaction
        .restore_schema(&RestoreSchema {
            from,
            schema: dropped[0].id,
            ..restored("s")
        })
        .await
        .expect("restored");
    assert_eq!((back.tables.len(), back.view_count), (2, 2));
    commit(transaction).await;
    let bench = bench.reopen().await;
    let head = now(&bench).await;
    for name in ["copy", "s"] {
        let schema = head.schema_by_name(name).expect("the schema").id;
        let named = |name: &str| match head.relation(schema, name) {
            Some(Relation::Table(table)) => table,
            other => panic!("{name} is {other:?}"),
        };
        let (parent, child) = (named("z_parent"), named("a_child"));
        let Constraint::ForeignKey {
            referenced_table, ..
        } = child.constraints[0].constraint
        else {
            panic!("no key");
        };
        assert_eq!(referenced_table, parent.id, "{name}");
        assert_eq!(shown(&bench, &head, parent.id).await.rows.len(), 5);
        let dependents = head.dependents(parent.id.0).len();
        assert_eq!(dependents, usize::from(name == "s"), "{name}");
    }
    let restores = bench.lake.restores(10).await.expect("restores");
    assert_eq!(restores.len(), 4);
    let names: BTreeSet<&str> = restores
        .iter()
        .map(|entry| entry.target_name[0].as_str())
        .collect();
    assert_eq!(names, BTreeSet::from(["copy", "s"]));
    let parent = restores.iter().find(|entry| entry.row_count > 0);
    let parent = parent.expect("the parent");
    assert_eq!((parent.from >= at, parent.row_count), (true, 5));
    assert_eq!(parent.source_name, ["s".to_owned(), "z_parent".to_owned()]);
}

#[tokio::test]
async fn a_preview_tells_what_a_restore_would_bring() {
    let bench = Bench::new().await;
    let (id, snapshots) = life(&bench).await;
    let [_, _, _, at, .., last, _] = snapshots[..] else {
        panic!("too few snapshots");
    };
    let then = bench.lake.snapshot(at).await.expect("a picture");
    let today = bench.lake.snapshot(last).await.expect("a picture");
    let alone = bench.lake.preview_restore(&then, id, None).await;
    let alone = alone.expect("a preview");
    assert_eq!((alone.row_count, alone.file_count), (11, 1));
    assert!(alone.bytes > 0 && alone.row_count_now.is_none());
    let compared = bench
        .lake
        .preview_restore(&then, id, Some((&today, id)))
        .await;
    let compared = compared.expect("a preview");
    assert_eq!((compared.row_count, compared.row_count_now), (11, Some(0)));
    let columns: Vec<(bool, bool)> = compared
        .columns
        .iter()
        .map(|column| (column.then.is_some(), column.now.is_some()))
        .collect();
    assert_eq!(columns, [(true, false)], "the dropped column");
}
