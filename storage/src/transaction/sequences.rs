//! Sequences in a transaction: making, changing, restarting, and taking values.
//!
//! Definitions are part of the overlay. Values are not: they come from the lake at once
//! and stay taken (see `lake::sequences`). Only a sequence that this transaction made or
//! restarted counts on its own, because nobody else may see it yet; its state reaches
//! the catalog with the commit.
//!
//! Invariants:
//! - Own states are outside of the overlay: going back to a savepoint never hands out a
//!   value again.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::lake::{SequenceBlock, SequenceState};
use crate::snapshot::{Sequence, SequenceOptions, SequenceOwner};
use crate::spec::{ColumnId, SchemaId, SequenceId, TableId};
use crate::transaction::Transaction;
use crate::transaction::new::NewSequence;
use crate::transaction::values::{SequenceValues, lock};

impl Transaction {
    /// Makes a sequence, whose first value is its start.
    pub fn create_sequence(&mut self, new: NewSequence) -> Result<SequenceId, Error> {
        self.check_writable()?;
        self.schema(new.schema_id)?;
        self.check_relation_name(new.schema_id, &new.name)?;
        self.check_sequence_owner(new.owned_by)?;
        let owner = self.role(&new.owner)?;
        let id = SequenceId(self.take_temporary());
        let sequence = Sequence {
            id,
            schema_id: new.schema_id,
            name: new.name,
            owner_id: owner.id,
            access: Arc::default(),
            comment: None,
            options: new.options,
            owned_by: new.owned_by,
        };
        let start = SequenceState::new(sequence.options.start);
        self.put_sequence_state(id.0, start);
        self.overlay
            .change_picture()
            .put_sequence(Arc::new(sequence));
        Ok(id)
    }

    /// Gives a sequence other options; how far it is stays.
    pub fn alter_sequence(
        &mut self,
        id: SequenceId,
        options: SequenceOptions,
    ) -> Result<(), Error> {
        self.change_sequence(id, |sequence| sequence.options = options)
    }

    /// Makes a sequence belong to a column, or to none.
    ///
    /// Errors: `NotFound` if there is no such column.
    pub fn set_sequence_owned_by(
        &mut self,
        id: SequenceId,
        owned_by: Option<SequenceOwner>,
    ) -> Result<(), Error> {
        self.check_sequence_owner(owned_by)?;
        self.change_sequence(id, |sequence| sequence.owned_by = owned_by)
    }

    /// Renames a sequence.
    pub fn rename_sequence(&mut self, id: SequenceId, name: &str) -> Result<(), Error> {
        let sequence = self.sequence(id)?;
        if sequence.name != name {
            self.check_relation_name(sequence.schema_id, name)?;
        }
        self.change_sequence(id, |sequence| sequence.name = name.to_owned())
    }

    /// Moves a sequence into another schema.
    pub fn set_sequence_schema(&mut self, id: SequenceId, schema: SchemaId) -> Result<(), Error> {
        let sequence = self.sequence(id)?;
        if sequence.schema_id != schema {
            self.check_no_change_of_lifetime(sequence.schema_id, schema)?;
            self.schema(schema)?;
            self.check_relation_name(schema, &sequence.name)?;
        }
        self.change_sequence(id, |sequence| sequence.schema_id = schema)
    }

    /// Drops a sequence. Defaults that name it are the caller's to look for.
    ///
    /// Errors: `Exists` if it makes a column an identity column.
    pub fn drop_sequence(&mut self, id: SequenceId) -> Result<(), Error> {
        self.check_writable()?;
        let sequence = self.sequence(id)?;
        if sequence
            .owned_by
            .is_some_and(|owner| owner.kind.is_identity())
        {
            let text = format!(
                "cannot drop sequence {} because an identity column requires it",
                sequence.name
            );
            return Err(Error::new(ErrorKind::Exists, text));
        }
        self.overlay.change_picture().remove_sequence(id);
        Ok(())
    }

    /// Lets a sequence begin again at a value, once this is committed.
    pub fn restart_sequence(&mut self, id: SequenceId, value: i64) -> Result<(), Error> {
        self.check_writable()?;
        self.sequence(id)?;
        let key = self.take_temporary();
        self.put_sequence_state(key, SequenceState::new(value));
        Arc::make_mut(&mut self.overlay.restarts).insert(id, key);
        Ok(())
    }

    /// Takes values of a sequence, see [`SequenceValues::reserve`].
    pub async fn reserve_sequence(
        &mut self,
        id: SequenceId,
        count: u64,
    ) -> Result<Option<SequenceBlock>, Error> {
        self.sequence_values().reserve(id, count).await
    }

    /// Sets how far a sequence is, see [`SequenceValues::store_state`].
    pub async fn store_sequence_state(
        &mut self,
        id: SequenceId,
        state: SequenceState,
    ) -> Result<(), Error> {
        self.sequence_values().store_state(id, state).await
    }

    /// How far a sequence is.
    pub async fn sequence_state(&mut self, id: SequenceId) -> Result<SequenceState, Error> {
        self.sequence_values().state(id).await
    }

    /// The values of sequences as this transaction sees them now.
    pub fn sequence_values(&self) -> SequenceValues {
        SequenceValues {
            lake: self.lake.clone(),
            picture: Arc::clone(&self.overlay.picture),
            restarts: Arc::clone(&self.overlay.restarts),
            states: Arc::clone(&self.sequence_states),
        }
    }

    /// The states that the commit stores; none are left.
    pub(super) fn take_sequence_states(&mut self) -> BTreeMap<i64, SequenceState> {
        std::mem::take(&mut *lock(&self.sequence_states))
    }

    pub(super) fn put_sequence_state(&mut self, key: i64, state: SequenceState) {
        lock(&self.sequence_states).insert(key, state);
    }

    pub(super) fn change_sequence(
        &mut self,
        id: SequenceId,
        change: impl FnOnce(&mut Sequence),
    ) -> Result<(), Error> {
        self.check_writable()?;
        let old = self.sequence(id)?;
        let mut sequence = (*old).clone();
        change(&mut sequence);
        if sequence != *old {
            self.overlay
                .change_picture()
                .put_sequence(Arc::new(sequence));
        }
        Ok(())
    }

    /// Drops the sequences that a table owns, or only those of one column.
    pub(super) fn drop_owned_sequences(&mut self, table: TableId, column: Option<ColumnId>) {
        for id in self.owned_sequences(table, column) {
            self.overlay.change_picture().remove_sequence(id);
        }
    }

    /// Makes what belongs to a column belong to another one.
    pub(super) fn hand_over_sequences(
        &mut self,
        table: TableId,
        old: ColumnId,
        new: ColumnId,
    ) -> Result<(), Error> {
        for id in self.owned_sequences(table, Some(old)) {
            self.change_sequence(id, |sequence| {
                if let Some(owner) = &mut sequence.owned_by {
                    owner.column = new;
                }
            })?;
        }
        Ok(())
    }

    pub(super) fn owned_sequences(
        &self,
        table: TableId,
        column: Option<ColumnId>,
    ) -> Vec<SequenceId> {
        let owned = self.overlay.picture.sequences_of(table);
        let of_column = owned.filter(|sequence| {
            let owner = sequence.owned_by.map(|owner| owner.column);
            column.is_none() || owner == column
        });
        of_column.map(|sequence| sequence.id).collect()
    }

    fn sequence(&self, id: SequenceId) -> Result<Arc<Sequence>, Error> {
        let found = self.overlay.picture.sequence(id);
        found.map(Arc::clone).ok_or_else(|| {
            let text = format!("sequence with id {id} does not exist");
            Error::new(ErrorKind::NotFound, text)
        })
    }

    fn check_sequence_owner(&self, owner: Option<SequenceOwner>) -> Result<(), Error> {
        let Some(owner) = owner else {
            return Ok(());
        };
        match self.table(owner.table)?.column(owner.column) {
            Some(_) => Ok(()),
            None => Err(Error::new(ErrorKind::NotFound, "column does not exist")),
        }
    }
}
