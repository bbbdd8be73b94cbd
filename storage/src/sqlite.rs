//! Opening SQLite files that other processes open at the same time.

use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

/// Between two tries to open a file that somebody else is opening.
const PAUSE: Duration = Duration::from_millis(5);

/// SQLite's SQLITE_BUSY; the upper bits of a code tell more about it.
const BUSY: i32 = 5;
const PRIMARY_CODE_BITS: i32 = 0xff;

/// Connects, waiting up to `timeout` for others.
///
/// SQLite's own busy timeout does not cover a file's change to WAL mode: of two
/// processes that open a new file at once, one is told SQLITE_BUSY immediately
/// (`PRAGMA journal_mode` needs the file for itself, and does not call the busy
/// handler where two could wait for each other). So that is tried again here.
///
/// # Errors
/// What SQLite says; SQLITE_BUSY, or the pool's own timeout, only once the time is over.
pub(crate) async fn open_pool(
    pool: SqlitePoolOptions,
    options: SqliteConnectOptions,
    timeout: Duration,
) -> Result<SqlitePool, sqlx::Error> {
    let pool = pool.acquire_timeout(timeout);
    let started = Instant::now();
    loop {
        match pool.clone().connect_with(options.clone()).await {
            Err(error) if is_busy(&error) && started.elapsed() < timeout => {
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    let code = code.and_then(|code| code.parse::<i32>().ok());
    code.is_some_and(|code| code & PRIMARY_CODE_BITS == BUSY)
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqliteJournalMode;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(20);

    fn wal(path: &std::path::Path) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .busy_timeout(TIMEOUT)
            .journal_mode(SqliteJournalMode::Wal)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_new_file_is_opened_by_many_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        for round in 0..20 {
            let path = folder.path().join(format!("{round}.sqlite"));
            let opened = (0..4).map(|_| {
                let pool = SqlitePoolOptions::new().max_connections(1);
                let options = wal(&path);
                tokio::spawn(async move { open_pool(pool, options, TIMEOUT).await })
            });
            for one in opened.collect::<Vec<_>>() {
                one.await.expect("a task").expect("an open file");
            }
        }
    }

    #[tokio::test]
    async fn a_file_that_stays_locked_is_an_error_in_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("locked.sqlite");
        let plain = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true);
        let holder = SqlitePoolOptions::new().connect_with(plain).await;
        let mut holder = holder.expect("a pool").acquire().await.expect("a file");
        let sql = "CREATE TABLE t (a); BEGIN EXCLUSIVE";
        sqlx::raw_sql(sql)
            .execute(&mut *holder)
            .await
            .expect("a lock");
        let short = Duration::from_millis(50);
        let pool = SqlitePoolOptions::new().max_connections(1);
        let started = Instant::now();
        let refused = open_pool(pool, wal(&path).busy_timeout(short), short).await;
        refused.expect_err("the file is locked");
        assert!(started.elapsed() < TIMEOUT / 4);
    }
}
