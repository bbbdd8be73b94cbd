//! Removes what is left of tables and other objects that no snapshot shows any more.

use crate::catalog::{Sql, inlined_delete_table};
use crate::error::Error;
use crate::lake::Lake;
use crate::retention::rows::{delete_all, has_any, number, text};
use crate::retention::step::{Pace, Points, Step};
use crate::spec::rows::{InlinedTableRow, SchemaVersionRow};
use crate::spec::table::{Row, Values};

const POINTS: Points = ["expire/before-tables-commit", "expire/after-tables-commit"];

/// Tables that are removed in one go.
const TABLE_COUNT_MAX: i64 = 100;

/// Rows without begin and end that belong to a table.
const PARTS_OF_TABLES: [&str; 8] = [
    "ducklake_column",
    "ducklake_table_column_stats",
    "ducklake_table_stats",
    "ducklake_partition_column",
    "ducklake_sort_expression",
    "ducklake_column_mapping",
    "gotgan_table_stats",
    "gotgan_kept_table",
];

/// Rows that belong to a row of another table by a key: table, key, owner.
const PARTS_OF_ROWS: [(&str, &str, &str); 6] = [
    (
        "ducklake_partition_column",
        "partition_id",
        "ducklake_partition_info",
    ),
    ("ducklake_sort_expression", "sort_id", "ducklake_sort_info"),
    (
        "ducklake_name_mapping",
        "mapping_id",
        "ducklake_column_mapping",
    ),
    ("ducklake_macro_impl", "macro_id", "ducklake_macro"),
    ("ducklake_macro_parameters", "macro_id", "ducklake_macro"),
    ("gotgan_sequence_state", "sequence_id", "gotgan_sequence"),
];

/// Removes what belongs to tables of which no row is left, and parts without their whole.
pub(super) async fn expire_tables(lake: &Lake) -> Result<(), Error> {
    drop_data_tables(lake).await?;
    let mut pace = Pace::new(lake.retention_options().step_time);
    loop {
        let gone = gone_tables(lake).await?;
        if gone.is_empty() {
            break;
        }
        for id in &gone {
            drop_if_there(lake, &inlined_delete_table(*id), &mut pace).await?;
        }
        let of_gone = Sql::new("\"table_id\" IN ").integers(&gone);
        for part in PARTS_OF_TABLES {
            delete_all(lake, part, &of_gone, &mut pace).await?;
        }
        let of_scope = Sql::new("\"scope\" = 'table' AND \"scope_id\" IN ").integers(&gone);
        delete_all(lake, "ducklake_metadata", &of_scope, &mut pace).await?;
        // Last, since a table is found to be gone by these rows.
        delete_all(lake, SchemaVersionRow::TABLE.name, &of_gone, &mut pace).await?;
    }
    for (table, key, owner) in PARTS_OF_ROWS {
        let orphaned = Sql::new("NOT EXISTS (SELECT 1 FROM ").name(owner);
        let orphaned = orphaned.text(" o WHERE o.").name(key);
        let orphaned = orphaned
            .text(" = ")
            .name(table)
            .text(".")
            .name(key)
            .text(")");
        delete_all(lake, table, &orphaned, &mut pace).await?;
    }
    let schemaless = Sql::new(
        "\"scope\" = 'schema' AND NOT EXISTS (SELECT 1 FROM \"ducklake_schema\" s \
         WHERE s.\"schema_id\" = \"ducklake_metadata\".\"scope_id\")",
    );
    delete_all(lake, "ducklake_metadata", &schemaless, &mut pace).await?;
    expire_schema_versions(lake, &mut pace).await
}

/// Tables that the catalog knows only by their schema versions.
async fn gone_tables(lake: &Lake) -> Result<Vec<i64>, Error> {
    let sql = Sql::new(
        "SELECT DISTINCT v.\"table_id\" FROM \"ducklake_schema_versions\" v \
         WHERE NOT EXISTS (SELECT 1 FROM \"ducklake_table\" t WHERE t.\"table_id\" = v.\"table_id\") \
         AND NOT EXISTS (SELECT 1 FROM \"ducklake_data_file\" f WHERE f.\"table_id\" = v.\"table_id\") \
         AND NOT EXISTS (SELECT 1 FROM \"ducklake_delete_file\" f WHERE f.\"table_id\" = v.\"table_id\") \
         LIMIT ",
    );
    let rows = lake.catalog().query(&sql.integer(TABLE_COUNT_MAX)).await?;
    Ok(rows.iter().map(|row| number(row.first())).collect())
}

/// A table of inlined rows.
struct DataTable {
    name: String,
    /// Whether any snapshot shows the table that it belongs to.
    is_shown: bool,
    /// Whether rows may still be added.
    is_current: bool,
}

/// Drops tables of inlined rows whose table is gone, and empty ones that are not written to
/// any more: those of an older shape, and those of a table that was dropped.
///
/// A reader that has just learned of one takes it for empty when it is gone.
async fn drop_data_tables(lake: &Lake) -> Result<(), Error> {
    let mut pace = Pace::new(lake.retention_options().step_time);
    for data_table in data_tables(lake).await? {
        let anything = Sql::new("\"row_id\" IS NOT NULL");
        let is_needed = data_table.is_current
            || data_table.is_shown && has_any(lake.catalog(), &data_table.name, &anything).await?;
        if is_needed {
            continue;
        }
        let mut step = Step::begin(lake).await?;
        let delete = Sql::new("DELETE FROM ").name(InlinedTableRow::TABLE.name);
        let delete = delete
            .text(" WHERE \"table_name\" = ")
            .literal(&data_table.name);
        step.catalog.execute(&delete).await?;
        let drop = Sql::new("DROP TABLE ").name(&data_table.name);
        step.catalog.execute(&drop).await?;
        step.commit(POINTS, &mut pace).await?;
    }
    Ok(())
}

async fn data_tables(lake: &Lake) -> Result<Vec<DataTable>, Error> {
    let sql = Sql::new(
        "SELECT d.\"table_name\", \
         EXISTS (SELECT 1 FROM \"ducklake_table\" t WHERE t.\"table_id\" = d.\"table_id\"), \
         EXISTS (SELECT 1 FROM \"ducklake_table\" t WHERE t.\"table_id\" = d.\"table_id\" \
         AND t.\"end_snapshot\" IS NULL) \
         AND NOT EXISTS (SELECT 1 FROM \"ducklake_schema_versions\" v \
         WHERE v.\"table_id\" = d.\"table_id\" AND v.\"schema_version\" > d.\"schema_version\") \
         FROM \"ducklake_inlined_data_tables\" d",
    );
    let rows = lake.catalog().query(&sql).await?;
    let data_table = |row: &Values| DataTable {
        name: text(row.first()),
        is_shown: number(row.get(1)) != 0,
        is_current: number(row.get(2)) != 0,
    };
    Ok(rows.iter().map(data_table).collect())
}

async fn drop_if_there(lake: &Lake, name: &str, pace: &mut Pace) -> Result<(), Error> {
    if !lake.catalog().has_table(name).await? {
        return Ok(());
    }
    let mut step = Step::begin(lake).await?;
    step.catalog
        .execute(&Sql::new("DROP TABLE ").name(name))
        .await?;
    step.commit(POINTS, pace).await
}

/// Forgets shapes of tables that no file and no inlined row has any more.
///
/// One stays that began before every file of its table: DuckDB looks for it.
async fn expire_schema_versions(lake: &Lake, pace: &mut Pace) -> Result<(), Error> {
    let unused = Sql::new(
        "\"begin_snapshot\" < (SELECT max(n.\"begin_snapshot\") FROM \"ducklake_schema_versions\" n \
         WHERE n.\"table_id\" = \"ducklake_schema_versions\".\"table_id\" \
         AND n.\"begin_snapshot\" <= (SELECT min(s.\"snapshot_id\") FROM \"ducklake_snapshot\" s) \
         AND NOT EXISTS (SELECT 1 FROM \"ducklake_data_file\" f \
         WHERE f.\"table_id\" = n.\"table_id\" AND f.\"begin_snapshot\" < n.\"begin_snapshot\")) \
         AND NOT EXISTS (SELECT 1 FROM \"ducklake_inlined_data_tables\" d \
         WHERE d.\"table_id\" = \"ducklake_schema_versions\".\"table_id\" \
         AND d.\"schema_version\" = \"ducklake_schema_versions\".\"schema_version\") \
         AND NOT EXISTS (SELECT 1 FROM \"gotgan_kept_table\" k \
         WHERE k.\"table_id\" = \"ducklake_schema_versions\".\"table_id\")",
    );
    delete_all(lake, SchemaVersionRow::TABLE.name, &unused, pace).await
}
