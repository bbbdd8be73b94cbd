//! The catalog in a schema of a PostgreSQL database, which several nodes may share.
//!
//! The schema is the first of the connection's `search_path`. A commit holds an advisory
//! lock of that schema until its transaction ends, so primaries take turns; reads wait
//! for nobody. Every wait has a bound, see `connect`.
//!
//! Not guaranteed: that an answer which was lost on the way means that nothing happened.
//!
//! Source: PostgreSQL 15 manual, sections 13.2.1 and 13.3.5.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::postgres::{PgPool, PgRow};
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Row as _, Transaction};

use crate::catalog::statement::{
    Dialect, HEAD_SQL, Statement, index_ended, inlined_delete_table, quote,
};
use crate::catalog::{
    Catalog, CatalogStore, CatalogWatch, CatalogWriter, CommitTransaction, Condition, Found, Head,
    Installation, Selection, Sql, Write,
};
use crate::error::{Error, ErrorKind};
use crate::spec::rows::{FORMAT_INDEXES, FORMAT_TABLES, SnapshotRow};
use crate::spec::side::{SIDE_INDEXES, SIDE_TABLES, SIDE_VERSION, StateRow};
use crate::spec::table::{Field, Row, Value, Values};

mod connect;
mod error;
mod guard;
mod text;
mod watch;
mod write;

pub(super) use guard::file_name;

use connect::{Use, bounded, open_pool};
use text::{row_values, value_at};
use write::PostgresCommit;

/// One state of the database for several selections.
const BEGIN_READ_SQL: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Tables of the schema that the catalog is in.
const TABLES_SQL: &str = "SELECT c.relname::text FROM pg_catalog.pg_class c \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')";

/// What the server must be like.
const SERVER_SQL: &str = "SELECT current_schema()::text, \
     current_setting('server_encoding'), pg_is_in_recovery()";

/// A catalog in a PostgreSQL database, to be read.
#[derive(Debug)]
pub(crate) struct PostgresCatalog {
    readers: PgPool,
}

/// The connections that write to it.
#[derive(Debug)]
struct PostgresWriter {
    pool: PgPool,
}

impl PostgresCatalog {
    /// Connects to the database.
    ///
    /// `timeout`: how long to wait for a free connection, or for another's commit.
    /// Errors: `Unavailable` if it does not answer or refuses the login; `Unsupported` for
    /// an address, an encoding or a schema that cannot hold a lake.
    pub(crate) async fn open(url: &str, writes: bool, timeout: Duration) -> Result<Catalog, Error> {
        let readers = open_pool(url, Use::Reading, timeout).await?;
        let server = sqlx::query(SERVER_SQL).fetch_one(&readers);
        check_server(&bounded(server).await?, writes)?;
        let writer: Option<Box<dyn CatalogWriter>> = match writes {
            true => {
                let pool = open_pool(url, Use::Committing, timeout).await?;
                Some(Box::new(PostgresWriter { pool }))
            }
            false => None,
        };
        Ok(Catalog {
            store: Box::new(Self { readers }),
            writer,
        })
    }

    /// Whether a URL names a database of this kind.
    pub(crate) fn is_url(url: &str) -> bool {
        url.starts_with("postgres://") || url.starts_with("postgresql://")
    }
}

impl PostgresWriter {
    /// Begins a transaction that holds the commit lock.
    async fn lock(&self) -> Result<Transaction<'static, Postgres>, Error> {
        let mut transaction = bounded(self.pool.begin_with(write::BEGIN_SQL)).await?;
        bounded(sqlx::query(write::LOCK_SQL).fetch_one(&mut *transaction)).await?;
        Ok(transaction)
    }
}

fn check_server(row: &PgRow, writes: bool) -> Result<(), Error> {
    let [schema, encoding, standby] = [value_at(row, 0)?, value_at(row, 1)?, value_at(row, 2)?];
    if schema == Value::Null {
        let text = "the catalog database has no schema of the name that its address gives";
        return Err(Error::new(ErrorKind::Unsupported, text));
    }
    if encoding != Value::Text("UTF8".to_owned()) {
        let text = "the catalog database must have the encoding UTF8";
        return Err(Error::new(ErrorKind::Unsupported, text));
    }
    if writes && standby == Value::Flag(true) {
        let text = "the catalog database is a standby: a primary needs one that it can write";
        return Err(Error::new(ErrorKind::Unsupported, text));
    }
    Ok(())
}

#[async_trait]
impl CatalogStore for PostgresCatalog {
    fn is_shared(&self) -> bool {
        true
    }

    async fn inspect(&self) -> Result<Found, Error> {
        let mut connection = bounded(self.readers.acquire()).await?;
        inspect(&mut connection).await
    }

    async fn head(&self) -> Result<Head, Error> {
        let mut connection = bounded(self.readers.acquire()).await?;
        read_head(&mut connection).await
    }

    async fn select(&self, selections: &[Selection]) -> Result<Vec<Vec<Values>>, Error> {
        // One statement is one state by itself.
        if let [selection] = selections {
            let mut connection = bounded(self.readers.acquire()).await?;
            return Ok(vec![read_selection(&mut connection, selection).await?]);
        }
        let mut transaction = bounded(self.readers.begin_with(BEGIN_READ_SQL)).await?;
        let mut results = Vec::with_capacity(selections.len());
        for selection in selections {
            results.push(read_selection(&mut transaction, selection).await?);
        }
        bounded(transaction.rollback()).await?;
        Ok(results)
    }

    async fn inlined_rows(
        &self,
        data_table: &str,
        columns: &[String],
        at: i64,
    ) -> Result<Vec<Values>, Error> {
        let mut sql = "SELECT \"row_id\"".to_owned();
        for column in columns {
            sql.push_str(", ");
            sql.push_str(&quote(column));
        }
        sql.push_str(&format!(
            " FROM {} WHERE \"begin_snapshot\" <= {at} \
             AND (\"end_snapshot\" IS NULL OR \"end_snapshot\" > {at}) ORDER BY \"row_id\"",
            quote(data_table)
        ));
        // The simple protocol gives every type as text.
        let rows = bounded(sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&self.readers)).await;
        let rows = match rows {
            Ok(rows) => rows,
            Err(_) if !self.has_table(data_table).await? => Vec::new(),
            Err(error) => return Err(error),
        };
        let values = |row: &PgRow| {
            (0..row.columns().len())
                .map(|index| text::text_at(row, index))
                .collect()
        };
        rows.iter().map(values).collect()
    }

    async fn inlined_count(&self, data_table: &str) -> Result<i64, Error> {
        let statement = Statement::count(Dialect::Postgres, data_table, &[Condition::Live]);
        let query = text::query(statement).persistent(false);
        match bounded(query.fetch_one(&self.readers)).await {
            Ok(row) => integer_at(&row, 0),
            Err(_) if !self.has_table(data_table).await? => Ok(0),
            Err(error) => Err(error),
        }
    }

    async fn has_table(&self, name: &str) -> Result<bool, Error> {
        let mut connection = bounded(self.readers.acquire()).await?;
        has_table(&mut connection, name).await
    }

    async fn inlined_deletes(&self, table_id: i64, at: i64) -> Result<Vec<(i64, i64)>, Error> {
        let name = inlined_delete_table(table_id);
        if !self.has_table(&name).await? {
            return Ok(Vec::new());
        }
        let statement = Statement::inlined_deletes(Dialect::Postgres, &name, at);
        let query = text::query(statement).persistent(false);
        let rows = bounded(query.fetch_all(&self.readers)).await?;
        rows.iter()
            .map(|row| Ok((integer_at(row, 0)?, integer_at(row, 1)?)))
            .collect()
    }

    async fn query(&self, sql: &Sql) -> Result<Vec<Values>, Error> {
        let mut connection = bounded(self.readers.acquire()).await?;
        query(&mut connection, sql).await
    }

    async fn watch(&self) -> Result<Option<Box<dyn CatalogWatch>>, Error> {
        let watch = watch::PostgresWatch::open(&self.readers).await?;
        Ok(Some(Box::new(watch)))
    }

    async fn close(&self) {
        self.readers.close().await;
    }
}

#[async_trait]
impl CatalogWriter for PostgresWriter {
    async fn install(&self, installation: &Installation) -> Result<(), Error> {
        let mut transaction = self.lock().await?;
        let expected = match installation.has_format_tables {
            true => Found::Nothing,
            false => Found::ForeignLake,
        };
        if inspect(&mut transaction).await? != expected {
            let text = "another process makes a lake in this database";
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        let statements = installation_statements(installation.has_format_tables);
        run(&mut transaction, statements.join("; ")).await?;
        write::apply(&mut transaction, &installation.writes).await?;
        run(&mut transaction, guard::statements().join("; ")).await?;
        bounded(transaction.commit()).await
    }

    async fn upgrade(&self) -> Result<(), Error> {
        let mut transaction = self.lock().await?;
        let statements: Vec<String> = side_statements().collect();
        run(&mut transaction, statements.join("; ")).await?;
        let version = Write::Update {
            table: StateRow::TABLE,
            set: vec![("format_version", Value::Integer(SIDE_VERSION))],
            conditions: Vec::new(),
        };
        write::apply(&mut transaction, &[version]).await?;
        bounded(transaction.commit()).await
    }

    async fn begin_commit(&self) -> Result<Box<dyn CommitTransaction>, Error> {
        Ok(Box::new(PostgresCommit::new(self.lock().await?)))
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
    statements.extend(side_statements());
    statements
}

fn side_statements() -> impl Iterator<Item = String> {
    let tables = SIDE_TABLES.iter().map(|table| text::create_table(table));
    let indexes = FORMAT_INDEXES.iter().chain(&SIDE_INDEXES);
    tables.chain(indexes.map(create_index)).chain(index_ended())
}

fn create_index((name, table, columns): &(&str, &str, &str)) -> String {
    format!("CREATE INDEX IF NOT EXISTS \"{name}\" ON \"{table}\" ({columns})")
}

async fn run(transaction: &mut Transaction<'_, Postgres>, sql: String) -> Result<(), Error> {
    let query = sqlx::raw_sql(AssertSqlSafe(sql));
    bounded(query.execute(&mut **transaction)).await.map(drop)
}

async fn inspect(connection: &mut PgConnection) -> Result<Found, Error> {
    let names = bounded(sqlx::query_scalar(TABLES_SQL).fetch_all(connection)).await?;
    let has = |name: &str| names.iter().any(|other: &String| other == name);
    Ok(match (has("ducklake_metadata"), has("gotgan_state")) {
        (true, true) => Found::Lake,
        (true, false) => Found::ForeignLake,
        (false, _) if names.is_empty() => Found::Nothing,
        (false, _) => Found::Stranger,
    })
}

async fn query(connection: &mut PgConnection, sql: &Sql) -> Result<Vec<Values>, Error> {
    let query = text::query(sql.statement(Dialect::Postgres)).persistent(false);
    let rows = bounded(query.fetch_all(connection)).await?;
    rows.iter().map(row_values).collect()
}

async fn has_table(connection: &mut PgConnection, name: &str) -> Result<bool, Error> {
    let sql = format!("{TABLES_SQL} AND c.relname = $1");
    let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(name.to_owned());
    let found: Option<String> = bounded(query.fetch_optional(connection)).await?;
    Ok(found.is_some())
}

async fn read_head(connection: &mut PgConnection) -> Result<Head, Error> {
    let sql = format!("SELECT head.*, clock_timestamp() FROM ({HEAD_SQL}) AS head");
    let query = sqlx::query(AssertSqlSafe(sql));
    let row = bounded(query.fetch_optional(connection)).await?;
    let Some(row) = row else {
        return Err(Error::new(
            ErrorKind::Corrupt,
            "the catalog has no snapshot",
        ));
    };
    let mut values = row_values(&row)?;
    let epoch = integer_at(&row, SnapshotRow::TABLE.columns.len())?;
    let now = values.pop().and_then(DateTime::<Utc>::from_value);
    values.truncate(SnapshotRow::TABLE.columns.len());
    Ok(Head {
        snapshot: SnapshotRow::from_values(values)?,
        epoch,
        now,
    })
}

async fn read_selection(
    connection: &mut PgConnection,
    selection: &Selection,
) -> Result<Vec<Values>, Error> {
    let statement = Statement::select(Dialect::Postgres, selection);
    let rows = bounded(text::query(statement).fetch_all(connection)).await?;
    rows.iter().map(row_values).collect()
}

fn integer_at(row: &PgRow, index: usize) -> Result<i64, Error> {
    match value_at(row, index)? {
        Value::Integer(number) => Ok(number),
        _ => Err(Error::new(
            ErrorKind::Corrupt,
            "the catalog has a text where a number belongs",
        )),
    }
}

#[cfg(test)]
mod tests;
