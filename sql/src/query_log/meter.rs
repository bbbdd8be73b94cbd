//! What one statement uses, counted while it runs.
//!
//! Counts are taken, not read: what goes on after the statement has ended, as the scan of a
//! cursor does, is counted for the next statement that asks the cursor for rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use gotgan_storage::{LoggedTable, ReadMeter, Snapshot, Table, TableId};

use crate::pg_catalog::identifier::quote_qualified;

/// Says that no snapshot was read; ids of snapshots are never negative.
const NO_SNAPSHOT: i64 = -1;

/// Counts of one statement; shared with whatever runs for it.
#[derive(Debug)]
pub(crate) struct QueryMeter {
    tables: Mutex<BTreeMap<TableId, Arc<TableMeter>>>,
    /// Those of statements before, whose cursors or portals this one goes on with.
    others: Mutex<Vec<Arc<QueryMeter>>>,
    /// When the plan was ready.
    planned: OnceLock<Instant>,
    snapshot: AtomicI64,
    memory_bytes: AtomicUsize,
    memory_peak: AtomicUsize,
    bytes_spilled: AtomicU64,
}

/// What is read of one table.
#[derive(Debug, Default)]
pub(crate) struct TableMeter {
    /// With its schema.
    name: String,
    pub(crate) reads: ReadMeter,
    columns: Mutex<BTreeSet<String>>,
}

/// What a statement used.
#[derive(Debug, Default)]
pub(crate) struct Used {
    pub(crate) tables: Vec<LoggedTable>,
    pub(crate) memory_peak: u64,
    pub(crate) bytes_spilled: u64,
}

impl Default for QueryMeter {
    fn default() -> Self {
        Self {
            tables: Mutex::default(),
            others: Mutex::default(),
            planned: OnceLock::new(),
            snapshot: AtomicI64::new(NO_SNAPSHOT),
            memory_bytes: AtomicUsize::new(0),
            memory_peak: AtomicUsize::new(0),
            bytes_spilled: AtomicU64::new(0),
        }
    }
}

impl TableMeter {
    /// Columns that are read or written.
    pub(crate) fn touch<'a>(&self, columns: impl IntoIterator<Item = &'a str>) {
        let mut known = lock(&self.columns);
        for column in columns {
            if !known.contains(column) {
                known.insert(column.to_owned());
            }
        }
    }
}

impl TableMeter {
    /// As [`Self::touch`], by ids.
    pub(crate) fn touch_ids(&self, table: &Table, ids: impl Iterator<Item = i64>) {
        let ids: BTreeSet<i64> = ids.collect();
        let columns = table.columns.iter();
        let touched = columns.filter(|column| ids.contains(&column.id.0));
        self.touch(touched.map(|column| column.name.as_str()));
    }
}

impl QueryMeter {
    /// The statement touches a table, which is in the snapshot.
    pub(crate) fn table(&self, snapshot: &Snapshot, table: &Table) -> Arc<TableMeter> {
        let mut tables = lock(&self.tables);
        let known = tables.entry(table.id).or_insert_with(|| {
            let schema = snapshot.schema(table.schema_id);
            let name = match schema {
                Some(schema) => quote_qualified(&schema.name, &table.name),
                None => table.name.clone(),
            };
            Arc::new(TableMeter {
                name,
                ..TableMeter::default()
            })
        });
        Arc::clone(known)
    }

    /// The statement reads a snapshot.
    pub(crate) fn saw(&self, snapshot: &Snapshot) {
        self.snapshot.store(snapshot.id().0, Ordering::Relaxed);
    }

    /// Which snapshot it read last.
    pub(crate) fn snapshot(&self) -> Option<i64> {
        let id = self.snapshot.load(Ordering::Relaxed);
        (id != NO_SNAPSHOT).then_some(id)
    }

    /// The first plan of the statement begins to run.
    pub(crate) fn begin_run(&self, now: Instant) {
        self.planned.get_or_init(|| now);
    }

    /// When the first plan began to run.
    pub(crate) fn planned(&self) -> Option<Instant> {
        self.planned.get().copied()
    }

    /// The statement goes on with what another one began.
    pub(crate) fn go_on_with(&self, other: &Arc<Self>) {
        if !std::ptr::eq(self, other.as_ref()) {
            lock(&self.others).push(Arc::clone(other));
        }
    }

    /// Operators hold more memory.
    pub(crate) fn grow(&self, bytes: usize) {
        let before = self.memory_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.memory_peak
            .fetch_max(before.saturating_add(bytes), Ordering::Relaxed);
    }

    /// Operators hold less memory.
    pub(crate) fn shrink(&self, bytes: usize) {
        self.memory_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Operators wrote to the disk for want of memory.
    pub(crate) fn spill(&self, bytes: u64) {
        self.bytes_spilled.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What was used since the last call.
    pub(crate) fn take(&self) -> Used {
        let mut tables = BTreeMap::new();
        let mut used = self.take_into(&mut tables);
        for other in std::mem::take(&mut *lock(&self.others)) {
            let more = other.take_into(&mut tables);
            used.memory_peak = used.memory_peak.max(more.memory_peak);
            used.bytes_spilled += more.bytes_spilled;
        }
        used.tables = tables.into_values().collect();
        used
    }

    fn take_into(&self, tables: &mut BTreeMap<String, LoggedTable>) -> Used {
        for table in lock(&self.tables).values() {
            let known = tables.entry(table.name.clone()).or_default();
            known.name.clone_from(&table.name);
            known.reads.add(table.reads.take());
            let mut columns: BTreeSet<String> =
                std::mem::take(&mut known.columns).into_iter().collect();
            columns.extend(lock(&table.columns).iter().cloned());
            known.columns = columns.into_iter().collect();
        }
        let held = self.memory_bytes.load(Ordering::Relaxed);
        let peak = self.memory_peak.swap(held, Ordering::Relaxed);
        Used {
            tables: Vec::new(),
            memory_peak: peak as u64,
            bytes_spilled: self.bytes_spilled.swap(0, Ordering::Relaxed),
        }
    }
}

/// Nothing that holds these locks can leave them half-changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
