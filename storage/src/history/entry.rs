//! What each commit did: the rows of `gotgan.snapshots`, a page at a time.
//!
//! A commit of ours noted names and counts in its detail. For others, and for commits that
//! are older than these notes, they are made of the catalog's rows; see `foreign`.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::catalog::{Condition, Selection, decode};
use crate::error::Error;
use crate::history::foreign::{Told, tell};
use crate::lake::Lake;
use crate::spec::SnapshotId;
use crate::spec::change::{CommitCounts, CommitDetail};
use crate::spec::rows::{ChangesRow, SnapshotRow};

/// A snapshot and what its commit did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotEntry {
    /// Its number.
    pub id: SnapshotId,
    /// When it was committed.
    pub time: DateTime<Utc>,
    /// Name of the role that did.
    pub author: Option<String>,
    /// What the client called itself.
    pub application_name: Option<String>,
    /// The format's list of changes: tokens with names or ids.
    pub changes: String,
    /// Schema and name of each table that it touched, as they were then.
    pub tables: Vec<[String; 2]>,
    /// Rows that came, those that were changed too.
    pub rows_added: u64,
    /// Rows that went, those that were changed too.
    pub rows_removed: u64,
    /// Bytes of data files that came, also by moving rows together.
    pub bytes_added: u64,
    /// Bytes of data files that went.
    pub bytes_removed: u64,
    /// What the commit says about itself.
    pub message: Option<String>,
}

impl Lake {
    /// Snapshots that are kept, in their order from one number on, at most `count_max`.
    ///
    /// Cost: 1 read of the catalog; a few more if others than us committed any of them.
    pub async fn snapshots(
        &self,
        from: SnapshotId,
        count_max: usize,
    ) -> Result<Vec<SnapshotEntry>, Error> {
        let since = || vec![Condition::MoreThan("snapshot_id", from.0.saturating_sub(1))];
        let page = Selection::of::<SnapshotRow>(since()).first("snapshot_id", count_max);
        let rows = self.catalog().select(&[page]).await?.pop();
        let rows: Vec<SnapshotRow> = decode(rows.unwrap_or_default())?;
        let Some(last) = rows.last() else {
            return Ok(Vec::new());
        };
        let mut until = since();
        until.push(Condition::AtMost("snapshot_id", last.snapshot_id));
        let changes = Selection::of::<ChangesRow>(until);
        let changes = self.catalog().select(&[changes]).await?.pop();
        let changes: Vec<ChangesRow> = decode(changes.unwrap_or_default())?;
        let mut changes: HashMap<i64, ChangesRow> = changes
            .into_iter()
            .map(|row| (row.snapshot_id, row))
            .collect();
        let commits: Vec<Commit> = rows
            .into_iter()
            .map(|row| Commit::new(changes.remove(&row.snapshot_id), row))
            .collect();
        let untold: Vec<(i64, &str)> = commits
            .iter()
            .filter(|commit| commit.counts().is_none())
            .map(|commit| (commit.row.snapshot_id, commit.changes.as_str()))
            .collect();
        let mut told = match untold.is_empty() {
            true => HashMap::new(),
            false => tell(self.catalog(), &untold).await?,
        };
        let entry = |commit: Commit| {
            let told = told.remove(&commit.row.snapshot_id);
            commit.entry(told)
        };
        Ok(commits.into_iter().map(entry).collect())
    }
}

/// The rows of one commit.
struct Commit {
    row: SnapshotRow,
    changes: String,
    author: Option<String>,
    message: Option<String>,
    detail: Option<CommitDetail>,
}

impl Commit {
    fn new(changes: Option<ChangesRow>, row: SnapshotRow) -> Self {
        let Some(changes) = changes else {
            return Self {
                row,
                changes: String::new(),
                author: None,
                message: None,
                detail: None,
            };
        };
        let detail = changes.commit_extra_info.as_deref();
        Self {
            row,
            detail: detail.and_then(CommitDetail::parse),
            changes: changes.changes_made.unwrap_or_default(),
            author: changes.author,
            message: changes.commit_message,
        }
    }

    fn counts(&self) -> Option<CommitCounts> {
        self.detail.as_ref().and_then(|detail| detail.counts)
    }

    fn entry(self, told: Option<Told>) -> SnapshotEntry {
        let told = told.unwrap_or_default();
        let counts = self.counts().unwrap_or(told.counts);
        let own_tables = self.detail.as_ref().map(|detail| detail.tables.clone());
        let tables = own_tables.filter(|_| self.counts().is_some());
        let application_name = self.detail.map(|detail| detail.application_name);
        let unsigned = |count: i64| u64::try_from(count).unwrap_or(0);
        SnapshotEntry {
            id: SnapshotId(self.row.snapshot_id),
            time: self.row.snapshot_time,
            author: self.author,
            application_name: application_name.filter(|name| !name.is_empty()),
            changes: self.changes,
            tables: tables.unwrap_or(told.tables),
            rows_added: unsigned(counts.rows_added),
            rows_removed: unsigned(counts.rows_removed),
            bytes_added: unsigned(counts.bytes_added),
            bytes_removed: unsigned(counts.bytes_removed),
            message: self.message,
        }
    }
}
