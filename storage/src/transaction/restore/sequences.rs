//! The sequences that come back with a restored table or schema.
//!
//! An identity column gets a sequence of its own. A sequence that a default names stays
//! the one that it was while that is there, so that a copy goes on where the table is; the
//! table that takes another one's place also gets the other's sequences, so that the other
//! can be dropped. A restored schema has sequences of its own and hangs on no other's.

use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::lake::SequenceState;
use crate::snapshot::{Sequence, SequenceOwner};
use crate::spec::{SchemaId, SequenceId, TableId};
use crate::transaction::Transaction;
use crate::transaction::restore::{Restore, RestoreSchema};

/// Which sequences defaults of restored tables get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DefaultSequences {
    /// Those that they had, as far as these are there.
    Shared,
    /// New ones.
    Own,
}

impl Transaction {
    /// Sequences of columns go on where the old ones are now. Returns the old and new ones.
    pub(super) async fn restore_sequences(
        &mut self,
        restore: &Restore,
        defaults: DefaultSequences,
        id: TableId,
    ) -> Result<Vec<(SequenceId, SequenceId)>, Error> {
        let owned = restore.from.sequences_of(restore.table).map(Arc::clone);
        let owned: Vec<Arc<Sequence>> = owned.collect();
        let mut made = Vec::with_capacity(owned.len());
        for sequence in owned {
            let Some(owner) = sequence.owned_by else {
                continue;
            };
            let owned_by = Some(SequenceOwner { table: id, ..owner });
            let is_own = owner.kind.is_identity() || defaults == DefaultSequences::Own;
            let known = self.overlay.picture.sequence(sequence.id);
            let known = known.filter(|_| !is_own).map(Arc::clone);
            if let Some(known) = known {
                let owner = known.owned_by.map(|owner| owner.table);
                if owner.is_some() && owner == restore.replace {
                    self.set_sequence_owned_by(known.id, owned_by)?;
                }
                continue;
            }
            let table = self.table(id)?;
            let restored = Sequence {
                schema_id: restore.schema,
                name: self.free_name(restore.schema, &sequence.name, ""),
                owner_id: table.owner_id,
                access: Arc::default(),
                owned_by,
                ..(*sequence).clone()
            };
            made.push((sequence.id, self.restore_sequence(restored).await?));
        }
        Ok(made)
    }

    /// Sequences that belong to no column go on where they are now. Returns the old and
    /// new ones.
    pub(super) async fn restore_free_sequences(
        &mut self,
        restore: &RestoreSchema,
        schema: SchemaId,
    ) -> Result<Vec<(SequenceId, SequenceId)>, Error> {
        let owner = self.role(&restore.owner)?;
        let own = restore
            .from
            .sequences()
            .filter(|sequence| sequence.schema_id == restore.schema && sequence.owned_by.is_none());
        let own: Vec<Arc<Sequence>> = own.map(Arc::clone).collect();
        let mut made = Vec::with_capacity(own.len());
        for sequence in own {
            let restored = Sequence {
                schema_id: schema,
                owner_id: owner.id,
                access: Arc::default(),
                ..(*sequence).clone()
            };
            made.push((sequence.id, self.restore_sequence(restored).await?));
        }
        Ok(made)
    }

    /// Makes a sequence that goes on where the one is whose id it has.
    async fn restore_sequence(&mut self, like: Sequence) -> Result<SequenceId, Error> {
        let state = self.reached_state(&like).await?;
        let id = SequenceId(self.take_temporary());
        self.put_sequence_state(id.0, state);
        let picture = self.overlay.change_picture();
        picture.put_sequence(Arc::new(Sequence { id, ..like }));
        Ok(id)
    }

    /// How far a sequence of a snapshot is now, also if it was dropped since.
    async fn reached_state(&self, sequence: &Sequence) -> Result<SequenceState, Error> {
        match self.lake.sequence_state(sequence.id).await {
            Err(error) if error.kind == ErrorKind::NotFound => {
                Ok(SequenceState::new(sequence.options.start))
            }
            state => state,
        }
    }
}
