//! Lakes whose data paths lie in each other, found by their markers.
//!
//! Folders above a data path are few and are looked at one by one. Those below are asked
//! for only where an object seems to be nobody's, so that a search costs nothing more where
//! there is none.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use gotgan_config::ObjectStoreConfig;
use object_store::path::{Path, PathPart};
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::error::{Error, ErrorKind};
use crate::object::{DataPlace, open_whole_bucket, store_error};
use crate::ownership::marker::MARKER_NAME;

/// Folders that are remembered. At the bound all are forgotten, which costs requests.
const FOLDERS_MAX: usize = 65_536;

/// Where the markers of lakes that hold a data path would be.
#[derive(Debug)]
pub(crate) enum Above {
    /// Files of this machine.
    Files(Vec<PathBuf>),
    /// Objects of a bucket.
    Objects(Arc<dyn ObjectStore>, Vec<Path>),
}

impl Above {
    /// Asks no other machine.
    pub(crate) fn of(place: &DataPlace, config: Option<&ObjectStoreConfig>) -> Result<Self, Error> {
        match place {
            DataPlace::Folder(folder) => {
                let above = folder.ancestors().skip(1);
                Ok(Self::Files(above.map(|at| at.join(MARKER_NAME)).collect()))
            }
            DataPlace::Bucket(bucket) => {
                let store = open_whole_bucket(bucket, config)?;
                let mut markers = folders(&bucket.prefix);
                markers.pop();
                Ok(Self::Objects(
                    store,
                    markers.iter().map(marker_in).collect(),
                ))
            }
        }
    }

    /// The marker of a lake around this one. What may not be read is passed over: then
    /// nobody with these rights can tell.
    ///
    /// Cost: a request for each part of a bucket's prefix.
    /// Errors: `Unavailable` if the store does not answer.
    pub(crate) async fn find(&self) -> Result<Option<String>, Error> {
        use object_store::Error as StoreError;
        match self {
            Self::Files(markers) => {
                let found = markers.iter().find(|at| at.exists());
                Ok(found.map(|at| at.display().to_string()))
            }
            Self::Objects(store, markers) => {
                for at in markers {
                    match is_there(&**store, at).await {
                        Ok(true) => return Ok(Some(at.to_string())),
                        Ok(false)
                        | Err(
                            StoreError::PermissionDenied { .. }
                            | StoreError::Unauthenticated { .. },
                        ) => {}
                        Err(error) => return Err(not_looked(error)),
                    }
                }
                Ok(None)
            }
        }
    }
}

/// The lakes below a data path, as far as somebody asked.
#[derive(Debug, Default)]
pub(crate) struct Below {
    /// Folders, and whether a marker is right in them.
    known: HashMap<Path, bool>,
}

impl Below {
    /// Whether an object lies in a folder below the root that holds another marker.
    pub(crate) async fn holds(
        &mut self,
        store: &dyn ObjectStore,
        object: &ObjectMeta,
    ) -> Result<bool, Error> {
        let mut above = folders(&object.location);
        // The object itself, and the root, whose marker is this lake's.
        above.pop();
        for folder in above.into_iter().skip(1) {
            let is_marked = match self.known.get(&folder) {
                Some(known) => *known,
                None => {
                    let marker = marker_in(&folder);
                    let is_marked = is_there(store, &marker).await.map_err(not_looked)?;
                    if self.known.len() >= FOLDERS_MAX {
                        self.known.clear();
                    }
                    self.known.insert(folder, is_marked);
                    is_marked
                }
            };
            if is_marked {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The root, each folder on the way to a path, and the path.
fn folders(path: &Path) -> Vec<Path> {
    let parts: Vec<PathPart<'_>> = path.parts().collect();
    let lengths = 0..=parts.len();
    lengths
        .map(|length| Path::from_iter(parts[..length].iter().cloned()))
        .collect()
}

fn marker_in(folder: &Path) -> Path {
    folder.clone().join(MARKER_NAME)
}

async fn is_there(store: &dyn ObjectStore, location: &Path) -> object_store::Result<bool> {
    match store.head(location).await {
        Ok(_) => Ok(true),
        Err(object_store::Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

fn not_looked(error: object_store::Error) -> Error {
    store_error("look for the marker of another lake", error)
}

/// The error for a lake within another one's data path. `at`: where the other's marker is.
pub(crate) fn within_another(at: String) -> Error {
    let text = "the data path lies within another lake's, so that nobody can tell whose a file \
                there is: a lake needs a place of its own, which storage.data_url names";
    Error::new(ErrorKind::NotOwner, text).with_source(at)
}
