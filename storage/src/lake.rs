//! The lake: catalog database plus data folder, and what is known of them in memory.
//!
//! Triggers in the catalog keep other programs from writing. Over SQLite a file lock also
//! keeps other primaries off, so the one there is knows the head without asking. All
//! others ask with one small statement and load only what changed.
//!
//! Guarantees: a commit that returned is durable and seen by every later `head`.
//! Not guaranteed: that a replica sees a commit at once; see `follow`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use object_store::ObjectStore;
use object_store::path::Path;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard, OwnedRwLockReadGuard, RwLock, watch};

use crate::activity::ActivityStore;
use crate::catalog::{Catalog, CatalogStore, CatalogWriter, Condition, Head, Selection, decode};
use crate::clock::{Clock, Ids};
use crate::error::{Error, ErrorKind};
use crate::faults::PointFault;
use crate::file::write::{TableWriter, WriteOptions};
use crate::history::PictureCache;
use crate::lock::PrimaryLock;
use crate::object::Abandoned;
use crate::ownership::Above;
use crate::retention::RetentionOptions;
use crate::snapshot::{
    Column, FileList, Place, Snapshot, Table, Wanted, load_files, load_picture, refresh_picture,
};
use crate::spec::change::CommitDetail;
use crate::spec::rows::ChangesRow;
use crate::spec::{SnapshotId, TableId};
use crate::transaction::{Author, Counters, CountersCache, Transaction};

mod cache;
mod deletes;
mod folders;
mod follow;
mod inlined;
mod log;
mod nodes;
mod open;
mod options;
mod pins;
mod scratch;
mod sequences;
mod uploads;

pub use follow::FollowOptions;
pub use nodes::{Announcement, Node};
pub use options::{LakeOptions, LakeRole};
pub use pins::Pin;
pub(crate) use sequences::state_update;
pub use sequences::{SequenceBlock, SequenceState};

use cache::FileCache;
use follow::Follow;
use pins::Pins;
use scratch::Scratch;
use sequences::SequenceCache;

/// An open lake. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lake {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    catalog: Catalog,
    activity: Box<dyn ActivityStore>,
    objects: Arc<dyn ObjectStore>,
    abandoned: Option<Arc<dyn Abandoned>>,
    /// Where lakes around this one would be; nothing on a replica.
    above: Option<Above>,
    /// The newest snapshot when the data's owner was last made sure of.
    claimed_at: AtomicI64,
    place: Place,
    options: LakeOptions,
    uuid: String,
    /// What this process calls itself among those on the lake.
    node: String,
    pins: Arc<Pins>,
    is_closed: AtomicBool,
    /// Whether other processes were told of this one.
    is_announced: AtomicBool,
    head: Mutex<Arc<Snapshot>>,
    /// Tells that the head moved.
    moved: watch::Sender<SnapshotId>,
    /// None where the head is asked for instead.
    follow: Option<Follow>,
    files: Mutex<FileCache>,
    pictures: Mutex<PictureCache>,
    counters: Mutex<CountersCache>,
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
        let lake = Self {
            inner: Arc::new(inner),
        };
        lake.start_lease().await;
        lake.start_following();
        Ok(lake)
    }

    /// The newest snapshot; on a replica that follows, the newest that it was told of.
    ///
    /// Cost: nothing on the only primary and where a replica follows; else 1 statement, and
    /// 3 more if it moved.
    /// Errors: `Stale` if a replica was told nothing for too long.
    pub async fn head(&self) -> Result<Arc<Snapshot>, Error> {
        if self.is_alone() || self.inner.follow.is_some() {
            self.check_fresh()?;
            return Ok(self.known_head());
        }
        self.newest().await
    }

    /// The newest snapshot that the catalog has, also on a replica that follows.
    ///
    /// Cost: nothing on the only primary; else 1 statement, and 3 more if it moved.
    pub async fn newest(&self) -> Result<Arc<Snapshot>, Error> {
        if self.is_alone() {
            return Ok(self.known_head());
        }
        if self.inner.follow.is_some() {
            self.move_on().await?;
            return Ok(self.known_head());
        }
        let head = self.catalog().head().await?;
        let known = self.known_head();
        if is_of(&known, &head) {
            return Ok(known);
        }
        let _turn = self.inner.refresh.lock().await;
        self.load_head().await
    }

    /// Starts a transaction on the newest snapshot.
    pub async fn begin(&self, author: Author) -> Result<Transaction, Error> {
        let (base, pin) = self.pinned_head().await?;
        Ok(Transaction::new(self.clone(), author, base, pin))
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
            let mut cache = self.file_cache();
            if let Some(list) = cache.find(table_id, table.last_change, snapshot.id) {
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
        let list = Arc::new(load_files(self.catalog(), &wanted, older).await?);
        self.check_kept(snapshot, table_id).await?;
        let mut cache = self.file_cache();
        cache.put(table.last_change, Arc::clone(&list));
        Ok(list)
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

    /// How old a transaction may become; the caller ends it then.
    pub fn transaction_age_max(&self) -> std::time::Duration {
        self.inner.options.transaction_age_max
    }

    pub(crate) fn retention_options(&self) -> &RetentionOptions {
        &self.inner.options.retention
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
        self.end_announcement().await;
        self.inner.is_closed.store(true, Ordering::Relaxed);
        self.end_lease().await;
        self.inner.catalog.store.close().await;
        // Last: what closes a file last leaves it whole, if it may write.
        if let Some(writer) = &self.inner.catalog.writer {
            writer.close().await;
        }
    }

    /// First part of the locations of objects that end with this process.
    pub(crate) fn scratch_name(&self) -> &str {
        self.inner.scratch.name()
    }

    /// What such objects take on the disk.
    pub(crate) fn scratch_usage(&self) -> &Arc<crate::object::ScratchUsage> {
        self.inner.scratch.usage()
    }

    /// Where a folder of such objects is on the disk.
    pub(crate) fn scratch_folder(&self, name: &str) -> PathBuf {
        self.inner.scratch.folder(name)
    }

    pub(crate) fn catalog(&self) -> &dyn CatalogStore {
        &*self.inner.catalog.store
    }

    /// What changes the catalog.
    ///
    /// Errors: `ReadOnly` on a replica, which has none.
    pub(crate) fn writer(&self) -> Result<&dyn CatalogWriter, Error> {
        self.inner.catalog.writer.as_deref().ok_or_else(read_only)
    }

    /// Errors: `ReadOnly` on a replica.
    pub(crate) fn check_primary(&self) -> Result<(), Error> {
        self.writer().map(drop)
    }

    pub(crate) fn above(&self) -> Option<&Above> {
        self.inner.above.as_ref()
    }

    pub(crate) fn claimed_at(&self) -> &AtomicI64 {
        &self.inner.claimed_at
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

    /// Whether this process is the only one that can change the lake.
    pub(crate) fn is_alone(&self) -> bool {
        self.inner.options.role == LakeRole::Primary && !self.catalog().is_shared()
    }

    /// The newest snapshot that this process knows. Cost: none.
    pub fn known_head(&self) -> Arc<Snapshot> {
        Arc::clone(
            &self
                .inner
                .head
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    fn file_cache(&self) -> std::sync::MutexGuard<'_, FileCache> {
        self.inner
            .files
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn counters(&self) -> std::sync::MutexGuard<'_, CountersCache> {
        self.inner
            .counters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What the last commit of this process counted for a table, if nobody changed it since.
    pub(crate) fn known_counters(&self, table: &Table) -> Option<Counters> {
        let counters = self.counters();
        counters.find(table.id, table.last_change).cloned()
    }

    pub(crate) fn keep_counters(&self, at: SnapshotId, counted: Vec<(TableId, Counters)>) {
        let mut counters = self.counters();
        for (table, of_table) in counted {
            counters.put(table, at, of_table);
        }
    }

    pub(crate) fn picture_cache(&self) -> &Mutex<PictureCache> {
        &self.inner.pictures
    }

    /// Makes a picture the newest that is known, unless a newer one is.
    pub(crate) fn set_head(&self, head: Arc<Snapshot>) {
        let mut known = self
            .inner
            .head
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if head.id >= known.id && head.epoch >= known.epoch {
            let id = head.id;
            *known = head;
            drop(known);
            self.inner.moved.send_replace(id);
        }
    }

    /// Asks the catalog for the head, and loads what is not known of it.
    pub(crate) async fn load_head(&self) -> Result<Arc<Snapshot>, Error> {
        let head = self.catalog().head().await?;
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
            Some(objects) => refresh_picture(self.catalog(), &known, head, &objects).await?,
            None => {
                // Someone else wrote, and may have rewritten rows in place.
                self.forget_pictures();
                self.counters().clear();
                self.file_cache().clear();
                load_picture(self.catalog(), head).await?
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
            .catalog()
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

fn read_only() -> Error {
    Error::new(ErrorKind::ReadOnly, "a replica does not change the lake")
}

/// Whether a picture shows just this head.
fn is_of(picture: &Snapshot, head: &Head) -> bool {
    picture.id.0 == head.snapshot.snapshot_id && picture.epoch == head.epoch
}

#[cfg(test)]
mod tests;
