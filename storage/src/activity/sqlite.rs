//! Activity in a SQLite file beside the catalog.
//!
//! Times are whole microseconds since 1970, which compare as numbers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Row as _};
use tokio::sync::OnceCell;

use super::{ActivityStore, Lease, NodeState};
use crate::error::{Error, ErrorKind};
use crate::sqlite::open_pool;

mod batch;
mod log;

const TABLES_SQL: &str = "CREATE TABLE IF NOT EXISTS lease (lake TEXT NOT NULL, \
     node TEXT NOT NULL, min_snapshot INTEGER NOT NULL, expires_at INTEGER NOT NULL, \
     PRIMARY KEY (lake, node)); \
     CREATE TABLE IF NOT EXISTS job (lake TEXT NOT NULL, job TEXT NOT NULL, \
     node TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (lake, job)); \
     CREATE TABLE IF NOT EXISTS node (lake TEXT NOT NULL, node TEXT NOT NULL, \
     is_replica INTEGER NOT NULL, address TEXT NOT NULL, snapshot INTEGER NOT NULL, \
     sessions INTEGER NOT NULL, version TEXT NOT NULL, started_at INTEGER NOT NULL, \
     seen_at INTEGER NOT NULL, PRIMARY KEY (lake, node))";

/// Opened at its first use: a replica on a folder that it cannot write never gets here.
#[derive(Debug)]
pub(crate) struct SqliteActivity {
    path: PathBuf,
    timeout: Duration,
    pool: OnceCell<SqlitePool>,
}

impl SqliteActivity {
    pub(crate) fn new(path: PathBuf, timeout: Duration) -> Self {
        Self {
            path,
            timeout,
            pool: OnceCell::new(),
        }
    }

    /// Whether anybody ever told anything; reading makes no file.
    fn is_there(&self) -> bool {
        self.pool.get().is_some() || self.path.exists()
    }

    async fn pool(&self) -> Result<&SqlitePool, Error> {
        let open = || open(&self.path, self.timeout);
        self.pool.get_or_try_init(open).await
    }
}

async fn open(path: &Path, timeout: Duration) -> Result<SqlitePool, Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .busy_timeout(timeout)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        // Rows of the log are large.
        .row_buffer_size(4)
        .disable_statement_logging();
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .test_before_acquire(false);
    let pool = open_pool(pool, options, timeout).await.map_err(from_sqlx)?;
    for tables in [TABLES_SQL, log::TABLES_SQL] {
        let made = sqlx::raw_sql(tables).execute(&pool).await;
        made.map_err(from_sqlx)?;
    }
    Ok(pool)
}

#[async_trait]
impl ActivityStore for SqliteActivity {
    async fn now(&self) -> Result<Option<DateTime<Utc>>, Error> {
        Ok(None)
    }

    async fn put_lease(&self, lake: &str, lease: &Lease) -> Result<(), Error> {
        sqlx::query("INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?)")
            .bind(lake.to_owned())
            .bind(lease.node.clone())
            .bind(lease.min_snapshot)
            .bind(lease.expires_at.timestamp_micros())
            .execute(self.pool().await?)
            .await
            .map(drop)
            .map_err(from_sqlx)
    }

    async fn remove_lease(&self, lake: &str, node: &str) -> Result<(), Error> {
        sqlx::query("DELETE FROM lease WHERE lake = ? AND node = ?")
            .bind(lake.to_owned())
            .bind(node.to_owned())
            .execute(self.pool().await?)
            .await
            .map(drop)
            .map_err(from_sqlx)
    }

    async fn leases(&self, lake: &str) -> Result<Vec<Lease>, Error> {
        if !self.is_there() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query("SELECT node, min_snapshot, expires_at FROM lease WHERE lake = ?")
            .bind(lake.to_owned())
            .fetch_all(self.pool().await?)
            .await
            .map_err(from_sqlx)?;
        rows.iter()
            .map(|row| {
                Ok(Lease {
                    node: row.try_get(0).map_err(from_sqlx)?,
                    min_snapshot: row.try_get(1).map_err(from_sqlx)?,
                    expires_at: moment(row, 2)?,
                })
            })
            .collect()
    }

    async fn forget_leases(&self, lake: &str, before: DateTime<Utc>) -> Result<(), Error> {
        sqlx::query("DELETE FROM lease WHERE lake = ? AND expires_at < ?")
            .bind(lake.to_owned())
            .bind(before.timestamp_micros())
            .execute(self.pool().await?)
            .await
            .map(drop)
            .map_err(from_sqlx)
    }

    async fn put_node(&self, lake: &str, state: &NodeState) -> Result<(), Error> {
        sqlx::query("INSERT OR REPLACE INTO node VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(lake.to_owned())
            .bind(state.node.clone())
            .bind(state.is_replica)
            .bind(state.address.clone())
            .bind(state.snapshot)
            .bind(state.sessions)
            .bind(state.version.clone())
            .bind(state.started_at.timestamp_micros())
            .bind(state.seen_at.timestamp_micros())
            .execute(self.pool().await?)
            .await
            .map(drop)
            .map_err(from_sqlx)
    }

    async fn remove_node(&self, lake: &str, node: &str) -> Result<(), Error> {
        sqlx::query("DELETE FROM node WHERE lake = ? AND node = ?")
            .bind(lake.to_owned())
            .bind(node.to_owned())
            .execute(self.pool().await?)
            .await
            .map(drop)
            .map_err(from_sqlx)
    }

    async fn nodes(&self, lake: &str) -> Result<Vec<NodeState>, Error> {
        if !self.is_there() {
            return Ok(Vec::new());
        }
        let sql = "SELECT node, is_replica, address, snapshot, sessions, version, started_at, \
             seen_at FROM node WHERE lake = ?";
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
                    started_at: moment(row, 6)?,
                    seen_at: moment(row, 7)?,
                })
            })
            .collect()
    }

    async fn forget_nodes(&self, lake: &str, before: DateTime<Utc>) -> Result<(), Error> {
        sqlx::query("DELETE FROM node WHERE lake = ? AND seen_at < ?")
            .bind(lake.to_owned())
            .bind(before.timestamp_micros())
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
        let sql = "INSERT INTO job VALUES (?, ?, ?, ?) ON CONFLICT (lake, job) DO UPDATE \
             SET node = excluded.node, until = excluded.until \
             WHERE job.node = excluded.node OR job.until <= ?";
        let done = sqlx::query(sql)
            .bind(lake.to_owned())
            .bind(job.to_owned())
            .bind(node.to_owned())
            .bind(until.timestamp_micros())
            .bind(now.timestamp_micros())
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

fn moment(row: &SqliteRow, index: usize) -> Result<DateTime<Utc>, Error> {
    let micros: i64 = row.try_get(index).map_err(from_sqlx)?;
    Ok(DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::<Utc>::MAX_UTC))
}

fn from_sqlx(source: sqlx::Error) -> Error {
    let text = "the place of leases beside the catalog does not answer";
    Error::new(ErrorKind::Unavailable, text).with_source(source)
}
