//! Deletes rows of the catalog that show in no snapshot any more, a few at a time.

use crate::catalog::{CatalogStore, Sql};
use crate::error::Error;
use crate::lake::Lake;
use crate::retention::scope::{Scope, dead_inlined};
use crate::retention::step::{Pace, Points, Step};
use crate::spec::rows::{
    DataFileRow, DeleteFileRow, FORMAT_TABLES, InlinedTableRow, SchemaRow, TableRow,
};
use crate::spec::side::SIDE_TABLES;
use crate::spec::table::{Row, TableSpec, Value};

const POINTS: Points = ["expire/before-rows-commit", "expire/after-rows-commit"];

/// Deletes the dead rows of everything but files, tables and schemas; of those later, since
/// paths are made of all three.
pub(super) async fn expire_rows(lake: &Lake, scope: &Scope) -> Result<(), Error> {
    let later = [
        DataFileRow::TABLE.name,
        DeleteFileRow::TABLE.name,
        TableRow::TABLE.name,
        SchemaRow::TABLE.name,
    ];
    let versioned = FORMAT_TABLES.iter().chain(&SIDE_TABLES);
    let versioned = versioned.filter(|table| table.is_versioned());
    for table in versioned.filter(|table| !later.contains(&table.name)) {
        expire_rows_of(lake, scope, table).await?;
    }
    Ok(())
}

/// Deletes the dead rows of one versioned table of the catalog.
pub(super) async fn expire_rows_of(
    lake: &Lake,
    scope: &Scope,
    table: &TableSpec,
) -> Result<(), Error> {
    let mut pace = Pace::new(lake.retention_options().step_time);
    for gap in scope.gaps() {
        if let Some(dead) = scope.dead(table, gap) {
            delete_all(lake, table.name, &dead, &mut pace).await?;
        }
    }
    Ok(())
}

/// Deletes the dead inlined rows of the tables of a scope.
pub(super) async fn expire_inlined(
    lake: &Lake,
    scope: &Scope,
    data_tables: &[InlinedTableRow],
) -> Result<(), Error> {
    let mut pace = Pace::new(lake.retention_options().step_time);
    for data_table in data_tables.iter().filter(|row| scope.has(row.table_id)) {
        for gap in scope.gaps() {
            delete_all(lake, &data_table.table_name, &dead_inlined(gap), &mut pace).await?;
        }
    }
    Ok(())
}

/// Deletes the rows of a table that meet a condition, in as many turns as it takes.
pub(super) async fn delete_all(
    lake: &Lake,
    table: &str,
    condition: &Sql,
    pace: &mut Pace,
) -> Result<(), Error> {
    while has_any(lake.catalog(), table, condition).await? {
        let mut step = Step::begin(lake).await?;
        let delete = Sql::delete_some(table, condition, pace.rows());
        let count = step.catalog.execute(&delete).await?;
        step.commit(POINTS, pace).await?;
        if count == 0 {
            break;
        }
    }
    Ok(())
}

/// Whether any row of a table meets a condition.
pub(super) async fn has_any(
    catalog: &dyn CatalogStore,
    table: &str,
    condition: &Sql,
) -> Result<bool, Error> {
    let sql = Sql::new("SELECT 1 FROM ").name(table);
    let sql = sql.text(" WHERE ").sql(condition).text(" LIMIT 1");
    Ok(!catalog.query(&sql).await?.is_empty())
}

/// A number of an answer; what is none counts as nothing.
pub(super) fn number(value: Option<&Value>) -> i64 {
    match value {
        Some(Value::Integer(number)) => *number,
        Some(Value::Flag(flag)) => i64::from(*flag),
        _ => 0,
    }
}

/// A text of an answer.
pub(super) fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    }
}
