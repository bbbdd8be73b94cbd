//! The catalog in one SQLite file beside the data.
//!
//! The primary keeps one connection for writing and a few for reading; a replica
//! opens the file read-only. The file is in WAL mode with `synchronous = FULL`, so
//! a commit that returned survives a power cut, and other programs may read at any
//! time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Row as _, SqliteConnection};

use crate::catalog::statement::{Dialect, HEAD_SQL, Statement, index_ended, inlined_delete_table};
use crate::catalog::{
    Catalog, CatalogStore, CatalogWatch, CatalogWriter, CommitTransaction, Found, Head,
    Installation, Selection, Sql, Write,
};
use crate::error::{Error, ErrorKind};
use crate::spec::rows::{FORMAT_INDEXES, FORMAT_TABLES, SnapshotRow};
use crate::spec::side::{SIDE_INDEXES, SIDE_TABLES, SIDE_VERSION, StateRow};
use crate::spec::table::{Row, TableSpec, Value, Values};
use crate::sqlite::open_pool;

mod error;
mod guard;
pub(super) mod text;
mod write;

use error::from_sqlx;
pub(super) use guard::file_name;
use text::{row_values, value_at};
use write::SqliteCommit;

/// Connections for reading. Reads are short, and SQLite serves them from memory.
const READER_COUNT: u32 = 4;

/// A catalog in a SQLite file, to be read.
#[derive(Debug)]
pub(crate) struct SqliteCatalog {
    readers: SqlitePool,
}

/// The one connection that writes to it.
#[derive(Debug)]
struct SqliteWriter {
    pool: SqlitePool,
}

/// How a catalog file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SqliteAccess {
    /// Makes the file if it is absent.
    ReadWrite,
    /// Fails if the file is absent.
    ReadOnly,
}

impl SqliteCatalog {
    /// Opens the file.
    ///
    /// `busy_timeout`: how long a statement waits for another program's lock.
    /// Errors: `NotFound` for a replica without a file; `Corrupt` if it is no database.
    pub(crate) async fn open(
        path: &Path,
        access: SqliteAccess,
        busy_timeout: Duration,
    ) -> Result<Catalog, Error> {
        if access == SqliteAccess::ReadOnly && !path.exists() {
            return Err(Error::new(
                ErrorKind::NotFound,
                "there is no lake here yet: start a primary first",
            )
            .with_source(format!("no file {}", path.display())));
        }
        let base = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(false)
            .busy_timeout(busy_timeout)
            .disable_statement_logging();
        let writer: Option<Box<dyn CatalogWriter>> = match access {
            SqliteAccess::ReadOnly => None,
            SqliteAccess::ReadWrite => {
                let options = base
                    .clone()
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full);
                let pool = open(options, 1, busy_timeout).await?;
                Some(Box::new(SqliteWriter { pool }))
            }
        };
        let readers = open(base.read_only(true), READER_COUNT, busy_timeout).await?;
        Ok(Catalog {
            store: Box::new(Self { readers }),
            writer,
        })
    }

    /// The file that a `sqlite:` URL names.
    pub(crate) fn path_of_url(url: &str) -> Option<PathBuf> {
        let rest = url.strip_prefix("sqlite:")?;
        let path = rest.strip_prefix("//").unwrap_or(rest);
        (!path.is_empty()).then(|| PathBuf::from(path))
    }
}

async fn open(
    options: SqliteConnectOptions,
    size: u32,
    timeout: Duration,
) -> Result<SqlitePool, Error> {
    let pool = SqlitePoolOptions::new()
        .max_connections(size)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false);
    open_pool(pool, options, timeout).await.map_err(from_sqlx)
}

#[async_trait]
impl CatalogStore for SqliteCatalog {
    fn is_shared(&self) -> bool {
        false
    }

    async fn inspect(&self) -> Result<Found, Error> {
        let names: Vec<String> =
            sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table'")
                .fetch_all(&self.readers)
                .await
                .map_err(from_sqlx)?;
        let has = |name: &str| names.iter().any(|other| other == name);
        Ok(match (has("ducklake_metadata"), has("gotgan_state")) {
            (true, true) => Found::Lake,
            (true, false) => Found::ForeignLake,
            (false, _) if names.is_empty() => Found::Nothing,
            (false, _) => Found::Stranger,
        })
    }

    async fn head(&self) -> Result<Head, Error> {
        let mut connection = self.readers.acquire().await.map_err(from_sqlx)?;
        read_head(&mut connection, "").await
    }

    async fn select(&self, selections: &[Selection]) -> Result<Vec<Vec<Values>>, Error> {
        let mut transaction = self.readers.begin().await.map_err(from_sqlx)?;
        let mut results = Vec::with_capacity(selections.len());
        for selection in selections {
            results.push(read_selection(&mut transaction, selection).await?);
        }
        transaction.rollback().await.map_err(from_sqlx)?;
        Ok(results)
    }

    async fn inlined_rows(
        &self,
        data_table: &str,
        columns: &[String],
        at: i64,
    ) -> Result<Vec<Values>, Error> {
        let mut statement = Statement::new(Dialect::Sqlite);
        statement.push("SELECT \"row_id\"");
        for column in columns {
            statement.push(", ").name(column);
        }
        statement.push(" FROM ").name(data_table);
        statement.conditions(&[crate::catalog::Condition::VisibleAt(at)]);
        statement.push(" ORDER BY \"row_id\"");
        let rows = text::query(statement).fetch_all(&self.readers).await;
        let rows = match rows {
            Ok(rows) => rows,
            Err(_) if !self.has_table(data_table).await? => Vec::new(),
            Err(error) => return Err(from_sqlx(error)),
        };
        rows.iter()
            .map(|row| inlined_row(row, columns.len() + 1))
            .collect()
    }

    async fn inlined_count(&self, data_table: &str) -> Result<i64, Error> {
        let live = [crate::catalog::Condition::Live];
        let statement = Statement::count(Dialect::Sqlite, data_table, &live);
        match text::query(statement).fetch_one(&self.readers).await {
            Ok(row) => integer_at(&row, 0),
            Err(_) if !self.has_table(data_table).await? => Ok(0),
            Err(error) => Err(from_sqlx(error)),
        }
    }

    async fn has_table(&self, name: &str) -> Result<bool, Error> {
        let mut connection = self.readers.acquire().await.map_err(from_sqlx)?;
        has_table(&mut connection, name).await
    }

    async fn inlined_deletes(&self, table_id: i64, at: i64) -> Result<Vec<(i64, i64)>, Error> {
        let name = inlined_delete_table(table_id);
        if !self.has_table(&name).await? {
            return Ok(Vec::new());
        }
        let statement = Statement::inlined_deletes(Dialect::Sqlite, &name, at);
        let rows = text::query(statement)
            .fetch_all(&self.readers)
            .await
            .map_err(from_sqlx)?;
        rows.iter()
            .map(|row| Ok((integer_at(row, 0)?, integer_at(row, 1)?)))
            .collect()
    }

    async fn query(&self, sql: &Sql) -> Result<Vec<Values>, Error> {
        let mut connection = self.readers.acquire().await.map_err(from_sqlx)?;
        query(&mut connection, sql).await
    }

    /// A file tells nobody; a reader looks, which is cheap.
    async fn watch(&self) -> Result<Option<Box<dyn CatalogWatch>>, Error> {
        Ok(None)
    }

    async fn close(&self) {
        self.readers.close().await;
    }
}

#[async_trait]
impl CatalogWriter for SqliteWriter {
    async fn install(&self, installation: &Installation) -> Result<(), Error> {
        let mut transaction = self
            .pool
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(from_sqlx)?;
        for statement in installation_statements(installation.has_format_tables) {
            run(&mut transaction, statement).await?;
        }
        write::apply_all(&mut transaction, &installation.writes).await?;
        for statement in guard::statements() {
            run(&mut transaction, statement).await?;
        }
        transaction.commit().await.map_err(from_sqlx)
    }

    async fn upgrade(&self) -> Result<(), Error> {
        let mut transaction = self
            .pool
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(from_sqlx)?;
        for table in SIDE_TABLES {
            if !has_table(&mut transaction, table.name).await? {
                run(&mut transaction, text::create_table(table)).await?;
            }
        }
        for sql in index_statements() {
            run(&mut transaction, sql).await?;
        }
        let version = Write::Update {
            table: StateRow::TABLE,
            set: vec![("format_version", Value::Integer(SIDE_VERSION))],
            conditions: Vec::new(),
        };
        write::apply_all(&mut transaction, &[version]).await?;
        transaction.commit().await.map_err(from_sqlx)
    }

    async fn begin_commit(&self) -> Result<Box<dyn CommitTransaction>, Error> {
        let connection = self.pool.acquire().await.map_err(from_sqlx)?;
        Ok(Box::new(SqliteCommit::new(connection).await?))
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

fn installation_statements(has_format_tables: bool) -> Vec<String> {
    let mut statements = Vec::new();
    if has_format_tables {
        statements.extend(FORMAT_TABLES.iter().map(|table| text::create_table(table)));
    }
    statements.extend(SIDE_TABLES.iter().map(|table| text::create_table(table)));
    statements.extend(index_statements());
    statements
}

fn index_statements() -> impl Iterator<Item = String> {
    let indexes = FORMAT_INDEXES.iter().chain(&SIDE_INDEXES);
    let indexes = indexes.map(|(name, table, columns)| {
        format!("CREATE INDEX IF NOT EXISTS \"{name}\" ON \"{table}\" ({columns})")
    });
    indexes.chain(index_ended())
}

async fn run(connection: &mut SqliteConnection, sql: String) -> Result<(), Error> {
    sqlx::query(AssertSqlSafe(sql))
        .persistent(false)
        .execute(connection)
        .await
        .map(drop)
        .map_err(from_sqlx)
}

async fn query(connection: &mut SqliteConnection, sql: &Sql) -> Result<Vec<Values>, Error> {
    let query = text::query(sql.statement(Dialect::Sqlite)).persistent(false);
    let rows = query.fetch_all(connection).await.map_err(from_sqlx)?;
    let values = |row: &SqliteRow| (0..row.len()).map(|index| value_at(row, index)).collect();
    rows.iter().map(values).collect()
}

async fn has_table(connection: &mut SqliteConnection, name: &str) -> Result<bool, Error> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?")
            .bind(name)
            .fetch_optional(connection)
            .await
            .map_err(from_sqlx)?;
    Ok(found.is_some())
}

/// `before`: statements that run before it in the same call.
async fn read_head(connection: &mut SqliteConnection, before: &str) -> Result<Head, Error> {
    let row = sqlx::query(AssertSqlSafe(format!("{before}{HEAD_SQL}")))
        .fetch_optional(connection)
        .await
        .map_err(from_sqlx)?;
    let Some(row) = row else {
        return Err(Error::new(
            ErrorKind::Corrupt,
            "the catalog has no snapshot",
        ));
    };
    let snapshot = SnapshotRow::from_values(row_values(SnapshotRow::TABLE, &row)?)?;
    Ok(Head {
        snapshot,
        epoch: integer_at(&row, SnapshotRow::TABLE.columns.len())?,
        now: None,
    })
}

async fn read_selection(
    connection: &mut SqliteConnection,
    selection: &Selection,
) -> Result<Vec<Values>, Error> {
    let rows = text::query(Statement::select(Dialect::Sqlite, selection))
        .fetch_all(connection)
        .await
        .map_err(from_sqlx)?;
    decode_rows(selection.table, &rows)
}

fn decode_rows(table: &TableSpec, rows: &[SqliteRow]) -> Result<Vec<Values>, Error> {
    rows.iter().map(|row| row_values(table, row)).collect()
}

fn integer_at(row: &SqliteRow, index: usize) -> Result<i64, Error> {
    match value_at(row, index)? {
        Value::Integer(number) => Ok(number),
        _ => Err(Error::new(
            ErrorKind::Corrupt,
            "the catalog has a text where a number belongs",
        )),
    }
}

/// The row id and the values after it.
fn inlined_row(row: &SqliteRow, column_count: usize) -> Result<Values, Error> {
    (0..column_count)
        .map(|index| value_at(row, index))
        .collect()
}
