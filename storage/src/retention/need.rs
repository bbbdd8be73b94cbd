//! What must not expire: held snapshots, and all that someone reads or may read.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::catalog::{CommitTransaction, Selection, Sql, decode};
use crate::error::Error;
use crate::lake::Lake;
use crate::retention::policy::Policy;
use crate::retention::rows::number;
use crate::spec::side::HoldRow;
use crate::spec::table::Value;

/// What stands in the way of expiry, as of one moment under the commit lock.
#[derive(Debug)]
pub(super) struct Needs {
    pub(super) now: DateTime<Utc>,
    pub(super) head: i64,
    /// Held snapshots.
    pub(super) held: BTreeSet<i64>,
    /// No snapshot from this one on may expire: someone reads it.
    pub(super) oldest_read: i64,
    pub(super) policy: Policy,
}

impl Needs {
    /// Reads everything anew: holds, pins and leases come and go between two steps.
    pub(super) async fn load(
        lake: &Lake,
        catalog: &mut dyn CommitTransaction,
    ) -> Result<Self, Error> {
        let head = catalog.head().await?;
        let now = lake.clock().commit_time(head.now);
        let head = head.snapshot.snapshot_id;
        let rows = catalog
            .select(&Selection::of::<HoldRow>(Vec::new()))
            .await?;
        let holds: Vec<HoldRow> = decode(rows)?;
        let valid = holds
            .into_iter()
            .filter(|hold| hold.until.is_none_or(|until| until > now));
        let held = valid.map(|hold| hold.snapshot_id).collect();
        let leased = lake.oldest_leased().await?.unwrap_or(head);
        let pinned = lake.oldest_pinned().unwrap_or(head);
        Ok(Self {
            now,
            head,
            held,
            oldest_read: head.min(leased).min(pinned),
            policy: Policy::load(lake, catalog).await?,
        })
    }

    /// The newest snapshot or archived snapshot of a moment, before which all were superseded
    /// by then; 0 if all are later.
    pub(super) async fn newest_at(&self, lake: &Lake, moment: DateTime<Utc>) -> Result<i64, Error> {
        let found = lake.last_at(moment, self.head + 1).await?;
        Ok(found.map_or(0, |found| found.moment.id.0))
    }

    /// The first snapshot from an id on that nobody holds, or the head: all from it on
    /// survive what expired before.
    pub(super) async fn floor(
        &self,
        catalog: &mut dyn CommitTransaction,
        from: i64,
    ) -> Result<i64, Error> {
        let sql = Sql::new("SELECT min(\"snapshot_id\") FROM \"ducklake_snapshot\" WHERE ");
        let sql = sql.text("\"snapshot_id\" >= ").integer(from);
        let sql = sql
            .text(" AND \"snapshot_id\" NOT IN ")
            .integers(&self.holds());
        let rows = catalog.query(&sql).await?;
        Ok(match rows.first().and_then(|row| row.first()) {
            Some(Value::Integer(floor)) => (*floor).min(self.head),
            _ => self.head,
        })
    }

    /// The held snapshots before a floor.
    pub(super) async fn earlier(
        &self,
        catalog: &mut dyn CommitTransaction,
        floor: i64,
    ) -> Result<Vec<i64>, Error> {
        let sql = Sql::new("SELECT \"snapshot_id\" FROM \"ducklake_snapshot\" WHERE ");
        let sql = sql.text("\"snapshot_id\" < ").integer(floor);
        let sql = sql.text(" AND \"snapshot_id\" IN ").integers(&self.holds());
        let rows = catalog.query(&sql.text(" ORDER BY 1")).await?;
        Ok(rows.iter().map(|row| number(row.first())).collect())
    }

    /// The held snapshots, for a statement.
    pub(super) fn holds(&self) -> Vec<i64> {
        self.held.iter().copied().collect()
    }

    /// The latest moment of which snapshots may expire that were superseded then.
    pub(super) fn latest(&self, lake: &Lake) -> DateTime<Utc> {
        let least = lake.retention_options().expire_age_min;
        self.now - TimeDelta::from_std(least).unwrap_or(TimeDelta::MAX)
    }

    /// The moment whose state is the oldest that is kept of a table with its own retention.
    pub(super) fn moment_of(&self, lake: &Lake, table: i64) -> Option<DateTime<Utc>> {
        let retention = self.policy.tables.get(&table)?;
        Some((self.now - *retention).min(self.latest(lake)))
    }
}
