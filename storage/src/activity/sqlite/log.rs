//! The log of statements in a SQLite file. Times are microseconds, days are counted from
//! 1970 on.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use futures::TryStreamExt;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::batch::{Batch, FORMAT, SPAN, pack, unpack};
use super::{SqliteActivity, from_sqlx, moment};
use crate::activity::log::{
    LogPlace, LogRange, LoggedStatement, ReadUsage, StatementLog, counted, micros, row, stored,
    usage_of,
};
use crate::error::Error;

/// A row of `statements` is a batch of them.
pub(super) const TABLES_SQL: &str = "CREATE TABLE IF NOT EXISTS statements (\
     lake TEXT NOT NULL, first_at INTEGER NOT NULL, first_id TEXT NOT NULL, \
     last_at INTEGER NOT NULL, count INTEGER NOT NULL, format INTEGER NOT NULL, \
     body BLOB NOT NULL, PRIMARY KEY (lake, first_at, first_id)); \
     CREATE TABLE IF NOT EXISTS usage (lake TEXT NOT NULL, day INTEGER NOT NULL, \
     role_id INTEGER NOT NULL, session_role_id INTEGER NOT NULL, \
     application_name TEXT NOT NULL, table_name TEXT NOT NULL, \
     role TEXT NOT NULL, session_role TEXT NOT NULL, statements INTEGER NOT NULL, \
     rows_returned INTEGER NOT NULL, bytes_read INTEGER NOT NULL, \
     bytes_cached INTEGER NOT NULL, bytes_sent INTEGER NOT NULL, run_time INTEGER NOT NULL, \
     PRIMARY KEY (lake, day, role_id, session_role_id, application_name, table_name)) \
     WITHOUT ROWID";

#[async_trait]
impl StatementLog for SqliteActivity {
    async fn append(&self, lake: &str, statements: &[LoggedStatement]) -> Result<(), Error> {
        let mut transaction = self.pool().await?.begin().await.map_err(from_sqlx)?;
        let mut added = 0;
        for batch in pack(statements) {
            added += insert(&mut transaction, lake, batch).await?;
        }
        // Otherwise the batch is there already.
        if added > 0 {
            for sum in usage_of(statements) {
                add_usage(&mut transaction, lake, &sum).await?;
            }
        }
        transaction.commit().await.map_err(from_sqlx)
    }

    async fn statements(
        &self,
        lake: &str,
        range: &LogRange,
        after: Option<&LogPlace>,
        limit: u32,
    ) -> Result<Vec<LoggedStatement>, Error> {
        if !self.is_there() {
            return Ok(Vec::new());
        }
        let from = match after {
            Some((time, _)) => range.from.map_or(*time, |from| from.max(*time)),
            None => range.from.unwrap_or(DateTime::<Utc>::MIN_UTC),
        };
        let from = from.timestamp_micros();
        let until = range
            .until
            .map_or(i64::MAX, |until| until.timestamp_micros());
        let sql = "SELECT first_at, first_id, format, body FROM statements WHERE lake = ? \
             AND first_at BETWEEN ? AND ? AND last_at >= ? ORDER BY first_at, first_id";
        let mut batches = sqlx::query(sql)
            .bind(lake.to_owned())
            .bind(from.saturating_sub(SPAN))
            .bind(until)
            .bind(from)
            .fetch(self.pool().await?);
        // The first ones of what was read up to here.
        let mut found: BTreeMap<LogPlace, LoggedStatement> = BTreeMap::new();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        while let Some(batch) = batches.try_next().await.map_err(from_sqlx)? {
            let first = (moment(&batch, 0)?, batch.try_get(1).map_err(from_sqlx)?);
            let is_full = found.len() >= limit;
            if is_full && found.last_key_value().is_none_or(|(last, _)| *last < first) {
                break;
            }
            let format = batch.try_get(2).map_err(from_sqlx)?;
            let statements = unpack(format, batch.try_get(3).map_err(from_sqlx)?)?;
            for one in statements {
                let place = (one.started_at, one.query_id.clone());
                if is_in(range, &one) && after.is_none_or(|after| *after < place) {
                    found.insert(place, one);
                }
            }
            while found.len() > limit {
                found.pop_last();
            }
        }
        Ok(found.into_values().collect())
    }

    async fn usage(&self, lake: &str, role: Option<i64>) -> Result<Vec<ReadUsage>, Error> {
        if !self.is_there() {
            return Ok(Vec::new());
        }
        let sql = "SELECT day, role_id, role, session_role_id, session_role, \
             application_name, table_name, statements, rows_returned, bytes_read, \
             bytes_cached, bytes_sent, run_time FROM usage \
             WHERE lake = ? AND (? IS NULL OR ? IN (role_id, session_role_id)) \
             ORDER BY day, role_id, session_role_id, application_name, table_name";
        let rows = sqlx::query(sql)
            .bind(lake.to_owned())
            .bind(role)
            .bind(role)
            .fetch_all(self.pool().await?)
            .await
            .map_err(from_sqlx)?;
        let read = |row: &SqliteRow| row::usage(row, day_of(row.try_get("day")?));
        let all: Result<_, sqlx::Error> = rows.iter().map(read).collect();
        all.map_err(from_sqlx)
    }

    async fn forget_statements(
        &self,
        lake: &str,
        before: DateTime<Utc>,
        limit: u32,
    ) -> Result<u64, Error> {
        if !self.is_there() {
            return Ok(0);
        }
        let pool = self.pool().await?;
        // Whole batches; the last one may hold more than there is room for.
        let sql = "DELETE FROM statements WHERE rowid IN (SELECT row FROM (\
             SELECT rowid AS row, sum(count) OVER (ORDER BY first_at, first_id) - count AS before \
             FROM statements WHERE lake = ? AND first_at < ? AND last_at < ? \
             ORDER BY first_at, first_id LIMIT ?) WHERE before < ?) RETURNING count";
        let before_micros = before.timestamp_micros();
        let gone = sqlx::query_scalar(sql)
            .bind(lake.to_owned())
            .bind(before_micros)
            .bind(before_micros)
            .bind(limit)
            .bind(limit)
            .fetch_all(pool)
            .await
            .map_err(from_sqlx)?;
        sqlx::query("DELETE FROM usage WHERE lake = ? AND day < ?")
            .bind(lake.to_owned())
            .bind(day_number(before.date_naive()))
            .execute(pool)
            .await
            .map_err(from_sqlx)?;
        Ok(gone.into_iter().map(counted).sum())
    }
}

/// Whether a range has a statement.
fn is_in(range: &LogRange, one: &LoggedStatement) -> bool {
    let client = &one.client;
    range.from.is_none_or(|from| from <= one.started_at)
        && range.until.is_none_or(|until| one.started_at <= until)
        && (range.role).is_none_or(|role| role == client.role.id || role == client.session_role.id)
}

/// Returns how many rows were new.
async fn insert(connection: &mut SqliteConnection, lake: &str, batch: Batch) -> Result<u64, Error> {
    let (first_at, first_id) = batch.first;
    let done =
        sqlx::query("INSERT INTO statements VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
            .bind(lake.to_owned())
            .bind(first_at.timestamp_micros())
            .bind(first_id)
            .bind(batch.last_at)
            .bind(batch.count)
            .bind(FORMAT)
            .bind(batch.body)
            .execute(connection)
            .await
            .map_err(from_sqlx)?;
    Ok(done.rows_affected())
}

async fn add_usage(
    connection: &mut SqliteConnection,
    lake: &str,
    sum: &ReadUsage,
) -> Result<(), Error> {
    let sql = "INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (lake, day, role_id, session_role_id, application_name, table_name) \
         DO UPDATE SET role = excluded.role, session_role = excluded.session_role, \
         statements = statements + excluded.statements, \
         rows_returned = rows_returned + excluded.rows_returned, \
         bytes_read = bytes_read + excluded.bytes_read, \
         bytes_cached = bytes_cached + excluded.bytes_cached, \
         bytes_sent = bytes_sent + excluded.bytes_sent, \
         run_time = run_time + excluded.run_time";
    sqlx::query(sql)
        .bind(lake.to_owned())
        .bind(day_number(sum.day))
        .bind(sum.role.id)
        .bind(sum.session_role.id)
        .bind(sum.application_name.clone())
        .bind(sum.table_name.clone())
        .bind(sum.role.name.clone())
        .bind(sum.session_role.name.clone())
        .bind(stored(sum.statements))
        .bind(stored(sum.rows_returned))
        .bind(stored(sum.bytes_read))
        .bind(stored(sum.bytes_cached))
        .bind(stored(sum.bytes_sent))
        .bind(micros(sum.run_time))
        .execute(connection)
        .await
        .map(drop)
        .map_err(from_sqlx)
}

fn day_number(day: NaiveDate) -> i64 {
    (day - NaiveDate::default()).num_days()
}

fn day_of(number: i64) -> NaiveDate {
    NaiveDate::default() + TimeDelta::try_days(number).unwrap_or_default()
}
