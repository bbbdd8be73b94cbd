//! Which objects differ between two pictures.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::snapshot::Snapshot;
use crate::spec::{SchemaId, SequenceId, TableId, ViewId};

/// Objects that differ between two pictures, by id.
#[derive(Debug, Default)]
pub(super) struct Difference {
    pub(super) schemas: BTreeSet<SchemaId>,
    pub(super) tables: BTreeSet<TableId>,
    pub(super) views: BTreeSet<ViewId>,
    pub(super) sequences: BTreeSet<SequenceId>,
}

impl Difference {
    /// Counters of tables are no difference.
    pub(super) fn between(old: &Snapshot, new: &Snapshot) -> Self {
        Self {
            schemas: differing(&old.schemas, &new.schemas, PartialEq::eq),
            tables: differing(&old.tables, &new.tables, |one, two| {
                one.is_same_definition(two)
            }),
            views: differing(&old.views, &new.views, PartialEq::eq),
            sequences: differing(&old.sequences, &new.sequences, PartialEq::eq),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.schemas.is_empty()
            && self.tables.is_empty()
            && self.views.is_empty()
            && self.sequences.is_empty()
    }
}

fn differing<K: Copy + Ord, V>(
    old: &Arc<BTreeMap<K, Arc<V>>>,
    new: &Arc<BTreeMap<K, Arc<V>>>,
    is_same: impl Fn(&V, &V) -> bool,
) -> BTreeSet<K> {
    if Arc::ptr_eq(old, new) {
        return BTreeSet::new();
    }
    let changed = old.iter().filter(|(id, object)| {
        let other = new.get(id);
        !other.is_some_and(|other| Arc::ptr_eq(object, other) || is_same(object, other))
    });
    let added = new.keys().filter(|id| !old.contains_key(id));
    changed.map(|(id, _)| id).chain(added).copied().collect()
}
