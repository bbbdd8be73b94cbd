//! Positions of deleted rows: in delete files, and in partial data files.
//!
//! A position counts the rows of a data file from 0, in the order of the file.
//!
//! Source: DuckLake 1.0, section "delete files": `file_path` (not looked at, the catalog
//! knows the file), `pos`, and in files that DuckDB rewrote for a later snapshot
//! `_ducklake_internal_snapshot_id`.

#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::path::Path;
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use parquet::arrow::{PARQUET_FIELD_ID_META_KEY, ProjectionMask};

use crate::error::{Error, ErrorKind};
use crate::file::parquet_error;
use crate::file::reader::StoreReader;
use crate::file::schema::{ROW_ID_FIELD, ROW_ID_NAME, SNAPSHOT_ID_FIELD, SNAPSHOT_ID_NAME};
use crate::spec::SnapshotId;

pub(crate) use write::{WrittenDeletes, write_delete_file};

const PATH_FIELD: i32 = 2_147_483_646;
const PATH_NAME: &str = "file_path";

const POSITION_FIELD: i32 = 2_147_483_645;
const POSITION_NAME: &str = "pos";

/// Most positions that are read from one file, 8 bytes each: more is a sign of a broken
/// file, and of rows that should have been rewritten.
const POSITION_COUNT_MAX: usize = 1 << 28;

/// An object to read: where it is and how large, as the catalog has it.
#[derive(Clone, Debug)]
pub(crate) struct FileRef {
    pub(crate) location: Path,
    pub(crate) bytes: u64,
}

/// The positions that a delete file names, ascending and each once.
///
/// `format`: the catalog's `format`. `limit`: with it, only positions that were deleted
/// up to and with that snapshot (for files with `partial_max`).
/// Cost: 2 to 3 reads of the store.
/// Errors: `Unsupported` for another format than Parquet; `Corrupt` if the file is
/// missing or not a delete file; `Exhausted` above `POSITION_COUNT_MAX`.
pub(crate) async fn read_delete_file(
    store: Arc<dyn ObjectStore>,
    file: &FileRef,
    format: &str,
    limit: Option<SnapshotId>,
) -> Result<Vec<u64>, Error> {
    if !format.eq_ignore_ascii_case("parquet") {
        let message = format!("delete files of the format \"{format}\" cannot be read");
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    let mut positions: Vec<u64> = Vec::new();
    let mut columns = vec![(POSITION_FIELD, POSITION_NAME)];
    if limit.is_some() {
        columns.push((SNAPSHOT_ID_FIELD, SNAPSHOT_ID_NAME));
    }
    scan(store, file, "read a delete file", &columns, |arrays| {
        check_count(positions.len() + arrays[0].len())?;
        let found = arrays[0].as_primitive::<Int64Type>();
        let snapshots = arrays.get(1).map(|array| array.as_primitive::<Int64Type>());
        for (index, position) in found.values().iter().enumerate() {
            let is_later = match (snapshots, limit) {
                (Some(snapshots), Some(limit)) => snapshots.value(index) > limit.0,
                _ => false,
            };
            if !is_later {
                positions.push(u64::try_from(*position).map_err(|_| broken())?);
            }
        }
        Ok(())
    })
    .await?;
    if !positions.is_sorted() {
        positions.sort_unstable();
    }
    positions.dedup();
    Ok(positions)
}

/// The positions of a partial data file whose rows were written after `limit`, ascending.
///
/// Cost: reads the file's footer and one column of it.
/// Errors: `Corrupt` if the file is missing or has no such column.
pub(crate) async fn read_later_positions(
    store: Arc<dyn ObjectStore>,
    file: &FileRef,
    limit: SnapshotId,
) -> Result<Vec<u64>, Error> {
    let mut positions = Vec::new();
    let mut offset = 0;
    let columns = [(SNAPSHOT_ID_FIELD, SNAPSHOT_ID_NAME)];
    scan(store, file, "read a data file", &columns, |arrays| {
        for (index, snapshot) in arrays[0]
            .as_primitive::<Int64Type>()
            .values()
            .iter()
            .enumerate()
        {
            if *snapshot > limit.0 {
                positions.push(offset + index as u64);
            }
        }
        check_count(positions.len())?;
        offset += arrays[0].len() as u64;
        Ok(())
    })
    .await?;
    Ok(positions)
}

/// The row id of each row of a data file that holds them itself, in the file's order.
///
/// Cost: reads the file's footer and one column of it.
/// Errors: `Corrupt` if the file is missing or has no such column; `Exhausted` above
/// `POSITION_COUNT_MAX`.
pub(crate) async fn read_row_ids(
    store: Arc<dyn ObjectStore>,
    file: &FileRef,
) -> Result<Vec<i64>, Error> {
    let mut ids = Vec::new();
    let columns = [(ROW_ID_FIELD, ROW_ID_NAME)];
    scan(store, file, "read a data file", &columns, |arrays| {
        check_count(ids.len() + arrays[0].len())?;
        ids.extend_from_slice(arrays[0].as_primitive::<Int64Type>().values());
        Ok(())
    })
    .await?;
    Ok(ids)
}

/// Calls `visit` with the wanted columns of each batch, as `Int64` without NULL.
///
/// `columns`: field id and name of each; DuckDB writes both, others may lack the id.
async fn scan(
    store: Arc<dyn ObjectStore>,
    file: &FileRef,
    action: &str,
    columns: &[(i32, &str)],
    mut visit: impl FnMut(&[ArrayRef]) -> Result<(), Error>,
) -> Result<(), Error> {
    let reader = StoreReader::new(store, file.location.clone(), file.bytes);
    let failed = |error| parquet_error(action, error);
    let builder = ParquetRecordBatchStreamBuilder::new(reader)
        .await
        .map_err(failed)?;
    let mut roots = Vec::with_capacity(columns.len());
    for (id, name) in columns {
        let id = id.to_string();
        let fields = builder.schema().fields();
        let by_id = fields.iter().position(|field| {
            field
                .metadata()
                .get(PARQUET_FIELD_ID_META_KEY)
                .is_some_and(|found| *found == id)
        });
        let found = by_id.or_else(|| fields.iter().position(|field| field.name() == name));
        roots.push(found.ok_or_else(broken)?);
    }
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots.iter().copied());
    let mut batches = builder.with_projection(mask).build().map_err(failed)?;
    while let Some(batch) = batches.try_next().await.map_err(failed)? {
        visit(&integers(&batch, &roots)?)?;
    }
    Ok(())
}

/// The columns of `batch`, which follow the file's order, in the order of `roots`.
fn integers(batch: &RecordBatch, roots: &[usize]) -> Result<Vec<ArrayRef>, Error> {
    let mut arrays = Vec::with_capacity(roots.len());
    for root in roots {
        let index = roots.iter().filter(|other| *other < root).count();
        let array = cast(batch.column(index), &DataType::Int64)
            .map_err(|error| broken().with_source(error))?;
        if array.null_count() > 0 {
            return Err(broken());
        }
        arrays.push(array);
    }
    Ok(arrays)
}

fn check_count(count: usize) -> Result<(), Error> {
    if count > POSITION_COUNT_MAX {
        let message = "a data file has too many deleted rows to read";
        return Err(Error::new(ErrorKind::Exhausted, message));
    }
    Ok(())
}

fn broken() -> Error {
    Error::new(
        ErrorKind::Corrupt,
        "a file does not hold the positions that the catalog expects",
    )
}
