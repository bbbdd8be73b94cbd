//! Statistics of tables: `pg_stat_all_tables`, `pg_stat_user_tables` and the views
//! of reads beside them. Only the row count is known; nothing else is counted.

use super::objects::schema_name;
use super::rows::{NULL, Rows, cells};
use super::{Definition, oids, relations};
use crate::context::StatementContext;

pub(super) const PG_STAT_ALL_TABLES: Definition = Definition {
    name: "pg_stat_all_tables",
    oid: 12142,
    columns: "relid:oid schemaname:name relname:name seq_scan:int8 seq_tup_read:int8 \
              idx_scan:int8 idx_tup_fetch:int8 n_tup_ins:int8 n_tup_upd:int8 n_tup_del:int8 \
              n_tup_hot_upd:int8 n_live_tup:int8 n_dead_tup:int8 n_mod_since_analyze:int8 \
              n_ins_since_vacuum:int8 last_vacuum:timestamptz last_autovacuum:timestamptz \
              last_analyze:timestamptz last_autoanalyze:timestamptz vacuum_count:int8 \
              autovacuum_count:int8 analyze_count:int8 autoanalyze_count:int8",
    fixed: push_system,
    current: push_user,
    ..Definition::VIEW
};

pub(super) const PG_STAT_SYS_TABLES: Definition = Definition {
    name: "pg_stat_sys_tables",
    oid: 12152,
    columns: "relid:oid schemaname:name relname:name seq_scan:int8 seq_tup_read:int8 \
              idx_scan:int8 idx_tup_fetch:int8 n_tup_ins:int8 n_tup_upd:int8 n_tup_del:int8 \
              n_tup_hot_upd:int8 n_live_tup:int8 n_dead_tup:int8 n_mod_since_analyze:int8 \
              n_ins_since_vacuum:int8 last_vacuum:timestamptz last_autovacuum:timestamptz \
              last_analyze:timestamptz last_autoanalyze:timestamptz vacuum_count:int8 \
              autovacuum_count:int8 analyze_count:int8 autoanalyze_count:int8",
    fixed: push_system,
    ..Definition::VIEW
};

pub(super) const PG_STAT_USER_TABLES: Definition = Definition {
    name: "pg_stat_user_tables",
    oid: 12161,
    columns: "relid:oid schemaname:name relname:name seq_scan:int8 seq_tup_read:int8 \
              idx_scan:int8 idx_tup_fetch:int8 n_tup_ins:int8 n_tup_upd:int8 n_tup_del:int8 \
              n_tup_hot_upd:int8 n_live_tup:int8 n_dead_tup:int8 n_mod_since_analyze:int8 \
              n_ins_since_vacuum:int8 last_vacuum:timestamptz last_autovacuum:timestamptz \
              last_analyze:timestamptz last_autoanalyze:timestamptz vacuum_count:int8 \
              autovacuum_count:int8 analyze_count:int8 autoanalyze_count:int8",
    current: push_user,
    ..Definition::VIEW
};

pub(super) const PG_STATIO_ALL_TABLES: Definition = Definition {
    name: "pg_statio_all_tables",
    oid: 12170,
    columns: "relid:oid schemaname:name relname:name heap_blks_read:int8 heap_blks_hit:int8 \
              idx_blks_read:int8 idx_blks_hit:int8 toast_blks_read:int8 toast_blks_hit:int8 \
              tidx_blks_read:int8 tidx_blks_hit:int8",
    fixed: push_system_reads,
    current: push_user_reads,
    ..Definition::VIEW
};

pub(super) const PG_STATIO_SYS_TABLES: Definition = Definition {
    name: "pg_statio_sys_tables",
    oid: 12175,
    columns: "relid:oid schemaname:name relname:name heap_blks_read:int8 heap_blks_hit:int8 \
              idx_blks_read:int8 idx_blks_hit:int8 toast_blks_read:int8 toast_blks_hit:int8 \
              tidx_blks_read:int8 tidx_blks_hit:int8",
    fixed: push_system_reads,
    ..Definition::VIEW
};

pub(super) const PG_STATIO_USER_TABLES: Definition = Definition {
    name: "pg_statio_user_tables",
    oid: 12179,
    columns: "relid:oid schemaname:name relname:name heap_blks_read:int8 heap_blks_hit:int8 \
              idx_blks_read:int8 idx_blks_hit:int8 toast_blks_read:int8 toast_blks_hit:int8 \
              tidx_blks_read:int8 tidx_blks_hit:int8",
    current: push_user_reads,
    ..Definition::VIEW
};

fn push_system(rows: &mut Rows) {
    for relation in relations().filter(|relation| relation.kind == 'r') {
        push(rows, relation.oid, relation.schema, relation.name, 0);
    }
}

fn push_user(context: &StatementContext, rows: &mut Rows) {
    for table in context.snapshot.tables() {
        let schema = schema_name(&context.snapshot, table.schema_id);
        let count = i64::try_from(table.row_count).unwrap_or(i64::MAX);
        push(rows, oids::table(table.id), schema, &table.name, count);
    }
}

fn push_system_reads(rows: &mut Rows) {
    for relation in relations().filter(|relation| relation.kind == 'r') {
        push_reads(rows, relation.oid, relation.schema, relation.name);
    }
}

fn push_user_reads(context: &StatementContext, rows: &mut Rows) {
    for table in context.snapshot.tables() {
        let schema = schema_name(&context.snapshot, table.schema_id);
        push_reads(rows, oids::table(table.id), schema, &table.name);
    }
}

fn push(rows: &mut Rows, oid: u32, schema: &str, name: &str, count: i64) {
    rows.push(cells![
        oid, schema, name, 0, 0, NULL, NULL, 0, 0, 0, 0, count, 0, 0, 0, NULL, NULL, NULL, NULL, 0,
        0, 0, 0,
    ]);
}

fn push_reads(rows: &mut Rows, oid: u32, schema: &str, name: &str) {
    rows.push(cells![
        oid, schema, name, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL
    ]);
}
