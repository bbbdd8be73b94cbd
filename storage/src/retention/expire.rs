//! A run of expiry, from the snapshots to what is left of tables.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::catalog::{Selection, decode};
use crate::error::Error;
use crate::lake::Lake;
use crate::retention::files::expire_files;
use crate::retention::kept::{expire_archive, move_on};
use crate::retention::need::Needs;
use crate::retention::report::{ExpireReport, Tally};
use crate::retention::rows::{expire_inlined, expire_rows, expire_rows_of};
use crate::retention::scope::{Scope, of_floors};
use crate::retention::shorten::shorten;
use crate::retention::snapshots::{Horizon, expire_snapshots};
use crate::retention::step::Step;
use crate::retention::tables::expire_tables;
use crate::spec::rows::{InlinedTableRow, SchemaRow, TableRow};
use crate::spec::side::KeptTableRow;
use crate::spec::table::Row;

/// What shall expire.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExpireOptions {
    /// Snapshots that were superseded before this moment; without it, those that are older
    /// than the system's retention. Tables with a retention of their own keep it.
    pub older_than: Option<DateTime<Utc>>,
    /// Whether only to tell what would go.
    pub is_dry_run: bool,
}

impl Lake {
    /// Expires old snapshots and schedules the objects that only they named.
    ///
    /// Never the head, one that is held, pinned or leased, nor one that was superseded
    /// less than `expire_age_min` ago. Runs in short turns under the commit lock; the lake
    /// is right wherever it stops. Cost: by what expires, not by what stays.
    /// Errors: `ReadOnly` on a replica; `Unavailable` if nobody can tell what other nodes
    /// read.
    pub async fn expire(&self, options: &ExpireOptions) -> Result<ExpireReport, Error> {
        self.check_primary()?;
        let horizon = horizon(self, options).await?;
        if options.is_dry_run {
            return crate::retention::preview::preview(self, horizon).await;
        }
        let mut tally = Tally {
            snapshots: expire_snapshots(self, horizon).await?,
            ..Tally::default()
        };
        let kept = move_on(self).await?;
        let short = shorten(self, horizon.moment).await?;
        let scopes = scopes(self, &kept, &short).await?;
        for scope in &scopes {
            expire_files(self, scope, &mut tally).await?;
        }
        let data_tables = data_tables(self).await?;
        for scope in &scopes {
            expire_inlined(self, scope, &data_tables).await?;
            expire_rows(self, scope).await?;
            expire_rows_of(self, scope, TableRow::TABLE).await?;
        }
        for scope in &scopes {
            expire_rows_of(self, scope, SchemaRow::TABLE).await?;
        }
        expire_tables(self).await?;
        expire_archive(self).await?;
        self.forget_leases().await?;
        let report = tally.report();
        if report.snapshots > 0 || report.files > 0 {
            tracing::info!(
                snapshots = report.snapshots,
                files = report.files,
                bytes = report.bytes,
                "snapshots expired"
            );
        }
        Ok(report)
    }
}

/// What was superseded long enough ago.
async fn horizon(lake: &Lake, options: &ExpireOptions) -> Result<Horizon, Error> {
    let mut step = Step::begin(lake).await?;
    let needs = Needs::load(lake, &mut *step.catalog).await?;
    step.give_up().await?;
    let retained = needs.now - needs.policy.system;
    let moment = options
        .older_than
        .unwrap_or(retained)
        .min(needs.latest(lake));
    Ok(Horizon {
        moment,
        snapshot: needs.newest_at(lake, moment).await?,
    })
}

/// What survives, for tables with a floor of their own and for the rest.
///
/// `kept`, `short`: from which snapshot on tables are that are kept longer or shorter.
async fn scopes(
    lake: &Lake,
    kept: &BTreeMap<i64, i64>,
    short: &BTreeMap<i64, i64>,
) -> Result<Vec<Scope>, Error> {
    let mut step = Step::begin(lake).await?;
    let needs = Needs::load(lake, &mut *step.catalog).await?;
    let floor = needs.floor(&mut *step.catalog, 0).await?;
    // Another run may have archived snapshots since, which are before this floor.
    let rows = step
        .catalog
        .select(&Selection::of::<KeptTableRow>(Vec::new()))
        .await?;
    let mut own: BTreeMap<i64, i64> = decode::<KeptTableRow>(rows)?
        .into_iter()
        .map(|row| (row.table_id, row.from_snapshot))
        .collect();
    // What was not archived is whole from the floor on, also if it ended to be read since.
    own.extend(kept.iter().map(|(table, from)| (*table, *from.min(&floor))));
    own.extend(short);
    let earlier = needs.earlier(&mut *step.catalog, floor).await?;
    let mut scopes = of_floors(&own, floor, &earlier);
    for scope in &mut scopes {
        if scope.floor > floor {
            scope.earlier = needs.earlier(&mut *step.catalog, scope.floor).await?;
        }
    }
    step.give_up().await?;
    Ok(scopes)
}

async fn data_tables(lake: &Lake) -> Result<Vec<InlinedTableRow>, Error> {
    let selection = Selection::of::<InlinedTableRow>(Vec::new());
    let rows = lake.catalog().select(&[selection]).await?.pop();
    decode(rows.unwrap_or_default())
}
