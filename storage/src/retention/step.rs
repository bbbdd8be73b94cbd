//! Short turns under the commit lock, so that commits wait for none of them long.
//!
//! How much a turn does follows from how long the last one took.

use std::time::{Duration, Instant};

use tokio::sync::{MutexGuard, OwnedRwLockReadGuard};

use crate::catalog::CommitTransaction;
use crate::error::{Error, ErrorKind};
use crate::faults::PointFault;
use crate::lake::Lake;

/// Rows of the first turn. Small, since nobody knows yet how fast the database is.
const ROWS_FIRST: usize = 64;

/// Most rows of a turn, a bound on what it holds in memory.
const ROWS_MAX: usize = 8192;

/// How many rows the next turn of a kind takes.
#[derive(Debug)]
pub(crate) struct Pace {
    time: Duration,
    rows: usize,
}

impl Pace {
    /// `time`: about how long a turn may take.
    pub(crate) fn new(time: Duration) -> Self {
        Self {
            time,
            rows: ROWS_FIRST,
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    fn learn(&mut self, taken: Duration) {
        if taken > self.time {
            self.rows = (self.rows / 2).max(1);
        } else if taken * 3 < self.time {
            self.rows = (self.rows * 2).min(ROWS_MAX);
        }
    }
}

/// The places before and after a turn's commit where a test may stop it.
pub(crate) type Points = [&'static str; 2];

/// A turn: a transaction of the catalog under the commit lock.
///
/// Dropping it undoes what it did.
pub(crate) struct Step<'a> {
    lake: &'a Lake,
    pub(crate) catalog: Box<dyn CommitTransaction>,
    started: Instant,
    _turn: MutexGuard<'a, ()>,
    _guard: OwnedRwLockReadGuard<()>,
}

impl<'a> Step<'a> {
    /// Waits its turn among the commits.
    ///
    /// Errors: `ReadOnly` on a replica.
    pub(crate) async fn begin(lake: &'a Lake) -> Result<Self, Error> {
        lake.check_primary()?;
        let guard = lake.commit_guard().await;
        let turn = lake.commit_turn().await;
        let catalog = lake.writer()?.begin_commit().await?;
        Ok(Self {
            lake,
            catalog,
            started: lake.clock().instant(),
            _turn: turn,
            _guard: guard,
        })
    }

    /// Makes what was done durable, and learns from how long it took.
    pub(crate) async fn commit(self, points: Points, pace: &mut Pace) -> Result<(), Error> {
        check_point(self.lake, points[0])?;
        self.catalog.commit().await?;
        let taken = self.lake.clock().instant() - self.started;
        if taken > pace.time * 4 {
            tracing::debug!(
                ?taken,
                rows = pace.rows,
                step = points[0],
                "a turn took long"
            );
        }
        pace.learn(taken);
        check_point(self.lake, points[1])
    }

    /// Ends the turn, in which nothing was to be done.
    pub(crate) async fn give_up(self) -> Result<(), Error> {
        self.catalog.rollback().await
    }
}

/// Stops where a test wants it, as if the process had died.
pub(crate) fn check_point(lake: &Lake, point: &'static str) -> Result<(), Error> {
    match lake.reach(point) {
        PointFault::Continue => Ok(()),
        PointFault::Stop | PointFault::LoseReply => Err(Error::new(
            ErrorKind::Unavailable,
            "the maintenance of snapshots was stopped by a test",
        )),
    }
}
