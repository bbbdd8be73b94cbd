//! Points at which a test can stop a commit, as if the process had died there.
//!
//! A point is named after the line that it cuts: `commit/before-sqlite-commit`.

use std::fmt::Debug;

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointFault {
    /// Nothing: go on.
    Continue,
    /// The process dies: nothing after the point happens, not even cleaning up.
    Stop,
    /// The step before the point was done, but its reply is lost.
    LoseReply,
}

/// Decides what happens at each point.
pub trait Faults: Debug + Send + Sync {
    /// Called when a point is reached.
    fn reach(&self, point: &'static str) -> PointFault;
}
