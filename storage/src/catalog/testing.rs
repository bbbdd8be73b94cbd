//! Which database the tests' catalogs are in.
//!
//! SQLite, unless `GOTGAN_TEST_CATALOG=postgres` asks for PostgreSQL; then, and for tests
//! of PostgreSQL itself, `GOTGAN_TEST_POSTGRES=user@host:port/db` says where one runs.
//! There each test gets a schema of its own, named after its folder. Schemas stay: the
//! server is one that is thrown away.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, SqliteConnection};

use crate::{LakeOptions, LakeRole};

/// Options of a lake in this folder, with its catalog in the database under test.
pub(crate) async fn options(folder: &Path, role: LakeRole) -> LakeOptions {
    let mut options = LakeOptions::new(folder, role);
    if is_on_postgres() {
        let server = server().expect("GOTGAN_TEST_POSTGRES tells where PostgreSQL is");
        options.catalog_url = Some(schema_url(&server, folder).await.into());
    }
    options
}

/// Whether [`options`] puts catalogs into PostgreSQL.
pub(crate) fn is_on_postgres() -> bool {
    variable("GOTGAN_TEST_CATALOG").as_deref() == Some("postgres")
}

/// The server for tests of PostgreSQL itself; without one they say that they are skipped.
pub(crate) fn server_or_skip(test: &str) -> Option<String> {
    let server = server();
    if server.is_none() {
        println!("SKIPPED {test}: GOTGAN_TEST_POSTGRES is not set");
    }
    server
}

/// URL of the schema that belongs to a folder, which is made if it is absent.
pub(crate) async fn schema_url(server: &str, folder: &Path) -> String {
    let schema = name_of(folder);
    let mut connection = PgConnection::connect(server).await.expect("a connection");
    // Two that make one schema at once would meet at the index of names. Only a statement
    // that begins after the wait for the lock is sure to know what its last holder made.
    let schema_sql = format!("CREATE SCHEMA IF NOT EXISTS {schema}");
    let lock_sql = "SELECT pg_advisory_lock(1735357545)".to_owned();
    for sql in [lock_sql, schema_sql] {
        let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection);
        done.await.expect("a schema");
    }
    connection.close().await.expect("closed");
    format!("{server}?options=-csearch_path%3D{schema}")
}

/// URL of a new database of a folder's own, for what schemas do not keep apart.
pub(crate) async fn database_url(server: &str, folder: &Path) -> String {
    let name = name_of(folder);
    let mut connection = PgConnection::connect(server).await.expect("a connection");
    let sql = AssertSqlSafe(format!("CREATE DATABASE {name}"));
    let made = sqlx::raw_sql(sql).execute(&mut connection).await;
    made.expect("a database");
    connection.close().await.expect("closed");
    let (address, _) = server
        .rsplit_once('/')
        .expect("a URL that names a database");
    format!("{address}/{name}")
}

fn name_of(folder: &Path) -> String {
    let name = folder.as_os_str().as_encoded_bytes();
    let digits: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    // The end tells folders apart, and a name has at most 63 bytes.
    format!("gotgan_test_{}", &digits[digits.len().saturating_sub(48)..])
}

/// Runs statements in the catalog of a folder's lake, as another program would.
pub(crate) async fn execute(folder: &Path, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    if is_on_postgres() {
        let mut connection = stranger(folder).await;
        let done = sqlx::raw_sql(sql).execute(&mut connection).await;
        done.expect("executed");
        return;
    }
    let mut connection = sqlite_stranger(folder).await;
    let done = sqlx::raw_sql(sql).execute(&mut connection).await;
    done.expect("executed");
}

/// The one number that a query of the catalog of a folder's lake gives.
pub(crate) async fn number(folder: &Path, sql: &str) -> i64 {
    let query = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()));
    if is_on_postgres() {
        return query
            .fetch_one(&mut stranger(folder).await)
            .await
            .expect("a number");
    }
    let query = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()));
    let mut connection = sqlite_stranger(folder).await;
    query.fetch_one(&mut connection).await.expect("a number")
}

async fn stranger(folder: &Path) -> PgConnection {
    let server = server().expect("GOTGAN_TEST_POSTGRES tells where PostgreSQL is");
    let url = schema_url(&server, folder).await;
    PgConnection::connect(&url).await.expect("a connection")
}

async fn sqlite_stranger(folder: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(folder.join("catalog.sqlite"));
    options.connect().await.expect("a connection")
}

fn server() -> Option<String> {
    let server = variable("GOTGAN_TEST_POSTGRES")?;
    Some(format!("postgres://{server}"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by variables which server to use"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
