//! Deletes follow rows that a flush or a compaction moved to other files meanwhile.
//!
//! Such a rewrite ends a file, or inlined rows, and puts the rows into a new file that
//! holds their row ids. A row that a transaction deletes or truncates is looked for there
//! by its id, at the newest snapshot and before the commit lock is asked for; once more in
//! the commit's turn, if there was another commit meanwhile. What is not found, or is
//! deleted there already, stays as it is, and the commit finds the conflict.
//!
//! Relies on: a row id is never used for two rows of a table.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::error::Error;
use crate::lake::Lake;
use crate::snapshot::{DataFile, DeletedPositions, FileList, Snapshot};
use crate::spec::{SnapshotId, TableId};
use crate::transaction::delete::union;
use crate::transaction::overlay::{FileChanges, Overlay, RowDeletes};

/// Most rows that are looked for, about 32 bytes of memory each.
const WANTED_COUNT_MAX: usize = 1 << 24;

/// Points deletes at the files that hold their rows now.
///
/// Returns whether any were. Cost: nothing if no file that rows are deleted from was
/// rewritten since the pin; else reads the row ids of the files that are new since.
pub(super) async fn follow_moved(
    lake: &Lake,
    base: &Snapshot,
    overlay: &mut Overlay,
) -> Result<bool, Error> {
    let head = lake.head().await?;
    if head.id() == base.id() {
        return Ok(false);
    }
    let mut has_moved = false;
    let tables: Vec<TableId> = overlay.files.keys().copied().collect();
    for table in tables {
        let (Some(seen), Some(now)) = (base.table(table), head.table(table)) else {
            continue;
        };
        let changes = &overlay.files[&table];
        let is_insert = !changes.is_truncated
            && changes.deleted.is_empty()
            && changes.inlined_rows_of_catalog().is_empty();
        if is_insert || changes.is_move || seen.last_change == now.last_change {
            continue;
        }
        let lists = Lists {
            old: lake.files(base, table).await?,
            new: lake.files(&head, table).await?,
            at: head.id(),
        };
        let followed = match changes.is_truncated {
            true => follow_truncation(lake, &lists, changes).await?,
            false => follow_deletes(lake, &lists, changes).await?,
        };
        if let Some(followed) = followed {
            *overlay.change_files(table) = followed;
            has_moved = true;
        }
    }
    Ok(has_moved)
}

/// The files of one table at the pin and now.
struct Lists {
    old: Arc<FileList>,
    new: Arc<FileList>,
    at: SnapshotId,
}

impl Lists {
    fn is_gone(&self, file: &DataFile) -> bool {
        self.new.files.iter().all(|other| other.id != file.id)
    }

    /// Those of the inlined rows that are not inlined any more.
    fn gone_rows(&self, row_ids: impl Iterator<Item = i64>) -> Vec<i64> {
        let inlined = self.new.inlined.iter().flat_map(|rows| rows.row_ids.iter());
        let there: BTreeSet<i64> = inlined.copied().collect();
        row_ids.filter(|id| !there.contains(id)).collect()
    }
}

/// Nothing if no row has moved, or not every row that has is found.
async fn follow_deletes(
    lake: &Lake,
    lists: &Lists,
    changes: &FileChanges,
) -> Result<Option<FileChanges>, Error> {
    let deleted = changes.deleted.values();
    let gone = deleted
        .filter(|deletes| deletes.data_file.id >= 0 && lists.is_gone(&deletes.data_file))
        .collect::<Vec<_>>();
    let gone_rows = lists.gone_rows(changes.inlined_rows_of_catalog().into_iter());
    let mut wanted = gone_rows.clone();
    for deletes in &gone {
        let earlier = positions(lake, &deletes.data_file).await?;
        let all = deletes.all.positions.iter().copied();
        let own = all.filter(|position| earlier.binary_search(position).is_err());
        wanted.extend(row_ids(lake, &deletes.data_file, own).await?);
    }
    let Some(moved) = find(lake, lists, wanted).await? else {
        return Ok(None);
    };
    let mut followed = changes.clone();
    for deletes in gone {
        followed.deleted.remove(&deletes.data_file.id);
    }
    let gone_rows: BTreeSet<i64> = gone_rows.into_iter().collect();
    followed
        .inlined_deleted
        .retain(|id| !gone_rows.contains(id));
    followed.deleted.extend(moved);
    Ok(Some(followed))
}

/// Nothing if no row has moved, or not every row that was seen is still there.
async fn follow_truncation(
    lake: &Lake,
    lists: &Lists,
    changes: &FileChanges,
) -> Result<Option<FileChanges>, Error> {
    let inlined = lists
        .old
        .inlined
        .iter()
        .flat_map(|rows| rows.row_ids.iter());
    let mut wanted = lists.gone_rows(inlined.copied());
    for file in &lists.old.files {
        let earlier = positions(lake, file).await?;
        if lists.is_gone(file) {
            let all = 0..file.row_count;
            let live = all.filter(|position| earlier.binary_search(position).is_err());
            wanted.extend(row_ids(lake, file, live).await?);
            continue;
        }
        let now = lists.new.files.iter().find(|other| other.id == file.id);
        if let Some(now) = now
            && positions(lake, now).await?.len() != earlier.len()
        {
            return Ok(None);
        }
    }
    let Some(moved) = find(lake, lists, wanted).await? else {
        return Ok(None);
    };
    let mut followed = changes.clone();
    followed.deleted.extend(moved);
    followed.verified_at = Some(lists.at);
    Ok(Some(followed))
}

/// Looks for rows in the files that came since the pin and hold row ids.
///
/// Returns the deletes of these rows by file; nothing if none is wanted, or if any of
/// them is not there.
async fn find(
    lake: &Lake,
    lists: &Lists,
    mut wanted: Vec<i64>,
) -> Result<Option<BTreeMap<i64, Arc<RowDeletes>>>, Error> {
    if wanted.is_empty() || wanted.len() > WANTED_COUNT_MAX {
        return Ok(None);
    }
    wanted.sort_unstable();
    let old: BTreeSet<i64> = lists.old.files.iter().map(|file| file.id).collect();
    let new = lists.new.files.iter();
    let mut moved = BTreeMap::new();
    let mut found_count = 0;
    for file in new.filter(|file| file.row_id_start.is_none() && !old.contains(&file.id)) {
        let earlier = positions(lake, file).await?;
        let ids = lake.read_row_ids(file).await?;
        let places = ids.iter().zip(0_u64..);
        let found: Vec<u64> = places
            .filter(|(id, position)| {
                wanted.binary_search(id).is_ok() && earlier.binary_search(position).is_err()
            })
            .map(|(_, position)| position)
            .collect();
        if found.is_empty() {
            continue;
        }
        found_count += found.len();
        let deletes = RowDeletes {
            data_file: Arc::clone(file),
            seen_at: lists.at,
            own_count: found.len() as u64,
            all: Arc::new(DeletedPositions {
                positions: union(&earlier, &found),
            }),
        };
        moved.insert(file.id, Arc::new(deletes));
    }
    Ok((found_count == wanted.len()).then_some(moved))
}

async fn positions(lake: &Lake, file: &DataFile) -> Result<Vec<u64>, Error> {
    let deleted = lake.deleted_positions(file).await?;
    Ok(deleted.map_or(Vec::new(), |deleted| deleted.positions.clone()))
}

/// Ids of rows of a file.
async fn row_ids(
    lake: &Lake,
    file: &DataFile,
    positions: impl Iterator<Item = u64>,
) -> Result<Vec<i64>, Error> {
    let Some(start) = file.row_id_start else {
        let ids = lake.read_row_ids(file).await?;
        let indices = positions.filter_map(|position| usize::try_from(position).ok());
        return Ok(indices
            .filter_map(|index| ids.get(index).copied())
            .collect());
    };
    let offsets = positions.filter_map(|position| i64::try_from(position).ok());
    Ok(offsets.map(|offset| start + offset).collect())
}
