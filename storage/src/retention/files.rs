//! Rows of files that show in no snapshot any more: they go, and their objects are scheduled.
//!
//! Tables may share an object. The trigger on the schedule passes over a path that another
//! row still names (see `catalog::sqlite::guard`); whoever removes the last row schedules it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::catalog::{Condition, Selection, Sql, Write, decode, inlined_delete_table};
use crate::error::{Error, ErrorKind};
use crate::lake::Lake;
use crate::retention::report::Tally;
use crate::retention::rows::{has_any, number, text};
use crate::retention::scope::{Gap, Scope};
use crate::retention::step::{Pace, Points, Step};
use crate::snapshot::Place;
use crate::spec::rows::{DataFileRow, DeleteFileRow, ScheduledFileRow, SchemaRow, TableRow};
use crate::spec::table::{Row, TableSpec, Values};

const POINTS: Points = ["expire/before-files-commit", "expire/after-files-commit"];

/// Tables with a row for each column or partition of a data file.
const PARTS_OF_FILES: [&str; 3] = [
    "ducklake_file_column_stats",
    "ducklake_file_variant_stats",
    "ducklake_file_partition_value",
];

/// A row that goes.
struct Dead {
    id: i64,
    table_id: i64,
    path: String,
    is_relative: bool,
    bytes: i64,
}

/// Deletes the dead rows of data files and delete files, and schedules their objects.
pub(super) async fn expire_files(
    lake: &Lake,
    scope: &Scope,
    tally: &mut Tally,
) -> Result<(), Error> {
    let mut pace = Pace::new(lake.retention_options().step_time);
    for table in [DeleteFileRow::TABLE, DataFileRow::TABLE] {
        for gap in scope.gaps() {
            expire_gap(lake, (scope, table, gap), &mut pace, tally).await?;
        }
    }
    Ok(())
}

async fn expire_gap(
    lake: &Lake,
    (scope, table, gap): (&Scope, &TableSpec, Gap),
    pace: &mut Pace,
    tally: &mut Tally,
) -> Result<(), Error> {
    let Some(dead) = scope.dead(table, gap) else {
        return Ok(());
    };
    let key = key_of(table);
    while has_any(lake.catalog(), table.name, &dead).await? {
        let mut step = Step::begin(lake).await?;
        let limit = i64::try_from(pace.rows()).unwrap_or(i64::MAX);
        let select = Sql::new("SELECT ").name(key);
        let select = select
            .text(", \"table_id\", \"path\", \"path_is_relative\", \"file_size_bytes\" FROM ")
            .name(table.name)
            .text(" WHERE ")
            .sql(&dead)
            .text(" LIMIT ")
            .integer(limit);
        let rows = step.catalog.query(&select).await?;
        let files: Vec<Dead> = rows.iter().map(dead_file).collect();
        if files.is_empty() {
            return step.give_up().await;
        }
        remove(lake, &mut step, table, &files).await?;
        let head = step.catalog.head().await?;
        let now = lake.clock().commit_time(head.now);
        let scheduled = schedule(lake, &mut step, &files, now).await?;
        step.commit(POINTS, pace).await?;
        tally.add(scheduled);
    }
    Ok(())
}

pub(super) fn key_of(table: &TableSpec) -> &'static str {
    match table.name == DataFileRow::TABLE.name {
        true => "data_file_id",
        false => "delete_file_id",
    }
}

fn dead_file(row: &Values) -> Dead {
    Dead {
        id: number(row.first()),
        table_id: number(row.get(1)),
        path: text(row.get(2)),
        is_relative: number(row.get(3)) != 0,
        bytes: number(row.get(4)),
    }
}

/// Deletes the rows, and those that say more about them.
async fn remove(
    lake: &Lake,
    step: &mut Step<'_>,
    table: &TableSpec,
    files: &[Dead],
) -> Result<(), Error> {
    let ids: Vec<i64> = files.iter().map(|file| file.id).collect();
    let mut deletes = Vec::new();
    if table.name == DataFileRow::TABLE.name {
        deletes.extend(PARTS_OF_FILES.map(|part| (part.to_owned(), "data_file_id")));
        let tables: BTreeSet<i64> = files.iter().map(|file| file.table_id).collect();
        for id in tables {
            let inlined = inlined_delete_table(id);
            if lake.catalog().has_table(&inlined).await? {
                deletes.push((inlined, "file_id"));
            }
        }
    }
    deletes.push((table.name.to_owned(), key_of(table)));
    for (name, key) in deletes {
        let delete = Sql::new("DELETE FROM ").name(&name).text(" WHERE ");
        let delete = delete.name(key).text(" IN ").integers(&ids);
        step.catalog.execute(&delete).await?;
    }
    Ok(())
}

/// Objects of a table that nothing names any more.
pub(super) struct Scheduled {
    pub(super) table_id: i64,
    pub(super) schema_name: String,
    pub(super) table_name: String,
    pub(super) bytes: i64,
}

/// Schedules the objects of rows that are gone, each once; returns those that no other row
/// names.
async fn schedule(
    lake: &Lake,
    step: &mut Step<'_>,
    files: &[Dead],
    now: DateTime<Utc>,
) -> Result<Vec<Scheduled>, Error> {
    let folders = Folders::load(step, files).await?;
    let mut by_path: BTreeMap<String, (&Dead, ScheduledFileRow)> = BTreeMap::new();
    for file in files {
        let Some((path, is_relative)) = folders.resolve(lake.place(), file)? else {
            tracing::warn!(
                table = file.table_id,
                "a file row without a table is gone: its object is left to the search for orphans"
            );
            continue;
        };
        let row = ScheduledFileRow {
            data_file_id: Some(file.id),
            path: path.clone(),
            path_is_relative: is_relative,
            schedule_start: now,
        };
        by_path.entry(path).or_insert((file, row));
    }
    let rows: Vec<ScheduledFileRow> = by_path.values().map(|(_, row)| row.clone()).collect();
    step.catalog.apply(&[Write::insert(&rows)]).await?;
    let ids: Vec<i64> = by_path.values().map(|(file, _)| file.id).collect();
    let select = Sql::new("SELECT \"data_file_id\" FROM ").name(ScheduledFileRow::TABLE.name);
    let select = select.text(" WHERE \"data_file_id\" IN ").integers(&ids);
    let found = step.catalog.query(&select).await?;
    let found: BTreeSet<i64> = found.iter().map(|row| number(row.first())).collect();
    let taken = by_path
        .values()
        .filter(|(file, _)| found.contains(&file.id));
    Ok(taken
        .map(|(file, _)| {
            let (schema_name, table_name) = folders.names(file.table_id);
            Scheduled {
                table_id: file.table_id,
                schema_name,
                table_name,
                bytes: file.bytes,
            }
        })
        .collect())
}

/// Where the files of tables are.
pub(super) struct Folders {
    tables: BTreeMap<i64, TableRow>,
    schemas: BTreeMap<i64, SchemaRow>,
}

impl Folders {
    /// Any row of a table will do: its files are where they are under all its names.
    async fn load(step: &mut Step<'_>, files: &[Dead]) -> Result<Self, Error> {
        let ids: BTreeSet<i64> = files.iter().map(|file| file.table_id).collect();
        let of_tables = vec![Condition::In("table_id", ids.into_iter().collect())];
        let rows = step
            .catalog
            .select(&Selection::of::<TableRow>(of_tables))
            .await?;
        let tables: Vec<TableRow> = decode(rows)?;
        let ids: BTreeSet<i64> = tables.iter().map(|table| table.schema_id).collect();
        let of_schemas = vec![Condition::In("schema_id", ids.into_iter().collect())];
        let rows = step
            .catalog
            .select(&Selection::of::<SchemaRow>(of_schemas))
            .await?;
        let schemas: Vec<SchemaRow> = decode(rows)?;
        Ok(Self {
            tables: tables.into_iter().map(|row| (row.table_id, row)).collect(),
            schemas: schemas
                .into_iter()
                .map(|row| (row.schema_id, row))
                .collect(),
        })
    }

    fn names(&self, table_id: i64) -> (String, String) {
        let Some(table) = self.tables.get(&table_id) else {
            return (String::new(), String::new());
        };
        let schema = self.schemas.get(&table.schema_id);
        let schema_name = schema.map_or(String::new(), |schema| schema.schema_name.clone());
        (schema_name, table.table_name.clone())
    }

    /// The path for the schedule, and whether it is relative to the data path.
    fn resolve(&self, place: &Place, file: &Dead) -> Result<Option<(String, bool)>, Error> {
        let table = self.tables.get(&file.table_id);
        let schema = table.and_then(|table| self.schemas.get(&table.schema_id));
        let (Some(table), Some(schema)) = (table, schema) else {
            return Ok(None);
        };
        let found = place.file_below(
            (&schema.path, schema.path_is_relative),
            (&table.path, table.path_is_relative),
            (&file.path, file.is_relative),
        );
        match found {
            Ok(location) => Ok(Some((location.as_ref().to_owned(), true))),
            // Another program's file outside the lake: it is not ours to delete.
            Err(error) if error.kind == ErrorKind::Unsupported => Ok(None),
            Err(error) => Err(error),
        }
    }
}
