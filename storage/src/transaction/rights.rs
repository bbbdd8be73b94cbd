//! Who may do what, now: not when a transaction was pinned, nor as of a snapshot.
//!
//! A transaction sees its own changes of roles and rights, and beyond these the newest
//! state that this process knows. So a revoke holds at once, also in a transaction that
//! is pinned to an older snapshot, as in PostgreSQL.
//!
//! Not guaranteed: that another node's change is known before its commit is told here.

use std::sync::Arc;

use crate::access::{LakeAccess, ObjectAccess, Role, RoleSetting};
use crate::snapshot::{Schema, Sequence, Snapshot, Table, View};
use crate::spec::{SchemaId, SequenceId, TableId, ViewId};
use crate::transaction::Transaction;

/// Roles and rights as they are now. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Rights {
    /// What the transaction was pinned to.
    base: Arc<Snapshot>,
    /// What it sees.
    seen: Arc<Snapshot>,
    /// The newest snapshot.
    head: Arc<Snapshot>,
}

/// Who owns an object, and what was granted on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRights {
    /// The owning role.
    pub owner: i64,
    /// What was granted.
    pub access: Arc<ObjectAccess>,
}

/// An object that has an owner and rights.
trait Owned {
    fn rights(&self) -> ObjectRights;
}

macro_rules! owned {
    ($($object:ty),*) => {
        $(impl Owned for $object {
            fn rights(&self) -> ObjectRights {
                ObjectRights {
                    owner: self.owner_id,
                    access: Arc::clone(&self.access),
                }
            }
        })*
    };
}

owned!(Schema, Table, View, Sequence);

impl Transaction {
    /// Roles and rights as they are now. Cost: none.
    pub fn rights(&self) -> Rights {
        Rights {
            base: Arc::clone(&self.base),
            seen: Arc::clone(&self.overlay.picture),
            head: self.lake.known_head(),
        }
    }
}

impl Rights {
    /// Those of a picture that nobody changes.
    pub fn of(picture: &Arc<Snapshot>) -> Self {
        Self {
            base: Arc::clone(picture),
            seen: Arc::clone(picture),
            head: Arc::clone(picture),
        }
    }

    /// Every role, by id.
    pub fn roles(&self) -> impl Iterator<Item = &Arc<Role>> {
        self.of_roles().roles()
    }

    /// The role with this id.
    pub fn role(&self, id: i64) -> Option<&Arc<Role>> {
        self.of_roles().role(id)
    }

    /// The role with this name.
    pub fn role_by_name(&self, name: &str) -> Option<&Arc<Role>> {
        self.of_roles().role_by_name(name)
    }

    /// What sessions of a role begin with.
    pub fn role_settings(&self) -> &[RoleSetting] {
        self.of_roles().role_settings()
    }

    /// Who may do what with the database, and what belongs to no schema.
    pub fn lake_access(&self) -> &Arc<LakeAccess> {
        let is_own = self.seen.lake_access != self.base.lake_access;
        match is_own {
            true => self.seen.lake_access(),
            false => self.head.lake_access(),
        }
    }

    /// The rights on a schema; none if nobody knows it.
    pub fn schema(&self, id: SchemaId) -> Option<ObjectRights> {
        self.choose(|picture| picture.schema(id))
    }

    /// The rights on a table, also on one that is in an older snapshot only.
    pub fn table(&self, id: TableId) -> Option<ObjectRights> {
        self.choose(|picture| picture.table(id))
    }

    /// The rights on a view.
    pub fn view(&self, id: ViewId) -> Option<ObjectRights> {
        self.choose(|picture| picture.view(id))
    }

    /// The rights on a sequence.
    pub fn sequence(&self, id: SequenceId) -> Option<ObjectRights> {
        self.choose(|picture| picture.sequence(id))
    }

    /// Which picture's roles count: the transaction's own as soon as it changed any.
    fn of_roles(&self) -> &Snapshot {
        let has_own = |one: &Snapshot, two: &Snapshot| {
            !Arc::ptr_eq(&one.roles, &two.roles)
                || !Arc::ptr_eq(&one.role_settings, &two.role_settings)
        };
        match has_own(&self.seen, &self.base) {
            true => &self.seen,
            false => &self.head,
        }
    }

    fn choose<'a, O: Owned + 'a>(
        &'a self,
        find: impl Fn(&'a Snapshot) -> Option<&'a Arc<O>>,
    ) -> Option<ObjectRights> {
        let seen = find(&self.seen);
        let head = find(&self.head);
        let Some(seen) = seen else {
            return head
                .or_else(|| find(&self.base))
                .map(|object| object.rights());
        };
        let own = seen.rights();
        let is_unchanged = find(&self.base).is_some_and(|base| base.rights() == own);
        match head {
            Some(head) if is_unchanged => Some(head.rights()),
            _ => Some(own),
        }
    }
}
