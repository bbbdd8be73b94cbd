//! The log of statements in a SQLite file. Times are microseconds, days are counted from
//! 1970 on.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row as _};

use super::{SqliteActivity, from_sqlx};
use crate::activity::log::{
    COLUMNS, LogPlace, LogRange, LoggedStatement, ReadUsage, StatementLog, micros, row, stored,
    tables_text, usage_of,
};
use crate::error::Error;

pub(super) const TABLES_SQL: &str = "CREATE TABLE IF NOT EXISTS statement (\
     lake TEXT NOT NULL, started_at INTEGER NOT NULL, query_id TEXT NOT NULL, \
     node TEXT NOT NULL, node_role TEXT NOT NULL, \
     role_id INTEGER NOT NULL, role TEXT NOT NULL, \
     session_role_id INTEGER NOT NULL, session_role TEXT NOT NULL, \
     database TEXT NOT NULL, client_address TEXT, application_name TEXT NOT NULL, \
     statement TEXT NOT NULL, queue_time INTEGER NOT NULL, plan_time INTEGER NOT NULL, \
     run_time INTEGER NOT NULL, rows_returned INTEGER NOT NULL, bytes_sent INTEGER NOT NULL, \
     memory_peak INTEGER NOT NULL, bytes_spilled INTEGER NOT NULL, sqlstate TEXT NOT NULL, \
     tables TEXT, snapshot_id INTEGER, process_id INTEGER NOT NULL, \
     PRIMARY KEY (lake, started_at, query_id)) WITHOUT ROWID; \
     CREATE TABLE IF NOT EXISTS usage (lake TEXT NOT NULL, day INTEGER NOT NULL, \
     role_id INTEGER NOT NULL, session_role_id INTEGER NOT NULL, \
     application_name TEXT NOT NULL, table_name TEXT NOT NULL, \
     role TEXT NOT NULL, session_role TEXT NOT NULL, statements INTEGER NOT NULL, \
     rows_returned INTEGER NOT NULL, bytes_read INTEGER NOT NULL, \
     bytes_cached INTEGER NOT NULL, bytes_sent INTEGER NOT NULL, run_time INTEGER NOT NULL, \
     PRIMARY KEY (lake, day, role_id, session_role_id, application_name, table_name)) \
     WITHOUT ROWID";

/// How many `COLUMNS` are, with the lake.
const COLUMN_COUNT: usize = 24;

/// Rows of one INSERT: a few sizes, so that each is prepared once and a batch takes few
/// calls. Each of them crosses to SQLite's thread and back.
const INSERT_SIZES: [usize; 4] = [256, 32, 4, 1];

type Insert<'q> = Query<'q, Sqlite, SqliteArguments>;

#[async_trait]
impl StatementLog for SqliteActivity {
    async fn append(&self, lake: &str, statements: &[LoggedStatement]) -> Result<(), Error> {
        let mut transaction = self.pool().await?.begin().await.map_err(from_sqlx)?;
        let mut rest = statements;
        let mut added = 0;
        for size in INSERT_SIZES {
            while rest.len() >= size {
                let (these, others) = rest.split_at(size);
                added += insert(&mut transaction, lake, these).await?;
                rest = others;
            }
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
        let first = range.from.map_or(i64::MIN, |from| from.timestamp_micros());
        let (time, id) = match after {
            Some((time, id)) => (time.timestamp_micros().max(first), id.as_str()),
            None => (first, ""),
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM statement WHERE lake = ? AND (started_at, query_id) > (?, ?) \
             AND started_at <= ? AND (? IS NULL OR ? IN (role_id, session_role_id)) \
             ORDER BY started_at, query_id LIMIT ?"
        );
        let until = range
            .until
            .map_or(i64::MAX, |until| until.timestamp_micros());
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(lake.to_owned())
            .bind(time)
            .bind(id.to_owned())
            .bind(until)
            .bind(range.role)
            .bind(range.role)
            .bind(limit)
            .fetch_all(self.pool().await?)
            .await
            .map_err(from_sqlx)?;
        rows.iter().map(statement).collect()
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
        let sql = "DELETE FROM statement WHERE (lake, started_at, query_id) IN \
             (SELECT lake, started_at, query_id FROM statement \
             WHERE lake = ? AND started_at < ? LIMIT ?)";
        let done = sqlx::query(sql)
            .bind(lake.to_owned())
            .bind(before.timestamp_micros())
            .bind(limit)
            .execute(pool)
            .await
            .map_err(from_sqlx)?;
        sqlx::query("DELETE FROM usage WHERE lake = ? AND day < ?")
            .bind(lake.to_owned())
            .bind(day_number(before.date_naive()))
            .execute(pool)
            .await
            .map_err(from_sqlx)?;
        Ok(done.rows_affected())
    }
}

fn insert_sql(size: usize) -> String {
    let row = format!("({}?)", "?, ".repeat(COLUMN_COUNT - 1));
    let rows = vec![row.as_str(); size].join(", ");
    format!("INSERT INTO statement (lake, {COLUMNS}) VALUES {rows} ON CONFLICT DO NOTHING")
}

/// Returns how many rows were new.
async fn insert(
    connection: &mut SqliteConnection,
    lake: &str,
    statements: &[LoggedStatement],
) -> Result<u64, Error> {
    let insert = sqlx::query(AssertSqlSafe(insert_sql(statements.len())));
    let query = statements
        .iter()
        .fold(insert, |query, one| bind(query, lake, one));
    let done = query.execute(connection).await.map_err(from_sqlx)?;
    Ok(done.rows_affected())
}

fn bind<'q>(query: Insert<'q>, lake: &str, one: &LoggedStatement) -> Insert<'q> {
    query
        .bind(lake.to_owned())
        .bind(one.started_at.timestamp_micros())
        .bind(one.query_id.clone())
        .bind(one.node.clone())
        .bind(one.node_role.clone())
        .bind(one.role.id)
        .bind(one.role.name.clone())
        .bind(one.session_role.id)
        .bind(one.session_role.name.clone())
        .bind(one.database.clone())
        .bind(one.client_address.clone())
        .bind(one.application_name.clone())
        .bind(one.statement.clone())
        .bind(micros(one.queue_time))
        .bind(micros(one.plan_time))
        .bind(micros(one.run_time))
        .bind(stored(one.rows_returned))
        .bind(stored(one.bytes_sent))
        .bind(stored(one.memory_peak))
        .bind(stored(one.bytes_spilled))
        .bind(one.sqlstate.clone())
        .bind(tables_text(&one.tables))
        .bind(one.snapshot_id)
        .bind(one.process_id)
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

fn statement(row: &SqliteRow) -> Result<LoggedStatement, Error> {
    let micros: i64 = row.try_get("started_at").map_err(from_sqlx)?;
    let started_at = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    row::statement(row, started_at, from_sqlx)
}

fn day_number(day: NaiveDate) -> i64 {
    (day - NaiveDate::default()).num_days()
}

fn day_of(number: i64) -> NaiveDate {
    NaiveDate::default() + TimeDelta::try_days(number).unwrap_or_default()
}
