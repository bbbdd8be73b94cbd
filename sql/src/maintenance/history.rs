//! Snapshots expire and files that nothing names go, on a schedule. Before, and now and then,
//! the primary makes sure that no other catalog uses its files.
//!
//! Storage does the work in short steps; dropping the future between two of them, as the
//! end of the process does, leaves the lake right. Of several primaries one does it. The log
//! of statements is kept for its own time.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use gotgan_config::MaintenanceConfig;
use gotgan_storage::{ExpireOptions, OrphanOptions, SweepOptions};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::error::SqlError;

/// Names of the jobs.
const CLAIM: &str = "claim files";
const EXPIRE: &str = "expire snapshots";
const SWEEP: &str = "sweep files";
const ORPHANS: &str = "remove orphans";
const FORGET: &str = "forget statements";

/// How often statements are removed from their log where snapshots expire by hand only:
/// the log must not grow for ever.
const FORGET_INTERVAL: Duration = Duration::from_secs(3600);

/// How often to look whether another catalog has come to use the files, and to leave a trace
/// for one that will. Far below `storage.grace`: until then both may remove files.
const CLAIM_INTERVAL: Duration = Duration::from_secs(600);

/// For how long one of several primaries takes a job.
const CLAIM_VALIDITY: Duration = Duration::from_secs(600);

impl Engine {
    /// Lets snapshots expire and sweeps, until `stop`. Errors are logged; the next round
    /// tries again.
    pub(super) async fn expire_regularly(
        self: Arc<Self>,
        config: MaintenanceConfig,
        stop: CancellationToken,
    ) {
        let engine = Arc::clone(&self);
        let stopping = stop.clone();
        // At once for the first time, so that everybody sees how it stands.
        let claimed = async move {
            tokio::select! {
                biased;
                () = stopping.cancelled() => {}
                () = engine.run_job(CLAIM, claim_files(&engine)) => {}
            }
        };
        let engine = Arc::clone(&self);
        let claiming = regularly(CLAIM_INTERVAL, stop.clone(), async move || {
            engine.run_job(CLAIM, claim_files(&engine)).await;
        });
        let engine = Arc::clone(&self);
        let every = match config.expire_interval {
            Duration::ZERO => FORGET_INTERVAL,
            every => every,
        };
        let forgetting = regularly(every, stop.clone(), async move || {
            engine.run_job(FORGET, forget_statements(&engine)).await;
        });
        let engine = Arc::clone(&self);
        let expiring = regularly(config.expire_interval, stop.clone(), async move || {
            engine.run_job(EXPIRE, expire(&engine)).await;
            engine.run_job(SWEEP, sweep(&engine)).await;
        });
        let removing = regularly(config.orphan_interval, stop, async move || {
            self.run_job(ORPHANS, remove_orphans(&self)).await;
        });
        futures::join!(claimed, claiming, expiring, removing, forgetting);
    }

    /// Runs a job if no other primary does, and notes how it went.
    async fn run_job(
        &self,
        job: &'static str,
        work: impl Future<Output = Result<String, SqlError>>,
    ) {
        let now = || self.clock.now().timestamp_micros();
        match self.lake.claim_job(job, CLAIM_VALIDITY).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::error!(%error, job, "a job could not be claimed");
                return;
            }
        }
        self.jobs.begin(job, now());
        let result = work.await;
        match &result {
            Ok(done) => tracing::info!(job, done, "a job ended"),
            Err(error) => tracing::error!(%error, cause = ?error.source, job, "a job failed"),
        }
        let result = result.map_err(|error| error.message);
        self.jobs.end(job, now(), result);
    }
}

/// Does something at every interval until `stop`; never if it is zero. The first time is
/// one interval after the start, which has enough to do.
async fn regularly(every: Duration, stop: CancellationToken, mut work: impl AsyncFnMut()) {
    if every.is_zero() {
        return;
    }
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = work() => {}
        }
    }
}

async fn claim_files(engine: &Engine) -> Result<String, SqlError> {
    engine.lake.claim_data().await?;
    Ok("no other catalog uses them".to_owned())
}

async fn expire(engine: &Engine) -> Result<String, SqlError> {
    let report = engine.lake.expire(&ExpireOptions::default()).await?;
    if report.snapshots > 0 {
        let (snapshots, files, bytes) = (report.snapshots, report.files, report.bytes);
        tracing::info!(snapshots, files, bytes, "snapshots expired");
    }
    Ok(format!(
        "{} snapshots, {} files, {} bytes",
        report.snapshots, report.files, report.bytes
    ))
}

async fn forget_statements(engine: &Engine) -> Result<String, SqlError> {
    let retention = TimeDelta::from_std(engine.history.retention).unwrap_or(TimeDelta::MAX);
    let now = engine.clock.now();
    let before = now
        .checked_sub_signed(retention)
        .unwrap_or(DateTime::UNIX_EPOCH);
    let count = engine.lake.forget_statements(before).await?;
    Ok(format!("{count} statements"))
}

async fn sweep(engine: &Engine) -> Result<String, SqlError> {
    let report = engine.lake.sweep(&SweepOptions::default()).await?;
    if report.is_blocked {
        tracing::warn!("files are not swept: a node still reads a snapshot that is gone");
    }
    if report.objects > 0 {
        tracing::info!(files = report.objects, "unused files were removed");
    }
    Ok(format!(
        "{} files, {} waiting",
        report.objects, report.waiting
    ))
}

async fn remove_orphans(engine: &Engine) -> Result<String, SqlError> {
    let report = engine
        .lake
        .remove_orphans(&OrphanOptions::default())
        .await?;
    if report.objects > 0 {
        let (files, bytes) = (report.objects, report.bytes);
        tracing::info!(files, bytes, "abandoned files were removed");
    }
    Ok(format!("{} files, {} bytes", report.objects, report.bytes))
}
