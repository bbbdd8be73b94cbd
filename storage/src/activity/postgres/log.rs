//! The log of statements in a schema of the catalog's own database. A batch travels as
//! arrays, a column each.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row as _};

use super::{PostgresActivity, from_sqlx};
use crate::activity::log::{
    LogPlace, LogRange, LoggedStatement, ReadUsage, StatementLog, micros, row, stored, tables_text,
    usage_of,
};
use crate::error::Error;

/// Columns of a statement without its lake, in the order in which they are written and
/// read.
const COLUMNS: &str = "started_at, query_id, node, node_role, role_id, role, \
     session_role_id, session_role, database, client_address, application_name, statement, \
     queue_time, plan_time, run_time, rows_returned, bytes_sent, memory_peak, bytes_spilled, \
     sqlstate, tables, snapshot_id, process_id";

/// Durations are microseconds.
pub(super) const TABLES_SQL: &str = "CREATE TABLE IF NOT EXISTS gotgan_activity.statement (\
     lake text NOT NULL, started_at timestamptz NOT NULL, query_id text COLLATE \"C\" NOT NULL, \
     node text NOT NULL, node_role text NOT NULL, \
     role_id bigint NOT NULL, role text NOT NULL, \
     session_role_id bigint NOT NULL, session_role text NOT NULL, \
     database text NOT NULL, client_address text, application_name text NOT NULL, \
     statement text NOT NULL, queue_time bigint NOT NULL, plan_time bigint NOT NULL, \
     run_time bigint NOT NULL, rows_returned bigint NOT NULL, bytes_sent bigint NOT NULL, \
     memory_peak bigint NOT NULL, bytes_spilled bigint NOT NULL, sqlstate text NOT NULL, \
     tables text, snapshot_id bigint, process_id bigint NOT NULL, \
     PRIMARY KEY (lake, started_at, query_id)); \
     CREATE TABLE IF NOT EXISTS gotgan_activity.usage (lake text NOT NULL, day date NOT NULL, \
     role_id bigint NOT NULL, session_role_id bigint NOT NULL, \
     application_name text NOT NULL, table_name text NOT NULL, \
     role text NOT NULL, session_role text NOT NULL, statements bigint NOT NULL, \
     rows_returned bigint NOT NULL, bytes_read bigint NOT NULL, \
     bytes_cached bigint NOT NULL, bytes_sent bigint NOT NULL, run_time bigint NOT NULL, \
     PRIMARY KEY (lake, day, role_id, session_role_id, application_name, table_name))";

#[async_trait]
impl StatementLog for PostgresActivity {
    async fn append(&self, lake: &str, statements: &[LoggedStatement]) -> Result<(), Error> {
        let mut transaction = self.pool().await?.begin().await.map_err(from_sqlx)?;
        let added = insert(&mut transaction, lake, statements).await;
        // Otherwise the batch is there already.
        if added.map_err(from_sqlx)? > 0 {
            let summed = add_usage(&mut transaction, lake, &usage_of(statements)).await;
            summed.map_err(from_sqlx)?;
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
        let sql = format!(
            "SELECT {COLUMNS} FROM gotgan_activity.statement WHERE lake = $1 \
             AND ($2::timestamptz IS NULL OR started_at >= $2) \
             AND ($3::timestamptz IS NULL OR started_at <= $3) \
             AND ($4::timestamptz IS NULL OR (started_at, query_id) > ($4, $5)) \
             AND ($6::bigint IS NULL OR $6 IN (role_id, session_role_id)) \
             ORDER BY started_at, query_id LIMIT $7"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(lake.to_owned())
            .bind(range.from)
            .bind(range.until)
            .bind(after.map(|(time, _)| *time))
            .bind(after.map_or_else(String::new, |(_, id)| id.clone()))
            .bind(range.role)
            .bind(i64::from(limit))
            .fetch_all(self.pool().await?)
            .await
            .map_err(from_sqlx)?;
        let read = |row: &PgRow| {
            let started_at = row.try_get("started_at").map_err(from_sqlx)?;
            row::statement(row, started_at, from_sqlx)
        };
        rows.iter().map(read).collect()
    }

    async fn usage(&self, lake: &str, role: Option<i64>) -> Result<Vec<ReadUsage>, Error> {
        let sql = "SELECT day, role_id, role, session_role_id, session_role, \
             application_name, table_name, statements, rows_returned, bytes_read, \
             bytes_cached, bytes_sent, run_time FROM gotgan_activity.usage \
             WHERE lake = $1 AND ($2::bigint IS NULL OR $2 IN (role_id, session_role_id)) \
             ORDER BY day, role_id, session_role_id, application_name, table_name";
        let rows = sqlx::query(sql)
            .bind(lake.to_owned())
            .bind(role)
            .fetch_all(self.pool().await?)
            .await
            .map_err(from_sqlx)?;
        let read = |row: &PgRow| row::usage(row, row.try_get("day")?);
        let all: Result<_, sqlx::Error> = rows.iter().map(read).collect();
        all.map_err(from_sqlx)
    }

    async fn forget_statements(
        &self,
        lake: &str,
        before: DateTime<Utc>,
        limit: u32,
    ) -> Result<u64, Error> {
        let pool = self.pool().await?;
        let sql = "DELETE FROM gotgan_activity.statement \
             WHERE (lake, started_at, query_id) IN \
             (SELECT lake, started_at, query_id FROM gotgan_activity.statement \
             WHERE lake = $1 AND started_at < $2 LIMIT $3)";
        let done = sqlx::query(sql)
            .bind(lake.to_owned())
            .bind(before)
            .bind(i64::from(limit))
            .execute(pool)
            .await
            .map_err(from_sqlx)?;
        sqlx::query("DELETE FROM gotgan_activity.usage WHERE lake = $1 AND day < $2")
            .bind(lake.to_owned())
            .bind(before.date_naive())
            .execute(pool)
            .await
            .map_err(from_sqlx)?;
        Ok(done.rows_affected())
    }
}

/// Returns how many rows were new.
async fn insert(
    connection: &mut PgConnection,
    lake: &str,
    all: &[LoggedStatement],
) -> Result<u64, sqlx::Error> {
    let sql = format!(
        "INSERT INTO gotgan_activity.statement (lake, {COLUMNS}) SELECT $1, * FROM unnest(\
         $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], \
         $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], \
         $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[], $18::bigint[], \
         $19::bigint[], $20::bigint[], $21::text[], $22::text[], $23::bigint[], $24::bigint[]) \
         ON CONFLICT DO NOTHING"
    );
    // PostgreSQL's text has no zero bytes; a statement that failed to parse may.
    let texts = |text: fn(&LoggedStatement) -> &str| -> Vec<String> {
        all.iter()
            .map(|one| text(one).replace('\0', "\u{fffd}"))
            .collect()
    };
    let numbers =
        |number: fn(&LoggedStatement) -> i64| -> Vec<i64> { all.iter().map(number).collect() };
    let times: Vec<DateTime<Utc>> = all.iter().map(|one| one.started_at).collect();
    let addresses: Vec<Option<String>> = all
        .iter()
        .map(|one| one.client.client_address.clone())
        .collect();
    let tables: Vec<Option<String>> = all.iter().map(|one| tables_text(&one.tables)).collect();
    let snapshots: Vec<Option<i64>> = all.iter().map(|one| one.snapshot_id).collect();
    let done = sqlx::query(AssertSqlSafe(sql))
        .bind(lake.to_owned())
        .bind(times)
        .bind(texts(|one| &one.query_id))
        .bind(texts(|one| &one.client.node))
        .bind(texts(|one| &one.client.node_role))
        .bind(numbers(|one| one.client.role.id))
        .bind(texts(|one| &one.client.role.name))
        .bind(numbers(|one| one.client.session_role.id))
        .bind(texts(|one| &one.client.session_role.name))
        .bind(texts(|one| &one.client.database))
        .bind(addresses)
        .bind(texts(|one| &one.client.application_name))
        .bind(texts(|one| &one.statement))
        .bind(numbers(|one| micros(one.queue_time)))
        .bind(numbers(|one| micros(one.plan_time)))
        .bind(numbers(|one| micros(one.run_time)))
        .bind(numbers(|one| stored(one.rows_returned)))
        .bind(numbers(|one| stored(one.bytes_sent)))
        .bind(numbers(|one| stored(one.memory_peak)))
        .bind(numbers(|one| stored(one.bytes_spilled)))
        .bind(texts(|one| &one.sqlstate))
        .bind(tables)
        .bind(snapshots)
        .bind(numbers(|one| one.client.process_id))
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

async fn add_usage(
    connection: &mut PgConnection,
    lake: &str,
    sums: &[ReadUsage],
) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO gotgan_activity.usage AS known SELECT $1, * FROM unnest(\
         $2::date[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], \
         $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], \
         $13::bigint[], $14::bigint[]) \
         ON CONFLICT (lake, day, role_id, session_role_id, application_name, table_name) \
         DO UPDATE SET role = excluded.role, session_role = excluded.session_role, \
         statements = known.statements + excluded.statements, \
         rows_returned = known.rows_returned + excluded.rows_returned, \
         bytes_read = known.bytes_read + excluded.bytes_read, \
         bytes_cached = known.bytes_cached + excluded.bytes_cached, \
         bytes_sent = known.bytes_sent + excluded.bytes_sent, \
         run_time = known.run_time + excluded.run_time";
    let texts = |text: fn(&ReadUsage) -> &str| -> Vec<String> {
        sums.iter().map(|sum| text(sum).to_owned()).collect()
    };
    let numbers = |number: fn(&ReadUsage) -> i64| -> Vec<i64> { sums.iter().map(number).collect() };
    let days: Vec<chrono::NaiveDate> = sums.iter().map(|sum| sum.day).collect();
    sqlx::query(sql)
        .bind(lake.to_owned())
        .bind(days)
        .bind(numbers(|sum| sum.role.id))
        .bind(numbers(|sum| sum.session_role.id))
        .bind(texts(|sum| &sum.application_name))
        .bind(texts(|sum| &sum.table_name))
        .bind(texts(|sum| &sum.role.name))
        .bind(texts(|sum| &sum.session_role.name))
        .bind(numbers(|sum| stored(sum.statements)))
        .bind(numbers(|sum| stored(sum.rows_returned)))
        .bind(numbers(|sum| stored(sum.bytes_read)))
        .bind(numbers(|sum| stored(sum.bytes_cached)))
        .bind(numbers(|sum| stored(sum.bytes_sent)))
        .bind(numbers(|sum| micros(sum.run_time)))
        .execute(connection)
        .await
        .map(drop)
}
