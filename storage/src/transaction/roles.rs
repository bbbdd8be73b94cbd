//! Whether changes of roles and rights still fit on a newer head.
//!
//! A role that someone else changed or dropped meanwhile is a conflict, and so is a name
//! that someone else gave. Nothing may name a role that is gone: neither what I changed
//! one that others dropped, nor what others changed one that I dropped.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::access::ObjectAccess;
use crate::error::Error;
use crate::snapshot::Snapshot;
use crate::transaction::rebase::{Mine, conflict};

/// What conflicts over the rights of the whole lake are named after.
const LAKE_RIGHTS: &str = "the rights on the database";

/// The roles and rights that I changed must still be as I saw them.
pub(super) fn check_roles(mine: &Mine<'_>, head: &Snapshot) -> Result<(), Error> {
    for id in &mine.difference.roles {
        if let Some(seen) = mine.base.role(*id)
            && head.role(*id) != Some(seen)
        {
            return Err(conflict(&seen.name));
        }
    }
    let difference = mine.difference;
    if difference.has_settings && head.role_settings != mine.base.role_settings {
        return Err(conflict("the settings of roles"));
    }
    if difference.is_of_lake && head.lake_access != mine.base.lake_access {
        return Err(conflict(LAKE_RIGHTS));
    }
    Ok(())
}

/// Puts my roles on the head.
pub(super) fn add_roles(mine: &Mine<'_>, merged: &mut Snapshot) -> Result<(), Error> {
    let difference = mine.difference;
    if !difference.roles.is_empty() {
        let roles = Arc::make_mut(&mut merged.roles);
        for id in &difference.roles {
            roles.remove(id);
        }
        for role in difference
            .roles
            .iter()
            .filter_map(|id| mine.picture.role(*id))
        {
            if roles.values().any(|other| other.name == role.name) {
                return Err(conflict(&role.name));
            }
            roles.insert(role.id, Arc::clone(role));
        }
    }
    if difference.has_settings {
        merged.role_settings = Arc::clone(&mine.picture.role_settings);
    }
    if difference.is_of_lake {
        merged.lake_access = Arc::clone(&mine.picture.lake_access);
    }
    Ok(())
}

/// Nothing may name a role that is gone, and no role be a member of itself.
pub(super) fn check_role_names(mine: &Mine<'_>, merged: &Snapshot) -> Result<(), Error> {
    check_no_loop(mine, merged)?;
    let gone: Vec<i64> = gone_roles(mine, merged);
    if gone.is_empty() {
        return Ok(());
    }
    let is_named = |owner: i64, access: &ObjectAccess| {
        gone.iter()
            .any(|role| owner == *role || access.mentions(*role))
    };
    for table in merged.tables() {
        if is_named(table.owner_id, &table.access) {
            return Err(conflict(&table.name));
        }
    }
    for view in merged.views() {
        if is_named(view.owner_id, &view.access) {
            return Err(conflict(&view.name));
        }
    }
    for sequence in merged.sequences() {
        if is_named(sequence.owner_id, &sequence.access) {
            return Err(conflict(&sequence.name));
        }
    }
    for schema in merged.schemas() {
        if is_named(schema.owner_id, &schema.access) {
            return Err(conflict(&schema.name));
        }
    }
    if gone.iter().any(|role| merged.lake_access().mentions(*role)) {
        return Err(conflict(LAKE_RIGHTS));
    }
    let mut settings = merged.role_settings().iter();
    if settings.any(|setting| gone.contains(&setting.role)) {
        return Err(conflict("the settings of roles"));
    }
    for role in merged.roles() {
        if role.memberships.iter().any(|one| gone.contains(&one.role)) {
            return Err(conflict(&role.name));
        }
    }
    Ok(())
}

/// The roles that I or others dropped since my pin. Those that were gone before may still
/// be named: the catalog of an older version could hold them.
fn gone_roles(mine: &Mine<'_>, merged: &Snapshot) -> Vec<i64> {
    let is_same = Arc::ptr_eq(&mine.base.roles, &merged.roles);
    if is_same {
        return Vec::new();
    }
    let seen = mine.base.roles().chain(mine.picture.roles());
    let gone = seen.filter(|role| merged.role(role.id).is_none());
    gone.map(|role| role.id).collect()
}

/// Two memberships that fit alone may close a circle together.
fn check_no_loop(mine: &Mine<'_>, merged: &Snapshot) -> Result<(), Error> {
    let changed = mine
        .difference
        .roles
        .iter()
        .filter_map(|id| merged.role(*id));
    for role in changed {
        let mut seen = BTreeSet::new();
        let mut waiting: Vec<i64> = role.memberships.iter().map(|one| one.role).collect();
        while let Some(id) = waiting.pop() {
            if id == role.id {
                return Err(conflict(&role.name));
            }
            if seen.insert(id) {
                let next = merged.role(id).map(|next| &next.memberships);
                waiting.extend(next.into_iter().flatten().map(|one| one.role));
            }
        }
    }
    Ok(())
}
