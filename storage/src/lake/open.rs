//! Opening a lake: make it, adopt it, or check that we know its format.
//!
//! Making and adopting are one transaction of the catalog each, so a process that dies
//! in between leaves either nothing or all of it.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use tokio::sync::{Mutex as AsyncMutex, RwLock};

use crate::activity::{ActivityStore, PostgresActivity, SqliteActivity, beside};
use crate::catalog::{
    CatalogStore, Condition, Found, NewLake, PostgresCatalog, Selection, SqliteAccess,
    SqliteCatalog, Write, adoption, creation, data_path_write, decode, public_schema,
};
use crate::error::{Error, ErrorKind};
use crate::file::write::FileCompression;
use crate::lake::cache::FileCache;
use crate::lake::folders::CatalogPlace;
use crate::lake::scratch::Scratch;
use crate::lake::{Inner, LakeOptions, LakeRole, folders};
use crate::lock::PrimaryLock;
use crate::object::{DataPlace, LocalStore, ScratchDisk, ScratchStore, open_store};
use crate::snapshot::{Place, load_picture};
use crate::spec::FORMAT_VERSION;
use crate::spec::rows::{MetadataRow, SnapshotRow};
use crate::spec::side::{SIDE_VERSION, StateRow};

pub(super) async fn open(mut options: LakeOptions) -> Result<Inner, Error> {
    let place = CatalogPlace::of(&options)?;
    let (store, lock) = connect(&options, &place).await?;
    #[cfg(test)]
    let store = match &options.wrap {
        Some(wrap) => wrap.catalog(store),
        None => store,
    };
    let catalog = &*store;
    let mut found = catalog.inspect().await?;
    if options.role == LakeRole::Primary {
        let made = match found {
            Found::Nothing => create(catalog, &options, &place).await,
            Found::ForeignLake => adopt(catalog, &options, &place).await,
            Found::Lake | Found::Stranger => Ok(()),
        };
        match made {
            // Another primary was quicker: what it made is ours, too.
            Err(error) if error.kind == ErrorKind::Conflict => {}
            made => made?,
        }
        found = catalog.inspect().await?;
    }
    require_lake(found)?;
    let (state, data, roots) = check(catalog, &options, &place).await?;
    let opened = open_store(&data, options.object_store.as_ref())?;
    let lake_objects = opened.objects;
    #[cfg(test)]
    let lake_objects = match &options.wrap {
        Some(wrap) => wrap.objects(lake_objects),
        None => lake_objects,
    };
    let (scratch, scratch_objects) = open_scratch(&options)?;
    let objects = ScratchStore::new(lake_objects, Arc::new(scratch_objects), scratch.name());
    options.write.compression = match (options.compression, &data) {
        (Some(compression), _) => compression,
        (None, DataPlace::Folder(_)) => options.write.compression,
        (None, DataPlace::Bucket(_)) => FileCompression::Zstd,
    };
    let activity = activity(&options, &place)?;
    let head = catalog.head().await?;
    let picture = load_picture(catalog, &head).await?;
    Ok(Inner {
        catalog: store,
        activity,
        objects: Arc::new(objects),
        abandoned: opened.abandoned,
        place: Place::new(roots),
        node: options.ids.uuid().to_string(),
        pins: Arc::default(),
        is_closed: AtomicBool::new(false),
        options,
        uuid: state.lake_uuid,
        head: Mutex::new(Arc::new(picture)),
        files: Mutex::new(FileCache::default()),
        pictures: Mutex::default(),
        counters: Mutex::default(),
        sequences: AsyncMutex::default(),
        turn: AsyncMutex::new(()),
        refresh: AsyncMutex::new(()),
        commits: Arc::new(RwLock::new(())),
        scratch,
        _lock: lock,
    })
}

/// Errors: `NotFound` and `Unsupported` for what is no lake of ours.
fn require_lake(found: Found) -> Result<(), Error> {
    let (kind, text) = match found {
        Found::Lake => return Ok(()),
        Found::Nothing | Found::ForeignLake => {
            let text = "there is no lake here yet: start a primary first";
            (ErrorKind::NotFound, text)
        }
        Found::Stranger => {
            let text = "the catalog database holds tables that are not a lake's";
            (ErrorKind::Unsupported, text)
        }
    };
    Err(Error::new(kind, text))
}

/// This process's folder for temporary tables, and the store of its files.
fn open_scratch(options: &LakeOptions) -> Result<(Scratch, LocalStore), Error> {
    let (folder, bytes_max) = (&options.scratch_dir, options.scratch_bytes_max);
    let scratch = Scratch::open(folder, &*options.ids, bytes_max)?;
    let disk = ScratchDisk::new(Arc::clone(scratch.usage()));
    let objects = LocalStore::open(folder, Arc::new(disk))?;
    Ok((scratch, objects))
}

/// Opens the catalog database. One in a file is for one primary alone, which is locked
/// against others; one on a server takes several.
async fn connect(
    options: &LakeOptions,
    place: &CatalogPlace,
) -> Result<(Box<dyn CatalogStore>, Option<PrimaryLock>), Error> {
    let is_primary = options.role == LakeRole::Primary;
    if is_primary {
        folders::make_folder(&options.data_dir)?;
    }
    let path = match place {
        CatalogPlace::File(path) => path,
        CatalogPlace::Server(url) => {
            let timeout = options.busy_timeout;
            let catalog = PostgresCatalog::open(url.expose(), is_primary, timeout).await?;
            return Ok((Box::new(catalog), None));
        }
    };
    let lock = match is_primary {
        true => Some(PrimaryLock::take(path)?),
        false => None,
    };
    let access = match is_primary {
        true => SqliteAccess::ReadWrite,
        false => SqliteAccess::ReadOnly,
    };
    let catalog = SqliteCatalog::open(path, access, options.busy_timeout).await?;
    Ok((Box::new(catalog), lock))
}

/// Where leases are; it is opened at its first use.
fn activity(options: &LakeOptions, place: &CatalogPlace) -> Result<Box<dyn ActivityStore>, Error> {
    let timeout = options.busy_timeout;
    Ok(match place {
        CatalogPlace::File(path) => Box::new(SqliteActivity::new(beside(path), timeout)),
        CatalogPlace::Server(url) => Box::new(PostgresActivity::new(url.expose(), timeout)?),
    })
}

async fn create(
    catalog: &dyn CatalogStore,
    options: &LakeOptions,
    place: &CatalogPlace,
) -> Result<(), Error> {
    let data = folders::new_data(options).await?;
    let lake = new_lake(options, place, &data)?;
    catalog.install(&creation(&lake)).await?;
    tracing::info!(lake = lake.lake_uuid, "made a new lake");
    Ok(())
}

/// Adds our tables to a lake that another program made.
async fn adopt(
    catalog: &dyn CatalogStore,
    options: &LakeOptions,
    place: &CatalogPlace,
) -> Result<(), Error> {
    let data_path = check_metadata(catalog).await?;
    let data = folders::adopted_data(options, place, &data_path)?;
    let lake = new_lake(options, place, &data)?;
    let selections = [Selection::of::<SnapshotRow>(Vec::new()), public_schema()];
    let mut results = catalog.select(&selections).await?.into_iter();
    let mut next = move || results.next().unwrap_or_default();
    let snapshots: Vec<SnapshotRow> = decode(next())?;
    let has_public = !next().is_empty();
    let head = snapshots
        .into_iter()
        .max_by_key(|row| row.snapshot_id)
        .ok_or_else(|| Error::new(ErrorKind::Corrupt, "the catalog has no snapshot"))?;
    catalog.install(&adoption(&lake, &head, has_public)).await?;
    tracing::info!(
        lake = lake.lake_uuid,
        "adopted a lake that another program made"
    );
    Ok(())
}

fn new_lake(
    options: &LakeOptions,
    catalog: &CatalogPlace,
    data: &DataPlace,
) -> Result<NewLake, Error> {
    let uuid = || options.ids.uuid().to_string();
    Ok(NewLake {
        data_path: data.text()?,
        data_location: folders::location_text(catalog, data)?,
        superuser: options.superuser.clone(),
        lake_uuid: uuid(),
        schema_uuids: [uuid(), uuid()],
        transaction_id: uuid(),
        now: options.clock.now(),
    })
}

/// Checks versions and finds the data: its place, and the spellings of that, the catalog's
/// own last.
async fn check(
    catalog: &dyn CatalogStore,
    options: &LakeOptions,
    place: &CatalogPlace,
) -> Result<(StateRow, DataPlace, Vec<String>), Error> {
    let stated = check_metadata(catalog).await?;
    let mut state = state(catalog).await?;
    if state.format_version < SIDE_VERSION && options.role == LakeRole::Primary {
        tracing::info!(
            from = state.format_version,
            "gotgan's own tables are brought up to date"
        );
        catalog.upgrade().await?;
        state.format_version = SIDE_VERSION;
    }
    if state.format_version != SIDE_VERSION {
        let text = format!(
            "the lake has version {} of gotgan's tables, this program knows {SIDE_VERSION}",
            state.format_version
        );
        return Err(Error::new(ErrorKind::Unsupported, text));
    }
    let data = folders::known_data(options, place, &state.data_location).await?;
    let root = data.text()?;
    if root == stated {
        return Ok((state, data, vec![root]));
    }
    if options.role == LakeRole::Primary {
        tracing::info!("the lake was moved: its data path is corrected");
        correct_data_path(catalog, &root).await?;
    }
    Ok((state, data, vec![root, stated]))
}

async fn state(catalog: &dyn CatalogStore) -> Result<StateRow, Error> {
    let selection = Selection::of::<StateRow>(Vec::new());
    let rows = catalog.select(&[selection]).await?.pop();
    decode(rows.unwrap_or_default())?
        .pop()
        .ok_or_else(|| Error::new(ErrorKind::Corrupt, "the catalog has lost its gotgan_state"))
}

async fn correct_data_path(catalog: &dyn CatalogStore, root: &str) -> Result<(), Error> {
    let mut transaction = catalog.begin_commit().await?;
    let write: Write = data_path_write(root);
    transaction.apply(&[write]).await?;
    transaction.commit().await
}

/// Refuses what we do not know; returns the data path.
async fn check_metadata(catalog: &dyn CatalogStore) -> Result<String, Error> {
    let keys = ["version", "data_path", "encrypted"];
    let selections =
        keys.map(|key| Selection::of::<MetadataRow>(vec![Condition::Is("key", key.to_owned())]));
    let mut values = Vec::with_capacity(keys.len());
    for rows in catalog.select(&selections).await? {
        let rows: Vec<MetadataRow> = decode(rows)?;
        let global = rows.into_iter().find(|row| row.scope.is_none());
        values.push(global.map(|row| row.value));
    }
    let [version, data_path, encrypted] = <[Option<String>; 3]>::try_from(values)
        .map_err(|_| Error::new(ErrorKind::Internal, "the catalog answered too little"))?;
    match version {
        Some(version) if version == FORMAT_VERSION => {}
        Some(version) => {
            let text = format!(
                "the lake has version {version} of the DuckLake format, this program knows \
                 {FORMAT_VERSION}"
            );
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        None => {
            let text = "the catalog does not tell its format version";
            return Err(Error::new(ErrorKind::Corrupt, text));
        }
    }
    if encrypted.as_deref() == Some("true") {
        let text = "encrypted lakes are not supported";
        return Err(Error::new(ErrorKind::Unsupported, text));
    }
    data_path.ok_or_else(|| Error::new(ErrorKind::Corrupt, "the catalog has no data path"))
}
