//! Every setting: name, default, what values it takes, whether drivers are told.

/// One setting.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) default: &'static str,
    pub(crate) kind: Kind,
    /// Sent as ParameterStatus.
    pub(crate) is_reported: bool,
}

/// What values a setting takes.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Shown, never set.
    Fixed,
    Text,
    /// Any text, but only superusers set it.
    Superuser,
    Boolean,
    /// From, to.
    Integer(i64, i64),
    Choice(&'static [&'static str]),
    /// Like `Choice`, but a matter of the login: nobody sets it for himself.
    Login(&'static [&'static str]),
    /// A name of who the session acts as; see `identity.rs`.
    Identity,
    Milliseconds,
    Zone,
    DateStyle,
    Encoding,
}

const fn entry(name: &'static str, default: &'static str, kind: Kind) -> Entry {
    Entry {
        name,
        default,
        kind,
        is_reported: false,
    }
}

const fn reported(name: &'static str, default: &'static str, kind: Kind) -> Entry {
    Entry {
        name,
        default,
        kind,
        is_reported: true,
    }
}

const LEVELS: Kind = Kind::Choice(&[
    "read committed",
    "repeatable read",
    "serializable",
    "read uncommitted",
]);
const MESSAGES: Kind = Kind::Choice(&[
    "debug5", "debug4", "debug3", "debug2", "debug1", "debug", "log", "notice", "warning", "error",
    "info",
]);

/// Which nodes a role may log in to.
pub(crate) const CONNECT_TO: &str = "gotgan.connect_to";

/// The snapshot of the session's last commit, which drivers are told.
pub(crate) const COMMITTED_SNAPSHOT: &str = "gotgan.snapshot";

/// The snapshot that statements wait for.
pub(crate) const WAIT_FOR_SNAPSHOT: &str = "gotgan.wait_for_snapshot";

/// Ordered by name.
pub(crate) const ENTRIES: &[Entry] = &[
    reported("application_name", "", Kind::Text),
    entry("array_nulls", "on", Kind::Boolean),
    entry("backslash_quote", "safe_encoding", Kind::Text),
    entry("bytea_output", "hex", Kind::Choice(&["hex", "escape"])),
    entry("check_function_bodies", "on", Kind::Boolean),
    reported("client_encoding", "UTF8", Kind::Encoding),
    entry("client_min_messages", "notice", MESSAGES),
    reported("DateStyle", "ISO, MDY", Kind::DateStyle),
    entry("default_table_access_method", "heap", Kind::Fixed),
    entry("default_tablespace", "", Kind::Text),
    entry("default_transaction_deferrable", "off", Kind::Boolean),
    entry("default_transaction_isolation", "read committed", LEVELS),
    reported("default_transaction_read_only", "off", Kind::Boolean),
    entry("enable_async_append", "on", Kind::Boolean),
    entry("enable_bitmapscan", "on", Kind::Boolean),
    entry("enable_gathermerge", "on", Kind::Boolean),
    entry("enable_hashagg", "on", Kind::Boolean),
    entry("enable_hashjoin", "on", Kind::Boolean),
    entry("enable_incremental_sort", "on", Kind::Boolean),
    entry("enable_indexonlyscan", "on", Kind::Boolean),
    entry("enable_indexscan", "on", Kind::Boolean),
    entry("enable_material", "on", Kind::Boolean),
    entry("enable_memoize", "on", Kind::Boolean),
    entry("enable_mergejoin", "on", Kind::Boolean),
    entry("enable_nestloop", "on", Kind::Boolean),
    entry("enable_parallel_append", "on", Kind::Boolean),
    entry("enable_parallel_hash", "on", Kind::Boolean),
    entry("enable_partition_pruning", "on", Kind::Boolean),
    entry("enable_partitionwise_aggregate", "off", Kind::Boolean),
    entry("enable_partitionwise_join", "off", Kind::Boolean),
    entry("enable_seqscan", "on", Kind::Boolean),
    entry("enable_sort", "on", Kind::Boolean),
    entry("enable_tidscan", "on", Kind::Boolean),
    entry("extra_float_digits", "1", Kind::Integer(-15, 3)),
    entry("geqo", "on", Kind::Boolean),
    entry("gotgan.as_of", "", Kind::Text),
    entry(
        CONNECT_TO,
        "any",
        Kind::Login(&["any", "primary", "replica"]),
    ),
    reported(COMMITTED_SNAPSHOT, "", Kind::Fixed),
    entry(WAIT_FOR_SNAPSHOT, "0", Kind::Integer(0, i64::MAX)),
    entry(
        "idle_in_transaction_session_timeout",
        "0",
        Kind::Milliseconds,
    ),
    reported("in_hot_standby", "off", Kind::Fixed),
    reported("integer_datetimes", "on", Kind::Fixed),
    reported(
        "IntervalStyle",
        "postgres",
        Kind::Choice(&["postgres", "postgres_verbose", "sql_standard", "iso_8601"]),
    ),
    reported("is_superuser", "on", Kind::Fixed),
    entry("jit", "off", Kind::Boolean),
    entry("lc_collate", "C", Kind::Fixed),
    entry("lc_ctype", "C", Kind::Fixed),
    entry("lc_messages", "C", Kind::Superuser),
    entry("lc_monetary", "C", Kind::Text),
    entry("lc_numeric", "C", Kind::Text),
    entry("lc_time", "C", Kind::Text),
    entry("lock_timeout", "0", Kind::Milliseconds),
    entry("max_connections", "100", Kind::Fixed),
    entry("max_identifier_length", "63", Kind::Fixed),
    entry("max_index_keys", "32", Kind::Fixed),
    entry(
        "password_encryption",
        "scram-sha-256",
        Kind::Choice(&["scram-sha-256"]),
    ),
    entry("quote_all_identifiers", "off", Kind::Boolean),
    entry("role", "none", Kind::Identity),
    entry("row_security", "on", Kind::Boolean),
    entry("search_path", "\"$user\", public", Kind::Text),
    reported("server_encoding", "UTF8", Kind::Fixed),
    reported("server_version", super::SERVER_VERSION, Kind::Fixed),
    entry("server_version_num", "150008", Kind::Fixed),
    reported("session_authorization", "", Kind::Identity),
    entry("ssl", "off", Kind::Fixed),
    reported("standard_conforming_strings", "on", Kind::Choice(&["on"])),
    entry("statement_timeout", "0", Kind::Milliseconds),
    entry("synchronize_seqscans", "on", Kind::Boolean),
    entry("synchronous_commit", "on", Kind::Text),
    reported("TimeZone", "UTC", Kind::Zone),
    entry("transaction_deferrable", "off", Kind::Boolean),
    entry("transaction_isolation", "read committed", LEVELS),
    entry("transaction_read_only", "off", Kind::Boolean),
    entry("work_mem", "4MB", Kind::Text),
    entry(
        "xmloption",
        "content",
        Kind::Choice(&["content", "document"]),
    ),
];

/// The setting of this name, whatever its case.
pub(crate) fn find(name: &str) -> Option<&'static Entry> {
    ENTRIES
        .iter()
        .find(|entry| entry.name.eq_ignore_ascii_case(name))
}
