//! Roles, and who may do what, in a transaction.
//!
//! Whether a change is allowed and makes sense is the caller's to check: here, names are
//! unique and what is named is there. A password's verifier is in no picture; it waits in
//! the overlay for the commit.

use std::sync::Arc;

use gotgan_config::Secret;

use crate::access::{
    DefaultPrivileges, LakeAccess, NewRole, ObjectAccess, Policy, Role, RoleSetting,
};
use crate::error::{Error, ErrorKind};
use crate::snapshot::{Schema, Table, View};
use crate::spec::{ColumnId, SchemaId, SequenceId, TableId, ViewId};
use crate::transaction::Transaction;

/// Whose access rights are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessTarget {
    /// A schema.
    Schema(SchemaId),
    /// A table.
    Table(TableId),
    /// A view.
    View(ViewId),
    /// A sequence.
    Sequence(SequenceId),
}

impl Transaction {
    /// Makes a role and returns its id, which no other will ever have.
    ///
    /// Cost: 1 transaction of the catalog, for the id.
    /// Errors: `Exists` if the name is taken.
    pub async fn create_role(&mut self, new: NewRole) -> Result<i64, Error> {
        self.check_primary()?;
        self.check_role_name(&new.role.name)?;
        let id = self.lake.take_role_id().await?;
        let role = Role { id, ..new.role };
        self.put_role_picture(role);
        self.set_verifier(id, new.verifier)?;
        Ok(id)
    }

    /// Gives a role other attributes, another name or other memberships.
    ///
    /// Errors: `NotFound` if there is no such role; `Exists` if the new name is taken.
    pub fn put_role(&mut self, role: Role) -> Result<(), Error> {
        self.check_primary()?;
        let old = self.known_role(role.id)?;
        if old.name != role.name {
            self.check_role_name(&role.name)?;
        }
        if *old != role {
            self.put_role_picture(role);
        }
        Ok(())
    }

    /// Removes a role, its memberships and its settings. That nothing else names it is the
    /// caller's to check; the commit checks it against what others did meanwhile.
    pub fn drop_role(&mut self, id: i64) -> Result<(), Error> {
        self.check_primary()?;
        self.known_role(id)?;
        let picture = self.overlay.change_picture();
        let roles = Arc::make_mut(&mut picture.roles);
        roles.remove(&id);
        for role in roles.values_mut() {
            if role.memberships.iter().any(|one| one.role == id) {
                Arc::make_mut(role).memberships.retain(|one| one.role != id);
            }
        }
        Arc::make_mut(&mut picture.role_settings).retain(|setting| setting.role != id);
        Arc::make_mut(&mut self.overlay.verifiers).remove(&id);
        Ok(())
    }

    /// Sets what proves a role's password; none takes its password away.
    pub fn set_verifier(&mut self, id: i64, verifier: Option<String>) -> Result<(), Error> {
        self.check_primary()?;
        self.known_role(id)?;
        Arc::make_mut(&mut self.overlay.verifiers).insert(id, verifier.map(Secret::from));
        Ok(())
    }

    /// Sets what sessions of a role begin with, or takes it away; role 0 is everyone.
    pub fn set_role_setting(
        &mut self,
        role: i64,
        in_database: bool,
        name: &str,
        value: Option<String>,
    ) -> Result<(), Error> {
        self.check_primary()?;
        let settings = &mut self.overlay.change_picture().role_settings;
        let settings = Arc::make_mut(settings);
        let is_it = |one: &RoleSetting| {
            (one.role, one.in_database, one.name.as_str()) == (role, in_database, name)
        };
        let found = settings.iter().position(is_it);
        match (found, value) {
            (Some(index), Some(value)) => settings[index].value = value,
            (Some(index), None) => drop(settings.remove(index)),
            (None, Some(value)) => settings.push(RoleSetting {
                role,
                in_database,
                name: name.to_owned(),
                value,
            }),
            (None, None) => {}
        }
        Ok(())
    }

    /// Sets who may do what with an object.
    pub fn set_access(&mut self, target: AccessTarget, access: ObjectAccess) -> Result<(), Error> {
        self.check_writable()?;
        let access = Arc::new(access);
        match target {
            AccessTarget::Schema(id) => {
                let old = self.schema(id)?;
                if old.access != access {
                    let schema = Schema {
                        access,
                        ..(*old).clone()
                    };
                    self.overlay.change_picture().put_schema(schema);
                }
                Ok(())
            }
            AccessTarget::View(id) => {
                let old = self.view(id)?;
                if old.access != access {
                    let view = View {
                        access,
                        ..(*old).clone()
                    };
                    self.overlay.change_picture().put_view(Arc::new(view));
                }
                Ok(())
            }
            AccessTarget::Table(id) => self.change_table(id, |table| table.access = access),
            AccessTarget::Sequence(id) => {
                self.change_sequence(id, |sequence| sequence.access = access)
            }
        }
    }

    /// Sets who may do what with the database, and what belongs to no schema.
    pub fn set_lake_access(&mut self, access: LakeAccess) -> Result<(), Error> {
        self.check_primary()?;
        if *self.overlay.picture.lake_access != access {
            self.overlay.change_picture().lake_access = Arc::new(access);
        }
        Ok(())
    }

    /// An id for a policy; the commit gives it the final one.
    pub fn take_object_id(&mut self) -> i64 {
        self.take_temporary()
    }

    /// What a restored table takes along: the policies and masks of the one that it was,
    /// as they are now, but no grants.
    pub(super) fn restored_access(&mut self, source: &Table) -> Arc<ObjectAccess> {
        let now = self.overlay.picture.table(source.id).map(Arc::clone);
        let access = now.map_or_else(|| Arc::clone(&source.access), |now| Arc::clone(&now.access));
        let policies: Vec<Policy> = access
            .policies
            .iter()
            .map(|policy| Policy {
                id: self.take_temporary(),
                ..policy.clone()
            })
            .collect();
        Arc::new(ObjectAccess {
            acl: None,
            columns: Default::default(),
            policies,
            ..(*access).clone()
        })
    }

    /// Lets default privileges of a schema go with it, or follow it to a new id.
    pub(super) fn forget_schema_defaults(&mut self, old: SchemaId, new: Option<SchemaId>) {
        let is_of_it = |entry: &DefaultPrivileges| entry.schema == Some(old);
        let access = &self.overlay.picture.lake_access;
        if !access.default_privileges.iter().any(is_of_it) {
            return;
        }
        let access = Arc::make_mut(&mut self.overlay.change_picture().lake_access);
        match new {
            None => access.default_privileges.retain(|entry| !is_of_it(entry)),
            Some(new) => {
                for entry in &mut access.default_privileges {
                    if entry.schema == Some(old) {
                        entry.schema = Some(new);
                    }
                }
            }
        }
    }

    fn put_role_picture(&mut self, role: Role) {
        let roles = &mut self.overlay.change_picture().roles;
        Arc::make_mut(roles).insert(role.id, Arc::new(role));
    }

    fn known_role(&self, id: i64) -> Result<Arc<Role>, Error> {
        let role = self.overlay.picture.role(id).map(Arc::clone);
        role.ok_or_else(|| {
            let text = format!("role with OID {id} does not exist");
            Error::new(ErrorKind::NotFound, text)
        })
    }

    fn check_role_name(&self, name: &str) -> Result<(), Error> {
        match self.overlay.picture.role_by_name(name) {
            None => Ok(()),
            Some(_) => {
                let text = format!("role \"{name}\" already exists");
                Err(Error::new(ErrorKind::Exists, text))
            }
        }
    }
}

impl ObjectAccess {
    /// Forgets the grants on a column that goes away.
    pub(super) fn forget_column(&mut self, id: ColumnId) {
        self.columns.remove(&id.0);
    }

    /// Puts a new column id where the old one is named.
    pub(super) fn replace_column(&mut self, old: ColumnId, new: ColumnId) {
        if let Some(acl) = self.columns.remove(&old.0) {
            self.columns.insert(new.0, acl);
        }
        for policy in &mut self.policies {
            for (_, id) in &mut policy.columns {
                if *id == old.0 {
                    *id = new.0;
                }
            }
        }
        for mask in &mut self.masks {
            for id in mask.output.iter_mut().chain(&mut mask.input) {
                if *id == old.0 {
                    *id = new.0;
                }
            }
        }
    }
}
