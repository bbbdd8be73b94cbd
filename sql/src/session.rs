//! One session: settings, transaction, prepared statements, portals.
//!
//! `run` holds the `match` over kinds of statements; the rest are its helpers.
//!
//! An error leaves the session to `abort`, which the server calls: it rolls an
//! implicit transaction back and moves an explicit one to *failed*.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use gotgan_storage::{Author, LoggedClient, Pin, Rights, TemporarySpace};
use tokio_util::sync::CancellationToken;

use crate::backends::{Backend, Enrolled, Reach, Signals};
use crate::command::cursor::Cursor;
use crate::context::StatementContext;
use crate::engine::Engine;
use crate::error::SqlError;
use crate::execute::{self, Limits, RowStream};
use crate::functions::Random;
use crate::parse::{self, Statement};
use crate::plan::{ColumnDescription, LocalRelation, Past};
use crate::resolve::DATABASE;
use crate::sequence::SessionSequences;
use crate::settings::{Settings, is_identity};
use crate::transaction::{Active, TransactionStatus};

mod admission;
mod cached;
mod extended;
mod freshness;
mod identity;
mod look_back;
mod notice;
mod recording;
mod run;
mod surroundings;
mod temporary;
mod versions;

pub use admission::Admission;
pub(crate) use admission::{assumable, authorizable, connect_to, names};
pub use extended::{Format, StatementDescription};
pub(crate) use look_back::{AS_OF, Moment, not_kept};
pub use notice::Notice;
pub use recording::StatementEnd;
pub(crate) use run::Parameter;

use extended::{Portal, Prepared};
use recording::Recording;

/// How often a lone statement is run that loses against other writers.
const TRIES_MAX: u32 = 10;

/// Longest text that is parsed and planned where it runs, in bytes. With a longer one
/// that can take long enough to be cancelled.
const SHORT_BYTES_MAX: usize = 4 << 10;

/// Who connects, and how.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// Shown as the backend's process id.
    pub connection_id: i32,
    /// The authenticated role.
    pub user: String,
    /// `gotgan`, maybe with an `@` and the state that is read.
    pub database: String,
    /// What the client calls itself.
    pub application_name: String,
    /// None for a Unix socket.
    pub client_address: Option<SocketAddr>,
    /// Settings from the startup packet; names that are unknown are passed over.
    pub parameters: Vec<(String, String)>,
    /// Whether every transaction reads only, as on a replica.
    pub default_read_only: bool,
    /// The id of the authenticated role.
    pub role_id: i64,
    /// How others tell the session to stop.
    pub signals: Arc<Signals>,
}

/// What a statement gives.
#[derive(Debug)]
pub enum Outcome {
    /// The text held no statement.
    Empty,
    /// Done; the command tag.
    Command(String),
    /// Rows follow.
    Rows(RowStream),
    /// The client sends rows.
    CopyIn(Box<crate::copy::CopyIn>),
    /// The client gets lines.
    CopyOut(Box<crate::copy::CopyOut>),
}

impl Outcome {
    /// Whether nothing is left to be computed or received.
    pub(crate) fn is_complete(&self) -> bool {
        match self {
            Self::Command(_) => true,
            Self::Rows(rows) => rows.is_complete(),
            Self::Empty | Self::CopyIn(_) | Self::CopyOut(_) => false,
        }
    }
}

/// One client's state. Not shared: one statement at a time.
#[derive(Debug)]
pub struct Session {
    pub(crate) engine: Arc<Engine>,
    pub(crate) options: SessionOptions,
    pub(crate) settings: Settings,
    pub(crate) transaction: Option<Active>,
    prepared: HashMap<String, Arc<Prepared>>,
    portals: HashMap<String, Portal>,
    pub(crate) cursors: HashMap<String, Cursor>,
    notices: Vec<Notice>,
    reported_all: bool,
    limits: Limits,
    /// Whether the client knows that this replica is cut off.
    is_told_of_silence: bool,
    /// Whether the text of the statement is so long that planning it takes a while.
    is_long: bool,
    statement_start: i64,
    random: Arc<Random>,
    /// Tables that only this session sees; they end with it.
    temporary: TemporarySpace,
    /// Values that the session took of sequences.
    pub(crate) sequences: Arc<SessionSequences>,
    /// What `gotgan.as_of` meant the last time.
    as_of: Option<look_back::AsOf>,
    /// Earlier snapshots that the running statement reads relations as of.
    past: Past,
    /// What keeps them from expiring.
    pins: Vec<Pin>,
    /// Relations of the running statement's own.
    pub(crate) relations: Vec<(String, LocalRelation)>,
    /// What the running statement does, for the log.
    pub(crate) recording: Recording,
    /// Who the last statement was of, for the log.
    log_client: Option<Arc<LoggedClient>>,
    /// The session among those of the process.
    enrolled: Enrolled,
    reach: Reach,
    /// The context of the last statement, for what its functions asked of the session.
    last_context: Option<Arc<StatementContext>>,
}

impl Session {
    pub(crate) fn open(engine: Arc<Engine>, options: SessionOptions) -> Result<Self, SqlError> {
        let mut settings = Settings::new();
        let timeout = engine.config.statement_timeout.as_millis();
        if timeout > 0 {
            settings.set("statement_timeout", &timeout.to_string(), false)?;
            let shown = settings.show("statement_timeout")?.to_owned();
            settings.initialise("statement_timeout", &shown);
        }
        settings.initialise("application_name", &options.application_name);
        let on_off = |truth: bool| if truth { "on" } else { "off" };
        settings.initialise("in_hot_standby", on_off(engine.is_replica));
        let read_only = on_off(options.default_read_only || engine.is_replica);
        settings.initialise("default_transaction_read_only", read_only);
        settings.initialise("transaction_read_only", read_only);
        let rights = Rights::of(&engine.lake.known_head());
        let notices = admission::begin(&mut settings, &rights, &options, engine.is_replica)?;
        let statement_start = engine.clock.now().timestamp_micros();
        let role = options.role_id;
        let recording = Recording::new(engine.clock.instant(), statement_start, role, role);
        let schema = format!("pg_temp_{}", options.connection_id);
        let temporary = engine.lake.temporary_space(schema);
        let application_name = settings.show("application_name")?;
        let backend = Backend::new(&options, application_name, statement_start);
        let reach = Reach {
            backends: Arc::clone(&engine.backends),
            ..Reach::default()
        };
        Ok(Self {
            enrolled: engine.backends.enrol(backend),
            reach,
            engine,
            options,
            settings,
            transaction: None,
            prepared: HashMap::new(),
            portals: HashMap::new(),
            cursors: HashMap::new(),
            notices,
            reported_all: false,
            limits: Limits {
                cancel: CancellationToken::new(),
                deadline: None,
            },
            is_told_of_silence: false,
            is_long: false,
            statement_start,
            random: Arc::default(),
            temporary,
            sequences: Arc::default(),
            as_of: None,
            past: Past::default(),
            pins: Vec::new(),
            relations: Vec::new(),
            recording,
            log_client: None,
            last_context: None,
        })
    }

    /// Parses one message of the simple protocol; nothing in it gives no statement.
    ///
    /// Errors: `42601` with the position; `57014`.
    pub async fn parse(&self, text: String) -> Result<Vec<Statement>, SqlError> {
        let mut statements = match text.len() <= SHORT_BYTES_MAX {
            true => parse::parse(&text)?,
            false => {
                let parsing = execute::apart(move || parse::parse(&text));
                self.limits.run(parsing).await?
            }
        };
        if self.options.database != DATABASE {
            look_back::name_database(&mut statements, &self.options.database);
        }
        Ok(statements)
    }

    /// Starts the clock of a statement; the token cancels it.
    pub fn begin_statement(&mut self) -> CancellationToken {
        self.apply_setting_changes();
        self.release_snapshot();
        self.release_past();
        let cancel = CancellationToken::new();
        self.limits = Limits {
            cancel: cancel.clone(),
            deadline: self.deadline(),
        };
        self.statement_start = self.engine.clock.now().timestamp_micros();
        self.begin_recording();
        cancel
    }

    /// Runs one statement of the simple protocol.
    ///
    /// Errors: any; the caller then calls [`Self::abort`].
    pub async fn execute(&mut self, statement: &Statement) -> Result<Outcome, SqlError> {
        self.forget_unnamed();
        let limits = self.limits.clone();
        limits
            .run(self.run(statement, &[]).boxed())
            .await
            .map_err(|error| error.placed(&statement.source))
    }

    /// Ends COPY FROM after its last bytes; returns the command tag.
    ///
    /// Errors: those of the last rows and of the upload.
    pub async fn finish_copy(
        &mut self,
        copy: Box<crate::copy::CopyIn>,
    ) -> Result<String, SqlError> {
        crate::command::copy::finish(self, *copy).await
    }

    /// Runs the only statement of an implicit transaction and commits it; if another
    /// writer won, runs it again on the newest snapshot, a few times.
    ///
    /// Only what is complete is committed here: the rows of a query and COPY are not.
    /// Errors: as [`Self::execute`] and [`Self::commit_implicit`].
    pub async fn execute_alone(&mut self, statement: &Statement) -> Result<Outcome, SqlError> {
        let mut tries = 1;
        loop {
            let is_alone = self.begins_alone();
            let outcome = self.execute(statement).await?;
            if !is_alone || !outcome.is_complete() {
                return Ok(outcome);
            }
            match self.commit_implicit().await {
                Err(error) if error.is_conflict() && tries < TRIES_MAX => {
                    tracing::debug!(%error, tries, "another writer won; running it again");
                    tries += 1;
                }
                result => return result.map(|()| outcome),
            }
        }
    }

    /// Whether BEGIN came and neither COMMIT nor ROLLBACK.
    pub(crate) fn is_in_block(&self) -> bool {
        self.transaction
            .as_ref()
            .is_some_and(|active| active.is_explicit)
    }

    /// Whether the next statement is the first of an implicit transaction.
    pub(crate) fn begins_alone(&self) -> bool {
        self.transaction
            .as_ref()
            .is_none_or(|active| !active.is_explicit && !active.has_changes())
    }

    /// Ends an implicit transaction; does nothing within BEGIN.
    ///
    /// Errors: `40001` if another writer won, and others of the commit.
    pub async fn commit_implicit(&mut self) -> Result<(), SqlError> {
        match self.transaction.take() {
            Some(active) if !active.is_explicit => {
                let result = self.commit_active(active).await;
                self.close_transaction_portals(result.is_ok());
                self.settings.end(result.is_ok());
                result
            }
            other => {
                self.transaction = other;
                Ok(())
            }
        }
    }

    /// Commits a transaction. What the session knows of sequences that it made goes on
    /// under the ids that they have now.
    pub(crate) async fn commit_active(&mut self, active: Active) -> Result<(), SqlError> {
        let made = self.sequences.uncommitted();
        let seen = active.snapshot();
        if let Some(snapshot) = active.commit().await? {
            self.report_commit(snapshot);
        }
        if made.is_empty() {
            return Ok(());
        }
        let head = self.engine.lake.head().await?;
        for old in made {
            let sequence = seen.sequence(old);
            if sequence.is_some_and(|own| seen.is_temporary(own.schema_id)) {
                continue;
            }
            let committed = sequence.and_then(|sequence| {
                let schema = head.schema_by_name(&seen.schema(sequence.schema_id)?.name)?;
                head.sequence_by_name(schema.id, &sequence.name)
            });
            let new = committed.map(|sequence| sequence.id);
            self.sequences.renumber(old, new);
        }
        Ok(())
    }

    /// After an error: an implicit transaction is undone, an explicit one failed.
    pub async fn abort(&mut self) {
        self.release_past();
        match self.transaction.take() {
            Some(active) if active.is_explicit => {
                self.transaction = Some(active.fail().await);
            }
            Some(active) => {
                active.rollback().await;
                self.settings.end(false);
                self.close_transaction_portals(false);
            }
            None => {}
        }
    }

    /// Where the session stands between statements.
    #[must_use]
    pub fn status(&self) -> TransactionStatus {
        match &self.transaction {
            Some(active) if active.has_failed() => TransactionStatus::Failed,
            Some(active) if active.is_explicit => TransactionStatus::InTransaction,
            _ => TransactionStatus::Idle,
        }
    }

    /// Notices since the last call, oldest first.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        let mut notices = std::mem::take(&mut self.notices);
        notices.append(&mut self.reach.take_notices());
        notices
    }

    /// The session waits for its client from now on.
    pub fn wait(&self) {
        let open = self.transaction.as_ref().filter(|open| open.is_explicit);
        let start = open.map(|open| open.started);
        let application_name = self.settings.show("application_name").unwrap_or_default();
        let now = self.engine.clock.now().timestamp_micros();
        self.enrolled
            .wait(self.status(), start, application_name, now);
    }

    /// Settings that drivers are told of: all at first, changes later.
    pub fn take_parameter_changes(&mut self) -> Vec<(String, String)> {
        self.apply_setting_changes();
        let changes = self.settings.take_changes();
        if self.reported_all {
            return changes;
        }
        self.reported_all = true;
        self.settings.reported()
    }

    /// Takes over what `set_config` asked for; its values were checked when it ran.
    fn apply_setting_changes(&mut self) {
        let Some(ctx) = &self.last_context else {
            return;
        };
        let changes = &ctx.changed_settings;
        let changes = std::mem::take(&mut *changes.lock().unwrap_or_else(PoisonError::into_inner));
        for change in changes {
            if is_identity(&change.name) {
                self.apply_identity(&change);
                continue;
            }
            let settings = &mut self.settings;
            if let Err(error) = settings.set(&change.name, &change.value, change.is_local) {
                tracing::debug!(%error, "set_config was given a bad value");
            }
        }
    }

    /// How values become text for this client.
    #[must_use]
    pub fn output_style(&self) -> crate::types::output::OutputStyle {
        self.settings.output_style()
    }

    /// How long a transaction may stay open with nothing running.
    #[must_use]
    pub fn idle_in_transaction_timeout(&self) -> Option<Duration> {
        self.settings.idle_in_transaction_timeout()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn notify(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    /// The open transaction; an implicit one begins if there is none. Each statement
    /// of READ COMMITTED sees the newest snapshot until the transaction has written.
    pub(crate) async fn transaction(&mut self) -> Result<&mut Active, SqlError> {
        if self.transaction.is_none() {
            let active = self.begin(false).await?;
            self.transaction = Some(active);
        }
        Ok(self.transaction.as_mut().expect("it was just begun"))
    }

    pub(crate) async fn begin(&mut self, is_explicit: bool) -> Result<Active, SqlError> {
        let author = Author {
            role: self.options.user.clone(),
            application_name: self.settings.show("application_name")?.to_owned(),
        };
        let storage = self.engine.lake.begin_in(&self.temporary, author).await?;
        // What was made in a transaction that did not commit is nothing any more, and
        // what is there without being committed is temporary.
        let seen = storage.snapshot();
        for id in self.sequences.uncommitted() {
            if seen.sequence(id).is_none() {
                self.sequences.renumber(id, None);
            }
        }
        self.settings.begin();
        let is_read_only =
            self.engine.is_replica || self.settings.is_on("default_transaction_read_only");
        Ok(Active::new(
            storage,
            is_explicit,
            is_read_only,
            self.statement_start,
        ))
    }

    /// Refuses a statement that changes something where nothing may change.
    pub(crate) fn require_write(&mut self, statement: &str) -> Result<(), SqlError> {
        if self.is_in_past() {
            return Err(SqlError::read_only_transaction(statement)
                .with_hint(format!("RESET {AS_OF} goes back to the present.")));
        }
        let is_read_only = match &self.transaction {
            Some(active) => active.is_read_only,
            None => self.settings.is_on("default_transaction_read_only"),
        };
        if is_read_only || self.engine.is_replica {
            return Err(SqlError::read_only_transaction(statement));
        }
        Ok(())
    }
}

/// One text column, as SHOW and EXPLAIN give it.
pub(crate) fn text_column(name: &str) -> Arc<[ColumnDescription]> {
    let field = crate::types::PgType::new(crate::types::oid::TEXT).field(name, true);
    [ColumnDescription::of_field(&field)].into()
}
