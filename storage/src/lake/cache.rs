//! File lists that were loaded, by table and its last change.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::snapshot::FileList;
use crate::spec::{SnapshotId, TableId};

/// Most lists that are kept. Old ones of open transactions are among them.
const LIST_COUNT_MAX: usize = 4096;

/// The lists, and when each was used last.
#[derive(Debug, Default)]
pub(crate) struct FileCache {
    lists: HashMap<TableId, BTreeMap<SnapshotId, Entry>>,
    count: usize,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    list: Arc<FileList>,
    /// The newest snapshot that showed it. Later than the table's change as time goes on,
    /// so that it may still be there when that has expired.
    shown: SnapshotId,
    used: u64,
}

impl FileCache {
    /// The list of a table as its change `last_change` left it, for a snapshot.
    pub(crate) fn find(
        &mut self,
        table: TableId,
        last_change: SnapshotId,
        at: SnapshotId,
    ) -> Option<Arc<FileList>> {
        self.clock += 1;
        let entry = self.lists.get_mut(&table)?.get_mut(&last_change)?;
        entry.used = self.clock;
        entry.shown = entry.shown.max(at);
        Some(Arc::clone(&entry.list))
    }

    /// The newest list of a table that is older than a change, and a snapshot that shows it.
    pub(crate) fn older(
        &self,
        table: TableId,
        last_change: SnapshotId,
    ) -> Option<(SnapshotId, Arc<FileList>)> {
        let (_, entry) = self.lists.get(&table)?.range(..last_change).next_back()?;
        Some((entry.shown, Arc::clone(&entry.list)))
    }

    /// The tables of which a list is known.
    pub(crate) fn tables(&self) -> Vec<TableId> {
        self.lists.keys().copied().collect()
    }

    pub(crate) fn put(&mut self, last_change: SnapshotId, list: Arc<FileList>) {
        if self.count >= LIST_COUNT_MAX {
            self.evict();
        }
        self.clock += 1;
        let entry = Entry {
            list: Arc::clone(&list),
            shown: last_change,
            used: self.clock,
        };
        let lists = self.lists.entry(list.table).or_default();
        if lists.insert(last_change, entry).is_none() {
            self.count += 1;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.lists.clear();
        self.count = 0;
    }

    /// Forgets the half that was not used for longest.
    fn evict(&mut self) {
        let mut uses: Vec<u64> = self
            .lists
            .values()
            .flat_map(|lists| lists.values())
            .map(|entry| entry.used)
            .collect();
        uses.sort_unstable();
        let limit = uses.get(uses.len() / 2).copied().unwrap_or(u64::MAX);
        for lists in self.lists.values_mut() {
            lists.retain(|_, entry| entry.used > limit);
        }
        self.lists.retain(|_, lists| !lists.is_empty());
        self.count = self.lists.values().map(BTreeMap::len).sum();
    }
}
