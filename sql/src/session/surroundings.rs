//! What a statement may know of its session: the context of its functions, its planner.

use std::sync::Arc;

use gotgan_storage::Snapshot;

use super::Session;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::plan::Planner;
use crate::sequence::SequenceUse;

impl Session {
    /// What the statement's functions may know.
    pub(crate) async fn context(&mut self) -> Result<Arc<StatementContext>, SqlError> {
        let past = self.as_of().await?;
        let active = self.transaction().await?;
        active.repin().await?;
        let is_past = past.is_some();
        let snapshot = past.unwrap_or_else(|| active.snapshot());
        let transaction_start = active.started;
        let is_read_only = active.is_read_only || is_past;
        let values = active.storage()?.sequence_values();
        let sequences = SequenceUse::new(
            values,
            Arc::clone(&self.sequences),
            is_read_only || self.engine.is_replica,
        );
        let ctx = StatementContext {
            is_past,
            sequences,
            ..self.surroundings(snapshot, transaction_start)
        };
        let ctx = Arc::new(ctx);
        self.last_context = Some(Arc::clone(&ctx));
        Ok(ctx)
    }

    /// The statement's surroundings as of an earlier snapshot.
    pub(super) fn context_at(
        &self,
        ctx: &StatementContext,
        snapshot: Arc<Snapshot>,
    ) -> StatementContext {
        StatementContext {
            is_past: true,
            ..self.surroundings(snapshot, ctx.transaction_start)
        }
    }

    /// What a statement sees at a snapshot; it can use no sequence yet.
    fn surroundings(&self, snapshot: Arc<Snapshot>, transaction_start: i64) -> StatementContext {
        let user = self.options.user.clone();
        let search_path = self.search_path_at(&snapshot);
        StatementContext {
            changed_settings: std::sync::Mutex::default(),
            transaction_start,
            statement_start: self.statement_start,
            style: self.settings.output_style(),
            input: self.settings.input_style(transaction_start),
            session_user: user.clone(),
            user,
            database: self.options.database.clone(),
            search_path,
            snapshot,
            is_past: false,
            backend_pid: self.options.connection_id,
            server_start: self.engine.started,
            client_address: self.options.client_address,
            settings: self.settings.all(),
            clock: Arc::clone(&self.engine.clock),
            prepared: self.prepared_list(),
            random: Arc::clone(&self.random),
            is_replica: self.engine.is_replica,
            jobs: Arc::clone(&self.engine.jobs),
            sequences: SequenceUse::default(),
        }
    }

    /// The schemas of the search path that a snapshot has.
    pub(crate) fn search_path_at(&self, snapshot: &Snapshot) -> Vec<String> {
        crate::resolve::search_path(self.settings.search_path(), &self.options.user, snapshot)
    }

    /// A planner on the snapshot of this statement.
    pub(crate) async fn planner(&mut self) -> Result<Planner, SqlError> {
        let ctx = self.context().await?;
        let planner = Planner::new(
            self.engine.lake.clone(),
            ctx,
            Arc::clone(&self.engine.physical),
            self.is_long,
        )
        .with_past(Arc::clone(&self.past));
        Ok(match self.relations.is_empty() {
            true => planner,
            false => planner.with_relations(self.relations.iter().cloned()),
        })
    }
}
