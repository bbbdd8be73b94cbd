//! A commit in SQLite: one immediate transaction, marked as ours for the triggers.

use async_trait::async_trait;
use sqlx::{Sqlite, Transaction};

use super::error::from_sqlx;
use super::{has_table, read_head, read_selection, run, text};
use crate::catalog::statement::{Dialect, Statement, index_inlined};
use crate::catalog::{CommitTransaction, Condition, Head, InlinedRow, Selection, Sql, Write};
use crate::error::Error;
use crate::spec::side::WriterRow;
use crate::spec::table::{Row, Value, Values};

/// Most placeholders in one call. SQLite allows 32766 in a statement; fewer keep texts short.
const PLACEHOLDER_COUNT_MAX: usize = 2000;

/// Marks the transaction as ours, for the triggers.
const MARK_SQL: &str = "INSERT INTO \"gotgan_writer\" VALUES ('open'); ";

/// The transaction. It holds SQLite's write lock from its first moment.
///
/// Each call of the database costs two changes of threads, which is more than most of its
/// statements: so the small ones go together.
pub(super) struct SqliteCommit {
    transaction: Transaction<'static, Sqlite>,
    head: Head,
}

impl SqliteCommit {
    pub(super) async fn new(mut transaction: Transaction<'static, Sqlite>) -> Result<Self, Error> {
        let head = read_head(&mut transaction, MARK_SQL).await?;
        Ok(Self { transaction, head })
    }
}

#[async_trait]
impl CommitTransaction for SqliteCommit {
    async fn head(&mut self) -> Result<Head, Error> {
        // Nobody else can move it, and we do last of all.
        Ok(self.head.clone())
    }

    async fn select(&mut self, selection: &Selection) -> Result<Vec<Values>, Error> {
        read_selection(&mut self.transaction, selection).await
    }

    async fn has_table(&mut self, name: &str) -> Result<bool, Error> {
        has_table(&mut self.transaction, name).await
    }

    async fn count(&mut self, table: &str, conditions: &[Condition]) -> Result<i64, Error> {
        let statement = Statement::count(Dialect::Sqlite, table, conditions);
        let row = text::query(statement)
            .fetch_one(&mut *self.transaction)
            .await
            .map_err(from_sqlx)?;
        super::integer_at(&row, 0)
    }

    async fn has_any_after(&mut self, table: &str, column: &str, base: i64) -> Result<bool, Error> {
        let statement = Statement::any_after(Dialect::Sqlite, table, column, base);
        let row = text::query(statement)
            .fetch_optional(&mut *self.transaction)
            .await;
        Ok(row.map_err(from_sqlx)?.is_some())
    }

    async fn query(&mut self, sql: &Sql) -> Result<Vec<Values>, Error> {
        super::query(&mut self.transaction, sql).await
    }

    async fn execute(&mut self, sql: &Sql) -> Result<u64, Error> {
        let query = text::query(sql.statement(Dialect::Sqlite)).persistent(false);
        let done = query.execute(&mut *self.transaction).await;
        Ok(done.map_err(from_sqlx)?.rows_affected())
    }

    async fn apply(&mut self, writes: &[Write]) -> Result<(), Error> {
        apply_all(&mut self.transaction, writes).await
    }

    async fn commit(mut self: Box<Self>) -> Result<(), Error> {
        let unmark = Write::Delete {
            table: WriterRow::TABLE,
            conditions: Vec::new(),
        };
        apply_all(&mut self.transaction, &[unmark]).await?;
        self.transaction.commit().await.map_err(from_sqlx)
    }

    async fn rollback(self: Box<Self>) -> Result<(), Error> {
        self.transaction.rollback().await.map_err(from_sqlx)
    }
}

/// Carries changes out, as many as fit in one call of the database.
pub(super) async fn apply_all(
    transaction: &mut Transaction<'static, Sqlite>,
    writes: &[Write],
) -> Result<(), Error> {
    let mut waiting = Statement::new(Dialect::Sqlite);
    for write in writes {
        if let Write::CreateInlined {
            data_table,
            columns,
        } = write
        {
            execute(transaction, &mut waiting).await?;
            run(transaction, text::create_inlined(data_table, columns)).await?;
            run(transaction, index_inlined(data_table)).await?;
            continue;
        }
        for statement in statements(write) {
            let count = waiting.parameters.len() + statement.parameters.len();
            if count > PLACEHOLDER_COUNT_MAX {
                execute(transaction, &mut waiting).await?;
            }
            waiting.follow_with(statement);
        }
    }
    execute(transaction, &mut waiting).await
}

/// Runs what has gathered.
async fn execute(
    transaction: &mut Transaction<'static, Sqlite>,
    waiting: &mut Statement,
) -> Result<(), Error> {
    if waiting.sql.is_empty() {
        return Ok(());
    }
    let statement = std::mem::replace(waiting, Statement::new(Dialect::Sqlite));
    text::query(statement)
        .execute(&mut **transaction)
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
