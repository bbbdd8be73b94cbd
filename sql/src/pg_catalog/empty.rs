//! Relations of `pg_catalog` that are always empty here, because Gotgan lacks what
//! they list or counts none of what they count.

use super::Definition;

/// name, oid, kind, columns
type Row = (&'static str, u32, char, &'static str);

#[rustfmt::skip]
const EMPTY: &[Row] = &[
    ("pg_amop", 2602, 'r', "\
      oid:oid amopfamily:oid amoplefttype:oid amoprighttype:oid amopstrategy:int2 \
      amoppurpose:char amopopr:oid amopmethod:oid amopsortfamily:oid"),
    ("pg_amproc", 2603, 'r', "\
      oid:oid amprocfamily:oid amproclefttype:oid amprocrighttype:oid amprocnum:int2 \
      amproc:regproc"),
    ("pg_available_extension_versions", 12085, 'v', "\
      name:name version:text installed:bool superuser:bool trusted:bool relocatable:bool \
      schema:name requires:name[] comment:text"),
    ("pg_available_extensions", 12081, 'v', "\
      name:name default_version:text installed_version:text comment:text"),
    ("pg_conversion", 2607, 'r', "\
      oid:oid conname:name connamespace:oid conowner:oid conforencoding:int4 contoencoding:int4 \
      conproc:regproc condefault:bool"),
    ("pg_cursors", 12077, 'v', "\
      name:text statement:text is_holdable:bool is_binary:bool is_scrollable:bool \
      creation_time:timestamptz"),
    ("pg_enum", 3501, 'r', "oid:oid enumtypid:oid enumsortorder:float4 enumlabel:name"),
    ("pg_event_trigger", 3466, 'r', "\
      oid:oid evtname:name evtevent:name evtowner:oid evtfoid:oid evtenabled:char \
      evttags:text[]"),
    ("pg_extension", 3079, 'r', "\
      oid:oid extname:name extowner:oid extnamespace:oid extrelocatable:bool extversion:text \
      extconfig:oid[] extcondition:text[]"),
    ("pg_foreign_data_wrapper", 2328, 'r', "\
      oid:oid fdwname:name fdwowner:oid fdwhandler:oid fdwvalidator:oid fdwacl:aclitem[] \
      fdwoptions:text[]"),
    ("pg_foreign_server", 1417, 'r', "\
      oid:oid srvname:name srvowner:oid srvfdw:oid srvtype:text srvversion:text \
      srvacl:aclitem[] srvoptions:text[]"),
    ("pg_foreign_table", 3118, 'r', "ftrelid:oid ftserver:oid ftoptions:text[]"),
    ("pg_inherits", 2611, 'r', "inhrelid:oid inhparent:oid inhseqno:int4 inhdetachpending:bool"),
    ("pg_init_privs", 3394, 'r', "\
      objoid:oid classoid:oid objsubid:int4 privtype:char initprivs:aclitem[]"),
    ("pg_largeobject", 2613, 'r', "loid:oid pageno:int4 data:bytea"),
    ("pg_largeobject_metadata", 2995, 'r', "oid:oid lomowner:oid lomacl:aclitem[]"),
    ("pg_locks", 12073, 'v', "\
      locktype:text database:oid relation:oid page:int4 tuple:int2 virtualxid:text \
      transactionid:xid classid:oid objid:oid objsubid:int2 virtualtransaction:text pid:int4 \
      mode:text granted:bool fastpath:bool waitstart:timestamptz"),
    ("pg_matviews", 12038, 'v', "\
      schemaname:name matviewname:name matviewowner:name tablespace:name hasindexes:bool \
      ispopulated:bool definition:text"),
    ("pg_parameter_acl", 6243, 'r', "oid:oid parname:text paracl:aclitem[]"),
    ("pg_partitioned_table", 3350, 'r', "\
      partrelid:oid partstrat:char partnatts:int2 partdefid:oid partattrs:int2vector \
      partclass:oidvector partcollation:oidvector partexprs:pg_node_tree"),
    ("pg_prepared_xacts", 12090, 'v', "\
      transaction:xid gid:text prepared:timestamptz owner:name database:name"),
    ("pg_publication", 6104, 'r', "\
      oid:oid pubname:name pubowner:oid puballtables:bool pubinsert:bool pubupdate:bool \
      pubdelete:bool pubtruncate:bool pubviaroot:bool"),
    ("pg_publication_namespace", 6237, 'r', "oid:oid pnpubid:oid pnnspid:oid"),
    ("pg_publication_rel", 6106, 'r', "\
      oid:oid prpubid:oid prrelid:oid prqual:pg_node_tree prattrs:int2vector"),
    ("pg_publication_tables", 12068, 'v', "\
      pubname:name schemaname:name tablename:name attnames:name[] rowfilter:text"),
    ("pg_range", 3541, 'r', "\
      rngtypid:oid rngsubtype:oid rngmultitypid:oid rngcollation:oid rngsubopc:oid \
      rngcanonical:regproc rngsubdiff:regproc"),
    ("pg_replication_origin", 6000, 'r', "roident:oid roname:text"),
    ("pg_replication_slots", 12257, 'v', "\
      slot_name:name plugin:name slot_type:text datoid:oid database:name temporary:bool \
      active:bool active_pid:int4 xmin:xid catalog_xmin:xid restart_lsn:text \
      confirmed_flush_lsn:text wal_status:text safe_wal_size:int8 two_phase:bool"),
    ("pg_rules", 12023, 'v', "schemaname:name tablename:name rulename:name definition:text"),
    ("pg_seclabel", 3596, 'r', "objoid:oid classoid:oid objsubid:int4 provider:text label:text"),
    ("pg_seclabels", 12099, 'v', "\
      objoid:oid classoid:oid objsubid:int4 objtype:text objnamespace:oid objname:text \
      provider:text label:text"),
    ("pg_shdepend", 1214, 'r', "\
      dbid:oid classid:oid objid:oid objsubid:int4 refclassid:oid refobjid:oid deptype:char"),
    ("pg_shseclabel", 3592, 'r', "objoid:oid classoid:oid provider:text label:text"),
    ("pg_stat_all_indexes", 12183, 'v', "\
      relid:oid indexrelid:oid schemaname:name relname:name indexrelname:name idx_scan:int8 \
      idx_tup_read:int8 idx_tup_fetch:int8"),
    ("pg_stat_archiver", 12285, 'v', "\
      archived_count:int8 last_archived_wal:text last_archived_time:timestamptz \
      failed_count:int8 last_failed_wal:text last_failed_time:timestamptz \
      stats_reset:timestamptz"),
    ("pg_stat_bgwriter", 12289, 'v', "\
      checkpoints_timed:int8 checkpoints_req:int8 checkpoint_write_time:float8 \
      checkpoint_sync_time:float8 buffers_checkpoint:int8 buffers_clean:int8 \
      maxwritten_clean:int8 buffers_backend:int8 buffers_backend_fsync:int8 buffers_alloc:int8 \
      stats_reset:timestamptz"),
    ("pg_stat_progress_copy", 12322, 'v', "\
      pid:int4 datid:oid datname:name relid:oid command:text type:text bytes_processed:int8 \
      bytes_total:int8 tuples_processed:int8 tuples_excluded:int8"),
    ("pg_stat_progress_vacuum", 12302, 'v', "\
      pid:int4 datid:oid datname:name relid:oid phase:text heap_blks_total:int8 \
      heap_blks_scanned:int8 heap_blks_vacuumed:int8 index_vacuum_count:int8 \
      max_dead_tuples:int8 num_dead_tuples:int8"),
    ("pg_stat_replication", 12227, 'v', "\
      pid:int4 usesysid:oid usename:name application_name:text client_addr:inet \
      client_hostname:text client_port:int4 backend_start:timestamptz backend_xmin:xid \
      state:text sent_lsn:text write_lsn:text flush_lsn:text replay_lsn:text write_lag:interval \
      flush_lag:interval replay_lag:interval sync_priority:int4 sync_state:text \
      reply_time:timestamptz"),
    ("pg_stat_subscription", 12244, 'v', "\
      subid:oid subname:name pid:int4 relid:oid received_lsn:text \
      last_msg_send_time:timestamptz last_msg_receipt_time:timestamptz latest_end_lsn:text \
      latest_end_time:timestamptz"),
    ("pg_stat_sys_indexes", 12188, 'v', "\
      relid:oid indexrelid:oid schemaname:name relname:name indexrelname:name idx_scan:int8 \
      idx_tup_read:int8 idx_tup_fetch:int8"),
    ("pg_stat_user_functions", 12275, 'v', "\
      funcid:oid schemaname:name funcname:name calls:int8 total_time:float8 self_time:float8"),
    ("pg_stat_user_indexes", 12192, 'v', "\
      relid:oid indexrelid:oid schemaname:name relname:name indexrelname:name idx_scan:int8 \
      idx_tup_read:int8 idx_tup_fetch:int8"),
    ("pg_stat_wal", 12293, 'v', "\
      wal_records:int8 wal_fpi:int8 wal_bytes:numeric wal_buffers_full:int8 wal_write:int8 \
      wal_sync:int8 wal_write_time:float8 wal_sync_time:float8 stats_reset:timestamptz"),
    ("pg_stat_wal_receiver", 12236, 'v', "\
      pid:int4 status:text receive_start_lsn:text receive_start_tli:int4 written_lsn:text \
      flushed_lsn:text received_tli:int4 last_msg_send_time:timestamptz \
      last_msg_receipt_time:timestamptz latest_end_lsn:text latest_end_time:timestamptz \
      slot_name:text sender_host:text sender_port:int4 conninfo:text"),
    ("pg_stat_xact_all_tables", 12147, 'v', "\
      relid:oid schemaname:name relname:name seq_scan:int8 seq_tup_read:int8 idx_scan:int8 \
      idx_tup_fetch:int8 n_tup_ins:int8 n_tup_upd:int8 n_tup_del:int8 n_tup_hot_upd:int8"),
    ("pg_stat_xact_user_tables", 12166, 'v', "\
      relid:oid schemaname:name relname:name seq_scan:int8 seq_tup_read:int8 idx_scan:int8 \
      idx_tup_fetch:int8 n_tup_ins:int8 n_tup_upd:int8 n_tup_del:int8 n_tup_hot_upd:int8"),
    ("pg_statio_all_indexes", 12196, 'v', "\
      relid:oid indexrelid:oid schemaname:name relname:name indexrelname:name \
      idx_blks_read:int8 idx_blks_hit:int8"),
    ("pg_statio_all_sequences", 12209, 'v', "\
      relid:oid schemaname:name relname:name blks_read:int8 blks_hit:int8"),
    ("pg_statio_sys_indexes", 12201, 'v', "\
      relid:oid indexrelid:oid schemaname:name relname:name indexrelname:name \
      idx_blks_read:int8 idx_blks_hit:int8"),
    ("pg_statio_sys_sequences", 12214, 'v', "\
      relid:oid schemaname:name relname:name blks_read:int8 blks_hit:int8"),
    ("pg_statio_user_indexes", 12205, 'v', "\
      relid:oid indexrelid:oid schemaname:name relname:name indexrelname:name \
      idx_blks_read:int8 idx_blks_hit:int8"),
    ("pg_statio_user_sequences", 12218, 'v', "\
      relid:oid schemaname:name relname:name blks_read:int8 blks_hit:int8"),
    ("pg_statistic", 2619, 'r', "\
      starelid:oid staattnum:int2 stainherit:bool stanullfrac:float4 stawidth:int4 \
      stadistinct:float4 stakind1:int2 stakind2:int2 stakind3:int2 stakind4:int2 stakind5:int2 \
      staop1:oid staop2:oid staop3:oid staop4:oid staop5:oid stacoll1:oid stacoll2:oid \
      stacoll3:oid stacoll4:oid stacoll5:oid stanumbers1:float4[] stanumbers2:float4[] \
      stanumbers3:float4[] stanumbers4:float4[] stanumbers5:float4[] stavalues1:anyarray \
      stavalues2:anyarray stavalues3:anyarray stavalues4:anyarray stavalues5:anyarray"),
    ("pg_statistic_ext", 3381, 'r', "\
      oid:oid stxrelid:oid stxname:name stxnamespace:oid stxowner:oid stxstattarget:int4 \
      stxkeys:int2vector stxkind:char[] stxexprs:pg_node_tree"),
    ("pg_statistic_ext_data", 3429, 'r', "\
      stxoid:oid stxdinherit:bool stxdndistinct:text stxddependencies:text stxdmcv:text \
      stxdexpr:text[]"),
    ("pg_stats", 12053, 'v', "\
      schemaname:name tablename:name attname:name inherited:bool null_frac:float4 \
      avg_width:int4 n_distinct:float4 most_common_vals:anyarray most_common_freqs:float4[] \
      histogram_bounds:anyarray correlation:float4 most_common_elems:anyarray \
      most_common_elem_freqs:float4[] elem_count_histogram:float4[]"),
    ("pg_stats_ext", 12058, 'v', "\
      schemaname:name tablename:name statistics_schemaname:name statistics_name:name \
      statistics_owner:name attnames:name[] exprs:text[] kinds:char[] inherited:bool \
      n_distinct:text dependencies:text most_common_vals:text[] most_common_val_nulls:bool[] \
      most_common_freqs:float8[] most_common_base_freqs:float8[]"),
    ("pg_subscription", 6100, 'r', "\
      oid:oid subdbid:oid subskiplsn:text subname:name subowner:oid subenabled:bool \
      subbinary:bool substream:bool subtwophasestate:char subdisableonerr:bool subconninfo:text \
      subslotname:name subsynccommit:text subpublications:text[]"),
    ("pg_subscription_rel", 6102, 'r', "srsubid:oid srrelid:oid srsubstate:char srsublsn:text"),
    ("pg_timezone_abbrevs", 12122, 'v', "abbrev:text utc_offset:interval is_dst:bool"),
    ("pg_transform", 3576, 'r', "\
      oid:oid trftype:oid trflang:oid trffromsql:regproc trftosql:regproc"),
    ("pg_trigger", 2620, 'r', "\
      oid:oid tgrelid:oid tgparentid:oid tgname:name tgfoid:oid tgtype:int2 tgenabled:char \
      tgisinternal:bool tgconstrrelid:oid tgconstrindid:oid tgconstraint:oid tgdeferrable:bool \
      tginitdeferred:bool tgnargs:int2 tgattr:int2vector tgargs:bytea tgqual:pg_node_tree \
      tgoldtable:name tgnewtable:name"),
    ("pg_ts_config", 3602, 'r', "\
      oid:oid cfgname:name cfgnamespace:oid cfgowner:oid cfgparser:oid"),
    ("pg_ts_config_map", 3603, 'r', "mapcfg:oid maptokentype:int4 mapseqno:int4 mapdict:oid"),
    ("pg_ts_dict", 3600, 'r', "\
      oid:oid dictname:name dictnamespace:oid dictowner:oid dicttemplate:oid \
      dictinitoption:text"),
    ("pg_ts_parser", 3601, 'r', "\
      oid:oid prsname:name prsnamespace:oid prsstart:regproc prstoken:regproc prsend:regproc \
      prsheadline:regproc prslextype:regproc"),
    ("pg_ts_template", 3764, 'r', "\
      oid:oid tmplname:name tmplnamespace:oid tmplinit:regproc tmpllexize:regproc"),
    ("pg_user_mapping", 1418, 'r', "oid:oid umuser:oid umserver:oid umoptions:text[]"),
    ("pg_user_mappings", 12327, 'v', "\
      umid:oid srvid:oid srvname:name umuser:oid usename:name umoptions:text[]"),
];

/// Their definitions.
pub(super) fn definitions() -> impl Iterator<Item = Definition> {
    EMPTY.iter().map(|&(name, oid, kind, columns)| Definition {
        name,
        oid,
        kind,
        columns,
        ..Definition::TABLE
    })
}
