//! The marker: a small object at the root of a data path that names the lake and its owner.
//!
//! Tools that read a folder of Parquet files pass over names that begin with `_`; DuckDB
//! opens only what its catalog names.
//!
//! Replacing it is conditional, where the store can do that. A conditional put whose reply
//! was lost finds its own marker when it is tried again, and is told that it was raced: the
//! caller reads again, and finds what it wanted.

use std::sync::Arc;

use object_store::path::Path;
use object_store::{
    Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    UpdateVersion,
};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};
use crate::object::store_error;

/// Name of the object.
pub(crate) const MARKER_NAME: &str = "_gotgan.json";

/// What this program writes.
const FORMAT: i64 = 1;

/// More than any marker has.
const BYTES_MAX: u64 = 64 * 1024;

/// For whoever finds the object.
const ABOUT: &str = "The Parquet files beside and below belong to a Gotgan lake, and this says \
                     to which. Without it, another lake might take them for abandoned.";

/// See the file's header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marker {
    about: String,
    format: i64,
    /// The lake's own id; copies of a catalog have the same.
    pub(super) lake: String,
    /// What only the owner's catalog knows.
    pub(super) owner: String,
    /// When another catalog of the lake was last found to write here, RFC 3339.
    pub(super) contested_at: Option<String>,
}

/// A marker that was read, with what replaces just this one.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) marker: Marker,
    pub(super) version: UpdateVersion,
}

/// What became of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    Done,
    /// Somebody else put one meanwhile.
    Raced,
    /// The store does not let this process write here.
    Denied,
}

impl Marker {
    pub(super) fn new(lake: &str, owner: String) -> Self {
        Self {
            about: ABOUT.to_owned(),
            format: FORMAT,
            lake: lake.to_owned(),
            owner,
            contested_at: None,
        }
    }
}

/// Reads the marker at the root of a store.
///
/// Errors: `Unsupported` for one of a later version, `Corrupt` for what is no marker;
/// `Unavailable` if the store does not answer.
pub(super) async fn read(store: &dyn ObjectStore) -> Result<Option<Found>, Error> {
    let failed = |error| store_error("read the marker of the data path", error);
    let result = match store.get(&Path::from(MARKER_NAME)).await {
        Err(StoreError::NotFound { .. }) => return Ok(None),
        result => result.map_err(failed)?,
    };
    if result.meta.size > BYTES_MAX {
        return Err(no_marker());
    }
    let version = UpdateVersion {
        e_tag: result.meta.e_tag.clone(),
        version: result.meta.version.clone(),
    };
    let bytes = result.bytes().await.map_err(failed)?;
    Ok(Some(Found {
        marker: decode(&bytes)?,
        version,
    }))
}

fn decode(bytes: &[u8]) -> Result<Marker, Error> {
    let value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|error| no_marker().with_source(error))?;
    if value["format"]
        .as_i64()
        .is_some_and(|format| format > FORMAT)
    {
        let text = "the marker of the data path is of a later version of this program";
        return Err(Error::new(ErrorKind::Unsupported, text));
    }
    serde_json::from_value(value).map_err(|error| no_marker().with_source(error))
}

fn no_marker() -> Error {
    let text = format!("the object {MARKER_NAME} at the root of the data path is no marker");
    Error::new(ErrorKind::Corrupt, text)
}

/// Writes the marker, if the one there is still what was `found`.
///
/// A store that cannot tell replaces it in any case.
/// Errors: those of the store.
pub(super) async fn put(
    store: &Arc<dyn ObjectStore>,
    marker: &Marker,
    found: Option<&UpdateVersion>,
) -> Result<Put, Error> {
    let text = serde_json::to_string_pretty(marker).map_err(|error| {
        Error::new(ErrorKind::Internal, "a marker has no JSON form").with_source(error)
    })?;
    let put = async |mode| {
        let payload = PutPayload::from(text.clone());
        let options = PutOptions::from(mode);
        let location = Path::from(MARKER_NAME);
        store.put_opts(&location, payload, options).await
    };
    let mode = match found {
        None => PutMode::Create,
        Some(version) => PutMode::Update(version.clone()),
    };
    let result = match put(mode).await {
        Err(
            StoreError::AlreadyExists { .. }
            | StoreError::Precondition { .. }
            | StoreError::NotModified { .. },
        ) => return Ok(Put::Raced),
        Err(
            error @ (StoreError::NotSupported { .. }
            | StoreError::NotImplemented { .. }
            | StoreError::Generic { .. }),
        ) => {
            // Stores say in many ways that they know no conditions.
            tracing::debug!(%error, "the marker is written without a condition");
            put(PutMode::Overwrite).await
        }
        result => result,
    };
    match result {
        Ok(_) => Ok(Put::Done),
        Err(StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. }) => {
            Ok(Put::Denied)
        }
        Err(error) => Err(store_error("write the marker of the data path", error)),
    }
}
