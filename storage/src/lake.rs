//! The lake: catalog database plus data folder, and what is known of them in memory.
//!
//! Triggers in the catalog keep other programs from writing. Over SQLite a file lock also
//! keeps other primaries off, so the one there is knows the head without asking. All
//! others ask with one small statement and load only what changed.
//!
//! Guarantees: a commit that returned is durable and seen by every later `head`.
//! Not guaranteed: that a replica sees a commit at once; it does at its next `head`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gotgan_config::Secret;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::sync::{Mutex as AsyncMutex, MutexGuard, OwnedRwLockReadGuard, RwLock};

use crate::catalog::{CatalogStore, Condition, Head, Selection, decode};
use crate::clock::{Clock, Ids, RandomIds, SystemClock};
use crate::error::{Error, ErrorKind};
use crate::faults::{Faults, PointFault};
use crate::file::delete::{FileRef, read_delete_file, read_later_positions, read_row_ids};
use crate::file::write::{TableWriter, WriteOptions};
use crate::lock::PrimaryLock;
use crate::snapshot::{
    Column, DataFile, DeletedPositions, FileList, Place, Snapshot, Wanted, load_files,
    load_picture, refresh_picture,
};
use crate::spec::TableId;
use crate::spec::change::CommitDetail;
use crate::spec::rows::ChangesRow;
use crate::transaction::{Author, Transaction};

mod cache;
mod folders;
mod inlined;
mod open;
mod scratch;
mod sequences;

pub(crate) use sequences::state_update;
pub use sequences::{SequenceBlock, SequenceState};

use cache::FileCache;
use scratch::Scratch;
use sequences::SequenceCache;

/// What a process may do with the lake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LakeRole {
    /// Reads and writes; one at a time over SQLite, several over PostgreSQL.
    Primary,
    /// Reads.
    Replica,
}

/// How a lake is opened.
#[derive(Clone, Debug)]
pub struct LakeOptions {
    /// `sqlite:` and a path, or `postgres://`, a database and maybe a password; none is
    /// `catalog.sqlite` in the data folder.
    pub catalog_url: Option<Secret<String>>,
    /// `file://` and a folder; none is what the lake says, or `data` for a new one.
    pub data_url: Option<String>,
    /// Folder of everything kept on this machine.
    pub data_dir: PathBuf,
    /// Folder on this machine for the files of temporary tables.
    pub scratch_dir: PathBuf,
    /// Primary or replica.
    pub role: LakeRole,
    /// Name of the first superuser, made with the lake.
    pub superuser: String,
    /// How long to wait for the catalog.
    pub busy_timeout: Duration,
    /// How data files are laid out.
    pub write: WriteOptions,
    /// Most rows of a statement that are few: they are kept in the catalog.
    pub inline_rows_max: usize,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where unique ids come from.
    pub ids: Arc<dyn Ids>,
    /// For tests.
    pub faults: Option<Arc<dyn Faults>>,
}

impl LakeOptions {
    /// Everything as usual, in this folder.
    pub fn new(data_dir: impl Into<PathBuf>, role: LakeRole) -> Self {
        let data_dir = data_dir.into();
        Self {
            catalog_url: None,
            data_url: None,
            scratch_dir: data_dir.join("spill").join("temporary"),
            data_dir,
            role,
            superuser: "gotgan".to_owned(),
            busy_timeout: Duration::from_secs(10),
            write: WriteOptions::default(),
            inline_rows_max: 100,
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            faults: None,
        }
    }
}

/// An open lake. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lake {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    catalog: Box<dyn CatalogStore>,
    objects: Arc<dyn ObjectStore>,
    place: Place,
    options: LakeOptions,
    uuid: String,
    head: Mutex<Arc<Snapshot>>,
    files: Mutex<FileCache>,
    /// Held while values are reserved; taken before `turn`, never within it.
    sequences: AsyncMutex<SequenceCache>,
    /// One commit or role change at a time; others wait in line.
    turn: AsyncMutex<()>,
    /// One refresh of the head at a time.
    refresh: AsyncMutex<()>,
    /// Held shared by running commits, so that `close` can wait for them.
    commits: Arc<RwLock<()>>,
    scratch: Scratch,
    _lock: Option<PrimaryLock>,
}

impl Lake {
    /// Opens a lake; a primary makes it first if the place is empty, and adopts one that
    /// DuckDB made.
    ///
    /// Errors: `Exists` if another primary runs on it; `NotFound` for a replica without a
    /// lake; `Unsupported` for another format version; `Corrupt` if it cannot be read.
    pub async fn open(options: LakeOptions) -> Result<Self, Error> {
        let inner = Box::pin(open::open(options)).await?;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The newest snapshot.
    ///
    /// Cost: nothing on the only primary; else 1 statement, and 3 more if it moved.
    pub async fn head(&self) -> Result<Arc<Snapshot>, Error> {
        if self.is_alone() {
            return Ok(self.known_head());
        }
        let head = self.inner.catalog.head().await?;
        let known = self.known_head();
        if is_of(&known, &head) {
            return Ok(known);
        }
        let _turn = self.inner.refresh.lock().await;
        self.load_head().await
    }

    /// Starts a transaction on the newest snapshot.
    pub async fn begin(&self, author: Author) -> Result<Transaction, Error> {
        let base = self.head().await?;
        Ok(Transaction::new(self.clone(), author, base))
    }

    /// The files of a table at a snapshot.
    ///
    /// Cost: nothing if the list is known; else 2 reads of the catalog, whose size is
    /// what changed since the newest list that is known.
    pub async fn files(
        &self,
        snapshot: &Snapshot,
        table_id: TableId,
    ) -> Result<Arc<FileList>, Error> {
        let table = snapshot.table(table_id).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("table with id {table_id} does not exist"),
            )
        })?;
        let schema = snapshot.schema(table.schema_id).ok_or_else(|| {
            let text = format!("relation \"{}\" is in no schema", table.name);
            Error::new(ErrorKind::Corrupt, text)
        })?;
        let older = {
            let mut cache = self
                .inner
                .files
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(list) = cache.find(table_id, table.last_change) {
                return Ok(list);
            }
            cache.older(table_id, table.last_change)
        };
        let wanted = Wanted {
            place: &self.inner.place,
            schema,
            table,
            at: snapshot.id,
        };
        let older = older.as_ref().map(|(id, list)| (*id, &**list));
        let list = Arc::new(load_files(&*self.inner.catalog, &wanted, older).await?);
        let mut cache = self
            .inner
            .files
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        cache.put(table.last_change, Arc::clone(&list));
        Ok(list)
    }

    /// The rows of a file that are deleted or not yet visible; nothing if all are there.
    ///
    /// Cost: reads the delete file once; then it is kept with the file.
    pub async fn deleted_positions(
        &self,
        file: &DataFile,
    ) -> Result<Option<Arc<DeletedPositions>>, Error> {
        if !file.has_deletes {
            return Ok(None);
        }
        let positions = file
            .deleted
            .get_or_try_init(|| self.read_deleted(file))
            .await?;
        Ok(Some(Arc::clone(positions)))
    }

    async fn read_deleted(&self, file: &DataFile) -> Result<Arc<DeletedPositions>, Error> {
        let mut positions = file.inlined_deletes.clone();
        if let Some(delete_file) = &file.delete_file {
            let place = FileRef {
                location: delete_file.location.clone(),
                bytes: delete_file.bytes,
            };
            let limit = delete_file.up_to_snapshot;
            positions
                .extend(read_delete_file(self.object_store(), &place, "parquet", limit).await?);
        }
        if let Some(limit) = file.partial_max {
            let place = FileRef {
                location: file.location.clone(),
                bytes: file.bytes,
            };
            positions.extend(read_later_positions(self.object_store(), &place, limit).await?);
        }
        positions.sort_unstable();
        positions.dedup();
        Ok(Arc::new(DeletedPositions { positions }))
    }

    /// The row ids that a file holds itself.
    pub(crate) async fn read_row_ids(&self, file: &DataFile) -> Result<Vec<i64>, Error> {
        let place = FileRef {
            location: file.location.clone(),
            bytes: file.bytes,
        };
        read_row_ids(self.object_store(), &place).await
    }

    /// Where data files are. Locations of files are paths in it.
    pub fn object_store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.inner.objects)
    }

    /// The lake's own id, made with it.
    pub fn uuid(&self) -> &str {
        &self.inner.uuid
    }

    /// Whether this process may write.
    pub fn lake_role(&self) -> LakeRole {
        self.inner.options.role
    }

    /// Most new rows of a statement that should go to [`Transaction::append_rows`].
    pub fn inline_rows_max(&self) -> usize {
        self.inner.options.inline_rows_max
    }

    pub(crate) fn write_options(&self) -> &WriteOptions {
        &self.inner.options.write
    }

    /// Where the time comes from.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.options.clock
    }

    /// Where unique ids come from.
    pub fn ids(&self) -> &Arc<dyn Ids> {
        &self.inner.options.ids
    }

    /// Waits for running commits, then lets go of the catalog.
    pub async fn close(&self) {
        let _all_done = self.inner.commits.write().await;
        self.return_sequences().await;
        self.inner.catalog.close().await;
    }

    /// First part of the locations of objects that end with this process.
    pub(crate) fn scratch_name(&self) -> &str {
        self.inner.scratch.name()
    }

    /// Where a folder of such objects is on the disk.
    pub(crate) fn scratch_folder(&self, name: &str) -> PathBuf {
        self.inner.scratch.folder(name)
    }

    pub(crate) fn catalog(&self) -> &dyn CatalogStore {
        &*self.inner.catalog
    }

    pub(crate) fn place(&self) -> &Place {
        &self.inner.place
    }

    pub(crate) fn reach(&self, point: &'static str) -> PointFault {
        self.inner
            .options
            .faults
            .as_ref()
            .map_or(PointFault::Continue, |faults| faults.reach(point))
    }

    pub(crate) async fn commit_turn(&self) -> MutexGuard<'_, ()> {
        self.inner.turn.lock().await
    }

    pub(crate) async fn commit_guard(&self) -> OwnedRwLockReadGuard<()> {
        Arc::clone(&self.inner.commits).read_owned().await
    }

    pub(crate) async fn table_writer(
        &self,
        location: &Path,
        columns: &[Column],
    ) -> Result<TableWriter, Error> {
        TableWriter::open(
            self.object_store(),
            location.clone(),
            Arc::from(columns),
            Arc::clone(self.ids()),
            self.inner.options.write.clone(),
        )
    }

    /// Deletes objects that no row names. What cannot be deleted is left to a sweep.
    pub(crate) async fn delete_uploads(&self, uploads: &[Path]) {
        for location in uploads {
            match self.inner.objects.delete(location).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => {
                    tracing::warn!(%location, %error, "could not delete an unused upload");
                }
            }
        }
    }

    /// Whether this process is the only one that can change the lake.
    fn is_alone(&self) -> bool {
        self.inner.options.role == LakeRole::Primary && !self.inner.catalog.is_shared()
    }

    fn known_head(&self) -> Arc<Snapshot> {
        Arc::clone(
            &self
                .inner
                .head
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Makes a picture the newest that is known, unless a newer one is.
    pub(crate) fn set_head(&self, head: Arc<Snapshot>) {
        let mut known = self
            .inner
            .head
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if head.id >= known.id && head.epoch >= known.epoch {
            *known = head;
        }
    }

    /// Asks the catalog for the head, and loads what is not known of it.
    pub(crate) async fn load_head(&self) -> Result<Arc<Snapshot>, Error> {
        let head = self.inner.catalog.head().await?;
        let known = self.known_head();
        // A commit of ours may have come between the answer and now.
        if known.id.0 > head.snapshot.snapshot_id && known.epoch >= head.epoch {
            return Ok(known);
        }
        let picture = self.picture_at(&head).await?;
        self.set_head(Arc::clone(&picture));
        Ok(picture)
    }

    /// The picture at a head that the catalog told.
    pub(crate) async fn picture_at(&self, head: &Head) -> Result<Arc<Snapshot>, Error> {
        let known = self.known_head();
        if is_of(&known, head) {
            return Ok(known);
        }
        let is_same_epoch = known.epoch == head.epoch;
        let objects = if is_same_epoch {
            self.changed_objects(&known, head).await?
        } else {
            None
        };
        let picture = match objects {
            Some(objects) => refresh_picture(&*self.inner.catalog, &known, head, &objects).await?,
            None => {
                // Someone else wrote, and may have rewritten rows in place.
                self.inner
                    .files
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clear();
                load_picture(&*self.inner.catalog, head).await?
            }
        };
        Ok(Arc::new(picture))
    }

    /// What the commits since a picture touched; nothing if not all of them are ours.
    async fn changed_objects(
        &self,
        known: &Snapshot,
        head: &Head,
    ) -> Result<Option<BTreeSet<i64>>, Error> {
        let conditions = vec![
            Condition::MoreThan("snapshot_id", known.id.0),
            Condition::AtMost("snapshot_id", head.snapshot.snapshot_id),
        ];
        let selection = Selection::of::<ChangesRow>(conditions);
        let rows = self
            .inner
            .catalog
            .select(&[selection])
            .await?
            .pop()
            .unwrap_or_default();
        let rows: Vec<ChangesRow> = decode(rows)?;
        let count = head.snapshot.snapshot_id - known.id.0;
        if i64::try_from(rows.len()).ok() != Some(count) {
            return Ok(None);
        }
        let mut objects = BTreeSet::new();
        for row in rows {
            let detail = row
                .commit_extra_info
                .as_deref()
                .and_then(CommitDetail::parse);
            let Some(detail) = detail else {
                return Ok(None);
            };
            objects.extend(detail.objects);
        }
        Ok(Some(objects))
    }
}

/// Whether a picture shows just this head.
fn is_of(picture: &Snapshot, head: &Head) -> bool {
    picture.id.0 == head.snapshot.snapshot_id && picture.epoch == head.epoch
}

#[cfg(test)]
mod tests;
