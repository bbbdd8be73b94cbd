//! Where a lake's catalog and data are on this machine.
//!
//! The catalog names the data path absolutely, for DuckDB. Beside it we keep the path
//! relative to the catalog, so that a lake whose whole folder was moved is found again.

use std::path::{Path, PathBuf};

use crate::catalog::SqliteCatalog;
use crate::error::{Error, ErrorKind};
use crate::lake::LakeOptions;

/// Name of the catalog file in the data folder.
const CATALOG_NAME: &str = "catalog.sqlite";

/// Name of the folder of data files beside it.
const DATA_NAME: &str = "data";

/// The catalog's file.
pub(super) fn catalog_path(options: &LakeOptions) -> Result<PathBuf, Error> {
    let Some(url) = &options.catalog_url else {
        return Ok(options.data_dir.join(CATALOG_NAME));
    };
    SqliteCatalog::path_of_url(url).ok_or_else(|| {
        Error::new(
            ErrorKind::Unsupported,
            "a catalog in this kind of database is not built yet",
        )
    })
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
    catalog: &Path,
    location: &str,
) -> Result<PathBuf, Error> {
    let path = canonical(&folder_of(catalog).join(location))?;
    check_configured(options, &path)?;
    Ok(path)
}

/// The folder of data files of a lake that DuckDB made.
///
/// A relative data path was relative to where DuckDB ran, which nobody knows: the places
/// where it may be are tried in turn.
pub(super) fn adopted_data(
    options: &LakeOptions,
    catalog: &Path,
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
    let beside = folder_of(catalog);
    let last = stated
        .components()
        .next_back()
        .map(|last| beside.join(last));
    let candidates = [Some(beside.join(stated)), Some(stated.to_owned()), last];
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
pub(super) fn location_text(catalog: &Path, data: &Path) -> Result<String, Error> {
    let folder = canonical(&folder_of(catalog))?;
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
