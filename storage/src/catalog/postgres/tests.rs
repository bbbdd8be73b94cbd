//! What PostgreSQL adds: several primaries, a server that goes away, its guard.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int32Array};
use arrow::record_batch::RecordBatch;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

use crate::catalog::testing::{schema_url, server_or_skip};
use crate::{
    Author, ColumnType, Error, ErrorKind, Lake, LakeOptions, LakeRole, NewColumn, NewSequence,
    NewTable, SequenceOptions, TableId,
};

/// A schema of its own, and the folders of two nodes.
struct Place {
    server: String,
    folder: TempDir,
}

impl Place {
    fn new(test: &str) -> Option<Self> {
        let server = server_or_skip(test)?;
        let folder = TempDir::new().expect("a folder");
        Some(Self { server, folder })
    }

    async fn url(&self) -> String {
        schema_url(&self.server, self.folder.path()).await
    }

    /// How a node opens the lake: a folder of its own, the data shared.
    async fn options(&self, node: &str, role: LakeRole) -> LakeOptions {
        let data = self.folder.path().join("data");
        std::fs::create_dir_all(&data).expect("a folder");
        LakeOptions {
            catalog_url: Some(self.url().await.into()),
            data_url: Some(format!("file://{}", data.display())),
            ..LakeOptions::new(self.folder.path().join(node), role)
        }
    }

    async fn open(&self, node: &str) -> Lake {
        let options = self.options(node, LakeRole::Primary).await;
        Lake::open(options).await.expect("a primary")
    }

    async fn stranger(&self) -> PgConnection {
        let url = self.url().await;
        PgConnection::connect(&url).await.expect("a connection")
    }

    async fn execute(&self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        sql.execute(&mut self.stranger().await).await.map(drop)
    }

    /// Ends the connections of nodes whose URL names the schema as their application, as a
    /// restart of the server would.
    async fn cut(&self) {
        let schema = self.url().await;
        let (_, schema) = schema.split_once("%3D").expect("a schema");
        let sql = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE application_name = '{schema}'"
        );
        self.execute(&sql).await.expect("cut");
    }
}

fn table(lake_public: crate::SchemaId, name: &str) -> NewTable {
    NewTable {
        schema_id: lake_public,
        name: name.to_owned(),
        owner: "gotgan".to_owned(),
        columns: vec![NewColumn {
            name: "a".to_owned(),
            column_type: ColumnType::Int32,
            nullable: true,
            default: None,
            comment: None,
        }],
        constraints: Vec::new(),
        comment: None,
    }
}

async fn public(lake: &Lake) -> crate::SchemaId {
    let head = lake.head().await.expect("a head");
    head.schema_by_name("public").expect("public").id
}

async fn make_table(lake: &Lake, name: &str) -> Result<(), Error> {
    let mut transaction = lake.begin(Author::default()).await?;
    transaction.create_table(table(public(lake).await, name))?;
    transaction.commit().await.map(drop)
}

async fn table_id(lake: &Lake, name: &str) -> TableId {
    let head = lake.head().await.expect("a head");
    let found = head.tables().find(|table| table.name == name);
    found.expect("the table").id
}

async fn add_row(lake: &Lake, table: TableId, number: i32) -> Result<(), Error> {
    let mut transaction = lake.begin(Author::default()).await?;
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![number]));
    let batch = RecordBatch::try_from_iter([("a", numbers)]).expect("a batch");
    transaction.append_rows(table, batch).await?;
    transaction.commit().await.map(drop)
}

async fn row_count(lake: &Lake, table: TableId) -> u64 {
    let head = lake.head().await.expect("a head");
    let files = lake.files(&head, table).await.expect("the files");
    files.row_count()
}

#[tokio::test]
async fn two_primaries_commit_at_once_and_lose_nothing() {
    let Some(place) = Place::new("two primaries") else {
        return;
    };
    let (first, second) = (place.open("first").await, place.open("second").await);
    make_table(&first, "shared").await.expect("a table");
    make_table(&second, "other").await.expect("a table");
    let shared = table_id(&second, "shared").await;
    let other = table_id(&first, "other").await;
    let mut tasks = Vec::new();
    for lake in [&first, &second] {
        for table in [shared, other] {
            let lake = lake.clone();
            tasks.push(tokio::spawn(async move {
                for number in 0..20 {
                    add_row(&lake, table, number).await.expect("a commit");
                }
            }));
        }
    }
    for task in tasks {
        task.await.expect("a task");
    }
    for lake in [&first, &second] {
        assert_eq!(row_count(lake, shared).await, 40);
        assert_eq!(row_count(lake, other).await, 40);
        assert_eq!(lake.head().await.expect("a head").id().0, 1 + 2 + 80);
    }
    first.close().await;
    add_row(&second, shared, 1).await.expect("a commit");
    assert_eq!(row_count(&second, shared).await, 41);
}

#[tokio::test]
async fn two_primaries_conflict_as_two_sessions_do() {
    let Some(place) = Place::new("conflicts of primaries") else {
        return;
    };
    let (first, second) = (place.open("first").await, place.open("second").await);
    make_table(&first, "t").await.expect("a table");
    let id = table_id(&second, "t").await;
    let mut loser = first.begin(Author::default()).await.expect("begun");
    loser.drop_table(id).expect("dropped");
    let mut winner = second.begin(Author::default()).await.expect("begun");
    winner.drop_table(id).expect("dropped");
    winner.commit().await.expect("a commit");
    let error = loser.commit().await.expect_err("a conflict");
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert_eq!(first.head().await.expect("a head").tables().count(), 0);
    // A name is taken once, whoever is quicker.
    let (one, two) = tokio::join!(make_table(&first, "n"), make_table(&second, "n"));
    assert_ne!(one.is_ok(), two.is_ok(), "{one:?} {two:?}");
}

#[tokio::test]
async fn primaries_that_start_together_make_one_lake() {
    let Some(place) = Place::new("starting together") else {
        return;
    };
    let nodes = ["a", "b", "c", "d"];
    let opened = futures::future::join_all(nodes.map(|node| place.open(node))).await;
    let uuid = opened[0].uuid();
    assert!(opened.iter().all(|lake| lake.uuid() == uuid));
    for (lake, name) in opened.iter().zip(nodes) {
        make_table(lake, name).await.expect("a table");
    }
    assert_eq!(opened[0].head().await.expect("a head").tables().count(), 4);
}

#[tokio::test]
async fn primaries_never_share_a_value_of_a_sequence() {
    let Some(place) = Place::new("sequences of primaries") else {
        return;
    };
    let lakes = [place.open("first").await, place.open("second").await];
    let mut transaction = lakes[0].begin(Author::default()).await.expect("begun");
    let sequence = NewSequence {
        schema_id: public(&lakes[0]).await,
        name: "s".to_owned(),
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
        owned_by: None,
    };
    transaction.create_sequence(sequence).expect("a sequence");
    transaction.commit().await.expect("a commit");
    let head = lakes[1].head().await.expect("a head");
    let id = head.sequences().next().expect("the sequence").id;
    let mut tasks = Vec::new();
    for lake in &lakes {
        let lake = lake.clone();
        tasks.push(tokio::spawn(async move {
            let mut values = Vec::new();
            for count in 1..20 {
                let block = lake.reserve_sequence(id, count).await.expect("an answer");
                values.extend(block.expect("values").values());
            }
            values
        }));
    }
    let mut seen = std::collections::BTreeSet::new();
    for task in tasks {
        for value in task.await.expect("a task") {
            assert!(seen.insert(value), "{value} twice");
        }
    }
    let state = crate::SequenceState {
        last_value: 5000,
        is_called: true,
    };
    lakes[0].store_sequence_state(id, state).await.expect("set");
    let next = lakes[1].reserve_sequence(id, 1).await.expect("an answer");
    assert_eq!(next.expect("a value").first, 5001, "the other sees setval");
}

#[tokio::test]
async fn a_replica_follows_and_does_not_write() {
    let Some(place) = Place::new("a replica") else {
        return;
    };
    let options = place.options("replica", LakeRole::Replica).await;
    let error = Lake::open(options.clone()).await.expect_err("no lake yet");
    assert_eq!(error.kind, ErrorKind::NotFound);
    let primary = place.open("primary").await;
    let replica = Lake::open(options).await.expect("a replica");
    make_table(&primary, "t").await.expect("a table");
    let id = table_id(&replica, "t").await;
    add_row(&primary, id, 1).await.expect("a commit");
    assert_eq!(row_count(&replica, id).await, 1);
    let mut transaction = replica.begin(Author::default()).await.expect("begun");
    let error = transaction.drop_table(id).expect_err("a refusal");
    assert_eq!(error.kind, ErrorKind::ReadOnly);
}

#[tokio::test]
async fn a_lost_connection_is_an_error_once_at_most() {
    let Some(place) = Place::new("a lost connection") else {
        return;
    };
    let mut options = place.options("node", LakeRole::Primary).await;
    let url = place.url().await;
    let (_, schema) = url.split_once("%3D").expect("a schema");
    options.catalog_url = Some(format!("{url}&application_name={schema}").into());
    let lake = Lake::open(options).await.expect("a primary");
    make_table(&lake, "t").await.expect("a table");
    let id = table_id(&lake, "t").await;
    let mut commit = lake
        .writer()
        .expect("a primary")
        .begin_commit()
        .await
        .expect("the lock");
    place.cut().await;
    let error = commit.head().await.expect_err("no connection");
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error:?}");
    drop(commit);
    // Each connection of the pools may fail once; then all is well.
    let mut failed = 0;
    while let Err(error) = add_row(&lake, id, 1).await {
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error:?}");
        failed += 1;
        assert!(failed < 20, "{error:?}");
    }
    assert_eq!(row_count(&lake, id).await, 1);
}

#[tokio::test]
async fn the_lock_of_another_is_waited_for_within_a_bound() {
    let Some(place) = Place::new("the commit lock") else {
        return;
    };
    let first = place.open("first").await;
    let mut options = place.options("second", LakeRole::Primary).await;
    // Also the bound on connecting, which must do on a busy machine.
    options.busy_timeout = Duration::from_secs(3);
    let second = Lake::open(options).await.expect("a primary");
    let held = first
        .writer()
        .expect("a primary")
        .begin_commit()
        .await
        .expect("the lock");
    let error = make_table(&second, "t").await.expect_err("a wait too long");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert_eq!(error.message, "the catalog is locked by another program");
    assert_eq!(
        second.head().await.expect("reads go on").tables().count(),
        0
    );
    held.rollback().await.expect("rolled back");
    make_table(&second, "t").await.expect("a table");
}

#[tokio::test]
async fn other_programs_read_but_do_not_write_snapshots() {
    let Some(place) = Place::new("the guard") else {
        return;
    };
    let lake = place.open("node").await;
    for sql in [
        "INSERT INTO ducklake_snapshot VALUES (2, now(), 1, 9, 9)",
        "DELETE FROM ducklake_snapshot",
        "TRUNCATE ducklake_snapshot",
    ] {
        let error = place.execute(sql).await.expect_err("a refusal").to_string();
        assert!(error.contains("only Gotgan writes this lake"), "{error}");
    }
    let file = "INSERT INTO ducklake_data_file (data_file_id, path) VALUES (1, 'x/abc.parquet')";
    place.execute(file).await.expect("a file row");
    for path in ["main/t/x/abc.parquet", "abc.parquet", "main/t/z.parquet"] {
        let sql = format!(
            "INSERT INTO ducklake_files_scheduled_for_deletion VALUES (1, '{path}', true, now())"
        );
        place.execute(&sql).await.expect("ignored or written");
    }
    let sql = "SELECT path FROM ducklake_files_scheduled_for_deletion";
    let paths: Vec<String> = sqlx::query_scalar(sql)
        .fetch_all(&mut place.stranger().await)
        .await
        .expect("the paths");
    assert_eq!(paths, ["main/t/z.parquet"]);
    make_table(&lake, "t").await.expect("a table");
}

#[tokio::test]
async fn what_cannot_hold_a_lake_is_refused() {
    let Some(place) = Place::new("refusals") else {
        return;
    };
    let refused = async |url: String| {
        let mut options = place.options("node", LakeRole::Primary).await;
        options.catalog_url = Some(url.into());
        options.busy_timeout = Duration::from_secs(5);
        Lake::open(options).await.expect_err("a refusal")
    };
    let absent = format!("{}?options=-csearch_path%3Dnot_there", place.server);
    assert_eq!(refused(absent).await.kind, ErrorKind::Unsupported);
    let nobody = "postgres://nobody:secret@127.0.0.1:1/none".to_owned();
    let error = refused(nobody).await;
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    place
        .execute("CREATE TABLE notes (a int)")
        .await
        .expect("made");
    assert_eq!(
        refused(place.url().await).await.kind,
        ErrorKind::Unsupported
    );
    let shown = format!("{:?}", place.options("node", LakeRole::Primary).await);
    assert!(!shown.contains("postgres://"), "{shown}");
}

/// The folder is only a name here; see [`schema_url`].
#[tokio::test]
async fn lakes_in_one_database_do_not_wait_for_each_other() {
    let Some(place) = Place::new("lakes side by side") else {
        return;
    };
    let other = Place::new("lakes side by side").expect("a server");
    let (left, right) = (place.open("node").await, other.open("node").await);
    let held = left
        .writer()
        .expect("a primary")
        .begin_commit()
        .await
        .expect("the lock");
    make_table(&right, "t").await.expect("a table");
    held.rollback().await.expect("rolled back");
    let path: &Path = place.folder.path();
    assert!(path.exists() && left.uuid() != right.uuid());
}
