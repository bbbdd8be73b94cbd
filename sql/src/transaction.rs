//! BEGIN to COMMIT: one transaction of the session over one of storage.

use std::collections::BTreeSet;
use std::sync::Arc;

use gotgan_storage::{FileList, Rights, Savepoint, Snapshot, SnapshotId, TableId, Transaction};

use crate::error::SqlError;
use crate::settings::Mark;

/// What ReadyForQuery tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStatus {
    /// No transaction block.
    Idle,
    /// Within BEGIN.
    InTransaction,
    /// Within BEGIN, after an error.
    Failed,
}

/// How far a transaction's statements see what others commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// Each statement sees the newest snapshot, until the first write.
    ReadCommitted,
    /// All statements see the snapshot of the first.
    RepeatableRead,
    /// As before, and what was read is checked at commit.
    Serializable,
}

/// What a savepoint brings back.
#[derive(Debug)]
struct Point {
    name: String,
    storage: Savepoint,
    settings: Mark,
    is_read_only: bool,
}

/// An open transaction.
#[derive(Debug)]
pub(crate) struct Active {
    /// None once it has failed for good: its changes are gone already.
    storage: Option<Transaction>,
    failed: bool,
    /// The last snapshot, which a failed transaction still shows.
    last: Arc<Snapshot>,
    savepoints: Vec<Point>,
    pub(crate) is_explicit: bool,
    pub(crate) is_read_only: bool,
    pub(crate) isolation: Isolation,
    /// UTC microseconds since 1970; what `now()` tells.
    pub(crate) started: i64,
    has_run: bool,
    /// Whether the snapshot stays where it is.
    is_held: bool,
    /// Whether it stays there until the end.
    is_locked: bool,
}

impl Active {
    pub(crate) fn new(
        storage: Transaction,
        is_explicit: bool,
        is_read_only: bool,
        started: i64,
    ) -> Self {
        Self {
            last: storage.snapshot(),
            storage: Some(storage),
            failed: false,
            savepoints: Vec::new(),
            is_explicit,
            is_read_only,
            isolation: Isolation::ReadCommitted,
            started,
            has_run: false,
            is_held: false,
            is_locked: false,
        }
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Whether a statement ran that pins the snapshot.
    pub(crate) fn has_run(&self) -> bool {
        self.has_run
    }

    /// The transaction of storage.
    ///
    /// Errors: `25P02` once it has failed.
    pub(crate) fn storage(&mut self) -> Result<&mut Transaction, SqlError> {
        if self.failed {
            return Err(SqlError::in_failed_transaction());
        }
        self.storage
            .as_mut()
            .ok_or_else(SqlError::in_failed_transaction)
    }

    /// Roles and rights as they are now; none once it has failed.
    pub(crate) fn rights(&self) -> Option<Rights> {
        self.storage.as_ref().map(Transaction::rights)
    }

    /// Whether a statement changed something.
    pub(crate) fn has_changes(&self) -> bool {
        self.storage.as_ref().is_some_and(Transaction::has_changes)
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        match &self.storage {
            Some(storage) => storage.snapshot(),
            None => Arc::clone(&self.last),
        }
    }

    /// Keeps the snapshot while a statement makes several plans.
    pub(crate) fn hold(&mut self, is_held: bool) {
        self.is_held = is_held;
    }

    /// Stays on this snapshot until the end; that others change one of the tables is a
    /// conflict then.
    pub(crate) fn lock(&mut self, tables: BTreeSet<TableId>) -> Result<(), SqlError> {
        let storage = self.storage()?;
        tables
            .into_iter()
            .for_each(|table| storage.record_read(table));
        self.is_locked = true;
        Ok(())
    }

    /// Moves to the newest snapshot where the isolation level allows it.
    pub(crate) async fn repin(&mut self) -> Result<(), SqlError> {
        if self.is_held || self.is_locked {
            return Ok(());
        }
        let moves = self.isolation == Isolation::ReadCommitted || !self.has_run;
        // A savepoint is a state of the snapshot that it was made on.
        let may_move = self.savepoints.is_empty();
        self.has_run = true;
        let storage = self.storage()?;
        if moves && may_move {
            storage.repin().await?;
        }
        Ok(())
    }

    /// The files of a table as this transaction sees them.
    pub(crate) async fn files(&self, table: TableId) -> Result<Arc<FileList>, SqlError> {
        match &self.storage {
            Some(storage) if !self.failed => Ok(storage.files(table).await?),
            _ => Err(SqlError::in_failed_transaction()),
        }
    }

    /// Notes what a SERIALIZABLE transaction has read.
    pub(crate) fn record_reads(&mut self, tables: Vec<TableId>) -> Result<(), SqlError> {
        if self.isolation == Isolation::Serializable {
            let storage = self.storage()?;
            tables
                .into_iter()
                .for_each(|table| storage.record_read(table));
        }
        Ok(())
    }

    pub(crate) async fn commit(mut self) -> Result<Option<SnapshotId>, SqlError> {
        match self.storage.take() {
            Some(storage) => Ok(storage.commit().await?),
            None => Ok(None),
        }
    }

    pub(crate) async fn rollback(mut self) {
        if let Some(storage) = self.storage.take() {
            storage.rollback().await;
        }
    }

    /// After an error: changes are dropped, unless a savepoint may bring some back.
    pub(crate) async fn fail(mut self) -> Self {
        self.failed = true;
        if self.savepoints.is_empty()
            && let Some(storage) = self.storage.take()
        {
            self.last = storage.snapshot();
            storage.rollback().await;
        }
        self
    }

    /// `settings`: the session's, which go back, too.
    pub(crate) fn savepoint(&mut self, name: &str, settings: Mark) -> Result<(), SqlError> {
        let point = Point {
            name: name.to_owned(),
            storage: self.storage()?.savepoint(),
            settings,
            is_read_only: self.is_read_only,
        };
        self.savepoints.push(point);
        Ok(())
    }

    /// Takes back what came after the savepoint, which stays; works after an error.
    /// Returns the settings of then.
    pub(crate) fn rollback_to(&mut self, name: &str) -> Result<Mark, SqlError> {
        let index = self.savepoint_index(name)?;
        self.savepoints.truncate(index + 1);
        let point = &self.savepoints[index];
        if let Some(storage) = &mut self.storage {
            storage.rollback_to(&point.storage);
        }
        self.is_read_only = point.is_read_only;
        self.failed = false;
        Ok(point.settings.clone())
    }

    /// Whether there is a savepoint to go back to.
    pub(crate) fn has_savepoint(&self) -> bool {
        !self.savepoints.is_empty()
    }

    /// Whether the transaction read only at the last savepoint.
    pub(crate) fn was_read_only(&self) -> bool {
        self.savepoints
            .last()
            .is_some_and(|point| point.is_read_only)
    }

    /// Forgets the savepoint and those after it; their changes stay.
    pub(crate) fn release(&mut self, name: &str) -> Result<(), SqlError> {
        self.storage()?;
        let index = self.savepoint_index(name)?;
        self.savepoints.truncate(index);
        Ok(())
    }

    fn savepoint_index(&self, name: &str) -> Result<usize, SqlError> {
        self.savepoints
            .iter()
            .rposition(|point| point.name == name)
            .ok_or_else(|| {
                SqlError::with_code(
                    crate::sqlstate::INVALID_SAVEPOINT_SPECIFICATION,
                    format!("savepoint \"{name}\" does not exist"),
                )
            })
    }
}
