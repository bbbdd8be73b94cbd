//! Our own tables in the catalog database, for what DuckLake has no place for.
//!
//! Rows that belong to an object carry begin and end like the format's own rows.
//! Roles and the state are current only; changing them raises the epoch.

use chrono::{DateTime, Utc};

use crate::spec::table::{Row, TableSpec, rows};

/// The version of these tables. A primary brings an older one up to it; a catalog with
/// a newer one is refused. Version 2 added the tables of sequences, version 3 those of
/// holds, settings, options, restores and retention, version 4 those of roles and access,
/// version 5 that of the data's owner.
pub(crate) const SIDE_VERSION: i64 = 5;

rows! {
    /// What is true of the whole lake now; one row.
    StateRow in "gotgan_state" {
        format_version: i64 = Integer NotNull,
        lake_uuid: String = Uuid NotNull,
        epoch: i64 = Integer NotNull,
        next_role_id: i64 = Integer NotNull,
        data_location: String = Text NotNull,
    }
    /// What the marker beside the data files must name for them to be this catalog's (see
    /// `ownership`): one row, and none before the first marker.
    DataOwnerRow in "gotgan_data_owner" {
        token: Option<String> = Text Nothing,
        next_token: Option<String> = Text Nothing,
    }
    /// Marks the open transaction as ours; never visible outside it.
    WriterRow in "gotgan_writer" {
        transaction_id: String = Text NotNull,
    }
    /// A role that may log in.
    RoleRow in "gotgan_role" {
        role_id: i64 = Integer Key,
        role_name: String = Text NotNull,
        verifier: Option<String> = Text Nothing,
        is_superuser: bool = Flag NotNull,
    }
    /// The attributes of a role; one without a row has those that CREATE USER gives.
    RoleOptionRow in "gotgan_role_option" {
        role_id: i64 = Integer Key,
        inherits: bool = Flag NotNull,
        can_create_role: bool = Flag NotNull,
        can_create_database: bool = Flag NotNull,
        can_login: bool = Flag NotNull,
        can_replicate: bool = Flag NotNull,
        bypasses_row_security: bool = Flag NotNull,
        connection_limit: i64 = Integer NotNull,
        valid_until: Option<DateTime<Utc>> = Time Nothing,
        comment: Option<String> = Text Nothing,
    }
    /// That a role is a member of another.
    MembershipRow in "gotgan_role_member" {
        member_id: i64 = Integer NotNull,
        role_id: i64 = Integer NotNull,
        grantor_id: i64 = Integer NotNull,
        has_admin_option: bool = Flag NotNull,
    }
    /// A setting that sessions of a role begin with; role 0 is everyone.
    RoleSettingRow in "gotgan_role_setting" {
        role_id: i64 = Integer NotNull,
        is_of_database: bool = Flag NotNull,
        setting_name: String = Text NotNull,
        value: String = Text NotNull,
    }
    /// Who may do what with an object, as JSON; object -1 is the whole lake.
    AccessRow in "gotgan_access" {
        object_id: i64 = Integer NotNull,
        begin_snapshot: i64 = Integer NotNull,
        end_snapshot: Option<i64> = Integer Nothing,
        access: String = Text NotNull,
    }
    /// Who owns a schema, table or view.
    OwnerRow in "gotgan_owner" {
        object_id: i64 = Integer NotNull,
        begin_snapshot: i64 = Integer NotNull,
        end_snapshot: Option<i64> = Integer Nothing,
        role_id: i64 = Integer NotNull,
    }
    /// What a column's DuckLake row cannot say: the declared type, when it differs,
    /// and the default as PostgreSQL text.
    SideColumnRow in "gotgan_column" {
        table_id: i64 = Integer NotNull,
        column_id: i64 = Integer NotNull,
        begin_snapshot: i64 = Integer NotNull,
        end_snapshot: Option<i64> = Integer Nothing,
        declared_type: Option<String> = Text Nothing,
        default_expression: Option<String> = Text Nothing,
    }
    /// A key or CHECK of a table. Column lists are JSON arrays of column ids. `kind` is
    /// PostgreSQL's letter, in upper case while the constraint is NOT VALID.
    ConstraintRow in "gotgan_constraint" {
        constraint_id: i64 = Integer NotNull,
        table_id: i64 = Integer NotNull,
        begin_snapshot: i64 = Integer NotNull,
        end_snapshot: Option<i64> = Integer Nothing,
        constraint_name: String = Text NotNull,
        kind: String = Text NotNull,
        columns: String = Text NotNull,
        referenced_table: Option<i64> = Integer Nothing,
        referenced_columns: Option<String> = Text Nothing,
        on_delete: Option<String> = Text Nothing,
        on_update: Option<String> = Text Nothing,
        expression: Option<String> = Text Nothing,
    }
    /// An index that was declared; none is built.
    IndexRow in "gotgan_index" {
        index_id: i64 = Integer NotNull,
        table_id: i64 = Integer NotNull,
        begin_snapshot: i64 = Integer NotNull,
        end_snapshot: Option<i64> = Integer Nothing,
        index_name: String = Text NotNull,
        columns: String = Text NotNull,
        is_unique: bool = Flag NotNull,
        definition: String = Text NotNull,
    }
    /// A view as PostgreSQL text. Columns and dependencies are JSON.
    SideViewRow in "gotgan_view" {
        view_id: i64 = Integer NotNull,
        view_uuid: String = Uuid NotNull,
        begin_snapshot: i64 = Integer NotNull,
        end_snapshot: Option<i64> = Integer Nothing,
        schema_id: i64 = Integer NotNull,
        view_name: String = Text NotNull,
        text: String = Text NotNull,
        columns: String = Text NotNull,
        dependencies: String = Text NotNull,
    }
    /// Rows and bytes that TRUNCATE and DELETE ended, of those that the format counts for ever:
    /// DuckDB takes a table's bounds for exact once the count is. One row, changed in place.
    EndedRow in "gotgan_table_stats" {
        table_id: i64 = Integer NotNull,
        ended_row_count: i64 = Integer NotNull,
        ended_bytes: i64 = Integer NotNull,
    }
    /// A sequence, and the column that owns it (`owner_kind`: `auto`, `always`, `default`).
    SequenceRow in "gotgan_sequence" {
        sequence_id: i64 = Integer NotNull,
        begin_snapshot: i64 = Integer NotNull,
        end_snapshot: Option<i64> = Integer Nothing,
        schema_id: i64 = Integer NotNull,
        sequence_name: String = Text NotNull,
        data_type: String = Text NotNull,
        start_value: i64 = Integer NotNull,
        increment: i64 = Integer NotNull,
        min_value: i64 = Integer NotNull,
        max_value: i64 = Integer NotNull,
        cache_size: i64 = Integer NotNull,
        is_cycled: bool = Flag NotNull,
        owner_table: Option<i64> = Integer Nothing,
        owner_column: Option<i64> = Integer Nothing,
        owner_kind: Option<String> = Text Nothing,
    }
    /// How far a sequence is; one row, changed in place and never rolled back. Values up
    /// to and with `last_value` are handed out or lost, once `is_called`.
    SequenceStateRow in "gotgan_sequence_state" {
        sequence_id: i64 = Integer Key,
        last_value: i64 = Integer NotNull,
        is_called: bool = Flag NotNull,
    }
    /// A comment on what DuckLake cannot tag: a schema, sequence, constraint or index.
    CommentRow in "gotgan_comment" {
        object_id: i64 = Integer NotNull,
        begin_snapshot: i64 = Integer NotNull,
        end_snapshot: Option<i64> = Integer Nothing,
        comment: String = Text NotNull,
    }
    /// A named snapshot, which does not expire before `until`; without one, never.
    HoldRow in "gotgan_hold" {
        hold_name: String = Text Key,
        snapshot_id: i64 = Integer NotNull,
        role_id: i64 = Integer NotNull,
        created_at: DateTime<Utc> = Time NotNull,
        until: Option<DateTime<Utc>> = Time Nothing,
        comment: Option<String> = Text Nothing,
    }
    /// A setting of the whole lake, as text; what is not here is as configured.
    SettingRow in "gotgan_setting" {
        setting_name: String = Text Key,
        value: String = Text NotNull,
    }
    /// An option of a schema or table, as text.
    OptionRow in "gotgan_option" {
        object_id: i64 = Integer NotNull,
        begin_snapshot: i64 = Integer NotNull,
        end_snapshot: Option<i64> = Integer Nothing,
        option_name: String = Text NotNull,
        value: String = Text NotNull,
    }
    /// A snapshot that expired, but not for tables that are kept longer than the others.
    ArchiveRow in "gotgan_snapshot_archive" {
        snapshot_id: i64 = Integer Key,
        snapshot_time: DateTime<Utc> = Time NotNull,
        schema_version: i64 = Integer NotNull,
    }
    /// A table that archived snapshots show whole, from one of them on.
    KeptTableRow in "gotgan_kept_table" {
        table_id: i64 = Integer Key,
        from_snapshot: i64 = Integer NotNull,
    }
    /// A table that was brought back, in the commit that did it.
    RestoreRow in "gotgan_restore" {
        restore_id: String = Uuid Key,
        restored_at: DateTime<Utc> = Time NotNull,
        committed_snapshot: i64 = Integer NotNull,
        source_snapshot: i64 = Integer NotNull,
        source_table: i64 = Integer NotNull,
        source_schema_name: String = Text NotNull,
        source_table_name: String = Text NotNull,
        target_table: i64 = Integer NotNull,
        target_schema_name: String = Text NotNull,
        target_table_name: String = Text NotNull,
        role_name: String = Text NotNull,
        status: String = Text NotNull,
        row_count: i64 = Integer NotNull,
        bytes: i64 = Integer NotNull,
    }
}

/// Every table of ours.
pub(crate) static SIDE_TABLES: [&TableSpec; 23] = [
    StateRow::TABLE,
    DataOwnerRow::TABLE,
    WriterRow::TABLE,
    RoleRow::TABLE,
    RoleOptionRow::TABLE,
    MembershipRow::TABLE,
    RoleSettingRow::TABLE,
    AccessRow::TABLE,
    OwnerRow::TABLE,
    SideColumnRow::TABLE,
    ConstraintRow::TABLE,
    IndexRow::TABLE,
    SideViewRow::TABLE,
    EndedRow::TABLE,
    SequenceRow::TABLE,
    SequenceStateRow::TABLE,
    CommentRow::TABLE,
    HoldRow::TABLE,
    SettingRow::TABLE,
    OptionRow::TABLE,
    RestoreRow::TABLE,
    ArchiveRow::TABLE,
    KeptTableRow::TABLE,
];

/// Indexes of our tables: name, table, columns.
pub(crate) static SIDE_INDEXES: [(&str, &str, &str); 9] = [
    ("gotgan_owner_object", "gotgan_owner", "object_id"),
    ("gotgan_access_object", "gotgan_access", "object_id"),
    (
        "gotgan_column_column",
        "gotgan_column",
        "table_id, column_id",
    ),
    ("gotgan_constraint_table", "gotgan_constraint", "table_id"),
    ("gotgan_index_table", "gotgan_index", "table_id"),
    ("gotgan_view_id", "gotgan_view", "view_id"),
    ("gotgan_sequence_id", "gotgan_sequence", "sequence_id"),
    ("gotgan_comment_object", "gotgan_comment", "object_id"),
    ("gotgan_option_object", "gotgan_option", "object_id"),
];
