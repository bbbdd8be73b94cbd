//! Values of sequences: reserved in the catalog ahead of their use, never rolled back.
//!
//! A reservation is a transaction of the catalog of its own, durable before any of its
//! values is handed out. So a value is never handed out twice, whatever becomes of the
//! transaction that asked, of the process, or of others on the same lake. What is
//! reserved and not used by the end is a gap, as in PostgreSQL.
//!
//! Flow: a process keeps a block of each sequence; when it is used up, the next one is
//! reserved. `close` gives the rest back if nobody reserved since.

use std::collections::HashMap;

use crate::catalog::{Condition, Selection, Write, decode};
use crate::error::{Error, ErrorKind};
use crate::lake::Lake;
use crate::snapshot::SequenceOptions;
use crate::spec::SequenceId;
use crate::spec::side::SequenceStateRow;
use crate::spec::table::{Row, Value};

/// Fewest values that the only primary reserves at a time, as many as PostgreSQL logs
/// ahead: each reservation costs a write to the disk.
const RESERVE_COUNT_MIN: u64 = 32;

/// Values that belong to whoever reserved them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceBlock {
    /// The first value.
    pub first: i64,
    /// What each following value adds.
    pub increment: i64,
    /// How many values; at least 1.
    pub count: u64,
}

/// How far a sequence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceState {
    /// The last value that was handed out; the first to come if none was.
    pub last_value: i64,
    /// Whether `last_value` was handed out.
    pub is_called: bool,
}

/// Reserved values of each sequence that this process has left.
#[derive(Debug, Default)]
pub(super) struct SequenceCache {
    blocks: HashMap<SequenceId, Cached>,
}

#[derive(Clone, Copy, Debug)]
struct Cached {
    /// The last value that was handed out of the block.
    handed: i64,
    /// Values that are left, after `handed`.
    rest: u64,
    increment: i64,
}

impl SequenceBlock {
    /// The values, in order.
    pub fn values(self) -> impl Iterator<Item = i64> {
        (0..self.count).map(move |index| self.at(index))
    }

    /// The value after `index` others. Within the bounds of the sequence it cannot wrap.
    fn at(self, index: u64) -> i64 {
        let offset = (index as i64).wrapping_mul(self.increment);
        self.first.wrapping_add(offset)
    }

    pub(crate) fn last(self) -> i64 {
        self.at(self.count - 1)
    }
}

impl SequenceState {
    /// Nothing handed out, `start` to come.
    pub(crate) fn new(start: i64) -> Self {
        Self {
            last_value: start,
            is_called: false,
        }
    }

    /// The next values, at most `count`; nothing if there are none. Moves on.
    ///
    /// Fewer come where the sequence ends or starts again at the other end.
    pub(crate) fn advance(
        &mut self,
        options: &SequenceOptions,
        count: u64,
    ) -> Option<SequenceBlock> {
        let SequenceOptions {
            increment,
            min,
            max,
            ..
        } = *options;
        let is_within = |value: &i64| (min..=max).contains(value);
        let other_end = if increment > 0 { min } else { max };
        let next = match self.is_called {
            false => Some(self.last_value),
            true => self.last_value.checked_add(increment),
        };
        let first = next
            .filter(is_within)
            .or(options.cycle.then_some(other_end))?;
        let distance = if increment > 0 {
            i128::from(max) - i128::from(first)
        } else {
            i128::from(first) - i128::from(min)
        };
        let room = distance / i128::from(increment).abs().max(1) + 1;
        let block = SequenceBlock {
            first,
            increment,
            count: count.max(1).min(u64::try_from(room).unwrap_or(u64::MAX)),
        };
        *self = Self {
            last_value: block.last(),
            is_called: true,
        };
        Some(block)
    }
}

impl Lake {
    /// Reserves values of a committed sequence, at least 1 and at most `count`; nothing
    /// if it has reached its end. Ask again for more.
    ///
    /// They are the caller's for good: no rollback brings them back.
    /// Cost: 1 transaction of the catalog; on the only primary mostly nothing, and that
    /// for each `RESERVE_COUNT_MIN` values.
    /// Errors: `NotFound` if there is no such sequence; `ReadOnly` on a replica.
    pub async fn reserve_sequence(
        &self,
        id: SequenceId,
        count: u64,
    ) -> Result<Option<SequenceBlock>, Error> {
        let head = self.head().await?;
        let sequence = head.sequence(id).ok_or_else(|| missing(id))?;
        self.reserve_values(id, &sequence.options, count).await
    }

    /// The same with other options than the committed ones.
    pub(crate) async fn reserve_values(
        &self,
        id: SequenceId,
        options: &SequenceOptions,
        count: u64,
    ) -> Result<Option<SequenceBlock>, Error> {
        self.check_primary()?;
        let mut cache = self.inner.sequences.lock().await;
        if let Some(block) = cache.take(id, options, count) {
            return Ok(Some(block));
        }
        let left = cache.blocks.remove(&id).filter(|_| self.is_alone());
        // Another primary may set or restart the sequence without our seeing it: then
        // nothing is kept beyond what its definition allows to be.
        let ahead = if self.is_alone() {
            RESERVE_COUNT_MIN
        } else {
            1
        };
        let wanted = count
            .max(ahead)
            .max(u64::try_from(options.cache).unwrap_or(0));
        let reserve = |state: &mut SequenceState| {
            // What was reserved under other options is not skipped.
            left.inspect(|left| left.give_back(state));
            state.advance(options, wanted)
        };
        let Some(block) = self.change_state(id, reserve).await? else {
            return Ok(None);
        };
        Ok(Some(cache.put(id, block, count)))
    }

    /// As `reserve_values`, but only of what this process has reserved already.
    pub(crate) fn try_reserve_values(
        &self,
        id: SequenceId,
        options: &SequenceOptions,
        count: u64,
    ) -> Option<SequenceBlock> {
        let mut cache = self.inner.sequences.try_lock().ok()?;
        cache.take(id, options, count)
    }

    /// Takes back the values that were handed out last, if these are they and no other
    /// primary can have set the sequence since.
    pub(crate) fn try_return_values(
        &self,
        id: SequenceId,
        options: &SequenceOptions,
        block: SequenceBlock,
    ) {
        // Before the first value of all there is none to go back to.
        let before = block.first.checked_sub(block.increment);
        let is_within = before.is_some_and(|value| (options.min..=options.max).contains(&value));
        if is_within
            && self.is_alone()
            && let Ok(mut cache) = self.inner.sequences.try_lock()
        {
            cache.take_back(id, block);
        }
    }

    /// Sets how far a sequence is, at once and for all, as `setval` does.
    ///
    /// Cost: 1 transaction of the catalog.
    pub async fn store_sequence_state(
        &self,
        id: SequenceId,
        state: SequenceState,
    ) -> Result<(), Error> {
        self.check_primary()?;
        let mut cache = self.inner.sequences.lock().await;
        cache.blocks.remove(&id);
        self.change_state(id, |old| {
            *old = state;
            Some(())
        })
        .await
        .map(drop)
    }

    /// How far a committed sequence is. Cost: 1 read of the catalog.
    pub async fn sequence_state(&self, id: SequenceId) -> Result<SequenceState, Error> {
        let cache = self.inner.sequences.lock().await;
        let cached = cache.blocks.get(&id).filter(|_| self.is_alone());
        if let Some(cached) = cached {
            return Ok(SequenceState {
                last_value: cached.handed,
                is_called: true,
            });
        }
        let rows = self.catalog().select(&[state_selection(id)]).await?;
        state_of(id, rows.into_iter().next().unwrap_or_default())
    }

    /// Forgets reserved values of sequences that were restarted.
    pub(crate) async fn forget_sequences(&self, ids: impl Iterator<Item = &SequenceId>) {
        let mut cache = self.inner.sequences.lock().await;
        for id in ids {
            cache.blocks.remove(id);
        }
    }

    /// Gives back what was reserved and not used, so that a restart leaves no gap.
    ///
    /// Best effort: what cannot be given back is a gap. Where other primaries may have set
    /// the sequence meanwhile, nothing is: a gap is better than a value twice.
    pub(super) async fn return_sequences(&self) {
        if !self.is_alone() {
            return;
        }
        let mut cache = self.inner.sequences.lock().await;
        for (id, cached) in std::mem::take(&mut cache.blocks) {
            let returned = self.change_state(id, |state| {
                let before = *state;
                cached.give_back(state);
                (*state != before).then_some(())
            });
            if let Err(error) = returned.await {
                tracing::warn!(%error, "reserved values of a sequence are lost");
                return;
            }
        }
    }

    /// Changes the state in a transaction of its own; nothing is written without an answer.
    async fn change_state<T>(
        &self,
        id: SequenceId,
        change: impl FnOnce(&mut SequenceState) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let _turn = self.commit_turn().await;
        let mut catalog = self.writer()?.begin_commit().await?;
        let rows = catalog.select(&state_selection(id)).await?;
        let mut state = state_of(id, rows)?;
        let Some(answer) = change(&mut state) else {
            catalog.rollback().await?;
            return Ok(None);
        };
        catalog.apply(&[state_update(id, state)]).await?;
        catalog.commit().await?;
        Ok(Some(answer))
    }
}

impl Cached {
    /// Takes back what was reserved and not handed out, if nobody reserved since.
    fn give_back(self, state: &mut SequenceState) {
        let all = SequenceBlock {
            first: self.handed,
            increment: self.increment,
            count: self.rest + 1,
        };
        if state.is_called && state.last_value == all.last() {
            state.last_value = self.handed;
        }
    }
}

impl SequenceCache {
    /// Takes values that are left, if they are such as the options ask for.
    fn take(
        &mut self,
        id: SequenceId,
        options: &SequenceOptions,
        count: u64,
    ) -> Option<SequenceBlock> {
        let cached = self.blocks.get_mut(&id).filter(|cached| cached.rest > 0)?;
        let next = cached.handed.wrapping_add(cached.increment);
        let left = SequenceBlock {
            first: next,
            increment: cached.increment,
            count: cached.rest,
        };
        let bounds = options.min..=options.max;
        let is_fitting = cached.increment == options.increment
            && bounds.contains(&left.first)
            && bounds.contains(&left.last());
        if !is_fitting {
            return None;
        }
        let taken = SequenceBlock {
            count: count.max(1).min(left.count),
            ..left
        };
        cached.handed = taken.last();
        cached.rest -= taken.count;
        Some(taken)
    }

    /// Takes back what was handed out last, so that it comes next.
    fn take_back(&mut self, id: SequenceId, block: SequenceBlock) {
        let Some(cached) = self.blocks.get_mut(&id) else {
            return;
        };
        if cached.increment == block.increment && cached.handed == block.last() {
            cached.handed = block.first.wrapping_sub(block.increment);
            cached.rest += block.count;
        }
    }

    /// Hands out the first values of a new block and keeps the others.
    fn put(&mut self, id: SequenceId, block: SequenceBlock, count: u64) -> SequenceBlock {
        let taken = SequenceBlock {
            count: count.max(1).min(block.count),
            ..block
        };
        let cached = Cached {
            handed: taken.last(),
            rest: block.count - taken.count,
            increment: block.increment,
        };
        self.blocks.insert(id, cached);
        taken
    }
}

/// The write that sets how far a sequence is.
pub(crate) fn state_update(id: SequenceId, state: SequenceState) -> Write {
    Write::Update {
        table: SequenceStateRow::TABLE,
        set: vec![
            ("last_value", Value::Integer(state.last_value)),
            ("is_called", Value::Flag(state.is_called)),
        ],
        conditions: vec![Condition::Equals("sequence_id", id.0)],
    }
}

fn state_selection(id: SequenceId) -> Selection {
    Selection::of::<SequenceStateRow>(vec![Condition::Equals("sequence_id", id.0)])
}

fn state_of(id: SequenceId, rows: Vec<crate::spec::table::Values>) -> Result<SequenceState, Error> {
    let row: SequenceStateRow = decode(rows)?.pop().ok_or_else(|| missing(id))?;
    Ok(SequenceState {
        last_value: row.last_value,
        is_called: row.is_called,
    })
}

fn missing(id: SequenceId) -> Error {
    let text = format!("sequence with id {id} does not exist");
    Error::new(ErrorKind::NotFound, text)
}
