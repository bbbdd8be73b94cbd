//! Where a lake's catalog and data are on this machine.
//!
//! The catalog names the data path absolutely, for DuckDB. Beside it we keep the path
//! relative to the catalog, so that a lake whose whole folder was moved is found again. A
//! catalog on a server is in no folder: the path is absolute, and the same on all nodes.

use std::path::{Path, PathBuf};

use gotgan_config::Secret;

use crate::catalog::{PostgresCatalog, SqliteCatalog};
use crate::error::{Error, ErrorKind};
use crate::lake::LakeOptions;

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

/// The folder that `data_url` names, if it is set.
pub(super) fn configured_data(options: &LakeOptions) -> Result<Option<PathBuf>, Error> {
    let Some(url) = &options.data_url else {
        return Ok(None);
    };
    match url.strip_prefix("file://") {
        Some(path) if !path.is_empty() => Ok(Some(PathBuf::from(path))),
        _ => {
            let text = "data files in this kind of store are not built yet";
            Err(Error::new(ErrorKind::Unsupported, text))
        }
    }
}

/// The folder of data files of a new lake; made if it is absent.
pub(super) fn new_data(options: &LakeOptions) -> Result<PathBuf, Error> {
    let path = configured_data(options)?.unwrap_or_else(|| options.data_dir.join(DATA_NAME));
    make_folder(&path)?;
    canonical(&path)
}

/// The folder of data files of a lake that is there, from what its catalog says.
///
/// `location`: relative to the catalog's folder, or absolute.
/// Errors: `Corrupt` if it is gone; `Unsupported` if the configuration names another.
pub(super) fn known_data(
    options: &LakeOptions,
    catalog: &CatalogPlace,
    location: &str,
) -> Result<PathBuf, Error> {
    let path = canonical(&catalog.folder().unwrap_or_default().join(location))?;
    check_configured(options, &path)?;
    Ok(path)
}

/// The folder of data files of a lake that DuckDB made.
///
/// A relative data path was relative to where DuckDB ran, which nobody knows: the places
/// where it may be are tried in turn.
pub(super) fn adopted_data(
    options: &LakeOptions,
    catalog: &CatalogPlace,
    data_path: &str,
) -> Result<PathBuf, Error> {
    let stated = Path::new(data_path);
    if stated.is_absolute() {
        let path = canonical(stated)?;
        check_configured(options, &path)?;
        return Ok(path);
    }
    if let Some(path) = configured_data(options)? {
        return canonical(&path);
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
        |path| canonical(&path),
    )
}

fn check_configured(options: &LakeOptions, path: &Path) -> Result<(), Error> {
    match configured_data(options)? {
        Some(configured) if canonical(&configured)? != path => {
            let text = "storage.data_url names another folder than the one of this lake";
            let source = format!("the lake's is {}", path.display());
            Err(Error::new(ErrorKind::Unsupported, text).with_source(source))
        }
        _ => Ok(()),
    }
}

/// The path relative to the catalog's folder where that is possible; ends in `/`.
pub(super) fn location_text(catalog: &CatalogPlace, data: &Path) -> Result<String, Error> {
    let Some(folder) = catalog.folder() else {
        return path_text(data);
    };
    let folder = canonical(&folder)?;
    path_text(data.strip_prefix(&folder).unwrap_or(data))
}

/// A folder as the catalog spells it: ends in `/`.
pub(super) fn path_text(path: &Path) -> Result<String, Error> {
    let text = path
        .to_str()
        .ok_or_else(|| Error::new(ErrorKind::Unsupported, "the data path is not valid UTF-8"))?;
    Ok(format!("{}/", text.trim_end_matches('/')))
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

fn canonical(path: &Path) -> Result<PathBuf, Error> {
    path.canonicalize().map_err(|source| {
        Error::new(
            ErrorKind::Corrupt,
            "the lake's folder of data files is missing",
        )
        .with_source(format!("{}: {source}", path.display()))
    })
}
