//! Cuts tables that are kept shorter than the system's snapshots out of older ones.
//!
//! The begin of the table's own rows moves to its horizon, and to each held snapshot before
//! it; so older snapshots lack the table instead of showing a part of it.
//!
//! DuckDB reads the catalog once for each schema version, so two rules more (tried with
//! DuckDB 1.5.5): a snapshot that loses a table gets a schema version that no other has,
//! and the version that inlined rows were written under begins where the table is seen.
//!
//! Not guaranteed: that a table is cut at once. One whose inlined rows of an older shape are
//! still needed waits until a flush has moved them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::catalog::{Condition, Selection, Sql, Write, decode};
use crate::error::Error;
use crate::lake::Lake;
use crate::retention::need::Needs;
use crate::retention::rows::number;
use crate::retention::scope::{Scope, Whose, dead_inlined};
use crate::retention::step::{Pace, Points, Step};
use crate::spec::rows::{InlinedTableRow, SchemaVersionRow, SnapshotRow, TableRow};
use crate::spec::table::{Row, Value};

const POINTS: Points = ["expire/before-cut-commit", "expire/after-cut-commit"];

/// What the schema version of a snapshot grows by for each table that it loses. No lake
/// has as many versions, nor tables that the sum would be too large.
const LOST_TABLE: i64 = 1 << 40;

/// Cuts every table that is kept shorter. Returns from which snapshot on each is seen.
pub(super) async fn shorten(
    lake: &Lake,
    moment: DateTime<Utc>,
) -> Result<BTreeMap<i64, i64>, Error> {
    let mut step = Step::begin(lake).await?;
    let needs = Needs::load(lake, &mut *step.catalog).await?;
    step.give_up().await?;
    let short = short_tables(lake, &needs, moment);
    let mut floors = BTreeMap::new();
    let mut pace = Pace::new(lake.retention_options().step_time);
    for table in short {
        while let Some(cut) = cut_once(lake, table, moment, &mut pace).await? {
            floors.insert(table, cut.floor);
            if cut.is_done {
                break;
            }
        }
    }
    Ok(floors)
}

/// Tables that are kept shorter than snapshots that were superseded at a moment.
pub(super) fn short_tables(lake: &Lake, needs: &Needs, moment: DateTime<Utc>) -> Vec<i64> {
    let tables = needs.policy.tables.keys().copied();
    tables
        .filter(|table| {
            needs
                .moment_of(lake, *table)
                .is_some_and(|own| own > moment)
        })
        .collect()
}

/// How far a table is cut.
struct Cut {
    floor: i64,
    is_done: bool,
}

/// One turn; nothing if the table cannot be cut now, or needs not.
async fn cut_once(
    lake: &Lake,
    table: i64,
    moment: DateTime<Utc>,
    pace: &mut Pace,
) -> Result<Option<Cut>, Error> {
    let mut step = Step::begin(lake).await?;
    let needs = Needs::load(lake, &mut *step.catalog).await?;
    let own = needs.moment_of(lake, table).filter(|own| *own > moment);
    let Some(own) = own else {
        step.give_up().await?;
        return Ok(None);
    };
    let wanted = needs.newest_at(lake, own).await?;
    let wanted = wanted.min(needs.oldest_read);
    let rows = of_table::<TableRow>(&mut step, table).await?;
    let losing = losing(&mut step, &needs, table, wanted, pace.rows()).await?;
    // Only as far as the turn can change snapshots.
    let floor = match losing.last() {
        Some(last) if losing.len() == pace.rows() => last + 1,
        _ => wanted,
    };
    let cut = Cut {
        floor,
        is_done: floor == wanted,
    };
    if losing.is_empty() {
        step.give_up().await?;
        return Ok(Some(cut));
    }
    let earlier = needs.earlier(&mut *step.catalog, floor).await?;
    let scope = Scope {
        whose: Whose::Tables(vec![table]),
        floor,
        earlier,
    };
    let Some(mut writes) = move_shapes(&mut step, table, &scope, &rows).await? else {
        step.give_up().await?;
        return Ok(None);
    };
    let update = Sql::new("UPDATE ").name(SnapshotRow::TABLE.name);
    let update = update
        .text(" SET \"schema_version\" = \"schema_version\" + ")
        .integer(LOST_TABLE)
        .text(" WHERE \"snapshot_id\" IN ")
        .integers(&losing);
    step.catalog.execute(&update).await?;
    writes.extend(replace_rows(table, &rows, &scope));
    step.catalog.apply(&writes).await?;
    step.commit(POINTS, pace).await?;
    lake.forget_pictures();
    Ok(Some(cut))
}

async fn of_table<R: Row>(step: &mut Step<'_>, table: i64) -> Result<Vec<R>, Error> {
    let selection = Selection::of::<R>(vec![Condition::Equals("table_id", table)]);
    decode(step.catalog.select(&selection).await?)
}

/// The oldest snapshots before a floor that show the table and nobody holds.
async fn losing(
    step: &mut Step<'_>,
    needs: &Needs,
    table: i64,
    floor: i64,
    count_max: usize,
) -> Result<Vec<i64>, Error> {
    let select = Sql::new("SELECT s.\"snapshot_id\" FROM \"ducklake_snapshot\" s WHERE ");
    let select = select
        .text("s.\"snapshot_id\" < ")
        .integer(floor)
        .text(" AND s.\"snapshot_id\" NOT IN ")
        .integers(&needs.holds())
        .text(" AND EXISTS (SELECT 1 FROM \"ducklake_table\" t WHERE t.\"table_id\" = ")
        .integer(table)
        .text(
            " AND t.\"begin_snapshot\" <= s.\"snapshot_id\" \
             AND (t.\"end_snapshot\" IS NULL OR t.\"end_snapshot\" > s.\"snapshot_id\")) \
             ORDER BY 1 LIMIT ",
        )
        .integer(i64::try_from(count_max).unwrap_or(i64::MAX));
    let rows = step.catalog.query(&select).await?;
    Ok(rows.iter().map(|row| number(row.first())).collect())
}

/// Moves the begin of the shapes that inlined rows were written under; nothing if rows are
/// still needed of one that would be seen nowhere.
async fn move_shapes(
    step: &mut Step<'_>,
    table: i64,
    scope: &Scope,
    rows: &[TableRow],
) -> Result<Option<Vec<Write>>, Error> {
    let mut shapes = of_table::<SchemaVersionRow>(step, table).await?;
    shapes.sort_by_key(|shape| shape.begin_snapshot);
    let data_tables = of_table::<InlinedTableRow>(step, table).await?;
    let seen: Vec<(i64, i64)> = rows.iter().flat_map(|row| pieces(row, scope)).collect();
    let mut writes = Vec::new();
    for data_table in data_tables {
        let index = shapes
            .iter()
            .position(|shape| shape.schema_version == data_table.schema_version);
        let Some(index) = index else { continue };
        let begin = shapes[index].begin_snapshot;
        let end = shapes
            .get(index + 1)
            .map_or(i64::MAX, |next| next.begin_snapshot);
        let first = seen
            .iter()
            .map(|(from, until)| ((*from).max(begin), (*until).min(end)))
            .filter(|(from, until)| from < until)
            .map(|(from, _)| from)
            .min();
        match first {
            Some(first) if first == begin => {}
            Some(first) => writes.push(Write::Update {
                table: SchemaVersionRow::TABLE,
                set: vec![("begin_snapshot", Value::Integer(first))],
                conditions: vec![
                    Condition::Equals("table_id", table),
                    Condition::Equals("schema_version", data_table.schema_version),
                ],
            }),
            None if has_needed_rows(step, &data_table.table_name, scope).await? => {
                return Ok(None);
            }
            None => {}
        }
    }
    Ok(Some(writes))
}

/// Whether a data table holds a row that survives.
async fn has_needed_rows(
    step: &mut Step<'_>,
    data_table: &str,
    scope: &Scope,
) -> Result<bool, Error> {
    let mut select = Sql::new("SELECT 1 FROM ").name(data_table);
    select = select.text(" WHERE \"end_snapshot\" IS NULL OR NOT (1 = 0");
    for gap in scope.gaps() {
        select = select.text(" OR (").sql(&dead_inlined(gap)).text(")");
    }
    let rows = step.catalog.query(&select.text(") LIMIT 1")).await?;
    Ok(!rows.is_empty())
}

/// The rows of a table, each only where it survives.
fn replace_rows(table: i64, rows: &[TableRow], scope: &Scope) -> Vec<Write> {
    let mut new = Vec::new();
    for row in rows {
        let pieces = pieces(row, scope);
        let of_piece = |(begin, end): (i64, i64)| TableRow {
            begin_snapshot: begin,
            end_snapshot: (end < i64::MAX).then_some(end),
            ..row.clone()
        };
        match (pieces.is_empty(), row.end_snapshot) {
            // Its files are found by it until they are gone; no snapshot shows it.
            (true, Some(end)) => new.push(of_piece((end, end))),
            _ => new.extend(pieces.into_iter().map(of_piece)),
        }
    }
    vec![
        Write::Delete {
            table: TableRow::TABLE,
            conditions: vec![Condition::Equals("table_id", table)],
        },
        Write::insert(&new),
    ]
}

/// Where a row survives: from and until.
fn pieces(row: &TableRow, scope: &Scope) -> Vec<(i64, i64)> {
    let (begin, end) = (row.begin_snapshot, row.end_snapshot.unwrap_or(i64::MAX));
    let held = scope.earlier.iter().copied();
    let held = held.filter(|id| begin <= *id && *id < end.min(scope.floor));
    let mut pieces: Vec<(i64, i64)> = held.map(|id| (id, id + 1)).collect();
    if begin.max(scope.floor) < end {
        pieces.push((begin.max(scope.floor), end));
    }
    pieces
}
