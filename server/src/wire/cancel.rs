//! Who may cancel what: every connection by process id and secret key.
//!
//! A cancel request comes over a connection of its own, at any moment. It
//! cancels the token of the statement that runs right then, if any. What else
//! reaches a session does so by the same [`Signals`].
//!
//! Source: PostgreSQL 18 manual, section 54.2.8.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use gotgan_sql::Signals;
use tokio_util::sync::CancellationToken;

/// Bytes of the secret key in protocol 3.0, which has room for no more.
const SHORT_KEY_BYTES: usize = 4;

/// Bytes of the secret key from protocol 3.2 on.
const LONG_KEY_BYTES: usize = 32;

/// Every connection that can be cancelled.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    last_id: i32,
    by_id: HashMap<i32, Entry>,
}

#[derive(Debug)]
struct Entry {
    key: Bytes,
    signals: Arc<Signals>,
}

/// A connection's place in the registry, given up when dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    /// What the client knows as the process id; positive and unique.
    pub(crate) connection_id: i32,
    /// What the client must show to cancel.
    pub(crate) key: Bytes,
    /// How the session is told to stop.
    pub(crate) signals: Arc<Signals>,
    registry: Arc<Registry>,
}

impl Registry {
    /// Adds a connection; `has_long_keys`: its protocol is 3.2 or later; `server_end`: what
    /// ends all of them.
    pub(crate) fn register(
        self: &Arc<Self>,
        has_long_keys: bool,
        server_end: &CancellationToken,
    ) -> Registration {
        let key: [u8; LONG_KEY_BYTES] = rand::random();
        let length = if has_long_keys {
            LONG_KEY_BYTES
        } else {
            SHORT_KEY_BYTES
        };
        let key = Bytes::copy_from_slice(&key[..length]);
        let signals = Arc::new(Signals::new(server_end));
        let mut entries = lock(&self.entries);
        let mut connection_id = entries.last_id;
        loop {
            connection_id = connection_id.checked_add(1).unwrap_or(1);
            if !entries.by_id.contains_key(&connection_id) {
                break;
            }
        }
        entries.last_id = connection_id;
        let entry = Entry {
            key: key.clone(),
            signals: Arc::clone(&signals),
        };
        entries.by_id.insert(connection_id, entry);
        Registration {
            connection_id,
            key,
            signals,
            registry: Arc::clone(self),
        }
    }

    /// Cancels what the connection runs, if the key is right; else nothing.
    pub(crate) fn cancel(&self, connection_id: i32, key: &[u8]) {
        let entries = lock(&self.entries);
        let Some(entry) = entries.by_id.get(&connection_id) else {
            return;
        };
        if !is_same(&entry.key, key) {
            tracing::info!(connection_id, "a cancel request came with a wrong key");
            return;
        }
        entry.signals.cancel();
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&self.registry.entries)
            .by_id
            .remove(&self.connection_id);
    }
}

/// Compares in a time that does not tell where the first difference is.
fn is_same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .fold(0, |difference, (a, b)| difference | (a ^ b))
            == 0
}

/// Nothing that holds these locks can leave them half-changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
