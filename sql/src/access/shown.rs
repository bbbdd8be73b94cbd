//! Lists as the catalog shows them: `aclitem[]`, and one row for each grant.

use gotgan_storage::{Acl, AclItem, PUBLIC_ROLE_ID, Privileges, Rights};

use super::acl::{Kind, NAMES, item_text};
use super::actor::{Actor, Object};
use super::roles;

/// A list as `aclitem[]`. A role that is gone is shown by its OID.
pub(crate) fn items(rights: &Rights, acl: &Acl) -> Vec<String> {
    let name = |id: i64| role_name(rights, id);
    acl.0.iter().map(|item| item_text(item, &name)).collect()
}

/// The list of an object, as `relacl` and its like show it; none until it is changed.
pub(crate) fn object_items(rights: &Rights, object: Object<'_>) -> Option<Vec<String>> {
    let held = object.held(rights);
    held.acl.map(|acl| items(rights, &acl))
}

/// The lists of the columns of a table or view, as `attacl` shows them.
pub(crate) fn column_items(
    rights: &Rights,
    object: Object<'_>,
    column: i64,
) -> Option<Vec<String>> {
    let found = match object {
        Object::Table(table) => rights.table(table.id),
        Object::View(view) => rights.view(view.id),
        _ => None,
    };
    let acl = found?.access.columns.get(&column).cloned()?;
    Some(items(rights, &acl))
}

/// The item of a list that `aclitem` shows so; none if it is not one.
pub(crate) fn read_item(rights: &Rights, text: &str) -> Option<AclItem> {
    let (grantee, rest) = read_name(text)?;
    let (letters, rest) = rest.strip_prefix('=')?.split_once('/')?;
    let (grantor, rest) = read_name(rest)?;
    let role = |name: &str| match rights.role_by_name(name) {
        Some(role) => Some(role.id),
        None => name.parse().ok(),
    };
    let mut item = AclItem {
        grantee: match grantee.is_empty() {
            true => PUBLIC_ROLE_ID,
            false => role(&grantee)?,
        },
        grantor: role(&grantor)?,
        privileges: Privileges::NONE,
        grantable: Privileges::NONE,
    };
    let mut last = Privileges::NONE;
    for letter in letters.chars() {
        if letter == '*' {
            item.grantable = item.grantable.union(last);
            continue;
        }
        let found = NAMES.iter().find(|(_, own, _)| *own == letter);
        (last, _, _) = *found?;
        item.privileges = item.privileges.union(last);
    }
    rest.is_empty().then_some(item)
}

/// A name at the beginning of a text, and what follows it.
fn read_name(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(['=', '/']).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut name = String::new();
    let mut rest = quoted;
    loop {
        let end = rest.find('"')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, rest)),
        }
    }
}

fn role_name(rights: &Rights, id: i64) -> String {
    let role = rights.role(id);
    role.map_or_else(|| id.to_string(), |role| role.name.clone())
}

/// One privilege that one role was granted by another.
pub(crate) struct Grant {
    pub(crate) grantor: String,
    pub(crate) grantee: String,
    pub(crate) privilege: &'static str,
    pub(crate) is_grantable: bool,
}

/// Which grants the views of `information_schema` show to a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Those that concern it: granted by or to it, or to everybody.
    Own,
    /// As `Own`, but not those to everybody.
    OfRoles,
}

impl Shown {
    /// The grants of a list, one for each privilege, that the role is shown.
    pub(crate) fn grants(
        self,
        actor: &Actor,
        owner: i64,
        acl: &Acl,
        only: Privileges,
    ) -> Vec<Grant> {
        let rights = &actor.rights;
        let is_mine = |role: i64| actor.acts_for(role);
        let mut grants = Vec::new();
        for item in &acl.0 {
            let to_all = item.grantee == PUBLIC_ROLE_ID;
            let is_shown = is_mine(item.grantor)
                || (to_all && self == Shown::Own)
                || (!to_all && is_mine(item.grantee));
            if !is_shown {
                continue;
            }
            let owns = !to_all && roles::has_privileges_of(rights, item.grantee, owner);
            for (privilege, _, name) in NAMES {
                if item.privileges.intersection(only).contains(privilege) {
                    grants.push(Grant {
                        grantor: role_name(rights, item.grantor),
                        grantee: match to_all {
                            true => "PUBLIC".to_owned(),
                            false => role_name(rights, item.grantee),
                        },
                        privilege: name,
                        is_grantable: owns || item.grantable.contains(privilege),
                    });
                }
            }
        }
        grants
    }

    /// The grants on an object, with those that its kind begins with.
    pub(crate) fn of_object(self, actor: &Actor, object: Object<'_>) -> Vec<Grant> {
        let held = object.held(&actor.rights);
        let kind = object.kind();
        let acl = held.acl.unwrap_or_else(|| kind.default_acl(held.owner));
        self.grants(actor, held.owner, &acl, kind.all())
    }

    /// The grants on a column: those of its table that columns have, too, and its own.
    pub(crate) fn of_column(self, actor: &Actor, object: Object<'_>, column: i64) -> Vec<Grant> {
        let held = object.held(&actor.rights);
        let kind = object.kind();
        let acl = held.acl.unwrap_or_else(|| kind.default_acl(held.owner));
        let only = Kind::Column.all();
        let mut grants = self.grants(actor, held.owner, &acl, only);
        let found = match object {
            Object::Table(table) => actor.rights.table(table.id),
            Object::View(view) => actor.rights.view(view.id),
            _ => None,
        };
        let own = found.and_then(|found| found.access.columns.get(&column).cloned());
        for grant in own.map_or_else(Vec::new, |own| self.grants(actor, held.owner, &own, only)) {
            let key = |one: &Grant| {
                let names = (one.grantor.clone(), one.grantee.clone());
                (names, one.privilege, one.is_grantable)
            };
            if !grants.iter().any(|other| key(other) == key(&grant)) {
                grants.push(grant);
            }
        }
        grants
    }
}
