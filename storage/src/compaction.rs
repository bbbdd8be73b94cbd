//! Which files of a table are worth writing again.
//!
//! Small files cost a read of their footer each; deleted rows are read for nothing. The
//! rows are copied by the layer above, through its ordinary scan, into a transaction's
//! `rewriter`; `Transaction::replace_files` makes the copy take the place of the files.
//!
//! Not here: when to look, and how much work at a time is fine.

use std::sync::Arc;

use crate::error::Error;
use crate::lake::Lake;
use crate::snapshot::{DataFile, FileList};
use crate::spec::TableId;

/// What is worth a rewrite.
#[derive(Clone, Debug)]
pub struct CompactionOptions {
    /// Files of fewer bytes are small. Default 16 MiB.
    pub small_bytes_max: u64,
    /// Bytes of old files that one new file is made of. Default 128 MiB.
    pub group_bytes_max: u64,
    /// Fewest small files that are merged. Default 8.
    pub file_count_min: usize,
    /// Whether small files are merged with those of about their size only, so that a row
    /// is copied a few times in all, however often rows are added. Default yes.
    pub by_size: bool,
    /// Least share of deleted rows for which a file is written again, in percent.
    /// Default 30.
    pub deleted_percent_min: u64,
}

impl Default for CompactionOptions {
    fn default() -> Self {
        Self {
            small_bytes_max: 16 << 20,
            group_bytes_max: 128 << 20,
            file_count_min: 8,
            by_size: true,
            deleted_percent_min: 30,
        }
    }
}

/// Files are of about one size if they are less than this times as large as others.
const SIZE_STEP: u64 = 8;

/// Files below this size are all of one size: most of it is the footer.
const SIZE_LEAST: u64 = 16 << 10;

/// A file that may become part of another one.
struct Small {
    file: Arc<DataFile>,
    is_worn: bool,
}

/// Row ids of a file, in the file's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowIds {
    /// The first row's; each following row has the next one.
    From(i64),
    /// One for each row.
    Each(Arc<[i64]>),
}

impl CompactionOptions {
    /// Everything that can be merged is, and files are rid of deleted rows.
    ///
    /// `is_full`: of every deleted row.
    #[must_use]
    pub fn thorough(self, is_full: bool) -> Self {
        Self {
            file_count_min: 2,
            by_size: false,
            deleted_percent_min: if is_full { 0 } else { self.deleted_percent_min },
            ..self
        }
    }
}

impl Lake {
    /// The usual options, within the size of the files that writers make here: a file
    /// that is as large as it may be is never small.
    pub fn compaction_options(&self) -> CompactionOptions {
        let usual = CompactionOptions::default();
        CompactionOptions {
            small_bytes_max: usual
                .small_bytes_max
                .min(self.write_options().file_bytes_max / 2),
            ..usual
        }
    }

    /// Groups of files that should become one each; each file is in one group at most.
    ///
    /// Cost: reads the delete files of the list, which are then kept with it.
    pub async fn compaction_groups(
        &self,
        list: &FileList,
        options: &CompactionOptions,
    ) -> Result<Vec<Vec<Arc<DataFile>>>, Error> {
        let mut small = Vec::new();
        let mut groups = Vec::new();
        // Columns that are found by name cannot be told by a copy of ours.
        let own = list.files.iter().filter(|file| file.name_mapping.is_none());
        for file in own {
            let is_worn = self.is_worn(file, options).await?;
            let file = Arc::clone(file);
            if file.bytes <= options.small_bytes_max {
                small.push(Small { file, is_worn });
            } else if is_worn {
                groups.push(vec![file]);
            }
        }
        for files in of_one_size(small, options) {
            groups.extend(groups_of(files, options));
        }
        Ok(groups)
    }

    /// Row ids of a file. Cost: 2 reads of the store for a file that holds them itself.
    pub async fn row_ids(&self, file: &DataFile) -> Result<RowIds, Error> {
        match file.row_id_start {
            Some(start) => Ok(RowIds::From(start)),
            None => Ok(RowIds::Each(self.read_row_ids(file).await?.into())),
        }
    }

    /// Whether so many rows of a file are deleted that it is written again.
    async fn is_worn(&self, file: &DataFile, options: &CompactionOptions) -> Result<bool, Error> {
        let deleted = self.deleted_positions(file).await?;
        let deleted = deleted.map_or(0, |deleted| deleted.positions.len() as u64);
        let percent = deleted * 100 / file.row_count.max(1);
        Ok(deleted > 0 && percent >= options.deleted_percent_min)
    }
}

/// Parts small files by size. A size with too few files goes on to the next larger one.
fn of_one_size(mut small: Vec<Small>, options: &CompactionOptions) -> Vec<Vec<Small>> {
    if !options.by_size {
        return vec![small];
    }
    let mut parts = Vec::new();
    let mut part = Vec::new();
    let mut bytes_max = SIZE_LEAST;
    while !small.is_empty() {
        let (fitting, larger) = small
            .into_iter()
            .partition::<Vec<_>, _>(|small| small.file.bytes <= bytes_max);
        small = larger;
        part.extend(fitting);
        if part.len() >= options.file_count_min {
            parts.push(std::mem::take(&mut part));
        }
        bytes_max = bytes_max.saturating_mul(SIZE_STEP);
    }
    parts.push(part);
    parts
}

/// Groups that are worth it: enough files, or deleted rows to be rid of.
fn groups_of(mut files: Vec<Small>, options: &CompactionOptions) -> Vec<Vec<Arc<DataFile>>> {
    // In the order in which they came, which rows near each other often share.
    files.sort_by_key(|small| small.file.id);
    let mut groups: Vec<Vec<Small>> = vec![Vec::new()];
    let mut bytes = 0;
    for small in files {
        bytes += small.file.bytes;
        match groups.last_mut() {
            Some(group) if bytes <= options.group_bytes_max || group.is_empty() => {
                group.push(small);
            }
            _ => {
                bytes = small.file.bytes;
                groups.push(vec![small]);
            }
        }
    }
    let files_of = |group: Vec<Small>| {
        let is_large = group.len() >= options.file_count_min.max(2);
        let left = group.into_iter().filter(|small| is_large || small.is_worn);
        left.map(|small| small.file).collect::<Vec<_>>()
    };
    let groups = groups.into_iter().map(files_of);
    groups.filter(|group| !group.is_empty()).collect()
}

impl FileList {
    /// The same table with only some of its files, and without inlined rows.
    #[must_use]
    pub fn only(&self, files: Vec<Arc<DataFile>>) -> FileList {
        let table: TableId = self.table;
        FileList::new(table, self.columns.clone(), files, None)
    }
}
