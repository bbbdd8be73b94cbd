//! Time and chance, injected so that tests own both.

use std::fmt::Debug;
use std::time::Instant;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Where the time comes from.
pub trait Clock: Debug + Send + Sync {
    /// The wall clock.
    fn now(&self) -> DateTime<Utc>;

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
