//! Afterwards: which transactions happened, and whether every snapshot shows just them.

use std::collections::BTreeMap;

use super::journal::{Answer, Effects, Entry, PREPARED};
use super::*;
use crate::catalog::{Selection, decode};
use crate::spec::change::CommitDetail;
use crate::spec::rows::ChangesRow;

/// Rows by name of table and key.
type Model = BTreeMap<String, BTreeMap<i32, String>>;

/// What was compared so far.
#[derive(Debug)]
pub(super) struct Checker {
    model: Model,
    /// Snapshots up to here were compared.
    seen: i64,
    /// Objects that the snapshots name.
    named: BTreeSet<String>,
}

impl Default for Checker {
    fn default() -> Self {
        Self {
            model: Model::new(),
            // The first snapshot of all has the number 0.
            seen: -1,
            named: BTreeSet::new(),
        }
    }
}

impl Checker {
    /// Compares the journal with the catalog, and each `stride`th snapshot since the last
    /// time, and the newest, with the model.
    pub(super) async fn check(&mut self, world: &World, journal: &Journal, stride: i64) {
        let seed = world.weather.seed;
        let lake = &world.lakes[0];
        let happened = happened(lake).await;
        let (begun, answers) = sides(journal);
        answered(&happened, &answers, seed);
        report(seed, &happened, &answers);
        let newest = happened.last().map_or(0, |(snapshot, _)| *snapshot);
        let seen = self.seen;
        for (snapshot, label) in happened.iter().filter(|(id, _)| *id > seen) {
            let place = format!("SEED={seed}, snapshot {snapshot}, {label}");
            if label == PREPARED {
                first(&mut self.model);
            } else if let Some(effects) = begun.get(label) {
                apply(&mut self.model, effects, &place);
            }
            if snapshot % stride == 0 || *snapshot == newest {
                self.compare(lake, *snapshot, &place).await;
            }
        }
        self.seen = newest;
        for lake in &world.lakes {
            let head = lake.head().await.expect("a head");
            assert_eq!(head.id().0, newest, "SEED={seed}: a head is behind");
            for table in head.tables() {
                let count = self.model.get(&table.name).map(|rows| rows.len() as u64);
                let name = &table.name;
                assert_eq!(Some(table.row_count), count, "SEED={seed}: rows of {name}");
            }
        }
    }

    async fn compare(&mut self, lake: &Lake, snapshot: i64, place: &str) {
        let picture = lake.snapshot(SnapshotId(snapshot)).await.expect(place);
        let mut found = Model::new();
        for table in picture.tables() {
            let list = lake.files(&picture, table.id).await.expect(place);
            let rows = rows::read(lake, &list).await;
            let rows = rows.unwrap_or_else(|error| panic!("{error}: {:?}, {place}", error.source));
            let count = rows.len();
            let rows: BTreeMap<i32, String> =
                rows.into_iter().map(|row| (row.key, row.text)).collect();
            assert_eq!(rows.len(), count, "{} has a row twice, {place}", table.name);
            found.insert(table.name.clone(), rows);
            for file in &list.files {
                self.named.insert(file.location.to_string());
                let deletes = file.delete_file.iter();
                self.named
                    .extend(deletes.map(|file| file.location.to_string()));
            }
        }
        assert_eq!(found, self.model, "{place}");
    }

    /// Objects in the data folder that no snapshot names which was compared.
    pub(super) fn left_over(&self, world: &World) -> Vec<std::path::PathBuf> {
        let data = world.folder.join("data");
        let objects = parquet_files(&data).into_iter();
        objects
            .filter(|path| {
                let location = path.strip_prefix(&data).expect("within");
                !self.named.contains(location.to_str().expect("a name"))
            })
            .collect()
    }
}

fn report(seed: u64, happened: &[(i64, String)], answers: &BTreeMap<String, Answer>) {
    let count = |wanted: fn(&Answer) -> bool| answers.values().filter(|a| wanted(a)).count();
    println!(
        "SEED={seed}: {} snapshots; {} committed, {} conflicts, {} open",
        happened.len(),
        count(|answer| matches!(answer, Answer::Committed(_))),
        count(|answer| matches!(answer, Answer::Conflict)),
        count(|answer| matches!(answer, Answer::Unavailable)),
    );
}

/// The snapshots with the labels of their transactions; maintenance has none.
///
/// Asked under the commit lock: the database may still be at work for a process that died.
async fn happened(lake: &Lake) -> Vec<(i64, String)> {
    let lock = lake
        .writer()
        .expect("a primary")
        .begin_commit()
        .await
        .expect("the lock");
    lock.rollback().await.expect("rolled back");
    let selection = Selection::of::<ChangesRow>(Vec::new());
    let rows = lake.catalog().select(&[selection]).await.expect("rows");
    let rows: Vec<ChangesRow> = decode(rows.into_iter().next().expect("one")).expect("rows");
    let mut labels: Vec<(i64, String)> = rows
        .into_iter()
        .map(|row| {
            let detail = row.commit_extra_info.as_deref();
            let detail = detail.and_then(CommitDetail::parse);
            let label = detail.map(|detail| detail.application_name);
            (row.snapshot_id, label.unwrap_or_default())
        })
        .collect();
    labels.sort_unstable();
    labels
}

fn sides(journal: &Journal) -> (BTreeMap<String, Effects>, BTreeMap<String, Answer>) {
    let (mut begun, mut answers) = (BTreeMap::new(), BTreeMap::new());
    for entry in journal.entries() {
        let label = match entry {
            Entry::Begun(label, effects) => begun.insert(label.clone(), effects).map(|_| label),
            Entry::Ended(label, answer) => answers.insert(label.clone(), answer).map(|_| label),
        };
        assert_eq!(label, None, "a label is used once");
    }
    (begun, answers)
}

/// What was answered is what happened.
fn answered(happened: &[(i64, String)], answers: &BTreeMap<String, Answer>, seed: u64) {
    let mut snapshots: BTreeMap<&str, i64> = BTreeMap::new();
    for (snapshot, label) in happened.iter().filter(|(_, label)| !label.is_empty()) {
        let earlier = snapshots.insert(label, *snapshot);
        assert_eq!(earlier, None, "SEED={seed}: {label} happened twice");
    }
    for (label, answer) in answers {
        let found = snapshots.get(label.as_str());
        match answer {
            Answer::Committed(snapshot) => {
                assert_eq!(found, Some(snapshot), "SEED={seed}: {label} is lost");
            }
            Answer::Conflict | Answer::Unchanged => {
                assert_eq!(found, None, "SEED={seed}: {label} happened");
            }
            Answer::Unavailable => {}
        }
    }
}

/// The state that `prepare` made.
fn first(model: &mut Model) {
    for name in BANKS {
        let rows = (0..ACCOUNT_COUNT).map(|id| (id, FIRST_BALANCE.to_string()));
        model.insert(name.to_owned(), rows.collect());
    }
    model.insert(LOG.to_owned(), BTreeMap::new());
}

fn apply(model: &mut Model, effects: &Effects, place: &str) {
    for name in &effects.created {
        let earlier = model.insert(name.clone(), BTreeMap::new());
        assert_eq!(earlier, None, "{name} was made twice, {place}");
    }
    for (name, key) in &effects.deleted {
        let rows = model.get_mut(name);
        let removed = rows.and_then(|rows| rows.remove(key));
        assert!(removed.is_some(), "{key} of {name} was gone, {place}");
    }
    for (name, key, text) in &effects.inserted {
        let rows = model.get_mut(name);
        let rows = rows.unwrap_or_else(|| panic!("{name} was gone, {place}"));
        let earlier = rows.insert(*key, text.clone());
        assert_eq!(earlier, None, "{key} is in {name} already, {place}");
    }
    for name in &effects.dropped {
        let removed = model.remove(name);
        assert!(removed.is_some(), "{name} was dropped twice, {place}");
    }
}
