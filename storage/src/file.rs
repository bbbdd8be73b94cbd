//! Parquet files of tables: written with their statistics, and delete files read back.
//!
//! Flow of a write: batches ──▶ `write` (encodes, uploads, collects bounds) ──▶
//! `StagedFiles`, which nobody sees until a commit names them.

pub(crate) mod delete;
pub(crate) mod reader;
pub(crate) mod schema;
pub(crate) mod stats;
pub(crate) mod write;

use parquet::errors::ParquetError;

use crate::error::{Error, ErrorKind};
use crate::object::store_error;

/// The error for a failed Parquet call. `action`: what was tried, as in "read a file".
///
/// A failure of the store below stays what it is; all else means that the bytes, or the
/// values handed to the encoder, are not what they must be.
pub(crate) fn parquet_error(action: &str, error: ParquetError) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast::<object_store::Error>() {
            Ok(store) => store_error(action, *store),
            Err(other) => corrupt(action, other),
        },
        other => corrupt(action, Box::new(other)),
    }
}

fn corrupt(action: &str, source: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::new(ErrorKind::Corrupt, format!("could not {action}")).with_source(source)
}
