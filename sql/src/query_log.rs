//! Who ran what, and what it read: a row for every statement that ended.
//!
//! ```text
//! statement ends ──▶ queue, bounded ──▶ a task writes batches ──▶ the lake's log
//!                      └── full: dropped and counted
//! ```
//!
//! Invariants:
//! - No statement waits for its row or fails by it.
//! - What is written has no secrets (`redact`) and is no longer than the setting says.
//! - What a scan reads is counted where it is read (`meter`).
//!
//! Not guaranteed: the rows of the last `history.flush_interval` before the process dies.
//! One that is told to end writes them.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use gotgan_config::HistoryConfig;
use gotgan_storage::{Lake, LakeRole, LoggedClient, LoggedStatement, LoggedTable};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::sqlstate::SqlState;

mod meter;
mod redact;
mod spill;

pub(crate) use meter::{QueryMeter, TableMeter, Used};
pub(crate) use redact::{cut, redacted};
pub(crate) use spill::metered_disk;

/// Name of the job in `gotgan.maintenance`.
const JOB: &str = "record statements";

/// Statements of one transaction of the log.
const BATCH_COUNT: usize = 1024;

/// How long who reads the log waits for what this node has not written yet.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the end of the process waits for the last rows.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of the statements that wait, about, beyond which they are dropped however few they
/// are: some name a thousand columns.
const QUEUE_BYTES_MAX: usize = 64 << 20;

/// About what a statement takes besides its texts and tables.
const STATEMENT_BYTES: usize = 512;

/// Longest name of an application or a database that is kept, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// Most readers that wait at a time; the others read what there is.
const READERS_MAX: usize = 64;

/// A statement on its way to the log: what its session could tell without taking long.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) query_id: String,
    /// As it was sent; maybe cut, never redacted yet.
    pub(crate) text: Arc<str>,
    pub(crate) client: Arc<LoggedClient>,
    /// UTC microseconds since 1970.
    pub(crate) started_at: i64,
    pub(crate) plan_time: Duration,
    pub(crate) run_time: Duration,
    pub(crate) rows_returned: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) used: Used,
    pub(crate) sqlstate: SqlState,
    pub(crate) snapshot_id: Option<i64>,
}

impl Ended {
    /// About what it takes in memory.
    fn bytes(&self) -> usize {
        let tables = self.used.tables.iter().map(|table| {
            let columns = table.columns.iter();
            let columns: usize = columns.map(|name| name.len() + size_of::<String>()).sum();
            size_of::<LoggedTable>() + table.name.len() + columns
        });
        STATEMENT_BYTES + self.text.len() + tables.sum::<usize>()
    }
}

/// What the sessions of a process have in common for the log.
#[derive(Debug)]
pub(crate) struct QueryLog {
    pub(crate) node: String,
    pub(crate) node_role: &'static str,
    text_bytes_max: usize,
    flush_interval: Duration,
    queue: mpsc::Sender<Ended>,
    readers: mpsc::Sender<oneshot::Sender<()>>,
    /// The other ends, until the task takes them.
    intake: Mutex<Option<Intake>>,
    /// What waits in the queue, about.
    queue_bytes: AtomicUsize,
    /// Half of the queue is taken.
    filling: Notify,
    written: AtomicU64,
    dropped: AtomicU64,
}

/// What the task takes from.
#[derive(Debug)]
struct Intake {
    queue: mpsc::Receiver<Ended>,
    readers: mpsc::Receiver<oneshot::Sender<()>>,
    /// A batch that was not written yet.
    batch: Vec<LoggedStatement>,
    /// Dropped rows that were told of.
    told: u64,
    has_failed: bool,
}

impl QueryLog {
    /// None where the settings want no log.
    pub(crate) fn new(config: &HistoryConfig, lake: &Lake) -> Option<Self> {
        if !config.enabled {
            return None;
        }
        let (queue, statements) = mpsc::channel(config.queue_length);
        let (readers, reading) = mpsc::channel(READERS_MAX);
        let intake = Intake {
            queue: statements,
            readers: reading,
            batch: Vec::new(),
            told: 0,
            has_failed: false,
        };
        Some(Self {
            node: lake.node().to_owned(),
            node_role: match lake.lake_role() {
                LakeRole::Primary => "primary",
                LakeRole::Replica => "replica",
            },
            text_bytes_max: usize::try_from(config.text_bytes_max).unwrap_or(usize::MAX),
            flush_interval: config.flush_interval,
            queue,
            readers,
            intake: Mutex::new(Some(intake)),
            queue_bytes: AtomicUsize::new(0),
            filling: Notify::new(),
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        })
    }

    /// As much of a text as is kept; it is cut before it waits, so that few long ones do not
    /// fill the memory.
    pub(crate) fn cut<'a>(&self, text: &'a str) -> &'a str {
        redact::cut(text, self.text_bytes_max)
    }

    /// As much of a name as is kept.
    pub(crate) fn cut_name<'a>(&self, name: &'a str) -> &'a str {
        redact::cut(name, NAME_BYTES_MAX)
    }

    /// Takes a statement, unless too many wait already.
    pub(crate) fn push(&self, ended: Ended) {
        let bytes = ended.bytes();
        let waiting = self.queue_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if waiting > QUEUE_BYTES_MAX || self.queue.try_send(ended).is_err() {
            self.queue_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        let is_filling =
            waiting > QUEUE_BYTES_MAX / 2 || self.queue.capacity() <= self.queue.max_capacity() / 2;
        if is_filling {
            self.filling.notify_one();
        }
    }

    /// The next statement that waits.
    fn take(&self, intake: &mut Intake) -> Option<Ended> {
        let ended = intake.queue.try_recv().ok()?;
        self.queue_bytes.fetch_sub(ended.bytes(), Ordering::Relaxed);
        Some(ended)
    }

    /// Waits a while until what this node has taken is written, so that who asks finds
    /// what he did before.
    pub(crate) async fn catch_up(&self) {
        let (tell, written) = oneshot::channel();
        if self.readers.try_send(tell).is_ok() {
            // Whatever becomes of it, the log is read as it is then.
            let _ = timeout(CATCH_UP_TIMEOUT, written).await;
        }
    }

    fn intake(&self) -> Option<Intake> {
        let mut intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        intake.take()
    }

    fn logged(ended: Ended) -> LoggedStatement {
        let statement = match redact::redacted(&ended.text) {
            Cow::Owned(clean) => Arc::from(clean),
            Cow::Borrowed(_) => Arc::clone(&ended.text),
        };
        LoggedStatement {
            query_id: ended.query_id,
            started_at: DateTime::from_timestamp_micros(ended.started_at).unwrap_or_default(),
            client: ended.client,
            statement,
            // Nothing makes statements wait for each other yet.
            queue_time: TimeDelta::zero(),
            plan_time: whole_micros(ended.plan_time),
            run_time: whole_micros(ended.run_time),
            rows_returned: ended.rows_returned,
            bytes_sent: ended.bytes_sent,
            memory_peak: ended.used.memory_peak,
            bytes_spilled: ended.used.bytes_spilled,
            sqlstate: Cow::Borrowed(ended.sqlstate.0),
            tables: ended.used.tables,
            snapshot_id: ended.snapshot_id,
        }
    }
}

/// A duration as the log keeps it, so that its sums are those of its rows.
fn whole_micros(duration: Duration) -> TimeDelta {
    TimeDelta::microseconds(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}

impl Engine {
    /// Writes the log of statements until `stop`, and then what is left.
    pub async fn write_log(self: Arc<Self>, stop: CancellationToken) {
        let Some(log) = &self.query_log else {
            return;
        };
        let Some(mut intake) = log.intake() else {
            return;
        };
        let mut ticks = interval(log.flush_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut readers = Vec::new();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(reader) = intake.readers.recv() => readers.push(reader),
                () = log.filling.notified() => {}
                _ = ticks.tick() => {}
            }
            while let Ok(reader) = intake.readers.try_recv() {
                readers.push(reader);
            }
            self.write_waiting(log, &mut intake).await;
            for reader in readers {
                // One that stopped waiting needs no answer.
                let _ = reader.send(());
            }
        }
        intake.queue.close();
        let last = self.write_waiting(log, &mut intake);
        if timeout(END_TIMEOUT, last).await.is_err() {
            tracing::warn!("the last rows of the log of statements were not written in time");
        }
    }

    /// Writes what waits now, batch after batch, until one fails. What comes meanwhile
    /// waits for the next time.
    async fn write_waiting(&self, log: &QueryLog, intake: &mut Intake) {
        let now = || self.clock.now().timestamp_micros();
        let mut left = intake.queue.len();
        loop {
            // One that failed is tried again as it was: its rows may be there already, and
            // a batch is there as a whole or not at all.
            let is_new = intake.batch.is_empty();
            while is_new
                && left > 0
                && intake.batch.len() < BATCH_COUNT
                && let Some(ended) = log.take(intake)
            {
                intake.batch.push(QueryLog::logged(ended));
                left -= 1;
            }
            let dropped = log.dropped.load(Ordering::Relaxed);
            if intake.batch.is_empty() && dropped == intake.told {
                return;
            }
            self.jobs.begin(JOB, now());
            let result = match intake.batch.is_empty() {
                true => Ok(()),
                false => self.lake.log_statements(&intake.batch).await,
            };
            if let Err(error) = &result {
                if !intake.has_failed {
                    tracing::warn!(
                        %error,
                        source = ?error.source,
                        "the log of statements cannot be written; it is tried again"
                    );
                }
                intake.has_failed = true;
                let text = format!("{}; {dropped} dropped", error.message);
                self.jobs.end(JOB, now(), Err(text));
                return;
            }
            intake.has_failed = false;
            let count = intake.batch.len() as u64;
            let written = log.written.fetch_add(count, Ordering::Relaxed) + count;
            intake.batch.clear();
            if dropped > intake.told {
                tracing::warn!(
                    dropped = dropped - intake.told,
                    "rows of the log of statements were dropped: its queue was full"
                );
                intake.told = dropped;
            }
            let text = format!("{written} statements, {dropped} dropped");
            self.jobs.end(JOB, now(), Ok(text));
        }
    }
}
