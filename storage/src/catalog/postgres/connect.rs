//! Connections to the catalog's server: pools, and the bounds on every wait.
//!
//! A statement that does not end, a lock that is not given, and a network that is silent
//! end as errors; a connection whose process is gone loses the commit lock in time.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};

use super::error::from_sqlx;
use crate::error::{Error, ErrorKind};

/// Connections for reading. Each read is short, but waits for the network.
const READER_COUNT: u32 = 8;

/// Connections for commits: one at work, the others for when one is lost on the way.
const WRITER_COUNT: u32 = 3;

/// Longest wait for the answer to one call. Pictures of large lakes take seconds.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);

/// A connection that was idle this long is asked whether it lives before it is used.
const IDLE_TRUST: Duration = Duration::from_secs(1);

/// Idle connections are closed after this; nobody pays for nights.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// Which transactions the connections of a pool may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Reading,
    Committing,
}

/// Opens a pool. It connects once, so that a wrong address shows now.
///
/// `timeout`: how long to wait for a free connection, and for the lock of another.
pub(super) async fn open_pool(url: &str, usage: Use, timeout: Duration) -> Result<PgPool, Error> {
    let options = options(url, usage, timeout).map_err(from_sqlx)?;
    let size = match usage {
        Use::Reading => READER_COUNT,
        Use::Committing => WRITER_COUNT,
    };
    let pool = PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(timeout)
        .idle_timeout(IDLE_TIMEOUT)
        .max_lifetime(None)
        .test_before_acquire(false)
        .before_acquire(|connection, state| {
            Box::pin(async move {
                if state.idle_for > IDLE_TRUST {
                    return Ok(connection.ping().await.is_ok());
                }
                Ok(true)
            })
        });
    bounded(pool.connect_with(options)).await
}

fn options(url: &str, usage: Use, timeout: Duration) -> Result<PgConnectOptions, sqlx::Error> {
    let options = PgConnectOptions::from_str(url)?;
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("gotgan"),
    };
    let millis = |duration: Duration| format!("{}ms", duration.as_millis().max(1));
    let read_only = match usage {
        Use::Reading => "on",
        Use::Committing => "off",
    };
    Ok(options
        .options([
            ("statement_timeout", millis(REPLY_TIMEOUT)),
            ("idle_in_transaction_session_timeout", millis(REPLY_TIMEOUT)),
            ("lock_timeout", millis(timeout)),
            ("default_transaction_read_only", read_only.to_owned()),
            // "already exists, skipping" is no news.
            ("client_min_messages", "warning".to_owned()),
        ])
        .disable_statement_logging())
}

/// Waits for the server, but not for ever. What was cut off has an open outcome.
pub(super) async fn bounded<T>(
    call: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(REPLY_TIMEOUT, call).await {
        Ok(answer) => answer.map_err(from_sqlx),
        Err(_) => Err(Error::new(
            ErrorKind::Unavailable,
            "the catalog did not answer in time",
        )),
    }
}
