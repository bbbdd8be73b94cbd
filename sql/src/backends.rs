//! The sessions of this process as the others see them, and how these end them.
//!
//! `pg_stat_activity` shows them; `pg_cancel_backend`, `pg_terminate_backend` and cancel
//! requests reach them. A session of another node is not among them: its id may be one of
//! here, so it has to be ended there.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::execute::Limits;
use crate::query_log::cut;
use crate::session::{Notice, SessionOptions};
use crate::transaction::TransactionStatus;

/// Longest part of a statement that other sessions are shown, in bytes; PostgreSQL's
/// `track_activity_query_size`.
const TEXT_BYTES_MAX: usize = 1024;

/// How a session is told to stop.
#[derive(Debug)]
pub struct Signals {
    /// Ends the statement that runs now.
    statement: Mutex<Option<CancellationToken>>,
    /// Ends the connection.
    end: CancellationToken,
}

impl Signals {
    /// `server_end`: what ends all connections.
    #[must_use]
    pub fn new(server_end: &CancellationToken) -> Self {
        Self {
            statement: Mutex::default(),
            end: server_end.child_token(),
        }
    }

    /// From now on cancelling cancels `token`.
    ///
    /// A wish that came for the statement before, in the same cycle, and was not answered
    /// yet counts for this one.
    pub fn begin(&self, token: &CancellationToken) {
        let before = lock(&self.statement).replace(token.clone());
        if before.is_some_and(|before| before.is_cancelled()) {
            token.cancel();
        }
    }

    /// From now on cancelling does nothing.
    pub fn finish(&self) {
        lock(&self.statement).take();
    }

    /// Cancels what runs now, if anything does.
    pub fn cancel(&self) {
        if let Some(token) = lock(&self.statement).as_ref() {
            token.cancel();
        }
    }

    /// Cancelled once the connection has to end.
    #[must_use]
    pub fn end(&self) -> &CancellationToken {
        &self.end
    }
}

/// What a statement reaches other sessions with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reach {
    pub(crate) backends: Arc<Backends>,
    /// What ends the statement while it waits for another session.
    pub(crate) limits: Limits,
    /// What the statement's functions tell its client.
    pub(crate) notices: Arc<Mutex<Vec<Notice>>>,
}

impl Reach {
    /// Tells the client something with the statement's end.
    pub(crate) fn notify(&self, notice: Notice) {
        lock(&self.notices).push(notice);
    }

    /// What was told since the last call, oldest first.
    pub(crate) fn take_notices(&self) -> Vec<Notice> {
        std::mem::take(&mut *lock(&self.notices))
    }
}

/// Every session of this process, by its id.
#[derive(Debug, Default)]
pub(crate) struct Backends {
    by_id: Mutex<BTreeMap<i32, Arc<Backend>>>,
}

/// One session, as far as others may know.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) id: i32,
    /// The role that logged in.
    pub(crate) role: i64,
    pub(crate) database: String,
    pub(crate) client_address: Option<SocketAddr>,
    /// UTC microseconds since 1970.
    pub(crate) started_at: i64,
    pub(crate) signals: Arc<Signals>,
    /// Cancelled when the session is no more.
    pub(crate) gone: CancellationToken,
    activity: Mutex<Activity>,
}

/// What a session does. Times are UTC microseconds since 1970.
#[derive(Clone, Debug)]
pub(crate) struct Activity {
    pub(crate) application_name: String,
    /// None while a statement runs.
    pub(crate) waits_in: Option<TransactionStatus>,
    /// The statement, or the last one.
    pub(crate) text: Arc<str>,
    pub(crate) transaction_start: Option<i64>,
    pub(crate) statement_start: Option<i64>,
    pub(crate) changed_at: i64,
}

/// A session's place among the others; given up when dropped.
#[derive(Debug)]
pub(crate) struct Enrolled {
    backends: Arc<Backends>,
    backend: Arc<Backend>,
}

impl Backends {
    /// The session with this id.
    pub(crate) fn find(&self, id: i32) -> Option<Arc<Backend>> {
        lock(&self.by_id).get(&id).map(Arc::clone)
    }

    /// All sessions, in order of their ids.
    pub(crate) fn all(&self) -> Vec<Arc<Backend>> {
        lock(&self.by_id).values().map(Arc::clone).collect()
    }

    /// Adds a session.
    pub(crate) fn enrol(self: &Arc<Self>, backend: Backend) -> Enrolled {
        let backend = Arc::new(backend);
        lock(&self.by_id).insert(backend.id, Arc::clone(&backend));
        Enrolled {
            backends: Arc::clone(self),
            backend,
        }
    }
}

impl Backend {
    /// A session that has run nothing yet.
    pub(crate) fn new(options: &SessionOptions, application_name: &str, started_at: i64) -> Self {
        Self {
            id: options.connection_id,
            role: options.role_id,
            database: options.database.clone(),
            client_address: options.client_address,
            started_at,
            signals: Arc::clone(&options.signals),
            gone: CancellationToken::new(),
            activity: Mutex::new(Activity {
                application_name: application_name.to_owned(),
                waits_in: Some(TransactionStatus::Idle),
                text: Arc::from(""),
                transaction_start: None,
                statement_start: None,
                changed_at: started_at,
            }),
        }
    }

    /// What the session does now.
    pub(crate) fn activity(&self) -> Activity {
        lock(&self.activity).clone()
    }
}

impl Enrolled {
    /// A statement runs from now on.
    ///
    /// `now`: when it began; `transaction_start`: of the transaction that it is part of.
    pub(crate) fn run(&self, text: &Arc<str>, transaction_start: i64, now: i64) {
        let mut activity = lock(&self.backend.activity);
        activity.waits_in = None;
        activity.text = match cut(text, TEXT_BYTES_MAX) {
            part if part.len() < text.len() => Arc::from(part),
            _ => Arc::clone(text),
        };
        activity.transaction_start = Some(transaction_start);
        activity.statement_start = Some(now);
        activity.changed_at = now;
    }

    /// The session waits for its client.
    ///
    /// `transaction_start`: of the open transaction.
    pub(crate) fn wait(
        &self,
        status: TransactionStatus,
        transaction_start: Option<i64>,
        application_name: &str,
        now: i64,
    ) {
        let mut activity = lock(&self.backend.activity);
        activity.waits_in = Some(status);
        activity.transaction_start = transaction_start;
        activity.changed_at = now;
        if activity.application_name != application_name {
            activity.application_name = application_name.to_owned();
        }
    }
}

impl Drop for Enrolled {
    fn drop(&mut self) {
        lock(&self.backends.by_id).remove(&self.backend.id);
        self.backend.gone.cancel();
    }
}

/// Nothing that holds these locks can leave them half-changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
