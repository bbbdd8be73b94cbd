//! The catalog's rows of a restored table's files: copies of the old table's rows.
//!
//! Runs under the commit lock. What is read here is of the snapshot that is restored from;
//! if that is not kept any more, or any of its files, nothing is restored.

use std::collections::BTreeMap;

use super::{Counters, Target, signed};
use crate::catalog::{CommitTransaction, Condition, Selection, Sql, Write, decode};
use crate::error::{Error, ErrorKind};
use crate::file::write::StagedColumn;
use crate::snapshot::DataFile;
use crate::spec::change::ObjectChange;
use crate::spec::rows::{
    COLUMN_MAPPING, DataFileRow, DeleteFileRow, FILE_PARTITION_VALUE, FileColumnStatsRow,
    NameMappingRow, PARTITION_COLUMN, PartitionInfoRow, TableStatsRow, VARIANT_STATS,
};
use crate::spec::table::{Row, TableSpec};
use crate::transaction::overlay::{RestoredFile, RestoredFiles};
use crate::transaction::render::Batch;

/// Most pairs of ids in one statement, so that its text stays short.
const PAIR_COUNT_MAX: usize = 1000;

/// What the copied files hold.
#[derive(Debug, Default)]
pub(super) struct RestoredPart {
    /// Statistics of each file.
    pub(super) columns: Vec<Vec<StagedColumn>>,
    /// Rows of the files that were deleted already.
    pub(super) deleted_count: i64,
}

/// Copies the rows of the files that are left; nothing if the table is not restored.
pub(super) async fn copy_files(
    catalog: &mut dyn CommitTransaction,
    target: &Target<'_>,
    counters: &mut Counters,
    next_file_id: &mut i64,
    batch: &mut Batch,
) -> Result<Option<RestoredPart>, Error> {
    let Some(restored) = &target.changes.restored else {
        return Ok(None);
    };
    let id = target.table.id.0;
    let source = Source::load(catalog, restored).await?;
    // Row ids go on where the source's are, so that a file's own ids are not used again.
    counters.stats.next_row_id = source.next_row_id;
    let mut part = RestoredPart::default();
    let mut pairs = Vec::new();
    let mut files = Vec::new();
    let mut deletes = Vec::new();
    let mut ids = Copies::default();
    for file in target.changes.kept_restored() {
        let row = source.files.get(&file.source_id).ok_or_else(gone)?;
        let file_id = *next_file_id;
        *next_file_id += 1;
        pairs.push((file.source_id, file_id));
        part.columns.push(statistics(&file.data_file));
        counters.stats.record_count += row.record_count;
        counters.stats.file_size_bytes += row.file_size_bytes;
        part.deleted_count += match target.changes.deleted.contains_key(&file.data_file.id) {
            true => deletes_of_commit(target, file, file_id, next_file_id, &mut deletes, batch),
            false => source.copy_deletes(file, (id, file_id), next_file_id, &mut deletes, batch),
        };
        files.push(DataFileRow {
            data_file_id: file_id,
            table_id: id,
            begin_snapshot: batch.snapshot_id,
            end_snapshot: None,
            partition_id: row.partition_id.map(|old| ids.partition(old, batch)),
            mapping_id: row.mapping_id.map(|old| ids.mapping(old, next_file_id)),
            // What is later is among the deleted rows.
            partial_max: None,
            ..row.clone()
        });
    }
    counters.ended.ended_row_count += part.deleted_count;
    if !files.is_empty() {
        batch.writes.push(Write::insert(&files));
        batch.object(ObjectChange::InsertedIntoTable, id);
    }
    if !deletes.is_empty() {
        batch.writes.push(Write::insert(&deletes));
    }
    for pairs in pairs.chunks(PAIR_COUNT_MAX) {
        let tables = [
            FileColumnStatsRow::TABLE,
            &VARIANT_STATS,
            &FILE_PARTITION_VALUE,
        ];
        for spec in tables {
            let copy = copy(spec, "data_file_id", pairs, id);
            batch.writes.push(Write::Run(copy));
        }
    }
    copy_partitions(catalog, (restored, id), &mut ids, batch).await?;
    let mappings: Vec<(i64, i64)> = ids.mappings.into_iter().collect();
    for pairs in mappings.chunks(PAIR_COUNT_MAX) {
        for spec in [&COLUMN_MAPPING, NameMappingRow::TABLE] {
            batch
                .writes
                .push(Write::Run(copy(spec, "mapping_id", pairs, id)));
        }
    }
    Ok(Some(part))
}

/// The old table's rows at the snapshot.
struct Source {
    files: BTreeMap<i64, DataFileRow>,
    /// By the data file's id.
    deletes: BTreeMap<i64, DeleteFileRow>,
    next_row_id: i64,
}

impl Source {
    async fn load(
        catalog: &mut dyn CommitTransaction,
        restored: &RestoredFiles,
    ) -> Result<Self, Error> {
        let of_table = || Condition::Equals("table_id", restored.source.0);
        let visible = || vec![of_table(), Condition::VisibleAt(restored.at.0)];
        let files = Selection::of::<DataFileRow>(visible());
        let files: Vec<DataFileRow> = decode(catalog.select(&files).await?)?;
        let deletes = Selection::of::<DeleteFileRow>(visible());
        let deletes: Vec<DeleteFileRow> = decode(catalog.select(&deletes).await?)?;
        let stats = Selection::of::<TableStatsRow>(vec![of_table()]);
        let stats: Vec<TableStatsRow> = decode(catalog.select(&stats).await?)?;
        let ends = files.iter().map(|file| {
            let first = file.row_id_start.unwrap_or(0);
            first.saturating_add(file.record_count)
        });
        let counted = stats.iter().map(|row| row.next_row_id);
        Ok(Self {
            next_row_id: ends.chain(counted).max().unwrap_or(0),
            files: files
                .into_iter()
                .map(|row| (row.data_file_id, row))
                .collect(),
            deletes: deletes
                .into_iter()
                .map(|row| (row.data_file_id, row))
                .collect(),
        })
    }

    /// Copies the row of a file's delete file. Returns how many rows it deletes.
    fn copy_deletes(
        &self,
        file: &RestoredFile,
        (table_id, data_file_id): (i64, i64),
        next_file_id: &mut i64,
        rows: &mut Vec<DeleteFileRow>,
        batch: &Batch,
    ) -> i64 {
        // Where the file alone does not say it, the commit wrote another.
        let has_own = file.data_file.delete_file.is_some();
        let Some(row) = self.deletes.get(&file.source_id).filter(|_| has_own) else {
            return 0;
        };
        rows.push(DeleteFileRow {
            delete_file_id: *next_file_id,
            table_id,
            begin_snapshot: batch.snapshot_id,
            end_snapshot: None,
            data_file_id,
            partial_max: None,
            ..row.clone()
        });
        *next_file_id += 1;
        row.delete_count
    }
}

/// The row of a delete file that this commit wrote. Returns how many rows it deletes.
fn deletes_of_commit(
    target: &Target<'_>,
    file: &RestoredFile,
    file_id: i64,
    next_file_id: &mut i64,
    rows: &mut Vec<DeleteFileRow>,
    batch: &Batch,
) -> i64 {
    let own = file.data_file.id;
    let Some(staged) = target.deletes.get(&own) else {
        return 0;
    };
    let id = target.table.id.0;
    rows.push(super::delete_row(id, file_id, staged, next_file_id, batch));
    signed(staged.written.row_count)
}

/// Ids of what files name, and their copies.
#[derive(Default)]
struct Copies {
    partitions: BTreeMap<i64, i64>,
    mappings: BTreeMap<i64, i64>,
}

impl Copies {
    fn partition(&mut self, old: i64, batch: &mut Batch) -> i64 {
        *self.partitions.entry(old).or_insert_with(|| {
            let new = batch.next_catalog_id;
            batch.next_catalog_id += 1;
            new
        })
    }

    fn mapping(&mut self, old: i64, next_file_id: &mut i64) -> i64 {
        *self.mappings.entry(old).or_insert_with(|| {
            let new = *next_file_id;
            *next_file_id += 1;
            new
        })
    }
}

/// Copies the partition keys of the snapshot, and older ones that files were written by;
/// these are never visible.
async fn copy_partitions(
    catalog: &mut dyn CommitTransaction,
    (restored, table_id): (&RestoredFiles, i64),
    ids: &mut Copies,
    batch: &mut Batch,
) -> Result<(), Error> {
    let of_table = vec![Condition::Equals("table_id", restored.source.0)];
    let selection = Selection::of::<PartitionInfoRow>(of_table);
    let known: Vec<PartitionInfoRow> = decode(catalog.select(&selection).await?)?;
    let at = restored.at.0;
    let is_visible = |row: &PartitionInfoRow| {
        row.begin_snapshot <= at && row.end_snapshot.is_none_or(|end| end > at)
    };
    let mut rows = Vec::new();
    for row in known {
        let is_current = is_visible(&row);
        if !is_current && !ids.partitions.contains_key(&row.partition_id) {
            continue;
        }
        rows.push(PartitionInfoRow {
            partition_id: ids.partition(row.partition_id, batch),
            table_id,
            begin_snapshot: batch.snapshot_id,
            end_snapshot: (!is_current).then_some(batch.snapshot_id),
        });
    }
    if !rows.is_empty() {
        batch.writes.push(Write::insert(&rows));
    }
    let pairs: Vec<(i64, i64)> = ids
        .partitions
        .iter()
        .map(|(old, new)| (*old, *new))
        .collect();
    for pairs in pairs.chunks(PAIR_COUNT_MAX) {
        let copy = copy(&PARTITION_COLUMN, "partition_id", pairs, table_id);
        batch.writes.push(Write::Run(copy));
    }
    Ok(())
}

/// Copies the rows of a catalog table that belong to some ids, under others.
///
/// `key`: the column of these ids. `pairs`: old and new ids.
fn copy(spec: &TableSpec, key: &str, pairs: &[(i64, i64)], table_id: i64) -> Sql {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(old, new)| format!("({old}, {new})"))
        .collect();
    let mut sql = Sql::new("WITH ids(old_id, new_id) AS (VALUES ")
        .text(&pairs.join(", "))
        .text(") INSERT INTO ")
        .name(spec.name)
        .text(" SELECT ");
    for (index, column) in spec.columns.iter().enumerate() {
        sql = sql.text(if index == 0 { "" } else { ", " });
        sql = match column.name {
            name if name == key => sql.text("ids.new_id"),
            "table_id" => sql.integer(table_id),
            name => sql.text("old.").name(name),
        };
    }
    sql.text(" FROM ids JOIN ")
        .name(spec.name)
        .text(" AS old ON old.")
        .name(key)
        .text(" = ids.old_id")
}

/// A file's statistics as a writer gives them; columns without a count of NULLs are left
/// out, which makes the table's bounds unknown.
fn statistics(file: &DataFile) -> Vec<StagedColumn> {
    let columns = file.stats.iter().filter_map(|(column_id, stats)| {
        let null_count = stats.null_count?;
        Some(StagedColumn {
            column_id: *column_id,
            bytes: 0,
            value_count: file.row_count.saturating_sub(null_count),
            null_count,
            min: stats.min.clone(),
            max: stats.max.clone(),
            contains_nan: stats.contains_nan,
        })
    });
    columns.collect()
}

fn gone() -> Error {
    let text = "the snapshot to restore from is not kept any more";
    Error::new(ErrorKind::NotFound, text)
}
