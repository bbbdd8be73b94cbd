//! What all sessions of a process share: the lake, memory, caches, the engine's settings.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::functions_aggregate::first_last::{first_value_udaf, last_value_udaf};
use datafusion::prelude::SessionConfig;
use gotgan_config::SqlConfig;
use gotgan_storage::{Clock, Lake, LakeRole};

use crate::error::SqlError;
use crate::resolve::DATABASE;
use crate::session::{Session, SessionOptions};

/// Memory consumers that an out-of-memory error names.
const CONSUMERS_SHOWN: std::num::NonZeroUsize = std::num::NonZeroUsize::new(3).expect("not zero");

/// Opens sessions; one for each process.
#[derive(Debug)]
pub struct Engine {
    pub(crate) lake: Lake,
    pub(crate) state: Arc<SessionState>,
    pub(crate) config: SqlConfig,
    /// UTC microseconds since 1970.
    pub(crate) started: i64,
    pub(crate) is_replica: bool,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Engine {
    /// Prepares the engine over an open lake; `spill` is a folder for what does not
    /// fit memory, made if it is missing.
    ///
    /// Errors: `58030` if the folder cannot be made.
    pub fn new(lake: Lake, config: &SqlConfig, spill: PathBuf) -> Result<Arc<Self>, SqlError> {
        std::fs::create_dir_all(&spill).map_err(|source| {
            SqlError::from(datafusion::error::DataFusionError::IoError(source))
        })?;
        let runtime = runtime(config, spill)?;
        crate::scan::register_store(&lake, &runtime)?;
        let state = SessionStateBuilder::new()
            .with_config(session_config(config))
            .with_runtime_env(Arc::new(runtime))
            // The rules look these up by name; all else our planner brings itself.
            .with_aggregate_functions(vec![first_value_udaf(), last_value_udaf()])
            .build();
        let clock = Arc::clone(lake.clock());
        Ok(Arc::new(Self {
            is_replica: lake.lake_role() == LakeRole::Replica,
            started: clock.now().timestamp_micros(),
            clock,
            lake,
            state: Arc::new(state),
            config: config.clone(),
        }))
    }

    /// Begins a session for an authenticated role.
    ///
    /// Errors: `3D000` for a database that does not exist; `22023` for a bad value of
    /// a setting in the startup packet.
    pub async fn open_session(
        self: &Arc<Self>,
        options: SessionOptions,
    ) -> Result<Session, SqlError> {
        if options.database != DATABASE {
            return Err(SqlError::undefined_database(&options.database));
        }
        Session::open(Arc::clone(self), options)
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
    let options = session.options_mut();
    options.execution.time_zone = Some("UTC".to_owned());
    options.execution.collect_statistics = true;
    options.sql_parser.parse_float_as_decimal = true;
    // Joins with a small side build it once instead of hashing both.
    options.optimizer.hash_join_single_partition_threshold = 32 << 20;
    options.optimizer.hash_join_single_partition_threshold_rows = 1 << 20;
    session
}
