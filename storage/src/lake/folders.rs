//! Where a lake's catalog and data are on this machine.
//!
//! The catalog names the data path absolutely, for DuckDB. Beside it we keep the path
//! relative to the catalog, so that a lake whose whole folder was moved is found again. A
//! catalog on a server is in no folder: the path is absolute, and the same on all nodes.
//! Data in a bucket has one URL wherever it is looked at, and both are that.

use std::path::{Path, PathBuf};

use gotgan_config::Secret;

use crate::catalog::{PostgresCatalog, SqliteCatalog};
use crate::error::{Error, ErrorKind};
use crate::lake::LakeOptions;
use crate::object::{Bucket, DataPlace, is_empty, open_store};
use crate::ownership::{Above, MARKER_NAME, refuse_marked, within_another};

/// Name of the catalog file in the data folder.
const CATALOG_NAME: &str = "catalog.sqlite";

/// Name of the folder of data files beside it.
const DATA_NAME: &str = "data";

/// Where the catalog database is.
#[derive(Debug)]
pub(super) enum CatalogPlace {
    /// In this file.
    File(PathBuf),
    /// On the server that this URL names, which may hold a password.
    Server(Secret<String>),
}

impl CatalogPlace {
    /// What the options say.
    pub(super) fn of(options: &LakeOptions) -> Result<Self, Error> {
        let Some(url) = &options.catalog_url else {
            return Ok(Self::File(options.data_dir.join(CATALOG_NAME)));
        };
        if PostgresCatalog::is_url(url.expose()) {
            return Ok(Self::Server(url.clone()));
        }
        let path = SqliteCatalog::path_of_url(url.expose());
        path.map(Self::File).ok_or_else(|| {
            Error::new(
                ErrorKind::Unsupported,
                "a catalog in this kind of database is not supported",
            )
        })
    }

    /// The folder that relative locations begin at. On a server there is none.
    fn folder(&self) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(folder_of(path)),
            Self::Server(_) => None,
        }
    }
}

/// The place that `data_url` names, if it is set.
fn configured_data(options: &LakeOptions) -> Result<Option<DataPlace>, Error> {
    let url = options.data_url.as_deref();
    url.map(DataPlace::of_url).transpose()
}

/// The place of data files of a new lake. A folder is made if it is absent; a bucket must
/// be there.
///
/// Nothing may be below, which may be another lake's: the search for orphans would take it
/// for this one's. In a folder only data files and markers matter.
/// Errors: `Unsupported` if something is there, `NotOwner` if that is another lake's.
pub(super) async fn new_data(options: &LakeOptions) -> Result<DataPlace, Error> {
    let beside = || DataPlace::Folder(options.data_dir.join(DATA_NAME));
    let place = configured_data(options)?.unwrap_or_else(beside);
    if let DataPlace::Folder(path) = &place {
        make_folder(path)?;
    }
    let place = canonical(place)?;
    let config = options.object_store.as_ref();
    let is_empty = match &place {
        DataPlace::Folder(path) => !holds_data_files(path)?,
        DataPlace::Bucket(bucket) => is_empty(bucket, config).await?,
    };
    if !is_empty || matches!(place, DataPlace::Folder(_)) {
        refuse_marked(&*open_store(&place, config)?.objects).await?;
    }
    if !is_empty {
        return Err(not_empty(place.text()?));
    }
    match Above::of(&place, config)?.find().await? {
        Some(at) => Err(within_another(at)),
        None => Ok(place),
    }
}

fn not_empty(place: String) -> Error {
    let text = "a new lake needs an empty place for its data, and this one holds objects: \
                storage.data_url names the place, storage.catalog_url the catalog of a lake \
                that is there";
    Error::new(ErrorKind::Unsupported, text).with_source(place)
}

/// Whether a folder or one below it holds a data file, or another lake's marker.
fn holds_data_files(path: &Path) -> Result<bool, Error> {
    let look = || {
        let mut folders = vec![path.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                    continue;
                }
                let is_data = entry.path().extension().is_some_and(|end| end == "parquet");
                if is_data || entry.file_name() == MARKER_NAME {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    };
    look().map_err(|source: std::io::Error| {
        Error::new(ErrorKind::Unavailable, "the data folder cannot be read")
            .with_source(format!("{}: {source}", path.display()))
    })
}

/// The place of data files of a lake that is there, from what its catalog says.
///
/// `location`: a URL, or a path that is relative to the catalog's folder, or absolute.
/// Errors: `Corrupt` if it is gone; `Unsupported` if the configuration names another.
pub(super) async fn known_data(
    options: &LakeOptions,
    catalog: &CatalogPlace,
    location: &str,
) -> Result<DataPlace, Error> {
    let place = match Bucket::of_url(location)? {
        Some(bucket) => DataPlace::Bucket(bucket),
        None => {
            let path = catalog.folder().unwrap_or_default().join(location);
            DataPlace::Folder(path)
        }
    };
    let place = canonical(place)?;
    check_configured(options, &place)?;
    if let DataPlace::Bucket(bucket) = &place {
        is_empty(bucket, options.object_store.as_ref()).await?;
    }
    Ok(place)
}

/// The place of data files of a lake that DuckDB made.
///
/// A relative data path was relative to where DuckDB ran, which nobody knows: the places
/// where it may be are tried in turn.
pub(super) fn adopted_data(
    options: &LakeOptions,
    catalog: &CatalogPlace,
    data_path: &str,
) -> Result<DataPlace, Error> {
    let bucket = Bucket::of_url(data_path)?;
    let stated = Path::new(data_path);
    if bucket.is_some() || stated.is_absolute() {
        let folder = || DataPlace::Folder(stated.to_owned());
        let place = canonical(bucket.map_or_else(folder, DataPlace::Bucket))?;
        check_configured(options, &place)?;
        return Ok(place);
    }
    if data_path.contains("://") {
        let text = "the lake's data is in a kind of place that is not supported";
        return Err(Error::new(ErrorKind::Unsupported, text).with_source(data_path.to_owned()));
    }
    if let Some(place) = configured_data(options)? {
        return canonical(place);
    }
    let beside = catalog.folder();
    let below = |path: &Path| beside.as_ref().map(|folder| folder.join(path));
    let last = stated.components().next_back();
    let last = last.and_then(|last| below(last.as_ref()));
    let candidates = [below(stated), Some(stated.to_owned()), last];
    let found = candidates.into_iter().flatten().find(|path| path.is_dir());
    found.map_or_else(
        || {
            let text = "the lake's data path is relative: set storage.data_url to where it is";
            Err(Error::new(ErrorKind::Unsupported, text).with_source(data_path.to_owned()))
        },
        |path| canonical(DataPlace::Folder(path)),
    )
}

fn check_configured(options: &LakeOptions, place: &DataPlace) -> Result<(), Error> {
    let configured = configured_data(options)?.map(canonical).transpose()?;
    if configured.is_none_or(|configured| configured == *place) {
        return Ok(());
    }
    let text = "storage.data_url names another place than the one of this lake";
    let source = format!("the lake's is {}", place.text()?);
    Err(Error::new(ErrorKind::Unsupported, text).with_source(source))
}

/// How the catalog notes the place beside the data path: relative to the catalog's folder
/// where that is possible; ends in `/`.
pub(super) fn location_text(catalog: &CatalogPlace, data: &DataPlace) -> Result<String, Error> {
    let (Some(folder), DataPlace::Folder(path)) = (catalog.folder(), data) else {
        return data.text();
    };
    let folder = canonical_path(&folder)?;
    let below = path.strip_prefix(&folder).unwrap_or(path);
    DataPlace::Folder(below.to_owned()).text()
}

/// Makes a folder that outlasts a power cut.
pub(super) fn make_folder(path: &Path) -> Result<(), Error> {
    let make = || {
        std::fs::create_dir_all(path)?;
        match path.canonicalize()?.parent() {
            Some(parent) => std::fs::File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    };
    make().map_err(|source: std::io::Error| {
        Error::new(ErrorKind::Unavailable, "the data folder cannot be made")
            .with_source(format!("{}: {source}", path.display()))
    })
}

fn folder_of(catalog: &Path) -> PathBuf {
    match catalog.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The place without links; that of a bucket as it is.
fn canonical(place: DataPlace) -> Result<DataPlace, Error> {
    match place {
        DataPlace::Folder(path) => canonical_path(&path).map(DataPlace::Folder),
        bucket @ DataPlace::Bucket(_) => Ok(bucket),
    }
}

fn canonical_path(path: &Path) -> Result<PathBuf, Error> {
    path.canonicalize().map_err(|source| {
        Error::new(
            ErrorKind::Corrupt,
            "the lake's folder of data files is missing",
        )
        .with_source(format!("{}: {source}", path.display()))
    })
}
