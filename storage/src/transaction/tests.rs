//! Transactions, conflicts and crash points, tested from outside.

use std::collections::BTreeSet;
use std::path::Path as FsPath;
use std::sync::{Arc, Mutex};

use arrow::array::{ArrayRef, Int32Array, StringViewArray};
use arrow::record_batch::RecordBatch;
use tempfile::TempDir;

use crate::clock::testing::AheadClock;
use crate::{
    Author, ColumnId, ColumnType, CommentTarget, Constraint, Error, ErrorKind, Faults, Lake,
    LakeOptions, LakeRole, NewColumn, NewConstraint, NewIndex, NewSchema, NewTable, NewView,
    PointFault, Relation, SchemaId, SnapshotId, TableId, Transaction, ViewColumn,
};

mod access;
mod chaos;
mod columns;
mod compaction;
mod deletes;
mod expiry;
mod inline;
mod model;
mod restore;
mod sequences;
mod sort_keys;
mod temporary;

/// Does one thing at one point, once it is told to.
#[derive(Debug, Default)]
struct Script {
    next: Mutex<Option<(&'static str, PointFault)>>,
}

impl Script {
    fn at(&self, point: &'static str, fault: PointFault) {
        *self.next.lock().expect("no panic in a test") = Some((point, fault));
    }
}

impl Faults for Script {
    fn reach(&self, point: &'static str) -> PointFault {
        let mut next = self.next.lock().expect("no panic in a test");
        match *next {
            Some((wanted, fault)) if wanted == point => {
                *next = None;
                fault
            }
            _ => PointFault::Continue,
        }
    }
}

struct Bench {
    folder: TempDir,
    script: Arc<Script>,
    clock: Arc<AheadClock>,
    lake: Lake,
    public: SchemaId,
}

impl Bench {
    async fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let script = Arc::new(Script::default());
        let clock = Arc::new(AheadClock::default());
        let lake = open_at(folder.path(), &script, &clock).await;
        let lake = lake.expect("a new lake");
        let head = lake.head().await.expect("a head");
        let public = head.schema_by_name("public").expect("schema public").id;
        Self {
            folder,
            script,
            clock,
            lake,
            public,
        }
    }

    async fn reopen(self) -> Self {
        let Self {
            folder,
            script,
            clock,
            lake,
            public,
        } = self;
        lake.close().await;
        drop(lake);
        let lake = open_at(folder.path(), &script, &clock).await;
        let lake = lake.expect("the same lake");
        Self {
            folder,
            script,
            clock,
            lake,
            public,
        }
    }

    async fn begin(&self) -> Transaction {
        let author = Author {
            role: "gotgan".to_owned(),
            application_name: "test".to_owned(),
        };
        self.lake.begin(author).await.expect("a transaction")
    }

    /// Makes table `name(a integer, b text)`.
    async fn table(&self, name: &str) -> TableId {
        let mut transaction = self.begin().await;
        transaction
            .create_table(table(self.public, name))
            .expect("a new table");
        transaction.commit().await.expect("a commit");
        self.table_id(name).await
    }

    async fn table_id(&self, name: &str) -> TableId {
        let head = self.lake.head().await.expect("a head");
        match head.relation(self.public, name) {
            Some(Relation::Table(table)) => table.id,
            other => panic!("{name} is {other:?}"),
        }
    }

    async fn row_count(&self, table: TableId) -> u64 {
        let head = self.lake.head().await.expect("a head");
        self.lake
            .files(&head, table)
            .await
            .expect("the files")
            .row_count()
    }

    fn object_count(&self) -> usize {
        parquet_files(self.folder.path()).len()
    }
}

async fn open(folder: &FsPath, script: &Arc<Script>, role: LakeRole) -> Result<Lake, Error> {
    let faults: Arc<dyn Faults> = Arc::clone(script) as Arc<dyn Faults>;
    let options = LakeOptions {
        faults: Some(faults),
        ..crate::catalog::testing::options(folder, role).await
    };
    Lake::open(options).await
}

async fn open_at(
    folder: &FsPath,
    script: &Arc<Script>,
    clock: &Arc<AheadClock>,
) -> Result<Lake, Error> {
    let options = LakeOptions {
        faults: Some(Arc::clone(script) as Arc<dyn Faults>),
        clock: Arc::clone(clock) as Arc<dyn crate::Clock>,
        ..crate::catalog::testing::options(folder, LakeRole::Primary).await
    };
    Lake::open(options).await
}

fn parquet_files(folder: &FsPath) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(parquet_files(&path));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "parquet")
        {
            found.push(path);
        }
    }
    found
}

fn column(name: &str, column_type: ColumnType) -> NewColumn {
    NewColumn {
        name: name.to_owned(),
        column_type,
        nullable: true,
        default: None,
        comment: None,
    }
}

fn table(schema_id: SchemaId, name: &str) -> NewTable {
    NewTable {
        schema_id,
        name: name.to_owned(),
        owner: "gotgan".to_owned(),
        columns: vec![
            column("a", ColumnType::Int32),
            column("b", ColumnType::Text),
        ],
        constraints: Vec::new(),
        comment: None,
    }
}

fn view(schema_id: SchemaId, name: &str, dependencies: Vec<i64>) -> NewView {
    NewView {
        schema_id,
        name: name.to_owned(),
        owner: "gotgan".to_owned(),
        text: "SELECT 1 AS one".to_owned(),
        duckdb_text: Some("SELECT 1 AS one".to_owned()),
        columns: vec![ViewColumn {
            name: "one".to_owned(),
            column_type: ColumnType::Int32,
            comment: None,
        }],
        dependencies,
        comment: None,
    }
}

/// Appends rows `from..to` to a table of [`table`]'s shape.
async fn insert(transaction: &mut Transaction, table: TableId, from: i32, to: i32) {
    let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(from..to));
    let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values(
        (from..to).map(|number| number.to_string()),
    ));
    let batch = RecordBatch::try_from_iter([("a", numbers), ("b", texts)]).expect("a batch");
    let mut writer = transaction.writer(table).await.expect("a writer");
    writer.write(batch).await.expect("written rows");
    let staged = writer.finish().await.expect("staged files");
    transaction.append(table, staged).expect("appended files");
}

fn kind<T: std::fmt::Debug>(result: Result<T, Error>) -> ErrorKind {
    result.expect_err("an error").kind
}

#[tokio::test]
async fn a_new_lake_has_public_and_reopens() {
    let bench = Bench::new().await;
    let head = bench.lake.head().await.expect("a head");
    assert_eq!(head.id(), SnapshotId(1));
    assert_eq!(
        head.schema_by_name("main").expect("schema main").id,
        SchemaId(0)
    );
    assert_eq!(
        head.schema(bench.public).expect("schema public").owner_id,
        crate::access::BOOTSTRAP_ROLE_ID
    );
    let uuid = bench.lake.uuid().to_owned();
    let bench = bench.reopen().await;
    assert_eq!(bench.lake.uuid(), uuid);
    assert_eq!(bench.lake.head().await.expect("a head").id(), SnapshotId(1));
}

/// A table with every kind of thing that a DuckLake row cannot say.
fn rich_table(schema_id: SchemaId) -> NewTable {
    let with_default = |default: &str, column: NewColumn| NewColumn {
        default: Some(default.to_owned()),
        ..column
    };
    let mut new = table(schema_id, "t");
    new.columns = vec![
        NewColumn {
            nullable: false,
            ..with_default("7", column("a", ColumnType::Int32))
        },
        column(
            "l",
            ColumnType::List(Box::new(ColumnType::Varchar(Some(5)))),
        ),
        with_default("now()", column("n", ColumnType::NumericUnbounded)),
        column("i", ColumnType::Interval),
        NewColumn {
            comment: Some("c".to_owned()),
            ..column("j", ColumnType::Jsonb)
        },
    ];
    new.comment = Some("of a table".to_owned());
    let constraint = |name: &str, constraint| NewConstraint {
        name: name.to_owned(),
        constraint,
    };
    let to_itself = Constraint::ForeignKey {
        columns: vec![ColumnId(3)],
        referenced_table: TableId(0),
        referenced_columns: vec![ColumnId(1)],
        on_delete: 'a',
        on_update: 'c',
    };
    let key = Constraint::PrimaryKey {
        columns: vec![ColumnId(1), ColumnId(3)],
    };
    let check = Constraint::Check {
        expression: "a > 0".to_owned(),
    };
    new.constraints = vec![
        constraint("t_pkey", key),
        constraint("t_check", check),
        constraint("t_self", to_itself),
    ];
    new
}

/// Every object of a picture, without what a restart may forget.
fn definitions(head: &crate::Snapshot) -> String {
    let tables: Vec<crate::Table> = head
        .tables()
        .map(|table| crate::Table {
            last_change: SnapshotId(0),
            ..(**table).clone()
        })
        .collect();
    let views: Vec<_> = head.views().collect();
    let schemas: Vec<_> = head.schemas().collect();
    format!("{tables:#?}{views:#?}{schemas:#?}")
}

#[tokio::test]
async fn definitions_survive_a_restart_as_they_were() {
    let bench = Bench::new().await;
    let mut transaction = bench.begin().await;
    let id = transaction
        .create_table(rich_table(bench.public))
        .expect("a new table");
    let index = NewIndex {
        name: "t_index".to_owned(),
        columns: vec![ColumnId(1)],
        unique: true,
        definition: "CREATE UNIQUE INDEX ...".to_owned(),
    };
    transaction.create_index(id, index).expect("a new index");
    let viewed = transaction
        .create_view(view(bench.public, "v", vec![id.0]))
        .expect("a new view");
    for target in [
        CommentTarget::ViewColumn(viewed, 0),
        CommentTarget::Schema(bench.public),
    ] {
        transaction
            .set_comment(target, Some(format!("{target:?}")))
            .expect("a comment");
    }
    transaction.commit().await.expect("a commit");

    let before = bench.lake.head().await.expect("a head");
    let bench = bench.reopen().await;
    let after = bench.lake.head().await.expect("a head");
    assert_eq!(definitions(&before), definitions(&after));
    let seen = after.table(bench.table_id("t").await).expect("the table");
    let ids: Vec<i64> = seen.columns.iter().map(|column| column.id.0).collect();
    assert_eq!(ids, [1, 2, 4, 5, 9], "nested fields take ids depth first");
    let key = Constraint::PrimaryKey {
        columns: vec![ColumnId(1), ColumnId(4)],
    };
    assert_eq!(seen.constraints[0].constraint, key, "positions became ids");
    let (table, index) = after
        .index_by_name(bench.public, "t_index")
        .expect("the index");
    assert!(table.id == seen.id && index.unique);
}

#[tokio::test]
async fn a_transaction_sees_its_own_changes_and_others_do_not() {
    let bench = Bench::new().await;
    let mut mine = bench.begin().await;
    let id = mine
        .create_table(table(bench.public, "t"))
        .expect("a new table");
    assert!(id.is_temporary());
    insert(&mut mine, id, 0, 10).await;
    insert(&mut mine, id, 10, 15).await;
    assert_eq!(mine.files(id).await.expect("own files").row_count(), 15);
    assert!(
        bench
            .begin()
            .await
            .snapshot()
            .relation(bench.public, "t")
            .is_none()
    );
    let committed = mine.commit().await.expect("a commit").expect("a snapshot");
    assert_eq!(committed, SnapshotId(2));
    let id = bench.table_id("t").await;
    assert_eq!(bench.row_count(id).await, 15);
    let head = bench.lake.head().await.expect("a head");
    assert_eq!(head.table(id).expect("the table").row_count, 15);
}

#[tokio::test]
async fn nothing_changed_makes_no_snapshot() {
    let bench = Bench::new().await;
    assert_eq!(bench.begin().await.commit().await.expect("a commit"), None);
    let mut transaction = bench.begin().await;
    let id = transaction
        .create_table(table(bench.public, "t"))
        .expect("a new table");
    insert(&mut transaction, id, 0, 3).await;
    transaction.drop_table(id).expect("a dropped table");
    assert_eq!(transaction.commit().await.expect("a commit"), None);
    assert_eq!(
        bench.object_count(),
        0,
        "uploads of the dropped table are gone"
    );
    let empty = bench.table("e").await;
    let mut transaction = bench.begin().await;
    transaction.truncate_table(empty).expect("truncated");
    assert_eq!(transaction.commit().await.expect("a commit"), None);
}

#[tokio::test]
async fn a_name_is_free_again_after_a_drop_in_the_same_transaction() {
    let bench = Bench::new().await;
    let old = bench.table("t").await;
    let mut transaction = bench.begin().await;
    insert(&mut transaction, old, 0, 5).await;
    transaction.drop_table(old).expect("a dropped table");
    let new = transaction
        .create_table(table(bench.public, "t"))
        .expect("the name is free");
    insert(&mut transaction, new, 0, 2).await;
    transaction.commit().await.expect("a commit");
    let id = bench.table_id("t").await;
    assert_ne!(id, old);
    assert_eq!(bench.row_count(id).await, 2);
    let bench = bench.reopen().await;
    assert_eq!(bench.row_count(id).await, 2);
    assert_eq!(bench.object_count(), 1);
}

#[tokio::test]
async fn a_savepoint_takes_back_what_came_after_it() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let mut transaction = bench.begin().await;
    insert(&mut transaction, id, 0, 1).await;
    let savepoint = transaction.savepoint();
    insert(&mut transaction, id, 1, 100).await;
    transaction
        .create_table(table(bench.public, "u"))
        .expect("a new table");
    transaction.rollback_to(&savepoint);
    assert_eq!(transaction.files(id).await.expect("files").row_count(), 1);
    transaction
        .create_table(table(bench.public, "u"))
        .expect("the name is free again");
    transaction.rollback_to(&savepoint);
    transaction.commit().await.expect("a commit");
    assert_eq!(bench.row_count(id).await, 1);
    assert_eq!(
        bench.object_count(),
        1,
        "the file after the savepoint is gone"
    );
    assert!(
        bench
            .lake
            .head()
            .await
            .expect("a head")
            .relation(bench.public, "u")
            .is_none()
    );
}

#[tokio::test]
async fn rollback_and_drop_leave_no_objects() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let mut transaction = bench.begin().await;
    insert(&mut transaction, id, 0, 10).await;
    assert_eq!(bench.object_count(), 1);
    transaction.rollback().await;
    assert_eq!(bench.object_count(), 0);
    assert_eq!(bench.row_count(id).await, 0);
}

#[tokio::test]
async fn truncate_ends_what_was_seen_and_keeps_what_came_meanwhile() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let mut first = bench.begin().await;
    insert(&mut first, id, 0, 10).await;
    first.commit().await.expect("a commit");
    let mut truncating = bench.begin().await;
    truncating.truncate_table(id).expect("truncated");
    assert_eq!(truncating.files(id).await.expect("files").row_count(), 0);
    insert(&mut truncating, id, 0, 2).await;
    let mut inserting = bench.begin().await;
    insert(&mut inserting, id, 0, 5).await;
    inserting.commit().await.expect("a blind insert");
    truncating
        .commit()
        .await
        .expect("inserts do not disturb a truncation");
    assert_eq!(bench.row_count(id).await, 7);
    let head = bench.lake.head().await.expect("a head");
    assert_eq!(head.table(id).expect("the table").row_count, 7);
    let bench = bench.reopen().await;
    assert_eq!(bench.row_count(id).await, 7);
}

#[tokio::test]
async fn blind_inserts_never_conflict() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let mut open = Vec::new();
    for number in 0..8 {
        let mut transaction = bench.begin().await;
        insert(&mut transaction, id, number * 10, number * 10 + 10).await;
        open.push(tokio::spawn(transaction.commit()));
    }
    let mut snapshots = BTreeSet::new();
    for commit in open {
        let id = commit
            .await
            .expect("no panic")
            .expect("a commit")
            .expect("a snapshot");
        assert!(snapshots.insert(id), "every commit is its own snapshot");
    }
    assert_eq!(bench.row_count(id).await, 80);
    let head = bench.lake.head().await.expect("a head");
    let files = bench.lake.files(&head, id).await.expect("files");
    let mut starts: Vec<i64> = files
        .files
        .iter()
        .filter_map(|file| file.row_id_start)
        .collect();
    starts.sort_unstable();
    assert_eq!(
        starts,
        [0, 10, 20, 30, 40, 50, 60, 70],
        "row ids are handed out once"
    );
    assert_eq!(files.bounds(ColumnId(1)).expect("bounds").min.len(), 8);
}

/// What two transactions do to one table `t`, or to names in the schema.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Insert,
    Delete,
    Truncate,
    Rename,
    Comment,
    Drop,
    AddCheck,
    CreateSame,
    CreateView,
}

async fn act(bench: &Bench, transaction: &mut Transaction, id: TableId, act: Act) {
    let result = match act {
        Act::Insert => {
            insert(transaction, id, 0, 3).await;
            Ok(())
        }
        Act::Delete => {
            let list = transaction.files(id).await.expect("files");
            let file = list.files[0].id;
            transaction.delete_rows(id, file, &[0]).await.map(drop)
        }
        Act::Truncate => transaction.truncate_table(id),
        Act::Rename => transaction.rename_table(id, "renamed"),
        Act::Comment => transaction.set_comment(
            CommentTarget::Table(id),
            Some(format!("{:?}", transaction.base().id())),
        ),
        Act::Drop => transaction.drop_table(id),
        Act::AddCheck => {
            let expression = "a > 0".to_owned();
            let constraint = Constraint::Check { expression };
            let new = NewConstraint {
                name: "check".to_owned(),
                constraint,
            };
            transaction.add_constraint(id, new).map(drop)
        }
        Act::CreateSame => transaction
            .create_table(table(bench.public, "same"))
            .map(drop),
        Act::CreateView => transaction
            .create_view(view(bench.public, "same", vec![id.0]))
            .map(drop),
    };
    result.expect("a change");
}

#[tokio::test]
async fn conflicts_are_as_the_matrix_says() {
    use Act::{AddCheck, Comment, CreateSame, CreateView, Delete, Drop, Insert, Rename, Truncate};
    // Mine, and what of theirs it does not stand.
    let matrix: [(Act, &[Act]); 9] = [
        (Insert, &[Rename, Drop, AddCheck]),
        (Delete, &[Delete, Truncate, Rename, Drop, AddCheck]),
        (Truncate, &[Delete, Truncate, Rename, Drop, AddCheck]),
        (Rename, &[Rename, Comment, Drop, AddCheck]),
        (Comment, &[Rename, Comment, Drop, AddCheck]),
        (Drop, &[Rename, Comment, Drop, AddCheck, CreateView]),
        (AddCheck, &[Rename, Comment, Drop, AddCheck]),
        (CreateSame, &[CreateSame, CreateView]),
        (CreateView, &[CreateSame, CreateView, Drop]),
    ];
    let all = matrix.map(|(act, _)| act);
    for (mine, refused) in matrix {
        for theirs in all {
            let bench = Bench::new().await;
            let id = bench.table("t").await;
            let mut fill = bench.begin().await;
            insert(&mut fill, id, 0, 3).await;
            fill.commit().await.expect("a commit");
            let mut my_transaction = bench.begin().await;
            act(&bench, &mut my_transaction, id, mine).await;
            let mut their_transaction = bench.begin().await;
            act(&bench, &mut their_transaction, id, theirs).await;
            their_transaction
                .commit()
                .await
                .expect("the first to commit wins");
            let files = bench.object_count();
            let outcome = my_transaction.commit().await;
            match outcome {
                Ok(_) => assert!(
                    !refused.contains(&theirs),
                    "{mine:?} over {theirs:?} passed"
                ),
                Err(error) => {
                    assert_eq!(error.kind, ErrorKind::Conflict, "{mine:?} over {theirs:?}");
                    assert!(
                        refused.contains(&theirs),
                        "{mine:?} over {theirs:?}: {error}"
                    );
                    let own = usize::from(mine == Insert);
                    assert_eq!(bench.object_count(), files - own, "uploads of the loser go");
                }
            }
            bench.reopen().await;
        }
    }
}

#[tokio::test]
async fn a_recorded_read_makes_any_change_a_conflict() {
    let bench = Bench::new().await;
    let (read, written) = (bench.table("r").await, bench.table("w").await);
    let mut mine = bench.begin().await;
    mine.record_read(read);
    insert(&mut mine, written, 0, 1).await;
    let mut theirs = bench.begin().await;
    insert(&mut theirs, read, 0, 1).await;
    theirs.commit().await.expect("a commit");
    let error = mine.commit().await.expect_err("a conflict");
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(error.message.contains("\"r\""), "{error}");
}

#[tokio::test]
async fn repin_moves_only_before_the_first_change() {
    let bench = Bench::new().await;
    let mut mine = bench.begin().await;
    let id = bench.table("t").await;
    assert!(mine.snapshot().table(id).is_none());
    mine.repin().await.expect("a new pin");
    assert!(mine.snapshot().table(id).is_some());
    insert(&mut mine, id, 0, 1).await;
    bench.table("u").await;
    mine.repin().await.expect("nothing");
    assert!(mine.snapshot().relation(bench.public, "u").is_none());
}

#[tokio::test]
async fn what_depends_on_an_object_keeps_it() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let mut transaction = bench.begin().await;
    let viewed = transaction
        .create_view(view(bench.public, "v", vec![id.0]))
        .expect("a view");
    assert_eq!(kind(transaction.drop_table(id)), ErrorKind::Exists);
    assert_eq!(
        kind(transaction.drop_schema(bench.public)),
        ErrorKind::Exists
    );
    assert_eq!(
        kind(transaction.create_table(table(bench.public, "v"))),
        ErrorKind::Exists
    );
    transaction.drop_view(viewed).expect("a dropped view");
    transaction.drop_table(id).expect("a dropped table");
    transaction
        .drop_schema(bench.public)
        .expect("a dropped schema");
    assert_eq!(
        kind(transaction.create_table(table(bench.public, "x"))),
        ErrorKind::NotFound
    );
    transaction.rollback().await;
}

#[tokio::test]
async fn a_renamed_schema_keeps_its_tables() {
    let bench = Bench::new().await;
    let mut transaction = bench.begin().await;
    let new = NewSchema {
        name: "s".to_owned(),
        owner: "gotgan".to_owned(),
    };
    let schema = transaction.create_schema(new).expect("a new schema");
    let id = transaction
        .create_table(table(schema, "t"))
        .expect("a new table");
    insert(&mut transaction, id, 0, 4).await;
    transaction.commit().await.expect("a commit");
    let head = bench.lake.head().await.expect("a head");
    let schema = head.schema_by_name("s").expect("schema s").id;
    let id = head.tables().next().expect("a table").id;
    let mut transaction = bench.begin().await;
    transaction
        .set_comment(CommentTarget::Schema(schema), Some("kept".to_owned()))
        .expect("a comment");
    let renamed = transaction.rename_schema(schema, "s2").expect("a new name");
    assert!(transaction.snapshot().relation(renamed, "t").is_some());
    transaction.commit().await.expect("a commit");
    let bench = bench.reopen().await;
    let head = bench.lake.head().await.expect("a head");
    assert!(head.schema_by_name("s").is_none());
    let schema = head.schema_by_name("s2").expect("schema s2");
    assert_eq!(schema.comment.as_deref(), Some("kept"));
    assert_eq!(head.table(id).expect("the table").schema_id, schema.id);
    assert_eq!(bench.row_count(id).await, 4);
}

#[tokio::test]
async fn a_commit_is_whole_or_absent_wherever_the_process_dies() {
    let points = [
        ("commit/after-lock", false),
        ("commit/before-sqlite-commit", false),
        ("commit/after-sqlite-commit", true),
    ];
    for (point, is_there) in points {
        let bench = Bench::new().await;
        let id = bench.table("t").await;
        let mut transaction = bench.begin().await;
        insert(&mut transaction, id, 0, 5).await;
        transaction
            .create_table(table(bench.public, "u"))
            .expect("a new table");
        bench.script.at(point, PointFault::Stop);
        assert_eq!(kind(transaction.commit().await), ErrorKind::Unavailable);
        let bench = bench.reopen().await;
        let head = bench.lake.head().await.expect("a head");
        assert_eq!(
            head.relation(bench.public, "u").is_some(),
            is_there,
            "{point}"
        );
        assert_eq!(
            bench.row_count(id).await,
            if is_there { 5 } else { 0 },
            "{point}"
        );
        // The lake goes on without help.
        let mut next = bench.begin().await;
        insert(&mut next, id, 0, 1).await;
        next.commit().await.expect("a commit");
    }
}

#[tokio::test]
async fn a_lost_reply_is_settled() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let mut transaction = bench.begin().await;
    insert(&mut transaction, id, 0, 5).await;
    bench
        .script
        .at("commit/after-sqlite-commit", PointFault::LoseReply);
    let committed = transaction.commit().await.expect("it did happen");
    assert_eq!(committed, Some(SnapshotId(3)));
    assert_eq!(bench.row_count(id).await, 5);
}

#[tokio::test]
async fn a_commit_goes_on_when_its_client_goes_away() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let mut transaction = bench.begin().await;
    insert(&mut transaction, id, 0, 5).await;
    let mut commit = Box::pin(transaction.commit());
    // One poll hands it to the lake's task.
    assert!(futures::poll!(commit.as_mut()).is_pending());
    drop(commit);
    bench.lake.close().await;
    let bench = bench.reopen().await;
    assert_eq!(bench.row_count(id).await, 5);
}

#[tokio::test]
async fn snapshot_times_only_rise() {
    let bench = Bench::new().await;
    let mut last = bench.lake.head().await.expect("a head").time();
    for number in 0..5 {
        bench.table(&format!("t{number}")).await;
        let time = bench.lake.head().await.expect("a head").time();
        assert!(time > last);
        last = time;
    }
}

#[tokio::test]
async fn a_file_list_brought_forward_equals_a_fresh_one() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let ids = |list: &crate::FileList| -> Vec<(i64, u64)> {
        list.files
            .iter()
            .map(|file| (file.id, file.row_count))
            .collect()
    };
    for round in 0..4 {
        let mut transaction = bench.begin().await;
        if round == 2 {
            transaction.truncate_table(id).expect("truncated");
        }
        insert(&mut transaction, id, 0, 10 + round).await;
        transaction.commit().await.expect("a commit");
        // Known now, so the next round reads only what changed.
        bench.row_count(id).await;
    }
    let head = bench.lake.head().await.expect("a head");
    let forward = bench.lake.files(&head, id).await.expect("files");
    let bench = bench.reopen().await;
    let head = bench.lake.head().await.expect("a head");
    let fresh = bench.lake.files(&head, id).await.expect("files");
    assert_eq!(ids(&forward), ids(&fresh));
    assert_eq!(forward.row_count(), 12 + 13);
    let bounds = |list: &crate::FileList| list.bounds(ColumnId(1)).expect("bounds").max.to_data();
    assert_eq!(bounds(&forward), bounds(&fresh));
    assert_eq!(
        head.table(id).expect("the table").row_count,
        25,
        "truncated rows do not count"
    );
}
