//! A commit in PostgreSQL: one transaction that holds the lake's advisory lock.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::{Postgres, Transaction};

use super::connect::bounded;
use super::{has_table, read_head, read_selection, run, text};
use crate::catalog::statement::{Dialect, Statement, index_inlined};
use crate::catalog::{CommitTransaction, Condition, Head, InlinedRow, Selection, Sql, Write};
use crate::error::{Error, ErrorKind};
use crate::spec::table::{TableSpec, Value, Values};
use crate::types::ColumnType;

/// Takes the commit lock of the lake in the current schema, marks the transaction as
/// ours for the triggers, makes its commit durable whatever the database's default, and
/// tells those who listen (`watch`) once it has committed: one call for all, as each costs
/// a wait for the network.
/// The number is any that no other program is likely to use.
pub(super) const LOCK_SQL: &str = "SELECT pg_advisory_xact_lock(1735357543, \
     hashtext(current_schema()::text))::text, set_config('gotgan.writer', 'on', true), \
     pg_notify('gotgan_commit', current_schema()::text)::text, \
     set_config('synchronous_commit', CASE current_setting('synchronous_commit') \
     WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true)";

/// Begins what ends with a commit: each statement sees what was committed before it, so
/// those after the lock see all that its earlier holders did.
pub(super) const BEGIN_SQL: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// Most rows in one INSERT, a bound on the size of a message.
const INSERT_ROWS_MAX: usize = 5000;

/// The transaction. It holds the commit lock from its first moment.
pub(super) struct PostgresCommit {
    transaction: Transaction<'static, Postgres>,
}

impl PostgresCommit {
    pub(super) fn new(transaction: Transaction<'static, Postgres>) -> Self {
        Self { transaction }
    }
}

#[async_trait]
impl CommitTransaction for PostgresCommit {
    async fn head(&mut self) -> Result<Head, Error> {
        read_head(&mut self.transaction).await
    }

    async fn select(&mut self, selection: &Selection) -> Result<Vec<Values>, Error> {
        read_selection(&mut self.transaction, selection).await
    }

    async fn has_table(&mut self, name: &str) -> Result<bool, Error> {
        has_table(&mut self.transaction, name).await
    }

    async fn count(&mut self, table: &str, conditions: &[Condition]) -> Result<i64, Error> {
        let statement = Statement::count(Dialect::Postgres, table, conditions);
        let query = text::query(statement).persistent(false);
        let row = bounded(query.fetch_one(&mut *self.transaction)).await?;
        super::integer_at(&row, 0)
    }

    async fn has_any_after(&mut self, table: &str, column: &str, base: i64) -> Result<bool, Error> {
        let statement = Statement::any_after(Dialect::Postgres, table, column, base);
        let query = text::query(statement).persistent(false);
        let row = bounded(query.fetch_optional(&mut *self.transaction)).await?;
        Ok(row.is_some())
    }

    async fn query(&mut self, sql: &Sql) -> Result<Vec<Values>, Error> {
        super::query(&mut self.transaction, sql).await
    }

    async fn execute(&mut self, sql: &Sql) -> Result<u64, Error> {
        let query = text::query(sql.statement(Dialect::Postgres)).persistent(false);
        let done = bounded(query.execute(&mut *self.transaction)).await?;
        Ok(done.rows_affected())
    }

    async fn apply(&mut self, writes: &[Write]) -> Result<(), Error> {
        apply(&mut self.transaction, writes).await
    }

    async fn commit(self: Box<Self>) -> Result<(), Error> {
        bounded(self.transaction.commit()).await
    }

    async fn rollback(self: Box<Self>) -> Result<(), Error> {
        bounded(self.transaction.rollback()).await
    }
}

/// Carries out changes. Rows of one table that follow each other in `writes`, whatever is
/// between them, go in one statement: an INSERT reads nothing, so only the order among the
/// writes of one table matters.
pub(super) async fn apply(
    transaction: &mut Transaction<'static, Postgres>,
    writes: &[Write],
) -> Result<(), Error> {
    let mut pending: Pending<'_> = Pending::default();
    for write in writes {
        match write {
            Write::Insert { table, rows } => pending.add(table, rows),
            Write::CreateInlined {
                data_table,
                columns,
            } => {
                run(transaction, text::create_inlined(data_table, columns)).await?;
                run(transaction, index_inlined(data_table)).await?;
            }
            Write::InsertInlined {
                data_table,
                columns,
                begin,
                rows,
            } => insert_inlined(transaction, data_table, columns, *begin, rows).await?,
            Write::Update { table, .. } | Write::Delete { table, .. } => {
                pending.flush(transaction, Some(table.name)).await?;
                execute(transaction, write).await?;
            }
            Write::EndInlined { .. } | Write::EndInlinedRows { .. } | Write::Run(_) => {
                execute(transaction, write).await?;
            }
        }
    }
    pending.flush(transaction, None).await
}

/// Rows that wait for others of their table.
#[derive(Default)]
struct Pending<'a> {
    tables: Vec<&'static TableSpec>,
    rows: HashMap<&'static str, Vec<&'a Values>>,
}

impl<'a> Pending<'a> {
    fn add(&mut self, table: &'static TableSpec, rows: &'a [Values]) {
        let waiting = self.rows.entry(table.name).or_default();
        if waiting.is_empty() && !self.tables.iter().any(|other| other.name == table.name) {
            self.tables.push(table);
        }
        waiting.extend(rows);
    }

    /// Inserts what waits for this table, or for all in the order of their first rows.
    async fn flush(
        &mut self,
        transaction: &mut Transaction<'static, Postgres>,
        only: Option<&str>,
    ) -> Result<(), Error> {
        for table in &self.tables {
            if only.is_some_and(|only| only != table.name) {
                continue;
            }
            let rows = self.rows.remove(table.name).unwrap_or_default();
            let columns = text::spec_columns(table);
            for chunk in rows.chunks(INSERT_ROWS_MAX) {
                let query = text::insert(table.name, &columns, chunk)?;
                bounded(query.execute(&mut **transaction)).await?;
            }
        }
        Ok(())
    }
}

async fn execute(
    transaction: &mut Transaction<'static, Postgres>,
    write: &Write,
) -> Result<(), Error> {
    let statement = Statement::write(Dialect::Postgres, write).ok_or_else(|| {
        let text = "a change of the catalog is not one statement";
        Error::new(ErrorKind::Internal, text)
    })?;
    let is_of_known_table = matches!(write, Write::Update { .. } | Write::Delete { .. });
    let query = text::query(statement).persistent(is_of_known_table);
    bounded(query.execute(&mut **transaction)).await.map(drop)
}

async fn insert_inlined(
    transaction: &mut Transaction<'static, Postgres>,
    data_table: &str,
    columns: &[(String, ColumnType)],
    begin: i64,
    rows: &[InlinedRow],
) -> Result<(), Error> {
    let columns = text::inlined_columns(columns);
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
    let values: Vec<Values> = values.collect();
    let values: Vec<&Values> = values.iter().collect();
    for chunk in values.chunks(INSERT_ROWS_MAX) {
        let query = text::insert(data_table, &columns, chunk)?.persistent(false);
        bounded(query.execute(&mut **transaction)).await?;
    }
    Ok(())
}
