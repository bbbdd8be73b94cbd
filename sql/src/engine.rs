//! What all sessions of a process share: the lake, memory, caches, the engine's settings.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::SessionConfig;
use gotgan_config::{HistoryConfig, SqlConfig};
use gotgan_storage::{Clock, Lake, LakeRole};

use crate::backends::Backends;
use crate::error::SqlError;
use crate::maintenance::Jobs;
use crate::physical::PhysicalPlanner;
use crate::query_log::QueryLog;
use crate::resolve::database_moment;
use crate::session::{AS_OF, Session, SessionOptions};

/// Memory consumers that an out-of-memory error names.
const CONSUMERS_SHOWN: std::num::NonZeroUsize = std::num::NonZeroUsize::new(3).expect("not zero");

/// Which part of a query's memory one sort may set aside for merging what it spilled.
const MERGE_SHARE: usize = 16;

/// How passwords become what is stored of them. Whoever checks logins gives it.
#[derive(Clone, Copy, Debug)]
pub struct Passwords {
    /// Makes a verifier; takes milliseconds.
    pub verifier: fn(&str) -> String,
    /// Whether a text is a verifier already.
    pub is_verifier: fn(&str) -> bool,
}

/// Opens sessions; one for each process.
#[derive(Debug)]
pub struct Engine {
    pub(crate) lake: Lake,
    pub(crate) physical: Arc<PhysicalPlanner>,
    pub(crate) config: SqlConfig,
    /// UTC microseconds since 1970.
    pub(crate) started: i64,
    pub(crate) is_replica: bool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) passwords: Passwords,
    /// How the jobs go that are done on a schedule.
    pub(crate) jobs: Jobs,
    /// None where the settings want no log of statements.
    pub(crate) query_log: Option<Arc<QueryLog>>,
    pub(crate) history: HistoryConfig,
    /// The sessions of this process.
    pub(crate) backends: Arc<Backends>,
    /// Held by who rewrites files, so that no two do it to the same ones.
    pub(crate) maintenance: tokio::sync::Mutex<()>,
}

impl Engine {
    /// Prepares the engine over an open lake; `spill` is a folder for what does not
    /// fit memory, made if it is missing.
    ///
    /// Errors: `58030` if the folder cannot be made.
    pub fn new(
        lake: Lake,
        config: &SqlConfig,
        history: &HistoryConfig,
        spill: PathBuf,
        passwords: Passwords,
    ) -> Result<Arc<Self>, SqlError> {
        std::fs::create_dir_all(&spill).map_err(|source| {
            SqlError::from(datafusion::error::DataFusionError::IoError(source))
        })?;
        let runtime = runtime(config, spill)?;
        crate::scan::register_store(&lake, &runtime)?;
        let query_bytes_max = usize::try_from(config.query_memory_bytes_max);
        let physical = PhysicalPlanner::new(
            &session_config(config),
            &Arc::new(runtime),
            query_bytes_max.unwrap_or(usize::MAX),
            Arc::clone(lake.clock()),
        );
        let clock = Arc::clone(lake.clock());
        Ok(Arc::new(Self {
            is_replica: lake.lake_role() == LakeRole::Replica,
            started: clock.now().timestamp_micros(),
            clock,
            passwords,
            jobs: Jobs::default(),
            query_log: QueryLog::new(history, &lake).map(Arc::new),
            history: history.clone(),
            backends: Arc::default(),
            maintenance: tokio::sync::Mutex::default(),
            lake,
            physical: Arc::new(physical),
            config: config.clone(),
        }))
    }

    /// Begins a session for an authenticated role.
    ///
    /// Errors: `3D000` for a database that does not exist; `22023` for a bad value of
    /// a setting in the startup packet, or an earlier state that is not kept.
    pub async fn open_session(
        self: &Arc<Self>,
        options: SessionOptions,
    ) -> Result<Session, SqlError> {
        let moment = database_moment(&options.database)?.map(str::to_owned);
        let mut session = Session::open(Arc::clone(self), options)?;
        if let Some(moment) = moment {
            session.settings.initialise(AS_OF, &moment);
        }
        // Where nothing can be read, a driver that knows other nodes goes on to them.
        self.lake.check_fresh()?;
        session.as_of().await?;
        // One that waits for its first statement keeps nothing from expiring.
        session.release_past();
        Ok(session)
    }

    /// The lake that the sessions read and write.
    #[must_use]
    pub fn lake(&self) -> &Lake {
        &self.lake
    }
}

fn runtime(config: &SqlConfig, spill: PathBuf) -> Result<RuntimeEnv, SqlError> {
    let bytes = usize::try_from(config.memory_bytes_max).unwrap_or(usize::MAX);
    let pool = TrackConsumersPool::new(FairSpillPool::new(bytes), CONSUMERS_SHOWN);
    let disk = DiskManagerBuilder::default()
        .with_mode(DiskManagerMode::Directories(vec![spill]))
        .with_max_temp_directory_size(config.spill_bytes_max);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(pool))
        .with_disk_manager_builder(disk)
        .build()?;
    Ok(runtime)
}

fn session_config(config: &SqlConfig) -> SessionConfig {
    let mut session = SessionConfig::new()
        .with_batch_size(config.batch_rows)
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false);
    if config.target_partitions > 0 {
        session = session.with_target_partitions(config.target_partitions);
    }
    let partitions = session.target_partitions().max(1);
    let options = session.options_mut();
    // Each partition of a sort keeps this for its merge; a join by sorting has two sorts.
    let merge_bytes = usize::try_from(config.query_memory_bytes_max).unwrap_or(usize::MAX);
    let merge_bytes = merge_bytes / MERGE_SHARE / partitions;
    let known = options.execution.sort_spill_reservation_bytes;
    options.execution.sort_spill_reservation_bytes = known.min(merge_bytes);
    options.execution.time_zone = Some("UTC".to_owned());
    options.execution.collect_statistics = true;
    options.sql_parser.parse_float_as_decimal = true;
    // Joins with a small side build it once instead of hashing both.
    options.optimizer.hash_join_single_partition_threshold = 32 << 20;
    options.optimizer.hash_join_single_partition_threshold_rows = 1 << 20;
    session
}
