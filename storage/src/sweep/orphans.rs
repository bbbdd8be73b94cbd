//! Finds objects that nobody ever named, or whose last mention was lost.
//!
//! An upload that is under way is named by nobody, either: only what is older than any
//! transaction may be is taken for abandoned. Objects whose names are not of the form that
//! we give are left alone, whoever put them there; so is what lies in another lake's data
//! path below (`ownership`).

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use super::{first_text, named_files};
use crate::catalog::Sql;
use crate::error::Error;
use crate::lake::Lake;
use crate::object::{delete_objects, store_error};
use crate::ownership::{Below, within_another};
use crate::retention::check_point;
use crate::spec::rows::ScheduledFileRow;
use crate::spec::table::Row;

/// How the names of our files end: first those of delete files, which are data files' too.
const ENDINGS: [&str; 2] = ["-delete.parquet", ".parquet"];

/// Objects that are looked up together.
const BATCH_OBJECTS: usize = 1000;

/// Most locations in a report.
const LOCATION_COUNT_MAX: usize = 100;

/// Which orphans shall go.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrphanOptions {
    /// Whether only to tell what would go.
    pub is_dry_run: bool,
}

/// What a search for orphans deleted, or would.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrphanReport {
    /// Objects that were looked at.
    pub looked_at: u64,
    /// Objects that go.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Where the first of them are, in the data path.
    pub locations: Vec<String>,
    /// Objects that stay because another lake's data path lies there.
    pub foreign: u64,
}

impl Lake {
    /// Deletes data files of the data path that neither the catalog nor the schedule knows,
    /// if they are older than `orphan_age`.
    ///
    /// Cost: lists everything there is, with a read of the catalog for each thousand objects.
    /// Errors: `ReadOnly` on a replica; `NotOwner` if another catalog may name them;
    /// `Unavailable` if the store does not answer.
    pub async fn remove_orphans(&self, options: &OrphanOptions) -> Result<OrphanReport, Error> {
        self.check_primary()?;
        if !options.is_dry_run {
            self.check_owner().await?;
        }
        if let Some(above) = self.above()
            && let Some(at) = above.find().await?
        {
            return Err(within_another(at));
        }
        let age = TimeDelta::from_std(self.retention_options().orphan_age);
        // By the clock of all: this machine's may be days ahead.
        let head = self.catalog().head().await?;
        let before = self.clock().commit_time(head.now) - age.unwrap_or(TimeDelta::MAX);
        let mut report = OrphanReport::default();
        let store = self.object_store();
        let mut below = Below::default();
        let mut listed = store.list(None).ready_chunks(BATCH_OBJECTS);
        while let Some(chunk) = listed.next().await {
            let mut old = Vec::with_capacity(chunk.len());
            for object in chunk {
                let object = object.map_err(|error| store_error("list data files", error))?;
                report.looked_at += 1;
                if is_old_file(&object, before) {
                    old.push(object);
                }
            }
            let mut orphans = Vec::new();
            for object in self.unknown(old).await? {
                match below.holds(&*store, &object).await? {
                    true => report.foreign += 1,
                    false => orphans.push(object),
                }
            }
            report.objects += orphans.len() as u64;
            report.bytes += orphans.iter().map(|object| object.size).sum::<u64>();
            let room = LOCATION_COUNT_MAX - report.locations.len().min(LOCATION_COUNT_MAX);
            let shown = orphans.iter().take(room);
            report
                .locations
                .extend(shown.map(|object| object.location.to_string()));
            if !options.is_dry_run && !orphans.is_empty() {
                let locations: Vec<Path> =
                    orphans.into_iter().map(|object| object.location).collect();
                tracing::info!(
                    objects = locations.len(),
                    "abandoned data files are deleted"
                );
                // The list may have taken long.
                self.check_owner().await?;
                delete_objects(&store, locations).await?;
                check_point(self, "sweep/after-orphans")?;
            }
        }
        Ok(report)
    }

    /// Those of the objects that no row of the catalog means.
    async fn unknown(&self, objects: Vec<ObjectMeta>) -> Result<Vec<ObjectMeta>, Error> {
        if objects.is_empty() {
            return Ok(objects);
        }
        let names = objects
            .iter()
            .filter_map(|object| object.location.filename());
        let mut known = self.catalog().query(&named_files(names)).await?;
        // One that is scheduled is the sweep's.
        let names = objects
            .iter()
            .filter_map(|object| object.location.filename());
        let names: Vec<String> = names.map(str::to_owned).collect();
        let select = Sql::new("SELECT ").file_name("\"path\"").text(" FROM ");
        let select = select.name(ScheduledFileRow::TABLE.name);
        let select = select
            .text(" WHERE ")
            .file_name("\"path\"")
            .text(" IN ")
            .texts(names);
        known.extend(self.catalog().query(&select).await?);
        let known: std::collections::BTreeSet<String> =
            known.into_iter().filter_map(first_text).collect();
        let is_unknown = |object: &ObjectMeta| {
            let name = object.location.filename().unwrap_or_default();
            !known.contains(name)
        };
        Ok(objects.into_iter().filter(is_unknown).collect())
    }
}

fn is_old_file(object: &ObjectMeta, before: DateTime<Utc>) -> bool {
    let name = object.location.filename().unwrap_or_default();
    let mut stems = ENDINGS
        .iter()
        .filter_map(|ending| name.strip_suffix(ending));
    let is_ours = stems.any(|stem| uuid::Uuid::try_parse(stem).is_ok());
    is_ours && object.last_modified < before
}
