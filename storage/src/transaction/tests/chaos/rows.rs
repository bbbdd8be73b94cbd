//! Rows of tables `(a integer, b text)`, read and written where any call may fail.

use arrow::array::AsArray;
use arrow::datatypes::Int32Type;
use object_store::ObjectStoreExt;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;
use crate::{DataFile, FileList};

/// Where a row is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spot {
    /// File and position.
    File(i64, u64),
    /// Row id.
    Inlined(i64),
}

/// A row of a table.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) key: i32,
    pub(super) text: String,
    pub(super) spot: Spot,
}

/// All rows that a file list shows.
pub(super) async fn read(lake: &Lake, list: &FileList) -> Result<Vec<Found>, Error> {
    let mut rows = Vec::new();
    for file in &list.files {
        let live = read_file(lake, file).await?.into_iter();
        rows.extend(live.map(|(position, key, text)| {
            let spot = Spot::File(file.id, position);
            Found { key, text, spot }
        }));
    }
    if let Some(inlined) = &list.inlined {
        let pairs = pairs(&inlined.batch);
        for (id, (key, text)) in inlined.row_ids.iter().zip(pairs) {
            let spot = Spot::Inlined(*id);
            rows.push(Found { key, text, spot });
        }
    }
    Ok(rows)
}

/// Position, key and text of the live rows of a file.
pub(super) async fn read_file(
    lake: &Lake,
    file: &DataFile,
) -> Result<Vec<(u64, i32, String)>, Error> {
    let deleted = lake.deleted_positions(file).await?;
    let deleted = deleted.map_or(Vec::new(), |deleted| deleted.positions.clone());
    let all = (0_u64..).zip(content(lake, file).await?);
    Ok(all
        .filter(|(position, _)| deleted.binary_search(position).is_err())
        .map(|(position, (key, text))| (position, key, text))
        .collect())
}

/// All rows of a file, also deleted ones.
async fn content(lake: &Lake, file: &DataFile) -> Result<Vec<(i32, String)>, Error> {
    let failed = |error| crate::object_error("read a data file", error);
    let object = lake.object_store().get(&file.location).await;
    let bytes = object.map_err(failed)?.bytes().await.map_err(failed)?;
    if bytes.len() as u64 != file.bytes {
        let text = "the read was cut, as a test wants it";
        return Err(Error::new(ErrorKind::Unavailable, text));
    }
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).expect("a Parquet file");
    let mut rows = Vec::new();
    for batch in reader.build().expect("a reader") {
        rows.extend(pairs(&batch.expect("rows")));
    }
    assert_eq!(rows.len() as u64, file.row_count);
    Ok(rows)
}

/// Key and text of each row; files that were rewritten have a column more.
fn pairs(batch: &RecordBatch) -> Vec<(i32, String)> {
    let keys = batch.column_by_name("a").expect("column a");
    let keys = keys.as_primitive::<Int32Type>();
    let texts = batch.column_by_name("b").expect("column b");
    let texts = arrow::compute::cast(texts, &arrow::datatypes::DataType::Utf8View);
    let texts = texts.expect("texts");
    let texts = texts.as_string_view();
    (0..batch.num_rows())
        .map(|row| (keys.value(row), texts.value(row).to_owned()))
        .collect()
}

/// Adds rows, in a file or inlined.
pub(super) async fn add(
    transaction: &mut Transaction,
    table: TableId,
    rows: &[(i32, String)],
    is_file: bool,
) -> Result<(), Error> {
    let keys = Int32Array::from_iter_values(rows.iter().map(|(key, _)| *key));
    let texts = StringViewArray::from_iter_values(rows.iter().map(|(_, text)| text));
    let columns: [(&str, ArrayRef); 2] = [("a", Arc::new(keys)), ("b", Arc::new(texts))];
    let batch = RecordBatch::try_from_iter(columns).expect("a batch");
    if !is_file {
        return transaction.append_rows(table, batch).await;
    }
    let mut writer = transaction.writer(table).await?;
    writer.write(batch).await?;
    let staged = writer.finish().await?;
    transaction.append(table, staged)
}

/// Deletes rows.
pub(super) async fn delete(
    transaction: &mut Transaction,
    table: TableId,
    rows: &[&Found],
) -> Result<(), Error> {
    let mut files: std::collections::BTreeMap<i64, Vec<u64>> = std::collections::BTreeMap::new();
    let mut ids = Vec::new();
    for row in rows {
        match row.spot {
            Spot::File(file, position) => files.entry(file).or_default().push(position),
            Spot::Inlined(id) => ids.push(id),
        }
    }
    for (file, mut positions) in files {
        positions.sort_unstable();
        transaction.delete_rows(table, file, &positions).await?;
    }
    if !ids.is_empty() {
        ids.sort_unstable();
        transaction.delete_inlined_rows(table, &ids).await?;
    }
    Ok(())
}
