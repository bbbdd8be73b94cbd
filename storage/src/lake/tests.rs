//! The lake as a whole, tested from outside.

use std::sync::Arc;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tempfile::TempDir;

use crate::{
    Author, ColumnType, ErrorKind, Lake, LakeOptions, LakeRole, NewColumn, NewRole, NewTable, Role,
    SnapshotId,
};

async fn primary(folder: &TempDir) -> Lake {
    let options = LakeOptions::new(folder.path(), LakeRole::Primary);
    Lake::open(options).await.expect("a primary")
}

/// Opens the catalog as another program would.
async fn stranger(folder: &TempDir) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(folder.path().join("catalog.sqlite"));
    SqlitePool::connect_with(options)
        .await
        .expect("a connection")
}

async fn open_error(options: LakeOptions) -> ErrorKind {
    Lake::open(options).await.expect_err("a refusal").kind
}

async fn make_table(lake: &Lake, name: &str) {
    let mut transaction = lake.begin(Author::default()).await.expect("a transaction");
    let schema_id = transaction
        .snapshot()
        .schema_by_name("public")
        .expect("public")
        .id;
    let column = NewColumn {
        name: "a".to_owned(),
        column_type: ColumnType::Int32,
        nullable: true,
        default: None,
        comment: None,
    };
    let table = NewTable {
        schema_id,
        name: name.to_owned(),
        owner: "gotgan".to_owned(),
        columns: vec![column],
        constraints: Vec::new(),
        comment: None,
    };
    transaction.create_table(table).expect("a table");
    transaction.commit().await.expect("a commit");
}

#[tokio::test]
async fn a_second_primary_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let first = primary(&folder).await;
    let error = Lake::open(LakeOptions::new(folder.path(), LakeRole::Primary)).await;
    let error = error.expect_err("a refusal");
    assert_eq!(error.kind, ErrorKind::Exists);
    assert_eq!(
        error.message,
        "another primary is running on this data folder"
    );
    first.close().await;
    drop(first);
    primary(&folder).await;
}

#[tokio::test]
async fn a_replica_follows_and_does_not_write() {
    let folder = TempDir::new().expect("a folder");
    let options = LakeOptions::new(folder.path(), LakeRole::Replica);
    assert_eq!(open_error(options.clone()).await, ErrorKind::NotFound);
    let writer = primary(&folder).await;
    let replica = Lake::open(options).await.expect("a replica");
    make_table(&writer, "t").await;
    make_table(&writer, "u").await;
    let head = replica.head().await.expect("a head");
    assert_eq!(head.id(), SnapshotId(3));
    assert_eq!(head.tables().count(), 2);
    let again = replica.head().await.expect("a head");
    assert!(
        Arc::ptr_eq(&head, &again),
        "an unmoved head is not loaded again"
    );
    let mut transaction = replica
        .begin(Author::default())
        .await
        .expect("a transaction");
    let table = head.tables().next().expect("a table").id;
    let error = transaction.drop_table(table).expect_err("a refusal");
    assert_eq!(error.kind, ErrorKind::ReadOnly);
}

#[tokio::test]
async fn other_programs_read_but_do_not_write_snapshots() {
    let folder = TempDir::new().expect("a folder");
    let lake = primary(&folder).await;
    let pool = stranger(&folder).await;
    let insert = "INSERT INTO ducklake_snapshot VALUES (2, '2030-01-01 00:00:00+00', 1, 9, 9)";
    let error = sqlx::query(insert)
        .execute(&pool)
        .await
        .expect_err("a refusal");
    assert!(
        error.to_string().contains("only Gotgan writes this lake"),
        "{error}"
    );
    let delete = "DELETE FROM ducklake_snapshot";
    assert!(sqlx::query(delete).execute(&pool).await.is_err());
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM ducklake_snapshot")
        .fetch_one(&pool)
        .await
        .expect("a count");
    assert_eq!(count, 2);
    make_table(&lake, "t").await;
}

#[tokio::test]
async fn a_referenced_path_never_enters_the_deletion_schedule() {
    let folder = TempDir::new().expect("a folder");
    let _lake = primary(&folder).await;
    let pool = stranger(&folder).await;
    let file = "INSERT INTO ducklake_data_file (data_file_id, path) VALUES (1, 'x/abc.parquet')";
    sqlx::query(file).execute(&pool).await.expect("a file row");
    for path in [
        "main/t/x/abc.parquet",
        "abc.parquet",
        "main/t/other.parquet",
    ] {
        let sql = "INSERT INTO ducklake_files_scheduled_for_deletion VALUES (1, ?, 1, '')";
        sqlx::query(sql)
            .bind(path)
            .execute(&pool)
            .await
            .expect("ignored or written");
    }
    let sql = "SELECT path FROM ducklake_files_scheduled_for_deletion";
    let paths: Vec<String> = sqlx::query_scalar(sql)
        .fetch_all(&pool)
        .await
        .expect("the paths");
    assert_eq!(paths, ["main/t/other.parquet"]);
}

#[tokio::test]
async fn unknown_versions_and_strangers_are_refused() {
    for (change, kind) in [
        (
            "UPDATE ducklake_metadata SET value = '1.1' WHERE key = 'version'",
            ErrorKind::Unsupported,
        ),
        (
            "DELETE FROM ducklake_metadata WHERE key = 'version'",
            ErrorKind::Corrupt,
        ),
        (
            "UPDATE ducklake_metadata SET value = 'true' WHERE key = 'encrypted'",
            ErrorKind::Unsupported,
        ),
        (
            "UPDATE gotgan_state SET format_version = 99",
            ErrorKind::Unsupported,
        ),
        ("DELETE FROM gotgan_state", ErrorKind::Corrupt),
    ] {
        let folder = TempDir::new().expect("a folder");
        primary(&folder).await.close().await;
        let pool = stranger(&folder).await;
        sqlx::query(change).execute(&pool).await.expect("a change");
        pool.close().await;
        let options = LakeOptions::new(folder.path(), LakeRole::Primary);
        assert_eq!(open_error(options).await, kind, "{change}");
    }
    let folder = TempDir::new().expect("a folder");
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("catalog.sqlite"))
        .create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await.expect("a database");
    sqlx::query("CREATE TABLE notes (a)")
        .execute(&pool)
        .await
        .expect("a table");
    pool.close().await;
    let options = LakeOptions::new(folder.path(), LakeRole::Primary);
    assert_eq!(open_error(options).await, ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_damaged_catalog_is_corrupt() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("catalog.sqlite");
    std::fs::write(
        &path,
        "this is no database, however long the text may be".repeat(100),
    )
    .expect("a file");
    let options = LakeOptions::new(folder.path(), LakeRole::Primary);
    assert_eq!(open_error(options).await, ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_moved_lake_is_found_again() {
    let folder = TempDir::new().expect("a folder");
    let old = folder.path().join("old");
    let new = folder.path().join("new");
    let options = LakeOptions::new(&old, LakeRole::Primary);
    let lake = Lake::open(options).await.expect("a lake");
    make_table(&lake, "t").await;
    lake.close().await;
    drop(lake);
    std::fs::rename(&old, &new).expect("moved");
    let lake = Lake::open(LakeOptions::new(&new, LakeRole::Primary))
        .await
        .expect("the lake");
    assert_eq!(lake.head().await.expect("a head").tables().count(), 1);
    let options = SqliteConnectOptions::new().filename(new.join("catalog.sqlite"));
    let pool = SqlitePool::connect_with(options)
        .await
        .expect("a connection");
    let sql = "SELECT value FROM ducklake_metadata WHERE key = 'data_path'";
    let path: String = sqlx::query_scalar(sql)
        .fetch_one(&pool)
        .await
        .expect("the data path");
    let expected = new.canonicalize().expect("a folder").join("data");
    assert_eq!(path, format!("{}/", expected.display()));
}

#[tokio::test]
async fn another_data_folder_than_the_lakes_is_refused() {
    let folder = TempDir::new().expect("a folder");
    primary(&folder).await.close().await;
    let other = TempDir::new().expect("another folder");
    let mut options = LakeOptions::new(folder.path(), LakeRole::Primary);
    options.data_url = Some(format!("file://{}", other.path().display()));
    assert_eq!(open_error(options).await, ErrorKind::Unsupported);
}

#[tokio::test]
async fn roles_are_current_and_raise_the_epoch() {
    let folder = TempDir::new().expect("a folder");
    let lake = primary(&folder).await;
    let first = lake
        .login("gotgan")
        .await
        .expect("an answer")
        .expect("the superuser");
    assert!(first.superuser && first.verifier.is_none() && first.id == 10);
    lake.store_role_verifier("gotgan", Some("SCRAM-SHA-256$..."))
        .await
        .expect("stored");
    let new = NewRole {
        role: Role::named("reader"),
        verifier: None,
    };
    let mut transaction = lake.begin(Author::default()).await.expect("a transaction");
    let id = transaction.create_role(new.clone()).await.expect("a role");
    assert_eq!(id, 16384);
    let clash = transaction.create_role(new).await.expect_err("a clash");
    assert_eq!(clash.kind, ErrorKind::Exists);
    transaction.commit().await.expect("a commit");
    let missing = lake
        .store_role_verifier("nobody", None)
        .await
        .expect_err("no such role");
    assert_eq!(missing.kind, ErrorKind::NotFound);
    let head = lake.head().await.expect("a head");
    assert_eq!(
        (head.id(), head.epoch()),
        (SnapshotId(2), 2),
        "a password makes no snapshot, a role does"
    );
    assert_eq!(head.role_by_name("reader").expect("the role").id, id);
    let text = format!("{:?}", lake.login("gotgan").await.expect("an answer"));
    assert!(!text.contains("SCRAM"), "{text}");
}

#[tokio::test]
async fn a_lake_of_an_older_version_is_brought_up_to_date_by_a_primary() {
    let folder = TempDir::new().expect("a folder");
    let lake = primary(&folder).await;
    make_table(&lake, "t").await;
    lake.close().await;
    drop(lake);
    let pool = stranger(&folder).await;
    for sql in [
        "DROP TABLE gotgan_sequence",
        "DROP TABLE gotgan_sequence_state",
        "DROP TABLE gotgan_access",
        "UPDATE gotgan_state SET format_version = 1",
    ] {
        sqlx::query(sql).execute(&pool).await.expect("done");
    }
    let replica = LakeOptions::new(folder.path(), LakeRole::Replica);
    assert_eq!(open_error(replica.clone()).await, ErrorKind::Unsupported);
    let lake = primary(&folder).await;
    let head = lake.head().await.expect("a head");
    let public = head.schema_by_name("public").expect("schema public");
    assert!(public.access.acl.is_some(), "everyone may use it");
    make_table(&lake, "u").await;
    let replica = Lake::open(replica).await.expect("a replica");
    assert_eq!(replica.head().await.expect("a head").tables().count(), 2);
}
