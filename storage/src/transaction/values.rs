//! Values of sequences for a statement that runs beside its transaction.
//!
//! A statement takes values while its rows are made, when nobody holds the transaction.
//! What it needs of it is here: the definitions as of then, and the states of sequences
//! that the transaction made or restarted, shared with it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, ErrorKind};
use crate::lake::{Lake, SequenceBlock, SequenceState};
use crate::snapshot::{Sequence, Snapshot};
use crate::spec::SequenceId;

type States = BTreeMap<i64, SequenceState>;

/// The values of sequences as a transaction saw them when this was asked for.
///
/// Cheap to clone. After the end of the transaction only committed sequences are left.
#[derive(Clone, Debug)]
pub struct SequenceValues {
    pub(super) lake: Lake,
    pub(super) picture: Arc<Snapshot>,
    pub(super) restarts: Arc<BTreeMap<SequenceId, i64>>,
    pub(super) states: Arc<Mutex<States>>,
}

impl SequenceValues {
    /// Takes values of a sequence, at least 1 and at most `count`; nothing if it has
    /// reached its end. See `Lake::reserve_sequence`.
    pub async fn reserve(
        &self,
        id: SequenceId,
        count: u64,
    ) -> Result<Option<SequenceBlock>, Error> {
        self.check_writable(id)?;
        let sequence = self.sequence(id)?;
        if let Some(state) = lock(&self.states).get_mut(&self.key(id)) {
            return Ok(state.advance(&sequence.options, count));
        }
        self.lake.reserve_values(id, &sequence.options, count).await
    }

    /// As [`Self::reserve`], but nothing where that would have to wait.
    pub fn try_reserve(&self, id: SequenceId, count: u64) -> Option<SequenceBlock> {
        let sequence = self.sequence(id).ok()?;
        if let Some(state) = lock(&self.states).get_mut(&self.key(id)) {
            return state.advance(&sequence.options, count);
        }
        self.lake.try_reserve_values(id, &sequence.options, count)
    }

    /// Gives values back that nobody uses. Best effort: those that were not the last to
    /// be reserved are a gap.
    pub fn give_back(&self, id: SequenceId, block: SequenceBlock) {
        if let Some(state) = lock(&self.states).get_mut(&self.key(id)) {
            if state.is_called && state.last_value == block.last() {
                *state = SequenceState::new(block.first);
            }
            return;
        }
        if let Ok(sequence) = self.sequence(id) {
            let options = &sequence.options;
            self.lake.try_return_values(id, options, block);
        }
    }

    /// Sets how far a sequence is, at once and for all, as `setval` does.
    pub async fn store_state(&self, id: SequenceId, state: SequenceState) -> Result<(), Error> {
        self.check_writable(id)?;
        self.sequence(id)?;
        if let Some(own) = lock(&self.states).get_mut(&self.key(id)) {
            *own = state;
            return Ok(());
        }
        self.lake.store_sequence_state(id, state).await
    }

    /// How far a sequence is.
    pub async fn state(&self, id: SequenceId) -> Result<SequenceState, Error> {
        self.sequence(id)?;
        let own = lock(&self.states).get(&self.key(id)).copied();
        match own {
            Some(state) => Ok(state),
            None => self.lake.sequence_state(id).await,
        }
    }

    /// Where the transaction keeps how far a sequence is, see `Overlay::state_key`.
    fn key(&self, id: SequenceId) -> i64 {
        self.restarts.get(&id).copied().unwrap_or(id.0)
    }

    fn sequence(&self, id: SequenceId) -> Result<&Arc<Sequence>, Error> {
        self.picture.sequence(id).ok_or_else(|| {
            let text = format!("sequence with id {id} does not exist");
            Error::new(ErrorKind::NotFound, text)
        })
    }

    /// Whether it belongs to one connection only.
    pub fn is_temporary(&self, id: SequenceId) -> bool {
        let sequence = self.picture.sequence(id);
        sequence.is_some_and(|sequence| self.picture.is_temporary(sequence.schema_id))
    }

    fn check_writable(&self, id: SequenceId) -> Result<(), Error> {
        match self.is_temporary(id) {
            true => Ok(()),
            false => self.lake.check_primary(),
        }
    }
}

/// Nothing that holds it can panic in the middle of a change.
pub(super) fn lock(states: &Mutex<States>) -> MutexGuard<'_, States> {
    states.lock().unwrap_or_else(PoisonError::into_inner)
}
