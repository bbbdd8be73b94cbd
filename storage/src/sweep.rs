//! Deletes objects that nothing names any more.
//!
//!   schedule older than the grace ──▶ named by a row after all? ──▶ object ──▶ schedule row
//!
//! An object goes before its row in the schedule, so a process that dies in between leaves
//! a row, and the next sweep finds the object gone, which is as good. Once no row names a
//! path, none ever will again: names are random, and whoever restores a table looks under
//! the commit lock whether its source rows are still there.
//!
//! Invariants:
//! - Nothing outside the lake's data path is deleted.
//! - Nothing that a row of any table names is deleted, whatever the schedule says.
//! - Nothing is deleted while another catalog may name it: see `ownership`.
//!
//! Not guaranteed: that an object stays for a node whose lease was over for longer than the
//! grace time.

use chrono::{DateTime, TimeDelta, Utc};
use object_store::path::Path;

use crate::catalog::{Sql, decode};
use crate::error::Error;
use crate::lake::Lake;
use crate::object::delete_objects;
use crate::retention::{Pace, Points, Step, check_point, is_kept};
use crate::spec::rows::ScheduledFileRow;
use crate::spec::table::{Row, Value, Values};

mod orphans;

pub use orphans::{OrphanOptions, OrphanReport};

const POINTS: Points = ["sweep/before-rows-commit", "sweep/after-rows-commit"];

/// Rows of the schedule that are looked at together, and objects that are deleted together.
const BATCH_ROWS: usize = 1000;

/// What shall be swept.
#[derive(Clone, Copy, Debug, Default)]
pub struct SweepOptions {
    /// Whether only to tell what would go.
    pub is_dry_run: bool,
}

/// What a sweep deleted, or would.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Objects that are deleted.
    pub objects: u64,
    /// Scheduled objects that stay for now: their grace time is not over, or they lie
    /// outside the lake.
    pub waiting: u64,
    /// Whether everything waits for a node that still reads a snapshot which is gone.
    pub is_blocked: bool,
}

impl Lake {
    /// Deletes the objects that were scheduled longer than the grace time ago.
    ///
    /// Cost: a turn under the commit lock, and as many deletes, for each thousand objects.
    /// Errors: `ReadOnly` on a replica; `NotOwner` if another catalog may name the objects;
    /// `Unavailable` if the store does not answer. What was not deleted stays scheduled.
    pub async fn sweep(&self, options: &SweepOptions) -> Result<SweepReport, Error> {
        self.check_primary()?;
        let mut report = SweepReport::default();
        let head = self.catalog().head().await?;
        let now = self.clock().commit_time(head.now);
        let grace = TimeDelta::from_std(self.retention_options().grace).unwrap_or(TimeDelta::MAX);
        let due = now - grace;
        report.is_blocked = self.is_sweep_blocked().await?;
        let mut after = String::new();
        loop {
            let rows = self.scheduled_after(&after).await?;
            let Some(last) = rows.last() else {
                return Ok(report);
            };
            after.clone_from(&last.path);
            let batch = self.due(rows, due, &mut report);
            if report.is_blocked {
                report.waiting += batch.len() as u64;
                continue;
            }
            if !batch.is_empty() {
                self.sweep_batch(batch, options, &mut report).await?;
            }
        }
    }

    /// Whether a node reads a snapshot that has expired: its lease was over for a while, and
    /// nobody knows any more which objects it needs.
    async fn is_sweep_blocked(&self) -> Result<bool, Error> {
        match self.oldest_leased().await? {
            Some(oldest) => Ok(!is_kept(self.catalog(), oldest).await?),
            None => Ok(false),
        }
    }

    async fn scheduled_after(&self, path: &str) -> Result<Vec<ScheduledFileRow>, Error> {
        let names = ScheduledFileRow::TABLE.columns.iter();
        let names: Vec<String> = names.map(|column| format!("\"{}\"", column.name)).collect();
        let select = Sql::new("SELECT ").text(&names.join(", ")).text(" FROM ");
        let select = select
            .name(ScheduledFileRow::TABLE.name)
            .text(" WHERE \"path\" > ")
            .literal(path)
            .text(" ORDER BY \"path\" LIMIT ")
            .integer(i64::try_from(BATCH_ROWS).unwrap_or(i64::MAX));
        let rows = self.catalog().query(&select).await?;
        decode(rows.into_iter().map(as_scheduled).collect())
    }

    /// Those of the rows whose grace time is over, with their places.
    fn due(
        &self,
        rows: Vec<ScheduledFileRow>,
        due: DateTime<Utc>,
        report: &mut SweepReport,
    ) -> Vec<(String, Path)> {
        let mut batch = Vec::with_capacity(rows.len());
        for row in rows {
            let location = self.place().object(&row.path, row.path_is_relative);
            match location {
                Ok(location) if row.schedule_start <= due => batch.push((row.path, location)),
                _ => report.waiting += 1,
            }
        }
        batch
    }

    async fn sweep_batch(
        &self,
        batch: Vec<(String, Path)>,
        options: &SweepOptions,
        report: &mut SweepReport,
    ) -> Result<(), Error> {
        if !options.is_dry_run {
            self.check_owner().await?;
        }
        let mut pace = Pace::new(self.retention_options().step_time);
        let mut step = Step::begin(self).await?;
        let names = batch.iter().filter_map(|(_, location)| location.filename());
        let named = step.catalog.query(&named_files(names)).await?;
        let named: Vec<String> = named.into_iter().filter_map(first_text).collect();
        let is_named = |location: &Path| {
            let name = location.filename().unwrap_or_default();
            named.iter().any(|other| other == name)
        };
        let (stay, go): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .partition(|(_, location)| is_named(location));
        if options.is_dry_run {
            report.objects += go.len() as u64;
            return step.give_up().await;
        }
        // Whoever removes the last row that names them schedules them again.
        let stay = stay.into_iter().map(|(path, _)| path).collect();
        step.catalog.execute(&unschedule(stay)).await?;
        step.commit(
            ["sweep/before-check-commit", "sweep/after-check-commit"],
            &mut pace,
        )
        .await?;
        let locations = go.iter().map(|(_, location)| location.clone()).collect();
        delete_objects(&self.object_store(), locations).await?;
        check_point(self, "sweep/after-delete")?;
        let mut step = Step::begin(self).await?;
        report.objects += go.len() as u64;
        let go = go.into_iter().map(|(path, _)| path).collect();
        step.catalog.execute(&unschedule(go)).await?;
        step.commit(POINTS, &mut pace).await
    }
}

fn unschedule(paths: Vec<String>) -> Sql {
    let delete = Sql::new("DELETE FROM ").name(ScheduledFileRow::TABLE.name);
    delete.text(" WHERE \"path\" IN ").texts(paths)
}

/// Those of the names that a file of any table has.
fn named_files<'a>(names: impl Iterator<Item = &'a str>) -> Sql {
    let names: Vec<String> = names.map(str::to_owned).collect();
    let of = |table: &str| {
        let select = Sql::new("SELECT ")
            .file_name("\"path\"")
            .text(" FROM ")
            .name(table);
        let select = select.text(" WHERE ").file_name("\"path\"").text(" IN ");
        select.texts(names.clone())
    };
    let data = of("ducklake_data_file");
    data.text(" UNION ").sql(&of("ducklake_delete_file"))
}

fn first_text(row: Values) -> Option<String> {
    match row.into_iter().next() {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

/// A row of the schedule in the kinds of its columns, whatever the database keeps them as.
fn as_scheduled(row: Values) -> Values {
    let columns = ScheduledFileRow::TABLE.columns.iter();
    let values = row.into_iter().zip(columns);
    values
        .map(|(value, column)| value.into_kind(column.kind))
        .collect()
}
