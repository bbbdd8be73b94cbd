//! What an expiry would remove, without removing it.

use std::collections::BTreeMap;

use crate::catalog::{Selection, Sql, decode};
use crate::error::Error;
use crate::lake::Lake;
use crate::retention::need::Needs;
use crate::retention::report::{ExpireReport, ExpiredTable};
use crate::retention::rows::{number, text};
use crate::retention::scope::{Scope, dead_file, of_floors};
use crate::retention::shorten::short_tables;
use crate::retention::snapshots::{Horizon, long_tables};
use crate::retention::step::Step;
use crate::spec::TableId;
use crate::spec::side::KeptTableRow;

/// Counts what would go, as things are now.
///
/// An object that several tables name counts for the one with the least id.
pub(super) async fn preview(lake: &Lake, horizon: Horizon) -> Result<ExpireReport, Error> {
    let mut step = Step::begin(lake).await?;
    let needs = Needs::load(lake, &mut *step.catalog).await?;
    let before = horizon.snapshot.min(needs.oldest_read);
    let sql = Sql::new("SELECT count(*) FROM \"ducklake_snapshot\" WHERE \"snapshot_id\" < ");
    let sql = sql.integer(before).text(" AND \"snapshot_id\" NOT IN ");
    let counted = step.catalog.query(&sql.integers(&needs.holds())).await?;
    let snapshots = counted.first().map_or(0, |row| number(row.first()));
    let floor = needs.floor(&mut *step.catalog, before).await?;
    let earlier = needs.earlier(&mut *step.catalog, floor).await?;
    let own = own_floors(lake, &mut step, &needs, horizon).await?;
    let mut scopes = of_floors(&own, floor, &earlier);
    for scope in &mut scopes {
        if scope.floor > floor {
            scope.earlier = needs.earlier(&mut *step.catalog, scope.floor).await?;
        }
    }
    // What follows only reads, and may take longer than commits should wait.
    step.give_up().await?;
    let mut tables: BTreeMap<i64, ExpiredTable> = BTreeMap::new();
    for table in ["ducklake_data_file", "ducklake_delete_file"] {
        for row in lake.catalog().query(&count_dead(table, &scopes)).await? {
            let id = number(row.first());
            let empty = || ExpiredTable {
                id: TableId(id),
                schema: text(row.get(3)),
                name: text(row.get(4)),
                files: 0,
                bytes: 0,
            };
            let counted = tables.entry(id).or_insert_with(empty);
            counted.files += u64::try_from(number(row.get(1))).unwrap_or(0);
            counted.bytes += u64::try_from(number(row.get(2))).unwrap_or(0);
        }
    }
    Ok(ExpireReport::of(
        u64::try_from(snapshots).unwrap_or(0),
        tables.into_values().collect(),
    ))
}

/// From which snapshot on tables survive that are kept longer or shorter than the others.
async fn own_floors(
    lake: &Lake,
    step: &mut Step<'_>,
    needs: &Needs,
    horizon: Horizon,
) -> Result<BTreeMap<i64, i64>, Error> {
    let rows = step
        .catalog
        .select(&Selection::of::<KeptTableRow>(Vec::new()))
        .await?;
    let kept: BTreeMap<i64, i64> = decode::<KeptTableRow>(rows)?
        .into_iter()
        .map(|row| (row.table_id, row.from_snapshot))
        .collect();
    let first = needs.floor(&mut *step.catalog, 0).await?;
    let long = long_tables(lake, needs, horizon.moment).into_iter();
    let short = short_tables(lake, needs, horizon.moment).into_iter();
    let mut floors = BTreeMap::new();
    for table in long.chain(short).chain(kept.keys().copied()) {
        let Some(own) = needs.moment_of(lake, table) else {
            continue;
        };
        let newest = needs.newest_at(lake, own).await?;
        let from = kept.get(&table).copied().unwrap_or(first);
        floors.insert(table, newest.min(needs.oldest_read).max(from));
    }
    Ok(floors)
}

/// Objects of one kind of file that only dead rows name: table, count, bytes and names.
fn count_dead(table: &str, scopes: &[Scope]) -> Sql {
    let own = Sql::new("SELECT min(f.\"table_id\") AS t, min(f.\"file_size_bytes\") AS b FROM ");
    let own = own
        .name(table)
        .text(" f WHERE f.\"end_snapshot\" IS NOT NULL AND ");
    let own = own.sql(&dead_file("f", scopes));
    let own = own
        .text(" AND NOT EXISTS (SELECT 1 FROM ")
        .name(table)
        .text(" o WHERE ");
    let own = own
        .file_name("o.\"path\"")
        .text(" = ")
        .file_name("f.\"path\"");
    let own = own.text(" AND (o.\"end_snapshot\" IS NULL OR NOT ");
    let own = own.sql(&dead_file("o", scopes)).text(")) GROUP BY ");
    let own = own.file_name("f.\"path\"");
    let name = |wanted: &str, from: &str| {
        let sql = Sql::new(", (SELECT max(")
            .text(wanted)
            .text(") FROM \"ducklake_table\" n");
        sql.text(from).text(" WHERE n.\"table_id\" = d.t)")
    };
    let schema = " JOIN \"ducklake_schema\" c ON c.\"schema_id\" = n.\"schema_id\"";
    Sql::new("SELECT d.t, count(*), CAST(sum(d.b) AS BIGINT)")
        .sql(&name("c.\"schema_name\"", schema))
        .sql(&name("n.\"table_name\"", ""))
        .text(" FROM (")
        .sql(&own)
        .text(") d GROUP BY d.t")
}
