//! A commit in SQLite: one immediate transaction, marked as ours for the triggers.

use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection};

use super::error::from_sqlx;
use super::{has_table, read_head, read_selection, run, text};
use crate::catalog::statement::{Dialect, Statement, index_inlined};
use crate::catalog::{CommitTransaction, Condition, Head, InlinedRow, Selection, Sql, Write};
use crate::error::Error;
use crate::spec::table::{Value, Values};

/// Most placeholders in one call. SQLite allows 32766 in a statement; fewer keep texts short.
const PLACEHOLDER_COUNT_MAX: usize = 2000;

/// Begins the transaction and marks it as ours, for the triggers.
const BEGIN_SQL: &str = "BEGIN IMMEDIATE; INSERT INTO \"gotgan_writer\" VALUES ('open'); ";

/// Takes the mark away and makes everything durable.
const COMMIT_SQL: &str = "DELETE FROM \"gotgan_writer\"; COMMIT";

/// The transaction. It holds SQLite's write lock from its first moment.
///
/// Each call of the database costs two changes of threads, which is more than most of its
/// statements: so the small ones go together, also those that begin and end it. A
/// connection whose transaction did not end in a known way is closed, which rolls back.
pub(super) struct SqliteCommit {
    connection: Connection,
    head: Head,
}

/// A connection that is given back only if it is outside of a transaction.
struct Connection {
    inner: PoolConnection<Sqlite>,
    is_idle: bool,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !self.is_idle {
            self.inner.close_on_drop();
        }
    }
}

impl SqliteCommit {
    pub(super) async fn new(connection: PoolConnection<Sqlite>) -> Result<Self, Error> {
        let mut connection = Connection {
            inner: connection,
            is_idle: false,
        };
        let head = read_head(&mut connection.inner, BEGIN_SQL).await?;
        Ok(Self { connection, head })
    }

    fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection.inner
    }

    async fn end(&mut self, sql: &'static str) -> Result<(), Error> {
        let done = sqlx::query(sql).execute(self.connection()).await;
        done.map_err(from_sqlx)?;
        self.connection.is_idle = true;
        Ok(())
    }
}

#[async_trait]
impl CommitTransaction for SqliteCommit {
    async fn head(&mut self) -> Result<Head, Error> {
        // Nobody else can move it, and we do last of all.
        Ok(self.head.clone())
    }

    async fn select(&mut self, selection: &Selection) -> Result<Vec<Values>, Error> {
        read_selection(self.connection(), selection).await
    }

    async fn has_table(&mut self, name: &str) -> Result<bool, Error> {
        has_table(self.connection(), name).await
    }

    async fn count(&mut self, table: &str, conditions: &[Condition]) -> Result<i64, Error> {
        let statement = Statement::count(Dialect::Sqlite, table, conditions);
        let row = text::query(statement)
            .fetch_one(self.connection())
            .await
            .map_err(from_sqlx)?;
        super::integer_at(&row, 0)
    }

    async fn has_any_after(&mut self, table: &str, column: &str, base: i64) -> Result<bool, Error> {
        let statement = Statement::any_after(Dialect::Sqlite, table, column, base);
        let row = text::query(statement)
            .fetch_optional(self.connection())
            .await;
        Ok(row.map_err(from_sqlx)?.is_some())
    }

    async fn query(&mut self, sql: &Sql) -> Result<Vec<Values>, Error> {
        super::query(self.connection(), sql).await
    }

    async fn execute(&mut self, sql: &Sql) -> Result<u64, Error> {
        let query = text::query(sql.statement(Dialect::Sqlite)).persistent(false);
        let done = query.execute(self.connection()).await;
        Ok(done.map_err(from_sqlx)?.rows_affected())
    }

    async fn apply(&mut self, writes: &[Write]) -> Result<(), Error> {
        apply_all(self.connection(), writes).await
    }

    async fn commit(mut self: Box<Self>) -> Result<(), Error> {
        self.end(COMMIT_SQL).await
    }

    async fn rollback(mut self: Box<Self>) -> Result<(), Error> {
        self.end("ROLLBACK").await
    }
}

/// Carries changes out, as many as fit in one call of the database.
pub(super) async fn apply_all(
    connection: &mut SqliteConnection,
    writes: &[Write],
) -> Result<(), Error> {
    let mut waiting = Statement::new(Dialect::Sqlite);
    for write in writes {
        if let Write::CreateInlined {
            data_table,
            columns,
        } = write
        {
            execute(connection, &mut waiting).await?;
            run(connection, text::create_inlined(data_table, columns)).await?;
            run(connection, index_inlined(data_table)).await?;
            continue;
        }
        for statement in statements(write) {
            let count = waiting.parameters.len() + statement.parameters.len();
            if count > PLACEHOLDER_COUNT_MAX {
                execute(connection, &mut waiting).await?;
            }
            waiting.follow_with(statement);
        }
    }
    execute(connection, &mut waiting).await
}

/// Runs what has gathered.
async fn execute(connection: &mut SqliteConnection, waiting: &mut Statement) -> Result<(), Error> {
    if waiting.sql.is_empty() {
        return Ok(());
    }
    let statement = std::mem::replace(waiting, Statement::new(Dialect::Sqlite));
    text::query(statement)
        .execute(connection)
        .await
        .map(drop)
        .map_err(from_sqlx)
}

/// A change as SQL; those of definitions are none of these.
fn statements(write: &Write) -> Vec<Statement> {
    match write {
        Write::Insert { table, rows } => inserts(table.name, rows),
        Write::InsertInlined {
            data_table,
            begin,
            rows,
            ..
        } => inserts(data_table, &inlined_values(*begin, rows)),
        Write::Update { .. }
        | Write::Delete { .. }
        | Write::EndInlined { .. }
        | Write::EndInlinedRows { .. }
        | Write::Run(_)
        | Write::CreateInlined { .. } => Statement::write(Dialect::Sqlite, write)
            .into_iter()
            .collect(),
    }
}

fn inlined_values(begin: i64, rows: &[InlinedRow]) -> Vec<Values> {
    let values = rows.iter().map(|row| {
        let system = [
            Value::Integer(row.row_id),
            Value::Integer(begin),
            Value::Null,
        ];
        system
            .into_iter()
            .chain(row.values.iter().cloned())
            .collect()
    });
    values.collect()
}

fn inserts(table: &str, rows: &[Values]) -> Vec<Statement> {
    let column_count = rows.first().map_or(1, Vec::len);
    let chunk_rows = (PLACEHOLDER_COUNT_MAX / column_count).max(1);
    rows.chunks(chunk_rows)
        .map(|chunk| insert(table, chunk))
        .collect()
}

fn insert(table: &str, rows: &[Values]) -> Statement {
    let mut statement = Statement::new(Dialect::Sqlite);
    statement.push("INSERT INTO ").name(table).push(" VALUES ");
    for (index, row) in rows.iter().enumerate() {
        statement.push(if index == 0 { "(" } else { ", (" });
        for (position, value) in row.iter().enumerate() {
            if position > 0 {
                statement.push(", ");
            }
            statement.bind(value.clone());
        }
        statement.push(")");
    }
    statement
}
