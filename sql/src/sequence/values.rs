//! Values for one statement, and what the session knows of those that it took.
//!
//! Functions are synchronous, and taking values may have to write to the catalog. So a
//! statement that is known to need values reserves them ahead (`physical/numbering.rs`);
//! else its thread waits here, which only few may do at a time.
//!
//! Invariants:
//! - A value that was taken from storage is handed out once, or never; or it is given
//!   back.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gotgan_storage::{Sequence, SequenceBlock, SequenceId, SequenceState, SequenceValues};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;

use crate::error::SqlError;
use crate::sqlstate;

/// Threads that may wait for the catalog at a time. The runtime replaces a thread that
/// waits, up to a bound, and a commit that they wait for needs one.
static WAITING: Semaphore = Semaphore::const_new(16);

/// What `currval` and `lastval` of a session tell.
#[derive(Debug, Default)]
pub struct SessionSequences {
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    values: HashMap<SequenceId, i64>,
    last: Option<SequenceId>,
}

impl SessionSequences {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value that the session took last of a sequence.
    pub(crate) fn current(&self, id: SequenceId) -> Option<i64> {
        self.lock().values.get(&id).copied()
    }

    /// The sequence that the session took a value of last, and that value.
    pub(crate) fn last(&self) -> Option<(SequenceId, i64)> {
        let taken = self.lock();
        let id = taken.last?;
        Some((id, *taken.values.get(&id)?))
    }

    fn note(&self, id: SequenceId, value: i64, is_last: bool) {
        let mut taken = self.lock();
        taken.values.insert(id, value);
        if is_last {
            taken.last = Some(id);
        }
    }

    /// Forgets everything, as DISCARD SEQUENCES does.
    pub(crate) fn discard(&self) {
        *self.lock() = Taken::default();
    }

    /// Ids of sequences that are not committed.
    pub(crate) fn uncommitted(&self) -> Vec<SequenceId> {
        let taken = self.lock();
        let ids = taken.values.keys().copied();
        ids.filter(|id| id.is_temporary()).collect()
    }

    /// Gives a sequence the id that it has after its commit, or forgets it.
    pub(crate) fn renumber(&self, old: SequenceId, new: Option<SequenceId>) {
        let mut taken = self.lock();
        let value = taken.values.remove(&old);
        if let (Some(value), Some(new)) = (value, new) {
            taken.values.insert(new, value);
        }
        if taken.last == Some(old) {
            taken.last = new;
        }
    }
}

/// Values for one statement.
#[derive(Debug, Default)]
pub struct SequenceUse {
    /// None where there is no transaction, as in tests.
    source: Option<SequenceValues>,
    session: Arc<SessionSequences>,
    /// Taken from storage and not handed out yet.
    reserved: Mutex<HashMap<SequenceId, VecDeque<SequenceBlock>>>,
    /// How far sequences were when a relation of the catalog asked.
    known: Mutex<HashMap<SequenceId, SequenceState>>,
    is_read_only: bool,
}

impl SequenceUse {
    /// `source`: the sequences that the statement sees.
    pub(crate) fn new(
        source: SequenceValues,
        session: Arc<SessionSequences>,
        is_read_only: bool,
    ) -> Self {
        Self {
            source: Some(source),
            session,
            reserved: Mutex::default(),
            known: Mutex::default(),
            is_read_only,
        }
    }

    /// What the session took before.
    pub(crate) fn session(&self) -> &SessionSequences {
        &self.session
    }

    /// Takes the next `count` values.
    ///
    /// Errors: `2200H` at the end of the sequence; `25006`.
    pub(crate) fn next(&self, sequence: &Sequence, count: usize) -> Result<Vec<i64>, SqlError> {
        self.check_writable(sequence, "nextval()")?;
        let mut values = self.take_reserved(sequence.id, count);
        while values.len() < count
            && let Some(block) = self.try_reserve(sequence.id, count - values.len())
        {
            values.extend(block.values());
        }
        if values.len() < count {
            let missing = count - values.len();
            wait(self.reserve(sequence, missing))??;
            values.extend(self.take_reserved(sequence.id, missing));
        }
        if let Some(value) = values.last() {
            self.session.note(sequence.id, *value, true);
        }
        Ok(values)
    }

    /// Sees to it that `count` values can be taken without waiting.
    ///
    /// Errors: as [`Self::next`].
    pub(crate) async fn reserve_ahead(
        &self,
        sequence: &Sequence,
        count: usize,
    ) -> Result<(), SqlError> {
        self.check_writable(sequence, "nextval()")?;
        let left = self.reserved_count(sequence.id);
        self.reserve(sequence, count.saturating_sub(left)).await
    }

    /// Sets how far a sequence is.
    ///
    /// Errors: `22003` for a value beyond the bounds; `25006`.
    pub(crate) fn set(
        &self,
        sequence: &Sequence,
        value: i64,
        is_called: bool,
    ) -> Result<(), SqlError> {
        self.check_writable(sequence, "setval()")?;
        let options = &sequence.options;
        if !(options.min..=options.max).contains(&value) {
            return Err(SqlError::with_code(
                sqlstate::NUMERIC_VALUE_OUT_OF_RANGE,
                format!(
                    "setval: value {value} is out of bounds for sequence \"{}\" ({}..{})",
                    sequence.name, options.min, options.max
                ),
            ));
        }
        let state = SequenceState {
            last_value: value,
            is_called,
        };
        self.reserved().remove(&sequence.id);
        wait(self.source()?.store_state(sequence.id, state))??;
        if is_called {
            self.session.note(sequence.id, value, false);
        }
        Ok(())
    }

    /// Errors: `25006`, but not for a temporary sequence.
    fn check_writable(&self, sequence: &Sequence, what: &str) -> Result<(), SqlError> {
        if self.is_read_only && !self.source()?.is_temporary(sequence.id) {
            return Err(SqlError::read_only_transaction(what));
        }
        Ok(())
    }

    /// How far a sequence is.
    pub(crate) async fn state(&self, id: SequenceId) -> Result<SequenceState, SqlError> {
        Ok(self.source()?.state(id).await?)
    }

    /// Reads how far sequences are, for [`Self::known_state`].
    pub(crate) async fn read_states(
        &self,
        ids: impl Iterator<Item = SequenceId>,
    ) -> Result<(), SqlError> {
        for id in ids {
            let state = self.state(id).await?;
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(id, state);
        }
        Ok(())
    }

    /// How far a sequence was when it was read, if it was.
    pub(crate) fn known_state(&self, id: SequenceId) -> Option<SequenceState> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&id).copied()
    }

    /// As [`Self::state`], where nothing can be awaited.
    pub(crate) fn state_now(&self, id: SequenceId) -> Result<SequenceState, SqlError> {
        Ok(wait(self.source()?.state(id))??)
    }

    fn try_reserve(&self, id: SequenceId, count: usize) -> Option<SequenceBlock> {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.source.as_ref()?.try_reserve(id, count)
    }

    async fn reserve(&self, sequence: &Sequence, count: usize) -> Result<(), SqlError> {
        let mut missing = u64::try_from(count).unwrap_or(u64::MAX);
        while missing > 0 {
            let Some(block) = self.source()?.reserve(sequence.id, missing).await? else {
                return Err(exhausted(sequence));
            };
            missing = missing.saturating_sub(block.count);
            let mut reserved = self.reserved();
            reserved.entry(sequence.id).or_default().push_back(block);
        }
        Ok(())
    }

    fn source(&self) -> Result<&SequenceValues, SqlError> {
        let source = self.source.as_ref();
        source.ok_or_else(|| SqlError::internal("there is no transaction to take values in"))
    }

    fn reserved(&self) -> MutexGuard<'_, HashMap<SequenceId, VecDeque<SequenceBlock>>> {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reserved_count(&self, id: SequenceId) -> usize {
        let reserved = self.reserved();
        let blocks = reserved.get(&id).into_iter().flatten();
        let count = blocks.map(|block| block.count).sum::<u64>();
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    /// At most `count` values of those that are there.
    fn take_reserved(&self, id: SequenceId, count: usize) -> Vec<i64> {
        let mut values = Vec::with_capacity(count);
        let mut reserved = self.reserved();
        let Some(blocks) = reserved.get_mut(&id) else {
            return values;
        };
        while values.len() < count
            && let Some(block) = blocks.pop_front()
        {
            let wanted = (count - values.len()) as u64;
            values.extend(block.values().take(count - values.len()));
            if block.count > wanted {
                let rest = SequenceBlock {
                    first: block.values().nth(count_of(wanted)).unwrap_or(block.first),
                    count: block.count - wanted,
                    ..block
                };
                blocks.push_front(rest);
            }
        }
        values
    }
}

impl Drop for SequenceUse {
    /// What was reserved and not handed out goes back, the last first.
    fn drop(&mut self) {
        let Some(source) = &self.source else {
            return;
        };
        let reserved = self
            .reserved
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        for (id, blocks) in std::mem::take(reserved) {
            for block in blocks.into_iter().rev() {
                source.give_back(id, block);
            }
        }
    }
}

fn count_of(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Errors: `2200H`.
fn exhausted(sequence: &Sequence) -> SqlError {
    let options = &sequence.options;
    let (end, value) = match options.increment {
        0.. => ("maximum", options.max),
        _ => ("minimum", options.min),
    };
    SqlError::with_code(
        sqlstate::SEQUENCE_GENERATOR_LIMIT_EXCEEDED,
        format!(
            "nextval: reached {end} value of sequence \"{}\" ({value})",
            sequence.name
        ),
    )
}

/// Waits for what needs the catalog, on a thread that the runtime replaces meanwhile.
///
/// Errors: `53400` if too many wait already.
fn wait<T>(work: impl Future<Output = T>) -> Result<T, SqlError> {
    let runtime = Handle::try_current()
        .ok()
        .filter(|runtime| runtime.runtime_flavor() != RuntimeFlavor::CurrentThread)
        .ok_or_else(|| SqlError::internal("values of sequences need a runtime of threads"))?;
    let _permit = WAITING.try_acquire().map_err(|source| {
        SqlError::with_code(
            sqlstate::CONFIGURATION_LIMIT_EXCEEDED,
            "too many statements wait for values of sequences",
        )
        .caused_by(source)
    })?;
    Ok(tokio::task::block_in_place(|| runtime.block_on(work)))
}
