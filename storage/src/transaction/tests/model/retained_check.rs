//! What must be true of a retained history at any moment.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::retained::{DAY, World};
use super::{Model, check, read};
use crate::catalog::testing::number;
use crate::transaction::tests::parquet_files;
use crate::{ErrorKind, Snapshot, SnapshotId, TableId};

/// Rows of files that no snapshot shows, nor an archived one that a kept table needs.
const UNNEEDED_SQL: &str = "(SELECT count(*) FROM $ f WHERE NOT EXISTS \
     (SELECT 1 FROM ducklake_snapshot s WHERE s.snapshot_id >= f.begin_snapshot \
     AND (f.end_snapshot IS NULL OR s.snapshot_id < f.end_snapshot)) AND NOT EXISTS \
     (SELECT 1 FROM gotgan_kept_table k WHERE k.table_id = f.table_id \
     AND (f.end_snapshot IS NULL OR k.from_snapshot < f.end_snapshot)))";

impl World {
    /// What the head shows.
    pub(super) async fn check_now(&self, place: &str) {
        let head = self.bench.lake.head().await.expect("a head");
        assert_eq!(head.tables().count(), self.now.len(), "{place}");
        for (table, expected) in &self.now {
            let found = self.shown(&head, *table, place).await.expect("the table");
            check(&found, expected, &format!("{table} now, {place}"));
        }
    }

    /// Every snapshot shows what it did, or nothing if nobody needs it.
    pub(super) async fn check(&self, place: &str) {
        for (at, (time, state)) in &self.history {
            let picture = self.bench.lake.snapshot(*at).await;
            for (table, expected) in state {
                let place = format!("{table} at {at}, {place}");
                let found = match &picture {
                    Ok(picture) => self.shown(picture, *table, &place).await,
                    Err(error) => {
                        assert_eq!(error.kind, ErrorKind::NotFound, "{error}, {place}");
                        None
                    }
                };
                match found {
                    Some(found) => check(&found, expected, &place),
                    None if self.must_show(*at, *table) => {
                        self.check_archived(*time, (*table, expected), &place).await;
                    }
                    None => {}
                }
            }
            let strange = picture.iter().flat_map(|picture| picture.tables());
            for table in strange {
                assert!(
                    state.contains_key(&table.id),
                    "{at} shows {}, {place}",
                    table.id
                );
            }
        }
    }

    /// A table that is kept longer than its snapshots is found by the moment.
    async fn check_archived(
        &self,
        time: chrono::DateTime<chrono::Utc>,
        (table, expected): (TableId, &Model),
        place: &str,
    ) {
        let retention = self.own.get(&table).copied().unwrap_or(DAY);
        assert!(retention > DAY, "lost, {place}");
        let picture = self.bench.lake.snapshot_at(time).await;
        let picture = match picture {
            Ok(picture) => picture,
            Err(error) => panic!("{error}, {place}"),
        };
        let found = self.shown(&picture, table, place).await;
        let found = found.unwrap_or_else(|| panic!("not kept by {}, {place}", picture.id()));
        check(&found, expected, &format!("archived, {place}"));
    }

    async fn shown(&self, picture: &Snapshot, table: TableId, place: &str) -> Option<Model> {
        picture.table(table)?;
        match self.bench.lake.files(picture, table).await {
            Ok(list) => Some(read(&self.bench, picture, table, &list).await),
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::NotFound, "{error}, {place}");
                None
            }
        }
    }

    /// Nothing is left that nothing needs, once everything has had its time.
    pub(super) async fn finish(mut self, place: &str) {
        self.pins.clear();
        self.bench.clock.pass(TimeDelta::seconds(DAY / 3));
        self.expire(place).await;
        let catalog = self.bench.folder.path();
        for table in ["ducklake_data_file", "ducklake_delete_file"] {
            let sql = format!("SELECT {}", UNNEEDED_SQL.replace('$', table));
            assert_eq!(number(catalog, &sql).await, 0, "{table}, {place}");
        }
        self.check(place).await;
        // The grace time, in which nothing more expires: it is not asked to.
        self.bench.clock.pass(TimeDelta::seconds(DAY + 60));
        self.sweep().await;
        self.check_objects(place).await;
        self.check_now(place).await;
        self.bench = self.bench.reopen().await;
        self.expire(place).await;
        self.check_ids(place);
    }

    async fn check_objects(&self, place: &str) {
        let folder = self.bench.folder.path();
        let files = parquet_files(folder);
        let names: BTreeSet<String> = files
            .iter()
            .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
            .collect();
        let mut named = 0;
        for name in &names {
            let sql = format!(
                "SELECT (SELECT count(*) FROM ducklake_data_file WHERE path LIKE '%{name}') + \
                 (SELECT count(*) FROM ducklake_delete_file WHERE path LIKE '%{name}')"
            );
            assert!(
                number(folder, &sql).await > 0,
                "{name} is left over, {place}"
            );
            named += 1;
        }
        assert_eq!(named, names.len());
        let scheduled = "SELECT count(*) FROM ducklake_files_scheduled_for_deletion";
        assert_eq!(number(folder, scheduled).await, 0, "{place}");
    }

    /// The model knows every snapshot.
    fn check_ids(&self, place: &str) {
        let ids: Vec<SnapshotId> = self.history.keys().copied().collect();
        let all = (0_i64..).map(SnapshotId).take(ids.len());
        assert!(ids.iter().copied().eq(all), "{ids:?}, {place}");
    }
}
