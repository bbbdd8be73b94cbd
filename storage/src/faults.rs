//! Points at which a test can stop a commit, as if the process had died there.
//!
//! A point is named after the line that it cuts: `commit/before-sqlite-commit`.

use std::fmt::Debug;
#[cfg(test)]
use std::sync::Arc;

#[cfg(test)]
use object_store::ObjectStore;

#[cfg(test)]
use crate::catalog::Catalog;

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

/// Puts something in front of the catalog and the object store.
#[cfg(test)]
pub(crate) trait Wrap: Debug + Send + Sync {
    /// What the lake takes for its catalog.
    fn catalog(&self, inner: Catalog) -> Catalog;

    /// What the lake takes for its object store.
    fn objects(&self, inner: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore>;
}
