//! Time and chance, injected so that tests own both.

use std::fmt::Debug;
use std::time::Instant;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Where the time comes from.
pub trait Clock: Debug + Send + Sync {
    /// The wall clock.
    fn now(&self) -> DateTime<Utc>;

    /// The time of a commit: by the catalog database's clock where it has one, which all
    /// who commit there share. A clock that is moved by hand goes by itself alone.
    fn commit_time(&self, database: Option<DateTime<Utc>>) -> DateTime<Utc> {
        database.unwrap_or_else(|| self.now())
    }

    /// A clock that never goes back, for durations.
    fn instant(&self) -> Instant;
}

/// Where unique ids come from.
pub trait Ids: Debug + Send + Sync {
    /// An id that nobody else has; later ones sort after earlier ones.
    fn uuid(&self) -> Uuid;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the one place that asks the machine"
    )]
    fn now(&self) -> DateTime<Utc> {
        DateTime::<Utc>::from(std::time::SystemTime::now())
    }

    fn instant(&self) -> Instant {
        Instant::now()
    }
}

/// Random ids that begin with the time (UUID version 7).
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the one place that asks for chance"
    )]
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// A clock for tests.
#[cfg(test)]
pub(crate) mod testing {
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Instant;

    use chrono::{DateTime, TimeDelta, Utc};

    use super::{Clock, SystemClock};

    /// The machine's clock, moved ahead by hand.
    #[derive(Debug, Default)]
    pub(crate) struct AheadClock {
        seconds: AtomicI64,
    }

    impl AheadClock {
        /// Lets time pass.
        pub(crate) fn pass(&self, time: TimeDelta) {
            self.seconds
                .fetch_add(time.num_seconds(), Ordering::Relaxed);
        }
    }

    impl Clock for AheadClock {
        fn now(&self) -> DateTime<Utc> {
            SystemClock.now() + TimeDelta::seconds(self.seconds.load(Ordering::Relaxed))
        }

        fn commit_time(&self, _database: Option<DateTime<Utc>>) -> DateTime<Utc> {
            self.now()
        }

        fn instant(&self) -> Instant {
            SystemClock.instant()
        }
    }
}
