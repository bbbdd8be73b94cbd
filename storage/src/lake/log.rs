//! The log of statements, as the sessions of a process use it.
//!
//! Every node writes it, replicas too; what is read is what all of them wrote.

use chrono::{DateTime, Utc};

use crate::activity::{LogPlace, LogRange, LoggedStatement, ReadUsage};
use crate::error::Error;
use crate::lake::Lake;

/// Statements that one transaction removes, so that nobody waits long behind it.
const FORGET_COUNT_MAX: u32 = 10_000;

impl Lake {
    /// What this process calls itself among those on the lake.
    pub fn node(&self) -> &str {
        &self.inner.node
    }

    /// Adds statements to the log, all or none. The same ones may be handed over again
    /// after an error.
    ///
    /// Cost: 1 transaction.
    pub async fn log_statements(&self, statements: &[LoggedStatement]) -> Result<(), Error> {
        let activity = &self.inner.activity;
        activity.append(&self.inner.uuid, statements).await
    }

    /// The next statements of the log behind a place, by time; fewer than `limit` at the end.
    pub async fn logged_statements(
        &self,
        range: &LogRange,
        after: Option<&LogPlace>,
        limit: u32,
    ) -> Result<Vec<LoggedStatement>, Error> {
        let (activity, lake) = (&self.inner.activity, &self.inner.uuid);
        activity.statements(lake, range, after, limit).await
    }

    /// The sums of the log, those of one role or all.
    pub async fn read_usage(&self, role: Option<i64>) -> Result<Vec<ReadUsage>, Error> {
        self.inner.activity.usage(&self.inner.uuid, role).await
    }

    /// Removes statements from the log that began before a moment, and the sums of the
    /// days before it. Returns how many statements went.
    pub async fn forget_statements(&self, before: DateTime<Utc>) -> Result<u64, Error> {
        let (activity, lake) = (&self.inner.activity, &self.inner.uuid);
        let mut count = 0;
        loop {
            let gone = activity
                .forget_statements(lake, before, FORGET_COUNT_MAX)
                .await?;
            count += gone;
            if gone < u64::from(FORGET_COUNT_MAX) {
                return Ok(count);
            }
        }
    }
}
