//! VACUUM of a table with a sort key: files whose rows lie among each other's become
//! files one after the other.
//!
//! Told by the bounds of the key's first column. What a statement writes is sorted by
//! itself already, so a file that overlaps no other stays, unless all are asked for.

use std::sync::Arc;

use arrow::array::Array;
use arrow::row::{OwnedRow, RowConverter, SortField};
use gotgan_storage::{Author, ColumnId, DataFile, FileList, TableId};

use super::TRIES_MAX;
use super::compact::Outcome;
use crate::engine::Engine;
use crate::error::SqlError;

/// Which files VACUUM sorts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sorting {
    /// None.
    Nothing,
    /// Those that overlap.
    Overlapping,
    /// All.
    All,
}

impl Engine {
    /// Sorts files of a table by its sort key, in a commit for each group of them.
    pub(super) async fn sort_files(
        &self,
        id: TableId,
        sorting: Sorting,
        author: &Author,
    ) -> Result<(), SqlError> {
        let head = self.lake.head().await?;
        let key = head.table(id).and_then(|table| table.sort_key.as_ref());
        let Some((column, _)) = key.and_then(|key| key.columns().next()) else {
            return Ok(());
        };
        let list = self.lake.files(&head, id).await?;
        let groups = match sorting {
            Sorting::Nothing => Vec::new(),
            Sorting::Overlapping => overlapping(&list, column)?,
            Sorting::All => vec![list.files.iter().map(Arc::clone).collect()],
        };
        let mut lost_count = 0;
        for group in groups {
            // Columns that are found by name cannot be told by a copy of ours.
            let own = group.iter().filter(|file| file.name_mapping.is_none());
            let ids: Vec<i64> = own.map(|file| file.id).collect();
            if ids.is_empty() {
                continue;
            }
            while let Outcome::Lost = self.rewrite(id, &ids, author).await? {
                lost_count += 1;
                if lost_count == TRIES_MAX {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// A file between its bounds; unknown ones are before and after everything.
struct Range {
    min: Option<OwnedRow>,
    max: Option<OwnedRow>,
    file: Arc<DataFile>,
}

/// Groups of two files or more whose values lie among each other's. Files that only touch
/// are no group: equal values may be in both.
fn overlapping(list: &FileList, column: ColumnId) -> Result<Vec<Vec<Arc<DataFile>>>, SqlError> {
    let Some(bounds) = list.bounds(column) else {
        return Ok(Vec::new());
    };
    let sort_field = SortField::new(bounds.min.data_type().clone());
    if !RowConverter::supports_fields(std::slice::from_ref(&sort_field)) {
        return Ok(Vec::new());
    }
    let converter = RowConverter::new(vec![sort_field])?;
    let minima = converter.convert_columns(&[Arc::clone(&bounds.min)])?;
    let maxima = converter.convert_columns(&[Arc::clone(&bounds.max)])?;
    let mut ranges: Vec<Range> = Vec::with_capacity(list.files.len());
    for (index, file) in list.files.iter().enumerate() {
        let nulls = &bounds.null_count;
        let is_empty = nulls.is_valid(index) && nulls.value(index) == file.row_count;
        if !is_empty {
            let is_known = bounds.min.is_valid(index) && bounds.max.is_valid(index);
            ranges.push(Range {
                min: is_known.then(|| minima.row(index).owned()),
                max: is_known.then(|| maxima.row(index).owned()),
                file: Arc::clone(file),
            });
        }
    }
    // Files of unknown bounds come first and join every other to their group.
    ranges.sort_by(|one, two| (&one.min, &one.max).cmp(&(&two.min, &two.max)));
    let mut groups: Vec<Group> = Vec::new();
    for Range { min, max, file } in ranges {
        match groups.last_mut() {
            Some(group) if group.reaches_over(min.as_ref()) => group.add(max, file),
            _ => groups.push(Group {
                max,
                files: vec![file],
            }),
        }
    }
    let groups = groups.into_iter().map(|group| group.files);
    Ok(groups.filter(|files| files.len() > 1).collect())
}

/// Files that overlap, in the order of their least values.
struct Group {
    /// The greatest value of all; unknown if it is of any.
    max: Option<OwnedRow>,
    files: Vec<Arc<DataFile>>,
}

impl Group {
    fn reaches_over(&self, min: Option<&OwnedRow>) -> bool {
        match (min, &self.max) {
            (Some(min), Some(max)) => min < max,
            _ => true,
        }
    }

    fn add(&mut self, max: Option<OwnedRow>, file: Arc<DataFile>) {
        self.max = match (self.max.take(), max) {
            (Some(own), Some(other)) => Some(own.max(other)),
            _ => None,
        };
        self.files.push(file);
    }
}
