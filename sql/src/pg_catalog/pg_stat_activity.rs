//! `pg_stat_activity` and the views beside it: the session that asks. Other
//! sessions are not shown.

use super::rows::{NULL, Rows, cells};
use super::{Definition, oids, roles};
use crate::context::StatementContext;

pub(super) const PG_STAT_ACTIVITY: Definition = Definition {
    name: "pg_stat_activity",
    oid: 12222,
    columns: "datid:oid datname:name pid:int4 leader_pid:int4 usesysid:oid usename:name \
              application_name:text client_addr:inet client_hostname:text client_port:int4 \
              backend_start:timestamptz xact_start:timestamptz query_start:timestamptz \
              state_change:timestamptz wait_event_type:text wait_event:text state:text \
              backend_xid:xid backend_xmin:xid query_id:int8 query:text backend_type:text",
    current: push_session,
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

fn push_session(context: &StatementContext, rows: &mut Rows) {
    let address = context.client_address;
    rows.push(cells![
        oids::DATABASE,
        context.database.as_str(),
        context.backend_pid,
        NULL,
        roles::oid(&context.snapshot, &context.user),
        context.user.as_str(),
        context.settings.get("application_name").map(String::as_str),
        address.map(|address| address.ip().to_string()),
        NULL,
        address.map_or(-1, |address| i32::from(address.port())),
        context.transaction_start,
        context.transaction_start,
        context.statement_start,
        context.statement_start,
        NULL,
        NULL,
        "active",
        NULL,
        NULL,
        NULL,
        NULL,
        "client backend",
    ]);
}
