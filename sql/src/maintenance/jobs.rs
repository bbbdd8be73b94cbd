//! What the jobs of this process do and did: the rows of `gotgan.maintenance`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The jobs that are done on a schedule, by name.
#[derive(Debug, Default)]
pub(crate) struct JobLog {
    jobs: Mutex<BTreeMap<&'static str, JobState>>,
}

/// How a job stands. Times are microseconds since 1970, UTC.
#[derive(Clone, Debug, Default)]
pub(crate) struct JobState {
    /// How often it ran to its end or an error.
    pub(crate) runs: u64,
    pub(crate) started_at: Option<i64>,
    /// None while it runs.
    pub(crate) finished_at: Option<i64>,
    /// What the last run did.
    pub(crate) result: Option<String>,
    /// Why the last run that failed did.
    pub(crate) error: Option<String>,
    pub(crate) failed_at: Option<i64>,
}

impl JobLog {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, JobState>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a job begins.
    pub(crate) fn begin(&self, job: &'static str, now: i64) {
        let mut jobs = self.lock();
        let state = jobs.entry(job).or_default();
        state.started_at = Some(now);
        state.finished_at = None;
    }

    /// Notes how a job ended.
    pub(crate) fn end(&self, job: &'static str, now: i64, result: Result<String, String>) {
        let mut jobs = self.lock();
        let state = jobs.entry(job).or_default();
        state.runs += 1;
        state.finished_at = Some(now);
        match result {
            Ok(result) => state.result = Some(result),
            Err(error) => {
                state.error = Some(error);
                state.failed_at = Some(now);
            }
        }
    }

    /// Every job that ran, by name.
    pub(crate) fn states(&self) -> Vec<(&'static str, JobState)> {
        let jobs = self.lock();
        jobs.iter()
            .map(|(job, state)| (*job, state.clone()))
            .collect()
    }
}

/// The jobs of a process, which its sessions show.
pub(crate) type Jobs = Arc<JobLog>;
