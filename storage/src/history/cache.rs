//! Pictures of older snapshots that were loaded.

use std::collections::HashMap;
use std::sync::Arc;

use crate::snapshot::{Column, Snapshot};
use crate::spec::SnapshotId;

/// Most parts of all pictures together, some hundred bytes each.
const PART_COUNT_MAX: usize = 1 << 18;

/// The pictures, and when each was used last.
#[derive(Debug, Default)]
pub(crate) struct PictureCache {
    pictures: HashMap<SnapshotId, Entry>,
    part_count: usize,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    picture: Arc<Snapshot>,
    part_count: usize,
    used: u64,
}

impl PictureCache {
    /// The picture of a snapshot under the roles of an epoch.
    pub(crate) fn find(&mut self, id: SnapshotId, epoch: i64) -> Option<Arc<Snapshot>> {
        self.clock += 1;
        let entry = self.pictures.get_mut(&id)?;
        if entry.picture.epoch() != epoch {
            return None;
        }
        entry.used = self.clock;
        Some(Arc::clone(&entry.picture))
    }

    /// Keeps a picture; one that is larger than all may be is not kept.
    pub(crate) fn put(&mut self, picture: Arc<Snapshot>) {
        let part_count = count_parts(&picture);
        if part_count > PART_COUNT_MAX {
            return;
        }
        self.clock += 1;
        let entry = Entry {
            part_count,
            used: self.clock,
            picture,
        };
        self.part_count += part_count;
        if let Some(old) = self.pictures.insert(entry.picture.id(), entry) {
            self.part_count -= old.part_count;
        }
        while self.part_count > PART_COUNT_MAX {
            self.evict();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.pictures.clear();
        self.part_count = 0;
    }

    /// Forgets the one that was not used for longest.
    fn evict(&mut self) {
        let oldest = self.pictures.iter().min_by_key(|(_, entry)| entry.used);
        let Some(id) = oldest.map(|(id, _)| *id) else {
            self.part_count = 0;
            return;
        };
        if let Some(entry) = self.pictures.remove(&id) {
            self.part_count -= entry.part_count;
        }
    }
}

fn count_parts(picture: &Snapshot) -> usize {
    let tables = picture.tables().map(|table| {
        1 + count_columns(&table.columns) + table.constraints.len() + table.indexes.len()
    });
    let views = picture.views().map(|view| 1 + view.columns.len());
    let others = picture.schemas().count() + picture.sequences().count() + 1;
    tables.sum::<usize>() + views.sum::<usize>() + others
}

fn count_columns(columns: &[Column]) -> usize {
    let each = columns
        .iter()
        .map(|column| 1 + count_columns(&column.children));
    each.sum()
}
