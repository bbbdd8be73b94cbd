//! A commit in SQLite: one immediate transaction, marked as ours for the triggers.

use async_trait::async_trait;
use sqlx::{Sqlite, Transaction};

use super::error::from_sqlx;
use super::{has_table, read_head, read_selection, run, text};
use crate::catalog::statement::{Dialect, Statement, index_inlined, inlined_delete_table};
use crate::catalog::{CommitTransaction, Condition, Head, InlinedRow, Selection, Write};
use crate::error::Error;
use crate::spec::side::WriterRow;
use crate::spec::table::{Row, Value, Values};

/// Most placeholders in one INSERT. SQLite allows 32766; fewer keep texts short.
const PLACEHOLDER_COUNT_MAX: usize = 2000;

/// The transaction. It holds SQLite's write lock from its first moment.
pub(super) struct SqliteCommit {
    transaction: Transaction<'static, Sqlite>,
}

impl SqliteCommit {
    pub(super) async fn new(mut transaction: Transaction<'static, Sqlite>) -> Result<Self, Error> {
        let mark = WriterRow {
            transaction_id: "open".to_owned(),
        };
        apply(&mut transaction, &Write::insert(&[mark])).await?;
        Ok(Self { transaction })
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
}

#[async_trait]
impl CommitTransaction for SqliteCommit {
    async fn head(&mut self) -> Result<Head, Error> {
        read_head(&mut self.transaction).await
    }

    async fn select(&mut self, selection: &Selection) -> Result<Vec<Values>, Error> {
        read_selection(&mut self.transaction, selection).await
    }

    async fn inlined_live_count(&mut self, data_table: &str, base: i64) -> Result<i64, Error> {
        let conditions = [Condition::Live, Condition::AtMost("begin_snapshot", base)];
        self.count(data_table, &conditions).await
    }

    async fn inlined_found_count(
        &mut self,
        data_table: &str,
        row_ids: &[i64],
        base: i64,
    ) -> Result<i64, Error> {
        let conditions = [
            Condition::Live,
            Condition::AtMost("begin_snapshot", base),
            Condition::In("row_id", row_ids.to_vec()),
        ];
        self.count(data_table, &conditions).await
    }

    async fn inlined_ended_after(&mut self, data_table: &str, base: i64) -> Result<bool, Error> {
        self.has_any_after(data_table, "end_snapshot", base).await
    }

    async fn inlined_deleted_after(&mut self, table_id: i64, base: i64) -> Result<bool, Error> {
        let name = inlined_delete_table(table_id);
        if !has_table(&mut self.transaction, &name).await? {
            return Ok(false);
        }
        self.has_any_after(&name, "begin_snapshot", base).await
    }

    async fn apply(&mut self, writes: &[Write]) -> Result<(), Error> {
        for write in writes {
            apply(&mut self.transaction, write).await?;
        }
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<(), Error> {
        let unmark = Write::Delete {
            table: WriterRow::TABLE,
            conditions: Vec::new(),
        };
        apply(&mut self.transaction, &unmark).await?;
        self.transaction.commit().await.map_err(from_sqlx)
    }

    async fn rollback(self: Box<Self>) -> Result<(), Error> {
        self.transaction.rollback().await.map_err(from_sqlx)
    }
}

/// Carries out one change.
pub(super) async fn apply(
    transaction: &mut Transaction<'static, Sqlite>,
    write: &Write,
) -> Result<(), Error> {
    match write {
        Write::Insert { table, rows } => {
            insert(transaction, table.name, table.columns.len(), rows).await
        }
        Write::CreateInlined {
            data_table,
            columns,
        } => {
            run(transaction, text::create_inlined(data_table, columns)).await?;
            run(transaction, index_inlined(data_table)).await
        }
        Write::InsertInlined {
            data_table,
            begin,
            rows,
            ..
        } => insert_inlined(transaction, data_table, *begin, rows).await,
        Write::Update { .. }
        | Write::Delete { .. }
        | Write::EndInlined { .. }
        | Write::EndInlinedRows { .. } => {
            let statement = Statement::write(Dialect::Sqlite, write);
            let statement = statement.expect("these writes are one statement");
            text::query(statement)
                .execute(&mut **transaction)
                .await
                .map(drop)
                .map_err(from_sqlx)
        }
    }
}

async fn insert_inlined(
    transaction: &mut Transaction<'static, Sqlite>,
    data_table: &str,
    begin: i64,
    rows: &[InlinedRow],
) -> Result<(), Error> {
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
    let column_count = values.first().map_or(1, Vec::len);
    insert(transaction, data_table, column_count, &values).await
}

async fn insert(
    transaction: &mut Transaction<'static, Sqlite>,
    table: &str,
    column_count: usize,
    rows: &[Values],
) -> Result<(), Error> {
    let chunk_rows = (PLACEHOLDER_COUNT_MAX / column_count).max(1);
    for chunk in rows.chunks(chunk_rows) {
        let mut statement = Statement::new(Dialect::Sqlite);
        statement.push("INSERT INTO ").name(table).push(" VALUES ");
        for (index, row) in chunk.iter().enumerate() {
            statement.push(if index == 0 { "(" } else { ", (" });
            for (position, value) in row.iter().enumerate() {
                if position > 0 {
                    statement.push(", ");
                }
                statement.bind(value.clone());
            }
            statement.push(")");
        }
        text::query(statement)
            .execute(&mut **transaction)
            .await
            .map_err(from_sqlx)?;
    }
    Ok(())
}
