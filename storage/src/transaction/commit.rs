//! The commit protocol: one transaction of the catalog database, one new snapshot.
//!
//!   delete files ──▶ lock ──▶ head moved? rebase ──▶ ids ──▶ rows ──▶ catalog commit
//!                          └── lost: Conflict     reply lost: settle by transaction id
//!
//! Invariants:
//! - Files are durable before their rows are written.
//! - A snapshot's id is the head's plus 1, its time is later than the head's.
//! - Uploads are deleted only once it is proven that no row names them.
//!
//! Not guaranteed: that a commit which failed did not happen. When the outcome cannot
//! be settled the answer is `Unavailable`, and the uploads stay.
//!
//! Source: DuckLake 1.0, sections on conflicts and snapshots.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use object_store::path::Path;

use crate::catalog::{CommitTransaction, Condition, Selection, Write, decode};
use crate::error::{Error, ErrorKind};
use crate::faults::PointFault;
use crate::lake::{Lake, Pin, SequenceState, state_update};
use crate::snapshot::{Snapshot, Table};
use crate::spec::change::{self, Change, CommitDetail};
use crate::spec::rows::{ChangesRow, SnapshotRow};
use crate::spec::side::SequenceStateRow;
use crate::spec::{SnapshotId, TableId};
use crate::transaction::Author;
use crate::transaction::difference::Difference;
use crate::transaction::overlay::{FileChanges, Overlay};
use crate::transaction::rebase::{Mine, conflict, rebase};
use crate::transaction::render::{Batch, render};
use crate::transaction::render_roles;
use crate::transaction::renumber::Numbers;
use crate::transaction::restore;
use crate::transaction::rows::{self, Counted, Counters, Target};
use crate::transaction::settle::{is_whole, settle};
use crate::transaction::stage::{Staged, StagedDeleteFiles};

/// How often a commit follows rows that other processes move.
const FOLLOW_COUNT_MAX: u32 = 3;

/// Everything that a commit needs; owned, since its client may go away.
pub(super) struct Request {
    pub(super) author: Author,
    pub(super) base: Arc<Snapshot>,
    pub(super) _pin: Arc<Pin>,
    pub(super) overlay: Overlay,
    pub(super) uploads: Vec<Path>,
    /// Written by the commit itself; empty before.
    pub(super) deletes: StagedDeleteFiles,
    pub(super) reads: BTreeSet<TableId>,
    pub(super) sequence_states: BTreeMap<i64, SequenceState>,
    /// Unique; found again in `commit_extra_info`.
    pub(super) id: String,
    /// When the first upload began, by this machine's clock.
    pub(super) uploads_since: Option<DateTime<Utc>>,
}

/// How a try to commit ended.
pub(super) enum Outcome {
    /// The commit's number, and the newest picture.
    Committed(SnapshotId, Arc<Snapshot>),
    /// Nothing was left to do.
    Unchanged,
    /// The database rolled it back, or never began.
    RolledBack(Error),
    /// The reply to the catalog commit was lost.
    Unknown(Error),
    /// A test stops here as if the process had died.
    Stopped,
}

/// Carries a commit out.
pub(super) async fn run(lake: &Lake, mut request: Request) -> Result<Option<SnapshotId>, Error> {
    let outcome = match Staged::make(lake, &mut request).await {
        Ok(_) if lake.reach("commit/after-upload") != PointFault::Continue => Outcome::Stopped,
        Ok(mut staged) => {
            let _turn = lake.commit_turn().await;
            let outcome = match attempt_staged(lake, &mut request, &mut staged).await {
                Outcome::Unknown(error) => settle(lake, &request, error).await,
                other => other,
            };
            // Within the turn, so that an older head never follows a newer one.
            if let Outcome::Committed(_, head) = &outcome {
                lake.set_head(Arc::clone(head));
            }
            outcome
        }
        Err(error) => Outcome::RolledBack(error),
    };
    match outcome {
        Outcome::Committed(id, _) => {
            lake.forget_sequences(request.overlay.restarts.keys()).await;
            let unused = unused_uploads(&request);
            lake.delete_uploads(&unused).await;
            Ok(Some(id))
        }
        Outcome::Unchanged => {
            lake.delete_uploads(&request.uploads).await;
            Ok(None)
        }
        Outcome::RolledBack(error) => {
            lake.delete_uploads(&request.uploads).await;
            Err(error)
        }
        Outcome::Unknown(error) => Err(error),
        Outcome::Stopped => Err(Error::new(
            ErrorKind::Unavailable,
            "the commit was stopped by a test",
        )),
    }
}

/// Commits, and again where another process moved rows before the lock was there.
async fn attempt_staged(lake: &Lake, request: &mut Request, staged: &mut Staged) -> Outcome {
    if let Err(error) = staged.check(lake, request).await {
        return Outcome::RolledBack(error);
    }
    let mut outcome = attempt(lake, request).await;
    for _ in 0..FOLLOW_COUNT_MAX {
        let is_lost =
            matches!(&outcome, Outcome::RolledBack(error) if error.kind == ErrorKind::Conflict);
        if !is_lost {
            break;
        }
        match staged.check(lake, request).await {
            Ok(true) => outcome = attempt(lake, request).await,
            Ok(false) => break,
            Err(error) => return Outcome::RolledBack(error),
        }
    }
    outcome
}

/// Files that a savepoint or TRUNCATE took back, and those of which no row is left.
fn unused_uploads(request: &Request) -> Vec<Path> {
    let changes = request.overlay.files.values();
    let mut used: BTreeSet<&Path> = changes
        .flat_map(|changes| changes.kept())
        .map(|file| &file.data_file.location)
        .collect();
    used.extend(request.deletes.values().map(|staged| &staged.location));
    request
        .uploads
        .iter()
        .filter(|path| !used.contains(path))
        .cloned()
        .collect()
}

async fn attempt(lake: &Lake, request: &Request) -> Outcome {
    let begun = match lake.writer() {
        Ok(writer) => writer.begin_commit().await,
        Err(error) => Err(error),
    };
    let mut catalog = match begun {
        Ok(catalog) => catalog,
        Err(error) => return Outcome::RolledBack(error),
    };
    if lake.reach("commit/after-lock") != PointFault::Continue {
        return Outcome::Stopped;
    }
    let prepared = match prepare(lake, request, &mut *catalog).await {
        Ok(prepared) => prepared,
        Err(error) => return roll_back(catalog, error).await,
    };
    let Some(prepared) = prepared else {
        return match catalog.rollback().await {
            Ok(()) => Outcome::Unchanged,
            Err(error) => Outcome::RolledBack(error),
        };
    };
    if let Err(error) = catalog.apply(&prepared.writes).await {
        return roll_back(catalog, error).await;
    }
    if lake.reach("commit/before-sqlite-commit") != PointFault::Continue {
        return Outcome::Stopped;
    }
    let committed = catalog.commit().await;
    match (committed, lake.reach("commit/after-sqlite-commit")) {
        (_, PointFault::Stop) => Outcome::Stopped,
        (Ok(()), PointFault::Continue) => {
            let id = prepared.head.id();
            lake.keep_counters(id, prepared.counters);
            Outcome::Committed(id, Arc::new(prepared.head))
        }
        (Ok(()), PointFault::LoseReply) => {
            let text = "the reply of the catalog was lost";
            Outcome::Unknown(Error::new(ErrorKind::Unavailable, text))
        }
        (Err(error), _) => Outcome::Unknown(error),
    }
}

/// Ends the database's transaction; only a proven end lets the uploads go.
async fn roll_back(catalog: Box<dyn CommitTransaction>, error: Error) -> Outcome {
    match catalog.rollback().await {
        Ok(()) => Outcome::RolledBack(error),
        // The connection is closed, which rolls back too; look before deleting.
        Err(_) => Outcome::Unknown(error),
    }
}

/// What is written, and the picture afterwards.
struct Prepared {
    writes: Vec<Write>,
    head: Snapshot,
    counters: Vec<(TableId, Counters)>,
}

async fn prepare(
    lake: &Lake,
    request: &Request,
    catalog: &mut dyn CommitTransaction,
) -> Result<Option<Prepared>, Error> {
    lake.check_upload_age(request.uploads_since)?;
    let head = catalog.head().await?;
    let is_moved = head.snapshot.snapshot_id != request.base.id().0;
    let touched = match is_moved {
        true => check_history(catalog, request.base.id().0, head.snapshot.snapshot_id).await?,
        false => BTreeSet::new(),
    };
    let old = lake.picture_at(&head).await?;
    let (numbers, next_catalog_id) =
        Numbers::assign(&request.overlay.picture, head.snapshot.next_catalog_id);
    let picture = numbers.picture(&request.overlay.picture);
    let difference = Difference::between(&request.base, &picture);
    let files: BTreeMap<TableId, Arc<FileChanges>> = request
        .overlay
        .files
        .iter()
        .map(|(id, changes)| (numbers.table(*id), Arc::clone(changes)))
        .collect();
    let written = files.keys().copied().collect();
    let restarts = request.overlay.restarts.keys();
    let restarts = restarts.map(|id| numbers.sequence(*id)).collect();
    let mine = Mine {
        base: &request.base,
        picture: &picture,
        difference: &difference,
        written: &written,
        reads: &request.reads,
        touched: &touched,
        restarts: &restarts,
    };
    let mut merged = rebase(&mine, &old)?;
    if is_moved {
        for table in difference.tables.iter().filter_map(|id| merged.table(*id)) {
            rows::check_column_ids(catalog, table, request.base.id().0).await?;
        }
    }
    let now = lake.clock().commit_time(head.now);
    let mut batch = Batch::after(&head.snapshot, &difference, now);
    batch.next_catalog_id = next_catalog_id;
    render(&old, &merged, &difference, &mut batch);
    let verifiers = &request.overlay.verifiers;
    let pictures = (&*old, &mut merged);
    render_roles::render(catalog, pictures, &difference, verifiers, &mut batch).await?;
    store_sequences(request, &numbers, &merged, &mut batch);
    let restores = &request.overlay.restores;
    restore::record(catalog, restores, (&numbers, &merged), &mut batch).await?;
    let mut rows = Rows {
        lake,
        request,
        old: &old,
        difference: &difference,
        next_file_id: head.snapshot.next_file_id,
        counters: Vec::new(),
    };
    rows.add(catalog, &files, &mut merged, &mut batch).await?;
    let (next_file_id, counters) = (rows.next_file_id, rows.counters);
    if batch.objects.is_empty() && !batch.raises_epoch {
        return Ok(None);
    }
    batch.name_objects(&old, &merged);
    let (writes, head) = finish(request, batch, merged, next_file_id);
    Ok(Some(Prepared {
        writes,
        head,
        counters,
    }))
}

/// What the changes of rows need, and what comes of them.
struct Rows<'a> {
    lake: &'a Lake,
    request: &'a Request,
    /// The picture at the head.
    old: &'a Snapshot,
    difference: &'a Difference,
    next_file_id: i64,
    counters: Vec<(TableId, Counters)>,
}

impl Rows<'_> {
    /// Adds the changes of rows, table by table.
    async fn add(
        &mut self,
        catalog: &mut dyn CommitTransaction,
        files: &BTreeMap<TableId, Arc<FileChanges>>,
        merged: &mut Snapshot,
        batch: &mut Batch,
    ) -> Result<(), Error> {
        let base = self.request.base.id();
        for (id, changes) in files {
            let Some(table) = merged.table(*id).map(Arc::clone) else {
                continue;
            };
            let target = Target {
                table: &table,
                changes,
                deletes: &self.request.deletes,
                is_new: self.request.base.table(*id).is_none(),
                known: self.known(*id),
                base: base.0,
            };
            if self.old.id() != base {
                rows::check_ended(catalog, &target).await?;
            }
            let counted = rows::render(catalog, &target, &mut self.next_file_id, batch).await?;
            if let Some(counted) = counted {
                count(merged, &table, &counted);
                batch.objects.push(id.0);
                if !self.difference.tables.contains(id) {
                    self.counters.push((*id, counted.counters));
                }
            }
        }
        Ok(())
    }

    /// What the last commit counted. Where the definition changes, too, the catalog is asked.
    fn known(&self, id: TableId) -> Option<Counters> {
        if self.difference.tables.contains(&id) {
            return None;
        }
        self.lake.known_counters(self.old.table(id)?)
    }
}

/// Stores how far sequences are that were made or restarted here.
fn store_sequences(request: &Request, numbers: &Numbers, merged: &Snapshot, batch: &mut Batch) {
    let overlay = &request.overlay;
    for sequence in overlay.picture.sequences() {
        let id = numbers.sequence(sequence.id);
        let state = request.sequence_states.get(&overlay.state_key(sequence.id));
        let (Some(state), Some(_)) = (state, merged.sequence(id)) else {
            continue;
        };
        batch.writes.push(match sequence.id.is_temporary() {
            true => Write::insert(&[SequenceStateRow {
                sequence_id: id.0,
                last_value: state.last_value,
                is_called: state.is_called,
            }]),
            false => state_update(id, *state),
        });
        batch.objects.push(id.0);
    }
}

fn count(merged: &mut Snapshot, table: &Table, counted: &Counted) {
    let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
    let table = Table {
        row_count: unsigned(counted.row_count),
        bytes: unsigned(counted.bytes),
        ..table.clone()
    };
    merged.put_table_counters(Arc::new(table));
}

/// Adds the snapshot's own rows, and dates the picture.
fn finish(
    request: &Request,
    mut batch: Batch,
    mut merged: Snapshot,
    next_file_id: i64,
) -> (Vec<Write>, Snapshot) {
    let snapshot = SnapshotRow {
        snapshot_id: batch.snapshot_id,
        snapshot_time: batch.time,
        schema_version: batch.schema_version,
        next_catalog_id: batch.next_catalog_id,
        next_file_id,
    };
    let detail = CommitDetail {
        gotgan: CommitDetail::VERSION,
        transaction: request.id.clone(),
        application_name: request.author.application_name.clone(),
        objects: batch.objects.clone(),
        tables: std::mem::take(&mut batch.tables),
        counts: Some(batch.counts),
    };
    let changes = ChangesRow {
        snapshot_id: batch.snapshot_id,
        changes_made: Some(change::encode(&batch.changes)),
        author: Some(request.author.role.clone()).filter(|role| !role.is_empty()),
        commit_message: None,
        commit_extra_info: Some(detail.encode()),
    };
    // The snapshot comes first: its primary key is the last defence against a writer
    // that does not know our lock.
    let mut writes = vec![Write::insert(&[snapshot]), Write::insert(&[changes])];
    writes.append(&mut batch.writes);
    merged.id = SnapshotId(batch.snapshot_id);
    merged.time = batch.time;
    merged.schema_version = batch.schema_version;
    for id in &batch.objects {
        if let Some(table) = merged.table(TableId(*id)) {
            let table = Table {
                last_change: merged.id,
                // Known for this commit only: a picture that is loaded has none.
                next_column: 0,
                ..(**table).clone()
            };
            merged.put_table_counters(Arc::new(table));
        }
    }
    (writes, merged)
}

/// Every commit since the pin must still be known, or nobody can tell what it did.
///
/// Returns the tables whose rows they changed; rows that only moved are the same.
async fn check_history(
    catalog: &mut dyn CommitTransaction,
    base: i64,
    head: i64,
) -> Result<BTreeSet<TableId>, Error> {
    let conditions = vec![Condition::MoreThan("snapshot_id", base)];
    let selection = Selection::of::<ChangesRow>(conditions);
    let rows: Vec<ChangesRow> = decode(catalog.select(&selection).await?)?;
    let has_all = is_whole(&rows, base, head);
    let mut touched = BTreeSet::new();
    let mut is_understood = true;
    for row in rows {
        let changes = change::parse(row.changes_made.as_deref().unwrap_or_default());
        is_understood &= changes.is_some();
        touched.extend(changes.iter().flatten().filter_map(Change::changed_rows_of));
    }
    match has_all && is_understood {
        true => Ok(touched.into_iter().map(TableId).collect()),
        false => Err(conflict("the history of this lake")),
    }
}
