//! What a primary does by itself: rows leave the catalog, small files become larger ones.
//!
//! ```text
//! every interval ──▶ inlined rows, many or old ──▶ Lake::flush_inlined
//!               └──▶ tables that changed ──▶ small or worn files ──▶ compact.rs
//! VACUUM ─────────▶ the same for its tables, at once and thoroughly
//! now and then ───▶ snapshots expire, files that nothing names go: history.rs
//! ```
//!
//! Invariants:
//! - Snapshots from before show what they showed; row ids stay.
//! - Of several primaries one looks after a table at a time, by a claim that it renews.
//! - No writer fails by it: where both change a table, the writer wins or follows the rows.
//! - One table is worked on at a time, a group of files at a time; it can end anywhere.
//!
//! Relies on `gotgan_storage`: a commit finds rows that were moved meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gotgan_config::MaintenanceConfig;
use gotgan_storage::{Author, CompactionOptions, ErrorKind, SnapshotId, TableId};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::error::SqlError;

mod compact;
mod history;
mod jobs;
mod sort;

pub(crate) use jobs::Jobs;
pub(crate) use sort::Sorting;

/// Tables whose files are looked at in one round; the others wait for the next.
const TABLES_PER_ROUND: usize = 64;

/// How often a step is tried that loses against writers.
const TRIES_MAX: u32 = 5;

/// For how long one of several primaries takes a table. Should its rewrite take longer,
/// another may begin the same, and one of the two loses.
const CLAIM_VALIDITY: Duration = Duration::from_secs(300);

/// How often uploads of processes that died are looked for.
const UPLOADS_INTERVAL: Duration = Duration::from_secs(3600);

/// What is known from the rounds before.
#[derive(Debug, Default)]
struct Known {
    /// The newest snapshot when nothing was left to do.
    idle_at: Option<SnapshotId>,
    /// Since when tables have inlined rows.
    inlined_since: BTreeMap<TableId, Instant>,
    /// The last change of tables whose files were looked at.
    looked_at: BTreeMap<TableId, SnapshotId>,
    /// When uploads of processes that died were looked for.
    uploads_at: Option<Instant>,
}

impl Engine {
    /// Looks for work until `stop`. Errors are logged; the next round tries again.
    pub async fn maintain(self: Arc<Self>, config: MaintenanceConfig, stop: CancellationToken) {
        if self.is_replica {
            return;
        }
        let expiring = Arc::clone(&self).expire_regularly(config.clone(), stop.clone());
        futures::join!(expiring, self.maintain_tables(config, stop));
    }

    async fn maintain_tables(self: Arc<Self>, config: MaintenanceConfig, stop: CancellationToken) {
        if config.interval.is_zero() {
            return;
        }
        let mut known = Known::default();
        let mut ticks = interval(config.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let round = self.maintain_once(&config, &mut known);
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                result = round => if let Err(error) = result {
                    tracing::error!(%error, "maintenance of tables failed");
                }
            }
        }
    }

    async fn maintain_once(
        &self,
        config: &MaintenanceConfig,
        known: &mut Known,
    ) -> Result<(), SqlError> {
        self.remove_abandoned_uploads(known).await;
        let head = self.lake.head().await?.id();
        if known.idle_at == Some(head) && known.inlined_since.is_empty() {
            return Ok(());
        }
        let _one_at_a_time = self.maintenance.lock().await;
        self.flush_due(config, known).await?;
        let is_done = self.compact_changed(known).await?;
        known.idle_at = is_done.then_some(head);
        Ok(())
    }

    /// Removes uploads of processes that died, now and then. What fails is tried then.
    async fn remove_abandoned_uploads(&self, known: &mut Known) {
        let is_due = known
            .uploads_at
            .is_none_or(|at| at.elapsed() >= UPLOADS_INTERVAL);
        if !is_due {
            return;
        }
        known.uploads_at = Some(Instant::now());
        match self.lake.remove_abandoned_uploads().await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "abandoned uploads were removed"),
            Err(error) => tracing::warn!(%error, "abandoned uploads could not be removed"),
        }
    }

    /// Flushes the tables whose inlined rows are many or old.
    async fn flush_due(
        &self,
        config: &MaintenanceConfig,
        known: &mut Known,
    ) -> Result<(), SqlError> {
        let counts = self.lake.inlined_counts().await?;
        let now = Instant::now();
        let since = counts.iter().map(|(table, _)| {
            let since = known.inlined_since.get(table).copied();
            (*table, since.unwrap_or(now))
        });
        known.inlined_since = since.collect();
        for (table, count) in counts {
            let is_old = known
                .inlined_since
                .get(&table)
                .is_some_and(|since| since.elapsed() >= config.inlined_age_max);
            let is_due = count >= config.inlined_rows_max || is_old;
            if is_due && self.is_ours(table).await? {
                known.inlined_since.remove(&table);
                let flushed = self.flush(table, &background()).await;
                log_failure(table, flushed);
            }
        }
        Ok(())
    }

    /// Compacts tables that changed since they were looked at. Whether all of them were.
    async fn compact_changed(&self, known: &mut Known) -> Result<bool, SqlError> {
        let head = self.lake.head().await?;
        let options = self.lake.compaction_options();
        known
            .looked_at
            .retain(|table, _| head.table(*table).is_some());
        let changed = head.tables().filter(|table| {
            table.row_count > 0 && known.looked_at.get(&table.id) != Some(&table.last_change)
        });
        let changed: Vec<_> = changed.map(|table| (table.id, table.last_change)).collect();
        let mut is_all = changed.len() <= TABLES_PER_ROUND;
        for (table, last_change) in changed.into_iter().take(TABLES_PER_ROUND) {
            if !self.is_ours(table).await? {
                is_all = false;
                continue;
            }
            known.looked_at.insert(table, last_change);
            let compacted = self.compact(table, &options, &background()).await;
            log_failure(table, compacted);
        }
        Ok(is_all)
    }

    /// Whether this is the primary that looks after a table for now.
    async fn is_ours(&self, table: TableId) -> Result<bool, SqlError> {
        let job = format!("maintenance of table {table}");
        Ok(self.lake.claim_job(&job, CLAIM_VALIDITY).await?)
    }

    /// Moves a table's inlined rows to a file. Gives up where writers keep winning.
    async fn flush(&self, table: TableId, author: &Author) -> Result<(), SqlError> {
        for _ in 0..TRIES_MAX {
            match self.lake.flush_inlined(table, author.clone()).await {
                Ok(snapshot) => {
                    let is_moved = snapshot.is_some();
                    tracing::debug!(%table, is_moved, "inlined rows were flushed");
                    return Ok(());
                }
                Err(error) if error.kind == ErrorKind::Conflict => {}
                // It was dropped meanwhile.
                Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Does all there is to do for a table now.
    ///
    /// `is_full`: also for files with few deleted rows. `sorting`: where there is a sort key.
    /// Errors: those of storage and of reading.
    pub(crate) async fn vacuum(
        &self,
        table: TableId,
        is_full: bool,
        sorting: Sorting,
        author: &Author,
    ) -> Result<(), SqlError> {
        let _one_at_a_time = self.maintenance.lock().await;
        let options: CompactionOptions = self.lake.compaction_options().thorough(is_full);
        self.flush(table, author).await?;
        self.sort_files(table, sorting, author).await?;
        self.compact(table, &options, author).await
    }
}

/// The other tables are not to wait for one that cannot be read.
fn log_failure(table: TableId, result: Result<(), SqlError>) {
    if let Err(error) = result {
        tracing::error!(%table, %error, "maintenance of a table failed");
    }
}

/// Who the snapshots are by that nobody asked for.
fn background() -> Author {
    Author {
        role: String::new(),
        application_name: "gotgan maintenance".to_owned(),
    }
}
