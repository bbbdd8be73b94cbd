//! Catalog rows to the file list of a table.
//!
//! A list that is known for an older snapshot is brought forward by reading only rows
//! that began or ended since; its files are shared. That holds for commits of ours
//! alone, because DuckDB rewrites history rows in place: whoever sees a foreign commit
//! forgets the older list.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::catalog::{CatalogStore, Condition, Selection, decode};
use crate::error::{Error, ErrorKind};
use crate::snapshot::inlined::load_inlined;
use crate::snapshot::{
    ColumnStats, DataFile, DeleteFile, FileList, FileStats, NameMapping, NameMappingEntry, Place,
    Schema, Table,
};
use crate::spec::rows::{
    DataFileRow, DeleteFileRow, FileColumnStatsRow, InlinedTableRow, NameMappingRow, SnapshotRow,
    TableRow,
};
use crate::spec::{ColumnId, SnapshotId};

/// Whose files are loaded, and as of when.
pub(crate) struct Wanted<'a> {
    pub(crate) place: &'a Place,
    pub(crate) schema: &'a Schema,
    pub(crate) table: &'a Table,
    pub(crate) at: SnapshotId,
}

/// Loads the files of a table that are visible at a snapshot.
///
/// `older`: a list of the same table and the snapshot that it shows, if one is known.
/// Cost: 2 read transactions, and 1 more statement if rows are inlined.
/// Errors: `Unsupported` for files that we cannot read rightly.
pub(crate) async fn load_files(
    store: &dyn CatalogStore,
    wanted: &Wanted<'_>,
    older: Option<(SnapshotId, &FileList)>,
) -> Result<FileList, Error> {
    // What a partial file shows depends on the snapshot: such a list is made anew.
    let is_fixed = |list: &FileList| list.files.iter().all(|file| file.partial_max.is_none());
    let older = older.filter(|(_, list)| is_fixed(list));
    let table_id = wanted.table.id.0;
    let of_table = Condition::Equals("table_id", table_id);
    let mut file_conditions = vec![of_table.clone()];
    match older {
        None => file_conditions.push(Condition::VisibleAt(wanted.at.0)),
        Some((since, _)) => file_conditions.extend([
            Condition::ChangedAfter(since.0),
            Condition::AtMost("begin_snapshot", wanted.at.0),
        ]),
    }
    let files = Selection::of::<DataFileRow>(file_conditions);
    let stats = vec![
        of_table.clone(),
        Condition::Within("data_file_id", Box::new(files.clone())),
    ];
    let deletes = vec![of_table.clone(), Condition::VisibleAt(wanted.at.0)];
    let since = older.map_or(wanted.at.0, |(since, _)| since.0);
    let selections = [
        files,
        Selection::of::<FileColumnStatsRow>(stats),
        Selection::of::<DeleteFileRow>(deletes),
        Selection::of::<InlinedTableRow>(vec![of_table.clone()]),
        Selection::of::<SnapshotRow>(vec![Condition::Equals("snapshot_id", since)]),
        Selection::of::<TableRow>(vec![of_table, Condition::VisibleAt(since)]),
    ];
    let mut results = store.select(&selections).await?;
    let shown = results.split_off(4);
    // Rows that the older list shows and that ended since are gone once its snapshot has
    // expired, or its part of the table.
    if older.is_some() && shown.iter().any(Vec::is_empty) {
        return Box::pin(load_files(store, wanted, None)).await;
    }
    let mut results = results.into_iter();
    let mut next = move || results.next().unwrap_or_default();
    let file_rows: Vec<DataFileRow> = decode(next())?;
    let stats_rows: Vec<FileColumnStatsRow> = decode(next())?;
    let delete_rows: Vec<DeleteFileRow> = decode(next())?;
    let inlined_tables: Vec<InlinedTableRow> = decode(next())?;

    let mut deletes = Deletes::new(wanted, delete_rows)?;
    for (file, position) in store.inlined_deletes(table_id, wanted.at.0).await? {
        deletes
            .inlined
            .entry(file)
            .or_default()
            .push(u64::try_from(position).unwrap_or(0));
    }
    let mappings = load_mappings(store, &file_rows).await?;
    let parts = Parts {
        stats: stats_by_file(stats_rows),
        deletes,
        mappings,
    };
    let files = merge(wanted, file_rows, parts, older.map(|(_, list)| list))?;
    let inlined = load_inlined(store, wanted, &inlined_tables).await?;
    Ok(FileList::new(
        wanted.table.id,
        wanted.table.columns.clone(),
        files,
        inlined,
    ))
}

/// What belongs to data files, by their id.
struct Parts {
    stats: HashMap<i64, FileStats>,
    deletes: Deletes,
    mappings: HashMap<i64, Arc<NameMapping>>,
}

/// Deletes of every data file.
struct Deletes {
    files: HashMap<i64, DeleteFile>,
    inlined: HashMap<i64, Vec<u64>>,
}

impl Deletes {
    fn new(wanted: &Wanted<'_>, rows: Vec<DeleteFileRow>) -> Result<Self, Error> {
        let mut files = HashMap::with_capacity(rows.len());
        for row in rows {
            check_readable(
                wanted.table,
                row.format.as_deref(),
                row.encryption_key.as_deref(),
            )?;
            let Wanted {
                place,
                schema,
                table,
                at,
            } = wanted;
            let file = DeleteFile {
                location: place.file(schema, table, &row.path, row.path_is_relative)?,
                bytes: unsigned(row.file_size_bytes),
                up_to_snapshot: row.partial_max.filter(|last| at.0 < *last).map(|_| *at),
            };
            files.insert(row.data_file_id, file);
        }
        Ok(Self {
            files,
            inlined: HashMap::new(),
        })
    }
}

/// Old files that are still there and new ones, in the order of their making.
fn merge(
    wanted: &Wanted<'_>,
    rows: Vec<DataFileRow>,
    mut parts: Parts,
    older: Option<&FileList>,
) -> Result<Vec<Arc<DataFile>>, Error> {
    let ended: HashSet<i64> = rows
        .iter()
        .filter(|row| row.end_snapshot.is_some_and(|end| end <= wanted.at.0))
        .map(|row| row.data_file_id)
        .collect();
    let mut files: BTreeMap<i64, Arc<DataFile>> = BTreeMap::new();
    for file in older.map_or(&[][..], |list| &list.files) {
        if !ended.contains(&file.id) {
            files.insert(file.id, with_deletes(file, &mut parts.deletes));
        }
    }
    for row in rows {
        if !ended.contains(&row.data_file_id) && !files.contains_key(&row.data_file_id) {
            let file = data_file(wanted, row, &mut parts)?;
            files.insert(file.id, Arc::new(file));
        }
    }
    Ok(files.into_values().collect())
}

/// The same file under the deletes of now; shared if they have not changed.
fn with_deletes(file: &Arc<DataFile>, deletes: &mut Deletes) -> Arc<DataFile> {
    let delete_file = deletes.files.remove(&file.id);
    let mut inlined_deletes = deletes.inlined.remove(&file.id).unwrap_or_default();
    inlined_deletes.sort_unstable();
    // Foreign files alone have a limit, and lists with those are never carried forward.
    let is_same = inlined_deletes == file.inlined_deletes
        && delete_file
            .as_ref()
            .map(|file| (&file.location, file.up_to_snapshot))
            == file
                .delete_file
                .as_ref()
                .map(|file| (&file.location, file.up_to_snapshot));
    if is_same {
        return Arc::clone(file);
    }
    Arc::new(DataFile {
        id: file.id,
        location: file.location.clone(),
        row_count: file.row_count,
        bytes: file.bytes,
        footer_bytes: file.footer_bytes,
        has_deletes: delete_file.is_some()
            || !inlined_deletes.is_empty()
            || file.partial_max.is_some(),
        partial_max: file.partial_max,
        name_mapping: file.name_mapping.clone(),
        row_id_start: file.row_id_start,
        stats: Arc::clone(&file.stats),
        delete_file,
        inlined_deletes,
        deleted: OnceCell::new(),
    })
}

fn data_file(wanted: &Wanted<'_>, row: DataFileRow, parts: &mut Parts) -> Result<DataFile, Error> {
    let Wanted {
        place,
        schema,
        table,
        at,
    } = wanted;
    check_readable(
        table,
        row.file_format.as_deref(),
        row.encryption_key.as_deref(),
    )?;
    let id = row.data_file_id;
    let delete_file = parts.deletes.files.remove(&id);
    let mut inlined_deletes = parts.deletes.inlined.remove(&id).unwrap_or_default();
    inlined_deletes.sort_unstable();
    let partial_max = row.partial_max.filter(|last| at.0 < *last).map(|_| *at);
    Ok(DataFile {
        id,
        location: place.file(schema, table, &row.path, row.path_is_relative)?,
        row_count: unsigned(row.record_count),
        bytes: unsigned(row.file_size_bytes),
        footer_bytes: unsigned(row.footer_size.unwrap_or(0)),
        has_deletes: delete_file.is_some() || !inlined_deletes.is_empty() || partial_max.is_some(),
        partial_max,
        name_mapping: row
            .mapping_id
            .and_then(|id| parts.mappings.get(&id).map(Arc::clone)),
        row_id_start: row.row_id_start,
        stats: Arc::new(parts.stats.remove(&id).unwrap_or_default()),
        delete_file,
        inlined_deletes,
        deleted: OnceCell::new(),
    })
}

/// Refuses what would be read wrongly.
fn check_readable(table: &Table, format: Option<&str>, key: Option<&str>) -> Result<(), Error> {
    let gap = match (format, key) {
        (_, Some(_)) => "encrypted files",
        (Some("parquet") | None, None) => return Ok(()),
        (Some(_), None) => "files that are not Parquet",
    };
    let text = format!(
        "relation \"{}\" has {gap}, which are not supported",
        table.name
    );
    Err(Error::new(ErrorKind::Unsupported, text))
}

fn stats_by_file(rows: Vec<FileColumnStatsRow>) -> HashMap<i64, FileStats> {
    let mut stats: HashMap<i64, FileStats> = HashMap::new();
    for row in rows {
        let column = ColumnStats {
            null_count: row.null_count.map(unsigned),
            min: row.min_value,
            max: row.max_value,
            contains_nan: row.contains_nan,
        };
        stats
            .entry(row.data_file_id)
            .or_default()
            .insert(ColumnId(row.column_id), column);
    }
    stats
}

async fn load_mappings(
    store: &dyn CatalogStore,
    files: &[DataFileRow],
) -> Result<HashMap<i64, Arc<NameMapping>>, Error> {
    let ids: HashSet<i64> = files.iter().filter_map(|file| file.mapping_id).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let conditions = vec![Condition::In("mapping_id", ids.into_iter().collect())];
    let selection = Selection::of::<NameMappingRow>(conditions);
    let rows = store.select(&[selection]).await?.pop().unwrap_or_default();
    let mut mappings: HashMap<i64, NameMapping> = HashMap::new();
    for row in decode::<NameMappingRow>(rows)? {
        let entry = NameMappingEntry {
            ordinal: row.column_id,
            source_name: row.source_name.unwrap_or_default(),
            target: ColumnId(row.target_field_id.unwrap_or_default()),
            parent: row.parent_column,
            is_partition: row.is_partition.unwrap_or(false),
        };
        let mapping = mappings.entry(row.mapping_id);
        let empty = || NameMapping {
            id: row.mapping_id,
            entries: Vec::new(),
        };
        mapping.or_insert_with(empty).entries.push(entry);
    }
    Ok(mappings
        .into_iter()
        .map(|(id, mapping)| (id, Arc::new(mapping)))
        .collect())
}

/// A count or size; the catalog has no negative ones.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
