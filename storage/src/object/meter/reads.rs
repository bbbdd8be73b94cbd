//! What one statement reads of one table: from storage, from caches, and what it leaves out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use object_store::ObjectStore;
use serde::{Deserialize, Serialize};

use super::{Meter, MeteredStore};

/// Counts as they grow. Bytes from storage are counted by the store itself.
#[derive(Debug, Default)]
pub struct ReadMeter {
    store: Arc<Meter>,
    files_read: AtomicU64,
    files_pruned: AtomicU64,
    bytes_cached: AtomicU64,
    bytes_pruned: AtomicU64,
}

/// What was counted. Files are data files; deletes belong to theirs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadCounts {
    /// Files that were opened.
    pub files_read: u64,
    /// Files that were left out, by their bounds or since enough rows were found before.
    pub files_pruned: u64,
    /// Bytes that were asked of storage.
    pub bytes_read: u64,
    /// Bytes that would have been, had no cache held them.
    pub bytes_cached: u64,
    /// Sizes of the files that were left out.
    pub bytes_pruned: u64,
}

impl ReadCounts {
    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: Self) {
        self.files_read += other.files_read;
        self.files_pruned += other.files_pruned;
        self.bytes_read += other.bytes_read;
        self.bytes_cached += other.bytes_cached;
        self.bytes_pruned += other.bytes_pruned;
    }
}

impl ReadMeter {
    /// A store whose reads are counted here.
    pub fn metered(&self, store: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        Arc::new(MeteredStore::new(store, Arc::clone(&self.store)))
    }

    /// A data file is opened.
    pub fn count_file(&self) {
        self.files_read.fetch_add(1, Ordering::Relaxed);
    }

    /// Data files are left out.
    pub fn count_pruned(&self, files: u64, bytes: u64) {
        self.files_pruned.fetch_add(files, Ordering::Relaxed);
        self.bytes_pruned.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A cache had what storage would have been asked for.
    pub fn count_cached(&self, bytes: u64) {
        self.bytes_cached.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What was counted since the last call.
    pub fn take(&self) -> ReadCounts {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        ReadCounts {
            files_read: take(&self.files_read),
            files_pruned: take(&self.files_pruned),
            bytes_read: take(&self.store.bytes_read),
            bytes_cached: take(&self.bytes_cached),
            bytes_pruned: take(&self.bytes_pruned),
        }
    }
}
