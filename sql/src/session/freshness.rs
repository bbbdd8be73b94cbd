//! How new what a session sees has to be, and how old its transaction may become.
//!
//! A replica shows the newest snapshot that it was told of. Who has just committed on a
//! primary got the snapshot's number as `gotgan.snapshot`; with it as
//! `gotgan.wait_for_snapshot`, statements elsewhere wait until it is there.
//!
//! A transaction keeps its snapshot, and all later ones, from expiring on every node. So
//! none may stay for ever, whatever its client does.

use std::time::Duration;

use chrono::TimeDelta;
use gotgan_storage::SnapshotId;
use tokio::time::Instant;

use super::{Notice, Session};
use crate::error::SqlError;
use crate::execute::Deadline;
use crate::settings::{COMMITTED_SNAPSHOT, WAIT_FOR_SNAPSHOT};
use crate::sqlstate;

impl Session {
    /// Waits for the snapshot that the session wants to see; on a replica that is cut off
    /// from the catalog, says so once.
    ///
    /// Errors: `57P03` once it is cut off for too long.
    pub(super) async fn require_fresh(&mut self) -> Result<(), SqlError> {
        self.engine.lake.check_fresh()?;
        match self.engine.lake.cut_off_for() {
            Some(age) if !self.is_told_of_silence => {
                self.is_told_of_silence = true;
                let text = format!(
                    "this replica has not reached the catalog for {} seconds: it shows snapshot {}",
                    age.as_secs(),
                    self.engine.lake.known_head().id()
                );
                self.notify(Notice::warning(sqlstate::WARNING, text));
            }
            Some(_) => {}
            None => self.is_told_of_silence = false,
        }
        let wanted = self.settings.show(WAIT_FOR_SNAPSHOT)?;
        // The setting takes numbers only.
        let wanted = SnapshotId(wanted.parse().unwrap_or(0));
        Ok(self.engine.lake.wait_for(wanted).await?)
    }

    /// When the newest commit was made that this replica knows; none on a primary.
    pub(super) fn replayed_at(&self) -> Option<i64> {
        let is_replica = self.engine.is_replica;
        is_replica.then(|| self.engine.lake.known_head().time().timestamp_micros())
    }

    /// Tells the client which snapshot its commit made.
    pub(super) fn report_commit(&mut self, snapshot: SnapshotId) {
        let number = snapshot.0.to_string();
        self.settings.report(COMMITTED_SNAPSHOT, &number);
    }

    /// When the statement that begins now must end, for itself or with its transaction.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let now = Instant::now();
        let of_statement = self.settings.statement_timeout();
        let left = self.transaction_time_left();
        let of_transaction = left.unwrap_or(self.engine.lake.transaction_age_max());
        match of_statement {
            Some(timeout) if timeout <= of_transaction => Some(Deadline {
                at: now + timeout,
                ends_transaction: false,
            }),
            _ => Some(Deadline {
                at: now.checked_add(of_transaction)?,
                ends_transaction: true,
            }),
        }
    }

    /// How long the open transaction may still go on; nothing without one.
    #[must_use]
    pub fn transaction_time_left(&self) -> Option<Duration> {
        let active = self.transaction.as_ref()?;
        let age = self.engine.clock.now().timestamp_micros() - active.started;
        let age = TimeDelta::microseconds(age).to_std().unwrap_or_default();
        Some(self.engine.lake.transaction_age_max().saturating_sub(age))
    }
}
