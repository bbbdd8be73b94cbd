//! `pg_database`, `pg_tablespace` and `pg_stat_database`: one database, `gotgan`.

use super::rows::{NULL, Rows, cells};
use super::{Definition, oids};
use crate::access::actor::Object;
use crate::access::shown;
use crate::context::StatementContext;

pub(super) const PG_DATABASE: Definition = Definition {
    name: "pg_database",
    oid: 1262,
    columns: "oid:oid datname:name datdba:oid encoding:int4 datlocprovider:char \
              datistemplate:bool datallowconn:bool datconnlimit:int4 datfrozenxid:xid \
              datminmxid:xid dattablespace:oid datcollate:text datctype:text daticulocale:text \
              datcollversion:text datacl:aclitem[]",
    current: |context, rows| {
        rows.push(cells![
            oids::DATABASE,
            context.database.as_str(),
            context.rights.lake_access().database_owner,
            oids::UTF8,
            'c',
            false,
            true,
            -1,
            0,
            0,
            oids::PG_DEFAULT,
            "C",
            "C",
            NULL,
            NULL,
            shown::object_items(&context.rights, Object::Database),
        ]);
    },
    ..Definition::TABLE
};

pub(super) const PG_TABLESPACE: Definition = Definition {
    name: "pg_tablespace",
    oid: 1213,
    columns: "oid:oid spcname:name spcowner:oid spcacl:aclitem[] spcoptions:text[]",
    fixed: |rows| {
        rows.push(cells![
            oids::PG_DEFAULT,
            "pg_default",
            oids::SUPERUSER,
            NULL,
            NULL
        ]);
    },
    ..Definition::TABLE
};

pub(super) const PG_STAT_DATABASE: Definition = Definition {
    name: "pg_stat_database",
    oid: 12266,
    columns: "datid:oid datname:name numbackends:int4 xact_commit:int8 xact_rollback:int8 \
              blks_read:int8 blks_hit:int8 tup_returned:int8 tup_fetched:int8 tup_inserted:int8 \
              tup_updated:int8 tup_deleted:int8 conflicts:int8 temp_files:int8 temp_bytes:int8 \
              deadlocks:int8 checksum_failures:int8 checksum_last_failure:timestamptz \
              blk_read_time:float8 blk_write_time:float8 session_time:float8 active_time:float8 \
              idle_in_transaction_time:float8 sessions:int8 sessions_abandoned:int8 \
              sessions_fatal:int8 sessions_killed:int8 stats_reset:timestamptz",
    current: push_statistics,
    ..Definition::VIEW
};

/// Nothing is counted: the numbers are zero, the times unknown.
fn push_statistics(context: &StatementContext, rows: &mut Rows) {
    rows.push(cells![
        oids::DATABASE,
        context.database.as_str(),
        1,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        NULL,
        NULL,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0,
        0,
        0,
        0,
        NULL,
    ]);
}
