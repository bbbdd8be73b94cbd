//! The catalog tables of DuckLake 1.0, column for column.
//!
//! DuckDB inserts by position: never add, drop or reorder a column here.

use chrono::{DateTime, Utc};

use crate::spec::table::{ColumnSpec, Kind, Promise, Row, TableSpec, rows};

rows! {
    /// A setting of the lake; global when `scope` is NULL.
    MetadataRow in "ducklake_metadata" {
        key: String = Text NotNull,
        value: String = Text NotNull,
        scope: Option<String> = Text Nothing,
        scope_id: Option<i64> = Integer Nothing,
    }
    /// One commit.
    SnapshotRow in "ducklake_snapshot" {
        snapshot_id: i64 = Integer Key,
        snapshot_time: DateTime<Utc> = Time Nothing,
        schema_version: i64 = Integer Nothing,
        next_catalog_id: i64 = Integer Nothing,
        next_file_id: i64 = Integer Nothing,
    }
    /// What a commit changed, and who made it.
    ChangesRow in "ducklake_snapshot_changes" {
        snapshot_id: i64 = Integer Key,
        changes_made: Option<String> = Text Nothing,
        author: Option<String> = Text Nothing,
        commit_message: Option<String> = Text Nothing,
        commit_extra_info: Option<String> = Text Nothing,
    }
    /// A schema. Its id is a primary key, so it cannot be versioned.
    SchemaRow in "ducklake_schema" {
        schema_id: i64 = Integer Key,
        schema_uuid: Option<String> = Uuid Nothing,
        begin_snapshot: i64 = Integer Nothing,
        end_snapshot: Option<i64> = Integer Nothing,
        schema_name: String = Text Nothing,
        path: String = Text Nothing,
        path_is_relative: bool = Flag Nothing,
    }
    /// A table under one name.
    TableRow in "ducklake_table" {
        table_id: i64 = Integer Nothing,
        table_uuid: Option<String> = Uuid Nothing,
        begin_snapshot: i64 = Integer Nothing,
        end_snapshot: Option<i64> = Integer Nothing,
        schema_id: i64 = Integer Nothing,
        table_name: String = Text Nothing,
        path: String = Text Nothing,
        path_is_relative: bool = Flag Nothing,
    }
    /// A view in a dialect that others may read.
    ViewRow in "ducklake_view" {
        view_id: i64 = Integer Nothing,
        view_uuid: Option<String> = Uuid Nothing,
        begin_snapshot: i64 = Integer Nothing,
        end_snapshot: Option<i64> = Integer Nothing,
        schema_id: i64 = Integer Nothing,
        view_name: String = Text Nothing,
        dialect: String = Text Nothing,
        sql: String = Text Nothing,
        column_aliases: Option<String> = Text Nothing,
    }
    /// A comment (`key` is `comment`) on a table or view.
    TagRow in "ducklake_tag" {
        object_id: i64 = Integer Nothing,
        begin_snapshot: i64 = Integer Nothing,
        end_snapshot: Option<i64> = Integer Nothing,
        key: String = Text Nothing,
        value: Option<String> = Text Nothing,
    }
    /// A comment on a column.
    ColumnTagRow in "ducklake_column_tag" {
        table_id: i64 = Integer Nothing,
        column_id: i64 = Integer Nothing,
        begin_snapshot: i64 = Integer Nothing,
        end_snapshot: Option<i64> = Integer Nothing,
        key: String = Text Nothing,
        value: Option<String> = Text Nothing,
    }
    /// A Parquet file of a table. `footer_size` is without the 8 trailing bytes.
    DataFileRow in "ducklake_data_file" {
        data_file_id: i64 = Integer Key,
        table_id: i64 = Integer Nothing,
        begin_snapshot: i64 = Integer Nothing,
        end_snapshot: Option<i64> = Integer Nothing,
        file_order: Option<i64> = Integer Nothing,
        path: String = Text Nothing,
        path_is_relative: bool = Flag Nothing,
        file_format: Option<String> = Text Nothing,
        record_count: i64 = Integer Nothing,
        file_size_bytes: i64 = Integer Nothing,
        footer_size: Option<i64> = Integer Nothing,
        row_id_start: Option<i64> = Integer Nothing,
        partition_id: Option<i64> = Integer Nothing,
        encryption_key: Option<String> = Text Nothing,
        mapping_id: Option<i64> = Integer Nothing,
        partial_max: Option<i64> = Integer Nothing,
    }
    /// Statistics of one column in one file, as text.
    FileColumnStatsRow in "ducklake_file_column_stats" {
        data_file_id: i64 = Integer Nothing,
        table_id: i64 = Integer Nothing,
        column_id: i64 = Integer Nothing,
        column_size_bytes: Option<i64> = Integer Nothing,
        value_count: Option<i64> = Integer Nothing,
        null_count: Option<i64> = Integer Nothing,
        min_value: Option<String> = Text Nothing,
        max_value: Option<String> = Text Nothing,
        contains_nan: Option<bool> = Flag Nothing,
        extra_stats: Option<String> = Text Nothing,
    }
    /// The deleted positions of one data file.
    DeleteFileRow in "ducklake_delete_file" {
        delete_file_id: i64 = Integer Key,
        table_id: i64 = Integer Nothing,
        begin_snapshot: i64 = Integer Nothing,
        end_snapshot: Option<i64> = Integer Nothing,
        data_file_id: i64 = Integer Nothing,
        path: String = Text Nothing,
        path_is_relative: bool = Flag Nothing,
        format: Option<String> = Text Nothing,
        delete_count: i64 = Integer Nothing,
        file_size_bytes: i64 = Integer Nothing,
        footer_size: Option<i64> = Integer Nothing,
        encryption_key: Option<String> = Text Nothing,
        partial_max: Option<i64> = Integer Nothing,
    }
    /// A column or nested field of a table. Absent defaults are the text `NULL`.
    ColumnRow in "ducklake_column" {
        column_id: i64 = Integer Nothing,
        begin_snapshot: i64 = Integer Nothing,
        end_snapshot: Option<i64> = Integer Nothing,
        table_id: i64 = Integer Nothing,
        column_order: i64 = Integer Nothing,
        column_name: String = Text Nothing,
        column_type: String = Text Nothing,
        initial_default: Option<String> = Text Nothing,
        default_value: Option<String> = Text Nothing,
        nulls_allowed: Option<bool> = Flag Nothing,
        parent_column: Option<i64> = Integer Nothing,
        default_value_type: Option<String> = Text Nothing,
        default_value_dialect: Option<String> = Text Nothing,
    }
    /// Counters of a table; one row, changed in place.
    TableStatsRow in "ducklake_table_stats" {
        table_id: i64 = Integer Nothing,
        record_count: i64 = Integer Nothing,
        next_row_id: i64 = Integer Nothing,
        file_size_bytes: i64 = Integer Nothing,
    }
    /// Outer bounds of a column over all files; only ever widened.
    TableColumnStatsRow in "ducklake_table_column_stats" {
        table_id: i64 = Integer Nothing,
        column_id: i64 = Integer Nothing,
        contains_null: Option<bool> = Flag Nothing,
        contains_nan: Option<bool> = Flag Nothing,
        min_value: Option<String> = Text Nothing,
        max_value: Option<String> = Text Nothing,
        extra_stats: Option<String> = Text Nothing,
    }
    /// A partition specification.
    PartitionInfoRow in "ducklake_partition_info" {
        partition_id: i64 = Integer Nothing,
        table_id: i64 = Integer Nothing,
        begin_snapshot: i64 = Integer Nothing,
        end_snapshot: Option<i64> = Integer Nothing,
    }
    /// The tables that hold inlined rows.
    InlinedTableRow in "ducklake_inlined_data_tables" {
        table_id: i64 = Integer Nothing,
        table_name: String = Text Nothing,
        schema_version: i64 = Integer Nothing,
    }
    /// How columns of a foreign file are matched by name.
    NameMappingRow in "ducklake_name_mapping" {
        mapping_id: i64 = Integer Nothing,
        column_id: i64 = Integer Nothing,
        source_name: Option<String> = Text Nothing,
        target_field_id: Option<i64> = Integer Nothing,
        parent_column: Option<i64> = Integer Nothing,
        is_partition: Option<bool> = Flag Nothing,
    }
    /// One row for each change of a table's columns or name.
    SchemaVersionRow in "ducklake_schema_versions" {
        begin_snapshot: i64 = Integer Nothing,
        schema_version: i64 = Integer Nothing,
        table_id: i64 = Integer Nothing,
    }
    /// A sort specification.
    SortInfoRow in "ducklake_sort_info" {
        sort_id: i64 = Integer Nothing,
        table_id: i64 = Integer Nothing,
        begin_snapshot: i64 = Integer Nothing,
        end_snapshot: Option<i64> = Integer Nothing,
    }
    /// A part of a sort specification, the first with index 0.
    SortExpressionRow in "ducklake_sort_expression" {
        sort_id: i64 = Integer Nothing,
        table_id: i64 = Integer Nothing,
        sort_key_index: i64 = Integer Nothing,
        expression: String = Text Nothing,
        dialect: Option<String> = Text Nothing,
        sort_direction: Option<String> = Text Nothing,
        null_order: Option<String> = Text Nothing,
    }
    /// An object that nothing needs any more, to be deleted after its grace time.
    ScheduledFileRow in "ducklake_files_scheduled_for_deletion" {
        data_file_id: Option<i64> = Integer Nothing,
        path: String = Text Nothing,
        path_is_relative: bool = Flag Nothing,
        schedule_start: DateTime<Utc> = Time Nothing,
    }
}

/// Describes a table of which we read and write no rows.
macro_rules! unread {
    ($table:literal { $($name:literal $kind:ident,)* }) => {
        TableSpec {
            name: $table,
            columns: &[$(ColumnSpec {
                name: $name,
                kind: Kind::$kind,
                promise: Promise::Nothing,
            },)*],
        }
    };
}

pub(crate) static VARIANT_STATS: TableSpec = unread!("ducklake_file_variant_stats" {
    "data_file_id" Integer, "table_id" Integer, "column_id" Integer, "variant_path" Text,
    "shredded_type" Text, "column_size_bytes" Integer, "value_count" Integer,
    "null_count" Integer, "min_value" Text, "max_value" Text, "contains_nan" Flag,
    "extra_stats" Text,
});
pub(crate) static PARTITION_COLUMN: TableSpec = unread!("ducklake_partition_column" {
    "partition_id" Integer, "table_id" Integer, "partition_key_index" Integer,
    "column_id" Integer, "transform" Text,
});
pub(crate) static FILE_PARTITION_VALUE: TableSpec = unread!("ducklake_file_partition_value" {
    "data_file_id" Integer, "table_id" Integer, "partition_key_index" Integer,
    "partition_value" Text,
});
pub(crate) static COLUMN_MAPPING: TableSpec = unread!("ducklake_column_mapping" {
    "mapping_id" Integer, "table_id" Integer, "type" Text,
});
static MACRO: TableSpec = unread!("ducklake_macro" {
    "schema_id" Integer, "macro_id" Integer, "macro_name" Text, "begin_snapshot" Integer,
    "end_snapshot" Integer,
});
static MACRO_IMPL: TableSpec = unread!("ducklake_macro_impl" {
    "macro_id" Integer, "impl_id" Integer, "dialect" Text, "sql" Text, "type" Text,
});
static MACRO_PARAMETERS: TableSpec = unread!("ducklake_macro_parameters" {
    "macro_id" Integer, "impl_id" Integer, "column_id" Integer, "parameter_name" Text,
    "parameter_type" Text, "default_value" Text, "default_value_type" Text,
});

/// Every table of the format, in the order in which DuckDB makes them.
pub(crate) static FORMAT_TABLES: [&TableSpec; 28] = [
    MetadataRow::TABLE,
    SnapshotRow::TABLE,
    ChangesRow::TABLE,
    SchemaRow::TABLE,
    TableRow::TABLE,
    ViewRow::TABLE,
    TagRow::TABLE,
    ColumnTagRow::TABLE,
    DataFileRow::TABLE,
    FileColumnStatsRow::TABLE,
    &VARIANT_STATS,
    DeleteFileRow::TABLE,
    ColumnRow::TABLE,
    TableStatsRow::TABLE,
    TableColumnStatsRow::TABLE,
    PartitionInfoRow::TABLE,
    &PARTITION_COLUMN,
    &FILE_PARTITION_VALUE,
    ScheduledFileRow::TABLE,
    InlinedTableRow::TABLE,
    &COLUMN_MAPPING,
    NameMappingRow::TABLE,
    SchemaVersionRow::TABLE,
    &MACRO,
    &MACRO_IMPL,
    &MACRO_PARAMETERS,
    SortInfoRow::TABLE,
    SortExpressionRow::TABLE,
];

/// Indexes that DuckDB does not make and that long histories need: name, table, columns.
pub(crate) static FORMAT_INDEXES: [(&str, &str, &str); 15] = [
    (
        "gotgan_data_file_table",
        "ducklake_data_file",
        "table_id, begin_snapshot",
    ),
    ("gotgan_data_file_path", "ducklake_data_file", "path"),
    (
        "gotgan_delete_file_table",
        "ducklake_delete_file",
        "table_id, begin_snapshot",
    ),
    (
        "gotgan_delete_file_data_file",
        "ducklake_delete_file",
        "data_file_id",
    ),
    ("gotgan_delete_file_path", "ducklake_delete_file", "path"),
    (
        "gotgan_stats_column",
        "ducklake_file_column_stats",
        "table_id, column_id",
    ),
    (
        "gotgan_stats_file",
        "ducklake_file_column_stats",
        "data_file_id",
    ),
    (
        "gotgan_partition_value_file",
        "ducklake_file_partition_value",
        "data_file_id",
    ),
    ("gotgan_column_table", "ducklake_column", "table_id"),
    ("gotgan_table_schema", "ducklake_table", "schema_id"),
    ("gotgan_table_id", "ducklake_table", "table_id"),
    (
        "gotgan_schema_versions_table",
        "ducklake_schema_versions",
        "table_id",
    ),
    (
        "gotgan_schedule_path",
        "ducklake_files_scheduled_for_deletion",
        "path",
    ),
    (
        "gotgan_table_stats_table",
        "ducklake_table_stats",
        "table_id",
    ),
    (
        "gotgan_table_column_stats_table",
        "ducklake_table_column_stats",
        "table_id, column_id",
    ),
];
