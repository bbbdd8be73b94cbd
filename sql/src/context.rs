//! What a statement's functions and catalog relations may know of its surroundings.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use gotgan_storage::{Clock, Rights, Snapshot};

use crate::backends::Reach;
use crate::functions::Random;
use crate::maintenance::Jobs;
use crate::query_log::{QueryLog, QueryMeter};
use crate::sequence::SequenceUse;
use crate::types::PgType;
use crate::types::input::InputStyle;
use crate::types::output::OutputStyle;

/// A call of `set_config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingChange {
    /// The setting's name.
    pub name: String,
    /// Its new value, not yet checked.
    pub value: String,
    /// Whether it ends with the transaction.
    pub is_local: bool,
}

/// A prepared statement, as `pg_prepared_statements` lists it.
#[derive(Clone, Debug)]
pub struct PreparedStatement {
    /// The name.
    pub name: String,
    /// What the client sent to prepare it.
    pub text: Arc<str>,
    /// When it was prepared, UTC microseconds since 1970.
    pub prepared_at: i64,
    /// Types of its parameters.
    pub parameters: Vec<PgType>,
    /// Whether it was SQL's PREPARE, not a message of the protocol.
    pub is_from_sql: bool,
}

/// Fixed for the length of one statement; shared by everything that runs for it.
#[derive(Debug)]
pub struct StatementContext {
    /// When the transaction began, UTC microseconds since 1970; what `now()` tells.
    pub transaction_start: i64,
    /// When the statement began, UTC microseconds since 1970.
    pub statement_start: i64,
    /// How values become text.
    pub style: OutputStyle,
    /// How text becomes values.
    pub input: InputStyle,
    /// Name of the role whose rights apply.
    pub user: String,
    /// Its id.
    pub role_id: i64,
    /// Name of the session's role: the one that logged in, or SESSION AUTHORIZATION.
    pub session_user: String,
    /// Its id.
    pub session_role_id: i64,
    /// Id of the role that logged in, whatever the session acts as.
    pub login_role_id: i64,
    /// Roles and rights as they are now, whatever `snapshot` is.
    pub rights: Rights,
    /// The database that the client connected to.
    pub database: String,
    /// Schemas that unqualified names are looked up in, `pg_catalog` included.
    pub search_path: Vec<String>,
    /// The warehouse as this statement sees it.
    pub snapshot: Arc<Snapshot>,
    /// Whether `snapshot` is one that was committed earlier, which no transaction changes.
    pub is_past: bool,
    /// What `pg_backend_pid()` tells.
    pub backend_pid: i32,
    /// When the server started, UTC microseconds since 1970.
    pub server_start: i64,
    /// Where the client connects from; none for a Unix socket.
    pub client_address: Option<SocketAddr>,
    /// Every setting as SHOW tells it.
    pub settings: Arc<BTreeMap<String, String>>,
    /// Settings that `set_config` changed; the session takes them over when the
    /// statement is done.
    pub changed_settings: Mutex<Vec<SettingChange>>,
    /// The time of now, for functions that move on within a statement.
    pub clock: Arc<dyn Clock>,
    /// The session's prepared statements but the unnamed one, in order of names.
    pub prepared: Vec<PreparedStatement>,
    /// The session's random numbers.
    pub random: Arc<Random>,
    /// Whether this node is a replica.
    pub is_replica: bool,
    /// When the newest commit was made that this replica knows, UTC microseconds since
    /// 1970; none on a primary.
    pub replayed_at: Option<i64>,
    /// What this node does on a schedule.
    pub(crate) jobs: Jobs,
    /// What the statement uses.
    pub(crate) meter: Arc<QueryMeter>,
    /// Where this node's statements wait to be logged; none without a log.
    pub(crate) query_log: Option<Arc<QueryLog>>,
    /// How the statement reaches other sessions, and its client.
    pub(crate) reach: Reach,
    /// Values of sequences.
    pub sequences: SequenceUse,
}
