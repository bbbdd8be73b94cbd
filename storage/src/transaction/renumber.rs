//! Temporary ids to real ones, when the commit knows what is free.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::access::{LakeAccess, ObjectAccess};
use crate::snapshot::{
    Constraint, ConstraintEntry, Index, Schema, Sequence, SequenceOwner, Snapshot, SortKey, Table,
    View,
};
use crate::spec::{SchemaId, SequenceId, TableId, ViewId};

/// Which id each temporary one becomes.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    map: BTreeMap<i64, i64>,
}

impl Numbers {
    /// Hands out ids in the order in which the objects were made.
    ///
    /// Returns the numbers and the next free id.
    pub(super) fn assign(picture: &Snapshot, next_catalog_id: i64) -> (Self, i64) {
        let mut temporary: Vec<i64> = Vec::new();
        temporary.extend(picture.schemas().map(|schema| schema.id.0));
        temporary.extend(picture.views().map(|view| view.id.0));
        temporary.extend(picture.sequences().map(|sequence| sequence.id.0));
        for table in picture.tables() {
            temporary.push(table.id.0);
            temporary.extend(table.constraints.iter().map(|entry| entry.id));
            temporary.extend(table.indexes.iter().map(|index| index.id));
            temporary.extend(table.sort_key.iter().map(|key| key.id));
            temporary.extend(table.access.policies.iter().map(|policy| policy.id));
        }
        let masks = &picture.lake_access.masking_policies;
        temporary.extend(masks.iter().map(|policy| policy.id));
        temporary.retain(|id| *id < 0);
        // The first temporary id is -1, the next -2.
        temporary.sort_unstable_by(|one, two| two.cmp(one));
        let count = i64::try_from(temporary.len()).expect("a picture fits in memory");
        let map = temporary.into_iter().zip(next_catalog_id..).collect();
        (Self { map }, next_catalog_id + count)
    }

    pub(super) fn real(&self, id: i64) -> i64 {
        self.map.get(&id).copied().unwrap_or(id)
    }

    pub(super) fn table(&self, id: TableId) -> TableId {
        TableId(self.real(id.0))
    }

    pub(super) fn sequence(&self, id: SequenceId) -> SequenceId {
        SequenceId(self.real(id.0))
    }

    /// The same picture under real ids; what has none to change is shared.
    pub(super) fn picture(&self, picture: &Snapshot) -> Snapshot {
        let mut renumbered = picture.clone();
        if self.map.is_empty() {
            return renumbered;
        }
        if let Some(access) = self.renumber_lake(&picture.lake_access) {
            renumbered.lake_access = Arc::new(access);
        }
        for table in picture.tables().filter(|table| self.concerns_table(table)) {
            renumbered.remove_table(table.id);
            renumbered.put_table(Arc::new(self.renumber_table(table)));
        }
        for view in picture.views().filter(|view| self.concerns_view(view)) {
            renumbered.remove_view(view.id);
            renumbered.put_view(Arc::new(self.renumber_view(view)));
        }
        for sequence in picture.sequences() {
            let renewed = self.renumber_sequence(sequence);
            if renewed != **sequence {
                renumbered.remove_sequence(sequence.id);
                renumbered.put_sequence(Arc::new(renewed));
            }
        }
        for schema in picture.schemas().filter(|schema| schema.id.is_temporary()) {
            renumbered.remove_schema(schema.id);
            let id = SchemaId(self.real(schema.id.0));
            renumbered.put_schema(Schema {
                id,
                ..(**schema).clone()
            });
        }
        renumbered
    }

    fn concerns_table(&self, table: &Table) -> bool {
        table.id.is_temporary()
            || table.schema_id.is_temporary()
            || table.indexes.iter().any(|index| index.id < 0)
            || table.sort_key.iter().any(|key| key.id < 0)
            || has_temporary(&table.access)
            || table.constraints.iter().any(|entry| {
                let target = match &entry.constraint {
                    Constraint::ForeignKey {
                        referenced_table, ..
                    } => referenced_table.0,
                    _ => 0,
                };
                entry.id < 0 || target < 0
            })
    }

    fn concerns_view(&self, view: &View) -> bool {
        view.id.is_temporary()
            || view.schema_id.is_temporary()
            || view.dependencies.iter().any(|id| *id < 0)
            || has_temporary(&view.access)
    }

    fn renumber_table(&self, table: &Table) -> Table {
        let constraints = table.constraints.iter().map(|entry| {
            let mut constraint = entry.constraint.clone();
            if let Constraint::ForeignKey {
                referenced_table, ..
            } = &mut constraint
            {
                *referenced_table = self.table(*referenced_table);
            }
            ConstraintEntry {
                id: self.real(entry.id),
                constraint,
                ..entry.clone()
            }
        });
        let indexes = table.indexes.iter().map(|index| Index {
            id: self.real(index.id),
            ..index.clone()
        });
        let sort_key = table.sort_key.as_ref().map(|key| SortKey {
            id: self.real(key.id),
            ..key.clone()
        });
        Table {
            id: self.table(table.id),
            schema_id: SchemaId(self.real(table.schema_id.0)),
            constraints: constraints.collect(),
            indexes: indexes.collect(),
            sort_key,
            access: self.renumber_access(&table.access),
            ..table.clone()
        }
    }

    fn renumber_sequence(&self, sequence: &Sequence) -> Sequence {
        let owned_by = sequence.owned_by.map(|owner| SequenceOwner {
            table: self.table(owner.table),
            ..owner
        });
        Sequence {
            id: self.sequence(sequence.id),
            schema_id: SchemaId(self.real(sequence.schema_id.0)),
            owned_by,
            ..sequence.clone()
        }
    }

    fn renumber_view(&self, view: &View) -> View {
        View {
            id: ViewId(self.real(view.id.0)),
            schema_id: SchemaId(self.real(view.schema_id.0)),
            dependencies: view.dependencies.iter().map(|id| self.real(*id)).collect(),
            access: self.renumber_access(&view.access),
            ..view.clone()
        }
    }

    fn renumber_access(&self, access: &Arc<ObjectAccess>) -> Arc<ObjectAccess> {
        if !has_temporary(access) {
            return Arc::clone(access);
        }
        let mut renumbered = (**access).clone();
        for policy in &mut renumbered.policies {
            policy.id = self.real(policy.id);
        }
        for mask in &mut renumbered.masks {
            mask.policy = self.real(mask.policy);
        }
        Arc::new(renumbered)
    }

    /// What belongs to no schema, if anything in it gets another id.
    fn renumber_lake(&self, access: &LakeAccess) -> Option<LakeAccess> {
        let mut renumbered = access.clone();
        for policy in &mut renumbered.masking_policies {
            policy.id = self.real(policy.id);
        }
        for entry in &mut renumbered.default_privileges {
            entry.schema = entry.schema.map(|id| SchemaId(self.real(id.0)));
        }
        (renumbered != *access).then_some(renumbered)
    }
}

fn has_temporary(access: &ObjectAccess) -> bool {
    access.policies.iter().any(|policy| policy.id < 0)
        || access.masks.iter().any(|mask| mask.policy < 0)
}
