//! `pg_sequence` and `pg_sequences`: one row for each sequence.

use gotgan_storage::{Privileges, Sequence};

use super::objects::schema_name;
use super::rows::{Cell, cells};
use super::{Definition, oids};
use crate::access::actor::{Actor, Object};
use crate::types::PgType;

pub(super) const PG_SEQUENCE: Definition = Definition {
    name: "pg_sequence",
    oid: 2224,
    columns: "seqrelid:oid seqtypid:oid seqstart:int8 seqincrement:int8 seqmax:int8 \
              seqmin:int8 seqcache:int8 seqcycle:bool",
    current: |context, rows| {
        for sequence in context.snapshot.sequences() {
            let options = &sequence.options;
            rows.push(cells![
                oids::sequence(sequence.id),
                data_type(sequence).oid,
                options.start,
                options.increment,
                options.max,
                options.min,
                options.cache,
                options.cycle,
            ]);
        }
    },
    ..Definition::TABLE
};

pub(super) const PG_SEQUENCES: Definition = Definition {
    name: "pg_sequences",
    oid: 12048,
    columns: "schemaname:name sequencename:name sequenceowner:name data_type:regtype \
              start_value:int8 min_value:int8 max_value:int8 increment_by:int8 cycle:bool \
              cache_size:int8 last_value:int8",
    current: |context, rows| {
        let actor = Actor::of(context);
        for sequence in context.snapshot.sequences() {
            let options = &sequence.options;
            let state = context.sequences.known_state(sequence.id);
            let is_shown = tells_value(&actor, sequence);
            let taken = state.filter(|state| state.is_called && is_shown);
            rows.push(cells![
                schema_name(&context.snapshot, sequence.schema_id),
                sequence.name.as_str(),
                context.snapshot.role_name(sequence.owner_id),
                data_type(sequence).oid,
                options.start,
                options.min,
                options.max,
                options.increment,
                options.cycle,
                options.cache,
                taken.map_or(Cell::Null, |state| Cell::Int(state.last_value)),
            ]);
        }
    },
    ..Definition::VIEW
};

/// Whether a role may know how far a sequence is.
pub(crate) fn tells_value(actor: &Actor, sequence: &Sequence) -> bool {
    let wanted = Privileges::SELECT.union(Privileges::USAGE);
    let has = actor.privileges(Object::Sequence(sequence));
    !has.intersection(wanted).is_empty()
}

/// The type of a sequence's values.
pub(crate) fn data_type(sequence: &Sequence) -> PgType {
    PgType::of_column(&sequence.options.data_type)
}
