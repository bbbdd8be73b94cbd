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
    pub(super) roles: BTreeSet<i64>,
    /// Whether what sessions of roles begin with differs.
    pub(super) has_settings: bool,
    /// Whether the rights on what belongs to no schema differ.
    pub(super) is_of_lake: bool,
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
            roles: differing(&old.roles, &new.roles, PartialEq::eq),
            has_settings: old.role_settings != new.role_settings,
            is_of_lake: old.lake_access != new.lake_access,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let has_roles = !self.roles.is_empty() || self.has_settings || self.is_of_lake;
        !self.has_objects() && !has_roles
    }

    /// Whether any object of a schema differs, or a schema.
    pub(super) fn has_objects(&self) -> bool {
        !self.schemas.is_empty()
            || !self.tables.is_empty()
            || !self.views.is_empty()
            || !self.sequences.is_empty()
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
