//! Access control lists: what a kind of object begins with, what follows from a list, and
//! how granting and revoking change it.
//!
//! Nothing here knows of names, catalogs or statements. Who has whose privileges is asked
//! of [`Terms`].
//!
//! Invariants:
//! - An owner has every grant option, whether or not a list says so.
//! - A list never holds a grant of somebody who may not grant it: what was granted on
//!   goes with what it was granted by.
//!
//! Source: PostgreSQL 15, `acl.c`: acldefault, aclmask, aclupdate, select_best_grantor.

use std::collections::BTreeSet;

use gotgan_storage::{Acl, AclItem, PUBLIC_ROLE_ID, Privileges};

use crate::error::SqlError;

/// The kinds of objects that differ in their privileges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A table or view.
    Relation,
    Column,
    Sequence,
    Database,
    Schema,
    Function,
    /// A type or language.
    Usable,
}

impl Kind {
    /// Every privilege that objects of the kind have.
    pub(crate) const fn all(self) -> Privileges {
        match self {
            Kind::Relation => Privileges::SELECT
                .union(Privileges::INSERT)
                .union(Privileges::UPDATE)
                .union(Privileges::DELETE)
                .union(Privileges::TRUNCATE)
                .union(Privileges::REFERENCES)
                .union(Privileges::TRIGGER),
            Kind::Column => Privileges::SELECT
                .union(Privileges::INSERT)
                .union(Privileges::UPDATE)
                .union(Privileges::REFERENCES),
            Kind::Sequence => Privileges::SELECT
                .union(Privileges::UPDATE)
                .union(Privileges::USAGE),
            Kind::Database => Privileges::CREATE
                .union(Privileges::TEMPORARY)
                .union(Privileges::CONNECT),
            Kind::Schema => Privileges::USAGE.union(Privileges::CREATE),
            Kind::Function => Privileges::EXECUTE,
            Kind::Usable => Privileges::USAGE,
        }
    }

    /// What everybody has of a new object.
    const fn of_public(self) -> Privileges {
        match self {
            Kind::Database => Privileges::TEMPORARY.union(Privileges::CONNECT),
            Kind::Function => Privileges::EXECUTE,
            Kind::Usable => Privileges::USAGE,
            Kind::Relation | Kind::Column | Kind::Sequence | Kind::Schema => Privileges::NONE,
        }
    }

    /// What an object has whose list nobody has changed yet.
    pub(crate) fn default_acl(self, owner: i64) -> Acl {
        let item = |grantee, privileges: Privileges| AclItem {
            grantee,
            grantor: owner,
            privileges,
            grantable: Privileges::NONE,
        };
        let of_owner = match self {
            // Columns have the privileges of their table.
            Kind::Column => Privileges::NONE,
            other => other.all(),
        };
        let items = [
            item(PUBLIC_ROLE_ID, self.of_public()),
            item(owner, of_owner),
        ];
        let given = items.into_iter().filter(|item| !item.privileges.is_empty());
        Acl(given.collect())
    }
}

/// A grant or revoke of one grantor and grantee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// GRANT; else REVOKE.
    pub(crate) is_grant: bool,
    /// WITH GRANT OPTION; or GRANT OPTION FOR, which leaves the privileges.
    pub(crate) grant_option: bool,
    /// Whether what was granted on is revoked, too.
    pub(crate) cascade: bool,
    pub(crate) grantor: i64,
    pub(crate) grantee: i64,
    pub(crate) privileges: Privileges,
}

/// What rules over a list besides the list.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    pub(crate) owner: i64,
    /// Whether the first role has the privileges of the second.
    pub(crate) has: &'a dyn Fn(i64, i64) -> bool,
}

impl Terms<'_> {
    /// What a role may do, by grants to itself, to roles whose privileges it has, and to
    /// everybody.
    pub(crate) fn privileges(&self, acl: &Acl, role: i64) -> Privileges {
        self.collect(acl, role, |item| item.privileges)
    }

    /// What of `wanted` a role may grant on.
    pub(crate) fn grantable(&self, acl: &Acl, role: i64, wanted: Privileges) -> Privileges {
        if (self.has)(role, self.owner) {
            return wanted;
        }
        self.collect(acl, role, |item| item.grantable)
            .intersection(wanted)
    }

    fn collect(&self, acl: &Acl, role: i64, part: fn(&AclItem) -> Privileges) -> Privileges {
        let mut found = Privileges::NONE;
        for item in &acl.0 {
            let adds = !part(item).difference(found).is_empty();
            let is_meant = |grantee| grantee == PUBLIC_ROLE_ID || (self.has)(role, grantee);
            if adds && is_meant(item.grantee) {
                found = found.union(part(item));
            }
        }
        found
    }

    /// As whom a role grants, and what of `wanted` that one may grant: as the owner, if it
    /// acts for him, else as the one of its roles that may grant the most of it.
    ///
    /// `roles`: those whose privileges the role has, without being a superuser.
    pub(crate) fn best_grantor(
        &self,
        acl: &Acl,
        (role, is_superuser): (i64, bool),
        roles: &BTreeSet<i64>,
        wanted: Privileges,
    ) -> (i64, Privileges) {
        if role == self.owner || is_superuser || roles.contains(&self.owner) {
            return (self.owner, wanted);
        }
        let mut best = (role, Privileges::NONE);
        let others = roles.iter().copied().filter(|other| *other != role);
        for candidate in std::iter::once(role).chain(others) {
            let own = acl.0.iter().filter(|item| item.grantee == candidate);
            let grantable = own.fold(Privileges::NONE, |all, item| all.union(item.grantable));
            let grantable = grantable.intersection(wanted);
            if grantable.iter().count() > best.1.iter().count() {
                best = (candidate, grantable);
            }
        }
        best
    }

    /// The list after a grant or revoke.
    ///
    /// Errors: `0LP01` for a grant option to everybody, or back to who granted it;
    /// `2BP01` for revoking without CASCADE what was granted on.
    pub(crate) fn change(&self, acl: &Acl, change: Change) -> Result<Acl, SqlError> {
        if change.is_grant && change.grant_option && change.grantee == PUBLIC_ROLE_ID {
            let text = "grant options can only be granted to roles";
            return Err(SqlError::invalid_grant(text));
        }
        // Revoking a privilege revokes its grant option, but granting it grants none.
        let with_privileges = change.is_grant || !change.grant_option;
        let with_options = !change.is_grant || change.grant_option;
        let part = |is_meant: bool| match is_meant {
            true => change.privileges,
            false => Privileges::NONE,
        };
        let item = AclItem {
            grantee: change.grantee,
            grantor: change.grantor,
            privileges: part(with_privileges),
            grantable: part(with_options),
        };
        let mut changed = acl.clone();
        match change.is_grant {
            true => self.add(&mut changed, item)?,
            false => self.remove(&mut changed, item, change.cascade)?,
        }
        Ok(changed)
    }

    /// What a list becomes under what default privileges add to it.
    ///
    /// Errors: `0LP01`.
    pub(crate) fn merge(&self, acl: &Acl, added: &Acl) -> Result<Acl, SqlError> {
        let mut merged = acl.clone();
        for item in &added.0 {
            self.add(&mut merged, *item)?;
        }
        Ok(merged)
    }

    fn add(&self, acl: &mut Acl, item: AclItem) -> Result<(), SqlError> {
        if !item.grantable.is_empty() {
            self.check_circle(acl, item)?;
        }
        if item.privileges.union(item.grantable).is_empty() {
            return Ok(());
        }
        let is_same = |own: &&mut AclItem| is_same_pair(own, &item);
        match acl.0.iter_mut().find(is_same) {
            Some(own) => {
                own.privileges = own.privileges.union(item.privileges);
                own.grantable = own.grantable.union(item.grantable);
            }
            None => acl.0.push(item),
        }
        Ok(())
    }

    fn remove(&self, acl: &mut Acl, item: AclItem, cascade: bool) -> Result<(), SqlError> {
        let Some(index) = acl.0.iter().position(|own| is_same_pair(own, &item)) else {
            return Ok(());
        };
        let own = &mut acl.0[index];
        let lost = own.grantable.intersection(item.grantable);
        own.privileges = own.privileges.difference(item.privileges);
        own.grantable = own.grantable.difference(item.grantable);
        if own.privileges.union(own.grantable).is_empty() {
            acl.0.remove(index);
        }
        if lost.is_empty() {
            return Ok(());
        }
        self.remove_dependent(acl, item.grantee, lost, cascade)
    }

    /// Revokes what a role granted that may not grant it any more.
    fn remove_dependent(
        &self,
        acl: &mut Acl,
        grantor: i64,
        lost: Privileges,
        cascade: bool,
    ) -> Result<(), SqlError> {
        if grantor == self.owner {
            return Ok(());
        }
        let lost = lost.difference(self.grantable(acl, grantor, lost));
        let depends = |item: &&AclItem| item.grantor == grantor && item.privileges.intersects(lost);
        while let Some(found) = acl.0.iter().find(depends).copied() {
            if !cascade {
                return Err(SqlError::dependent_privileges());
            }
            let item = AclItem {
                privileges: lost,
                grantable: lost,
                ..found
            };
            self.remove(acl, item, cascade)?;
        }
        Ok(())
    }

    /// Refuses to give grant options to who has given them to the grantor.
    fn check_circle(&self, acl: &Acl, item: AclItem) -> Result<(), SqlError> {
        if item.grantor == self.owner {
            return Ok(());
        }
        let mut without = acl.clone();
        let is_target = |own: &&AclItem| own.grantee == item.grantee && !own.grantable.is_empty();
        while let Some(found) = without.0.iter().find(is_target).copied() {
            self.remove(&mut without, found, true)?;
        }
        let own = self.grantable(&without, item.grantor, item.grantable);
        match own.contains(item.grantable) {
            true => Ok(()),
            false => Err(SqlError::invalid_grant(
                "grant options cannot be granted back to your own grantor",
            )),
        }
    }
}

fn is_same_pair(one: &AclItem, two: &AclItem) -> bool {
    one.grantee == two.grantee && one.grantor == two.grantor
}

/// Whether two lists say the same, in whatever order.
pub(crate) fn is_same(one: &Acl, two: &Acl) -> bool {
    one.0.len() == two.0.len() && one.0.iter().all(|item| two.0.contains(item))
}

/// A list without the items that name a role, and what was granted on by it.
pub(crate) fn without_role(acl: &Acl, role: i64) -> Acl {
    let others = acl.0.iter().copied();
    Acl(others
        .filter(|item| item.grantee != role && item.grantor != role)
        .collect())
}

/// A list after its object went from one owner to another: what the old one granted, and
/// what he was granted, is the new one's.
pub(crate) fn with_owner(acl: &Acl, old: i64, new: i64) -> Acl {
    let other = |role: i64| if role == old { new } else { role };
    let mut changed: Vec<AclItem> = Vec::with_capacity(acl.0.len());
    for item in &acl.0 {
        let item = AclItem {
            grantee: other(item.grantee),
            grantor: other(item.grantor),
            ..*item
        };
        match changed.iter_mut().find(|own| is_same_pair(own, &item)) {
            Some(own) => {
                own.privileges = own.privileges.union(item.privileges);
                own.grantable = own.grantable.union(item.grantable);
            }
            None => changed.push(item),
        }
    }
    Acl(changed)
}

/// Each privilege with its letter in an `aclitem`, in the order in which those stand
/// there, and its name.
pub(crate) const NAMES: [(Privileges, char, &str); 12] = [
    (Privileges::INSERT, 'a', "INSERT"),
    (Privileges::SELECT, 'r', "SELECT"),
    (Privileges::UPDATE, 'w', "UPDATE"),
    (Privileges::DELETE, 'd', "DELETE"),
    (Privileges::TRUNCATE, 'D', "TRUNCATE"),
    (Privileges::REFERENCES, 'x', "REFERENCES"),
    (Privileges::TRIGGER, 't', "TRIGGER"),
    (Privileges::EXECUTE, 'X', "EXECUTE"),
    (Privileges::USAGE, 'U', "USAGE"),
    (Privileges::CREATE, 'C', "CREATE"),
    (Privileges::TEMPORARY, 'T', "TEMPORARY"),
    (Privileges::CONNECT, 'c', "CONNECT"),
];

/// The privilege with this name, in whatever case.
pub(crate) fn by_name(name: &str) -> Option<Privileges> {
    if name.eq_ignore_ascii_case("TEMP") {
        return Some(Privileges::TEMPORARY);
    }
    let found = NAMES
        .iter()
        .find(|(_, _, own)| own.eq_ignore_ascii_case(name));
    found.map(|(privilege, _, _)| *privilege)
}

/// An item as `aclitem` shows it: `grantee=rw*/grantor`. `name`: of a role.
pub(crate) fn item_text(item: &AclItem, name: &dyn Fn(i64) -> String) -> String {
    let mut text = match item.grantee {
        PUBLIC_ROLE_ID => String::new(),
        role => quoted(&name(role)),
    };
    text.push('=');
    for (privilege, letter, _) in NAMES {
        if item.privileges.contains(privilege) {
            text.push(letter);
        }
        if item.grantable.contains(privilege) {
            text.push('*');
        }
    }
    text.push('/');
    text.push_str(&quoted(&name(item.grantor)));
    text
}

/// A role's name as `aclitem` writes it.
fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match name.chars().all(is_plain) {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

#[cfg(test)]
mod tests;
