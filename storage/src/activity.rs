//! What nodes tell each other often, kept apart from the catalog's commits.
//!
//! A lease says which snapshots a node still reads: none from its `min_snapshot` on may
//! expire before `expires_at`. Replicas open the catalog read-only, so leases have a
//! place of their own that all may write: `activity.sqlite` beside a catalog in a file,
//! schema `gotgan_activity` in the database of one on a server.
//!
//! The log of statements (`log`) is there for the same reason.
//!
//! Several lakes may share such a place: each row names its lake.
//!
//! Not guaranteed: that a row outlasts a power cut. Those who wrote it do not, either.

use std::path::Path;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::error::Error;

mod log;
mod postgres;
mod sqlite;

pub(crate) use log::StatementLog;
pub use log::{
    LogPlace, LogRange, LoggedClient, LoggedRole, LoggedStatement, LoggedTable, ReadUsage,
};
pub(crate) use postgres::PostgresActivity;
pub(crate) use sqlite::SqliteActivity;

/// Name of the file beside a catalog in a file.
pub(crate) const FILE_NAME: &str = "activity.sqlite";

/// What a node still reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) node: String,
    /// The oldest snapshot that it reads or may pin.
    pub(crate) min_snapshot: i64,
    pub(crate) expires_at: DateTime<Utc>,
}

/// A node, as it told of itself the last time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeState {
    pub(crate) node: String,
    pub(crate) is_replica: bool,
    /// Where its clients connect.
    pub(crate) address: String,
    /// The newest snapshot that it serves.
    pub(crate) snapshot: i64,
    pub(crate) sessions: i64,
    pub(crate) version: String,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) seen_at: DateTime<Utc>,
}

/// Where leases and the log of statements are.
#[async_trait]
pub(crate) trait ActivityStore: StatementLog + std::fmt::Debug {
    /// The clock of the database; nothing where that is the machine's own.
    async fn now(&self) -> Result<Option<DateTime<Utc>>, Error>;

    /// Stores a node's lease in place of its last one.
    async fn put_lease(&self, lake: &str, lease: &Lease) -> Result<(), Error>;

    /// Gives a node's lease up.
    async fn remove_lease(&self, lake: &str, node: &str) -> Result<(), Error>;

    /// Every lease of a lake, also those that are over.
    async fn leases(&self, lake: &str) -> Result<Vec<Lease>, Error>;

    /// Forgets the leases of a lake that were over at a moment.
    async fn forget_leases(&self, lake: &str, before: DateTime<Utc>) -> Result<(), Error>;

    /// Stores what a node tells of itself in place of what it told before.
    async fn put_node(&self, lake: &str, state: &NodeState) -> Result<(), Error>;

    /// Forgets a node that ends.
    async fn remove_node(&self, lake: &str, node: &str) -> Result<(), Error>;

    /// What every node of a lake told last, also those that are gone.
    async fn nodes(&self, lake: &str) -> Result<Vec<NodeState>, Error>;

    /// Forgets nodes of a lake that told nothing since a moment.
    async fn forget_nodes(&self, lake: &str, before: DateTime<Utc>) -> Result<(), Error>;

    /// Takes a job for this node until a moment, unless another node has it now.
    async fn claim_job(
        &self,
        lake: &str,
        job: &str,
        node: &str,
        (now, until): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<bool, Error>;

    /// Gives every connection back.
    async fn close(&self);
}

/// The place that belongs to a catalog in this file.
pub(crate) fn beside(catalog: &Path) -> std::path::PathBuf {
    catalog.with_file_name(FILE_NAME)
}
