//! What a statement may know of its session: the context of its functions, its planner.

use std::sync::Arc;

use gotgan_storage::{Rights, Snapshot};

use super::Session;
use crate::access::actor::Actor;
use crate::access::roles;
use crate::backends::Reach;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::plan::Planner;
use crate::sequence::SequenceUse;

impl Session {
    /// What the statement's functions may know.
    pub(crate) async fn context(&mut self) -> Result<Arc<StatementContext>, SqlError> {
        let (snapshot, is_past) = self.seen().await?;
        let active = self.transaction().await?;
        let transaction_start = active.started;
        let is_read_only = active.is_read_only || is_past;
        let storage = active.storage()?;
        let values = storage.sequence_values();
        let rights = storage.rights();
        let sequences = SequenceUse::new(
            values,
            Arc::clone(&self.sequences),
            is_read_only || self.engine.is_replica,
        );
        let ctx = StatementContext {
            is_past,
            sequences,
            ..self.surroundings(snapshot, rights, transaction_start)
        };
        ctx.meter.saw(&ctx.snapshot);
        let ctx = Arc::new(ctx);
        self.last_context = Some(Arc::clone(&ctx));
        Ok(ctx)
    }

    /// The snapshot that the statement sees, and whether that is an earlier one.
    pub(super) async fn seen(&mut self) -> Result<(Arc<Snapshot>, bool), SqlError> {
        self.require_fresh().await?;
        let past = self.as_of().await?;
        let active = self.transaction().await?;
        active.repin().await?;
        let is_past = past.is_some();
        Ok((past.unwrap_or_else(|| active.snapshot()), is_past))
    }

    /// The statement's surroundings as of an earlier snapshot.
    pub(super) fn context_at(
        &self,
        ctx: &StatementContext,
        snapshot: Arc<Snapshot>,
    ) -> StatementContext {
        StatementContext {
            is_past: true,
            ..self.surroundings(snapshot, ctx.rights.clone(), ctx.transaction_start)
        }
    }

    /// What a statement sees at a snapshot; it can use no sequence yet.
    fn surroundings(
        &self,
        snapshot: Arc<Snapshot>,
        rights: Rights,
        transaction_start: i64,
    ) -> StatementContext {
        let identity = self.settings.identity();
        let search_path = self.search_path_at(&snapshot, &rights);
        StatementContext {
            changed_settings: std::sync::Mutex::default(),
            transaction_start,
            statement_start: self.statement_start,
            style: self.settings.output_style(),
            input: self.settings.input_style(transaction_start),
            user: roles::name_of(&rights, identity.current()),
            role_id: identity.current(),
            session_user: roles::name_of(&rights, identity.session),
            session_role_id: identity.session,
            login_role_id: self.options.role_id,
            rights,
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
            replayed_at: self.replayed_at(),
            jobs: Arc::clone(&self.engine.jobs),
            meter: Arc::clone(self.recording.meter()),
            query_log: self.engine.query_log.clone(),
            reach: Reach {
                limits: self.limits.clone(),
                ..self.reach.clone()
            },
            sequences: SequenceUse::default(),
        }
    }

    /// The schemas of the search path that a snapshot has and that may be looked into.
    pub(crate) fn search_path_at(&self, snapshot: &Snapshot, rights: &Rights) -> Vec<String> {
        let actor = Actor::new(rights, self.role_id());
        let wanted = self.settings.search_path();
        crate::resolve::search_path(wanted, &self.role_name(), snapshot, &actor)
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
