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
    /// Fewest small files that are merged. Default 4.
    pub file_count_min: usize,
    /// Least share of deleted rows for which a file is written again, in percent.
    /// Default 30.
    pub deleted_percent_min: u64,
}

impl Default for CompactionOptions {
    fn default() -> Self {
        Self {
            small_bytes_max: 16 << 20,
            group_bytes_max: 128 << 20,
            file_count_min: 4,
            deleted_percent_min: 30,
        }
    }
}

/// Row ids of a file, in the file's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowIds {
    /// The first row's; each following row has the next one.
    From(i64),
    /// One for each row.
    Each(Arc<[i64]>),
}

impl Lake {
    /// Groups of files that should become one each; each file is in one group at most.
    ///
    /// Cost: reads the delete files of the list, which are then kept with it.
    pub async fn compaction_groups(
        &self,
        list: &FileList,
        options: &CompactionOptions,
    ) -> Result<Vec<Vec<Arc<DataFile>>>, Error> {
        let mut groups = Vec::new();
        let mut small: Vec<Arc<DataFile>> = Vec::new();
        let mut small_bytes = 0;
        let mut end = |small: &mut Vec<Arc<DataFile>>| {
            let group = std::mem::take(small);
            if group.len() >= options.file_count_min.max(2) {
                groups.push(group);
            }
        };
        let mut worn = Vec::new();
        // Columns that are found by name cannot be told by a copy of ours.
        let own = list.files.iter().filter(|file| file.name_mapping.is_none());
        for file in own {
            if self.deleted_percent(file).await? >= options.deleted_percent_min {
                worn.push(vec![Arc::clone(file)]);
                continue;
            }
            if file.bytes > options.small_bytes_max {
                continue;
            }
            if small_bytes + file.bytes > options.group_bytes_max {
                end(&mut small);
                small_bytes = 0;
            }
            small_bytes += file.bytes;
            small.push(Arc::clone(file));
        }
        end(&mut small);
        groups.extend(worn);
        Ok(groups)
    }

    /// Row ids of a file. Cost: 2 reads of the store for a file that holds them itself.
    pub async fn row_ids(&self, file: &DataFile) -> Result<RowIds, Error> {
        match file.row_id_start {
            Some(start) => Ok(RowIds::From(start)),
            None => Ok(RowIds::Each(self.read_row_ids(file).await?.into())),
        }
    }

    async fn deleted_percent(&self, file: &DataFile) -> Result<u64, Error> {
        let deleted = self.deleted_positions(file).await?;
        let deleted = deleted.map_or(0, |deleted| deleted.positions.len() as u64);
        Ok(match deleted {
            0 => 0,
            deleted => deleted * 100 / file.row_count.max(1),
        })
    }
}

impl FileList {
    /// The same table with only some of its files, and without inlined rows.
    #[must_use]
    pub fn only(&self, files: Vec<Arc<DataFile>>) -> FileList {
        let table: TableId = self.table;
        FileList::new(table, self.columns.clone(), files, None)
    }
}
