//! Writes delete files: two columns, `file_path` and `pos`, ascending.
//!
//! The path is the same in every row and nobody looks at it, because the catalog knows
//! the data file; the format asks for it.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use object_store::ObjectStore;
use object_store::path::Path;
use parquet::arrow::{ArrowWriter, PARQUET_FIELD_ID_META_KEY};
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::{PATH_FIELD, PATH_NAME, POSITION_FIELD, POSITION_NAME, check_count};
use crate::error::{Error, ErrorKind};
use crate::file::parquet_error;
use crate::file::write::upload::Upload;
use crate::snapshot::DeletedPositions;

const ACTION: &str = "write a delete file";

/// Positions that are encoded at a time.
const BATCH_ROWS: usize = 65_536;

/// A delete file in the store, as the catalog will describe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrittenDeletes {
    /// Rows of the data file that are deleted.
    pub(crate) row_count: u64,
    /// Size of the object.
    pub(crate) bytes: u64,
    /// Length of the Thrift footer, without the eight bytes behind it.
    pub(crate) footer_bytes: u64,
}

/// Writes the deleted positions of one data file to a new object.
///
/// `location`: where to; a new name. Cost: 1 put, of 1 to 2 bytes for each position.
/// Errors: those of the store; `Exhausted` for more positions than are read again.
pub(crate) async fn write_delete_file(
    store: Arc<dyn ObjectStore>,
    location: &Path,
    data_file: &Path,
    deleted: Arc<DeletedPositions>,
) -> Result<WrittenDeletes, Error> {
    check_count(deleted.positions.len())?;
    let row_count = deleted.positions.len() as u64;
    let path = data_file.to_string();
    let encoding = tokio::task::spawn_blocking(move || encode(&path, &deleted.positions));
    let bytes = encoding.await.unwrap_or_else(|error| {
        let message = "a task that lays out a delete file failed";
        Err(Error::new(ErrorKind::Internal, message).with_source(error))
    })?;
    let footer_bytes = footer_bytes(&bytes)?;
    let mut upload = Upload::new(store, location.clone());
    let sent = async {
        upload.write(bytes).await?;
        upload.finish().await
    };
    if let Err(error) = sent.await {
        // The parts are given up; the object itself is the transaction's to delete.
        let _ = upload.abort().await;
        return Err(error);
    }
    Ok(WrittenDeletes {
        row_count,
        bytes: upload.bytes(),
        footer_bytes,
    })
}

fn encode(path: &str, positions: &[u64]) -> Result<Bytes, Error> {
    let failed = |error| parquet_error(ACTION, error);
    let schema = schema();
    let position = ColumnPath::from(POSITION_NAME);
    let properties = WriterProperties::builder()
        .set_created_by(concat!("gotgan version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::LZ4_RAW)
        .set_column_dictionary_enabled(position.clone(), false)
        .set_column_encoding(position, Encoding::DELTA_BINARY_PACKED)
        .build();
    let mut writer =
        ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties)).map_err(failed)?;
    for chunk in positions.chunks(BATCH_ROWS) {
        let paths: ArrayRef = Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
            path,
            chunk.len(),
        )));
        let numbers = chunk.iter().map(|position| {
            i64::try_from(*position).map_err(|error| {
                let message = "a position is beyond what a delete file can hold";
                Error::new(ErrorKind::Internal, message).with_source(error)
            })
        });
        let numbers: ArrayRef = Arc::new(Int64Array::from(numbers.collect::<Result<Vec<_>, _>>()?));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![paths, numbers]);
        let batch = batch.map_err(|error| failed(error.into()))?;
        writer.write(&batch).map_err(failed)?;
    }
    Ok(Bytes::from(writer.into_inner().map_err(failed)?))
}

fn schema() -> SchemaRef {
    let field = |name: &str, data_type: DataType, id: i32| {
        let metadata = [(PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_string())];
        Field::new(name, data_type, false).with_metadata(metadata.into())
    };
    Arc::new(Schema::new(vec![
        field(PATH_NAME, DataType::Utf8, PATH_FIELD),
        field(POSITION_NAME, DataType::Int64, POSITION_FIELD),
    ]))
}

/// Reads the footer's length from the end of a file.
fn footer_bytes(bytes: &Bytes) -> Result<u64, Error> {
    let length = bytes
        .len()
        .checked_sub(8)
        .and_then(|start| bytes.get(start..start + 4))
        .and_then(|length| <[u8; 4]>::try_from(length).ok());
    length
        .map(|length| u64::from(u32::from_le_bytes(length)))
        .ok_or_else(|| Error::new(ErrorKind::Internal, "the encoder wrote no footer"))
}
