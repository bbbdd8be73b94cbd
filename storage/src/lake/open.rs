//! Opening a lake: make it, adopt it, or check that we know its format.
//!
//! Making and adopting are one transaction of the catalog each, so a process that dies
//! in between leaves either nothing or all of it.

use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, Mutex};

use tokio::sync::{Mutex as AsyncMutex, RwLock, watch};

use crate::activity::{ActivityStore, PostgresActivity, SqliteActivity, beside};
use crate::catalog::{
    Catalog, CatalogStore, CatalogWriter, Condition, Found, NewLake, PostgresCatalog, Selection,
    SqliteAccess, SqliteCatalog, Write, adoption, creation, data_path_write, decode, public_access,
    public_schema,
};
use crate::error::{Error, ErrorKind};
use crate::file::write::FileCompression;
use crate::lake::cache::FileCache;
use crate::lake::folders::CatalogPlace;
use crate::lake::follow::Follow;
use crate::lake::scratch::Scratch;
use crate::lake::{Inner, LakeOptions, LakeRole, folders};
use crate::lock::PrimaryLock;
use crate::object::{DataPlace, LocalStore, ReadOnlyStore, ScratchDisk, ScratchStore, open_store};
use crate::ownership::{Above, Claim, refuse_marked};
use crate::snapshot::{Place, load_picture};
use crate::spec::FORMAT_VERSION;
use crate::spec::rows::{MetadataRow, SchemaRow, SnapshotRow};
use crate::spec::side::{AccessRow, SIDE_VERSION, StateRow};

/// The first version of our own tables that tells who may do what.
const FIRST_WITH_ACCESS: i64 = 4;

pub(super) async fn open(mut options: LakeOptions) -> Result<Inner, Error> {
    let place = CatalogPlace::of(&options)?;
    let (opened, lock) = connect(&options, &place).await?;
    #[cfg(test)]
    let opened = match &options.wrap {
        Some(wrap) => wrap.catalog(opened),
        None => opened,
    };
    let catalog = &*opened.store;
    require_lake(find_or_make(&opened, &options, &place).await?)?;
    let (state, data, roots) = check(&opened, &options, &place).await?;
    let data_store = open_store(&data, options.object_store.as_ref())?;
    let lake_objects = data_store.objects;
    #[cfg(test)]
    let lake_objects = match &options.wrap {
        Some(wrap) => wrap.objects(lake_objects),
        None => lake_objects,
    };
    let lake_objects = match options.role {
        LakeRole::Primary => lake_objects,
        LakeRole::Replica => Arc::new(ReadOnlyStore::new(lake_objects)),
    };
    let mut above = None;
    if let Some(writer) = &opened.writer {
        let claim = Claim {
            catalog,
            writer: &**writer,
            objects: Arc::clone(&lake_objects),
            lake: &state.lake_uuid,
            ids: &*options.ids,
            clock: &*options.clock,
        };
        claim_data(&claim).await?;
        above = Some(look_above(&data, &options).await?);
    }
    let (scratch, scratch_objects) = open_scratch(&options)?;
    let objects = ScratchStore::new(lake_objects, Arc::new(scratch_objects), scratch.name());
    options.write.compression = compression(&options, &data);
    let activity = activity(&options, &place)?;
    let head = catalog.head().await?;
    let picture = load_picture(catalog, &head).await?;
    Ok(Inner {
        catalog: opened,
        activity,
        objects: Arc::new(objects),
        abandoned: data_store.abandoned,
        above,
        claimed_at: AtomicI64::new(picture.id.0),
        place: Place::new(roots),
        node: options.ids.uuid().to_string(),
        pins: Arc::default(),
        is_closed: AtomicBool::new(false),
        is_announced: AtomicBool::new(false),
        moved: watch::Sender::new(picture.id),
        follow: follow(&options),
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

/// What is in the catalog once a primary made a lake of nothing, or adopted one.
async fn find_or_make(
    opened: &Catalog,
    options: &LakeOptions,
    place: &CatalogPlace,
) -> Result<Found, Error> {
    let catalog = &*opened.store;
    let found = catalog.inspect().await?;
    let Some(writer) = &opened.writer else {
        return Ok(found);
    };
    let made = match found {
        Found::Nothing => create(&**writer, options, place).await,
        Found::ForeignLake => adopt((catalog, &**writer), options, place).await,
        Found::Lake | Found::Stranger => Ok(()),
    };
    let found = catalog.inspect().await?;
    match made {
        // Another primary was quicker: what it made is ours, too, also where the place
        // for the data was refused since it is not empty any more.
        Err(_) if found == Found::Lake => {}
        made => made?,
    }
    Ok(found)
}

/// Begins to own the data, or tells why not. A lake whose files may be another's, too, is
/// opened all the same: see `ownership`.
///
/// Errors: `NotOwner` if they are those of another lake.
async fn claim_data(claim: &Claim<'_>) -> Result<(), Error> {
    let standing = claim.renew().await?;
    if let Err(error) = standing.require_owner() {
        tracing::warn!(lake = claim.lake, "{error}");
    }
    Ok(())
}

async fn look_above(data: &DataPlace, options: &LakeOptions) -> Result<Above, Error> {
    let above = Above::of(data, options.object_store.as_ref())?;
    match above.find().await {
        Ok(None) => {}
        Ok(Some(at)) => {
            tracing::warn!(
                marker = at,
                "the data path lies within another lake's, so orphans are not looked for"
            );
        }
        // Whoever looks for orphans asks again.
        Err(error) => tracing::debug!(%error, "nobody knows whether there is a lake above"),
    }
    Ok(above)
}

/// How new files are compressed: less for a disk than for a bucket.
fn compression(options: &LakeOptions, data: &DataPlace) -> FileCompression {
    match (options.compression, data) {
        (Some(compression), _) => compression,
        (None, DataPlace::Folder(_)) => options.write.compression,
        (None, DataPlace::Bucket(_)) => FileCompression::Zstd,
    }
}

/// The picture was just read: a replica has heard of the catalog now.
fn follow(options: &LakeOptions) -> Option<Follow> {
    let follows = options.follow.filter(|_| options.role == LakeRole::Replica);
    follows.map(|follow| Follow::new(follow, options.clock.instant()))
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
) -> Result<(Catalog, Option<PrimaryLock>), Error> {
    let is_primary = options.role == LakeRole::Primary;
    if is_primary {
        folders::make_folder(&options.data_dir)?;
    }
    let path = match place {
        CatalogPlace::File(path) => path,
        CatalogPlace::Server(url) => {
            let timeout = options.busy_timeout;
            let catalog = PostgresCatalog::open(url.expose(), is_primary, timeout).await?;
            return Ok((catalog, None));
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
    Ok((catalog, lock))
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
    writer: &dyn CatalogWriter,
    options: &LakeOptions,
    place: &CatalogPlace,
) -> Result<(), Error> {
    let data = folders::new_data(options).await?;
    let lake = new_lake(options, place, &data)?;
    writer.install(&creation(&lake)).await?;
    tracing::info!(lake = lake.lake_uuid, "made a new lake");
    Ok(())
}

/// Adds our tables to a lake that another program made.
async fn adopt(
    (catalog, writer): (&dyn CatalogStore, &dyn CatalogWriter),
    options: &LakeOptions,
    place: &CatalogPlace,
) -> Result<(), Error> {
    let data_path = check_metadata(catalog).await?;
    let data = folders::adopted_data(options, place, &data_path)?;
    let store = open_store(&data, options.object_store.as_ref())?;
    refuse_marked(&*store.objects).await?;
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
    writer.install(&adoption(&lake, &head, has_public)).await?;
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
    opened: &Catalog,
    options: &LakeOptions,
    place: &CatalogPlace,
) -> Result<(StateRow, DataPlace, Vec<String>), Error> {
    let catalog = &*opened.store;
    let stated = check_metadata(catalog).await?;
    let mut state = state(catalog).await?;
    if state.format_version < SIDE_VERSION
        && let Some(writer) = &opened.writer
    {
        tracing::info!(
            from = state.format_version,
            "gotgan's own tables are brought up to date"
        );
        writer.upgrade().await?;
        if state.format_version < FIRST_WITH_ACCESS {
            open_public(&**writer).await?;
        }
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
    if let Some(writer) = &opened.writer {
        tracing::info!("the lake was moved: its data path is corrected");
        correct_data_path(&**writer, &root).await?;
    }
    Ok((state, data, vec![root, stated]))
}

/// Lets everyone use schema `public` of a lake from before there were rights, as in a new
/// one. A process that dies just before this leaves it to the superuser.
async fn open_public(writer: &dyn CatalogWriter) -> Result<(), Error> {
    let mut transaction = writer.begin_commit().await?;
    let at = transaction.head().await?.snapshot.snapshot_id;
    let rows: Vec<SchemaRow> = decode(transaction.select(&public_schema()).await?)?;
    let rows = rows.iter().map(|row| public_access(row.schema_id, at));
    let rows: Vec<AccessRow> = rows.collect();
    if !rows.is_empty() {
        transaction.apply(&[Write::insert(&rows)]).await?;
    }
    transaction.commit().await
}

async fn state(catalog: &dyn CatalogStore) -> Result<StateRow, Error> {
    let selection = Selection::of::<StateRow>(Vec::new());
    let rows = catalog.select(&[selection]).await?.pop();
    decode(rows.unwrap_or_default())?
        .pop()
        .ok_or_else(|| Error::new(ErrorKind::Corrupt, "the catalog has lost its gotgan_state"))
}

async fn correct_data_path(writer: &dyn CatalogWriter, root: &str) -> Result<(), Error> {
    let mut transaction = writer.begin_commit().await?;
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
