//! The rows of a sequence that was made, changed or dropped.
//!
//! How far it is stays when it is dropped: a later snapshot may bring it back.

use crate::catalog::Condition;
use crate::snapshot::Sequence;
use crate::spec::side::SequenceRow;
use crate::transaction::render::Batch;

/// Adds what turns `old` into `new`.
pub(super) fn render(old: Option<&Sequence>, new: Option<&Sequence>, batch: &mut Batch) {
    let Some(id) = new.or(old).map(|sequence| sequence.id.0) else {
        return;
    };
    let at = batch.snapshot_id;
    let old_row = old.map(|sequence| row(sequence, at));
    let new_row = new.map(|sequence| row(sequence, at));
    if old_row != new_row {
        let key = vec![Condition::Equals("sequence_id", id)];
        batch.replace(key, old_row.is_some(), new_row);
    }
    let owner = |sequence: &Sequence| sequence.owner_id;
    batch.owner(id, old.map(owner), new.map(owner));
    batch.access(
        id,
        old.map(|sequence| &*sequence.access),
        new.map(|sequence| &*sequence.access),
    );
    let old_comment = old.and_then(|sequence| sequence.comment.as_ref());
    let new_comment = new.and_then(|sequence| sequence.comment.as_ref());
    batch.side_comment(id, old_comment, new_comment);
}

fn row(sequence: &Sequence, at: i64) -> SequenceRow {
    let options = &sequence.options;
    let owned_by = sequence.owned_by;
    SequenceRow {
        sequence_id: sequence.id.0,
        begin_snapshot: at,
        end_snapshot: None,
        schema_id: sequence.schema_id.0,
        sequence_name: sequence.name.clone(),
        data_type: options.data_type.declared_name(),
        start_value: options.start,
        increment: options.increment,
        min_value: options.min,
        max_value: options.max,
        cache_size: options.cache,
        is_cycled: options.cycle,
        owner_table: owned_by.map(|owner| owner.table.0),
        owner_column: owned_by.map(|owner| owner.column.0),
        owner_kind: owned_by.map(|owner| owner.kind.word().to_owned()),
    }
}
