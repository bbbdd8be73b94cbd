//! Temporary objects: an overlay of one connection that no commit publishes.
//!
//!   begin: snapshot + the connection's contents ──▶ one picture, one overlay
//!   commit: the overlay is parted again ──▶ permanent: a snapshot
//!                                       └─▶ temporary: the connection's new contents
//!
//! So a transaction reads and changes both alike, savepoints and rollback included. What
//! is temporary lives in a schema of the connection and has negative ids for ever; its
//! files are scratch objects, its few rows stay in memory as a transaction's own do.
//!
//! Invariants:
//! - The contents change only with the commit of a transaction, whole.
//! - Nothing permanent depends on anything temporary; the caller refuses that.
//! - Ids are not used twice while any object has one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use object_store::path::Path;

use crate::error::{Error, ErrorKind};
use crate::lake::{Lake, SequenceState};
use crate::snapshot::{Schema, Snapshot};
use crate::spec::{SchemaId, TableId};
use crate::transaction::difference::Difference;
use crate::transaction::overlay::Overlay;
use crate::transaction::values::lock;
use crate::transaction::{Author, Transaction};

mod contents;

use contents::{Contents, drop_with_dependents, empty_schema, without_temporary};

/// What a commit does to a temporary table; else it stays with its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnCommit {
    /// Its rows go away.
    DeleteRows,
    /// It goes away.
    Drop,
}

/// The temporary objects of one connection. Cheap to clone; they end with the last clone.
#[derive(Clone, Debug)]
pub struct TemporarySpace {
    inner: Arc<Space>,
}

#[derive(Debug)]
struct Space {
    lake: Lake,
    /// Name of the schema.
    name: String,
    /// Name of the folder of its files.
    folder: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    contents: Arc<Contents>,
    /// How far its sequences are, by their ids.
    sequence_states: BTreeMap<i64, SequenceState>,
    /// The next id to hand out; 0 while nothing has one.
    next_id: i64,
    /// The last snapshot that was asked for, without and with the contents.
    joined: Option<(Arc<Snapshot>, Arc<Snapshot>)>,
}

impl Lake {
    /// A place for the temporary objects of a connection. Cost: nothing until it is used.
    ///
    /// `name`: of the schema, other than those of all connections of this process.
    pub fn temporary_space(&self, name: impl Into<String>) -> TemporarySpace {
        TemporarySpace {
            inner: Arc::new(Space {
                lake: self.clone(),
                name: name.into(),
                folder: self.ids().uuid().to_string(),
                state: Mutex::default(),
            }),
        }
    }

    /// Starts a transaction on the newest snapshot, which also sees and changes the
    /// temporary objects of a connection. There may be one at a time.
    pub async fn begin_in(
        &self,
        space: &TemporarySpace,
        author: Author,
    ) -> Result<Transaction, Error> {
        let mut transaction = self.begin(author).await?;
        transaction.enter(space);
        Ok(transaction)
    }
}

impl TemporarySpace {
    fn state(&self) -> MutexGuard<'_, State> {
        // Each change of it is one assignment after another; none of them can panic.
        let state = self.inner.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// The overlay that a transaction on this snapshot begins with.
    fn overlay(&self, base: &Arc<Snapshot>) -> Overlay {
        let mut state = self.state();
        let contents = Arc::clone(&state.contents);
        let picture = match &state.joined {
            Some((known, joined)) if Arc::ptr_eq(known, base) => Arc::clone(joined),
            _ => {
                let joined = contents.join(base);
                state.joined = Some((Arc::clone(base), Arc::clone(&joined)));
                joined
            }
        };
        contents.overlay(picture)
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let folder = self.lake.scratch_folder(&self.folder);
        let usage = Arc::clone(self.lake.scratch_usage());
        let remove = move || {
            // What cannot be removed now goes away with the process or its next start.
            let _ = usage.remove_folder(&folder);
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

impl Transaction {
    /// The schema of the connection's temporary objects; made if it is not there yet.
    ///
    /// Errors: `Internal` if the transaction was begun for no connection.
    pub fn make_temporary_schema(&mut self) -> Result<SchemaId, Error> {
        if let Some(schema) = self.overlay.picture.temporary_schema() {
            return Ok(schema.id);
        }
        let Some(space) = &self.space else {
            let text = "temporary objects need a connection";
            return Err(Error::new(ErrorKind::Internal, text));
        };
        let (name, folder) = (space.inner.name.clone(), space.inner.folder.clone());
        let owner = self.role(&self.author.role)?;
        let id = SchemaId(self.take_temporary());
        let schema = Schema {
            id,
            name,
            owner_id: owner.id,
            access: Arc::default(),
            comment: None,
            options: BTreeMap::new(),
            uuid: self.lake.ids().uuid().to_string(),
            path: format!("{}/{folder}/", self.lake.scratch_name()),
            path_is_relative: true,
        };
        let picture = self.overlay.change_picture();
        picture.put_schema(schema);
        picture.temporary_schema = Some(id);
        Ok(id)
    }

    /// Says what the commit of each transaction does to a temporary table.
    pub fn set_on_commit(&mut self, table: TableId, action: OnCommit) -> Result<(), Error> {
        self.table(table)?;
        Arc::make_mut(&mut self.overlay.on_commit).insert(table, action);
        Ok(())
    }

    /// Drops every temporary object of the connection.
    pub fn discard_temporary(&mut self) {
        let Some(schema) = self.overlay.picture.temporary_schema else {
            return;
        };
        let tables = self.overlay.picture.tables();
        let own = tables.filter(|table| table.schema_id == schema);
        let own: Vec<TableId> = own.map(|table| table.id).collect();
        if self.overlay.picture.is_used_schema(schema) {
            empty_schema(self.overlay.change_picture(), schema);
        }
        for table in own {
            self.overlay.forget_files(table);
        }
    }

    fn enter(&mut self, space: &TemporarySpace) {
        self.overlay = space.overlay(&self.base);
        self.start = self.overlay.clone();
        let state = space.state();
        if state.next_id < 0 {
            self.next_temporary = state.next_id;
        }
        let known = state.sequence_states.iter();
        lock(&self.sequence_states).extend(known.map(|(id, state)| (*id, *state)));
        drop(state);
        self.space = Some(space.clone());
    }

    /// The overlay of a transaction without changes that is pinned to this snapshot.
    pub(super) fn unchanged(&self, base: &Arc<Snapshot>) -> Overlay {
        match &self.space {
            Some(space) => space.overlay(base),
            None => Overlay::new(Arc::clone(base)),
        }
    }

    /// Whether anything was changed that others shall see.
    pub(super) fn has_permanent_changes(&self) -> bool {
        if !self.has_changes() {
            return false;
        }
        if self.overlay.picture.temporary_schema.is_none() {
            return true;
        }
        let rest = self.permanent();
        !rest.is_same(&Overlay::new(Arc::clone(&self.base)))
    }

    /// Moves changes that are all temporary onto another snapshot.
    pub(super) fn move_temporary(&mut self, base: Arc<Snapshot>) {
        let contents = Contents::of(&self.overlay);
        self.overlay = Overlay {
            restarts: Arc::clone(&self.overlay.restarts),
            ..contents.overlay(contents.join(&base))
        };
        self.start = self.unchanged(&base);
        self.base = base;
    }

    /// The overlay without what is temporary in it.
    fn permanent(&self) -> Overlay {
        let picture = &self.overlay.picture;
        let is_own = |table: &TableId| {
            let table = picture.table(*table);
            table.is_some_and(|table| picture.is_temporary(table.schema_id))
        };
        let mut files = BTreeMap::clone(&self.overlay.files);
        files.retain(|table, _| !is_own(table));
        let mut restarts = BTreeMap::clone(&self.overlay.restarts);
        restarts.retain(|sequence, _| {
            let sequence = picture.sequence(*sequence);
            !sequence.is_some_and(|sequence| picture.is_temporary(sequence.schema_id))
        });
        let rest = without_temporary(picture);
        let picture = match Difference::between(&self.base, &rest).is_empty() {
            true => Arc::clone(&self.base),
            false => Arc::new(rest),
        };
        Overlay {
            files: Arc::new(files),
            restarts: Arc::new(restarts),
            restores: Arc::clone(&self.overlay.restores),
            verifiers: Arc::clone(&self.overlay.verifiers),
            ..Overlay::new(picture)
        }
    }

    /// Does what the commit does to temporary tables, and takes all that is temporary out
    /// of the transaction.
    pub(super) fn part_temporary(&mut self) -> Ending {
        let mut ending = Ending {
            space: self.space.take(),
            contents: None,
            uploads: Vec::new(),
            sequence_states: BTreeMap::new(),
            next_id: self.next_temporary,
        };
        if ending.space.is_none() {
            return ending;
        }
        ending.note_sequences(self);
        if self.has_changes() {
            self.apply_on_commit();
            ending.contents = Some(Contents::of(&self.overlay));
            let scratch = Path::from(self.lake.scratch_name());
            let uploads = std::mem::take(&mut self.uploads).into_iter();
            let (own, rest) = uploads.partition(|location| location.prefix_matches(&scratch));
            (ending.uploads, self.uploads) = (own, rest);
            if self.overlay.picture.temporary_schema.is_some() {
                self.overlay = self.permanent();
            }
        } else {
            self.overlay = Overlay::new(Arc::clone(&self.base));
        }
        self.start = Overlay::new(Arc::clone(&self.base));
        ending
    }

    /// Takes the numbers that temporary sequences have reached out of the transaction,
    /// which are not rolled back.
    pub(super) fn part_sequences(&mut self) {
        let mut ending = Ending {
            space: self.space.take(),
            contents: None,
            uploads: Vec::new(),
            sequence_states: BTreeMap::new(),
            next_id: 0,
        };
        self.overlay = self.start.clone();
        ending.note_sequences(self);
        ending.install();
    }

    /// Refuses to make what is temporary permanent, or the other way.
    pub(super) fn check_no_change_of_lifetime(
        &self,
        from: SchemaId,
        to: SchemaId,
    ) -> Result<(), Error> {
        let picture = &self.overlay.picture;
        if picture.is_temporary(from) == picture.is_temporary(to) {
            return Ok(());
        }
        let text = "cannot move objects into or out of temporary schemas";
        Err(Error::new(ErrorKind::Unsupported, text))
    }

    fn apply_on_commit(&mut self) {
        for (id, action) in &*Arc::clone(&self.overlay.on_commit) {
            if self.overlay.picture.table(*id).is_none() {
                continue;
            }
            match action {
                OnCommit::DeleteRows => self.overlay.forget_files(*id),
                OnCommit::Drop => {
                    self.overlay.forget_files(*id);
                    drop_with_dependents(self.overlay.change_picture(), *id);
                }
            }
        }
    }
}

/// The temporary part of a transaction whose permanent part is about to be committed.
pub(super) struct Ending {
    space: Option<TemporarySpace>,
    /// None: as they were.
    contents: Option<Contents>,
    /// Scratch objects of the transaction, also unused ones.
    uploads: Vec<Path>,
    sequence_states: BTreeMap<i64, SequenceState>,
    next_id: i64,
}

impl Ending {
    /// The transaction is committed: its contents are the connection's.
    pub(super) async fn keep(mut self) {
        let Some(space) = self.space.clone() else {
            return;
        };
        let mut unused: BTreeSet<Path> = std::mem::take(&mut self.uploads).into_iter().collect();
        let (before, now) = self.install();
        unused.extend(before.locations().cloned());
        for location in now.locations() {
            unused.remove(location);
        }
        let unused: Vec<Path> = unused.into_iter().collect();
        space.inner.lake.delete_uploads(&unused).await;
    }

    /// The transaction is not committed: the contents stay.
    pub(super) async fn give_up(mut self) {
        let uploads = std::mem::take(&mut self.uploads);
        if let Some(space) = self.space.clone() {
            self.contents = None;
            self.install();
            space.inner.lake.delete_uploads(&uploads).await;
        }
    }

    fn note_sequences(&mut self, transaction: &Transaction) {
        let overlay = &transaction.overlay;
        let picture = &overlay.picture;
        let Some(schema) = picture.temporary_schema else {
            return;
        };
        let states = lock(&transaction.sequence_states);
        for sequence in picture.sequences() {
            let state = states.get(&overlay.state_key(sequence.id));
            if let Some(state) = state.filter(|_| sequence.schema_id == schema) {
                self.sequence_states.insert(sequence.id.0, *state);
            }
        }
    }

    /// Returns the contents before and after.
    fn install(self) -> (Arc<Contents>, Arc<Contents>) {
        let Some(space) = self.space else {
            return Default::default();
        };
        let mut state = space.state();
        let before = Arc::clone(&state.contents);
        if let Some(contents) = self.contents {
            if contents.schema.is_some() {
                state.next_id = self.next_id;
            }
            state.contents = Arc::new(contents);
            state.joined = None;
        }
        let now = Arc::clone(&state.contents);
        let is_there = |id: &i64| now.sequences.iter().any(|sequence| sequence.id.0 == *id);
        state.sequence_states.extend(self.sequence_states);
        state.sequence_states.retain(|id, _| is_there(id));
        (before, now)
    }
}
