//! `pg_stat_activity`: the sessions of this node; and the views beside it, of the session
//! that asks.
//!
//! What a session does is shown to its role, to members of it and to `pg_read_all_stats`,
//! without passwords.
//!
//! Source: PostgreSQL 15, `pg_stat_get_activity`.

use super::rows::{NULL, Rows, cells};
use super::{Definition, oids};
use crate::access::roles;
use crate::backends::Backend;
use crate::context::StatementContext;
use crate::query_log::redacted;
use crate::transaction::TransactionStatus;

pub(super) const PG_STAT_ACTIVITY: Definition = Definition {
    name: "pg_stat_activity",
    oid: 12222,
    columns: "datid:oid datname:name pid:int4 leader_pid:int4 usesysid:oid usename:name \
              application_name:text client_addr:inet client_hostname:text client_port:int4 \
              backend_start:timestamptz xact_start:timestamptz query_start:timestamptz \
              state_change:timestamptz wait_event_type:text wait_event:text state:text \
              backend_xid:xid backend_xmin:xid query_id:int8 query:text backend_type:text",
    current: push_sessions,
    ..Definition::VIEW
};

pub(super) const PG_STAT_SSL: Definition = Definition {
    name: "pg_stat_ssl",
    oid: 12249,
    columns: "pid:int4 ssl:bool version:text cipher:text bits:int4 client_dn:text \
              client_serial:numeric issuer_dn:text",
    current: |context, rows| {
        let pid = context.backend_pid;
        rows.push(cells![pid, false, NULL, NULL, NULL, NULL, NULL, NULL]);
    },
    ..Definition::VIEW
};

pub(super) const PG_STAT_GSSAPI: Definition = Definition {
    name: "pg_stat_gssapi",
    oid: 12253,
    columns: "pid:int4 gss_authenticated:bool principal:text encrypted:bool",
    current: |context, rows| rows.push(cells![context.backend_pid, false, NULL, false]),
    ..Definition::VIEW
};

fn push_sessions(context: &StatementContext, rows: &mut Rows) {
    let rights = &context.rights;
    let sees_all = roles::is_operator(rights, context.role_id);
    for backend in context.reach.backends.all() {
        let role = rights.role(backend.role);
        let role = role.map(|role| role.name.as_str());
        if sees_all || roles::has_privileges_of(rights, context.role_id, backend.role) {
            push_session(&backend, role, rows);
        } else {
            push_hidden(&backend, role, rows);
        }
    }
}

fn push_session(backend: &Backend, role: Option<&str>, rows: &mut Rows) {
    let activity = backend.activity();
    let address = backend.client_address;
    let waits = activity.waits_in.is_some();
    rows.push(cells![
        oids::DATABASE,
        backend.database.as_str(),
        backend.id,
        NULL,
        backend.role,
        role,
        activity.application_name,
        address.map(|address| address.ip().to_string()),
        NULL,
        address.map_or(-1, |address| i32::from(address.port())),
        backend.started_at,
        activity.transaction_start,
        activity.statement_start,
        activity.changed_at,
        waits.then_some("Client"),
        waits.then_some("ClientRead"),
        match activity.waits_in {
            None => "active",
            Some(TransactionStatus::Idle) => "idle",
            Some(TransactionStatus::InTransaction) => "idle in transaction",
            Some(TransactionStatus::Failed) => "idle in transaction (aborted)",
        },
        NULL,
        NULL,
        NULL,
        redacted(&activity.text).into_owned(),
        "client backend",
    ]);
}

/// A session of somebody else.
fn push_hidden(backend: &Backend, role: Option<&str>, rows: &mut Rows) {
    rows.push(cells![
        oids::DATABASE,
        backend.database.as_str(),
        backend.id,
        NULL,
        backend.role,
        role,
        backend.activity().application_name,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        "<insufficient privilege>",
        NULL,
    ]);
}
