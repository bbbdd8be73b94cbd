//! Activity in a schema of the catalog's own database.

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Row as _};
use tokio::sync::OnceCell;

use super::{ActivityStore, Lease, NodeState};
use crate::error::{Error, ErrorKind};

mod log;
#[cfg(test)]
mod tests;

/// Taken by those who make schema and tables at the same time.
const LOCK_SQL: &str = "SELECT pg_advisory_xact_lock(1735357544)";

/// Whether the schema is there. A query of the table, as PostgreSQL's own lookup of names
/// (IF NOT EXISTS) may not know yet what the lock's last holder made: it hears of that
/// when it locks a table, not when it gets an advisory lock.
const HAS_SCHEMA_SQL: &str = "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace \
     WHERE nspname = 'gotgan_activity')";

const SCHEMA_SQL: &str = "CREATE SCHEMA gotgan_activity";

/// Makes the tables that are missing.
const TABLES_SQL: &str = "CREATE TABLE IF NOT EXISTS gotgan_activity.lease (lake text NOT NULL, \
     node text NOT NULL, min_snapshot bigint NOT NULL, expires_at timestamptz NOT NULL, \
     PRIMARY KEY (lake, node)); \
     CREATE TABLE IF NOT EXISTS gotgan_activity.job (lake text NOT NULL, job text NOT NULL, \
     node text NOT NULL, until timestamptz NOT NULL, PRIMARY KEY (lake, job)); \
     CREATE TABLE IF NOT EXISTS gotgan_activity.node (lake text NOT NULL, \
     node text NOT NULL, is_replica boolean NOT NULL, address text NOT NULL, \
     snapshot bigint NOT NULL, sessions bigint NOT NULL, version text NOT NULL, \
     started_at timestamptz NOT NULL, seen_at timestamptz NOT NULL, \
     PRIMARY KEY (lake, node))";

/// Whether all tables are there; then nothing is made, which may take a privilege.
const HAS_TABLES_SQL: &str = "SELECT to_regclass('gotgan_activity.lease') IS NOT NULL \
     AND to_regclass('gotgan_activity.job') IS NOT NULL \
     AND to_regclass('gotgan_activity.node') IS NOT NULL \
     AND to_regclass('gotgan_activity.statement') IS NOT NULL \
     AND to_regclass('gotgan_activity.usage') IS NOT NULL";

/// Idle connections are closed after this: leases are renewed more often.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Connected at its first use: a node that may not write there can still read the lake.
#[derive(Debug)]
pub(crate) struct PostgresActivity {
    options: PgConnectOptions,
    timeout: Duration,
    pool: OnceCell<PgPool>,
}

impl PostgresActivity {
    /// `url`: as the catalog's.
    pub(crate) fn new(url: &str, timeout: Duration) -> Result<Self, Error> {
        let options = PgConnectOptions::from_str(url).map_err(from_sqlx)?;
        let millis = format!("{}ms", timeout.as_millis().max(1));
        let options = options
            .options([
                ("statement_timeout", millis.as_str()),
                ("lock_timeout", millis.as_str()),
                ("client_min_messages", "warning"),
            ])
            .application_name("gotgan activity")
            .disable_statement_logging();
        Ok(Self {
            options,
            timeout,
            pool: OnceCell::new(),
        })
    }

    async fn pool(&self) -> Result<&PgPool, Error> {
        self.pool.get_or_try_init(|| self.open()).await
    }

    async fn open(&self) -> Result<PgPool, Error> {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(self.timeout)
            .idle_timeout(IDLE_TIMEOUT)
            .connect_with(self.options.clone())
            .await
            .map_err(from_sqlx)?;
        let has_tables: bool = sqlx::query_scalar(HAS_TABLES_SQL)
            .fetch_one(&pool)
            .await
            .map_err(from_sqlx)?;
        if !has_tables {
            make_tables(&pool).await.map_err(from_sqlx)?;
        }
        Ok(pool)
    }
}

async fn make_tables(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query(LOCK_SQL).execute(&mut *transaction).await?;
    let has_schema: bool = sqlx::query_scalar(HAS_SCHEMA_SQL)
        .fetch_one(&mut *transaction)
        .await?;
    if !has_schema {
        sqlx::raw_sql(SCHEMA_SQL).execute(&mut *transaction).await?;
    }
    let sql = AssertSqlSafe(format!("{TABLES_SQL}; {}", log::TABLES_SQL));
    sqlx::raw_sql(sql).execute(&mut *transaction).await?;
    transaction.commit().await
}

#[async_trait]
impl ActivityStore for PostgresActivity {
    async fn now(&self) -> Result<Option<DateTime<Utc>>, Error> {
        sqlx::query_scalar("SELECT clock_timestamp()")
            .fetch_one(self.pool().await?)
            .await
            .map(Some)
            .map_err(from_sqlx)
    }

    async fn put_lease(&self, lake: &str, lease: &Lease) -> Result<(), Error> {
        let sql = "INSERT INTO gotgan_activity.lease VALUES ($1, $2, $3, $4) \
             ON CONFLICT (lake, node) DO UPDATE \
             SET min_snapshot = excluded.min_snapshot, expires_at = excluded.expires_at";
        sqlx::query(sql)
            .bind(lake.to_owned())
            .bind(lease.node.clone())
            .bind(lease.min_snapshot)
            .bind(lease.expires_at)
            .execute(self.pool().await?)
            .await
            .map(drop)
            .map_err(from_sqlx)
    }

    async fn remove_lease(&self, lake: &str, node: &str) -> Result<(), Error> {
        sqlx::query("DELETE FROM gotgan_activity.lease WHERE lake = $1 AND node = $2")
            .bind(lake.to_owned())
            .bind(node.to_owned())
            .execute(self.pool().await?)
            .await
            .map(drop)
            .map_err(from_sqlx)
    }

    async fn leases(&self, lake: &str) -> Result<Vec<Lease>, Error> {
        let sql = "SELECT node, min_snapshot, expires_at FROM gotgan_activity.lease \
             WHERE lake = $1";
        let rows = sqlx::query(sql)
            .bind(lake.to_owned())
            .fetch_all(self.pool().await?)
            .await
            .map_err(from_sqlx)?;
        rows.iter()
            .map(|row| {
                Ok(Lease {
                    node: row.try_get(0).map_err(from_sqlx)?,
                    min_snapshot: row.try_get(1).map_err(from_sqlx)?,
                    expires_at: row.try_get(2).map_err(from_sqlx)?,
                })
            })
            .collect()
    }

    async fn forget_leases(&self, lake: &str, before: DateTime<Utc>) -> Result<(), Error> {
        sqlx::query("DELETE FROM gotgan_activity.lease WHERE lake = $1 AND expires_at < $2")
            .bind(lake.to_owned())
            .bind(before)
            .execute(self.pool().await?)
            .await
            .map(drop)
            .map_err(from_sqlx)
    }

    async fn put_node(&self, lake: &str, state: &NodeState) -> Result<(), Error> {
        let sql = "INSERT INTO gotgan_activity.node \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (lake, node) DO UPDATE \
             SET address = excluded.address, snapshot = excluded.snapshot, \
             sessions = excluded.sessions, seen_at = excluded.seen_at";
        sqlx::query(sql)
            .bind(lake.to_owned())
            .bind(state.node.clone())
            .bind(state.is_replica)
            .bind(state.address.clone())
            .bind(state.snapshot)
            .bind(state.sessions)
            .bind(state.version.clone())
            .bind(state.started_at)
            .bind(state.seen_at)
            .execute(self.pool().await?)
            .await
            .map(drop)
            .map_err(from_sqlx)
    }

    async fn remove_node(&self, lake: &str, node: &str) -> Result<(), Error> {
        sqlx::query("DELETE FROM gotgan_activity.node WHERE lake = $1 AND node = $2")
            .bind(lake.to_owned())
            .bind(node.to_owned())
            .execute(self.pool().await?)
            .await
            .map(drop)
            .map_err(from_sqlx)
    }

    async fn nodes(&self, lake: &str) -> Result<Vec<NodeState>, Error> {
        let sql = "SELECT node, is_replica, address, snapshot, sessions, version, started_at, \
             seen_at FROM gotgan_activity.node WHERE lake = $1";
        let rows = sqlx::query(sql)
            .bind(lake.to_owned())
            .fetch_all(self.pool().await?)
            .await
            .map_err(from_sqlx)?;
        rows.iter()
            .map(|row| {
                Ok(NodeState {
                    node: row.try_get(0).map_err(from_sqlx)?,
                    is_replica: row.try_get(1).map_err(from_sqlx)?,
                    address: row.try_get(2).map_err(from_sqlx)?,
                    snapshot: row.try_get(3).map_err(from_sqlx)?,
                    sessions: row.try_get(4).map_err(from_sqlx)?,
                    version: row.try_get(5).map_err(from_sqlx)?,
                    started_at: row.try_get(6).map_err(from_sqlx)?,
                    seen_at: row.try_get(7).map_err(from_sqlx)?,
                })
            })
            .collect()
    }

    async fn forget_nodes(&self, lake: &str, before: DateTime<Utc>) -> Result<(), Error> {
        sqlx::query("DELETE FROM gotgan_activity.node WHERE lake = $1 AND seen_at < $2")
            .bind(lake.to_owned())
            .bind(before)
            .execute(self.pool().await?)
            .await
            .map(drop)
            .map_err(from_sqlx)
    }

    async fn claim_job(
        &self,
        lake: &str,
        job: &str,
        node: &str,
        (now, until): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<bool, Error> {
        let sql = "INSERT INTO gotgan_activity.job AS held VALUES ($1, $2, $3, $4) \
             ON CONFLICT (lake, job) DO UPDATE \
             SET node = excluded.node, until = excluded.until \
             WHERE held.node = excluded.node OR held.until <= $5";
        let done = sqlx::query(sql)
            .bind(lake.to_owned())
            .bind(job.to_owned())
            .bind(node.to_owned())
            .bind(until)
            .bind(now)
            .execute(self.pool().await?)
            .await
            .map_err(from_sqlx)?;
        Ok(done.rows_affected() > 0)
    }

    async fn close(&self) {
        if let Some(pool) = self.pool.get() {
            pool.close().await;
        }
    }
}

fn from_sqlx(source: sqlx::Error) -> Error {
    let text = "schema gotgan_activity of the catalog's database does not answer";
    Error::new(ErrorKind::Unavailable, text).with_source(source)
}
