//! Changes that nobody else sees until they are committed as one snapshot.
//!
//! A transaction is pinned to a snapshot and sees that plus its own changes, the
//! overlay: a changed clone of the picture, and per table the files that it adds or
//! ends. New objects carry negative ids until the commit. What is committed is the
//! difference between the two pictures, so creating and dropping nets to nothing.
//!
//! Flow: `define`, `append` and `delete` change the overlay; `commit` writes delete files
//! (`stage`), takes the lock, `rebase` checks for conflicts, `render` writes the rows.
//!
//! Not guaranteed: that a commit which failed with `Unavailable` did not happen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

use chrono::{DateTime, Utc};
use object_store::path::Path;

use crate::error::{Error, ErrorKind};
use crate::file::write::{StagedFile, StagedFiles, TableWriter};
use crate::lake::{Lake, Pin, SequenceState};
use crate::snapshot::{Column, FileList, InlinedRows, Snapshot, Table};
use crate::spec::{SnapshotId, TableId};

mod access;
mod columns;
mod commit;
mod define;
mod define_parts;
mod delete;
mod difference;
mod inline;
mod moved;
mod new;
mod options;
mod overlay;
mod rebase;
mod render;
mod render_roles;
mod render_sequence;
mod render_table;
mod render_view;
mod renumber;
mod replace;
mod restore;
mod rights;
mod roles;
mod rows;
mod sequences;
mod settle;
mod stage;
mod temporary;
mod values;

pub use access::AccessTarget;
pub use columns::TypeChange;
pub use define_parts::CommentTarget;
pub use new::{
    NewColumn, NewConstraint, NewIndex, NewSchema, NewSequence, NewTable, NewView, OwnerTarget,
};
pub use options::OptionTarget;
pub use restore::{Restore, RestoreSchema, Restored, RestoredSchema};
pub use rights::{ObjectRights, Rights};
pub use temporary::{OnCommit, TemporarySpace};
pub use values::SequenceValues;

pub(crate) use rows::{Counters, CountersCache};

use overlay::Overlay;

/// Who makes a transaction; recorded with the snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author {
    /// Name of the role.
    pub role: String,
    /// What the client calls itself.
    pub application_name: String,
}

/// A transaction. Dropping it rolls it back.
#[derive(Debug)]
pub struct Transaction {
    lake: Lake,
    author: Author,
    base: Arc<Snapshot>,
    /// Keeps `base` from expiring, also while the commit is under way.
    pin: Arc<Pin>,
    /// The overlay before anything was changed.
    start: Overlay,
    overlay: Overlay,
    /// The temporary objects of the connection, if it is for one.
    space: Option<TemporarySpace>,
    /// The next temporary id; not taken back by savepoints, so none is used twice.
    next_temporary: i64,
    /// Everything that was uploaded for this transaction, also what is not used now.
    uploads: Vec<Path>,
    /// When the first upload began, by this machine's clock.
    uploads_since: OnceLock<DateTime<Utc>>,
    reads: BTreeSet<TableId>,
    /// How far sequences are that were made or restarted here, by their key (see
    /// `Overlay::state_key`).
    sequence_states: Arc<Mutex<BTreeMap<i64, SequenceState>>>,
}

/// A state of a transaction to go back to.
#[derive(Clone, Debug)]
pub struct Savepoint {
    overlay: Overlay,
}

impl Transaction {
    pub(crate) fn new(lake: Lake, author: Author, base: Arc<Snapshot>, pin: Pin) -> Self {
        let overlay = Overlay::new(Arc::clone(&base));
        let reads = BTreeSet::new();
        Self {
            lake,
            author,
            base,
            pin: Arc::new(pin),
            start: overlay.clone(),
            overlay,
            space: None,
            next_temporary: -1,
            uploads: Vec::new(),
            uploads_since: OnceLock::new(),
            reads,
            sequence_states: Arc::default(),
        }
    }

    /// The picture that this transaction sees: its pin with its own changes.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.overlay.picture)
    }

    /// The snapshot that it is pinned to.
    pub fn base(&self) -> &Arc<Snapshot> {
        &self.base
    }

    /// The lake that it belongs to.
    pub fn lake(&self) -> &Lake {
        &self.lake
    }

    /// The files of a table as this transaction sees them.
    ///
    /// Cost: none if the table's list is known; see [`Lake::files`].
    pub async fn files(&self, table: TableId) -> Result<Arc<FileList>, Error> {
        let seen = self.table(table)?;
        let changes = self.overlay.files.get(&table);
        let is_unchanged = self
            .base
            .table(table)
            .is_some_and(|base| Arc::ptr_eq(base, &seen));
        if changes.is_none() && is_unchanged {
            return self.lake.files(&self.base, table).await;
        }
        let starts_empty = table.is_temporary() || changes.is_some_and(|own| own.is_truncated);
        let mut files = Vec::new();
        let mut inlined = None;
        if !starts_empty {
            let list = self.lake.files(&self.base, table).await?;
            files.extend(list.files.iter().map(Arc::clone));
            inlined = match list.columns == seen.columns {
                true => list.inlined.clone(),
                false if list.inlined.is_none() => None,
                false => self.lake.inlined_rows(&self.base, &seen).await?,
            };
        }
        if let Some(own) = changes {
            let restored = own.restored.iter().flat_map(|restored| &restored.files);
            files.extend(restored.map(|file| Arc::clone(&file.data_file)));
            files.extend(own.appended.iter().map(|file| Arc::clone(&file.data_file)));
            files = files.iter().filter_map(|file| own.seen(file)).collect();
            let older = match inlined {
                Some(rows) => rows.without(&own.inlined_deleted)?,
                None => None,
            };
            let rows = older.into_iter().chain(own.own_inlined(&seen.columns)?);
            inlined = InlinedRows::concat(rows.collect())?;
        }
        Ok(Arc::new(FileList::new(
            table,
            seen.columns.clone(),
            files,
            inlined,
        )))
    }

    /// Whether anything was changed since the pin or the last rollback to it.
    pub fn has_changes(&self) -> bool {
        !self.overlay.is_same(&self.start)
    }

    /// Moves the pin to the newest snapshot, unless something was changed already that
    /// others shall see. Savepoints from before are not to be gone back to.
    ///
    /// Cost: as [`Lake::head`].
    pub async fn repin(&mut self) -> Result<(), Error> {
        if self.has_permanent_changes() {
            return Ok(());
        }
        let (head, pin) = self.lake.pinned_head().await?;
        if Arc::ptr_eq(&head, &self.base) {
            return Ok(());
        }
        self.pin = Arc::new(pin);
        if self.has_changes() {
            self.move_temporary(head);
        } else {
            self.overlay = self.unchanged(&head);
            self.start = self.overlay.clone();
            self.base = head;
        }
        Ok(())
    }

    /// Notes that the outcome depends on a table's rows: the commit is a `Conflict` if
    /// another one changed it since the pin.
    pub fn record_read(&mut self, table: TableId) {
        if !table.is_temporary() {
            self.reads.insert(table);
        }
    }

    /// A writer of data files for a table, in the table's columns as of now.
    ///
    /// Nothing is visible until its files are given to `append`.
    pub async fn writer(&self, table: TableId) -> Result<TableWriter, Error> {
        self.check_writable()?;
        let table = self.table(table)?;
        self.new_files(&self.location(&table)?, &table.columns)
            .await
    }

    /// A writer of files at a place, noted as an upload of this transaction.
    async fn new_files(&self, location: &Path, columns: &[Column]) -> Result<TableWriter, Error> {
        self.uploads_since.get_or_init(|| self.lake.clock().now());
        self.lake.table_writer(location, columns).await
    }

    /// Adds files that a writer of this table finished.
    pub fn append(&mut self, table: TableId, staged: StagedFiles) -> Result<(), Error> {
        let seen = self.table(table)?;
        let location = self.location(&seen)?;
        let full = |file: &StagedFile| location.clone().join(file.file_name.as_str());
        // Known before anything can fail, so that they go away with the transaction.
        self.uploads.extend(staged.files.iter().map(full));
        self.check_no_move(table)?;
        for file in staged.files {
            let full = full(&file);
            // A file without rows adds nothing; it goes away with the transaction.
            if file.row_count > 0 {
                let id = self.take_temporary();
                self.overlay.change_files(table).append(id, full, file);
            }
        }
        Ok(())
    }

    /// Removes every row of a table.
    pub fn truncate_table(&mut self, table: TableId) -> Result<(), Error> {
        self.check_writable()?;
        self.table(table)?;
        self.overlay.change_files(table).truncate();
        Ok(())
    }

    /// Remembers the state of now. Cost: a few pointers.
    pub fn savepoint(&mut self) -> Savepoint {
        Savepoint {
            overlay: self.overlay.clone(),
        }
    }

    /// Takes back every change since the savepoint; it stays valid.
    pub fn rollback_to(&mut self, savepoint: &Savepoint) {
        self.overlay = savepoint.overlay.clone();
    }

    /// Makes the changes visible to all; nothing if nothing was changed.
    ///
    /// From here on a task of the lake's finishes the commit, also if the caller
    /// goes away. Cost: 1 transaction of the catalog database.
    /// Errors: `Conflict` names the table; after `Unavailable` the outcome is open.
    pub async fn commit(mut self) -> Result<Option<SnapshotId>, Error> {
        let temporary = self.part_temporary();
        if !self.has_changes() {
            self.discard_uploads().await;
            temporary.keep().await;
            return Ok(None);
        }
        let prepared = match self.check_primary() {
            Ok(()) => self.spill_unfitting().await,
            Err(error) => Err(error),
        };
        if let Err(error) = prepared {
            temporary.give_up().await;
            return Err(error);
        }
        // Before anything is taken out of the transaction: this may wait for `close`.
        let guard = self.lake.commit_guard().await;
        let request = commit::Request {
            author: self.author.clone(),
            base: Arc::clone(&self.base),
            _pin: Arc::clone(&self.pin),
            overlay: self.overlay.clone(),
            uploads: std::mem::take(&mut self.uploads),
            deletes: BTreeMap::new(),
            reads: std::mem::take(&mut self.reads),
            sequence_states: self.take_sequence_states(),
            id: self.lake.ids().uuid().to_string(),
            uploads_since: self.uploads_since.get().copied(),
        };
        let lake = self.lake.clone();
        let task = tokio::spawn(async move {
            let outcome = Box::pin(commit::run(&lake, request)).await;
            drop(guard);
            // Here, so that a client that goes away does not part the two.
            match &outcome {
                Ok(_) => temporary.keep().await,
                Err(_) => temporary.give_up().await,
            }
            outcome
        });
        task.await.unwrap_or_else(|source| {
            Err(Error::new(ErrorKind::Internal, "the commit did not finish").with_source(source))
        })
    }

    /// Drops the changes and deletes what was uploaded.
    pub async fn rollback(mut self) {
        self.part_sequences();
        self.discard_uploads().await;
    }

    async fn discard_uploads(&mut self) {
        let uploads = std::mem::take(&mut self.uploads);
        self.lake.delete_uploads(&uploads).await;
    }

    fn table(&self, id: TableId) -> Result<Arc<Table>, Error> {
        self.overlay
            .picture
            .table(id)
            .map(Arc::clone)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::NotFound,
                    format!("table with id {id} does not exist"),
                )
            })
    }

    fn location(&self, table: &Table) -> Result<Path, Error> {
        let schema = self
            .overlay
            .picture
            .schema(table.schema_id)
            .ok_or_else(|| {
                let text = format!("relation \"{}\" is in no schema", table.name);
                Error::new(ErrorKind::Internal, text)
            })?;
        self.lake.place().table(schema, table)
    }

    /// Refuses to change rows that this transaction moves: they must stay the same.
    fn check_no_move(&self, table: TableId) -> Result<(), Error> {
        match self.overlay.files.get(&table) {
            Some(changes) if changes.is_move => Err(Error::new(
                ErrorKind::Internal,
                "rows are moved by a transaction of their own",
            )),
            _ => Ok(()),
        }
    }

    fn take_temporary(&mut self) -> i64 {
        let id = self.next_temporary;
        self.next_temporary -= 1;
        id
    }

    /// Refuses what no transaction of this process may do. One that may have temporary
    /// tables is checked at its commit.
    fn check_writable(&self) -> Result<(), Error> {
        match self.space {
            Some(_) => Ok(()),
            None => self.check_primary(),
        }
    }

    fn check_primary(&self) -> Result<(), Error> {
        self.lake.check_primary()
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.uploads.is_empty() {
            return;
        }
        // Without a runtime the process is ending; the objects are then orphans, which
        // a later sweep removes.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let lake = self.lake.clone();
            let uploads = std::mem::take(&mut self.uploads);
            runtime.spawn(async move { lake.delete_uploads(&uploads).await });
        }
    }
}

#[cfg(test)]
mod tests;
