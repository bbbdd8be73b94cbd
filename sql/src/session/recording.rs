//! What the log of statements is told when a statement ends.
//!
//! It runs for every statement, so it copies no more than it must: names of roles, which may
//! be renamed meanwhile, are looked up when the role or the application changes.
//!
//! The clock of a statement stands still while its client is waited for between two
//! messages of the extended protocol.

use std::sync::Arc;
use std::time::Instant;

use gotgan_storage::{LoggedClient, LoggedRole};

use super::Session;
use crate::access::roles;
use crate::execute::RowStream;
use crate::query_log::{Ended, QueryLog, QueryMeter};
use crate::sqlstate::{self, SqlState};

/// The statement that runs.
#[derive(Debug)]
pub(crate) struct Recording {
    meter: Arc<QueryMeter>,
    /// Moved on by the time that the client was waited for.
    begun: Instant,
    /// When it began to run, parsed but without a plan yet.
    run: Option<Instant>,
    /// Since when the client is waited for.
    waiting: Option<Instant>,
    /// UTC microseconds since 1970.
    started_at: i64,
    role: i64,
    session_role: i64,
}

/// How a statement ended, as only who talks to the client knows.
#[derive(Debug)]
pub struct StatementEnd {
    /// Unique; later ones sort after earlier ones.
    pub query_id: String,
    /// As it was sent.
    pub text: Arc<str>,
    /// Rows that were sent.
    pub rows_returned: u64,
    /// Bytes that were sent.
    pub bytes_sent: u64,
    /// None for one that succeeded.
    pub error: Option<SqlState>,
}

impl Recording {
    pub(crate) fn new(now: Instant, started_at: i64, role: i64, session_role: i64) -> Self {
        Self {
            meter: Arc::default(),
            begun: now,
            run: None,
            waiting: None,
            started_at,
            role,
            session_role,
        }
    }

    /// What the statement uses.
    pub(crate) fn meter(&self) -> &Arc<QueryMeter> {
        &self.meter
    }
}

impl Session {
    /// Begins to count for a statement.
    pub(super) fn begin_recording(&mut self) {
        self.recording = Recording::new(
            self.engine.clock.instant(),
            self.statement_start,
            self.role_id(),
            self.session_role_id(),
        );
    }

    /// The statement is parsed and begins.
    pub(super) fn record_run(&mut self) {
        self.recording.run = Some(self.engine.clock.instant());
    }

    /// The client is waited for in the middle of a statement.
    pub fn pause_recording(&mut self) {
        self.recording.waiting = Some(self.engine.clock.instant());
    }

    /// The client's next message for the statement is there.
    pub fn resume_recording(&mut self) {
        if let Some(since) = self.recording.waiting.take() {
            let now = self.engine.clock.instant();
            self.recording.begun += now.saturating_duration_since(since);
        }
    }

    /// The statement goes on with rows that an earlier one began.
    pub fn record_rows_of(&mut self, rows: &RowStream) {
        if let Some(meter) = rows.meter() {
            self.recording.meter.go_on_with(meter);
        }
    }

    /// The text of a prepared statement; none for an unknown or an empty one.
    #[must_use]
    pub fn statement_text(&self, name: &str) -> Option<Arc<str>> {
        let prepared = self.prepared.get(name)?;
        let statement = prepared.statement.as_ref();
        statement.map(|statement| Arc::clone(&statement.text))
    }

    /// The text of a portal's statement; none for an unknown or an empty one.
    #[must_use]
    pub fn portal_text(&self, name: &str) -> Option<Arc<str>> {
        let statement = self.portals.get(name)?.prepared.statement.as_ref();
        statement.map(|statement| Arc::clone(&statement.text))
    }

    /// Whether statements leave a row, so that it is worth remembering what they were.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.engine.query_log.is_some()
    }

    /// As much of a text as the log may keep.
    #[must_use]
    pub fn recorded_part<'a>(&self, text: &'a str) -> &'a str {
        let log = self.engine.query_log.as_ref();
        log.map_or("", |log| log.cut(text))
    }

    /// Gives the statement that has ended to the log. Never waits, never fails.
    pub fn record(&mut self, end: StatementEnd) {
        let Some(log) = self.engine.query_log.clone() else {
            return;
        };
        let client = self.log_client(&log);
        let recording = &self.recording;
        let (meter, begun) = (&recording.meter, recording.begun);
        let now = self.engine.clock.instant();
        // What is no query has no plan to wait for.
        let planned = meter.planned().or(recording.run).unwrap_or(now);
        let planned = planned.clamp(begun, now.max(begun));
        let text = match log.cut(&end.text) {
            part if part.len() < end.text.len() => Arc::from(part),
            _ => end.text,
        };
        log.push(Ended {
            query_id: end.query_id,
            text,
            client,
            started_at: recording.started_at,
            plan_time: planned.saturating_duration_since(begun),
            run_time: now.saturating_duration_since(planned),
            rows_returned: end.rows_returned,
            bytes_sent: end.bytes_sent,
            used: meter.take(),
            sqlstate: end.error.unwrap_or(sqlstate::SUCCESSFUL_COMPLETION),
            snapshot_id: meter.snapshot(),
        });
    }

    /// Who the statement is of, as it was for the one before if nothing of that changed.
    fn log_client(&mut self, log: &QueryLog) -> Arc<LoggedClient> {
        let (role, session_role) = (self.recording.role, self.recording.session_role);
        let application_name = self.settings.show("application_name").unwrap_or_default();
        let application_name = log.cut_name(application_name);
        if let Some(known) = &self.log_client
            && known.role.id == role
            && known.session_role.id == session_role
            && known.application_name == application_name
        {
            return Arc::clone(known);
        }
        let rights = self.known_rights();
        let logged = |id| LoggedRole {
            id,
            name: roles::name_of(&rights, id),
        };
        let address = self.options.client_address;
        let client = Arc::new(LoggedClient {
            node: log.node.clone(),
            node_role: log.node_role.to_owned(),
            role: logged(role),
            session_role: logged(session_role),
            database: log.cut_name(&self.options.database).to_owned(),
            client_address: address.map(|address| address.to_string()),
            application_name: application_name.to_owned(),
            process_id: i64::from(self.options.connection_id),
        });
        self.log_client = Some(Arc::clone(&client));
        client
    }
}
