//! How long what was stays, and what becomes of it then.
//!
//! A snapshot expires when it was superseded longer ago than the retention, and nobody
//! holds, pins or leases it. Then rows of the catalog that no other snapshot shows go, and
//! objects that no row names any more are scheduled; `sweep` deletes them later.
//!
//!   snapshots ──▶ rows whose interval shows none any more ──▶ schedule ──▶ (sweep) objects
//!
//! Every step is a short transaction under the commit lock. Between two of them the lake is
//! right: rows that are left over show nowhere, and the next run finds them again, since it
//! looks at what survives and not at what just expired.
//!
//! A table may be kept longer than the system's snapshots: its rows stay, and an expired
//! snapshot that touched it moves to the archive (`archive`). One that is kept shorter is
//! cut out of older snapshots (`shorten`), and its rows go.

use std::time::Duration;

use crate::catalog::{CatalogStore, Condition, Selection};
use crate::error::Error;
use crate::spec::rows::SnapshotRow;
use crate::spec::side::ArchiveRow;

mod expire;
mod files;
mod kept;
mod need;
mod policy;
mod preview;
mod report;
mod rows;
mod scope;
mod shorten;
mod snapshots;
mod step;
mod tables;

pub use expire::ExpireOptions;
pub use report::{ExpireReport, ExpiredTable};
pub(crate) use step::{Pace, Points, Step, check_point};

/// How long what was stays. Limits that no setting of the lake can undercut are here, too.
#[derive(Clone, Copy, Debug)]
pub struct RetentionOptions {
    /// Retention where neither the lake nor an object says otherwise. Default 1 day.
    pub default: Duration,
    /// Nothing expires sooner after it was superseded. Default 10 minutes.
    pub expire_age_min: Duration,
    /// How long an object that nothing names stays, for readers that nobody knows of.
    /// Default 24 hours.
    pub grace: Duration,
    /// Age at which an object that nobody ever named is taken for abandoned. Default 7 days.
    pub orphan_age: Duration,
    /// How long one step may hold the commit lock, about. Default 20 milliseconds.
    pub step_time: Duration,
}

impl Default for RetentionOptions {
    fn default() -> Self {
        Self {
            default: Duration::from_secs(24 * 3600),
            expire_age_min: Duration::from_secs(600),
            grace: Duration::from_secs(24 * 3600),
            orphan_age: Duration::from_secs(7 * 24 * 3600),
            step_time: Duration::from_millis(20),
        }
    }
}

/// Whether a snapshot is kept, if only for some of its tables.
pub(crate) async fn is_kept(catalog: &dyn CatalogStore, id: i64) -> Result<bool, Error> {
    let of_id = || vec![Condition::Equals("snapshot_id", id)];
    let selections = [
        Selection::of::<SnapshotRow>(of_id()),
        Selection::of::<ArchiveRow>(of_id()),
    ];
    let found = catalog.select(&selections).await?;
    Ok(found.iter().any(|rows| !rows.is_empty()))
}
